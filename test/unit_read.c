/* Reading structs of options from JSON: defaults, choices, short forms, and errors with their place. */
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

typedef struct shape_options {
    double bound;
    int64_t bins;
    bool tails;
} shape_options;

static const flow_option shape_table[] = {
    FLOW_KEY_NUMBER(shape_options, bound, "3", 0.5, 10, "a bound"),
    FLOW_KEY_INT(shape_options, bins, "8", 2, 99, "bins"),
    FLOW_KEY_FLAG(shape_options, tails, "false", "tails"),
    FLOW_OPTIONS_END,
};

static const flow_type_info affine = {.name = "affine", .help = "a", .options = shape_table,
                                      .options_size = sizeof(shape_options)};
static const flow_type_info spline = {.name = "spline", .help = "s", .options = shape_table,
                                      .options_size = sizeof(shape_options)};
static const flow_type_info *const shape_types[] = {&affine, &spline, NULL};
static const flow_choices shapes = {.definition = "shape", .what = "a shape", .types = shape_types};

typedef struct block_options {
    flow_choice shape;
    flow_word_or_ints order;
} block_options;

static const char *const orders[] = {"reverse", "random", NULL};

static const flow_option block_table[] = {
    FLOW_KEY_CHOICE(block_options, shape, "\"affine\"", &shapes, "the shape"),
    {.key = "bins", .kind = FLOW_OPTION_INTO, .into = "shape", .help = "short for shape.bins"},
    {.key = "order", .kind = FLOW_OPTION_WORD_OR_INTS, .offset = offsetof(block_options, order),
     .fallback = "\"reverse\"", .words = orders, .least = 0, .most = 100, .help = "the order"},
    FLOW_OPTIONS_END,
};

static const char *const preset_defaults[] = {"repeat", "5", "shape", "{\"type\": \"spline\", \"tails\": true}", NULL};
static const flow_type_info block = {.name = "block", .help = "b", .options = block_table,
                                     .options_size = sizeof(block_options), .repeats = true};
static const flow_type_info preset = {.name = "preset", .help = "p", .options = block_table,
                                      .options_size = sizeof(block_options), .repeats = true,
                                      .defaults = preset_defaults};
static const flow_type_info plain = {.name = "plain", .help = "l", .options = shape_table,
                                     .options_size = sizeof(shape_options)};
static const flow_type_info *const block_types[] = {&block, &preset, &plain, NULL};
static const flow_choices blocks = {.definition = "block", .what = "a block", .types = block_types};

typedef struct rule {
    double lower, step;
    bool discrete;
} rule;

static const flow_option rule_table[] = {
    {.key = "lower", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(rule, lower), .least = -9, .most = 9,
     .absent_is_nan = true, .help = "lower"},
    {.key = "discrete", .kind = FLOW_OPTION_FLAG, .offset = offsetof(rule, discrete), .fallback = "false",
     .help = "discrete"},
    {.key = "step", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(rule, step), .fallback = "1",
     .only_with = "discrete", .least = 0, .most = 9, .absent_is_nan = true, .help = "step"},
    FLOW_OPTIONS_END,
};

typedef struct data {
    const char *train;
    flow_text_list columns;
    flow_text_or_number share;
} data;

static const flow_option data_table[] = {
    FLOW_KEY_TEXT(data, train, "train"),
    {.key = "columns", .kind = FLOW_OPTION_TEXTS, .offset = offsetof(data, columns), .most = 5, .help = "columns"},
    {.key = "share", .kind = FLOW_OPTION_TEXT_OR_NUMBER, .offset = offsetof(data, share), .least = 0, .most = 1,
     .help = "share"},
    FLOW_OPTIONS_END,
};

typedef struct top {
    flow_choice_list list;
    const data *data;
    flow_option_map rules;
} top;

static const flow_option top_table[] = {
    {.key = "list", .kind = FLOW_OPTION_CHOICE_LIST, .offset = offsetof(top, list), .fallback = FLOW_REQUIRED,
     .choices = &blocks, .help = "the blocks"},
    {.key = "data", .kind = FLOW_OPTION_OBJECT, .offset = offsetof(top, data), .table = data_table,
     .size = sizeof(data), .definition = "data", .short_for = "train", .help = "the data"},
    {.key = "rules", .kind = FLOW_OPTION_MAP, .offset = offsetof(top, rules), .table = rule_table,
     .size = sizeof(rule), .help = "rules"},
    FLOW_OPTIONS_END,
};

typedef struct fixture {
    cJSON *document;
    flow_arena arena;
    flow_error err;
    top options;
} fixture;

static flow_status read_text(fixture *f, const char *text)
{
    *f = (fixture){0};
    assert_int_equal(flow_json_parse(&f->document, text, strlen(text), "text", &f->err), FLOW_OK);
    flow_json root = flow_json_root(f->document);
    return flow_read_options(&f->options, top_table, &root, &f->arena, &f->err);
}

static void finish(fixture *f)
{
    flow_arena_release(&f->arena);
    cJSON_Delete(f->document);
}

static void read_well(fixture *f, const char *text)
{
    if (read_text(f, text) != FLOW_OK)
        fail_msg("%s: %s", text, f->err.message);
}

static void expect_failure(const char *text, const char *message)
{
    fixture f;
    assert_int_equal(read_text(&f, text), FLOW_SPEC);
    assert_string_equal(f.err.message, message);
    finish(&f);
}

static const shape_options *shape_of(const fixture *f, int i)
{
    const block_options *b = f->options.list.at[i].options;
    return b->shape.options;
}

static void test_words_and_defaults(void **state)
{
    (void)state;
    fixture f;
    read_well(&f, "{\"list\": [\"block\", {\"type\": \"preset\", \"repeat\": 2}, \"preset\", \"plain\"]}");
    assert_int_equal(f.options.list.n, 4);
    assert_ptr_equal(f.options.list.at[0].type, &block);
    assert_int_equal(f.options.list.at[0].repeat, 1);
    assert_int_equal(f.options.list.at[1].repeat, 2);
    assert_int_equal(f.options.list.at[2].repeat, 5);
    assert_int_equal(f.options.list.at[3].repeat, 1);
    assert_int_equal(shape_of(&f, 0)->bins, 8);
    assert_false(shape_of(&f, 0)->tails);
    assert_true(shape_of(&f, 1)->tails);
    assert_null(f.options.data);
    cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(f.document, "list"), 2);
    char *resolved = cJSON_PrintUnformatted(item);
    assert_string_equal(resolved, "{\"type\":\"preset\",\"shape\":{\"type\":\"spline\",\"tails\":true,\"bound\":3,"
                                  "\"bins\":8},\"order\":\"reverse\",\"repeat\":5}");
    free(resolved);
    finish(&f);
}

static void test_merge_with_the_default_of_the_place(void **state)
{
    (void)state;
    fixture f;
    read_well(&f, "{\"list\": [{\"type\": \"preset\", \"shape\": {\"bins\": 16}}, {\"type\": \"preset\", \"bins\": 7}, "
                  "{\"type\": \"preset\", \"shape\": {\"type\": \"spline\", \"bound\": 2}}, "
                  "{\"type\": \"preset\", \"shape\": \"affine\"}, {\"type\": \"block\", \"bins\": 9}]}");
    assert_int_equal(shape_of(&f, 0)->bins, 16);
    assert_true(shape_of(&f, 0)->tails);
    assert_int_equal(shape_of(&f, 1)->bins, 7);
    assert_true(shape_of(&f, 1)->tails);
    ASSERT_EQ(shape_of(&f, 2)->bound, 2);
    assert_true(shape_of(&f, 2)->tails);
    assert_false(shape_of(&f, 3)->tails);
    assert_int_equal(shape_of(&f, 4)->bins, 9);
    finish(&f);
}

static void test_lists_maps_and_objects(void **state)
{
    (void)state;
    fixture f;
    read_well(&f, "{\"list\": [{\"type\": \"block\", \"order\": [2, 0, 1]}], \"data\": \"a.csv\", "
                  "\"rules\": {\"mass\": {\"lower\": 0}, \"x\": {}}}");
    const block_options *b = f.options.list.at[0].options;
    assert_int_equal(b->order.word, -1);
    assert_int_equal(b->order.n, 3);
    assert_int_equal(b->order.at[0], 2);
    assert_string_equal(f.options.data->train, "a.csv");
    const rule *rules = f.options.rules.values;
    assert_int_equal(f.options.rules.n, 2);
    assert_string_equal(f.options.rules.keys[0], "mass");
    ASSERT_EQ(rules[0].lower, 0);
    assert_true(isnan(rules[1].lower));
    finish(&f);
    read_well(&f, "{\"list\": [], \"data\": {\"columns\": [\"b\", \"a\"], \"share\": 0.25, \"train\": null}}");
    assert_int_equal(f.options.data->columns.n, 2);
    assert_string_equal(f.options.data->columns.at[0], "b");
    ASSERT_EQ(f.options.data->share.number, 0.25);
    assert_null(f.options.data->share.text);
    assert_null(f.options.data->train);
    finish(&f);
}

static void test_a_default_that_depends_on_a_flag(void **state)
{
    (void)state;
    fixture f;
    read_well(&f, "{\"list\": [], \"rules\": {\"x\": {\"discrete\": true}, \"y\": {}, \"z\": {\"step\": 2}}}");
    const rule *rules = f.options.rules.values;
    assert_true(rules[0].discrete);
    ASSERT_EQ(rules[0].step, 1);
    assert_true(isnan(rules[1].step));
    ASSERT_EQ(rules[2].step, 2);
    cJSON *written = cJSON_GetObjectItem(f.document, "rules");
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(written, "x"), "step"));
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(written, "y"), "step"));
    finish(&f);
}

static void test_hints(void **state)
{
    (void)state;
    char hint[FLOW_HINT_SIZE];
    flow_choices_hint(hint, &blocks, "presett");
    assert_string_equal(hint, "did you mean \"preset\"?");
    flow_choices_hint(hint, &blocks, "something");
    assert_string_equal(hint, "known types: block, preset, plain");
}

static void test_errors_name_their_place(void **state)
{
    (void)state;
    expect_failure("{}", "the key \"list\" is missing: the blocks");
    expect_failure("{\"list\": [{\"bins\": 3}]}", "list[0]: the key \"type\" is missing: it names a block");
    expect_failure("{\"list\": [\"blok\"]}", "list[0].type: unknown type \"blok\"; did you mean \"block\"?");
    expect_failure("{\"list\": [\"something\"]}",
                   "list[0].type: unknown type \"something\"; known types: block, preset, plain");
    expect_failure("{\"list\": [3]}",
                   "list[0]: expected a block, a word such as \"block\" or an object { ... }, found 3");
    expect_failure("{\"list\": [{\"type\": \"block\", \"shape\": {\"bins\": 1}}]}",
                   "list[0].shape.bins: 1 is out of range; allowed is 2 to 99");
    expect_failure("{\"list\": [{\"type\": \"block\", \"bins\": 1}]}",
                   "list[0].shape.bins: 1 is out of range; allowed is 2 to 99");
    expect_failure("{\"list\": [{\"type\": \"block\", \"bins\": 4, \"shape\": {\"bins\": 5}}]}",
                   "list[0].bins: it is in \"shape\" as well; leave one of them out");
    expect_failure("{\"list\": [{\"type\": \"plain\", \"repeat\": 2}]}",
                   "list[0]: unknown key \"repeat\"; the keys here are: type, bound, bins, tails");
    expect_failure("{\"list\": [{\"type\": \"plain\", \"order\": [1]}]}",
                   "list[0]: unknown key \"order\": the type \"block\" has it, \"plain\" has not");
    expect_failure("{\"list\": [{\"type\": \"block\", \"repeat\": 0}]}",
                   "list[0].repeat: 0 is out of range; allowed is 1 to 1024");
    expect_failure("{\"list\": [{\"type\": \"block\", \"order\": [1, 2.5]}]}",
                   "list[0].order[1]: expected a whole number, found 2.5");
    expect_failure("{\"list\": [{\"type\": \"block\", \"order\": 1}]}",
                   "list[0].order: expected \"reverse\", \"random\" or a list of whole numbers, found 1");
    expect_failure("{\"list\": [], \"data\": {\"columns\": [\"a\", \"b\", \"a\"]}}",
                   "data.columns: \"a\" is listed twice");
    expect_failure("{\"list\": [], \"data\": {\"share\": 1}}",
                   "data.share: 1 is out of range; a number is between 0 and 1 here");
    expect_failure("{\"list\": [], \"data\": {\"train\": \"\"}}",
                   "data.train: the text is empty; name something or leave the key out");
    expect_failure("{\"list\": [], \"rules\": {\"x\": {\"lower\": 10}}}",
                   "rules.x.lower: 10 is out of range; allowed is -9 to 9");
}

static void test_defaults_without_a_document(void **state)
{
    (void)state;
    flow_arena arena = {0};
    flow_error err;
    flow_choice choice;
    assert_int_equal(flow_choice_default(&choice, &blocks, "preset", &arena, &err), FLOW_OK);
    const block_options *b = choice.options;
    assert_true(((const shape_options *)b->shape.options)->tails);
    assert_int_equal(flow_choice_default(&choice, &blocks, "none", &arena, &err), FLOW_ARGUMENT);
    assert_int_equal(flow_choice_parse(&choice, &shapes, "{\"type\": \"spline\", \"bins\": 4}", &arena, &err), FLOW_OK);
    assert_int_equal(((const shape_options *)choice.options)->bins, 4);
    flow_arena_release(&arena);
}

static void test_assignments_reach_into_words(void **state)
{
    (void)state;
    fixture f = {0};
    const char *text = "{\"list\": [\"preset\"]}";
    assert_int_equal(flow_json_parse(&f.document, text, strlen(text), "text", &f.err), FLOW_OK);
    assert_int_equal(flow_json_assign(f.document, "list[0].shape.bins=12", &f.err), FLOW_OK);
    flow_json root = flow_json_root(f.document);
    assert_int_equal(flow_read_options(&f.options, top_table, &root, &f.arena, &f.err), FLOW_OK);
    assert_int_equal(shape_of(&f, 0)->bins, 12);
    assert_true(shape_of(&f, 0)->tails);
    finish(&f);
}

static void test_an_error_of_an_option_gets_its_path(void **state)
{
    (void)state;
    flow_error err;
    assert_int_equal(flow_option_fail(&err, "columns.mass", "a bound of %d", 3), FLOW_SPEC);
    assert_int_equal(flow_option_locate(&err, FLOW_SPEC, "flow[2]"), FLOW_SPEC);
    assert_string_equal(err.message, "flow[2].columns.mass: a bound of 3");
    flow_error_memory(&err, "a block");
    assert_int_equal(flow_option_locate(&err, FLOW_MEMORY, "flow[2]"), FLOW_MEMORY);
    assert_string_equal(err.message, "flow[2]: out of memory for a block");
    assert_int_equal(flow_option_locate(NULL, FLOW_MEMORY, "flow[2]"), FLOW_MEMORY);
}

/* In objects of every kind, also where a short form becomes an object; it stays where it is. */
static void test_notes(void **state)
{
    (void)state;
    static const char text[] = "{\"note\": \"a\", \"list\": [{\"type\": \"block\", \"note\": \"b\", \"bins\": 4, "
                               "\"shape\": {\"note\": \"c\"}}], \"data\": {\"note\": \"\", \"train\": \"x\"}}";
    fixture f;
    read_well(&f, text);
    const cJSON *element = cJSON_GetArrayItem(cJSON_GetObjectItem(f.document, "list"), 0);
    assert_string_equal(cJSON_GetObjectItem(f.document, "note")->valuestring, "a");
    assert_string_equal(cJSON_GetObjectItem(element, "note")->valuestring, "b");
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(element, "shape"), "note")->valuestring, "c");
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(f.document, "data"), "note")->valuestring, "");
    finish(&f);
    expect_failure("{\"list\": [{\"type\": \"plain\", \"note\": 3}]}", "list[0].note: expected a text, found 3");
    expect_failure("{\"list\": [], \"rules\": {\"note\": \"a key of the user\"}}",
                   "rules.note: expected an object { ... }, found \"a key of the user\"");
}

static void test_schema(void **state)
{
    (void)state;
    cJSON *definitions = cJSON_CreateObject(), *schema = cJSON_CreateObject();
    flow_schema_object(schema, top_table, definitions);
    assert_non_null(cJSON_GetObjectItem(definitions, "block"));
    assert_non_null(cJSON_GetObjectItem(definitions, "shape"));
    assert_non_null(cJSON_GetObjectItem(definitions, "data"));
    char *required = cJSON_PrintUnformatted(cJSON_GetObjectItem(schema, "required"));
    assert_string_equal(required, "[\"list\"]");
    free(required);
    cJSON *forms = cJSON_GetObjectItem(cJSON_GetObjectItem(definitions, "block"), "anyOf");
    assert_int_equal(cJSON_GetArraySize(forms), 4);
    cJSON *properties = cJSON_GetObjectItem(cJSON_GetArrayItem(forms, 2), "properties");
    ASSERT_EQ(cJSON_GetObjectItem(cJSON_GetObjectItem(properties, "repeat"), "default")->valuedouble, 5);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(properties, "note"), "type")->valuestring, "string");
    cJSON_Delete(schema);
    cJSON_Delete(definitions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_defaults),
        cmocka_unit_test(test_merge_with_the_default_of_the_place),
        cmocka_unit_test(test_lists_maps_and_objects),
        cmocka_unit_test(test_a_default_that_depends_on_a_flag),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_errors_name_their_place),
        cmocka_unit_test(test_defaults_without_a_document),
        cmocka_unit_test(test_assignments_reach_into_words),
        cmocka_unit_test(test_an_error_of_an_option_gets_its_path),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
