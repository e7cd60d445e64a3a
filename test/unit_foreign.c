/* HDF5 files of other programs: what they write is read with its names, or refused with a remedy.
 *
 * The files of test/corpus/hdf5 were written by pandas, PyTables and netCDF4 (make.py there); the others have the marks
 * that MATLAB, rhdf5, h5py and others leave in files.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"
#include "values.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/pickle.h"

#define CORPUS "test/corpus/hdf5/"

static hid_t create(const char *name)
{
    hid_t file = H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    return file;
}

/* Rank 0: a single value. */
static hid_t put(hid_t where, const char *name, hid_t type, int rank, const hsize_t *size, const void *data)
{
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, size, NULL);
    hid_t set = H5Dcreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(set, 0);
    ASSERT_GE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Sclose(space);
    return set;
}

static void put_doubles(hid_t where, const char *name, hsize_t rows, hsize_t columns, const double *data)
{
    H5Dclose(put(where, name, H5T_NATIVE_DOUBLE, columns > 0 ? 2 : 1, (hsize_t[]){rows, columns}, data));
}

static void put_text(hid_t where, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text));
    H5Dclose(put(where, name, type, 0, NULL, text));
    H5Tclose(type);
}

static void mark_text(hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text));
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Awrite(attribute, type, text), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static void mark_number(hid_t object, const char *name, double value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value), 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void reads_columns(const char *location, const char *const *columns, int n_columns, const char *names, size_t n,
                          const double *values)
{
    flow_error err = {0};
    const flow_reader_options options = {.columns = columns, .n_columns = n_columns};
    if (read_with(&got, location, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(got.names, names);
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n * (size_t)got.d; i++)
        ASSERT_EQ(got.values[i], values[i]);
    remarks(NULL);
}

/* ---- pandas and PyTables ---- */

static const double frame[] = {0.5, 0,  0,  0,   1.5, 10, -1, 0.25, 2.5, 20, -2, 0.5,
                               3.5, 30, -3, .75, 4.5, 40, -4, 1};

/* Both formats of DataFrame.to_hdf: the columns have their names and their order, whatever blocks they lie in. */
static void test_foreign_pandas(void **state)
{
    (void)state;
    static const char *const files[] = {"pandas_table.h5", "pandas_columns.h5", "pandas_some.h5", "pandas_fixed.h5"};
    for (int i = 0; i < 4; i++) {
        char location[256];
        snprintf(location, sizeof location, CORPUS "%s", files[i]);
        reads(location, "x k y gr\u00f6\u00dfe", 5, frame);
        assert_true(got.has_names);
        remarks("left out: index (the index of pandas); columns that are named are read");
        snprintf(location, sizeof location, CORPUS "%s:/df", files[i]);
        reads(location, "x k y gr\u00f6\u00dfe", 5, frame);
        static const char *const chosen[] = {"gr\u00f6\u00dfe", "index"};
        reads_columns(location, chosen, 2, "gr\u00f6\u00dfe index", 5, (double[]){0, 0, .25, 1, .5, 2, .75, 3, 1, 4});
    }
    reads(CORPUS "pandas_table.h5:/df/table", "x k y gr\u00f6\u00dfe", 5, frame);
    reads(CORPUS "pandas_series.h5", "x", 5, (double[]){0.5, 1.5, 2.5, 3.5, 4.5});
    remarks("left out: index (the index of pandas)");
    reads(CORPUS "pandas_levels.h5", "x gr\u00f6\u00dfe", 5, (double[]){.5, 0, 1.5, .25, 2.5, .5, 3.5, .75, 4.5, 1});
    remarks("left out: k (the index of pandas), y (the index of pandas), index (the index of pandas)");
}

static void test_foreign_pandas_mixed(void **state)
{
    (void)state;
    double expected[25];
    static const double flags[] = {1, 0, 1, 1, 0};
    for (int i = 0; i < 5; i++) {
        memcpy(expected + 5 * i, frame + 4 * i, 4 * sizeof *expected);
        expected[5 * i + 4] = flags[i];
    }
    reads(CORPUS "pandas_mixed.h5", "x k y gr\u00f6\u00dfe flag", 5, expected);
    remarks("passed over: word (text)");
    remarks("left out: time (times), index (the index of pandas); columns that are named are read");
    static const char *const word[] = {"x", "word"}, *const times[] = {"time"};
    flow_error err = {0};
    flow_reader_options options = {.columns = word, .n_columns = 2};
    assert_int_equal(read_with(&got, CORPUS "pandas_mixed.h5", &options, &err), FLOW_DATA);
    assert_says(&err, "the column \"word\" holds text; choose columns of numbers by name");
    options = (flow_reader_options){.columns = times, .n_columns = 1};
    assert_int_equal(read_with(&got, CORPUS "pandas_mixed.h5", &options, &err), FLOW_OK);
    ASSERT_GT(got.values[0], 1.5e15);
    hid_t file = create("panel.h5"), group = H5Gcreate2(file, "p", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    mark_text(group, "pandas_type", "wide");
    H5Gclose(group);
    H5Fclose(file);
    refuses(at("panel.h5"), FLOW_DATA,
            "is an object of pandas of the kind \"wide\", which is not read; write a "
            "DataFrame with to_hdf(");
}

/* format="fixed": columns of several levels, names that are objects of Python, and a frame without rows, in the place
 * of whose values one is stored. */
static void test_foreign_pandas_labels(void **state)
{
    (void)state;
    hid_t text = H5Tcopy(H5T_C_S1), file = create("labels.h5");
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"levels", "objects", "empty"};
        hid_t group = H5Gcreate2(file, names[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        mark_text(group, "pandas_type", "frame");
        hid_t set = put(group, "block0_values", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){3, 2}, six);
        mark_number(set, "transposed", 1);
        if (i == 2)
            mark_text(set, "shape", "(I2\nI0\ntp0\n.");
        H5Dclose(set);
        set = put(group, "axis1", H5T_NATIVE_INT64, 1, (hsize_t[]){3}, (int64_t[]){0, 1, 2});
        if (i == 2)
            mark_text(set, "shape", "(I0\ntp0\n.");
        H5Dclose(set);
        for (int k = 0; k < 2 && i == 0; k++) {
            static const char *const levels[] = {"block0_items_level0", "block0_items_level1"},
                                    *const labels[] = {"block0_items_label0", "block0_items_label1"};
            H5Dclose(put(group, levels[k], text, 1, (hsize_t[]){2}, k == 0 ? "ab" : "xy"));
            H5Dclose(put(group, labels[k], H5T_NATIVE_INT8, 1, (hsize_t[]){2}, (int8_t[]){1, k == 0 ? 0 : -1}));
        }
        if (i == 2)
            H5Dclose(put(group, "block0_items", text, 1, (hsize_t[]){2}, "xy"));
        H5Gclose(group);
    }
    H5Tclose(text);
    H5Fclose(file);
    reads(inside("labels.h5", "/levels"), "b.y a.nan", 3, six);
    reads(inside("labels.h5", "/objects"), "block0_1 block0_2", 3, six);
    remarks("names of columns are objects of Python, which are not read, and columns are numbered in their place");
    reads(inside("labels.h5", "/empty"), "x y", 0, six);
}

/* What is listed, and what is said beside the only table. */
static void test_foreign_lists(void **state)
{
    (void)state;
    hid_t file = create("lists.h5"), group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_doubles(group, "a", 3, 2, six);
    H5Gclose(group);
    H5Lcreate_soft("/g/a", file, "same", H5P_DEFAULT, H5P_DEFAULT);
    hid_t bytes = H5Tcreate(H5T_OPAQUE, 2);
    H5Dclose(put(file, "raw", bytes, 1, (hsize_t[]){3}, "abcdef"));
    H5Dclose(put(file, "other", bytes, 1, (hsize_t[]){2}, "abcd"));
    H5Tclose(bytes);
    H5Fclose(file);
    reads(at("lists.h5"), "x1 x2", 3, six);
    remarks("passed over: /raw (3) of raw bytes");
    if (strstr(got.remarks, "other") != NULL)
        fail_msg("%s", got.remarks);
    reads(inside("lists.h5", "/same"), "x1 x2", 3, six);

    file = create("dead.h5");
    H5Lcreate_soft("/zz", file, "dead", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    refuses(at("dead.h5"), FLOW_DATA, "it holds /dead (a link to /zz, which is not there). Write numbers");

    file = create("sparse.h5");
    group = H5Gcreate2(file, "X", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_doubles(group, "data", 6, 0, six);
    put_doubles(group, "indices", 6, 0, six);
    put_doubles(group, "indptr", 3, 0, six);
    H5Gclose(group);
    H5Fclose(file);
    refuses(at("sparse.h5"), FLOW_DATA, "it holds /X (a sparse matrix)");
    refuses(inside("sparse.h5", "/X"), FLOW_DATA, "write it as f['train'] = X.toarray() in Python does");

    file = create("joined.h5");
    put_doubles(file, "x", 3, 0, six);
    put_doubles(file, "y", 3, 0, six + 3);
    put_doubles(file, "matrix", 2, 2, six);
    H5Fclose(file);
    refuses(at("joined.h5"), FLOW_DATA, "Columns of one length are joined by commas, as in ");
    char location[1024];
    snprintf(location, sizeof location, "%s,", inside("joined.h5", "/x"));
    strcat(location, inside("joined.h5", "/y"));
    reads(location, "x y", 3, (double[]){1, 4, 2, 5, 3, 6});
}

static void test_foreign_pytables(void **state)
{
    (void)state;
    double expected[5][8];
    for (int i = 0; i < 5; i++)
        memcpy(expected[i], ((double[]){i / 2.0, i % 2, i, i + 1, i + 2, 2 * (i % 2), -i, i + 7}), sizeof expected[i]);
    reads(CORPUS "pytables.h5", "energy good p_1 p_2 p_3 part cell.eta cell.layer", 5, expected[0]);
    remarks("passed over: name (text)");
    static const char *const chosen[] = {"cell.layer", "p_2", "good"};
    reads_columns(CORPUS "pytables.h5", chosen, 3, "cell.layer p_2 good", 5,
                  (double[]){7, 1, 0, 8, 2, 1, 9, 3, 0, 10, 4, 1, 11, 5, 0});
}

/* ---- netCDF ---- */

static void test_foreign_netcdf(void **state)
{
    (void)state;
    flow_error err = {0};
    const flow_reader_options skip = {.skip_invalid = true};
    refuses(CORPUS "netcdf.nc", FLOW_DATA, "row 3, column \"temperature\": \"nan\" is not a finite number");
    assert_int_equal(read_with(&got, CORPUS "netcdf.nc", &skip, &err), FLOW_OK);
    assert_string_equal(got.names, "temperature pressure humidity");
    assert_int_equal(got.n, 3);
    assert_int_equal(got.n_skipped, 2);
    assert_memory_equal(got.values, ((double[]){273, 1000.5, 0, 273.5, 1001.5, .25, 275, 1004.5, 1}),
                        9 * sizeof(double));
    remarks("passed over: crs (a single value)");
    remarks("left out: obs (values of a dimension); columns that are named are read");
    static const char *const chosen[] = {"obs", "humidity"};
    reads_columns(CORPUS "netcdf.nc", chosen, 2, "obs humidity", 5, (double[]){0, 0, 6, .25, 12, .5, 18, .75, 24, 1});

    /* packed values are unpacked in matrices as well */
    const int16_t packed[] = {0, 2, -1, 4};
    hid_t file = create("packed.h5");
    hid_t set = put(file, "m", H5T_NATIVE_INT16, 2, (hsize_t[]){2, 2}, packed);
    mark_number(set, "scale_factor", 0.5);
    mark_number(set, "add_offset", 10);
    H5Dclose(set);
    set = put(file, "v", H5T_NATIVE_INT16, 1, (hsize_t[]){4}, packed);
    mark_number(set, "missing_value", -1);
    H5Dclose(set);
    H5Fclose(file);
    reads(inside("packed.h5", "/m"), "x1 x2", 2, (double[]){10, 11, 9.5, 12});
    refuses(inside("packed.h5", "/v"), FLOW_DATA, "row 3, column \"v\"");
}

static void mark_numbers(hid_t set, const char *name, hsize_t n, const double *values)
{
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t attribute = H5Acreate2(set, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Awrite(attribute, H5T_NATIVE_DOUBLE, values), 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void test_foreign_marks(void **state)
{
    (void)state;
    for (hsize_t n = 7; n <= 8; n++) {
        hid_t file = create("marks.h5");
        hid_t set = put(file, "x", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){6}, six);
        mark_numbers(set, "_FillValue", n, (double[]){-1, -2, -3, -4, -5, -6, six[2], -8});
        mark_number(set, "missing_value", six[1]);
        H5Dclose(set);
        H5Fclose(file);
        flow_error err = {0};
        const flow_reader_options skip = {.skip_invalid = true};
        const flow_status status = read_with(&got, at("marks.h5"), &skip, &err);
        assert_int_equal(status, n == 7 ? FLOW_OK : FLOW_DATA);
        if (n == 7)
            assert_int_equal(got.n, 4);
        else
            assert_says(&err, "_FillValue and missing_value have more than 8 values");
    }
}

/* Bytes without a sign, and bounds of valid values, as numbers on file or, in floats, as they are meant. */
static void test_foreign_netcdf_bounds(void **state)
{
    (void)state;
    const int8_t bytes[] = {0, 120, -1, -2};
    const int16_t packed[] = {0, 2, -1, 400};
    const flow_reader_options skip = {.skip_invalid = true};
    flow_error err = {0};
    hid_t file = create("bounds.h5");
    hid_t set = put(file, "u", H5T_NATIVE_INT8, 1, (hsize_t[]){4}, bytes);
    mark_text(set, "_Unsigned", "true");
    mark_number(set, "_FillValue", -1);
    mark_number(set, "scale_factor", 2);
    H5Dclose(set);
    set = put(file, "s", H5T_NATIVE_INT8, 1, (hsize_t[]){4}, bytes);
    mark_text(set, "_Unsigned", "false");
    H5Dclose(set);
    set = put(file, "meant", H5T_NATIVE_INT16, 1, (hsize_t[]){4}, packed);
    mark_number(set, "scale_factor", 0.5);
    mark_number(set, "add_offset", 10);
    mark_number(set, "valid_min", 9.75); /* a float beside whole numbers */
    mark_number(set, "valid_max", 100);
    H5Dclose(set);
    set = put(file, "range", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, six);
    hid_t space = H5Screate_simple(1, (hsize_t[]){2}, NULL);
    hid_t attribute = H5Acreate2(set, "valid_range", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_DOUBLE, (double[]){2, 3});
    H5Aclose(attribute);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
    assert_int_equal(read_with(&got, inside("bounds.h5", "/u"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 3);
    assert_memory_equal(got.values, ((double[]){0, 240, 508}), 3 * sizeof(double));
    reads(inside("bounds.h5", "/s"), "s", 4, (double[]){0, 120, -1, -2});
    assert_int_equal(read_with(&got, inside("bounds.h5", "/meant"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    assert_memory_equal(got.values, ((double[]){10, 11}), 2 * sizeof(double));
    remarks("values below 9.75 and above 100 are missing values (valid_range)");
    assert_int_equal(read_with(&got, inside("bounds.h5", "/range"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    assert_memory_equal(got.values, ((double[]){2, 3}), 2 * sizeof(double));
}

/* ---- h5py ---- */

static hid_t make_bool(void)
{
    hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    H5Tenum_insert(type, "FALSE", &(int8_t){0});
    H5Tenum_insert(type, "TRUE", &(int8_t){1});
    return type;
}

typedef struct point {
    float x;
    int16_t n;
} point;

typedef struct hit {
    double mass;
    int8_t is_signal;
    point at;
    int32_t color;
    float p[2][2];
    uint8_t bits;
} hit;

/* Booleans, enumerations, bitfields, arrays, and records in records; and a choice among them. */
static void test_foreign_records(void **state)
{
    (void)state;
    hid_t truth = make_bool(), color = H5Tenum_create(H5T_STD_I32BE), inner = H5Tcreate(H5T_COMPOUND, sizeof(point));
    hid_t array = H5Tarray_create2(H5T_NATIVE_FLOAT, 2, (hsize_t[]){2, 2}), type = H5Tcreate(H5T_COMPOUND, sizeof(hit));
    H5Tenum_insert(color, "red", (unsigned char[]){0, 0, 0, 3});
    H5Tenum_insert(color, "green", (unsigned char[]){0, 0, 1, 0});
    H5Tinsert(inner, "x", offsetof(point, x), H5T_NATIVE_FLOAT);
    H5Tinsert(inner, "n", offsetof(point, n), H5T_NATIVE_INT16);
    H5Tinsert(type, "mass", offsetof(hit, mass), H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "is_signal", offsetof(hit, is_signal), truth);
    H5Tinsert(type, "at", offsetof(hit, at), inner);
    H5Tinsert(type, "color", offsetof(hit, color), color);
    H5Tinsert(type, "p", offsetof(hit, p), array);
    H5Tinsert(type, "bits", offsetof(hit, bits), H5T_NATIVE_B8);
    hit hits[2] = {{1.5, 1, {2, 3}, 0, {{4, 5}, {6, 7}}, 200}, {-1.5, 0, {8, 9}, 0, {{1, 2}, {3, 4}}, 1}};
    memcpy(&hits[0].color, (unsigned char[]){0, 0, 0, 3}, 4);
    memcpy(&hits[1].color, (unsigned char[]){0, 0, 1, 0}, 4);
    hid_t file = create("hits.h5");
    H5Dclose(put(file, "hits", type, 1, (hsize_t[]){2}, hits));
    H5Dclose(put(file, "truth", truth, 1, (hsize_t[]){2}, (int8_t[]){1, 0}));
    H5Dclose(put(file, "image", truth, 3, (hsize_t[]){1, 2, 2}, (int8_t[]){1, 0, 0, 1}));
    H5Dclose(put(file, "matrix", H5T_NATIVE_B16, 2, (hsize_t[]){2, 2}, (uint16_t[]){1, 0, 65535, 3}));
    H5Fclose(file);
    H5Tclose(truth);
    H5Tclose(color);
    H5Tclose(inner);
    H5Tclose(array);
    H5Tclose(type);
    reads(inside("hits.h5", "/hits"), "mass is_signal at.x at.n color p_1 p_2 p_3 p_4 bits", 2,
          (double[]){1.5, 1, 2, 3, 3, 4, 5, 6, 7, 200, -1.5, 0, 8, 9, 256, 1, 2, 3, 4, 1});
    remarks(NULL);
    reads_columns(inside("hits.h5", "/hits"), (const char *const[]){"bits", "p_3", "at.n", "mass"}, 4,
                  "bits p_3 at.n mass", 2, (double[]){200, 6, 3, 1.5, 1, 3, 9, -1.5});
    reads(inside("hits.h5", "/truth"), "truth", 2, (double[]){1, 0});
    reads(inside("hits.h5", "/image"), "x1 x2 x3 x4", 1, (double[]){1, 0, 0, 1});
    reads(inside("hits.h5", "/matrix"), "x1 x2", 2, (double[]){1, 0, 65535, 3});
}

/* (n), (n, 1), (1, n) and (n, k) are columns of one table; what is beside them is said. */
static void test_foreign_columns(void **state)
{
    (void)state;
    hid_t file = create("beside.h5");
    put_doubles(file, "a", 3, 0, six);
    put_doubles(file, "b", 3, 1, six + 3);
    put_doubles(file, "c", 1, 3, six + 1);
    put_doubles(file, "lumi", 1, 1, six);
    H5Dclose(put(file, "run", H5T_NATIVE_DOUBLE, 0, NULL, six));
    put_text(file, "title", "run 7");
    H5Fclose(file);
    reads(at("beside.h5"), "a b c", 3, (double[]){1, 4, 2, 2, 5, 3, 3, 6, 4});
    remarks("passed over: lumi (a single value), run (a single value), title (text)");

    file = create("calo.h5");
    put_doubles(file, "energies", 3, 1, six);
    put_doubles(file, "showers", 3, 2, six);
    H5Fclose(file);
    refuses(at("calo.h5"), FLOW_DATA, "name one, for example");
    refuses(at("calo.h5"), FLOW_DATA, "The tables are /showers (3, 2), / (3, 3) in columns");
    reads(inside("calo.h5", "/"), "energies showers_1 showers_2", 3, (double[]){1, 1, 2, 2, 3, 4, 3, 5, 6});
    reads(inside("calo.h5", "/energies"), "x1", 3, six);
    reads_columns(inside("calo.h5", "/"), (const char *const[]){"showers_2", "energies"}, 2, "showers_2 energies", 3,
                  (double[]){2, 1, 4, 2, 6, 3});

    /* the largest table is named first */
    file = create("sizes.h5");
    put_doubles(file, "info", 2, 2, six);
    put_doubles(file, "rows", 3, 2, six);
    H5Fclose(file);
    refuses(at("sizes.h5"), FLOW_DATA, "sizes.h5:/rows. The tables are /rows (3, 2), /info (2, 2)");
}

/* ---- MATLAB, R, Julia ---- */

static void test_foreign_transposed(void **state)
{
    (void)state;
    const double turned[] = {1, 4, 2, 5, 3, 6};
    hid_t file = create("matlab.mat"), set;
    set = put(file, "X", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){2, 3}, six);
    mark_text(set, "MATLAB_class", "double");
    H5Dclose(set);
    hid_t group = H5Gcreate2(file, "s", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    mark_text(group, "MATLAB_class", "struct");
    set = put(group, "pt", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){1, 3}, six);
    mark_text(set, "MATLAB_class", "double");
    H5Dclose(set);
    set = put(group, "eta", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){3, 1}, six + 3);
    mark_text(set, "MATLAB_class", "single");
    H5Dclose(set);
    set = put(group, "name", H5T_NATIVE_UINT16, 2, (hsize_t[]){3, 1}, (uint16_t[]){'a', 'b', 'c'});
    mark_text(set, "MATLAB_class", "char");
    H5Dclose(set);
    H5Gclose(group);
    group = H5Gcreate2(file, "#refs#", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_doubles(group, "a", 3, 2, six);
    H5Gclose(group);
    set = put(file, "T", H5T_NATIVE_UINT32, 2, (hsize_t[]){1, 6}, (uint32_t[]){1, 2, 3, 4, 5, 6});
    mark_text(set, "MATLAB_class", "table");
    H5Dclose(set);
    set = put(file, "images", H5T_NATIVE_DOUBLE, 3, (hsize_t[]){1, 3, 2}, six);
    mark_text(set, "MATLAB_class", "double");
    H5Dclose(set);
    H5Fclose(file);
    refuses(at("matlab.mat"), FLOW_DATA,
            "The tables are /X (3, 2), transposed, /images (1, 3, 2), /s "
            "(3, 2) in columns");
    reads(inside("matlab.mat", "/X"), "x1 x2", 3, turned);
    assert_false(got.has_names);
    reads(inside("matlab.mat", "/X.T"), "x1 x2 x3", 2, six);
    reads(inside("matlab.mat", "/s"), "eta pt", 3, (double[]){4, 1, 5, 2, 6, 3});
    remarks("passed over: name (text)");
    reads(inside("matlab.mat", "/images"), "x1 x2 x3 x4 x5 x6", 1, six);
    remarks("is an array whose program writes its dimensions in reverse order: the last one there numbers the images, "
            "and the images have height 3 and width 2 here");
    refuses(inside("matlab.mat", "/T"), FLOW_DATA,
            "holds an object of MATLAB, and no numbers; if it is a table T, "
            "write its columns with \"S = table2struct(T, 'ToScalar', true)");
    refuses(inside("matlab.mat", "/s/name"), FLOW_DATA, "holds text, and no numbers");

    file = create("r.h5");
    set = put(file, "m", H5T_NATIVE_INT32, 2, (hsize_t[]){2, 3}, (int32_t[]){1, 2, INT32_MIN, 4, 5, 6});
    H5Aclose(H5Acreate2(set, "rhdf5-NA.OK", H5T_NATIVE_INT32, H5Screate(H5S_SCALAR), H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(set);
    H5Fclose(file);
    flow_error err = {0};
    const flow_reader_options skip = {.skip_invalid = true};
    assert_int_equal(read_with(&got, at("r.h5"), &skip, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    assert_memory_equal(got.values, turned, 4 * sizeof *turned);

    /* what cannot be known is asked */
    double wide[2][40];
    for (int i = 0; i < 80; i++)
        wide[i / 40][i % 40] = i;
    file = create("julia.h5");
    put_doubles(file, "X", 2, 40, wide[0]);
    put_doubles(file, "v", 1, 3, six);
    put_doubles(file, "line.T", 3, 0, six);
    H5Fclose(file);
    assert_int_equal(read_with(&got, inside("julia.h5", "/X"), NULL, &err), FLOW_OK);
    assert_int_equal(got.n, 2);
    remarks("has 2 rows of 40 columns; if they are columns, as R, MATLAB and Julia write them, read ");
    assert_int_equal(read_with(&got, inside("julia.h5", "/X.T"), NULL, &err), FLOW_OK);
    assert_string_equal(got.names, "x1 x2");
    assert_int_equal(got.n, 40);
    ASSERT_EQ(got.values[2 * 7 + 1], 47);
    remarks(NULL);
    reads(inside("julia.h5", "/v"), "x1 x2 x3", 1, six);
    reads(inside("julia.h5", "/v.T"), "v", 3, six);
    reads(inside("julia.h5", "/line.T"), "line.T", 3, six); /* a name that ends so */
    refuses(inside("julia.h5", "/line.T.T"), FLOW_DATA, "only a dataset of two dimensions can be turned by \".T\"");
}

/* A file of JLD2 says so before the HDF5 file begins. */
static void test_foreign_julia(void **state)
{
    (void)state;
    static const char head[] = "HDF5-based Julia Data Format, version 0.1.1";
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_userblock(creation, 512);
    hid_t file = H5Fcreate(at("data.jld2"), H5F_ACC_TRUNC, creation, H5P_DEFAULT);
    put_doubles(file, "X", 2, 3, six);
    H5Fclose(file);
    H5Pclose(creation);
    int fd = open(at("data.jld2"), O_WRONLY);
    assert_int_equal(pwrite(fd, head, sizeof head, 0), sizeof head);
    close(fd);
    reads(at("data.jld2"), "x1 x2", 3, (double[]){1, 4, 2, 5, 3, 6});
}

/* ---- values that are not there ---- */

static void test_foreign_sources(void **state)
{
    (void)state;
    hid_t file = create("source.h5");
    put_doubles(file, "d", 3, 2, six);
    H5Fclose(file);
    /* virtual */
    hid_t space = H5Screate_simple(2, (hsize_t[]){3, 2}, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(list, space, "source.h5", "d", space);
    file = create("virtual.h5");
    H5Dclose(H5Dcreate2(file, "d", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    hid_t twice = H5Screate_simple(2, (hsize_t[]){6, 2}, NULL), more = H5Pcreate(H5P_DATASET_CREATE);
    H5Sselect_hyperslab(twice, H5S_SELECT_SET, (hsize_t[]){0, 0}, NULL, (hsize_t[]){3, 2}, NULL);
    H5Pset_virtual(more, twice, "source.h5", "d", space);
    H5Dclose(H5Dcreate2(file, "e", H5T_NATIVE_DOUBLE, twice, H5P_DEFAULT, more, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(more);
    H5Sclose(twice);
    reads(inside("virtual.h5", "/d"), "x1 x2", 3, six);
    flow_error err = {0};
    assert_int_equal(read_with(&got, inside("virtual.h5", "/e"), NULL, &err), FLOW_OK);
    remarks("it is a virtual dataset, and 6 of its 12 values come from no source");
    unlink(at("source.h5"));
    refuses(inside("virtual.h5", "/d"), FLOW_DATA,
            "it is a virtual dataset, and the file source.h5, which holds a "
            "part of its rows, cannot be opened");
    H5Pclose(list);
    /* external */
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(list, at("raw.bin"), 0, sizeof six);
    file = create("external.h5");
    H5Dclose(H5Dcreate2(file, "d", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(list);
    refuses(at("external.h5"), FLOW_DATA, "raw.bin, which is not there; put that file there");
    write_bytes("raw.bin", (const char *)six, sizeof six);
    reads(at("external.h5"), "x1 x2", 3, six);
    write_bytes("raw.bin", (const char *)six, sizeof six - 1);
    refuses(at("external.h5"), FLOW_DATA, "which is too short: 48 bytes of values from byte 0 on, and the file has 47");
    /* a link */
    file = create("link.h5");
    H5Lcreate_external("gone.h5", "/d", file, "d", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nowhere", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    refuses(at("link.h5"), FLOW_DATA, "it holds /d (a link to /d in the file gone.h5)");
    refuses(inside("link.h5", "/d"), FLOW_DATA, "/d is a link to /d in the file gone.h5, which is not there");
    refuses(inside("link.h5", "/soft"), FLOW_DATA, "/soft is a link to /nowhere, which is not there");
    /* never written */
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, (hsize_t[]){1, 2});
    H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &(double){7});
    file = create("holes.h5");
    H5Dclose(H5Dcreate2(file, "none", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hid_t set = H5Dcreate2(file, "some", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    hid_t part = H5Screate_simple(2, (hsize_t[]){1, 2}, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, (hsize_t[]){1, 0}, NULL, (hsize_t[]){1, 2}, NULL);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, part, space, H5P_DEFAULT, six);
    H5Dclose(set);
    H5Fclose(file);
    H5Sclose(part);
    H5Sclose(space);
    H5Pclose(list);
    reads(inside("holes.h5", "/none"), "x1 x2", 3, (double[]){0, 0, 0, 0, 0, 0});
    remarks("none of its values was ever written: they read as 0");
    reads(inside("holes.h5", "/some"), "x1 x2", 3, (double[]){7, 7, 1, 2, 7, 7});
    remarks("2 of its 3 chunks were never written: they read as 7");
}

/* A filter that no library here has. */
static size_t filter_pass(unsigned flags, size_t n, const unsigned *values, size_t size, size_t *room, void **data)
{
    (void)flags;
    (void)n;
    (void)values;
    (void)room;
    (void)data;
    return size;
}

static void test_foreign_filters(void **state)
{
    (void)state;
    static const H5Z_class2_t strange = {H5Z_CLASS_T_VERS,         400,  1,    1,
                                         "strange; see somewhere", NULL, NULL, filter_pass};
    static const H5Z_class2_t lzf = {H5Z_CLASS_T_VERS, 32000, 1, 1, "lzf", NULL, NULL, filter_pass};
    for (int i = 0; i < 2; i++) {
        const H5Z_class2_t *filter = i == 0 ? &strange : &lzf;
        ASSERT_GE(H5Zregister(filter), 0);
        hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, (hsize_t[]){3, 2}, NULL);
        H5Pset_chunk(list, 2, (hsize_t[]){3, 2});
        H5Pset_filter(list, filter->id, 0, 0, NULL);
        hid_t file = create(i == 0 ? "strange.h5" : "lzf.h5");
        hid_t set = H5Dcreate2(file, "d", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT);
        ASSERT_GE(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, six), 0);
        H5Dclose(set);
        H5Fclose(file);
        H5Sclose(space);
        H5Pclose(list);
        H5Zunregister(filter->id);
    }
    refuses(at("strange.h5"), FLOW_DATA,
            "its values are packed with the filter strange, number 400, which is not "
            "installed; \"pip install hdf5plugin\"");
    refuses(at("strange.h5"), FLOW_DATA, "\"h5repack -f NONE OLD.h5 NEW.h5\"");
    refuses(at("lzf.h5"), FLOW_DATA,
            "packed with the filter lzf, number 32000, which h5py alone has; write it again "
            "with another compression");
}

/* Whole numbers that a double does not hold are said, and read. */
static void test_foreign_wide(void **state)
{
    (void)state;
    const int64_t large[] = {1, 2, 3, (int64_t)9007199254740993, 5, 6};
    hid_t file = create("wide.h5");
    H5Dclose(put(file, "m", H5T_NATIVE_INT64, 2, (hsize_t[]){3, 2}, large));
    H5Dclose(put(file, "small", H5T_NATIVE_INT64, 2, (hsize_t[]){1, 3}, large));
    hid_t type = H5Tcreate(H5T_COMPOUND, 16);
    H5Tinsert(type, "a", 0, H5T_NATIVE_INT64);
    H5Tinsert(type, "id", 8, H5T_NATIVE_INT64);
    H5Dclose(put(file, "records", type, 1, (hsize_t[]){3}, large));
    H5Tclose(type);
    hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_doubles(group, "a", 6, 0, six);
    H5Dclose(put(group, "id", H5T_NATIVE_UINT64, 1, (hsize_t[]){6}, large));
    H5Gclose(group);
    H5Fclose(file);
    const double read[] = {1, 2, 3, 9007199254740992, 5, 6};
    reads(inside("wide.h5", "/m"), "x1 x2", 3, read);
    remarks("column \"x2\" has whole numbers beyond 2^53, which are rounded: 9007199254740992 in row 2");
    reads(inside("wide.h5", "/records"), "a id", 3, read);
    remarks("column \"id\" has whole numbers beyond 2^53");
    flow_error err = {0};
    assert_int_equal(read_with(&got, inside("wide.h5", "/g"), NULL, &err), FLOW_OK);
    remarks("column \"id\" has whole numbers beyond 2^53, which are rounded: 9007199254740992 in row 4");
    reads(inside("wide.h5", "/small"), "x1 x2 x3", 1, read);
    remarks(NULL);
}

/* ---- networks ---- */

static void test_foreign_weights(void **state)
{
    (void)state;
    hid_t file = create("torch.h5");
    put_doubles(file, "net.0.weight", 3, 2, six);
    put_doubles(file, "net.0.bias", 3, 0, six);
    H5Fclose(file);
    refuses(at("torch.h5"), FLOW_DATA,
            "holds the weights of a network (PyTorch), and no data; write data with "
            "\"with h5py.File('data.h5', 'w') as f: f['train'] = x\"");
    file = create("keras.h5");
    hid_t group = H5Gcreate2(file, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_doubles(group, "kernel:0", 3, 2, six);
    H5Gclose(group);
    H5Fclose(file);
    refuses(at("keras.h5"), FLOW_DATA, "holds the weights of a network (Keras)");
    reads(inside("keras.h5", "/model_weights/kernel:0"), "x1 x2", 3, six);
    file = create("data.h5"); /* one dataset of such a name is data */
    put_doubles(file, "net.weight", 3, 2, six);
    H5Fclose(file);
    reads(at("data.h5"), "x1 x2", 3, six);
}

/* Files of other formats are named with what to do. */
static void test_foreign_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *says;
    } files[] = {
        {"CDF\x01...", "is a netCDF-3 file; make HDF5 of it with nccopy -k nc4"},
        {"MATLAB 5.0 MAT-file, Platform",
         "is a MATLAB file of the old format; save it with save('data.mat', ..., '-v7.3')"},
        {"\x80\x04\x95 ndarray", "is a pickle of Python; save the table in it as CSV"},
        {"SIMPLE  =   T", "is a FITS file"},
        {"SQLite format 3", "is a data base of SQLite; export the table as CSV"},
        {"ARROW1..", "is an Arrow or Feather file"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        refuses(write_text("file", files[i].bytes), FLOW_FORMAT, files[i].says);
}

/* The names in pickles; whatever byte is missing or wrong in one, it is read or refused. */
static void test_foreign_pickles(void **state)
{
    (void)state;
    static const struct {
        const char *pickle, *names; /* NULL: refused */
        bool joined;
    } cases[] = {
        {"(lp0\nVx\np1\naVgr\xf6\xdf"
         "e\np2\naV\\u0394\\u03b7\np3\na.",
         "x|gr\u00f6\u00dfe|\u0394\u03b7", true},
        {"(lp0\nI0\naI12\naL3L\naF0.5\na.", "0|12|3|0.5", true},
        {"(lp0\nS'a b'\np1\naVit's\np2\naV\\U0001f600\na.", "a b|it's|\U0001f600", true},
        {"(lp0\n(Va\np1\nVx\np2\ntp3\na(g1\nVy\np4\ntp5\na.", "a.x|a.y", true},
        {"(lp0\n(I1\n(lp1\nVx\np2\nag2\natp5\na.", "1|x|x", false},
        {"N.", "", true},
        {"(lp0\ncos\nsystem\n.", NULL, true},
        {"(lp0\ng7\na.", NULL, true},
        {"Vx\np99999999999\n.", NULL, true},
        {"V\\uzzzz\n.", NULL, true},
        {"S'\\x41'\n.", NULL, true},
        {"((((((((((((((((((((.", NULL, true},
        {"Vx", NULL, true},
        {"t.", NULL, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        flow_name_list names = {0};
        char joined[256] = "", copy[128];
        assert_int_equal(flow_pickle_read(&names, cases[i].pickle, cases[i].joined), cases[i].names != NULL);
        for (int k = 0; k < names.n; k++) {
            strcat(joined, k > 0 ? "|" : "");
            strcat(joined, names.at[k]);
        }
        if (cases[i].names != NULL)
            assert_string_equal(joined, cases[i].names);
        flow_name_list_free(&names);
        const size_t n = strlen(cases[i].pickle);
        for (size_t k = 0; k < n; k++)
            for (int wrong = 0; wrong < 256; wrong += 3) {
                memcpy(copy, cases[i].pickle, n + 1);
                copy[k] = (char)wrong;
                flow_pickle_read(&names, copy, cases[i].joined);
                for (int j = 0; j < names.n; j++)
                    ASSERT_LT(strlen(names.at[j]), sizeof copy);
                flow_name_list_free(&names);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_pandas),     cmocka_unit_test(test_foreign_pandas_mixed),
        cmocka_unit_test(test_foreign_pytables),   cmocka_unit_test(test_foreign_netcdf),
        cmocka_unit_test(test_foreign_records),    cmocka_unit_test(test_foreign_columns),
        cmocka_unit_test(test_foreign_transposed), cmocka_unit_test(test_foreign_julia),
        cmocka_unit_test(test_foreign_sources),    cmocka_unit_test(test_foreign_filters),
        cmocka_unit_test(test_foreign_wide),       cmocka_unit_test(test_foreign_weights),
        cmocka_unit_test(test_foreign_lists),      cmocka_unit_test(test_foreign_netcdf_bounds),
        cmocka_unit_test(test_foreign_marks),
        cmocka_unit_test(test_foreign_pandas_labels),
        cmocka_unit_test(test_foreign_signatures), cmocka_unit_test(test_foreign_pickles),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
