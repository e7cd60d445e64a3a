/* Locations that are joined by columns, and the tables at them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"
#include "values.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/location.h"

static void put(hid_t file, const char *name, hsize_t rows, hsize_t columns, const double *values)
{
    hid_t space = H5Screate_simple(columns > 0 ? 2 : 1, (hsize_t[]){rows, columns}, NULL);
    hid_t set = H5Dcreate2(file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* A.h5 has /showers (3, 2) and /energy (3, 1), B.h5 /t (3) and /long (4); t.csv has two columns, bare.csv no names. */
static int make_files(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    hid_t file = H5Fcreate(at("A.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "showers", 3, 2, six);
    put(file, "energy", 3, 1, (double[]){10, 20, 30});
    H5Fclose(file);
    file = H5Fcreate(at("B.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "t", 3, 0, (double[]){7, NAN, 9});
    put(file, "long", 4, 0, six);
    H5Fclose(file);
    write_text("t.csv", "u,v\n0.5,1\n1.5,2\n2.5,3\n");
    write_text("bare.csv", "1,1\n2,4\n3,9\n");
    write_text("short.csv", "w\n1\n2\n");
    write_text("gap.csv", "w\n1\n2\nNA\n");
    write_text("a,b.csv", "c\n1\n2\n3\n");
    return 0;
}

/* The parts with "|" between them. */
static void splits(const char *location, const char *expected)
{
    flow_name_list parts;
    char joined[1024] = "";
    assert_int_equal(flow_location_parts(&parts, at(""), location, NULL), FLOW_OK);
    for (int i = 0; i < parts.n; i++) {
        strcat(joined, i > 0 ? "|" : "");
        strcat(joined, parts.at[i]);
    }
    flow_name_list_free(&parts);
    assert_string_equal(joined, expected);
}

/* A comma may be part of a name or of a path. */
static void test_join_split(void **state)
{
    (void)state;
    splits("A.h5", "A.h5");
    splits("A.h5:/showers,A.h5:/energy", "A.h5:/showers|A.h5:/energy");
    splits("t.csv,A.h5:/energy,bare.csv", "t.csv|A.h5:/energy|bare.csv");
    splits("gone.csv,none.h5:/x", "gone.csv|none.h5:/x");
    splits("a,b.csv", "a,b.csv");
    splits("a,b.csv,t.csv", "a,b.csv|t.csv");
    splits("t.csv,a,b.csv", "t.csv|a,b.csv");
    splits("A.h5:/x,y", "A.h5:/x,y");
    splits("energy=2,angle=0.5", "energy=2,angle=0.5");
    splits("-", "-");
    char *whole = flow_location_join("/data", "x.csv,/y.h5:/z");
    assert_string_equal(whole, "/data/x.csv,/y.h5:/z");
    free(whole);
}

enum { N = 5000 };

static const char *several(const char *a, const char *b)
{
    static char text[2048];
    int length = snprintf(text, sizeof text, "%s,", at(a));
    snprintf(text + length, sizeof text - (size_t)length, "%s", at(b));
    return text;
}

static void test_join_tables(void **state)
{
    (void)state;
    reads(several("A.h5:/showers", "A.h5:/energy"), "showers_1 showers_2 energy", 3,
          (double[]){1, 2, 10, 3, 4, 20, 5, 6, 30});
    assert_true(got.has_names);
    reads(several("t.csv", "A.h5:/energy"), "u v energy", 3, (double[]){0.5, 1, 10, 1.5, 2, 20, 2.5, 3, 30});
    reads(several("bare.csv", "t.csv"), "bare_1 bare_2 u v", 3, (double[]){1, 1, 0.5, 1, 2, 4, 1.5, 2, 3, 9, 2.5, 3});
    flow_error err = {0};
    flow_reader_options options = {.columns = (const char *const[]){"energy", "showers_2"},
                                   .n_columns = 2,
                                   .last = (const char *const[]){"showers_1"},
                                   .n_last = 1};
    assert_int_equal(read_with(&got, several("A.h5:/showers", "A.h5:/energy"), &options, &err), FLOW_OK);
    assert_string_equal(got.names, "energy showers_2 showers_1");
    assert_memory_equal(got.values, ((double[]){10, 2, 1, 20, 4, 3, 30, 6, 5}), 9 * sizeof(double));
    /* a table of which nothing is chosen */
    options = (flow_reader_options){.columns = (const char *const[]){"v"}, .n_columns = 1};
    assert_int_equal(read_with(&got, several("A.h5:/showers", "t.csv"), &options, &err), FLOW_OK);
    assert_memory_equal(got.values, ((double[]){1, 2, 3}), 3 * sizeof(double));
    options.columns = (const char *const[]){"showers_3"};
    assert_int_equal(read_with(&got, several("A.h5:/showers", "t.csv"), &options, &err), FLOW_DATA);
    assert_says(&err, "there is no column \"showers_3\"; did you mean");
}

/* Rows belong together by their numbers, also where one of the tables has an invalid value. */
static void test_join_invalid(void **state)
{
    (void)state;
    flow_error err = {0};
    const flow_reader_options skip = {.skip_invalid = true};
    refuses(several("t.csv", "B.h5:/t"), FLOW_DATA, "B.h5:/t: row 2, column \"t\": \"nan\" is not a finite number");
    assert_int_equal(read_with(&got, several("t.csv", "B.h5:/t"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.n_skipped, 1);
    assert_memory_equal(got.values, ((double[]){0.5, 1, 7, 2.5, 3, 9}), 6 * sizeof(double));
    assert_int_equal(got.numbers[1], 2);
    assert_int_equal(read_with(&got, several("gap.csv", "B.h5:/t"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.n_skipped, 2);
    assert_memory_equal(got.values, ((double[]){1, 7}), 2 * sizeof(double));
}

static void test_join_refuses(void **state)
{
    (void)state;
    refuses(several("A.h5:/energy", "B.h5:/long"), FLOW_DATA, "A.h5:/energy has 3 rows, and ");
    refuses(several("A.h5:/energy", "B.h5:/long"), FLOW_DATA,
            "B.h5:/long has 4; tables that are joined have the same "
            "rows");
    refuses(several("t.csv", "short.csv"), FLOW_DATA, "short.csv has 2 rows, and ");
    refuses(several("t.csv", "short.csv"), FLOW_DATA, "t.csv has more; tables that are joined have the same rows");
    refuses(several("t.csv", "gone.csv"), FLOW_IO, "gone.csv: there is no such file");
    refuses("-,t.csv", FLOW_IO, "there is no such file");
    char here[1100];
    snprintf(here, sizeof here, "%s,-", at("t.csv"));
    refuses(here, FLOW_IO, "there is no such file");
}

/* Data that are read again each epoch: positions and orders are those of the rows of the whole. */
static void check_streams(const char *location)
{
    flow_error err = {0};
    flow_dataset *data;
    const flow_dataset_options options = {.skip_invalid = true, .memory_bytes = 20000};
    if (flow_dataset_open(&data, location, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_false(data->is_held);
    assert_int_equal(data->n_skipped, N / 7 + 1 - (N % 7 <= 3));
    double rows[300];
    int64_t numbers[100], all = 0, sum_of_numbers = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t n;
        flow_dataset_rewind(data);
        do {
            assert_int_equal(flow_dataset_next(data, rows, numbers, 100, &n, &err), FLOW_OK);
            for (size_t i = 0; i < n; i++) {
                ASSERT_EQ(rows[3 * i], (double)numbers[i]);
                ASSERT_EQ(rows[3 * i + 1], -(double)numbers[i]);
                ASSERT_EQ(rows[3 * i + 2], 2 * (double)numbers[i]);
                sum_of_numbers += pass == 0 ? numbers[i] : 0;
            }
            all += (int64_t)n;
        } while (n > 0);
    }
    assert_int_equal(all, 2 * data->n_rows);
    for (uint64_t epoch = 0; epoch < 2; epoch++) { /* shuffled blocks are sought */
        size_t n;
        int64_t sum = 0;
        assert_int_equal(flow_dataset_shuffle(data, 1, (int64_t)epoch, 0, &err), FLOW_OK);
        do {
            assert_int_equal(flow_dataset_next(data, rows, numbers, 100, &n, &err), FLOW_OK);
            for (size_t i = 0; i < n; i++) {
                ASSERT_EQ(rows[3 * i], (double)numbers[i]);
                ASSERT_EQ(rows[3 * i + 2], 2 * (double)numbers[i]);
                sum += numbers[i];
            }
        } while (n > 0);
        assert_int_equal(sum, sum_of_numbers);
    }
    flow_dataset_close(data);
}

static void test_join_streams(void **state)
{
    (void)state;
    static double x[N], y[2 * N];
    static char text[32 * N];
    int length = snprintf(text, sizeof text, "y,z\n");
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[2 * i] = -i;
        y[2 * i + 1] = i % 7 == 3 ? NAN : 2 * i;
        length += i % 7 == 3 ? snprintf(text + length, sizeof text - (size_t)length, "%d,NA\n", -i)
                             : snprintf(text + length, sizeof text - (size_t)length, "%d,%d\n", -i, 2 * i);
    }
    hid_t file = H5Fcreate(at("large.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "x", N, 1, x);
    put(file, "y", N, 2, y);
    H5Fclose(file);
    write_text("large.csv", text);
    check_streams(several("large.h5:/x", "large.h5:/y"));
    check_streams(several("large.h5:/x", "large.csv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_split),   cmocka_unit_test(test_join_tables),  cmocka_unit_test(test_join_invalid),
        cmocka_unit_test(test_join_refuses), cmocka_unit_test(test_join_streams),
    };
    return cmocka_run_group_tests(tests, make_files, remove_folder);
}
