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
#include "num/mixture.h"
#include "flow/chunk.h"
#include "flow/univariate.h"
#include "flow/univariate/options.h"

static const flow_option mixture_table[] = {
    FLOW_KEY_INT(flow_mixture_options, components, "10", 1, FLOW_MIXTURE_MOST, "normal distributions in the mixture"),
    FLOW_KEY_NUMBER(flow_mixture_options, bound, "7", 0.1, 30, "largest absolute log-scale of a component"),
    FLOW_OPTIONS_END,
};

static int univariate_mixture_n_params(const void *self)
{
    return 3 * (int)((const flow_mixture_options *)self)->components;
}

static flow_mixtures univariate_mixture_at(const flow_mixture_options *block, const flow_chunk *c, const real *theta,
                                           size_t stride)
{
    return (flow_mixtures){
        .k = (int)block->components, .m = c->m, .bound = (real)block->bound, .theta = theta + c->at, .stride = stride};
}

static void univariate_mixture_to_latent(const void *self, int d, int n, const real *x, real *theta, size_t stride,
                                         real *z, double *logdet)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_MIXTURE_ROWS);) {
        flow_mixtures mix = univariate_mixture_at(self, &c, theta, stride);
        real log_slope[FLOW_MIXTURE_ROWS];
        flow_mixtures_map(&mix, x + c.at, z + c.at, log_slope);
        for (int j = 0; j < c.m; j++)
            logdet[c.first + j] += (double)log_slope[j];
    }
}

static void univariate_mixture_to_data(const void *self, int d, int n, const real *z, real *theta, size_t stride,
                                       real *x, double *logdet)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_MIXTURE_ROWS);) {
        flow_mixtures mix = univariate_mixture_at(self, &c, theta, stride);
        real log_slope[FLOW_MIXTURE_ROWS];
        flow_mixtures_invert(&mix, z + c.at, x + c.at, log_slope);
        for (int j = 0; j < c.m; j++)
            logdet[c.first + j] -= (double)log_slope[j];
    }
}

static void univariate_mixture_to_latent_backward(const void *self, int d, int n, const real *x, const real *theta,
                                                  size_t stride, const real *z, const real *gz, const real *glogdet,
                                                  real *gx, real *gtheta)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_MIXTURE_ROWS);) {
        flow_mixtures mix = univariate_mixture_at(self, &c, theta, stride);
        flow_mixtures_map_backward(&mix, x + c.at, z + c.at, gz + c.at, glogdet + c.first, gx + c.at, gtheta + c.at);
    }
}

static void univariate_mixture_to_data_backward(const void *self, int d, int n, const real *z, const real *theta,
                                                size_t stride, const real *x, const real *gx, const real *glogdet,
                                                real *gz, real *gtheta)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_MIXTURE_ROWS);) {
        flow_mixtures mix = univariate_mixture_at(self, &c, theta, stride);
        flow_mixtures_invert_backward(&mix, x + c.at, z + c.at, gx + c.at, glogdet + c.first, gz + c.at, gtheta + c.at);
    }
}

const flow_univariate_type flow_univariate_mixture = {
    .info = {FLOW_INFO("mixture", "z = Phi^-1(F(x)), F the distribution function of a mixture of normal distributions",
                       mixture_table, flow_mixture_options)},
    .n_params = univariate_mixture_n_params, .map = {univariate_mixture_to_latent, univariate_mixture_to_data},
    .backward = {univariate_mixture_to_latent_backward, univariate_mixture_to_data_backward},
};
