/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/value.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"

bool flow_h5_is_value(hid_t type)
{
    const H5T_class_t class = H5Tget_class(type);
    return class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_ENUM || class == H5T_BITFIELD;
}

/* ---- types ---- */

flow_status flow_h5_value_of_type(flow_h5_value *out, hid_t type, flow_error *err)
{
    *out = (flow_h5_value){.memory = H5I_INVALID_HID, .scale = 1};
    const H5T_class_t class = H5Tget_class(type);
    out->is_wide = class != H5T_FLOAT && H5Tget_size(type) >= 8;
    out->code_size = class == H5T_BITFIELD ? H5Tget_size(type) : 0;
    out->memory = out->code_size == 0   ? H5Tcopy(H5T_NATIVE_DOUBLE)
                  : out->code_size == 1 ? H5Tcopy(H5T_NATIVE_B8)
                  : out->code_size == 2 ? H5Tcopy(H5T_NATIVE_B16)
                  : out->code_size == 4 ? H5Tcopy(H5T_NATIVE_B32)
                  : out->code_size == 8 ? H5Tcopy(H5T_NATIVE_B64)
                                        : H5I_INVALID_HID;
    return out->memory >= 0 ? FLOW_OK : flow_h5_error(err, FLOW_FORMAT, "the type of its values cannot be understood");
}

void flow_h5_value_mark_missing(flow_h5_value *value, double missing)
{
    if (value->n_missing < FLOW_H5_MISSING_MAX)
        value->missing[value->n_missing++] = missing;
}

void flow_h5_value_free(flow_h5_value *value)
{
    flow_h5_close(value->memory);
    *value = (flow_h5_value){.memory = H5I_INVALID_HID};
}

/* ---- attributes ---- */

/* The numbers of an attribute, and how many there are; more than `most` are not read. *n is 0 where there is no such
 * attribute. */
static flow_status value_attribute(double *out, int *n, int most, hid_t dataset, const char *name, flow_error *err)
{
    *n = 0;
    if (H5Aexists(dataset, name) <= 0)
        return FLOW_OK;
    flow_status status = FLOW_OK;
    hid_t attribute = H5Aopen(dataset, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    flow_h5_shape shape;
    if (attribute < 0 || type < 0 || flow_h5_shape_of(&shape, attribute, NULL) != FLOW_OK) {
        status = flow_h5_error(err, FLOW_FORMAT, "its attribute \"%s\" cannot be read", name);
    } else if ((shape.type == H5T_INTEGER || shape.type == H5T_FLOAT) && shape.rank >= 0 && shape.rank <= 1) {
        const hsize_t count = shape.rank == 0 ? 1 : shape.size[0];
        *n = count < INT_MAX ? (int)count : INT_MAX;
        if (*n >= 1 && *n <= most && H5Aread(attribute, H5T_NATIVE_DOUBLE, out) < 0)
            status = flow_h5_error(err, FLOW_FORMAT, "its attribute \"%s\" cannot be read", name);
    }
    flow_h5_close(type);
    flow_h5_close(attribute);
    return status;
}

/* Whether the attribute is the text "true". */
static bool value_is_true(hid_t dataset, const char *name)
{
    char *text = NULL;
    const bool is = H5Aexists(dataset, name) > 0 && flow_h5_attr_read_text(&text, dataset, name, 8, NULL) == FLOW_OK &&
                    strcasecmp(text, "true") == 0;
    free(text);
    return is;
}

/* Bounds of valid values. They are numbers on file, or, beside whole numbers, floats for what is meant. */
static flow_status value_find_bounds(flow_h5_value *out, hid_t dataset, bool is_whole, flow_error *err)
{
    static const char *const names[] = {"valid_range", "valid_min", "valid_max"};
    double bounds[2] = {-INFINITY, INFINITY};
    for (int i = 0; i < 3; i++) {
        double found[2];
        int n;
        FLOW_TRY(value_attribute(found, &n, 2, dataset, names[i], err));
        if (n != (i == 0 ? 2 : 1))
            continue;
        hid_t attribute = H5Aopen(dataset, names[i], H5P_DEFAULT), type = H5Aget_type(attribute);
        const bool is_meant = is_whole && type >= 0 && H5Tget_class(type) == H5T_FLOAT;
        flow_h5_close(type);
        flow_h5_close(attribute);
        for (int k = 0; k < n; k++) {
            const double x = is_meant ? (found[k] - out->offset) / out->scale : found[k];
            bounds[i == 0 ? k : i - 1] = x < 0 && !is_meant ? x + out->wrap : x;
        }
        out->is_bounded = true;
    }
    out->least = fmin(bounds[0], bounds[1]); /* a negative scale turns them */
    out->most = fmax(bounds[0], bounds[1]);
    return FLOW_OK;
}

flow_status flow_h5_value_of(flow_h5_value *out, hid_t dataset, flow_error *err)
{
    static const char *const marks[] = {"_FillValue", "missing_value"};
    hid_t type = H5Dget_type(dataset);
    flow_status status = flow_h5_value_of_type(out, type, err);
    const bool is_whole = type >= 0 && H5Tget_class(type) == H5T_INTEGER;
    if (status == FLOW_OK && is_whole && H5Tget_sign(type) == H5T_SGN_2 && value_is_true(dataset, "_Unsigned"))
        out->wrap = ldexp(1, 8 * (int)H5Tget_size(type));
    const bool is_single = type >= 0 && H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == sizeof(float);
    const bool is_r = H5Aexists(dataset, "rhdf5-NA.OK") > 0 && type >= 0 && H5Tget_class(type) == H5T_INTEGER &&
                      H5Tget_size(type) == 4 && H5Tget_sign(type) == H5T_SGN_2;
    flow_h5_close(type);
    for (int i = 0, n = 0; i < 2 && status == FLOW_OK; i++, out->n_missing += n) {
        const int room = FLOW_H5_MISSING_MAX - out->n_missing;
        status = value_attribute(out->missing + out->n_missing, &n, room, dataset, marks[i], err);
        if (status == FLOW_OK && n > room)
            status =
                flow_error_set(err, FLOW_DATA, "its attributes _FillValue and missing_value have more than %d values",
                               FLOW_H5_MISSING_MAX);
        if (status != FLOW_OK)
            n = 0;
    }
    for (int i = 0; is_single && i < out->n_missing; i++)
        out->missing[i] = (double)(float)out->missing[i]; /* it may be a double beside floats */
    for (int i = 0; i < out->n_missing; i++)
        out->missing[i] += out->missing[i] < 0 ? out->wrap : 0;
    double number = 1;
    int n = 0;
    if (status == FLOW_OK)
        status = value_attribute(&number, &n, 1, dataset, "scale_factor", err);
    out->scale = n == 1 ? number : 1;
    if (status == FLOW_OK)
        status = value_attribute(&number, &n, 1, dataset, "add_offset", err);
    out->offset = status == FLOW_OK && n == 1 ? number : 0;
    if (status == FLOW_OK)
        status = value_find_bounds(out, dataset, is_whole, err);
    if (is_r)
        flow_h5_value_mark_missing(out, INT32_MIN);
    if (status != FLOW_OK)
        flow_h5_value_free(out);
    return status;
}

/* ---- values ---- */

bool flow_h5_value_is_plain(const flow_h5_value *v)
{
    return v->code_size == 0 && v->n_missing == 0 && v->wrap == 0 && !v->is_bounded && v->scale == 1 && v->offset == 0;
}

static double value_of_code(const flow_h5_value *v, const unsigned char *at)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (v->code_size) {
    case 1:
        return *at;
    case 2:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case 4:
        memcpy(&u32, at, sizeof u32);
        return u32;
    default:
        memcpy(&u64, at, sizeof u64);
        return (double)u64;
    }
}

void flow_h5_value_decode(const flow_h5_value *v, double *data, size_t n)
{
    const unsigned char *codes = (const unsigned char *)data;
    if (flow_h5_value_is_plain(v))
        return;
    for (size_t i = n; i-- > 0;) { /* backwards, since doubles are longer than codes */
        double x = v->code_size > 0 ? value_of_code(v, codes + i * v->code_size) : data[i];
        x += x < 0 ? v->wrap : 0;
        if (v->is_bounded && !(x >= v->least && x <= v->most))
            x = NAN;
        for (int k = 0; k < v->n_missing; k++)
            if (x == v->missing[k])
                x = NAN;
        data[i] = x * v->scale + v->offset;
    }
}
