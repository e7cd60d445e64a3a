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
    flow_survey_value *old = v->table, *table;
    const size_t n_old = v->capacity, capacity = n_old == 0 ? FIRST_CAPACITY : 2 * n_old;
    table = calloc(capacity, sizeof *table);
    if (table == NULL)
        return flow_error_memory(err, "counting different values");
    v->table = table;
    v->capacity = capacity;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].rows > 0)
            *values_find(v, old[i].value) = old[i];
    free(old);
    return FLOW_OK;
}

static int values_by_value(const void *a, const void *b)
{
    const flow_survey_value *x = a, *y = b;
    int order = (x->rows == 0) - (y->rows == 0); /* free places last */
    return order != 0 ? order : (x->value > y->value) - (x->value < y->value);
}

/* Whether a has more rows than b, or as many and comes first. */
static bool values_is_more(const flow_survey_value *a, const flow_survey_value *b)
{
    return a->rows > b->rows || (a->rows == b->rows && a->value < b->value);
}

/* From now on, only values that several rows have had until now are counted, the most frequent of them. */
static void values_follow(flow_values *v)
{
    flow_survey_value *followed = v->followed;
    v->many = true;
    for (size_t i = 0; i < v->capacity; i++) {
        const flow_survey_value *value = &v->table[i];
        int k = v->n_followed;
        if (value->rows < 2 || (k == FLOW_VALUES_FOLLOWED && !values_is_more(value, &followed[k - 1])))
            continue;
        k = k < FLOW_VALUES_FOLLOWED ? v->n_followed++ : k - 1;
        for (; k > 0 && values_is_more(value, &followed[k - 1]); k--)
            followed[k] = followed[k - 1];
        followed[k] = *value;
    }
    flow_values_free(v);
}

/* While all values are counted; *done: it is counted. Else there are more of them now than are allowed. */
static flow_status values_count(flow_values *v, double value, int64_t row, bool *done, flow_error *err)
{
    flow_survey_value *place = v->capacity > 0 ? values_find(v, value) : NULL;
    *done = (place != NULL && place->rows > 0) || v->n < v->limit;
    if (!*done)
        return FLOW_OK;
    if (place == NULL || (place->rows == 0 && 2 * (size_t)(v->n + 1) > v->capacity)) {
        FLOW_TRY(values_grow(v, err));
        place = values_find(v, value);
    }
    if (place->rows == 0) {
        *place = (flow_survey_value){value, 0, row};
        v->n++;
    }
    place->rows++;
    return FLOW_OK;
}

flow_status flow_values_add(flow_values *v, double value, int64_t row, flow_error *err)
{
    value += 0.0; /* -0 is 0 */
    if (!v->many) {
        bool done;
        FLOW_TRY(values_count(v, value, row, &done, err));
        if (done)
            return FLOW_OK;
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
