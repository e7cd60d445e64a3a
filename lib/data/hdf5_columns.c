/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "data/hdf5_layout.h"
#include "data/hdf5_support.h"

static flow_status read_columns(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int j = 0; j < l->d && status == FLOW_OK; j++) {
        status = flow_hdf5_read_1d(l->datasets[j], H5T_NATIVE_DOUBLE, l->scratch, first, count, err);
        for (int64_t i = 0; i < count && status == FLOW_OK; i++)
            rows[i * l->d + j] = l->scratch[i];
    }
    return status;
}

/* A 1-D dataset by itself. Its name is the last part of its path, unless it says otherwise. */
flow_status flow_hdf5_open_vector(flow_hdf5_layout *l, flow_reader *reader, const flow_hdf5_shape *shape,
                                  const char *path, const flow_reader_options *options, flow_error *err)
{
    flow_names names = {0};
    int *chosen = NULL;
    const char *slash = strrchr(path, '/'), *last = slash != NULL ? slash + 1 : path;
    flow_status status = flow_hdf5_read_names(&names, l->datasets[0], reader->name, err);
    if (status == FLOW_OK && names.n > 1)
        status = flow_error_set(err, FLOW_DATA, "%s: has one column, but its attribute \"columns\" names %d; correct "
                                "the attribute", reader->name, names.n);
    if (status == FLOW_OK && names.n == 0)
        status = flow_names_add(&names, last, strlen(last), err);
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    reader->has_names = true;
    l->d = 1;
    l->read = read_columns;
    if (status == FLOW_OK) {
        status = flow_hdf5_plan_blocks(l, 1, shape, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", reader->name);
    }
    if (status == FLOW_OK)
        status = flow_hdf5_make_scratch(l, 1, err);
    free(chosen);
    flow_names_free(&names);
    return status;
}

typedef struct gathering {
    flow_names *names;
    flow_status status;
    flow_error *err;
} gathering;

#if H5_VERSION_GE(1, 12, 0)
typedef H5L_info2_t link_info;
#else
typedef H5L_info_t link_info;
#endif

static herr_t gather_dataset(hid_t group, const char *name, const link_info *info, void *data)
{
    gathering *g = data;
    (void)info;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET) {
        if (g->names->n >= FLOW_COLUMNS_MAX)
            g->status = flow_error_set(g->err, FLOW_DATA, "it has more than %d columns", FLOW_COLUMNS_MAX);
        else
            g->status = flow_names_add(g->names, name, strlen(name), g->err);
    }
    flow_hdf5_close_object(object);
    return g->status != FLOW_OK;
}

/* The datasets in a group, in the order in which they were made where the file remembers it, else by name. */
static flow_status gather_datasets(flow_names *names, hid_t group, flow_error *err)
{
    unsigned order = 0;
    hid_t list = H5Gget_create_plist(group);
    if (list >= 0)
        H5Pget_link_creation_order(list, &order);
    flow_hdf5_close_list(list);
    gathering g = {names, FLOW_OK, err};
    H5_index_t index = order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    if (H5Literate(group, index, H5_ITER_INC, NULL, gather_dataset, &g) < 0 && g.status == FLOW_OK)
        return flow_hdf5_error(err, FLOW_FORMAT, "its contents cannot be listed");
    return g.status;
}

static flow_status open_column(flow_hdf5_layout *l, flow_reader *reader, hid_t group, int index, hsize_t *length,
                               flow_error *err)
{
    const char *name = reader->columns.at[index];
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    if (dataset < 0)
        return flow_hdf5_error(err, FLOW_FORMAT, "%s: the column \"%.80s\" cannot be opened", reader->name, name);
    l->datasets[l->n_datasets++] = dataset;
    flow_hdf5_shape shape;
    flow_status status = flow_hdf5_shape_of(&shape, dataset, err);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: the column \"%.80s\": ", reader->name, name);
        return status;
    }
    if (!flow_hdf5_is_number(shape.type))
        return flow_hdf5_not_numbers(reader, name, shape.type, err);
    if (shape.rank != 1) {
        char text[128];
        flow_hdf5_describe_shape(text, sizeof text, &shape);
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

/* Finds the group itself in the place of the datasets, and puts those of the chosen columns there. */
flow_status flow_hdf5_open_group(flow_hdf5_layout *l, flow_reader *reader, flow_hdf5_shape *shape,
                                 const flow_reader_options *options, flow_error *err)
{
    hid_t group = l->datasets[0];
    flow_names names = {0};
    int *chosen = NULL;
    hsize_t length = 0;
    reader->has_names = true;
    l->read = read_columns;
    flow_status status = gather_datasets(&names, group, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else if (names.n == 0)
        status = flow_error_set(err, FLOW_DATA, "%s: is a group without datasets in it; name a table below it, or the "
                                "file alone to see what there is", reader->name);
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    free(chosen);
    flow_names_free(&names);
    l->d = reader->columns.n;
    if (status != FLOW_OK)
        return status;
    hid_t *grown = realloc(l->datasets, (size_t)l->d * sizeof *grown);
    if (grown == NULL)
        return flow_error_memory(err, "reading HDF5");
    l->datasets = grown;
    l->n_datasets = 0;
    for (int i = 0; i < l->d && status == FLOW_OK; i++)
        status = open_column(l, reader, group, i, &length, err);
    flow_hdf5_close_object(group);
    if (status != FLOW_OK)
        return status;
    *shape = (flow_hdf5_shape){.rank = 1, .size = {length}, .type = H5T_FLOAT};
    status = flow_hdf5_plan_blocks(l, l->d, shape, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else
        status = flow_hdf5_make_scratch(l, 1, err);
    return status;
}
