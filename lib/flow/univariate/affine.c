/* The affine map with a bounded log-scale: x = z exp(s) + m, z = (x - m) exp(-s) (Papamakarios et al. 2017, eq. 3-4;
 * Dinh et al. 2017, eq. 4). Parameters: m, and a raw log-scale a that is bounded smoothly,
 *     s = a / sqrt(1 + (a / bound)^2),
 * so that |s| < bound whatever the network says, and s = a near 0. The default of 3 lets one map stretch by 20: with
 * 7, couplings learn to put outliers where the density is enormous, and the next step is out of range. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <tgmath.h>

#include "flow/chunk.h"
#include "flow/univariate.h"
#include "flow/univariate/options.h"
#include "num/simd.h"
#include "num/vecmath.h"

static const flow_option affine_table[] = {
    FLOW_KEY_NUMBER(flow_affine_options, bound, "3", 0.1, 30, "largest absolute log-scale"),
    FLOW_OPTIONS_END,
};

static int affine_n_params(const void *self)
{
    (void)self;
    return 2;
}

/* s = sign * bounded(a), and adds it to the log-determinant */
FLOW_MULTIVERSION
static void affine_bound_scale(int n, real inverse_bound, real sign, const real *restrict a, real *restrict s,
                               double *restrict logdet)
{
    for (int j = 0; j < n; j++) {
        real t = a[j] * inverse_bound;
        s[j] = sign * a[j] / sqrt(1 + t * t);
        logdet[j] += (double)s[j];
    }
}

/* out = (in - m) e, or with `back` in e + m */
FLOW_MULTIVERSION
static void affine_move(int n, bool back, const real *restrict in, const real *restrict m, const real *restrict e,
                        real *restrict out)
{
    for (int j = 0; j < n; j++)
        out[j] = back ? in[j] * e[j] + m[j] : (in[j] - m[j]) * e[j];
}

static void affine_map(const flow_affine_options *block, bool back, int d, int n, const real *in, const real *theta,
                       size_t stride, real *out, double *logdet)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_TILE);) {
        real e[FLOW_TILE];
        affine_bound_scale(c.m, (real)(1 / block->bound), back ? 1 : -1, theta + stride + c.at, e, logdet + c.first);
        flow_vec_exp((size_t)c.m, e, e);
        affine_move(c.m, back, in + c.at, theta + c.at, e, out + c.at);
    }
}

static void affine_to_latent(const void *self, int d, int n, const real *x, real *theta, size_t stride, real *z,
                             double *logdet)
{
    affine_map(self, false, d, n, x, theta, stride, z, logdet);
}

static void affine_to_data(const void *self, int d, int n, const real *z, real *theta, size_t stride, real *x,
                           double *logdet)
{
    affine_map(self, true, d, n, z, theta, stride, x, logdet);
}

/* s = sign * bounded(a), ds/da into slope */
FLOW_MULTIVERSION
static void affine_scale_and_slope(int n, real inverse_bound, real sign, const real *restrict a, real *restrict s,
                                   real *restrict slope)
{
    for (int j = 0; j < n; j++) {
        real t = a[j] * inverse_bound;
        real q = 1 / sqrt(1 + t * t);
        s[j] = sign * a[j] * q;
        slope[j] = q * q * q;
    }
}

/* With z the latent end: dz/dm = -e, dz/ds = -z, or with `back` dx/dm = 1, dx/ds = z e. */
FLOW_MULTIVERSION
static void affine_gradients(int n, bool back, const real *restrict z, const real *restrict e,
                             const real *restrict slope, const real *restrict gout, const real *restrict glogdet,
                             real *restrict gin, real *restrict gm, real *restrict ga)
{
    for (int j = 0; j < n; j++) {
        gin[j] = gout[j] * e[j];
        gm[j] = back ? gout[j] : -gin[j];
        real gs = (back ? gin[j] : gout[j]) * z[j] + glogdet[j];
        ga[j] = (back ? gs : -gs) * slope[j];
    }
}

static void affine_backward(const flow_affine_options *block, bool back, int d, int n, const real *theta, size_t stride,
                            const real *z, const real *gout, const real *glogdet, real *gin, real *gtheta)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_TILE);) {
        real e[FLOW_TILE], slope[FLOW_TILE];
        affine_scale_and_slope(c.m, (real)(1 / block->bound), back ? 1 : -1, theta + stride + c.at, e, slope);
        flow_vec_exp((size_t)c.m, e, e);
        affine_gradients(c.m, back, z + c.at, e, slope, gout + c.at, glogdet + c.first, gin + c.at, gtheta + c.at,
                         gtheta + stride + c.at);
    }
}

static void affine_to_latent_backward(const void *self, int d, int n, const real *x, const real *theta, size_t stride,
                                      const real *z, const real *gz, const real *glogdet, real *gx, real *gtheta)
{
    (void)x;
    affine_backward(self, false, d, n, theta, stride, z, gz, glogdet, gx, gtheta);
}

static void affine_to_data_backward(const void *self, int d, int n, const real *z, const real *theta, size_t stride,
                                    const real *x, const real *gx, const real *glogdet, real *gz, real *gtheta)
{
    (void)x;
    affine_backward(self, true, d, n, theta, stride, z, gx, glogdet, gz, gtheta);
}

const flow_univariate_type flow_univariate_affine = {
    .info = {FLOW_INFO("affine", "x = z exp(s) + m with a bounded log-scale s", affine_table, flow_affine_options)},
    .n_params = affine_n_params, .map = {affine_to_latent, affine_to_data},
    .backward = {affine_to_latent_backward, affine_to_data_backward},
};
