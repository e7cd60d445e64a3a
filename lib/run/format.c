/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *flow_format_count(char out[FLOW_FORMAT_SIZE], int64_t n)
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
static bool format_is_wide(double mean, double error)
{
    return fabs(mean) >= 1e7 || (isfinite(error) && error >= 1e7);
}

const char *flow_format_estimate(char out[FLOW_FORMAT_SIZE], double mean, double error)
{
    const bool has_error = isfinite(error) && error > 0;
    int decimals = has_error ? 1 - (int)floor(log10(error)) : 0;
    decimals = decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
    if (format_is_wide(mean, error))
        snprintf(out, FLOW_FORMAT_SIZE, has_error ? "%.6g +- %.2g" : "%.6g", mean, error);
    else if (has_error)
        snprintf(out, FLOW_FORMAT_SIZE, "%.*f +- %.*f", decimals, mean, decimals, error);
    else
        snprintf(out, FLOW_FORMAT_SIZE, "%.4f", mean);
    return out;
}

const char *flow_format_estimate_fixed(char out[FLOW_FORMAT_SIZE], double mean, double error)
{
    bool wide = format_is_wide(mean, error);
    if (isfinite(error))
        snprintf(out, FLOW_FORMAT_SIZE, wide ? "%.6g +- %.2g" : "%.4f +- %.4f", mean, error);
    else
        snprintf(out, FLOW_FORMAT_SIZE, wide ? "%.6g" : "%.4f", mean);
    return out;
}

const char *flow_format_duration(char out[FLOW_FORMAT_SIZE], double seconds)
{
    long whole = (long)(seconds + 0.5);
    if (!isfinite(seconds))
        snprintf(out, FLOW_FORMAT_SIZE, "?");
    else if (seconds < 9.95)
        snprintf(out, FLOW_FORMAT_SIZE, "%.2g s", seconds);
    else if (seconds < 59.5)
        snprintf(out, FLOW_FORMAT_SIZE, "%.0f s", seconds);
    else if (whole < 3600)
        snprintf(out, FLOW_FORMAT_SIZE, "%ld min %02ld s", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(out, FLOW_FORMAT_SIZE, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
    else
        snprintf(out, FLOW_FORMAT_SIZE, "%ld d %02ld h", whole / 86400, whole % 86400 / 3600);
    return out;
}

const char *flow_format_rate(char out[FLOW_FORMAT_SIZE], double per_second)
{
    if (!isfinite(per_second) || per_second < 0) {
        snprintf(out, FLOW_FORMAT_SIZE, "? rows/s");
        return out;
    }
    double unit = per_second >= 100 ? pow(10, floor(log10(per_second)) - 2) : 1;
    flow_format_count(out, (int64_t)(floor(per_second / unit + 0.5) * unit));
    snprintf(out + strlen(out), FLOW_FORMAT_SIZE - strlen(out), " rows/s");
    return out;
}
