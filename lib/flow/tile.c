/* One tile on its way through a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow/flow.h"

/* Of block number `block`; the base comes behind the last one. */
static flow_pass pass_of(const flow *f, const real *weights, const flow_workspace *ws, int n, int block)
{
    return (flow_pass){.n = n,
                       .weights = weights,
                       .fitted = f->params.fitted,
                       .context = f->context.n > 0 ? ws->features : NULL,
                       .scratch = ws->scratch[block],
                       .noise = &ws->noise,
                       .direction = ws->direction,
                       .mode = ws->mode,
                       .keep = ws->keep,
                       .points_only = ws->points_only,
                       .variance = ws->variance,
                       .penalty = ws->penalty,
                       .evaluations = ws->evaluations};
}

/* What blocks add to in a map. */
static void clear_sums(flow_workspace *ws, int n)
{
    memset(ws->evaluations, 0, (size_t)n * sizeof *ws->evaluations);
    memset(ws->variance, 0, (size_t)n * sizeof *ws->variance);
    memset(ws->penalty, 0, (size_t)n * sizeof *ws->penalty);
}

static void make_features(const flow *f, const real *weights, flow_workspace *ws, int n)
{
    if (f->context.n > 0)
        flow_context_apply(&f->context, weights, f->params.fitted, n, ws->given, ws->features, ws->context_scratch);
}

void flow_tile_spread(const flow *f, flow_workspace *ws, int n)
{
    for (int i = 0; i < f->n_columns && f->n_discrete > 0 && ws->noise.kind != FLOW_NOISE_NONE; i++)
        if (f->columns[i].type->spread != NULL)
            f->columns[i].type->spread(f->columns[i].state, &ws->noise, n, ws->x, ws->logdet);
}

void flow_tile_round(const flow *f, flow_workspace *ws, int n)
{
    for (int i = 0; i < f->n_columns && f->n_discrete > 0; i++)
        if (f->columns[i].type->round != NULL)
            f->columns[i].type->round(f->columns[i].state, n, ws->x);
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
    make_features(f, weights, ws, n);
    clear_sums(ws, n);
    ws->direction = FLOW_TO_LATENT;
    real *in = ws->a, *out = ws->b;
    for (int i = 0; i < f->n_blocks; i++) {
        flow_pass pass = pass_of(f, weights, ws, n, i);
        f->blocks[i].type->map[FLOW_TO_LATENT](f->blocks[i].state, &pass, in, out, ws->logdet);
        real *next = in;
        in = out;
        out = next;
    }
    *z = in;
}

void flow_tile_blocks_to_data(const flow *f, const real *weights, flow_workspace *ws, int n, const real **x)
{
    assert(n % FLOW_LANES == 0 && n <= ws->n_max);
    memset(ws->logdet, 0, (size_t)n * sizeof *ws->logdet);
    make_features(f, weights, ws, n);
    clear_sums(ws, n);
    ws->direction = FLOW_TO_DATA;
    real *in = ws->a, *out = ws->b;
    for (int i = f->n_blocks - 1; i >= 0; i--) {
        flow_pass pass = pass_of(f, weights, ws, n, i);
        f->blocks[i].type->map[FLOW_TO_DATA](f->blocks[i].state, &pass, in, out, ws->logdet);
        real *next = in;
        in = out;
        out = next;
    }
    *x = in;
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

/* The backward of block i from `in` into whichever gradient tile is not `in`. */
static const real *step_back(const flow *f, const real *weights, flow_workspace *ws, int n, int i, const real *in)
{
    real *out = in == ws->ga ? ws->gb : ws->ga;
    flow_pass pass = pass_of(f, weights, ws, n, i);
    pass.glogdet = ws->glogdet;
    pass.gpenalty = ws->gpenalty;
    pass.gcontext = ws->gfeatures;
    pass.tape = &ws->tape;
    const flow_block *block = &f->blocks[i];
    block->type->backward[ws->direction](block->state, &pass, in, out);
    return out;
}

static void start_backward(const flow *f, flow_workspace *ws, int n)
{
    assert(ws->keep);
    ws->tape.n = n;
    ws->tape.n_records = 0;
    if (ws->gfeatures != NULL)
        memset(ws->gfeatures, 0, (size_t)f->context.n_features * (size_t)n * sizeof *ws->gfeatures);
}

static void finish_backward(const flow *f, const real *weights, flow_workspace *ws, int n)
{
    if (ws->gfeatures != NULL)
        flow_context_backward(&f->context, weights, n, ws->gfeatures, ws->context_scratch, &ws->tape);
}

static const real *blocks_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *gz)
{
    for (int i = f->n_blocks - 1; i >= 0; i--)
        gz = step_back(f, weights, ws, n, i, gz);
    finish_backward(f, weights, ws, n);
    return gz;
}

void flow_tile_to_latent_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *gz,
                                  const real **gx)
{
    start_backward(f, ws, n);
    gz = blocks_backward(f, weights, ws, n, gz);
    if (gx != NULL)
        *gx = gz;
}

/* From the gradient at the data to that at the first block's data side, in ws->ga. */
static void columns_to_data_backward(const flow *f, flow_workspace *ws, int n, const double *gx)
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
    start_backward(f, ws, n);
    columns_to_data_backward(f, ws, n, gx);
    const real *g = ws->ga;
    for (int i = 0; i < f->n_blocks; i++)
        g = step_back(f, weights, ws, n, i, g);
    finish_backward(f, weights, ws, n);
    if (gz != NULL)
        *gz = g;
}

/* ---- the velocity of the only block ---- */

void flow_tile_velocity(const flow *f, const real *weights, flow_workspace *ws, int n, const real *at, real *v)
{
    assert(f->n_blocks == 1 && f->blocks[0].type->velocity != NULL);
    make_features(f, weights, ws, n);
    flow_pass pass = pass_of(f, weights, ws, n, 0);
    f->blocks[0].type->velocity(f->blocks[0].state, &pass, at, v);
}

void flow_tile_velocity_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *at,
                                 const real *gv)
{
    start_backward(f, ws, n);
    flow_pass pass = pass_of(f, weights, ws, n, 0);
    pass.gcontext = ws->gfeatures;
    pass.tape = &ws->tape;
    f->blocks[0].type->velocity_backward(f->blocks[0].state, &pass, at, gv);
    finish_backward(f, weights, ws, n);
}

void flow_tile_base_logp(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z, double *logp)
{
    flow_pass pass = pass_of(f, weights, ws, n, f->n_blocks);
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
    start_backward(f, ws, n);
    flow_pass pass = pass_of(f, weights, ws, n, f->n_blocks);
    pass.tape = &ws->tape;
    f->base->backward(f->base_state, &pass, z, ws->glogdet, ws->ga);
    /* log p = log base(z) + logdet: both have the same gradient. */
    const real *g = blocks_backward(f, weights, ws, n, ws->ga);
    if (gx != NULL)
        *gx = g;
}

void flow_tile_draw(const flow *f, const real *weights, flow_workspace *ws, int n, uint64_t seed, uint64_t first_row,
                    double temperature)
{
    assert(n % FLOW_LANES == 0 && n <= ws->n_max);
    flow_pass pass = pass_of(f, weights, ws, n, f->n_blocks);
    f->base->sample(f->base_state, &pass, seed, first_row, temperature, ws->a);
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
    ws->tape.n_records = 0; /* nobody asked for the weights */
    for (size_t k = 0; k < count; k++)
        ws->x[k] = (double)g[k];
    for (int i = f->n_columns - 1; i >= 0; i--)
        f->columns[i].type->to_latent_backward(f->columns[i].state, f->params.fitted, n,
                                               ws->inputs + (size_t)i * count, ws->x, ws->logdet, ws->x);
}

/* d columns of n_rows rows that are `stride` values apart, into (d, n). */
static void transpose(int d, const double *rows, size_t stride, int n_rows, int n, double *tile)
{
    for (int i = 0; i < d; i++) {
        double *line = tile + (size_t)i * (size_t)n;
        for (int j = 0; j < n; j++)
            line[j] = rows[(size_t)(j < n_rows ? j : n_rows - 1) * stride + (size_t)i];
    }
}

void flow_tile_load_padded(const flow *f, flow_workspace *ws, const double *rows, size_t stride, int n_rows, int n)
{
    transpose(f->dim, rows, stride, n_rows, n, ws->x);
    transpose(f->context.n, rows + f->dim, stride, n_rows, n, ws->given);
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
    transpose(f->context.n, context, (size_t)f->context.n, n_rows, n, ws->given);
}

static int padded(int n_rows)
{
    return (n_rows + FLOW_GRAIN - 1) / FLOW_GRAIN * FLOW_GRAIN;
}

int flow_tile_load_data(const flow *f, flow_workspace *ws, const double *rows, int n_rows)
{
    int n = padded(n_rows);
    transpose(f->dim, rows, (size_t)f->dim, n_rows, n, ws->x);
    return n;
}

int flow_tile_load(const flow *f, flow_workspace *ws, const double *rows, int n_rows)
{
    int n = padded(n_rows);
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

static bool column_is_finite(const flow *f, const real *tile, int n, int column)
{
    for (int i = 0; i < f->dim; i++)
        if (!isfinite(tile[(size_t)i * (size_t)n + (size_t)column]))
            return false;
    return true;
}

/* "0.ffjord: why". With `always` the name at least. */
static bool name_block(const flow *f, const flow_pass *pass, int block, int column, bool always, char *text,
                       size_t size)
{
    const flow_block *b = &f->blocks[block];
    int used = snprintf(text, size, "%s", b->name);
    size_t rest = size - (size_t)used;
    char why[FLOW_CULPRIT_SIZE];
    bool tells = b->type->explain != NULL && b->type->explain(b->state, pass, column, why, sizeof why);
    if (tells)
        snprintf(text + used, rest, ": %s", why);
    return tells || always;
}

bool flow_tile_failure(const flow *f, const flow_workspace *ws, int n, int column, char *text, size_t size)
{
    assert(ws->keep);
    for (int i = 0; i < f->n_blocks; i++) {
        flow_pass pass = pass_of(f, NULL, ws, n, i);
        if (name_block(f, &pass, i, column, false, text, size))
            return true;
    }
    text[0] = '\0';
    return false;
}

/* From ws->a through all blocks, until column `column` is not finite; *out is what comes out of the last one. */
static bool find_block(const flow *f, const real *weights, flow_workspace *ws, int n, flow_direction direction,
                       int column, const real **out, char *text, size_t size)
{
    make_features(f, weights, ws, n);
    ws->direction = direction;
    real *in = ws->a, *next = ws->b;
    for (int k = 0; k < f->n_blocks; k++) {
        int i = direction == FLOW_TO_LATENT ? k : f->n_blocks - 1 - k;
        const flow_block *block = &f->blocks[i];
        flow_pass pass = pass_of(f, weights, ws, n, i);
        block->type->map[direction](block->state, &pass, in, next, ws->logdet);
        if (!column_is_finite(f, next, n, column) || !isfinite(ws->logdet[column]))
            return name_block(f, &pass, i, column, true, text, size);
        real *used = in;
        in = next;
        next = used;
    }
    *out = in;
    text[0] = '\0';
    return false;
}

bool flow_tile_culprit(const flow *f, const real *weights, flow_workspace *ws, int n, int column, char *text,
                       size_t size)
{
    flow_tile_columns_to_latent(f, ws, n);
    if (!column_is_finite(f, ws->a, n, column) || !isfinite(ws->logdet[column])) {
        snprintf(text, size, "the data or their column maps");
        return true;
    }
    const real *z;
    return find_block(f, weights, ws, n, FLOW_TO_LATENT, column, &z, text, size);
}

bool flow_tile_data_culprit(const flow *f, const real *weights, flow_workspace *ws, int n, int column, char *text,
                            size_t size)
{
    memset(ws->logdet, 0, (size_t)n * sizeof *ws->logdet);
    const real *x;
    if (find_block(f, weights, ws, n, FLOW_TO_DATA, column, &x, text, size))
        return true;
    size_t count = (size_t)f->dim * (size_t)n;
    for (size_t k = 0; k < count; k++)
        ws->x[k] = (double)x[k];
    for (int i = f->n_columns - 1; i >= 0; i--)
        f->columns[i].type->to_data(f->columns[i].state, f->params.fitted, n, ws->x, ws->x, ws->logdet);
    bool finite = isfinite(ws->logdet[column]);
    for (int i = 0; i < f->dim; i++)
        finite = finite && isfinite(ws->x[(size_t)i * (size_t)n + (size_t)column]);
    snprintf(text, size, "%s", finite ? "" : "the column maps");
    return !finite;
}
