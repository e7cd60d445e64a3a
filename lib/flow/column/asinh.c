/* Columns with heavy tails, or over many orders of magnitude, taken to about a standard normal distribution:
 *
 *     t = asinh((x - center) / scale)                (Johnson 1949: the system S_U)
 *     u = (t - mean) / deviation
 *     z = turn log(1 + (u / turn)^4)^(1/4)
 *
 * asinh is straight within a scale of the center and a logarithm beyond, on both sides: a scale that is large beside
 * the data leaves them as they are, one that is small with a center at their end takes logarithms of the distances from
 * there. The last line is straight to a few deviations, and a root of a logarithm further out: it decides where rows go
 * that lie far outside of the data that were fitted, for which t may be straight. All three are odd and analytic
 * functions with inverses in closed form. Periodic columns pass unchanged. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/column.h"
#include "flow/column/asinh_fit.h"

enum { NUMBERS = 5 };

static const flow_option asinh_table[] = {
    FLOW_KEY_FLAG(flow_asinh_options, sparing, "false",
                  "bend a column only where it has smooth heavy tails, and leave 8 deviations straight instead of 4"),
    FLOW_OPTIONS_END,
};

typedef struct asinh_map {
    flow_asinh_options options;
    int dim;
    flow_dims dims;
    size_t at[NUMBERS]; /* offsets in the fitted values, (1, dim) each, in the order of flow_asinh */
} asinh_map;

static flow_status asinh_configure(void *self, const void *options, const flow_block_context *context,
                                   flow_params *params, flow_error *err)
{
    static const struct {
        const char *name;
        double initial;
    } numbers[NUMBERS] = {{"center", 0}, {"scale", 1}, {"mean", 0}, {"deviation", 1}, {"turn", 4}};
    asinh_map *map = self;
    map->options = *(const flow_asinh_options *)options;
    map->dim = context->dims.n;
    map->dims = context->dims;
    for (int k = 0; k < NUMBERS; k++) {
        FLOW_TRY(flow_params_add_fitted(params, &map->at[k], numbers[k].name, 1, map->dim, err));
        for (int i = 0; i < map->dim; i++)
            params->fitted[map->at[k] + (size_t)i] = numbers[k].initial;
    }
    return FLOW_OK;
}

static flow_asinh asinh_column(const asinh_map *map, const double *fitted, int i)
{
    const double *from = fitted + i;
    return (flow_asinh){from[map->at[0]], from[map->at[1]], from[map->at[2]], from[map->at[3]], from[map->at[4]]};
}

/* ---- the last line ---- */

/* So near to 0 the map is the identity, and fourth powers are out of range. */
static const double identity = 1e-30;

/* z from u, and log(dz/du) */
static double turn_to_latent(double turn, double u, double *log_slope)
{
    double v = fabs(u) / turn, q = v * v * v * v;
    *log_slope = 0;
    if (q < identity)
        return u;
    double power = q < 1e300 ? log1p(q) : 4 * log(v), root = sqrt(sqrt(power));
    *log_slope = 3 * log(v / root) - power;
    return copysign(turn * root, u);
}

/* d log(dz/du) / du */
static double turn_bend(double turn, double u)
{
    double v = fabs(u) / turn, q = v * v * v * v;
    if (q < 1e-5)
        return -2.5 * q / turn * (v > 0 ? 1 / v : 0) * (u < 0 ? -1 : 1);
    double f = q < 1e300 ? q / (1 + q) : 1, power = q < 1e300 ? log1p(q) : 4 * log(v);
    return 4 / u * (0.75 * (1 - f / power) - f);
}

/* u from z, and log(dz/du) there */
static double turn_to_data(double turn, double z, double *log_slope)
{
    double root = fabs(z) / turn, power = root * root * root * root;
    *log_slope = 0;
    if (power < identity)
        return z;
    if (power > 700) {
        *log_slope = -3 * log(root) - power / 4;
        return copysign(turn * exp(power / 4), z);
    }
    double v = sqrt(sqrt(expm1(power)));
    *log_slope = 3 * log(v / root) - power;
    return copysign(turn * v, z);
}

/* ---- the map ---- */

static void asinh_to_latent(const void *self, const double *fitted, int n, const double *x, double *z, double *logdet)
{
    const asinh_map *map = self;
    for (int i = 0; i < map->dim; i++) {
        size_t at = (size_t)i * (size_t)n;
        if (flow_dims_is_periodic(map->dims, i)) {
            memmove(z + at, x + at, (size_t)n * sizeof *z);
            continue;
        }
        const flow_asinh a = asinh_column(map, fitted, i);
        const double log_deviation = log(a.deviation);
        for (int j = 0; j < n; j++) {
            double y = x[at + (size_t)j] - a.center, log_slope;
            double u = (flow_asinh_of(y, a.scale) - a.mean) / a.deviation;
            z[at + (size_t)j] = turn_to_latent(a.turn, u, &log_slope);
            logdet[j] += log_slope - log_deviation - log(hypot(y, a.scale));
        }
    }
}

/* log(cosh(t)), also where cosh is out of range */
static double asinh_log_cosh(double t)
{
    return fabs(t) + log1p(exp(-2 * fabs(t))) - log(2.0);
}

static void asinh_to_data(const void *self, const double *fitted, int n, const double *z, double *x, double *logdet)
{
    const asinh_map *map = self;
    for (int i = 0; i < map->dim; i++) {
        size_t at = (size_t)i * (size_t)n;
        if (flow_dims_is_periodic(map->dims, i)) {
            memmove(x + at, z + at, (size_t)n * sizeof *x);
            continue;
        }
        const flow_asinh a = asinh_column(map, fitted, i);
        const double log_factor = log(a.deviation) + log(a.scale);
        for (int j = 0; j < n; j++) {
            double log_slope, t = a.mean + a.deviation * turn_to_data(a.turn, z[at + (size_t)j], &log_slope);
            x[at + (size_t)j] = a.center + a.scale * sinh(t);
            logdet[j] += log_factor + asinh_log_cosh(t) - log_slope;
        }
    }
}

/* dz/dx at x, and d log(dz/dx) / dx */
static double asinh_slope(const flow_asinh *a, double x, double *bend)
{
    double y = x - a->center, h = hypot(y, a->scale), log_slope;
    double u = (flow_asinh_of(y, a->scale) - a->mean) / a->deviation;
    turn_to_latent(a->turn, u, &log_slope);
    *bend = turn_bend(a->turn, u) / (h * a->deviation) - y / h / h;
    return exp(log_slope) / (h * a->deviation);
}

static void asinh_to_latent_backward(const void *self, const double *fitted, int n, const double *x, const double *gz,
                                     const double *glogdet, double *gx)
{
    const asinh_map *map = self;
    memmove(gx, gz, (size_t)map->dim * (size_t)n * sizeof *gx);
    for (int i = 0; i < map->dim; i++) {
        const flow_asinh a = asinh_column(map, fitted, i);
        for (int j = 0; j < n && !flow_dims_is_periodic(map->dims, i); j++) {
            size_t k = (size_t)i * (size_t)n + (size_t)j;
            double bend, slope = asinh_slope(&a, x[k], &bend);
            gx[k] = gx[k] * slope + glogdet[j] * bend;
        }
    }
}

static void asinh_to_data_backward(const void *self, const double *fitted, int n, const double *z, const double *gx,
                                   const double *glogdet, double *gz)
{
    const asinh_map *map = self;
    memmove(gz, gx, (size_t)map->dim * (size_t)n * sizeof *gz);
    for (int i = 0; i < map->dim; i++) {
        const flow_asinh a = asinh_column(map, fitted, i);
        for (int j = 0; j < n && !flow_dims_is_periodic(map->dims, i); j++) {
            size_t k = (size_t)i * (size_t)n + (size_t)j;
            double unused, bend, u = turn_to_data(a.turn, z[k], &unused);
            double slope = asinh_slope(&a, a.center + a.scale * sinh(a.mean + a.deviation * u), &bend);
            gz[k] = (gz[k] - glogdet[j] * bend) / slope;
        }
    }
}

/* ---- fitted values ---- */

static flow_status asinh_fit(const void *self, flow_params *params, size_t n, const double *x,
                             const char *const *columns, flow_error *err)
{
    const asinh_map *map = self;
    double *values = malloc(n * sizeof *values);
    if (values == NULL)
        return flow_error_memory(err, "the values of a column");
    flow_status status = FLOW_OK;
    for (int i = 0; i < map->dim && status == FLOW_OK; i++) {
        if (flow_dims_is_periodic(map->dims, i))
            continue;
        flow_asinh a;
        for (size_t r = 0; r < n; r++)
            values[r] = x[r * (size_t)map->dim + (size_t)i];
        if (!flow_asinh_fit(&a, &map->options, values, n)) {
            status = flow_error_set(err, FLOW_DATA,
                                    "column %d%s%s has no spread, or one beyond the range of numbers: its density has "
                                    "no bound; leave the column out",
                                    i + 1, columns != NULL ? " " : "", columns != NULL ? columns[i] : "");
            break;
        }
        const double numbers[NUMBERS] = {a.center, a.scale, a.mean, a.deviation, a.turn};
        for (int k = 0; k < NUMBERS; k++)
            params->fitted[map->at[k] + (size_t)i] = numbers[k];
    }
    free(values);
    return status;
}

static flow_status asinh_check(const void *self, const flow_params *params, flow_error *err)
{
    const asinh_map *map = self;
    for (int i = 0; i < map->dim; i++) {
        const flow_asinh a = asinh_column(map, params->fitted, i);
        if (!(isfinite(a.center) && a.scale > 0 && isfinite(a.scale) && isfinite(a.mean) && a.deviation > 0 &&
              isfinite(a.deviation) && a.turn > 0 && isfinite(a.turn)))
            return flow_error_set(err, FLOW_FORMAT, "one of its numbers of column %d is not usable", i + 1);
    }
    return FLOW_OK;
}

const flow_column_type flow_column_asinh = {
    .info = {FLOW_INFO("asinh", "heavy tails and many orders of magnitude to about a standard normal distribution, "
                                "from the training data", asinh_table, flow_asinh_options)},
    .state_size = sizeof(asinh_map), .configure = asinh_configure, .to_latent = asinh_to_latent,
    .to_data = asinh_to_data, .to_latent_backward = asinh_to_latent_backward,
    .to_data_backward = asinh_to_data_backward, .needs_data = true, .fit = asinh_fit, .check = asinh_check,
};
