/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <tgmath.h>

#include "flow/spline.h"

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

static real clamp(real x, real least, real most)
{
    return x < least ? least : x > most ? most : x; /* NaN stays NaN */
}

/* ------------------------------------------------------------------ the bin of each element */

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

typedef struct edges {
    real x[ROWS], y[ROWS];
} edges;

/* Takes bin k for the elements whose key is not below its left end, and moves to its right end. No search and no
 * branches: with K compares per element every lane does the same. */
FLOW_MULTIVERSION
static void visit_bin(flow_spline *restrict s, const flow_spline_input *in, int k, bool by_y, const real *restrict key,
                      edges *restrict left)
{
    int m = in->m;
    real least = least_length(in), bound = in->bound;
    bool first = k == 0, last = k == in->n_bins - 1;
    const real *a = slopes_at(in, k), *b = slopes_at(in, k + 1);
    const real *share_x = s->x.share + k * m, *share_y = s->y.share + k * m;
    for (int j = 0; j < m; j++) {
        real x = left->x[j], y = left->y[j];
        real x_right = last ? bound : x + (least + s->x.scale[j] * share_x[j]);
        real y_right = last ? bound : y + (least + s->y.scale[j] * share_y[j]);
        bool take = first | (key[j] >= (by_y ? y : x));
        s->bin[j] = take ? (real)k : s->bin[j];
        s->x.low[j] = take ? x : s->x.low[j];
        s->x.high[j] = take ? x_right : s->x.high[j];
        s->y.low[j] = take ? y : s->y.low[j];
        s->y.high[j] = take ? y_right : s->y.high[j];
        s->raw[j] = take ? a[j] : s->raw[j];
        s->raw[m + j] = take ? b[j] : s->raw[m + j];
        left->x[j] = x_right;
        left->y[j] = y_right;
    }
}

static void shift_raw(int count, real *raw)
{
    real c = slope_offset();
    for (int j = 0; j < count; j++)
        raw[j] = (raw[j] > RAW_MOST ? RAW_MOST : raw[j]) + c;
}

void flow_spline_find(flow_spline *s, const flow_spline_input *in, bool by_y, const real *key)
{
    int m = in->m;
    measure_bins(&s->x, in, 0);
    measure_bins(&s->y, in, in->n_bins);
    edges left;
    for (int j = 0; j < m; j++)
        left.x[j] = left.y[j] = -in->bound;
    for (int k = 0; k < in->n_bins; k++)
        visit_bin(s, in, k, by_y, key, &left);
    shift_raw(2 * m, s->raw);
    flow_vec_softplus((size_t)(2 * m), s->raw, s->slope);
    for (int j = 0; j < 2 * m; j++)
        s->slope[j] += (real)FLOW_SPLINE_LEAST;
}

/* ------------------------------------------------------------------ the map */

/* One element in its bin: all that both directions and their backwards need. */
typedef struct place {
    real w, h, s, d0, d1;
    real u, v;
    real den, mid; /* D and M */
    real slope;    /* dy/dx; multiplied in an order that neither overflows nor loses it for any slopes up to RAW_MOST */
} place;

static inline void set_slope(place *p)
{
    p->den = p->s * (p->u * p->u + p->v * p->v) + (p->d0 + p->d1) * (p->u * p->v);
    p->mid = p->d1 * p->u * p->u + 2 * p->s * p->u * p->v + p->d0 * p->v * p->v;
    real q = p->s / p->den;
    p->slope = q * (q * p->mid);
}

static inline place bin_of(const flow_spline *s, int m, int j)
{
    place p = {
        .w = s->x.high[j] - s->x.low[j], .h = s->y.high[j] - s->y.low[j], .d0 = s->slope[j], .d1 = s->slope[m + j]};
    p.s = p.h / p.w;
    return p;
}

static inline place place_of(const flow_spline *s, int m, int j, real x)
{
    place p = bin_of(s, m, j);
    real scale = 1 / p.w;
    p.u = clamp((x - s->x.low[j]) * scale, 0, 1);
    p.v = clamp((s->x.high[j] - x) * scale, 0, 1);
    set_slope(&p);
    return p;
}

/* Whether an element is beyond the spline and stays where it is. */
static inline bool is_beyond(const flow_spline_input *in, real x)
{
    bool inside = (x > -in->bound) & (x < in->bound);
    return (in->ends == FLOW_SPLINE_IDENTITY) & !inside;
}

/* How far an element is outside of the box. There the nearest bin's slope at that end is the map's. */
static inline real excess_of(const flow_spline_input *in, real x)
{
    return x - clamp(x, -in->bound, in->bound);
}

FLOW_MULTIVERSION
static void map(const flow_spline *restrict s, const flow_spline_input *in, const real *restrict x, real *restrict y,
                real *restrict slope)
{
    int m = in->m;
    for (int j = 0; j < m; j++) {
        place p = place_of(s, m, j, x[j]);
        real e = p.u * (p.s * p.u + p.d0 * p.v) / p.den;
        real inside = clamp(s->y.low[j] + p.h * e, s->y.low[j], s->y.high[j]);
        bool beyond = is_beyond(in, x[j]);
        y[j] = beyond ? x[j] : inside + excess_of(in, x[j]) * p.slope;
        slope[j] = beyond ? 1 : p.slope;
    }
}

FLOW_MULTIVERSION
static void invert(const flow_spline *restrict s, const flow_spline_input *in, const real *restrict y, real *restrict x,
                   real *restrict slope)
{
    int m = in->m;
    for (int j = 0; j < m; j++) {
        place p = bin_of(s, m, j);
        real scale = 1 / p.h;
        real e = clamp((y[j] - s->y.low[j]) * scale, 0, 1);
        real f = clamp((s->y.high[j] - y[j]) * scale, 0, 1);
        real r = p.d0 * f - p.d1 * e;
        real near = 2 * p.s * (r < 0 ? f : e);
        real far = fabs(r) + sqrt(r * r + 4 * p.s * p.s * (e * f));
        real whole = 1 / (near + far);
        p.u = (r < 0 ? far : near) * whole;
        p.v = (r < 0 ? near : far) * whole;
        set_slope(&p);
        real inside = r < 0 ? s->x.high[j] - p.w * p.v : s->x.low[j] + p.w * p.u;
        inside = clamp(inside, s->x.low[j], s->x.high[j]);
        bool beyond = is_beyond(in, y[j]);
        x[j] = beyond ? y[j] : inside + excess_of(in, y[j]) / p.slope;
        slope[j] = beyond ? 1 : p.slope;
    }
}

static void add_logs(int m, real *slope, double sign, double *logdet)
{
    flow_vec_log((size_t)m, slope, slope);
    for (int j = 0; j < m; j++)
        logdet[j] += sign * (double)slope[j];
}

void flow_spline_map(const flow_spline *s, const flow_spline_input *in, const real *x, real *y, double *logdet)
{
    real slope[ROWS];
    map(s, in, x, y, slope);
    add_logs(in->m, slope, 1, logdet);
}

void flow_spline_invert(const flow_spline *s, const flow_spline_input *in, const real *y, real *x, double *logdet)
{
    real slope[ROWS];
    invert(s, in, y, x, slope);
    add_logs(in->m, slope, -1, logdet);
}

/* ------------------------------------------------------------------ gradients */

/* At what the map is made of: the bin's left end and length along both axes, the slopes at its ends. */
typedef struct bin_gradients {
    real x_low[ROWS], w[ROWS], y_low[ROWS], h[ROWS];
    real slope[2 * ROWS]; /* (2, m) */
} bin_gradients;

/* `g` and gl are the gradients at y and log(dy/dx), or (inverse) at x and log(dx/dy). The latter are led back to the
 * former: with L = log(dy/dx), dx = (dy - sum of dy/dtheta dtheta) / (dy/dx), so a gradient G at x in all is one of
 * -G / (dy/dx) at y for the parameters. gin: at x, or (inverse) at y. */
static inline void partials(const flow_spline *restrict s, const flow_spline_input *in, bool inverse,
                            const real *restrict x, const real *restrict g, const real *restrict gl, real *restrict gin,
                            bin_gradients *restrict out)
{
    int m = in->m;
    for (int j = 0; j < m; j++) {
        place p = place_of(s, m, j, x[j]);
        real per_w = 1 / p.w, per_den = 1 / p.den, per_mid = 1 / p.mid, t = p.u * p.v;
        real e = p.u * (p.s * p.u + p.d0 * p.v) * per_den;
        /* d log(dy/dx) / du, / ds, / d d0, / d d1 */
        real l_u = 2 * ((p.d1 * p.u + p.s * (p.v - p.u) - p.d0 * p.v) * per_mid -
                        (p.d0 + p.d1 - 2 * p.s) * (p.v - p.u) * per_den);
        real l_s = 2 * (1 / p.s + t * per_mid - (1 - 2 * t) * per_den);
        real l_d0 = p.v * p.v * per_mid - 2 * t * per_den;
        real l_d1 = p.u * p.u * per_mid - 2 * t * per_den;
        real excess = excess_of(in, x[j]);
        l_u = excess != 0 ? 0 : l_u;
        bool beyond = is_beyond(in, x[j]);
        real g_log = beyond ? 0 : inverse ? -gl[j] : gl[j];
        real g_y = beyond ? 0 : inverse ? -(g[j] + g_log * l_u * per_w) / p.slope : g[j];
        /* de / du = slope / s, de / ds = t (d1 u^2 - d0 v^2) / D^2, de / d d0 = t (1 - e) / D, de / d d1 = -t e / D */
        real g_e = g_y * p.h;
        real g_u = g_e * p.slope / p.s + g_log * l_u;
        real g_s = g_e * (t * per_den) * ((p.d1 * p.u * p.u - p.d0 * p.v * p.v) * per_den) + g_log * l_s;
        out->slope[j] = g_e * t * per_den * (1 - e) + g_log * l_d0 + g_y * (excess < 0 ? excess : 0);
        out->slope[m + j] = -g_e * t * per_den * e + g_log * l_d1 + g_y * (excess > 0 ? excess : 0);
        out->x_low[j] = -g_u * per_w;
        out->w[j] = -(g_u * p.u + g_s * p.s) * per_w;
        out->y_low[j] = g_y;
        out->h[j] = g_y * e + g_s * per_w;
        real at_input = inverse ? -g_y : g_u * per_w;
        gin[j] = beyond ? g[j] : at_input;
    }
}

FLOW_MULTIVERSION
static void map_partials(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gy,
                         const real *gl, real *gx, bin_gradients *out)
{
    partials(s, in, false, x, gy, gl, gx, out);
}

FLOW_MULTIVERSION
static void invert_partials(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gx,
                            const real *gl, real *gy, bin_gradients *out)
{
    partials(s, in, true, x, gx, gl, gy, out);
}

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
static void slope_gradients(const flow_spline_input *in, const real *restrict bin, const real *restrict g,
                            real *restrict gtheta)
{
    int m = in->m, n_slopes = flow_spline_n_params(in->n_bins, in->ends) - 2 * in->n_bins;
    int n_knots = in->ends == FLOW_SPLINE_CIRCLE ? in->n_bins : in->n_bins + 1;
    for (int p = 0; p < n_slopes; p++) { /* knot p + 1, between bins p and p + 1; the last one is followed by knot 0 */
        real before = (real)p, behind = (real)((p + 1) % n_knots);
        real *out = gtheta + (size_t)p * in->stride;
        for (int j = 0; j < m; j++)
            out[j] = (bin[j] == before ? g[m + j] : 0) + (bin[j] == behind ? g[j] : 0);
    }
}

/* d slope / d raw is sigmoid(raw), 0 where raw was cut off */
static void through_softplus(const flow_spline *s, int count, real *g)
{
    real sigmoid[2 * ROWS];
    real most = RAW_MOST + slope_offset();
    flow_vec_sigmoid((size_t)count, s->raw, sigmoid);
    for (int j = 0; j < count; j++)
        g[j] *= s->raw[j] < most ? sigmoid[j] : 0;
}

static void theta_gradients(const flow_spline *s, const flow_spline_input *in, bin_gradients *g, real *gtheta)
{
    size_t axis = (size_t)in->n_bins * in->stride;
    length_gradients(&s->x, in, s->bin, g->x_low, g->w, gtheta);
    length_gradients(&s->y, in, s->bin, g->y_low, g->h, gtheta + axis);
    through_softplus(s, 2 * in->m, g->slope);
    slope_gradients(in, s->bin, g->slope, gtheta + 2 * axis);
}

void flow_spline_map_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gy,
                              const real *gl, real *gx, real *gtheta)
{
    bin_gradients g;
    map_partials(s, in, x, gy, gl, gx, &g);
    theta_gradients(s, in, &g, gtheta);
}

void flow_spline_invert_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gx,
                                 const real *gl, real *gy, real *gtheta)
{
    bin_gradients g;
    invert_partials(s, in, x, gx, gl, gy, &g);
    theta_gradients(s, in, &g, gtheta);
}
