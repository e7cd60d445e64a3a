/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/array.h"

#include <stdint.h>

#include "core/memory.h"
#include "h5/check.h"
#include "h5/object.h"
#include "h5/scope.h"

enum { CHUNK_BYTES = 1 << 20, FEW_VALUES = 64 };

static size_t array_value_size(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_FLOAT ? 4 : 8;
}

static hid_t array_file_type(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_FLOAT ? H5T_IEEE_F32LE : kind == FLOW_ARRAY_DOUBLE ? H5T_IEEE_F64LE : H5T_STD_I64LE;
}

static hid_t array_memory_type(flow_array_kind kind)
{
    return kind == FLOW_ARRAY_FLOAT ? H5T_NATIVE_FLOAT : kind == FLOW_ARRAY_DOUBLE ? H5T_NATIVE_DOUBLE
                                                                                   : H5T_NATIVE_INT64;
}

/* ---- writing ---- */

/* Rows and columns of a chunk, which has at most CHUNK_BYTES bytes. */
static void array_chunk(hsize_t chunk[2], const flow_array *array)
{
    size_t most = CHUNK_BYTES / array_value_size(array->kind);
    chunk[0] = 1;
    chunk[1] = array->cols;
    if (array->cols > most)
        chunk[1] = most;
    else if (array->cols > 0)
        chunk[0] = most / array->cols < array->rows ? most / array->cols : array->rows;
}

flow_status flow_h5_write_array(hid_t at, const flow_array *array, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t dims[2] = {array->rows, array->cols}, chunk[2];
    array_chunk(chunk, array);
    bool empty = array->rows == 0 || array->cols == 0;
    bool few = empty || (array->rows <= FEW_VALUES && array->cols <= FEW_VALUES / array->rows);
    hid_t space = H5Screate_simple(2, dims, NULL), creation = flow_h5_untimed(H5P_DATASET_CREATE), dataset = -1;
    if (creation >= 0 && flow_h5_make_groups(at, array->name) &&
        (few || (H5Pset_chunk(creation, 2, chunk) >= 0 && H5Pset_fletcher32(creation) >= 0)))
        dataset = H5Dcreate2(at, array->name, array_file_type(array->kind), space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (dataset < 0 || (!empty && H5Dwrite(dataset, array_memory_type(array->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                           array->data) < 0))
        status = flow_h5_error(err, FLOW_IO, "%s cannot be written", array->name);
    if (!flow_h5_close(dataset) && status == FLOW_OK)
        status = flow_h5_error(err, FLOW_IO, "%s cannot be written", array->name);
    flow_h5_close(creation);
    flow_h5_close(space);
    return status;
}

/* ---- reading ---- */

static bool array_kind_of(flow_array_kind *out, hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    bool known = false;
    for (flow_array_kind kind = FLOW_ARRAY_FLOAT; kind <= FLOW_ARRAY_INT64 && type >= 0 && !known; kind++) {
        known = H5Tequal(type, array_file_type(kind)) > 0;
        *out = kind;
    }
    flow_h5_close(type);
    return known;
}

static flow_status array_look(flow_array *out, hid_t dataset, const char *name, flow_error *err)
{
    *out = (flow_array){.name = name};
    if (!array_kind_of(&out->kind, dataset))
        return flow_error_set(err, FLOW_FORMAT, "%s does not hold numbers of float, double or 64-bit integers", name);
    flow_h5_shape shape;
    FLOW_TRY(flow_h5_shape_of(&shape, dataset, err));
    size_t value_size = array_value_size(out->kind), bytes = 8, stored;
    if (shape.rank != 2 || shape.size[0] > SIZE_MAX || shape.size[1] > SIZE_MAX ||
        !flow_size_mul(&bytes, (size_t)shape.size[0]) || !flow_size_mul(&bytes, (size_t)shape.size[1]))
        return flow_error_set(err, FLOW_FORMAT, "%s is not a table of numbers", name);
    out->rows = (size_t)shape.size[0];
    out->cols = (size_t)shape.size[1];
    stored = out->rows * out->cols * value_size;
    return flow_h5_check_storage(dataset, name, value_size, stored, err);
}

flow_status flow_h5_look(flow_array *out, hid_t at, const char *name, flow_error *err)
{
    hid_t dataset;
    flow_status status = flow_h5_open_dataset(&dataset, at, name, err);
    if (status == FLOW_OK)
        status = array_look(out, dataset, name, err);
    flow_h5_close(dataset);
    return status;
}

flow_status flow_h5_read_array(const flow_array *array, hid_t at, bool exact, flow_error *err)
{
    static const char *const kinds[] = {"floats", "doubles", "whole numbers"};
    hid_t dataset;
    flow_array found = {0};
    flow_status status = flow_h5_open_dataset(&dataset, at, array->name, err);
    if (status == FLOW_OK)
        status = array_look(&found, dataset, array->name, err);
    bool whole = array->kind == FLOW_ARRAY_INT64 || found.kind == FLOW_ARRAY_INT64;
    if (status == FLOW_OK && (found.rows != array->rows || found.cols != array->cols))
        status = flow_error_set(err, FLOW_FORMAT, "%s is %zu x %zu, and %zu x %zu is needed", array->name, found.rows,
                                found.cols, array->rows, array->cols);
    if (status == FLOW_OK && found.kind != array->kind && (exact || whole))
        status = flow_error_set(err, FLOW_FORMAT, "%s holds %s, and %s are needed", array->name, kinds[found.kind],
                                kinds[array->kind]);
    if (status == FLOW_OK && array->rows > 0 && array->cols > 0 &&
        H5Dread(dataset, array_memory_type(array->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data) < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "%s cannot be read", array->name);
    flow_h5_close(dataset);
    return status;
}
