/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/interpolant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "num/assignment.h"
#include "num/rng.h"
#include "num/simd.h"
#include "train/draws.h"

const char *const flow_coupling_names[] = {"independent", "optimal_transport", NULL};
const char *const flow_times_names[] = {"uniform", "near_data", NULL};

/* ---- which flows it can train ---- */

static flow_status interpolant_check_blocks(const char *name, const flow *f, flow_error *err)
{
    if (f->n_blocks == 0)
        return flow_error_set(err, FLOW_SPEC, "train.objective: \"%s\" trains the velocity of a continuous block, and "
                              "\"flow\" has no block; add { \"type\": \"ffjord\" }", name);
    for (int i = 0; i < f->n_blocks; i++)
        if (f->blocks[i]->type->velocity == NULL)
            return flow_error_set(err, FLOW_SPEC, "train.objective: \"%s\" trains the velocity of a continuous block, "
                                  "and %s has none; leave that block out, or choose \"mle\"", name, f->blocks[i]->name);
    if (f->n_blocks > 1)
        return flow_error_set(err, FLOW_SPEC, "train.objective: \"%s\" trains one block to go all the way from the "
                              "data to the base, and there are %d: nothing says what %s should start from; keep one, "
                              "with a larger network, or choose \"mle\"", name, f->n_blocks, f->blocks[1]->name);
    if (f->blocks[0]->dim < f->dim)
        return flow_error_set(err, FLOW_SPEC, "train.objective: \"%s\" trains one block to move all %d dimensions, and "
                              "%s has %d of them; take it out of its split, or choose \"mle\"", name, f->dim,
                              f->blocks[0]->name, f->blocks[0]->dim);
    return FLOW_OK;
}

flow_status flow_interpolant_check(const flow_objective *objective, const flow *f, bool weighted, flow_error *err)
{
    const flow_interpolant_options *o = objective->options;
    const char *name = objective->type->info.name;
    FLOW_TRY(interpolant_check_blocks(name, f, err));
    if (f->base_is_trainable)
        return flow_error_set(err, FLOW_SPEC, "base: \"%s\" has values to train, and \"%s\" only draws from it; take a "
                              "base without, such as \"normal\", or choose the objective \"mle\"",
                              f->linear_base->info.name, name);
    bool transport = o->coupling == FLOW_COUPLING_OPTIMAL_TRANSPORT;
    if (transport && f->context.n > 0)
        return flow_error_set(err, FLOW_SPEC, "train.objective.coupling: with data.context, \"optimal_transport\" "
                              "would give every context draws of its own choice, and the model would not be p(x | c); "
                              "choose \"independent\"");
    if (transport && weighted)
        return flow_error_set(err, FLOW_SPEC, "train.objective.coupling: with data.weight, \"optimal_transport\" "
                              "would weight the draws along with the rows; choose \"independent\"");
    if (o->reflow > 0 && weighted && f->context.n > 0)
        return flow_error_set(err, FLOW_SPEC, "train.objective.reflow: pairs take their context from the training "
                              "rows, which data.weight does not count the same; leave the weight out, or reflow");
    return FLOW_OK;
}

/* ---- one tile ---- */

typedef struct interpolant {
    real *x;      /* (d, n): the rows behind the column maps */
    real *at;     /* (d + 1, n): where the velocity is wanted */
    real *target; /* (d, n) */
    double *cost; /* (FLOW_TILE, n): of an assignment; NULL without */
    void *assignment;
    int *partner; /* (n) */
} interpolant;

static size_t interpolant_lay_out(const flow_interpolant_options *o, int d, int n, void *memory, interpolant *w)
{
    flow_layout layout = {.base = memory};
    size_t dims = (size_t)d, rows = (size_t)n;
    w->x = flow_layout_take(&layout, dims * rows, sizeof *w->x);
    w->at = flow_layout_take(&layout, (dims + 1) * rows, sizeof *w->at);
    w->target = flow_layout_take(&layout, dims * rows, sizeof *w->target);
    if (o->coupling != FLOW_COUPLING_OPTIMAL_TRANSPORT)
        return layout.used;
    w->cost = flow_layout_take(&layout, rows * rows, sizeof *w->cost);
    w->assignment = flow_layout_take(&layout, flow_assignment_scratch_size(n), 1);
    w->partner = flow_layout_take(&layout, rows, sizeof *w->partner);
    return layout.used;
}

size_t flow_interpolant_scratch_size(const void *options, const flow *f, int n)
{
    interpolant w;
    return interpolant_lay_out(options, f->dim, n, NULL, &w);
}

/* cost[i][j] = -x_i . z_j: half the squared distance without the terms that every assignment has. */
FLOW_MULTIVERSION
static void interpolant_costs(const real *x, const real *z, int d, int n_rows, int n, double *cost)
{
    for (int i = 0; i < n_rows; i++) {
        double *row = cost + (size_t)i * (size_t)n;
        for (int j = 0; j < n; j++)
            row[j] = 0;
        for (int k = 0; k < d; k++) {
            const real *zk = z + (size_t)k * (size_t)n;
            double xk = (double)x[(size_t)k * (size_t)n + (size_t)i];
            for (int j = 0; j < n; j++)
                row[j] -= xk * (double)zk[j];
        }
    }
}

/* Puts the draws z (d, n) into the order of their partners among the rows. */
static void interpolant_transport(const interpolant *w, int d, int n_rows, int n, real *z)
{
    real row[FLOW_TILE];
    interpolant_costs(w->x, z, d, n_rows, n, w->cost);
    flow_assignment_solve(n_rows, w->cost, (size_t)n, w->partner, NULL, w->assignment);
    for (int k = 0; k < d; k++) {
        real *zk = z + (size_t)k * (size_t)n;
        memcpy(row, zk, (size_t)n_rows * sizeof *row);
        for (int j = 0; j < n_rows; j++)
            zk[j] = row[w->partner[j]];
    }
}

/* One number from each n_rows-th of (0, 1). The rows of a tile are in random order, so the number of each row is
 * uniform, and those of the tile are far more even than n_rows independent ones. */
static void interpolant_draw_times(const flow_objective_tile *tile, real *s)
{
    const flow_interpolant_options *o = tile->options;
    const flow_noise *place = &tile->ws->noise;
    for (int j = 0; j < tile->n; j++) {
        double u = flow_rng_uniform(place->seed, FLOW_STREAM_TIME, place->first_row + (uint64_t)j, 0);
        u = ((double)(j % tile->n_rows) + u) / tile->n_rows;
        s[j] = (real)(o->times == FLOW_TIMES_NEAR_DATA ? u * u : u);
    }
}

/* Writes x into w->x and z into ws->a, where those of pairs are already. */
static void interpolant_make_ends(const flow_objective_tile *tile, const interpolant *w)
{
    const flow_interpolant_options *o = tile->options;
    const flow *f = tile->f;
    flow_workspace *ws = tile->ws;
    size_t count = (size_t)f->dim * (size_t)tile->n;
    if (tile->paired) {
        for (size_t k = 0; k < count; k++)
            w->x[k] = (real)ws->x[k];
        return;
    }
    flow_tile_columns_to_latent(f, ws, tile->n);
    memcpy(w->x, ws->a, count * sizeof *w->x);
    flow_tile_draw(f, tile->weights, ws, tile->n, ws->noise.seed, FLOW_DRAWS_TRAINING + ws->noise.first_row, 1);
    if (o->coupling == FLOW_COUPLING_OPTIMAL_TRANSPORT)
        interpolant_transport(w, f->dim, tile->n_rows, tile->n, ws->a);
}

FLOW_MULTIVERSION
static void interpolant_mix(const real *x, const real *z, const real *s, real sigma, int n, real *at, real *target)
{
    for (int j = 0; j < n; j++) {
        at[j] = (1 - s[j]) * x[j] + (sigma + (1 - sigma) * s[j]) * z[j];
        target[j] = (1 - sigma) * z[j] - x[j];
    }
}

/* Adds the contribution of one dimension to the scores, and writes the gradient of the loss with respect to v. */
static void interpolant_compare(const real *v, const real *target, const real *share, int d, int n, double *score,
                                real *gv)
{
    for (int j = 0; j < n; j++) {
        double difference = (double)v[j] - (double)target[j];
        score[j] -= difference * difference / d;
        if (share != NULL)
            gv[j] = (real)(2 * (double)share[j] * difference / d);
    }
}

void flow_interpolant_tile(const flow_objective_tile *tile)
{
    const flow_interpolant_options *o = tile->options;
    flow_workspace *ws = tile->ws;
    int d = tile->f->dim, n = tile->n;
    interpolant w = {0};
    interpolant_lay_out(o, d, FLOW_TILE, tile->scratch, &w);
    interpolant_make_ends(tile, &w);
    real *s = w.at + (size_t)d * (size_t)n;
    interpolant_draw_times(tile, s);
    for (int i = 0; i < d; i++) {
        size_t k = (size_t)i * (size_t)n;
        interpolant_mix(w.x + k, ws->a + k, s, (real)o->sigma_min, n, w.at + k, w.target + k);
    }
    flow_tile_velocity(tile->f, tile->weights, ws, n, w.at, ws->b);
    memset(tile->score, 0, (size_t)n * sizeof *tile->score);
    for (int i = 0; i < d; i++) {
        size_t k = (size_t)i * (size_t)n;
        interpolant_compare(ws->b + k, w.target + k, tile->share, d, n, tile->score,
                            tile->share != NULL ? ws->ga + k : NULL);
    }
    if (tile->share != NULL)
        flow_tile_velocity_backward(tile->f, tile->weights, ws, n, w.at, ws->ga);
}

void flow_interpolant_diagnose(const flow_objective_tile *tile, int row, char *place, size_t size)
{
    const flow *f = tile->f;
    interpolant w = {0};
    interpolant_lay_out(tile->options, f->dim, FLOW_TILE, tile->scratch, &w);
    interpolant_make_ends(tile, &w);
    const char *name = f->blocks[0]->name;
    for (int i = 0; i < f->dim; i++)
        if (!isfinite(w.x[(size_t)i * (size_t)tile->n + (size_t)row]))
            name = "the data or their column maps";
    snprintf(place, size, "%s", name);
}
