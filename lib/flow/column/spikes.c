/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/column/spikes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- from the options ---- */

static int spikes_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

flow_status flow_spikes_set(flow_spikes *out, const flow_number_list *values, double lower, double upper,
                            const char *key, flow_error *err)
{
    char value[FLOW_NUMBER_SIZE];
    *out = (flow_spikes){.n = values->n};
    for (int k = 0; k < values->n; k++)
        out->at[k] = values->at[k] + 0.0; /* -0 is 0 */
    qsort(out->at, (size_t)out->n, sizeof *out->at, spikes_compare);
    for (int k = 0; k < out->n; k++) {
        flow_number_print(value, out->at[k]);
        if (out->at[k] < lower || out->at[k] > upper)
            return flow_option_fail(err, key, "the spike at %s is outside of the bounds", value);
        if (k > 0 && out->at[k] == out->at[k - 1])
            return flow_option_fail(err, key, "the spike at %s occurs twice", value);
    }
    out->on_lower = out->n > 0 && out->at[0] == lower;
    out->on_upper = out->n > 0 && out->at[out->n - 1] == upper;
    return FLOW_OK;
}

/* Data may have been stored in single precision: then a value is the spike as that stores it. */
static bool spikes_is_at(double spike, double x)
{
    return x == spike || x == (double)(float)spike;
}

static int spikes_find(const flow_spikes *s, double x)
{
    for (int k = 0; k < s->n; k++)
        if (spikes_is_at(s->at[k], x))
            return k;
    return -1;
}

/* ---- widths ---- */

/* In distances of the nearest quarter: spikes of hardly any rows, or of nearly all. */
static const double least_width = 0.01, most_width = 1000;

/* A strip is not narrower than this share of the spike's value, so that its places have digits. */
static const double least_share = 1e-9;

static double spikes_usable_width(double spike, double width)
{
    return fmax(fmax(width, least_share * fabs(spike)), 1e-290);
}

void flow_spikes_set_widths(const flow_spikes *s, double *widths)
{
    for (int k = 0; k < s->n; k++)
        widths[k] = spikes_usable_width(s->at[k], 1);
}

/* Of `hits` rows, and m others at these distances. Beyond a bound the width is the distance that a twentieth of the
 * others keep from it: the logarithm behind it then spreads nearly all of them. Within the line it is what makes the
 * density of the strip that of the nearest quarter of the others. */
static double spikes_choose_width(const flow_spikes *s, int k, size_t hits, double *distances, size_t m)
{
    qsort(distances, m, sizeof *distances, spikes_compare);
    if ((k == 0 && s->on_lower) || (k == s->n - 1 && s->on_upper))
        return distances[m / 20];
    double density = (double)m / 4 / (2 * distances[m / 4]), width = (double)hits / density;
    return fmin(fmax(width, least_width * distances[m / 4]), most_width * distances[m / 4]);
}

/* Where all of n rows are spikes: each has its share of the span of the spikes. */
static double spikes_share_width(const flow_spikes *s, size_t hits, size_t n)
{
    double span = s->at[s->n - 1] - s->at[0];
    return span > 0 && isfinite(span) ? span * fmax((double)hits / (double)n, least_width / s->n) : 1;
}

flow_status flow_spikes_fit(const flow_spikes *s, const double *values, size_t n, size_t stride, double *widths,
                            flow_error *err)
{
    double *distances = malloc((n + 1) * sizeof *distances);
    if (distances == NULL)
        return flow_error_memory(err, "the distances from a spike");
    for (int k = 0; k < s->n; k++) {
        size_t m = 0, hits = 0;
        for (size_t r = 0; r < n; r++) {
            int spike = spikes_find(s, values[r * stride]);
            hits += spike == k;
            if (spike < 0)
                distances[m++] = fabs(values[r * stride] - s->at[k]);
        }
        widths[k] = spikes_usable_width(s->at[k], m > 0 ? spikes_choose_width(s, k, hits, distances, m)
                                                        : spikes_share_width(s, hits, n));
    }
    free(distances);
    return FLOW_OK;
}

/* ---- the strips ---- */

/* A strip, while one goes up the line. */
typedef struct strip {
    int k;
    double shift, begin, end; /* of the values below it; x' from begin to end is the spike */
} strip;

/* Goes to the next strip; false behind the last one. A caller begins with k = -1; the other members need no value. */
static bool spikes_next(const flow_spikes *s, const double *widths, strip *at)
{
    at->shift = at->k >= 0 ? at->shift + widths[at->k] : s->on_lower ? -widths[0] : 0;
    if (++at->k >= s->n)
        return false;
    at->begin = s->at[at->k] + at->shift;
    at->end = s->at[at->k] + (at->shift + widths[at->k]);
    return true;
}

bool flow_spikes_check(const flow_spikes *s, const double *widths)
{
    for (strip at = {.k = -1}; spikes_next(s, widths, &at);)
        if (!(widths[at.k] > 0 && isfinite(at.end) && at.end - at.begin > 0.5 * widths[at.k]))
            return false;
    return true;
}

double flow_spikes_below(const flow_spikes *s, const double *widths)
{
    return s->on_lower ? widths[0] : 0;
}

double flow_spikes_above(const flow_spikes *s, const double *widths)
{
    strip at = {.k = -1};
    while (spikes_next(s, widths, &at))
        continue;
    return at.shift;
}

/* ---- the noise ---- */

/* How far the middle of the logistic distribution is from the bound, in its scales. */
static const double reach = 5;

/* A distance from the outer end, of 1 at most, and log(d distance / du). The distribution is cut at the inner end. */
static double spikes_distance(double u, double *log_slope)
{
    double cut = 1 / (1 + exp(reach)), p = (1 - cut) * u;
    *log_slope = log1p(-cut) - reach - 2 * log1p(-p);
    return exp(-reach) * p / (1 - p);
}

double flow_spikes_open(const flow_spikes *s, const double *widths, double x, double u, double *log_width)
{
    int spike = spikes_find(s, x);
    strip at = {.k = -1};
    *log_width = 0;
    while (spikes_next(s, widths, &at)) {
        if (at.k == spike) {
            double width = widths[spike], log_slope = 0, place = at.begin + width * u;
            if (spike == 0 && s->on_lower)
                place = at.begin + width * spikes_distance(u, &log_slope);
            else if (spike == s->n - 1 && s->on_upper)
                place = at.end - width * spikes_distance(u, &log_slope);
            *log_width = log(width) + log_slope;
            return fmax(fmin(place, nextafter(at.end, -INFINITY)), at.begin);
        }
        if (x < s->at[at.k])
            break;
    }
    return x + at.shift;
}

double flow_spikes_close(const flow_spikes *s, const double *widths, double x)
{
    strip at = {.k = -1};
    while (spikes_next(s, widths, &at)) {
        bool from_outside = at.k == 0 && s->on_lower, to_outside = at.k == s->n - 1 && s->on_upper;
        if (x < at.begin && !from_outside)
            break;
        if (x < at.end || to_outside)
            return s->at[at.k];
    }
    return x - at.shift;
}

void flow_spikes_describe(const flow_spikes *s, flow_text *text)
{
    for (int k = 0; k < s->n; k++) {
        char value[FLOW_NUMBER_SIZE];
        flow_number_print(value, s->at[k]);
        flow_text_add(text, "%s%s", k > 0 ? ", " : s->n > 1 ? "spikes at " : "a spike at ", value);
    }
}
