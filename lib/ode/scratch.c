/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/scratch.h"

#include <string.h>

#include "num/simd.h"
#include "num/vector.h"

void flow_ode_lay_out_head(const flow_solver *solver, int d, int n, bool keep, flow_layout *layout, flow_ode_scratch *a)
{
    *a = (flow_ode_scratch){0};
    a->direction = flow_layout_take(layout, 1, sizeof *a->direction);
    a->backwards = flow_layout_take(layout, 1, sizeof(bool));
    a->n_steps = flow_layout_take(layout, 1, sizeof(int));
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

void flow_ode_pack(const flow_ode_scratch *a, int rows, int n, const real *from, real *to)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < a->n_selected; j++)
            to[i * a->n_selected + j] = from[i * n + a->selected[j]];
}

void flow_ode_unpack(const flow_ode_scratch *a, int rows, int n, const real *from, real *to)
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
    if (a->n_selected == n) {
        ode->rhs.apply(ode->rhs.context, slot, keeps, input, f, integrates ? integrands : NULL);
        return;
    }
    flow_ode_pack(a, d + 1, n, input, a->packed_input);
    ode->rhs.apply(ode->rhs.context, slot, keeps, a->packed_input, a->packed_f,
                   integrates ? a->packed_integrands : NULL);
    flow_ode_unpack(a, d, n, a->packed_f, f);
    if (integrates)
        flow_ode_unpack(a, m, n, a->packed_integrands, integrands);
}

/* Writes the last row of input s: t + c h. */
static void ode_set_time(const flow_ode *ode, const flow_ode_scratch *a, int s, double c, const real *t, const real *h)
{
    real *times = flow_ode_input(ode, a, s) + (size_t)ode->d * (size_t)ode->n;
    for (int j = 0; j < ode->n; j++)
        times[j] = t[j] + (real)c * h[j];
}

void flow_ode_set_input(const flow_ode *ode, const flow_ode_scratch *a, int s, const real *x, double c)
{
    memcpy(flow_ode_input(ode, a, s), x, (size_t)ode->d * (size_t)ode->n * sizeof *x);
    ode_set_time(ode, a, s, c, a->t, a->h);
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
        ode_set_time(ode, a, s, tableau->c[s], t, h);
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
