/* Numbers of few digits, in line: internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DECIMAL_SHORT_H
#define FLOW_DATA_DECIMAL_SHORT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "data/decimal_powers.h"

#if FLOW_FAST_DECIMALS

static inline bool decimal_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ------------------------------------------------------------------ digits */

/* The next eight bytes in one word, the first one in the lowest byte; a digit becomes its value. */
static inline uint64_t decimal_load(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word ^ 0x3030303030303030u;
}

/* How many bytes in front of the first one that is no digit. */
static inline int decimal_count_digits(uint64_t word)
{
    const uint64_t others = (((word & 0x7f7f7f7f7f7f7f7fu) + 0x7676767676767676u) | word) & 0x8080808080808080u;
    return others != 0 ? __builtin_ctzll(others) >> 3 : 8;
}

/* The value of eight digits: digits are joined to pairs, pairs to fours, fours to the value. */
static inline uint64_t decimal_join_digits(uint64_t word)
{
    word = word * 10 + (word >> 8);
    const uint64_t even = (word & 0x000000ff000000ffu) * (100 + (1000000ull << 32));
    const uint64_t odd = (word >> 16 & 0x000000ff000000ffu) * (1 + (10000ull << 32));
    return (even + odd) >> 32;
}

/* The value of the first n digits, n < 8: zeros come in front of them in place of the bytes behind. */
static inline uint64_t decimal_join_first(uint64_t word, int n)
{
    return decimal_join_digits(word << (56 - 8 * n) << 8);
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

static const double decimal_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                          1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool decimal_compose(uint64_t digits, long exponent, double *value)
{
    if (digits == 0) {
        *value = 0;
        return true;
    }
    /* Clinger (1990): both operands are exact, so one operation rounds once */
    if (digits >> DBL_MANT_DIG == 0 && exponent >= -22 && exponent <= 22) {
        double exact = (double)digits;
        *value = exponent < 0 ? exact / decimal_powers[-exponent] : exact * decimal_powers[exponent];
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

/* MOST_DIGITS always fit 64 bits; flow_decimal_short may read SHORT_SIZE bytes. */
enum { DECIMAL_MOST_DIGITS = 19, FLOW_DECIMAL_SHORT_SIZE = 64 };

/* Appends the digits at c to *digits; NULL: 24 of them and more. A step does not depend on how many digits there are,
 * but on the number of words. */
static inline const char *decimal_take_digits(const char *c, uint64_t *digits)
{
    static const uint64_t powers[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t word;
    int n, n_words = 0;
    for (;; c += 8) {
        word = decimal_load(c);
        n = decimal_count_digits(word);
        if (n < 8)
            break;
        if (++n_words > 2)
            return NULL;
        *digits = *digits * 100000000 + decimal_join_digits(word);
    }
    *digits = *digits * powers[n] + decimal_join_first(word, n);
    return c + n;
}

/* As flow_decimal_scan for nearly every number: at most MOST_DIGITS, the zeros in front of them included. */
static inline const char *flow_decimal_short(const char *text, double *value)
{
    const bool negative = *text == '-';
    const char *first = text + ((int)negative | (*text == '+'));
    uint64_t digits = (unsigned char)(*first ^ '0');
    long exponent = 0;
    const char *c = first + 1;
    if (digits > 9 || decimal_is_digit(*c)) { /* else the one digit in front of the point that most numbers have */
        digits = 0;
        c = decimal_take_digits(first, &digits);
        if (c == NULL)
            return NULL;
    }
    long n_digits = c - first;
    if (*c == '.') {
        const char *fraction = ++c;
        c = decimal_take_digits(c, &digits);
        if (c == NULL)
            return NULL;
        exponent = fraction - c;
        n_digits -= exponent;
    }
    if (n_digits == 0 || n_digits > DECIMAL_MOST_DIGITS)
        return NULL;
    double magnitude;
    if ((*c | 32) != 'e' && digits >> DBL_MANT_DIG == 0) {
        magnitude = (double)digits / decimal_powers[-exponent]; /* see decimal_compose */
    } else {
        c = decimal_take_exponent(c, &exponent);
        if (c == NULL || !decimal_compose(digits, exponent, &magnitude))
            return NULL;
    }
    uint64_t bits; /* without a branch: signs are random */
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= (uint64_t)negative << 63;
    memcpy(value, &bits, sizeof bits);
    return c;
}

#endif

#endif
