/* JSON with a memory of where it stands: syntax errors, duplicates, paths, overrides. */
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
#include <time.h>
#include <unistd.h>

#include "core/json.h"
#include "core/text.h"
#include "harness.h"
#include "values.h"

static cJSON *parse(const char *text)
{
    cJSON *document;
    flow_error err = {0};
    if (flow_json_parse(&document, text, strlen(text), "spec.json", &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return document;
}

static void check_contains(const char *message, const char *fragment)
{
    if (strstr(message, fragment) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", message, fragment);
}

static void check_refused_n(const char *text, size_t length, const char *fragment)
{
    cJSON *document;
    flow_error err = {0};
    assert_int_equal(flow_json_parse(&document, text, length, "spec.json", &err), FLOW_SPEC);
    assert_null(document);
    check_contains(err.message, fragment);
}

static void check_refused(const char *text, const char *fragment)
{
    check_refused_n(text, strlen(text), fragment);
}

static void test_syntax_errors_have_a_place(void **state)
{
    (void)state;
    check_refused("", "spec.json: is empty");
    check_refused(" \n", "spec.json: is empty");
    check_refused("{", "spec.json:1:");
    check_refused("{\n  \"a\": 1\n  \"b\": 2\n}", "spec.json:3:3: this is not valid JSON");
    check_refused("{\n  \"a\": 1,\n  \"b\": nope\n}", "spec.json:3:8");
    check_refused("{\"gr\xf6\xdf"
                  "e\": 1}",
                  "spec.json: is not in UTF-8");
    check_refused("{\"a\": 1} x", "spec.json:1:10");
    check_refused("{\"a\": 1} {}", "spec.json:1:10");
    check_refused("{\"a\": 'x'}", "spec.json:1:7");
    check_refused_n("{}\0garbage", 10, "spec.json:1:");
    cJSON_Delete(parse("\xef\xbb\xbf { } \n\t "));
    /* a text that is not terminated is not read beyond its end */
    char exact[2] = {'{', '}'};
    cJSON *document;
    assert_int_equal(flow_json_parse(&document, exact, sizeof exact, "x", NULL), FLOW_OK);
    cJSON_Delete(document);
}

static void test_duplicates_are_refused(void **state)
{
    (void)state;
    check_refused("{\"a\": 1, \"a\": 2}", "spec.json: the key \"a\" occurs twice");
    check_refused("{\"train\": {\"batch\": 1, \"x\": [], \"batch\": 2}}", "spec.json: train: the key \"batch\" occurs");
    check_refused("{\"flow\": [{}, {\"type\": 1, \"type\": 1}]}", "spec.json: flow[1]: the key \"type\"");
    cJSON_Delete(parse("{\"a\": {\"b\": 1}, \"b\": 2, \"A\": 3}"));
}

/* cJSON reads 1e999 as infinity, and would print it as null. */
static void test_numbers_beyond_a_double_are_refused(void **state)
{
    (void)state;
    check_refused("{\"train\": {\"clip\": 1e999}}", "spec.json: train.clip: the number is too large");
    check_refused("{\"a\": [1, -1e999]}", "spec.json: a[1]: the number is too large");
    cJSON_Delete(parse("[1e308, -1e308, 1e-999]"));
}

/* Documents of the largest size that are all keys, or all lists, must not take quadratic time. */
static void test_large_documents_are_quick(void **state)
{
    (void)state;
    clock_t start = clock();
    flow_text text = {0};
    flow_text_add(&text, "{");
    for (int i = 0; text.length < FLOW_JSON_MAX_BYTES - 100; i++)
        flow_text_add(&text, "%s\"k%d\":1", i == 0 ? "" : ",", i);
    flow_text_add(&text, "}");
    cJSON_Delete(parse(text.data));
    text.length--;
    flow_text_add(&text, ",\"k77\":2}");
    check_refused(text.data, "the key \"k77\" occurs twice");
    text.length = 0;
    flow_text_add(&text, "[[1]");
    while (text.length < FLOW_JSON_MAX_BYTES - 100)
        flow_text_add(&text, ",[1]");
    flow_text_add(&text, "]");
    cJSON_Delete(parse(text.data));
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (seconds > 20)
        fail_msg("%.1f s for three documents of 4 MB", seconds);
    while (text.length <= FLOW_JSON_MAX_BYTES)
        flow_text_add(&text, "          ");
    check_refused(text.data, "spec.json: a spec of more than 4194304 bytes is not accepted");
    flow_text_free(&text);
}

static void test_deep_documents_are_refused(void **state)
{
    (void)state;
    flow_text text = {0};
    for (int i = 0; i < 100000; i++)
        flow_text_add(&text, "[");
    check_refused(text.data, "not valid JSON");
    flow_text_free(&text);
}

static void test_cursors_know_their_path(void **state)
{
    (void)state;
    cJSON *document = parse("{\"flow\": [{\"hidden\": [1, 2]}]}");
    flow_json root = flow_json_root(document);
    assert_string_equal(root.path, "");
    flow_json list = flow_json_member(&root, "flow");
    flow_json first = flow_json_element(&list, 0);
    flow_json hidden = flow_json_member(&first, "hidden");
    flow_json second = flow_json_element(&hidden, 1);
    assert_string_equal(second.path, "flow[0].hidden[1]");
    ASSERT_EQ(second.node->valuedouble, 2);
    flow_json absent = flow_json_member(&first, "nothing");
    assert_null(absent.node);
    assert_string_equal(absent.path, "flow[0].nothing");
    assert_null(flow_json_element(&list, 5).node);
    /* a path has a bound, whatever the nesting */
    flow_json deep = root;
    for (int i = 0; i < 100; i++)
        deep = i % 2 == 0 ? flow_json_member(&deep, "a-rather-long-key") : flow_json_element(&deep, i);
    ASSERT_LT(strlen(deep.path), FLOW_JSON_PATH_SIZE);
    cJSON_Delete(document);
}

static void check_described(const char *json, const char *expected)
{
    cJSON *document = parse(json);
    flow_json at = flow_json_root(document);
    char found[80];
    flow_json_describe(found, sizeof found, &at);
    assert_string_equal(found, expected);
    cJSON_Delete(document);
}

static void test_values_are_described(void **state)
{
    (void)state;
    check_described("{}", "an object");
    check_described("[1]", "a list");
    check_described("true", "true");
    check_described("false", "false");
    check_described("null", "null");
    check_described("3", "3");
    check_described("0.1", "0.1");
    check_described("\"relu\"", "\"relu\"");
    flow_json nothing = {0};
    char found[80];
    flow_json_describe(found, sizeof found, &nothing);
    assert_string_equal(found, "nothing");
}

static void test_unknown_keys(void **state)
{
    (void)state;
    const char *const known[] = {"epochs", "batch"};
    cJSON *document = parse("{\"train\": {}}");
    flow_json root = flow_json_root(document), train = flow_json_member(&root, "train");
    flow_error err;
    assert_int_equal(flow_json_unknown(&train, "epoch", known, 2, &err), FLOW_SPEC);
    assert_string_equal(err.message, "train: unknown key \"epoch\"; did you mean \"epochs\"?");
    assert_int_equal(flow_json_unknown(&root, "something", known, 2, &err), FLOW_SPEC);
    assert_string_equal(err.message, "unknown key \"something\"; the keys here are: epochs, batch");
    assert_int_equal(flow_json_unknown(&root, "something", known, 2, NULL), FLOW_SPEC);
    cJSON_Delete(document);
}

static void check_assigned(const char *before, const char *assignment, const char *after)
{
    cJSON *document = parse(before);
    flow_error err = {0};
    if (flow_json_assign(document, assignment, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    char *text = cJSON_PrintUnformatted(document);
    assert_string_equal(text, after);
    free(text);
    cJSON_Delete(document);
}

static void check_not_assigned(const char *before, const char *assignment, const char *fragment)
{
    cJSON *document = parse(before);
    flow_error err = {0};
    assert_int_equal(flow_json_assign(document, assignment, &err), FLOW_SPEC);
    check_contains(err.message, fragment);
    cJSON_Delete(document);
}

static void test_assignments(void **state)
{
    (void)state;
    check_assigned("{}", "train.epochs=5", "{\"train\":{\"epochs\":5}}");
    check_assigned("{\"seed\":1}", "seed=2", "{\"seed\":2}");
    check_assigned("{\"flow\":[{},{\"hidden\":[1]}]}", "flow[1].hidden=[64,64]",
                   "{\"flow\":[{},{\"hidden\":[64,64]}]}");
    check_assigned("{\"flow\":[1,2]}", "flow[0]={\"type\":\"maf\"}", "{\"flow\":[{\"type\":\"maf\"},2]}");
    check_assigned("{}", "name=moons", "{\"name\":\"moons\"}");
    check_assigned("{}", "name=\"two words\"", "{\"name\":\"two words\"}");
    check_assigned("{}", "data.train=a=b.csv", "{\"data\":{\"train\":\"a=b.csv\"}}");
    check_assigned("{}", "name=", "{\"name\":\"\"}");
    check_assigned("{}", "a=null", "{\"a\":null}");
    check_not_assigned("{}", "train.epochs", "\"train.epochs\" is not of the form key=value");
    check_not_assigned("{}", "=5", "is not of the form key=value");
    check_not_assigned("{}", "a..b=5", "is not a path such as");
    check_not_assigned("{}", "a.=5", "is not a path such as");
    check_not_assigned("{\"flow\":[]}", "flow[x]=5", "is not a path such as");
    check_not_assigned("{\"flow\":[]}", "flow[-1]=5", "is not a path such as");
    check_not_assigned("{\"flow\":[1]}", "flow[1]=5",
                       "\"flow[1]=5\": there is no list element [1]: the list has 1 element, counted from 0; set the "
                       "whole list, flow=[...]");
    check_not_assigned("{\"flow\":[{\"hidden\":[8,8]}]}", "flow[0].hidden[2]=5",
                       "the list has 2 elements, counted from 0; set the whole list, flow[0].hidden=[...]");
    check_not_assigned("{\"flow\":[{}]}", "flow[0].hidden[0]=9",
                       "flow[0].hidden is not in the spec; set the whole list, flow[0].hidden=[...]");
    check_not_assigned("{\"flow\":[1]}", "flow.0=5", "\"flow.0=5\": flow is a list: write flow[0]");
    check_not_assigned("{\"flow\":[[1]]}", "flow[0].2.x=5", "flow[0] is a list: write flow[0][2]");
    check_not_assigned("{\"flow\":[1]}", "flow.type=5", "flow is a list: write flow[0]");
    check_not_assigned("{}", "[0]=5", "there is no list element [0]: the spec is not a list");
    check_not_assigned("[]", "seed=5", "what should hold \"seed\" is not an object");
    check_not_assigned("{\"flow\":[1]}", "flow[99999999999]=5", "is not a path such as");
    check_not_assigned("{\"flow\":{}}", "flow[0]=5", "there is no list element [0]: flow is not a list");
    check_not_assigned("{\"seed\":1}", "seed.x=5", "what should hold \"x\" is not an object");
    check_not_assigned("{}", "a={\"b\":1,\"b\":2}", "\"a={\"b\":1,\"b\":2}\": a: the key \"b\" occurs twice");
    check_not_assigned("{}", "a=1e999", "the number is too large");
}

static void test_replace(void **state)
{
    (void)state;
    cJSON *document = parse("{\"a\":[\"affine\",2]}");
    flow_json root = flow_json_root(document), a = flow_json_member(&root, "a"), first = flow_json_element(&a, 0);
    flow_json_replace(&first, cJSON_Parse("{\"type\":\"affine\"}"));
    assert_true(cJSON_IsObject(first.node));
    char *text = cJSON_PrintUnformatted(document);
    assert_string_equal(text, "{\"a\":[{\"type\":\"affine\"},2]}");
    free(text);
    cJSON_Delete(document);
}

/* Every number reads back as the same double. */
static void test_print_keeps_all_digits(void **state)
{
    (void)state;
    const double numbers[] = {9007199254740991.0,     0.1 + 0.2, 1.0 / 3, 1e-3, -5e-324,
                              1.7976931348623157e308, 128,       0,       -0.0};
    enum { N = sizeof numbers / sizeof *numbers };
    cJSON *document = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(document, "list");
    for (int i = 0; i < N; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(numbers[i]));
    cJSON_AddStringToObject(document, "text", "1e5 \" x");
    char *text = flow_json_print(document);
    assert_true(cJSON_IsNumber(list->child)); /* the document itself is left as it was */
    cJSON *again = parse(text);
    for (int i = 0; i < N; i++) {
        double value = cJSON_GetArrayItem(cJSON_GetObjectItem(again, "list"), i)->valuedouble;
        assert_memory_equal(&value, &numbers[i], sizeof value);
    }
    assert_string_equal(cJSON_GetObjectItem(again, "text")->valuestring, "1e5 \" x");
    cJSON_Delete(again);
    free(text);
    cJSON_AddNumberToObject(document, "loss", NAN);
    text = flow_json_print(document);
    check_contains(text, "\"loss\":\tnull");
    free(text);
    cJSON_Delete(document);
}

static void test_layout_breaks_what_does_not_fit(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,0.1,[]],\"b\":{},\"note\":\"\\\"x\\\"\",\"list\":[\"short\",{\"k\":true,\"l\":"
        "\"a text of so many words that the list and the object around it do not fit on one line, "
        "but need several\"}]}";
    cJSON *document = parse(text);
    char *out = flow_json_layout(document);
    assert_string_equal(out, "{\n  \"a\": [1, 0.1, []],\n  \"b\": {},\n  \"note\": \"\\\"x\\\"\",\n  \"list\": [\n"
                             "    \"short\",\n    {\n      \"k\": true,\n      \"l\": \"a text of so many words that "
                             "the list and the object around it do not fit on one line, but need several\"\n    }\n"
                             "  ]\n}\n");
    cJSON *again = parse(out);
    assert_true(cJSON_Compare(document, again, 1));
    cJSON_Delete(again);
    cJSON_Delete(document);
    free(out);
}

static void test_layout_fills_lines_with_numbers(void **state)
{
    (void)state;
    cJSON *document = parse("{\"a\":[]}"), *list = cJSON_GetObjectItem(document, "a");
    for (int i = 0; i < 30; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(100000 + i));
    char *out = flow_json_layout(document);
    assert_string_equal(out, "{\n  \"a\": [\n"
                             "    100000, 100001, 100002, 100003, 100004, 100005, 100006, 100007, 100008, 100009, "
                             "100010, 100011, 100012,\n"
                             "    100013, 100014, 100015, 100016, 100017, 100018, 100019, 100020, 100021, 100022, "
                             "100023, 100024, 100025,\n"
                             "    100026, 100027, 100028, 100029\n  ]\n}\n");
    cJSON_Delete(document);
    free(out);
}

static void test_files(void **state)
{
    (void)state;
    cJSON *document;
    flow_error err;
    assert_int_equal(flow_json_read(&document, at("a.json"), &err), FLOW_IO);
    check_contains(err.message, "a.json: there is no such file");
    assert_int_equal(flow_json_read(&document, folder, &err), FLOW_IO);
    check_contains(err.message, "cannot be read: Is a directory");
    assert_int_equal(flow_json_read(&document, write_text("a.json", "{\"a\": \n x}"), &err), FLOW_SPEC);
    check_contains(err.message, "a.json:2:2");
    assert_int_equal(flow_json_read(&document, write_text("a.json", "{\"a\": 1}"), &err), FLOW_OK);
    cJSON_Delete(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_errors_have_a_place),
        cmocka_unit_test(test_duplicates_are_refused),
        cmocka_unit_test(test_numbers_beyond_a_double_are_refused),
        cmocka_unit_test(test_large_documents_are_quick),
        cmocka_unit_test(test_deep_documents_are_refused),
        cmocka_unit_test(test_cursors_know_their_path),
        cmocka_unit_test(test_values_are_described),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_print_keeps_all_digits),
        cmocka_unit_test(test_layout_breaks_what_does_not_fit),
        cmocka_unit_test(test_layout_fills_lines_with_numbers),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("json", tests, make_folder, remove_folder);
}
