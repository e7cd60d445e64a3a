/* docs/spec.md has the keys that the program knows, with their defaults; docs/model-file.md every name in a file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "model/layout.h"
#include "model/spec.h"
#include "spec_tables.h"
#include "train/trainer_state.h"
#include "values.h"

static char *read_page(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    ASSERT_GT(fread(text, 1, (1 << 20) - 1, file), 0);
    fclose(file);
    return text;
}

static int missing;

/* `word` stands in the page between the marks of code, alone or in quotes. */
static void expect_word(const char *page, const char *word, const char *what)
{
    char plain[200], quoted[200];
    snprintf(plain, sizeof plain, "`%s`", word);
    snprintf(quoted, sizeof quoted, "`\"%s\"`", word);
    if (strstr(page, plain) != NULL || strstr(page, quoted) != NULL)
        return;
    print_error("docs/spec.md does not mention %s %s: add a paragraph for it\n", what, word);
    missing++;
}

static void check_property(const char *page, const cJSON *property)
{
    expect_word(page, property->string, "the key");
    const cJSON *constant = cJSON_GetObjectItemCaseSensitive(property, "const"), *choice;
    if (cJSON_IsString(constant))
        expect_word(page, constant->valuestring, "the type");
    cJSON_ArrayForEach(choice, cJSON_GetObjectItemCaseSensitive(property, "enum"))
        expect_word(page, choice->valuestring, "the choice");
}

static int check_schema(const char *page, const cJSON *schema)
{
    int n = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(schema, "properties"))
    {
        check_property(page, child);
        n++;
    }
    cJSON_ArrayForEach(child, schema)
        n += check_schema(page, child);
    return n;
}

static void test_spec_page(void **state)
{
    (void)state;
    char *page = read_page("docs/spec.md");
    cJSON *schema = flow_spec_schema();
    missing = 0;
    ASSERT_GT(check_schema(page, schema), 40);
    assert_int_equal(missing, 0);
    /* the test can fail */
    expect_word(page, "no_such_key", "on purpose: the key");
    assert_int_equal(missing, 1);
    cJSON_Delete(schema);
    free(page);
}

/* The tables are those of the program; with FLOW_WRITE_DOCS=yes they are written into the page first (make docs). */
static void test_spec_tables(void **state)
{
    (void)state;
    char *page = read_page("docs/spec.md");
    cJSON *schema = flow_spec_schema();
    char *wanted = spec_tables_fill(page, schema);
    assert_non_null(wanted);
    const char *write = getenv("FLOW_WRITE_DOCS");
    if (write != NULL && strcmp(write, "yes") == 0) {
        FILE *file = fopen("docs/spec.md", "wb");
        assert_non_null(file);
        ASSERT_GE(fputs(wanted, file), 0);
        assert_int_equal(fclose(file), 0);
    } else {
        size_t same = 0;
        while (page[same] != '\0' && page[same] == wanted[same])
            same++;
        while (same > 0 && page[same - 1] != '\n')
            same--;
        if (strcmp(page, wanted) != 0)
            fail_msg("docs/spec.md has\n%.*s\nand the program\n%.*s\nRun make docs.", (int)strcspn(page + same, "\n"),
                     page + same, (int)strcspn(wanted + same, "\n"), wanted + same);
    }
    assert_int_equal(spec_tables_missing(wanted, schema, true), 0);
    free(wanted);
    free(page);
    cJSON_Delete(schema);
}

/* A wrong default, a missing key and an unknown type are noticed. */
static void test_spec_tables_differ(void **state)
{
    (void)state;
    cJSON *schema = flow_spec_schema();
    const char page[] = "<!-- keys: map actnorm -->\n| key | default | allowed | meaning |\n|---|---|---|---|\n"
                        "| `fit` | `false` | `true`, `false` | whether |\n<!-- end of keys -->\nrest\n";
    char *wanted = spec_tables_fill(page, schema);
    assert_non_null(strstr(wanted, "| `fit` | `true` | `true`, `false` | "));
    assert_non_null(strstr(wanted, "<!-- end of keys -->\nrest\n"));
    ASSERT_GT(spec_tables_missing(wanted, schema, false), 40);
    free(wanted);
    cJSON_Delete(schema);
}

static void test_model_page(void **state)
{
    (void)state;
    static const char *const names[] = {
        FLOW_MODEL_FORMAT, FLOW_MODEL_FORMAT_NAME, FLOW_MODEL_FORMAT_VERSION, FLOW_MODEL_PROGRAM_VERSION,
        FLOW_MODEL_PRECISION, FLOW_MODEL_DIRECTORY, FLOW_MODEL_SPEC, FLOW_MODEL_COLUMNS, FLOW_MODEL_PARAMETERS,
        FLOW_MODEL_TRAINING, FLOW_MODEL_HISTORY, FLOW_MODEL_PROVENANCE, FLOW_MODEL_SUMMARY,
        /* the arrays of a training state */
        "weights", "best", "average", "teacher", "moment1", "moment2", "optimizer_steps", "schedule_share",
        "schedule_waited", "reference", "fitted", "best_fitted", "average_fitted", "solved_rows", "evaluations",
        "most_evaluations",
#define NAME(name) #name,
        FLOW_TRAINER_NUMBERS(NAME, NAME)
#undef NAME
    };
    char *page = read_page("docs/model-file.md");
    missing = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_word(page, names[i], "the name");
    for (int i = 0; i < FLOW_EPOCH_COLUMNS; i++)
        expect_word(page, flow_epoch_columns[i], "the column");
    assert_int_equal(missing, 0);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_page),
        cmocka_unit_test(test_spec_tables),
        cmocka_unit_test(test_spec_tables_differ),
        cmocka_unit_test(test_model_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
