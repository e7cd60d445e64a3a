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

#include "data/table.h"
#include "recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { VALUES = 1 << 16, STEPS_MAX = 40, LOCATIONS = 4, IMAGE_MAX = 1 << 22 };

/* ------------------------------------------------------------------ recipes */

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
    const char *name = names[recipe_byte(r) % (sizeof names / sizeof names[0])];
    recipe_make_attribute(r, at, name, texts, sizeof texts / sizeof texts[0]);
}

static void make_link(recipe *r, hid_t group)
{
    const unsigned b = recipe_byte(r);
    const char *name = recipe_name(r), *to = recipe_name(r);
    if (b % 4 == 0)
        H5Lcreate_soft(to, group, name, H5P_DEFAULT, H5P_DEFAULT);
    else if (b % 4 == 1)
        H5Lcreate_external("nowhere.h5", to, group, name, H5P_DEFAULT, H5P_DEFAULT);
    else if (b % 4 == 2)
        H5Lcreate_hard(group, to, group, name, H5P_DEFAULT, H5P_DEFAULT);
    else
        H5Lcreate_hard(group, ".", group, name, H5P_DEFAULT, H5P_DEFAULT); /* a group in itself */
}

/* A path; NULL: the file is too large. */
static const char *cook(recipe *r, bool newer)
{
    static uint8_t image[IMAGE_MAX];
    hid_t file = recipe_open(NULL, 0, newer);
    hid_t group = H5Gopen2(file, "/", H5P_DEFAULT);
    for (int step = 0; step < STEPS_MAX && r->at < r->end; step++) {
        const unsigned b = recipe_byte(r);
        hid_t other = H5I_INVALID_HID;
        if (b % 8 < 4)
            recipe_make_dataset(r, group, recipe_name(r));
        else if (b % 8 == 4)
            other = b & 8 ? H5Gcreate2(group, recipe_name(r), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)
                          : H5Gopen2(file, "/", H5P_DEFAULT);
        else if (b % 8 == 5)
            make_attribute(r, group);
        else if (b % 8 == 6 && (other = H5Oopen(group, recipe_name(r), H5P_DEFAULT)) >= 0)
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
    const size_t size = recipe_close(file, 0, image, sizeof image);
    return size > 0 ? recipe_put(image, size) : NULL;
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

static void list_tables(const char *path)
{
    flow_name_list paths, sizes;
    flow_error err = {0};
    flow_status status = flow_tables_list(&paths, &sizes, path, &err);
    assert(status == FLOW_OK || err.message[0] != '\0');
    flow_name_list_free(&paths);
    flow_name_list_free(&sizes);
}

/* The first byte says whether invalid rows are skipped, what is done with the file, and its format. A replay does all
 * that can be done with it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const within[LOCATIONS] = {"", ":/", ":/x", ":/data"};
    static int raw = -1;
    if (raw < 0) {
        recipe_start();
        raw = getenv("FLOW_FUZZ_RAW") != NULL;
    }
    if (n == 0)
        return 0;
    const char *path = raw ? recipe_put(bytes, n) : cook(&(recipe){bytes + 1, bytes + n}, bytes[0] & 128);
    if (path == NULL)
        return 0;
#ifdef FLOW_FUZZ_REPLAY
    const int chosen = -1;
#else
    const int chosen = (bytes[0] >> 1 & 63) % (LOCATIONS + 1);
#endif
    for (int i = 0; i < LOCATIONS; i++) {
        char location[96];
        snprintf(location, sizeof location, "%s%s", path, within[i]);
        if (chosen < 0 || chosen == i)
            read_table(location, bytes[0] & 1);
    }
    if (chosen < 0 || chosen == LOCATIONS)
        list_tables(path);
    recipe_end();
    return 0;
}

#include "fuzz_replay.h"
