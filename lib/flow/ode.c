/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/ode_area.h"

#include <string.h>

#include "base/memory.h"
#include "num/simd.h"

static size_t most_steps(const flow_solver *solver)
{
    return (size_t)(solver->tableau->adaptive ? solver->max_steps : solver->steps);
}

static size_t lay_out(const flow_solver *solver, int m_, int d_, int n_, void *work, flow_ode_area *a)
{
    flow_layout layout = {.base = work};
    size_t d = (size_t)d_, n = (size_t)n_, m = (size_t)m_;
    size_t most = most_steps(solver), stages = (size_t)solver->tableau->n_stages;
    a->n_steps = flow_layout_take(&layout, 1, sizeof(int));
    a->n_evaluations = flow_layout_take(&layout, 1, sizeof(int));
    a->states = flow_layout_take(&layout, most * d * n, sizeof(real));
    a->times = flow_layout_take(&layout, most * n, sizeof(real));
    a->lengths = flow_layout_take(&layout, most * n, sizeof(real));
    a->at = flow_layout_take(&layout, (stages + 1) * (d + 1) * n, sizeof(real));
    a->f = flow_layout_take(&layout, (stages + 1) * d * n, sizeof(real));
    a->integrands = flow_layout_take(&layout, (stages + 1) * m * n, sizeof(real));
    a->gat = flow_layout_take(&layout, stages * d * n, sizeof(real));
    a->gf = flow_layout_take(&layout, d * n, sizeof(real));
    a->gintegrands = flow_layout_take(&layout, m * n, sizeof(real));
    a->x = flow_layout_take(&layout, d * n, sizeof(real));
    a->next = flow_layout_take(&layout, d * n, sizeof(real));
    a->size = flow_layout_take(&layout, n, sizeof(real));
    a->integrals = flow_layout_take(&layout, m * n, sizeof(double));
    a->next_integrals = flow_layout_take(&layout, m * n, sizeof(double));
    a->trace_error = flow_layout_take(&layout, n, sizeof(double));
    a->progress = flow_layout_take(&layout, n, sizeof(double));
    a->step = flow_layout_take(&layout, n, sizeof(double));
    a->taken = flow_layout_take(&layout, n, sizeof(int));
    a->left = flow_layout_take(&layout, n, sizeof(int));
    a->tried = flow_layout_take(&layout, n, sizeof(int));
    return layout.used;
}

size_t flow_ode_work_size(const flow_solver *solver, int n_integrals, int d, int n)
{
    flow_ode_area a;
    return lay_out(solver, n_integrals, d, n, NULL, &a);
}

static void find(const flow_ode *ode, flow_ode_area *a)
{
    lay_out(ode->solver, ode->rate.n_integrals, ode->d, ode->n, ode->work, a);
}

int flow_ode_evaluations(const flow_ode *ode)
{
    flow_ode_area a;
    find(ode, &a);
    return *a.n_evaluations;
}

void flow_ode_count(const flow_ode *ode, int *counts)
{
    flow_ode_area a;
    find(ode, &a);
    /* An adaptive method evaluates twice before its first step, and at the end of a step instead of at its start. */
    for (int j = 0; j < ode->n; j++)
        counts[j] += a.tried[j] * ode->solver->tableau->n_stages + (ode->solver->tableau->adaptive ? 2 : 0);
}

/* ------------------------------------------------------------------ one step of the whole tile */

FLOW_MULTIVERSION
static void add_multiple(int count, real factor, const real *f, real *out)
{
    for (int k = 0; k < count; k++)
        out[k] += factor * f[k];
}

/* out += sum_s weights[s] f_s over m of them that are `count` values each */
void flow_ode_combine(int count, int m, const double *weights, const real *f, real *out)
{
    for (int s = 0; s < m; s++)
        if (weights[s] != 0)
            add_multiple(count, (real)weights[s], f + (size_t)s * (size_t)count, out);
}

/* out = x + h out */
FLOW_MULTIVERSION
static void move(int n, const real *x, const real *h, real *out)
{
    for (int j = 0; j < n; j++)
        out[j] = x[j] + h[j] * out[j];
}

/* out (d, n) = x + h sum_s weights[s] f_s */
void flow_ode_advance(const flow_ode *ode, int m, const double *weights, const real *x, const real *h, const real *f,
                      real *out)
{
    size_t n = (size_t)ode->n;
    memset(out, 0, (size_t)ode->d * n * sizeof *out);
    flow_ode_combine(ode->d * ode->n, m, weights, f, out);
    for (size_t i = 0; i < (size_t)ode->d; i++)
        move(ode->n, x + i * n, h, out + i * n);
}

real *flow_ode_at(const flow_ode *ode, const flow_ode_area *a, int s)
{
    return a->at + (size_t)s * ((size_t)ode->d + 1) * (size_t)ode->n;
}

void flow_ode_evaluate(const flow_ode *ode, flow_ode_area *a, int s, int slot, bool keeps)
{
    size_t n = (size_t)ode->n;
    ode->rate.apply(ode->rate.context, slot, keeps, flow_ode_at(ode, a, s), a->f + (size_t)s * (size_t)ode->d * n,
                    a->integrands + (size_t)(s * ode->rate.n_integrals) * n);
    *a->n_evaluations += !keeps;
}

void flow_ode_set_time(const flow_ode *ode, const flow_ode_area *a, int s, double c, const real *t, const real *h)
{
    real *line = flow_ode_at(ode, a, s) + (size_t)ode->d * (size_t)ode->n;
    for (int j = 0; j < ode->n; j++)
        line[j] = t[j] + (real)c * h[j];
}

/* The stages from `first` on, of the step from x at times t. */
void flow_ode_run_stages(const flow_ode *ode, flow_ode_area *a, int first, bool keeps, const real *x, const real *t,
                         const real *h)
{
    const flow_tableau *tableau = ode->solver->tableau;
    for (int s = first; s < tableau->n_stages; s++) {
        flow_ode_advance(ode, s, tableau->a[s], x, h, a->f, flow_ode_at(ode, a, s));
        flow_ode_set_time(ode, a, s, tableau->c[s], t, h);
        flow_ode_evaluate(ode, a, s, keeps ? s : 0, keeps);
    }
}

void flow_ode_integrate(const flow_ode *ode, const flow_ode_area *a, int n_integrals, int n_stages,
                        const double *weights, const real *h, double *sums)
{
    int n = ode->n, m = ode->rate.n_integrals, count = n_integrals * n;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int s = 0; s < n_stages; s++)
        for (int k = 0; k < count; k++)
            sums[k] += weights[s] * (double)a->integrands[s * m * n + k];
    for (int i = 0; i < n_integrals; i++)
        for (int j = 0; j < n; j++)
            sums[i * n + j] *= (double)h[j];
}

/* ------------------------------------------------------------------ steps of equal length */

static void solve_fixed(const flow_ode *ode, flow_ode_area *a, bool down)
{
    const flow_solver *solver = ode->solver;
    const flow_tableau *tableau = solver->tableau;
    int n = ode->n, m = ode->rate.n_integrals, steps = (int)solver->steps;
    size_t count = (size_t)ode->d * (size_t)n;
    for (int k = 0; k < steps; k++) {
        real *t = a->times + (size_t)k * (size_t)n, *h = a->lengths + (size_t)k * (size_t)n;
        for (int j = 0; j < n; j++) {
            t[j] = (real)((double)(down ? steps - k : k) / steps);
            h[j] = (real)((down ? -1. : 1.) / steps);
        }
        memcpy(a->states + (size_t)k * count, a->x, count * sizeof *a->x);
        flow_ode_run_stages(ode, a, 0, false, a->x, t, h);
        flow_ode_advance(ode, tableau->n_stages, tableau->b, a->states + (size_t)k * count, h, a->f, a->x);
        flow_ode_integrate(ode, a, m, tableau->n_stages, tableau->b, h, a->next_integrals);
        for (int j = 0; j < m * n; j++)
            a->integrals[j] += a->next_integrals[j];
    }
    *a->n_steps = steps;
    for (int j = 0; j < n; j++)
        a->tried[j] = steps;
}

void flow_ode_solve(const flow_ode *ode, bool down, const real *in, real *out, double *integrals)
{
    flow_ode_area a;
    find(ode, &a);
    size_t count = (size_t)ode->d * (size_t)ode->n, n_sums = (size_t)ode->rate.n_integrals * (size_t)ode->n;
    memcpy(a.x, in, count * sizeof *in);
    memset(a.integrals, 0, n_sums * sizeof *a.integrals);
    *a.n_evaluations = 0;
    (ode->solver->tableau->adaptive ? flow_ode_solve_adaptive : solve_fixed)(ode, &a, down);
    memcpy(out, a.x, count * sizeof *out);
    memcpy(integrals, a.integrals, n_sums * sizeof *integrals);
}

/* ------------------------------------------------------------------ gradients */

/* gf (d, n) = h (b_s gx + sum_{r > s} a_rs gat_r), the gradient at f_s */
static void gradient_of_stage(const flow_ode *ode, const flow_ode_area *a, int s, const real *gx, const real *h)
{
    const flow_tableau *tableau = ode->solver->tableau;
    int n = ode->n, count = ode->d * n;
    memset(a->gf, 0, (size_t)count * sizeof *a->gf);
    flow_ode_combine(count, 1, &tableau->b[s], gx, a->gf);
    for (int r = s + 1; r < tableau->n_stages; r++)
        flow_ode_combine(count, 1, &tableau->a[r][s], a->gat + (size_t)r * (size_t)count, a->gf);
    for (int i = 0; i < ode->d; i++)
        for (int j = 0; j < n; j++)
            a->gf[i * n + j] *= h[j];
}

static void step_backward(const flow_ode *ode, flow_ode_area *a, int k, const real *gintegrals, real *gx)
{
    const flow_tableau *tableau = ode->solver->tableau;
    int n = ode->n;
    size_t count = (size_t)ode->d * (size_t)n;
    const real *h = a->lengths + (size_t)k * (size_t)n;
    flow_ode_run_stages(ode, a, 0, true, a->states + (size_t)k * count, a->times + (size_t)k * (size_t)n, h);
    for (int s = tableau->n_stages - 1; s >= 0; s--) {
        gradient_of_stage(ode, a, s, gx, h);
        for (int i = 0; i < ode->rate.n_integrals; i++)
            for (int j = 0; j < n; j++)
                a->gintegrands[i * n + j] = (real)tableau->b[s] * h[j] * gintegrals[i * n + j];
        ode->rate.backward(ode->rate.context, s, flow_ode_at(ode, a, s), a->gf, a->gintegrands, true,
                           a->gat + (size_t)s * count);
    }
    for (int s = 0; s < tableau->n_stages; s++)
        add_multiple((int)count, 1, a->gat + (size_t)s * count, gx);
}

void flow_ode_solve_backward(const flow_ode *ode, const real *gout, const real *gintegrals, real *gin)
{
    flow_ode_area a;
    find(ode, &a);
    memcpy(gin, gout, (size_t)ode->d * (size_t)ode->n * sizeof *gin);
    for (int k = *a.n_steps - 1; k >= 0; k--)
        step_backward(ode, &a, k, gintegrals, gin);
}
