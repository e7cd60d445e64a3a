/* docs/spec.md mentions all that the schema allows, with its defaults; docs/model-file.md every name in a file. */
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

#include "core/schema.h"
#include "core/text.h"
#include "flow/design.h"
#include "model/layout_names.h"
#include "model/spec.h"
#include "train/trainer.h"

static char *read_page(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
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
    print_error("%s %s is not mentioned\n", what, word);
    missing++;
}

/* A line of a table, or else a sentence, has both the key and the default. */
static void expect_default(const char *page, const char *key, const cJSON *value)
{
    char name[200], wanted[200], *json = cJSON_PrintUnformatted(value);
    flow_text text = {0};
    for (const char *c = json; *c != '\0'; c++)
        flow_text_add(&text, *c == ',' ? ", " : "%c", *c); /* [128, 128] */
    snprintf(name, sizeof name, "`%s`", key);
    snprintf(wanted, sizeof wanted, "`%s`", text.data);
    bool found = false;
    for (const char *line = page; line != NULL && !found; line = strchr(line, '\n'), line += line != NULL) {
        size_t length = strcspn(line, "\n");
        char *copy = flow_format("%.*s", (int)length, line);
        found = strstr(copy, name) != NULL && strstr(copy, wanted) != NULL;
        free(copy);
    }
    if (!found) {
        print_error("no line has %s and its default %s\n", name, wanted);
        missing++;
    }
    flow_text_free(&text);
    free(json);
}

static void check_property(const char *page, const cJSON *property)
{
    expect_word(page, property->string, "the key");
    const cJSON *fallback = cJSON_GetObjectItemCaseSensitive(property, "default");
    const cJSON *constant = cJSON_GetObjectItemCaseSensitive(property, "const"), *choice;
    if (cJSON_IsString(constant))
        expect_word(page, constant->valuestring, "the type");
    cJSON_ArrayForEach(choice, cJSON_GetObjectItemCaseSensitive(property, "enum"))
        expect_word(page, choice->valuestring, "the choice");
    if (cJSON_IsObject(fallback) && cJSON_GetObjectItemCaseSensitive(fallback, "type") != NULL)
        fallback = cJSON_GetObjectItemCaseSensitive(fallback, "type"); /* {"type": "adam"} is "adam" */
    if (fallback != NULL)
        expect_default(page, property->string, fallback);
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
    cJSON *schema = cJSON_CreateObject();
    flow_spec_schema(schema);
    cJSON *definitions = cJSON_GetObjectItemCaseSensitive(schema, "definitions");
    flow_design_schema(definitions);
    cJSON_AddItemToObject(definitions, "train", flow_schema_object(flow_train_table, definitions));
    missing = 0;
    assert_true(check_schema(page, schema) > 40);
    assert_int_equal(missing, 0);
    /* the test can fail */
    expect_word(page, "no_such_key", "on purpose: the key");
    cJSON *other = cJSON_CreateNumber(257);
    expect_default(page, "batch", other);
    cJSON_Delete(other);
    assert_int_equal(missing, 2);
    cJSON_Delete(schema);
    free(page);
}

static void test_model_page(void **state)
{
    (void)state;
    static const char *const names[] = {
        FLOW_MODEL_FORMAT, FLOW_MODEL_FORMAT_NAME, FLOW_MODEL_FORMAT_VERSION, FLOW_MODEL_PROGRAM_VERSION,
        FLOW_MODEL_PRECISION, FLOW_MODEL_DIRECTORY, FLOW_MODEL_SPEC, FLOW_MODEL_COLUMNS, FLOW_MODEL_PARAMETERS,
        FLOW_MODEL_TRAINING, FLOW_MODEL_HISTORY, FLOW_MODEL_PROVENANCE, FLOW_MODEL_SUMMARY,
        /* the arrays of a training state */
        "counters", "figures", "weights", "best", "average", "moment1", "moment2", "optimizer_steps", "schedule",
        "reference", "fitted", "best_fitted", "average_fitted",
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
        cmocka_unit_test(test_model_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
