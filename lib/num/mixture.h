/* Mixtures of K normal distributions, one for each data row: the numerics of the mixture univariate.
 *
 * Parameters, K planes of each: logits l, means m, log-scales a. The weights w are the softmax of l, which is bounded
 * at 15; mean_k = offset_k + m_k; sigma_k = width exp(s_k), where a is bounded smoothly,
 *     s = a / sqrt(1 + (a / bound)^2).
 * The offsets are evenly spaced with a standard deviation of 0.3, and width^2 = 1 - 0.3^2. So at theta = 0 the mixture
 * has mean 0 and variance 1, but all components differ, so that their gradients differ, too.
 *
 * Numerics. Nothing underflows for any x, and everything is computed in `real`. With t_k = (x - mean_k) /
 * sigma_k, the density and the tail of a component are phi(t) and phi(t) M(|t|) with Mills' ratio M
 * (num/vecmath.h); both are scaled by the largest w_k phi(t_k). z comes from the logarithm of the smaller of F and 1
 * - F, and log|dz/dx| from the ratio of density and tail, in which the scale cancels.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MIXTURE_H
#define FLOW_NUM_MIXTURE_H

#include <stddef.h>

#include "num/real.h"

enum {
    FLOW_MIXTURE_MOST = 32,       /* components */
    FLOW_MIXTURE_ROWS = 64,       /* data rows at a time */
    FLOW_MIXTURE_LOGIT_BOUND = 15 /* no weight is below exp(-30) / K */
};

typedef real flow_mixture_planes[FLOW_MIXTURE_MOST][FLOW_MIXTURE_ROWS];
typedef real flow_mixture_row[FLOW_MIXTURE_ROWS];

typedef struct flow_mixtures {
    int k, m; /* components; rows, a multiple of FLOW_LANES */
    flow_mixture_planes mean, inverse, weight, log_weight; /* inverse: 1 / sigma */
} flow_mixtures;

/* Makes the mixtures of m data rows; their parameter p starts at theta[p * stride]. */
void flow_mixtures_prepare(flow_mixtures *mix, int k, real bound, const real *theta, size_t stride, int m);

/* The mixtures at one x for each data row. "Scaled" is in units of exp(top). */
typedef struct flow_mixture_place {
    flow_mixture_planes t;       /* (x - mean) / sigma */
    flow_mixture_planes density; /* w phi(t) / phi(0), scaled */
    flow_mixture_planes tail;    /* w Phi(-|t|), scaled */
    flow_mixture_row top, scale; /* scale: exp(top) */
    flow_mixture_row sum;        /* f / phi(0), scaled */
    flow_mixture_row side;       /* the smaller of F and 1 - F; scaled where all its parts are tails */
    flow_mixture_row units;      /* converts scaled numbers to the units of `side`: 1, or scale */
    flow_mixture_row lower;      /* 1: the smaller side is F; -1: it is 1 - F */
    flow_mixture_row mills;      /* of |z| */
    flow_mixture_row z;          /* Phi^-1(F(x)) */
    flow_mixture_row log_slope;  /* log|dz/dx| = log f(x) - log phi(z) */
} flow_mixture_place;

void flow_mixtures_evaluate(flow_mixture_place *p, const flow_mixtures *mix, const real *x);

#endif
