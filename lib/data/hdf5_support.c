/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/hdf5_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h5/lock.h"

flow_hdf5_hush flow_hdf5_quiet(void)
{
    flow_hdf5_lock();
    flow_hdf5_hush hush = {0};
    H5Eget_auto2(H5E_DEFAULT, &hush.print, &hush.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return hush;
}

void flow_hdf5_restore(const flow_hdf5_hush *hush)
{
    H5Eset_auto2(H5E_DEFAULT, hush->print, hush->data);
    flow_hdf5_unlock();
}

static herr_t take_innermost(unsigned n, const H5E_error2_t *error, void *text)
{
    if (n == 0)
        snprintf(text, FLOW_ERROR_SIZE / 2, "%s", error->desc);
    return 0;
}

/* "file write failed: time = ..., error message = 'No space left on device', buf = ..." says one thing of interest. */
static void keep_reason(char *reason)
{
    static const char mark[] = "error message = '";
    char *start = strstr(reason, mark), *end = start != NULL ? strchr(start + strlen(mark), '\'') : NULL;
    if (end != NULL) {
        start += strlen(mark);
        memmove(reason, start, (size_t)(end - start));
        reason[end - start] = '\0';
    }
    for (char *c = reason; *c != '\0'; c++)
        *c = *c == '\n' ? ' ' : *c;
}

flow_status flow_hdf5_error(flow_error *err, flow_status code, const char *format, ...)
{
    char reason[FLOW_ERROR_SIZE / 2] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, reason);
    keep_reason(reason);
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    flow_error_setv(err, code, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    if (reason[0] != '\0')
        snprintf(err->message + used, sizeof err->message - used, ": %s (HDF5)", reason);
    return code;
}

bool flow_hdf5_has_signature(const char *file)
{
    return H5Fis_hdf5(file) > 0;
}

hid_t flow_hdf5_open(const char *file, flow_error *err)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
    if (access >= 0)
        H5Pset_file_locking(access, true, true); /* some file systems of clusters have no locks */
#endif
    hid_t id = H5Fopen(file, H5F_ACC_RDONLY, access);
    if (id < 0)
        flow_hdf5_error(err, FLOW_FORMAT, "%s: cannot be opened, the file is damaged, incomplete or in use", file);
    flow_hdf5_close_list(access);
    return id;
}

void flow_hdf5_close_type(hid_t id)
{
    if (id >= 0)
        H5Tclose(id);
}

void flow_hdf5_close_space(hid_t id)
{
    if (id >= 0)
        H5Sclose(id);
}

void flow_hdf5_close_dataset(hid_t id)
{
    if (id >= 0)
        H5Dclose(id);
}

void flow_hdf5_close_object(hid_t id)
{
    if (id >= 0)
        H5Oclose(id);
}

void flow_hdf5_close_list(hid_t id)
{
    if (id >= 0)
        H5Pclose(id);
}

flow_status flow_hdf5_shape_of(flow_hdf5_shape *out, hid_t dataset, flow_error *err)
{
    *out = (flow_hdf5_shape){.rank = -1, .type = H5T_NO_CLASS};
    flow_status status = FLOW_OK;
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    if (space < 0 || type < 0) {
        status = flow_hdf5_error(err, FLOW_FORMAT, "a dataset cannot be understood");
        goto done;
    }
    out->type = H5Tget_class(type);
    if (H5Sget_simple_extent_type(space) == H5S_NULL)
        goto done;
    out->rank = H5Sget_simple_extent_ndims(space);
    if (out->rank < 0 || out->rank > FLOW_HDF5_RANK_MAX ||
        H5Sget_simple_extent_dims(space, out->size, NULL) < 0)
        status = flow_hdf5_error(err, FLOW_FORMAT, "the shape of a dataset cannot be understood");
done:
    flow_hdf5_close_type(type);
    flow_hdf5_close_space(space);
    return status;
}

bool flow_hdf5_is_number(H5T_class_t type)
{
    return type == H5T_INTEGER || type == H5T_FLOAT;
}

void flow_hdf5_describe_shape(char *out, size_t size, const flow_hdf5_shape *shape)
{
    size_t used = 0;
    if (size > 0)
        out[0] = '\0';
    if (shape->rank < 0)
        snprintf(out, size, "(empty)");
    else
        used = (size_t)snprintf(out, size, "(");
    for (int i = 0; i < shape->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%llu", i == 0 ? "" : ", ",
                                 (unsigned long long)shape->size[i]);
    if (shape->rank >= 0 && used < size)
        snprintf(out + used, size - used, ")");
}

const char *flow_hdf5_describe_type(H5T_class_t type)
{
    switch (type) {
    case H5T_INTEGER:
    case H5T_FLOAT:
        return "numbers";
    case H5T_STRING:
        return "text";
    case H5T_COMPOUND:
        return "records";
    case H5T_ENUM:
        return "an enumeration (perhaps true and false)";
    case H5T_ARRAY:
        return "an array";
    case H5T_VLEN:
        return "lists";
    case H5T_REFERENCE:
        return "references";
    default:
        return "no numbers";
    }
}

/* ------------------------------------------------------------------ names */

static flow_status read_fixed(flow_names *names, hid_t attribute, hid_t type, size_t n, flow_error *err)
{
    size_t size = H5Tget_size(type);
    if (size == 0 || size > 1 << 16 || n * size > 1 << 26)
        return flow_error_set(err, FLOW_FORMAT, "its names are too long");
    flow_status status = FLOW_OK;
    char *text = calloc(n, size);
    if (text == NULL)
        status = flow_error_memory(err, "the names of the columns");
    else if (H5Aread(attribute, type, text) < 0)
        status = flow_hdf5_error(err, FLOW_FORMAT, "it cannot be read");
    bool spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    for (size_t i = 0; i < n && status == FLOW_OK; i++) {
        const char *end = memchr(text + i * size, '\0', size);
        size_t length = end != NULL ? (size_t)(end - (text + i * size)) : size;
        while (spaces && length > 0 && text[i * size + length - 1] == ' ')
            length--;
        status = flow_names_add(names, text + i * size, length, err);
    }
    free(text);
    return status;
}

static flow_status read_variable(flow_names *names, hid_t attribute, hid_t type, hid_t space, size_t n, flow_error *err)
{
    flow_status status = FLOW_OK;
    char **texts = calloc(n, sizeof *texts);
    hid_t memory = H5Tcopy(H5T_C_S1);
    if (texts == NULL)
        status = flow_error_memory(err, "the names of the columns");
    else if (memory < 0 || H5Tset_size(memory, H5T_VARIABLE) < 0 || H5Tset_cset(memory, H5Tget_cset(type)) < 0 ||
             H5Aread(attribute, memory, texts) < 0)
        status = flow_hdf5_error(err, FLOW_FORMAT, "it cannot be read");
    for (size_t i = 0; i < n && status == FLOW_OK; i++)
        status = flow_names_add(names, texts[i] != NULL ? texts[i] : "", texts[i] != NULL ? strlen(texts[i]) : 0, err);
    if (texts != NULL && memory >= 0)
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, texts);
    free(texts);
    flow_hdf5_close_type(memory);
    return status;
}

flow_status flow_hdf5_read_names(flow_names *names, hid_t dataset, const char *where, flow_error *err)
{
    if (H5Aexists(dataset, "columns") <= 0)
        return FLOW_OK;
    flow_status status = FLOW_OK;
    hid_t attribute = H5Aopen(dataset, "columns", H5P_DEFAULT);
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    if (attribute < 0 || type < 0 || space < 0) {
        status = flow_hdf5_error(err, FLOW_FORMAT, "it cannot be read");
        goto done;
    }
    hssize_t n = H5Sget_simple_extent_npoints(space);
    if (H5Tget_class(type) != H5T_STRING)
        status = flow_error_set(err, FLOW_FORMAT, "it holds %s and not text",
                                flow_hdf5_describe_type(H5Tget_class(type)));
    else if (n < 1 || n > FLOW_COLUMNS_MAX)
        status = flow_error_set(err, FLOW_FORMAT, "it holds %lld names", (long long)n);
    else if (H5Tis_variable_str(type) > 0)
        status = read_variable(names, attribute, type, space, (size_t)n, err);
    else
        status = read_fixed(names, attribute, type, (size_t)n, err);
done:
    if (attribute >= 0)
        H5Aclose(attribute);
    flow_hdf5_close_type(type);
    flow_hdf5_close_space(space);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: the attribute \"columns\": ", where);
    return status;
}
