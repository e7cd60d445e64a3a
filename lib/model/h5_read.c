/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model/h5.h"

enum { CHUNK_MOST = 1 << 26, NAMES_MOST = 1 << 26 };

static flow_status fail(flow_error *err, const char *name, const char *what)
{
    return flow_error_set(err, FLOW_FORMAT, "%s %s", name, what);
}

bool flow_h5_exists(hid_t at, const char *path)
{
    char part[FLOW_H5_PATH_SIZE];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return false;
    /* step by step: the library fails on a missing group, and would follow a soft or external link */
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        H5L_info_t link;
        if (H5Lget_info(at, part, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
            return false;
    }
    return true;
}

/* ---- what is about to be read ---- */

typedef struct extent {
    int rank;
    hsize_t dims[2];
} extent;

static flow_status get_extent(extent *out, hid_t space, const char *name, flow_error *err)
{
    *out = (extent){.rank = H5Sget_simple_extent_ndims(space), .dims = {1, 1}};
    H5S_class_t kind = H5Sget_simple_extent_type(space);
    if ((kind != H5S_SCALAR && kind != H5S_SIMPLE) || out->rank < 0 || out->rank > 2 ||
        H5Sget_simple_extent_dims(space, out->dims, NULL) != out->rank)
        return fail(err, name, "does not have the shape of anything in a model");
    return FLOW_OK;
}

/* Whether a dataset of `bytes` bytes is stored plainly and in full: what is claimed but not stored would be invented.
 */
static flow_status check_storage(hid_t dataset, const char *name, size_t value_size, size_t bytes, flow_error *err)
{
    hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0)
        return fail(err, name, "is damaged");
    bool plain = true;
    H5D_layout_t layout = H5Pget_layout(creation);
    if (layout == H5D_CHUNKED) {
        hsize_t chunk[2] = {1, 1};
        size_t size = value_size;
        int rank = H5Pget_chunk(creation, 2, chunk);
        plain = rank >= 1 && rank <= 2 && chunk[0] <= CHUNK_MOST && chunk[1] <= CHUNK_MOST &&
                flow_size_mul(&size, (size_t)chunk[0]) && flow_size_mul(&size, (size_t)chunk[1]) && size <= CHUNK_MOST;
    } else {
        plain = (layout == H5D_CONTIGUOUS || layout == H5D_COMPACT) && H5Pget_external_count(creation) == 0;
    }
    int n_filters = H5Pget_nfilters(creation);
    for (int i = 0; i < n_filters; i++) {
        unsigned flags, config;
        size_t n_values = 0;
        plain = plain && H5Pget_filter2(creation, (unsigned)i, &flags, &n_values, NULL, 0, NULL, &config) ==
                             H5Z_FILTER_FLETCHER32;
    }
    H5Pclose(creation);
    if (n_filters < 0 || !plain)
        return fail(err, name, "is not stored the way models are");
    if (H5Dget_storage_size(dataset) < bytes)
        return fail(err, name, "is not complete");
    return FLOW_OK;
}

static flow_status open_dataset(hid_t *out, hid_t at, const char *name, flow_error *err)
{
    *out = H5I_INVALID_HID;
    if (!flow_h5_exists(at, name))
        return fail(err, name, "is missing");
    *out = H5Dopen2(at, name, H5P_DEFAULT);
    return *out < 0 ? fail(err, name, "cannot be opened as a dataset") : FLOW_OK;
}

/* ---- texts and names ---- */

/* Reads n texts of `width` bytes into *out (n * width + 1 bytes). `what` is the dataset or the attribute. */
typedef struct strings {
    char *data; /* owned */
    size_t n, width;
    int rank;
} strings;

static flow_status read_strings(strings *out, hid_t what, bool attached, const char *name, size_t most, flow_error *err)
{
    *out = (strings){0};
    flow_status status = FLOW_OK;
    hid_t type = attached ? H5Aget_type(what) : H5Dget_type(what);
    hid_t space = attached ? H5Aget_space(what) : H5Dget_space(what);
    hid_t memory = H5I_INVALID_HID;
    extent shape;
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0) {
        status = fail(err, name, "is not a text");
        goto done;
    }
    status = get_extent(&shape, space, name, err);
    if (status != FLOW_OK)
        goto done;
    out->rank = shape.rank;
    out->width = H5Tget_size(type);
    out->n = shape.dims[0] <= most ? (size_t)shape.dims[0] : most + 1;
    size_t bytes = out->n;
    if (shape.rank > 1 || out->width == 0 || !flow_size_mul(&bytes, out->width) || bytes > most) {
        status = fail(err, name, "is larger than anything of its kind");
        goto done;
    }
    if (!attached)
        status = check_storage(what, name, out->width, bytes, err);
    else if (H5Aget_storage_size(what) < bytes)
        status = fail(err, name, "is not complete");
    if (status != FLOW_OK)
        goto done;
    out->data = calloc(bytes + 1, 1);
    if (out->data == NULL) {
        status = flow_error_memory(err, name);
        goto done;
    }
    memory = H5Tcopy(type); /* the same layout, so that nothing is converted */
    if (memory < 0 || (attached ? H5Aread(what, memory, out->data)
                                : H5Dread(what, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data)) < 0)
        status = fail(err, name, "cannot be read");
done:
    if (memory >= 0)
        H5Tclose(memory);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (status != FLOW_OK) {
        free(out->data);
        out->data = NULL;
    }
    return status;
}

static flow_status as_text(char **out, strings *found, const char *name, flow_error *err)
{
    if (found->rank != 0) {
        free(found->data);
        return fail(err, name, "is not a single text");
    }
    *out = found->data;
    return FLOW_OK;
}

static flow_status as_names(char ***out, int *n, const strings *found, const char *name, int most, flow_error *err)
{
    if (found->rank != 1 || found->n < 1 || found->n > (size_t)most)
        return fail(err, name, "is not a list of names");
    size_t count = found->n, width = found->width;
    char **names = malloc(count * sizeof *names + count * (width + 1)); /* the bound on count * width holds this */
    if (names == NULL)
        return flow_error_memory(err, name);
    char *place = (char *)(names + count);
    for (size_t i = 0; i < count; i++) {
        names[i] = place;
        memcpy(place, found->data + i * width, width);
        place[width] = '\0';
        place += width + 1;
    }
    *out = names;
    *n = (int)count;
    return FLOW_OK;
}

static flow_status strings_of_dataset(strings *out, hid_t at, const char *name, size_t most, flow_error *err)
{
    hid_t dataset;
    flow_status status = open_dataset(&dataset, at, name, err);
    if (status != FLOW_OK)
        return status;
    status = read_strings(out, dataset, false, name, most, err);
    H5Dclose(dataset);
    return status;
}

static flow_status strings_of_attribute(strings *out, hid_t at, const char *name, size_t most, flow_error *err)
{
    if (H5Aexists(at, name) <= 0)
        return fail(err, name, "is missing");
    hid_t attribute = H5Aopen(at, name, H5P_DEFAULT);
    if (attribute < 0)
        return fail(err, name, "cannot be read");
    flow_status status = read_strings(out, attribute, true, name, most, err);
    H5Aclose(attribute);
    return status;
}

flow_status flow_h5_read_text(char **out, hid_t at, const char *name, size_t most, flow_error *err)
{
    *out = NULL;
    strings found;
    flow_status status = strings_of_dataset(&found, at, name, most, err);
    return status == FLOW_OK ? as_text(out, &found, name, err) : status;
}

flow_status flow_h5_attached_text(char **out, hid_t at, const char *name, size_t most, flow_error *err)
{
    *out = NULL;
    strings found;
    flow_status status = strings_of_attribute(&found, at, name, most, err);
    return status == FLOW_OK ? as_text(out, &found, name, err) : status;
}

flow_status flow_h5_attached_number(int64_t *out, hid_t at, const char *name, flow_error *err)
{
    *out = 0;
    if (H5Aexists(at, name) <= 0)
        return fail(err, name, "is missing");
    hid_t attribute = H5Aopen(at, name, H5P_DEFAULT);
    hid_t type = attribute < 0 ? H5I_INVALID_HID : H5Aget_type(attribute);
    hid_t space = attribute < 0 ? H5I_INVALID_HID : H5Aget_space(attribute);
    flow_status status = FLOW_OK;
    if (type < 0 || space < 0 || H5Tequal(type, H5T_STD_I64LE) <= 0 ||
        H5Sget_simple_extent_type(space) != H5S_SCALAR || H5Aread(attribute, H5T_NATIVE_INT64, out) < 0)
        status = fail(err, name, "is not a whole number");
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (attribute >= 0)
        H5Aclose(attribute);
    return status;
}

flow_status flow_h5_read_names(char ***out, int *n, hid_t at, const char *name, int most, flow_error *err)
{
    *out = NULL;
    strings found;
    flow_status status = strings_of_dataset(&found, at, name, NAMES_MOST, err);
    if (status != FLOW_OK)
        return status;
    status = as_names(out, n, &found, name, most, err);
    free(found.data);
    return status;
}

flow_status flow_h5_attached_names(char ***out, int *n, hid_t at, const char *name, int most, flow_error *err)
{
    *out = NULL;
    strings found;
    flow_status status = strings_of_attribute(&found, at, name, NAMES_MOST, err);
    if (status != FLOW_OK)
        return status;
    status = as_names(out, n, &found, name, most, err);
    free(found.data);
    return status;
}

/* ---- numbers ---- */

static bool kind_of(flow_array_kind *out, hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    bool known = true;
    if (type < 0)
        return false;
    if (H5Tequal(type, H5T_IEEE_F32LE) > 0)
        *out = FLOW_ARRAY_FLOAT;
    else if (H5Tequal(type, H5T_IEEE_F64LE) > 0)
        *out = FLOW_ARRAY_DOUBLE;
    else if (H5Tequal(type, H5T_STD_I64LE) > 0)
        *out = FLOW_ARRAY_INT64;
    else
        known = false;
    H5Tclose(type);
    return known;
}

static flow_status look(flow_array *out, hid_t dataset, const char *name, flow_error *err)
{
    *out = (flow_array){.name = name};
    if (!kind_of(&out->kind, dataset))
        return fail(err, name, "does not hold numbers of a kind that models have");
    hid_t space = H5Dget_space(dataset);
    if (space < 0)
        return fail(err, name, "is damaged");
    extent shape;
    flow_status status = get_extent(&shape, space, name, err);
    H5Sclose(space);
    if (status != FLOW_OK)
        return status;
    size_t value_size = out->kind == FLOW_ARRAY_FLOAT ? 4 : 8, bytes = value_size;
    if (shape.rank != 2 || !flow_size_mul(&bytes, (size_t)shape.dims[0]) ||
        !flow_size_mul(&bytes, (size_t)shape.dims[1]))
        return fail(err, name, "is not a table of numbers");
    out->rows = (size_t)shape.dims[0];
    out->cols = (size_t)shape.dims[1];
    return check_storage(dataset, name, value_size, bytes, err);
}

flow_status flow_h5_look(flow_array *out, hid_t at, const char *name, flow_error *err)
{
    hid_t dataset;
    flow_status status = open_dataset(&dataset, at, name, err);
    if (status != FLOW_OK)
        return status;
    status = look(out, dataset, name, err);
    H5Dclose(dataset);
    return status;
}

flow_status flow_h5_read_array(const flow_array *array, hid_t at, bool exact, flow_error *err)
{
    static const char *const kinds[] = {"floats", "doubles", "whole numbers"};
    hid_t dataset;
    flow_status status = open_dataset(&dataset, at, array->name, err);
    if (status != FLOW_OK)
        return status;
    flow_array found;
    status = look(&found, dataset, array->name, err);
    if (status != FLOW_OK)
        goto done;
    if (found.rows != array->rows || found.cols != array->cols) {
        status = flow_error_set(err, FLOW_FORMAT, "%s is %zu x %zu, where the spec makes it %zu x %zu", array->name,
                                found.rows, found.cols, array->rows, array->cols);
        goto done;
    }
    bool whole = array->kind == FLOW_ARRAY_INT64;
    if (found.kind != array->kind && (exact || whole || found.kind == FLOW_ARRAY_INT64)) {
        status = flow_error_set(err, FLOW_FORMAT, "%s holds %s, and %s are needed", array->name, kinds[found.kind],
                                kinds[array->kind]);
        goto done;
    }
    hid_t type = whole ? H5T_NATIVE_INT64 : array->kind == FLOW_ARRAY_FLOAT ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
    if (array->rows > 0 && array->cols > 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data) < 0)
        status = fail(err, array->name, "cannot be read");
done:
    H5Dclose(dataset);
    return status;
}
