/* Which map of a flow fails on a row, and why. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow/flow.h"

/* "0.ffjord: ...", for row `row` of the tile. With `always` the name at least. */
static bool diagnose_block(const flow_block *block, const flow_pass *pass, int row, bool always, char *text,
                           size_t size)
{
    int used = snprintf(text, size, "%s", block->name);
    size_t rest = size - (size_t)used;
    char reason[FLOW_DIAGNOSIS_SIZE];
    bool has_reason =
        block->type->diagnose != NULL && block->type->diagnose(block->state, pass, row, reason, sizeof reason);
    if (has_reason)
        snprintf(text + used, rest, ": %s", reason);
    return has_reason || always;
}

bool flow_tile_diagnose_pass(const flow *f, const flow_workspace *ws, int n, int row, char *text, size_t size)
{
    assert(ws->keep);
    flow_pass pass = flow_workspace_pass(ws, f, NULL, NULL, n);
    for (int i = 0; i < f->n_blocks; i++) {
        pass.scratch = ws->scratch[f->blocks[i]->index];
        if (diagnose_block(f->blocks[i], &pass, row, false, text, size))
            return true;
    }
    text[0] = '\0';
    return false;
}

static bool diagnose_is_finite(int dim, const real *tile, int n, int row, double logdet)
{
    for (int i = 0; i < dim; i++)
        if (!isfinite(tile[(size_t)i * (size_t)n + (size_t)row]))
            return false;
    return isfinite(logdet);
}

typedef struct diagnosis {
    int row;
    char *text;
    size_t size;
} diagnosis;

static bool diagnose_after(void *context, const flow_block *block, const flow_pass *pass, const real *out,
                           const double *logdet)
{
    const diagnosis *d = context;
    bool finite = true;
    for (int row = d->row; row < pass->n; row += pass->n / block->pixels)
        finite = finite && diagnose_is_finite(block->dim, out, pass->n, row, logdet[row]);
    if (!finite)
        diagnose_block(block, pass, d->row, true, d->text, d->size);
    return finite;
}

/* The column maps to the data, from the tile x (d, n) behind the blocks. */
static bool diagnose_columns_to_data(const flow *f, flow_workspace *ws, int n, const real *x, int row)
{
    size_t count = (size_t)f->dim * (size_t)n;
    for (size_t k = 0; k < count; k++)
        ws->x[k] = (double)x[k];
    for (int i = f->n_columns - 1; i >= 0; i--)
        f->columns[i].type->to_data(f->columns[i].state, f->params.fitted, n, ws->x, ws->x, ws->logdet);
    bool finite = isfinite(ws->logdet[row]);
    for (int i = 0; i < f->dim; i++)
        finite = finite && isfinite(ws->x[(size_t)i * (size_t)n + (size_t)row]);
    return finite;
}

bool flow_tile_diagnose(const flow *f, const real *weights, flow_workspace *ws, int n, flow_direction direction,
                        int row, char *text, size_t size)
{
    diagnosis d = {row, text, size};
    flow_visitor visitor = {.context = &d, .after = diagnose_after};
    const flow_walk walk = flow_workspace_walk(ws, &visitor);
    text[0] = '\0';
    ws->direction = direction;
    if (direction == FLOW_TO_LATENT)
        flow_tile_columns_to_latent(f, ws, n);
    else
        memset(ws->logdet, 0, (size_t)n * sizeof *ws->logdet);
    if (direction == FLOW_TO_LATENT && !diagnose_is_finite(f->dim, ws->a, n, row, ws->logdet[row])) {
        snprintf(text, size, "the data or their column maps");
        return true;
    }
    flow_tile_make_features(f, weights, ws, n);
    const flow_pass pass = flow_workspace_pass(ws, f, weights, &walk, n);
    const real *out = flow_chain_map(&f->chain, &pass, ws->a, ws->b, ws->a, ws->logdet);
    if (visitor.stopped)
        return true;
    if (direction == FLOW_TO_LATENT || diagnose_columns_to_data(f, ws, n, out, row))
        return false;
    snprintf(text, size, "the column maps");
    return true;
}
