/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/hdf5_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/hdf5_support.h"

enum {
    BLOCK_VALUES = 1 << 17,       /* values in a block of rows: 1 MB */
    MOST_BLOCK_VALUES = 1 << 21,  /* the same when that lets a block hold whole chunks: 16 MB */
    CACHE_BYTES = 1 << 26,        /* for chunks that do not fit a block, all datasets together */
    MOST_CHUNK_BYTES = 1 << 30
};

/* ------------------------------------------------------------------ reading */

/* Rows of a 1-D dataset. */
flow_status flow_hdf5_read_1d(hid_t dataset, hid_t type, void *out, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t start = (hsize_t)first, size = (hsize_t)count;
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(1, &size, NULL);
    if (space < 0 || memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &size, NULL) < 0 ||
        H5Dread(dataset, type, memory, space, H5P_DEFAULT, out) < 0)
        status = flow_hdf5_error(err, FLOW_IO, "rows %lld to %lld cannot be read", (long long)first + 1,
                                 (long long)first + (long long)count);
    flow_hdf5_close_space(memory);
    flow_hdf5_close_space(space);
    return status;
}

static flow_status read_records(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    return flow_hdf5_read_1d(l->datasets[0], l->record, rows, first, count, err);
}

flow_status flow_hdf5_layout_read(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    return l->read(l, rows, first, count, err);
}

/* ------------------------------------------------------------------ blocks and chunks */

/* Rows and bytes of a dataset's chunks; 0 rows when it has none. `across` is how many chunks lie side by side. */
static flow_status chunk_of(hid_t dataset, const flow_hdf5_shape *shape, int64_t *rows, double *bytes, double *across,
                            flow_error *err)
{
    flow_status status = FLOW_OK;
    *rows = 0;
    hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    if (list < 0 || type < 0) {
        status = flow_hdf5_error(err, FLOW_FORMAT, "its layout cannot be understood");
    } else if (H5Pget_layout(list) == H5D_CHUNKED) {
        hsize_t size[FLOW_HDF5_RANK_MAX];
        int rank = H5Pget_chunk(list, FLOW_HDF5_RANK_MAX, size);
        if (rank != shape->rank || size[0] == 0 || size[rank - 1] == 0) {
            status = flow_error_set(err, FLOW_FORMAT, "its chunks have a strange shape; the file is damaged");
        } else {
            *rows = size[0] > INT64_MAX ? INT64_MAX : (int64_t)size[0];
            *bytes = (double)H5Tget_size(type);
            for (int i = 0; i < rank; i++)
                *bytes *= (double)size[i];
            hsize_t side_by_side = rank == 2 ? (shape->size[1] - 1) / size[1] + 1 : 1;
            *across = (double)side_by_side;
            if (*bytes > MOST_CHUNK_BYTES)
                status = flow_error_set(err, FLOW_DATA, "it is stored in chunks of %.0f MB; rewrite it with smaller "
                                        "ones, for example with h5repack -l", *bytes / 1048576);
        }
    }
    flow_hdf5_close_type(type);
    flow_hdf5_close_list(list);
    return status;
}

/* Opens the dataset again with a cache that holds the chunks under a block, so that none is unpacked twice. It has to
 * be closed first: what is open twice keeps the cache of the first time. */
static flow_status widen_cache(hid_t *dataset, double bytes, flow_error *err)
{
    flow_status status = FLOW_OK;
    char name[1024];
    ssize_t length = H5Iget_name(*dataset, name, sizeof name);
    if (length <= 0 || (size_t)length >= sizeof name || bytes < 1)
        return FLOW_OK;
    hid_t file = H5Iget_file_id(*dataset), access = H5Pcreate(H5P_DATASET_ACCESS);
    if (file >= 0 && access >= 0 && H5Pset_chunk_cache(access, 521, (size_t)bytes, 1.0) >= 0) {
        H5Dclose(*dataset);
        *dataset = H5Dopen2(file, name, access);
        if (*dataset < 0)
            status = flow_hdf5_error(err, FLOW_FORMAT, "it cannot be opened");
    }
    flow_hdf5_close_list(access);
    if (file >= 0)
        H5Fclose(file);
    return status;
}

/* Chooses block_rows from the values in a row and the chunks, and checks those. */
flow_status flow_hdf5_plan_blocks(flow_hdf5_layout *l, int row_values, const flow_hdf5_shape *shape, flow_error *err)
{
    int64_t rows = BLOCK_VALUES / row_values > 0 ? BLOCK_VALUES / row_values : 1;
    int64_t most = MOST_BLOCK_VALUES / row_values > 0 ? MOST_BLOCK_VALUES / row_values : 1;
    for (int i = 0; i < l->n_datasets; i++) {
        int64_t chunk_rows;
        double bytes = 0, across = 1;
        flow_status status = chunk_of(l->datasets[i], shape, &chunk_rows, &bytes, &across, err);
        if (status != FLOW_OK)
            return status;
        if (chunk_rows == 0)
            continue;
        if (i == 0) {
            l->chunk_rows = chunk_rows;
            l->band_bytes = bytes * across;
        }
        if (i == 0 && chunk_rows > rows && chunk_rows <= most)
            rows = chunk_rows;
        else if (i == 0 && chunk_rows < rows)
            rows -= rows % chunk_rows;
        if (rows % chunk_rows != 0 && bytes * across <= (double)CACHE_BYTES / l->n_datasets)
            status = widen_cache(&l->datasets[i], bytes * across, err);
        if (status != FLOW_OK)
            return status;
    }
    /* no more than there is */
    l->block_rows = (hsize_t)rows > shape->size[0] && shape->size[0] > 0 ? (int64_t)shape->size[0] : rows;
    return FLOW_OK;
}

void flow_hdf5_layout_limit(flow_hdf5_layout *l, int64_t rows)
{
    if (l->block_rows % l->chunk_rows == 0 && rows % l->chunk_rows != 0 && rows > l->chunk_rows)
        rows += l->chunk_rows - rows % l->chunk_rows;
    if (rows < 1 || rows >= l->block_rows)
        return;
    bool was_whole = l->block_rows % l->chunk_rows == 0;
    l->block_rows = rows;
    for (int i = 0; i < l->n_datasets && was_whole && rows % l->chunk_rows != 0; i++)
        if (l->band_bytes <= (double)CACHE_BYTES / l->n_datasets)
            widen_cache(&l->datasets[i], l->band_bytes, NULL); /* reading tells when that failed */
}

flow_status flow_hdf5_make_scratch(flow_hdf5_layout *l, int row_values, flow_error *err)
{
    size_t n = (size_t)l->block_rows;
    if (!flow_size_mul(&n, (size_t)row_values) || !flow_size_mul(&n, sizeof *l->scratch) ||
        (l->scratch = malloc(n)) == NULL)
        return flow_error_memory(err, "reading HDF5");
    return FLOW_OK;
}

/* ------------------------------------------------------------------ records */

flow_status flow_hdf5_not_numbers(const flow_reader *reader, const char *column, H5T_class_t type, flow_error *err)
{
    return flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" holds %s; choose columns of numbers by name",
                          reader->name, column, flow_hdf5_describe_type(type));
}

static flow_status choose_members(flow_hdf5_layout *l, flow_reader *reader, hid_t type,
                                  const flow_reader_options *options, flow_error *err)
{
    flow_names names = {0};
    int *chosen = NULL, n = H5Tget_nmembers(type);
    flow_status status = FLOW_OK;
    if (n < 1 || n > FLOW_COLUMNS_MAX)
        status = flow_error_set(err, FLOW_DATA, "%s: has %d columns; 1 to %d are possible", reader->name, n,
                                FLOW_COLUMNS_MAX);
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        status = name != NULL ? flow_names_add(&names, name, strlen(name), err) : FLOW_FORMAT;
        if (name == NULL)
            flow_hdf5_error(err, status, "%s: a member has no name", reader->name);
        H5free_memory(name);
    }
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    l->d = reader->columns.n;
    if (status == FLOW_OK && (l->record = H5Tcreate(H5T_COMPOUND, (size_t)l->d * sizeof(double))) < 0)
        status = flow_hdf5_error(err, FLOW_MEMORY, "%s: no type for its rows", reader->name);
    for (int i = 0; i < l->d && status == FLOW_OK; i++) {
        H5T_class_t class = H5Tget_member_class(type, (unsigned)chosen[i]);
        if (!flow_hdf5_is_number(class))
            status = flow_hdf5_not_numbers(reader, names.at[chosen[i]], class, err);
        else if (H5Tinsert(l->record, names.at[chosen[i]], (size_t)i * sizeof(double), H5T_NATIVE_DOUBLE) < 0)
            status = flow_hdf5_error(err, FLOW_FORMAT, "%s: the column \"%.80s\" cannot be read", reader->name,
                                     names.at[chosen[i]]);
    }
    free(chosen);
    flow_names_free(&names);
    return status;
}

static flow_status open_records(flow_hdf5_layout *l, flow_reader *reader, const flow_hdf5_shape *shape,
                                const flow_reader_options *options, flow_error *err)
{
    hid_t type = H5Dget_type(l->datasets[0]);
    if (type < 0)
        return flow_hdf5_error(err, FLOW_FORMAT, "%s: its type cannot be understood", reader->name);
    l->read = read_records;
    reader->has_names = true;
    flow_status status = choose_members(l, reader, type, options, err);
    if (status == FLOW_OK) {
        status = flow_hdf5_plan_blocks(l, l->d, shape, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", reader->name);
    }
    flow_hdf5_close_type(type);
    return status;
}

/* ------------------------------------------------------------------ any of them */

static flow_status not_a_table(const flow_reader *reader, const flow_hdf5_shape *shape, flow_error *err)
{
    char text[128], remedy[64] = "";
    flow_hdf5_describe_shape(text, sizeof text, shape);
    if (shape->rank < 1)
        return flow_error_set(err, FLOW_DATA, "%s: holds %s value; a table has rows", reader->name,
                              shape->rank == 0 ? "a single" : "no");
    if (!flow_hdf5_is_number(shape->type))
        return flow_error_set(err, FLOW_DATA, "%s: has the shape %s and holds %s; a table of numbers was expected",
                              reader->name, text, flow_hdf5_describe_type(shape->type));
    double columns = 1;
    for (int i = 1; i < shape->rank; i++)
        columns *= (double)shape->size[i];
    if (columns <= FLOW_COLUMNS_MAX)
        snprintf(remedy, sizeof remedy, "; reshape it to (%llu, %.0f)", (unsigned long long)shape->size[0], columns);
    return flow_error_set(err, FLOW_DATA, "%s: has %d dimensions, %s; a table has rows and columns%s", reader->name,
                          shape->rank, text, remedy);
}

flow_status flow_hdf5_layout_open(flow_hdf5_layout *out, flow_reader *reader, hid_t object, const char *path,
                                  const flow_reader_options *options, flow_error *err)
{
    *out = (flow_hdf5_layout){.record = -1, .chunk_rows = 1};
    flow_hdf5_shape shape;
    flow_status status;
    H5I_type_t type = H5Iget_type(object);
    out->datasets = malloc(sizeof *out->datasets);
    if (out->datasets == NULL) {
        flow_hdf5_close_object(object);
        return flow_error_memory(err, "reading HDF5");
    }
    out->datasets[out->n_datasets++] = object;
    if (type == H5I_GROUP) {
        status = flow_hdf5_open_group(out, reader, &shape, options, err);
    } else if (type == H5I_DATASET) {
        status = flow_hdf5_shape_of(&shape, object, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", reader->name);
        else if (shape.rank == 2 && flow_hdf5_is_number(shape.type))
            status = flow_hdf5_open_matrix(out, reader, &shape, options, err);
        else if (shape.rank == 1 && shape.type == H5T_COMPOUND)
            status = open_records(out, reader, &shape, options, err);
        else if (shape.rank == 1 && flow_hdf5_is_number(shape.type))
            status = flow_hdf5_open_vector(out, reader, &shape, path, options, err);
        else
            status = not_a_table(reader, &shape, err);
    } else {
        status = flow_error_set(err, FLOW_DATA, "%s: is neither a dataset nor a group", reader->name);
    }
    if (status == FLOW_OK && shape.size[0] > INT64_MAX)
        status = flow_error_set(err, FLOW_DATA, "%s: has %llu rows; the file is damaged", reader->name,
                                (unsigned long long)shape.size[0]);
    if (status == FLOW_OK)
        reader->n_rows = (int64_t)shape.size[0];
    return status;
}

void flow_hdf5_layout_free(flow_hdf5_layout *l)
{
    for (int i = 0; i < l->n_datasets; i++)
        flow_hdf5_close_object(l->datasets[i]);
    if (l->record > 0)
        flow_hdf5_close_type(l->record);
    free(l->datasets);
    free(l->run_first);
    free(l->run_count);
    free(l->pick);
    free(l->scratch);
    *l = (flow_hdf5_layout){.record = -1};
}
