/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_shapes.h"

#include <stdlib.h>
#include <string.h>

#include "h5/object.h"
#include "h5/scope.h"
#include "h5/source.h"

enum { SMALL_GAP = 16 }; /* so many columns are cheaper to read than to skip */

static flow_status matrix_read(flow_h5_layout *l, double *rows, int64_t first, int64_t count, flow_error *err)
{
    flow_status status = FLOW_OK;
    hsize_t extent[2] = {(hsize_t)count, (hsize_t)l->width};
    hid_t space = H5Dget_space(l->datasets[0]), memory = -1;
    bool good = space >= 0 && (memory = H5Screate_simple(H5Sget_simple_extent_ndims(space), extent, NULL)) >= 0;
    for (int i = 0; i < l->n_spans && good; i++) {
        hsize_t start[2] = {(hsize_t)first, l->span_first[i]}, size[2] = {(hsize_t)count, l->span_count[i]};
        H5S_seloper_t how = i == 0 ? H5S_SELECT_SET : H5S_SELECT_OR;
        good = H5Sselect_hyperslab(space, how, start, NULL, size, NULL) >= 0;
    }
    double *to = l->scratch != NULL ? l->scratch : rows;
    if (!good || H5Dread(l->datasets[0], l->values[0].memory, memory, space, H5P_DEFAULT, to) < 0)
        status = flow_h5_read_failed(l->datasets[0], first, count, err);
    else
        flow_h5_value_decode(&l->values[0], to, (size_t)count * (size_t)l->width);
    if (status == FLOW_OK && l->scratch != NULL)
        for (int64_t i = 0; i < count; i++)
            for (int j = 0; j < l->d; j++)
                rows[i * l->d + j] = l->scratch[i * l->width + l->pick[j]];
    flow_h5_close(memory);
    flow_h5_close(space);
    return status;
}

static int matrix_by_column(const void *a, const void *b)
{
    int i = *(const int *)a, j = *(const int *)b;
    return (i > j) - (i < j);
}

/* Chooses the spans of columns to read. */
static flow_status matrix_plan_spans(flow_h5_layout *l, const int *chosen, flow_error *err)
{
    size_t d = (size_t)l->d;
    int *sorted = malloc(d * sizeof *sorted);
    l->span_first = calloc(d, sizeof *l->span_first);
    l->span_count = calloc(d, sizeof *l->span_count);
    l->pick = malloc(d * sizeof *l->pick);
    if (sorted == NULL || l->span_first == NULL || l->span_count == NULL || l->pick == NULL) {
        free(sorted);
        return flow_error_memory(err, "the choice of columns");
    }
    memcpy(sorted, chosen, d * sizeof *sorted);
    qsort(sorted, d, sizeof *sorted, matrix_by_column);
    for (size_t i = 0; i < d; i++) {
        hsize_t column = (hsize_t)sorted[i];
        int last = l->n_spans - 1;
        if (last < 0 || column > l->span_first[last] + l->span_count[last] + SMALL_GAP) {
            last = l->n_spans++;
            l->span_first[last] = column;
        }
        l->span_count[last] = column - l->span_first[last] + 1;
    }
    for (size_t i = 0; i < d; i++) {
        int before = 0, span = 0;
        while ((hsize_t)chosen[i] >= l->span_first[span] + l->span_count[span])
            before += (int)l->span_count[span++];
        l->pick[i] = before + (int)((hsize_t)chosen[i] - l->span_first[span]);
    }
    for (int i = 0; i < l->n_spans; i++)
        l->width += (int)l->span_count[i];
    free(sorted);
    return FLOW_OK;
}

/* A remark where a matrix is likely to have its columns as rows. */
static flow_status matrix_remark_shape(flow_reader *reader, const flow_h5_shape *shape, flow_error *err)
{
    enum { MANY = 32 };
    if (shape->rank != 2 || shape->size[0] < 2 || shape->size[1] < MANY || shape->size[1] / 4 < shape->size[0])
        return FLOW_OK;
    return flow_reader_remark(reader, err, "has %llu rows of %llu columns; if they are columns, as R, MATLAB and Julia "
                              "write them, read %s.T", (unsigned long long)shape->size[0],
                              (unsigned long long)shape->size[1], reader->name);
}

flow_status flow_h5_open_matrix(flow_h5_layout *l, flow_reader *reader, const flow_h5_shape *shape,
                                const char *path, const flow_reader_options *options, flow_error *err)
{
    hsize_t n_columns = shape->rank == 1 ? 1 : shape->size[1];
    if (n_columns == 0 || n_columns > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_DATA, "%s: has %llu columns; 1 to %d are possible", reader->name,
                              (unsigned long long)n_columns, FLOW_COLUMNS_MAX);
    flow_name_list names = {0};
    int *chosen = NULL, n = (int)n_columns;
    flow_status status = flow_h5_layout_names(&names, l->datasets[0], reader->name, err);
    reader->has_names = names.n > 0 || shape->rank == 1;
    if (status == FLOW_OK && names.n > 0 && names.n != n)
        status = flow_error_set(err, FLOW_DATA, "%s: has %d column%s, but its attribute \"columns\" names %d; correct "
                                "the attribute", reader->name, n, n == 1 ? "" : "s", names.n);
    if (status == FLOW_OK && names.n == 0) {
        const char *last = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
        status = shape->rank == 1 ? flow_name_list_copy(&names, &last, 1, err)
                                  : flow_name_list_number(&names, 'x', n, err);
    }
    if (status == FLOW_OK)
        status = flow_reader_choose(reader, &chosen, &names, options, err);
    l->d = reader->n_stored = reader->columns.n;
    l->read = matrix_read;
    if (status == FLOW_OK)
        status = flow_h5_value_of(&l->values[0], l->datasets[0], err);
    if (status == FLOW_OK)
        reader->stored = flow_h5_layout_type(l->datasets[0], &l->values[0]);
    if (status == FLOW_OK && !reader->has_names && options->image.shape.channels == 0)
        status = matrix_remark_shape(reader, shape, err);
    if (status == FLOW_OK)
        status = matrix_plan_spans(l, chosen, err);
    if (status == FLOW_OK)
        status = flow_h5_layout_blocks(l, reader, l->width, shape->size[0], err);
    if (status == FLOW_OK && l->values[0].is_wide)
        status = flow_h5_layout_mark_wide(l, err);
    bool as_stored = status == FLOW_OK && l->width == l->d;
    for (int i = 0; as_stored && i < l->d; i++)
        as_stored = l->pick[i] == i;
    if (status == FLOW_OK && !as_stored)
        status = flow_h5_layout_make_block(&l->scratch, l, l->width, err);
    free(chosen);
    flow_name_list_free(&names);
    return status;
}
