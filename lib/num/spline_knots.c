/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <tgmath.h>

#include "num/spline_knots.h"

#include "num/simd.h"
#include "num/vecmath.h"

enum { ROWS = FLOW_SPLINE_ROWS };

#define RAW_MOST ((real)1e6) /* the largest slope: its square must not overflow, and float does not resolve more */

/* The largest parameter of the slope at an end; that of a slope of 1 is 0. */
static real end_most(const flow_spline_input *in)
{
    return in->ends == FLOW_SPLINE_BOUNDED ? 0 : (real)INFINITY;
}

/* softplus(c) = 1 - FLOW_SPLINE_LEAST */
static real slope_offset(void)
{
    return (real)log(expm1(1 - FLOW_SPLINE_LEAST));
}

static real least_length(const flow_spline_input *in)
{
    return (real)(2 * (double)in->bound * FLOW_SPLINE_LEAST);
}

/* The length that the softmax divides among the bins. */
static real shared_length(const flow_spline_input *in)
{
    return (real)(2 * (double)in->bound * (1 - in->n_bins * FLOW_SPLINE_LEAST));
}

void flow_spline_measure(const flow_spline_input *in, real *theta)
{
    size_t m = (size_t)in->m;
    flow_vec_softmax(in->n_bins, m, theta, in->stride);
    flow_vec_softmax(in->n_bins, m, theta + (size_t)in->n_bins * in->stride, in->stride);
}

int flow_spline_n_params(int n_bins, flow_spline_ends ends)
{
    static const int n_end_slopes[] = {
        [FLOW_SPLINE_IDENTITY] = 0, [FLOW_SPLINE_LINEAR] = 2, [FLOW_SPLINE_BOUNDED] = 2, [FLOW_SPLINE_PERIODIC] = 1};
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
        k = in->ends == FLOW_SPLINE_PERIODIC ? in->n_bins : in->n_bins + 1;
    return in->theta + (size_t)(2 * in->n_bins + k - 1) * in->stride;
}

/* One element during the search: a is the coordinate of its key, b the other one. */
typedef struct walk {
    real a, b;
    real a_low, a_high, b_low, b_high, raw0, raw1, bin;
} walk;

/* Goes on to inner knot k + 1. A knot that is not above the key becomes the lower end of the bin; the first knot that
 * is above it becomes the upper end. Every element passes all knots, so that there are no branches. */
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

/* So many knots or bins are passed while an element stays in registers: loads and stores cost more than the arithmetic
 * between them. */
enum { AT_A_TIME = 8 };

#define FOR_COUNTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)

static inline walk start_at_first_bin(real bound, real most, real first, real last)
{
    return (walk){-bound, -bound, -bound, bound, -bound, bound, first > most ? most : first, last > most ? most : last,
                  0};
}

/* Passes knots k + 1 to k + count, starting at the first bin (first) or from the state in s. After the last knot the
 * parameters of the slopes are ready for the softplus. */
static inline __attribute__((always_inline)) void pass_knots(int count, bool first, int k, const flow_spline_input *in,
                                                             bool by_y, const real *restrict key,
                                                             flow_spline *restrict s)
{
    int m = in->m;
    size_t stride = in->stride, axis = (size_t)in->n_bins * stride;
    real bound = in->bound, least = least_length(in), shared = shared_length(in), passed = (real)k;
    bool last = k + count == in->n_bins - 1;
    real most = last ? RAW_MOST : (real)INFINITY, at_end = end_most(in), c = last ? slope_offset() : 0;
    const real *restrict x = in->theta + (size_t)k * stride, *restrict y = x + axis, *restrict slopes = y + axis;
    const real *restrict a = by_y ? y : x, *restrict b = by_y ? x : y;
    const real *restrict lower = slopes_at(in, 0), *restrict upper = slopes_at(in, in->n_bins);
    flow_spline_axis *restrict on = by_y ? &s->y : &s->x, *restrict other = by_y ? &s->x : &s->y;
    FLOW_INDEPENDENT /* s, theta and key do not overlap */
    for (int j = 0; j < m; j++) {
        walk w = first ? start_at_first_bin(bound, at_end, lower[j], upper[j])
                       : (walk){on->knot[j],    other->knot[j], on->low[j],   on->high[j], other->low[j],
                                other->high[j], s->raw[0][j],   s->raw[1][j], s->bin[j]};
        FLOW_UNROLL
        for (int i = 0; i < count; i++) {
            size_t at = (size_t)i * stride + (size_t)j;
            pass_knot(&w, least + shared * a[at], least + shared * b[at], slopes[at], passed + (real)i, key[j]);
        }
        on->knot[j] = w.a, other->knot[j] = w.b, s->bin[j] = w.bin;
        on->low[j] = w.a_low, on->high[j] = w.a_high, other->low[j] = w.b_low, other->high[j] = w.b_high;
        s->raw[0][j] = (w.raw0 > most ? most : w.raw0) + c;
        s->raw[1][j] = (w.raw1 > most ? most : w.raw1) + c;
    }
}

#define PASSER(count)                                                                                              \
    FLOW_MULTIVERSION                                                                                              \
    static void pass_first_##count(int k, const flow_spline_input *in, bool by_y, const real *key, flow_spline *s) \
    {                                                                                                              \
        pass_knots(count, true, k, in, by_y, key, s);                                                              \
    }                                                                                                              \
    FLOW_MULTIVERSION                                                                                              \
    static void pass_##count(int k, const flow_spline_input *in, bool by_y, const real *key, flow_spline *s)       \
    {                                                                                                              \
        pass_knots(count, false, k, in, by_y, key, s);                                                             \
    }
FOR_COUNTS(PASSER)
#undef PASSER

typedef void passer(int k, const flow_spline_input *in, bool by_y, const real *key, flow_spline *s);

static passer *const firsts[AT_A_TIME + 1] = {NULL,         pass_first_1, pass_first_2, pass_first_3, pass_first_4,
                                              pass_first_5, pass_first_6, pass_first_7, pass_first_8};
static passer *const passers[AT_A_TIME + 1] = {NULL, pass_1, pass_2, pass_3, pass_4, pass_5, pass_6, pass_7, pass_8};

void flow_spline_find(flow_spline *s, const flow_spline_input *in, bool by_y, const real *key)
{
    for (int k = 0, count; k < in->n_bins - 1; k += count) {
        count = flow_min(in->n_bins - 1 - k, AT_A_TIME);
        (k == 0 ? firsts : passers)[count](k, in, by_y, key, s);
    }
    flow_vec_softplus((size_t)in->m, s->raw[0], s->slope[0]);
    flow_vec_softplus((size_t)in->m, s->raw[1], s->slope[1]);
}

/* ------------------------------------------------------------------ gradients */

/* Back through the softmax p along one axis. All bins before the bin of an element move its lower end: with G_k = g_low
 * before the bin, g_length in it and 0 after it, the gradient at theta_k is p_k (G_k - sum_i p_i G_i) times the shared
 * length. Writes the factors of p_k in place of g_low and g_length, and those after the bin to g_behind. */
FLOW_MULTIVERSION
static void length_factors(const flow_spline_axis *restrict axis, const flow_spline_input *in, const real *restrict bin,
                           real *restrict g_low, real *restrict g_length, real *restrict g_behind)
{
    int m = in->m;
    real least = least_length(in), bound = in->bound, shared = shared_length(in);
    for (int j = 0; j < m; j++) {
        real before = axis->low[j] + bound - bin[j] * least, within = axis->high[j] - axis->low[j] - least;
        real low = g_low[j], length = g_length[j], sum = low * before + length * within;
        g_low[j] = shared * low - sum;
        g_length[j] = shared * length - sum;
        g_behind[j] = -sum;
    }
}

static inline __attribute__((always_inline)) void spread_gradients(int count, int k, const flow_spline_input *in,
                                                         const real *restrict bin, const real *restrict share,
                                                         const real *restrict g_before, const real *restrict g_within,
                                                         const real *restrict g_behind, real *restrict gtheta)
{
    int m = in->m;
    size_t stride = in->stride, first = (size_t)k * stride;
    FLOW_INDEPENDENT /* planes do not overlap */
    for (int j = 0; j < m; j++) {
        real before = g_before[j], within = g_within[j], behind = g_behind[j], own = bin[j] - (real)k;
        FLOW_UNROLL
        for (int i = 0; i < count; i++) {
            size_t at = first + (size_t)i * stride + (size_t)j;
            real from = own == (real)i ? within : behind;
            gtheta[at] = share[at] * (own > (real)i ? before : from);
        }
    }
}

#define SPREADER(count)                                                                                        \
    FLOW_MULTIVERSION                                                                                          \
    static void spread_##count(int k, const flow_spline_input *in, const real *bin, const real *share,         \
                               const real *g_before, const real *g_within, const real *g_behind, real *gtheta) \
    {                                                                                                          \
        spread_gradients(count, k, in, bin, share, g_before, g_within, g_behind, gtheta);                      \
    }
FOR_COUNTS(SPREADER)
#undef SPREADER

typedef void spreader(int k, const flow_spline_input *in, const real *bin, const real *share, const real *g_before,
                      const real *g_within, const real *g_behind, real *gtheta);

static spreader *const spreaders[AT_A_TIME + 1] = {NULL,     spread_1, spread_2, spread_3, spread_4,
                                                   spread_5, spread_6, spread_7, spread_8};

static void length_gradients(const flow_spline_axis *axis, const flow_spline_input *in, const real *bin,
                             const real *share, real *g_low, real *g_length, real *gtheta)
{
    real g_behind[ROWS];
    length_factors(axis, in, bin, g_low, g_length, g_behind);
    for (int k = 0, count; k < in->n_bins; k += count) {
        count = flow_min(in->n_bins - k, AT_A_TIME);
        spreaders[count](k, in, bin, share, g_low, g_length, g_behind, gtheta);
    }
}

FLOW_MULTIVERSION
static void slope_gradients(const flow_spline_input *in, const real *restrict bin, const real *restrict g0,
                            const real *restrict g1, real *restrict gtheta)
{
    int m = in->m, n_slopes = flow_spline_n_params(in->n_bins, in->ends) - 2 * in->n_bins;
    int n_knots = in->ends == FLOW_SPLINE_PERIODIC ? in->n_bins : in->n_bins + 1;
    for (int p = 0; p < n_slopes; p++) { /* knot p + 1, between bins p and p + 1; the last one is followed by knot 0 */
        real before = (real)p, behind = (real)((p + 1) % n_knots);
        real *out = gtheta + (size_t)p * in->stride;
        for (int j = 0; j < m; j++) {
            real lower = g0[j], upper = g1[j];
            out[j] = (bin[j] == before ? upper : 0) + (bin[j] == behind ? lower : 0);
        }
        const real *raw = in->theta + (size_t)(2 * in->n_bins + p) * in->stride;
        for (int j = 0; j < m && in->ends == FLOW_SPLINE_BOUNDED && p >= in->n_bins - 1; j++)
            out[j] = raw[j] > 0 ? 0 : out[j];
    }
}

/* d slope / d raw is the sigmoid of raw; 0 where raw was cut off */
FLOW_MULTIVERSION
static void times_slope(int m, const real *restrict raw, const real *restrict sigmoid, real *restrict g)
{
    real most = RAW_MOST + slope_offset();
    for (int j = 0; j < m; j++)
        g[j] = raw[j] < most ? g[j] * sigmoid[j] : 0;
}

static void through_softplus(int m, const real *raw, real *g)
{
    real sigmoid[ROWS];
    flow_vec_sigmoid((size_t)m, raw, sigmoid);
    times_slope(m, raw, sigmoid, g);
}

void flow_spline_find_backward(const flow_spline *s, const flow_spline_input *in, flow_spline_gradients *g,
                               real *gtheta)
{
    size_t axis = (size_t)in->n_bins * in->stride;
    length_gradients(&s->x, in, s->bin, in->theta, g->x_low, g->w, gtheta);
    length_gradients(&s->y, in, s->bin, in->theta + axis, g->y_low, g->h, gtheta + axis);
    through_softplus(in->m, s->raw[0], g->slope[0]);
    through_softplus(in->m, s->raw[1], g->slope[1]);
    slope_gradients(in, s->bin, g->slope[0], g->slope[1], gtheta + 2 * axis);
}
