/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_shapes.h"

#include <stdlib.h>
#include <string.h>

#include "h5/object.h"
#include "h5/scope.h"

static flow_status columns_read(flow_h5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int j = 0; j < l->d && status == FLOW_OK; j++) {
        status = flow_h5_layout_read_1d(l->datasets[j], H5T_NATIVE_DOUBLE, l->scratch, first, count, err);
        for (int64_t i = 0; i < count && status == FLOW_OK; i++)
            rows[i * l->d + j] = l->scratch[i];
    }
    return status;
}

typedef struct columns_gathering {
    flow_name_list *names;
    flow_status status;
    flow_error *err;
} columns_gathering;

static herr_t columns_gather_one(hid_t group, const char *name, const flow_h5_link_info *info, void *data)
{
    columns_gathering *g = data;
    (void)info;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET) {
        if (g->names->n >= FLOW_COLUMNS_MAX)
            g->status = flow_error_set(g->err, FLOW_DATA, "it has more than %d columns", FLOW_COLUMNS_MAX);
        else
            g->status = flow_name_list_add(g->names, name, strlen(name), g->err);
    }
    flow_h5_close(object);
    return g->status != FLOW_OK;
}

/* The datasets in a group, in the order of creation if the file has it, else by name. */
static flow_status columns_gather(flow_name_list *names, hid_t group, flow_error *err)
{
    unsigned order = 0;
    hid_t list = H5Gget_create_plist(group);
    if (list >= 0)
        H5Pget_link_creation_order(list, &order);
    flow_h5_close(list);
    columns_gathering g = {names, FLOW_OK, err};
    H5_index_t index = order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    if (H5Literate(group, index, H5_ITER_INC, NULL, columns_gather_one, &g) < 0 && g.status == FLOW_OK)
        return flow_h5_error(err, FLOW_FORMAT, "its contents cannot be listed");
    return g.status;
}

static flow_status columns_open_one(flow_h5_layout *l, flow_reader *reader, hid_t group, int index, hsize_t *length,
                                    flow_error *err)
{
    const char *name = reader->columns.at[index];
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    if (dataset < 0)
        return flow_h5_error(err, FLOW_FORMAT, "%s: the column \"%.80s\" cannot be opened", reader->name, name);
    l->datasets[l->n_datasets++] = dataset;
    flow_h5_shape shape;
    flow_status status = flow_h5_shape_of(&shape, dataset, err);
    if (status != FLOW_OK)
        return flow_error_prefix(err, status, "%s: the column \"%.80s\": ", reader->name, name);
    if (!flow_h5_is_number(shape.type))
        return flow_h5_layout_not_numbers(reader->name, name, shape.type, err);
    if (shape.rank != 1) {
        char text[128];
        flow_h5_describe_shape(text, sizeof text, &shape);
        return flow_error_set(err, FLOW_DATA, "%s: \"%.80s\" has the shape %s, but the columns of a group are 1-D "
                              "datasets; choose others by name, or name this dataset itself", reader->name, name, text);
    }
    if (index > 0 && shape.size[0] != *length)
        return flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" has %llu rows, but \"%.80s\" has %llu; choose "
                              "columns of one length by name", reader->name, name, (unsigned long long)shape.size[0],
                              reader->columns.at[0], (unsigned long long)*length);
    *length = shape.size[0];
    return FLOW_OK;
}

flow_status flow_h5_open_group(flow_h5_layout *l, flow_reader *reader, const flow_reader_options *options,
                               flow_error *err)
{
    hid_t group = l->datasets[0];
    flow_name_list names = {0};
    int *chosen = NULL;
    hsize_t length = 0;
    reader->has_names = true;
    l->read = columns_read;
    flow_status status = columns_gather(&names, group, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else if (names.n == 0)
        status = flow_error_set(err, FLOW_DATA, "%s: is a group without datasets in it; name a table below it, or the "
                                "file alone to see what there is", reader->name);
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    free(chosen);
    flow_name_list_free(&names);
    l->d = reader->columns.n;
    if (status != FLOW_OK)
        return status;
    hid_t *grown = realloc(l->datasets, (size_t)l->d * sizeof *grown);
    if (grown == NULL)
        return flow_error_memory(err, "reading HDF5");
    l->datasets = grown;
    l->n_datasets = 0;
    for (int i = 0; i < l->d && status == FLOW_OK; i++)
        status = columns_open_one(l, reader, group, i, &length, err);
    flow_h5_close(group);
    if (status != FLOW_OK)
        return status;
    const flow_h5_shape shape = {.rank = 1, .size = {length}, .type = H5T_FLOAT};
    status = flow_h5_layout_blocks(l, l->d, &shape, reader->name, err);
    return status == FLOW_OK ? flow_h5_layout_make_block(&l->scratch, l, 1, err) : status;
}
