/* Columns whose values do not reach over all numbers, or repeat:
 *
 *     lower a          z = log(x - a)
 *     upper b          z = -log(b - x)
 *     both             z = log(x - a) - log(b - x)
 *     discrete         x + step u first, u uniform on (0, 1); with bounds, from a to b + step
 *     periodic L       z = 2 pi (x - a) / L - pi, taken into [-pi, pi): periodic from there on
 *     spikes           x becomes a place of an opened line first (spikes.h), whose ends are then the bounds
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
    size_t widths;  /* and, if there are spikes, (1, n_spikes): the widths of their strips */
} support;

static const flow_option support_table[] = {
    {.key = "columns", .kind = FLOW_OPTION_MAP, .offset = offsetof(flow_support_options, columns),
     .fallback = FLOW_REQUIRED, .table = flow_support_rule_table, .size = sizeof(flow_support_rule),
     .help = "the support of each column that is not a density on the whole line, by its name or place: #1, #2, ..."},
    FLOW_OPTIONS_END,
};

static bool support_is_periodic(const flow_support *s)
{
    return s->column >= 0 && s->period > 0;
}

/* Whether the map changes the column because of its bounds. */
static bool support_is_bounded(const flow_support *s)
{
    return s->column >= 0 && s->period == 0 && (isfinite(s->lower) || isfinite(s->upper));
}

static bool support_is_spiked(const flow_support *s)
{
    return s->column >= 0 && s->spikes.n > 0;
}

static flow_status support_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    support *map = self;
    const flow_support_options *asked = options;
    map->dim = context->dims.n;
    if (context->index > 0)
        return flow_error_set(err, FLOW_SPEC, "\"support\" is about the data as they come: it stands first");
    FLOW_TRY(flow_supports_configure(&map->supports, &asked->columns, context, err));
    FLOW_TRY(flow_params_add_fitted(params, &map->nearest, "nearest", 2, map->dim, err));
    if (map->supports.n_periodic > 0)
        FLOW_TRY(flow_params_add_fitted(params, &map->begin, "begin", 1, map->dim, err));
    if (map->supports.n_spikes > 0)
        FLOW_TRY(flow_params_add_fitted(params, &map->widths, "widths", 1, map->supports.n_spikes, err));
    for (size_t k = 0; k < 2 * (size_t)map->dim; k++)
        params->fitted[map->nearest + k] = 1e-6;
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        for (int side = 0; support_is_bounded(s) && isfinite(s->end - s->lower) && side < 2; side++)
            params->fitted[map->nearest + (size_t)(side * map->dim + s->column)] = 1e-6 * (s->end - s->lower);
        if (support_is_periodic(s))
            params->fitted[map->begin + (size_t)s->column] = isnan(s->lower) ? -s->period / 2 : s->lower;
        if (support_is_spiked(s))
            flow_spikes_set_widths(&s->spikes, params->fitted + map->widths + s->spikes.first);
    }
    return FLOW_OK;
}

static void support_release(void *self)
{
    flow_supports_release(&((support *)self)->supports);
}

/* ---- the maps ---- */

/* A column that the map changes. */
typedef struct range {
    size_t at;     /* where it begins in a tile */
    double period; /* 0: none. Otherwise a period begins at `lower`, and there are no bounds */
    bool has_lower, has_upper;
    double lower, end, width;
    double at_lower, at_end; /* the distances of values on the bounds */
} range;

/* The next column that the map changes, for a tile of n rows; *i counts the supports that are passed. */
static bool support_next(const support *map, const double *fitted, int n, int *i, range *l)
{
    while (*i < map->supports.n) {
        const flow_support *s = &map->supports.at[(*i)++];
        if (!support_is_bounded(s) && !support_is_periodic(s))
            continue;
        const double *nearest = fitted + map->nearest + s->column;
        *l = (range){(size_t)s->column * (size_t)n,
                     s->period,
                     isfinite(s->lower),
                     isfinite(s->end),
                     s->lower,
                     s->end,
                     s->end - s->lower,
                     nearest[0],
                     nearest[map->dim]};
        if (s->period > 0)
            l->lower = fitted[map->begin + (size_t)s->column];
        if (s->spikes.n > 0) {
            const double *widths = fitted + map->widths + s->spikes.first;
            l->lower -= flow_spikes_below(&s->spikes, widths);
            l->end += flow_spikes_above(&s->spikes, widths);
            l->width = l->end - l->lower;
        }
        return true;
    }
    return false;
}

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

static void periodic_to_latent(const range *l, int n, const double *x, double *z, double *logdet)
{
    double log_slope = log(2 * FLOW_PI / l->period);
    for (int j = 0; j < n; j++) {
        z[j] = 2 * FLOW_PI * periodic_wrap((x[j] - l->lower) / l->period) - FLOW_PI;
        logdet[j] += log_slope;
    }
}

static void periodic_to_data(const range *l, int n, const double *z, double *x, double *logdet)
{
    double log_slope = log(l->period / (2 * FLOW_PI));
    for (int j = 0; j < n; j++) {
        double at = l->lower + l->period * periodic_wrap((z[j] + FLOW_PI) / (2 * FLOW_PI));
        x[j] = at < l->lower + l->period ? at : l->lower;
        logdet[j] += log_slope;
    }
}

static void support_to_latent(const void *self, const double *fitted, int n, const double *x, double *z, double *logdet)
{
    const support *map = self;
    range l;
    if (z != x)
        memcpy(z, x, (size_t)map->dim * (size_t)n * sizeof *z);
    for (int i = 0; support_next(map, fitted, n, &i, &l);)
        (l.period > 0 ? periodic_to_latent : range_to_latent)(&l, n, x + l.at, z + l.at, logdet);
}

static void support_to_data(const void *self, const double *fitted, int n, const double *z, double *x, double *logdet)
{
    const support *map = self;
    range l;
    if (x != z)
        memcpy(x, z, (size_t)map->dim * (size_t)n * sizeof *x);
    for (int i = 0; support_next(map, fitted, n, &i, &l);)
        (l.period > 0 ? periodic_to_data : range_to_data)(&l, n, z + l.at, x + l.at, logdet);
}

/* The derivatives of the output and of the log-determinant at the input x or z. */
static void range_slopes(const range *l, flow_direction direction, double in, double *slope, double *bend)
{
    *bend = 0;
    if (l->period > 0) {
        *slope = direction == FLOW_TO_LATENT ? 2 * FLOW_PI / l->period : l->period / (2 * FLOW_PI);
    } else if (direction == FLOW_TO_LATENT) {
        double from_lower, from_end;
        range_distances(l, in, &from_lower, &from_end);
        double a = l->has_lower ? 1 / from_lower : 0, b = l->has_upper ? 1 / from_end : 0;
        *slope = a + b;
        *bend = b - a;
    } else if (l->has_lower && l->has_upper) {
        double small = exp(-fabs(in));
        *slope = l->width * small / ((1 + small) * (1 + small));
        *bend = (in < 0 ? 1 : -1) * (1 - small) / (1 + small);
    } else {
        *bend = l->has_lower ? 1 : -1;
        *slope = exp(*bend * in);
    }
}

static void support_backward(const support *map, const double *fitted, int n, flow_direction direction,
                             const double *in, const double *gout, const double *glogdet, double *gin)
{
    range l;
    memmove(gin, gout, (size_t)map->dim * (size_t)n * sizeof *gin);
    for (int i = 0; support_next(map, fitted, n, &i, &l);) {
        for (int j = 0; j < n; j++) {
            double slope, bend, *g = &gin[l.at + (size_t)j];
            range_slopes(&l, direction, in[l.at + (size_t)j], &slope, &bend);
            *g = *g * slope + glogdet[j] * bend;
        }
    }
}

static void support_to_latent_backward(const void *self, const double *fitted, int n, const double *x, const double *gz,
                                       const double *glogdet, double *gx)
{
    support_backward(self, fitted, n, FLOW_TO_LATENT, x, gz, glogdet, gx);
}

static void support_to_data_backward(const void *self, const double *fitted, int n, const double *z, const double *gx,
                                     const double *glogdet, double *gz)
{
    support_backward(self, fitted, n, FLOW_TO_DATA, z, gx, glogdet, gz);
}

/* ---- discrete columns and spikes ---- */

/* m values of one column, the first being row `first` of the tile. */
static void support_spread_lattice(const flow_support *s, const flow_noise *noise, int first, int m,
                                   const uint64_t *key, double *values, double *logdet)
{
    double log_step = log(s->step);
    for (int j = 0; j < m; j++) {
        double u = flow_support_noise(noise, key[j], noise->first_row + (uint64_t)(first + j), s->column);
        logdet[j] += flow_support_holds(s, values[j]) ? log_step : -INFINITY;
        values[j] = flow_support_value(s, flow_support_nearest(s, values[j])) + u * s->step;
    }
}

/* The same; a value outside of the bounds goes to the nearest one. */
static void support_spread_spikes(const flow_support *s, const double *widths, const flow_noise *noise, int first,
                                  int m, const uint64_t *key, double *values, double *logdet)
{
    for (int j = 0; j < m; j++) {
        double u = flow_support_noise(noise, key[j], noise->first_row + (uint64_t)(first + j), s->column), log_width;
        double inside = fmin(fmax(values[j], s->lower), s->upper);
        logdet[j] += flow_support_holds(s, values[j]) ? 0 : -INFINITY;
        values[j] = flow_spikes_open(&s->spikes, widths, inside, u, &log_width);
        logdet[j] += log_width;
    }
}

static void support_spread(const void *self, const double *fitted, const flow_noise *noise, int n, double *x,
                           double *logdet)
{
    const support *map = self;
    for (int first = 0; first < n; first += FLOW_TILE) {
        uint64_t key[FLOW_TILE] = {0};
        int m = flow_min(n - first, FLOW_TILE);
        if (noise->kind == FLOW_NOISE_OF_ROW)
            flow_support_keys(map->dim, n, m, x + first, key);
        for (int i = 0; i < map->supports.n; i++) {
            const flow_support *s = &map->supports.at[i];
            double *values = s->column >= 0 ? x + (size_t)s->column * (size_t)n + first : NULL;
            if (s->column >= 0 && s->discrete)
                support_spread_lattice(s, noise, first, m, key, values, logdet + first);
            else if (support_is_spiked(s))
                support_spread_spikes(s, fitted + map->widths + s->spikes.first, noise, first, m, key, values,
                                      logdet + first);
        }
    }
}

static void support_round(const void *self, const double *fitted, int n, double *x)
{
    const support *map = self;
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        const double *widths = support_is_spiked(s) ? fitted + map->widths + s->spikes.first : NULL;
        for (int j = 0; s->column >= 0 && (s->discrete || widths != NULL) && j < n; j++) {
            double *value = &x[(size_t)s->column * (size_t)n + (size_t)j];
            if (isfinite(*value))
                *value = widths == NULL ? flow_support_value(s, flow_support_floor(s, *value))
                                        : fmin(fmax(flow_spikes_close(&s->spikes, widths, *value), s->lower), s->upper);
        }
    }
}

static int support_n_discrete(const void *self, bool *which)
{
    const support *map = self;
    for (int i = 0; which != NULL && i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        if ((s->discrete && s->column >= 0) || support_is_spiked(s))
            which[s->column] = true;
    }
    return map->supports.n_discrete + map->supports.n_spiked;
}

static int support_n_spiked(const void *self)
{
    return ((const support *)self)->supports.n_spiked;
}

static int support_spikes(const void *self, int column, const double **at)
{
    const flow_supports *supports = &((const support *)self)->supports;
    for (int i = 0; i < supports->n; i++) {
        if (supports->at[i].column == column && support_is_spiked(&supports->at[i])) {
            *at = supports->at[i].spikes.at;
            return supports->at[i].spikes.n;
        }
    }
    return 0;
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

/* And of a bound that moved, the distance that places on it are taken to have: these are there by rounding. */
static flow_status support_fit_spikes(const support *map, const flow_support *s, double *fitted, size_t n,
                                      const double *x, flow_error *err)
{
    double *widths = fitted + map->widths + s->spikes.first, *nearest = fitted + map->nearest + s->column;
    FLOW_TRY(flow_spikes_fit(&s->spikes, x + s->column, n, (size_t)map->dim, widths, err));
    if (s->spikes.on_lower)
        nearest[0] = 1e-12 * widths[0];
    if (s->spikes.on_upper)
        nearest[map->dim] = 1e-12 * widths[s->spikes.n - 1];
    return FLOW_OK;
}

static flow_status support_fit(const void *self, flow_params *params, size_t n, const double *x,
                               const char *const *columns, flow_error *err)
{
    (void)columns;
    const support *map = self;
    size_t d = (size_t)map->dim;
    for (size_t r = 0; r < n; r++)
        FLOW_TRY(support_check_row(self, x + r * d, err));
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        double least = INFINITY, nearest[2] = {INFINITY, INFINITY};
        if (support_is_spiked(s))
            FLOW_TRY(support_fit_spikes(map, s, params->fitted, n, x, err));
        for (size_t r = 0; s->column >= 0 && r < n; r++) {
            double value = x[r * d + (size_t)s->column], lower = value - s->lower, upper = s->end - value;
            least = fmin(least, value);
            nearest[0] = lower > 0 ? fmin(nearest[0], lower) : nearest[0];
            nearest[1] = upper > 0 ? fmin(nearest[1], upper) : nearest[1];
        }
        if (support_is_periodic(s) && isnan(s->lower)) /* a period begins at 0 or, with negative values, is around 0 */
            params->fitted[map->begin + (size_t)s->column] = least >= 0 ? 0 : -s->period / 2;
        if (!support_is_bounded(s) || s->discrete) /* what is spread is never on a bound, but for rounding */
            continue;
        for (size_t side = 0; side < 2; side++) /* without a value inside it stays */
            if (isfinite(nearest[side]) && !(side == 0 ? s->spikes.on_lower : s->spikes.on_upper))
                params->fitted[map->nearest + side * d + (size_t)s->column] = fmax(nearest[side] / 2, DBL_MIN);
    }
    return FLOW_OK;
}

static flow_status support_check(const void *self, const flow_params *params, flow_error *err)
{
    const support *map = self;
    range l;
    for (int i = 0; i < map->supports.n; i++) {
        const flow_support *s = &map->supports.at[i];
        if (support_is_spiked(s) && !flow_spikes_check(&s->spikes, params->fitted + map->widths + s->spikes.first))
            return flow_error_set(err, FLOW_FORMAT, "the width of a spike of column %d is not usable", s->column + 1);
    }
    for (int i = 0; support_next(self, params->fitted, 1, &i, &l);) {
        if (l.period > 0 && (!isfinite(l.lower) || l.lower + l.period == l.lower))
            return flow_error_set(err, FLOW_FORMAT, "the beginning of column %zu's period is not usable", l.at + 1);
        if (l.period == 0 && !(l.at_lower > 0 && l.at_lower < l.width && l.at_end > 0 && l.at_end < l.width))
            return flow_error_set(err, FLOW_FORMAT, "its value on the bound of column %zu is not usable", l.at + 1);
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
    .info = {FLOW_INFO("support", "bounds of columns, periodic columns, whole numbers, and spikes of probability",
                       support_table, flow_support_options)},
    .state_size = sizeof(support), .configure = support_configure, .release = support_release,
    .to_latent = support_to_latent, .to_data = support_to_data, .to_latent_backward = support_to_latent_backward,
    .to_data_backward = support_to_data_backward, .fit = support_fit, .check = support_check,
    .n_discrete = support_n_discrete, .n_spiked = support_n_spiked, .spikes = support_spikes,
    .spread = support_spread, .round = support_round,
    .mark_periods = support_mark_periods, .check_row = support_check_row, .describe = support_describe,
};
