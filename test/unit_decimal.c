/* Fast reading and printing of numbers: the very results of the C library, and of flow_number_print. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/decimal.h"
#include "data/decimal_powers.h"
#include "num/rng.h"
#include "values.h"

static void same_number(double value)
{
    char slow[FLOW_NUMBER_SIZE], fast[FLOW_NUMBER_SIZE];
    int n = flow_number_print(slow, value);
    assert_int_equal(flow_decimal_print(fast, value), n);
    assert_string_equal(fast, slow);
    double back;
    const char *end = flow_decimal_scan(fast, fast + n + 1, &back);
    if (end != NULL) {
        assert_int_equal(*end, 0);
        assert_memory_equal(&back, &value, sizeof value);
    }
    n = flow_number_print_float(slow, (float)value);
    assert_int_equal(flow_decimal_print_float(fast, (float)value), n);
    assert_string_equal(fast, slow);
}

/* With other digits behind, that may be looked at: the way of nearly all numbers of a table. */
static void same_with_room(const char *text, const char *end, double value)
{
    char roomy[256];
    const size_t n = strlen(text) + 1;
    double again;
    assert_true(n < sizeof roomy - 100);
    memset(roomy, '7', sizeof roomy);
    memcpy(roomy, text, n);
    const char *stop = flow_decimal_scan(roomy, roomy + sizeof roomy, &again);
    assert_true(end == NULL ? stop == NULL : stop != NULL && stop - roomy == end - text);
    if (end != NULL)
        assert_memory_equal(&again, &value, sizeof value);
}

/* Returns whether the fast path took it. */
static bool same_scan(const char *text)
{
    double fast = 0;
    const char *end = flow_decimal_scan(text, text + strlen(text) + 1, &fast);
    same_with_room(text, end, fast);
    if (end == NULL)
        return false;
    char *stop;
    double slow = strtod(text, &stop);
    assert_ptr_equal(end, stop);
    if (memcmp(&fast, &slow, sizeof slow) != 0)
        fail_msg("%s: %a and %a", text, fast, slow);
    return true;
}

static uint64_t bits(int i, int k)
{
    return (uint64_t)(flow_rng_uniform(7, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)k) * 0x1p52) << 12 |
           (uint64_t)(flow_rng_uniform(8, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)k) * 0x1p12);
}

static void test_numbers_are_those_of_the_c_library(void **state)
{
    (void)state;
    static const double special[] = {0, -0.0, 1, -1, 0.1, 1e15, 1e16, 1e17, 123456789012345678.0, 1e22, 1e23, 5e-324,
                                     DBL_MIN, DBL_MAX, DBL_EPSILON, 0.3, 2.0 / 3, 1e-5, 1e-4, 0.00012345, 1e-11, 1e-12,
                                     9007199254740993.0, 999999999999999.9, 0.999999999999999, 9.9999999999999999,
                                     1.7e9, 1.7e9 + 0.1, 125.09, 3.14159265358979, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (!isnan(special[i]))
            same_number(special[i]);
    }
    int n_fast = 0, n = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t b = bits(i, 0);
        double value;
        memcpy(&value, &b, sizeof value);
        if (!isnan(value))
            same_number(value);
        same_number((double)(int64_t)bits(i, 1) / 1e15);
        same_number(ldexp((double)(bits(i, 2) >> 11), (int)(bits(i, 3) % 160) - 130));
        same_number((double)(bits(i, 4) % 1000000) / 1000);
        same_number(ldexp(1, (int)(bits(i, 5) % 300) - 150));
        /* digits up to 19, exponents around the ends of the fast path, numbers right between two doubles */
        char text[64];
        snprintf(text, sizeof text, "%s%llu.%012llue%d", i % 2 ? "-" : "", (unsigned long long)(bits(i, 6) % 1000000),
                 (unsigned long long)(bits(i, 7) % 1000000000000), (int)(bits(i, 8) % 40) - 20);
        n_fast += same_scan(text);
        n++;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)(2 * (bits(i, 9) >> 12 | 1ull << 52) + 1),
                 (int)(bits(i, 10) % 60) - 30);
        same_scan(text);
        snprintf(text, sizeof text, "%llu.5", (unsigned long long)(bits(i, 11) >> 12 | 1ull << 52));
        assert_true(same_scan(text));
        snprintf(text, sizeof text, "0.0000000000000%llu", (unsigned long long)(bits(i, 12) >> 11));
        same_scan(text);
    }
#if defined(__SIZEOF_INT128__)
    ASSERT_GT(n_fast, n / 2);
#endif
    static const char *const odd[] = {"", "-", ".", "e5", "1e", "1e+", "nan", "inf", "0x10", "12345678901234567890"};
    double value = 0;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const char *end = flow_decimal_scan(odd[i], odd[i] + strlen(odd[i]) + 1, &value);
        assert_true(end == NULL || *end != 0);
        same_with_room(odd[i], end, value);
    }
    static const char *const fine[] = {"1.", ".5", "+3", "-0", "1e5", "1E-5", "0e999", "00000000000000000000001",
                                       "0.00000000000000000000000000001", "1e99999999999"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        same_scan(fine[i]);
}

/* ------------------------------------------------------------------ millions of values */

static uint64_t next_bits(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double as_double(uint64_t b)
{
    double value;
    memcpy(&value, &b, sizeof value);
    return value;
}

static float as_float(uint32_t b)
{
    float value;
    memcpy(&value, &b, sizeof value);
    return value;
}

/* Bits at random, so of every size: the texts read back through the C library, and an eighth of them is compared with
 * those of the slow way. */
static void test_any_bits_print_and_read_back(void **state)
{
    (void)state;
    uint64_t random = 1;
    char text[FLOW_NUMBER_SIZE], slow[FLOW_NUMBER_SIZE];
    for (int i = 0; i < 300000; i++) {
        uint64_t b = next_bits(&random);
        double value = as_double(b), back;
        float small = as_float((uint32_t)b);
        if (!isfinite(value) || !isfinite(small))
            continue;
        int n = flow_decimal_print(text, value);
        assert_int_equal(strlen(text), n);
        back = strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
        if (flow_decimal_scan(text, text + n + 1, &back) != NULL)
            assert_memory_equal(&back, &value, sizeof value);
        n = flow_decimal_print_float(text, small);
        assert_int_equal(strlen(text), n);
        float small_back = strtof(text, NULL);
        assert_memory_equal(&small_back, &small, sizeof small);
        if (i % 8 == 0) {
            flow_number_print(slow, value);
            flow_decimal_print(text, value);
            assert_string_equal(text, slow);
            flow_number_print_float(slow, small);
            flow_decimal_print_float(text, small);
            assert_string_equal(text, slow);
        }
    }
}

/* Powers of two, whose neighbours below are nearer, with the numbers on both sides; subnormal ones among them. */
static void test_powers_of_two_print_as_the_slow_way(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double power = ldexp(1, exponent);
        same_number(power);
        same_number(nextafter(power, 0));
        same_number(-nextafter(power, DBL_MAX));
        float small = ldexpf(1, exponent);
        if (isfinite(small)) {
            same_number(nextafterf(small, 0));
            same_number(nextafterf(small, FLT_MAX));
        }
    }
}

/* Digits and exponents at random: whatever the fast way takes is what strtod gives, and it takes nearly all. */
static void test_any_text_reads_as_by_strtod(void **state)
{
    (void)state;
    uint64_t random = 2;
    int n_fast = 0, n = 1000000;
    for (int i = 0; i < n; i++) {
        uint64_t b = next_bits(&random);
        uint64_t digits = next_bits(&random) >> (1 + b % 63);
        int exponent = (int)(b >> 32 & 1023) % (b >> 62 == 0 ? 300 : 30) - (b >> 62 == 0 ? 160 : 20);
        char text[64];
        if (b >> 63)
            snprintf(text, sizeof text, "-%llue%d", (unsigned long long)digits, exponent);
        else
            snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(digits & 0xfffff),
                     (unsigned long long)(digits >> 20));
        n_fast += same_scan(text);
    }
#if defined(__SIZEOF_INT128__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    ASSERT_GT(n_fast, n - n / 1000);
#endif
}

/* ------------------------------------------------------------------ the table of powers */

#if FLOW_FAST_DECIMALS

enum { LIMBS = 32 }; /* 32 bits each, lowest first: 5^342 has 795 bits */

static void multiply(uint32_t number[LIMBS], uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)number[i] * factor;
        number[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_int_equal(carry, 0);
}

static int length_of(const uint32_t number[LIMBS])
{
    for (int bit = 32 * LIMBS - 1; bit >= 0; bit--)
        if (number[bit / 32] >> bit % 32 & 1)
            return bit + 1;
    return 0;
}

/* 64 bits of a number, of which the highest is at `top`; zeros below the point. */
static uint64_t bits_below(const uint32_t number[LIMBS], int top)
{
    uint64_t word = 0;
    for (int bit = top; bit > top - 64; bit--)
        word = word << 1 | (bit >= 0 ? number[bit / 32] >> bit % 32 & 1 : 0);
    return word;
}

static void add(uint32_t number[LIMBS], const uint32_t other[LIMBS], int shift)
{
    uint64_t carry = 0;
    for (int i = 0; i + shift < LIMBS; i++) {
        carry += (uint64_t)number[i + shift] + other[i];
        number[i + shift] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_int_equal(carry, 0);
}

/* number * (high * 2^64 + low) */
static void product(uint32_t out[LIMBS], const uint32_t number[LIMBS], flow_power power)
{
    const uint64_t words[2] = {power.low, power.high};
    memset(out, 0, LIMBS * sizeof *out);
    for (int k = 0; k < 4; k++) {
        uint32_t part[LIMBS];
        memcpy(part, number, sizeof part);
        multiply(part, (uint32_t)(words[k / 2] >> 32 * (k % 2)));
        add(out, part, k);
    }
}

/* By exact arithmetic: 5^q cut off, and for q < 0 the least number whose product with 5^-q is at least a power of two.
 * Adding 1 to the lower half, as printing does for q > 55, never carries. */
static void test_table_of_powers_is_exact(void **state)
{
    (void)state;
    uint32_t number[LIMBS] = {1};
    for (int q = 0; q <= -FLOW_POWER_LEAST; q++) {
        int n = length_of(number);
        if (q <= FLOW_POWER_MOST) {
            flow_power up = flow_powers_of_5[q - FLOW_POWER_LEAST];
            ASSERT_EQ(up.high, bits_below(number, n - 1));
            ASSERT_EQ(up.low, bits_below(number, n - 65));
            ASSERT_NE(up.low, UINT64_MAX);
            assert_true(n <= 128 ? q <= FLOW_POWER_LAST_EXACT : q > FLOW_POWER_LAST_EXACT);
        }
        if (q > 0) {
            flow_power down = flow_powers_of_5[-q - FLOW_POWER_LEAST];
            uint32_t above[LIMBS], below[LIMBS];
            ASSERT_EQ(down.high >> 63, 1);
            ASSERT_NE(down.low, 0);
            product(above, number, down);
            product(below, number, (flow_power){down.high, down.low - 1});
            assert_int_equal(length_of(below) + 1, length_of(above)); /* a power of two lies between them */
        }
        if (q < -FLOW_POWER_LEAST)
            multiply(number, 5);
    }
}

/* Values from a table that was computed elsewhere, and the CRC-32 of all of it. */
static void test_powers_are_known_ones(void **state)
{
    (void)state;
    static const struct {
        int q;
        flow_power power;
    } known[] = {
        {-342, {0xeef453d6923bd65a, 0x113faa2906a13b40}}, {-341, {0x9558b4661b6565f8, 0x4ac7ca59a424c508}},
        {-200, {0xc3f490aa77bd60fc, 0xbedbfc4411068a9d}}, {-28, {0xfd87b5f28300ca0d, 0x8bca9d6e188853fd}},
        {-27, {0x9e74d1b791e07e48, 0x775ea264cf55347e}},  {-1, {0xcccccccccccccccc, 0xcccccccccccccccd}},
        {0, {0x8000000000000000, 0x0000000000000000}},    {1, {0xa000000000000000, 0x0000000000000000}},
        {28, {0x813f3978f8940984, 0x4000000000000000}},   {55, {0xd0cf4b50cfe20765, 0xfff4b4e3f741cf6d}},
        {56, {0x82818f1281ed449f, 0xbff8f10e7a8921a4}},   {200, {0xa738c6bebb12d16c, 0xb428f8ac016561db}},
        {308, {0x8e679c2f5e44ff8f, 0x570f09eaa7ea7648}},  {324, {0x9e19db92b4e31ba9, 0x6c07a2c26a8346d1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        flow_power power = flow_powers_of_5[known[i].q - FLOW_POWER_LEAST];
        assert_memory_equal(&power, &known[i].power, sizeof power);
    }
    ASSERT_EQ(crc32_z(0, (const unsigned char *)flow_powers_of_5, sizeof flow_powers_of_5), 0xde48bdf0);
}

#endif

/* Every byte that may be looked at, and none behind: under the address sanitizer a step too far is an error. */
static void test_scan_stays_within_its_limit(void **state)
{
    (void)state;
    static const char *const texts[] = {"0.1234567\n", "0.12345678\n", "0.123456789\n", "12345678.12345678901\n",
                                        "1.12345678e-12\n", ".1234567890123456\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t n = strlen(texts[i]);
        char *tight = malloc(n);
        assert_non_null(tight);
        memcpy(tight, texts[i], n);
        double value;
        const char *end = flow_decimal_scan(tight, tight + n, &value);
        assert_true(end == NULL || (end == tight + n - 1 && value == strtod(texts[i], NULL)));
        free(tight);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_the_c_library),
        cmocka_unit_test(test_any_bits_print_and_read_back),
        cmocka_unit_test(test_powers_of_two_print_as_the_slow_way),
        cmocka_unit_test(test_any_text_reads_as_by_strtod),
#if FLOW_FAST_DECIMALS
        cmocka_unit_test(test_table_of_powers_is_exact),
        cmocka_unit_test(test_powers_are_known_ones),
#endif
        cmocka_unit_test(test_scan_stays_within_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
