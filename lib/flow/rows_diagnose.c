/* Which map fails on a row whose result is not finite. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "flow/rows.h"

/* Of z in ws->a or x in ws->x, which stay; first as points alone. Densities come from the way to the latent end. */
static bool diagnose_way(const flow_runner *runner, flow_direction direction, int row, char *text, size_t size)
{
    const flow *f = runner->f;
    flow_worker *w = &runner->workers[0];
    flow_workspace *ws = w->ws;
    size_t count = flow_tile_values(f);
    bool found = false;
    memcpy(w->x, ws->x, count * sizeof *w->x);
    memcpy(w->z, ws->a, count * sizeof *w->z);
    for (int k = 0; k < (direction == FLOW_TO_LATENT ? 2 : 1) && !found; k++) {
        ws->points_only = k == 0;
        found = flow_tile_diagnose(f, runner->weights, ws, f->tile_rows, direction, row, text, size);
        ws->points_only = false;
        memcpy(ws->x, w->x, count * sizeof *w->x);
        memcpy(ws->a, w->z, count * sizeof *w->z);
    }
    return found;
}

/* From z in ws->a or x in ws->x to the other end, and from there back. */
static bool diagnose_tile(const flow_runner *runner, flow_direction direction, bool back, int row, char *text,
                          size_t size)
{
    const flow *f = runner->f;
    flow_worker *w = &runner->workers[0];
    for (int way = 0; way < (back ? 2 : 1); way++, direction = flow_opposite(direction)) {
        if (diagnose_way(runner, direction, row, text, size))
            return true;
        if (direction == FLOW_TO_LATENT)
            memmove(w->ws->a, flow_worker_to_latent(runner, w, true), flow_tile_values(f) * sizeof *w->ws->a);
        else
            flow_worker_to_data(runner, w, true);
    }
    return false;
}

bool flow_rows_diagnose(flow_runner *runner, flow_direction direction, bool back, const double *row, char *text,
                        size_t size)
{
    const flow *f = runner->f;
    flow_workspace *ws = runner->workers[0].ws;
    bool spreads = direction == FLOW_TO_LATENT, found = false;
    for (int k = 0; k < (f->n_discrete > 0 && spreads ? f->noise_draws : 1) && !found; k++) {
        flow_tile_load_padded(f, ws, row, (size_t)flow_width(f), 1, f->tile_rows);
        for (size_t i = 0; i < flow_tile_values(f); i++)
            ws->a[i] = (real)ws->x[i];
        ws->noise = spreads ? flow_noise_of_draw(k) : (flow_noise){0};
        found = diagnose_tile(runner, direction, back, 0, text, size);
        ws->noise = (flow_noise){0};
    }
    return found;
}

/* The first of the draws in w->ws->x that is not finite at either end. */
static int first_failure(const flow_runner *runner, bool has_logp, int n_rows)
{
    const flow *f = runner->f;
    flow_worker *w = &runner->workers[0];
    const flow_workspace *ws = w->ws;
    const real *z = flow_worker_to_latent(runner, w, !has_logp); /* NaN where x is not finite */
    for (int j = 0; j < n_rows; j++)
        for (int i = 0; i < f->dim; i++)
            if (!isfinite(z[i * f->tile_rows + j]) || !isfinite(ws->logdet[j]))
                return j;
    return -1;
}

bool flow_rows_diagnose_draws(flow_runner *runner, uint64_t seed, uint64_t first_row, const uint64_t *rows, size_t n,
                              double temperature, const double *context, bool has_logp, uint64_t *row, char *text,
                              size_t size)
{
    const flow *f = runner->f;
    flow_worker *w = &runner->workers[0];
    const size_t most = (size_t)f->tile_rows;
    const flow_nfe counted = w->nfe[FLOW_TO_DATA]; /* these draws were counted when they were made */
    for (size_t at = 0; at < n; at += most) {
        const int n_rows = (int)(n - at < most ? n - at : most);
        const uint64_t first = first_row + at, *listed = rows != NULL ? rows + at : NULL;
        if (f->context.n > 0)
            flow_tile_load_context(f, w->ws, context + at * (size_t)f->context.n, n_rows, f->tile_rows);
        flow_worker_draw_points(runner, w, seed, first, listed, n_rows, temperature);
        w->nfe[FLOW_TO_DATA] = counted;
        int j = first_failure(runner, has_logp, n_rows);
        if (j < 0)
            continue;
        *row = listed != NULL ? listed[j] : first + (uint64_t)j;
        memcpy(w->ws->a, w->z, flow_tile_values(f) * sizeof *w->z);
        return diagnose_tile(runner, FLOW_TO_DATA, true, j, text, size);
    }
    text[0] = '\0';
    return false;
}
