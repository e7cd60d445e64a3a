/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_pandas_labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/reader.h"
#include "h5/object.h"
#include "h5/scope.h"

/* Labels that are texts of one length, or numbers; none when they are something else. */
static flow_status labels_read(flow_name_list *out, hid_t group, const char *name, flow_error *err)
{
    enum { MOST_BYTES = 1 << 26 };
    flow_h5_shape shape;
    hid_t dataset = H5Lexists(group, name, H5P_DEFAULT) > 0 ? H5Dopen2(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
    hid_t type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
    flow_status status = FLOW_OK;
    if (type >= 0 && flow_h5_shape_of(&shape, dataset, NULL) == FLOW_OK && shape.rank == 1 && shape.size[0] > 0 &&
        shape.size[0] <= FLOW_COLUMNS_MAX) {
        const bool is_text = shape.type == H5T_STRING && H5Tis_variable_str(type) == 0;
        const bool is_number = shape.type == H5T_INTEGER || shape.type == H5T_FLOAT;
        const size_t n = (size_t)shape.size[0], width = is_text ? H5Tget_size(type) : sizeof(double);
        char *data = (is_text || is_number) && width > 0 && width <= MOST_BYTES / n ? calloc(n, width) : NULL;
        const bool good = data != NULL && H5Dread(dataset, is_text ? type : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                                                  H5P_DEFAULT, data) >= 0;
        for (size_t i = 0; i < n && good && status == FLOW_OK; i++) {
            char number[FLOW_NUMBER_SIZE];
            if (is_number) {
                double value;
                memcpy(&value, data + i * width, sizeof value);
                flow_number_print(number, value);
            }
            status = is_number ? flow_name_list_add(out, number, strlen(number), err)
                               : flow_name_list_add(out, data + i * width, strnlen(data + i * width, width), err);
        }
        free(data);
    }
    flow_h5_close(type);
    flow_h5_close(dataset);
    return status;
}

/* The labels of level k: NAME_levelK has the different ones, and NAME_labelK says which of them each is; -1: none. */
static flow_status labels_read_level(flow_name_list *out, hid_t group, const char *name, int k, flow_error *err)
{
    flow_name_list levels = {0}, codes = {0};
    char path[64];
    snprintf(path, sizeof path, "%.40s_level%d", name, k);
    flow_status status = labels_read(&levels, group, path, err);
    snprintf(path, sizeof path, "%.40s_label%d", name, k);
    if (status == FLOW_OK)
        status = labels_read(&codes, group, path, err);
    for (int i = 0; i < codes.n && status == FLOW_OK; i++) {
        const long code = strtol(codes.at[i], NULL, 10);
        const char *label = code >= 0 && code < levels.n ? levels.at[code] : "nan";
        status = flow_name_list_add(out, label, strlen(label), err);
    }
    flow_name_list_free(&levels);
    flow_name_list_free(&codes);
    return status;
}

static flow_status labels_join(flow_name_list *out, const flow_name_list *more, flow_error *err)
{
    for (int i = 0; i < out->n; i++) {
        char *both = flow_format("%s.%s", out->at[i], more->at[i]);
        if (both == NULL)
            return flow_error_memory(err, "columns");
        free(out->at[i]);
        out->at[i] = both;
    }
    return FLOW_OK;
}

flow_status flow_h5_pandas_labels(flow_name_list *out, hid_t group, const char *name, flow_error *err)
{
    enum { MOST_LEVELS = 16 };
    char first[64];
    snprintf(first, sizeof first, "%.40s_level0", name);
    if (H5Lexists(group, name, H5P_DEFAULT) > 0 || H5Lexists(group, first, H5P_DEFAULT) <= 0)
        return labels_read(out, group, name, err);
    FLOW_TRY(labels_read_level(out, group, name, 0, err));
    flow_status status = FLOW_OK;
    for (int k = 1; k < MOST_LEVELS && status == FLOW_OK; k++) {
        flow_name_list more = {0};
        status = labels_read_level(&more, group, name, k, err);
        const bool is_level = more.n == out->n && more.n > 0;
        if (status == FLOW_OK && is_level)
            status = labels_join(out, &more, err);
        flow_name_list_free(&more);
        if (!is_level)
            break;
    }
    return status;
}
