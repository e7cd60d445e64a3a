/* Batch normalization as a map of a flow (Dinh et al. 2017, sec. 3.7 and appendix E; Papamakarios et al. 2017, appendix
 * B): each dimension by itself,
 *
 *     z = gamma (x - mean) / deviation + beta,   deviation^2 = variance + epsilon,
 *     log|det dz/dx| = sum of log gamma - log deviation,
 *
 * with log gamma and beta trainable, 0 at first. Mean and variance are fitted values, the same for all rows, so that
 * rows stay independent and both directions are exact inverses, in training too. They are moving
 * averages over the batches: each batch enters with the weight share * (1 - momentum). Gradients treat them as
 * constants; appendix E lets gradients through the share of the current batch in such an average.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "num/reduce.h"
#include "num/simd.h"
#include "num/vector.h"

typedef struct batchnorm {
    flow_batchnorm_options options;
    int dim;
    size_t log_gamma, beta; /* offsets in the weights */
    size_t mean, variance;  /* offsets in the fitted values */
} batchnorm;

static const flow_option batchnorm_table[] = {
    FLOW_KEY_NUMBER(flow_batchnorm_options, momentum, "0.99", 0, 1,
                    "what all of these blocks together leave of the old mean and variance after a batch; 1: these "
                    "stay as they were fitted at the start"),
    FLOW_KEY_NUMBER(flow_batchnorm_options, epsilon, "1e-5", 1e-12, 1, "added to the variance"),
    FLOW_OPTIONS_END,
};

static flow_status batchnorm_configure(void *self, const void *options, const flow_block_context *context,
                                       flow_params *params, flow_error *err)
{
    batchnorm *block = self;
    block->options = *(const flow_batchnorm_options *)options;
    int dim = block->dim = context->dims.n;
    FLOW_TRY(flow_params_add_weights(params, &block->log_gamma, "log_gamma", dim, 1, FLOW_INIT_ZERO, 0, NULL, err));
    FLOW_TRY(flow_params_add_weights(params, &block->beta, "beta", dim, 1, FLOW_INIT_ZERO, 0, NULL, err));
    FLOW_TRY(flow_params_add_fitted(params, &block->mean, "mean", 1, dim, err));
    FLOW_TRY(flow_params_add_fitted(params, &block->variance, "variance", 1, dim, err));
    for (int i = 0; i < dim; i++)
        params->fitted[block->variance + (size_t)i] = 1;
    return FLOW_OK;
}

/* (x - mean) / deviation (d, n), and the gradients of log gamma and beta (d) for the tape. */
typedef struct batchnorm_scratch {
    real *normal, *ggamma, *gbeta;
} batchnorm_scratch;

static size_t batchnorm_lay_out(const batchnorm *block, int n, bool keep, void *memory, batchnorm_scratch *w)
{
    flow_layout layout = {.base = memory};
    size_t d = (size_t)block->dim, gradients = keep ? d : 0;
    w->normal = flow_layout_take(&layout, d * (size_t)n, sizeof(real));
    w->ggamma = flow_layout_take(&layout, gradients, sizeof(real));
    w->gbeta = flow_layout_take(&layout, gradients, sizeof(real));
    return layout.used;
}

static size_t batchnorm_scratch_size(const void *self, int n, bool keep)
{
    batchnorm_scratch w;
    return batchnorm_lay_out(self, n, keep, NULL, &w);
}

/* One dimension in the direction of a pass: normal = (in - shift) scale, out = normal stretch + offset, both (n), and
 * log|d out/d in| = log_slope. The shift comes off first, while its digits are those of `in`. */
typedef struct scaling {
    double shift, scale, stretch, offset, log_slope;
    double slope; /* d out/d in */
    double sign;  /* of log gamma in log|d out/d in| */
    double gbeta; /* d out/d beta */
} scaling;

static scaling batchnorm_scaling_of(const batchnorm *block, const flow_pass *pass, int i)
{
    size_t k = (size_t)i;
    double log_gamma = (double)pass->weights[block->log_gamma + k], gamma = exp(log_gamma);
    double beta = (double)pass->weights[block->beta + k], mean = pass->fitted[block->mean + k];
    double deviation = sqrt(pass->fitted[block->variance + k] + block->options.epsilon);
    if (pass->direction == FLOW_TO_DATA) /* x = mean + deviation normal, normal = (z - beta) e^-log_gamma */
        return (scaling){beta, 1 / gamma,         deviation, mean, log(deviation) - log_gamma, deviation / gamma,
                         -1,   -deviation / gamma};
    return (scaling){mean, 1 / deviation, gamma, beta, log_gamma - log(deviation), gamma / deviation, 1, 1};
}

static void batchnorm_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const batchnorm *block = self;
    double sum = 0;
    batchnorm_scratch w;
    batchnorm_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    for (int i = 0; i < block->dim; i++) {
        scaling s = batchnorm_scaling_of(block, pass, i);
        real shift = (real)s.shift, scale = (real)s.scale, stretch = (real)s.stretch, offset = (real)s.offset;
        size_t at = (size_t)i * (size_t)pass->n;
        const real *from = in + at;
        real *normal = w.normal + at, *to = out + at;
        for (int j = 0; j < pass->n; j++) {
            normal[j] = (from[j] - shift) * scale;
            to[j] = normal[j] * stretch + offset;
        }
        sum += s.log_slope;
    }
    for (int j = 0; j < pass->n; j++)
        logdet[j] += sum;
}

static void batchnorm_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const batchnorm *block = self;
    real glogdet = flow_sum(pass->n, pass->glogdet);
    batchnorm_scratch w;
    batchnorm_lay_out(block, pass->n, pass->keep, pass->scratch, &w);
    for (int i = 0; i < block->dim; i++) {
        scaling s = batchnorm_scaling_of(block, pass, i);
        size_t at = (size_t)i * (size_t)pass->n;
        w.ggamma[i] = (real)s.sign * ((real)s.stretch * flow_dot(pass->n, gout + at, w.normal + at) + glogdet);
        w.gbeta[i] = (real)s.gbeta * flow_sum(pass->n, gout + at);
        flow_vec_scale((size_t)pass->n, (real)s.slope, gout + at, gin + at);
    }
    flow_tape_sums(pass->tape, block->log_gamma, block->dim, w.ggamma);
    flow_tape_sums(pass->tape, block->beta, block->dim, w.gbeta);
}

/* ---- mean and variance ---- */

/* Whether a tile can be normalised with these: nothing is zero or infinite as a real. */
static bool batchnorm_is_usable(const batchnorm *block, double mean, double variance)
{
    double deviation = sqrt(variance + block->options.epsilon);
    return variance >= 0 && isfinite((real)mean) && isnormal((real)deviation) && isnormal((real)(1 / deviation));
}

static flow_status batchnorm_fit(const void *self, flow_params *params, real *weights, int n, const real *x,
                                 flow_error *err)
{
    const batchnorm *block = self;
    (void)weights;
    double *values = malloc(((size_t)n + 1) * sizeof *values);
    if (values == NULL)
        return flow_error_memory(err, "the fit of batchnorm");
    for (int i = 0; i < block->dim; i++) {
        for (int j = 0; j < n; j++)
            values[j] = (double)x[(size_t)i * (size_t)n + (size_t)j];
        double mean = gsl_stats_mean(values, 1, (size_t)n);
        double variance = n > 1 ? gsl_stats_variance_m(values, 1, (size_t)n, mean) : 0;
        bool usable = variance > 0 && batchnorm_is_usable(block, mean, variance);
        params->fitted[block->mean + (size_t)i] = usable ? mean : 0;
        params->fitted[block->variance + (size_t)i] = usable ? variance : 1;
    }
    free(values);
    return FLOW_OK;
}

/* sums += weighted first and second moment of a dimension; of the weights their size counts */
FLOW_MULTIVERSION
static void batchnorm_add_moments(int n, const double *weight, const real *x, double sums[2])
{
    double first[FLOW_LANES] = {0}, second[FLOW_LANES] = {0};
    for (int j = 0; j < n; j += FLOW_LANES) {
        for (int k = 0; k < FLOW_LANES; k++) {
            double value = (double)x[j + k], part = fabs(weight[j + k]) * value;
            first[k] += part;
            second[k] += part * value;
        }
    }
    for (int k = 0; k < FLOW_LANES; k++) {
        sums[0] += first[k];
        sums[1] += second[k];
    }
}

/* Mean and variance of the old rows and the new ones together, the new ones counting `rate`. `first` and `second` are
 * moments of the new ones about the old mean, in old deviations. The variance can shrink by a share of `rate`, and it
 * grows by no more: where a row lies so far out that it would, the batch counts for less. No clipping of gradients
 * keeps such a row from these, and in a deep stack all blocks would jump at once. */
static void batchnorm_move(const batchnorm *block, double *mean, double *variance, double rate, double first,
                           double second)
{
    double square = *variance + block->options.epsilon, deviation = sqrt(square);
    if (second > 2)
        rate = rate / (second - 1);
    double to_mean = *mean + deviation * rate * first;
    double to_variance = (1 - rate) * *variance + square * (rate * second - rate * first * rate * first);
    if (to_variance < 0) /* by rounding */
        to_variance = 0;
    if (!batchnorm_is_usable(block, to_mean, to_variance))
        return;
    *mean = to_mean;
    *variance = to_variance;
}

/* The sum of the weights, then two moments of each dimension. */
static size_t batchnorm_sums_size(const void *self)
{
    const batchnorm *block = self;
    return 1 + 2 * (size_t)block->dim;
}

/* The rows count by the absolute values of their weights: a negative weight would take variance away, and the weights
 * of a batch may sum to zero. */
static void batchnorm_add_batch_sums(const void *self, const flow_stats_tile *tiles, int n_tiles, double *sums)
{
    const batchnorm *block = self;
    for (int t = 0; t < n_tiles; t++) {
        batchnorm_scratch w;
        batchnorm_lay_out(block, tiles[t].n, true, tiles[t].scratch, &w);
        for (int j = 0; j < tiles[t].n; j++)
            sums[0] += fabs(tiles[t].weight[j]);
        for (int i = 0; i < block->dim; i++)
            batchnorm_add_moments(tiles[t].n, tiles[t].weight, w.normal + (size_t)i * (size_t)tiles[t].n,
                                  sums + 1 + 2 * i);
    }
}

static void batchnorm_follow_batch(const void *self, const double *sums, double share, double *fitted)
{
    const batchnorm *block = self;
    const double total = sums[0];
    if (!(total > 0))
        return;
    for (int i = 0; i < block->dim; i++)
        batchnorm_move(block, &fitted[block->mean + (size_t)i], &fitted[block->variance + (size_t)i],
                       share * (1 - block->options.momentum), sums[1 + 2 * i] / total, sums[2 + 2 * i] / total);
}

static flow_status batchnorm_check(const void *self, const flow_params *params, flow_error *err)
{
    const batchnorm *block = self;
    for (int i = 0; i < block->dim; i++) {
        double mean = params->fitted[block->mean + (size_t)i], variance = params->fitted[block->variance + (size_t)i];
        if (!batchnorm_is_usable(block, mean, variance))
            return flow_error_set(err, FLOW_FORMAT, "dimension %d has the mean %g and the variance %g", i, mean,
                                  variance);
    }
    return FLOW_OK;
}

const flow_block_type flow_block_batchnorm = {
    .info = {FLOW_INFO("batchnorm",
                       "normalization by a moving average of mean and variance, and a trainable scale and shift",
                       batchnorm_table, flow_batchnorm_options),
             .repeats = true},
    .state_size = sizeof(batchnorm), .configure = batchnorm_configure, .elementwise = true,
    .instead_for_images = "actnorm does it there",
    .scratch_size = batchnorm_scratch_size, .map = {batchnorm_map, batchnorm_map},
    .backward = {batchnorm_backward, batchnorm_backward}, .fit = batchnorm_fit,
    .batch_sums_size = batchnorm_sums_size, .add_batch_sums = batchnorm_add_batch_sums,
    .follow_batch = batchnorm_follow_batch, .check = batchnorm_check,
};
