/* One tile on its way through a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"

static flow_pass tile_base_pass(const flow *f, const real *weights, const flow_workspace *ws, int n)
{
    flow_pass pass = flow_workspace_pass(ws, f, weights, NULL, n);
    pass.scratch = ws->base_scratch;
    return pass;
}

/* From ws->a through all blocks; where the tile is then. */
static const real *tile_map_blocks(const flow *f, const real *weights, flow_workspace *ws, int n,
                                   flow_direction direction, flow_visitor *visitor)
{
    const flow_walk walk = flow_workspace_walk(ws, visitor);
    ws->direction = direction;
    const flow_pass pass = flow_workspace_pass(ws, f, weights, &walk, n);
    return flow_chain_map(&f->chain, &pass, ws->a, ws->b, ws->a, ws->logdet);
}

/* What blocks add to in a map. */
static void tile_clear_sums(flow_workspace *ws, int n)
{
    memset(ws->evaluations, 0, (size_t)n * sizeof *ws->evaluations);
    memset(ws->variance, 0, (size_t)n * sizeof *ws->variance);
    memset(ws->penalty, 0, (size_t)n * sizeof *ws->penalty);
}

void flow_tile_make_features(const flow *f, const real *weights, flow_workspace *ws, int n)
{
    if (f->context.n > 0)
        flow_context_apply(&f->context, weights, f->params.fitted, n, ws->given, ws->features, ws->context_scratch);
}

void flow_tile_spread(const flow *f, flow_workspace *ws, int n)
{
    for (int i = 0; i < f->n_columns && f->n_discrete > 0 && ws->noise.kind != FLOW_NOISE_NONE; i++)
        if (f->columns[i].type->spread != NULL)
            f->columns[i].type->spread(f->columns[i].state, f->params.fitted, &ws->noise, n, ws->x, ws->logdet);
}

void flow_tile_round(const flow *f, flow_workspace *ws, int n)
{
    for (int i = 0; i < f->n_columns && f->n_discrete > 0; i++)
        if (f->columns[i].type->round != NULL)
            f->columns[i].type->round(f->columns[i].state, f->params.fitted, n, ws->x);
}

void flow_mark_discrete(const flow *f, bool *which)
{
    for (int i = 0; i < f->n_columns; i++)
        if (f->columns[i].type->n_discrete != NULL)
            f->columns[i].type->n_discrete(f->columns[i].state, which);
}

static void tile_settle_row(const flow *f, double *row, const bool *which, double *x)
{
    const flow_noise noise = {.kind = FLOW_NOISE_OF_PLACE, .inner = true};
    double logdet = 0;
    memcpy(x, row, (size_t)f->dim * sizeof *x);
    for (int i = 0; i < f->n_columns; i++)
        if (f->columns[i].type->spread != NULL)
            f->columns[i].type->spread(f->columns[i].state, f->params.fitted, &noise, 1, x, &logdet);
    for (int i = 0; i < f->n_columns; i++)
        if (f->columns[i].type->round != NULL)
            f->columns[i].type->round(f->columns[i].state, f->params.fitted, 1, x);
    for (int i = 0; i < f->dim && isfinite(logdet); i++)
        if (which[i])
            row[i] = x[i];
}

flow_status flow_settle_rows(const flow *f, double *rows, size_t n, size_t stride, flow_error *err)
{
    if (f->n_discrete == f->n_spiked)
        return FLOW_OK;
    bool *which = calloc((size_t)f->dim, sizeof *which);
    double *x = malloc((size_t)f->dim * sizeof *x);
    flow_status status = which == NULL || x == NULL ? flow_error_memory(err, "lattice values") : FLOW_OK;
    if (status == FLOW_OK) {
        const double *spikes;
        flow_mark_discrete(f, which);
        for (int i = 0; i < f->dim; i++)
            which[i] = which[i] && flow_list_spikes(f, i, &spikes) == 0;
        for (size_t i = 0; i < n; i++)
            tile_settle_row(f, rows + i * stride, which, x);
    }
    free(which);
    free(x);
    return status;
}

int flow_list_spikes(const flow *f, int column, const double **at)
{
    int n = 0;
    for (int i = 0; i < f->n_columns && n == 0; i++)
        if (f->columns[i].type->spikes != NULL)
            n = f->columns[i].type->spikes(f->columns[i].state, column, at);
    return n;
}

bool flow_counts_bits(const flow *f)
{
    return flow_shape_pixels(f->shape) > 1 && f->n_discrete == f->dim;
}

double flow_bits_per_dimension(const flow *f, double logp)
{
    return -logp / ((double)f->dim * log(2.0));
}

flow_status flow_check_row(const flow *f, const double *row, flow_error *err)
{
    for (int i = 0; i < f->n_columns; i++)
        if (f->columns[i].type->check_row != NULL)
            return f->columns[i].type->check_row(f->columns[i].state, row, err);
    return FLOW_OK;
}

void flow_tile_columns_to_latent(const flow *f, flow_workspace *ws, int n)
{
    memset(ws->logdet, 0, (size_t)n * sizeof *ws->logdet);
    flow_tile_spread(f, ws, n);
    for (int i = 0; i < f->n_columns; i++)
        f->columns[i].type->to_latent(f->columns[i].state, f->params.fitted, n, ws->x, ws->x, ws->logdet);
    size_t count = (size_t)f->dim * (size_t)n;
    for (size_t k = 0; k < count; k++)
        ws->a[k] = (real)ws->x[k];
}

void flow_tile_to_latent(const flow *f, const real *weights, flow_workspace *ws, int n, const real **z)
{
    assert(n % FLOW_LANES == 0 && n <= ws->n_max);
    flow_tile_columns_to_latent(f, ws, n);
    flow_tile_make_features(f, weights, ws, n);
    tile_clear_sums(ws, n);
    *z = tile_map_blocks(f, weights, ws, n, FLOW_TO_LATENT, NULL);
}

void flow_tile_blocks_to_data(const flow *f, const real *weights, flow_workspace *ws, int n, const real **x)
{
    assert(n % FLOW_LANES == 0 && n <= ws->n_max);
    memset(ws->logdet, 0, (size_t)n * sizeof *ws->logdet);
    flow_tile_make_features(f, weights, ws, n);
    tile_clear_sums(ws, n);
    *x = tile_map_blocks(f, weights, ws, n, FLOW_TO_DATA, NULL);
}

void flow_tile_to_data(const flow *f, const real *weights, flow_workspace *ws, int n)
{
    const real *at_blocks;
    flow_tile_blocks_to_data(f, weights, ws, n, &at_blocks);
    size_t count = (size_t)f->dim * (size_t)n;
    for (size_t k = 0; k < count; k++)
        ws->x[k] = (double)at_blocks[k];
    for (int i = f->n_columns - 1; i >= 0; i--) {
        if (ws->keep)
            memcpy(ws->inputs + (size_t)i * count, ws->x, count * sizeof *ws->x);
        f->columns[i].type->to_data(f->columns[i].state, f->params.fitted, n, ws->x, ws->x, ws->logdet);
    }
}

static void tile_start_backward(const flow *f, flow_workspace *ws, int n)
{
    assert(ws->keep);
    ws->tape.n = n;
    ws->tape.n_records = 0;
    if (ws->gfeatures != NULL)
        memset(ws->gfeatures, 0, (size_t)f->context.n_features * (size_t)n * sizeof *ws->gfeatures);
}

static void tile_finish_backward(const flow *f, const real *weights, flow_workspace *ws, int n)
{
    if (ws->gfeatures != NULL)
        flow_context_backward(&f->context, weights, n, ws->gfeatures, ws->context_scratch, &ws->tape);
}

/* The gradient in front of the first map, from that behind the last one, `g`, which may be ws->ga. */
static const real *tile_blocks_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *g)
{
    const flow_walk walk = flow_workspace_walk(ws, NULL);
    flow_pass pass = flow_workspace_pass(ws, f, weights, &walk, n);
    pass.glogdet = ws->glogdet;
    pass.gpenalty = ws->gpenalty;
    pass.gcontext = ws->gfeatures;
    pass.tape = flow_shape_pixels(f->shape) > 1 && ws->tape.gradient == NULL ? NULL : &ws->tape;
    bool in_ga = g == ws->ga;
    g = flow_chain_backward(&f->chain, &pass, g, in_ga ? ws->gb : ws->ga, in_ga ? ws->ga : ws->gb);
    tile_finish_backward(f, weights, ws, n);
    return g;
}

void flow_tile_to_latent_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *gz,
                                  const real **gx)
{
    tile_start_backward(f, ws, n);
    gz = tile_blocks_backward(f, weights, ws, n, gz);
    if (gx != NULL)
        *gx = gz;
}

/* From the gradient at the data to that at the first block's data side, in ws->ga. */
static void tile_columns_to_data_backward(const flow *f, flow_workspace *ws, int n, const double *gx)
{
    size_t count = (size_t)f->dim * (size_t)n;
    for (int j = 0; j < n; j++)
        ws->logdet[j] = (double)ws->glogdet[j];
    for (int i = 0; i < f->n_columns; i++) {
        const flow_column *column = &f->columns[i];
        const double *input = ws->inputs + (size_t)i * count;
        column->type->to_data_backward(column->state, f->params.fitted, n, input, gx, ws->logdet, ws->x);
        gx = ws->x;
    }
    for (size_t k = 0; k < count; k++)
        ws->ga[k] = (real)gx[k];
}

void flow_tile_to_data_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const double *gx,
                                const real **gz)
{
    tile_start_backward(f, ws, n);
    tile_columns_to_data_backward(f, ws, n, gx);
    const real *g = tile_blocks_backward(f, weights, ws, n, ws->ga);
    if (gz != NULL)
        *gz = g;
}

/* ---- the velocity of the only block ---- */

void flow_tile_velocity(const flow *f, const real *weights, flow_workspace *ws, int n, const real *at, real *v)
{
    const flow_block *block = f->blocks[0];
    assert(f->n_blocks == 1 && block->dim == f->dim && block->type->velocity != NULL);
    flow_tile_make_features(f, weights, ws, n);
    flow_pass pass = flow_workspace_pass(ws, f, weights, NULL, n);
    pass.scratch = ws->scratch[block->index];
    block->type->velocity(block->state, &pass, at, v);
}

void flow_tile_velocity_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *at,
                                 const real *gv)
{
    tile_start_backward(f, ws, n);
    const flow_block *block = f->blocks[0];
    flow_pass pass = flow_workspace_pass(ws, f, weights, NULL, n);
    pass.scratch = ws->scratch[block->index];
    pass.gcontext = ws->gfeatures;
    pass.tape = &ws->tape;
    block->type->velocity_backward(block->state, &pass, at, gv);
    tile_finish_backward(f, weights, ws, n);
}

void flow_tile_base_logp(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z, double *logp)
{
    flow_pass pass = tile_base_pass(f, weights, ws, n);
    f->base->log_density(f->base_state, &pass, z, logp);
}

void flow_tile_logp(const flow *f, const real *weights, flow_workspace *ws, int n, double *logp, const real **z)
{
    const real *latent;
    flow_tile_to_latent(f, weights, ws, n, &latent);
    for (int j = 0; j < n; j++)
        logp[j] = ws->logdet[j];
    flow_tile_base_logp(f, weights, ws, n, latent, logp);
    if (z != NULL)
        *z = latent;
}

void flow_tile_logp_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z,
                             const real **gx)
{
    tile_start_backward(f, ws, n);
    flow_pass pass = tile_base_pass(f, weights, ws, n);
    pass.tape = &ws->tape;
    f->base->backward(f->base_state, &pass, z, ws->glogdet, ws->ga);
    /* log p = log base(z) + logdet: both have the same gradient. */
    const real *g = tile_blocks_backward(f, weights, ws, n, ws->ga);
    if (gx != NULL)
        *gx = g;
}

void flow_tile_draw(const flow *f, const real *weights, flow_workspace *ws, int n, uint64_t seed, uint64_t first_row,
                    double temperature)
{
    assert(n % FLOW_LANES == 0 && n <= ws->n_max);
    flow_pass pass = tile_base_pass(f, weights, ws, n);
    f->base->sample(f->base_state, &pass, seed, first_row, temperature, ws->a);
}

void flow_tile_to_uniform(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z)
{
    const flow_pass pass = tile_base_pass(f, weights, ws, n);
    f->base->to_uniform(f->base_state, &pass, z, ws->x);
}

void flow_tile_logp_gradient(const flow *f, const real *weights, flow_workspace *ws, int n)
{
    size_t count = (size_t)f->dim * (size_t)n;
    for (int i = 0; i < f->n_columns; i++) {
        double *in = ws->inputs + (size_t)i * count, *out = i + 1 < f->n_columns ? in + count : NULL;
        if (i == 0)
            memcpy(in, ws->x, count * sizeof *in);
        if (out != NULL)
            f->columns[i].type->to_latent(f->columns[i].state, f->params.fitted, n, in, out, ws->logdet);
    }
    const real *g;
    flow_tile_to_latent(f, weights, ws, n, &g);
    for (int j = 0; j < n; j++)
        ws->glogdet[j] = ws->logdet[j] = 1;
    flow_tile_logp_backward(f, weights, ws, n, g, &g);
    ws->tape.n_records = 0; /* the gradient of the weights is not requested */
    for (size_t k = 0; k < count; k++)
        ws->x[k] = (double)g[k];
    for (int i = f->n_columns - 1; i >= 0; i--)
        f->columns[i].type->to_latent_backward(f->columns[i].state, f->params.fitted, n, ws->inputs + (size_t)i * count,
                                               ws->x, ws->logdet, ws->x);
}

/* d columns of n_rows rows that are `stride` values apart, into (d, n). */
static void tile_transpose(int d, const double *rows, size_t stride, int n_rows, int n, double *tile)
{
    for (int i = 0; i < d; i++) {
        double *out = tile + (size_t)i * (size_t)n;
        for (int j = 0; j < n; j++)
            out[j] = rows[(size_t)(j < n_rows ? j : n_rows - 1) * stride + (size_t)i];
    }
}

void flow_tile_load_padded(const flow *f, flow_workspace *ws, const double *rows, size_t stride, int n_rows, int n)
{
    tile_transpose(f->dim, rows, stride, n_rows, n, ws->x);
    tile_transpose(f->context.n, rows + f->dim, stride, n_rows, n, ws->given);
}

void flow_tile_load_latents(const flow *f, flow_workspace *ws, const double *latents, size_t stride, int n_rows, int n)
{
    for (int i = 0; i < f->dim; i++)
        for (int j = 0; j < n; j++)
            ws->a[(size_t)i * (size_t)n + (size_t)j] =
                (real)latents[(size_t)(j < n_rows ? j : n_rows - 1) * stride + (size_t)i];
}

void flow_tile_load_context(const flow *f, flow_workspace *ws, const double *context, int n_rows, int n)
{
    tile_transpose(f->context.n, context, (size_t)f->context.n, n_rows, n, ws->given);
}

static int tile_padded(int n_rows)
{
    return (n_rows + FLOW_GRAIN - 1) / FLOW_GRAIN * FLOW_GRAIN;
}

int flow_tile_load_data(const flow *f, flow_workspace *ws, const double *rows, int n_rows)
{
    int n = tile_padded(n_rows);
    tile_transpose(f->dim, rows, (size_t)f->dim, n_rows, n, ws->x);
    return n;
}

int flow_tile_load(const flow *f, flow_workspace *ws, const double *rows, int n_rows)
{
    int n = tile_padded(n_rows);
    flow_tile_load_padded(f, ws, rows, (size_t)flow_width(f), n_rows, n);
    return n;
}

void flow_tile_store(const flow *f, const flow_workspace *ws, int n, double *rows, int n_rows)
{
    size_t d = (size_t)f->dim;
    for (size_t i = 0; i < d; i++)
        for (int j = 0; j < n_rows; j++)
            rows[(size_t)j * d + i] = ws->x[i * (size_t)n + (size_t)j];
}
