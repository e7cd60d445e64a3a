/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/text.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "h5/check.h"
#include "h5/object.h"
#include "h5/scope.h"

enum { NAMES_BYTES = 1 << 26 }; /* of a list of names */

/* ---- writing ---- */

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (H5Tset_size(type, size == 0 ? 1 : size) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 &&
        H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
        return type;
    flow_h5_close(type);
    return H5I_INVALID_HID;
}

static hid_t text_create(hid_t at, const char *name, hid_t type, hid_t space, bool is_attribute)
{
    if (is_attribute)
        return H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    hid_t creation = flow_h5_untimed(H5P_DATASET_CREATE), dataset = H5I_INVALID_HID;
    if (creation >= 0 && flow_h5_make_groups(at, name))
        dataset = H5Dcreate2(at, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    flow_h5_close(creation);
    return dataset;
}

/* Strings of `size` bytes, as many as the space has points. */
static flow_status text_write(hid_t at, const char *name, const void *data, size_t size, hid_t space, bool is_attribute,
                              flow_error *err)
{
    flow_status status = FLOW_OK;
    hid_t type = text_type(size), object = text_create(at, name, type, space, is_attribute);
    if (object < 0 || (is_attribute ? H5Awrite(object, type, data)
                                    : H5Dwrite(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data)) < 0)
        status = flow_h5_error(err, FLOW_IO, "%s cannot be written", name);
    if (!flow_h5_close(object) && status == FLOW_OK)
        status = flow_h5_error(err, FLOW_IO, "%s cannot be written", name);
    flow_h5_close(type);
    return status;
}

static flow_status text_write_one(hid_t at, const char *name, const char *text, bool is_attribute, flow_error *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    flow_status status = text_write(at, name, text, strlen(text), space, is_attribute, err);
    flow_h5_close(space);
    return status;
}

flow_status flow_h5_write_text(hid_t at, const char *name, const char *text, flow_error *err)
{
    return text_write_one(at, name, text, false, err);
}

flow_status flow_h5_attr_write_text(hid_t at, const char *name, const char *text, flow_error *err)
{
    return text_write_one(at, name, text, true, err);
}

flow_status flow_h5_attr_write_number(hid_t at, const char *name, int64_t value, flow_error *err)
{
    flow_status status = FLOW_OK;
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(at, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_INT64, &value) < 0)
        status = flow_h5_error(err, FLOW_IO, "%s cannot be written", name);
    flow_h5_close(attribute);
    flow_h5_close(space);
    return status;
}

static flow_status text_write_names(hid_t at, const char *name, const char *const *names, int n, bool is_attribute,
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
    hsize_t size = (hsize_t)n;
    hid_t space = H5Screate_simple(1, &size, NULL);
    flow_status status = text_write(at, name, table, width, space, is_attribute, err);
    flow_h5_close(space);
    free(table);
    return status;
}

flow_status flow_h5_write_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err)
{
    return text_write_names(at, name, names, n, false, err);
}

flow_status flow_h5_attr_write_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err)
{
    return text_write_names(at, name, names, n, true, err);
}

/* ---- reading ---- */

/* n strings of `width` bytes, side by side; what a string does not need of its width is zero. */
typedef struct h5_strings {
    char *data; /* owned, n * width + 1 bytes */
    size_t n, width;
    int rank;
} h5_strings;

static herr_t text_read_raw(hid_t object, hid_t type, void *data)
{
    return H5Iget_type(object) == H5I_ATTR ? H5Aread(object, type, data)
                                           : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
}

static flow_status text_allocate(h5_strings *s, const char *name, size_t most_bytes, flow_error *err)
{
    size_t bytes = s->n;
    if (!flow_size_mul(&bytes, s->width) || bytes > most_bytes)
        return flow_error_set(err, FLOW_FORMAT, "%s is too long", name);
    s->data = calloc(bytes + 1, 1);
    return s->data != NULL ? FLOW_OK : flow_error_memory(err, name);
}

static flow_status text_read_fixed(h5_strings *s, hid_t object, hid_t type, const char *name, size_t most_bytes,
                                   flow_error *err)
{
    s->width = H5Tget_size(type);
    if (s->width == 0)
        return flow_error_set(err, FLOW_FORMAT, "%s is damaged", name);
    flow_status status = text_allocate(s, name, most_bytes, err);
    if (status != FLOW_OK)
        return status;
    if (H5Iget_type(object) != H5I_ATTR)
        status = flow_h5_check_storage(object, name, s->width, s->n * s->width, err);
    else if (H5Aget_storage_size(object) < s->n * s->width)
        status = flow_error_set(err, FLOW_FORMAT, "%s is not complete", name);
    if (status == FLOW_OK && text_read_raw(object, type, s->data) < 0) /* the same type: nothing is converted */
        status = flow_h5_error(err, FLOW_FORMAT, "%s cannot be read", name);
    bool spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    for (size_t i = 0; i < s->n && spaces && status == FLOW_OK; i++)
        for (size_t k = s->width; k > 0 && s->data[i * s->width + k - 1] == ' '; k--)
            s->data[i * s->width + k - 1] = '\0';
    return status;
}

static flow_status text_copy(h5_strings *s, char *const *texts, const char *name, size_t most_bytes, flow_error *err)
{
    s->width = 1;
    for (size_t i = 0; i < s->n; i++) {
        size_t length = texts[i] != NULL ? strlen(texts[i]) : 0;
        s->width = length > s->width ? length : s->width;
    }
    flow_status status = text_allocate(s, name, most_bytes, err);
    for (size_t i = 0; i < s->n && status == FLOW_OK; i++)
        if (texts[i] != NULL)
            memcpy(s->data + i * s->width, texts[i], strlen(texts[i]));
    return status;
}

static flow_status text_read_variable(h5_strings *s, hid_t object, hid_t type, const char *name, size_t most_bytes,
                                      flow_error *err)
{
    flow_status status = FLOW_OK;
    char **texts = calloc(s->n + 1, sizeof *texts);
    hid_t space = flow_h5_space_of(object);
    if (texts == NULL)
        status = flow_error_memory(err, name);
    else if (space < 0 || text_read_raw(object, type, texts) < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "%s cannot be read", name);
    if (status == FLOW_OK)
        status = text_copy(s, texts, name, most_bytes, err);
    if (texts != NULL && space >= 0)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    flow_h5_close(space);
    free(texts);
    return status;
}

/* At most `most` strings, of at most `most_bytes` bytes together. */
static flow_status text_read(h5_strings *out, hid_t object, const char *name, size_t most, size_t most_bytes,
                             bool foreign, flow_error *err)
{
    *out = (h5_strings){.n = 1};
    flow_h5_shape shape;
    flow_status status = flow_h5_shape_of(&shape, object, err);
    if (status != FLOW_OK)
        return status;
    if (shape.type != H5T_STRING)
        return flow_error_set(err, FLOW_FORMAT, "%s is not a text; it holds %s", name,
                              flow_h5_describe_type(shape.type));
    out->rank = shape.rank;
    for (int i = 0; i < shape.rank; i++)
        if (shape.size[i] > most || !flow_size_mul(&out->n, (size_t)shape.size[i]) || out->n > most)
            return flow_error_set(err, FLOW_FORMAT, "%s holds more than %zu texts", name, most);
    if (shape.rank < 0 || shape.rank > (foreign ? 2 : 1) || out->n == 0)
        return flow_error_set(err, FLOW_FORMAT, "%s holds no texts, or has too many dimensions", name);
    hid_t type = flow_h5_type_of(object);
    bool is_variable = H5Tis_variable_str(type) != 0;
    if (is_variable && !foreign)
        status = flow_error_set(err, FLOW_FORMAT, "%s is not a text of fixed length", name);
    else if (is_variable)
        status = text_read_variable(out, object, type, name, most_bytes, err);
    else
        status = text_read_fixed(out, object, type, name, most_bytes, err);
    flow_h5_close(type);
    if (status != FLOW_OK) {
        free(out->data);
        out->data = NULL;
    }
    return status;
}

static flow_status text_open_attribute(hid_t *out, hid_t at, const char *name, flow_error *err)
{
    *out = H5I_INVALID_HID;
    if (H5Aexists(at, name) <= 0)
        return flow_error_set(err, FLOW_FORMAT, "%s is missing", name);
    *out = H5Aopen(at, name, H5P_DEFAULT);
    return *out >= 0 ? FLOW_OK : flow_h5_error(err, FLOW_FORMAT, "%s cannot be read", name);
}

/* A single text of a dataset or an attribute, which is closed. */
static flow_status text_take_one(char **out, hid_t object, const char *name, size_t most_bytes, flow_error *err)
{
    h5_strings found;
    flow_status status = text_read(&found, object, name, 1, most_bytes, false, err);
    flow_h5_close(object);
    if (status == FLOW_OK && found.rank != 0) {
        free(found.data);
        return flow_error_set(err, FLOW_FORMAT, "%s is a list and not a single text", name);
    }
    *out = found.data;
    return status;
}

/* The same for names. */
static flow_status text_take_names(char ***out, int *n, hid_t object, const char *name, int most, bool foreign,
                                   flow_error *err)
{
    h5_strings found;
    flow_status status = text_read(&found, object, name, (size_t)most, NAMES_BYTES, foreign, err);
    flow_h5_close(object);
    if (status == FLOW_OK && found.rank == 0 && !foreign)
        status = flow_error_set(err, FLOW_FORMAT, "%s is a single text and not a list of names", name);
    char **names = NULL;
    if (status == FLOW_OK) {
        /* NAMES_BYTES bounds the second term; no names are a list, too */
        names = malloc(found.n * sizeof *names + found.n * (found.width + 1) + 1);
        if (names == NULL)
            status = flow_error_memory(err, name);
    }
    for (size_t i = 0; i < found.n && names != NULL; i++) {
        names[i] = (char *)(names + found.n) + i * (found.width + 1);
        memcpy(names[i], found.data + i * found.width, found.width);
        names[i][found.width] = '\0';
    }
    *out = names;
    *n = names != NULL ? (int)found.n : 0;
    free(found.data);
    return status;
}

flow_status flow_h5_read_text(char **out, hid_t at, const char *name, size_t most, flow_error *err)
{
    *out = NULL;
    hid_t dataset;
    flow_status status = flow_h5_open_dataset(&dataset, at, name, err);
    return status == FLOW_OK ? text_take_one(out, dataset, name, most, err) : status;
}

flow_status flow_h5_read_names(char ***out, int *n, hid_t at, const char *name, int most, flow_error *err)
{
    *out = NULL;
    hid_t dataset;
    flow_status status = flow_h5_open_dataset(&dataset, at, name, err);
    return status == FLOW_OK ? text_take_names(out, n, dataset, name, most, false, err) : status;
}

flow_status flow_h5_attr_read_text(char **out, hid_t at, const char *name, size_t most, flow_error *err)
{
    *out = NULL;
    hid_t attribute;
    flow_status status = text_open_attribute(&attribute, at, name, err);
    return status == FLOW_OK ? text_take_one(out, attribute, name, most, err) : status;
}

flow_status flow_h5_attr_read_names(char ***out, int *n, hid_t at, const char *name, int most, bool foreign,
                                    flow_error *err)
{
    *out = NULL;
    hid_t attribute;
    flow_status status = text_open_attribute(&attribute, at, name, err);
    return status == FLOW_OK ? text_take_names(out, n, attribute, name, most, foreign, err) : status;
}

flow_status flow_h5_attr_read_number(int64_t *out, hid_t at, const char *name, flow_error *err)
{
    *out = 0;
    hid_t attribute;
    flow_status status = text_open_attribute(&attribute, at, name, err);
    if (status != FLOW_OK)
        return status;
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    if (type < 0 || space < 0 || H5Tequal(type, H5T_STD_I64LE) <= 0 ||
        H5Sget_simple_extent_type(space) != H5S_SCALAR || H5Aread(attribute, H5T_NATIVE_INT64, out) < 0)
        status = flow_error_set(err, FLOW_FORMAT, "%s is not a whole number", name);
    flow_h5_close(type);
    flow_h5_close(space);
    flow_h5_close(attribute);
    return status;
}
