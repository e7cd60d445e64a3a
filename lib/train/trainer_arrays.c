/* The state of a trainer as arrays, and the checks of a state that was read from a file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/trainer_state.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* ---- as arrays ---- */

void flow_trainer_clear(flow_trainer *t)
{
    t->now = (flow_trainer_numbers){
        .training_rows = t->source->n_rows, .training_checksum = (int64_t)t->source->checksum,
        .validation_rows = t->source->n_held_out, .validation_checksum = (int64_t)t->source->held_out_checksum,
        .rate_factor = 1, .best_score = -HUGE_VAL,
    };
    t->nfe = (flow_nfe){0};
    t->history.n = 0;
}

static void state_add(flow_trainer *t, const char *name, flow_array_kind kind, size_t n, void *data)
{
    assert(t->n_arrays < FLOW_TRAINER_ARRAYS_MAX);
    if (data != NULL && n > 0)
        t->arrays[t->n_arrays++] = (flow_array){.name = name, .kind = kind, .rows = n, .cols = 1, .data = data};
}

static void state_add_vector(flow_trainer *t, const char *name, real *data)
{
    assert(t->n_vectors < FLOW_TRAINER_VECTORS_MAX);
    state_add(t, name, FLOW_ARRAY_REAL, t->f->params.n_weights, data);
    if (data != NULL)
        t->vectors[t->n_vectors++] = data;
}

void flow_trainer_list_arrays(flow_trainer *t)
{
    const flow_params *params = &t->f->params;
    t->n_arrays = t->n_vectors = 0;
    t->n_arrays += flow_schedule_state(&t->schedule, t->arrays + t->n_arrays);
    t->n_arrays += flow_optimizer_state(t->optimizer, t->arrays + t->n_arrays);
    for (int k = 0; k < t->n_arrays; k++)
        if (t->arrays[k].kind == FLOW_ARRAY_REAL && t->arrays[k].rows == params->n_weights)
            t->vectors[t->n_vectors++] = t->arrays[k].data;
#define INT(name) state_add(t, #name, FLOW_ARRAY_INT64, 1, &t->now.name);
#define REAL(name) state_add(t, #name, FLOW_ARRAY_DOUBLE, 1, &t->now.name);
    FLOW_TRAINER_NUMBERS(INT, REAL)
#undef INT
#undef REAL
    state_add(t, "solved_rows", FLOW_ARRAY_INT64, 1, &t->nfe.rows);
    state_add(t, "evaluations", FLOW_ARRAY_INT64, 1, &t->nfe.evaluations);
    state_add(t, "most_evaluations", FLOW_ARRAY_INT64, 1, &t->nfe.most);
    state_add_vector(t, "weights", t->weights);
    state_add_vector(t, "best", t->best);
    state_add_vector(t, "average", t->average);
    state_add_vector(t, "teacher", t->teacher);
    state_add(t, "fitted", FLOW_ARRAY_DOUBLE, params->n_fitted, t->best_fitted != NULL ? params->fitted : NULL);
    state_add(t, "best_fitted", FLOW_ARRAY_DOUBLE, params->n_fitted, t->best_fitted);
    state_add(t, "average_fitted", FLOW_ARRAY_DOUBLE, params->n_fitted, t->average_fitted);
    state_add(t, "reference", FLOW_ARRAY_DOUBLE, (size_t)t->source->n_held_out, t->reference);
}

/* ---- checks ---- */

static flow_status state_damaged(flow_error *err, const char *what)
{
    return flow_error_set(err, FLOW_FORMAT, "the training state is damaged: %s", what);
}

static flow_status state_check_data(const flow_trainer *t, flow_error *err)
{
    const flow_source *source = t->source;
    const struct {
        const char *name;
        int64_t rows, checksum, rows_before, checksum_before;
    } sets[] = {
        {source->name, source->n_rows, source->checksum, t->now.training_rows, t->now.training_checksum},
        {source->held_out_name, source->n_held_out, source->held_out_checksum, t->now.validation_rows,
         t->now.validation_checksum}};
    for (int k = 0; k < 2; k++) {
        if (sets[k].rows != sets[k].rows_before)
            return flow_error_set(err, FLOW_DATA, "%s: has %lld %ss, and training began with %lld; use the same, or "
                                  "train a new model", sets[k].name, (long long)sets[k].rows, source->type->row_name,
                                  (long long)sets[k].rows_before);
        if (sets[k].checksum != sets[k].checksum_before)
            return flow_error_set(err, FLOW_DATA, "%s: is not what training began with; use the same, or train a new "
                                  "model", sets[k].name);
    }
    return FLOW_OK;
}

static flow_status state_check_numbers(const flow_trainer *t, flow_error *err)
{
    static const int64_t most = (int64_t)1 << 53;
    const flow_trainer_numbers *now = &t->now;
    bool in_range = true, finite = true;
#define INT(name) in_range = in_range && now->name >= 0 && now->name <= most;
#define REAL(name) finite = finite && (&now->name == &now->best_score || isfinite(now->name));
    FLOW_TRAINER_NUMBERS(INT, REAL)
#undef INT
#undef REAL
    if (!in_range)
        return state_damaged(err, "a counter is out of range");
    const flow_nfe *e = &t->nfe;
    if (e->rows < 0 || e->rows > most || e->evaluations < e->rows || e->evaluations > most || e->most < 0 ||
        e->most > e->evaluations)
        return state_damaged(err, "the number of evaluations of its solvers is out of range");
    const char *problem = flow_trainer_check_round(t);
    if (problem != NULL)
        return state_damaged(err, problem);
    if (now->rows > flow_trainer_serving(t)->n_rows || now->best_epoch > now->epochs ||
        now->reference_epoch > now->epochs || now->waited > now->epochs)
        return state_damaged(err, "its counters contradict each other");
    if (now->epochs != t->history.n)
        return state_damaged(err, "its history is not as long as its epochs");
    if (!finite)
        return state_damaged(err, "one of its numbers is not finite");
    if (isnan(now->best_score) || now->best_score == HUGE_VAL || now->rate_factor < 0 || now->rate_factor > 1 ||
        now->seconds < 0)
        return state_damaged(err, "one of its numbers is out of range");
    return FLOW_OK;
}

/* What is wrong with a vector over the weights (n), or NULL: it has to be finite, and zero where no weights are live,
 * because no later step would make it so. */
static const char *state_check_vector(const real *x, size_t n, const flow_span *runs, int n_runs)
{
    size_t k = 0;
    for (int r = 0; r <= n_runs; r++) {
        size_t first = r < n_runs ? runs[r].offset : n, end = r < n_runs ? first + runs[r].length : n;
        for (; k < first; k++)
            if (x[k] != 0)
                return "masked weights are not zero";
        for (; k < end; k++)
            if (!isfinite(x[k]))
                return "one of its weights is not finite";
    }
    return NULL;
}

static flow_status state_check_vectors(const flow_trainer *t, flow_error *err)
{
    flow_span *runs;
    int n_runs;
    const char *problem = NULL;
    FLOW_TRY(flow_params_spans(&t->f->params, &runs, &n_runs, SIZE_MAX, err));
    for (int k = 0; problem == NULL && k < t->n_vectors; k++)
        problem = state_check_vector(t->vectors[k], t->f->params.n_weights, runs, n_runs);
    free(runs);
    return problem != NULL ? state_damaged(err, problem) : FLOW_OK;
}

static flow_status state_check_fitted(const flow_trainer *t, flow_error *err)
{
    const flow *flows[] = {t->f, &t->best_flow, &t->average_flow};
    int n = t->average_fitted != NULL ? 3 : t->best_fitted != NULL ? 2 : 0;
    flow_error reason;
    for (int k = 0; k < n; k++)
        if (flow_check(flows[k], &reason) != FLOW_OK)
            return state_damaged(err, reason.message);
    return FLOW_OK;
}

static flow_status state_check_reference(const flow_trainer *t, flow_error *err)
{
    for (int64_t i = 0; t->now.reference_epoch > 0 && i < t->source->n_held_out; i++)
        if (!isfinite(t->reference[i]))
            return state_damaged(err, "a held-out log-density is not finite");
    return FLOW_OK;
}

flow_status flow_trainer_check(const flow_trainer *t, flow_error *err)
{
    FLOW_TRY(state_check_data(t, err));
    FLOW_TRY(state_check_numbers(t, err));
    FLOW_TRY(state_check_vectors(t, err));
    FLOW_TRY(state_check_fitted(t, err));
    FLOW_TRY(state_check_reference(t, err));
    FLOW_TRY(flow_optimizer_check(t->optimizer, err));
    return flow_schedule_check(&t->schedule, err);
}
