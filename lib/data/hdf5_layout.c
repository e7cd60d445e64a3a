/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/hdf5_layout.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/hdf5_support.h"

enum {
    BLOCK_VALUES = 1 << 17,       /* values in a block of rows: 1 MB */
    MOST_BLOCK_VALUES = 1 << 21,  /* the same when that lets a block hold whole chunks: 16 MB */
    CACHE_BYTES = 1 << 26,        /* for chunks that do not fit a block, all datasets together */
    MOST_CHUNK_BYTES = 1 << 30,
    SMALL_GAP = 16                /* columns that are cheaper to read than to step over */
};

/* ------------------------------------------------------------------ reading */

static flow_status read_matrix(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t extent[2] = {(hsize_t)count, (hsize_t)l->width};
    hid_t space = H5Dget_space(l->datasets[0]), memory = H5Screate_simple(2, extent, NULL);
    bool good = space >= 0 && memory >= 0;
    for (int i = 0; i < l->n_runs && good; i++) {
        hsize_t start[2] = {(hsize_t)first, l->run_first[i]}, size[2] = {(hsize_t)count, l->run_count[i]};
        H5S_seloper_t how = i == 0 ? H5S_SELECT_SET : H5S_SELECT_OR;
        good = H5Sselect_hyperslab(space, how, start, NULL, size, NULL) >= 0;
    }
    double *to = l->scratch != NULL ? l->scratch : rows;
    if (!good || H5Dread(l->datasets[0], H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, to) < 0)
        status = flow_hdf5_error(err, FLOW_IO, "rows %lld to %lld cannot be read", (long long)first + 1,
                                 (long long)(first + count));
    if (status == FLOW_OK && l->scratch != NULL)
        for (int64_t i = 0; i < count; i++)
            for (int j = 0; j < l->d; j++)
                rows[i * l->d + j] = l->scratch[i * l->width + l->pick[j]];
    flow_hdf5_close_space(memory);
    flow_hdf5_close_space(space);
    return status;
}

/* Rows of a 1-D dataset. */
static flow_status read_1d(hid_t dataset, hid_t type, void *out, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t start = (hsize_t)first, size = (hsize_t)count;
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(1, &size, NULL);
    if (space < 0 || memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &size, NULL) < 0 ||
        H5Dread(dataset, type, memory, space, H5P_DEFAULT, out) < 0)
        status = flow_hdf5_error(err, FLOW_IO, "rows %lld to %lld cannot be read", (long long)first + 1,
                                 (long long)(first + count));
    flow_hdf5_close_space(memory);
    flow_hdf5_close_space(space);
    return status;
}

static flow_status read_records(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    return read_1d(l->datasets[0], l->record, rows, first, count, err);
}

static flow_status read_columns(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int j = 0; j < l->d && status == FLOW_OK; j++) {
        status = read_1d(l->datasets[j], H5T_NATIVE_DOUBLE, l->scratch, first, count, err);
        for (int64_t i = 0; i < count && status == FLOW_OK; i++)
            rows[i * l->d + j] = l->scratch[i];
    }
    return status;
}

flow_status flow_hdf5_layout_read(flow_hdf5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    return l->read(l, rows, first, count, err);
}

/* ------------------------------------------------------------------ blocks and chunks */

/* Rows and bytes of a dataset's chunks; 0 rows when it has none. `across` is how many chunks lie side by side. */
static flow_status chunk_of(hid_t dataset, const flow_hdf5_shape *shape, int64_t *rows, double *bytes, double *across,
                            flow_error *err)
{
    flow_status status = FLOW_OK;
    *rows = 0;
    hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    if (list < 0 || type < 0) {
        status = flow_hdf5_error(err, FLOW_FORMAT, "its layout cannot be understood");
    } else if (H5Pget_layout(list) == H5D_CHUNKED) {
        hsize_t size[FLOW_HDF5_RANK_MAX];
        int rank = H5Pget_chunk(list, FLOW_HDF5_RANK_MAX, size);
        if (rank != shape->rank || size[0] == 0 || size[rank - 1] == 0) {
            status = flow_error_set(err, FLOW_FORMAT, "its chunks have a strange shape; the file is damaged");
        } else {
            *rows = size[0] > INT64_MAX ? INT64_MAX : (int64_t)size[0];
            *bytes = (double)H5Tget_size(type);
            for (int i = 0; i < rank; i++)
                *bytes *= (double)size[i];
            *across = rank == 2 ? (double)((shape->size[1] - 1) / size[1] + 1) : 1;
            if (*bytes > MOST_CHUNK_BYTES)
                status = flow_error_set(err, FLOW_DATA, "it is stored in chunks of %.0f MB; rewrite it with smaller "
                                        "ones, for example with h5repack -l", *bytes / 1048576);
        }
    }
    flow_hdf5_close_type(type);
    flow_hdf5_close_list(list);
    return status;
}

/* Opens the dataset again with a cache that holds the chunks under a block, so that none is unpacked twice. It has to be
 * closed first: what is open twice keeps the cache of the first time. */
static flow_status widen_cache(hid_t *dataset, double bytes, flow_error *err)
{
    flow_status status = FLOW_OK;
    char name[1024];
    ssize_t length = H5Iget_name(*dataset, name, sizeof name);
    if (length <= 0 || (size_t)length >= sizeof name || bytes < 1)
        return FLOW_OK;
    hid_t file = H5Iget_file_id(*dataset), access = H5Pcreate(H5P_DATASET_ACCESS);
    if (file >= 0 && access >= 0 && H5Pset_chunk_cache(access, 12421, (size_t)bytes, 1.0) >= 0) {
        H5Dclose(*dataset);
        *dataset = H5Dopen2(file, name, access);
        if (*dataset < 0)
            status = flow_hdf5_error(err, FLOW_FORMAT, "it cannot be opened");
    }
    flow_hdf5_close_list(access);
    if (file >= 0)
        H5Fclose(file);
    return status;
}

/* Chooses block_rows from the values in a row and the chunks, and checks those. */
static flow_status plan_blocks(flow_hdf5_layout *l, int row_values, const flow_hdf5_shape *shape, flow_error *err)
{
    int64_t rows = BLOCK_VALUES / row_values > 0 ? BLOCK_VALUES / row_values : 1;
    int64_t most = MOST_BLOCK_VALUES / row_values > 0 ? MOST_BLOCK_VALUES / row_values : 1;
    for (int i = 0; i < l->n_datasets; i++) {
        int64_t chunk_rows;
        double bytes = 0, across = 1;
        flow_status status = chunk_of(l->datasets[i], shape, &chunk_rows, &bytes, &across, err);
        if (status != FLOW_OK)
            return status;
        if (chunk_rows == 0)
            continue;
        if (i == 0)
            l->chunk_rows = chunk_rows;
        if (i == 0 && chunk_rows > rows && chunk_rows <= most)
            rows = chunk_rows;
        else if (i == 0 && chunk_rows < rows)
            rows -= rows % chunk_rows;
        if (rows % chunk_rows != 0 && bytes * across <= CACHE_BYTES / l->n_datasets)
            status = widen_cache(&l->datasets[i], bytes * across, err);
        if (status != FLOW_OK)
            return status;
    }
    /* no more than there is */
    l->block_rows = (hsize_t)rows > shape->size[0] && shape->size[0] > 0 ? (int64_t)shape->size[0] : rows;
    return FLOW_OK;
}

static flow_status make_scratch(flow_hdf5_layout *l, int row_values, flow_error *err)
{
    size_t n = (size_t)l->block_rows;
    if (!flow_size_mul(&n, (size_t)row_values) || !flow_size_mul(&n, sizeof *l->scratch) ||
        (l->scratch = malloc(n)) == NULL)
        return flow_error_memory(err, "reading HDF5");
    return FLOW_OK;
}

/* ------------------------------------------------------------------ matrices */

static int by_column(const void *a, const void *b)
{
    int i = *(const int *)a, j = *(const int *)b;
    return (i > j) - (i < j);
}

/* Which runs of columns to read for the chosen ones. */
static flow_status plan_runs(flow_hdf5_layout *l, const int *chosen, flow_error *err)
{
    size_t d = (size_t)l->d;
    int *sorted = malloc(d * sizeof *sorted);
    l->run_first = malloc(d * sizeof *l->run_first);
    l->run_count = malloc(d * sizeof *l->run_count);
    l->pick = malloc(d * sizeof *l->pick);
    if (sorted == NULL || l->run_first == NULL || l->run_count == NULL || l->pick == NULL) {
        free(sorted);
        return flow_error_memory(err, "the choice of columns");
    }
    memcpy(sorted, chosen, d * sizeof *sorted);
    qsort(sorted, d, sizeof *sorted, by_column);
    for (size_t i = 0; i < d; i++) {
        hsize_t column = (hsize_t)sorted[i];
        int last = l->n_runs - 1;
        if (last < 0 || column > l->run_first[last] + l->run_count[last] + SMALL_GAP) {
            last = l->n_runs++;
            l->run_first[last] = column;
        }
        l->run_count[last] = column - l->run_first[last] + 1;
    }
    for (size_t i = 0; i < d; i++) {
        int before = 0, run = 0;
        while ((hsize_t)chosen[i] >= l->run_first[run] + l->run_count[run])
            before += (int)l->run_count[run++];
        l->pick[i] = before + (int)((hsize_t)chosen[i] - l->run_first[run]);
    }
    for (int i = 0; i < l->n_runs; i++)
        l->width += (int)l->run_count[i];
    free(sorted);
    return FLOW_OK;
}

static flow_status open_matrix(flow_hdf5_layout *l, flow_reader *reader, const flow_hdf5_shape *shape,
                               const flow_reader_options *options, flow_error *err)
{
    if (shape->size[1] == 0 || shape->size[1] > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_DATA, "%s: has %llu columns; 1 to %d are possible", reader->name,
                              (unsigned long long)shape->size[1], FLOW_COLUMNS_MAX);
    flow_names names = {0};
    int *chosen = NULL, n = (int)shape->size[1];
    flow_status status = flow_hdf5_read_names(&names, l->datasets[0], reader->name, err);
    reader->has_names = names.n > 0;
    if (status == FLOW_OK && names.n > 0 && names.n != n)
        status = flow_error_set(err, FLOW_DATA, "%s: has %d columns, but its attribute \"columns\" names %d; correct the "
                                "attribute", reader->name, n, names.n);
    if (status == FLOW_OK && names.n == 0)
        status = flow_names_number(&names, n, err);
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    l->d = reader->columns.n;
    l->read = read_matrix;
    if (status == FLOW_OK)
        status = plan_runs(l, chosen, err);
    if (status == FLOW_OK) {
        status = plan_blocks(l, l->width, shape, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, "%s: ", reader->name);
    }
    bool as_stored = status == FLOW_OK && l->width == l->d;
    for (int i = 0; as_stored && i < l->d; i++)
        as_stored = l->pick[i] == i;
    if (status == FLOW_OK && !as_stored)
        status = make_scratch(l, l->width, err);
    free(chosen);
    flow_names_free(&names);
    return status;
}

/* ------------------------------------------------------------------ records */

static flow_status not_numbers(const flow_reader *reader, const char *column, H5T_class_t type, flow_error *err)
{
    return flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" holds %s; choose columns of numbers by name",
                          reader->name, column, flow_hdf5_describe_type(type));
}

static flow_status choose_members(flow_hdf5_layout *l, flow_reader *reader, hid_t type,
                                  const flow_reader_options *options, flow_error *err)
{
    flow_names names = {0};
    int *chosen = NULL, n = H5Tget_nmembers(type);
    flow_status status = FLOW_OK;
    if (n < 1 || n > FLOW_COLUMNS_MAX)
        status = flow_error_set(err, FLOW_DATA, "%s: has %d columns; 1 to %d are possible", reader->name, n,
                                FLOW_COLUMNS_MAX);
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        if (name == NULL)
            status = flow_hdf5_error(err, FLOW_FORMAT, "%s: a member has no name", reader->name);
        else
            status = flow_names_add(&names, name, strlen(name), err);
        H5free_memory(name);
    }
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    l->d = reader->columns.n;
    if (status == FLOW_OK && (l->record = H5Tcreate(H5T_COMPOUND, (size_t)l->d * sizeof(double))) < 0)
        status = flow_hdf5_error(err, FLOW_MEMORY, "%s: no type for its rows", reader->name);
    for (int i = 0; i < l->d && status == FLOW_OK; i++) {
        H5T_class_t class = H5Tget_member_class(type, (unsigned)chosen[i]);
        if (!flow_hdf5_is_number(class))
            status = not_numbers(reader, names.at[chosen[i]], class, err);
        else if (H5Tinsert(l->record, names.at[chosen[i]], (size_t)i * sizeof(double), H5T_NATIVE_DOUBLE) < 0)
            status = flow_hdf5_error(err, FLOW_FORMAT, "%s: the column \"%.80s\" cannot be read", reader->name,
                                     names.at[chosen[i]]);
    }
    free(chosen);
    flow_names_free(&names);
    return status;
}

static flow_status open_records(flow_hdf5_layout *l, flow_reader *reader, const flow_hdf5_shape *shape,
                                const flow_reader_options *options, flow_error *err)
{
    hid_t type = H5Dget_type(l->datasets[0]);
    if (type < 0)
        return flow_hdf5_error(err, FLOW_FORMAT, "%s: its type cannot be understood", reader->name);
    l->read = read_records;
    reader->has_names = true;
    flow_status status = choose_members(l, reader, type, options, err);
    if (status == FLOW_OK) {
        status = plan_blocks(l, l->d, shape, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, "%s: ", reader->name);
    }
    flow_hdf5_close_type(type);
    return status;
}

/* ------------------------------------------------------------------ columns */

/* A 1-D dataset by itself. Its name is the last part of its path, unless it says otherwise. */
static flow_status open_vector(flow_hdf5_layout *l, flow_reader *reader, const flow_hdf5_shape *shape, const char *path,
                               const flow_reader_options *options, flow_error *err)
{
    flow_names names = {0};
    int *chosen = NULL;
    const char *slash = strrchr(path, '/'), *last = slash != NULL ? slash + 1 : path;
    flow_status status = flow_hdf5_read_names(&names, l->datasets[0], reader->name, err);
    if (status == FLOW_OK && names.n > 1)
        status = flow_error_set(err, FLOW_DATA, "%s: has one column, but its attribute \"columns\" names %d; correct the "
                                "attribute", reader->name, names.n);
    if (status == FLOW_OK && names.n == 0)
        status = flow_names_add(&names, last, strlen(last), err);
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    reader->has_names = true;
    l->d = 1;
    l->read = read_columns;
    if (status == FLOW_OK) {
        status = plan_blocks(l, 1, shape, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, "%s: ", reader->name);
    }
    if (status == FLOW_OK)
        status = make_scratch(l, 1, err);
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
        flow_error_prefix(err, "%s: the column \"%.80s\": ", reader->name, name);
        return status;
    }
    if (!flow_hdf5_is_number(shape.type))
        return not_numbers(reader, name, shape.type, err);
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
static flow_status open_group(flow_hdf5_layout *l, flow_reader *reader, flow_hdf5_shape *shape,
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
        flow_error_prefix(err, "%s: ", reader->name);
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
    status = plan_blocks(l, l->d, shape, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, "%s: ", reader->name);
    else
        status = make_scratch(l, 1, err);
    return status;
}

/* ------------------------------------------------------------------ any of them */

static flow_status not_a_table(const flow_reader *reader, const flow_hdf5_shape *shape, flow_error *err)
{
    char text[128], remedy[64] = "";
    flow_hdf5_describe_shape(text, sizeof text, shape);
    if (shape->rank < 1)
        return flow_error_set(err, FLOW_DATA, "%s: holds %s value; a table has rows", reader->name,
                              shape->rank == 0 ? "a single" : "no");
    if (!flow_hdf5_is_number(shape->type))
        return flow_error_set(err, FLOW_DATA, "%s: has the shape %s and holds %s; a table of numbers was expected",
                              reader->name, text, flow_hdf5_describe_type(shape->type));
    double columns = 1;
    for (int i = 1; i < shape->rank; i++)
        columns *= (double)shape->size[i];
    if (columns <= FLOW_COLUMNS_MAX)
        snprintf(remedy, sizeof remedy, "; reshape it to (%llu, %.0f)", (unsigned long long)shape->size[0], columns);
    return flow_error_set(err, FLOW_DATA, "%s: has %d dimensions, %s; a table has rows and columns%s", reader->name,
                          shape->rank, text, remedy);
}

flow_status flow_hdf5_layout_open(flow_hdf5_layout *out, flow_reader *reader, hid_t object, const char *path,
                                  const flow_reader_options *options, flow_error *err)
{
    *out = (flow_hdf5_layout){.record = -1, .chunk_rows = 1};
    flow_hdf5_shape shape;
    flow_status status;
    H5I_type_t type = H5Iget_type(object);
    out->datasets = malloc(sizeof *out->datasets);
    if (out->datasets == NULL) {
        flow_hdf5_close_object(object);
        return flow_error_memory(err, "reading HDF5");
    }
    out->datasets[out->n_datasets++] = object;
    if (type == H5I_GROUP) {
        status = open_group(out, reader, &shape, options, err);
    } else if (type == H5I_DATASET) {
        status = flow_hdf5_shape_of(&shape, object, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, "%s: ", reader->name);
        else if (shape.rank == 2 && flow_hdf5_is_number(shape.type))
            status = open_matrix(out, reader, &shape, options, err);
        else if (shape.rank == 1 && shape.type == H5T_COMPOUND)
            status = open_records(out, reader, &shape, options, err);
        else if (shape.rank == 1 && flow_hdf5_is_number(shape.type))
            status = open_vector(out, reader, &shape, path, options, err);
        else
            status = not_a_table(reader, &shape, err);
    } else {
        status = flow_error_set(err, FLOW_DATA, "%s: is neither a dataset nor a group", reader->name);
    }
    if (status == FLOW_OK && shape.size[0] > INT64_MAX)
        status = flow_error_set(err, FLOW_DATA, "%s: has %llu rows; the file is damaged", reader->name,
                                (unsigned long long)shape.size[0]);
    if (status == FLOW_OK)
        reader->n_rows = (int64_t)shape.size[0];
    return status;
}

void flow_hdf5_layout_free(flow_hdf5_layout *l)
{
    for (int i = 0; i < l->n_datasets; i++)
        flow_hdf5_close_object(l->datasets[i]);
    if (l->record > 0)
        flow_hdf5_close_type(l->record);
    free(l->datasets);
    free(l->run_first);
    free(l->run_count);
    free(l->pick);
    free(l->scratch);
    *l = (flow_hdf5_layout){.record = -1};
}
