/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <tgmath.h>

#include "flow/spline_knots.h"

#include "num/simd.h"
#include "num/vecmath.h"

enum { ROWS = FLOW_SPLINE_ROWS };

#define RAW_MOST ((real)1e6) /* slopes stay below: their squares must not overflow, and float has no use for more */

/* softplus(c) = 1 - FLOW_SPLINE_LEAST */
static real slope_offset(void)
{
    return (real)log(expm1(1 - FLOW_SPLINE_LEAST));
}

static real least_length(const flow_spline_input *in)
{
    return (real)(2 * (double)in->bound * FLOW_SPLINE_LEAST);
}

FLOW_MULTIVERSION
static void subtract_largest(int n_bins, int m, const real *theta, size_t stride, real *restrict out)
{
    real most[ROWS];
    for (int j = 0; j < m; j++)
        most[j] = theta[j];
    for (int k = 1; k < n_bins; k++)
        for (int j = 0; j < m; j++) {
            real a = theta[(size_t)k * stride + (size_t)j];
            most[j] = a > most[j] ? a : most[j];
        }
    for (int k = 0; k < n_bins; k++)
        for (int j = 0; j < m; j++)
            out[k * m + j] = theta[(size_t)k * stride + (size_t)j] - most[j];
}

FLOW_MULTIVERSION
static void divide_by_sum(int n_bins, int m, const real *restrict share, real whole, real *restrict scale)
{
    real sum[ROWS];
    for (int j = 0; j < m; j++)
        sum[j] = share[j];
    for (int k = 1; k < n_bins; k++)
        for (int j = 0; j < m; j++)
            sum[j] += share[k * m + j];
    for (int j = 0; j < m; j++)
        scale[j] = whole / sum[j];
}

/* The softmax of planes [first, first + K) as shares and scale. */
static void measure_bins(flow_spline_axis *axis, const flow_spline_input *in, int first)
{
    double whole = 2 * (double)in->bound * (1 - in->n_bins * FLOW_SPLINE_LEAST);
    subtract_largest(in->n_bins, in->m, in->theta + (size_t)first * in->stride, in->stride, axis->share);
    flow_vec_exp((size_t)in->n_bins * (size_t)in->m, axis->share, axis->share);
    divide_by_sum(in->n_bins, in->m, axis->share, (real)whole, axis->scale);
}

int flow_spline_n_params(int n_bins, flow_spline_ends ends)
{
    static const int n_end_slopes[] = {[FLOW_SPLINE_IDENTITY] = 0, [FLOW_SPLINE_LINEAR] = 2, [FLOW_SPLINE_CIRCLE] = 1};
    return 3 * n_bins - 1 + n_end_slopes[ends];
}

/* The parameters of the slopes at knot k = 0 ... K. */
static const real *slopes_at(const flow_spline_input *in, int k)
{
    static const real ones[ROWS] = {0};
    bool inner = k > 0 && k < in->n_bins;
    if (!inner && in->ends == FLOW_SPLINE_IDENTITY)
        return ones;
    if (k == 0)
        k = in->ends == FLOW_SPLINE_CIRCLE ? in->n_bins : in->n_bins + 1;
    return in->theta + (size_t)(2 * in->n_bins + k - 1) * in->stride;
}

static void start_at_first_bin(flow_spline *s, const flow_spline_input *in)
{
    const real *first = slopes_at(in, 0), *last = slopes_at(in, in->n_bins);
    for (int j = 0; j < in->m; j++) {
        s->x.knot[j] = s->y.knot[j] = s->x.low[j] = s->y.low[j] = -in->bound;
        s->x.high[j] = s->y.high[j] = in->bound;
        s->raw[0][j] = first[j];
        s->raw[1][j] = last[j];
        s->bin[j] = 0;
    }
}

/* One element on its way past the knots: a is the coordinate of its key, b the other one. */
typedef struct walk {
    real a, b;
    real a_low, a_high, b_low, b_high, raw0, raw1, bin;
} walk;

/* Moves on to inner knot k + 1. A knot that is not above the key is the lower end of the bin, so far; the first one
 * that is, the upper end. All knots are passed for every element: no search and no branches. */
static inline void pass_knot(walk *w, real da, real db, real raw, real k, real key)
{
    w->a += da;
    w->b += db;
    bool passed = key >= w->a;
    w->a_low = passed ? w->a : w->a_low;
    w->b_low = passed ? w->b : w->b_low;
    w->raw0 = passed ? raw : w->raw0;
    w->bin = passed ? k + 1 : w->bin;
    bool next = w->bin == k;
    w->a_high = next ? w->a : w->a_high;
    w->b_high = next ? w->b : w->b_high;
    w->raw1 = next ? raw : w->raw1;
}

/* Moves on by `count` knots, which stay in registers: what this loop waits for are its stores. */
static inline __attribute__((always_inline)) void pass_knots(int count, int k, const flow_spline_input *in,
                                                             const real *restrict key, flow_spline_axis *restrict a,
                                                             flow_spline_axis *restrict b, real *restrict raw0,
                                                             real *restrict raw1, real *restrict bin)
{
    int m = in->m;
    size_t stride = in->stride;
    real least = least_length(in), first = (real)k;
    const real *restrict slopes = in->theta + (size_t)(2 * in->n_bins + k) * stride;
    for (int j = 0; j < m; j++) {
        walk w = {a->knot[j], b->knot[j], a->low[j], a->high[j], b->low[j], b->high[j], raw0[j], raw1[j], bin[j]};
#define PASS(i)                                                                                                     \
    pass_knot(&w, least + a->scale[j] * a->share[(k + i) * m + j], least + b->scale[j] * b->share[(k + i) * m + j], \
              slopes[(size_t)i * stride + (size_t)j], first + i, key[j])
        PASS(0);
        if (count > 1)
            PASS(1);
        if (count > 2)
            PASS(2);
        if (count > 3)
            PASS(3);
#undef PASS
        a->knot[j] = w.a, b->knot[j] = w.b, raw0[j] = w.raw0, raw1[j] = w.raw1, bin[j] = w.bin;
        a->low[j] = w.a_low, a->high[j] = w.a_high, b->low[j] = w.b_low, b->high[j] = w.b_high;
    }
}

typedef void passer(int k, const flow_spline_input *in, const real *restrict key, flow_spline_axis *restrict a,
                    flow_spline_axis *restrict b, real *restrict raw0, real *restrict raw1, real *restrict bin);

#define PASSER(count)                                                                                         \
    FLOW_MULTIVERSION                                                                                         \
    static void pass_##count(int k, const flow_spline_input *in, const real *restrict key,                    \
                             flow_spline_axis *restrict a, flow_spline_axis *restrict b, real *restrict raw0, \
                             real *restrict raw1, real *restrict bin)                                         \
    {                                                                                                         \
        pass_knots(count, k, in, key, a, b, raw0, raw1, bin);                                                 \
    }
PASSER(1)
PASSER(2)
PASSER(3)
PASSER(4)
#undef PASSER

static void find_slopes(int m, real *raw, real *slope)
{
    real c = slope_offset();
    for (int j = 0; j < m; j++)
        raw[j] = (raw[j] > RAW_MOST ? RAW_MOST : raw[j]) + c;
    flow_vec_softplus((size_t)m, raw, slope);
    for (int j = 0; j < m; j++)
        slope[j] += (real)FLOW_SPLINE_LEAST;
}

void flow_spline_find(flow_spline *s, const flow_spline_input *in, bool by_y, const real *key)
{
    measure_bins(&s->x, in, 0);
    measure_bins(&s->y, in, in->n_bins);
    start_at_first_bin(s, in);
    static passer *const passers[] = {pass_1, pass_2, pass_3, pass_4};
    for (int k = 0, count; k < in->n_bins - 1; k += count) {
        int left = in->n_bins - 1 - k;
        count = left < 4 ? left : 4;
        passers[count - 1](k, in, key, by_y ? &s->y : &s->x, by_y ? &s->x : &s->y, s->raw[0], s->raw[1], s->bin);
    }
    find_slopes(in->m, s->raw[0], s->slope[0]);
    find_slopes(in->m, s->raw[1], s->slope[1]);
}

/* ------------------------------------------------------------------ gradients */

/* From the bin to the softmax along one axis: the left end moves with all bins before, so with G_k = g_low before the
 * bin, g_length in it and 0 behind, the gradient at theta_k is share_k scale (G_k - sum_i p_i G_i), p_i the softmax. */
FLOW_MULTIVERSION
static void length_gradients(const flow_spline_axis *restrict axis, const flow_spline_input *in,
                             const real *restrict bin, const real *restrict g_low, const real *restrict g_length,
                             real *gtheta)
{
    int m = in->m, n_bins = in->n_bins;
    real least = least_length(in), bound = in->bound;
    real per_whole = 1 / (2 * bound - (real)n_bins * least), mean[ROWS];
    for (int j = 0; j < m; j++) {
        real before = axis->low[j] + bound - bin[j] * least, within = axis->high[j] - axis->low[j] - least;
        mean[j] = (g_low[j] * before + g_length[j] * within) * per_whole;
    }
    for (int k = 0; k < n_bins; k++) {
        const real *share = axis->share + k * m;
        real *out = gtheta + (size_t)k * in->stride;
        for (int j = 0; j < m; j++) {
            real at_bin = bin[j] == (real)k ? g_length[j] : 0;
            real g = bin[j] > (real)k ? g_low[j] : at_bin;
            out[j] = axis->scale[j] * share[j] * (g - mean[j]);
        }
    }
}

FLOW_MULTIVERSION
static void slope_gradients(const flow_spline_input *in, const real *restrict bin, const real *restrict g0,
                            const real *restrict g1, real *restrict gtheta)
{
    int m = in->m, n_slopes = flow_spline_n_params(in->n_bins, in->ends) - 2 * in->n_bins;
    int n_knots = in->ends == FLOW_SPLINE_CIRCLE ? in->n_bins : in->n_bins + 1;
    for (int p = 0; p < n_slopes; p++) { /* knot p + 1, between bins p and p + 1; the last one is followed by knot 0 */
        real before = (real)p, behind = (real)((p + 1) % n_knots);
        real *out = gtheta + (size_t)p * in->stride;
        for (int j = 0; j < m; j++) {
            real lower = g0[j], upper = g1[j];
            out[j] = (bin[j] == before ? upper : 0) + (bin[j] == behind ? lower : 0);
        }
    }
}

/* d slope / d raw is sigmoid(raw), 0 where raw was cut off */
static void through_softplus(int m, const real *raw, real *g)
{
    real sigmoid[ROWS], most = RAW_MOST + slope_offset();
    flow_vec_sigmoid((size_t)m, raw, sigmoid);
    for (int j = 0; j < m; j++)
        g[j] *= raw[j] < most ? sigmoid[j] : 0;
}

void flow_spline_find_backward(const flow_spline *s, const flow_spline_input *in, flow_spline_gradients *g,
                               real *gtheta)
{
    size_t axis = (size_t)in->n_bins * in->stride;
    length_gradients(&s->x, in, s->bin, g->x_low, g->w, gtheta);
    length_gradients(&s->y, in, s->bin, g->y_low, g->h, gtheta + axis);
    through_softplus(in->m, s->raw[0], g->slope[0]);
    through_softplus(in->m, s->raw[1], g->slope[1]);
    slope_gradients(in, s->bin, g->slope[0], g->slope[1], gtheta + 2 * axis);
}
