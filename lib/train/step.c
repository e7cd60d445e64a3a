/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/parallel.h"
#include "num/vector.h"
#include "train/step.h"
#include "train/step_state.h"

enum { WEIGHTS_AT_ONCE = 1 << 14 }; /* of the sum of gradients, in one task */

static flow_status step_make_worker(flow_step_worker *made, const flow_step *step, flow_error *err)
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

static flow_status step_make_tile(flow_step_tile *made, const flow_step *step, flow_error *err)
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
    FLOW_TRY(flow_step_make_sums(step, err));
    for (int i = 0; i < step->n_workers; i++)
        FLOW_TRY(step_make_worker(&step->workers[i], step, err));
    for (int t = 0; t < step->n_tiles; t++)
        FLOW_TRY(step_make_tile(&step->tiles[t], step, err));
    return FLOW_OK;
}

/* Of this process, in a batch of up to n_max rows. */
static int step_most_tiles(const flow_step *step, int64_t n_max)
{
    const int size = flow_comm_size(step->comm), tile = step->f->tile_rows;
    if (size == 1)
        return (int)((n_max + tile - 1) / tile);
    return (int)((step->most_groups + size - 1) / size) * step->tiles_of_group;
}

flow_status flow_step_new(flow_step **out, const flow *f, const flow_objective *objective,
                          const flow_target *target, int64_t n_max, size_t memory, const flow_comm *comm, int n_threads,
                          flow_error *err)
{
    *out = NULL;
    flow_step *step = calloc(1, sizeof *step);
    if (step == NULL)
        return flow_error_memory(err, "a training step");
    step->f = f;
    step->objective = objective;
    step->target = target;
    step->comm = comm;
    step->n_threads = n_threads;
    step->most_groups = (n_max + FLOW_GROUP - 1) / FLOW_GROUP;
    step->tiles_of_group = FLOW_GROUP / f->tile_rows;
    step->n_tiles = step_most_tiles(step, n_max);
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
    flow_step_free_sums(step);
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
    free(step);
}

void flow_step_load(flow_step *step, int item, const flow_step_worker *with)
{
    flow_step_tile *at = &step->tiles[item];
    flow_workspace *ws = with->ws;
    const flow_batch *batch = &step->batch;
    const int most = step->f->tile_rows;
    int64_t first = (int64_t)item * most, left = step->own.n - first;
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
    ws->noise.first_row += (uint64_t)(step->own.first + first);
    if (batch->rows == NULL)
        flow_tile_draw(step->f, step->weights, ws, at->n, batch->seed,
                       batch->first_row + (uint64_t)(step->own.first + first), 1);
    for (int j = 0; j < at->n; j++) {
        at->weight[j] = j >= at->n_rows ? 0 : flow_batch_row_weight(batch, step->f, first + j);
        at->share[j] = (real)(batch->share * at->weight[j]);
    }
}

flow_objective_tile flow_step_pass(const flow_step *step, const flow_step_tile *at)
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
    flow_step_tile *at = &step->tiles[item];
    flow_step_load(step, item, &step->workers[step->adds_at_once ? thread : item]);
    if (at->gradient != NULL)
        memset(at->gradient, 0, step->f->params.n_weights * sizeof *at->gradient);
    at->worker->ws->tape.gradient = at->gradient;
    const flow_objective_tile pass = flow_step_pass(step, at);
    step->objective->type->tile(&pass);
    at->nfe = (flow_nfe){0};
    flow_nfe_count(&at->nfe, at->worker->ws, at->n_rows);
}

/* ---- the gradient ---- */

typedef struct step_tiles {
    const flow_step *step;
    int first, last;
    real *sum; /* (n_weights) */
} step_tiles;

/* A part of the weights: the gradients of the tiles are added in pairs, these sums in pairs, and so on. */
static void step_add_gradients(void *context, int item, int thread)
{
    (void)thread;
    const step_tiles *group = context;
    const flow_step *step = group->step;
    flow_step_tile *tiles = step->tiles + group->first;
    const int n = group->last - group->first;
    size_t first = (size_t)item * WEIGHTS_AT_ONCE, left = step->f->params.n_weights - first;
    size_t count = left < WEIGHTS_AT_ONCE ? left : WEIGHTS_AT_ONCE;
    for (int apart = 1; apart < n; apart *= 2)
        for (int t = 0; t + apart < n; t += 2 * apart)
            flow_vec_add(count, tiles[t + apart].gradient + first, tiles[t].gradient + first);
    memcpy(group->sum + first, tiles[0].gradient + first, count * sizeof *group->sum);
}

static void step_add_group(const flow_step *step, int64_t g, real *sum)
{
    const size_t n_weights = step->f->params.n_weights;
    step_tiles group = {.step = step, .sum = sum};
    flow_step_group_tiles(step, g, &group.first, &group.last);
    if (step->adds_at_once)
        flow_parallel_for((int)((n_weights + WEIGHTS_AT_ONCE - 1) / WEIGHTS_AT_ONCE), step->n_threads,
                          step_add_gradients, &group);
    else
        flow_tapes_gradient(step->tapes + group.first, group.last - group.first, step->n_threads, n_weights, sum);
}

static void step_sum_gradients(flow_step *step, real *gradient)
{
    int64_t first, last;
    flow_step_rank_groups(step, flow_comm_rank(step->comm), &first, &last);
    flow_tree_sum_begin(step->sum, step->n_groups, gradient);
    for (int64_t g = first; g < last; g++) {
        step_add_group(step, g, flow_tree_sum_leaf(step->sum));
        flow_tree_sum_add(step->sum);
    }
    flow_tree_sum_end(step->sum);
}

double flow_step_gradient(flow_step *step, const real *weights, const flow_batch *batch, real *gradient)
{
    step->weights = weights;
    step->batch = *batch;
    step->n_groups = (batch->n + FLOW_GROUP - 1) / FLOW_GROUP;
    step->own = flow_batch_share(step->comm, batch->n);
    step->n_used = (int)((step->own.n + step->f->tile_rows - 1) / step->f->tile_rows);
    flow_profile_enter(batch->profile, FLOW_PHASE_ROWS);
    flow_parallel_for(step->n_used, flow_min(step->n_threads, step->n_workers), step_run_tile, step);
    flow_profile_enter(batch->profile, FLOW_PHASE_WEIGHTS);
    for (int t = 0; t < step->n_used; t++)
        step->tapes[t] = step->tiles[t].worker->ws->tape;
    flow_step_share_groups(step);
    const double score = step->groups[0].score;
    if (isfinite(score))
        step_sum_gradients(step, gradient);
    return score;
}

double flow_step_weight(const flow_step *step)
{
    return step->groups[0].weight;
}

flow_nfe flow_step_nfe(const flow_step *step)
{
    return step->groups[0].nfe;
}

void flow_step_batch_stats(flow_step *step, double share, double *fitted)
{
    if (step->n_with_stats > 0 &&
        flow_comm_any(step->comm, step->n_used > 0 && step->workers[0].ws->direction == FLOW_TO_LATENT))
        flow_step_follow_batch(step, share, fitted);
}
