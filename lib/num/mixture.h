/* Mixtures of K normal distributions, one for each data row: the numerics of the mixture univariate.
 *
 * With F the distribution function of the mixture and f its density,
 *     F(x) = sum_k w_k Phi((x - mean_k) / sigma_k),   z = Phi^-1(F(x)),   log|dz/dx| = log f(x) - log phi(z).
 *
 * Parameters, K planes of each: logits l, means m, log-scales a. The weights w are the softmax of l, which is bounded
 * at 15; mean_k = offset_k + m_k; sigma_k = width exp(s_k), where a is bounded smoothly,
 *     s = a / sqrt(1 + (a / bound)^2).
 * The offsets are evenly spaced with a standard deviation of 0.3, and width^2 = 1 - 0.3^2. So at theta = 0 the mixture
 * has mean 0 and variance 1, but all components differ, so that their gradients differ, too.
 *
 * Numerics. Nothing underflows for any x, and everything is computed in `real`. With t_k = (x - mean_k) /
 * sigma_k, the density and the tail of a component are phi(t) and phi(t) M(|t|) with Mills' ratio M; both are scaled by
 * the phi of the least |t_k|. z comes from the logarithm of the smaller of F and 1 - F, and log|dz/dx| from the ratio
 * of density and tail, in which the scale cancels. The kernels are in mixture_kernels.h; vecmath.c picks those of the
 * machine.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MIXTURE_H
#define FLOW_NUM_MIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "num/real.h"

enum {
    FLOW_MIXTURE_MOST = 32,       /* components */
    FLOW_MIXTURE_ROWS = 64,       /* data rows at a time */
    FLOW_MIXTURE_LOGIT_BOUND = 15 /* no weight is below exp(-30) / K */
};

/* The mixtures of m data rows, a multiple of FLOW_LANES and FLOW_MIXTURE_ROWS at most; their parameter p starts at
 * theta[p * stride]. */
typedef struct flow_mixtures {
    int k, m;
    real bound; /* the largest absolute log-scale */
    const real *theta;
    size_t stride;
} flow_mixtures;

/* Writes z (m) and log|dz/dx| (m). */
void flow_mixtures_map(const flow_mixtures *mix, const real *x, real *z, real *log_slope);

/* Writes x (m) and log|dz/dx| (m): bit for bit the one of the map at this x. */
void flow_mixtures_invert(const flow_mixtures *mix, const real *z, real *x, real *log_slope);

/* The gradients gx (m) and gtheta (planes like theta) from gz at z and gl at log|dz/dx|. */
void flow_mixtures_map_backward(const flow_mixtures *mix, const real *x, const real *z, const real *gz, const real *gl,
                                real *gx, real *gtheta);

/* The gradients gz (m) and gtheta from gx at x and gl at log|dx/dz|. */
void flow_mixtures_invert_backward(const flow_mixtures *mix, const real *x, const real *z, const real *gx,
                                   const real *gl, real *gz, real *gtheta);

#endif
