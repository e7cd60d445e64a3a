/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/source.h"
#include "h5/text.h"

enum {
    BLOCK_VALUES = 1 << 17,       /* values in a block of rows: 1 MB */
    MOST_BLOCK_VALUES = 1 << 21,  /* the same if a block then holds whole chunks: 16 MB */
    CACHE_BYTES = 1 << 26,        /* for chunks that do not fit a block, all datasets together */
    MOST_CHUNK_BYTES = 1 << 30
};

flow_status flow_h5_layout_make_datasets(flow_h5_layout *l, int n, flow_error *err)
{
    l->datasets = malloc((size_t)n * sizeof *l->datasets);
    l->values = malloc((size_t)n * sizeof *l->values);
    l->across = calloc((size_t)n, sizeof *l->across);
    if (l->datasets == NULL || l->values == NULL || l->across == NULL)
        return flow_error_memory(err, "reading HDF5");
    l->n_datasets = n;
    for (int i = 0; i < n; i++) {
        l->datasets[i] = H5I_INVALID_HID;
        l->values[i] = (flow_h5_value){.memory = H5I_INVALID_HID};
    }
    return FLOW_OK;
}

flow_value_type flow_h5_layout_type(hid_t dataset, const flow_h5_value *value)
{
    flow_value_type stored = FLOW_VALUE_DOUBLE;
    if (!flow_h5_value_is_plain(value))
        return stored;
    hid_t type = H5Dget_type(dataset);
    if (type >= 0 && H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) <= 2)
        stored = H5Tget_size(type) == 1 && H5Tget_sign(type) == H5T_SGN_NONE ? FLOW_VALUE_BYTE : FLOW_VALUE_FLOAT;
    else if (type >= 0 && (H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0))
        stored = FLOW_VALUE_FLOAT;
    flow_h5_close(type);
    return stored;
}

flow_status flow_h5_layout_read_1d(hid_t dataset, hid_t type, void *out, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t start = (hsize_t)first, size = (hsize_t)count;
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(1, &size, NULL);
    if (space < 0 || memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &size, NULL) < 0 ||
        H5Dread(dataset, type, memory, space, H5P_DEFAULT, out) < 0)
        status = flow_h5_read_failed(dataset, first, count, err);
    flow_h5_close(memory);
    flow_h5_close(space);
    return status;
}

flow_status flow_h5_layout_read_values(hid_t dataset, const flow_h5_value *value, double *out, int64_t first,
                                       int64_t count, flow_error *err)
{
    FLOW_TRY(flow_h5_layout_read_1d(dataset, value->memory, out, first, count, err));
    flow_h5_value_decode(value, out, (size_t)count);
    return FLOW_OK;
}

/* ------------------------------------------------------------------ blocks and chunks */

/* Rows and bytes of a dataset's chunks; 0 rows when it has none. `beside` is how many chunks lie side by side. Rows
 * run along the second dimension if they run `across`. */
static flow_status layout_chunk_of(hid_t dataset, bool across, int64_t *rows, double *bytes, double *beside,
                                   flow_error *err)
{
    flow_h5_shape shape;
    FLOW_TRY(flow_h5_shape_of(&shape, dataset, err));
    flow_status status = FLOW_OK;
    *rows = 0;
    hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    if (list < 0 || type < 0) {
        status = flow_h5_error(err, FLOW_FORMAT, "its layout cannot be understood");
    } else if (H5Pget_layout(list) == H5D_CHUNKED) {
        hsize_t size[FLOW_H5_RANK_MAX];
        int rank = H5Pget_chunk(list, FLOW_H5_RANK_MAX, size), along = across ? 1 : 0;
        bool possible = rank == shape.rank && along < rank;
        for (int i = 0; i < rank && possible; i++)
            possible = size[i] > 0;
        if (!possible) {
            status = flow_error_set(err, FLOW_FORMAT, "the shape of its chunks is not possible; the file is damaged");
        } else {
            *rows = size[along] > INT64_MAX ? INT64_MAX : (int64_t)size[along];
            *bytes = (double)H5Tget_size(type);
            for (int i = 0; i < rank; i++)
                *bytes *= (double)size[i];
            *beside = 1;
            for (int i = 0; i < rank; i++) {
                hsize_t side_by_side = i != along ? (shape.size[i] - 1) / size[i] + 1 : 1;
                *beside *= (double)side_by_side;
            }
            if (*bytes > MOST_CHUNK_BYTES)
                status = flow_error_set(err, FLOW_DATA, "it is stored in chunks of %.0f MB; rewrite it with smaller "
                                        "ones, for example with h5repack -l", *bytes / 1048576);
        }
    }
    flow_h5_close(type);
    flow_h5_close(list);
    return status;
}

/* Opens the dataset again with a cache for the chunks of a block, so that no chunk is unpacked twice. It is closed
 * first, because a dataset that is open twice keeps its first cache. */
static flow_status layout_widen_cache(hid_t *dataset, double bytes, flow_error *err)
{
    flow_status status = FLOW_OK;
    char name[1024];
    ssize_t length = H5Iget_name(*dataset, name, sizeof name);
    if (length <= 0 || (size_t)length >= sizeof name || bytes < 1)
        return FLOW_OK;
    hid_t file = H5Iget_file_id(*dataset), access = H5Pcreate(H5P_DATASET_ACCESS);
    if (file >= 0 && access >= 0 && H5Pset_chunk_cache(access, 521, (size_t)bytes, 0.75) >= 0) {
        H5Dclose(*dataset);
        *dataset = H5Dopen2(file, name, access);
        if (*dataset < 0)
            status = flow_h5_error(err, FLOW_FORMAT, "it cannot be opened");
    }
    flow_h5_close(access);
    flow_h5_close(file);
    return status;
}

/* Remarks about values of dataset i that were never written. */
static flow_status layout_check_source(const flow_h5_layout *l, int i, flow_reader *reader, flow_error *err)
{
    flow_text remark = {0};
    char name[256] = "";
    flow_status status = flow_h5_check_source(&remark, l->datasets[i], err);
    if (l->n_datasets > 1)
        H5Iget_name(l->datasets[i], name, sizeof name);
    if (remark.data != NULL && status == FLOW_OK)
        status = flow_reader_remark(reader, err, "%s%s%s", name, name[0] != '\0' ? ": " : "", remark.data);
    const flow_h5_value *value = &l->values[i];
    if (status == FLOW_OK && value->is_bounded)
        status = flow_reader_remark(reader, err, "%s%svalues below %g and above %g are missing values (valid_range)",
                                    name, name[0] != '\0' ? ": " : "",
                                    fmin(value->least * value->scale, value->most * value->scale) + value->offset,
                                    fmax(value->least * value->scale, value->most * value->scale) + value->offset);
    flow_text_free(&remark);
    return status;
}

flow_status flow_h5_layout_blocks(flow_h5_layout *l, flow_reader *reader, int row_values, hsize_t n_rows,
                                  flow_error *err)
{
    if (n_rows > INT64_MAX)
        return flow_error_set(err, FLOW_DATA, "%s: has %llu rows; the file is damaged", reader->name,
                              (unsigned long long)n_rows);
    l->n_rows = (int64_t)n_rows;
    int64_t rows = BLOCK_VALUES / row_values > 0 ? BLOCK_VALUES / row_values : 1;
    int64_t most = MOST_BLOCK_VALUES / row_values > 0 ? MOST_BLOCK_VALUES / row_values : 1;
    for (int i = 0; i < l->n_datasets; i++) {
        int64_t chunk_rows;
        double bytes = 0, beside = 1;
        flow_status status = layout_chunk_of(l->datasets[i], l->across[i], &chunk_rows, &bytes, &beside, err);
        if (status == FLOW_OK)
            status = layout_check_source(l, i, reader, err);
        if (status != FLOW_OK)
            return flow_error_prefix(err, status, "%s: ", reader->name);
        if (chunk_rows == 0)
            continue;
        if (i == 0) {
            l->chunk_rows = chunk_rows;
            l->band_bytes = bytes * beside;
        }
        if (i == 0 && chunk_rows > rows && chunk_rows <= most)
            rows = chunk_rows;
        else if (i == 0 && chunk_rows < rows)
            rows -= rows % chunk_rows;
        if (rows % chunk_rows != 0 && bytes * beside <= (double)CACHE_BYTES / l->n_datasets)
            status = layout_widen_cache(&l->datasets[i], bytes * beside, err);
        if (status != FLOW_OK)
            return flow_error_prefix(err, status, "%s: ", reader->name);
    }
    /* at most the rows of the table */
    l->block_rows = rows > l->n_rows && l->n_rows > 0 ? l->n_rows : rows;
    return FLOW_OK;
}

void flow_h5_layout_limit(flow_h5_layout *l, int64_t rows)
{
    if (l->block_rows % l->chunk_rows == 0 && rows % l->chunk_rows != 0 && rows > l->chunk_rows)
        rows += l->chunk_rows - rows % l->chunk_rows;
    if (rows < 1 || rows >= l->block_rows)
        return;
    bool was_whole = l->block_rows % l->chunk_rows == 0;
    l->block_rows = rows;
    for (int i = 0; i < l->n_datasets && was_whole && rows % l->chunk_rows != 0; i++)
        if (l->band_bytes <= (double)CACHE_BYTES / l->n_datasets)
            layout_widen_cache(&l->datasets[i], l->band_bytes, NULL); /* a failure shows when reading */
}

flow_status flow_h5_layout_make_block(double **out, const flow_h5_layout *l, int row_values, flow_error *err)
{
    size_t n = (size_t)l->block_rows;
    if (!flow_size_mul(&n, (size_t)row_values) || !flow_size_mul(&n, sizeof **out) || (*out = malloc(n)) == NULL)
        return flow_error_memory(err, "reading HDF5");
    return FLOW_OK;
}

flow_status flow_h5_layout_mark_wide(flow_h5_layout *l, flow_error *err)
{
    l->is_wide = malloc((size_t)l->d * sizeof *l->is_wide);
    if (l->is_wide == NULL)
        return flow_error_memory(err, "reading HDF5");
    memset(l->is_wide, true, (size_t)l->d * sizeof *l->is_wide);
    return FLOW_OK;
}

/* ------------------------------------------------------------------ what the shapes share */

flow_status flow_h5_layout_names(flow_name_list *names, hid_t dataset, const char *where, flow_error *err)
{
    if (H5Aexists(dataset, "columns") <= 0)
        return FLOW_OK;
    char **found;
    int n = 0;
    flow_status status = flow_h5_attr_read_names(&found, &n, dataset, "columns", FLOW_COLUMNS_MAX, true, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: the attribute ", where);
    if (status == FLOW_OK)
        status = flow_name_list_copy(names, (const char *const *)found, n, err);
    free(found);
    return status;
}

void flow_h5_layout_free(flow_h5_layout *l)
{
    for (int i = 0; i < l->n_datasets; i++) {
        flow_h5_close(l->datasets[i]);
        if (l->values != NULL)
            flow_h5_value_free(&l->values[i]);
    }
    flow_h5_close(l->record);
    free(l->datasets);
    free(l->values);
    free(l->across);
    free(l->is_wide);
    free(l->leaves);
    free(l->parts);
    free(l->place);
    free(l->part_first);
    free(l->part_next);
    free(l->span_first);
    free(l->span_count);
    free(l->pick);
    free(l->scratch);
    *l = (flow_h5_layout){.record = H5I_INVALID_HID};
}
