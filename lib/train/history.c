/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/history.h"

#include <stdlib.h>
#include <string.h>

#define NAME(name) #name,
const char *const flow_epoch_columns[FLOW_EPOCH_COLUMNS] = {FLOW_EPOCH_MEMBERS(NAME)};
#undef NAME

void flow_history_free(flow_history *history)
{
    free(history->at);
    *history = (flow_history){0};
}

flow_status flow_history_reserve(flow_history *history, int64_t n, flow_error *err)
{
    if (n <= history->capacity)
        return FLOW_OK;
    int64_t capacity = n + n / 2 + 16;
    flow_epoch *grown = realloc(history->at, (size_t)capacity * sizeof *grown);
    if (grown == NULL)
        return flow_error_memory(err, "the history");
    history->at = grown;
    history->capacity = capacity;
    return FLOW_OK;
}

/* The number of column `name`; -1: there is none. */
static int history_column(const char *const *columns, int n_columns, const char *name)
{
    for (int i = 0; i < n_columns; i++)
        if (strcmp(columns[i], name) == 0)
            return i;
    return -1;
}

flow_status flow_history_fill(flow_history *history, const char *const *columns, int n_columns, const double *table,
                              int64_t n, flow_error *err)
{
    int from[FLOW_EPOCH_COLUMNS];
    if (n < 0 || n > ((int64_t)1 << 32))
        return flow_error_set(err, FLOW_FORMAT, "the training state is damaged: its history is too long");
    for (int k = 0; k < FLOW_EPOCH_COLUMNS && n > 0; k++) {
        from[k] = history_column(columns, n_columns, flow_epoch_columns[k]);
        if (from[k] < 0)
            return flow_error_set(err, FLOW_FORMAT, "the training state is damaged: its history has no column \"%s\"",
                                  flow_epoch_columns[k]);
    }
    FLOW_TRY(flow_history_reserve(history, n, err));
    for (int64_t i = 0; i < n; i++) {
        double row[FLOW_EPOCH_COLUMNS];
        for (int k = 0; k < FLOW_EPOCH_COLUMNS; k++)
            row[k] = table[i * n_columns + from[k]];
        memcpy(&history->at[i], row, sizeof row);
        if (history->at[i].epoch != (double)(i + 1))
            return flow_error_set(err, FLOW_FORMAT,
                                  "the training state is damaged: the epochs of its history are not 1, 2, 3, ...");
    }
    history->n = n;
    return FLOW_OK;
}
