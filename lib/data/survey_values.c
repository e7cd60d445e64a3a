/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_values.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/rng.h"

enum { FIRST_CAPACITY = 64 };

/* The place of the value in the table, or the free one where it belongs. */
static flow_survey_value *values_find(const flow_values *v, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    size_t at = (size_t)flow_rng_mix(bits) & (v->capacity - 1);
    while (v->table[at].rows > 0 && v->table[at].value != value)
        at = (at + 1) & (v->capacity - 1);
    return &v->table[at];
}

static flow_status values_grow(flow_values *v, flow_error *err)
{
    flow_values larger = *v;
    larger.capacity = v->capacity == 0 ? FIRST_CAPACITY : 2 * v->capacity;
    larger.table = calloc(larger.capacity, sizeof *larger.table);
    if (larger.table == NULL)
        return flow_error_memory(err, "counting different values");
    for (size_t i = 0; i < v->capacity; i++)
        if (v->table[i].rows > 0)
            *values_find(&larger, v->table[i].value) = v->table[i];
    free(v->table);
    *v = larger;
    return FLOW_OK;
}

/* By falling number of rows, then by value. */
static int values_by_rows(const void *a, const void *b)
{
    const flow_survey_value *x = a, *y = b;
    int order = (x->rows < y->rows) - (x->rows > y->rows);
    return order != 0 ? order : (x->value > y->value) - (x->value < y->value);
}

static int values_by_value(const void *a, const void *b)
{
    const flow_survey_value *x = a, *y = b;
    int order = (x->rows == 0) - (y->rows == 0); /* free places last */
    return order != 0 ? order : (x->value > y->value) - (x->value < y->value);
}

/* From now on, only values that several rows have had until now are counted, the most frequent of them. */
static void values_follow(flow_values *v)
{
    v->many = true;
    qsort(v->table, v->capacity, sizeof *v->table, values_by_rows);
    while (v->n_followed < FLOW_VALUES_FOLLOWED && v->table[v->n_followed].rows > 1) {
        v->followed[v->n_followed] = v->table[v->n_followed];
        v->n_followed++;
    }
    flow_values_free(v);
}

flow_status flow_values_add(flow_values *v, double value, int64_t row, flow_error *err)
{
    value += 0.0; /* -0 is 0 */
    if (!v->many) {
        if (2 * (size_t)(v->n + 1) > v->capacity)
            FLOW_TRY(values_grow(v, err));
        flow_survey_value *place = values_find(v, value);
        if (place->rows > 0) {
            place->rows++;
            return FLOW_OK;
        }
        if (v->n < v->limit) {
            *place = (flow_survey_value){value, 1, row};
            v->n++;
            return FLOW_OK;
        }
        values_follow(v);
    }
    for (int i = 0; i < v->n_followed; i++)
        v->followed[i].rows += v->followed[i].value == value;
    return FLOW_OK;
}

void flow_values_sort(flow_values *v, const flow_survey_value **out)
{
    if (v->table != NULL)
        qsort(v->table, v->capacity, sizeof *v->table, values_by_value);
    *out = v->table;
}

void flow_values_free(flow_values *v)
{
    free(v->table);
    v->table = NULL;
    v->capacity = 0;
}
