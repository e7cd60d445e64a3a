/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/mixture.h"

#include <stdbool.h>
#include <string.h>
#include <tgmath.h>

#include "num/simd.h"
#include "num/vecmath.h"
#include "num/vector.h"

/* On UCI protein 0.6 and 0.8 are worse by 0.05 to 0.3 nats after the same few epochs. */
#define SPREAD 0.3
#define PHI_0 ((real)0.39894228040143267794) /* 1 / sqrt(2 pi) */

/* The largest |t|: its powers stay finite. */
static const real farthest = sizeof(real) == sizeof(double) ? (real)1e100 : (real)1e12;

/* y = sign * bounded(a) + shift */
FLOW_MULTIVERSION
static void bound_row(int m, real inverse_bound, real sign, real shift, const real *restrict a, real *restrict y)
{
    for (int j = 0; j < m; j++) {
        real r = a[j] * inverse_bound;
        y[j] = sign * a[j] / sqrt(1 + r * r) + shift;
    }
}

FLOW_MULTIVERSION
static void shift_row(int m, real shift, const real *restrict a, real *restrict y)
{
    for (int j = 0; j < m; j++)
        y[j] = a[j] + shift;
}

FLOW_MULTIVERSION
static void max_row(int m, const real *restrict a, real *restrict y)
{
    for (int j = 0; j < m; j++)
        y[j] = a[j] > y[j] ? a[j] : y[j];
}

FLOW_MULTIVERSION
static void divide_row(int m, const real *restrict by, real *restrict y)
{
    for (int j = 0; j < m; j++)
        y[j] /= by[j];
}

static void mixture_softmax(flow_mixtures *mix)
{
    flow_mixture_row top, sum = {0};
    size_t m = (size_t)mix->m;
    memcpy(top, mix->log_weight[0], m * sizeof *top);
    for (int k = 1; k < mix->k; k++)
        max_row(mix->m, mix->log_weight[k], top);
    for (int k = 0; k < mix->k; k++) {
        flow_vec_add_multiple(m, -1, top, mix->log_weight[k]);
        flow_vec_exp(m, mix->log_weight[k], mix->weight[k]);
        flow_vec_add(m, mix->weight[k], sum);
    }
    flow_mixture_row log_sum;
    flow_vec_log(m, sum, log_sum);
    for (int k = 0; k < mix->k; k++) {
        flow_vec_add_multiple(m, -1, log_sum, mix->log_weight[k]);
        divide_row(mix->m, sum, mix->weight[k]);
    }
}

void flow_mixtures_prepare(flow_mixtures *mix, int n, real bound, const real *theta, size_t stride, int m)
{
    double spread = n > 1 ? SPREAD : 0, spacing = n > 1 ? spread / sqrt(((double)n * n - 1) / 3) : 0;
    real log_width = (real)(0.5 * log(1 - spread * spread));
    mix->k = n;
    mix->m = m;
    for (int k = 0; k < n; k++) {
        const real *logit = theta + (size_t)k * stride, *mean = logit + (size_t)n * stride;
        const real *scale = mean + (size_t)n * stride;
        bound_row(m, (real)1 / FLOW_MIXTURE_LOGIT_BOUND, 1, 0, logit, mix->log_weight[k]);
        shift_row(m, (real)(spacing * (2 * k + 1 - n)), mean, mix->mean[k]);
        bound_row(m, 1 / bound, -1, -log_width, scale, mix->inverse[k]);
        flow_vec_exp((size_t)m, mix->inverse[k], mix->inverse[k]);
    }
    mixture_softmax(mix);
}

/* ---- at a place ---- */

FLOW_MULTIVERSION
static void component_at(int m, const real *restrict x, const real *restrict mean, const real *restrict inverse,
                         const real *restrict log_weight, real *restrict t, real *restrict exponent,
                         real *restrict size)
{
    for (int j = 0; j < m; j++) {
        real d = x[j] - mean[j], v = d * inverse[j];
        v = v > farthest ? farthest : v;
        v = (v < -farthest ? -farthest : v) + 0 * d; /* NaN and infinity become NaN */
        t[j] = v;
        exponent[j] = log_weight[j] - (real)0.5 * v * v;
        size[j] = fabs(v);
    }
}

/* The tail of a component, and its part of the density, of F (lower) and of 1 - F (upper): a tail goes to `near`, the
 * rest to `far`. */
FLOW_MULTIVERSION
static void add_component(int m, const real *restrict t, const real *restrict weight, const real *restrict inverse,
                          const real *restrict scale, const real *restrict density, real *restrict tail,
                          real *restrict sum, real *restrict near_lower, real *restrict far_lower,
                          real *restrict near_upper, real *restrict far_upper)
{
    for (int j = 0; j < m; j++) {
        real mills = tail[j], near = density[j] * mills * PHI_0, far = weight[j] - scale[j] * near;
        bool left = t[j] < 0;
        tail[j] = near;
        sum[j] += density[j] * inverse[j];
        near_lower[j] += left ? near : 0;
        far_lower[j] += left ? 0 : far;
        near_upper[j] += left ? 0 : near;
        far_upper[j] += left ? far : 0;
    }
}

/* Picks the smaller side; writes its value, its units and which side it is. */
FLOW_MULTIVERSION
static void pick_side(int m, const real *restrict scale, const real *restrict near_lower,
                      const real *restrict far_lower, const real *restrict near_upper, const real *restrict far_upper,
                      real *restrict side, real *restrict units, real *restrict lower)
{
    for (int j = 0; j < m; j++) {
        real below = scale[j] * near_lower[j] + far_lower[j], above = scale[j] * near_upper[j] + far_upper[j];
        bool left = below <= above;
        /* Both cannot be 0 where scale is 0: each component has a tail on one of the sides. */
        real near = left ? near_lower[j] : near_upper[j], far = left ? far_lower[j] : far_upper[j];
        bool tails_only = far == 0;
        side[j] = tails_only ? near : scale[j] * near + far;
        units[j] = tails_only ? 1 : scale[j];
        lower[j] = left ? 1 : -1;
    }
}

FLOW_MULTIVERSION
static void log_of_side(int m, const real *restrict top, const real *restrict units, const real *restrict log_side,
                        real *restrict y)
{
    for (int j = 0; j < m; j++)
        y[j] = log_side[j] + (units[j] == 1 ? top[j] : 0);
}

FLOW_MULTIVERSION
static void mixture_finish(int m, const real *restrict top, const real *restrict units, const real *restrict lower,
                           const real *restrict log_side, const real *restrict log_sum, const real *restrict log_mills,
                           real *restrict z, real *restrict log_slope)
{
    const real log_phi_0 = (real)-0.91893853320467274178;
    for (int j = 0; j < m; j++) {
        z[j] = lower[j] > 0 ? -z[j] : z[j];
        log_slope[j] = (log_sum[j] + log_phi_0 - log_side[j]) + log_mills[j] + (units[j] == 1 ? 0 : top[j]);
    }
}

void flow_mixtures_evaluate(flow_mixture_place *p, const flow_mixtures *mix, const real *x)
{
    int m = mix->m;
    size_t count = (size_t)m;
    for (int k = 0; k < mix->k; k++) {
        component_at(m, x, mix->mean[k], mix->inverse[k], mix->log_weight[k], p->t[k], p->density[k], p->tail[k]);
        flow_vec_mills(count, p->tail[k], p->tail[k]);
        if (k == 0)
            memcpy(p->top, p->density[0], count * sizeof *p->top);
        max_row(m, p->density[k], p->top);
    }
    flow_vec_exp(count, p->top, p->scale);
    flow_mixture_row near_lower = {0}, far_lower = {0}, near_upper = {0}, far_upper = {0};
    memset(p->sum, 0, sizeof p->sum);
    for (int k = 0; k < mix->k; k++) {
        flow_vec_add_multiple(count, -1, p->top, p->density[k]);
        flow_vec_exp(count, p->density[k], p->density[k]);
        add_component(m, p->t[k], mix->weight[k], mix->inverse[k], p->scale, p->density[k], p->tail[k], p->sum,
                      near_lower, far_lower, near_upper, far_upper);
    }
    pick_side(m, p->scale, near_lower, far_lower, near_upper, far_upper, p->side, p->units, p->lower);
    flow_mixture_row log_side, log_sum, log_mills;
    flow_vec_log(count, p->side, log_side);
    flow_vec_log(count, p->sum, log_sum);
    log_of_side(m, p->top, p->units, log_side, p->z);
    flow_vec_normal_tail(count, p->z, p->z);
    flow_vec_mills(count, p->z, p->mills);
    flow_vec_log(count, p->mills, log_mills);
    mixture_finish(m, p->top, p->units, p->lower, log_side, log_sum, log_mills, p->z, p->log_slope);
}
