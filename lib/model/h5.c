/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/h5.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h5/lock.h"
#include "core/memory.h"
#include "model/file.h"

/* ---- errors ---- */

void flow_h5_begin(flow_h5_scope *scope)
{
    flow_hdf5_lock();
    *scope = (flow_h5_scope){0};
    H5Eget_auto2(H5E_DEFAULT, &scope->report, &scope->context);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void flow_h5_end(const flow_h5_scope *scope)
{
    H5Eclear2(H5E_DEFAULT);
    H5Eset_auto2(H5E_DEFAULT, scope->report, scope->context);
    flow_hdf5_unlock();
}

static herr_t take_innermost(unsigned n, const H5E_error2_t *entry, void *context)
{
    if (n == 0 && entry->desc != NULL)
        snprintf(context, FLOW_ERROR_SIZE / 4, "%s", entry->desc);
    return 0;
}

/* What the library says is the reason of its last failure. */
static flow_status fail_h5(flow_error *err, flow_status code, const char *name, const char *what)
{
    char reason[FLOW_ERROR_SIZE / 4] = "no reason given";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, reason);
    return flow_error_set(err, code, "%s %s (HDF5: %s)", name, what, reason);
}

/* ---- an image in memory ---- */

/* The library's "core" driver asks for memory byte by byte; it gets it in growing pieces. The image stays ours when the
 * file is closed: that is the point of these callbacks. */
static void *image_grow(void *old, size_t size, H5FD_file_image_op_t op, void *context)
{
    flow_h5_image *image = context;
    (void)old;
    (void)op;
    if (size > image->capacity) {
        size_t capacity = size + size / 2 + 65536;
        char *grown = realloc(image->data, capacity);
        if (grown == NULL)
            return NULL;
        image->data = grown;
        image->capacity = capacity;
    }
    image->size = size;
    return image->data;
}

static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *context)
{
    return image_grow(NULL, size, op, context);
}

static herr_t image_keep(void *data, H5FD_file_image_op_t op, void *context)
{
    (void)data;
    (void)op;
    (void)context;
    return 0;
}

static void *image_context(void *context)
{
    return context;
}

static herr_t image_context_free(void *context)
{
    (void)context;
    return 0;
}

/* Objects say nothing about when they were made, so that equal models are equal files. */
static hid_t untimed(hid_t class)
{
    hid_t creation = H5Pcreate(class);
    if (creation >= 0 && H5Pset_obj_track_times(creation, false) < 0) {
        H5Pclose(creation);
        return H5I_INVALID_HID;
    }
    return creation;
}

flow_status flow_h5_image_start(flow_h5_image *image, flow_error *err)
{
    *image = (flow_h5_image){.file = H5I_INVALID_HID};
    H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_malloc,
                                             .image_realloc = image_grow,
                                             .image_free = image_keep,
                                             .udata_copy = image_context,
                                             .udata_free = image_context_free,
                                             .udata = image};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = untimed(H5P_FILE_CREATE);
    /* The 1.8 format: checksummed metadata, and every HDF5 program since 2008 reads it. */
    if (access >= 0 && creation >= 0 && H5Pset_fapl_core(access, 1, 0) >= 0 &&
        H5Pset_file_image_callbacks(access, &callbacks) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && H5Pset_userblock(creation, FLOW_HEAD_SIZE) >= 0)
        image->file = H5Fcreate("flowctl-model", H5F_ACC_TRUNC, creation, access);
    flow_status status = FLOW_OK;
    if (image->file < 0)
        status = fail_h5(err, FLOW_IO, "the model", "cannot be put together");
    H5Pclose(access);
    H5Pclose(creation);
    return status;
}

flow_status flow_h5_image_finish(flow_h5_image *image, flow_error *err)
{
    /* after a flush the image has its final length; closing only settles a few bytes in it */
    herr_t flushed = H5Fflush(image->file, H5F_SCOPE_GLOBAL);
    herr_t closed = H5Fclose(image->file);
    image->file = H5I_INVALID_HID;
    if (flushed < 0 || closed < 0 || image->size <= FLOW_HEAD_SIZE)
        return fail_h5(err, FLOW_IO, "the model", "cannot be put together");
    return FLOW_OK;
}

void flow_h5_image_release(flow_h5_image *image)
{
    if (image->file >= 0)
        H5Fclose(image->file);
    free(image->data);
    *image = (flow_h5_image){.file = H5I_INVALID_HID};
}

flow_status flow_h5_open(hid_t *out, const char *path, flow_error *err)
{
    *out = H5I_INVALID_HID;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0) {
#if H5_VERSION_GE(1, 10, 7)
        /* Files are replaced as a whole, so there is nothing to lock; and some file systems cannot. */
        H5Pset_file_locking(access, false, true);
#endif
        *out = H5Fopen(path, H5F_ACC_RDONLY, access);
    }
    flow_status status = *out < 0 ? fail_h5(err, FLOW_FORMAT, "the file", "cannot be opened") : FLOW_OK;
    H5Pclose(access);
    return status;
}

/* ---- writing ---- */

enum { CHUNK_BYTES = 1 << 20, FEW_VALUES = 64, NAMES_BYTES = 1 << 26 };

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (H5Tset_size(type, size == 0 ? 1 : size) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
        H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static hid_t file_type(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_FLOAT ? H5T_IEEE_F32LE : kind == FLOW_ARRAY_DOUBLE ? H5T_IEEE_F64LE : H5T_STD_I64LE;
}

static hid_t memory_type(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_FLOAT ? H5T_NATIVE_FLOAT : kind == FLOW_ARRAY_DOUBLE ? H5T_NATIVE_DOUBLE
                                                                                   : H5T_NATIVE_INT64;
}

static size_t kind_size(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_FLOAT ? 4 : 8;
}

/* The groups on the way to `path`. */
static herr_t make_groups(hid_t at, const char *path)
{
    char part[FLOW_H5_PATH_SIZE];
    herr_t done = strlen(path) < sizeof part ? 0 : -1;
    hid_t creation = untimed(H5P_GROUP_CREATE);
    for (const char *slash = strchr(path, '/'); done >= 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - path);
        memcpy(part, path, n);
        part[n] = '\0';
        if (H5Lexists(at, part, H5P_DEFAULT) > 0)
            continue;
        hid_t group = H5Gcreate2(at, part, H5P_DEFAULT, creation, H5P_DEFAULT);
        done = group < 0 ? -1 : H5Gclose(group);
    }
    H5Pclose(creation);
    return done;
}

/* Chunked and checksummed when there is a chunk. */
static hid_t create(hid_t at, const char *name, hid_t type, hid_t space, const hsize_t *chunk)
{
    hid_t dataset = H5I_INVALID_HID, creation = untimed(H5P_DATASET_CREATE);
    if (creation >= 0 && make_groups(at, name) >= 0 &&
        (chunk == NULL || (H5Pset_chunk(creation, 2, chunk) >= 0 && H5Pset_fletcher32(creation) >= 0)))
        dataset = H5Dcreate2(at, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Pclose(creation);
    return dataset;
}

static flow_status write_strings(hid_t at, const char *name, const void *data, size_t size, hid_t space, bool attach,
                                 flow_error *err)
{
    flow_status status = FLOW_OK;
    hid_t type = text_type(size);
    hid_t object = attach ? H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT)
                          : create(at, name, type, space, NULL);
    if (object < 0 || (attach ? H5Awrite(object, type, data)
                              : H5Dwrite(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data)) < 0)
        status = fail_h5(err, FLOW_IO, name, "cannot be stored");
    if (attach)
        H5Aclose(object);
    else
        H5Dclose(object);
    H5Tclose(type);
    return status;
}

static flow_status write_text(hid_t at, const char *name, const char *text, bool attach, flow_error *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    flow_status status = write_strings(at, name, text, strlen(text), space, attach, err);
    H5Sclose(space);
    return status;
}

flow_status flow_h5_write_text(hid_t at, const char *name, const char *text, flow_error *err)
{
    return write_text(at, name, text, false, err);
}

flow_status flow_h5_attach_text(hid_t at, const char *name, const char *text, flow_error *err)
{
    return write_text(at, name, text, true, err);
}

flow_status flow_h5_attach_number(hid_t at, const char *name, int64_t value, flow_error *err)
{
    flow_status status = FLOW_OK;
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(at, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_INT64, &value) < 0)
        status = fail_h5(err, FLOW_IO, name, "cannot be stored");
    H5Aclose(attribute);
    H5Sclose(space);
    return status;
}

static flow_status write_names(hid_t at, const char *name, const char *const *names, int n, bool attach,
                               flow_error *err)
{
    size_t width = 1;
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        width = length > width ? length : width;
    }
    size_t bytes = (size_t)n;
    if (!flow_size_mul(&bytes, width) || bytes > NAMES_BYTES)
        return flow_error_set(err, FLOW_DATA, "the names of the columns are too long (the longest has %zu bytes)",
                              width);
    char *table = calloc(bytes + 1, 1);
    if (table == NULL)
        return flow_error_memory(err, name);
    for (int i = 0; i < n; i++)
        memcpy(table + (size_t)i * width, names[i], strlen(names[i]));
    hsize_t dims[1] = {(hsize_t)n};
    hid_t space = H5Screate_simple(1, dims, NULL);
    flow_status status = write_strings(at, name, table, width, space, attach, err);
    H5Sclose(space);
    free(table);
    return status;
}

flow_status flow_h5_write_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err)
{
    return write_names(at, name, names, n, false, err);
}

flow_status flow_h5_attach_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err)
{
    return write_names(at, name, names, n, true, err);
}

flow_status flow_h5_write_array(hid_t at, const flow_array *array, flow_error *err)
{
    size_t most = CHUNK_BYTES / kind_size(array->kind); /* values in a chunk */
    hsize_t dims[2] = {array->rows, array->cols}, chunk[2] = {1, array->cols};
    if (array->cols > most)
        chunk[1] = most;
    else if (array->cols > 0)
        chunk[0] = most / array->cols < array->rows ? most / array->cols : array->rows;
    bool few = array->rows == 0 || array->cols == 0 || (array->rows <= FEW_VALUES && array->cols <= FEW_VALUES &&
                                                        array->rows * array->cols <= FEW_VALUES);
    hid_t space = H5Screate_simple(2, dims, NULL);
    hid_t dataset = create(at, array->name, file_type(array->kind), space, few ? NULL : chunk);
    herr_t written = dataset < 0 ? -1 : 0;
    if (written >= 0 && array->rows > 0 && array->cols > 0)
        written = H5Dwrite(dataset, memory_type(array->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data);
    flow_status status = written < 0 ? fail_h5(err, FLOW_IO, array->name, "cannot be stored") : FLOW_OK;
    H5Dclose(dataset);
    H5Sclose(space);
    return status;
}
