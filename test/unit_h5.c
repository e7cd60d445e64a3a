/* The HDF5 layer: scopes, errors, what is written and read back, and what files from elsewhere are refused for. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5/array.h"
#include "h5/check.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"
#include "values.h"

/* A scope around a test, left also when the test fails. */
static flow_h5_scope scope;

static int begin(void **state)
{
    (void)state;
    scope = flow_h5_begin("test");
    return 0;
}

static int end(void **state)
{
    (void)state;
    flow_h5_end(&scope);
    return 0;
}

static hid_t new_file(const char *name)
{
    hid_t file;
    flow_error err = {0};
    if (flow_h5_create(&file, at(name), &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return file;
}

static void says(const flow_error *err, flow_status status, flow_status expected, const char *text)
{
    assert_int_equal(status, expected);
    assert_string_equal(err->message, text);
}

/* ---- scopes, errors, ids ---- */

static herr_t count_errors(hid_t stack, void *count)
{
    (void)stack;
    ++*(int *)count;
    return 0;
}

static void test_scope_is_silent(void **state)
{
    (void)state;
    int count = 0;
    H5E_auto2_t print;
    void *data;
    H5Eget_auto2(H5E_DEFAULT, &print, &data);
    H5Eset_auto2(H5E_DEFAULT, count_errors, &count);
    scope = flow_h5_begin("test");
    ASSERT_LT(H5Fopen(at("none.h5"), H5F_ACC_RDONLY, H5P_DEFAULT), 0);
    assert_int_equal(count, 0);
    flow_h5_end(&scope);
    ASSERT_LT(H5Fopen(at("none.h5"), H5F_ACC_RDONLY, H5P_DEFAULT), 0);
    assert_int_equal(count, 1);
    H5Eset_auto2(H5E_DEFAULT, print, data);
}

static void test_errors_have_a_reason(void **state)
{
    (void)state;
    flow_error err = {0};
    hid_t file;
    says(&err, flow_h5_open(&file, at("none.h5"), &err), FLOW_FORMAT,
         "cannot be opened, the file is damaged, incomplete or in use: No such file or directory (HDF5)");
    ASSERT_LT(file, 0);
    ASSERT_LT(H5Gopen2(H5I_INVALID_HID, "x", H5P_DEFAULT), 0);
    assert_int_equal(flow_h5_error(NULL, FLOW_IO, "ignored"), FLOW_IO);
    says(&err, flow_h5_error(&err, FLOW_DATA, "%s has %d", "a", 3), FLOW_DATA, "a has 3"); /* the reason is used up */
    says(&err, flow_h5_create(&file, at("no/folder.h5"), &err), FLOW_IO,
         "the file cannot be written: No such file or directory (HDF5)");
}

static void test_close(void **state)
{
    (void)state;
    hid_t file = new_file("close.h5");
    assert_true(flow_h5_make_groups(file, "/a//b/c/d"));
    assert_true(flow_h5_make_groups(file, "a/b/e"));
    assert_int_equal(flow_h5_attr_write_number(file, "n", 3, NULL), FLOW_OK);
    double one = 1;
    flow_array array = {.name = "a/x", .kind = FLOW_ARRAY_DOUBLE, .rows = 1, .cols = 1, .data = &one};
    assert_int_equal(flow_h5_write_array(file, &array, NULL), FLOW_OK);
    assert_false(flow_h5_make_groups(file, "/a/x/y/z"));
    hid_t dataset = H5Dopen2(file, "/a/x", H5P_DEFAULT);
    hid_t ids[] = {H5Gopen2(file, "/a/b/c", H5P_DEFAULT), flow_h5_type_of(dataset), flow_h5_space_of(dataset),
                   H5Aopen(file, "n", H5P_DEFAULT), dataset, flow_h5_untimed(H5P_GROUP_CREATE), file};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ASSERT_GT(H5Iis_valid(ids[i]), 0);
        assert_true(flow_h5_close(ids[i]));
        ASSERT_LE(H5Iis_valid(ids[i]), 0);
    }
    assert_true(flow_h5_close(H5I_INVALID_HID));
}

/* ---- files ---- */

static void test_signature(void **state)
{
    (void)state;
    flow_h5_close(new_file("plain.h5"));
    flow_h5_image image;
    static const size_t blocks[] = {0, 512, 2048};
    for (int k = 0; k < 3; k++) {
        assert_int_equal(flow_h5_image_start(&image, blocks[k], NULL), FLOW_OK);
        assert_int_equal(flow_h5_write_text(image.file, "t", "text", NULL), FLOW_OK);
        assert_int_equal(flow_h5_image_finish(&image, NULL), FLOW_OK);
        memset(image.data, 'u', blocks[k]);
        const char *path = write_bytes("image.h5", image.data, image.size);
        flow_h5_image_release(&image);
        assert_true(flow_h5_has_signature(path));
        char *text;
        hid_t file;
        assert_int_equal(flow_h5_open(&file, path, NULL), FLOW_OK);
        assert_int_equal(flow_h5_read_text(&text, file, "t", 4, NULL), FLOW_OK);
        assert_string_equal(text, "text");
        free(text);
        flow_h5_close(file);
    }
    assert_true(flow_h5_has_signature(at("plain.h5")));
    assert_false(flow_h5_has_signature(write_text("short", "\211HD")));
    assert_false(flow_h5_has_signature(write_text("other", "x,y\n1,2\n")));
    assert_false(flow_h5_has_signature(folder));
    assert_false(flow_h5_has_signature(at("none.h5")));
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_false(flow_h5_has_signature(at("fifo"))); /* and does not wait for a writer */
}

/* A file that cannot be read may be an HDF5 file. */
static void test_signature_of_an_unreadable_file(void **state)
{
    (void)state;
    bool found = true;
    flow_error err = {0};
    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(flow_h5_find_signature(&found, at("loop"), &err), FLOW_IO);
    assert_false(found);
    assert_non_null(strstr(err.message, "cannot be read: "));
    assert_int_equal(flow_h5_find_signature(&found, at("plain.h5"), &err), FLOW_OK);
    assert_true(found);
    assert_int_equal(flow_h5_find_signature(&found, folder, &err), FLOW_OK);
    assert_false(found);
}

/* ---- texts ---- */

static void test_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "two words", "v\xc3\xa9locit\xc3\xa9\nline"};
    flow_error err = {0};
    hid_t file = new_file("texts.h5");
    char *text;
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "g/t%d", i);
        assert_int_equal(flow_h5_write_text(file, name, texts[i], NULL), FLOW_OK);
        assert_int_equal(flow_h5_read_text(&text, file, name, 100, NULL), FLOW_OK);
        assert_string_equal(text, texts[i]);
        free(text);
        assert_int_equal(flow_h5_attr_write_text(file, name + 2, texts[i], NULL), FLOW_OK);
        assert_int_equal(flow_h5_attr_read_text(&text, file, name + 2, 100, NULL), FLOW_OK);
        assert_string_equal(text, texts[i]);
        free(text);
    }
    says(&err, flow_h5_read_text(&text, file, "g/t2", 8, &err), FLOW_FORMAT, "g/t2 is too long");
    assert_null(text);
    says(&err, flow_h5_read_text(&text, file, "g/none", 8, &err), FLOW_FORMAT, "g/none is missing");
    says(&err, flow_h5_read_text(&text, file, "g", 8, &err), FLOW_FORMAT, "g cannot be opened as a dataset");
    says(&err, flow_h5_attr_read_text(&text, file, "none", 8, &err), FLOW_FORMAT, "none is missing");
    char **names;
    int n;
    says(&err, flow_h5_read_names(&names, &n, file, "g/t1", 9, &err), FLOW_FORMAT,
         "g/t1 is a single text and not a list of names");
    int64_t number;
    assert_int_equal(flow_h5_attr_write_number(file, "number", -7, NULL), FLOW_OK);
    assert_int_equal(flow_h5_attr_read_number(&number, file, "number", NULL), FLOW_OK);
    assert_int_equal(number, -7);
    says(&err, flow_h5_attr_read_number(&number, file, "t1", &err), FLOW_FORMAT, "t1 is not a whole number");
    says(&err, flow_h5_attr_read_text(&text, file, "number", 8, &err), FLOW_FORMAT,
         "number is not a text; it holds numbers");
    assert_int_equal(flow_h5_write_text(file, "g/t1", "again", &err), FLOW_IO); /* there is one */
    flow_h5_close(file);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"x", "", "a longer name", "v\xc3\xa9"};
    flow_error err = {0};
    hid_t file = new_file("names.h5");
    char **found, *text;
    int n;
    assert_int_equal(flow_h5_write_names(file, "columns", names, 4, NULL), FLOW_OK);
    assert_int_equal(flow_h5_attr_write_names(file, "columns", names, 4, NULL), FLOW_OK);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(k == 0 ? flow_h5_read_names(&found, &n, file, "columns", 4, NULL)
                                : flow_h5_attr_read_names(&found, &n, file, "columns", 4, false, NULL), FLOW_OK);
        assert_int_equal(n, 4);
        for (int i = 0; i < n; i++)
            assert_string_equal(found[i], names[i]);
        free(found);
    }
    says(&err, flow_h5_read_names(&found, &n, file, "columns", 3, &err), FLOW_FORMAT,
         "columns holds more than 3 texts");
    assert_null(found);
    says(&err, flow_h5_attr_read_text(&text, file, "columns", 99, &err), FLOW_FORMAT,
         "columns holds more than 1 texts");
    flow_h5_close(file);
}

static void put_attribute(hid_t file, const char *name, hid_t type, int rank, const hsize_t *size, const void *data)
{
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, size, NULL);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(attribute, 0);
    ASSERT_GE(H5Awrite(attribute, type, data), 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

/* Names as other programs write them: only a reader of foreign files takes them. */
static void test_foreign_names(void **state)
{
    (void)state;
    static const char *const texts[] = {"x", NULL, "long name"};
    static const char padded[] = "x  y z     "; /* 2 of 5 and the rest */
    flow_error err = {0};
    hid_t file = new_file("foreign.h5"), variable = H5Tcopy(H5T_C_S1), spaces = H5Tcopy(H5T_C_S1);
    H5Tset_size(variable, H5T_VARIABLE);
    H5Tset_size(spaces, 5);
    H5Tset_strpad(spaces, H5T_STR_SPACEPAD);
    put_attribute(file, "variable", variable, 1, (hsize_t[]){3}, texts);
    put_attribute(file, "square", variable, 2, (hsize_t[]){1, 3}, texts);
    put_attribute(file, "cube", variable, 3, (hsize_t[]){1, 3, 1}, texts);
    put_attribute(file, "single", variable, 0, NULL, texts);
    put_attribute(file, "spaces", spaces, 1, (hsize_t[]){2}, padded);
    static const struct {
        const char *name;
        int n;
        const char *names[3];
    } cases[] = {{"variable", 3, {"x", "", "long name"}}, {"square", 3, {"x", "", "long name"}},
                 {"single", 1, {"x"}}, {"spaces", 2, {"x  y", "z"}}};
    char **found;
    int n;
    for (int k = 0; k < 4; k++) {
        assert_int_equal(flow_h5_attr_read_names(&found, &n, file, cases[k].name, 9, true, NULL), FLOW_OK);
        assert_int_equal(n, cases[k].n);
        for (int i = 0; i < n; i++)
            assert_string_equal(found[i], cases[k].names[i]);
        free(found);
    }
    says(&err, flow_h5_attr_read_names(&found, &n, file, "variable", 9, false, &err), FLOW_FORMAT,
         "variable is not a text of fixed length");
    assert_int_equal(flow_h5_attr_read_names(&found, &n, file, "square", 9, false, &err), FLOW_FORMAT);
    assert_int_equal(flow_h5_attr_read_names(&found, &n, file, "cube", 9, true, &err), FLOW_FORMAT);
    says(&err, flow_h5_attr_read_names(&found, &n, file, "variable", 2, true, &err), FLOW_FORMAT,
         "variable holds more than 2 texts");
    H5Tclose(variable);
    H5Tclose(spaces);
    flow_h5_close(file);
}

/* ---- arrays ---- */

static void test_arrays(void **state)
{
    (void)state;
    enum { MANY = 70 };
    float f[MANY], f_back[MANY];
    double d[MANY], d_back[MANY];
    int64_t w[MANY], w_back[MANY];
    for (int i = 0; i < MANY; i++)
        f[i] = (float)(d[i] = 0.1 * (w[i] = i - 30));
    flow_error err = {0};
    hid_t file = new_file("arrays.h5");
    flow_array arrays[] = {{.name = "g/f", .kind = FLOW_ARRAY_FLOAT, .rows = 7, .cols = 10, .data = f},
                           {.name = "g/d", .kind = FLOW_ARRAY_DOUBLE, .rows = 2, .cols = 3, .data = d},
                           {.name = "g/w", .kind = FLOW_ARRAY_INT64, .rows = MANY, .cols = 1, .data = w},
                           {.name = "g/e", .kind = FLOW_ARRAY_DOUBLE, .rows = 0, .cols = 4, .data = d}};
    void *backs[] = {f_back, d_back, w_back, d_back};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(flow_h5_write_array(file, &arrays[i], NULL), FLOW_OK);
        flow_array back = arrays[i], found;
        back.data = backs[i];
        assert_int_equal(flow_h5_read_array(&back, file, true, NULL), FLOW_OK);
        size_t bytes = back.rows * back.cols * (back.kind == FLOW_ARRAY_FLOAT ? 4 : 8);
        assert_memory_equal(back.data, arrays[i].data, bytes);
        assert_int_equal(flow_h5_look(&found, file, back.name, NULL), FLOW_OK);
        ASSERT_EQ(found.kind, back.kind);
        ASSERT_EQ(found.rows, back.rows);
        ASSERT_EQ(found.cols, back.cols);
    }
    /* one precision for the other */
    flow_array as_double = {.name = "g/f", .kind = FLOW_ARRAY_DOUBLE, .rows = 7, .cols = 10, .data = d_back};
    assert_int_equal(flow_h5_read_array(&as_double, file, false, NULL), FLOW_OK);
    for (int i = 0; i < MANY; i++)
        ASSERT_EQ(d_back[i], f[i]);
    says(&err, flow_h5_read_array(&as_double, file, true, &err), FLOW_FORMAT,
         "g/f holds floats, and doubles are needed");
    as_double.cols = 9;
    says(&err, flow_h5_read_array(&as_double, file, false, &err), FLOW_FORMAT, "g/f is 7 x 10, and 7 x 9 is needed");
    flow_array whole = {.name = "g/d", .kind = FLOW_ARRAY_INT64, .rows = 2, .cols = 3, .data = w_back};
    says(&err, flow_h5_read_array(&whole, file, false, &err), FLOW_FORMAT,
         "g/d holds doubles, and whole numbers are needed");
    flow_h5_close(file);
}

/* A dataset of one chunk, or contiguous without chunks, of which nothing may be written. */
static void put_dataset(hid_t file, const char *name, hid_t creation, hid_t type, hsize_t rows, const void *data)
{
    hid_t space = H5Screate_simple(2, (hsize_t[]){rows, 2}, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ASSERT_GE(dataset, 0);
    if (data != NULL)
        ASSERT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Dclose(dataset);
    H5Sclose(space);
}

/* What is claimed and not stored, stored elsewhere, or stored so that reading it needs other code or much memory. */
static void test_hostile_arrays(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_array found;
    hid_t file = new_file("hostile.h5"), chunks = H5Pcreate(H5P_DATASET_CREATE), packed = H5Pcreate(H5P_DATASET_CREATE),
          huge = H5Pcreate(H5P_DATASET_CREATE), outside = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunks, 2, (hsize_t[]){3, 2});
    H5Pset_chunk(packed, 2, (hsize_t[]){3, 2});
    H5Pset_deflate(packed, 1);
    H5Pset_chunk(huge, 2, (hsize_t[]){1 << 27, 2});
    H5Pset_external(outside, at("outside"), 0, 1 << 20);
    put_dataset(file, "claimed", chunks, H5T_IEEE_F64LE, 1ull << 40, NULL);
    put_dataset(file, "packed", packed, H5T_IEEE_F64LE, 3, six);
    put_dataset(file, "huge", huge, H5T_IEEE_F64LE, 1ull << 40, NULL);
    put_dataset(file, "outside", outside, H5T_IEEE_F64LE, 3, NULL);
    put_dataset(file, "wide", chunks, H5T_IEEE_F64LE, 1ull << 61, NULL);
    put_dataset(file, "big_endian", H5P_DEFAULT, H5T_IEEE_F64BE, 3, NULL);
    put_dataset(file, "good", chunks, H5T_IEEE_F64LE, 3, six);
    H5Lcreate_soft("/good", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(at("arrays.h5"), "/g/d", file, "external", H5P_DEFAULT, H5P_DEFAULT);
    static const char not_plain[] = " is not stored plainly, but with a filter, in huge chunks or in another file";
    static const struct {
        const char *name, *text;
    } cases[] = {{"claimed", " is not complete"}, {"packed", not_plain}, {"huge", not_plain}, {"outside", not_plain},
                 {"wide", " is not a table of numbers"}, {"soft", " is missing"}, {"external", " is missing"},
                 {"big_endian", " does not hold numbers of float, double or 64-bit integers"}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char expected[128];
        snprintf(expected, sizeof expected, "%s%s", cases[k].name, cases[k].text);
        says(&err, flow_h5_look(&found, file, cases[k].name, &err), FLOW_FORMAT, expected);
    }
    assert_int_equal(flow_h5_look(&found, file, "good", &err), FLOW_OK);
    assert_true(flow_h5_exists(file, "good") && !flow_h5_exists(file, "soft") && !flow_h5_exists(file, ""));
    char path[FLOW_H5_PATH_SIZE + 8];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_false(flow_h5_exists(file, path));
    hid_t lists[] = {chunks, packed, huge, outside, file};
    for (int i = 0; i < 5; i++)
        flow_h5_close(lists[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scope_is_silent),
        cmocka_unit_test_setup_teardown(test_errors_have_a_reason, begin, end),
        cmocka_unit_test_setup_teardown(test_close, begin, end),
        cmocka_unit_test_setup_teardown(test_signature, begin, end),
        cmocka_unit_test_setup_teardown(test_signature_of_an_unreadable_file, begin, end),
        cmocka_unit_test_setup_teardown(test_texts, begin, end),
        cmocka_unit_test_setup_teardown(test_names, begin, end),
        cmocka_unit_test_setup_teardown(test_foreign_names, begin, end),
        cmocka_unit_test_setup_teardown(test_arrays, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_arrays, begin, end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
