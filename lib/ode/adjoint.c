/* The continuous adjoint (Chen et al. 2018, sec. 2 and appendix B). Of a scalar L that depends on x at the end and on
 * integrals along the way, with g the gradients at those, a = dL/dx(t) follows
 *
 *     da/dt = -(a^T df/dx + g^T dI/dx)
 *
 * from the end to the start, and x with it, once more. Of that nothing has to be stored, however many steps it takes.
 *
 * The gradient of the weights is the integral of a^T df/dtheta + g^T dI/dtheta over t. It is a quadrature along the
 * steps that a and x need, with the weights of the method: it has no say in the steps, since nothing depends on it on
 * the way (Kidger, Chen and Lyons 2021, "Hey, that's not an ODE"). So a row costs no more for the company of a
 * million weights, and its steps are still its own.
 *
 * The equation is linear in (a, g). Each row is solved for a and g of norm 1 and scaled afterwards, so that steps do
 * not depend on what a row counts in a batch: absolute tolerances would let a small share pass for a small error.
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
    real *ga, *gg;       /* (d, n), (m, n): what a stage counts in the quadrature */
    real *f, *gx;        /* (d, n): results that nobody wants */
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

/* Behind the d lines of a in `at` (2 d + 1, n) stand x and the time: what the right-hand side of x takes. */
static const real *state_of(const flow_ode *ode, const real *at)
{
    return at + (size_t)ode->d * (size_t)ode->n;
}

/* The right-hand side of (a, x). */
static void adjoint_apply(void *context, int slot, bool keeps, const real *at, real *f, real *integrands)
{
    (void)keeps, (void)integrands;
    const adjoint *b = context;
    const flow_ode_rate *rate = &b->ode->rate;
    size_t count = (size_t)b->ode->d * (size_t)b->ode->n;
    const real *x = state_of(b->ode, at);
    rate->apply(rate->context, slot, true, x, f + count, NULL);
    rate->backward(rate->context, slot, x, at, b->g, false, f);
    for (size_t k = 0; k < count; k++)
        f[k] = -f[k];
}

/* Adds a column of the tile's product of gradients and Jacobian to the gradients of the weights, weighed by h. */
static void add_stage(const adjoint *b, int s, const real *at, double weight, const real *h)
{
    const flow_ode_rate *rate = &b->ode->rate;
    int n = b->ode->n;
    for (int i = 0; i < b->ode->d; i++)
        for (int j = 0; j < n; j++)
            b->ga[i * n + j] = (real)-weight * h[j] * b->scale[j] * at[i * n + j];
    for (int i = 0; i < rate->n_integrals; i++)
        for (int j = 0; j < n; j++)
            b->gg[i * n + j] = (real)-weight * h[j] * b->scale[j] * b->g[i * n + j];
    rate->backward(rate->context, s, state_of(b->ode, at), b->ga, b->gg, true, b->gx);
}

static bool column_is_finite(int lines, int n, int j, const real *v)
{
    for (int i = 0; i < lines; i++)
        if (!isfinite(v[i * n + j]))
            return false;
    return true;
}

/* A row that has not made the step counts 0, but 0 times what is not finite is not 0: where an attempt went out of
 * range, its stages go back to the start of the step. Returns whether there was one. */
static bool settle_rejected(const flow_ode *ode, const flow_ode_scratch *a, const real *h)
{
    int lines = ode->d, n = ode->n, stages = ode->solver->tableau->n_stages;
    const real *start = flow_ode_at(ode, a, 0);
    bool any = false;
    for (int j = 0; j < n; j++) {
        bool finite = true;
        for (int s = 1; s < stages && h[j] == 0 && finite; s++)
            finite = column_is_finite(lines, n, j, flow_ode_at(ode, a, s)) &&
                     column_is_finite(lines, n, j, a->f + (size_t)(s * lines) * (size_t)n);
        any |= !finite;
        for (int s = 1; s < stages && !finite; s++)
            for (int i = 0; i < lines; i++)
                flow_ode_at(ode, a, s)[i * n + j] = start[i * n + j];
    }
    return any;
}

/* The quadrature. Where the error chooses steps, slot 0 has been taken by the end of the step. */
static void add_step(const flow_ode *ode, flow_ode_scratch *a, const real *h)
{
    const adjoint *b = ode->rate.context;
    const flow_ode_rate *rate = &b->ode->rate;
    const flow_tableau *tableau = ode->solver->tableau;
    bool adapts = flow_solver_adapts(ode->solver), all = adapts && settle_rejected(ode, a, h);
    for (int s = 0; s < tableau->n_stages; s++) {
        const real *at = flow_ode_at(ode, a, s);
        if (tableau->b[s] == 0)
            continue;
        if (all || (adapts && s == 0))
            rate->apply(rate->context, s, true, state_of(b->ode, at), b->f, NULL);
        add_stage(b, s, at, tableau->b[s], h);
    }
}

/* (a, x) at the end, and what the row counts. Rows that count nothing have no gradient, and are not solved. */
static void adjoint_start(const flow_ode *ode, const adjoint *b, const real *gout, const real *gintegrals,
                          const real *end, real *x)
{
    int n = ode->n, d = ode->d, m = ode->rate.n_integrals;
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

/* A row that failed leaves no gradient to trust, and none of the tile. */
static void spoil(const flow_ode *ode, const adjoint *b, const flow_ode_scratch *a)
{
    bool any = false;
    for (int j = 0; j < ode->n; j++) {
        a->h[j] = a->why[j] != FLOW_ODE_ARRIVED ? (real)NAN : 0;
        any |= a->why[j] != FLOW_ODE_ARRIVED;
    }
    if (any)
        add_stage(b, 0, flow_ode_at(ode, a, 0), 1, a->h);
}

void flow_ode_solve_adjoint(const flow_ode *ode, const flow_ode_scratch *head, void *rest, const real *gout,
                            const real *gintegrals, real *gin)
{
    adjoint b = {.ode = ode};
    flow_ode_scratch a = *head;
    flow_layout layout = {.base = rest};
    adjoint_lay_out(ode->solver, ode->rate.n_integrals, ode->d, ode->n, &layout, &b, &a);
    a.states = NULL;
    a.on_step = add_step;
    a.wanted = b.scale;
    const flow_ode_rate rate = {.context = &b, .apply = adjoint_apply};
    const flow_ode both = {.solver = ode->solver, .rate = rate, .d = 2 * ode->d, .n = ode->n};
    adjoint_start(ode, &b, gout, gintegrals, a.end, a.x);
    flow_ode_run(&both, &a, flow_opposite(*a.direction));
    *a.backwards = true;
    spoil(&both, &b, &a);
    for (int i = 0; i < ode->d; i++)
        for (int j = 0; j < ode->n; j++)
            gin[i * ode->n + j] = b.scale[j] * a.x[i * ode->n + j];
}
