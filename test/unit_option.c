/* Rows of option tables: the kinds that hold no object, every refusal, defaults, the schema. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/read.h"
#include "core/schema.h"
#include "values.h"

typedef struct options {
    bool flag;
    int64_t count;
    double rate, free;
    int choice;
    const char *text;
    flow_int_list list;
    flow_number_list numbers;
} options;

static const char *const words[] = {"relu", "tanh", "silu", NULL};

static const flow_option table[] = {
    FLOW_KEY_FLAG(options, flag, "true", "a flag"),
    FLOW_KEY_INT(options, count, "128", 1, 1000, "a count"),
    FLOW_KEY_NUMBER(options, rate, "0.5", 0, INFINITY, "a rate"),
    FLOW_KEY_NUMBER(options, free, NULL, -1, 1, "without a default"),
    FLOW_KEY_WORD(options, choice, "\"tanh\"", words, "a word"),
    FLOW_KEY_TEXT(options, text, "a text"),
    FLOW_KEY_INTS(options, list, "[3, 4]", 1, 64, "a list"),
    {FLOW_KEY(options, numbers, NUMBERS, NULL), .least = -5, .most = 5, .help = "numbers"},
    FLOW_OPTIONS_END,
};

static flow_arena arena;

static int release_arena(void **state)
{
    (void)state;
    flow_arena_release(&arena);
    return 0;
}

static cJSON *read_ok(options *out, const char *text)
{
    cJSON *document = cJSON_Parse(text);
    flow_json root = flow_json_root(document);
    flow_error err = {0};
    if (flow_read_options(out, table, &root, &arena, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return document;
}

static void check_refused(const char *text, const char *expected)
{
    cJSON *document = cJSON_CreateObject();
    cJSON_AddItemToObject(document, "train", cJSON_Parse(text));
    flow_json root = flow_json_root(document), at = flow_json_member(&root, "train");
    options out = {0};
    flow_error err = {0};
    assert_int_equal(flow_read_options(&out, table, &at, &arena, &err), FLOW_SPEC);
    assert_string_equal(err.message, expected);
    assert_int_equal(flow_read_options(&out, table, &at, &arena, NULL), FLOW_SPEC);
    cJSON_Delete(document);
}

static void test_defaults_are_used_and_written(void **state)
{
    (void)state;
    options out = {0};
    cJSON *document = read_ok(&out, "{}");
    assert_true(out.flag);
    assert_int_equal(out.count, 128);
    ASSERT_EQ(out.rate, 0.5);
    ASSERT_EQ(out.free, 0);
    assert_int_equal(out.choice, 1);
    assert_null(out.text);
    assert_int_equal(out.list.n, 2);
    assert_int_equal(out.list.at[1], 4);
    char *text = cJSON_PrintUnformatted(document);
    assert_string_equal(text, "{\"flag\":true,\"count\":128,\"rate\":0.5,\"choice\":\"tanh\",\"list\":[3,4]}");
    free(text);
    cJSON_Delete(document);
}

static void test_values_are_read(void **state)
{
    (void)state;
    options out = {0};
    cJSON *document =
        read_ok(&out, "{\"flag\": false, \"count\": 1e3, \"rate\": 1e300, \"free\": -1, \"choice\": \"silu\", "
                      "\"text\": \"x y\", \"list\": []}");
    assert_false(out.flag);
    assert_int_equal(out.count, 1000);
    ASSERT_EQ(out.rate, 1e300);
    ASSERT_EQ(out.free, -1);
    assert_int_equal(out.choice, 2);
    assert_string_equal(out.text, "x y");
    assert_int_equal(out.list.n, 0);
    cJSON_Delete(document);
    /* null stands for an absent key where there is no default */
    document = read_ok(&out, "{\"text\": null, \"free\": null}");
    cJSON_Delete(document);
}

static void test_refusals(void **state)
{
    (void)state;
    check_refused("[1]", "train: expected an object { ... }, found a list");
    check_refused("3", "train: expected an object { ... }, found 3");
    check_refused("{\"coutn\": 1}", "train: unknown key \"coutn\"; did you mean \"count\"?");
    check_refused("{\"something\": 1}", "train: unknown key \"something\"; the keys here are: flag, count, rate, free, "
                                        "choice, text, list, numbers");
    check_refused("{\"flag\": 1}", "train.flag: expected true or false, found 1");
    check_refused("{\"flag\": null}", "train.flag: expected true or false, found null");
    check_refused("{\"count\": \"5\"}", "train.count: expected a whole number, found \"5\"");
    check_refused("{\"count\": 2.5}", "train.count: expected a whole number, found 2.5");
    check_refused("{\"count\": 0}", "train.count: 0 is out of range; allowed is 1 to 1000");
    check_refused("{\"count\": 1001}", "train.count: 1001 is out of range; allowed is 1 to 1000");
    check_refused("{\"rate\": -0.5}", "train.rate: -0.5 is out of range; allowed is 0 or more");
    check_refused("{\"rate\": [1]}", "train.rate: expected a number, found a list");
    check_refused("{\"free\": 1.5}", "train.free: 1.5 is out of range; allowed is -1 to 1");
    check_refused("{\"choice\": \"relo\"}",
                  "train.choice: found \"relo\", allowed is \"relu\", \"tanh\" or \"silu\"; did you mean \"relu\"?");
    check_refused("{\"choice\": \"softmax\"}", "train.choice: found \"softmax\", allowed is \"relu\", \"tanh\" or "
                                               "\"silu\"");
    check_refused("{\"choice\": 1}", "train.choice: expected \"relu\", \"tanh\" or \"silu\", found 1");
    check_refused("{\"text\": 1}", "train.text: expected a text, found 1");
    check_refused("{\"list\": 64}", "train.list: expected a list of whole numbers, found 64");
    check_refused("{\"list\": [64, 0]}", "train.list[1]: 0 is out of range; allowed is 1 to 64");
    check_refused("{\"list\": [64, \"x\"]}", "train.list[1]: expected a whole number, found \"x\"");
    check_refused("{\"numbers\": 1.5}", "train.numbers: expected a list of numbers, found 1.5");
    check_refused("{\"numbers\": [1.5, 6]}", "train.numbers[1]: 6 is out of range; allowed is -5 to 5");
    check_refused("{\"numbers\": [true]}", "train.numbers[0]: expected a number, found true");
    check_refused("{\"list\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
                  "train.list: 33 elements, at most 32 are allowed");
}

static void test_required_keys(void **state)
{
    (void)state;
    const flow_option required[] = {
        {.key = "count",
         .kind = FLOW_OPTION_INT,
         .offset = 0,
         .fallback = FLOW_REQUIRED,
         .least = 1,
         .most = 9,
         .help = "how many there are"},
        FLOW_OPTIONS_END,
    };
    cJSON *document = cJSON_CreateObject();
    flow_json root = flow_json_root(document);
    int64_t count = 0;
    flow_error err;
    assert_int_equal(flow_read_options(&count, required, &root, &arena, &err), FLOW_SPEC);
    assert_string_equal(err.message, "the key \"count\" is missing: how many there are");
    cJSON_AddNumberToObject(document, "count", 3);
    assert_int_equal(flow_read_options(&count, required, &root, &arena, &err), FLOW_OK);
    assert_int_equal(count, 3);
    cJSON_Delete(document);
}

static void test_schema(void **state)
{
    (void)state;
    cJSON *definitions = cJSON_CreateObject(), *schema = cJSON_CreateObject();
    flow_schema_object(schema, table, definitions);
    assert_null(definitions->child);
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(schema, "properties"));
    assert_string_equal(text, "{\"flag\":{\"type\":\"boolean\",\"default\":true,\"description\":\"a flag\"},"
                              "\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":128,"
                              "\"description\":\"a count\"},"
                              "\"rate\":{\"type\":\"number\",\"minimum\":0,\"default\":0.5,\"description\":\"a rate\"},"
                              "\"free\":{\"type\":\"number\",\"minimum\":-1,\"maximum\":1,\"description\":\"without a "
                              "default\"},"
                              "\"choice\":{\"enum\":[\"relu\",\"tanh\",\"silu\"],\"default\":"
                              "\"tanh\","
                              "\"description\":\"a word\"},"
                              "\"text\":{\"type\":\"string\",\"minLength\":1,\"description\":\"a text\"},"
                              "\"list\":{\"type\":\"array\",\"maxItems\":32,\"items\":{\"type\":\"integer\","
                              "\"minimum\":1,\"maximum\":64},"
                              "\"default\":[3,4],\"description\":\"a list\"},"
                              "\"numbers\":{\"type\":\"array\",\"maxItems\":32,\"items\":{\"type\":\"number\","
                              "\"minimum\":-5,\"maximum\":5},\"description\":\"numbers\"},"
                              "\"note\":{\"type\":\"string\",\"description\":\"a remark for people, without "
                              "effect\"}}");
    free(text);
    cJSON_Delete(schema);
    cJSON_Delete(definitions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_used_and_written),
        cmocka_unit_test(test_values_are_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_required_keys),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, release_arena);
}
