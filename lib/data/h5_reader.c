/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/h5_dialect.h"
#include "data/h5_shapes.h"
#include "data/h5_tables.h"
#include "data/missing.h"
#include "data/reader.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"

typedef struct h5_reader {
    flow_reader common;
    hid_t file;
    flow_h5_layout layout;
    double *block;        /* (block_rows, d): rows block_first ... block_first + n_block - 1 */
    int64_t block_first, n_block, next;
} h5_reader;

/* A remark where a whole number of 64 bits is too large for a double. */
static flow_status h5_reader_check_wide(h5_reader *r, flow_error *err)
{
    const double limit = 9007199254740992.0;
    const flow_h5_layout *l = &r->layout;
    for (int j = 0; j < l->d; j++) {
        int64_t i = l->is_wide[j] ? 0 : r->n_block;
        while (i < r->n_block && !(fabs(r->block[i * l->d + j]) >= limit))
            i++;
        if (i == r->n_block)
            continue;
        r->common.says_rounded = true;
        return flow_reader_remark(&r->common, err, "column \"%.80s\" has whole numbers beyond 2^53, which are rounded: "
                                  "%.0f in row %lld", r->common.columns.at[j], r->block[i * l->d + j],
                                  (long long)(r->block_first + i) + 1);
    }
    return FLOW_OK;
}

/* Reads the block that row `next` lies in. Blocks begin at multiples of their size: chunks are then read once. */
static flow_status h5_reader_load(h5_reader *r, flow_error *err)
{
    int64_t size = r->layout.block_rows, first = r->next - r->next % size, left = r->common.n_rows - first;
    r->n_block = 0;
    flow_h5_scope scope = flow_h5_begin(r->common.name);
    flow_status status = r->layout.read(&r->layout, r->block, first, left < size ? left : size, err);
    flow_h5_end(&scope);
    if (status != FLOW_OK)
        return flow_error_prefix(err, status, "%s: ", r->common.name);
    r->block_first = first;
    r->n_block = left < size ? left : size;
    return r->layout.is_wide == NULL || r->common.says_rounded ? FLOW_OK : h5_reader_check_wide(r, err);
}

/* Adds several sums side by side: one alone would wait for each addition. */
static bool all_finite(const double *values, size_t n)
{
    enum { SUMS = 16 };
    double sums[SUMS] = {0}, sum = 0; /* 0, or NaN from then on */
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int k = 0; k < SUMS; k++)
            sums[k] += values[i + (size_t)k] * 0;
    for (; i < n; i++)
        sum += values[i] * 0;
    for (int k = 0; k < SUMS; k++)
        sum += sums[k];
    return sum == 0;
}

/* Whether no value of n rows is NaN, infinite, or a code for a missing value. */
static bool h5_reader_accepts(const h5_reader *r, const double *rows, size_t n)
{
    const size_t d = (size_t)r->common.columns.n;
    if (!all_finite(rows, n * d))
        return false;
    for (size_t i = 0; i < n && r->common.missing.n > 0; i++)
        if (flow_find_missing(&r->common.missing, rows + i * d, (int)d) >= 0)
            return false;
    return true;
}

static flow_status h5_reader_refuse(const h5_reader *r, const double *row, int64_t number, flow_error *err)
{
    int column = 0;
    while (isfinite(row[column]) && !flow_is_missing(&r->common.missing, row[column]))
        column++;
    char text[FLOW_NUMBER_SIZE];
    flow_number_print(text, row[column]);
    return flow_error_set(err, FLOW_DATA, "%s: row %lld, column \"%.80s\": \"%s\" %s; correct it "
                          "or drop such rows with --skip-invalid", r->common.name, (long long)number + 1,
                          r->common.columns.at[column], text,
                          isfinite(row[column]) ? "stands for a missing value" : "is not a finite number");
}

static flow_status h5_reader_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                                  flow_error *err)
{
    h5_reader *r = (h5_reader *)reader;
    size_t d = (size_t)reader->columns.n, n = 0;
    while (n < n_max && r->next < reader->n_rows && flow_reader_left(reader, r->next) > 0) {
        if (r->next < r->block_first || r->next >= r->block_first + r->n_block)
            FLOW_TRY(h5_reader_load(r, err));
        size_t there = (size_t)(r->block_first + r->n_block - r->next), wanted = n_max - n;
        size_t m = there < wanted ? there : wanted;
        if ((int64_t)m > flow_reader_left(reader, r->next))
            m = (size_t)flow_reader_left(reader, r->next);
        const double *from = r->block + (size_t)(r->next - r->block_first) * d;
        if (h5_reader_accepts(r, from, m)) {
            memcpy(rows + n * d, from, m * d * sizeof *rows);
            for (size_t i = 0; numbers != NULL && i < m; i++)
                numbers[n + i] = r->next + (int64_t)i;
            n += m;
            r->next += (int64_t)m;
            continue;
        }
        for (size_t i = 0; i < m; i++, r->next++, from += d) {
            double *to = rows + n * d;
            memcpy(to, from, d * sizeof *to);
            if (!h5_reader_accepts(r, from, 1)) {
                if (!reader->skip_invalid)
                    return h5_reader_refuse(r, from, r->next, err);
                flow_reader_drop(reader, r->next, to);
                continue;
            }
            if (numbers != NULL)
                numbers[n] = r->next;
            n++;
        }
    }
    *n_read = n;
    return FLOW_OK;
}

static flow_position h5_reader_tell(const flow_reader *reader)
{
    return (flow_position){.row = ((const h5_reader *)reader)->next};
}

static flow_status h5_reader_seek(flow_reader *reader, const flow_position *position, flow_error *err)
{
    if (position->row > reader->n_rows)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld", reader->name, (long long)position->row);
    ((h5_reader *)reader)->next = position->row;
    return FLOW_OK;
}

static void h5_reader_limit(flow_reader *reader, int64_t rows)
{
    flow_h5_scope scope = flow_h5_begin(reader->name);
    flow_h5_layout_limit(&((h5_reader *)reader)->layout, rows);
    flow_h5_end(&scope);
}

static void h5_reader_close(flow_reader *reader)
{
    h5_reader *r = (h5_reader *)reader;
    flow_h5_scope scope = flow_h5_begin(reader->name);
    flow_h5_layout_free(&r->layout);
    flow_h5_close(r->file);
    flow_h5_end(&scope);
    free(r->block);
}

static const flow_reader_type h5_reader_type = {
    .read = h5_reader_read, .tell = h5_reader_tell, .seek = h5_reader_seek, .limit = h5_reader_limit,
    .close = h5_reader_close,
};

/* ------------------------------------------------------------------ opening */

static flow_status h5_reader_not_a_table(const flow_reader *reader, const flow_h5_shape *shape, flow_error *err)
{
    char text[128], remedy[64] = "";
    flow_h5_describe_shape(text, sizeof text, shape);
    if (shape->rank < 1)
        return flow_error_set(err, FLOW_DATA, "%s: holds %s value; a table has rows", reader->name,
                              shape->rank == 0 ? "a single" : "no");
    if (!flow_h5_is_number(shape->type))
        return flow_error_set(err, FLOW_DATA, "%s: has the shape %s and holds %s; a table of numbers was expected: "
                              "write them as \"with h5py.File('data.h5', 'w') as f: f['train'] = x\" does",
                              reader->name, text, flow_h5_describe_type(shape->type));
    double columns = 1;
    for (int i = 1; i < shape->rank; i++)
        columns *= (double)shape->size[i];
    if (columns <= FLOW_COLUMNS_MAX)
        snprintf(remedy, sizeof remedy, "; reshape it to (%llu, %.0f)", (unsigned long long)shape->size[0], columns);
    return flow_error_set(err, FLOW_DATA, "%s: has %d dimensions, %s; a table has 2, and images have 3 or 4%s",
                          reader->name, shape->rank, text, remedy);
}

/* A dataset whose rows run along its second dimension. */
static flow_status h5_reader_open_across(h5_reader *r, flow_h5_member *member, const char *path,
                                         const flow_reader_options *options, flow_error *err)
{
    flow_status status = FLOW_OK;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char *folder = flow_format("/%.*s", (int)(name - path), path);
    hid_t group = folder != NULL ? H5Gopen2(r->file, folder, H5P_DEFAULT) : H5I_INVALID_HID;
    member->name = flow_strdup(name);
    if (folder == NULL || member->name == NULL)
        status = flow_error_memory(err, "a path");
    else if (group < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "%s: its group cannot be opened", r->common.name);
    else
        status = flow_h5_open_across(&r->layout, &r->common, member, group, options, err);
    free(folder);
    free(member->name);
    flow_h5_close(group);
    return status;
}

/* A dataset that is one table or one set of images, which is taken over. */
static flow_status h5_reader_open_one(h5_reader *r, hid_t object, const flow_h5_shape *shape, const char *path,
                                      const flow_reader_options *options, flow_error *err)
{
    flow_h5_layout *l = &r->layout;
    flow_reader *reader = &r->common;
    flow_status status = flow_h5_layout_make_datasets(l, 2, err); /* that of labels is the second */
    if (status != FLOW_OK) {
        flow_h5_close(object);
        return status;
    }
    l->datasets[0] = object;
    l->n_datasets = 1;
    if ((shape->rank == 1 || shape->rank == 2) && flow_h5_is_number(shape->type))
        return flow_h5_open_matrix(l, reader, shape, path, options, err);
    if ((shape->rank == 3 || shape->rank == 4) && flow_h5_is_number(shape->type))
        return flow_h5_open_images(l, reader, shape, &(flow_h5_place){r->file, path}, options, err);
    if (shape->rank == 1 && shape->type == H5T_COMPOUND)
        return flow_h5_open_records(l, reader, options, err);
    return h5_reader_not_a_table(reader, shape, err);
}

static flow_status h5_reader_refuse_matlab(const flow_reader *reader, const char *what, flow_error *err)
{
    const bool is_object = strcmp(what, "text") != 0 && strcmp(what, "no value") != 0;
    return flow_error_set(err, FLOW_DATA, "%s: holds %s, and no numbers%s", reader->name, what, !is_object ? "" :
                          "; if it is a table T, write its columns with \"S = table2struct(T, 'ToScalar', true); "
                          "save('data.mat', '-struct', 'S', '-v7.3')\"");
}

/* The table is the dataset or group `object`, which is taken over. `turned`: its columns are its rows. */
static flow_status h5_reader_open_shape(h5_reader *r, hid_t object, const char *path, bool turned,
                                        const flow_reader_options *options, flow_error *err)
{
    flow_reader *reader = &r->common;
    flow_h5_shape shape;
    flow_h5_member member = {0};
    flow_status status = FLOW_OK;
    const H5I_type_t type = H5Iget_type(object);
    if ((type == H5I_GROUP || type == H5I_DATASET) && flow_h5_is_pandas(object))
        return flow_h5_open_pandas(&r->layout, reader, object, options, err);
    if (type != H5I_DATASET) {
        status = type == H5I_GROUP ? flow_h5_open_group(&r->layout, reader, object, turned, options, err)
                                   : flow_error_set(err, FLOW_DATA, "%s: is neither a dataset nor a group",
                                                    reader->name);
        flow_h5_close(object);
        return status;
    }
    const char *matlab = flow_h5_matlab_what(object);
    status = flow_h5_shape_of(&shape, object, err);
    if (status == FLOW_OK)
        status = flow_h5_member_of(&member, object, turned, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else if (matlab != NULL)
        status = h5_reader_refuse_matlab(reader, matlab, err);
    else if (turned && (shape.rank != 2 || member.what != NULL))
        status = flow_error_set(err, FLOW_DATA, "%s: only a dataset of two dimensions can be turned by \".T\"",
                                reader->name);
    /* a row by itself is a table of one row, unless its program writes columns in that way */
    const bool is_row = shape.rank == 2 && shape.size[0] == 1 && !turned && !flow_h5_is_reversed(object);
    const bool is_across = shape.rank == 2 && member.what == NULL && member.across && !is_row;
    if (status == FLOW_OK && !is_across)
        return h5_reader_open_one(r, object, &shape, path, options, err);
    if (status == FLOW_OK)
        status = h5_reader_open_across(r, &member, path, options, err);
    flow_h5_close(object);
    return status;
}

/* Opens what is at `path`; "PATH.T" is what is at PATH, turned, unless there is something of that name. */
static hid_t h5_reader_find(hid_t file, const char *path, char **plain, bool *turned)
{
    const size_t length = strlen(path);
    hid_t object = H5Oopen(file, path, H5P_DEFAULT);
    *turned = object < 0 && length > 2 && strcmp(path + length - 2, ".T") == 0;
    *plain = flow_format("%.*s", (int)(*turned ? length - 2 : length), path);
    if (*turned && *plain != NULL)
        object = H5Oopen(file, *plain, H5P_DEFAULT);
    return object;
}

static flow_status h5_reader_open_table(h5_reader *r, const char *file, const char *path,
                                        const flow_reader_options *options, flow_error *err)
{
    char *only = NULL, *beside = NULL, *plain = NULL;
    bool turned = false;
    flow_status status = flow_h5_open(&r->file, file, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", file);
    else if (path == NULL)
        status = flow_h5_only_table(&only, &beside, r->file, file, err);
    if (status != FLOW_OK)
        return status;
    path = only != NULL ? only : path;
    assert(path != NULL);
    r->common.name = flow_format("%s:%s", file, path);
    hid_t object = h5_reader_find(r->file, path, &plain, &turned);
    if (r->common.name == NULL || plain == NULL) {
        status = flow_error_memory(err, "an HDF5 reader");
        flow_h5_close(object);
    } else if (object < 0) {
        status = flow_h5_no_table_at(r->file, file, path, err);
    } else {
        status = h5_reader_open_shape(r, object, plain, turned, options, err);
        if (status == FLOW_OK && beside != NULL)
            status = flow_reader_remark(&r->common, err, "%s", beside);
    }
    free(only);
    free(beside);
    free(plain);
    r->common.n_rows = r->layout.n_rows;
    for (int j = 0; status == FLOW_OK && r->layout.is_wide != NULL && j < r->layout.d; j++)
        r->common.may_round = r->common.may_round || r->layout.is_wide[j];
    if (status == FLOW_OK)
        status = flow_h5_layout_make_block(&r->block, &r->layout, r->common.columns.n, err);
    return status;
}

flow_status flow_h5_reader_open(flow_reader **out, const char *file, const char *path,
                                const flow_reader_options *options, flow_error *err)
{
    h5_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return flow_error_memory(err, "an HDF5 reader");
    *out = &r->common;
    r->common.type = &h5_reader_type;
    r->common.skip_invalid = options->skip_invalid;
    r->common.missing = options->missing;
    r->common.can_seek = r->common.finds_rows = true;
    r->file = H5I_INVALID_HID;
    r->layout = (flow_h5_layout){.record = H5I_INVALID_HID, .chunk_rows = 1};
    flow_h5_scope scope = flow_h5_begin(file);
    flow_status status = h5_reader_open_table(r, file, path, options, err);
    flow_h5_end(&scope);
    r->common.granule = r->layout.chunk_rows;
    return status;
}
