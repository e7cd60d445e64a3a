/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/ode.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "num/vector.h"
#include "ode/scratch.h"

/* *rest is the scratch after the head, which the adjoint lays out differently. */
static size_t ode_lay_out(const flow_solver *solver, int m, int d, int n, bool keep, void *scratch, flow_ode_scratch *a,
                          void **rest)
{
    flow_layout layout = {.base = scratch};
    flow_ode_lay_out_head(solver, d, n, keep, &layout, a);
    flow_layout adjoint = layout;
    *rest = flow_layout_take(&layout, 0, 1);
    int64_t most_steps = flow_solver_adapts(solver) ? solver->max_steps : solver->steps;
    flow_ode_lay_out_rest(solver, m, d, n, keep && !solver->adjoint ? most_steps : 0, &layout, a);
    if (keep && solver->adjoint)
        flow_ode_lay_out_adjoint(solver, m, d, n, &adjoint);
    return layout.used > adjoint.used ? layout.used : adjoint.used;
}

size_t flow_ode_scratch_size(const flow_solver *solver, int n_integrals, int d, int n, bool keep)
{
    flow_ode_scratch a;
    void *rest;
    return ode_lay_out(solver, n_integrals, d, n, keep, NULL, &a, &rest);
}

static void *ode_find_scratch(const flow_ode *ode, flow_ode_scratch *a)
{
    void *rest;
    ode_lay_out(ode->solver, ode->rhs.n_integrals, ode->d, ode->n, ode->keep, ode->scratch, a, &rest);
    return rest;
}

void flow_ode_count(const flow_ode *ode, int *counts)
{
    flow_ode_scratch a;
    ode_find_scratch(ode, &a);
    /* an adaptive solver evaluates twice before its first step, and at the end of a step instead of at its start */
    for (int j = 0; j < ode->n; j++)
        counts[j] += a.tried[j] * ode->solver->tableau->n_stages + (flow_solver_adapts(ode->solver) ? 2 : 0);
}

void flow_ode_solve(const flow_ode *ode, flow_direction direction, const real *in, real *out, double *integrals)
{
    flow_ode_scratch a;
    ode_find_scratch(ode, &a);
    size_t count = (size_t)ode->d * (size_t)ode->n;
    memcpy(a.x, in, count * sizeof *in);
    *a.direction = direction;
    *a.backwards = false;
    flow_ode_run(ode, &a, direction);
    memcpy(out, a.x, count * sizeof *out);
    memcpy(integrals, a.integrals, (size_t)(ode->rhs.n_integrals * ode->n) * sizeof *integrals);
    if (a.end != NULL)
        memcpy(a.end, a.x, count * sizeof *out);
}

bool flow_ode_diagnose(const flow_ode *ode, int j, char *text, size_t size)
{
    flow_ode_scratch a;
    ode_find_scratch(ode, &a);
    const char *subject = *a.backwards ? "its adjoint" : "its solver";
    switch ((flow_ode_end)a.why[j]) {
    case FLOW_ODE_ARRIVED:
        return false;
    case FLOW_ODE_STEPS:
        snprintf(text, size,
                 "%s needed more steps than max_steps = %lld, so the field is stiff there; try a larger max_steps, "
                 "larger rtol and atol, or in training a lower learning rate or kinetic_energy",
                 subject, (long long)ode->solver->max_steps);
        break;
    case FLOW_ODE_SHORT:
        snprintf(text, size,
                 "%s needed steps below a millionth, so the field is stiff there; try larger rtol and atol, or in "
                 "training a lower learning rate or kinetic_energy",
                 subject);
        break;
    case FLOW_ODE_RANGE:
        snprintf(text, size, "%s left the range of numbers; %s", subject,
                 flow_solver_adapts(ode->solver) ? "try a lower learning rate in training" : "try more steps");
    }
    return true;
}

/* ------------------------------------------------------------------ gradients */

/* gf (d, n) = h (b_s gx + sum_{r > s} a_rs ginputs_r), the gradient at f_s */
static void gradient_of_stage(const flow_ode *ode, const flow_ode_scratch *a, int s, const real *gx, const real *h)
{
    const flow_tableau *tableau = ode->solver->tableau;
    int n = ode->n, count = ode->d * n;
    memset(a->gf, 0, (size_t)count * sizeof *a->gf);
    flow_ode_combine(count, 1, &tableau->b[s], gx, a->gf);
    for (int r = s + 1; r < tableau->n_stages; r++)
        flow_ode_combine(count, 1, &tableau->a[r][s], a->ginputs + (size_t)r * (size_t)count, a->gf);
    for (int i = 0; i < ode->d; i++)
        for (int j = 0; j < n; j++)
            a->gf[i * n + j] *= h[j];
}

/* ginputs s from a->gf and a->gintegrands at input s; the latter are 0 if the stage has no weight. */
static void stage_backward(const flow_ode *ode, const flow_ode_scratch *a, int s)
{
    int n = ode->n, d = ode->d, m = ode->rhs.n_integrals, copies = a->n_selected - a->n_moving;
    bool integrates = ode->solver->tableau->b[s] != 0;
    const real *gintegrands = integrates ? a->gintegrands : NULL;
    real *ginput = a->ginputs + (size_t)(s * d) * (size_t)n;
    if (a->n_selected == n) {
        ode->rhs.backward(ode->rhs.context, s, flow_ode_input(ode, a, s), a->gf, gintegrands, true, ginput);
        return;
    }
    flow_ode_pack(a, d + 1, n, flow_ode_input(ode, a, s), a->packed_input);
    flow_ode_pack(a, d, n, a->gf, a->packed_f);
    flow_ode_pack(a, m, n, a->gintegrands, a->packed_integrands);
    for (int i = 0; i < d; i++) /* copies of a row have no gradient */
        memset(a->packed_f + i * a->n_selected + a->n_moving, 0, (size_t)copies * sizeof(real));
    for (int i = 0; i < m; i++)
        memset(a->packed_integrands + i * a->n_selected + a->n_moving, 0, (size_t)copies * sizeof(real));
    ode->rhs.backward(ode->rhs.context, s, a->packed_input, a->packed_f, integrates ? a->packed_integrands : NULL, true,
                      a->packed_ginput);
    memset(ginput, 0, (size_t)(d * n) * sizeof *ginput);
    flow_ode_unpack(a, d, n, a->packed_ginput, ginput);
}

static void ode_step_backward(const flow_ode *ode, flow_ode_scratch *a, int k, const real *gintegrals, real *gx)
{
    const flow_tableau *tableau = ode->solver->tableau;
    int n = ode->n;
    size_t count = (size_t)ode->d * (size_t)n;
    const real *h = a->lengths + (size_t)k * (size_t)n;
    flow_ode_select(ode, a, h);
    flow_ode_run_stages(ode, a, 0, true, a->states + (size_t)k * count, a->times + (size_t)k * (size_t)n, h);
    for (int s = tableau->n_stages - 1; s >= 0; s--) {
        gradient_of_stage(ode, a, s, gx, h);
        for (int i = 0; i < ode->rhs.n_integrals; i++)
            for (int j = 0; j < n; j++)
                a->gintegrands[i * n + j] = (real)tableau->b[s] * h[j] * gintegrals[i * n + j];
        stage_backward(ode, a, s);
    }
    for (int s = 0; s < tableau->n_stages; s++)
        flow_vec_add(count, a->ginputs + (size_t)s * count, gx);
}

void flow_ode_solve_backward(const flow_ode *ode, const real *gout, const real *gintegrals, real *gin)
{
    assert(ode->keep);
    flow_ode_scratch a;
    void *rest = ode_find_scratch(ode, &a);
    if (ode->solver->adjoint) {
        flow_ode_solve_adjoint(ode, &a, rest, gout, gintegrals, gin);
        return;
    }
    assert(a.lengths != NULL); /* a solver has at least one step */
    memcpy(gin, gout, (size_t)ode->d * (size_t)ode->n * sizeof *gin);
    for (int k = *a.n_steps - 1; k >= 0; k--)
        ode_step_backward(ode, &a, k, gintegrals, gin);
    flow_ode_select_all(ode, &a);
}
