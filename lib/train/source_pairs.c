/* Pairs of latents and data that a model made, as a source. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "flow/runner.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "train/batch.h"
#include "train/draws.h"
#include "train/source_pairs.h"

enum { BITS_OF_ROUND = 40 }; /* there are fewer than 2^40 pairs in a round */

typedef struct pair_source {
    flow_source base;
    flow_arena arena; /* of the arrays below */
    const flow *f;
    flow_dataset *training;
    const flow_comm *comm;
    uint64_t seed;
    int n_threads;
    size_t stride;  /* d + c + d */
    double *pairs;  /* (n_rows, stride): data, context, latents */
    int64_t *order; /* (n_rows): of an epoch */
    double *rows;   /* (batch, stride): of the last batch, those of this process */
    int64_t at, batch;
    size_t *bytes; /* (ranks) */
    /* while pairs are made */
    flow_pair_request request;
    flow_runner *runner; /* of the model with the request's weights */
    int64_t first, n;    /* of the current piece */
} pair_source;

int64_t flow_reflow_pairs(int64_t pairs, int64_t n_rows)
{
    const int64_t most = 100000;
    return pairs > 0 ? pairs : n_rows < most ? n_rows : most;
}

/* ---- rows of an epoch ---- */

static flow_status pairs_seek(flow_source *self, int64_t epoch, int64_t row, flow_error *err)
{
    (void)err;
    pair_source *source = (pair_source *)self;
    for (int64_t i = 0; i < self->n_rows; i++)
        source->order[i] = i;
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, source->seed, FLOW_STREAM_SHUFFLE, (uint64_t)epoch);
    gsl_ran_shuffle(&rng, source->order, (size_t)self->n_rows, sizeof *source->order);
    source->at = row;
    return FLOW_OK;
}

static flow_status pairs_next(flow_source *self, int64_t n, flow_batch *out, flow_error *err)
{
    (void)err;
    pair_source *source = (pair_source *)self;
    const flow_row_range own = flow_batch_share(source->comm, n);
    for (int64_t i = 0; i < own.n; i++)
        memcpy(source->rows + (size_t)i * source->stride,
               source->pairs + (size_t)source->order[source->at + own.first + i] * source->stride,
               source->stride * sizeof *source->rows);
    *out = (flow_batch){.n = n, .rows = source->rows, .stride = source->stride, .paired = true};
    source->at += n;
    source->batch = n;
    return FLOW_OK;
}

static int64_t pairs_number(const flow_source *self, int64_t i)
{
    const pair_source *source = (const pair_source *)self;
    return source->order[source->at - source->batch + i];
}

static void pairs_release(flow_source *self)
{
    pair_source *source = (pair_source *)self;
    flow_arena_release(&source->arena);
    free(source);
}

static const flow_source_type source_pairs = {
    .row_name = "pair", .seek = pairs_seek, .next = pairs_next, .number = pairs_number, .free = pairs_release,
};

flow_status flow_source_pairs(flow_source **out, const flow *f, flow_dataset *training, int64_t n, int64_t batch,
                              uint64_t seed, int n_threads, flow_error *err)
{
    *out = NULL;
    pair_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return flow_error_memory(err, "reflow");
    *source = (pair_source){.f = f, .training = training, .seed = seed, .n_threads = n_threads};
    source->base = (flow_source){.type = &source_pairs, .n_rows = n, .mean_weight = 1,
                                 .name = "the pairs of this round"};
    source->comm = training != NULL ? training->comm : NULL;
    source->stride = (size_t)flow_width(f) + (size_t)f->dim;
    size_t row_bytes = source->stride * sizeof *source->rows;
    source->rows = flow_arena_take(&source->arena, (size_t)(batch < n ? batch : n), row_bytes);
    source->pairs = flow_arena_take(&source->arena, (size_t)n, row_bytes);
    source->bytes = flow_arena_take(&source->arena, (size_t)flow_comm_size(source->comm), sizeof *source->bytes);
    source->order = flow_arena_take(&source->arena, (size_t)n, sizeof *source->order);
    bool failed = source->arena.failed;
    flow_status status = failed ? flow_error_memory(err, "the pairs of reflow; lower train.objective.pairs") : FLOW_OK;
    FLOW_RETURN_MADE(out, &source->base, pairs_release, status);
}

/* ---- making them ---- */

/* The context of the training rows, in a random order, repeated until every pair has one. */
static flow_status pairs_load_contexts(pair_source *source, flow_error *err)
{
    enum { PIECE = 256 };
    size_t d = (size_t)source->f->dim, c = (size_t)source->f->context.n;
    size_t width = (size_t)source->training->n_columns;
    double *rows = malloc(PIECE * width * sizeof *rows);
    if (rows == NULL)
        return flow_error_memory(err, "reflow");
    flow_status status = flow_dataset_shuffle(source->training, source->seed, source->request.epoch, 0, err);
    for (int64_t done = 0, pass = 0; status == FLOW_OK && done < source->base.n_rows;) {
        size_t n_read = 0;
        int64_t left = source->base.n_rows - done;
        status = flow_dataset_next(source->training, rows, NULL, (size_t)(left < PIECE ? left : PIECE), &n_read, err);
        if (status == FLOW_OK && n_read == 0)
            status = flow_dataset_shuffle(source->training, source->seed, source->request.epoch + ++pass, 0, err);
        for (size_t i = 0; status == FLOW_OK && i < n_read; i++, done++)
            memcpy(source->pairs + (size_t)done * source->stride + d, rows + i * width + d, c * sizeof *rows);
    }
    free(rows);
    return status;
}

static void pairs_solve_tile(void *context, int item, int thread)
{
    pair_source *source = context;
    const flow *f = source->f;
    flow_workspace *ws = source->runner->workers[thread].ws;
    size_t d = (size_t)f->dim, width = (size_t)flow_width(f), stride = source->stride;
    const int n = source->f->tile_rows;
    int64_t first = source->first + (int64_t)item * n, left = source->first + source->n - first;
    int n_rows = left < n ? (int)left : n;
    double *rows = source->pairs + (size_t)first * stride;
    if (f->context.n > 0)
        flow_tile_load_padded(f, ws, rows, stride, n_rows, n);
    uint64_t place = FLOW_DRAWS_PAIRS + ((uint64_t)source->request.round << BITS_OF_ROUND) + (uint64_t)first;
    flow_tile_draw(f, source->request.weights, ws, n, source->seed, place, 1);
    for (size_t i = 0; i < d; i++)
        for (int j = 0; j < n_rows; j++)
            rows[(size_t)j * stride + width + i] = (double)ws->a[i * (size_t)n + (size_t)j];
    const real *x;
    ws->points_only = true;
    flow_tile_blocks_to_data(f, source->request.weights, ws, n, &x);
    for (size_t i = 0; i < d; i++)
        for (int j = 0; j < n_rows; j++)
            rows[(size_t)j * stride + i] = (double)x[i * (size_t)n + (size_t)j];
}

static bool pairs_finite(const pair_source *source, int64_t row)
{
    for (int i = 0; i < source->f->dim; i++)
        if (!isfinite(source->pairs[(size_t)row * source->stride + (size_t)i]))
            return false;
    return true;
}

/* Replaces each pair that is not finite by the last finite one before it; the first ones by the last of all. */
static flow_status pairs_replace_failed(pair_source *source, int64_t *n_failed, flow_error *err)
{
    int64_t n = source->base.n_rows, good = n - 1;
    *n_failed = 0;
    while (good >= 0 && !pairs_finite(source, good))
        good--;
    if (good < 0)
        return flow_error_set(err, FLOW_NUMERIC, "reflow: the solver reached the data from none of %lld latents; "
                              "train the first round longer, or give the block a \"solver\" with more max_steps",
                              (long long)n);
    for (int64_t i = 0; i < n; i++) {
        if (pairs_finite(source, i)) {
            good = i;
            continue;
        }
        memcpy(source->pairs + (size_t)i * source->stride, source->pairs + (size_t)good * source->stride,
               source->stride * sizeof *source->pairs);
        ++*n_failed;
    }
    return FLOW_OK;
}

/* Pairs [first, first + n), of which each rank solves whole tiles, for all ranks. */
static void pairs_solve(pair_source *source, int64_t first, int64_t n)
{
    const int rank = flow_comm_rank(source->comm), size = flow_comm_size(source->comm), tile = source->f->tile_rows;
    const int64_t from = flow_share_first_row(n, tile, rank, size);
    source->first = first + from;
    source->n = flow_share_first_row(n, tile, rank + 1, size) - from;
    const int n_tiles = (int)((source->n + tile - 1) / tile);
    flow_parallel_for(n_tiles, flow_runner_make_workers(source->runner, n_tiles), pairs_solve_tile, source);
    for (int r = 0; r < size; r++)
        source->bytes[r] =
            (size_t)(flow_share_first_row(n, tile, r + 1, size) - flow_share_first_row(n, tile, r, size)) *
            source->stride * sizeof *source->pairs;
    flow_comm_gather_all(source->comm, source->pairs + (size_t)source->first * source->stride,
                         source->pairs + (size_t)first * source->stride, source->bytes);
}

flow_status flow_source_pairs_make(flow_source *self, const flow_pair_request *request, int64_t *n_failed,
                                   const flow_train_hooks *hooks, flow_error *err)
{
    enum { PIECE = 64 * FLOW_TILE }; /* pairs between two calls of should_stop */
    pair_source *source = (pair_source *)self;
    source->request = *request;
    FLOW_TRY(flow_runner_new(&source->runner, source->f, request->weights, source->n_threads, err));
    flow_status status = source->f->context.n > 0 ? pairs_load_contexts(source, err) : FLOW_OK;
    for (int64_t first = 0; status == FLOW_OK && first < self->n_rows; first += PIECE) {
        int64_t left = self->n_rows - first;
        pairs_solve(source, first, left < PIECE ? left : PIECE);
        if (flow_train_should_stop(hooks, source->comm))
            status = flow_error_set(err, FLOW_INTERRUPTED, "interrupted while making the pairs of round %lld of reflow",
                                    (long long)request->round);
    }
    flow_runner_free(source->runner);
    return status == FLOW_OK ? pairs_replace_failed(source, n_failed, err) : status;
}
