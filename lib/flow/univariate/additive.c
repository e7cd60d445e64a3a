/* The additive map of NICE: x = z + m, z = x - m (Dinh et al. 2015, sec. 3.2). It preserves volume. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "flow/univariate.h"
#include "num/simd.h"

static int additive_n_params(const void *self)
{
    (void)self;
    return 1;
}

FLOW_MULTIVERSION
static void additive_add(size_t count, const real *restrict a, real sign, const real *restrict m, real *restrict out)
{
    for (size_t k = 0; k < count; k++)
        out[k] = a[k] + sign * m[k];
}

static void additive_to_latent(const void *self, int d, int n, const real *x, real *theta, size_t stride, real *z,
                               double *logdet)
{
    (void)self, (void)stride, (void)logdet;
    additive_add((size_t)d * (size_t)n, x, -1, theta, z);
}

static void additive_to_data(const void *self, int d, int n, const real *z, real *theta, size_t stride, real *x,
                             double *logdet)
{
    (void)self, (void)stride, (void)logdet;
    additive_add((size_t)d * (size_t)n, z, 1, theta, x);
}

static void additive_pass_on(size_t count, const real *g, real sign, real *gin, real *gtheta)
{
    memcpy(gin, g, count * sizeof *g);
    for (size_t k = 0; k < count; k++)
        gtheta[k] = sign * g[k];
}

static void additive_to_latent_backward(const void *self, int d, int n, const real *x, const real *theta, size_t stride,
                                        const real *z, const real *gz, const real *glogdet, real *gx, real *gtheta)
{
    (void)self, (void)x, (void)theta, (void)stride, (void)z, (void)glogdet;
    additive_pass_on((size_t)d * (size_t)n, gz, -1, gx, gtheta);
}

static void additive_to_data_backward(const void *self, int d, int n, const real *z, const real *theta, size_t stride,
                                      const real *x, const real *gx, const real *glogdet, real *gz, real *gtheta)
{
    (void)self, (void)z, (void)theta, (void)stride, (void)x, (void)glogdet;
    additive_pass_on((size_t)d * (size_t)n, gx, 1, gz, gtheta);
}

const flow_univariate_type flow_univariate_additive = {
    .info = {FLOW_INFO_BARE("additive", "x = z + m, which preserves volume")},
    .n_params = additive_n_params, .map = {additive_to_latent, additive_to_data},
    .backward = {additive_to_latent_backward, additive_to_data_backward},
};
