/* Draws from the base as a source. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/moments.h"
#include "train/draws.h"
#include "train/source.h"

typedef struct draw_source {
    flow_source base;
    flow_draws *draws;
    uint64_t seed;
    uint64_t first; /* row of the batch that is next */
    int64_t batch;  /* rows of the last batch */
} draw_source;

static flow_status draws_seek(flow_source *self, int64_t epoch, int64_t row, flow_error *err)
{
    (void)err;
    draw_source *source = (draw_source *)self;
    source->first = FLOW_DRAWS_TRAINING + (uint64_t)epoch * (uint64_t)self->n_rows + (uint64_t)row;
    return FLOW_OK;
}

static flow_status draws_next(flow_source *self, int64_t n, flow_batch *out, flow_error *err)
{
    (void)err;
    draw_source *source = (draw_source *)self;
    *out = (flow_batch){.n = n, .seed = source->seed, .first_row = source->first};
    source->first += (uint64_t)n;
    source->batch = n;
    return FLOW_OK;
}

static int64_t draws_number(const flow_source *self, int64_t i)
{
    const draw_source *source = (const draw_source *)self;
    return (int64_t)(source->first - FLOW_DRAWS_TRAINING) - source->batch + i;
}

static flow_status draws_evaluate(flow_source *self, flow_likelihood *out, double *scores, double *row_weights,
                                 const flow_train_hooks *hooks, flow_error *err)
{
    enum { PIECE = 1 << 14 }; /* draws between two calls of should_stop */
    draw_source *source = (draw_source *)self;
    flow_moments moments = {0};
    *out = (flow_likelihood){.first_not_finite = -1};
    for (int64_t first = 0; first < self->n_held_out; first += PIECE) {
        int64_t left = self->n_held_out - first, n = left < PIECE ? left : PIECE;
        flow_draws_log_weights(source->draws, source->seed, FLOW_DRAWS_VALIDATION + (uint64_t)first, (size_t)n,
                               scores + first);
        for (int64_t i = first; i < first + n; i++) {
            row_weights[i] = 1;
            flow_moments_add(&moments, scores[i], 1);
            if (!isfinite(scores[i]) && out->not_finite++ == 0)
                out->first_not_finite = i;
        }
        if (flow_train_should_stop(hooks, flow_draws_comm(source->draws)))
            return flow_error_set(err, FLOW_INTERRUPTED, "interrupted while evaluating draws");
    }
    out->rows = self->n_held_out;
    flow_likelihood_finish(out, &moments);
    return FLOW_OK;
}

static void draws_release(flow_source *self)
{
    draw_source *source = (draw_source *)self;
    flow_draws_free(source->draws);
    free(source);
}

static const flow_source_type source_draws = {
    .row_name = "draw", .score_name = "the bound", .seek = draws_seek, .next = draws_next, .number = draws_number,
    .evaluate = draws_evaluate, .free = draws_release,
};

static flow_status draws_check_flow(const flow *f, const flow_target *target, flow_error *err)
{
    if (f->dim != target->dim)
        return flow_error_set(err, FLOW_SPEC, "%s is a density in %d dimensions, the flow has %d",
                              target->path, target->dim, f->dim);
    if (f->context.n > 0)
        return flow_error_set(err, FLOW_SPEC, "a flow with context cannot be fitted to a density: there are no data to "
                              "give the context");
    if (f->base_is_trainable)
        return flow_error_set(err, FLOW_SPEC, "base: \"%s\" has values to train, and draws from it do not depend on "
                              "them smoothly; take \"normal\", \"logistic\" or \"uniform\"", f->linear_base->info.name);
    if (f->n_discrete > 0)
        return flow_error_set(err, FLOW_SPEC,
                              "flow[0]: a density has no discrete columns and no spikes; leave them out of the "
                              "support");
    for (int i = 0; i < f->n_columns; i++) /* column maps come first in the list */
        if (f->columns[i].type->needs_data)
            return flow_error_set(err, FLOW_SPEC, "flow[%d]: \"%s\" takes its values from data, and there are none: "
                                  "leave it out, and let log_density work in variables that are near 0 with deviations "
                                  "near 1", i, f->columns[i].type->info.name);
    return FLOW_OK;
}

flow_status flow_source_draws(flow_source **out, const flow *f, const flow_target *target,
                              const flow_draw_options *draws, const real *evaluated, const flow_train_options *options,
                              uint64_t seed, const flow_comm *comm, int n_threads, flow_error *err)
{
    *out = NULL;
    FLOW_TRY(draws_check_flow(f, target, err));
    draw_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return flow_error_memory(err, "training");
    source->seed = seed;
    source->base = (flow_source){.type = &source_draws, .n_rows = draws->steps * options->batch,
                                 .n_held_out = draws->validation, .mean_weight = 1,
                                 .name = target->path, .held_out_name = target->path,
                                 .checksum = target->checksum, .held_out_checksum = target->checksum};
    flow_status status = flow_draws_new(&source->draws, f, evaluated, target, comm, n_threads, err);
    FLOW_RETURN_MADE(out, &source->base, draws_release, status);
}
