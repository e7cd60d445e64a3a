/* The continuous adjoint (Chen et al. 2018, sec. 2 and appendix B). Let a scalar L depend on x at the end and on
 * integrals I along the way, with gradients g at these. Then a = dL/dx(t) satisfies
 *
 *     da/dt = -(a^T df/dx + g^T dI/dx)
 *
 * It is solved from the end to the start, together with x. No step has to be stored.
 *
 * The gradient of the weights is the integral of a^T df/dtheta + g^T dI/dtheta over t. It is a quadrature along the
 * steps of a and x, with the weights of the method, and has no influence on the steps, since a and x do not depend on
 * it (Kidger, Chen and Lyons 2021, "Hey, that's not an ODE"). So the steps of a row depend neither on the number of
 * weights nor on the other rows.
 *
 * The equation is linear in (a, g). Each row is solved for a and g of norm 1 and scaled afterwards: with absolute
 * tolerances, the steps would otherwise depend on the weight of the row in the batch.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "num/simd.h"
#include "ode/scratch.h"

typedef struct adjoint {
    const flow_ode *ode; /* of x alone */
    real *scale;         /* (n): norms of (a, g) at the end */
    real *g;             /* (m, n): gradients at the integrals in those units */
    real *ga, *gg;       /* (d, n), (m, n): gradients of a stage in the quadrature */
    real *f, *gx;        /* (d, n): results that are not used */
} adjoint;

static void adjoint_lay_out(const flow_solver *solver, int m_, int d_, int n_, flow_layout *layout, adjoint *b,
                            flow_ode_scratch *a)
{
    size_t d = (size_t)d_, n = (size_t)n_, m = (size_t)m_;
    b->scale = flow_layout_take(layout, n, sizeof(real));
    b->g = flow_layout_take(layout, m * n, sizeof(real));
    b->ga = flow_layout_take(layout, d * n, sizeof(real));
    b->gg = flow_layout_take(layout, m * n, sizeof(real));
    b->f = flow_layout_take(layout, d * n, sizeof(real));
    b->gx = flow_layout_take(layout, d * n, sizeof(real));
    flow_ode_lay_out_rest(solver, 0, 2 * d_, n_, 0, layout, a);
}

void flow_ode_lay_out_adjoint(const flow_solver *solver, int m, int d, int n, flow_layout *layout)
{
    adjoint b;
    flow_ode_scratch a;
    adjoint_lay_out(solver, m, d, n, layout, &b, &a);
}

/* The input of the right-hand side of x: x and t, after the d rows of a in `input` (2 d + 1, n). */
static const real *x_and_t_of(const flow_ode *ode, const real *input)
{
    return input + (size_t)ode->d * (size_t)ode->n;
}

/* The right-hand side of (a, x). */
static void adjoint_apply(void *context, int slot, bool keeps, const real *input, real *f, real *integrands)
{
    (void)keeps, (void)integrands;
    const adjoint *b = context;
    const flow_ode_rhs *rhs = &b->ode->rhs;
    size_t count = (size_t)b->ode->d * (size_t)b->ode->n;
    const real *x = x_and_t_of(b->ode, input);
    rhs->apply(rhs->context, slot, true, x, f + count, NULL);
    rhs->backward(rhs->context, slot, x, input, b->g, false, f);
    for (size_t k = 0; k < count; k++)
        f[k] = -f[k];
}

/* Adds stage s with the given weight, times h, to the gradients of the weights. */
static void adjoint_add_stage(const adjoint *b, int s, const real *input, double weight, const real *h)
{
    const flow_ode_rhs *rhs = &b->ode->rhs;
    int n = b->ode->n;
    for (int i = 0; i < b->ode->d; i++)
        for (int j = 0; j < n; j++)
            b->ga[i * n + j] = (real)-weight * h[j] * b->scale[j] * input[i * n + j];
    for (int i = 0; i < rhs->n_integrals; i++)
        for (int j = 0; j < n; j++)
            b->gg[i * n + j] = (real)-weight * h[j] * b->scale[j] * b->g[i * n + j];
    rhs->backward(rhs->context, s, x_and_t_of(b->ode, input), b->ga, b->gg, true, b->gx);
}

static bool column_is_finite(int rows, int n, int j, const real *v)
{
    for (int i = 0; i < rows; i++)
        if (!isfinite(v[i * n + j]))
            return false;
    return true;
}

/* Rows without a step have the weight 0, but 0 times infinity is not 0: if a rejected attempt went out of range, its
 * stages are set to the start of the step. Returns whether there was one. */
static bool adjoint_reset_rejected(const flow_ode *ode, const flow_ode_scratch *a, const real *h)
{
    int rows = ode->d, n = ode->n, stages = ode->solver->tableau->n_stages;
    const real *start = flow_ode_input(ode, a, 0);
    bool any = false;
    for (int j = 0; j < n; j++) {
        bool finite = true;
        for (int s = 1; s < stages && h[j] == 0 && finite; s++)
            finite = column_is_finite(rows, n, j, flow_ode_input(ode, a, s)) &&
                     column_is_finite(rows, n, j, a->f + (size_t)(s * rows) * (size_t)n);
        any |= !finite;
        for (int s = 1; s < stages && !finite; s++)
            for (int i = 0; i < rows; i++)
                flow_ode_input(ode, a, s)[i * n + j] = start[i * n + j];
    }
    return any;
}

/* The quadrature over a step. An adaptive solver has used slot 0 again for the end of the step. */
static void adjoint_add_step(const flow_ode *ode, flow_ode_scratch *a, const real *h)
{
    const adjoint *b = ode->rhs.context;
    const flow_ode_rhs *rhs = &b->ode->rhs;
    const flow_tableau *tableau = ode->solver->tableau;
    bool adapts = flow_solver_adapts(ode->solver), all = adapts && adjoint_reset_rejected(ode, a, h);
    for (int s = 0; s < tableau->n_stages; s++) {
        const real *input = flow_ode_input(ode, a, s);
        if (tableau->b[s] == 0)
            continue;
        if (all || (adapts && s == 0))
            rhs->apply(rhs->context, s, true, x_and_t_of(b->ode, input), b->f, NULL);
        adjoint_add_stage(b, s, input, tableau->b[s], h);
    }
}

/* Sets (a, x) at the end and the scale of each row. Rows with scale 0 have no gradient and are not solved. */
static void adjoint_start(const flow_ode *ode, const adjoint *b, const real *gout, const real *gintegrals,
                          const real *end, real *x)
{
    int n = ode->n, d = ode->d, m = ode->rhs.n_integrals;
    for (int j = 0; j < n; j++) {
        double squares = 0;
        for (int i = 0; i < d; i++)
            squares += (double)gout[i * n + j] * (double)gout[i * n + j];
        for (int i = 0; i < m; i++)
            squares += (double)gintegrals[i * n + j] * (double)gintegrals[i * n + j];
        real scale = b->scale[j] = (real)sqrt(squares), unit = scale == 0 ? 0 : 1 / scale;
        for (int i = 0; i < d; i++) {
            x[i * n + j] = unit * gout[i * n + j];
            x[(d + i) * n + j] = end[i * n + j];
        }
        for (int i = 0; i < m; i++)
            b->g[i * n + j] = unit * gintegrals[i * n + j];
    }
}

/* If a row has failed, makes the gradients of the weights NaN. */
static void adjoint_spoil(const flow_ode *ode, const adjoint *b, const flow_ode_scratch *a)
{
    bool any = false;
    for (int j = 0; j < ode->n; j++) {
        a->h[j] = a->why[j] != FLOW_ODE_ARRIVED ? (real)NAN : 0;
        any |= a->why[j] != FLOW_ODE_ARRIVED;
    }
    if (any)
        adjoint_add_stage(b, 0, flow_ode_input(ode, a, 0), 1, a->h);
}

void flow_ode_solve_adjoint(const flow_ode *ode, const flow_ode_scratch *head, void *rest, const real *gout,
                            const real *gintegrals, real *gin)
{
    adjoint b = {.ode = ode};
    flow_ode_scratch a = *head;
    flow_layout layout = {.base = rest};
    adjoint_lay_out(ode->solver, ode->rhs.n_integrals, ode->d, ode->n, &layout, &b, &a);
    a.states = NULL;
    a.on_step = adjoint_add_step;
    a.wanted = b.scale;
    const flow_ode_rhs rhs = {.context = &b, .apply = adjoint_apply};
    const flow_ode both = {.solver = ode->solver, .rhs = rhs, .d = 2 * ode->d, .n = ode->n};
    adjoint_start(ode, &b, gout, gintegrals, a.end, a.x);
    flow_ode_run(&both, &a, flow_opposite(*a.direction));
    *a.backwards = true;
    adjoint_spoil(&both, &b, &a);
    for (int i = 0; i < ode->d; i++)
        for (int j = 0; j < ode->n; j++)
            gin[i * ode->n + j] = b.scale[j] * a.x[i * ode->n + j];
}
