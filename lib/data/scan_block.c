/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/scan_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/survey.h"

static flow_status scan_too_large(const flow_row_store *data, size_t memory_bytes, flow_error *err)
{
    return flow_error_set(err, FLOW_DATA,
                          "%s: can be read only once, so its rows must be held, and they take more "
                          "than the %.0f MB that are allowed; put the table into a file, or allow more memory",
                          data->base.location, (double)memory_bytes / 1048576);
}

size_t flow_scan_most_held(const flow_scan *s)
{
    size_t most = s->memory_bytes == 0 ? SIZE_MAX : s->memory_bytes / s->data->packing.row_bytes;
    return most < UINT32_MAX ? most : UINT32_MAX;
}

flow_status flow_scan_fit(flow_scan *s, size_t n, flow_error *err)
{
    if (n <= flow_scan_most_held(s) - s->n_held)
        return FLOW_OK;
    if (!s->data->reader->can_seek)
        return scan_too_large(s->data, s->memory_bytes, err);
    flow_pool_free(&s->data->pool);
    s->holds = false;
    return FLOW_OK;
}

flow_status flow_scan_make_room(flow_scan *s, size_t n, flow_error *err)
{
    const size_t most = flow_scan_most_held(s);
    flow_row_store *data = s->data;
    const size_t n_here = (size_t)data->pool.n_here;
    if (n_here + n <= s->capacity)
        return FLOW_OK;
    size_t capacity = 2 * (n_here + n), bytes;
    capacity = capacity < most ? capacity : most;
    if (data->reader->n_rows >= 0 && (size_t)data->reader->n_rows < capacity)
        capacity = (size_t)data->reader->n_rows;
    bytes = capacity;
    char *rows = flow_size_mul(&bytes, data->packing.row_bytes) ? realloc(data->pool.rows, bytes) : NULL;
    if (rows == NULL)
        return flow_error_memory(err, "the rows; allow less memory, so that they are read in parts");
    data->pool.rows = rows;
    int64_t *numbers = realloc(data->pool.numbers, capacity * sizeof *numbers);
    if (numbers == NULL)
        return flow_error_memory(err, "the rows; allow less memory, so that they are read in parts");
    data->pool.numbers = numbers;
    s->capacity = capacity;
    return FLOW_OK;
}

/* The last of the d values of a row is its weight. */
flow_status flow_scan_check_weights(const flow_row_store *data, const double *rows, const int64_t *numbers, size_t n,
                                    flow_error *err)
{
    size_t d = (size_t)data->base.n_columns;
    if (!data->base.is_weighted || data->allow_negative_weights)
        return FLOW_OK;
    for (size_t i = 0; i < n; i++) {
        const double weight = rows[(i + 1) * d - 1];
        if (weight >= 0)
            continue;
        char code[FLOW_NUMBER_SIZE], more[2 * FLOW_NUMBER_SIZE + 64] = "";
        flow_number_print(code, weight);
        if (flow_survey_is_usual_code(weight))
            snprintf(more, sizeof more, ". If %s stands for a missing value, say --missing %s --skip-invalid", code,
                     code);
        return flow_error_set(err, FLOW_DATA,
                              "%s: row %lld has the weight %g in column \"%.80s\"; a density with negative weights can "
                              "have no maximum. Leave such rows out, or set \"allow_negative_weights\" if they are "
                              "meant%s",
                              data->base.location, (long long)numbers[i] + 1, weight, data->base.columns[d - 1], more);
    }
    return FLOW_OK;
}

int64_t flow_scan_count_weightless(const flow_row_store *data, const double *rows, const int64_t *numbers, size_t n)
{
    size_t d = (size_t)data->base.n_columns;
    int64_t count = 0;
    for (size_t i = 0; data->base.is_weighted && i < n; i++)
        count += rows[(i + 1) * d - 1] == 0 && flow_dataset_in_part(data, numbers[i]);
    return count;
}

flow_status flow_scan_add_span(flow_row_store *data, const flow_row_span *span, flow_error *err)
{
    if (!flow_grow(&data->blocks, &data->block_capacity, (size_t)data->n_blocks + 1, sizeof *data->blocks))
        return flow_error_memory(err, "the index of the rows");
    data->blocks[data->n_blocks++] = *span;
    return FLOW_OK;
}

uint32_t flow_dataset_checksum(uint32_t sum, const double *values, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)values;
    const uint16_t probe = 1;
    if (*(const unsigned char *)&probe == 1)
        return (uint32_t)crc32_z(sum, bytes, n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        unsigned char turned[sizeof *values];
        for (size_t k = 0; k < sizeof *values; k++)
            turned[k] = bytes[(i + 1) * sizeof *values - 1 - k];
        sum = (uint32_t)crc32_z(sum, turned, sizeof turned);
    }
    return sum;
}
