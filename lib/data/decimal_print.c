/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/decimal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "data/decimal_powers.h"

#if FLOW_FAST_DECIMALS

/* ------------------------------------------------------------------ layout */

/* Writes eight digits: one word is split into halves, pairs and digits, with the first digit in the lowest byte. */
static inline void decimal_put_eight(char *out, uint32_t value)
{
    uint64_t word = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t upper = word * 10486 >> 20 & 0x0000007f0000007fu; /* by 100 */
    word = upper | (word - 100 * upper) << 16;
    upper = word * 103 >> 10 & 0x000f000f000f000fu; /* by 10 */
    word = (upper | (word - 10 * upper) << 8) + 0x3030303030303030u;
    memcpy(out, &word, sizeof word);
}

/* Writes seventeen digits with leading zeros; of a number with few digits only the last nine. */
static inline void decimal_put_digits(char *out, uint64_t digits)
{
    uint64_t high = digits / 100000000;
    if (high < 10) {
        out[8] = (char)('0' + high);
    } else {
        out[0] = (char)('0' + high / 100000000);
        decimal_put_eight(out + 1, (uint32_t)(high % 100000000));
    }
    decimal_put_eight(out + 9, (uint32_t)(digits % 100000000));
}

/* The number of digits of a value below 10^17. */
static inline int decimal_count_digits(uint64_t value)
{
    static const uint64_t powers_of_10[18] = {
        1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u, 10000000000u,
        100000000000u, 1000000000000u, 10000000000000u, 100000000000000u, 1000000000000000u, 10000000000000000u,
        100000000000000000u};
    int n = (64 - __builtin_clzll(value | 1)) * 1233 >> 12; /* right, or one too small */
    return n + (value >= powers_of_10[n]);
}

static char *decimal_put_exponent(char *c, int exponent)
{
    unsigned size = exponent < 0 ? (unsigned)-exponent : (unsigned)exponent;
    *c++ = 'e';
    *c++ = exponent < 0 ? '-' : '+';
    if (size >= 100)
        *c++ = (char)('0' + size / 100);
    *c++ = (char)('0' + size / 10 % 10);
    *c++ = (char)('0' + size % 10);
    return c;
}

/* The text that printf("%.*g") gives for digits * 10^exponent with all its digits, `least` at least. Copies have
 * constant sizes, which is faster than calls of memcpy; later writes cover the surplus bytes. */
static inline int decimal_lay_out(char out[FLOW_NUMBER_SIZE], bool negative, uint64_t digits, int exponent, int least)
{
    enum { TEXT = 17, COPY = 24, FRACTION = 16 };
    char text[TEXT + COPY];
    decimal_put_digits(text, digits);
    memset(text + TEXT, '0', COPY);
    int n = decimal_count_digits(digits), point = exponent + n - 1; /* the first digit is worth 10^point */
    const char *at = text + TEXT - n;
    while (n > 1 && at[n - 1] == '0')
        n--;
    char *c = out;
    *c = '-';
    c += negative;
    if (point < -4 || point >= (n > least ? n : least)) {
        c[0] = at[0];
        c[1] = '.';
        memcpy(c + 2, at + 1, COPY - 1);
        c = decimal_put_exponent(c + (n > 1 ? n + 1 : 1), point);
    } else if (point < 0) {
        memcpy(c, "0.000", 5);
        memcpy(c + 1 - point, at, COPY);
        c += 1 - point + n;
    } else if (n > point + 1) {
        memcpy(c, at, COPY);
        c[point + 1] = '.';
        memcpy(c + point + 2, at + point + 1, FRACTION);
        c += n + 1;
    } else { /* the zeros are in the text already */
        memcpy(c, at, COPY);
        c += point + 1;
    }
    *c = '\0';
    return (int)(c - out);
}

/* ------------------------------------------------------------------ digits */

/* digits * 10^exponent */
typedef struct decimal {
    uint64_t digits;
    int exponent;
} decimal;

/* mantissa * 2^exponent */
typedef struct binary {
    uint64_t mantissa;
    int exponent;
    bool is_uneven; /* the neighbour below is at half the distance of the one above: a power of two */
} binary;

static inline int decimal_floor_log2_of_power_of_10(int exponent)
{
    return exponent * 1741647 >> 19;
}

/* floor(log10(2^exponent)), for uneven ones floor(log10(3/4 * 2^exponent)) */
static inline int decimal_exponent(const binary *b)
{
    return (b->exponent * 1262611 - (b->is_uneven ? 524031 : 0)) >> 22;
}

/* The power of ten, rounded up: to 128 bits, for floats to 64, which are enough for their mantissas. */
static inline flow_power decimal_power_of_10(int exponent, bool is_float)
{
    flow_power power = flow_powers_of_5[exponent - FLOW_POWER_LEAST];
    if (is_float)
        return (flow_power){power.high + (power.low != 0), 0};
    power.low += exponent > FLOW_POWER_LAST_EXACT; /* this never carries: see unit_decimal.c */
    return power;
}

/* power * value / 2^128, rounded to odd: the last bit is set when the result is not exact, so that comparisons give the
 * same as with the exact number. */
static inline uint64_t decimal_round_to_odd(flow_power power, uint64_t value, bool is_float)
{
    flow_wide product = (flow_wide)power.high * value;
    if (is_float)
        return (uint64_t)(product >> 64) | ((uint64_t)product >> 32 > 1);
    product += (uint64_t)((flow_wide)power.low * value >> 64);
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

/* Chooses between the two decimals around a number, given in quarters of 10^exponent; first those with one digit less.
 * At most one of these lies in the interval, and at least one of the others. */
static inline decimal decimal_choose(uint64_t least, uint64_t value, uint64_t most, int exponent)
{
    uint64_t below = value / 4;
    uint64_t tens = below / 10;
    bool low_reads_back = below >= 10 && least <= 40 * tens, high_reads_back = below >= 10 && 40 * tens + 40 <= most;
    if (low_reads_back != high_reads_back)
        return (decimal){tens + high_reads_back, exponent + 1};
    low_reads_back = least <= 4 * below;
    high_reads_back = 4 * below + 4 <= most;
    uint64_t middle = 4 * below + 2;
    bool up = low_reads_back != high_reads_back ? high_reads_back : value > middle || (value == middle && (below & 1));
    return (decimal){below + up, exponent};
}

/* The shortest decimal that reads back as b, the nearest if there are several: R. Giulietti (2020), "The Schubfach way
 * to render doubles". */
static inline decimal decimal_shortest(const binary *b, bool is_float)
{
    int k = decimal_exponent(b), shift = b->exponent + decimal_floor_log2_of_power_of_10(-k) + 1;
    flow_power power = decimal_power_of_10(-k, is_float);
    uint64_t value = 4 * b->mantissa, odd = b->mantissa & 1; /* the ends of the interval read back as even mantissas */
    uint64_t least = decimal_round_to_odd(power, (value - 2 + b->is_uneven) << shift, is_float) + odd;
    uint64_t most = decimal_round_to_odd(power, (value + 2) << shift, is_float) - odd;
    return decimal_choose(least, decimal_round_to_odd(power, value << shift, is_float), most, k);
}

/* Mantissa and exponent from the fields of an IEEE number with `width` bits of mantissa. */
static inline binary decimal_unpack(uint64_t mantissa, int biased, int width, int bias)
{
    if (biased == 0)
        return (binary){mantissa, 1 - bias - width, false};
    return (binary){mantissa | (uint64_t)1 << width, biased - bias - width, mantissa == 0 && biased > 1};
}

/* Near a power of two the shortest decimal may differ from the one that printf gives for as many digits. It does not
 * with up to `least` digits: at most one decimal of that length reads back. */
static inline bool decimal_may_differ(const binary *b, uint64_t digits, int least)
{
    if (!b->is_uneven)
        return false;
    while (digits % 10 == 0)
        digits /= 10;
    return decimal_count_digits(digits) > least;
}

static inline int decimal_print_zero(char *out, bool negative)
{
    out[0] = '-';
    out[negative] = '0';
    out[negative + 1] = '\0';
    return negative + 1;
}

int flow_decimal_print(char out[FLOW_NUMBER_SIZE], double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool negative = bits >> 63 != 0;
    int biased = (int)(bits >> 52 & 0x7ff);
    if (bits << 1 == 0)
        return decimal_print_zero(out, negative);
    if (biased == 0x7ff)
        return flow_number_print(out, value);
    binary b = decimal_unpack(bits & (((uint64_t)1 << 52) - 1), biased, 52, 1023);
    decimal d = decimal_shortest(&b, false);
    return decimal_may_differ(&b, d.digits, DBL_DIG) ? flow_number_print(out, value)
                                                     : decimal_lay_out(out, negative, d.digits, d.exponent, DBL_DIG);
}

int flow_decimal_print_float(char out[FLOW_NUMBER_SIZE], float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool negative = bits >> 31 != 0;
    int biased = (int)(bits >> 23 & 0xff);
    if (bits << 1 == 0)
        return decimal_print_zero(out, negative);
    if (biased == 0xff)
        return flow_number_print_float(out, value);
    binary b = decimal_unpack(bits & (((uint32_t)1 << 23) - 1), biased, 23, 127);
    decimal d = decimal_shortest(&b, true);
    return decimal_may_differ(&b, d.digits, FLT_DIG) ? flow_number_print_float(out, value)
                                                     : decimal_lay_out(out, negative, d.digits, d.exponent, FLT_DIG);
}

#else

int flow_decimal_print(char out[FLOW_NUMBER_SIZE], double value)
{
    return flow_number_print(out, value);
}

int flow_decimal_print_float(char out[FLOW_NUMBER_SIZE], float value)
{
    return flow_number_print_float(out, value);
}

#endif
