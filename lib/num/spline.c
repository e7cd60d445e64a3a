/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <tgmath.h>

#include "num/spline.h"

#include "num/simd.h"
#include "num/vecmath.h"

enum { ROWS = FLOW_SPLINE_ROWS };

static real clamp(real x, real least, real most)
{
    return x < least ? least : x > most ? most : x; /* NaN stays NaN */
}

/* One element in its bin: the quantities of spline.h. */
typedef struct spline_point {
    real w, h, s, d0, d1;
    real u, v;
    real den, mid; /* D and M */
    real slope;    /* dy/dx; the order of the products avoids overflow and underflow for slopes up to RAW_MOST */
} spline_point;

static inline void set_slope(spline_point *p)
{
    p->den = p->s * (p->u * p->u + p->v * p->v) + (p->d0 + p->d1) * (p->u * p->v);
    p->mid = p->d1 * p->u * p->u + 2 * p->s * p->u * p->v + p->d0 * p->v * p->v;
    real q = p->s / p->den;
    p->slope = q * (q * p->mid);
}

static inline spline_point bin_of(const flow_spline *s, int j)
{
    spline_point p = {.w = s->x.high[j] - s->x.low[j], .h = s->y.high[j] - s->y.low[j]};
    p.d0 = s->slope[0][j] + (real)FLOW_SPLINE_LEAST;
    p.d1 = s->slope[1][j] + (real)FLOW_SPLINE_LEAST;
    p.s = p.h / p.w;
    return p;
}

static inline spline_point point_at(const flow_spline *s, int j, real x)
{
    spline_point p = bin_of(s, j);
    real scale = 1 / p.w;
    p.u = clamp((x - s->x.low[j]) * scale, 0, 1);
    p.v = clamp((s->x.high[j] - x) * scale, 0, 1);
    set_slope(&p);
    return p;
}

/* Whether an element lies outside the box of a spline that is the identity there. */
static inline bool is_beyond(const flow_spline_input *in, real x)
{
    bool inside = (x > -in->bound) & (x < in->bound);
    return (in->ends == FLOW_SPLINE_IDENTITY) & !inside;
}

/* How far an element is outside the box, where the map is linear with the slope at the nearest end. */
static inline real excess_of(const flow_spline_input *in, real x)
{
    return x - clamp(x, -in->bound, in->bound);
}

FLOW_MULTIVERSION
static void spline_map(const flow_spline *restrict s, const flow_spline_input *in, const real *restrict x,
                       real *restrict y, real *restrict slope)
{
    int m = in->m;
    for (int j = 0; j < m; j++) {
        spline_point p = point_at(s, j, x[j]);
        real e = p.u * (p.s * p.u + p.d0 * p.v) / p.den;
        real inside = clamp(s->y.low[j] + p.h * e, s->y.low[j], s->y.high[j]);
        bool beyond = is_beyond(in, x[j]);
        y[j] = beyond ? x[j] : inside + excess_of(in, x[j]) * p.slope;
        slope[j] = beyond ? 1 : p.slope;
    }
}

FLOW_MULTIVERSION
static void spline_invert(const flow_spline *restrict s, const flow_spline_input *in, const real *restrict y,
                          real *restrict x, real *restrict slope)
{
    int m = in->m;
    for (int j = 0; j < m; j++) {
        spline_point p = bin_of(s, j);
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

static void add_log_slopes(int m, real *slope, double sign, double *logdet)
{
    flow_vec_log((size_t)m, slope, slope);
    for (int j = 0; j < m; j++)
        logdet[j] += sign * (double)slope[j];
}

void flow_spline_map(const flow_spline *s, const flow_spline_input *in, const real *x, real *y, double *logdet)
{
    real slope[ROWS];
    spline_map(s, in, x, y, slope);
    add_log_slopes(in->m, slope, 1, logdet);
}

void flow_spline_invert(const flow_spline *s, const flow_spline_input *in, const real *y, real *x, double *logdet)
{
    real slope[ROWS];
    spline_invert(s, in, y, x, slope);
    add_log_slopes(in->m, slope, -1, logdet);
}

/* ------------------------------------------------------------------ gradients */

/* `g` and gl are the gradients at y and log(dy/dx), or (inverse) at x and log(dx/dy). The inverse reduces to the map:
 * dx = (dy - sum of dy/dtheta dtheta) / (dy/dx), so that for the parameters a total gradient G at x is one of
 * -G / (dy/dx) at y. gin: the gradient at x, or (inverse) at y. */
static inline __attribute__((always_inline)) void partials(const flow_spline *restrict s, const flow_spline_input *in,
                                                           bool inverse, const real *restrict x, const real *restrict g,
                                                           const real *restrict gl, real *restrict gin,
                                                           flow_spline_gradients *restrict out)
{
    int m = in->m;
    for (int j = 0; j < m; j++) {
        spline_point p = point_at(s, j, x[j]);
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
        real g_in = g[j], g_log = inverse ? -gl[j] : gl[j];
        g_log = beyond ? 0 : g_log;
        real g_y = inverse ? -(g_in + g_log * l_u * per_w) / p.slope : g_in;
        g_y = beyond ? 0 : g_y;
        /* de / du = slope / s, de / ds = t (d1 u^2 - d0 v^2) / D^2, de / d d0 = t (1 - e) / D, de / d d1 = -t e / D */
        real g_e = g_y * p.h;
        real g_u = g_e * p.slope / p.s + g_log * l_u;
        real g_s = g_e * (t * per_den) * ((p.d1 * p.u * p.u - p.d0 * p.v * p.v) * per_den) + g_log * l_s;
        out->slope[0][j] = g_e * t * per_den * (1 - e) + g_log * l_d0 + g_y * (excess < 0 ? excess : 0);
        out->slope[1][j] = -g_e * t * per_den * e + g_log * l_d1 + g_y * (excess > 0 ? excess : 0);
        out->x_low[j] = -g_u * per_w;
        out->w[j] = -(g_u * p.u + g_s * p.s) * per_w;
        out->y_low[j] = g_y;
        out->h[j] = g_y * e + g_s * per_w;
        real at_input = inverse ? -g_y : g_u * per_w;
        gin[j] = beyond ? g_in : at_input;
    }
}

FLOW_MULTIVERSION
static void map_partials(const flow_spline *restrict s, const flow_spline_input *in, const real *restrict x,
                         const real *restrict gy, const real *restrict gl, real *restrict gx,
                         flow_spline_gradients *restrict out)
{
    partials(s, in, false, x, gy, gl, gx, out);
}

FLOW_MULTIVERSION
static void invert_partials(const flow_spline *restrict s, const flow_spline_input *in, const real *restrict x,
                            const real *restrict gx, const real *restrict gl, real *restrict gy,
                            flow_spline_gradients *restrict out)
{
    partials(s, in, true, x, gx, gl, gy, out);
}

void flow_spline_map_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gy,
                              const real *gl, real *gx, real *gtheta)
{
    flow_spline_gradients g;
    map_partials(s, in, x, gy, gl, gx, &g);
    flow_spline_find_backward(s, in, &g, gtheta);
}

void flow_spline_invert_backward(const flow_spline *s, const flow_spline_input *in, const real *x, const real *gx,
                                 const real *gl, real *gy, real *gtheta)
{
    flow_spline_gradients g;
    invert_partials(s, in, x, gx, gl, gy, &g);
    flow_spline_find_backward(s, in, &g, gtheta);
}
