/* A mixture of K normal distributions as a map: what makes an autoregressive block the MADE MoG, and a stack of them
 * the MAF MoG, of Papamakarios et al. 2017 (sec. 4.1; Germain et al. 2015). With F the distribution function of the
 * mixture,
 *     F(x) = sum_k w_k Phi((x - mean_k) / sigma_k),   z = Phi^-1(F(x)),
 *     log|dz/dx| = log f(x) - log phi(z),
 * so that under a standard normal z the density of x is exactly the mixture's density f. (Stacks of such maps
 * approximate any density: Huang et al. 2018.)
 *
 * Weights, means and scales are those of num/mixture.h. At theta = 0 the map differs from the identity by less than
 * 0.012 for |x| <= 3, and has the slope 1.05 far out; with one component it is the affine map.
 *
 * The way back is a Newton iteration in z, inside a bracket that is known beforehand (the components' own affine
 * maps), with a bisection wherever a step would not be good. In a gap between narrow components the map is as flat as
 * the density is small: there x has more digits than z can hold, and a round trip from x loses them, whatever the
 * precision. One from z does not. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <tgmath.h>

#include "flow/chunk.h"
#include "flow/univariate.h"
#include "flow/univariate/options.h"
#include "num/mixture.h"
#include "num/simd.h"
#include "num/vecmath.h"

enum {
    ROWS = FLOW_MIXTURE_ROWS,
    STEPS = sizeof(real) == sizeof(double) ? 200 : 100 /* of the way back, at most; a handful is usual */
};

static const real unit = sizeof(real) == sizeof(double) ? (real)DBL_EPSILON : (real)FLT_EPSILON;

static const flow_option mixture_table[] = {
    FLOW_KEY_INT(flow_mixture_options, components, "10", 1, FLOW_MIXTURE_MOST, "normal distributions in the mixture"),
    FLOW_KEY_NUMBER(flow_mixture_options, bound, "7", 0.1, 30, "largest absolute log-scale of a component"),
    FLOW_OPTIONS_END,
};

static int univariate_mixture_n_params(const void *self)
{
    return 3 * (int)((const flow_mixture_options *)self)->components;
}

static void univariate_mixture_prepare(flow_mixtures *mix, const flow_mixture_options *block, const real *theta,
                                       size_t stride, int m)
{
    flow_mixtures_prepare(mix, (int)block->components, (real)block->bound, theta, stride, m);
}

static void univariate_mixture_to_latent(const void *self, int d, int n, const real *x, real *theta, size_t stride,
                                         real *z, double *logdet)
{
    flow_mixtures mix;
    flow_mixture_place p;
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, ROWS);) {
        univariate_mixture_prepare(&mix, self, theta + c.at, stride, c.m);
        flow_mixtures_evaluate(&p, &mix, x + c.at);
        memcpy(z + c.at, p.z, (size_t)c.m * sizeof *z);
        for (int j = 0; j < c.m; j++)
            logdet[c.first + j] += (double)p.log_slope[j];
    }
}

/* ---- the way back ---- */

typedef struct search {
    flow_mixture_row x, low, high;
    flow_mixture_row miss; /* |z(x) - z| of the step before */
    flow_mixture_row done; /* 1: x is final */
} search;

/* A component's own affine map: the quantile of a mixture lies between the least and the largest of its components',
 * and at their weighted mean if they are alike. */
FLOW_MULTIVERSION
static void univariate_mixture_add_bracket(int m, const real *restrict z, const real *restrict mean,
                                           const real *restrict inverse, const real *restrict weight, real *restrict x,
                                           real *restrict low, real *restrict high)
{
    for (int j = 0; j < m; j++) {
        real own = mean[j] + z[j] / inverse[j];
        x[j] += weight[j] * own;
        low[j] = own < low[j] ? own : low[j];
        high[j] = own > high[j] ? own : high[j];
    }
}

static void univariate_mixture_start_search(search *s, const flow_mixtures *mix, const real *z)
{
    for (int j = 0; j < mix->m; j++) {
        s->x[j] = s->done[j] = 0;
        s->low[j] = s->miss[j] = (real)INFINITY;
        s->high[j] = (real)-INFINITY;
    }
    for (int k = 0; k < mix->k; k++)
        univariate_mixture_add_bracket(mix->m, z, mix->mean[k], mix->inverse[k], mix->weight[k], s->x, s->low, s->high);
    for (int j = 0; j < mix->m; j++) { /* the ends have rounding errors too */
        real slack = 4 * unit * (fabs(s->low[j]) + fabs(s->high[j]));
        s->low[j] -= slack;
        s->high[j] += slack;
    }
}

/* Newton's step if it stays inside the bracket and the one before halved the miss, else the middle. A row is done
 * when z is met to the last digits, or x does not move any more. */
FLOW_MULTIVERSION
static void univariate_mixture_move(int m, const real *restrict z, const real *restrict z_at,
                                    const real *restrict slope, real *restrict x, real *restrict low,
                                    real *restrict high, real *restrict miss, real *restrict done)
{
    for (int j = 0; j < m; j++) {
        real h = z_at[j] - z[j], size = fabs(h);
        real left = h < 0 ? x[j] : low[j], right = h > 0 ? x[j] : high[j];
        real newton = x[j] - h / slope[j], middle = left + (real)0.5 * (right - left);
        bool good = newton >= left && newton <= right && size <= (real)0.5 * miss[j];
        real next = good ? newton : middle;
        bool met = !(size > 2 * unit * (1 + fabs(z[j]))), still = fabs(next - x[j]) <= unit * fabs(x[j]);
        bool active = done[j] == 0;
        x[j] = active && (good || !met) ? next : x[j];
        low[j] = left;
        high[j] = right;
        miss[j] = size;
        done[j] = !active || met || still ? 1 : 0;
    }
}

static void univariate_mixture_solve(search *s, flow_mixture_place *p, const flow_mixtures *mix, const real *z)
{
    univariate_mixture_start_search(s, mix, z);
    for (int step = 0; step < STEPS; step++) {
        flow_mixtures_evaluate(p, mix, s->x);
        flow_vec_exp((size_t)mix->m, p->log_slope, p->log_slope);
        univariate_mixture_move(mix->m, z, p->z, p->log_slope, s->x, s->low, s->high, s->miss, s->done);
        real all = 1;
        for (int j = 0; j < mix->m; j++)
            all *= s->done[j];
        if (all != 0)
            break;
    }
}

static void univariate_mixture_to_data(const void *self, int d, int n, const real *z, real *theta, size_t stride,
                                       real *x, double *logdet)
{
    flow_mixtures mix;
    flow_mixture_place p;
    search s;
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, ROWS);) {
        univariate_mixture_prepare(&mix, self, theta + c.at, stride, c.m);
        univariate_mixture_solve(&s, &p, &mix, z + c.at);
        memcpy(x + c.at, s.x, (size_t)c.m * sizeof *x);
        flow_mixtures_evaluate(&p, &mix, s.x);
        for (int j = 0; j < c.m; j++)
            logdet[c.first + j] -= (double)p.log_slope[j];
    }
}

/* ---- gradients ---- */

/* With shares r of the density and q of the smaller side (both sum to 1), G = gz + glogdet z, and D = dz/dx:
 *     dz/dmean = -r D,  dz/ds = -r D sigma t,  dz/dl = +-M(z) (q - w),
 *     dlog f/dmean = r t / sigma,  dlog f/ds = r (t^2 - 1),  dlog f/dl = r - w,
 * where log|dz/dx| = log f + z^2 / 2 + const, and x moves z and log f as all means together, the other way. */
FLOW_MULTIVERSION
static void univariate_mixture_component_gradients(int m, const real *restrict t, const real *restrict density,
                                                   const real *restrict tail, const real *restrict weight,
                                                   const real *restrict inverse, const flow_mixture_place *restrict p,
                                                   const real *restrict slope, const real *restrict gz,
                                                   const real *restrict glogdet, real *restrict gx,
                                                   real *restrict glogit, real *restrict gmean, real *restrict gscale)
{
    for (int j = 0; j < m; j++) {
        real pull = gz[j] + glogdet[j] * p->z[j];
        real share = density[j] * inverse[j] / p->sum[j];
        bool is_tail = (t[j] < 0) == (p->lower[j] > 0);
        real near = tail[j] * p->units[j], far = weight[j] - tail[j] * p->scale[j];
        real part = (is_tail ? near : far) / p->side[j];
        gmean[j] = share * (glogdet[j] * t[j] * inverse[j] - pull * slope[j]);
        gscale[j] = t[j] / inverse[j] * gmean[j] - glogdet[j] * share;
        glogit[j] = pull * p->lower[j] * p->mills[j] * (part - weight[j]) + glogdet[j] * (share - weight[j]);
        gx[j] -= gmean[j];
    }
}

/* g *= d(bounded a)/da */
FLOW_MULTIVERSION
static void univariate_mixture_through_bound(int m, real inverse_bound, const real *restrict a, real *restrict g)
{
    for (int j = 0; j < m; j++) {
        real r = a[j] * inverse_bound, q = 1 / sqrt(1 + r * r);
        g[j] *= q * q * q;
    }
}

/* gx (m) and gtheta, from the gradients at z and at log|dz/dx| */
static void univariate_mixture_gradients(const flow_mixture_options *block, const flow_mixtures *mix,
                                         const flow_mixture_place *p, const real *slope, const real *theta,
                                         size_t stride, const real *gz, const real *glogdet, real *gx, real *gtheta)
{
    int m = mix->m;
    size_t means = (size_t)mix->k * stride;
    memset(gx, 0, (size_t)m * sizeof *gx);
    for (int k = 0; k < mix->k; k++) {
        size_t plane = (size_t)k * stride;
        real *glogit = gtheta + plane, *gmean = glogit + means, *gscale = gmean + means;
        univariate_mixture_component_gradients(m, p->t[k], p->density[k], p->tail[k], mix->weight[k], mix->inverse[k],
                                               p, slope, gz, glogdet, gx, glogit, gmean, gscale);
        univariate_mixture_through_bound(m, (real)1 / FLOW_MIXTURE_LOGIT_BOUND, theta + plane, glogit);
        univariate_mixture_through_bound(m, (real)(1 / block->bound), theta + 2 * means + plane, gscale);
    }
}

static void univariate_mixture_to_latent_backward(const void *self, int d, int n, const real *x, const real *theta,
                                                  size_t stride, const real *z, const real *gz, const real *glogdet,
                                                  real *gx, real *gtheta)
{
    (void)z;
    flow_mixtures mix;
    flow_mixture_place p;
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, ROWS);) {
        real slope[ROWS];
        univariate_mixture_prepare(&mix, self, theta + c.at, stride, c.m);
        flow_mixtures_evaluate(&p, &mix, x + c.at);
        flow_vec_exp((size_t)c.m, p.log_slope, slope);
        univariate_mixture_gradients(self, &mix, &p, slope, theta + c.at, stride, gz + c.at, glogdet + c.first,
                                     gx + c.at, gtheta + c.at);
    }
}

/* y += share * t / sigma */
FLOW_MULTIVERSION
static void univariate_mixture_add_curvature(int m, const real *restrict t, const real *restrict density,
                                             const real *restrict inverse, const real *restrict sum, real *restrict y)
{
    for (int j = 0; j < m; j++)
        y[j] += density[j] * inverse[j] / sum[j] * t[j] * inverse[j];
}

/* x(z; theta) is implicit: with Z = z(x; theta) and L = log|dZ/dx|, the gradient at log|dx/dz| = -L is one of
 * -glogdet at L, so that gz = (gx - glogdet dL/dx) / (dZ/dx), and theta moves x by -(dZ/dtheta) / (dZ/dx). */
static void univariate_mixture_to_data_backward(const void *self, int d, int n, const real *z, const real *theta,
                                                size_t stride, const real *x, const real *gx, const real *glogdet,
                                                real *gz, real *gtheta)
{
    (void)z;
    flow_mixtures mix;
    flow_mixture_place p;
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, ROWS);) {
        real slope[ROWS], curvature[ROWS] = {0}, minus_gz[ROWS], minus_glogdet[ROWS], ignored[ROWS];
        univariate_mixture_prepare(&mix, self, theta + c.at, stride, c.m);
        flow_mixtures_evaluate(&p, &mix, x + c.at);
        flow_vec_exp((size_t)c.m, p.log_slope, slope);
        for (int k = 0; k < mix.k; k++)
            univariate_mixture_add_curvature(c.m, p.t[k], p.density[k], mix.inverse[k], p.sum, curvature);
        for (int j = 0; j < mix.m; j++) {
            real g = glogdet[c.first + j];
            minus_gz[j] = (g * (p.z[j] * slope[j] - curvature[j]) - gx[c.at + (size_t)j]) / slope[j];
            gz[c.at + (size_t)j] = -minus_gz[j];
            minus_glogdet[j] = -g;
        }
        univariate_mixture_gradients(self, &mix, &p, slope, theta + c.at, stride, minus_gz, minus_glogdet, ignored,
                                     gtheta + c.at);
    }
}

const flow_univariate_type flow_univariate_mixture = {
    .info = {FLOW_INFO("mixture", "z = Phi^-1(F(x)), F the distribution function of a mixture of normal distributions",
                       mixture_table, flow_mixture_options)},
    .n_params = univariate_mixture_n_params, .map = {univariate_mixture_to_latent, univariate_mixture_to_data},
    .backward = {univariate_mixture_to_latent_backward, univariate_mixture_to_data_backward},
};
