/* The options of the command line: every way to write them, and what is refused. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "opt.h"

typedef struct words {
    bool quiet, force, was_quiet, has_number;
    int64_t number;
    const char *file;
} words;

#define ARG(member) OPT_MEMBER(words, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("FILE", OPT_OPTIONAL, words, file, "a file"),
    {"quiet", 'q', ARG(quiet), NULL, "a flag", .given = offsetof(words, was_quiet)},
    {"force", 'f', ARG(force), NULL, "a flag"},
    {"number", 'n', ARG(number), "N", "a number", .fallback = "7", .given = offsetof(words, has_number)},
    OPT_END,
};

static words parsed(const char *const *argv)
{
    words out = {0};
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    flow_error err = {0};
    if (opt_parse(&out, options, argc, (char *const *)(uintptr_t)argv, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return out;
}

#define PARSED(...) parsed((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults_are_not_given(void **state)
{
    (void)state;
    words w = PARSED("data.csv");
    assert_int_equal(w.number, 7);
    assert_false(w.has_number);
    assert_false(w.was_quiet);
    assert_string_equal(w.file, "data.csv");
}

static void test_flags_of_a_cluster_are_given(void **state)
{
    (void)state;
    words alone = PARSED("-q"), last = PARSED("-fq"), first = PARSED("-qf"), with_value = PARSED("-qn3");
    assert_true(alone.was_quiet);
    assert_true(last.was_quiet);
    assert_true(first.quiet);
    assert_true(first.force);
    assert_true(first.was_quiet);
    assert_true(with_value.was_quiet);
    assert_true(with_value.has_number);
    assert_int_equal(with_value.number, 3);
}

static void test_help_is_filled_from_a_table(void **state)
{
    (void)state;
    flow_text text = {0};
    opt_help(&text, options);
    assert_non_null(strstr(text.data, "-n, --number N  a number (default: 7)"));
    flow_text_free(&text);
}

typedef struct several {
    opt_texts files;
    const char *last;
    bool quiet;
} several;

static const opt several_options[] = {
    OPT_ARGUMENT_ROW("FILE", OPT_ARGUMENTS, several, files, "files"),
    OPT_ARGUMENT_ROW("LAST", OPT_OPTIONAL, several, last, "what the command takes from the end of the files"),
    {"quiet", 'q', OPT_MEMBER(several, quiet), NULL, "a flag"},
    OPT_END,
};

static void test_arguments_take_all_words(void **state)
{
    (void)state;
    several out = {.last = NULL};
    flow_error err = {0};
    const char *words_[OPT_TEXTS_MAX + 1] = {"a", "-q", "b", "-", "--", "-c"};
    char **argv = (char **)(uintptr_t)words_;
    assert_int_equal(opt_parse(&out, several_options, 0, argv, &err), FLOW_OK);
    assert_int_equal(opt_check(&out, several_options, &err), FLOW_ARGUMENT);
    assert_string_equal(err.message, "FILE is missing: files");
    assert_int_equal(opt_parse(&out, several_options, 6, argv, &err), FLOW_OK);
    assert_int_equal(opt_check(&out, several_options, &err), FLOW_OK);
    assert_int_equal(out.files.n, 4);
    assert_string_equal(out.files.at[2], "-");
    assert_string_equal(out.files.at[3], "-c");
    assert_null(out.last);
    assert_true(out.quiet);

    for (int i = 0; i <= OPT_TEXTS_MAX; i++)
        words_[i] = "x";
    out = (several){.last = NULL};
    assert_int_equal(opt_parse(&out, several_options, OPT_TEXTS_MAX + 1, argv, &err), FLOW_ARGUMENT);
    assert_string_equal(err.message, "FILE: there are more than 80");

    flow_text text = {0};
    opt_usage(&text, "look", several_options);
    assert_string_equal(text.data, "look FILE... [LAST] [options]");
    flow_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_not_given),
        cmocka_unit_test(test_flags_of_a_cluster_are_given),
        cmocka_unit_test(test_help_is_filled_from_a_table),
        cmocka_unit_test(test_arguments_take_all_words),
    };
    return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
