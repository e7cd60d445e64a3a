/* From the JSON of a spec to a flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "flow/circle.h"
#include "flow/flow.h"
#include "flow/typed.h"

static const char *const type_and_repeat[] = {"type", "repeat", NULL};
static const char *const type_only[] = {"type", NULL};

flow_status flow_univariate_new(flow_univariate *out, flow_json *spec, flow_error *err)
{
    const char *type = NULL;
    flow_status status = flow_typed_name(&type, spec, "a univariate", err);
    if (status != FLOW_OK)
        return status;
    const flow_univariate_type *found = flow_univariate_find(type);
    if (found == NULL) {
        const char *known[16];
        int n = 0;
        for (; n < 16 && flow_univariate_types[n] != NULL; n++)
            known[n] = flow_univariate_types[n]->type;
        return flow_typed_unknown(spec, type, known, n, err);
    }
    void *state = calloc(1, found->state_size);
    if (state == NULL)
        return flow_error_memory(err, "a univariate");
    *out = (flow_univariate){found, state};
    return flow_options_read(state, found->options, spec, type_only, err);
}

void flow_univariate_release(flow_univariate *univariate)
{
    free(univariate->state);
    *univariate = (flow_univariate){0};
}

static flow_status make_base(flow *f, flow_json *spec, flow_error *err)
{
    const char *type = "normal";
    flow_status status = spec->node == NULL ? FLOW_OK : flow_typed_name(&type, spec, "a base", err);
    if (status != FLOW_OK)
        return status;
    f->base = f->line_base = flow_base_find(type);
    if (f->base == NULL) {
        const char *known[16];
        int n = 0;
        for (; n < 16 && flow_base_types[n] != NULL; n++)
            known[n] = flow_base_types[n]->type;
        return flow_typed_unknown(spec, type, known, n, err);
    }
    f->base_state = calloc(1, f->base->state_size);
    if (f->base_state == NULL)
        return flow_error_memory(err, "the base");
    if (spec->node != NULL)
        return flow_options_read(f->base_state, f->base->options, spec, type_only, err);
    flow_json empty = flow_json_root(cJSON_CreateObject());
    if (empty.node == NULL)
        return flow_error_memory(err, "the base");
    status = flow_options_read(f->base_state, f->base->options, &empty, NULL, err);
    cJSON_Delete(empty.node);
    return status;
}

/* After the blocks, so that the numbers of a model stand in the order of its maps. */
static flow_status configure_base(flow *f, uint64_t seed, flow_error *err)
{
    flow_site site = {.dim = f->dim,
                      .circular = f->circular,
                      .seed = seed,
                      .index = (uint64_t)(f->n_columns + f->n_blocks)};
    snprintf(f->params.prefix, sizeof f->params.prefix, "base/");
    flow_status status = f->circular != NULL ? flow_circle_base(f, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = f->base->configure(f->base_state, &site, &f->params, err);
    return flow_error_prefix(err, status, "base: ");
}

static flow_status grow(void **list, int n, size_t size, flow_error *err)
{
    void *grown = realloc(*list, (size_t)(n + 1) * size);
    if (grown == NULL)
        return flow_error_memory(err, "the list of blocks");
    memset((char *)grown + (size_t)n * size, 0, size);
    *list = grown;
    return FLOW_OK;
}

static flow_site site_of(const flow *f, int turn, uint64_t seed)
{
    return (flow_site){.dim = f->dim,
                       .n_context = f->context.n_features,
                       .columns = f->column_names,
                       .circular = f->circular,
                       .turn = turn,
                       .seed = seed,
                       .index = (uint64_t)(f->n_columns + f->n_blocks)};
}

static void set_prefix(flow *f, const char *type)
{
    snprintf(f->params.prefix, sizeof f->params.prefix, "%d.%.40s/", f->n_columns + f->n_blocks, type);
}

/* Takes over which columns a map makes angles of. */
static flow_status add_circles(flow *f, const flow_column_type *type, const void *state, flow_error *err)
{
    size_t d = (size_t)f->dim;
    double *periods = calloc(d, sizeof *periods);
    bool *circular = calloc(d, sizeof *circular), any = false;
    flow_status status = periods == NULL || circular == NULL ? flow_error_memory(err, "periodic columns") : FLOW_OK;
    if (status == FLOW_OK)
        type->mark_periods(state, periods);
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

static flow_status refuse_circles(const flow *f, const char *name, const flow_json *spec, flow_error *err)
{
    int i = 0;
    while (!f->circular[i])
        i++;
    char place[32];
    snprintf(place, sizeof place, "dimension %d", i + 1);
    return flow_json_fail(spec, err,
                          "\"%s\" does not keep periodic columns periodic (%.80s is one here); permute, actnorm, "
                          "batchnorm, coupling, maf and iaf do, and presets made of them",
                          name, place);
}

static flow_status add_column(flow *f, const flow_column_type *type, flow_json *spec, uint64_t seed, flow_error *err)
{
    if (f->n_blocks > 0)
        return flow_json_fail(spec, err, "\"%s\" prepares the columns of the data: it stands before all blocks",
                              type->type);
    flow_site site = site_of(f, 0, seed);
    set_prefix(f, type->type);
    flow_status status = grow((void **)&f->columns, f->n_columns, sizeof *f->columns, err);
    if (status != FLOW_OK)
        return status;
    flow_column *column = &f->columns[f->n_columns];
    column->type = type;
    column->state = calloc(1, type->state_size);
    f->n_columns++;
    if (column->state == NULL)
        return flow_error_memory(err, type->type);
    status = flow_options_read(column->state, type->options, spec, type_only, err);
    if (status != FLOW_OK)
        return status;
    status = type->configure(column->state, &site, &f->params, err);
    if (status != FLOW_OK)
        return err == NULL || strstr(err->message, spec->path) != NULL
                   ? status
                   : flow_error_prefix(err, status, "%s: ", spec->path);
    f->n_discrete += type->n_discrete != NULL ? type->n_discrete(column->state, NULL) : 0;
    f->has_support = f->has_support || type->check_row != NULL;
    return type->mark_periods != NULL ? add_circles(f, type, column->state, err) : FLOW_OK;
}

static flow_status add_block(flow *f, const flow_block_type *type, const char *name, flow_json *spec, int turn,
                             uint64_t seed, flow_error *err)
{
    if (f->n_blocks == FLOW_BLOCKS_MAX || (f->n_blocks + 1) * f->dim > FLOW_LINES_MAX)
        return flow_json_fail(spec, err, "%d blocks are too many for %d dimensions; a flow has at most %d blocks, and "
                              "%d blocks times dimensions", f->n_blocks + 1, f->dim, FLOW_BLOCKS_MAX, FLOW_LINES_MAX);
    if (f->circular != NULL && !type->keeps_circles)
        return refuse_circles(f, type->type, spec, err);
    flow_site site = site_of(f, turn, seed);
    set_prefix(f, name);
    flow_block *block;
    flow_status status = grow((void **)&f->blocks, f->n_blocks, sizeof *f->blocks, err);
    if (status == FLOW_OK)
        status = grow((void **)&f->all, f->n_all, sizeof *f->all, err);
    if (status == FLOW_OK)
        status = flow_chain_add(&f->chain, type, &block, err);
    if (status != FLOW_OK)
        return status;
    snprintf(block->name, sizeof block->name, "%d.%.40s", f->n_columns + f->n_blocks, name);
    block->dim = f->dim;
    block->first_param = f->params.n_entries;
    block->index = f->n_all;
    f->blocks[f->n_blocks++] = f->all[f->n_all++] = block;
    status = flow_options_read(block->state, type->options, spec, type_and_repeat, err);
    if (status != FLOW_OK)
        return status;
    status = type->configure(block->state, &site, &f->params, err);
    block->last_param = f->params.n_entries;
    if (status == FLOW_OK && f->circular != NULL && type->carry != NULL)
        type->carry(block->state, f->circular);
    /* errors that know their place in the spec name it themselves */
    if (status != FLOW_OK && err != NULL && strstr(err->message, spec->path) == NULL)
        flow_error_prefix(err, status, "%s: ", spec->path);
    return status;
}

static flow_status read_repeat(int *repeat, flow_json *spec, flow_error *err)
{
    static const flow_option table[] = {
        {.key = "repeat", .kind = FLOW_OPTION_INT, .fallback = "1", .least = 1, .most = FLOW_BLOCKS_MAX},
        FLOW_OPTIONS_END,
    };
    flow_status status = flow_option_default(spec, "repeat", "1", err);
    flow_json at = flow_json_member(spec, "repeat");
    if (status != FLOW_OK)
        return status;
    flow_json alone = flow_json_root(cJSON_CreateObject());
    if (alone.node == NULL || !cJSON_AddItemReferenceToObject(alone.node, "repeat", at.node)) {
        cJSON_Delete(alone.node);
        return flow_error_memory(err, "a spec");
    }
    memcpy(alone.path, spec->path, sizeof alone.path);
    int64_t value = 1;
    status = flow_options_read(&value, table, &alone, NULL, err);
    cJSON_Delete(alone.node);
    *repeat = (int)value;
    return status;
}

/* The companions of a preset: blocks it names in its own text, which stand in for the element `at` of the spec. */
static flow_status add_companions(flow *f, const char *text, const flow_json *at, int turn, uint64_t seed,
                                  flow_error *err)
{
    if (text == NULL)
        return FLOW_OK;
    cJSON *list = cJSON_Parse(text);
    if (list == NULL)
        return flow_error_memory(err, "the blocks of a preset");
    flow_status status = FLOW_OK;
    for (cJSON *node = list->child; node != NULL && status == FLOW_OK; node = node->next) {
        flow_json spec = flow_json_root(node);
        memcpy(spec.path, at->path, sizeof spec.path);
        const char *type = flow_json_member(&spec, "type").node->valuestring;
        status = add_block(f, flow_block_find(type), type, &spec, turn, seed, err);
    }
    cJSON_Delete(list);
    return status;
}

static flow_status unknown_map(const flow_json *spec, const char *type, flow_error *err)
{
    const char *known[64];
    int n = 0;
    for (int i = 0; flow_column_types[i] != NULL && n < 64; i++)
        known[n++] = flow_column_types[i]->type;
    for (int i = 0; flow_block_types[i] != NULL && n < 64; i++)
        known[n++] = flow_block_types[i]->type;
    for (const flow_preset *p = flow_presets; p->type != NULL && n < 64; p++)
        if (flow_block_find(p->type) == NULL)
            known[n++] = p->type;
    if (n < 64)
        known[n++] = FLOW_GROUP;
    return flow_typed_unknown(spec, type, known, n, err);
}

/* `turn`: how often it has been here before. */
static flow_status add_copies(flow *f, const char *type, flow_json *spec, int turn, uint64_t seed, flow_error *err)
{
    flow_status status = FLOW_OK;
    const flow_preset *preset = flow_preset_find(type);
    const flow_block_type *block = flow_block_find(preset != NULL ? preset->block : type);
    if (block == NULL)
        return unknown_map(spec, type, err);
    for (int k = 0; preset != NULL && preset->defaults[k] != NULL && status == FLOW_OK; k += 2)
        status = flow_option_default(spec, preset->defaults[k], preset->defaults[k + 1], err);
    int repeat = 1;
    if (status == FLOW_OK)
        status = read_repeat(&repeat, spec, err);
    char name[FLOW_NAME_SIZE]; /* the JSON may move while defaults are filled in */
    snprintf(name, sizeof name, "%s", preset != NULL ? preset->type : block->type);
    for (int k = 0; k < repeat && status == FLOW_OK; k++) {
        status = add_companions(f, preset != NULL ? preset->opening : NULL, spec, turn * repeat + k, seed, err);
        if (status == FLOW_OK)
            status = add_block(f, block, name, spec, turn * repeat + k, seed, err);
    }
    if (status == FLOW_OK)
        status = add_companions(f, preset != NULL ? preset->closing : NULL, spec, turn, seed, err);
    return status;
}

/* The list of a spec (depth 0) or of a group, for the `turn`th time. */
static flow_status add_list(flow *f, flow_json *list, int depth, int turn, uint64_t seed, flow_error *err);

/* Every repetition adds a block, so that FLOW_BLOCKS_MAX bounds them all, and with them the turns. */
static flow_status add_group(flow *f, flow_json *spec, int depth, int turn, uint64_t seed, flow_error *err)
{
    flow_group group = {0};
    if (depth == FLOW_GROUP_DEPTH_MAX)
        return flow_json_fail(spec, err, "a repeat within more than %d others", FLOW_GROUP_DEPTH_MAX - 1);
    flow_status status = flow_options_read(&group, flow_group_options, spec, type_only, err);
    if (status == FLOW_OK && cJSON_IsArray(group.flow.node) && group.flow.node->child == NULL)
        return flow_json_fail(&group.flow, err, "the list is empty: there is nothing to repeat");
    for (int k = 0; k < (int)group.times && status == FLOW_OK; k++)
        status = add_list(f, &group.flow, depth + 1, turn * (int)group.times + k, seed, err);
    return status;
}

static flow_status add_element(flow *f, flow_json *spec, int depth, int turn, uint64_t seed, flow_error *err)
{
    const char *type = NULL;
    flow_status status = flow_typed_name(&type, spec, "a column map or a block", err);
    if (status != FLOW_OK)
        return status;
    const flow_column_type *column = flow_column_find(type);
    if (column != NULL && depth > 0)
        return flow_json_fail(spec, err, "\"%s\" prepares the columns of the data: it stands before all blocks, and is "
                              "not repeated", type);
    if (column != NULL)
        return add_column(f, column, spec, seed, err);
    if (strcmp(type, FLOW_GROUP) == 0)
        return add_group(f, spec, depth, turn, seed, err);
    return add_copies(f, type, spec, turn, seed, err);
}

static flow_status add_list(flow *f, flow_json *list, int depth, int turn, uint64_t seed, flow_error *err)
{
    if (!cJSON_IsArray(list->node)) {
        char found[80];
        flow_json_describe(found, sizeof found, list);
        return flow_json_fail(list, err, "expected a list of column maps and blocks [ ... ], found %s", found);
    }
    int n = cJSON_GetArraySize(list->node);
    if (n > FLOW_BLOCKS_MAX)
        return flow_json_fail(list, err, "the list has more than %d elements", FLOW_BLOCKS_MAX);
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        flow_json element = flow_json_element(list, i);
        status = add_element(f, &element, depth, turn, seed, err);
    }
    return status;
}

int flow_width(const flow *f)
{
    return f->dim + f->context.n;
}

flow_status flow_new(flow **out, flow_json *list, flow_json *base, int dim, uint64_t seed, flow_error *err)
{
    const flow_row_layout shape = {.dim = dim};
    flow_json none = {0};
    return flow_new_conditional(out, list, base, &none, &shape, seed, err);
}

flow_status flow_new_conditional(flow **out, flow_json *list, flow_json *base, flow_json *embedding,
                                 const flow_row_layout *shape, uint64_t seed, flow_error *err)
{
    *out = NULL;
    int dim = shape->dim;
    if (dim < 1 || dim > FLOW_DIM_MAX)
        return flow_error_set(err, FLOW_DATA, "%d columns of data; a flow has 1 to %d", dim, FLOW_DIM_MAX);
    if (shape->n_context < 0 || shape->n_context > FLOW_DIM_MAX)
        return flow_error_set(err, FLOW_DATA, "%d columns of context; a flow has at most %d", shape->n_context,
                              FLOW_DIM_MAX);
    flow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return flow_error_memory(err, "a flow");
    f->dim = dim;
    f->column_names = shape->columns;
    flow_status status = make_base(f, base, err);
    if (status == FLOW_OK)
        status = flow_context_configure(&f->context, embedding, shape->n_context, &f->params, err);
    if (status == FLOW_OK && list->node != NULL)
        status = add_list(f, list, 0, 0, seed, err);
    if (status == FLOW_OK)
        status = configure_base(f, seed, err);
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
