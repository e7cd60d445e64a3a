/* HDF5 files: every form of table that is read, and what is refused in which words; damaged files. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/reader.h"
#include "table_files.h"
#include "values.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <malloc.h>
#endif

/* What HDF5 1.10 loses when a checksum is wrong is not ours to free. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}

static hid_t create(const char *name)
{
    hid_t file = H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    return file;
}

static hid_t put(hid_t where, const char *name, hid_t stored, int rank, const hsize_t *size, hid_t given,
                 const void *data, const hsize_t *chunk)
{
    hid_t space = H5Screate_simple(rank, size, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk != NULL) {
        H5Pset_chunk(list, rank, chunk);
        H5Pset_deflate(list, 1);
    }
    hid_t set = H5Dcreate2(where, name, stored, space, H5P_DEFAULT, list, H5P_DEFAULT);
    ASSERT_GE(set, 0);
    if (data != NULL)
        ASSERT_GE(H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Pclose(list);
    H5Sclose(space);
    return set;
}

static void put_and_close(hid_t where, const char *name, hid_t stored, int rank, const hsize_t *size, hid_t given,
                          const void *data)
{
    H5Dclose(put(where, name, stored, rank, size, given, data, NULL));
}

/* Names as fixed-length strings of `length`, or as variable-length ones with length 0. */
static void put_names(hid_t set, const char *const *names, hsize_t n, size_t length, H5T_str_t padding)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, NULL);
    H5Tset_size(type, length > 0 ? length : H5T_VARIABLE);
    H5Tset_strpad(type, padding);
    hid_t attribute = H5Acreate2(set, "columns", type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (length > 0) {
        char text[256];
        memset(text, padding == H5T_STR_SPACEPAD ? ' ' : 0, sizeof text);
        for (hsize_t i = 0; i < n; i++)
            memcpy(text + i * length, names[i], strlen(names[i]));
        ASSERT_GE(H5Awrite(attribute, type, text), 0);
    } else {
        ASSERT_GE(H5Awrite(attribute, type, names), 0);
    }
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* ---- images ---- */

static const flow_image any_image = {.layout = FLOW_IMAGE_AUTO};

static void expect_image(const char *location, const flow_image *wanted, int height, int width, int channels,
                         const double *values)
{
    flow_reader *reader;
    flow_error err = {0};
    double rows[64];
    size_t n = 0;
    const flow_reader_options options = {.image = *wanted};
    if (flow_reader_open(&reader, location, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(reader->image.shape.height, height);
    assert_int_equal(reader->image.shape.width, width);
    assert_int_equal(reader->image.shape.channels, channels);
    assert_int_equal(reader->columns.n, height * width * channels);
    assert_false(reader->has_names);
    assert_int_equal(flow_reader_read(reader, rows, NULL, 64 / (size_t)reader->columns.n, &n, &err), FLOW_OK);
    for (size_t i = 0; i < n * (size_t)reader->columns.n; i++)
        ASSERT_EQ(rows[i], values[i]);
    flow_reader_close(reader);
}

static void refuse_image(const char *location, const flow_image *wanted, const char *text)
{
    flow_error err = {0};
    const flow_reader_options options = {.image = *wanted};
    assert_int_equal(read_with(&got, location, &options, &err), FLOW_DATA);
    assert_says(&err, text);
}

static void test_hdf5_images(void **state)
{
    (void)state;
    uint8_t b[24];
    float f[24];
    double v[24], turned[24];
    for (int i = 0; i < 24; i++) {
        b[i] = (uint8_t)(i + 200);
        f[i] = (float)i / 8;
        v[i] = b[i];
    }
    /* (2, 3 channels, 2, 2) as (2, 2, 2, 3) */
    for (int n = 0; n < 2; n++)
        for (int p = 0; p < 4; p++)
            for (int c = 0; c < 3; c++)
                turned[n * 12 + p * 3 + c] = v[n * 12 + c * 4 + p];
    hid_t file = create("images.h5");
    H5Dclose(put(file, "hwc", H5T_STD_U8LE, 4, (hsize_t[]){2, 2, 2, 3}, H5T_NATIVE_UINT8, b, (hsize_t[]){1, 2, 1, 2}));
    put_and_close(file, "wide", H5T_STD_U8LE, 4, (hsize_t[]){2, 1, 6, 2}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "chw", H5T_STD_U8LE, 4, (hsize_t[]){2, 3, 2, 2}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "tall", H5T_STD_U8LE, 4, (hsize_t[]){1, 3, 8, 1}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "deep", H5T_STD_U8LE, 4, (hsize_t[]){1, 3, 1, 8}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "none", H5T_STD_U8LE, 4, (hsize_t[]){0, 6, 2, 2}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "many", H5T_STD_U8LE, 4, (hsize_t[]){1, 5, 1, 5}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "grey", H5T_IEEE_F32LE, 3, (hsize_t[]){4, 3, 2}, H5T_NATIVE_FLOAT, f);
    put_and_close(file, "void", H5T_STD_U8LE, 4, (hsize_t[]){2, 0, 2, 3}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "vast", H5T_STD_U8LE, 4, (hsize_t[]){2, 1 << 20, 1 << 20, 3}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "five", H5T_STD_U8LE, 5, (hsize_t[]){1, 1, 1, 1, 1}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "table", H5T_STD_U8LE, 2, (hsize_t[]){2, 12}, H5T_NATIVE_UINT8, b);
    H5Fclose(file);

    expect_image(inside("images.h5", "/hwc"), &(flow_image){{2, 2, 3}, FLOW_IMAGE_AUTO}, 2, 2, 3, v);
    expect_image(inside("images.h5", "/hwc"), &(flow_image){.layout = FLOW_IMAGE_HWC}, 2, 2, 3, v);
    expect_image(inside("images.h5", "/chw"), &(flow_image){{2, 2, 3}, FLOW_IMAGE_AUTO}, 2, 2, 3, turned);
    expect_image(inside("images.h5", "/chw"), &(flow_image){.layout = FLOW_IMAGE_CHW}, 2, 2, 3, turned);
    /* the shape leaves no choice, whatever the layout of another file was */
    expect_image(inside("images.h5", "/hwc"), &(flow_image){{2, 2, 3}, FLOW_IMAGE_CHW}, 2, 2, 3, v);
    expect_image(inside("images.h5", "/none"), &any_image, 6, 2, 2, v);
    expect_image(inside("images.h5", "/tall"), &(flow_image){.layout = FLOW_IMAGE_HWC}, 3, 8, 1, v);
    expect_image(inside("images.h5", "/table"), &(flow_image){{2, 2, 3}, FLOW_IMAGE_AUTO}, 2, 2, 3, v);
    expect_image(inside("images.h5", "/table"), &(flow_image){{2, 2, 3}, FLOW_IMAGE_CHW}, 2, 2, 3, turned);
    for (int i = 0; i < 24; i++)
        v[i] = (double)f[i];
    expect_image(inside("images.h5", "/grey"), &any_image, 3, 2, 1, v);
    expect_image(inside("images.h5", "/grey"), &(flow_image){{3, 2, 1}, FLOW_IMAGE_CHW}, 3, 2, 1, v);

    refuse_image(inside("images.h5", "/hwc"), &any_image, "its rows have the extents (2, 2, 3), which can be height, "
                 "width, channels or channels, height, width; say which with \"image\": {\"layout\": \"hwc\"}");
    refuse_image(inside("images.h5", "/tall"), &any_image, "which can be height, width, channels");
    refuse_image(inside("images.h5", "/many"), &any_image, "neither the last nor the first of them is a number of "
                 "channels, 1 to 4; give the shape");
    refuse_image(inside("images.h5", "/hwc"), &(flow_image){{4, 1, 3}, FLOW_IMAGE_AUTO}, "and an image of 4 x 1 x 3 "
                 "(height, width, channels) was expected");
    refuse_image(inside("images.h5", "/table"), &(flow_image){{2, 2, 4}, FLOW_IMAGE_AUTO}, "has 12 columns of data, "
                 "and an image of 2 x 2 x 4 (height, width, channels) has 16 values");
    refuse_image(inside("images.h5", "/void"), &any_image, "a row has 1 to 65536 values");
    refuse_image(inside("images.h5", "/vast"), &any_image, "a row has 1 to 65536 values");
    refuse_image(inside("images.h5", "/five"), &any_image, "has 5 dimensions, (1, 1, 1, 1, 1); a table has 2, and "
                 "images have 3 or 4");
}

/* The labels of images are a column, for those who ask for it. */
static void test_hdf5_labels(void **state)
{
    (void)state;
    const uint8_t b[] = {1, 2, 3, 4, 5, 6};
    const int64_t labels[] = {7, 0, 9};
    static const char *const label[] = {"label"};
    const double rows[] = {1, 2, 7, 3, 4, 0, 5, 6, 9};
    const flow_reader_options options = {.last = label, .n_last = 1};
    flow_error err = {0};
    hid_t file = create("labels.h5");
    put_and_close(file, "train", H5T_STD_U8LE, 3, (hsize_t[]){3, 2, 1}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "train_labels", H5T_STD_I64LE, 1, (hsize_t[]){3}, H5T_NATIVE_INT64, labels);
    put_and_close(file, "test", H5T_STD_U8LE, 3, (hsize_t[]){3, 2, 1}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "short", H5T_STD_U8LE, 3, (hsize_t[]){3, 2, 1}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "short_label", H5T_STD_I64LE, 1, (hsize_t[]){2}, H5T_NATIVE_INT64, labels);
    hid_t group = H5Gcreate2(file, "part", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_and_close(group, "images", H5T_STD_U8LE, 3, (hsize_t[]){3, 2, 1}, H5T_NATIVE_UINT8, b);
    put_and_close(group, "labels", H5T_STD_I64LE, 1, (hsize_t[]){3}, H5T_NATIVE_INT64, labels);
    H5Gclose(group);
    H5Fclose(file);
    static const char *const good[] = {"/train", "/part/images"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_with(&got, inside("labels.h5", good[i]), &options, &err), FLOW_OK);
        assert_string_equal(got.names, "x1 x2 label");
        assert_int_equal(got.n, 3);
        for (int k = 0; k < 9; k++)
            ASSERT_EQ(got.values[k], rows[k]);
    }
    reads(inside("labels.h5", "/train"), "x1 x2", 3, six);
    assert_int_equal(read_with(&got, inside("labels.h5", "/test"), &options, &err), FLOW_DATA);
    assert_says(&err, "has no labels: neither /test_labels nor a dataset \"labels\" beside it is there");
    assert_int_equal(read_with(&got, inside("labels.h5", "/short"), &options, &err), FLOW_DATA);
    assert_says(&err, "its labels in /short_label are not one number for each of the 3 images");
    flow_reader *reader;
    assert_int_equal(flow_reader_open(&reader, inside("labels.h5", "/train"), &options, &err), FLOW_OK);
    assert_int_equal(reader->n_classes, 10);
    flow_reader_close(reader);
    for (int i = 0; i < 3; i++) {
        static const double wrong[][3] = {{0, 1, -1}, {0.5, 0, 0}, {0, 1e9, 0}};
        file = create("wrong.h5");
        put_and_close(file, "train", H5T_STD_U8LE, 3, (hsize_t[]){3, 2, 1}, H5T_NATIVE_UINT8, b);
        put_and_close(file, "train_labels", H5T_IEEE_F64LE, 1, (hsize_t[]){3}, H5T_NATIVE_DOUBLE, wrong[i]);
        H5Fclose(file);
        assert_int_equal(read_with(&got, inside("wrong.h5", "/train"), &options, &err), FLOW_DATA);
        assert_says(&err, i == 0 ? "the label of row 3 is -1; labels are 0, 1, ... up to 4095"
                          : i == 1 ? "the label of row 1 is 0.5" : "the label of row 2 is 1e+09");
    }
}

static void test_hdf5_matrices(void **state)
{
    (void)state;
    static const char *const names[] = {"x", "yy", "zzz"};
    const float f[] = {1, 2, 3, 4, 5, 6};
    const int32_t w[] = {1, 2, 3, 4, 5, 6};
    const uint8_t b[] = {1, 2, 3, 4, 5, 6};
    hsize_t size[] = {2, 3}, chunk[] = {1, 2}, one = 6;
    hid_t file = create("m.h5");
    hid_t set = put(file, "fixed", H5T_IEEE_F32BE, 2, size, H5T_NATIVE_FLOAT, f, NULL);
    put_names(set, names, 3, 3, H5T_STR_NULLPAD);
    H5Dclose(set);
    set = put(file, "padded", H5T_STD_I16BE, 2, size, H5T_NATIVE_INT32, w, chunk);
    put_names(set, names, 3, 8, H5T_STR_SPACEPAD);
    H5Dclose(set);
    set = put(file, "variable", H5T_STD_U8LE, 2, size, H5T_NATIVE_UINT8, b, chunk);
    put_names(set, names, 3, 0, H5T_STR_NULLTERM);
    H5Dclose(set);
    set = put(file, "miscounted", H5T_STD_U8LE, 2, size, H5T_NATIVE_UINT8, b, chunk);
    put_names(set, names, 2, 0, H5T_STR_NULLTERM);
    H5Dclose(set);
    set = put(file, "latin1", H5T_STD_U8LE, 2, size, H5T_NATIVE_UINT8, b, chunk);
    put_names(set, (const char *const[]){"x", "gr\xf6\xdf" "e", "z"}, 3, 0, H5T_STR_NULLTERM);
    H5Dclose(set);
    set = put(file, "labelled", H5T_IEEE_F64LE, 1, &one, H5T_NATIVE_DOUBLE, six, NULL);
    put_names(set, names + 1, 1, 4, H5T_STR_NULLPAD);
    H5Dclose(set);
    set = put(file, "mislabelled", H5T_IEEE_F64LE, 1, &one, H5T_NATIVE_DOUBLE, six, NULL);
    put_names(set, names, 2, 4, H5T_STR_NULLPAD);
    H5Dclose(set);
    put_and_close(file, "bare", H5T_STD_I64LE, 2, size, H5T_NATIVE_INT32, w);
    put_and_close(file, "line", H5T_IEEE_F64LE, 1, &one, H5T_NATIVE_DOUBLE, six);
    put_and_close(file, "cube", H5T_STD_U8LE, 3, (hsize_t[]){2, 3, 1}, H5T_NATIVE_UINT8, b);
    put_and_close(file, "none", H5T_STD_U8LE, 2, (hsize_t[]){0, 3}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "narrow", H5T_STD_U8LE, 2, (hsize_t[]){3, 0}, H5T_NATIVE_UINT8, NULL);
    put_and_close(file, "endless", H5T_STD_U8LE, 2, (hsize_t[]){3, 1 << 20}, H5T_NATIVE_UINT8, NULL);
    hid_t scalar = H5Screate(H5S_SCALAR), null = H5Screate(H5S_NULL), text = H5Tcopy(H5T_C_S1);
    H5Dclose(H5Dcreate2(file, "scalar", H5T_IEEE_F64LE, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(file, "null", H5T_IEEE_F64LE, null, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put_and_close(file, "text", text, 2, size, text, NULL);
    H5Tcommit2(file, "type", text, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(text);
    H5Sclose(scalar);
    H5Sclose(null);
    H5Gclose(H5Gcreate2(file, "hollow", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);

    reads(inside("m.h5", "/fixed"), "x yy zzz", 2, six);
    assert_true(got.has_names);
    reads(inside("m.h5", "fixed"), "x yy zzz", 2, six);
    reads(inside("m.h5", "/padded/"), "x yy zzz", 2, six);
    reads(inside("m.h5", "/variable"), "x yy zzz", 2, six);
    reads(inside("m.h5", "/bare"), "x1 x2 x3", 2, six);
    assert_false(got.has_names);
    reads(inside("m.h5", "/line"), "line", 6, six);
    assert_true(got.has_names);
    reads(inside("m.h5", "/labelled"), "yy", 6, six);
    reads(inside("m.h5", "/none"), "x1 x2 x3", 0, six);
    reads(inside("m.h5", "/cube"), "x1 x2 x3", 2, six);
    refuses(inside("m.h5", "/miscounted"), FLOW_DATA, "has 3 columns, but its attribute \"columns\" names 2");
    refuses(inside("m.h5", "/mislabelled"), FLOW_DATA, "has 1 column, but its attribute \"columns\" names 2");
    refuses(inside("m.h5", "/latin1"), FLOW_DATA, "the name of column 2 is not in UTF-8");
    refuses(inside("m.h5", "/narrow"), FLOW_DATA, "has 0 columns");
    refuses(inside("m.h5", "/endless"), FLOW_DATA, "has 1048576 columns");
    refuses(inside("m.h5", "/scalar"), FLOW_DATA, "holds a single value");
    refuses(inside("m.h5", "/null"), FLOW_DATA, "holds no value");
    refuses(inside("m.h5", "/text"), FLOW_DATA, "holds text");
    refuses(inside("m.h5", "/type"), FLOW_DATA, "neither a dataset nor a group");
    refuses(inside("m.h5", "/hollow"), FLOW_DATA, "is a group without datasets");
    refuses(inside("m.h5", "/fixes"), FLOW_DATA, "there is nothing at /fixes; did you mean /fixed?");
    refuses(inside("m.h5", "/a/b/c/d/e/f"), FLOW_DATA, "The file holds the tables /bare (2, 3), ");
    refuses(at("m.h5"), FLOW_DATA, "holds several tables; name one");
    refuses(at("none.h5"), FLOW_IO, "none.h5: there is no such file");

    /* a chosen few of many columns, in any order, near and far from each other, chunked and not */
    enum { WIDE = 200, LONG = 300 };
    static double wide[LONG][WIDE];
    for (int i = 0; i < LONG; i++)
        for (int j = 0; j < WIDE; j++)
            wide[i][j] = 1000 * i + j;
    file = create("wide.h5");
    hsize_t extent[] = {LONG, WIDE}, pieces[] = {7, 30};
    H5Dclose(put(file, "chunks", H5T_IEEE_F64LE, 2, extent, H5T_NATIVE_DOUBLE, wide, pieces));
    put_and_close(file, "plain", H5T_IEEE_F64LE, 2, extent, H5T_NATIVE_DOUBLE, wide);
    H5Fclose(file);
    static const char *const few[] = {"x200", "x5", "x1", "x100", "x7"};
    static const int columns[] = {199, 4, 0, 99, 6};
    for (int k = 0; k < 2; k++) {
        flow_error err = {0};
        flow_reader_options options = {.columns = few, .n_columns = 5, .skip_invalid = false};
        assert_int_equal(read_with(&got, inside("wide.h5", k ? "plain" : "chunks"), &options, &err), FLOW_OK);
        assert_int_equal(got.n, LONG);
        for (int i = 0; i < LONG; i++)
            for (int j = 0; j < 5; j++)
                ASSERT_EQ(got.values[5 * i + j], wide[i][columns[j]]);
    }
}

static void test_hdf5_only_table(void **state)
{
    (void)state;
    hsize_t size[] = {2, 3}, two = 2, three = 3;
    const double column[] = {1, 2, 3};
    hid_t file = create("one.h5");
    hid_t group = H5Gcreate2(file, "deep", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t deeper = H5Gcreate2(group, "er", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_and_close(deeper, "table", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, six);
    H5Lcreate_hard(file, "/", deeper, "round", H5P_DEFAULT, H5P_DEFAULT); /* a group that contains itself */
    H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(deeper);
    H5Gclose(group);
    H5Fclose(file);
    reads(at("one.h5"), "x1 x2 x3", 2, six);
    rename(at("one.h5"), at("one.data")); /* known by its signature, whatever its name */
    reads(at("one.data"), "x1 x2 x3", 2, six);
    reads(inside("one.data", "/deep/er/table"), "x1 x2 x3", 2, six);
    file = create("columns.h5");
    put_and_close(file, "b", H5T_IEEE_F64LE, 1, &three, H5T_NATIVE_DOUBLE, column);
    put_and_close(file, "a", H5T_IEEE_F64LE, 1, &three, H5T_NATIVE_DOUBLE, column);
    H5Fclose(file);
    reads(at("columns.h5"), "a b", 3, (double[]){1, 1, 2, 2, 3, 3});
    file = create("columns.h5");
    put_and_close(file, "b", H5T_IEEE_F64LE, 1, &three, H5T_NATIVE_DOUBLE, column);
    put_and_close(file, "a", H5T_IEEE_F64LE, 1, &two, H5T_NATIVE_DOUBLE, column);
    H5Fclose(file);
    refuses(at("columns.h5"), FLOW_DATA, "holds several tables");
    refuses(inside("columns.h5", "/"), FLOW_DATA, "\"b\" has 3 rows, but \"a\" has 2");
    reads(inside("columns.h5", "b"), "b", 3, column);
    file = create("cube.h5");
    put_and_close(file, "cube", H5T_IEEE_F64LE, 3, (hsize_t[]){1, 2, 3}, H5T_NATIVE_DOUBLE, six);
    H5Fclose(file);
    reads(at("cube.h5"), "x1 x2 x3 x4 x5 x6", 1, six);
    file = create("cube.h5"); /* images beside a table */
    put_and_close(file, "after", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, six);
    put_and_close(file, "cube", H5T_IEEE_F64LE, 3, (hsize_t[]){1, 2, 3}, H5T_NATIVE_DOUBLE, six);
    put_and_close(file, "before", H5T_IEEE_F64LE, 3, (hsize_t[]){1, 2, 3}, H5T_NATIVE_DOUBLE, six);
    put_and_close(file, "tensor", H5T_IEEE_F64LE, 5, (hsize_t[]){1, 1, 1, 2, 3}, H5T_NATIVE_DOUBLE, six);
    H5Fclose(file);
    reads(at("cube.h5"), "x1 x2 x3", 2, six);
    file = create("cube.h5");
    put_and_close(file, "tensor", H5T_IEEE_F64LE, 5, (hsize_t[]){1, 1, 1, 2, 3}, H5T_NATIVE_DOUBLE, six);
    H5Fclose(file);
    refuses(at("cube.h5"), FLOW_DATA, "and no images; it holds /tensor (1, 1, 1, 2, 3)");
    H5Fclose(create("empty.h5"));
    refuses(at("empty.h5"), FLOW_DATA, "it holds nothing");
    file = create("loop.h5");
    put_and_close(file, "t", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, six);
    H5Lcreate_hard(file, "/", file, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "once more", H5P_DEFAULT, H5P_DEFAULT); /* 2^16 ways through the file */
    H5Fclose(file);
    reads(at("loop.h5"), "x1 x2 x3", 2, six);
    reads(inside("loop.h5", "/again/again/t"), "x1 x2 x3", 2, six);
}

typedef struct particle {
    int32_t id;
    char name[8];
    double energy;
    float momentum[3];
    uint8_t charge;
} particle;

static void test_hdf5_records(void **state)
{
    (void)state;
    const particle particles[] = {
        {1, "e", 0.5, {1, 2, 3}, 1}, {2, "mu", 105.66, {4, 5, 6}, 2}, {3, "tau", 1777, {0}, 3}};
    hsize_t n = 3, components = 3;
    hid_t text = H5Tcopy(H5T_C_S1), vector = H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &components);
    H5Tset_size(text, 8);
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(particle));
    H5Tinsert(type, "id", offsetof(particle, id), H5T_NATIVE_INT32);
    H5Tinsert(type, "name", offsetof(particle, name), text);
    H5Tinsert(type, "energy", offsetof(particle, energy), H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "momentum", offsetof(particle, momentum), vector);
    H5Tinsert(type, "charge", offsetof(particle, charge), H5T_NATIVE_UINT8);
    hid_t file = create("p.h5");
    H5Dclose(put(file, "particles", type, 1, &n, type, particles, &(hsize_t){2}));
    H5Fclose(file);
    H5Tclose(type);
    H5Tclose(text);
    H5Tclose(vector);
    flow_error err = {0};
    static const char *const chosen[] = {"charge", "energy", "id"};
    flow_reader_options options = {.columns = chosen, .n_columns = 3, .skip_invalid = false};
    assert_int_equal(read_with(&got, at("p.h5"), &options, &err), FLOW_OK);
    const double expected[] = {1, 0.5, 1, 2, 105.66, 2, 3, 1777, 3};
    assert_int_equal(got.n, 3);
    assert_memory_equal(got.values, expected, sizeof expected);
    assert_true(got.has_names);
    reads(at("p.h5"), "id energy momentum_1 momentum_2 momentum_3 charge", 3,
          (double[]){1, 0.5, 1, 2, 3, 1, 2, 105.66, 4, 5, 6, 2, 3, 1777, 0, 0, 0, 3});
    remarks("passed over: name (text)");
    options.columns = (const char *const[]){"name", "energy", "id"};
    assert_int_equal(read_with(&got, at("p.h5"), &options, &err), FLOW_DATA);
    assert_says(&err, "the column \"name\" holds text; choose columns of numbers by name");
    options.columns = (const char *const[]){"enrgy", "energy", "id"};
    assert_int_equal(read_with(&got, at("p.h5"), &options, &err), FLOW_DATA);
    assert_says(&err, "did you mean \"energy\"?");
}

/* The library converts records one by one at least, in memory of their whole size, also for one of their numbers. */
static void test_hdf5_long_records(void **state)
{
    (void)state;
    hsize_t one = 1, many = (hsize_t)1 << 27;
    hid_t vector = H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &many);
    const size_t size = sizeof(double) + H5Tget_size(vector);
    hid_t type = H5Tcreate(H5T_COMPOUND, size);
    H5Tinsert(type, "x", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "wave", sizeof(double), vector);
    hid_t file = create("long.h5");
    put_and_close(file, "records", type, 1, &one, type, NULL);
    H5Fclose(file);
    H5Tclose(type);
    H5Tclose(vector);
    flow_error err = {0};
    flow_reader_options options = {.columns = (const char *const[]){"x"}, .n_columns = 1};
    assert_int_equal(read_with(&got, at("long.h5"), &options, &err), FLOW_DATA);
    assert_says(&err, "its records have 536870920 bytes each; at most 67108864 are possible");
}

static void test_hdf5_groups(void **state)
{
    (void)state;
    hsize_t three = 3, size[] = {2, 3};
    const float pt[] = {1, 2, 3};
    const int16_t eta[] = {4, 5, 6};
    hid_t file = create("g.h5"), list = H5Pcreate(H5P_GROUP_CREATE);
    hid_t group = H5Gcreate2(file, "jets", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(put(group, "pt", H5T_IEEE_F32LE, 1, &three, H5T_NATIVE_FLOAT, pt, &(hsize_t){2}));
    put_and_close(group, "eta", H5T_STD_I16LE, 1, &three, H5T_NATIVE_INT16, eta);
    H5Lcreate_soft("/jets/pt", group, "same", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(group, "meta", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(group);
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    group = H5Gcreate2(file, "ordered", H5P_DEFAULT, list, H5P_DEFAULT);
    put_and_close(group, "pt", H5T_IEEE_F32LE, 1, &three, H5T_NATIVE_FLOAT, pt);
    put_and_close(group, "eta", H5T_STD_I16LE, 1, &three, H5T_NATIVE_INT16, eta);
    H5Gclose(group);
    group = H5Gcreate2(file, "mixed", H5P_DEFAULT, list, H5P_DEFAULT);
    put_and_close(group, "pt", H5T_IEEE_F32LE, 1, &three, H5T_NATIVE_FLOAT, pt);
    put_and_close(group, "p4", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, six);
    H5Gclose(group);
    H5Pclose(list);
    H5Fclose(file);
    reads(inside("g.h5", "/jets"), "eta pt same", 3, (double[]){4, 1, 1, 5, 2, 2, 6, 3, 3});
    reads(inside("g.h5", "/ordered"), "pt eta", 3, (double[]){1, 4, 2, 5, 3, 6});
    refuses(inside("g.h5", "/mixed"), FLOW_DATA, "the column \"p4\" has 2 rows, but \"pt\" has 3; choose columns of "
            "one length by name");
    flow_error err = {0};
    static const char *const chosen[] = {"pt"};
    flow_reader_options options = {.columns = chosen, .n_columns = 1, .skip_invalid = false};
    assert_int_equal(read_with(&got, inside("g.h5", "/mixed"), &options, &err), FLOW_OK);
    assert_memory_equal(got.values, ((double[]){1, 2, 3}), 3 * sizeof(double));
}

/* `last` of the options, in every form of a table: the same names and values from each. */
static void test_hdf5_last_columns(void **state)
{
    (void)state;
    static const double matrix[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const char *const names[] = {"w", "x", "c", "y"};
    hsize_t size[] = {2, 4}, two = 2;
    hid_t file = create("last.h5");
    hid_t set = put(file, "matrix", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, matrix, NULL);
    put_names(set, names, 4, 0, H5T_STR_NULLTERM);
    H5Dclose(set);
    put_and_close(file, "bare", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, matrix);
    hid_t type = H5Tcreate(H5T_COMPOUND, 4 * sizeof(double)), list = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t group = H5Gcreate2(file, "group", H5P_DEFAULT, list, H5P_DEFAULT);
    for (int i = 0; i < 4; i++) {
        H5Tinsert(type, names[i], (size_t)i * sizeof(double), H5T_NATIVE_DOUBLE);
        put_and_close(group, names[i], H5T_IEEE_F64LE, 1, &two, H5T_NATIVE_DOUBLE,
                      (double[]){matrix[i], matrix[4 + i]});
    }
    put_and_close(file, "records", type, 1, &two, type, matrix);
    H5Gclose(group);
    H5Pclose(list);
    H5Tclose(type);
    H5Fclose(file);

    static const char *const paths[] = {"/matrix", "/group", "/records", "/bare"};
    for (int k = 0; k < 4; k++) {
        bool bare = k == 3;
        const char *const *last = bare ? (const char *const[]){"x3", "x1"} : (const char *const[]){"c", "w"};
        const char *const *first = bare ? (const char *const[]){"x4"} : (const char *const[]){"y"};
        flow_error err = {0};
        flow_reader_options options = {.last = last, .n_last = 2};
        assert_int_equal(read_with(&got, inside("last.h5", paths[k]), &options, &err), FLOW_OK);
        assert_string_equal(got.names, bare ? "x2 x4 x3 x1" : "x y c w");
        assert_memory_equal(got.values, ((double[]){2, 4, 3, 1, 6, 8, 7, 5}), 8 * sizeof(double));
        options = (flow_reader_options){.columns = first, .n_columns = 1, .last = last, .n_last = 2};
        assert_int_equal(read_with(&got, inside("last.h5", paths[k]), &options, &err), FLOW_OK);
        assert_string_equal(got.names, bare ? "x4 x3 x1" : "y c w");
        assert_memory_equal(got.values, ((double[]){4, 3, 1, 8, 7, 5}), 6 * sizeof(double));
        options.last = (const char *const[]){first[0], last[0]};
        assert_int_equal(read_with(&got, inside("last.h5", paths[k]), &options, &err), FLOW_DATA);
        assert_says(&err, "is chosen twice");
        options.last = (const char *const[]){last[0], "xy"};
        assert_int_equal(read_with(&got, inside("last.h5", paths[k]), &options, &err), FLOW_DATA);
        assert_says(&err, "there is no column \"xy\"");
    }
}

static void test_hdf5_invalid_values_and_seeks(void **state)
{
    (void)state;
    enum { N = 5000, D = 2 };
    static double rows[N][D];
    for (int i = 0; i < N; i++)
        rows[i][0] = i, rows[i][1] = i % 1000 == 123 ? NAN : -i;
    hid_t file = create("n.h5");
    hsize_t size[] = {N, D}, chunk[] = {64, D}, tall[] = {N, 1};
    H5Dclose(put(file, "t", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, rows, chunk));
    H5Dclose(put(file, "tall", H5T_IEEE_F64LE, 2, size, H5T_NATIVE_DOUBLE, rows, tall));
    H5Fclose(file);
    for (int k = 0; k < 2; k++) {
        const char *location = inside("n.h5", k ? "tall" : "t");
        refuses(location, FLOW_DATA, "row 124, column \"x2\": \"nan\" is not a finite number");
        flow_reader_options options = {.columns = NULL, .n_columns = 0, .skip_invalid = true};
        flow_reader *reader;
        flow_error err;
        assert_int_equal(flow_reader_open(&reader, location, &options, &err), FLOW_OK);
        assert_int_equal(reader->n_rows, N);
        double some[100][D];
        int64_t numbers[100];
        size_t n, all = 0;
        do {
            assert_int_equal(flow_reader_read(reader, some[0], numbers, 100, &n, &err), FLOW_OK);
            for (size_t i = 0; i < n; i++)
                assert_true(some[i][0] == (double)numbers[i] && some[i][1] == -(double)numbers[i]);
            all += n;
        } while (n > 0);
        assert_int_equal(all, N - 5);
        assert_int_equal(reader->n_skipped, 5);
        flow_position place = {.row = 3333};
        assert_int_equal(flow_reader_seek(reader, &place, &err), FLOW_OK);
        assert_int_equal(flow_reader_read(reader, some[0], numbers, 100, &n, &err), FLOW_OK);
        ASSERT_EQ(n, 100);
        ASSERT_EQ(numbers[0], 3333);
        ASSERT_EQ(some[99][0], 3432);
        assert_int_equal(flow_reader_tell(reader).row, 3433);
        place.row = N + 1;
        assert_int_equal(flow_reader_seek(reader, &place, &err), FLOW_ARGUMENT);
        flow_reader_close(reader);
    }
    assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0); /* everything was closed */
}

/* Whatever byte is missing or wrong: an error or a table, never a crash, and nothing on standard error. */
static void test_hdf5_damage(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_writer *writer;
    double rows[120];
    for (int i = 0; i < 120; i++)
        rows[i] = i;
    assert_int_equal(flow_writer_open(&writer, inside("d.h5", "/g/t"), (const char *[]){"a", "b", "c"}, 3, NULL, &err),
                     FLOW_OK);
    assert_int_equal(flow_writer_write(writer, rows, 40, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    static char whole[1 << 14], copy[1 << 14];
    size_t n = read_bytes(at("d.h5"), whole, sizeof whole);
    ASSERT_GT(n, 1000);
    ASSERT_LT(n, sizeof whole);
    int saved = dup(STDERR_FILENO), out = open(at("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDERR_FILENO);
    size_t step = n / 5000 + 1;
    int n_truncated = 0;
    for (size_t length = 0; length < n; length += step) {
        write_bytes("x.h5", whole, length);
        n_truncated += read_with(&got, at("x.h5"), NULL, &err) == FLOW_OK;
        n_truncated += read_with(&got, inside("x.h5", "/g/t"), NULL, &err) == FLOW_OK;
    }
    int n_read = 0;
    for (size_t i = 0; i < n; i += step) {
        memcpy(copy, whole, n);
        copy[i] ^= 0x41;
        write_bytes("x.h5", copy, n);
        n_read += read_with(&got, at("x.h5"), NULL, &err) == FLOW_OK;
        read_with(&got, inside("x.h5", "/g/t"), NULL, &err);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    struct stat info;
    fstat(out, &info);
    close(out);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(n_truncated, 0);
    ASSERT_GT(n_read, 0);
    write_bytes("x.h5", whole, n - n / 3);
    refuses(at("x.h5"), FLOW_FORMAT, "truncated");
    refuses(at("x.h5"), FLOW_FORMAT, "(HDF5)");
    memcpy(copy, whole, n);
    for (size_t i = 0; i + 8 * sizeof(double) < n; i++)
        if (memcmp(copy + i, rows, 8 * sizeof(double)) == 0)
            copy[i + 20] ^= 1; /* a value: the checksum of the chunk notices */
    write_bytes("x.h5", copy, n);
    refuses(at("x.h5"), FLOW_IO, "rows 1 to 40 cannot be read");
    hid_t file = create("big.h5");
    H5Dclose(put(file, "t", H5T_IEEE_F64LE, 2, (hsize_t[]){1ull << 40, 2}, H5T_NATIVE_DOUBLE, NULL,
                 (hsize_t[]){1 << 27, 2}));
    H5Fclose(file);
    refuses(at("big.h5"), FLOW_DATA, "stored in chunks of 2048 MB");
}

/* A program that writes the file in place holds a lock on it: half a table is not read. */
static void test_hdf5_locked(void **state)
{
    (void)state;
    hid_t file = create("locked.h5");
    put_and_close(file, "t", H5T_IEEE_F64LE, 2, (hsize_t[]){3, 2}, H5T_NATIVE_DOUBLE, six);
    H5Fclose(file);
    int fd = open(at("locked.h5"), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    refuses(at("locked.h5"), FLOW_FORMAT, "locked.h5: is open for writing in another program, which has locked it");
    assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), 0);
    reads(at("locked.h5"), "x1 x2", 3, six);
    close(fd);
}

/* ------------------------------------------------------------------ memory */

/* Bytes of the heap that are in use; 0 where that is not known. */
static size_t heap_used(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* 60 MB in compressed chunks, of which blocks are read here and there: no more than a few chunks stay unpacked. (HDF5
 * 1.10.8 drops none of them if its cache prefers those that were read in full.) */
static void test_hdf5_cache(void **state)
{
    (void)state;
    enum { CHUNK = 4096, CHUNKS = 180, D = 10, BLOCK = 500, READS = 800 };
    const hsize_t size[2] = {CHUNK * CHUNKS, D}, chunk[2] = {CHUNK, D};
    double *values = calloc((size_t)CHUNK * CHUNKS * D, sizeof *values);
    assert_true(values != NULL);
    hid_t file = create("packed.h5");
    H5Dclose(put(file, "data", H5T_NATIVE_DOUBLE, 2, size, H5T_NATIVE_DOUBLE, values, chunk));
    H5Fclose(file);
    free(values);

    static double rows[BLOCK * D];
    flow_error err = {0};
    flow_reader *reader;
    assert_int_equal(flow_reader_open(&reader, at("packed.h5"), NULL, &err), FLOW_OK);
    flow_reader_limit(reader, BLOCK);
    const size_t before = heap_used();
    for (int64_t i = 0; i < READS; i++) {
        size_t n = 0;
        const flow_position place = {.row = i * 7919 * BLOCK % (CHUNK * CHUNKS - BLOCK)};
        assert_int_equal(flow_reader_seek(reader, &place, &err), FLOW_OK);
        assert_int_equal(flow_reader_read(reader, rows, NULL, BLOCK, &n, &err), FLOW_OK);
        assert_int_equal(n, BLOCK);
    }
    ASSERT_LT((double)heap_used() - (double)before, 8e6);
    flow_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hdf5_matrices),
        cmocka_unit_test(test_hdf5_images),
        cmocka_unit_test(test_hdf5_labels),
        cmocka_unit_test(test_hdf5_only_table),
        cmocka_unit_test(test_hdf5_records),
        cmocka_unit_test(test_hdf5_long_records),
        cmocka_unit_test(test_hdf5_groups),
        cmocka_unit_test(test_hdf5_last_columns),
        cmocka_unit_test(test_hdf5_invalid_values_and_seeks),
        cmocka_unit_test(test_hdf5_damage),
        cmocka_unit_test(test_hdf5_locked),
        cmocka_unit_test(test_hdf5_cache),
    };
    /* After an object with a wrong checksum, HDF5 1.10 cannot clear up at the end, and says so on standard error. */
    H5dont_atexit();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
