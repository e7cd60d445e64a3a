/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/scratch.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "num/simd.h"
#include "num/vector.h"

static int64_t most_steps(const flow_solver *solver)
{
    return flow_solver_adapts(solver) ? solver->max_steps : solver->steps;
}

void flow_ode_lay_out_head(const flow_solver *solver, int d, int n, bool keep, flow_layout *layout,
                           flow_ode_scratch *a)
{
    *a = (flow_ode_scratch){0};
    a->direction = flow_layout_take(layout, 1, sizeof *a->direction);
    a->backwards = flow_layout_take(layout, 1, sizeof(bool));
    a->n_steps = flow_layout_take(layout, 1, sizeof(int));
    a->n_evaluations = flow_layout_take(layout, 1, sizeof(int));
    a->why = flow_layout_take(layout, (size_t)n, sizeof(int));
    a->tried = flow_layout_take(layout, (size_t)n, sizeof(int));
    if (keep && solver->adjoint)
        a->end = flow_layout_take(layout, (size_t)d * (size_t)n, sizeof(real));
}

void flow_ode_lay_out_rest(const flow_solver *solver, int m_, int d_, int n_, int64_t stored, flow_layout *layout,
                           flow_ode_scratch *a)
{
    size_t d = (size_t)d_, n = (size_t)n_, m = (size_t)m_;
    size_t most = (size_t)stored, stages = (size_t)solver->tableau->n_stages;
    if (most > 0) {
        a->states = flow_layout_take(layout, most * d * n, sizeof(real));
        a->times = flow_layout_take(layout, most * n, sizeof(real));
        a->lengths = flow_layout_take(layout, most * n, sizeof(real));
        a->ginputs = flow_layout_take(layout, stages * d * n, sizeof(real));
    }
    a->t = flow_layout_take(layout, n, sizeof(real));
    a->h = flow_layout_take(layout, n, sizeof(real));
    a->inputs = flow_layout_take(layout, (stages + 1) * (d + 1) * n, sizeof(real));
    a->f = flow_layout_take(layout, (stages + 1) * d * n, sizeof(real));
    a->integrands = flow_layout_take(layout, (stages + 1) * m * n, sizeof(real));
    a->gf = flow_layout_take(layout, d * n, sizeof(real));
    a->gintegrands = flow_layout_take(layout, m * n, sizeof(real));
    a->x = flow_layout_take(layout, d * n, sizeof(real));
    a->next = flow_layout_take(layout, d * n, sizeof(real));
    a->size = flow_layout_take(layout, n, sizeof(real));
    a->integrals = flow_layout_take(layout, m * n, sizeof(double));
    a->next_integrals = flow_layout_take(layout, m * n, sizeof(double));
    a->trace_error = flow_layout_take(layout, n, sizeof(double));
    a->progress = flow_layout_take(layout, n, sizeof(double));
    a->step = flow_layout_take(layout, n, sizeof(double));
    a->taken = flow_layout_take(layout, n, sizeof(int));
    a->left = flow_layout_take(layout, n, sizeof(int));
    a->n_selected = a->n_moving = n_;
    a->selected = flow_layout_take(layout, n, sizeof(int));
    a->packed_input = flow_layout_take(layout, (d + 1) * n, sizeof(real));
    a->packed_f = flow_layout_take(layout, d * n, sizeof(real));
    a->packed_ginput = flow_layout_take(layout, d * n, sizeof(real));
    a->packed_integrands = flow_layout_take(layout, m * n, sizeof(real));
}

/* *rest is the scratch after the head, which the adjoint lays out differently. */
static size_t ode_lay_out(const flow_solver *solver, int m, int d, int n, bool keep, void *scratch, flow_ode_scratch *a,
                          void **rest)
{
    flow_layout layout = {.base = scratch};
    flow_ode_lay_out_head(solver, d, n, keep, &layout, a);
    flow_layout adjoint = layout;
    *rest = flow_layout_take(&layout, 0, 1);
    flow_ode_lay_out_rest(solver, m, d, n, keep && !solver->adjoint ? most_steps(solver) : 0, &layout, a);
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

int flow_ode_evaluations(const flow_ode *ode)
{
    flow_ode_scratch a;
    ode_find_scratch(ode, &a);
    return *a.n_evaluations;
}

void flow_ode_count(const flow_ode *ode, int *counts)
{
    flow_ode_scratch a;
    ode_find_scratch(ode, &a);
    /* an adaptive solver evaluates twice before its first step, and at the end of a step instead of at its start */
    for (int j = 0; j < ode->n; j++)
        counts[j] += a.tried[j] * ode->solver->tableau->n_stages + (flow_solver_adapts(ode->solver) ? 2 : 0);
}

/* ------------------------------------------------------------------ one step of the whole tile */

void flow_ode_combine(int count, int m, const double *weights, const real *f, real *out)
{
    for (int s = 0; s < m; s++)
        if (weights[s] != 0)
            flow_vec_add_multiple((size_t)count, (real)weights[s], f + (size_t)s * (size_t)count, out);
}

/* out = x + h out */
FLOW_MULTIVERSION
static void ode_move(int n, const real *x, const real *h, real *out)
{
    for (int j = 0; j < n; j++)
        out[j] = x[j] + h[j] * out[j];
}

void flow_ode_advance(const flow_ode *ode, int m, const double *weights, const real *x, const real *h, const real *f,
                      real *out)
{
    size_t n = (size_t)ode->n;
    memset(out, 0, (size_t)ode->d * n * sizeof *out);
    flow_ode_combine(ode->d * ode->n, m, weights, f, out);
    for (size_t i = 0; i < (size_t)ode->d; i++)
        ode_move(ode->n, x + i * n, h, out + i * n);
}

real *flow_ode_input(const flow_ode *ode, const flow_ode_scratch *a, int s)
{
    return a->inputs + (size_t)s * ((size_t)ode->d + 1) * (size_t)ode->n;
}

void flow_ode_select_all(const flow_ode *ode, flow_ode_scratch *a)
{
    if (a->n_selected < ode->n)
        ode->rhs.select(ode->rhs.context, ode->n, NULL);
    a->n_selected = a->n_moving = ode->n;
}

void flow_ode_select(const flow_ode *ode, flow_ode_scratch *a, const real *h)
{
    int n_moving = 0;
    for (int j = 0; j < ode->n; j++)
        n_moving += h[j] != 0;
    int width = (n_moving + FLOW_GRAIN - 1) / FLOW_GRAIN * FLOW_GRAIN;
    if (ode->rhs.select == NULL || a->on_step != NULL || n_moving == 0 || n_moving == a->n_moving)
        return;
    if (width >= ode->n) {
        flow_ode_select_all(ode, a);
        return;
    }
    a->n_moving = 0;
    for (int j = 0; j < ode->n; j++)
        if (h[j] != 0)
            a->selected[a->n_moving++] = j;
    for (int j = n_moving; j < width; j++)
        a->selected[j] = a->selected[n_moving - 1];
    a->n_selected = width;
    ode->rhs.select(ode->rhs.context, width, a->selected);
}

static void ode_pack(const flow_ode_scratch *a, int rows, int n, const real *from, real *to)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < a->n_selected; j++)
            to[i * a->n_selected + j] = from[i * n + a->selected[j]];
}

static void ode_unpack(const flow_ode_scratch *a, int rows, int n, const real *from, real *to)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < a->n_moving; j++)
            to[i * n + a->selected[j]] = from[i * a->n_selected + j];
}

void flow_ode_evaluate(const flow_ode *ode, flow_ode_scratch *a, int s, int slot, bool keeps, bool integrates)
{
    int n = ode->n, d = ode->d, m = ode->rhs.n_integrals;
    real *input = flow_ode_input(ode, a, s), *f = a->f + (size_t)(s * d) * (size_t)n;
    real *integrands = a->integrands + (size_t)(s * m) * (size_t)n;
    *a->n_evaluations += !keeps;
    if (a->n_selected == n) {
        ode->rhs.apply(ode->rhs.context, slot, keeps, input, f, integrates ? integrands : NULL);
        return;
    }
    ode_pack(a, d + 1, n, input, a->packed_input);
    ode->rhs.apply(ode->rhs.context, slot, keeps, a->packed_input, a->packed_f,
                    integrates ? a->packed_integrands : NULL);
    ode_unpack(a, d, n, a->packed_f, f);
    if (integrates)
        ode_unpack(a, m, n, a->packed_integrands, integrands);
}

void flow_ode_set_state(const flow_ode *ode, const flow_ode_scratch *a, int s, const real *x)
{
    memcpy(flow_ode_input(ode, a, s), x, (size_t)ode->d * (size_t)ode->n * sizeof *x);
}

void flow_ode_set_time(const flow_ode *ode, const flow_ode_scratch *a, int s, double c, const real *t, const real *h)
{
    real *times = flow_ode_input(ode, a, s) + (size_t)ode->d * (size_t)ode->n;
    for (int j = 0; j < ode->n; j++)
        times[j] = t[j] + (real)c * h[j];
}

/* Whether the integrals over the step or their errors depend on stage s. */
static bool stage_has_weight(const flow_solver *solver, int s)
{
    return solver->tableau->b[s] != 0 || (flow_solver_adapts(solver) && solver->tableau->error[s] != 0);
}

void flow_ode_run_stages(const flow_ode *ode, flow_ode_scratch *a, int first, bool keeps, const real *x, const real *t,
                         const real *h)
{
    const flow_tableau *tableau = ode->solver->tableau;
    for (int s = first; s < tableau->n_stages; s++) {
        flow_ode_advance(ode, s, tableau->a[s], x, h, a->f, flow_ode_input(ode, a, s));
        flow_ode_set_time(ode, a, s, tableau->c[s], t, h);
        flow_ode_evaluate(ode, a, s, keeps ? s : 0, keeps, !keeps && stage_has_weight(ode->solver, s));
    }
}

void flow_ode_integrate(const flow_ode *ode, const flow_ode_scratch *a, int n_integrals, int n_stages,
                        const double *weights, const real *h, double *sums)
{
    int n = ode->n, m = ode->rhs.n_integrals, count = n_integrals * n;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int s = 0; s < n_stages; s++)
        for (int k = 0; k < count && weights[s] != 0; k++)
            sums[k] += weights[s] * (double)a->integrands[s * m * n + k];
    for (int i = 0; i < n_integrals; i++)
        for (int j = 0; j < n; j++)
            sums[i * n + j] *= (double)h[j];
}

/* ------------------------------------------------------------------ steps of equal length */

static void ode_store_step(const flow_ode *ode, const flow_ode_scratch *a, int k)
{
    size_t n = (size_t)ode->n, count = (size_t)ode->d * n;
    memcpy(a->states + (size_t)k * count, a->x, count * sizeof *a->x);
    memcpy(a->times + (size_t)k * n, a->t, n * sizeof *a->t);
    memcpy(a->lengths + (size_t)k * n, a->h, n * sizeof *a->h);
}

static void ode_run_fixed(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    const flow_solver *solver = ode->solver;
    const flow_tableau *tableau = solver->tableau;
    int n = ode->n, m = ode->rhs.n_integrals, steps = (int)solver->steps;
    for (int k = 0; k < steps; k++) {
        for (int j = 0; j < n; j++) {
            a->t[j] = (real)((double)(direction == FLOW_TO_DATA ? steps - k : k) / steps);
            a->h[j] = (real)((direction == FLOW_TO_DATA ? -1. : 1.) / steps);
        }
        if (a->states != NULL)
            ode_store_step(ode, a, k);
        flow_ode_run_stages(ode, a, 0, a->on_step != NULL, a->x, a->t, a->h);
        flow_ode_advance(ode, tableau->n_stages, tableau->b, flow_ode_input(ode, a, 0), a->h, a->f, a->x);
        flow_ode_integrate(ode, a, m, tableau->n_stages, tableau->b, a->h, a->next_integrals);
        for (int j = 0; j < m * n; j++)
            a->integrals[j] += a->next_integrals[j];
        if (a->on_step != NULL)
            a->on_step(ode, a, a->h);
    }
    *a->n_steps = steps;
    for (int j = 0; j < n; j++)
        a->tried[j] = steps;
}

/* Marks the rows that are not finite and have no other reason yet. */
static void find_failures(const flow_ode *ode, flow_ode_scratch *a)
{
    for (int j = 0; j < ode->n; j++) {
        double sum = 0; /* NaN if any number is not finite */
        for (int i = 0; i < ode->d; i++)
            sum += 0 * (double)a->x[i * ode->n + j];
        for (int i = 0; i < ode->rhs.n_integrals; i++)
            sum += 0 * a->integrals[i * ode->n + j];
        if (isnan(sum) && a->why[j] == FLOW_ODE_ARRIVED)
            a->why[j] = FLOW_ODE_RANGE;
    }
}

void flow_ode_run(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    memset(a->integrals, 0, (size_t)(ode->rhs.n_integrals * ode->n) * sizeof *a->integrals);
    memset(a->why, 0, (size_t)ode->n * sizeof *a->why);
    *a->n_evaluations = 0;
    (flow_solver_adapts(ode->solver) ? flow_ode_run_adaptive : ode_run_fixed)(ode, a, direction);
    find_failures(ode, a);
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

static bool ode_diagnose_end(const flow_solver *solver, bool backwards, flow_ode_end why, char *text, size_t size)
{
    const char *subject = backwards ? "its adjoint" : "its solver";
    switch (why) {
    case FLOW_ODE_ARRIVED:
        return false;
    case FLOW_ODE_STEPS:
        snprintf(text, size, "%s needed more steps than max_steps = %lld, so the field is stiff there; try a larger "
                 "max_steps, larger rtol and atol, or in training a lower learning rate or kinetic_energy", subject,
                 (long long)solver->max_steps);
        return true;
    case FLOW_ODE_SHORT:
        snprintf(text, size, "%s needed steps below a millionth, so the field is stiff there; try larger rtol and "
                 "atol, or in training a lower learning rate or kinetic_energy", subject);
        return true;
    case FLOW_ODE_RANGE:
        snprintf(text, size, "%s left the range of numbers; %s", subject,
                 flow_solver_adapts(solver) ? "try a lower learning rate in training" : "try more steps");
        return true;
    }
    return false;
}

bool flow_ode_diagnose(const flow_ode *ode, int j, char *text, size_t size)
{
    flow_ode_scratch a;
    ode_find_scratch(ode, &a);
    return ode_diagnose_end(ode->solver, *a.backwards, (flow_ode_end)a.why[j], text, size);
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
    ode_pack(a, d + 1, n, flow_ode_input(ode, a, s), a->packed_input);
    ode_pack(a, d, n, a->gf, a->packed_f);
    ode_pack(a, m, n, a->gintegrands, a->packed_integrands);
    for (int i = 0; i < d; i++) /* copies of a row have no gradient */
        memset(a->packed_f + i * a->n_selected + a->n_moving, 0, (size_t)copies * sizeof(real));
    for (int i = 0; i < m; i++)
        memset(a->packed_integrands + i * a->n_selected + a->n_moving, 0, (size_t)copies * sizeof(real));
    ode->rhs.backward(ode->rhs.context, s, a->packed_input, a->packed_f, integrates ? a->packed_integrands : NULL, true,
                       a->packed_ginput);
    memset(ginput, 0, (size_t)(d * n) * sizeof *ginput);
    ode_unpack(a, d, n, a->packed_ginput, ginput);
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
