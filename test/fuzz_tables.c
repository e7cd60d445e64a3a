/* Hostile HDF5 files through the reader of tables: whatever the file, an error or rows of finite numbers, and the same
 * ones again after going back.
 *
 * An input is a recipe: its bytes choose groups, datasets, types, shapes, layouts, attributes and links, of which the
 * HDF5 library makes a file. So the files are those that the library can write, with sizes that nothing is stored for.
 * With FLOW_FUZZ_RAW=1 in the environment an input is the file itself; what is found then may be a fault of that
 * library, which was not written for damaged files. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <hdf5.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { VALUES = 1 << 16, STORED_MAX = 1 << 14, STEPS_MAX = 40, DEPTH = 3 };

/* ------------------------------------------------------------------ recipes */

typedef struct recipe {
    const uint8_t *at, *end;
} recipe;

static unsigned take(recipe *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

static const char *take_name(recipe *r)
{
    static const char *const names[] = {"x",
                                        "y",
                                        "data",
                                        "table",
                                        "df",
                                        "axis0",
                                        "axis1",
                                        "_i_table",
                                        "block0_items",
                                        "values",
                                        "label",
                                        "index",
                                        "images",
                                        "a b",
                                        "gr\xc3\xb6\xc3\x9f\x65",
                                        "block0_values",
                                        "block1_values",
                                        "\xff\xfe"};
    return names[take(r) % (sizeof names / sizeof names[0])];
}

static hsize_t take_size(recipe *r)
{
    const unsigned b = take(r);
    return b < 224 ? b % 8 : (hsize_t)1 << (2 * (b - 224));
}

/* A type that the caller closes. */
static hid_t take_type(recipe *r, int depth)
{
    const hid_t plain[] = {H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_IEEE_F64BE,     H5T_IEEE_F32LE,  H5T_STD_I8LE,
                           H5T_STD_U8LE,      H5T_STD_I16BE,    H5T_STD_U64LE,      H5T_STD_I64BE,   H5T_STD_B8LE,
                           H5T_STD_B64LE,     H5T_C_S1,         H5T_NATIVE_LDOUBLE, H5T_STD_REF_OBJ, H5T_UNIX_D32LE};
    const unsigned b = take(r), n_plain = sizeof plain / sizeof plain[0];
    if (b < 200 || depth == 0)
        return H5Tcopy(plain[b % n_plain]);
    if (b < 225) { /* a struct */
        hid_t members[4];
        size_t size = 0, n = 1 + take(r) % 4;
        for (size_t i = 0; i < n; i++) {
            members[i] = take_type(r, depth - 1);
            size += members[i] >= 0 ? H5Tget_size(members[i]) : 0;
        }
        hid_t type = H5Tcreate(H5T_COMPOUND, size + take(r) % 3);
        size_t offset = 0;
        for (size_t i = 0; i < n; i++) {
            if (members[i] < 0)
                continue;
            H5Tinsert(type, take_name(r), offset, members[i]);
            offset += H5Tget_size(members[i]);
            H5Tclose(members[i]);
        }
        return type;
    }
    if (b < 235) {
        hid_t type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, b < 228 ? H5T_VARIABLE : 1 + take(r));
        return type;
    }
    if (b < 240) {
        hid_t type = H5Tenum_create(H5T_STD_I8LE);
        for (int8_t value = 0; value < (int8_t)(1 + take(r) % 4); value++)
            H5Tenum_insert(type, value == 0 ? "FALSE" : value == 1 ? "TRUE" : take_name(r), &value);
        return type;
    }
    if (b < 243) { /* numbers of odd sizes */
        hid_t type = H5Tcopy(H5T_STD_I32LE);
        H5Tset_precision(type, 1 + take(r) % 32);
        H5Tset_offset(type, take(r) % 32);
        return type;
    }
    hid_t inner = take_type(r, depth - 1), type;
    hsize_t sizes[2] = {take_size(r), 1 + take(r) % 4};
    type = b < 250 ? H5Tarray_create2(inner, 1 + b % 2, sizes) : H5Tvlen_create(inner);
    H5Tclose(inner);
    return type;
}

static hid_t take_space(recipe *r, hsize_t sizes[4], int *rank)
{
    const unsigned b = take(r);
    *rank = (int)(b % 5);
    for (int i = 0; i < *rank; i++)
        sizes[i] = take_size(r);
    if (b >= 250)
        return H5Screate(H5S_NULL);
    return *rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(*rank, sizes, NULL);
}

/* Memory of values that are bytes of the recipe, where they are few and no pointers. */
static void *take_values(recipe *r, hid_t type, hid_t space)
{
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    if (n <= 0 || size == 0 || (size_t)n > STORED_MAX / size || H5Tdetect_class(type, H5T_VLEN) > 0 ||
        H5Tdetect_class(type, H5T_REFERENCE) > 0 || H5Tis_variable_str(type) > 0 ||
        (H5Tget_class(type) != H5T_STRING && H5Tdetect_class(type, H5T_STRING) > 0))
        return NULL;
    uint8_t *values = calloc((size_t)n, size);
    assert(values != NULL);
    const unsigned length = 1 + take(r) % 16;
    for (size_t i = 0; i < (size_t)n * size; i++)
        values[i] = i < length ? (uint8_t)take(r) : values[i - length];
    return values;
}

static void make_dataset(recipe *r, hid_t group)
{
    hsize_t sizes[4] = {0}, chunk[4];
    int rank;
    const char *name = take_name(r);
    hid_t type = take_type(r, DEPTH), space = take_space(r, sizes, &rank), how = H5Pcreate(H5P_DATASET_CREATE);
    unsigned layout = take(r);
    if (layout % 4 >= 2 && rank > 0) {
        for (int i = 0; i < rank; i++)
            chunk[i] = 1 + take(r) % 8;
        H5Pset_chunk(how, rank, chunk);
        if (layout % 4 == 3)
            H5Pset_deflate(how, 1);
        if (layout & 16)
            H5Pset_fletcher32(how);
    } else if (layout % 4 == 1) {
        H5Pset_layout(how, H5D_COMPACT);
    } else if (layout & 8) {
        H5Pset_external(how, "nowhere", 0, H5F_UNLIMITED);
        layout |= 32; /* nothing is stored: the file does not exist */
    }
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_LATE);
    hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    void *values = dataset >= 0 && !(layout & 32) ? take_values(r, type, space) : NULL;
    if (values != NULL)
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
    H5Dclose(dataset);
    H5Pclose(how);
    H5Sclose(space);
    H5Tclose(type);
}

static void make_attribute(recipe *r, hid_t at)
{
    static const char *const names[] = {"columns",
                                        "layout",
                                        "CLASS",
                                        "NAME",
                                        "pandas_type",
                                        "MATLAB_class",
                                        "_FillValue",
                                        "scale_factor",
                                        "add_offset",
                                        "missing_value",
                                        "non_index_axes",
                                        "table_type",
                                        "values_cols",
                                        "block0_items",
                                        "encoding",
                                        "FIELD_0_NAME",
                                        "index_cols",
                                        "block0_items_variety",
                                        "nblocks",
                                        "MATLAB_empty",
                                        "values_block_0_kind",
                                        "values_block_0_dtype",
                                        "info",
                                        "axis0_variety"};
    static const char *const texts[] = {"hwc",
                                        "chw",
                                        "TABLE",
                                        "frame_table",
                                        "frame",
                                        "series",
                                        "DIMENSION_SCALE",
                                        "struct",
                                        "char",
                                        "logical",
                                        "double",
                                        "records",
                                        "regular",
                                        "datetime64",
                                        "a,b",
                                        "(lp1\n(I1\n(lp2\nVx\np3\naVy\np4\natp5\na.",
                                        "(lp1\nVx\np2\naI3\na."};
    const char *name = names[take(r) % (sizeof names / sizeof names[0])];
    if (take(r) % 2 == 0) {
        const char *text = texts[take(r) % (sizeof texts / sizeof texts[0])];
        hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
        H5Tset_size(type, strlen(text) + 1);
        hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute >= 0)
            H5Awrite(attribute, type, text);
        H5Aclose(attribute);
        H5Sclose(space);
        H5Tclose(type);
        return;
    }
    hsize_t sizes[4] = {0};
    int rank;
    hid_t type = take_type(r, DEPTH), space = take_space(r, sizes, &rank);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    if (type >= 0 && n >= 0 && (size_t)n <= STORED_MAX / H5Tget_size(type)) {
        hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        void *values = attribute >= 0 ? take_values(r, type, space) : NULL;
        if (values != NULL)
            H5Awrite(attribute, type, values);
        free(values);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void make_link(recipe *r, hid_t group)
{
    const unsigned b = take(r);
    const char *name = take_name(r), *to = take_name(r);
    if (b % 4 == 0)
        H5Lcreate_soft(to, group, name, H5P_DEFAULT, H5P_DEFAULT);
    else if (b % 4 == 1)
        H5Lcreate_external("nowhere.h5", to, group, name, H5P_DEFAULT, H5P_DEFAULT);
    else if (b % 4 == 2)
        H5Lcreate_hard(group, to, group, name, H5P_DEFAULT, H5P_DEFAULT);
    else
        H5Lcreate_hard(group, ".", group, name, H5P_DEFAULT, H5P_DEFAULT); /* a group in itself */
}

static void cook(recipe *r, const char *path)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert(file >= 0);
    hid_t group = H5Gopen2(file, "/", H5P_DEFAULT);
    for (int step = 0; step < STEPS_MAX && r->at < r->end; step++) {
        const unsigned b = take(r);
        hid_t other = H5I_INVALID_HID;
        if (b % 8 < 4)
            make_dataset(r, group);
        else if (b % 8 == 4)
            other = b & 8 ? H5Gcreate2(group, take_name(r), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)
                          : H5Gopen2(file, "/", H5P_DEFAULT);
        else if (b % 8 == 5)
            make_attribute(r, group);
        else if (b % 8 == 6 && (other = H5Oopen(group, take_name(r), H5P_DEFAULT)) >= 0)
            make_attribute(r, other);
        else if (b % 8 == 7)
            make_link(r, group);
        if (other >= 0 && b % 8 == 4) {
            hid_t last = group;
            group = other;
            other = last;
        }
        if (other >= 0)
            H5Oclose(other);
    }
    H5Gclose(group);
    H5Fclose(file);
}

/* ------------------------------------------------------------------ reading */

/* Reads up to 4 pieces of `step` rows. Returns a sum over the values, or NaN after an error. */
static double read_some(flow_reader *reader, double *rows, size_t step)
{
    flow_error err = {0};
    double sum = 0;
    for (int piece = 0; piece < 4; piece++) {
        size_t n;
        if (flow_reader_read(reader, rows, NULL, step, &n, &err) != FLOW_OK) {
            assert(err.message[0] != '\0');
            return NAN;
        }
        for (size_t i = 0; i < n * (size_t)reader->columns.n; i++) {
            assert(isfinite(rows[i]));
            sum = sum / 2 + rows[i] / 2;
        }
    }
    return sum;
}

static void read_table(const char *location, bool skip_invalid)
{
    static double rows[VALUES];
    flow_reader *reader;
    flow_error err = {0};
    if (flow_reader_open(&reader, location, &(flow_reader_options){.skip_invalid = skip_invalid}, &err) == FLOW_OK) {
        const size_t d = (size_t)reader->columns.n;
        assert(d >= 1 && d <= VALUES && reader->n_rows >= 0);
        flow_position start = flow_reader_tell(reader);
        /* a piece of rows that are all invalid is read on to the end: not of tables that nothing is stored for */
        if (!skip_invalid || reader->n_rows < VALUES) {
            const size_t step = VALUES / d < 100 ? VALUES / d : 100;
            double first = read_some(reader, rows, step);
            assert(flow_reader_seek(reader, &start, &err) == FLOW_OK);
            double again = read_some(reader, rows, step);
            assert(isnan(first) ? isnan(again) : first == again);
        }
    } else {
        assert(err.message[0] != '\0');
    }
    flow_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[64], location[4][96];
    snprintf(path, sizeof path, "%s/fuzz_tables-%ld.h5", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (long)getpid());
    if (n == 0)
        return 0;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (getenv("FLOW_FUZZ_RAW") != NULL) {
        FILE *out = fopen(path, "wb");
        assert(out != NULL && fwrite(bytes, 1, n, out) == n);
        assert(fclose(out) == 0);
    } else {
        cook(&(recipe){bytes + 1, bytes + n}, path);
    }
    flow_name_list paths, sizes;
    flow_error err = {0};
    flow_status status = flow_tables_list(&paths, &sizes, path, &err);
    assert(status == FLOW_OK || err.message[0] != '\0');
    flow_name_list_free(&paths);
    flow_name_list_free(&sizes);
    snprintf(location[0], sizeof location[0], "%s", path);
    snprintf(location[1], sizeof location[1], "%s:/", path);
    snprintf(location[2], sizeof location[2], "%s:/x", path);
    snprintf(location[3], sizeof location[3], "%s:/data", path);
    for (int i = 0; i < 4; i++)
        read_table(location[i], bytes[0] & 1);
    unlink(path);
    return 0;
}

#include "fuzz_replay.h"
