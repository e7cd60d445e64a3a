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

/* A dataset: of a table all columns, of images those of the image, and each other column on its own. */
typedef struct h5_part {
    hid_t dataset;        /* made when the first chunk is full, or at the end */
    int first, n_columns; /* of a row */
    int rank;             /* of the dataset: 2 of a table, 4 of images, 1 of a column */
    hsize_t row[3];       /* (rank - 1): the extents of a row */
    double *buffer;       /* (chunk_rows, n_columns) */
} h5_part;

typedef struct h5_writer {
    flow_writer common;
    hid_t file;
    bool keeps; /* the file has other tables, from before */
    bool careful;
    char *path; /* of part 0; a column beside images is at PATH_NAME */
    flow_name_list columns;
    h5_part *parts;
    int n_parts;
    size_t chunk_rows, n_buffered;
    hsize_t n_written;
} h5_writer;

static flow_status h5_writer_fail(const h5_writer *w, flow_error *err, const char *what)
{
    return flow_h5_error(err, FLOW_IO, "%s: %s cannot be written", w->common.output.name, what);
}

/* The extents of n rows, or a place among them. */
static void h5_part_extents(const h5_part *part, hsize_t n, bool whole_rows, hsize_t extents[4])
{
    extents[0] = n;
    for (int k = 1; k < part->rank; k++)
        extents[k] = whole_rows ? part->row[k - 1] : 0;
}

/* What readers need to know about the dataset. */
static flow_status h5_writer_describe(const h5_writer *w, const h5_part *part, flow_error *err)
{
    FLOW_TRY(flow_h5_mark(part->dataset, err));
    switch (part->rank) {
    case 2:
        return flow_h5_attr_write_names(part->dataset, "columns", (const char *const *)w->columns.at, w->columns.n,
                                        err);
    case 4:
        return flow_h5_attr_write_text(part->dataset, "layout", "hwc", err);
    default:
        return FLOW_OK;
    }
}

static flow_status h5_writer_make_dataset(h5_writer *w, h5_part *part, hsize_t chunk_rows, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t size[4], most[4], chunk[4];
    h5_part_extents(part, 0, true, size);
    h5_part_extents(part, H5S_UNLIMITED, true, most);
    h5_part_extents(part, chunk_rows, true, chunk);
    bool beside = part != w->parts;
    char *path = flow_format("%s%s%s", w->path, beside ? "_" : "", beside ? w->columns.at[part->first] : "");
    if (path == NULL)
        return flow_error_memory(err, "the name of a dataset");
    if (beside && w->keeps)
        status = flow_h5_remove_table(w->file, &w->common.output, path, w->careful, err);
    if (status != FLOW_OK) {
        free(path);
        return status;
    }
    hid_t space = H5Screate_simple(part->rank, size, most), list = flow_h5_untimed(H5P_DATASET_CREATE);
    bool good = space >= 0 && list >= 0 && H5Pset_chunk(list, part->rank, chunk) >= 0 && H5Pset_fletcher32(list) >= 0 &&
                flow_h5_make_groups(w->file, path);
    /* the header of a dataset has 64 kB; the names go outside of it */
    if (good && w->common.n_columns > SMALL_ATTRIBUTE)
        good = H5Pset_attr_phase_change(list, 0, 0) >= 0;
    if (good)
        part->dataset = H5Dcreate2(w->file, path, w->common.as_float ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, space,
                                   H5P_DEFAULT, list, H5P_DEFAULT);
    if (part->dataset < 0) {
        status = h5_writer_fail(w, err, path);
    } else {
        status = h5_writer_describe(w, part, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: %s: ", w->common.output.name, path);
    }
    flow_h5_close(list);
    flow_h5_close(space);
    free(path);
    return status;
}

/* Appends what is in the buffer of a part. */
static flow_status h5_writer_append(const h5_writer *w, const h5_part *part, flow_error *err)
{
    hsize_t n = w->n_buffered, size[4], start[4], count[4];
    flow_status status = FLOW_OK;
    h5_part_extents(part, w->n_written + n, true, size);
    h5_part_extents(part, w->n_written, false, start);
    h5_part_extents(part, n, true, count);
    hid_t memory = H5Screate_simple(part->rank, count, NULL), space = -1;
    bool good = memory >= 0 && H5Dset_extent(part->dataset, size) >= 0;
    if (good)
        space = H5Dget_space(part->dataset);
    good = good && space >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dwrite(part->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, part->buffer) >= 0;
    if (!good)
        status = h5_writer_fail(w, err, w->path);
    flow_h5_close(space);
    flow_h5_close(memory);
    return status;
}

/* Makes datasets that do not exist yet, with chunks of so many rows, and appends what is in the buffers. */
static flow_status h5_writer_flush(h5_writer *w, hsize_t chunk_rows, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (h5_part *part = w->parts; part < w->parts + w->n_parts && status == FLOW_OK; part++) {
        if (part->dataset < 0)
            status = h5_writer_make_dataset(w, part, chunk_rows, err);
        if (status == FLOW_OK && w->n_buffered > 0)
            status = h5_writer_append(w, part, err);
    }
    w->n_written += w->n_buffered;
    w->n_buffered = 0;
    return status;
}

/* Ends the current table. A table that is smaller than a chunk gets a chunk of its size. */
static flow_status h5_writer_end_table(h5_writer *w, flow_error *err)
{
    flow_status status = h5_writer_flush(w, w->n_buffered > 0 ? w->n_buffered : w->chunk_rows, err);
    for (h5_part *part = w->parts; part < w->parts + w->n_parts; part++) {
        hid_t dataset = part->dataset;
        part->dataset = -1;
        if (dataset >= 0 && H5Dclose(dataset) < 0 && status == FLOW_OK)
            status = h5_writer_fail(w, err, w->path);
    }
    return status;
}

/* Copies m rows to the buffers of all parts. */
static void h5_writer_buffer(const h5_writer *w, const double *rows, size_t m)
{
    size_t d = (size_t)w->common.n_columns;
    for (const h5_part *part = w->parts; part < w->parts + w->n_parts; part++) {
        size_t n = (size_t)part->n_columns;
        double *to = part->buffer + w->n_buffered * n;
        for (size_t i = 0; i < m; i++)
            memcpy(to + i * n, rows + i * d + part->first, n * sizeof *rows);
    }
}

static flow_status h5_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    h5_writer *w = (h5_writer *)writer;
    flow_status status = FLOW_OK;
    flow_h5_scope scope = flow_h5_begin(writer->output.target);
    while (n_rows > 0 && status == FLOW_OK) {
        size_t room = w->chunk_rows - w->n_buffered, m = n_rows < room ? n_rows : room;
        h5_writer_buffer(w, rows, m);
        w->n_buffered += m;
        rows += m * (size_t)writer->n_columns;
        n_rows -= m;
        if (w->n_buffered == w->chunk_rows)
            status = h5_writer_flush(w, w->chunk_rows, err);
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
    flow_h5_scope scope = flow_h5_begin(writer->output.target);
    flow_status status = h5_writer_end_table(w, err);
    flow_h5_end(&scope);
    w->n_written = 0;
    return status == FLOW_OK ? h5_writer_set_path(w, path, err) : status;
}

static flow_status h5_writer_finish(flow_writer *writer, flow_error *err)
{
    h5_writer *w = (h5_writer *)writer;
    flow_h5_scope scope = flow_h5_begin(writer->output.target);
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
    flow_h5_scope scope = flow_h5_begin(writer->output.target);
    for (int k = 0; k < w->n_parts; k++) {
        flow_h5_close(w->parts[k].dataset);
        free(w->parts[k].buffer);
    }
    flow_h5_close(w->file);
    flow_h5_end(&scope);
    flow_name_list_free(&w->columns);
    free(w->path);
    free(w->parts);
}

static const flow_writer_type h5_writer_type = {h5_writer_write, h5_writer_begin, h5_writer_finish,
                                                  h5_writer_release};

static flow_status h5_writer_open_file(h5_writer *w, bool keep, flow_error *err)
{
    flow_replacement *output = &w->common.output;
    flow_status status = FLOW_OK;
    flow_h5_scope scope = flow_h5_begin(output->target);
    if (keep)
        status = flow_h5_update(&w->file, output, w->path, w->careful, err);
    else if (w->careful)
        status = flow_replace_protect(output->target, err);
    w->keeps = w->file >= 0;
    if (status == FLOW_OK && w->file < 0) {
        status = flow_h5_create(&w->file, output->temporary, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", output->name);
    }
    flow_h5_end(&scope);
    return status;
}

/* The columns of an image, if the first ones of a row are, and each of the others; else one part. */
static flow_status h5_writer_make_parts(h5_writer *w, flow_shape image, flow_error *err)
{
    int d = w->common.n_columns, n_values = flow_shape_size(image);
    bool images = flow_shape_pixels(image) > 1 && n_values <= d;
    int n_parts = images ? 1 + d - n_values : 1;
    w->parts = calloc((size_t)n_parts, sizeof *w->parts);
    if (w->parts == NULL)
        return flow_error_memory(err, "an HDF5 writer");
    for (; w->n_parts < n_parts; w->n_parts++) {
        h5_part *part = &w->parts[w->n_parts];
        *part = (h5_part){.dataset = -1, .first = n_values + w->n_parts - 1, .n_columns = 1, .rank = 1};
        if (w->n_parts == 0)
            *part = images ? (h5_part){-1,
                                       0,
                                       n_values,
                                       4,
                                       {(hsize_t)image.height, (hsize_t)image.width, (hsize_t)image.channels},
                                       NULL}
                           : (h5_part){-1, 0, d, 2, {(hsize_t)d}, NULL};
        part->buffer = malloc(w->chunk_rows * (size_t)part->n_columns * sizeof *part->buffer);
        if (part->buffer == NULL)
            return flow_error_memory(err, "an HDF5 writer");
    }
    return FLOW_OK;
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
    w->file = -1;
    w->careful = options->careful;
    size_t row_bytes = (size_t)n_columns * (as_float ? sizeof(float) : sizeof(double));
    w->chunk_rows = CHUNK_BYTES / row_bytes > 0 ? CHUNK_BYTES / row_bytes : 1;
    flow_status status = h5_writer_set_path(w, path != NULL ? path : "/data", err);
    if (status == FLOW_OK)
        status = h5_writer_make_parts(w, options->picture.shape, err);
    if (status == FLOW_OK)
        status = flow_name_list_copy(&w->columns, columns, n_columns, err);
    if (status == FLOW_OK)
        status = flow_replace_open(&w->common.output, file, "an HDF5 file", err);
    return status == FLOW_OK ? h5_writer_open_file(w, options->keep, err) : status;
}
