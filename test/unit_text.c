/* Numbers as text, the nearest word, growing strings, paths. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/text.h"
#include "values.h"

static const char *printed(double value)
{
    static char out[FLOW_NUMBER_SIZE];
    int length = flow_number_print(out, value);
    assert_int_equal(length, strlen(out));
    return out;
}

static const char *printed_float(float value)
{
    static char out[FLOW_NUMBER_SIZE];
    int length = flow_number_print_float(out, value);
    assert_int_equal(length, strlen(out));
    return out;
}

static double parsed(const char *field)
{
    double value = -12345;
    assert_true(flow_number_parse(field, &value));
    return value;
}

static bool refused(const char *field)
{
    double value;
    return !flow_number_parse(field, &value);
}

/* A reproducible spread over all bit patterns. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void check_round_trips(int n)
{
    uint64_t state = 1;
    for (int i = 0; i < n; i++) {
        uint64_t bits = next_bits(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        ASSERT_EQ(parsed(printed(value)), value);
        uint32_t half = (uint32_t)bits;
        float single;
        memcpy(&single, &half, sizeof single);
        if (isfinite(single))
            ASSERT_EQ((float)parsed(printed_float(single)), single);
    }
}

static void test_numbers_round_trip(void **state)
{
    (void)state;
    check_round_trips(20000);
    const double edges[] = {0.0, DBL_MIN, DBL_MAX, -DBL_MAX, DBL_EPSILON, DBL_TRUE_MIN, 1.0 / 3, 1e22, 1e23, 125.09};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        ASSERT_EQ(parsed(printed(edges[i])), edges[i]);
    assert_true(signbit(parsed(printed(-0.0))));
}

static void test_numbers_are_short(void **state)
{
    (void)state;
    assert_string_equal(printed(0.1), "0.1");
    assert_string_equal(printed(5), "5");
    assert_string_equal(printed(-2.5e-8), "-2.5e-08");
    assert_string_equal(printed(1e300), "1e+300");
    assert_string_equal(printed(DBL_TRUE_MIN), "5e-324");
    assert_string_equal(printed_float(0.1F), "0.1");
    assert_string_equal(printed_float(16777216.0F), "16777216");
    assert_string_equal(printed_float(FLT_TRUE_MIN), "1e-45");
    assert_string_equal(printed(NAN), "nan");
    assert_string_equal(printed(INFINITY), "inf");
    assert_string_equal(printed(-INFINITY), "-inf");
    assert_string_equal(printed_float(NAN), "nan");
}

static void test_numbers_are_read_whole(void **state)
{
    (void)state;
    ASSERT_EQ(parsed(" \t 1.5 \r"), 1.5);
    ASSERT_EQ(parsed("+1e3"), 1000);
    ASSERT_EQ(parsed(".5"), 0.5);
    assert_true(isnan(parsed("nan")));
    assert_true(isnan(parsed("NaN")));
    assert_true(isinf(parsed("-inf")));
    ASSERT_GT(parsed("1e999"), DBL_MAX);
    const char *const bad[] = {"",     " ",    "x",      "1x",     "1 2",  "1,5",     "--1",  "- 1",
                               "0x10", "-0X1", "nan(1)", "nan()",  "1e",   "1e+",     "1..2", "e5",
                               ".",    "+",    "1;",     "1.5.\t", "in f", "1\t2\r3", "1_0",  "\"1\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!refused(bad[i]))
            fail_msg("\"%s\" was read as a number", bad[i]);
}

/* The process may have any locale: numbers stay in the C locale. */
static void test_numbers_ignore_the_locale(void **state)
{
    (void)state;
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8",
                                 "nl_NL.UTF-8", "de_DE",      "fr_FR"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_ALL, names[i]) != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
    if (!found) {
        setlocale(LC_ALL, "C");
        skip();
    }
    assert_string_equal(printed(0.5), "0.5");
    assert_string_equal(printed_float(0.25F), "0.25");
    ASSERT_EQ(parsed("0.5"), 0.5);
    assert_true(refused("0,5"));
    check_round_trips(1000);
    setlocale(LC_ALL, "C");
}

static void test_nearest(void **state)
{
    (void)state;
    const char *const words[] = {"epochs", "batch", "patience", "clip"};
    assert_string_equal(flow_nearest("epoch", words, 4), "epochs");
    assert_string_equal(flow_nearest("Batch", words, 4), "batch");
    assert_string_equal(flow_nearest("pateince", words, 4), "patience");
    assert_null(flow_nearest("momentum", words, 4));
    assert_null(flow_nearest("", words, 4));
    assert_null(flow_nearest("epochs", words, 0));
    /* what is too long to compare is near to nothing */
    char longer[400];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(flow_nearest(longer, words, 4));
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "mass", "\xc2\x80", "gr\xc3\xb6\xc3\x9f", "\xe2\x86\x92", "\xf0\x9f\x98\x80"};
    static const char *const bad[] = {"\xf6", "\xc3", "\xc3(", "\xc0\x80", "\x80", "\xe2\x86", "\xf5\x80\x80\x80",
                                      "a\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(flow_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(flow_is_utf8(bad[i], strlen(bad[i])));
}

static void test_text_grows(void **state)
{
    (void)state;
    flow_text text = {0};
    for (int i = 0; i < 1000; i++)
        flow_text_add(&text, "%d,", i);
    assert_false(text.failed);
    assert_int_equal(text.length, strlen(text.data));
    assert_int_equal(text.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_string_equal(text.data + text.length - 4, "999,");
    flow_text_free(&text);
    assert_null(text.data);
    flow_text_free(&text);
}

static void check_join(const char *dir, const char *path, const char *expected)
{
    char *joined = flow_path_join(dir, path);
    assert_string_equal(joined, expected);
    free(joined);
}

static void check_dir(const char *path, const char *expected)
{
    char *dir = flow_path_dir(path);
    assert_string_equal(dir, expected);
    free(dir);
}

/* Bytes that are no UTF-8 come back from their escapes, and nothing else in a JSON text changes. */
static void test_bytes(void **state)
{
    (void)state;
    static const struct bytes_case {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"donn\xe9"
         "es",
         "donn\\udce9es"},
        {"donn\xc3\xa9"
         "es",
         "donn\xc3\xa9"
         "es"},
        {"\xff\xfe\x80", "\\udcff\\udcfe\\udc80"},
        {"cut \xe2\x82", "cut \\udce2\\udc82"},
        {"\xe2\x82\xac and \xf0\x9f\x92\x80", "\xe2\x82\xac and \xf0\x9f\x92\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = flow_bytes_escape(cases[i].bytes);
        assert_string_equal(text, cases[i].text);
        assert_true(flow_is_utf8(text, strlen(text)));
        assert_int_equal(flow_bytes_unescape(text, strlen(text)), strlen(cases[i].bytes));
        assert_string_equal(text, cases[i].bytes);
        free(text);
    }
    /* pairs of surrogates, a backslash before "u", other escapes, and what is cut off */
    static const char *const kept[] = {"\\ud83d\\udc80", "\\\\udce9", "\\u00e9", "\\udc7f", "\\udce", "\\", "\\ud83d"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        char text[32];
        strcpy(text, kept[i]);
        assert_int_equal(flow_bytes_unescape(text, strlen(text)), strlen(kept[i]));
        assert_string_equal(text, kept[i]);
    }
    assert_null(flow_bytes_escape(NULL));
}

static void test_paths(void **state)
{
    (void)state;
    check_join("configs", "moons.h5", "configs/moons.h5");
    check_join("configs", "/data/moons.h5", "/data/moons.h5");
    check_join("configs", "-", "-");
    check_join(".", "moons.h5", "moons.h5");
    check_join(NULL, "moons.h5", "moons.h5");
    check_join("/", "moons.h5", "/moons.h5");
    check_dir("moons.json", ".");
    check_dir("/moons.json", "/");
    check_dir("a/b/moons.json", "a/b");
    assert_int_equal(flow_path_descriptor("/dev/stdout"), 1);
    assert_int_equal(flow_path_descriptor("/dev/fd/63"), 63);
    assert_int_equal(flow_path_descriptor("/proc/self/fd/0"), 0);
    assert_int_equal(flow_path_descriptor("/dev/fd/"), -1);
    assert_int_equal(flow_path_descriptor("/dev/fd/3x"), -1);
    assert_int_equal(flow_path_descriptor("/dev/stdout.h5"), -1);
}

static void test_control_characters(void **state)
{
    (void)state;
    char text[] = "a\033[31mb\x7f\tc\n\u00e9 \xc2\x9b\x32J \xc2";
    flow_bytes_hide_controls(text);
    assert_string_equal(text, "a?[31mb?\tc\n\u00e9 ??2J \xc2");
    flow_bytes_hide_controls(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_numbers_round_trip),
        cmocka_unit_test(test_numbers_are_short),
        cmocka_unit_test(test_numbers_are_read_whole),
        cmocka_unit_test(test_numbers_ignore_the_locale),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
