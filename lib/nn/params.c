/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/params.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/rng.h"

/* More than any flow needs: bounds what a hostile spec can request, and BLAS takes an int. */
static const size_t most_values = INT_MAX;
static const size_t most_rows = (size_t)1 << 24; /* each row has an extent */

void flow_params_release(flow_params *params)
{
    for (int i = 0; i < params->n_entries; i++)
        free(params->entries[i].extent);
    free(params->entries);
    free(params->fitted);
    *params = (flow_params){0};
}

static flow_status params_add(flow_params *params, flow_param **entry, const char *name, int rows, int cols,
                              flow_error *err)
{
    if (params->n_entries == params->capacity) {
        int capacity = 2 * params->capacity + 16;
        flow_param *grown = realloc(params->entries, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return flow_error_memory(err, "the list of parameters");
        params->entries = grown;
        params->capacity = capacity;
    }
    flow_param *made = &params->entries[params->n_entries];
    *made = (flow_param){.rows = rows, .cols = cols};
    int length = snprintf(made->name, sizeof made->name, "%s%s", params->prefix, name);
    if (length < 0 || (size_t)length >= sizeof made->name)
        return flow_error_set(err, FLOW_ARGUMENT, "the parameter name %.60s... is too long", made->name);
    size_t values = (size_t)rows;
    if (rows < 0 || cols < 0 || !flow_size_mul(&values, (size_t)cols) || values > most_values ||
        params->n_weights + params->n_fitted > most_values - values)
        return flow_error_set(err, FLOW_SPEC,
                              "the model would have more than %zu parameters; make its networks smaller", most_values);
    if (params->n_rows > most_rows - (size_t)rows)
        return flow_error_set(err, FLOW_SPEC, "the model would have more than %zu units; make its networks smaller",
                              most_rows);
    params->n_rows += (size_t)rows;
    *entry = made;
    return FLOW_OK;
}

flow_status flow_params_add_weights(flow_params *params, size_t *offset, const char *name, int rows, int cols,
                                    flow_init init, int fan_in, const int *extent, flow_error *err)
{
    flow_param *entry = NULL;
    flow_status status = params_add(params, &entry, name, rows, cols, err);
    if (status != FLOW_OK)
        return status;
    if (extent != NULL) {
        entry->extent = malloc(((size_t)rows + 1) * sizeof *entry->extent);
        if (entry->extent == NULL)
            return flow_error_memory(err, entry->name);
        memcpy(entry->extent, extent, (size_t)rows * sizeof *extent);
    }
    entry->trainable = true;
    entry->init = init;
    entry->fan_in = fan_in;
    entry->offset = *offset = params->n_weights;
    size_t values = (size_t)rows * (size_t)cols;
    params->n_weights += (values + FLOW_LANES - 1) / FLOW_LANES * FLOW_LANES;
    params->n_entries++;
    return FLOW_OK;
}

flow_status flow_params_add_fitted(flow_params *params, size_t *offset, const char *name, int rows, int cols,
                                   flow_error *err)
{
    flow_param *entry = NULL;
    flow_status status = params_add(params, &entry, name, rows, cols, err);
    if (status != FLOW_OK)
        return status;
    size_t values = (size_t)rows * (size_t)cols;
    double *grown = realloc(params->fitted, (params->n_fitted + values + 1) * sizeof *grown);
    if (grown == NULL)
        return flow_error_memory(err, entry->name);
    memset(grown + params->n_fitted, 0, (values + 1) * sizeof *grown);
    params->fitted = grown;
    entry->offset = *offset = params->n_fitted;
    params->n_fitted += values;
    params->n_entries++;
    return FLOW_OK;
}

void flow_params_init(const flow_params *params, uint64_t seed, real *weights)
{
    memset(weights, 0, params->n_weights * sizeof *weights);
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        if (!entry->trainable || entry->init == FLOW_INIT_ZERO)
            continue;
        for (int r = 0; r < entry->rows; r++) {
            int live = entry->extent != NULL ? entry->extent[r] : entry->cols;
            int fan_in = entry->fan_in > 0 ? entry->fan_in : entry->cols;
            double bound = 1 / sqrt(fan_in);
            for (int c = 0; c < live; c++) {
                size_t k = (size_t)r * (size_t)entry->cols + (size_t)c;
                double u = flow_rng_uniform(seed, FLOW_STREAM_WEIGHTS, k, (uint32_t)e);
                weights[entry->offset + k] = (real)(bound * (2 * u - 1));
            }
        }
    }
}

size_t flow_param_count(const flow_param *entry)
{
    size_t count = 0;
    for (int r = 0; r < entry->rows; r++)
        count += (size_t)(entry->extent != NULL ? entry->extent[r] : entry->cols);
    return count;
}

size_t flow_params_count(const flow_params *params)
{
    size_t count = 0;
    for (int e = 0; e < params->n_entries; e++)
        count += params->entries[e].trainable ? flow_param_count(&params->entries[e]) : 0;
    return count;
}

/* Appends a span, cut into parts of at most `longest`; with `spans` NULL it only counts. */
static void append_span(flow_span *spans, int *n, size_t longest, size_t offset, size_t length)
{
    while (length > 0) {
        size_t part = length < longest ? length : longest;
        if (spans != NULL)
            spans[*n] = (flow_span){offset, part};
        (*n)++;
        offset += part;
        length -= part;
    }
}

static int list_spans(const flow_params *params, flow_span *spans, size_t longest)
{
    int n = 0;
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        if (!entry->trainable)
            continue;
        if (entry->extent == NULL) {
            append_span(spans, &n, longest, entry->offset, (size_t)entry->rows * (size_t)entry->cols);
            continue;
        }
        for (int r = 0; r < entry->rows; r++)
            append_span(spans, &n, longest, entry->offset + (size_t)r * (size_t)entry->cols, (size_t)entry->extent[r]);
    }
    return n;
}

flow_status flow_params_spans(const flow_params *params, flow_span **spans, int *n_spans, size_t longest,
                              flow_error *err)
{
    *n_spans = list_spans(params, NULL, longest);
    *spans = malloc(((size_t)*n_spans + 1) * sizeof **spans);
    if (*spans == NULL)
        return flow_error_memory(err, "the list of live weights");
    list_spans(params, *spans, longest);
    return FLOW_OK;
}
