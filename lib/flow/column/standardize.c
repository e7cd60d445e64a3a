/* z = (x - mean) / deviation, column by column, both from the training data. Periodic columns pass unchanged. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

#include "flow/column.h"

typedef struct standardize {
    int dim;
    flow_dims dims;
    size_t mean, deviation; /* offsets in the fitted values, (1, dim) each */
} standardize;

static flow_status standardize_configure(void *self, const void *options, const flow_block_context *context,
                                         flow_params *params, flow_error *err)
{
    (void)options;
    standardize *map = self;
    map->dim = context->dims.n;
    map->dims = context->dims;
    FLOW_TRY(flow_params_add_fitted(params, &map->mean, "mean", 1, map->dim, err));
    FLOW_TRY(flow_params_add_fitted(params, &map->deviation, "deviation", 1, map->dim, err));
    for (int i = 0; i < map->dim; i++)
        params->fitted[map->deviation + (size_t)i] = 1;
    return FLOW_OK;
}

static void standardize_add_logdet(const standardize *map, const double *fitted, double sign, int n, double *logdet)
{
    double sum = 0;
    for (int i = 0; i < map->dim; i++)
        sum += log(fitted[map->deviation + (size_t)i]);
    for (int j = 0; j < n; j++)
        logdet[j] += sign * sum;
}

static void standardize_to_latent(const void *self, const double *fitted, int n, const double *x, double *z,
                                  double *logdet)
{
    const standardize *map = self;
    for (int i = 0; i < map->dim; i++) {
        double mean = fitted[map->mean + (size_t)i], deviation = fitted[map->deviation + (size_t)i];
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++)
            z[k] = (x[k] - mean) / deviation;
    }
    standardize_add_logdet(map, fitted, -1, n, logdet);
}

static void standardize_to_data(const void *self, const double *fitted, int n, const double *z, double *x,
                                double *logdet)
{
    const standardize *map = self;
    for (int i = 0; i < map->dim; i++) {
        double mean = fitted[map->mean + (size_t)i], deviation = fitted[map->deviation + (size_t)i];
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++)
            x[k] = z[k] * deviation + mean;
    }
    standardize_add_logdet(map, fitted, 1, n, logdet);
}

static void standardize_to_latent_backward(const void *self, const double *fitted, int n, const double *x,
                                           const double *gz, const double *glogdet, double *gx)
{
    (void)x, (void)glogdet;
    const standardize *map = self;
    for (int i = 0; i < map->dim; i++)
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++)
            gx[k] = gz[k] / fitted[map->deviation + (size_t)i];
}

static void standardize_to_data_backward(const void *self, const double *fitted, int n, const double *z,
                                         const double *gx, const double *glogdet, double *gz)
{
    (void)z, (void)glogdet;
    const standardize *map = self;
    for (int i = 0; i < map->dim; i++)
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++)
            gz[k] = gx[k] * fitted[map->deviation + (size_t)i];
}

static flow_status standardize_fit(const void *self, flow_params *params, size_t n, const double *x,
                                   const char *const *columns, flow_error *err)
{
    const standardize *map = self;
    for (int i = 0; i < map->dim; i++) {
        if (flow_dims_is_periodic(map->dims, i))
            continue;
        double mean = gsl_stats_mean(x + i, (size_t)map->dim, n);
        double deviation = n > 1 ? gsl_stats_sd_m(x + i, (size_t)map->dim, n, mean) : 0;
        if (!(deviation > 0) || !isfinite(deviation) || !isfinite(mean))
            return flow_error_set(err, FLOW_DATA,
                                  "column %d%s%s has no spread: its density has no bound; leave the "
                                  "column out",
                                  i + 1, columns != NULL ? " " : "", columns != NULL ? columns[i] : "");
        params->fitted[map->mean + (size_t)i] = mean;
        params->fitted[map->deviation + (size_t)i] = deviation;
    }
    return FLOW_OK;
}

static flow_status standardize_check(const void *self, const flow_params *params, flow_error *err)
{
    const standardize *map = self;
    for (int i = 0; i < map->dim; i++) {
        double mean = params->fitted[map->mean + (size_t)i], deviation = params->fitted[map->deviation + (size_t)i];
        bool usable = flow_dims_is_periodic(map->dims, i) ? mean == 0 && deviation == 1
                                                          : isfinite(mean) && deviation > 0 && isfinite(deviation);
        if (!usable)
            return flow_error_set(err, FLOW_FORMAT, "its mean or deviation of column %d is not usable", i + 1);
    }
    return FLOW_OK;
}

const flow_column_type flow_column_standardize = {
    .info = {FLOW_INFO_BARE("standardize", "mean 0 and deviation 1 per column, from the training data")},
    .state_size = sizeof(standardize), .configure = standardize_configure, .to_latent = standardize_to_latent,
    .to_data = standardize_to_data, .to_latent_backward = standardize_to_latent_backward,
    .to_data_backward = standardize_to_data_backward, .needs_data = true, .fit = standardize_fit,
    .check = standardize_check,
};
