/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/classifier.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "nn/mlp.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "num/vecmath.h"
#include "train/optimizer.h"

enum { TILE = 64, TILES = 2, BATCH = TILE * TILES, RECORDS = FLOW_LIST_MAX + 1 };

/* What a tile of points works with. */
typedef struct classifier_tile {
    real *x, *gx; /* (n_in, TILE) */
    real *y, *gy; /* (TILE) */
    bool first[TILE];
    void *scratch;
    flow_record records[RECORDS];
} classifier_tile;

struct flow_classifier {
    flow_classifier_options options;
    flow_params params;
    flow_mlp net;
    flow_optimizer *optimizer;
    uint64_t epoch;                     /* since the start */
    real *weights, *average, *gradient; /* parts of `memory`, as what the tiles have */
    classifier_tile tiles[TILES];
    flow_tape tapes[TILES];
    void *memory;
    /* The points of the present training, borrowed. */
    const real *points;
    const bool *first;
    size_t n;
    int batch[BATCH]; /* which of them */
    double *scores;
};

static void classifier_lay_out(flow_classifier *c, flow_layout *layout)
{
    const size_t n_weights = c->params.n_weights + FLOW_LANES, values = (size_t)c->options.n_in * TILE;
    c->weights = flow_layout_take(layout, n_weights, sizeof *c->weights);
    c->average = flow_layout_take(layout, n_weights, sizeof *c->average);
    c->gradient = flow_layout_take(layout, n_weights, sizeof *c->gradient);
    for (int t = 0; t < TILES; t++) {
        classifier_tile *tile = &c->tiles[t];
        tile->x = flow_layout_take(layout, values, sizeof *tile->x);
        tile->gx = flow_layout_take(layout, values, sizeof *tile->gx);
        tile->y = flow_layout_take(layout, TILE, sizeof *tile->y);
        tile->gy = flow_layout_take(layout, TILE, sizeof *tile->gy);
        tile->scratch = flow_layout_take(layout, flow_mlp_scratch_size(&c->net, TILE, true), 1);
        c->tapes[t] = (flow_tape){.n = TILE, .capacity = RECORDS, .records = tile->records};
    }
}

flow_status flow_classifier_new(flow_classifier **out, const flow_classifier_options *options, flow_error *err)
{
    static const flow_optimizer_options adamw = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.01};
    const flow_net_options net = {.hidden = {2, {options->width, options->width}}, .activation = FLOW_ACTIVATION_SILU};
    const flow_choice choice = {.type = flow_choices_find(&flow_optimizers, "adamw"), .options = &adamw, .repeat = 1};
    flow_classifier *c = calloc(1, sizeof *c);
    if (c == NULL) {
        *out = NULL;
        return flow_error_memory(err, "a classifier");
    }
    c->options = *options;
    flow_status status = flow_mlp_configure(&c->net, &net, options->n_in, 1, NULL, FLOW_INIT_ZERO, &c->params, err);
    if (status == FLOW_OK) {
        flow_layout layout = {0};
        classifier_lay_out(c, &layout);
        c->memory = layout.base = flow_alloc_aligned(layout.used, 1);
        layout.used = 0;
        if (c->memory != NULL)
            classifier_lay_out(c, &layout);
        else
            status = flow_error_memory(err, "a classifier");
    }
    if (status == FLOW_OK) {
        flow_params_init(&c->params, options->seed, c->weights);
        memcpy(c->average, c->weights, c->params.n_weights * sizeof *c->weights);
        status = flow_optimizer_new(&c->optimizer, &choice, &c->params, err);
    }
    FLOW_RETURN_MADE(out, c, flow_classifier_free, status);
}

void flow_classifier_free(flow_classifier *c)
{
    if (c == NULL)
        return;
    flow_optimizer_free(c->optimizer);
    flow_mlp_release(&c->net);
    flow_params_release(&c->params);
    flow_free_aligned(c->memory);
    free(c);
}

static void classifier_load(const flow_classifier *c, classifier_tile *tile, int column, size_t point)
{
    for (int k = 0; k < c->options.n_in; k++)
        tile->x[k * TILE + column] = c->points[point * (size_t)c->options.n_in + (size_t)k];
}

/* The gradient of the mean of -log sigmoid(+-y) over a batch. */
static void classifier_step_tile(void *context, int item, int thread)
{
    (void)thread;
    flow_classifier *c = context;
    classifier_tile *tile = &c->tiles[item];
    c->tapes[item].n_records = 0;
    for (int j = 0; j < TILE; j++) {
        const size_t point = (size_t)c->batch[item * TILE + j];
        classifier_load(c, tile, j, point);
        tile->first[j] = c->first[point];
    }
    flow_mlp_apply(&c->net, c->weights, TILE, tile->x, tile->y, tile->scratch);
    flow_vec_sigmoid(TILE, tile->y, tile->gy);
    for (int j = 0; j < TILE; j++)
        tile->gy[j] = (tile->gy[j] - (real)tile->first[j]) / BATCH;
    flow_mlp_backward(&c->net, c->weights, TILE, tile->x, tile->gy, tile->gx, tile->scratch, &c->tapes[item]);
}

/* The batches of an epoch, in a random order of the points; the last one takes points from the beginning again. */
static void classifier_epoch(flow_classifier *c, int *order, double from, double to)
{
    static const double keep = 0.99;
    const size_t n_batches = (c->n + BATCH - 1) / BATCH;
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, c->options.seed, FLOW_STREAM_TEST, c->epoch++);
    gsl_ran_shuffle(&rng, order, c->n, sizeof *order);
    for (size_t b = 0; b < n_batches; b++) {
        for (size_t j = 0; j < BATCH; j++)
            c->batch[j] = order[(b * BATCH + j) % c->n];
        flow_parallel_for(TILES, c->options.n_threads, classifier_step_tile, c);
        flow_tapes_gradient(c->tapes, TILES, c->options.n_threads, c->params.n_weights, c->gradient);
        const double rate = c->options.rate * (from + (to - from) * (double)b / (double)n_batches);
        flow_optimizer_step(c->optimizer, rate, 1, c->gradient, c->weights, c->average, keep, c->options.n_threads);
    }
}

flow_status flow_classifier_train(flow_classifier *c, const real *points, const bool *first, size_t n, int epochs,
                                  flow_error *err)
{
    int *order = malloc((n > 0 ? n : 1) * sizeof *order);
    if (order == NULL)
        return flow_error_memory(err, "the order of points");
    for (size_t i = 0; i < n; i++)
        order[i] = (int)i;
    c->points = points;
    c->first = first;
    c->n = n;
    for (int e = 0; e < epochs && n > 0; e++)
        classifier_epoch(c, order, 1 - (double)e / epochs, 1 - (e + 1.0) / epochs);
    free(order);
    return FLOW_OK;
}

/* Each item takes the tiles item, item + TILES, ... */
static void classifier_score_tiles(void *context, int item, int thread)
{
    (void)thread;
    flow_classifier *c = context;
    classifier_tile *tile = &c->tiles[item];
    for (size_t first = (size_t)item * TILE; first < c->n; first += BATCH) {
        for (size_t j = 0; j < TILE; j++)
            classifier_load(c, tile, (int)j, first + j < c->n ? first + j : c->n - 1);
        flow_mlp_apply(&c->net, c->average, TILE, tile->x, tile->y, tile->scratch);
        for (size_t j = 0; j < TILE && first + j < c->n; j++)
            c->scores[first + j] = (double)tile->y[j];
    }
}

void flow_classifier_score(flow_classifier *c, const real *points, size_t n, double *scores)
{
    c->points = points;
    c->n = n;
    c->scores = scores;
    flow_parallel_for(TILES, c->options.n_threads, classifier_score_tiles, c);
}
