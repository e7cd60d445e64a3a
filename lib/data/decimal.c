/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/decimal.h"

#include <assert.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

/* The fast paths need 128-bit integers, arithmetic without excess precision, and IEEE formats. Elsewhere the slow
 * functions do everything. */
#if defined(__SIZEOF_INT128__) && FLT_EVAL_METHOD == 0 && FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53
#define HAVE_FAST_PATH 1
#else
#define HAVE_FAST_PATH 0
#endif

#if HAVE_FAST_PATH

__extension__ typedef unsigned __int128 wide;

enum { MOST_POWER = 27 }; /* 5^27 is the greatest power of five below 2^64 */

static const uint64_t powers_of_5[MOST_POWER + 1] = {
    1u, 5u, 25u, 125u, 625u, 3125u, 15625u, 78125u, 390625u, 1953125u, 9765625u, 48828125u, 244140625u, 1220703125u,
    6103515625u, 30517578125u, 152587890625u, 762939453125u, 3814697265625u, 19073486328125u, 95367431640625u,
    476837158203125u, 2384185791015625u, 11920928955078125u, 59604644775390625u, 298023223876953125u,
    1490116119384765625u, 7450580596923828125u};

static const uint64_t powers_of_10[20] = {
    1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u, 10000000000u, 100000000000u,
    1000000000000u, 10000000000000u, 100000000000000u, 1000000000000000u, 10000000000000000u, 100000000000000000u,
    1000000000000000000u, 10000000000000000000u};

static int bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

static int bit_length_wide(wide value)
{
    uint64_t high = (uint64_t)(value >> 64);
    return high != 0 ? 64 + bit_length(high) : bit_length((uint64_t)value);
}

/* ------------------------------------------------------------------ reading */

static double power_of_2(int exponent)
{
    uint64_t bits = (uint64_t)(1023 + exponent) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* value * 2^exponent to the nearest double, halves to even; `more` says that the true value is a little above. The
 * result is far from the ends of the range of double. */
static double nearest_double(wide value, bool more, int exponent)
{
    int drop = bit_length_wide(value) - DBL_MANT_DIG;
    if (drop <= 0)
        return (double)(uint64_t)value * power_of_2(exponent); /* only ever without `more` */
    uint64_t kept = (uint64_t)(value >> drop);
    wide rest = value & (((wide)1 << drop) - 1), half = (wide)1 << (drop - 1);
    if (rest > half || (rest == half && (more || (kept & 1))))
        kept++;
    return (double)kept * power_of_2(exponent + drop);
}

/* digits * 10^exponent to the nearest double, for 0 < digits < 2^64 and |exponent| <= MOST_POWER. */
static double exact_product(uint64_t digits, int exponent)
{
    if (exponent >= 0)
        return nearest_double((wide)digits * powers_of_5[exponent], false, exponent);
    /* A quotient of 63 or 64 bits and the knowledge whether something is left decide the rounding to 53 bits. */
    uint64_t divisor = powers_of_5[-exponent];
    assert(digits != 0 && divisor != 0); /* or the shifts below would be as wide as the numbers */
    int digits_shift = 64 - bit_length(digits), divisor_shift = 64 - bit_length(divisor);
    wide dividend = (wide)(digits << digits_shift) << 63;
    divisor <<= divisor_shift;
    uint64_t quotient = (uint64_t)(dividend / divisor);
    bool more = (uint64_t)(dividend - (wide)quotient * divisor) != 0;
    return nearest_double(quotient, more, divisor_shift - digits_shift - 63 + exponent);
}

static double product(uint64_t digits, int exponent)
{
    static const double exact_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits == 0)
        return 0;
    if (digits >> DBL_MANT_DIG == 0) { /* both operands are exact, so one operation rounds once */
        if (exponent >= 0 && exponent <= 22)
            return (double)digits * exact_powers[exponent];
        if (exponent < 0 && exponent >= -22)
            return (double)digits / exact_powers[-exponent];
    }
    return exact_product(digits, exponent);
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *flow_decimal_scan(const char *text, double *value)
{
    const char *c = text;
    bool negative = *c == '-';
    c += *c == '-' || *c == '+';
    const char *first = c;
    uint64_t digits = 0;
    for (; is_digit(*c); c++)
        digits = 10 * digits + (uint64_t)(*c - '0');
    long n_digits = c - first, exponent = 0;
    if (*c == '.') {
        const char *fraction = ++c;
        for (; is_digit(*c); c++)
            digits = 10 * digits + (uint64_t)(*c - '0');
        exponent = fraction - c;
        n_digits -= exponent;
    }
    if (n_digits == 0)
        return NULL;
    if (n_digits > 19) { /* `digits` may have wrapped around, unless the first ones are zeros */
        for (const char *zero = first; *zero == '0' || *zero == '.'; zero++)
            n_digits -= *zero == '0';
        if (n_digits > 19)
            return NULL;
    }
    if (*c == 'e' || *c == 'E') {
        const char *sign = ++c;
        c += *c == '-' || *c == '+';
        if (!is_digit(*c))
            return NULL;
        long power = 0;
        for (; is_digit(*c); c++)
            power = power < 10000 ? 10 * power + (*c - '0') : power;
        exponent += *sign == '-' ? -power : power;
    }
    if (digits != 0 && (exponent < -MOST_POWER || exponent > MOST_POWER))
        return NULL;
    double magnitude = product(digits, (int)exponent);
    *value = negative ? -magnitude : magnitude;
    return c;
}

/* ------------------------------------------------------------------ printing */

static const char digit_pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
                                  "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
                                  "828384858687888990919293949596979899";

/* Writes exactly n digits. */
static void put_digits(char *out, uint64_t value, int n)
{
    int at = n;
    for (; at >= 2; at -= 2) {
        memcpy(out + at - 2, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (at == 1)
        out[0] = (char)('0' + value);
}

/* What printf("%.*g") makes of `digits` (n_digits of them, the first one at 10^exponent10). */
static int lay_out(char *out, bool negative, uint64_t digits, int n_digits, int exponent10)
{
    char text[20];
    put_digits(text, digits, n_digits);
    int n = n_digits; /* without the zeros at the end */
    while (n > 1 && text[n - 1] == '0')
        n--;
    char *c = out;
    if (negative)
        *c++ = '-';
    if (exponent10 < -4 || exponent10 >= n_digits) {
        *c++ = text[0];
        if (n > 1) {
            *c++ = '.';
            memcpy(c, text + 1, (size_t)(n - 1));
            c += n - 1;
        }
        *c++ = 'e';
        *c++ = exponent10 < 0 ? '-' : '+';
        put_digits(c, (uint64_t)(exponent10 < 0 ? -exponent10 : exponent10), 2);
        c += 2;
    } else if (exponent10 < 0) {
        memcpy(c, "0.000", 5);
        c += 1 - exponent10;
        memcpy(c, text, (size_t)n);
        c += n;
    } else {
        int whole = exponent10 + 1;
        memcpy(c, text, (size_t)whole);
        c += whole;
        if (n > whole) {
            *c++ = '.';
            memcpy(c, text + whole, (size_t)(n - whole));
            c += n - whole;
        }
    }
    *c = '\0';
    return (int)(c - out);
}

/* mantissa * 2^exponent with the fewest of least..most digits that read back, or 0 when it is out of reach of 128
 * bits. The neighbours must be 2^exponent away on both sides, so the mantissa is not a power of two.
 *
 * With k such that value * 10^k has `most` digits before the point, scaled = mantissa * 5^k is that number in units of
 * 2^-shift, exactly, and half the distance to a neighbour is 5^k / 2 of those units. */
static int print_exact(char *out, bool negative, uint64_t mantissa, int exponent, int least, int most)
{
    int top = exponent + bit_length(mantissa) - 1; /* 2^top <= value */
    int exponent10 = top * 1233 >> 12;             /* floor(log10(2^top)) for |top| < 1000 or so; may be one less */
    for (;; exponent10++) {
        int k = most - 1 - exponent10, shift = -(exponent + k);
        if (k < 0 || k > MOST_POWER || shift <= 0 || shift > 120)
            return 0;
        wide scaled = (wide)mantissa * powers_of_5[k];
        uint64_t whole = (uint64_t)(scaled >> shift);
        if (whole >= powers_of_10[most])
            continue;
        if (whole < powers_of_10[most - 1])
            return 0;
        wide fraction = scaled - ((wide)whole << shift), one = (wide)1 << shift;
        for (int n = least; n <= most; n++) {
            uint64_t unit = powers_of_10[most - n], digits = whole / unit, rest = whole % unit;
            bool up; /* round half to even */
            if (unit > 1)
                up = 2 * rest > unit || (2 * rest == unit && (fraction != 0 || (digits & 1)));
            else
                up = 2 * fraction > one || (2 * fraction == one && (digits & 1));
            digits += up;
            wide candidate = (wide)(digits * unit) << shift;
            wide distance = candidate > scaled ? candidate - scaled : scaled - candidate;
            bool same = 2 * distance < powers_of_5[k] || (2 * distance == powers_of_5[k] && !(mantissa & 1));
            if (!same && n < most)
                continue;
            if (digits == powers_of_10[n])
                return lay_out(out, negative, digits / 10, n, exponent10 + 1);
            return lay_out(out, negative, digits, n, exponent10);
        }
    }
}

int flow_decimal_print(char out[FLOW_NUMBER_SIZE], double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    if (mantissa != 0 && exponent > 1023 - 60 && exponent < 1023 + 60) {
        int n = print_exact(out, bits >> 63 != 0, mantissa | (uint64_t)1 << 52, exponent - 1075, 15, 17);
        if (n > 0)
            return n;
    }
    return flow_number_print(out, value);
}

int flow_decimal_print_float(char out[FLOW_NUMBER_SIZE], float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t mantissa = bits & (((uint32_t)1 << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xff);
    if (mantissa != 0 && exponent > 127 - 60 && exponent < 127 + 60) {
        int n = print_exact(out, bits >> 31 != 0, mantissa | (uint32_t)1 << 23, exponent - 150, 6, 9);
        if (n > 0)
            return n;
    }
    return flow_number_print_float(out, value);
}

#else

const char *flow_decimal_scan(const char *text, double *value)
{
    (void)text, (void)value;
    return NULL;
}

int flow_decimal_print(char out[FLOW_NUMBER_SIZE], double value)
{
    return flow_number_print(out, value);
}

int flow_decimal_print_float(char out[FLOW_NUMBER_SIZE], float value)
{
    return flow_number_print_float(out, value);
}

#endif
