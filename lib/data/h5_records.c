/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_shapes.h"

#include <stdlib.h>
#include <string.h>

#include "h5/object.h"
#include "h5/scope.h"

static flow_status records_read(flow_h5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    return flow_h5_layout_read_1d(l->datasets[0], l->record, rows, first, count, err);
}

static flow_status records_choose(flow_h5_layout *l, flow_reader *reader, hid_t type,
                                  const flow_reader_options *options, flow_error *err)
{
    flow_name_list names = {0};
    int *chosen = NULL, n = H5Tget_nmembers(type);
    flow_status status = FLOW_OK;
    if (n < 1 || n > FLOW_COLUMNS_MAX)
        status = flow_error_set(err, FLOW_DATA, "%s: has %d columns; 1 to %d are possible", reader->name, n,
                                FLOW_COLUMNS_MAX);
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        status = name != NULL ? flow_name_list_add(&names, name, strlen(name), err) : FLOW_FORMAT;
        if (name == NULL)
            flow_h5_error(err, status, "%s: a member has no name", reader->name);
        H5free_memory(name);
    }
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    l->d = reader->columns.n;
    if (status == FLOW_OK && (l->record = H5Tcreate(H5T_COMPOUND, (size_t)l->d * sizeof(double))) < 0)
        status = flow_h5_error(err, FLOW_MEMORY, "%s: no type for its rows", reader->name);
    for (int i = 0; i < l->d && status == FLOW_OK; i++) {
        H5T_class_t class = H5Tget_member_class(type, (unsigned)chosen[i]);
        if (!flow_h5_is_number(class))
            status = flow_h5_layout_not_numbers(reader->name, names.at[chosen[i]], class, err);
        else if (H5Tinsert(l->record, names.at[chosen[i]], (size_t)i * sizeof(double), H5T_NATIVE_DOUBLE) < 0)
            status = flow_h5_error(err, FLOW_FORMAT, "%s: the column \"%.80s\" cannot be read", reader->name,
                                   names.at[chosen[i]]);
    }
    free(chosen);
    flow_name_list_free(&names);
    return status;
}

flow_status flow_h5_open_records(flow_h5_layout *l, flow_reader *reader, const flow_h5_shape *shape,
                                 const flow_reader_options *options, flow_error *err)
{
    hid_t type = H5Dget_type(l->datasets[0]);
    if (type < 0)
        return flow_h5_error(err, FLOW_FORMAT, "%s: its type cannot be understood", reader->name);
    l->read = records_read;
    reader->has_names = true;
    flow_status status = records_choose(l, reader, type, options, err);
    if (status == FLOW_OK)
        status = flow_h5_layout_blocks(l, l->d, shape, reader->name, err);
    flow_h5_close(type);
    return status;
}
