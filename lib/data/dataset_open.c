/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/dataset_share.h"
#include "data/read_ahead.h"
#include "num/rng.h"

/* From a location, or from `table` where that is not NULL. */
static flow_status dataset_open_reader(flow_row_store *data, const char *location, const flow_table_rows *table,
                                       const flow_dataset_options *options, flow_error *err)
{
    int n_context = options->n_context, n_last = n_context + (options->weight != NULL ? 1 : 0);
    const char **last = malloc(((size_t)n_context + 1) * sizeof *last);
    if (last == NULL)
        return flow_error_memory(err, "the choice of columns");
    for (int i = 0; i < n_context; i++)
        last[i] = options->context[i];
    last[n_context] = options->weight;
    const flow_reader_options how = {.columns = options->columns,
                                     .n_columns = options->n_columns,
                                     .skip_invalid = options->skip_invalid,
                                     .last = last,
                                     .n_last = n_last,
                                     .image = options->image,
                                     .missing = options->missing,
                                     .csv = options->csv};
    flow_status status = table != NULL ? flow_reader_open_rows(&data->reader, table, &how, err)
                                       : flow_reader_open(&data->reader, location, &how, err);
    free(last);
    if (status != FLOW_OK)
        return status;
    const flow_name_list *names = &data->reader->columns;
    if (names->n <= n_last)
        return flow_error_set(err, FLOW_DATA, "%s: has no column to model: all are context or weight",
                              data->reader->name);
    if (table != NULL)
        location = table->name;
    data->base.location = flow_strdup(location != NULL && !flow_is_standard(location) ? location : "standard input");
    if (data->base.location == NULL)
        return flow_error_memory(err, "a data set");
    status = flow_name_list_copy(&data->columns, (const char *const *)names->at, names->n, err);
    data->base.columns = (const char *const *)data->columns.at;
    data->base.n_columns = data->columns.n;
    data->base.has_names = data->reader->has_names;
    data->base.is_packed = data->reader->is_packed;
    data->base.image = data->reader->image;
    data->base.stored = data->reader->stored;
    data->classes = data->reader->classes; /* taken over */
    data->reader->classes = (flow_name_list){0};
    data->base.classes = (const char *const *)data->classes.at;
    data->base.n_classes = data->reader->n_classes;
    data->packing = flow_row_packing_of(data->reader);
    data->base.row_bytes = data->packing.row_bytes;
    if (status == FLOW_OK && options->survey && flow_shape_size(data->base.image.shape) == 0)
        status = flow_survey_new(&data->base.survey, data->base.n_columns, data->base.columns, err);
    return status;
}

/* Whether the shares make parts, and the part among them. */
static bool dataset_is_split(const flow_dataset_options *o)
{
    const bool in_range = o->share >= 0 && o->share < 1 && o->test_share >= 0 && o->test_share < 1;
    const bool held_out = o->share > 0, test = o->test_share > 0;
    return in_range && (o->part == FLOW_PART_HELD_OUT ? held_out : o->part == FLOW_PART_TEST ? test : held_out || test);
}

static flow_status dataset_open(flow_dataset **out, const char *location, const flow_table_rows *table,
                                const flow_dataset_options *options, flow_error *err)
{
    static const flow_dataset_options none;
    options = options != NULL ? options : &none;
    *out = NULL;
    if (options->part != FLOW_PART_ALL && !dataset_is_split(options))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "the held-out share is %g and the test share %g; that of a part has "
                              "to lie between 0 and 1",
                              options->share, options->test_share);
    flow_row_store *data = calloc(1, sizeof *data);
    if (data == NULL)
        return flow_error_memory(err, "a data set");
    data->base.comm = options->comm;
    data->base.n_context = options->n_context;
    data->base.is_weighted = options->weight != NULL;
    data->allow_negative_weights = options->allow_negative_weights;
    data->flip = options->flip;
    data->part = options->part;
    data->share = options->share;
    data->test_share = options->test_share;
    data->seed = options->seed;
    flow_status status = table == NULL ? flow_share_check(options->comm, location, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = dataset_open_reader(data, location, table, options, err);
    if (status == FLOW_OK)
        status = flow_share_new(data, err);
    status = flow_comm_agree(options->comm, status, err);
    if (status == FLOW_OK)
        status = flow_dataset_scan(data, options->memory_bytes, options->read_ahead, err);
    FLOW_RETURN_MADE(out, &data->base, flow_dataset_close, status);
}

flow_status flow_dataset_open(flow_dataset **out, const char *location, const flow_dataset_options *options,
                              flow_error *err)
{
    return dataset_open(out, location, NULL, options, err);
}

flow_status flow_dataset_open_rows(flow_dataset **out, const flow_table_rows *table,
                                   const flow_dataset_options *options, flow_error *err)
{
    return dataset_open(out, NULL, table, options, err);
}

void flow_dataset_close(flow_dataset *base)
{
    flow_row_store *data = (flow_row_store *)base;
    if (data == NULL)
        return;
    flow_read_ahead_free(data->ahead);
    flow_reader_close(data->reader);
    flow_name_list_free(&data->columns);
    flow_name_list_free(&data->classes);
    flow_name_list_free(&base->remarks);
    flow_stats_free(&data->stats);
    flow_row_sample_free(&data->sample);
    flow_survey_free(base->survey);
    free(base->location);
    free(base->summary);
    flow_share_free(data->sharing);
    flow_pool_free(&data->pool);
    free(data->block);
    free(data->blocks);
    free(data->block_order);
    free(data);
}

flow_picture_options flow_dataset_picture(const flow_dataset *data)
{
    flow_picture_options out = {.shape = data->image.shape, .least = 0, .most = 255};
    if (data->stored == FLOW_VALUE_BYTE || data->image.shape.channels == 0)
        return out;
    out.least = INFINITY;
    out.most = -INFINITY;
    for (int i = 0; i < flow_shape_size(data->image.shape); i++) {
        out.least = fmin(out.least, data->summary[i].least);
        out.most = fmax(out.most, data->summary[i].most);
    }
    return out;
}

static flow_status dataset_refuse_constant(const flow_dataset *data, int column, double value, int64_t others,
                                           flow_error *err)
{
    char text[FLOW_NUMBER_SIZE], rows[64] = "every row";
    flow_number_print(text, value);
    if (others > 0)
        snprintf(rows, sizeof rows, "all rows but %lld", (long long)others);
    return flow_error_set(
        err, FLOW_DATA, "%s: the column \"%.80s\" has the value %s in %s: its density has no bound; %s", data->location,
        data->columns[column], text, rows,
        data->image.shape.channels > 0 ? "for images of 8 bits, let the flow begin with \"pixels\""
                                       : "leave it out of the columns, or declare it discrete in a \"support\"");
}

/* Whether squares of distances between most values are no numbers: not because of a few values far from all others. */
static bool dataset_is_large(const flow_survey *survey, int column)
{
    const double *q = survey != NULL ? survey->columns[column].quantiles : NULL;
    const double most = q != NULL ? q[FLOW_QUANTILE_95] - q[FLOW_QUANTILE_5] : INFINITY;
    return !isfinite(most * most);
}

/* A column of the context may be constant, but not too large to be standardised. */
flow_status flow_dataset_check_spread(const flow_dataset *data, const bool *discrete, flow_error *err)
{
    int n_given = data->n_columns - (data->is_weighted ? 1 : 0), n = n_given - data->n_context;
    for (int i = 0; i < n_given; i++) {
        const flow_column_summary *column = &data->summary[i];
        const flow_finding *nearly = NULL;
        bool constant = column->least == column->most, continuous = i < n && (discrete == NULL || !discrete[i]);
        double square = column->deviation * column->deviation;
        bool too_large = (!isfinite(square) && dataset_is_large(data->survey, i)) || !isfinite(column->mean);
        if (continuous && data->survey != NULL) /* whether the other rows are in this part must not matter */
            nearly = flow_survey_find(data->survey, FLOW_FINDING_NEARLY_CONSTANT, i);
        if (nearly != NULL && nearly->rows > 0)
            return dataset_refuse_constant(data, i, nearly->value, nearly->rows, err);
        if (constant && continuous)
            return dataset_refuse_constant(data, i, column->least, 0, err);
        if (too_large || (square == 0 && !constant))
            return flow_error_set(err, FLOW_DATA,
                                  "%s: the values of the column \"%.80s\" are too %s for arithmetic in "
                                  "double precision; rescale it",
                                  data->location, column->name, too_large ? "large" : "close to each other");
    }
    return FLOW_OK;
}

/* Rows of those that are held, or of the sample of them. */
static flow_status dataset_copy(flow_row_store *data, const int64_t *chosen, size_t n, double *rows, flow_error *err)
{
    const flow_dataset *base = &data->base;
    const size_t d = (size_t)base->n_columns;
    const bool is_shared = base->is_held && flow_comm_size(base->comm) > 1;
    const flow_row_packing packing = base->is_held ? data->packing : flow_row_packing_plain(d);
    const char *from = base->is_held ? data->pool.rows : (const char *)data->sample.rows;
    if (is_shared)
        FLOW_TRY(flow_share_fetch(data, chosen, (int64_t)n, &from, err));
    for (size_t i = 0; i < n; i++) {
        flow_row_unpack(&packing, rows + i * d, from + (is_shared ? i : (size_t)chosen[i]) * packing.row_bytes);
        if (base->is_weighted)
            rows[(i + 1) * d - 1] /= base->weight_unit;
    }
    return FLOW_OK;
}

flow_status flow_dataset_sample(flow_dataset *base, double *rows, size_t n_max, size_t *n_read, flow_error *err)
{
    flow_row_store *data = (flow_row_store *)base;
    *n_read = 0;
    bool sample_is_all = (int64_t)data->sample.n == base->n_rows;
    if (!base->is_held && !sample_is_all && n_max >= (size_t)base->n_rows) {
        flow_dataset_rewind(base);
        flow_status status = flow_dataset_next(base, rows, NULL, n_max, n_read, err);
        flow_dataset_rewind(base);
        return status;
    }
    const size_t n = base->is_held ? (size_t)base->n_rows : data->sample.n, m = n < n_max ? n : n_max;
    int64_t *chosen = malloc((m + 1) * sizeof *chosen);
    if (chosen == NULL)
        return flow_error_memory(err, "a sample of the data");
    for (size_t i = 0; i < m; i++) { /* one row out of each of m equal pieces */
        size_t first = i * n / m, size = (i + 1) * n / m - first;
        double random = flow_rng_uniform(data->seed, FLOW_STREAM_OTHER, i, 2);
        chosen[i] = (int64_t)(first + (size_t)(random * (double)size));
    }
    flow_status status = dataset_copy(data, chosen, m, rows, err);
    free(chosen);
    *n_read = status == FLOW_OK ? m : 0;
    return status;
}
