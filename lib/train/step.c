/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/parallel.h"
#include "num/vector.h"

enum { WEIGHTS_AT_ONCE = 1 << 14 }; /* of the sum of gradients, in one task */

/* What a tile goes through the flow with. */
typedef struct worker {
    flow_workspace *ws;
    flow_workspace *second_ws; /* NULL for an objective that needs none */
    double *x_and_grad;        /* (2, dim); NULL without a target */
    void *scratch;             /* of the objective; NULL without */
} worker;

/* What is left of a tile when the next one goes through its worker. */
typedef struct tile {
    const worker *worker; /* its last one */
    double *score;        /* (tile_rows) */
    double *weight;       /* (tile_rows): of the rows */
    real *share;          /* (tile_rows): weight * share of the batch, 0 in the padding */
    real *gradient;       /* (n_weights), of an image; NULL: its tape records */
    flow_nfe nfe;
    int n, n_rows;
} tile;

struct flow_step {
    const flow *f;
    const flow_objective *objective;
    const flow_target *target;
    int n_threads, n_tiles, n_workers;
    bool adds_at_once; /* of images, whose activations are large: a thread has one worker for all its tiles, and every
                          tile has a gradient. Otherwise a tile has a worker of its own, and its tape records */
    bool computes_again; /* the activations of all workers would take more than the memory for them */
    worker *workers;   /* (n_workers) */
    tile *tiles;       /* (n_tiles) */
    flow_tape *tapes;  /* (n_tiles) */
    int n_with_stats;
    int *with_stats;        /* (n_with_stats): the blocks that take values from batches */
    flow_stats_tile *stats; /* (n_with_stats, n_tiles): a batch for each of them */
    double share, *fitted;  /* of flow_step_batch_stats */
    real *gradient;         /* (n_weights), of flow_step_gradient */
    /* the current batch */
    const real *weights;
    flow_batch batch;
    int n_used;
};

static flow_status step_make_stats(flow_step *step, flow_error *err)
{
    const flow *f = step->f;
    step->with_stats = calloc((size_t)f->n_blocks + 1, sizeof *step->with_stats);
    if (step->with_stats == NULL)
        return flow_error_memory(err, "a training step");
    for (int i = 0; i < f->n_blocks; i++)
        if (f->blocks[i]->type->batch_stats != NULL)
            step->with_stats[step->n_with_stats++] = i;
    step->stats = calloc((size_t)step->n_with_stats * (size_t)step->n_tiles + 1, sizeof *step->stats);
    return step->stats == NULL ? flow_error_memory(err, "a training step") : FLOW_OK;
}

static flow_status step_make_worker(worker *made, const flow_step *step, flow_error *err)
{
    const flow *f = step->f;
    const flow_objective *objective = step->objective;
    const flow_target *target = step->target;
    bool two = objective->type->needs_second_ws != NULL && objective->type->needs_second_ws(objective->options);
    FLOW_TRY(flow_workspace_new_again(&made->ws, f, f->tile_rows, true, step->computes_again, err));
    if (two)
        FLOW_TRY(flow_workspace_new_again(&made->second_ws, f, f->tile_rows, true, step->computes_again, err));
    if (target != NULL)
        made->x_and_grad = flow_alloc_aligned(2 * (size_t)f->dim, sizeof *made->x_and_grad);
    bool has_scratch = objective->type->scratch_size != NULL;
    if (has_scratch)
        made->scratch = flow_alloc_aligned(objective->type->scratch_size(objective->options, f, FLOW_TILE), 1);
    if ((target != NULL && made->x_and_grad == NULL) || (has_scratch && made->scratch == NULL))
        return flow_error_memory(err, "a training step");
    return FLOW_OK;
}

static flow_status step_make_tile(tile *made, const flow_step *step, flow_error *err)
{
    const size_t n = (size_t)step->f->tile_rows;
    made->score = flow_alloc_aligned(n, sizeof *made->score);
    made->weight = flow_alloc_aligned(n, sizeof *made->weight);
    made->share = flow_alloc_aligned(n, sizeof *made->share);
    if (step->adds_at_once)
        made->gradient = flow_alloc_aligned(step->f->params.n_weights + 1, sizeof *made->gradient);
    if (made->score == NULL || made->weight == NULL || made->share == NULL ||
        (step->adds_at_once && made->gradient == NULL))
        return flow_error_memory(err, "a training step");
    return FLOW_OK;
}

static flow_status step_make(flow_step *step, flow_error *err)
{
    step->tiles = calloc((size_t)step->n_tiles + 1, sizeof *step->tiles);
    step->workers = calloc((size_t)step->n_workers + 1, sizeof *step->workers);
    step->tapes = calloc((size_t)step->n_tiles + 1, sizeof *step->tapes);
    if (step->tiles == NULL || step->workers == NULL || step->tapes == NULL)
        return flow_error_memory(err, "a training step");
    FLOW_TRY(step_make_stats(step, err));
    for (int i = 0; i < step->n_workers; i++)
        FLOW_TRY(step_make_worker(&step->workers[i], step, err));
    for (int t = 0; t < step->n_tiles; t++)
        FLOW_TRY(step_make_tile(&step->tiles[t], step, err));
    return FLOW_OK;
}

flow_status flow_step_new(flow_step **out, const flow *f, const flow_objective *objective,
                          const flow_target *target, int64_t n_max, size_t memory, int n_threads, flow_error *err)
{
    *out = NULL;
    flow_step *step = calloc(1, sizeof *step);
    if (step == NULL)
        return flow_error_memory(err, "a training step");
    step->f = f;
    step->objective = objective;
    step->target = target;
    step->n_threads = n_threads;
    step->n_tiles = (int)((n_max + f->tile_rows - 1) / f->tile_rows);
    step->adds_at_once = flow_shape_pixels(f->shape) > 1;
    step->n_workers = step->adds_at_once ? flow_min(n_threads, step->n_tiles) : step->n_tiles;
    step->computes_again =
        step->adds_at_once && flow_workspace_bytes(f, f->tile_rows) > memory / (size_t)step->n_workers;
    flow_status status = step_make(step, err);
    FLOW_RETURN_MADE(out, step, flow_step_free, status);
}

void flow_step_free(flow_step *step)
{
    if (step == NULL)
        return;
    for (int i = 0; step->workers != NULL && i < step->n_workers; i++) {
        flow_workspace_free(step->workers[i].ws);
        flow_workspace_free(step->workers[i].second_ws);
        flow_free_aligned(step->workers[i].x_and_grad);
        flow_free_aligned(step->workers[i].scratch);
    }
    for (int t = 0; step->tiles != NULL && t < step->n_tiles; t++) {
        flow_free_aligned(step->tiles[t].score);
        flow_free_aligned(step->tiles[t].weight);
        flow_free_aligned(step->tiles[t].share);
        flow_free_aligned(step->tiles[t].gradient);
    }
    free(step->workers);
    free(step->tiles);
    free(step->tapes);
    free(step->with_stats);
    free(step->stats);
    free(step);
}

static double step_row_weight(const flow_batch *batch, const flow *f, int64_t row)
{
    if (batch->left_out != NULL && batch->left_out[row])
        return 0;
    if (batch->rows == NULL || !batch->weighted)
        return 1;
    return batch->rows[(size_t)row * batch->stride + (size_t)flow_width(f)];
}

double flow_batch_weight(const flow_batch *batch, const flow *f)
{
    double sum = 0;
    for (int64_t i = 0; i < batch->n; i++)
        sum += step_row_weight(batch, f, i);
    return sum;
}

/* Loads a tile into a worker. */
static void step_load(flow_step *step, int item, const worker *with)
{
    tile *at = &step->tiles[item];
    flow_workspace *ws = with->ws;
    const flow_batch *batch = &step->batch;
    const int most = step->f->tile_rows;
    int64_t first = (int64_t)item * most, left = batch->n - first;
    at->worker = with;
    at->n_rows = left < most ? (int)left : most;
    at->n = (at->n_rows + FLOW_GRAIN - 1) / FLOW_GRAIN * FLOW_GRAIN;
    if (batch->rows != NULL)
        flow_tile_load_padded(step->f, ws, batch->rows + (size_t)first * batch->stride, batch->stride, at->n_rows,
                              at->n);
    if (batch->paired)
        flow_tile_load_latents(step->f, ws, batch->rows + (size_t)first * batch->stride + flow_width(step->f),
                               batch->stride, at->n_rows, at->n);
    memset(ws->evaluations, 0, (size_t)at->n * sizeof *ws->evaluations);
    ws->mode = batch->mode;
    ws->noise = batch->noise;
    ws->noise.first_row += (uint64_t)first;
    if (batch->rows == NULL)
        flow_tile_draw(step->f, step->weights, ws, at->n, batch->seed, batch->first_row + (uint64_t)first, 1);
    for (int j = 0; j < at->n; j++) {
        at->weight[j] = j >= at->n_rows ? 0 : step_row_weight(batch, step->f, first + j);
        at->share[j] = (real)(batch->share * at->weight[j]);
    }
}

static flow_objective_tile step_pass(const flow_step *step, const tile *at)
{
    return (flow_objective_tile){.f = step->f,
                                 .weights = step->weights,
                                 .options = step->objective->options,
                                 .target = step->target,
                                 .ws = at->worker->ws,
                                 .paired = step->batch.paired,
                                 .n = at->n,
                                 .n_rows = at->n_rows,
                                 .share = at->share,
                                 .score = at->score,
                                 .x_and_grad = at->worker->x_and_grad,
                                 .second_ws = at->worker->second_ws,
                                 .scratch = at->worker->scratch};
}

static void step_run_tile(void *context, int item, int thread)
{
    flow_step *step = context;
    tile *at = &step->tiles[item];
    step_load(step, item, &step->workers[step->adds_at_once ? thread : item]);
    if (at->gradient != NULL)
        memset(at->gradient, 0, step->f->params.n_weights * sizeof *at->gradient);
    at->worker->ws->tape.gradient = at->gradient;
    const flow_objective_tile pass = step_pass(step, at);
    step->objective->type->tile(&pass);
    at->nfe = (flow_nfe){0};
    flow_nfe_count(&at->nfe, at->worker->ws, at->n_rows);
}

/* A part of the weights: the gradients of the tiles are added in pairs, these sums in pairs, and so on. */
static void step_add_gradients(void *context, int item, int thread)
{
    (void)thread;
    flow_step *step = context;
    size_t first = (size_t)item * WEIGHTS_AT_ONCE, left = step->f->params.n_weights - first;
    size_t count = left < WEIGHTS_AT_ONCE ? left : WEIGHTS_AT_ONCE;
    for (int apart = 1; apart < step->n_used; apart *= 2)
        for (int t = 0; t + apart < step->n_used; t += 2 * apart)
            flow_vec_add(count, step->tiles[t + apart].gradient + first, step->tiles[t].gradient + first);
    memcpy(step->gradient + first, step->tiles[0].gradient + first, count * sizeof *step->gradient);
}

static void step_sum_gradients(flow_step *step, real *gradient)
{
    const size_t n_weights = step->f->params.n_weights;
    step->gradient = gradient;
    if (step->adds_at_once)
        flow_parallel_for((int)((n_weights + WEIGHTS_AT_ONCE - 1) / WEIGHTS_AT_ONCE), step->n_threads,
                          step_add_gradients, step);
    else
        flow_tapes_gradient(step->tapes, step->n_used, step->n_threads, n_weights, gradient);
}

double flow_step_gradient(flow_step *step, const real *weights, const flow_batch *batch, real *gradient)
{
    step->weights = weights;
    step->batch = *batch;
    step->n_used = (int)((batch->n + step->f->tile_rows - 1) / step->f->tile_rows);
    flow_profile_enter(batch->profile, FLOW_PHASE_ROWS);
    flow_parallel_for(step->n_used, flow_min(step->n_threads, step->n_workers), step_run_tile, step);
    flow_profile_enter(batch->profile, FLOW_PHASE_WEIGHTS);
    double score = 0;
    for (int t = 0; t < step->n_used; t++) {
        for (int j = 0; j < step->tiles[t].n_rows; j++)
            score += step->tiles[t].weight[j] * step->tiles[t].score[j];
        step->tapes[t] = step->tiles[t].worker->ws->tape;
    }
    if (isfinite(score))
        step_sum_gradients(step, gradient);
    return score;
}

flow_nfe flow_step_nfe(const flow_step *step)
{
    flow_nfe sum = {0};
    for (int t = 0; t < step->n_used; t++)
        flow_nfe_add(&sum, &step->tiles[t].nfe);
    return sum;
}

static void step_block_stats(void *context, int item, int thread)
{
    (void)thread;
    flow_step *step = context;
    int at = step->with_stats[item];
    const flow_block *block = step->f->blocks[at];
    flow_stats_tile *stats = step->stats + (size_t)item * (size_t)step->n_tiles;
    for (int t = 0; t < step->n_used; t++)
        stats[t] =
            (flow_stats_tile){step->tiles[t].n, step->tiles[t].weight, step->workers[t].ws->scratch[block->index]};
    block->type->batch_stats(block->state, stats, step->n_used, step->share, step->fitted);
}

void flow_step_batch_stats(flow_step *step, double share, double *fitted)
{
    if (step->n_with_stats == 0 || step->workers[0].ws->direction != FLOW_TO_LATENT)
        return;
    step->share = share / step->n_with_stats;
    step->fitted = fitted;
    flow_parallel_for(step->n_with_stats, step->n_threads, step_block_stats, step);
}

/* ---- diagnosis ---- */

/* The absolute value; that of NaN is above all others. */
static double step_size_of(real value)
{
    return isnan(value) ? HUGE_VAL : fabs((double)value);
}

static const char *step_name_at(const flow_params *params, size_t offset)
{
    const char *name = "";
    for (int e = 0; e < params->n_entries; e++)
        if (params->entries[e].trainable && params->entries[e].offset <= offset)
            name = params->entries[e].name;
    return name;
}

/* The largest of all gradients that the layers left on the tapes. If several are not finite it is the first one in the
 * order of the backward, which caused the others. */
static void step_diagnose_gradient(const flow_step *step, flow_diagnosis *out)
{
    double largest = -1;
    for (int t = 0; t < step->n_used; t++) {
        const flow_tape *tape = &step->tapes[t];
        for (int k = 0; k < tape->n_records; k++) {
            const flow_record *record = &tape->records[k];
            if (record->summed) /* a sum over rows */
                continue;
            int units = record->linear != NULL ? record->linear->n_out : record->rows;
            size_t offset = record->linear != NULL ? record->linear->weight : record->offset;
            for (int u = 0; u < units; u++) {
                for (int j = 0; j < step->tiles[t].n_rows; j++) {
                    double size = step_size_of(record->g[(size_t)u * (size_t)tape->n + (size_t)j]);
                    if (size <= largest)
                        continue;
                    largest = size;
                    out->row = (int64_t)t * step->f->tile_rows + j;
                    snprintf(out->place, sizeof out->place, "%s", step_name_at(&step->f->params, offset));
                }
            }
        }
    }
}

/* The same of tiles with gradients of their own: the first weight with one that is not finite. */
static void step_diagnose_sums(const flow_step *step, flow_diagnosis *out)
{
    for (int t = 0; t < step->n_used; t++) {
        for (size_t k = 0; k < step->f->params.n_weights; k++) {
            if (isfinite(step->tiles[t].gradient[k]))
                continue;
            snprintf(out->place, sizeof out->place, "%s", step_name_at(&step->f->params, k));
            return;
        }
    }
}

/* The message of a block whose backward failed for a row. */
static bool step_diagnose_failure(const flow_step *step, flow_diagnosis *out)
{
    for (int t = 0; t < step->n_used; t++)
        for (int j = 0; j < step->tiles[t].n_rows; j++)
            if (flow_tile_diagnose_pass(step->f, step->tiles[t].worker->ws, step->tiles[t].n, j, out->place,
                                        sizeof out->place)) {
                out->row = (int64_t)t * step->f->tile_rows + j;
                return true;
            }
    return false;
}

void flow_step_diagnose(flow_step *step, flow_diagnosis *out)
{
    *out = (flow_diagnosis){.row = -1};
    for (int t = 0; t < step->n_used; t++) {
        for (int j = 0; j < step->tiles[t].n_rows; j++) {
            if (isfinite(step->tiles[t].score[j]))
                continue;
            out->row = (int64_t)t * step->f->tile_rows + j;
            step_load(step, t, step->tiles[t].worker);
            const flow_objective_tile pass = step_pass(step, &step->tiles[t]);
            step->objective->type->diagnose(&pass, j, out->place, sizeof out->place);
            return;
        }
    }
    out->in_gradient = true;
    if (step->adds_at_once)
        step_diagnose_sums(step, out);
    else if (!step_diagnose_failure(step, out))
        step_diagnose_gradient(step, out);
}
