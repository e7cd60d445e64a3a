/* Initial values: weights from the seed, and what column maps, blocks and base take from the data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/flow.h"

/* The rows that a block or base sees: as many as give a mean and a deviation to two percent; every pixel of an image
 * counts as a row. */
enum { FIT_ROWS = 4096, FIT_IMAGES = 256 };

flow_status flow_init_weights(flow *f, uint64_t seed, real *weights, flow_error *err)
{
    flow_params_init(&f->params, seed, weights);
    flow_status status = FLOW_OK;
    for (int i = 0; i < f->n_blocks && status == FLOW_OK; i++)
        if (f->blocks[i]->type->init != NULL)
            status = f->blocks[i]->type->init(f->blocks[i]->state, seed, &f->params, weights, err);
    return status;
}

/* Takes rows (n, d) of the data alone through the column map i, in place. Each row has a place of its own, below those
 * that training uses. */
static void fit_push_through(const flow *f, int i, flow_workspace *ws, double *rows, size_t n)
{
    const size_t most = (size_t)f->tile_rows;
    for (size_t first = 0; first < n; first += most) {
        int n_rows = (int)(n - first < most ? n - first : most);
        double *part = rows + first * (size_t)f->dim;
        int m = flow_tile_load_data(f, ws, part, n_rows);
        ws->noise = (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .first_row = first};
        if (i == 0)
            flow_tile_spread(f, ws, m);
        f->columns[i].type->to_latent(f->columns[i].state, f->params.fitted, m, ws->x, ws->x, ws->logdet);
        flow_tile_store(f, ws, m, part, n_rows);
    }
}

static flow_status fit_columns(flow *f, double *rows, size_t n, const char *const *columns, flow_error *err)
{
    flow_workspace *ws;
    flow_status status = flow_workspace_new(&ws, f, f->tile_rows, false, err);
    for (int i = 0; i < f->n_columns && status == FLOW_OK; i++) {
        const flow_column *column = &f->columns[i];
        if (column->type->fit != NULL)
            status = column->type->fit(column->state, &f->params, n, rows, columns, err);
        if (status == FLOW_OK)
            fit_push_through(f, i, ws, rows, n);
    }
    flow_workspace_free(ws);
    return status;
}

/* A tile (d, m) of real from m of the n rows, evenly spread, and its context; fewer rows than m are used again from the
 * start. */
static void fit_spread_rows(const flow *f, const double *data, const double *rows, size_t n, int m, flow_workspace *ws)
{
    size_t d = (size_t)f->dim, c = (size_t)f->context.n, width = d + c;
    for (int j = 0; j < m; j++) {
        size_t row = n > (size_t)m ? (size_t)((double)j * (double)n / m) : (size_t)j % n;
        for (size_t i = 0; i < d; i++)
            ws->a[i * (size_t)m + (size_t)j] = (real)data[row * d + i];
        for (size_t i = 0; i < c; i++)
            ws->given[i * (size_t)m + (size_t)j] = rows[row * width + d + i];
    }
}

bool flow_fits_blocks(const flow *f)
{
    if (f->base->fit != NULL)
        return true;
    for (int i = 0; i < f->n_blocks; i++)
        if (f->blocks[i]->type->fit != NULL)
            return true;
    return false;
}

/* Of blocks, while a tile of the data goes through them. */
typedef struct fit_of_blocks {
    flow *f;
    real *weights;
    flow_status status;
    flow_error *err;
} fit_of_blocks;

static bool fit_block(void *context, const flow_block *block, const flow_pass *pass, const real *in)
{
    fit_of_blocks *fit = context;
    if (block->type->fit != NULL)
        fit->status = block->type->fit(block->state, &fit->f->params, fit->weights, pass->n, in, fit->err);
    return fit->status == FLOW_OK;
}

/* data (n, d) are the rows after the column maps */
static flow_status fit_blocks_and_base(flow *f, real *weights, const double *data, const double *rows, size_t n,
                                       flow_error *err)
{
    const int most = flow_shape_pixels(f->shape) > 1 ? FIT_IMAGES : FIT_ROWS;
    int m = n < (size_t)most ? (int)n / FLOW_GRAIN * FLOW_GRAIN : most;
    if (m < FLOW_GRAIN)
        m = FLOW_GRAIN;
    flow_workspace *ws;
    flow_status status = flow_workspace_new(&ws, f, m, false, err);
    if (status != FLOW_OK)
        return status;
    fit_spread_rows(f, data, rows, n, m, ws);
    flow_tile_make_features(f, weights, ws, m);
    fit_of_blocks fit = {f, weights, FLOW_OK, err};
    flow_visitor visitor = {.context = &fit, .before = fit_block};
    const flow_walk walk = flow_workspace_walk(ws, &visitor);
    const flow_pass pass = flow_workspace_pass(ws, f, weights, &walk, m);
    const real *z = flow_chain_map(&f->chain, &pass, ws->a, ws->b, ws->a, ws->logdet);
    status = fit.status;
    if (status == FLOW_OK && f->base->fit != NULL)
        status = f->base->fit(f->base_state, &f->params, weights, m, z, err);
    flow_workspace_free(ws);
    return status;
}

flow_status flow_fit(flow *f, real *weights, const double *rows, size_t n, const char *const *columns, flow_error *err)
{
    if (n == 0)
        return flow_error_set(err, FLOW_DATA, "there are no rows to take initial values from");
    size_t d = (size_t)f->dim, width = (size_t)flow_width(f);
    double *copy = flow_alloc_aligned(n * d, sizeof *copy);
    if (copy == NULL)
        return flow_error_memory(err, "a sample of the data");
    for (size_t r = 0; r < n; r++)
        memcpy(copy + r * d, rows + r * width, d * sizeof *copy);
    flow_status status = flow_context_fit(&f->context, &f->params, n, rows + d, width, err);
    if (status == FLOW_OK)
        status = fit_columns(f, copy, n, columns, err);
    if (status == FLOW_OK && flow_fits_blocks(f))
        status = fit_blocks_and_base(f, weights, copy, rows, n, err);
    flow_free_aligned(copy);
    return status;
}

bool flow_has_batch_stats(const flow *f)
{
    for (int i = 0; i < f->n_blocks; i++)
        if (f->blocks[i]->type->add_batch_sums != NULL)
            return true;
    return false;
}

bool flow_estimates(const flow *f)
{
    for (int i = 0; i < f->n_blocks; i++)
        if (f->blocks[i]->type->estimates != NULL && f->blocks[i]->type->estimates(f->blocks[i]->state))
            return true;
    return false;
}

flow_status flow_check(const flow *f, flow_error *err)
{
    for (size_t k = 0; k < f->params.n_fitted; k++)
        if (!isfinite(f->params.fitted[k]))
            return flow_error_set(err, FLOW_FORMAT, "one of its fitted values is not finite");
    flow_status status = flow_context_check(&f->context, &f->params, err);
    for (int i = 0; i < f->n_columns && status == FLOW_OK; i++) {
        const flow_column *column = &f->columns[i];
        if (column->type->check != NULL)
            status = column->type->check(column->state, &f->params, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%d.%s: ", i, column->type->info.name);
    }
    for (int i = 0; i < f->n_blocks && status == FLOW_OK; i++) {
        const flow_block *block = f->blocks[i];
        if (block->type->check != NULL)
            status = block->type->check(block->state, &f->params, err);
        if (status != FLOW_OK)
            flow_error_prefix(err, status, "%s: ", block->name);
    }
    return status;
}
