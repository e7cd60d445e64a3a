/* Columns whose values do not reach over all numbers, or repeat:
 *
 *     lower a          z = log(x - a)
 *     upper b          z = -log(b - x)
 *     both             z = log(x - a) - log(b - x)
 *     discrete         x + step u first, u uniform on (0, 1); with bounds, from a to b + step
 *     periodic L       z = 2 pi (x - a) / L - pi, taken into [-pi, pi): periodic from there on
 *
 * A log-determinant is formed from the distances to the bounds, or from z, and never from a rounded x, so it is
 * exact at 1 - 1e-12 as it is at 0.5. A value on a bound (which measurements and rounding produce, though no density
 * has to) is taken to be half as far from it as the nearest of the data that were fitted. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <math.h>
#include <string.h>

#include "flow/column.h"
#include "flow/column/support_noise.h"
#include "flow/column/supports.h"

typedef struct support {
    flow_supports supports;
    int dim;
    size_t nearest; /* offset in the fitted values, (2, dim): distance of values on the lower and the upper bound */
    size_t begin;   /* and, if some columns are periodic, (1, dim): where their periods begin */
} support;

static const flow_option support_table[] = {
    {.key = "columns", .kind = FLOW_OPTION_MAP, .offset = offsetof(flow_support_options, columns),
     .fallback = FLOW_REQUIRED, .table = flow_support_rule_table, .size = sizeof(flow_support_rule),
     .help = "the support of each column that is not a density on the whole line, by its name or place: #1, #2, ..."},
    FLOW_OPTIONS_END,
};

/* One column, with the distances of values on its bounds. */
typedef struct range {
    bool has_lower, has_upper;
    double lower, end, width, at_lower, at_end;
} range;

static range support_range_of(const support *map, const flow_support *s, const double *fitted)
{
    const double *nearest = fitted + map->nearest + s->column;
    return (range){isfinite(s->lower), isfinite(s->end), s->lower, s->end, s->end - s->lower, nearest[0],
                  nearest[map->dim]};
}

/* Whether the map changes the column because of its bounds. */
static bool support_is_bounded(const flow_support *s)
{
    return s->column >= 0 && s->period == 0 && (isfinite(s->lower) || isfinite(s->upper));
}

static bool support_is_periodic(const flow_support *s)
{
    return s->column >= 0 && s->period > 0;
}

static flow_status support_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    support *map = self;
    const flow_support_options *asked = options;
    map->dim = context->dims.n;
    if (context->index > 0)
        return flow_error_set(err, FLOW_SPEC, "\"support\" is about the data as they come: it stands first");
    flow_status status = flow_supports_configure(&map->supports, &asked->columns, context, err);
    if (status == FLOW_OK)
        status = flow_params_add_fitted(params, &map->nearest, "nearest", 2, map->dim, err);
    if (status == FLOW_OK && map->supports.n_periodic > 0)
        status = flow_params_add_fitted(params, &map->begin, "begin", 1, map->dim, err);
    for (size_t k = 0; status == FLOW_OK && k < 2 * (size_t)map->dim; k++)
        params->fitted[map->nearest + k] = 1e-6;
    for (int i = 0; status == FLOW_OK && i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        for (int side = 0; support_is_bounded(s) && isfinite(s->end - s->lower) && side < 2; side++)
            params->fitted[map->nearest + (size_t)(side * map->dim + s->column)] = 1e-6 * (s->end - s->lower);
        if (support_is_periodic(s))
            params->fitted[map->begin + (size_t)s->column] = isnan(s->lower) ? -s->period / 2 : s->lower;
    }
    return status;
}

static void support_release(void *self)
{
    flow_supports_release(&((support *)self)->supports);
}

/* ---- the maps ---- */

/* The distances of x from the bounds, those of the nearest value inside when it is on one; false when it is outside. */
static bool range_distances(const range *l, double x, double *from_lower, double *from_end)
{
    *from_lower = l->has_lower ? x - l->lower : 1;
    *from_end = l->has_upper ? l->end - x : 1;
    bool inside = *from_lower >= 0 && *from_end >= 0;
    if (!(*from_lower > 0)) {
        *from_lower = l->at_lower;
        *from_end = l->has_upper ? l->width - l->at_lower : 1;
    } else if (!(*from_end > 0)) {
        *from_end = l->at_end;
        *from_lower = l->has_lower ? l->width - l->at_end : 1;
    }
    return inside;
}

static void range_to_latent(const range *l, int n, const double *x, double *z, double *logdet)
{
    for (int j = 0; j < n; j++) {
        double from_lower, from_end;
        if (!range_distances(l, x[j], &from_lower, &from_end))
            logdet[j] = -INFINITY;
        double near = fmin(from_lower, from_end), far = fmax(from_lower, from_end);
        if (l->has_lower && l->has_upper) { /* differences of large logarithms would lose digits */
            z[j] = log(from_lower / from_end);
            logdet[j] += log(l->width / far) - log(near);
        } else {
            double log_distance = log(l->has_lower ? from_lower : from_end);
            z[j] = l->has_lower ? log_distance : -log_distance;
            logdet[j] -= log_distance;
        }
    }
}

static void range_to_data(const range *l, int n, const double *z, double *x, double *logdet)
{
    for (int j = 0; j < n; j++) {
        double at = z[j];
        if (!l->has_upper) {
            x[j] = l->lower + exp(at);
            logdet[j] += at;
        } else if (!l->has_lower) {
            x[j] = l->end - exp(-at);
            logdet[j] -= at;
        } else { /* from the nearer bound */
            double small = exp(-fabs(at)), from = l->width * (small / (1 + small));
            x[j] = fmin(fmax(at < 0 ? l->lower + from : l->end - from, l->lower), l->end);
            logdet[j] += log(l->width) - fabs(at) - 2 * log1p(small);
        }
    }
}

/* t modulo 1, in [0, 1) in spite of rounding */
static double periodic_wrap(double t)
{
    double inside = t - floor(t);
    return inside < 1 ? inside : 0;
}

static void periodic_to_latent(double period, double begin, int n, const double *x, double *z, double *logdet)
{
    double log_slope = log(2 * FLOW_PI / period);
    for (int j = 0; j < n; j++) {
        z[j] = 2 * FLOW_PI * periodic_wrap((x[j] - begin) / period) - FLOW_PI;
        logdet[j] += log_slope;
    }
}

static void periodic_to_data(double period, double begin, int n, const double *z, double *x, double *logdet)
{
    double log_slope = log(period / (2 * FLOW_PI));
    for (int j = 0; j < n; j++) {
        double at = begin + period * periodic_wrap((z[j] + FLOW_PI) / (2 * FLOW_PI));
        x[j] = at < begin + period ? at : begin;
        logdet[j] += log_slope;
    }
}

static void support_to_latent(const void *self, const double *fitted, int n, const double *x, double *z, double *logdet)
{
    const support *map = self;
    if (z != x)
        memcpy(z, x, (size_t)map->dim * (size_t)n * sizeof *z);
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        size_t at = (size_t)s->column * (size_t)n;
        if (support_is_bounded(s)) {
            range l = support_range_of(map, s, fitted);
            range_to_latent(&l, n, x + at, z + at, logdet);
        } else if (support_is_periodic(s)) {
            periodic_to_latent(s->period, fitted[map->begin + (size_t)s->column], n, x + at, z + at, logdet);
        }
    }
}

static void support_to_data(const void *self, const double *fitted, int n, const double *z, double *x, double *logdet)
{
    const support *map = self;
    if (x != z)
        memcpy(x, z, (size_t)map->dim * (size_t)n * sizeof *x);
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        size_t at = (size_t)s->column * (size_t)n;
        if (support_is_bounded(s)) {
            range l = support_range_of(map, s, fitted);
            range_to_data(&l, n, z + at, x + at, logdet);
        } else if (support_is_periodic(s)) {
            periodic_to_data(s->period, fitted[map->begin + (size_t)s->column], n, z + at, x + at, logdet);
        }
    }
}

static void support_to_latent_backward(const void *self, const double *fitted, int n, const double *x,
                                       const double *gz, const double *glogdet, double *gx)
{
    const support *map = self;
    memmove(gx, gz, (size_t)map->dim * (size_t)n * sizeof *gx);
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        for (int j = 0; support_is_periodic(s) && j < n; j++)
            gx[(size_t)s->column * (size_t)n + (size_t)j] *= 2 * FLOW_PI / s->period;
        if (!support_is_bounded(s))
            continue;
        range l = support_range_of(map, s, fitted);
        for (int j = 0; j < n; j++) {
            size_t k = (size_t)s->column * (size_t)n + (size_t)j;
            double from_lower, from_end;
            range_distances(&l, x[k], &from_lower, &from_end);
            double a = l.has_lower ? 1 / from_lower : 0, b = l.has_upper ? 1 / from_end : 0;
            gx[k] = gx[k] * (a + b) + glogdet[j] * (b - a);
        }
    }
}

/* dx/dz and the derivative of the log-determinant */
static void range_slopes(const range *l, double z, double *slope, double *bend)
{
    if (!l->has_upper) {
        *slope = exp(z);
        *bend = 1;
    } else if (!l->has_lower) {
        *slope = exp(-z);
        *bend = -1;
    } else {
        double small = exp(-fabs(z));
        *slope = l->width * small / ((1 + small) * (1 + small));
        *bend = (z < 0 ? 1 : -1) * (1 - small) / (1 + small);
    }
}

static void support_to_data_backward(const void *self, const double *fitted, int n, const double *z, const double *gx,
                                     const double *glogdet, double *gz)
{
    const support *map = self;
    memmove(gz, gx, (size_t)map->dim * (size_t)n * sizeof *gz);
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        for (int j = 0; support_is_periodic(s) && j < n; j++)
            gz[(size_t)s->column * (size_t)n + (size_t)j] *= s->period / (2 * FLOW_PI);
        if (!support_is_bounded(s))
            continue;
        range l = support_range_of(map, s, fitted);
        for (int j = 0; j < n; j++) {
            size_t k = (size_t)s->column * (size_t)n + (size_t)j;
            double slope, bend;
            range_slopes(&l, z[k], &slope, &bend);
            gz[k] = gz[k] * slope + glogdet[j] * bend;
        }
    }
}

/* ---- discrete columns ---- */

static void support_spread(const void *self, const flow_noise *noise, int n, double *x, double *logdet)
{
    const support *map = self;
    flow_supports_spread(&map->supports, map->dim, noise, n, x, logdet);
}

static void support_round_down(const void *self, int n, double *x)
{
    flow_supports_round(&((const support *)self)->supports, n, x);
}

static int support_n_discrete(const void *self, bool *which)
{
    const support *map = self;
    for (int i = 0; which != NULL && i < map->supports.n; i++)
        if (map->supports.at[i].discrete && map->supports.at[i].column >= 0)
            which[map->supports.at[i].column] = true;
    return map->supports.n_discrete;
}

/* ---- the data ---- */

static flow_status support_check_row(const void *self, const double *row, flow_error *err)
{
    const support *map = self;
    flow_status status = FLOW_OK;
    for (int i = 0; i < map->supports.n && status == FLOW_OK; i++)
        if (map->supports.at[i].column >= 0)
            status = flow_support_check(&map->supports.at[i], row[map->supports.at[i].column], err);
    return status;
}

/* Half of the smallest distance from a bound, or the fallback when no value is inside. */
static double support_half_of_nearest(double nearest, double fallback)
{
    return isfinite(nearest) ? fmax(nearest / 2, DBL_MIN) : fallback;
}

/* Without "lower" a period begins at 0 if no value is negative; else it is around 0. */
static void support_fit_begin(const support *map, const flow_support *s, flow_params *params, size_t n, const double *x)
{
    double least = INFINITY;
    for (size_t r = 0; r < n; r++)
        least = fmin(least, x[r * (size_t)map->dim + (size_t)s->column]);
    if (isnan(s->lower))
        params->fitted[map->begin + (size_t)s->column] = least >= 0 ? 0 : -s->period / 2;
}

static flow_status support_fit(const void *self, flow_params *params, size_t n, const double *x,
                               const char *const *columns, flow_error *err)
{
    (void)columns;
    const support *map = self;
    size_t d = (size_t)map->dim;
    for (size_t r = 0; r < n; r++) {
        flow_status status = support_check_row(self, x + r * d, err);
        if (status != FLOW_OK)
            return status;
    }
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        if (support_is_periodic(s))
            support_fit_begin(map, s, params, n, x);
        if (!support_is_bounded(s) || s->discrete) /* what is spread is never on a bound, but for rounding */
            continue;
        double nearest[2] = {INFINITY, INFINITY};
        for (size_t r = 0; r < n; r++) {
            double value = x[r * d + (size_t)s->column], lower = value - s->lower, upper = s->end - value;
            nearest[0] = lower > 0 ? fmin(nearest[0], lower) : nearest[0];
            nearest[1] = upper > 0 ? fmin(nearest[1], upper) : nearest[1];
        }
        for (size_t side = 0; side < 2; side++) {
            double *fitted = &params->fitted[map->nearest + side * d + (size_t)s->column];
            *fitted = support_half_of_nearest(nearest[side], *fitted);
        }
    }
    return FLOW_OK;
}

static flow_status support_check(const void *self, const flow_params *params, flow_error *err)
{
    const support *map = self;
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        double begin = support_is_periodic(s) ? params->fitted[map->begin + (size_t)s->column] : 0;
        if (!isfinite(begin) || begin + (support_is_periodic(s) ? s->period : 1) == begin)
            return flow_error_set(err, FLOW_FORMAT, "the beginning of column %d's period is not usable", s->column + 1);
        if (!support_is_bounded(s))
            continue;
        range l = support_range_of(map, s, params->fitted);
        if (!(l.at_lower > 0 && l.at_lower < l.width && l.at_end > 0 && l.at_end < l.width))
            return flow_error_set(err, FLOW_FORMAT, "its value on the bound of column %d is not usable", s->column + 1);
    }
    return FLOW_OK;
}

static void support_mark_periods(const void *self, double *periods)
{
    const support *map = self;
    for (int i = 0; i < map->supports.n; i++)
        if (support_is_periodic(&map->supports.at[i]))
            periods[map->supports.at[i].column] = map->supports.at[i].period;
}

static void support_describe(const void *self, flow_text *text)
{
    const support *map = self;
    for (int i = 0; i < map->supports.n; i++) {
        flow_support_describe(&map->supports.at[i], text);
        flow_text_add(text, "\n");
    }
}

const flow_column_type flow_column_support = {
    .info = {FLOW_INFO("support", "bounds of columns, periodic columns, and columns of whole numbers",
                       support_table, flow_support_options)},
    .state_size = sizeof(support),
    .configure = support_configure,
    .release = support_release,
    .to_latent = support_to_latent,
    .to_data = support_to_data,
    .to_latent_backward = support_to_latent_backward,
    .to_data_backward = support_to_data_backward,
    .fit = support_fit,
    .check = support_check,
    .n_discrete = support_n_discrete,
    .spread = support_spread,
    .round = support_round_down,
    .mark_periods = support_mark_periods,
    .check_row = support_check_row,
    .describe = support_describe,
};
