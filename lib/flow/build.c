/* From a design to a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "flow/flow.h"
#include "flow/registry.h"

/* A list of the design, while its blocks are added to a chain. */
typedef struct list_place {
    flow_chain *chain;
    flow_shape shape; /* that arrives at the next block */
    flow_dims dims;
    const char *const *columns; /* (d) names in the data, or NULL */
    flow_choice column_map;     /* the last one; type NULL: none yet */
    char path[96];              /* "flow[2].flow", of the element that is added "flow[2].flow[0]" */
    int depth;                  /* how many composites it is in */
    int copy_index;             /* how often it has been built before */
    uint64_t seed;              /* of the model */
    bool *is_located;           /* whether the error names its place in the design, of all lists together */
} list_place;

static flow_status build_grow(void **list, int n, size_t size, flow_error *err)
{
    void *grown = realloc(*list, (size_t)(n + 1) * size);
    if (grown == NULL)
        return flow_error_memory(err, "the list of blocks");
    memset((char *)grown + (size_t)n * size, 0, size);
    *list = grown;
    return FLOW_OK;
}

static flow_block_context build_context(const flow *f, const list_place *at)
{
    return (flow_block_context){.shape = at->shape,
                                .dims = at->dims,
                                .n_context = f->context.n_features,
                                .columns = at->columns,
                                .column_map = f->n_all == 0 ? at->column_map : (flow_choice){0},
                                .copy_index = at->copy_index,
                                .seed = at->seed,
                                .index = (uint64_t)(f->n_columns + f->n_blocks)};
}

static void build_set_prefix(flow *f, const char *name)
{
    snprintf(f->params.prefix, sizeof f->params.prefix, "%d.%.40s/", f->n_columns + f->n_blocks, name);
}

/* ---- column maps ---- */

/* Takes over which columns a map makes periodic. */
static flow_status build_mark_periods(flow *f, const flow_column *column, list_place *at, flow_error *err)
{
    double *periods = calloc((size_t)f->dim, sizeof *periods);
    bool *flags = flow_arena_take(&f->flags, (size_t)f->dim, sizeof *flags), any = false;
    if (periods == NULL || flags == NULL) {
        free(periods);
        return flow_error_memory(err, "periodic columns");
    }
    column->type->mark_periods(column->state, periods);
    for (int i = 0; i < f->dim; i++)
        any |= flags[i] = periods[i] > 0;
    if (!any) {
        free(periods);
        return FLOW_OK;
    }
    f->periods = periods;
    if (flow_shape_pixels(f->shape) > 1)
        return flow_error_set(err, FLOW_SPEC, "periodic columns are for tables, not for images");
    at->dims.periodic = flags;
    return FLOW_OK;
}

static flow_status build_add_column(flow *f, const flow_column_type *type, const void *options, list_place *at,
                                    flow_error *err)
{
    if (f->n_all > 0 || at->depth > 0)
        return flow_error_set(err, FLOW_SPEC,
                              "\"%s\" prepares the columns of the data: it stands before all blocks, "
                              "and is not repeated or split",
                              type->info.name);
    const flow_block_context context = build_context(f, at);
    build_set_prefix(f, type->info.name);
    flow_status status = build_grow((void **)&f->columns, f->n_columns, sizeof *f->columns, err);
    if (status != FLOW_OK)
        return status;
    flow_column *column = &f->columns[f->n_columns];
    column->type = type;
    column->state = calloc(1, type->state_size);
    f->n_columns++;
    if (column->state == NULL)
        return flow_error_memory(err, type->info.name);
    status = type->configure(column->state, options, &context, &f->params, err);
    if (status != FLOW_OK)
        return status;
    f->n_discrete += type->n_discrete != NULL ? type->n_discrete(column->state, NULL) : 0;
    f->n_spiked += type->n_spiked != NULL ? type->n_spiked(column->state) : 0;
    f->has_support = f->has_support || type->check_row != NULL;
    return type->mark_periods != NULL ? build_mark_periods(f, column, at, err) : FLOW_OK;
}

/* ---- blocks ---- */

/* Names the column, and the blocks that could stand here. */
static flow_status build_refuse_periodic(const flow *f, const char *name, flow_error *err)
{
    int i = 0;
    while (!(f->periods[i] > 0))
        i++;
    flow_text list = {0};
    for (int k = 0; flow_block_types[k] != NULL; k++)
        if (flow_block_types[k]->compose == NULL &&
            (flow_block_types[k]->keeps_periodic || flow_block_types[k]->elementwise))
            flow_text_add(&list, "%s%s", list.length > 0 ? ", " : "", flow_block_types[k]->info.name);
    char column[120];
    if (f->column_names != NULL)
        snprintf(column, sizeof column, "\"%.80s\"", f->column_names[i]);
    else
        snprintf(column, sizeof column, "#%d", i + 1);
    flow_status status = flow_error_set(err, FLOW_SPEC, "\"%s\" does not keep periodic columns periodic, and column %s "
                                        "is one; use %s, or a preset made of these", name, column,
                                        list.data != NULL ? list.data : "no block");
    flow_text_free(&list);
    return status;
}

/* An elementwise block sees the linear dimensions alone. */
static flow_status build_choose_linear(flow_block *block, flow_block_context *context, flow_error *err)
{
    block->linear = malloc((size_t)context->dims.n * sizeof *block->linear);
    if (block->linear == NULL)
        return flow_error_memory(err, "a block");
    block->dim = 0;
    for (int i = 0; i < context->dims.n; i++)
        if (!context->dims.periodic[i])
            block->linear[block->dim++] = i;
    context->dims = (flow_dims){.n = block->dim};
    context->columns = NULL;
    context->shape = (flow_shape){1, 1, block->dim};
    return FLOW_OK;
}

/* A pixelwise block sees the channels alone. */
static void build_choose_channels(flow_block *block, flow_block_context *context)
{
    block->pixels = flow_shape_pixels(context->shape);
    block->dim = context->shape.channels;
    if (block->pixels == 1)
        return;
    context->dims = (flow_dims){.n = block->dim};
    context->columns = NULL;
    context->shape = (flow_shape){1, 1, block->dim};
}

/* What arrives at the block behind this one. */
static flow_status build_pass_on(flow *f, const flow_block *block, list_place *at, flow_error *err)
{
    if (block->type->shape_behind != NULL)
        at->shape = block->type->shape_behind(block->state, at->shape);
    if (block->type->permute_flags == NULL || at->dims.periodic == NULL)
        return FLOW_OK;
    bool *behind = flow_arena_take(&f->flags, (size_t)at->dims.n, sizeof *behind);
    if (behind == NULL)
        return flow_error_memory(err, "periodic columns");
    block->type->permute_flags(block->state, behind);
    at->dims.periodic = behind;
    return FLOW_OK;
}

static flow_status build_add_list(flow *f, const flow_choice_list *list, list_place *at, flow_error *err);

/* The blocks within a composite. Every repetition adds a block, so that FLOW_BLOCKS_MAX bounds them all. */
static flow_status build_compose(flow *f, flow_block *block, const void *options, list_place *at, flow_error *err)
{
    flow_composition parts;
    block->type->compose(block->state, options, &parts);
    list_place within = *at;
    size_t length = strlen(within.path);
    snprintf(within.path + length, sizeof within.path - length, ".flow");
    within.chain = parts.chain;
    within.depth++;
    within.shape = parts.shape;
    const int dim = within.dims.n = flow_shape_size(parts.shape);
    flow_status status = FLOW_OK;
    for (int k = 0; k < parts.times && status == FLOW_OK; k++) {
        within.copy_index = at->copy_index * parts.times + k;
        status = build_add_list(f, parts.list, &within, err);
    }
    at->shape = parts.flattens ? (flow_shape){1, 1, at->dims.n} : within.shape;
    if (status != FLOW_OK || at->dims.periodic == NULL)
        return status;
    bool *behind = flow_arena_take(&f->flags, (size_t)at->dims.n, sizeof *behind);
    if (behind == NULL)
        return flow_error_memory(err, "periodic columns");
    memcpy(behind, at->dims.periodic, (size_t)at->dims.n * sizeof *behind);
    memcpy(behind, within.dims.periodic, (size_t)dim * sizeof *behind);
    at->dims.periodic = behind;
    return FLOW_OK;
}

static flow_status build_add_block(flow *f, const flow_block_type *type, const char *name, const void *options,
                                   list_place *at, flow_error *err);

static flow_status build_add_front(flow *f, const flow_block_type *type, const void *options, list_place *at,
                                   flow_error *err)
{
    flow_choice front = {0};
    FLOW_TRY(type->front(options, &f->flags, &front, err));
    if (front.type == NULL)
        return FLOW_OK;
    const int copy_index = at->copy_index;
    at->copy_index = 0;
    flow_status status = build_add_block(f, flow_block_of(front.type), front.type->name, front.options, at, err);
    at->copy_index = copy_index;
    return status;
}

static flow_status build_add_block(flow *f, const flow_block_type *type, const char *name, const void *options,
                                   list_place *at, flow_error *err)
{
    bool composite = type->compose != NULL;
    if (type->front != NULL)
        FLOW_TRY(build_add_front(f, type, options, at, err));
    if (f->n_all == FLOW_BLOCKS_MAX || (f->n_all + 1) * f->dim > FLOW_BLOCK_DIMS_MAX)
        return flow_error_set(err, FLOW_SPEC,
                              "%d blocks are too many for %d dimensions; a flow has at most %d blocks, "
                              "and %d blocks times dimensions",
                              f->n_all + 1, f->dim, FLOW_BLOCKS_MAX, FLOW_BLOCK_DIMS_MAX);
    if (composite && at->depth == FLOW_DEPTH_MAX)
        return flow_error_set(err, FLOW_SPEC, "a \"%s\" within more than %d others", name, FLOW_DEPTH_MAX - 1);
    if (at->dims.periodic != NULL && !type->keeps_periodic && !type->elementwise)
        return build_refuse_periodic(f, type->info.name, err);
    if (flow_shape_pixels(at->shape) > 1 && type->instead_for_images != NULL)
        return flow_error_set(err, FLOW_SPEC, "\"%s\" is not for images; %s", type->info.name,
                              type->instead_for_images);
    flow_block_context context = build_context(f, at);
    flow_block *block;
    flow_status status = build_grow((void **)&f->all, f->n_all, sizeof *f->all, err);
    if (status == FLOW_OK)
        status = build_grow((void **)&f->blocks, f->n_blocks, sizeof *f->blocks, err);
    if (status == FLOW_OK)
        status = flow_chain_add(at->chain, type, &block, err);
    if (status != FLOW_OK)
        return status;
    block->dim = block->tile_dim = at->dims.n;
    block->pixels = 1;
    block->depth = at->depth;
    block->first_param = block->last_param = f->params.n_entries;
    block->index = f->n_all;
    f->all[f->n_all++] = block;
    if (composite) {
        snprintf(block->name, sizeof block->name, "%s", name);
        status = type->configure(block->state, options, &context, &f->params, err);
        return status == FLOW_OK ? build_compose(f, block, options, at, err) : status;
    }
    snprintf(block->name, sizeof block->name, "%d.%.40s", f->n_columns + f->n_blocks, name);
    build_set_prefix(f, name);
    f->blocks[f->n_blocks++] = block;
    if (at->dims.periodic != NULL && type->elementwise)
        status = build_choose_linear(block, &context, err);
    else if (type->pixelwise)
        build_choose_channels(block, &context);
    if (status == FLOW_OK && block->dim > 0)
        status = type->configure(block->state, options, &context, &f->params, err);
    block->last_param = f->params.n_entries;
    return status == FLOW_OK ? build_pass_on(f, block, at, err) : status;
}

static flow_status build_add_companions(flow *f, const flow_choice_list *list, list_place *at, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < list->n && status == FLOW_OK; i++)
        status = build_add_block(f, flow_block_of(list->at[i].type), list->at[i].type->name, list->at[i].options, at,
                                 err);
    return status;
}

/* A block as often as its choice says, with the companions of its preset. */
static flow_status build_add_copies(flow *f, const flow_choice *choice, list_place *at, flow_error *err)
{
    static const flow_preset alone = {.block = NULL};
    const flow_preset *preset = flow_preset_of(choice->type);
    const flow_block_type *block = preset != NULL ? preset->block : flow_block_of(choice->type);
    preset = preset != NULL ? preset : &alone;
    if (block == NULL || choice->repeat < 1 || choice->repeat > FLOW_REPEAT_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "\"%.60s\" %lld times is no part of a flow", choice->type->name,
                              (long long)choice->repeat);
    if (preset->of_images != NULL && flow_shape_pixels(at->shape) > 1) {
        flow_choice_list list;
        FLOW_TRY(preset->of_images(&list, choice, at->shape, &f->flags, err));
        return build_add_list(f, &list, at, err);
    }
    if (preset->check_table != NULL)
        FLOW_TRY(preset->check_table(choice, err));
    flow_status status = FLOW_OK;
    const int first = at->copy_index;
    for (int k = 0; k < (int)choice->repeat && status == FLOW_OK; k++) {
        at->copy_index = first * (int)choice->repeat + k;
        status = build_add_companions(f, &preset->opening, at, err);
        if (status == FLOW_OK)
            status = build_add_block(f, block, choice->type->name, choice->options, at, err);
    }
    at->copy_index = first;
    return status == FLOW_OK ? build_add_companions(f, &preset->closing, at, err) : status;
}

/* Adds the elements of a list to at->chain; `at` is then behind them. */
static flow_status build_add_list(flow *f, const flow_choice_list *list, list_place *at, flow_error *err)
{
    flow_status status = FLOW_OK;
    const size_t length = strlen(at->path);
    for (int i = 0; i < list->n && status == FLOW_OK; i++) {
        const flow_choice *choice = &list->at[i];
        const flow_column_type *column = flow_column_of(choice->type);
        snprintf(at->path + length, sizeof at->path - length, "[%d]", i);
        status = column != NULL ? build_add_column(f, column, choice->options, at, err)
                                : build_add_copies(f, choice, at, err);
        if (column != NULL)
            at->column_map = *choice;
        if (status != FLOW_OK && !*at->is_located) {
            flow_option_locate(err, status, at->path);
            *at->is_located = true;
        }
        at->path[length] = '\0';
    }
    return status;
}

/* ---- the base ---- */

/* After the blocks, so that the numbers of a model stand in the order of its maps. */
static flow_status build_add_base(flow *f, const flow_choice *choice, const list_place *at, flow_error *err)
{
    const flow_mixed_options mixed = {.linear = *choice};
    const flow_choice with_periodic = {.type = flow_mixed_base, .options = &mixed, .repeat = 1};
    f->latents = at->dims;
    f->linear_base = (const flow_base_type *)choice->type;
    if (at->dims.periodic != NULL)
        choice = &with_periodic;
    f->base = (const flow_base_type *)choice->type;
    f->base_state = calloc(1, f->base->state_size);
    if (f->base_state == NULL)
        return flow_error_memory(err, "the base");
    flow_block_context context = build_context(f, at);
    context.n_context = 0;
    const size_t n_before = f->params.n_weights;
    snprintf(f->params.prefix, sizeof f->params.prefix, "base/");
    flow_status status = f->base->configure(f->base_state, choice->options, &context, &f->params, err);
    f->base_is_trainable = f->params.n_weights > n_before;
    return flow_option_locate(err, status, "base");
}

int flow_width(const flow *f)
{
    return f->dim + f->context.n;
}

flow_status flow_build(flow **out, const flow_design *design, const flow_row_layout *layout, uint64_t seed,
                       flow_error *err)
{
    *out = NULL;
    int dim = layout->dim;
    if (dim < 1 || dim > FLOW_DIM_MAX)
        return flow_error_set(err, FLOW_DATA, "%d columns of data; a flow has 1 to %d", dim, FLOW_DIM_MAX);
    if (layout->n_context < 0 || layout->n_context > FLOW_DIM_MAX)
        return flow_error_set(err, FLOW_DATA, "%d columns of context; a flow has at most %d", layout->n_context,
                              FLOW_DIM_MAX);
    const flow_shape shape = layout->shape.channels > 0 ? layout->shape : (flow_shape){1, 1, dim};
    if (flow_shape_size(shape) != dim)
        return flow_error_set(err, FLOW_DATA, "images of %d x %d x %d have %d values, and the rows have %d",
                              shape.height, shape.width, shape.channels, flow_shape_size(shape), dim);
    flow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return flow_error_memory(err, "a flow");
    f->dim = dim;
    f->shape = shape;
    f->tile_rows = flow_shape_pixels(shape) > 1 ? FLOW_IMAGE_TILE : FLOW_TILE;
    f->noise_draws = flow_shape_pixels(shape) > 1 ? 1 : FLOW_NOISE_DRAWS;
    f->column_names = layout->columns;
    const flow_choice normal = {.type = flow_choices_find(&flow_bases, "normal")};
    const flow_choice *base = design->base.type != NULL ? &design->base : &normal;
    bool is_located = false;
    list_place at = {.chain = &f->chain,
                     .shape = f->shape,
                     .dims = {.n = dim},
                     .columns = layout->columns,
                     .path = "flow",
                     .seed = seed,
                     .is_located = &is_located};
    flow_status status = flow_context_configure(&f->context, design->embedding, layout->n_context,
                                                layout->classes, &f->params, err);
    if (status == FLOW_OK)
        status = build_add_list(f, &design->maps, &at, err);
    if (status == FLOW_OK)
        status = build_add_base(f, base, &at, err);
    if (status != FLOW_OK) {
        flow_free(f);
        return status;
    }
    f->column_names = NULL; /* borrowed for as long as the blocks were configured */
    *out = f;
    return FLOW_OK;
}

void flow_free(flow *f)
{
    if (f == NULL)
        return;
    for (int i = 0; i < f->n_columns; i++) {
        if (f->columns[i].type->release != NULL && f->columns[i].state != NULL)
            f->columns[i].type->release(f->columns[i].state);
        free(f->columns[i].state);
    }
    flow_chain_release(&f->chain);
    free(f->columns);
    free(f->blocks);
    free(f->all);
    if (f->base != NULL && f->base->release != NULL && f->base_state != NULL)
        f->base->release(f->base_state);
    free(f->base_state);
    free(f->periods);
    flow_arena_release(&f->flags);
    flow_context_release(&f->context);
    flow_params_release(&f->params);
    free(f);
}
