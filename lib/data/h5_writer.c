/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/h5_update.h"
#include "data/name_list.h"
#include "data/writer.h"
#include "h5/file.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"

enum { CHUNK_BYTES = 1 << 18, SMALL_ATTRIBUTE = 1 << 11 };

typedef struct h5_writer {
    flow_writer common;
    hid_t file, dataset; /* the dataset is made when the first chunk is full, or at the end */
    char *path;
    flow_name_list columns;
    int rank;       /* 2, or 4 of images */
    hsize_t row[3]; /* (rank - 1): the extents of a row */
    double *buffer; /* (chunk_rows, d) */
    size_t chunk_rows, n_buffered;
    hsize_t n_written;
} h5_writer;

static flow_status h5_writer_fail(const h5_writer *w, flow_error *err, const char *what)
{
    return flow_h5_error(err, FLOW_IO, "%s: %s cannot be written", w->common.output.name, what);
}

/* The extents of n rows, or a place among them. */
static void h5_writer_extents(const h5_writer *w, hsize_t n, bool whole_rows, hsize_t extents[4])
{
    extents[0] = n;
    for (int k = 1; k < w->rank; k++)
        extents[k] = whole_rows ? w->row[k - 1] : 0;
}

static flow_status h5_writer_make_dataset(h5_writer *w, hsize_t chunk_rows, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t size[4], most[4], chunk[4];
    h5_writer_extents(w, 0, true, size);
    h5_writer_extents(w, H5S_UNLIMITED, true, most);
    h5_writer_extents(w, chunk_rows, true, chunk);
    hid_t space = H5Screate_simple(w->rank, size, most), list = flow_h5_untimed(H5P_DATASET_CREATE);
    bool good = space >= 0 && list >= 0 && H5Pset_chunk(list, w->rank, chunk) >= 0 && H5Pset_fletcher32(list) >= 0 &&
                flow_h5_make_groups(w->file, w->path);
    /* the header of a dataset has 64 kB; the names go outside of it */
    if (good && w->common.n_columns > SMALL_ATTRIBUTE)
        good = H5Pset_attr_phase_change(list, 0, 0) >= 0;
    if (good)
        w->dataset = H5Dcreate2(w->file, w->path, w->common.as_float ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, space,
                                H5P_DEFAULT, list, H5P_DEFAULT);
    if (w->dataset < 0) {
        status = h5_writer_fail(w, err, w->path);
    } else {
        status = w->rank == 2 ? flow_h5_attr_write_names(w->dataset, "columns", (const char *const *)w->columns.at,
                                                         w->columns.n, err)
                              : flow_h5_attr_write_text(w->dataset, "layout", "hwc", err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: %s: ", w->common.output.name, w->path);
    }
    flow_h5_close(list);
    flow_h5_close(space);
    return status;
}

/* Appends what is in the buffer. */
static flow_status h5_writer_flush(h5_writer *w, flow_error *err)
{
    hsize_t n = w->n_buffered, size[4], start[4], count[4];
    if (n == 0)
        return FLOW_OK;
    flow_status status = FLOW_OK;
    h5_writer_extents(w, w->n_written + n, true, size);
    h5_writer_extents(w, w->n_written, false, start);
    h5_writer_extents(w, n, true, count);
    hid_t memory = H5Screate_simple(w->rank, count, NULL), space = -1;
    bool good = memory >= 0 && H5Dset_extent(w->dataset, size) >= 0;
    if (good)
        space = H5Dget_space(w->dataset);
    good = good && space >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dwrite(w->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, w->buffer) >= 0;
    if (!good)
        status = h5_writer_fail(w, err, w->path);
    flow_h5_close(space);
    flow_h5_close(memory);
    w->n_written += n;
    w->n_buffered = 0;
    return status;
}

/* Ends the current table. A table that is smaller than a chunk gets a chunk of its size. */
static flow_status h5_writer_end_table(h5_writer *w, flow_error *err)
{
    flow_status status = FLOW_OK;
    if (w->dataset < 0)
        status = h5_writer_make_dataset(w, w->n_buffered > 0 ? w->n_buffered : w->chunk_rows, err);
    if (status == FLOW_OK)
        status = h5_writer_flush(w, err);
    hid_t dataset = w->dataset;
    w->dataset = -1;
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == FLOW_OK)
        status = h5_writer_fail(w, err, w->path);
    return status;
}

static flow_status h5_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    h5_writer *w = (h5_writer *)writer;
    size_t d = (size_t)writer->n_columns;
    flow_status status = FLOW_OK;
    flow_h5_scope scope = flow_h5_begin();
    while (n_rows > 0 && status == FLOW_OK) {
        size_t room = w->chunk_rows - w->n_buffered, m = n_rows < room ? n_rows : room;
        memcpy(w->buffer + w->n_buffered * d, rows, m * d * sizeof *rows);
        w->n_buffered += m;
        rows += m * d;
        n_rows -= m;
        if (w->n_buffered == w->chunk_rows && w->dataset < 0)
            status = h5_writer_make_dataset(w, w->chunk_rows, err);
        if (w->n_buffered == w->chunk_rows && status == FLOW_OK)
            status = h5_writer_flush(w, err);
    }
    flow_h5_end(&scope);
    return status;
}

static flow_status h5_writer_set_path(h5_writer *w, const char *path, flow_error *err)
{
    free(w->path);
    w->path = flow_strdup(path);
    return w->path != NULL ? FLOW_OK : flow_error_memory(err, "an HDF5 writer");
}

static flow_status h5_writer_begin(flow_writer *writer, const char *path, flow_error *err)
{
    h5_writer *w = (h5_writer *)writer;
    flow_h5_scope scope = flow_h5_begin();
    flow_status status = h5_writer_end_table(w, err);
    flow_h5_end(&scope);
    w->n_written = 0;
    return status == FLOW_OK ? h5_writer_set_path(w, path, err) : status;
}

static flow_status h5_writer_finish(flow_writer *writer, flow_error *err)
{
    h5_writer *w = (h5_writer *)writer;
    flow_h5_scope scope = flow_h5_begin();
    flow_status status = h5_writer_end_table(w, err);
    if (status == FLOW_OK && H5Fflush(w->file, H5F_SCOPE_GLOBAL) < 0)
        status = h5_writer_fail(w, err, "the file");
    hid_t file = w->file;
    w->file = -1;
    if (H5Fclose(file) < 0 && status == FLOW_OK)
        status = h5_writer_fail(w, err, "the file");
    flow_h5_end(&scope);
    return status == FLOW_OK ? flow_replace_commit(&writer->output, err) : status;
}

static void h5_writer_release(flow_writer *writer)
{
    h5_writer *w = (h5_writer *)writer;
    flow_h5_scope scope = flow_h5_begin();
    flow_h5_close(w->dataset);
    flow_h5_close(w->file);
    flow_h5_end(&scope);
    flow_name_list_free(&w->columns);
    free(w->path);
    free(w->buffer);
}

static const flow_writer_type h5_writer_type = {h5_writer_write, h5_writer_begin, h5_writer_finish,
                                                  h5_writer_release};

static flow_status h5_writer_open_file(h5_writer *w, bool keep, flow_error *err)
{
    flow_replacement *output = &w->common.output;
    flow_status status = FLOW_OK;
    flow_h5_scope scope = flow_h5_begin();
    if (keep)
        status = flow_h5_update(&w->file, output, w->path, err);
    if (status == FLOW_OK && w->file < 0) {
        status = flow_h5_create(&w->file, output->temporary, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", output->name);
    }
    flow_h5_end(&scope);
    return status;
}

flow_status flow_h5_writer_open(flow_writer **out, const char *file, const char *path, const char *const *columns,
                                int n_columns, const flow_writer_options *options, flow_error *err)
{
    bool as_float = options->as_float;
    h5_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return flow_error_memory(err, "an HDF5 writer");
    *out = &w->common;
    w->common = (flow_writer){.type = &h5_writer_type, .n_columns = n_columns, .as_float = as_float};
    w->file = w->dataset = -1;
    const flow_shape image = options->picture.shape;
    bool images = flow_shape_pixels(image) > 1 && flow_shape_size(image) == n_columns;
    w->rank = images ? 4 : 2;
    w->row[0] = (hsize_t)(images ? image.height : n_columns);
    w->row[1] = (hsize_t)image.width;
    w->row[2] = (hsize_t)image.channels;
    size_t row_bytes = (size_t)n_columns * (as_float ? sizeof(float) : sizeof(double));
    w->chunk_rows = CHUNK_BYTES / row_bytes > 0 ? CHUNK_BYTES / row_bytes : 1;
    w->buffer = malloc(w->chunk_rows * (size_t)n_columns * sizeof *w->buffer);
    flow_status status = h5_writer_set_path(w, path != NULL ? path : "/data", err);
    if (w->buffer == NULL)
        status = flow_error_memory(err, "an HDF5 writer");
    if (status == FLOW_OK)
        status = flow_name_list_copy(&w->columns, columns, n_columns, err);
    if (status == FLOW_OK)
        status = flow_replace_open(&w->common.output, file, "an HDF5 file", err);
    return status == FLOW_OK ? h5_writer_open_file(w, options->keep, err) : status;
}
