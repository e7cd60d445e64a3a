/* The state of a trainer: what is stored and taken up again, and the history. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer_state.h"

void flow_trainer_list_arrays(flow_trainer *trainer)
{
    flow_trainer *t = trainer;
    size_t n = t->f->params.n_weights;
    flow_array *arrays = t->arrays;
    arrays[t->n_arrays++] = (flow_array){"counters", FLOW_ARRAY_INT64, N_COUNTERS, 1, t->counters};
    arrays[t->n_arrays++] = (flow_array){"figures", FLOW_ARRAY_DOUBLE, N_FIGURES, 1, t->figures};
    arrays[t->n_arrays++] = (flow_array){"weights", FLOW_ARRAY_REAL, n, 1, t->weights};
    arrays[t->n_arrays++] = (flow_array){"best", FLOW_ARRAY_REAL, n, 1, t->best};
    if (t->average != NULL)
        arrays[t->n_arrays++] = (flow_array){"average", FLOW_ARRAY_REAL, n, 1, t->average};
    if (t->best_fitted != NULL) {
        const flow_params *p = &t->f->params;
        arrays[t->n_arrays++] = (flow_array){"fitted", FLOW_ARRAY_DOUBLE, p->n_fitted, 1, p->fitted};
        arrays[t->n_arrays++] = (flow_array){"best_fitted", FLOW_ARRAY_DOUBLE, p->n_fitted, 1, t->best_fitted};
    }
    if (t->average_fitted != NULL)
        arrays[t->n_arrays++] =
            (flow_array){"average_fitted", FLOW_ARRAY_DOUBLE, t->f->params.n_fitted, 1, t->average_fitted};
    if (t->pairs != NULL) {
        arrays[t->n_arrays++] = (flow_array){"rounds", FLOW_ARRAY_INT64, N_ROUND_COUNTERS, 1, t->round};
        arrays[t->n_arrays++] = (flow_array){"teacher", FLOW_ARRAY_REAL, n, 1, t->teacher};
    }
    t->n_arrays += flow_optimizer_arrays(t->optimizer, arrays + t->n_arrays);
    arrays[t->n_arrays++] = flow_schedule_state(t->schedule);
    if (flow_n_solvers(t->f) > 0)
        arrays[t->n_arrays++] = (flow_array){"effort", FLOW_ARRAY_INT64, 3, 1, &t->effort};
    size_t held_out = (size_t)t->source->n_held_out;
    if (held_out > 0)
        arrays[t->n_arrays++] = (flow_array){"reference", FLOW_ARRAY_DOUBLE, held_out, 1, t->reference};
}

void flow_trainer_state(flow_trainer *trainer, const flow_array **arrays, int *n_arrays)
{
    *arrays = trainer->arrays;
    *n_arrays = trainer->n_arrays;
}

static flow_status damaged(flow_error *err, const char *what)
{
    return flow_error_set(err, FLOW_FORMAT, "the training state is damaged: %s", what);
}

static flow_status check_data(const flow_trainer *t, flow_error *err)
{
    const int64_t *c = t->counters;
    const flow_source *source = t->source;
    const struct {
        const char *name;
        int64_t rows, checksum, rows_before, checksum_before;
    } sets[] = {{source->name, source->n_rows, source->checksum, c[COUNT_TRAINING_ROWS], c[COUNT_TRAINING_CHECKSUM]},
                {source->held_out_name, source->n_held_out, source->held_out_checksum, c[COUNT_VALIDATION_ROWS],
                 c[COUNT_VALIDATION_CHECKSUM]}};
    const char *noun = source->type->noun;
    for (int k = 0; k < 2; k++) {
        if (sets[k].rows != sets[k].rows_before)
            return flow_error_set(err, FLOW_DATA, "%s: has %lld %ss, and training began with %lld; use the same, or "
                                  "train a new model", sets[k].name, (long long)sets[k].rows, noun,
                                  (long long)sets[k].rows_before);
        if (sets[k].checksum != sets[k].checksum_before)
            return flow_error_set(err, FLOW_DATA, "%s: is not what training began with; use the same, or train a new "
                                  "model", sets[k].name);
    }
    return FLOW_OK;
}

static flow_status check_counters(const flow_trainer *t, flow_error *err)
{
    static const int64_t most = (int64_t)1 << 53;
    const int64_t *c = t->counters;
    for (int k = 0; k < N_COUNTERS; k++)
        if (c[k] < 0 || c[k] > most)
            return damaged(err, "a counter is out of range");
    const flow_nfe *e = &t->effort;
    if (e->rows < 0 || e->rows > most || e->evaluations < e->rows || e->evaluations > most || e->most < 0 ||
        e->most > e->evaluations)
        return damaged(err, "what its solvers took is out of range");
    const char *problem = flow_trainer_check_round(t);
    if (problem != NULL)
        return damaged(err, problem);
    if (c[COUNT_ROWS] > flow_trainer_serving(t)->n_rows || c[COUNT_BEST_EPOCH] > c[COUNT_EPOCHS] ||
        c[COUNT_REFERENCE_EPOCH] > c[COUNT_EPOCHS] || c[COUNT_WAITED] > c[COUNT_EPOCHS])
        return damaged(err, "its counters contradict each other");
    if (c[COUNT_EPOCHS] != t->n_history)
        return damaged(err, "its history is not as long as its epochs");
    return FLOW_OK;
}

static flow_status check_figures(const flow_trainer *t, flow_error *err)
{
    const double *x = t->figures;
    for (int k = 0; k < N_FIGURES; k++)
        if (k != FIGURE_BEST && !isfinite(x[k]))
            return damaged(err, "one of its figures is not finite");
    if (isnan(x[FIGURE_BEST]) || x[FIGURE_BEST] == HUGE_VAL || x[FIGURE_RATE_FACTOR] < 0 ||
        x[FIGURE_RATE_FACTOR] > 1 || x[FIGURE_SECONDS] < 0)
        return damaged(err, "one of its figures is out of range");
    return FLOW_OK;
}

/* Vectors over the weights: finite, and zero where no weights are live, because no later step would make them so. */
static flow_status check_vectors(const flow_trainer *t, flow_error *err)
{
    flow_run *runs = NULL;
    int n_runs;
    flow_status status = flow_params_runs(&t->f->params, &runs, &n_runs, SIZE_MAX, err);
    for (int k = 0; status == FLOW_OK && k < t->n_arrays; k++) {
        const flow_array *array = &t->arrays[k];
        if (array->kind != FLOW_ARRAY_REAL || array->rows != t->f->params.n_weights || array->data == t->reference ||
            array->data == t->f->params.fitted || array->data == t->best_fitted || array->data == t->average_fitted)
            continue;
        const real *x = array->data;
        size_t live = 0; /* up to here checked */
        for (int r = 0; status == FLOW_OK && r <= n_runs; r++) {
            size_t gap = r < n_runs ? runs[r].offset : array->rows;
            for (; live < gap && x[live] == 0; live++)
                ;
            if (live < gap)
                status = damaged(err, "masked weights are not zero");
            size_t end = r < n_runs ? runs[r].offset + runs[r].length : array->rows;
            for (; status == FLOW_OK && live < end; live++)
                if (!isfinite(x[live]))
                    status = damaged(err, "one of its weights is not finite");
        }
    }
    free(runs);
    return status;
}

static flow_status check_fitted(const flow_trainer *t, flow_error *err)
{
    const flow *flows[] = {t->f, &t->best_flow, &t->average_flow};
    int n = t->average_fitted != NULL ? 3 : t->best_fitted != NULL ? 2 : 0;
    flow_error reason;
    for (int k = 0; k < n; k++)
        if (flow_check(flows[k], &reason) != FLOW_OK)
            return damaged(err, reason.message);
    return FLOW_OK;
}

static flow_status check_reference(const flow_trainer *t, flow_error *err)
{
    if (t->counters[COUNT_REFERENCE_EPOCH] == 0)
        return FLOW_OK;
    for (int64_t i = 0; i < t->source->n_held_out; i++)
        if (!isfinite(t->reference[i]))
            return damaged(err, "a held-out log-density is not finite");
    return FLOW_OK;
}

flow_status flow_trainer_restored(flow_trainer *trainer, flow_error *err)
{
    trainer->ready = false;
    flow_status status = check_data(trainer, err);
    if (status == FLOW_OK)
        status = check_counters(trainer, err);
    if (status == FLOW_OK)
        status = check_figures(trainer, err);
    if (status == FLOW_OK)
        status = check_vectors(trainer, err);
    if (status == FLOW_OK)
        status = check_fitted(trainer, err);
    if (status == FLOW_OK)
        status = check_reference(trainer, err);
    if (status == FLOW_OK)
        status = flow_optimizer_check(trainer->optimizer, err);
    if (status == FLOW_OK)
        status = flow_schedule_check(trainer->schedule, err);
    trainer->ready = status == FLOW_OK;
    trainer->has_pairs = false;
    if (status == FLOW_OK)
        flow_trainer_set_span(trainer);
    return status;
}

/* ---- history ---- */

const char *const flow_epoch_columns[FLOW_EPOCH_COLUMNS] = {
    "epoch",         "training", "validation", "validation_error", "rate",
    "gradient_norm", "clipped",  "dropped",    "best",             "seconds",
    "evaluations",   "most_evaluations",
};

static flow_status reserve(flow_trainer *t, int64_t n, flow_error *err)
{
    if (n <= t->history_capacity)
        return FLOW_OK;
    int64_t capacity = n + n / 2 + 16;
    double *grown = realloc(t->history, (size_t)capacity * FLOW_EPOCH_COLUMNS * sizeof *grown);
    if (grown == NULL)
        return flow_error_memory(err, "the history");
    t->history = grown;
    t->history_capacity = capacity;
    return FLOW_OK;
}

flow_status flow_trainer_reserve_history(flow_trainer *trainer, flow_error *err)
{
    return reserve(trainer, trainer->n_history + 1, err);
}

void flow_trainer_add_history(flow_trainer *trainer, const flow_epoch *epoch)
{
    const double line[FLOW_EPOCH_COLUMNS] = {(double)epoch->epoch, epoch->training,      epoch->validation,
                                             epoch->validation_error, epoch->rate,       epoch->gradient_norm,
                                             epoch->clipped,       epoch->dropped,       epoch->best,
                                             epoch->seconds,       epoch->evaluations,
                                             epoch->most_evaluations};
    memcpy(trainer->history + trainer->n_history * FLOW_EPOCH_COLUMNS, line, sizeof line);
    trainer->n_history++;
}

const double *flow_trainer_history(const flow_trainer *trainer, int64_t *n)
{
    *n = trainer->n_history;
    return trainer->history;
}

/* The number of column `name`; -1: there is none. */
static int column_of(const char *const *columns, int n_columns, const char *name)
{
    for (int i = 0; i < n_columns; i++)
        if (strcmp(columns[i], name) == 0)
            return i;
    return -1;
}

flow_status flow_trainer_set_history(flow_trainer *trainer, const char *const *columns, int n_columns,
                                     const double *history, int64_t n, flow_error *err)
{
    int from[FLOW_EPOCH_COLUMNS];
    if (n < 0 || n > ((int64_t)1 << 32))
        return damaged(err, "its history is too long");
    for (int k = 0; k < FLOW_EPOCH_COLUMNS && n > 0; k++) {
        from[k] = column_of(columns, n_columns, flow_epoch_columns[k]);
        if (k < FLOW_EPOCH_COLUMNS_OLD && from[k] < 0)
            return damaged(err, "its history lacks a column");
    }
    for (int64_t i = 0; i < n; i++)
        if (history[i * n_columns + from[0]] != (double)(i + 1))
            return damaged(err, "the epochs of its history are not 1, 2, 3, ...");
    flow_status status = reserve(trainer, n, err);
    if (status != FLOW_OK)
        return status;
    double *out = trainer->history;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < FLOW_EPOCH_COLUMNS; k++)
            *out++ = from[k] < 0 ? NAN : history[i * n_columns + from[k]];
    trainer->n_history = n;
    return FLOW_OK;
}
