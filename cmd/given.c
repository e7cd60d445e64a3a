/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "given.h"

#include <stdlib.h>
#include <string.h>

flow_status given_open(given *out, const char *location, const session *s, uint64_t per_row, flow_error *err)
{
    int c = s->n_context;
    *out = (given){.width = (size_t)c, .per_row = per_row, .n_room = input_chunk(c)};
    out->rows = malloc(out->n_room * out->width * sizeof *out->rows);
    if (out->rows == NULL)
        return flow_error_memory(err, "rows of context");
    const input_options options = {.columns = s->context, .n_columns = c, .numbered = s->numbered, .chosen = true};
    flow_status status = input_open(&out->in, location, &options, err);
    return flow_error_prefix(err, status, "--given: ");
}

void given_close(given *g)
{
    input_close(&g->in);
    free(g->rows);
    *g = (given){0};
}

/* Goes to the next row of the table when the present one is used up; false at the end. */
static bool advance(given *g, flow_status *status, flow_error *err)
{
    *status = FLOW_OK;
    if (g->left > 0)
        return true;
    if (g->at + 1 < g->n) {
        g->at++;
    } else {
        *status = input_read(&g->in, g->rows, NULL, g->n_room, &g->n, err);
        g->at = 0;
        if (*status != FLOW_OK || g->n == 0)
            return false;
    }
    g->left = g->per_row;
    return true;
}

flow_status given_next(given *g, double *context, size_t n_max, size_t *n, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (*n = 0; *n < n_max && advance(g, &status, err); g->left--, ++*n)
        memcpy(context + *n * g->width, g->rows + g->at * g->width, g->width * sizeof *context);
    return status;
}

flow_status given_skip(given *g, uint64_t n, flow_error *err)
{
    flow_status status = FLOW_OK;
    while (n > 0 && advance(g, &status, err)) {
        uint64_t some = n < g->left ? n : g->left;
        g->left -= some;
        n -= some;
    }
    return status;
}
