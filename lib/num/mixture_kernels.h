/* The kernels of mixture.h, written once over a vector type (vecmath_functions.h). A vector holds one number of each of
 * WIDTH data rows. All of a mixture is computed while its rows are in registers and in the L1 cache; the weights stay
 * unnormalised, since their sum cancels nearly everywhere. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MIXTURE_KERNELS_H
#define FLOW_NUM_MIXTURE_KERNELS_H

#include <float.h>
#include <math.h>

#include "num/mixture.h"
#include "num/vecmath_functions.h"

/* On UCI protein 0.6 and 0.8 are worse by 0.05 to 0.3 nats after the same few epochs. */
#define MIXTURE_SPREAD 0.3
#define MIXTURE_PHI_0 ((real)0.39894228040143267794) /* 1 / sqrt(2 pi) */
#define MIXTURE_LOG_2 ((real)0.69314718055994530942)
#define MIXTURE_PER_LOG_2 ((real)1.4426950408889634074)

enum { MIXTURE_VECTORS = FLOW_MIXTURE_ROWS / WIDTH };

typedef vector mixture_plane[FLOW_MIXTURE_MOST]; /* a number of each component */

typedef struct mixture_rows {
    int k;
    vector total;                        /* the sum of the weights */
    mixture_plane weight, mean, inverse; /* unnormalised; inverse: 1 / sigma */
} mixture_rows;

/* 1 / sqrt(1 + (a / bound)^2) of the logits and of the log-scales; its cube is the derivative of the bounded value. */
typedef struct mixture_roots {
    mixture_plane logit, scale;
} mixture_roots;

/* What all mixtures of K components share. */
typedef struct mixture_shape {
    real first, spacing; /* the offsets of the means */
    real inverse_width;
} mixture_shape;

static mixture_shape mixture_shape_of(int k)
{
    if (k == 1)
        return (mixture_shape){.inverse_width = 1};
    double spacing = 2 * MIXTURE_SPREAD / sqrt(((double)k * k - 1) / 3);
    return (mixture_shape){.first = (real)(-0.5 * spacing * (k - 1)),
                           .spacing = (real)spacing,
                           .inverse_width = (real)(1 / sqrt(1 - MIXTURE_SPREAD * MIXTURE_SPREAD))};
}

/* The mixtures at one x for each data row. "Scaled" is in units of `scale`; side, density and near are in units of the
 * sum of the weights, too. */
typedef struct mixture_sums {
    vector total;               /* of the weights */
    vector scale, log_scale;    /* phi(t) / phi(0) of the component with the least |t| */
    vector sum;                 /* f / phi(0), scaled */
    vector bend;                /* the sum of the densities times t / sigma */
    vector side;                /* the smaller of F and 1 - F; scaled where all its parts are tails */
    mask is_low;                /* the smaller side is F */
    mask is_tail;               /* all parts of the smaller side are tails */
    vector units;               /* converts scaled numbers to the units of `side`: 1, or scale */
    vector z, log_slope, slope; /* by mixture_finish: z, log|dz/dx|, dz/dx */
} mixture_sums;

typedef struct mixture_parts {
    mixture_plane t;       /* (x - mean) / sigma */
    mixture_plane density; /* w phi(t) / phi(0), scaled */
    mixture_plane near;    /* the tail: w Phi(-|t|), scaled */
} mixture_parts;

/* ------------------------------------------------------------------ parameters */

/* y = a / sqrt(1 + (a / bound)^2) / log 2 for n planes, and the roots */
static inline void mixture_bound(int n, real bound, const real *theta, size_t stride, vector *root, vector *y)
{
    const real most = (real)1e9; /* there the bounded value is the bound, to all digits */
    real inverse_bound = 1 / bound, scale = bound * MIXTURE_PER_LOG_2;
    for (int k = 0; k < n; k++) {
        vector a = load(theta + (size_t)k * stride), r = bounded(a * inverse_bound, most);
        r += (real)0 * a; /* NaN and infinity become NaN */
        root[k] = inverse_root((real)1 + r * r);
        y[k] = r * scale * root[k];
    }
}

/* Loops over components are short: each is a chain of dependent operations, of which a processor works on as many as
 * fit into its window. */
static __attribute__((noinline)) void mixture_read(mixture_rows *rows, mixture_roots *roots, const flow_mixtures *mix,
                                                   const mixture_shape *shape, int at)
{
    int n = mix->k;
    size_t plane = (size_t)n * mix->stride;
    const real *theta = mix->theta + at;
    vector total = {0};
    mixture_bound(n, FLOW_MIXTURE_LOGIT_BOUND, theta, mix->stride, roots->logit, rows->weight);
    mixture_bound(n, mix->bound, theta + 2 * plane, mix->stride, roots->scale, rows->inverse);
    for (int k = 0; k < n; k++) {
        rows->weight[k] = power_of_two(rows->weight[k]);
        total += rows->weight[k];
    }
    for (int k = 0; k < n; k++) {
        rows->inverse[k] = shape->inverse_width * power_of_two(-rows->inverse[k]);
        rows->mean[k] = load(theta + plane + (size_t)k * mix->stride) + (shape->first + (real)k * shape->spacing);
    }
    rows->total = total;
    rows->k = n;
}

/* ------------------------------------------------------------------ at a place */

/* 2^x for x <= 0, and 0 where it is far below the last digit of 1: no product of it is denormal and therefore slow. */
static inline vector mixture_decay(vector x)
{
    const real least = sizeof(real) == sizeof(double) ? (real)-800 : (real)-80;
    return (vector)((mask)power_of_two(x) & ~(x < least));
}

static __attribute__((noinline)) void mixture_at(mixture_sums *sums, mixture_parts *p, const mixture_rows *rows,
                                                 vector x)
{
    /* The largest |t|: its powers stay finite. */
    const real farthest = sizeof(real) == sizeof(double) ? (real)1e100 : (real)1e12;
    vector least = (vector){0} + (real)INFINITY, sum = {0}, bend = {0};
    vector near_low = {0}, near_high = {0}, weight_low = {0}, weight_high = {0};
    for (int k = 0; k < rows->k; k++) {
        vector d = x - rows->mean[k], t = bounded(d * rows->inverse[k], farthest);
        t += (real)0 * d; /* NaN and infinity become NaN */
        vector exponent = (real)0.5 * MIXTURE_PER_LOG_2 * t * t;
        p->t[k] = t;
        p->density[k] = exponent;
        least = smaller(exponent, least);
    }
    sums->log_scale = -MIXTURE_LOG_2 * least;
    sums->scale = mixture_decay(-least);
    for (int k = 0; k < rows->k; k++)
        p->density[k] = rows->weight[k] * mixture_decay(least - p->density[k]);
    for (int k = 0; k < rows->k; k++)
        p->near[k] = p->density[k] * MIXTURE_PHI_0 * mills(size_of(p->t[k]));
    for (int k = 0; k < rows->k; k++) {
        vector t = p->t[k], inverse = rows->inverse[k], weight = rows->weight[k], near = p->near[k];
        vector density = p->density[k] * inverse;
        mask left = t < 0;
        sum += density;
        bend += density * (t * inverse);
        near_low += (vector)(left & (mask)near);
        near_high += (vector)(~left & (mask)near);
        weight_low += (vector)(~left & (mask)weight);
        weight_high += (vector)(left & (mask)weight);
    }
    sums->total = rows->total;
    sums->sum = sum;
    sums->bend = bend;
    /* What is not a tail is at least half of its weight: nothing cancels. Both sides cannot be 0 where scale is 0: each
     * component has a tail on one of them. */
    vector far_low = weight_low - sums->scale * near_high, far_high = weight_high - sums->scale * near_low;
    vector low = sums->scale * near_low + far_low, high = sums->scale * near_high + far_high;
    sums->is_low = low <= high;
    sums->is_tail = choose(sums->is_low, weight_low, weight_high) == 0;
    sums->side = choose(sums->is_tail, choose(sums->is_low, near_low, near_high), choose(sums->is_low, low, high));
    sums->units = choose(sums->is_tail, (vector){0} + (real)1, sums->scale);
}

/* dz/dx in the units of `units`, with Mills' ratio of |z| */
static inline vector mixture_ratio(const mixture_sums *sums, vector mills_z)
{
    return sums->sum / sums->side * (mills_z * MIXTURE_PHI_0);
}

static __attribute__((noinline)) void mixture_finish(int n, mixture_sums *sums)
{
    for (int i = 0; i < n; i++)
        sums[i].z = logarithm(sums[i].side / sums[i].total) + (vector)(sums[i].is_tail & (mask)sums[i].log_scale);
    for (int i = 0; i < n; i++)
        sums[i].z = normal_tail(sums[i].z);
    for (int i = 0; i < n; i++)
        sums[i].slope = mixture_ratio(&sums[i], mills(sums[i].z));
    for (int i = 0; i < n; i++) {
        vector ratio = sums[i].slope;
        sums[i].log_slope = logarithm(ratio) + (vector)(~sums[i].is_tail & (mask)sums[i].log_scale);
        sums[i].slope = ratio * sums[i].units;
        sums[i].z = choose(sums[i].is_low, -sums[i].z, sums[i].z);
    }
}

static void mixture_map(const flow_mixtures *mix, const real *x, real *z, real *log_slope)
{
    int n = mix->m / WIDTH;
    mixture_rows rows;
    mixture_roots roots;
    mixture_parts parts;
    mixture_sums sums[MIXTURE_VECTORS];
    const mixture_shape shape = mixture_shape_of(mix->k);
    for (int i = 0; i < n; i++) {
        mixture_read(&rows, &roots, mix, &shape, i * WIDTH);
        mixture_at(&sums[i], &parts, &rows, load(x + i * WIDTH));
    }
    mixture_finish(n, sums);
    for (int i = 0; i < n; i++) {
        store(z + i * WIDTH, sums[i].z);
        store(log_slope + i * WIDTH, sums[i].log_slope);
    }
}

/* ------------------------------------------------------------------ the way back */

typedef struct mixture_search {
    vector x, low, high;
    vector miss; /* |z(x) - z| of the step before */
    mask done;   /* x is final */
} mixture_search;

/* A component's own affine map: the quantile of a mixture lies between the least and the largest of its components',
 * and at their weighted mean if they are alike. */
static mixture_search mixture_start(const mixture_rows *rows, vector z)
{
    const vector infinite = (vector){0} + (real)INFINITY;
    const real unit = sizeof(real) == sizeof(double) ? (real)DBL_EPSILON : (real)FLT_EPSILON;
    mixture_search s = {.low = infinite, .high = -infinite, .miss = infinite};
    vector per_total = (real)1 / rows->total;
    for (int k = 0; k < rows->k; k++) {
        vector own = rows->mean[k] + z / rows->inverse[k];
        s.x += rows->weight[k] * per_total * own;
        s.low = smaller(own, s.low);
        s.high = larger(own, s.high);
    }
    vector slack = 4 * unit * (size_of(s.low) + size_of(s.high)); /* the ends have rounding errors too */
    s.low -= slack;
    s.high += slack;
    return s;
}

static inline bool mixture_any(mask m)
{
    mask none = {0};
    return memcmp(&m, &none, sizeof m) != 0;
}

/* Halley's step for z(x) - z if it stays inside the bracket and the one before halved the miss, else the middle. A row
 * is done when z is met to the last digits, or x does not move any more. */
static void mixture_move(mixture_search *s, const mixture_sums *sums, vector z)
{
    const real unit = sizeof(real) == sizeof(double) ? (real)DBL_EPSILON : (real)FLT_EPSILON;
    const vector half = (vector){0} + (real)0.5, two = (vector){0} + (real)2;
    vector h = sums->z - z, size = size_of(h);
    s->low = choose(h < 0, s->x, s->low);
    s->high = choose(h > 0, s->x, s->high);
    vector newton = h / sums->slope;
    vector bent = (real)1 - half * newton * (sums->z * sums->slope - sums->bend / sums->sum);
    vector halley = s->x - newton / larger(half, smaller(two, bent));
    mask good = (halley >= s->low) & (halley <= s->high) & (size <= half * s->miss);
    vector next = choose(good, halley, s->low + half * (s->high - s->low));
    mask met = ~(size > 2 * unit * ((real)1 + size_of(z))), still = size_of(next - s->x) <= unit * size_of(s->x);
    s->x = choose(s->done | met, s->x, next);
    s->done |= met | still;
    s->miss = size;
}

/* All vectors take their steps together, so that the processor has independent work; those that are done leave. */
static void mixture_invert(const flow_mixtures *mix, const real *z, real *x, real *log_slope)
{
    enum { STEPS = sizeof(real) == sizeof(double) ? 200 : 100 }; /* at most; a handful is usual */
    int n = mix->m / WIDTH, at[MIXTURE_VECTORS];
    mixture_rows rows[MIXTURE_VECTORS];
    mixture_roots roots;
    mixture_parts parts;
    mixture_search search[MIXTURE_VECTORS];
    mixture_sums sums[MIXTURE_VECTORS];
    const mixture_shape shape = mixture_shape_of(mix->k);
    for (int i = 0; i < n; i++) {
        at[i] = i;
        mixture_read(&rows[i], &roots, mix, &shape, i * WIDTH);
        search[i] = mixture_start(&rows[i], load(z + i * WIDTH));
    }
    for (int step = 0; n > 0; step++) {
        for (int i = 0; i < n; i++)
            mixture_at(&sums[i], &parts, &rows[at[i]], search[at[i]].x);
        mixture_finish(n, sums);
        int left = 0;
        for (int i = 0; i < n; i++) {
            mixture_search *s = &search[at[i]];
            int first = at[i] * WIDTH;
            vector here = s->x;
            mixture_move(s, &sums[i], load(z + first));
            if (step < STEPS && mixture_any(s->x != here)) {
                at[left++] = at[i];
                continue;
            }
            store(x + first, here);
            store(log_slope + first, sums[i].log_slope);
        }
        n = left;
    }
}

/* ------------------------------------------------------------------ gradients */

/* With shares r of the density and q of the smaller side (both sum to 1), G = gz + glogdet z, and D = dz/dx:
 *     dz/dmean = -r D,  dz/ds = -r D sigma t,  dz/dl = +-M(z) (q - w),
 *     dlog f/dmean = r t / sigma,  dlog f/ds = r (t^2 - 1),  dlog f/dl = r - w,
 * where log|dz/dx| = log f + z^2 / 2 + const, and x moves z and log f as all means together, the other way. Returns
 * the gradient at x. */
static vector mixture_gradients(const mixture_rows *rows, const mixture_roots *roots, const mixture_parts *p,
                                const mixture_sums *sums, vector x, vector z, vector mills_z, vector slope, vector gz,
                                vector gl, size_t stride, real *gtheta)
{
    vector pull = gz + gl * z, push = pull * slope, per_sum = (real)1 / sums->sum;
    vector turn = choose(sums->is_low, pull, -pull) * mills_z;
    vector at_part = turn / sums->side, at_weight = (turn + gl) / rows->total, gx = {0};
    size_t plane = (size_t)rows->k * stride;
    for (int k = 0; k < rows->k; k++) {
        vector t = p->t[k], inverse = rows->inverse[k], weight = rows->weight[k];
        vector share = p->density[k] * inverse * per_sum;
        vector near = p->near[k] * sums->units;
        vector part = choose((t < 0) ^ sums->is_low, weight - near, near);
        vector root = roots->logit[k], scale_root = roots->scale[k];
        vector gmean = share * (gl * t * inverse - push);
        vector gscale = (x - rows->mean[k]) * gmean - gl * share;
        vector glogit = at_part * part + gl * share - at_weight * weight;
        real *out = gtheta + (size_t)k * stride;
        store(out, glogit * (root * root * root));
        store(out + plane, gmean);
        store(out + 2 * plane, gscale * (scale_root * scale_root * scale_root));
        gx -= gmean;
    }
    return gx;
}

/* The inverse x(z; theta) is implicit: with Z = z(x; theta) and L = log|dZ/dx|, the gradient at log|dx/dz| = -L is one
 * of -glogdet at L, so that gz = (gx - glogdet dL/dx) / (dZ/dx), and theta moves x by -(dZ/dtheta) / (dZ/dx). */
static void mixture_backward(const flow_mixtures *mix, bool inverse, const real *x, const real *z, const real *g,
                             const real *gl, real *gin, real *gtheta)
{
    mixture_rows rows;
    mixture_roots roots;
    mixture_parts p;
    mixture_sums sums;
    const mixture_shape shape = mixture_shape_of(mix->k);
    for (int at = 0; at < mix->m; at += WIDTH) {
        vector x_at = load(x + at), z_at = load(z + at), gz = load(g + at), gl_at = load(gl + at);
        mixture_read(&rows, &roots, mix, &shape, at);
        mixture_at(&sums, &p, &rows, x_at);
        vector mills_z = mills(choose(sums.is_low, -z_at, z_at)), slope = mixture_ratio(&sums, mills_z) * sums.units;
        if (inverse) {
            gz = (gl_at * (z_at * slope - sums.bend / sums.sum) - gz) / slope;
            gl_at = -gl_at;
        }
        vector gx = mixture_gradients(&rows, &roots, &p, &sums, x_at, z_at, mills_z, slope, gz, gl_at, mix->stride,
                                      gtheta + at);
        store(gin + at, inverse ? -gz : gx);
    }
}

#endif
