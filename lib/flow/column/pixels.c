/* Pixels of 8 bits: whole numbers x from 0 to 255, as many levels of them as are told apart. Uniform noise spreads each
 * level over its step (Uria et al. 2013; Theis et al. 2016, sec. 3.1); then with y = x / 256 in (0, 1)
 *
 *     logit: z = log(s / (1 - s)), s = alpha + (1 - 2 alpha) y       (Dinh et al. 2017, sec. 4.1)
 *     scale: z = y - 1/2                                             (Kingma and Dhariwal 2018)
 *
 * Outside of 0 < x < 256, where there are no data, the logit goes on as its tangent: samples that end there become 0 or
 * 255, and they come back from where they were, which double does not allow for the logit of numbers next to 0 and 1.
 *
 * With L levels below 256 a pixel is known up to its step of 256 / L, so that log p is the logarithm of a probability
 * among L^d images. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "flow/column.h"
#include "flow/column/options.h"
#include "num/rng.h"

typedef struct pixels {
    int dim, levels;
    double step;        /* of the lattice, in the units of the data */
    double alpha, beta; /* s = alpha + beta x; beta is 1 / 256 with "scale" */
    double end, slope;  /* of the logit: z at x = 256, and dz/dx there; at x = 0 they are -end and slope */
    bool logit;
} pixels;

static const char *const pixels_maps[] = {"logit", "scale", NULL};

static const flow_option pixels_table[] = {
    FLOW_KEY_INT(flow_pixels_options, levels, "256", 2, 256,
                 "how many values of a pixel are told apart, a power of 2; 32 are the 5 bits of Glow"),
    FLOW_KEY_WORD(flow_pixels_options, map, "\"logit\"", pixels_maps,
                  "logit: onto the real line, for images whose pixels are often black or white; scale: to "
                  "-1/2 ... 1/2"),
    FLOW_KEY_NUMBER(flow_pixels_options, alpha, "0.05", 1e-6, 0.49,
                    "of the logit: how far black and white stay away from its ends"),
    FLOW_OPTIONS_END,
};

static flow_status pixels_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)params;
    pixels *map = self;
    const flow_pixels_options *asked = options;
    if ((asked->levels & (asked->levels - 1)) != 0)
        return flow_option_fail(err, "levels", "expected 2, 4, 8, ... or 256, found %lld", (long long)asked->levels);
    map->dim = context->dims.n;
    map->levels = (int)asked->levels;
    map->step = 256. / map->levels;
    map->logit = asked->map == FLOW_PIXELS_LOGIT;
    map->alpha = map->logit ? asked->alpha : -0.5;
    map->beta = map->logit ? (1 - 2 * asked->alpha) / 256 : 1. / 256;
    if (map->logit) {
        map->end = log1p(-map->alpha) - log(map->alpha);
        map->slope = map->beta / (map->alpha * (1 - map->alpha));
    }
    return FLOW_OK;
}

/* ---- the lattice ---- */

static int pixels_n_discrete(const void *self, bool *which)
{
    const pixels *map = self;
    for (int i = 0; which != NULL && i < map->dim; i++)
        which[i] = true;
    return map->dim;
}

static double pixels_floor(const pixels *map, double x)
{
    double level = floor(x / map->step);
    return map->step * fmin(fmax(level, 0), map->levels - 1);
}

static void pixels_round(const void *self, const double *fitted, int n, double *x)
{
    (void)fitted;
    const pixels *map = self;
    size_t count = (size_t)map->dim * (size_t)n;
    for (size_t k = 0; k < count; k++)
        x[k] = isfinite(x[k]) ? pixels_floor(map, x[k]) : x[k];
}

static bool pixels_holds(double x)
{
    return x >= 0 && x <= 255 && x == rint(x);
}

/* A hash of the values of row j. */
static uint64_t pixels_key(const pixels *map, int n, int j, const double *x)
{
    uint64_t key = 0;
    for (int i = 0; i < map->dim; i++) {
        uint64_t bits;
        memcpy(&bits, &x[(size_t)i * (size_t)n + (size_t)j], sizeof bits);
        key = flow_rng_mix(key ^ bits) + (uint64_t)i;
    }
    return key;
}

static void pixels_spread(const void *self, const double *fitted, const flow_noise *noise, int n, double *x,
                          double *logdet)
{
    (void)fitted;
    const pixels *map = self;
    const double log_steps = map->dim * log(map->step), margin = noise->inner ? FLOW_NOISE_INNER : 0;
    for (int j = 0; j < n; j++) {
        const bool of_row = noise->kind == FLOW_NOISE_OF_ROW;
        const uint64_t seed = of_row ? pixels_key(map, n, j, x) : noise->seed;
        const uint64_t row = of_row ? (uint64_t)noise->draw : noise->first_row + (uint64_t)j;
        bool holds = true;
        for (int i = 0; i < map->dim; i++) {
            double *value = &x[(size_t)i * (size_t)n + (size_t)j];
            double u = flow_rng_uniform(seed, FLOW_STREAM_NOISE, row, (uint32_t)i);
            holds = holds && pixels_holds(*value);
            *value = pixels_floor(map, *value) + map->step * (margin + (1 - 2 * margin) * u);
        }
        logdet[j] += holds ? log_steps : -INFINITY;
    }
}

static flow_status pixels_check_row(const void *self, const double *row, flow_error *err)
{
    const pixels *map = self;
    for (int i = 0; i < map->dim; i++)
        if (!pixels_holds(row[i]))
            return flow_error_set(err, FLOW_DATA, "value %d is %g, and pixels are whole numbers from 0 to 255; scale "
                                  "the values, or replace \"pixels\" by \"standardize\"", i + 1, row[i]);
    return FLOW_OK;
}

/* ---- the maps ---- */

static bool pixels_in_range(double x)
{
    return x >= 0 && x <= 256;
}

/* The end of the range that is next to x. */
static double pixels_end(double x)
{
    return x < 0 ? 0 : 256;
}

static void pixels_to_latent(const void *self, const double *fitted, int n, const double *x, double *z, double *logdet)
{
    (void)fitted;
    const pixels *map = self;
    const double log_beta = log(map->beta) * map->dim, log_steepness = map->logit ? log(map->slope / map->beta) : 0;
    for (int j = 0; j < n; j++)
        logdet[j] += log_beta;
    for (int i = 0; i < map->dim; i++) {
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++) {
            const double at = x[k], s = map->alpha + map->beta * at;
            if (!map->logit) {
                z[k] = s;
            } else if (pixels_in_range(at)) {
                double log_s = log(s), log_rest = log1p(-s);
                z[k] = log_s - log_rest;
                logdet[j] -= log_s + log_rest;
            } else {
                z[k] = copysign(map->end, at) + map->slope * (at - pixels_end(at));
                logdet[j] += log_steepness;
            }
        }
    }
}

/* log(1 + exp(z)) */
static double pixels_softplus(double z)
{
    return fmax(z, 0) + log1p(exp(-fabs(z)));
}

static void pixels_to_data(const void *self, const double *fitted, int n, const double *z, double *x, double *logdet)
{
    (void)fitted;
    const pixels *map = self;
    const double log_beta = log(map->beta) * map->dim, log_steepness = map->logit ? log(map->slope / map->beta) : 0;
    for (int j = 0; j < n; j++)
        logdet[j] -= log_beta;
    for (int i = 0; i < map->dim; i++) {
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++) {
            const double at = z[k];
            if (!map->logit) {
                x[k] = (at - map->alpha) / map->beta;
            } else if (fabs(at) <= map->end) { /* log s + log(1 - s) = z - 2 softplus(z) */
                logdet[j] += at - 2 * pixels_softplus(at);
                x[k] = (1 / (1 + exp(-at)) - map->alpha) / map->beta;
            } else {
                logdet[j] -= log_steepness;
                x[k] = pixels_end(at) + (at - copysign(map->end, at)) / map->slope;
            }
        }
    }
}

static void pixels_to_latent_backward(const void *self, const double *fitted, int n, const double *x, const double *gz,
                                      const double *glogdet, double *gx)
{
    (void)fitted;
    const pixels *map = self;
    for (int i = 0; i < map->dim; i++) {
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++) {
            const double s = map->alpha + map->beta * x[k], steepness = 1 / (s * (1 - s));
            if (!map->logit)
                gx[k] = gz[k] * map->beta;
            else if (pixels_in_range(x[k]))
                gx[k] = map->beta * steepness * (gz[k] - glogdet[j] * (1 - 2 * s));
            else
                gx[k] = gz[k] * map->slope;
        }
    }
}

static void pixels_to_data_backward(const void *self, const double *fitted, int n, const double *z, const double *gx,
                                    const double *glogdet, double *gz)
{
    (void)fitted;
    const pixels *map = self;
    for (int i = 0; i < map->dim; i++) {
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++) {
            const double s = 1 / (1 + exp(-z[k]));
            if (!map->logit)
                gz[k] = gx[k] / map->beta;
            else if (fabs(z[k]) <= map->end)
                gz[k] = gx[k] * s * (1 - s) / map->beta + glogdet[j] * (1 - 2 * s);
            else
                gz[k] = gx[k] / map->slope;
        }
    }
}

static void pixels_describe(const void *self, flow_text *text)
{
    const pixels *map = self;
    flow_text_add(text, "pixels of %d levels, %s\n", map->levels, map->logit ? "logit" : "scale");
}

const flow_column_type flow_column_pixels = {
    .info = {FLOW_INFO("pixels", "8-bit pixels: dequantisation, and a map to the real line", pixels_table,
                       flow_pixels_options)},
    .state_size = sizeof(pixels), .configure = pixels_configure, .to_latent = pixels_to_latent,
    .to_data = pixels_to_data, .to_latent_backward = pixels_to_latent_backward,
    .to_data_backward = pixels_to_data_backward, .n_discrete = pixels_n_discrete, .spread = pixels_spread,
    .round = pixels_round, .check_row = pixels_check_row, .describe = pixels_describe,
};
