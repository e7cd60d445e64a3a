/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/decimal.h"

#include "data/decimal_short.h"

#if FLOW_FAST_DECIMALS

const char *flow_decimal_scan(const char *text, const char *limit, double *value)
{
    const char *c = limit - text >= FLOW_DECIMAL_SHORT_SIZE ? flow_decimal_short(text, value) : NULL;
    if (c != NULL)
        return c;
    c = text;
    bool negative = *c == '-';
    c += *c == '-' || *c == '+';
    const char *first = c;
    uint64_t digits = 0;
    for (; decimal_is_digit(*c); c++)
        digits = 10 * digits + (uint64_t)(*c - '0');
    long n_digits = c - first, exponent = 0;
    if (*c == '.') {
        const char *fraction = ++c;
        for (; decimal_is_digit(*c); c++)
            digits = 10 * digits + (uint64_t)(*c - '0');
        exponent = fraction - c;
        n_digits -= exponent;
    }
    if (n_digits == 0)
        return NULL;
    if (n_digits > DECIMAL_MOST_DIGITS) { /* `digits` may have wrapped around, unless the first ones are zeros */
        for (const char *zero = first; *zero == '0' || *zero == '.'; zero++)
            n_digits -= *zero == '0';
        if (n_digits > DECIMAL_MOST_DIGITS)
            return NULL;
    }
    c = decimal_take_exponent(c, &exponent);
    double magnitude;
    if (c == NULL || !decimal_compose(digits, exponent, &magnitude))
        return NULL;
    *value = negative ? -magnitude : magnitude;
    return c;
}

#else

const char *flow_decimal_scan(const char *text, const char *limit, double *value)
{
    (void)text, (void)limit, (void)value;
    return NULL;
}

#endif

const char *flow_decimal_scan_with(const char *text, const char *limit, char point, double *value)
{
    char copy[64];
    size_t n = 0;
    if (point == '.')
        return flow_decimal_scan(text, limit, value);
    for (; n < sizeof copy - 1 && text[n] != '\0' && strchr("0123456789+-eE", text[n]) != NULL; n++)
        copy[n] = text[n];
    if (n < sizeof copy - 1 && text[n] == point) {
        copy[n++] = '.';
        for (; n < sizeof copy - 1 && text[n] != '\0' && strchr("0123456789+-eE", text[n]) != NULL; n++)
            copy[n] = text[n];
    }
    if (n == sizeof copy - 1)
        return NULL;
    copy[n] = '\0';
    const char *end = flow_decimal_scan(copy, copy + n + 1, value);
    return end != NULL ? text + (end - copy) : NULL;
}
