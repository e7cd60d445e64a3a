/* From a design to a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "flow/circle.h"
#include "flow/flow.h"
#include "flow/registry.h"

/* A map of the design: its place for messages, and what its context takes from there. */
typedef struct place {
    char path[96]; /* "flow[2].flow[0]" */
    int depth;     /* how many repeats it stands in */
    int turn;      /* how often it has been built before */
    uint64_t seed; /* of the model */
} place;

static flow_status build_grow(void **list, int n, size_t size, flow_error *err)
{
    void *grown = realloc(*list, (size_t)(n + 1) * size);
    if (grown == NULL)
        return flow_error_memory(err, "the list of blocks");
    memset((char *)grown + (size_t)n * size, 0, size);
    *list = grown;
    return FLOW_OK;
}

static flow_block_context build_context(const flow *f, const place *at)
{
    return (flow_block_context){.dim = f->dim,
                                .n_context = f->context.n_features,
                                .columns = f->column_names,
                                .circular = f->circular,
                                .turn = at->turn,
                                .seed = at->seed,
                                .index = (uint64_t)(f->n_columns + f->n_blocks)};
}

static void build_set_prefix(flow *f, const char *name)
{
    snprintf(f->params.prefix, sizeof f->params.prefix, "%d.%.40s/", f->n_columns + f->n_blocks, name);
}

/* Takes over which columns a map makes angles of. */
static flow_status build_add_circles(flow *f, const flow_column *column, flow_error *err)
{
    size_t d = (size_t)f->dim;
    double *periods = calloc(d, sizeof *periods);
    bool *circular = calloc(d, sizeof *circular), any = false;
    flow_status status = periods == NULL || circular == NULL ? flow_error_memory(err, "periodic columns") : FLOW_OK;
    if (status == FLOW_OK)
        column->type->mark_periods(column->state, periods);
    for (size_t i = 0; i < d && status == FLOW_OK; i++) {
        circular[i] = periods[i] > 0;
        any = any || circular[i];
    }
    if (status != FLOW_OK || !any) {
        free(periods);
        free(circular);
        return status;
    }
    f->periods = periods;
    f->circular = circular;
    return FLOW_OK;
}

/* Names the column, and the blocks that could stand here. */
static flow_status build_refuse_circles(const flow *f, const char *name, flow_error *err)
{
    int i = 0;
    while (!(f->periods[i] > 0))
        i++;
    flow_text list = {0};
    for (int k = 0; flow_block_types[k] != NULL; k++)
        if (flow_block_types[k]->keeps_circles)
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

static flow_status build_add_column(flow *f, const flow_column_type *type, const void *options, const place *at,
                                    flow_error *err)
{
    if (f->n_blocks > 0 || at->depth > 0)
        return flow_error_set(err, FLOW_SPEC, "\"%s\" prepares the columns of the data: it stands before all blocks, "
                              "and is not repeated", type->info.name);
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
    f->has_support = f->has_support || type->check_row != NULL;
    return type->mark_periods != NULL ? build_add_circles(f, column, err) : FLOW_OK;
}

static flow_status build_add_block(flow *f, const flow_block_type *type, const char *name, const void *options,
                                   const place *at, flow_error *err)
{
    if (f->n_blocks == FLOW_BLOCKS_MAX || (f->n_blocks + 1) * f->dim > FLOW_LINES_MAX)
        return flow_error_set(err, FLOW_SPEC, "%d blocks are too many for %d dimensions; a flow has at most %d blocks, "
                              "and %d blocks times dimensions", f->n_blocks + 1, f->dim, FLOW_BLOCKS_MAX,
                              FLOW_LINES_MAX);
    if (f->circular != NULL && !type->keeps_circles)
        return build_refuse_circles(f, type->info.name, err);
    const flow_block_context context = build_context(f, at);
    build_set_prefix(f, name);
    flow_block *block;
    flow_status status = build_grow((void **)&f->blocks, f->n_blocks, sizeof *f->blocks, err);
    if (status == FLOW_OK)
        status = build_grow((void **)&f->all, f->n_all, sizeof *f->all, err);
    if (status == FLOW_OK)
        status = flow_chain_add(&f->chain, type, &block, err);
    if (status != FLOW_OK)
        return status;
    snprintf(block->name, sizeof block->name, "%d.%.40s", f->n_columns + f->n_blocks, name);
    block->dim = f->dim;
    block->first_param = f->params.n_entries;
    block->index = f->n_all;
    f->blocks[f->n_blocks++] = f->all[f->n_all++] = block;
    status = type->configure(block->state, options, &context, &f->params, err);
    block->last_param = f->params.n_entries;
    if (status == FLOW_OK && f->circular != NULL && type->carry != NULL)
        type->carry(block->state, f->circular);
    return status;
}

static flow_status build_add_companions(flow *f, const flow_choice_list *list, const place *at, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < list->n && status == FLOW_OK; i++)
        status = build_add_block(f, flow_block_of(list->at[i].type), list->at[i].type->name, list->at[i].options, at,
                                 err);
    return status;
}

/* A block as often as its choice says, with the companions of its preset. */
static flow_status build_add_copies(flow *f, const flow_choice *choice, const place *first, flow_error *err)
{
    static const flow_preset alone = {.block = NULL};
    const flow_preset *preset = flow_preset_of(choice->type);
    const flow_block_type *block = preset != NULL ? preset->block : flow_block_of(choice->type);
    preset = preset != NULL ? preset : &alone;
    if (block == NULL || choice->repeat < 1 || choice->repeat > FLOW_REPEAT_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "\"%.60s\" %lld times is no part of a flow", choice->type->name,
                              (long long)choice->repeat);
    flow_status status = FLOW_OK;
    for (int k = 0; k < (int)choice->repeat && status == FLOW_OK; k++) {
        place at = *first;
        at.turn = first->turn * (int)choice->repeat + k;
        status = build_add_companions(f, &preset->opening, &at, err);
        if (status == FLOW_OK)
            status = build_add_block(f, block, choice->type->name, choice->options, &at, err);
    }
    return status == FLOW_OK ? build_add_companions(f, &preset->closing, first, err) : status;
}

static flow_status build_add_list(flow *f, const flow_choice_list *list, const place *within, flow_error *err);

/* Every repetition adds a block, so that FLOW_BLOCKS_MAX bounds them all, and with them the turns. */
static flow_status build_add_repeat(flow *f, const flow_repeat_options *options, const place *first, flow_error *err)
{
    place at = *first;
    size_t length = strlen(at.path);
    snprintf(at.path + length, sizeof at.path - length, ".flow");
    at.depth++;
    if (first->depth == FLOW_DEPTH_MAX)
        return flow_option_locate(err, flow_error_set(err, FLOW_SPEC, "a repeat within more than %d others",
                                                      FLOW_DEPTH_MAX - 1), first->path);
    if (options->flow.n == 0)
        return flow_option_locate(err, flow_error_set(err, FLOW_SPEC, "the list is empty: there is nothing to repeat"),
                                  at.path);
    flow_status status = FLOW_OK;
    for (int k = 0; k < (int)options->times && status == FLOW_OK; k++) {
        at.turn = first->turn * (int)options->times + k;
        status = build_add_list(f, &options->flow, &at, err);
    }
    return status;
}

/* `within` is the place of the list. */
static flow_status build_add_list(flow *f, const flow_choice_list *list, const place *within, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < list->n && status == FLOW_OK; i++) {
        const flow_choice *choice = &list->at[i];
        const flow_column_type *column = flow_column_of(choice->type);
        place at = *within;
        size_t length = strlen(at.path);
        snprintf(at.path + length, sizeof at.path - length, "[%d]", i);
        if (choice->type == &flow_repeat)
            status = build_add_repeat(f, choice->options, &at, err);
        else
            status = flow_option_locate(err, column != NULL ? build_add_column(f, column, choice->options, &at, err)
                                                            : build_add_copies(f, choice, &at, err), at.path);
    }
    return status;
}

static flow_status build_make_base(flow *f, const flow_choice *choice, flow_error *err)
{
    f->base = f->line_base = (const flow_base_type *)choice->type;
    f->base_state = calloc(1, f->base->state_size);
    return f->base_state != NULL ? FLOW_OK : flow_error_memory(err, "the base");
}

/* After the blocks, so that the numbers of a model stand in the order of its maps. */
static flow_status build_configure_base(flow *f, const void *options, uint64_t seed, flow_error *err)
{
    const flow_block_context context = {.dim = f->dim,
                                        .circular = f->circular,
                                        .seed = seed,
                                        .index = (uint64_t)(f->n_columns + f->n_blocks)};
    snprintf(f->params.prefix, sizeof f->params.prefix, "base/");
    flow_status status = f->circular != NULL ? flow_circle_base(f, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = f->base->configure(f->base_state, options, &context, &f->params, err);
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
    flow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return flow_error_memory(err, "a flow");
    f->dim = dim;
    f->column_names = layout->columns;
    const flow_choice normal = {.type = flow_choices_find(&flow_bases, "normal")};
    const flow_choice *base = design->base.type != NULL ? &design->base : &normal;
    flow_status status = build_make_base(f, base, err);
    if (status == FLOW_OK)
        status = flow_context_configure(&f->context, design->embedding, layout->n_context, &f->params, err);
    if (status == FLOW_OK)
        status = build_add_list(f, &design->maps, &(place){.path = "flow", .seed = seed}, err);
    if (status == FLOW_OK)
        status = build_configure_base(f, base->options, seed, err);
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
    free(f->circular);
    flow_context_release(&f->context);
    flow_params_release(&f->params);
    free(f);
}
