/* x = mean + L z, where L L^T is the covariance of the training data and L lower triangular: z has mean 0 and the unit
 * matrix for a covariance. Periodic columns pass unchanged and have no part in it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "flow/column.h"

/* Share of a column's variance that the columns before it must leave unexplained: products that are summed in double
 * have rounding errors of about this much where columns share a deviation of a ten thousandth of their own. */
#define UNEXPLAINED 1e-12

typedef struct whiten {
    int dim;
    flow_dims dims;
    size_t mean, factor; /* offsets in the fitted values: (1, dim), and L (dim, dim), row-major */
} whiten;

static flow_status whiten_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    (void)options;
    whiten *map = self;
    map->dim = context->dims.n;
    map->dims = context->dims;
    FLOW_TRY(flow_params_add_fitted(params, &map->mean, "mean", 1, map->dim, err));
    FLOW_TRY(flow_params_add_fitted(params, &map->factor, "factor", map->dim, map->dim, err));
    for (size_t i = 0, d = (size_t)map->dim; i < d; i++)
        params->fitted[map->factor + i * d + i] = 1;
    return FLOW_OK;
}

static void whiten_add_logdet(const whiten *map, const double *fitted, double sign, int n, double *logdet)
{
    double sum = 0;
    for (size_t i = 0, d = (size_t)map->dim; i < d; i++)
        sum += log(fitted[map->factor + i * d + i]);
    for (int j = 0; j < n; j++)
        logdet[j] += sign * sum;
}

/* y[j] += a * x[j] */
static void whiten_add_scaled(int n, double a, const double *x, double *y)
{
    for (int j = 0; j < n; j++)
        y[j] += a * x[j];
}

/* The rows of a tile are computed in the order in which the output may be the input. */

static void whiten_to_latent(const void *self, const double *fitted, int n, const double *x, double *z, double *logdet)
{
    const whiten *map = self;
    size_t d = (size_t)map->dim, width = (size_t)n;
    for (size_t i = 0; i < d; i++) {
        const double *l = fitted + map->factor + i * d;
        double *values = z + i * width, mean = fitted[map->mean + i];
        for (size_t j = 0; j < width; j++)
            values[j] = x[i * width + j] - mean;
        for (size_t k = 0; k < i; k++)
            whiten_add_scaled(n, -l[k], z + k * width, values);
        for (size_t j = 0; j < width; j++)
            values[j] /= l[i];
    }
    whiten_add_logdet(map, fitted, -1, n, logdet);
}

static void whiten_to_data(const void *self, const double *fitted, int n, const double *z, double *x, double *logdet)
{
    const whiten *map = self;
    size_t d = (size_t)map->dim, width = (size_t)n;
    for (size_t i = d; i-- > 0;) {
        const double *l = fitted + map->factor + i * d;
        double *values = x + i * width, mean = fitted[map->mean + i];
        for (size_t j = 0; j < width; j++)
            values[j] = z[i * width + j] * l[i] + mean;
        for (size_t k = 0; k < i; k++)
            whiten_add_scaled(n, l[k], z + k * width, values);
    }
    whiten_add_logdet(map, fitted, 1, n, logdet);
}

/* gx = L^-T gz */
static void whiten_to_latent_backward(const void *self, const double *fitted, int n, const double *x, const double *gz,
                                      const double *glogdet, double *gx)
{
    (void)x, (void)glogdet;
    const whiten *map = self;
    size_t d = (size_t)map->dim, width = (size_t)n;
    const double *l = fitted + map->factor;
    for (size_t i = d; i-- > 0;) {
        double *values = gx + i * width;
        memmove(values, gz + i * width, width * sizeof *values);
        for (size_t k = i + 1; k < d; k++)
            whiten_add_scaled(n, -l[k * d + i], gx + k * width, values);
        for (size_t j = 0; j < width; j++)
            values[j] /= l[i * d + i];
    }
}

/* gz = L^T gx */
static void whiten_to_data_backward(const void *self, const double *fitted, int n, const double *z, const double *gx,
                                    const double *glogdet, double *gz)
{
    (void)z, (void)glogdet;
    const whiten *map = self;
    size_t d = (size_t)map->dim, width = (size_t)n;
    const double *l = fitted + map->factor;
    for (size_t i = 0; i < d; i++) {
        double *values = gz + i * width;
        for (size_t j = 0; j < width; j++)
            values[j] = gx[i * width + j] * l[i * d + i];
        for (size_t k = i + 1; k < d; k++)
            whiten_add_scaled(n, l[k * d + i], gx + k * width, values);
    }
}

/* Means, and in the lower triangle of `factor` the covariances among columns that are not periodic; of a periodic one,
 * the row and the column of the unit matrix. */
static void whiten_add_up(const whiten *map, size_t n, const double *x, double *mean, double *factor)
{
    size_t d = (size_t)map->dim;
    memset(mean, 0, d * sizeof *mean);
    memset(factor, 0, d * d * sizeof *factor);
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < d; i++)
            mean[i] += flow_dims_is_periodic(map->dims, (int)i) ? 0 : (x[row * d + i] - mean[i]) / (double)(row + 1);
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < d; i++)
            for (size_t k = 0; k <= i; k++)
                factor[i * d + k] += (x[row * d + i] - mean[i]) * (x[row * d + k] - mean[k]);
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k <= i; k++) {
            bool apart = flow_dims_is_periodic(map->dims, (int)i) || flow_dims_is_periodic(map->dims, (int)k);
            factor[i * d + k] = apart ? (i == k) : n > 1 ? factor[i * d + k] / (double)(n - 1) : 0;
        }
}

static flow_status whiten_refuse(int i, const char *const *columns, const char *what, flow_error *err)
{
    return flow_error_set(err, FLOW_DATA, "column %d%s%s %s: its density has no bound; leave the column out", i + 1,
                          columns != NULL ? " " : "", columns != NULL ? columns[i] : "", what);
}

/* Cholesky: the covariances in the lower triangle of a (d, d) become L. */
static flow_status whiten_factorize(const whiten *map, double *a, const char *const *columns, flow_error *err)
{
    size_t d = (size_t)map->dim;
    for (size_t i = 0; i < d; i++) {
        double *values = a + i * d, variance = values[i];
        if (!(variance > 0) || !isfinite(variance))
            return whiten_refuse((int)i, columns, "has no spread", err);
        for (size_t k = 0; k <= i; k++) {
            for (size_t m = 0; m < k; m++)
                values[k] -= values[m] * a[k * d + m];
            if (k < i)
                values[k] /= a[k * d + k];
        }
        if (!(values[i] > UNEXPLAINED * variance))
            return whiten_refuse((int)i, columns, "is a linear function of those before it", err);
        values[i] = sqrt(values[i]);
    }
    return FLOW_OK;
}

static flow_status whiten_fit(const void *self, flow_params *params, size_t n, const double *x,
                              const char *const *columns, flow_error *err)
{
    const whiten *map = self;
    double *factor = params->fitted + map->factor;
    whiten_add_up(map, n, x, params->fitted + map->mean, factor);
    return whiten_factorize(map, factor, columns, err);
}

static flow_status whiten_check(const void *self, const flow_params *params, flow_error *err)
{
    const whiten *map = self;
    size_t d = (size_t)map->dim;
    const double *mean = params->fitted + map->mean, *factor = params->fitted + map->factor;
    for (size_t i = 0; i < d; i++) {
        bool periodic = flow_dims_is_periodic(map->dims, (int)i), usable = isfinite(mean[i]) && factor[i * d + i] > 0;
        for (size_t k = 0; k < d; k++) {
            bool apart = k > i || (k < i && (periodic || flow_dims_is_periodic(map->dims, (int)k)));
            usable = usable && (apart ? factor[i * d + k] == 0 : isfinite(factor[i * d + k]));
        }
        if (periodic)
            usable = usable && mean[i] == 0 && factor[i * d + i] == 1;
        if (!usable)
            return flow_error_set(err, FLOW_FORMAT, "its mean or factor of column %d is not usable", (int)i + 1);
    }
    return FLOW_OK;
}

const flow_column_type flow_column_whiten = {
    .info = {FLOW_INFO_BARE("whiten",
                            "mean 0, deviation 1 and no correlation between columns, from the training data")},
    .state_size = sizeof(whiten), .configure = whiten_configure, .to_latent = whiten_to_latent,
    .to_data = whiten_to_data, .to_latent_backward = whiten_to_latent_backward,
    .to_data_backward = whiten_to_data_backward, .needs_data = true, .fit = whiten_fit, .check = whiten_check,
};
