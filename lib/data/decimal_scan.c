/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/decimal.h"

#include <stdint.h>
#include <string.h>

#include "data/decimal_powers.h"

#if FLOW_FAST_DECIMALS

static inline bool decimal_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ------------------------------------------------------------------ digits */

/* The value of eight digits in one word, the first digit in the lowest byte: digits are joined to pairs, pairs to
 * fours, fours to the value. False when a byte is not a digit: the upper half of a digit is 3, also after adding 6. */
static inline bool decimal_eight_digits(const char *text, uint64_t *value)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    if (((word & 0xf0f0f0f0f0f0f0f0u) | (((word + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) >> 4)) !=
        0x3333333333333333u)
        return false;
    word -= 0x3030303030303030u;
    word = word * 10 + (word >> 8);
    uint64_t even = (word & 0x000000ff000000ffu) * (100 + (1000000ull << 32));
    uint64_t odd = (word >> 16 & 0x000000ff000000ffu) * (1 + (10000ull << 32));
    *value = (even + odd) >> 32;
    return true;
}

/* Appends the digits at c to *digits, modulo 2^64. */
static inline const char *decimal_take_digits(const char *c, const char *limit, uint64_t *digits)
{
    uint64_t eight;
    while (limit - c >= 8 && decimal_eight_digits(c, &eight)) {
        *digits = *digits * 100000000 + eight;
        c += 8;
    }
    for (; decimal_is_digit(*c); c++)
        *digits = 10 * *digits + (uint64_t)(*c - '0');
    return c;
}

/* ------------------------------------------------------------------ values */

/* digits * 10^exponent to the nearest double, by Lemire (2021), section 5. False for results that are not normal
 * numbers, and in the rare case that 128 bits of the power do not decide. */
static inline bool decimal_nearest_double(uint64_t digits, long exponent, double *value)
{
    enum { SHIFT = 64 - DBL_MANT_DIG - 2 }; /* keeps the mantissa, a bit to round by, perhaps one above */
    if (exponent < FLOW_POWER_LEAST || exponent > 308)
        return false;
    const flow_power *power = &flow_powers_of_5[exponent - FLOW_POWER_LEAST];
    int zeros = __builtin_clzll(digits);
    digits <<= zeros;
    flow_wide product = (flow_wide)digits * power->high;
    if (((uint64_t)(product >> 64) & (((uint64_t)1 << SHIFT) - 1)) == ((uint64_t)1 << SHIFT) - 1)
        product += (flow_wide)digits * power->low >> 64; /* only then can the lower half carry into what is kept */
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if (low == UINT64_MAX && (exponent < -27 || exponent > FLOW_POWER_LAST_EXACT))
        return false;
    int upper = (int)(high >> 63);
    uint64_t mantissa = high >> (upper + SHIFT);
    long biased = (217706 * exponent >> 16) + 63 + upper - zeros + 1023; /* 217706 / 2^16 is log2(10) */
    if (biased <= 0)
        return false;
    /* A product half way between two doubles has few digits and a small power, and is exact. */
    if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 && mantissa << (upper + SHIFT) == high)
        mantissa--;
    mantissa = (mantissa + 1) >> 1;
    if (mantissa >> DBL_MANT_DIG != 0) {
        mantissa >>= 1;
        biased++;
    }
    if (biased >= 0x7ff)
        return false;
    uint64_t bits = (mantissa & (((uint64_t)1 << (DBL_MANT_DIG - 1)) - 1)) | (uint64_t)biased << (DBL_MANT_DIG - 1);
    memcpy(value, &bits, sizeof bits);
    return true;
}

static inline bool decimal_compose(uint64_t digits, long exponent, double *value)
{
    static const double powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits == 0) {
        *value = 0;
        return true;
    }
    /* Clinger (1990): both operands are exact, so one operation rounds once */
    if (digits >> DBL_MANT_DIG == 0 && exponent >= -22 && exponent <= 22) {
        double exact = (double)digits;
        *value = exponent < 0 ? exact / powers[-exponent] : exact * powers[exponent];
        return true;
    }
    return decimal_nearest_double(digits, exponent, value);
}

/* The optional exponent after the digits; NULL for an e without a number after it. */
static inline const char *decimal_take_exponent(const char *c, long *exponent)
{
    if (*c != 'e' && *c != 'E')
        return c;
    const char *sign = ++c;
    c += *c == '-' || *c == '+';
    if (!decimal_is_digit(*c))
        return NULL;
    long power = 0;
    for (; decimal_is_digit(*c); c++)
        power = power < 10000 ? 10 * power + (*c - '0') : power;
    *exponent += *sign == '-' ? -power : power;
    return c;
}

const char *flow_decimal_scan(const char *text, const char *limit, double *value)
{
    enum { MOST_DIGITS = 19 }; /* always fit 64 bits */
    const char *c = text;
    bool negative = *c == '-';
    c += *c == '-' || *c == '+';
    const char *first = c;
    uint64_t digits = 0;
    for (; decimal_is_digit(*c); c++)
        digits = 10 * digits + (uint64_t)(*c - '0');
    long n_digits = c - first, exponent = 0;
    if (*c == '.') {
        const char *fraction = ++c;
        c = decimal_take_digits(c, limit, &digits);
        exponent = fraction - c;
        n_digits -= exponent;
    }
    if (n_digits == 0)
        return NULL;
    if (n_digits > MOST_DIGITS) { /* `digits` may have wrapped around, unless the first ones are zeros */
        for (const char *zero = first; *zero == '0' || *zero == '.'; zero++)
            n_digits -= *zero == '0';
        if (n_digits > MOST_DIGITS)
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
