/* Codes for missing values, and what is known about rows that were skipped. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/missing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "num/rng.h"
#include "table_files.h"
#include "values.h"

static const double fill = 9.969209968386869e36; /* of netCDF, a float */

static void codes_are_compared_exactly(void **state)
{
    (void)state;
    const flow_number_list codes = {.n = 4, .at = {-999, 9.96921e36, 99.99, 2147483647}};
    assert_true(flow_is_missing(&codes, -999));
    assert_false(flow_is_missing(&codes, -999.0001));
    assert_false(flow_is_missing(&codes, 999));
    assert_true(flow_is_missing(&codes, 99.99));
    assert_true(flow_is_missing(&codes, (double)99.99f)); /* as a table of floats holds it */
    assert_false(flow_is_missing(&codes, 99.9901));
    assert_true(flow_is_missing(&codes, 2147483647));
    assert_false(flow_is_missing(&codes, 2147483646));
    assert_true(flow_is_missing(&codes, 9.96921e36));
    assert_true(flow_is_missing(&codes, (double)9.96921e36f));
    assert_true(flow_is_missing(&codes, fill));
    assert_false(flow_is_missing(&codes, 9.97e36));
    assert_false(flow_is_missing(&codes, NAN));
    assert_false(flow_is_missing(&codes, INFINITY));
    /* the other way round: all digits are named, few are in the table */
    const flow_number_list full = {.n = 1, .at = {fill}};
    assert_true(flow_is_missing(&full, 9.96921e36));
    const flow_number_list largest = {.n = 1, .at = {1.7976931348623157e308}};
    assert_true(flow_is_missing(&largest, 1.7976931348623157e308));
    assert_false(flow_is_missing(&largest, 1.7e308));
    assert_int_equal(flow_find_missing(&codes, (const double[]){1, 2, -999, -999}, 4), 2);
    assert_int_equal(flow_find_missing(&codes, (const double[]){1, 2, 3}, 3), -1);
}

static void codes_are_read(void **state)
{
    (void)state;
    flow_number_list codes;
    flow_error err;
    assert_int_equal(flow_missing_read(&codes, "-999, 9.96921e36,0", &err), FLOW_OK);
    assert_int_equal(codes.n, 3);
    ASSERT_EQ(codes.at[0], -999);
    ASSERT_EQ(codes.at[1], 9.96921e36);
    static const char *const wrong[] = {"NA", "-999,nan", "-999 -1", "inf"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(flow_missing_read(&codes, wrong[i], &err), FLOW_ARGUMENT);
        assert_says(&err, "--missing takes numbers");
    }
    char many[512] = "0";
    for (int i = 1; i < 40; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ",%d", i);
    assert_int_equal(flow_missing_read(&codes, many, &err), FLOW_ARGUMENT);
    assert_says(&err, "up to 32 numbers");
}

static void every_reader_takes_them(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    const double rows[] = {1, 2, -999, 3, 4, fill, 5, 6, 7, NAN, 8, 9};
    const flow_number_list codes = {.n = 2, .at = {-999, 9.96921e36}};
    const char *files[] = {"m.csv", "m.h5"};
    flow_error err;
    for (int k = 0; k < 2; k++) {
        const char *location = write_rows(files[k], names, 2, rows, 6);
        flow_reader_options options = {.missing = codes};
        assert_int_equal(read_with(&got, location, &options, &err), FLOW_DATA);
        assert_says(&err, k == 0
                              ? "row 2 (line 3), column \"a\": \"-999\" stands for a missing value; correct it or drop"
                              : "row 2, column \"a\": \"-999\" stands for a missing value; correct it or drop");
        options.skip_invalid = true;
        assert_int_equal(read_with(&got, location, &options, &err), FLOW_OK);
        assert_int_equal(got.n, 3);
        assert_int_equal(got.n_skipped, 3);
        assert_int_equal(got.numbers[1], 3);
        assert_int_equal(got.numbers[2], 5);
        /* a column that is not read does not matter */
        options.columns = names + 1;
        options.n_columns = 1;
        assert_int_equal(read_with(&got, location, &options, &err), FLOW_OK);
        assert_int_equal(got.n, 4);
        /* without codes they are numbers */
        assert_int_equal(read_with(&got, location, &(flow_reader_options){.skip_invalid = true}, &err), FLOW_OK);
        assert_int_equal(got.n, 5);
    }
    flow_reader *reader;
    const flow_table_rows table = {"memory", rows, 6, 2, names};
    double out[12];
    size_t n;
    flow_reader_options options = {.missing = codes, .skip_invalid = true};
    assert_int_equal(flow_reader_open_rows(&reader, &table, &options, &err), FLOW_OK);
    assert_int_equal(flow_reader_read(reader, out, NULL, 6, &n, &err), FLOW_OK);
    assert_int_equal(n, 3);
    flow_reader_close(reader);
}

/* Rows (x, t, y): y is missing in rows, `chosen` says in which. */
enum { ROWS = 4000 };

static void open_with_holes(flow_dataset **out, bool with_x)
{
    static const char *const names[] = {"x", "t", "y"};
    static double rows[ROWS][3];
    for (int i = 0; i < ROWS; i++) {
        double u = flow_rng_uniform(7, FLOW_STREAM_OTHER, (uint64_t)i, 0);
        double v = flow_rng_uniform(7, FLOW_STREAM_OTHER, (uint64_t)i, 1);
        rows[i][0] = 1000 + u;
        rows[i][1] = v;
        rows[i][2] = (with_x ? u > 0.9 : flow_rng_uniform(7, FLOW_STREAM_OTHER, (uint64_t)i, 2) > 0.9) ? -1 : u + v;
    }
    const flow_dataset_options options = {.skip_invalid = true, .missing = {.n = 1, .at = {-1}}};
    *out = make_dataset(with_x ? "with.csv" : "without.h5", names, 3, rows[0], ROWS, &options);
}

static void skipped_rows_are_described(void **state)
{
    (void)state;
    flow_dataset *data;
    open_with_holes(&data, true);
    assert_int_equal(data->skipped.all, ROWS);
    assert_int_equal(data->skipped.rows, data->n_skipped);
    assert_int_equal(data->n_rows + data->n_skipped, ROWS);
    ASSERT_NEAR(data->n_skipped, 400, 60);
    assert_string_equal(data->skipped.column, "y");
    assert_int_equal(data->skipped.invalid, data->n_skipped);
    assert_string_equal(data->skipped.other, "x");
    ASSERT_NEAR(data->skipped.mean, 1000.95, 0.01);
    ASSERT_NEAR(data->skipped.others, 1000.45, 0.02);
    flow_dataset_close(data);
    open_with_holes(&data, false);
    ASSERT_NEAR(data->n_skipped, 400, 60);
    assert_string_equal(data->skipped.column, "y");
    assert_null(data->skipped.other); /* by chance alone */
    flow_dataset_close(data);
}

/* A row is counted once, however often it is read, and a ragged one belongs to no column. */
static void skipped_rows_are_counted_once(void **state)
{
    (void)state;
    const char *location = write_text("r.csv", "a,b\n1,2\n,3\n4\n5,nan\n6,7\n,8\n");
    flow_reader *reader;
    flow_error err;
    double out[12];
    size_t n;
    assert_int_equal(flow_reader_open(&reader, location, &(flow_reader_options){.skip_invalid = true}, &err), FLOW_OK);
    const flow_position start = flow_reader_tell(reader);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(flow_reader_read(reader, out, NULL, 6, &n, &err), FLOW_OK);
        assert_int_equal(n, 2);
        const flow_skipped skipped = flow_reader_skipped(reader, NULL);
        assert_int_equal(skipped.rows, 4);
        assert_int_equal(skipped.all, 6);
        assert_string_equal(skipped.column, "a");
        assert_int_equal(skipped.invalid, 2);
        assert_null(skipped.other);
        assert_int_equal(flow_reader_seek(reader, &start, &err), FLOW_OK);
    }
    flow_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_compared_exactly),    cmocka_unit_test(codes_are_read),
        cmocka_unit_test(every_reader_takes_them),       cmocka_unit_test(skipped_rows_are_described),
        cmocka_unit_test(skipped_rows_are_counted_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
