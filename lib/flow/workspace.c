/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/memory.h"
#include "flow/flow.h"

static size_t workspace_block_size(const flow_block *block, int n, bool keep)
{
    return block->type->scratch_size != NULL ? block->type->scratch_size(block->state, n * block->pixels, keep) : 0;
}

static size_t workspace_spare_size(const flow *f, int n, bool keep)
{
    size_t largest = 0;
    for (int i = 0; i < f->n_all; i++) {
        const flow_block *block = f->all[i];
        if (block->type->spare_size == NULL)
            continue;
        size_t size = block->type->spare_size(block->state, n * block->pixels, keep);
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* Where a backward follows, every block has scratch of its own, or keeps its input alone. Elsewhere one area serves all
 * blocks one after the other, and one for every depth the composites, which are at work while the blocks within them
 * are. */
static void workspace_lay_out_scratch(flow_workspace *ws, const flow *f, flow_layout *layout)
{
    enum { AREAS = FLOW_DEPTH_MAX + 1 };
    size_t base = f->base->scratch_size != NULL ? f->base->scratch_size(f->base_state, ws->n_max, ws->keep) : 0;
    size_t largest[AREAS] = {base};
    char *shared[AREAS];
    for (int i = 0; i < f->n_all; i++) {
        const flow_block *block = f->all[i];
        int area = flow_block_is_composite(block) ? 1 + block->depth : 0;
        size_t size = workspace_block_size(block, ws->n_max, ws->keep);
        largest[area] = size > largest[area] ? size : largest[area];
        if (ws->keep && ws->block_inputs == NULL)
            ws->scratch[i] = flow_layout_take(layout, size, 1);
        else if (ws->keep && !flow_block_is_composite(block))
            ws->block_inputs[i] = flow_layout_take(
                layout, (size_t)block->dim * (size_t)block->pixels * (size_t)ws->n_max, sizeof **ws->block_inputs);
    }
    if (ws->keep && ws->block_inputs == NULL) {
        ws->base_scratch = flow_layout_take(layout, base, 1);
        return;
    }
    for (int area = 0; area < AREAS; area++)
        shared[area] = flow_layout_take(layout, largest[area], 1);
    for (int i = 0; i < f->n_all; i++)
        ws->scratch[i] = shared[flow_block_is_composite(f->all[i]) ? 1 + f->all[i]->depth : 0];
    ws->base_scratch = shared[0];
}

/* Of a pixelwise block. */
static int workspace_most_pixels(const flow *f)
{
    int most = 1;
    for (int i = 0; i < f->n_blocks; i++)
        most = f->blocks[i]->pixels > most ? f->blocks[i]->pixels : most;
    return most;
}

static void workspace_lay_out(flow_workspace *ws, const flow *f, flow_layout *layout)
{
    size_t n = (size_t)ws->n_max, count = (size_t)f->dim * n;
    ws->x = flow_layout_take(layout, count, sizeof *ws->x);
    ws->a = flow_layout_take(layout, count, sizeof *ws->a);
    ws->b = flow_layout_take(layout, count, sizeof *ws->b);
    int pixels = workspace_most_pixels(f);
    for (int k = 0; k < 2 && (f->latents.periodic != NULL || pixels > 1); k++)
        ws->view[k] = flow_layout_take(layout, count, sizeof *ws->view[k]);
    ws->pixel_logdet = flow_layout_take(layout, pixels > 1 ? (size_t)pixels * n : 0, sizeof *ws->pixel_logdet);
    ws->pixel_glogdet =
        flow_layout_take(layout, ws->keep && pixels > 1 ? (size_t)pixels * n : 0, sizeof *ws->pixel_glogdet);
    ws->logdet = flow_layout_take(layout, n, sizeof *ws->logdet);
    ws->evaluations = flow_layout_take(layout, n, sizeof *ws->evaluations);
    ws->variance = flow_layout_take(layout, n, sizeof *ws->variance);
    ws->penalty = flow_layout_take(layout, n, sizeof *ws->penalty);
    const flow_context *context = &f->context;
    size_t n_features = (size_t)context->n_features * n;
    ws->given = flow_layout_take(layout, (size_t)context->n * n, sizeof *ws->given);
    ws->features = flow_layout_take(layout, n_features, sizeof *ws->features);
    ws->context_scratch = flow_layout_take(layout, flow_context_scratch_size(context, ws->n_max, ws->keep), 1);
    if (ws->keep && context->embeds)
        ws->gfeatures = flow_layout_take(layout, n_features, sizeof *ws->gfeatures);
    if (ws->keep) {
        ws->inputs = flow_layout_take(layout, (size_t)f->n_columns * count, sizeof *ws->inputs);
        ws->ga = flow_layout_take(layout, count, sizeof *ws->ga);
        ws->gb = flow_layout_take(layout, count, sizeof *ws->gb);
        ws->glogdet = flow_layout_take(layout, n, sizeof *ws->glogdet);
    }
    if (ws->block_inputs != NULL) {
        ws->again = flow_layout_take(layout, count, sizeof *ws->again);
        ws->again_logdet = flow_layout_take(layout, (size_t)pixels * n, sizeof *ws->again_logdet);
    }
    workspace_lay_out_scratch(ws, f, layout);
    ws->spare = flow_layout_take(layout, workspace_spare_size(f, ws->n_max, ws->keep), 1);
}

flow_status flow_check_scratch(const flow *f, int n_max, flow_error *err)
{
    const size_t most = (size_t)1 << 30;
    for (int i = 0; i < f->n_blocks; i++) {
        const flow_block *block = f->blocks[i];
        size_t size = workspace_block_size(block, n_max, true);
        if (size <= most)
            continue;
        bool advises = block->type->advice != NULL;
        return flow_error_set(err, FLOW_SPEC,
                              "%s: its training would take %zu MB for every %d rows of a batch, more than the %zu that "
                              "are allowed%s%s",
                              block->name, size >> 20, n_max, most >> 20, advises ? "; " : "",
                              advises ? block->type->advice(block->state) : "");
    }
    return FLOW_OK;
}

size_t flow_workspace_bytes(const flow *f, int n_max)
{
    size_t sum = 0;
    for (int i = 0; i < f->n_all; i++)
        sum += workspace_block_size(f->all[i], n_max, true);
    return sum;
}

flow_status flow_workspace_new(flow_workspace **out, const flow *f, int n_max, bool keep, flow_error *err)
{
    return flow_workspace_new_again(out, f, n_max, keep, false, err);
}

flow_status flow_workspace_new_again(flow_workspace **out, const flow *f, int n_max, bool keep, bool computes_again,
                                     flow_error *err)
{
    *out = NULL;
    FLOW_TRY(keep ? flow_check_scratch(f, n_max, err) : FLOW_OK);
    flow_workspace *ws = calloc(1, sizeof *ws);
    if (ws == NULL)
        return flow_error_memory(err, "a workspace");
    ws->n_max = n_max;
    ws->keep = keep;
    if (computes_again && (ws->block_inputs = calloc((size_t)f->n_all + 1, sizeof *ws->block_inputs)) == NULL) {
        flow_workspace_free(ws);
        return flow_error_memory(err, "a workspace");
    }
    ws->scratch = calloc((size_t)f->n_all + 1, sizeof *ws->scratch);
    ws->tape.capacity = f->params.n_entries;
    ws->tape.records = calloc((size_t)f->params.n_entries + 1, sizeof *ws->tape.records);
    if (ws->scratch != NULL && ws->tape.records != NULL) {
        flow_layout layout = {0};
        workspace_lay_out(ws, f, &layout);
        ws->memory = layout.base = flow_alloc_aligned(layout.used, 1);
        layout.used = 0;
        if (ws->memory != NULL)
            workspace_lay_out(ws, f, &layout);
    }
    if (ws->memory == NULL) {
        flow_workspace_free(ws);
        return flow_error_memory(err, "the scratch of the blocks");
    }
    *out = ws;
    return FLOW_OK;
}

void flow_workspace_free(flow_workspace *ws)
{
    if (ws == NULL)
        return;
    flow_free_aligned(ws->memory);
    free(ws->scratch);
    free(ws->block_inputs);
    free(ws->tape.records);
    free(ws);
}

flow_pass flow_workspace_pass(const flow_workspace *ws, const flow *f, const real *weights, const flow_walk *walk,
                              int n)
{
    return (flow_pass){.n = n,
                       .direction = ws->direction,
                       .mode = ws->mode,
                       .keep = ws->keep,
                       .points_only = ws->points_only,
                       .weights = weights,
                       .fitted = f->params.fitted,
                       .context = f->context.n > 0 ? ws->features : NULL,
                       .noise = &ws->noise,
                       .walk = walk,
                       .spare = ws->spare,
                       .variance = ws->variance,
                       .penalty = ws->penalty,
                       .evaluations = ws->evaluations};
}

flow_walk flow_workspace_walk(const flow_workspace *ws, flow_visitor *visitor)
{
    return (flow_walk){.scratch = ws->scratch,
                       .view = {ws->view[0], ws->view[1]},
                       .inputs = ws->block_inputs,
                       .again = ws->again,
                       .again_logdet = ws->again_logdet,
                       .pixel_logdet = ws->pixel_logdet,
                       .pixel_glogdet = ws->pixel_glogdet,
                       .visitor = visitor};
}
