/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/check.h"

#include <string.h>

#include "core/memory.h"
#include "h5/object.h"

enum { CHUNK_MOST = 1 << 26 };

bool flow_h5_exists(hid_t at, const char *path)
{
    char part[FLOW_H5_PATH_SIZE];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return false;
    /* Step by step: the library fails on a missing group, and would follow a soft or external link. */
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

flow_status flow_h5_open_dataset(hid_t *out, hid_t at, const char *name, flow_error *err)
{
    *out = H5I_INVALID_HID;
    if (!flow_h5_exists(at, name))
        return flow_error_set(err, FLOW_FORMAT, "%s is missing", name);
    *out = H5Dopen2(at, name, H5P_DEFAULT);
    return *out < 0 ? flow_error_set(err, FLOW_FORMAT, "%s cannot be opened as a dataset", name) : FLOW_OK;
}

flow_status flow_h5_enter_group(hid_t *out, hid_t at, const char *name, flow_error *err)
{
    *out = H5I_INVALID_HID;
    if (!flow_h5_exists(at, name))
        return flow_error_set(err, FLOW_FORMAT, "%s is missing", name);
    *out = H5Gopen2(at, name, H5P_DEFAULT);
    return *out < 0 ? flow_error_set(err, FLOW_FORMAT, "%s cannot be opened as a group", name) : FLOW_OK;
}

static bool check_chunks(hid_t creation, size_t value_size)
{
    hsize_t chunk[2] = {1, 1};
    size_t size = value_size;
    int rank = H5Pget_chunk(creation, 2, chunk);
    return rank >= 1 && rank <= 2 && chunk[0] <= CHUNK_MOST && chunk[1] <= CHUNK_MOST &&
           flow_size_mul(&size, (size_t)chunk[0]) && flow_size_mul(&size, (size_t)chunk[1]) && size <= CHUNK_MOST;
}

static bool check_filters(hid_t creation)
{
    int n_filters = H5Pget_nfilters(creation);
    bool plain = n_filters >= 0;
    for (int i = 0; i < n_filters && plain; i++) {
        unsigned flags, config;
        size_t n_values = 0;
        plain = H5Pget_filter2(creation, (unsigned)i, &flags, &n_values, NULL, 0, NULL, &config) ==
                H5Z_FILTER_FLETCHER32;
    }
    return plain;
}

flow_status flow_h5_check_storage(hid_t dataset, const char *name, size_t value_size, size_t bytes, flow_error *err)
{
    hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0)
        return flow_error_set(err, FLOW_FORMAT, "%s is damaged", name);
    H5D_layout_t layout = H5Pget_layout(creation);
    bool plain = layout == H5D_CHUNKED ? check_chunks(creation, value_size)
                                       : (layout == H5D_CONTIGUOUS || layout == H5D_COMPACT) &&
                                             H5Pget_external_count(creation) == 0;
    plain = plain && check_filters(creation);
    flow_h5_close(creation);
    if (!plain)
        return flow_error_set(err, FLOW_FORMAT, "%s is not stored plainly, but with a filter, in huge chunks or in "
                              "another file", name);
    if (H5Dget_storage_size(dataset) < bytes)
        return flow_error_set(err, FLOW_FORMAT, "%s is not complete", name);
    return FLOW_OK;
}
