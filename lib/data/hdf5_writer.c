/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/hdf5_support.h"
#include "data/hdf5_update.h"
#include "data/writer_impl.h"

enum { CHUNK_BYTES = 1 << 18, SMALL_ATTRIBUTE = 1 << 11 };

typedef struct hdf5_writer {
    flow_writer common;
    hid_t file, dataset; /* the dataset is made when the first chunk is full, or at the end */
    char *path;
    flow_names columns;
    double *buffer; /* (chunk_rows, d) */
    size_t chunk_rows, n_buffered;
    hsize_t n_written;
} hdf5_writer;

static flow_status fail(const hdf5_writer *w, flow_error *err, const char *what)
{
    return flow_hdf5_error(err, FLOW_IO, "%s: %s cannot be written", w->common.output.name, what);
}

/* Fixed-length strings, because those stand under the checksum of the dataset's header; strings of variable length lie
 * in a heap which has none. */
static flow_status write_names(hdf5_writer *w, flow_error *err)
{
    flow_status status = FLOW_OK;
    size_t n = (size_t)w->columns.n, longest = 1;
    for (size_t i = 0; i < n; i++)
        longest = strlen(w->columns.at[i]) > longest ? strlen(w->columns.at[i]) : longest;
    hsize_t size = (hsize_t)n;
    char *text = calloc(n, longest);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &size, NULL), attribute = -1;
    bool good = type >= 0 && space >= 0 && H5Tset_size(type, longest) >= 0 &&
                H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0;
    for (size_t i = 0; i < n && text != NULL; i++)
        memcpy(text + i * longest, w->columns.at[i], strlen(w->columns.at[i]));
    if (good)
        attribute = H5Acreate2(w->dataset, "columns", type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (text == NULL)
        status = flow_error_memory(err, "the names of the columns");
    else if (attribute < 0 || H5Awrite(attribute, type, text) < 0)
        status = fail(w, err, "the names of the columns");
    if (attribute >= 0 && H5Aclose(attribute) < 0 && status == FLOW_OK)
        status = fail(w, err, "the names of the columns");
    flow_hdf5_close_space(space);
    flow_hdf5_close_type(type);
    free(text);
    return status;
}

/* The groups on the way to the table, which have no times in them either. */
static bool make_groups(const hdf5_writer *w)
{
    char *path = flow_strdup(w->path);
    hid_t list = H5Pcreate(H5P_GROUP_CREATE);
    bool good = path != NULL && list >= 0 && H5Pset_obj_track_times(list, false) >= 0;
    for (char *c = path; good && (c = strchr(c + 1, '/')) != NULL; ) {
        *c = '\0';
        hid_t group = H5Oopen(w->file, path, H5P_DEFAULT);
        if (group < 0)
            group = H5Gcreate2(w->file, path, H5P_DEFAULT, list, H5P_DEFAULT);
        good = group >= 0;
        flow_hdf5_close_object(group);
        *c = '/';
    }
    flow_hdf5_close_list(list);
    free(path);
    return good;
}

static flow_status make_dataset(hdf5_writer *w, hsize_t chunk_rows, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t d = (hsize_t)w->common.n_columns;
    hsize_t size[2] = {0, d}, most[2] = {H5S_UNLIMITED, d}, chunk[2] = {chunk_rows, d};
    hid_t space = H5Screate_simple(2, size, most);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    bool good = space >= 0 && list >= 0 && H5Pset_chunk(list, 2, chunk) >= 0 && H5Pset_fletcher32(list) >= 0 &&
                H5Pset_obj_track_times(list, false) >= 0 && make_groups(w);
    if (good && d > SMALL_ATTRIBUTE) /* the header of a dataset holds 64 kB: put the names beside it */
        good = H5Pset_attr_phase_change(list, 0, 0) >= 0;
    if (good)
        w->dataset = H5Dcreate2(w->file, w->path, w->common.as_float ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, space,
                                H5P_DEFAULT, list, H5P_DEFAULT);
    if (w->dataset < 0)
        status = fail(w, err, w->path);
    else
        status = write_names(w, err);
    flow_hdf5_close_list(list);
    flow_hdf5_close_space(space);
    return status;
}

/* Appends what is in the buffer. */
static flow_status flush(hdf5_writer *w, flow_error *err)
{
    hsize_t d = (hsize_t)w->common.n_columns, n = w->n_buffered;
    if (n == 0)
        return FLOW_OK;
    flow_status status = FLOW_OK;
    hsize_t size[2] = {w->n_written + n, d}, start[2] = {w->n_written, 0}, count[2] = {n, d};
    hid_t memory = H5Screate_simple(2, count, NULL), space = -1;
    bool good = memory >= 0 && H5Dset_extent(w->dataset, size) >= 0;
    if (good)
        space = H5Dget_space(w->dataset);
    good = good && space >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dwrite(w->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, w->buffer) >= 0;
    if (!good)
        status = fail(w, err, w->path);
    flow_hdf5_close_space(space);
    flow_hdf5_close_space(memory);
    w->n_written += n;
    w->n_buffered = 0;
    return status;
}

/* Ends the present table. A table that is smaller than a chunk gets a chunk of its size. */
static flow_status end_table(hdf5_writer *w, flow_error *err)
{
    flow_status status = FLOW_OK;
    if (w->dataset < 0)
        status = make_dataset(w, w->n_buffered > 0 ? w->n_buffered : w->chunk_rows, err);
    if (status == FLOW_OK)
        status = flush(w, err);
    hid_t dataset = w->dataset;
    w->dataset = -1;
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == FLOW_OK)
        status = fail(w, err, w->path);
    return status;
}

static flow_status hdf5_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    hdf5_writer *w = (hdf5_writer *)writer;
    size_t d = (size_t)writer->n_columns;
    flow_status status = FLOW_OK;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    while (n_rows > 0 && status == FLOW_OK) {
        size_t room = w->chunk_rows - w->n_buffered, m = n_rows < room ? n_rows : room;
        memcpy(w->buffer + w->n_buffered * d, rows, m * d * sizeof *rows);
        w->n_buffered += m;
        rows += m * d;
        n_rows -= m;
        if (w->n_buffered == w->chunk_rows && w->dataset < 0)
            status = make_dataset(w, w->chunk_rows, err);
        if (w->n_buffered == w->chunk_rows && status == FLOW_OK)
            status = flush(w, err);
    }
    flow_hdf5_restore(&hush);
    return status;
}

static flow_status set_path(hdf5_writer *w, const char *path, flow_error *err)
{
    free(w->path);
    w->path = flow_strdup(path);
    return w->path != NULL ? FLOW_OK : flow_error_memory(err, "an HDF5 writer");
}

static flow_status hdf5_writer_begin(flow_writer *writer, const char *path, flow_error *err)
{
    hdf5_writer *w = (hdf5_writer *)writer;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_status status = end_table(w, err);
    flow_hdf5_restore(&hush);
    w->n_written = 0;
    return status == FLOW_OK ? set_path(w, path, err) : status;
}

static flow_status hdf5_writer_finish(flow_writer *writer, flow_error *err)
{
    hdf5_writer *w = (hdf5_writer *)writer;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_status status = end_table(w, err);
    if (status == FLOW_OK && H5Fflush(w->file, H5F_SCOPE_GLOBAL) < 0)
        status = fail(w, err, "the file");
    hid_t file = w->file;
    w->file = -1;
    if (H5Fclose(file) < 0 && status == FLOW_OK)
        status = fail(w, err, "the file");
    flow_hdf5_restore(&hush);
    return status == FLOW_OK ? flow_output_commit(&writer->output, err) : status;
}

static void hdf5_writer_release(flow_writer *writer)
{
    hdf5_writer *w = (hdf5_writer *)writer;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_hdf5_close_dataset(w->dataset);
    if (w->file >= 0)
        H5Fclose(w->file);
    flow_hdf5_restore(&hush);
    flow_names_free(&w->columns);
    free(w->path);
    free(w->buffer);
}

static const flow_writer_type hdf5_writer_type = {hdf5_writer_write, hdf5_writer_begin, hdf5_writer_finish,
                                                  hdf5_writer_release};

/* Nothing in a new file depends on when it was written. */
static flow_status open_file(hdf5_writer *w, bool keep, flow_error *err)
{
    flow_output *output = &w->common.output;
    flow_status status = FLOW_OK;
    bool update = false;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    bool good = creation >= 0 && access >= 0 && H5Pset_obj_track_times(creation, false) >= 0 &&
                H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST) >= 0;
#if H5_VERSION_GE(1, 10, 7)
    good = good && H5Pset_file_locking(access, true, true) >= 0; /* some file systems of clusters have no locks */
#endif
    if (good && keep)
        status = flow_hdf5_update(&update, output, w->path, access, err);
    if (good && status == FLOW_OK)
        w->file = update ? H5Fopen(output->temporary, H5F_ACC_RDWR, access)
                         : H5Fcreate(output->temporary, H5F_ACC_TRUNC, creation, access);
    if (status == FLOW_OK && w->file < 0)
        status = fail(w, err, "the file");
    flow_hdf5_close_list(access);
    flow_hdf5_close_list(creation);
    flow_hdf5_restore(&hush);
    return status;
}

flow_status flow_hdf5_writer_open(flow_writer **out, const flow_location *location, const char *const *columns,
                                  int n_columns, const flow_writer_options *options, flow_error *err)
{
    bool as_float = options->as_float;
    hdf5_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return flow_error_memory(err, "an HDF5 writer");
    *out = &w->common;
    w->common = (flow_writer){.type = &hdf5_writer_type, .n_columns = n_columns, .as_float = as_float};
    w->file = w->dataset = -1;
    size_t row_bytes = (size_t)n_columns * (as_float ? sizeof(float) : sizeof(double));
    w->chunk_rows = CHUNK_BYTES / row_bytes > 0 ? CHUNK_BYTES / row_bytes : 1;
    w->buffer = malloc(w->chunk_rows * (size_t)n_columns * sizeof *w->buffer);
    flow_status status = set_path(w, location->path != NULL ? location->path : "/data", err);
    if (w->buffer == NULL)
        status = flow_error_memory(err, "an HDF5 writer");
    for (int i = 0; i < n_columns && status == FLOW_OK; i++)
        status = flow_names_add(&w->columns, columns[i], strlen(columns[i]), err);
    if (status == FLOW_OK)
        status = flow_output_open(&w->common.output, location->file, true, err);
    return status == FLOW_OK ? open_file(w, options->keep, err) : status;
}
