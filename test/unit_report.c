/* Results from tables of fields: JSON, text, and reading back. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/report.h"
#include "values.h"

typedef struct row {
    const char *name;
    int64_t count;
    double value;
} row;

typedef struct part {
    double seconds;
    bool any;
} part;

typedef struct result {
    const char *name, *missing;
    int64_t rows;
    int columns;
    double error, nothing;
    flow_mean mean;
    part part, other;
    const struct part *far, *gone;
    char code[8], empty[8];
    flow_list list;
    flow_text_list names, none;
    bool yes, no;
} result;

#define RESULT(member) FLOW_MEMBER(result, member)

static const flow_report_field part_fields[] = {{"seconds", FLOW_MEMBER(part, seconds)}, FLOW_REPORT_END};

static const flow_report_field row_fields[] = {
    {"name", "name", "%s", FLOW_MEMBER(row, name), .width = 24, .left = true, .fit = true},
    {"count", "count", "%s", FLOW_MEMBER(row, count), .width = 6},
    {NULL, "value", "%.2f", FLOW_MEMBER(row, value), .width = 6},
    FLOW_REPORT_END,
};

static const flow_report_field fields[] = {
    {"name", NULL, "%s: ", RESULT(name)},
    {"missing", NULL, "never %s", RESULT(missing)},
    {"rows", NULL, "%s row{|s}", RESULT(rows)},
    {"columns", NULL, " of %d column{|s}", RESULT(columns)},
    {NULL, "error", "%.1e", RESULT(error)},
    {"nothing", NULL, " and %g", RESULT(nothing)},
    {NULL, NULL, ", which is 100%%", RESULT(yes)},
    {"no", NULL, ", never", RESULT(no)},
    FLOW_REPORT_GROUP_ROW("", result, mean, flow_mean_fields),
    {NULL, "mean", "%s nats", RESULT(mean)},
    {NULL, NULL, " (%m)", RESULT(mean)},
    FLOW_REPORT_GROUP_WHEN("part", result, part, part.any, part_fields),
    FLOW_REPORT_GROUP_WHEN("other", result, other, other.any, part_fields),
    {"names", "names", "%s", RESULT(names)},
    {"none", "none", "%s", RESULT(none)},
    {"far", "far", "%.1p%%", FLOW_MEMBER_THROUGH(result, far, part, seconds), FLOW_REPORT_WHEN(part, any)},
    {"gone", NULL, ", never", FLOW_MEMBER_THROUGH(result, gone, part, seconds)},
    {NULL, NULL, ", code %s", FLOW_MEMBER_ARRAY(result, code), FLOW_REPORT_UNLESS(result, missing)},
    {"empty", NULL, ", never %s", FLOW_MEMBER_ARRAY(result, empty)},
    {NULL, NULL, ", never", RESULT(rows), FLOW_REPORT_UNLESS(result, name)},
    {"list", FLOW_REPORT_LIST_OF(result, list, row, row_fields), .table = true},
    FLOW_REPORT_END,
};

static row rows[] = {{"one", 1, 1.005}, {"two thousand", 2000, NAN}};
static const char *const names[] = {"a", "b"};
static const part far = {0.125, true};
static const result sample = {
    .far = &far, .code = "c7",
    .name = "data.csv", .rows = 1234567, .columns = 1, .error = 0.00012345, .nothing = NAN, .mean = {-1.25, 0.0123},
    .part = {2.5, true}, .list = {rows, 2}, .names = {2, names}, .yes = true,
};

static void test_json(void **state)
{
    (void)state;
    cJSON *object = flow_report_json(fields, &sample, NULL);
    char *text = cJSON_PrintUnformatted(object);
    assert_string_equal(text, "{\"name\":\"data.csv\",\"rows\":1234567,\"columns\":1,\"nothing\":null,\"no\":false,"
                              "\"mean\":-1.25,\"standard_error\":0.0123,\"part\":{\"seconds\":2.5},"
                              "\"names\":[\"a\",\"b\"],\"far\":0.125,"
                              "\"list\":[{\"name\":\"one\",\"count\":1},{\"name\":\"two thousand\",\"count\":2000}]}");
    free(text);
    cJSON_Delete(object);
}

static void test_text(void **state)
{
    (void)state;
    flow_text text = {0};
    flow_report_text(&text, fields, &sample, 2, 6);
    assert_string_equal(text.data, "data.csv: 1,234,567 rows of 1 column\n"
                                   "  error   1.2e-04, which is 100%\n"
                                   "  mean    -1.250 +- 0.012 nats (-1.2500 +- 0.0123)\n"
                                   "  names   a, b\n"
                                   "  far     12.5%, code c7\n"
                                   "  name           count   value\n"
                                   "  one                1    1.00\n"
                                   "  two thousand   2,000        \n");
    flow_text_free(&text);
}

static void test_what_was_written_is_read(void **state)
{
    (void)state;
    cJSON *object = flow_report_json(fields, &sample, NULL);
    result read = {.nothing = 3, .other = {.any = true}};
    flow_report_read(&read, fields, object);
    assert_string_equal(read.name, "data.csv");
    assert_int_equal(read.rows, 1234567);
    assert_true(isnan(read.nothing));
    ASSERT_EQ(read.mean.mean, -1.25);
    ASSERT_EQ(read.mean.error, 0.0123);
    assert_true(read.part.any);
    ASSERT_EQ(read.part.seconds, 2.5);
    assert_false(read.other.any);
    assert_true(isnan(read.other.seconds));
    cJSON_Delete(object);
}

typedef struct entry {
    const char *name;
    flow_mean mean;
    int64_t count;
    bool flag;
} entry;

static const flow_report_field entry_fields[] = {
    {"name", "name", "%s", FLOW_MEMBER(entry, name), .left = true},
    {NULL, "mean", "%s", FLOW_MEMBER(entry, mean)},
    FLOW_REPORT_GROUP_ROW("mean", entry, mean, flow_mean_fields),
    {"count", "count|n", "%s", FLOW_MEMBER(entry, count), .positive = true},
    {"flag", FLOW_MEMBER(entry, flag)},
    FLOW_REPORT_END,
};

static void test_tables(void **state)
{
    (void)state;
    entry entries[] = {{"plain", {0.1, 0.25}, 1200, true}, {"a \"b\", c|d", {-2, NAN}, 0, false}};
    const flow_list list = {entries, 2};
    flow_text csv = {0}, markdown = {0};
    flow_report_csv(&csv, entry_fields, sizeof(entry), &list);
    assert_string_equal(csv.data, "name,mean_mean,mean_standard_error,count,flag\n"
                                  "plain,0.1,0.25,1200,true\n"
                                  "\"a \"\"b\"\", c|d\",-2,,,false\n");
    flow_report_markdown(&markdown, entry_fields, sizeof(entry), &list);
    assert_string_equal(markdown.data, "| name | mean | count\\|n |\n"
                                       "|---|---:|---:|\n"
                                       "| plain | 0.10 \u00b1 0.25 | 1,200 |\n"
                                       "| a \"b\", c\\|d | -2.0000 |  |\n");
    flow_text_free(&csv);
    flow_text_free(&markdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
