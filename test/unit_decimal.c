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

#include "data/decimal.h"
#include "num/rng.h"

static void same_number(double value)
{
    char slow[FLOW_NUMBER_SIZE], fast[FLOW_NUMBER_SIZE];
    int n = flow_number_print(slow, value);
    assert_int_equal(flow_decimal_print(fast, value), n);
    assert_string_equal(fast, slow);
    double back;
    const char *end = flow_decimal_scan(fast, &back);
    if (end != NULL) {
        assert_int_equal(*end, 0);
        assert_memory_equal(&back, &value, sizeof value);
    }
    n = flow_number_print_float(slow, (float)value);
    assert_int_equal(flow_decimal_print_float(fast, (float)value), n);
    assert_string_equal(fast, slow);
}

/* Returns whether the fast path took it. */
static bool same_scan(const char *text)
{
    double fast;
    const char *end = flow_decimal_scan(text, &fast);
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
    assert_true(n_fast > n / 2);
#endif
    static const char *const odd[] = {"", "-", ".", "e5", "1e", "1e+", "nan", "inf", "0x10", "12345678901234567890"};
    double value;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const char *end = flow_decimal_scan(odd[i], &value);
        assert_true(end == NULL || *end != 0);
    }
    static const char *const fine[] = {"1.", ".5", "+3", "-0", "1e5", "1E-5", "0e999", "00000000000000000000001",
                                       "0.00000000000000000000000000001", "1e99999999999"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        same_scan(fine[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
