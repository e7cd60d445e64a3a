/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "h5/scope.h"

bool flow_h5_close(hid_t id)
{
    switch (id < 0 ? H5I_BADID : H5Iget_type(id)) {
    case H5I_FILE:
        return H5Fclose(id) >= 0;
    case H5I_GROUP:
    case H5I_DATASET:
        return H5Oclose(id) >= 0;
    case H5I_DATATYPE:
        return H5Tclose(id) >= 0;
    case H5I_DATASPACE:
        return H5Sclose(id) >= 0;
    case H5I_ATTR:
        return H5Aclose(id) >= 0;
    case H5I_GENPROP_LST:
        return H5Pclose(id) >= 0;
    default:
        return id < 0;
    }
}

hid_t flow_h5_untimed(hid_t property_class)
{
    hid_t creation = H5Pcreate(property_class);
    if (creation >= 0 && H5Pset_obj_track_times(creation, false) < 0) {
        H5Pclose(creation);
        return H5I_INVALID_HID;
    }
    return creation;
}

bool flow_h5_is_same(hid_t a, hid_t b)
{
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t x, y;
    return H5Oget_info3(a, &x, H5O_INFO_BASIC) >= 0 && H5Oget_info3(b, &y, H5O_INFO_BASIC) >= 0 &&
           x.fileno == y.fileno && memcmp(&x.token, &y.token, sizeof x.token) == 0;
#else
    H5O_info_t x, y;
    return H5Oget_info(a, &x) >= 0 && H5Oget_info(b, &y) >= 0 && x.fileno == y.fileno && x.addr == y.addr;
#endif
}

bool flow_h5_make_groups(hid_t at, const char *path)
{
    char *part = flow_strdup(path);
    hid_t creation = flow_h5_untimed(H5P_GROUP_CREATE);
    bool good = part != NULL && creation >= 0;
    for (char *slash = part; good && (slash = strchr(slash + 1, '/')) != NULL;) {
        if (slash[-1] == '/')
            continue;
        *slash = '\0';
        if (H5Lexists(at, part, H5P_DEFAULT) <= 0) {
            hid_t group = H5Gcreate2(at, part, H5P_DEFAULT, creation, H5P_DEFAULT);
            good = group >= 0 && flow_h5_close(group);
        }
        *slash = '/';
    }
    flow_h5_close(creation);
    free(part);
    return good;
}

hid_t flow_h5_type_of(hid_t object)
{
    return H5Iget_type(object) == H5I_ATTR ? H5Aget_type(object) : H5Dget_type(object);
}

hid_t flow_h5_space_of(hid_t object)
{
    return H5Iget_type(object) == H5I_ATTR ? H5Aget_space(object) : H5Dget_space(object);
}

flow_status flow_h5_shape_of(flow_h5_shape *out, hid_t object, flow_error *err)
{
    *out = (flow_h5_shape){.rank = -1, .type = H5T_NO_CLASS};
    flow_status status = FLOW_OK;
    hid_t space = flow_h5_space_of(object), type = flow_h5_type_of(object);
    if (space < 0 || type < 0) {
        status = flow_h5_error(err, FLOW_FORMAT, "a dataset cannot be understood");
        goto done;
    }
    out->type = H5Tget_class(type);
    if (H5Sget_simple_extent_type(space) == H5S_NULL)
        goto done;
    out->rank = H5Sget_simple_extent_ndims(space);
    if (out->rank < 0 || out->rank > FLOW_H5_RANK_MAX || H5Sget_simple_extent_dims(space, out->size, NULL) < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "the shape of a dataset cannot be understood");
done:
    flow_h5_close(type);
    flow_h5_close(space);
    return status;
}

bool flow_h5_is_number(H5T_class_t type)
{
    return type == H5T_INTEGER || type == H5T_FLOAT || type == H5T_ENUM || type == H5T_BITFIELD;
}

void flow_h5_describe_shape(char *out, size_t size, const flow_h5_shape *shape)
{
    if (shape->rank < 0) {
        snprintf(out, size, "(empty)");
        return;
    }
    size_t used = (size_t)snprintf(out, size, "(");
    for (int i = 0; i < shape->rank && used < size; i++)
        used +=
            (size_t)snprintf(out + used, size - used, "%s%llu", i == 0 ? "" : ", ", (unsigned long long)shape->size[i]);
    if (used < size)
        snprintf(out + used, size - used, ")");
}

const char *flow_h5_describe_type(H5T_class_t type)
{
    static const char *const names[H5T_NCLASSES] = {
        [H5T_INTEGER] = "numbers",  [H5T_FLOAT] = "numbers", [H5T_STRING] = "text",
        [H5T_COMPOUND] = "records", [H5T_ENUM] = "numbers",  [H5T_BITFIELD] = "numbers",
        [H5T_ARRAY] = "an array",   [H5T_VLEN] = "lists",    [H5T_REFERENCE] = "references",
        [H5T_OPAQUE] = "raw bytes", [H5T_TIME] = "times",
    };
    return type >= 0 && type < H5T_NCLASSES && names[type] != NULL ? names[type] : "no numbers";
}
