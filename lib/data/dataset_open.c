/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/dataset_rows.h"
#include "data/dataset_scan.h"
#include "data/read_ahead.h"
#include "num/rng.h"

/* From a location, or from `table` where that is not NULL. */
static flow_status dataset_open_reader(flow_dataset *data, const char *location, const flow_table_rows *table,
                                       const flow_dataset_options *options, flow_error *err)
{
    flow_reader_options how = {0};
    const char **last = NULL;
    if (options != NULL) {
        int n_context = options->n_context;
        last = malloc(((size_t)n_context + 1) * sizeof *last);
        if (last == NULL)
            return flow_error_memory(err, "the choice of columns");
        for (int i = 0; i < n_context; i++)
            last[i] = options->context[i];
        last[n_context] = options->weight;
        how = (flow_reader_options){options->columns, options->n_columns, options->skip_invalid, last,
                                    n_context + (options->weight != NULL ? 1 : 0)};
    }
    flow_status status = table != NULL ? flow_reader_open_rows(&data->reader, table, &how, err)
                                       : flow_reader_open(&data->reader, location, &how, err);
    free(last);
    if (status != FLOW_OK)
        return status;
    if (flow_reader_n_columns(data->reader) <= how.n_last)
        return flow_error_set(err, FLOW_DATA, "%s: has no column to model: all are context or weight",
                              data->reader->name);
    if (table != NULL)
        location = table->name;
    data->location = flow_strdup(location != NULL && !flow_is_standard(location) ? location : "standard input");
    data->has_names = flow_reader_has_names(data->reader);
    if (data->location == NULL)
        return flow_error_memory(err, "a data set");
    for (int i = 0; i < flow_reader_n_columns(data->reader) && status == FLOW_OK; i++) {
        const char *name = flow_reader_column(data->reader, i);
        status = flow_name_list_add(&data->columns, name, strlen(name), err);
    }
    return status;
}

static flow_status dataset_open(flow_dataset **out, const char *location, const flow_table_rows *table,
                                const flow_dataset_options *options, flow_error *err)
{
    *out = NULL;
    flow_part part = options != NULL ? options->part : FLOW_PART_ALL;
    if (part != FLOW_PART_ALL && !(options->share > 0 && options->share < 1))
        return flow_error_set(err, FLOW_ARGUMENT, "the held-out share is %g; it has to lie between 0 and 1",
                              options->share);
    flow_dataset *data = calloc(1, sizeof *data);
    if (data == NULL)
        return flow_error_memory(err, "a data set");
    data->part = part;
    if (options != NULL) {
        data->share = options->share;
        data->seed = options->seed;
        data->n_context = options->n_context;
        data->is_weighted = options->weight != NULL;
        data->allow_negative_weights = options->allow_negative_weights;
    }
    flow_status status = dataset_open_reader(data, location, table, options, err);
    if (status == FLOW_OK)
        status = flow_dataset_scan(data, options != NULL ? options->memory_bytes : 0,
                                   options != NULL && options->read_ahead, err);
    FLOW_RETURN_MADE(out, data, flow_dataset_close, status);
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

void flow_dataset_close(flow_dataset *data)
{
    if (data == NULL)
        return;
    flow_read_ahead_free(data->ahead);
    flow_reader_close(data->reader);
    flow_name_list_free(&data->columns);
    flow_stats_free(&data->stats);
    free(data->location);
    free(data->summary);
    flow_pool_free(&data->pool);
    free(data->blocks);
    free(data->block_order);
    free(data);
}

/* ------------------------------------------------------------------ what is known about it */

const char *flow_dataset_location(const flow_dataset *data)
{
    return data->location;
}

int flow_dataset_n_columns(const flow_dataset *data)
{
    return data->columns.n;
}

const char *const *flow_dataset_columns(const flow_dataset *data)
{
    return (const char *const *)data->columns.at;
}

bool flow_dataset_has_names(const flow_dataset *data)
{
    return data->has_names;
}

int flow_dataset_n_context(const flow_dataset *data)
{
    return data->n_context;
}

bool flow_dataset_is_weighted(const flow_dataset *data)
{
    return data->is_weighted;
}

int64_t flow_dataset_n_rows(const flow_dataset *data)
{
    return data->n_rows;
}

int64_t flow_dataset_n_weightless(const flow_dataset *data)
{
    return data->n_weightless;
}

double flow_dataset_effective_rows(const flow_dataset *data)
{
    double n = (double)data->n_rows;
    if (!data->is_weighted)
        return n;
    const flow_column_summary *weight = &data->summary[data->columns.n - 1];
    double ratio = weight->deviation / weight->mean;
    return n / (1 + ratio * ratio * (n - 1) / n);
}

int64_t flow_dataset_n_skipped(const flow_dataset *data)
{
    return data->n_skipped;
}

bool flow_dataset_is_held(const flow_dataset *data)
{
    return data->is_held;
}

uint32_t flow_dataset_checksum(const flow_dataset *data)
{
    return data->checksum;
}

const flow_column_summary *flow_dataset_summary(const flow_dataset *data)
{
    return data->summary;
}

/* A column of the context may be constant, but not too large to be standardised. */
flow_status flow_dataset_check_spread(const flow_dataset *data, flow_error *err)
{
    int n_given = data->columns.n - (data->is_weighted ? 1 : 0), n = n_given - data->n_context;
    for (int i = 0; i < n_given; i++) {
        const flow_column_summary *column = &data->summary[i];
        bool constant = column->least == column->most;
        bool too_large = !isfinite(column->deviation) || !isfinite(column->mean);
        char value[FLOW_NUMBER_SIZE];
        flow_number_print(value, column->least);
        if (constant && i < n)
            return flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" has the value %s in every row: its density "
                                  "has no bound; leave it out of the columns", data->location, column->name, value);
        if (too_large || (column->deviation == 0 && !constant))
            return flow_error_set(err, FLOW_DATA, "%s: the values of the column \"%.80s\" are too %s for arithmetic in "
                                  "double precision; rescale it", data->location, column->name,
                                  too_large ? "large" : "close to each other");
    }
    return FLOW_OK;
}

flow_status flow_dataset_sample(flow_dataset *data, double *rows, size_t n_max, size_t *n_read, flow_error *err)
{
    size_t d = (size_t)data->columns.n;
    *n_read = 0;
    bool sample_is_all = (int64_t)data->stats.n_sampled == data->n_rows;
    if (!data->is_held && !sample_is_all && n_max >= (size_t)data->n_rows) {
        flow_dataset_rewind(data);
        flow_status status = flow_dataset_next(data, rows, NULL, n_max, n_read, err);
        flow_dataset_rewind(data);
        return status;
    }
    const double *from = data->is_held ? data->pool.rows : data->stats.rows;
    size_t n = data->is_held ? (size_t)data->n_rows : data->stats.n_sampled, m = n < n_max ? n : n_max;
    for (size_t i = 0; i < m; i++) { /* one row out of each of m equal pieces */
        size_t first = i * n / m, size = (i + 1) * n / m - first;
        double random = flow_rng_uniform(data->seed, FLOW_STREAM_OTHER, i, 2);
        memcpy(rows + i * d, from + (first + (size_t)(random * (double)size)) * d, d * sizeof *rows);
    }
    *n_read = m;
    return FLOW_OK;
}
