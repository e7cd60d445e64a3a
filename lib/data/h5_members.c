/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_members.h"

#include <stdlib.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/h5_dialect.h"
#include "data/reader.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/value.h"

typedef struct members_search {
    flow_h5_members *found;
    bool turned;
    flow_status status;
    flow_error *err;
} members_search;

/* What a dataset of this shape and type is, if it cannot be columns. */
static const char *members_what(const flow_h5_shape *shape, hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    const bool is_value = type >= 0 && flow_h5_is_value(type);
    flow_h5_close(type);
    const char *matlab = flow_h5_matlab_what(dataset);
    return matlab != NULL    ? matlab
           : !is_value       ? flow_h5_describe_type(shape->type)
           : shape->rank < 0 ? "no value"
           : shape->rank < 1 ? "a single value"
           : shape->rank > 2 ? "an array of more than two dimensions"
                             : NULL;
}

flow_status flow_h5_member_of(flow_h5_member *out, hid_t dataset, bool turned, flow_error *err)
{
    flow_h5_shape shape;
    *out = (flow_h5_member){.width = 1};
    FLOW_TRY(flow_h5_shape_of(&shape, dataset, err));
    out->rank = shape.rank;
    out->what = members_what(&shape, dataset);
    if (out->what != NULL)
        return FLOW_OK;
    out->aside = flow_h5_is_scale(dataset);
    out->rows = shape.size[0];
    if (shape.rank < 2)
        return FLOW_OK;
    out->across = flow_h5_is_reversed(dataset) != turned;
    if (shape.size[out->across ? 1 : 0] == 1) /* a vector, whichever way it lies */
        out->across = !out->across;
    out->rows = shape.size[out->across ? 1 : 0];
    const hsize_t width = shape.size[out->across ? 0 : 1];
    if (width < 1 || width > FLOW_COLUMNS_MAX)
        out->what = width < 1 ? "no columns" : "too many columns";
    else
        out->width = (int)width;
    return FLOW_OK;
}

static herr_t members_find_one(hid_t group, const char *name, const flow_h5_link_info *info, void *data)
{
    members_search *s = data;
    flow_h5_members *m = s->found;
    (void)info;
    hid_t object = flow_h5_is_private(name) ? H5I_INVALID_HID : H5Oopen(group, name, H5P_DEFAULT);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET && !flow_h5_is_empty_scale(object)) {
        flow_h5_member member;
        s->status = flow_h5_member_of(&member, object, s->turned, s->err);
        if (s->status != FLOW_OK)
            flow_error_prefix(s->err, s->status, "%.80s: ", name);
        else if (m->n >= FLOW_COLUMNS_MAX)
            s->status = flow_error_set(s->err, FLOW_DATA, "it has more than %d columns", FLOW_COLUMNS_MAX);
        else if (!flow_grow(&m->at, &m->capacity, (size_t)m->n + 1, sizeof *m->at) ||
                 (member.name = flow_strdup(name)) == NULL)
            s->status = flow_error_memory(s->err, "columns");
        else
            m->at[m->n++] = member;
    }
    flow_h5_close(object);
    return s->status != FLOW_OK;
}

/* Beside vectors, an array of a single number is no column. */
static void members_pass_over_single(flow_h5_members *m)
{
    bool longer = false;
    for (int i = 0; i < m->n; i++)
        longer = longer || (m->at[i].what == NULL && m->at[i].rows > 1);
    for (int i = 0; i < m->n && longer; i++)
        if (m->at[i].what == NULL && m->at[i].rows == 1 && m->at[i].width == 1)
            m->at[i].what = "a single value";
}

flow_status flow_h5_members_find(flow_h5_members *out, hid_t group, bool turned, flow_error *err)
{
    *out = (flow_h5_members){0};
    unsigned order = 0;
    hid_t list = H5Gget_create_plist(group);
    if (list >= 0)
        H5Pget_link_creation_order(list, &order);
    flow_h5_close(list);
    members_search search = {out, turned, FLOW_OK, err};
    H5_index_t index = order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    if (H5Literate(group, index, H5_ITER_INC, NULL, members_find_one, &search) < 0 && search.status == FLOW_OK)
        return flow_h5_error(err, FLOW_FORMAT, "its contents cannot be listed");
    members_pass_over_single(out);
    return search.status;
}

void flow_h5_members_free(flow_h5_members *members)
{
    for (int i = 0; i < members->n; i++)
        free(members->at[i].name);
    free(members->at);
    *members = (flow_h5_members){0};
}
