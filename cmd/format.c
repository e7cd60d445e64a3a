/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *format_count(char out[FORMAT_SIZE], int64_t n)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n));
    size_t length = strlen(digits), at = 0;
    if (n < 0)
        out[at++] = '-';
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* Beyond this, digits say less than an exponent. */
static bool is_wide(double mean, double error)
{
    return fabs(mean) >= 1e7 || (isfinite(error) && error >= 1e7);
}

const char *format_estimate(char out[FORMAT_SIZE], double mean, double error)
{
    if (is_wide(mean, error)) {
        snprintf(out, FORMAT_SIZE, isfinite(error) && error > 0 ? "%.6g +- %.2g" : "%.6g", mean, error);
        return out;
    }
    if (!(error > 0) || !isfinite(error)) {
        snprintf(out, FORMAT_SIZE, "%.4f", mean);
        return out;
    }
    int decimals = 1 - (int)floor(log10(error));
    decimals = decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
    snprintf(out, FORMAT_SIZE, "%.*f +- %.*f", decimals, mean, decimals, error);
    return out;
}

const char *format_estimate_fixed(char out[FORMAT_SIZE], double mean, double error)
{
    bool wide = is_wide(mean, error);
    if (isfinite(error))
        snprintf(out, FORMAT_SIZE, wide ? "%.6g +- %.2g" : "%.4f +- %.4f", mean, error);
    else
        snprintf(out, FORMAT_SIZE, wide ? "%.6g" : "%.4f", mean);
    return out;
}

const char *format_duration(char out[FORMAT_SIZE], double seconds)
{
    long whole = (long)(seconds + 0.5);
    if (!isfinite(seconds))
        snprintf(out, FORMAT_SIZE, "?");
    else if (seconds < 9.95)
        snprintf(out, FORMAT_SIZE, "%.2g s", seconds);
    else if (seconds < 59.5)
        snprintf(out, FORMAT_SIZE, "%.0f s", seconds);
    else if (whole < 3600)
        snprintf(out, FORMAT_SIZE, "%ld min %02ld s", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(out, FORMAT_SIZE, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
    else
        snprintf(out, FORMAT_SIZE, "%ld d %02ld h", whole / 86400, whole % 86400 / 3600);
    return out;
}

const char *format_value(char out[FORMAT_SIZE], double value)
{
    snprintf(out, FORMAT_SIZE, "%.6g", value);
    return out;
}

const char *format_error(char out[FORMAT_SIZE], double value)
{
    snprintf(out, FORMAT_SIZE, "%.1e", value);
    return out;
}

const char *format_rate(char out[FORMAT_SIZE], double per_second)
{
    if (!isfinite(per_second) || per_second < 0) {
        snprintf(out, FORMAT_SIZE, "? rows/s");
        return out;
    }
    double unit = per_second >= 100 ? pow(10, floor(log10(per_second)) - 2) : 1;
    format_count(out, (int64_t)(floor(per_second / unit + 0.5) * unit));
    snprintf(out + strlen(out), FORMAT_SIZE - strlen(out), " rows/s");
    return out;
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(node) ? node->valuedouble : NAN;
}

static const char *estimate_of(char out[FORMAT_SIZE], const cJSON *object, const char *key)
{
    const cJSON *estimate = cJSON_GetObjectItemCaseSensitive(object, key);
    return format_estimate(out, number_of(estimate, "mean"), number_of(estimate, "standard_error"));
}

void format_density(flow_text *text, const cJSON *density, int width)
{
    char number[FORMAT_SIZE], count[FORMAT_SIZE];
    double draws = number_of(density, "draws"), k = number_of(density, "pareto_k");
    flow_text_add(text, "  %-*s  %s nats, a lower bound of log Z (%s fresh draws)\n", width, "bound",
                  estimate_of(number, density, "bound"), format_count(count, (int64_t)draws));
    flow_text_add(text, "  %-*s  %s nats, by importance weights%s\n", width, "log Z",
                  estimate_of(number, density, "log_z"), k > 0.7 ? ", which their tail makes unreliable" : "");
    flow_text_add(text, "  %-*s  %.1f%% of the draws", width, "effective",
                  100 * number_of(density, "effective_sample_size") / draws);
    if (!isnan(k))
        flow_text_add(text, ", Pareto k %.2f", k);
    flow_text_add(text, "\n");
}

void format_evaluations(flow_text *text, double mean, double most, int width)
{
    flow_text_add(text, "  %-*s  %.1f evaluations a solve, %.0f for the hardest row\n", width, "solving", mean, most);
}
