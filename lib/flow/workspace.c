/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/memory.h"
#include "flow/flow.h"

static void lay_out(flow_workspace *ws, const flow *f, flow_layout *layout)
{
    size_t n = (size_t)ws->n_max, count = (size_t)f->dim * n;
    ws->x = flow_layout_take(layout, count, sizeof *ws->x);
    ws->a = flow_layout_take(layout, count, sizeof *ws->a);
    ws->b = flow_layout_take(layout, count, sizeof *ws->b);
    ws->logdet = flow_layout_take(layout, n, sizeof *ws->logdet);
    ws->evaluations = flow_layout_take(layout, n, sizeof *ws->evaluations);
    ws->variance = flow_layout_take(layout, n, sizeof *ws->variance);
    ws->penalty = flow_layout_take(layout, n, sizeof *ws->penalty);
    const flow_context *context = &f->context;
    size_t n_features = (size_t)context->n_features * n;
    ws->given = flow_layout_take(layout, (size_t)context->n * n, sizeof *ws->given);
    ws->features = flow_layout_take(layout, n_features, sizeof *ws->features);
    ws->context_area = flow_layout_take(layout, flow_context_work_size(context, ws->n_max), 1);
    if (ws->keep && context->embeds)
        ws->gfeatures = flow_layout_take(layout, n_features, sizeof *ws->gfeatures);
    if (ws->keep) {
        ws->inputs = flow_layout_take(layout, (size_t)f->n_columns * count, sizeof *ws->inputs);
        ws->ga = flow_layout_take(layout, count, sizeof *ws->ga);
        ws->gb = flow_layout_take(layout, count, sizeof *ws->gb);
        ws->glogdet = flow_layout_take(layout, n, sizeof *ws->glogdet);
    }
    size_t largest = 0;
    for (int i = 0; i < f->n_blocks; i++) {
        size_t size = f->blocks[i].type->work_size(f->blocks[i].state, ws->n_max);
        largest = size > largest ? size : largest;
        if (ws->keep)
            ws->areas[i] = flow_layout_take(layout, size, 1);
    }
    size_t size = f->base->work_size != NULL ? f->base->work_size(f->base_state, ws->n_max) : 0;
    largest = size > largest ? size : largest;
    if (ws->keep) {
        ws->areas[f->n_blocks] = flow_layout_take(layout, size, 1);
        return;
    }
    char *shared = flow_layout_take(layout, largest, 1);
    for (int i = 0; i <= f->n_blocks; i++)
        ws->areas[i] = shared;
}

flow_status flow_workspace_new(flow_workspace **out, const flow *f, int n_max, bool keep, flow_error *err)
{
    *out = NULL;
    flow_workspace *ws = calloc(1, sizeof *ws);
    if (ws == NULL)
        return flow_error_memory(err, "a workspace");
    ws->n_max = n_max;
    ws->keep = keep;
    ws->areas = calloc((size_t)f->n_blocks + 1, sizeof *ws->areas);
    ws->tape.capacity = f->params.n_entries;
    ws->tape.records = calloc((size_t)f->params.n_entries + 1, sizeof *ws->tape.records);
    if (ws->areas != NULL && ws->tape.records != NULL) {
        flow_layout layout = {0};
        lay_out(ws, f, &layout);
        ws->memory = layout.base = flow_alloc_aligned(layout.used, 1);
        layout.used = 0;
        if (ws->memory != NULL)
            lay_out(ws, f, &layout);
    }
    if (ws->memory == NULL) {
        flow_workspace_free(ws);
        return flow_error_memory(err, "the work areas of the blocks");
    }
    *out = ws;
    return FLOW_OK;
}

void flow_workspace_free(flow_workspace *ws)
{
    if (ws == NULL)
        return;
    flow_free_aligned(ws->memory);
    free(ws->areas);
    free(ws->tape.records);
    free(ws);
}
