/* The rational-quadratic spline of Durkan et al. 2019, "Neural spline flows"; spline.h says what it computes. z = f(x),
 * so that the density direction is the explicit one.
 *
 * An element outside of the box [-bound, bound] passes unchanged, and the slopes at the ends are 1; or the spline goes
 * on straight with slopes of its own, any ("linear") or at most 1 ("bounded"). The identity leaves an outlier far from
 * the base; a slope can bring it near, and one above 1 further out.
 *
 * Of a periodic dimension ("circular") the box is the period: an element outside is taken to its place inside, and the
 * ends, which map to themselves, have the same slope. Such maps turn each periodic density without zeros into the
 * uniform one. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <tgmath.h>

#include "flow/chunk.h"
#include "flow/univariate.h"
#include "flow/univariate/options.h"
#include "num/simd.h"
#include "num/spline.h"

static const char *const tails_words[] = {"identity", "linear", "bounded", NULL};

static const flow_option rational_quadratic_table[] = {
    FLOW_KEY_INT(flow_rational_quadratic_options, bins, "8", 2, FLOW_SPLINE_BINS_MAX, "pieces of the spline"),
    FLOW_KEY_NUMBER(flow_rational_quadratic_options, bound, "5", 0.01, 1e4,
                    "the spline maps [-bound, bound] onto itself"),
    FLOW_KEY_WORD(flow_rational_quadratic_options, tails, "\"identity\"", tails_words,
                  "outside of the box the identity, or straight lines with slopes of their own; bounded: of at most 1, "
                  "so that no outlier goes further out"),
    FLOW_KEY_FLAG(flow_rational_quadratic_options, circular, "false",
                  "the box is a period, without tails: elements outside are taken inside, the slopes at both ends "
                  "agree"),
    FLOW_OPTIONS_END,
};

static flow_spline_ends rational_quadratic_ends_of(const flow_rational_quadratic_options *block)
{
    if (block->circular)
        return FLOW_SPLINE_PERIODIC;
    static const flow_spline_ends ends[] = {[FLOW_TAILS_IDENTITY] = FLOW_SPLINE_IDENTITY,
                                            [FLOW_TAILS_LINEAR] = FLOW_SPLINE_LINEAR,
                                            [FLOW_TAILS_BOUNDED] = FLOW_SPLINE_BOUNDED};
    return ends[block->tails];
}

static int rational_quadratic_n_params(const void *self)
{
    const flow_rational_quadratic_options *block = self;
    return flow_spline_n_params((int)block->bins, rational_quadratic_ends_of(block));
}

static flow_spline_input rational_quadratic_input_at(const flow_rational_quadratic_options *block, const flow_chunk *c,
                                                     const real *theta, size_t stride)
{
    return (flow_spline_input){.m = c->m,
                               .n_bins = (int)block->bins,
                               .bound = (real)block->bound,
                               .ends = rational_quadratic_ends_of(block),
                               .theta = theta + c->at,
                               .stride = stride};
}

/* x, of a periodic dimension taken into the box, in `wrapped`. */
static const real *rational_quadratic_wrap(const flow_spline_input *in, const real *x, real *wrapped)
{
    if (in->ends != FLOW_SPLINE_PERIODIC)
        return x;
    real period = 2 * in->bound;
    for (int j = 0; j < in->m; j++) {
        real inside = x[j] - period * floor((x[j] + in->bound) / period);
        wrapped[j] = inside < -in->bound ? -in->bound : inside > in->bound ? in->bound : inside;
    }
    return wrapped;
}

static void rational_quadratic_to_latent(const void *self, int d, int n, const real *x, real *theta, size_t stride,
                                         real *z, double *logdet)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_SPLINE_ROWS);) {
        flow_spline_input in = rational_quadratic_input_at(self, &c, theta, stride);
        flow_spline s;
        real wrapped[FLOW_SPLINE_ROWS];
        const real *at = rational_quadratic_wrap(&in, x + c.at, wrapped);
        flow_spline_measure(&in, theta + c.at);
        flow_spline_find(&s, &in, false, at);
        flow_spline_map(&s, &in, at, z + c.at, logdet + c.first);
    }
}

static void rational_quadratic_to_data(const void *self, int d, int n, const real *z, real *theta, size_t stride,
                                       real *x, double *logdet)
{
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_SPLINE_ROWS);) {
        flow_spline_input in = rational_quadratic_input_at(self, &c, theta, stride);
        flow_spline s;
        real wrapped[FLOW_SPLINE_ROWS];
        const real *at = rational_quadratic_wrap(&in, z + c.at, wrapped);
        flow_spline_measure(&in, theta + c.at);
        flow_spline_find(&s, &in, true, at);
        flow_spline_invert(&s, &in, at, x + c.at, logdet + c.first);
    }
}

static void rational_quadratic_to_latent_backward(const void *self, int d, int n, const real *x, const real *theta,
                                                  size_t stride, const real *z, const real *gz, const real *glogdet,
                                                  real *gx, real *gtheta)
{
    (void)z;
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_SPLINE_ROWS);) {
        flow_spline_input in = rational_quadratic_input_at(self, &c, theta, stride);
        flow_spline s;
        real wrapped[FLOW_SPLINE_ROWS];
        const real *at = rational_quadratic_wrap(&in, x + c.at, wrapped);
        flow_spline_find(&s, &in, false, at);
        flow_spline_map_backward(&s, &in, at, gz + c.at, glogdet + c.first, gx + c.at, gtheta + c.at);
    }
}

static void rational_quadratic_to_data_backward(const void *self, int d, int n, const real *z, const real *theta,
                                                size_t stride, const real *x, const real *gx, const real *glogdet,
                                                real *gz, real *gtheta)
{
    (void)z;
    for (flow_chunk c = {0}; flow_chunk_next(&c, d, n, FLOW_SPLINE_ROWS);) {
        flow_spline_input in = rational_quadratic_input_at(self, &c, theta, stride);
        flow_spline s;
        flow_spline_find(&s, &in, false, x + c.at);
        flow_spline_invert_backward(&s, &in, x + c.at, gx + c.at, glogdet + c.first, gz + c.at, gtheta + c.at);
    }
}

const flow_univariate_type flow_univariate_rational_quadratic = {
    .info = {FLOW_INFO("rational_quadratic",
                       "a monotone rational-quadratic spline on [-bound, bound] (Durkan et al. 2019)",
                       rational_quadratic_table, flow_rational_quadratic_options)},
    .n_params = rational_quadratic_n_params, .map = {rational_quadratic_to_latent, rational_quadratic_to_data},
    .backward = {rational_quadratic_to_latent_backward, rational_quadratic_to_data_backward},
};
