/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how it is shown ---- */

static const flow_report_field layer_fields[] = {
    {"name", FLOW_MEMBER_ARRAY(flow_layer, name)},
    {"parameters", FLOW_MEMBER(flow_layer, parameters)},
    {"fitted", FLOW_MEMBER(flow_layer, fitted)},
    {"depth", FLOW_MEMBER(flow_layer, depth)},
    {"dimensions", FLOW_MEMBER(flow_layer, kept), .positive = true},
    {"columns", FLOW_MEMBER(flow_layer, columns)},
    FLOW_REPORT_END,
};

static const flow_report_field row_fields[] = {
    {NULL, "layer", "%s", FLOW_MEMBER_ARRAY(flow_layer, label), .width = 20, .left = true},
    {NULL, "parameters", "%s", FLOW_MEMBER(flow_layer, parameters), .width = 12},
    {NULL, "fitted", "%s", FLOW_MEMBER(flow_layer, fitted), .width = 8},
    {NULL, "weights (out x in)", "%s", FLOW_MEMBER_ARRAY(flow_layer, shapes), .left = true},
    FLOW_REPORT_END,
};

#define DESCRIPTION(member) FLOW_MEMBER(flow_description, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_description, member)

const flow_report_field flow_description_fields[] = {
    {"dimensions", DESCRIPTION(dimensions)},
    {"context_dimensions", DESCRIPTION(context_dimensions)},
    {"context_features", DESCRIPTION(context_features)},
    {"parameters", DESCRIPTION(parameters)},
    {"layers", FLOW_REPORT_LIST_OF(flow_description, layers, flow_layer, layer_fields)},
    {.table = true, FLOW_REPORT_LIST_OF(flow_description, rows, flow_layer, row_fields)},
    {NULL, NULL, "%s", DESCRIPTION(notes)},
    {"base", NULL, "  base: ", DESCRIPTION(base)},
    {NULL, NULL, "%s", DESCRIPTION(base), WHEN(n_linear)},
    {NULL, NULL, " in %d dimension{|s}", DESCRIPTION(n_linear), .positive = true},
    {NULL, NULL, ", ", DESCRIPTION(n_linear), WHEN(n_periodic), .positive = true},
    {NULL, NULL, "uniform in %d periodic dimension{|s}", DESCRIPTION(n_periodic), .positive = true},
    {NULL, NULL, ", given %d column{|s} of context", DESCRIPTION(context_dimensions), .positive = true},
    {NULL, NULL, " embedded in %d feature{|s}", DESCRIPTION(context_features), WHEN(embeds)},
    {NULL, NULL, "\n", DESCRIPTION(base)},
    FLOW_REPORT_END,
};

/* ---- what it is ---- */

static void layer_add_shape(flow_layer *l, const flow_param *entry)
{
    static const char etc[] = ", ...";
    char shape[32], *shapes = l->shapes;
    size_t used = strlen(shapes);
    if (used >= sizeof etc && strcmp(shapes + used - strlen(etc), etc) == 0)
        return;
    const bool is_kernel = strcmp(strrchr(entry->name, '/'), "/kernel") == 0; /* stored as inputs x outputs */
    snprintf(shape, sizeof shape, "%s%dx%d", used > 0 ? ", " : "", is_kernel ? entry->cols : entry->rows,
             is_kernel ? entry->rows : entry->cols);
    bool fits = used + strlen(shape) + sizeof etc <= sizeof l->shapes;
    snprintf(shapes + used, sizeof l->shapes - used, "%s", fits ? shape : etc);
}

/* Adds what the parameters have whose names begin with that of the layer. */
static void layer_add_parameters(flow_layer *l, const flow *f)
{
    size_t length = strlen(l->name);
    for (int i = 0; i < f->params.n_entries; i++) {
        const flow_param *entry = &f->params.entries[i];
        if (strncmp(entry->name, l->name, length) != 0 || entry->name[length] != '/')
            continue;
        if (!entry->trainable) {
            l->fitted += (int64_t)entry->rows * entry->cols;
            continue;
        }
        l->parameters += (int64_t)flow_param_count(entry);
        const char *last = strrchr(entry->name, '/');
        if (entry->cols > 1 || strcmp(last, "/weight") == 0 ||
            strcmp(last, "/kernel") == 0) /* of a single input, too; biases are not shown */
            layer_add_shape(l, entry);
    }
}

/* What a column map does with which column, a line each: for JSON, and added to the notes. */
static bool layer_add_columns(flow_layer *l, const flow_column *column, flow_text *notes)
{
    flow_text lines = {0};
    if (column->type->describe != NULL)
        column->type->describe(column->state, &lines);
    const char *name = column->type->info.name;
    char *rest = NULL;
    for (char *line = lines.data != NULL ? strtok_r(lines.data, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (l->columns == NULL)
            l->columns = cJSON_CreateArray();
        lines.failed = lines.failed || !flow_report_add(l->columns, NULL, cJSON_CreateString(line));
        flow_text_add(notes, "  %-11s %s\n", name, line);
        name = "";
    }
    bool failed = lines.failed || notes->failed;
    flow_text_free(&lines);
    return !failed;
}

/* A composite has no weights of its own; a split says how many dimensions go on, those of the first block within. */
static void layer_add_block(flow_layer *l, const flow *f, int index)
{
    const flow_block *block = f->all[index];
    l->depth = block->depth;
    const int within = flow_block_is_composite(block) ? f->all[index + 1]->tile_dim : block->tile_dim;
    if (within == block->tile_dim)
        return;
    l->kept = within;
    snprintf(l->shapes, sizeof l->shapes, "%d of %d dimensions go on", within, block->tile_dim);
}

/* The context is layer -1; the base, which is the last, is a layer if it has parameters. */
static bool describe_layer(flow_layer *l, const flow *f, int index, flow_text *notes)
{
    const char *name = "base";
    char numbered[FLOW_NAME_SIZE];
    if (index < 0) {
        name = "context";
    } else if (index < f->n_columns) {
        snprintf(numbered, sizeof numbered, "%d.%.40s", index, f->columns[index].type->info.name);
        name = numbered;
    } else if (index < f->n_columns + f->n_all) {
        name = f->all[index - f->n_columns]->name;
    }
    snprintf(l->name, sizeof l->name, "%s", name);
    layer_add_parameters(l, f);
    if (index >= f->n_columns && index < f->n_columns + f->n_all)
        layer_add_block(l, f, index - f->n_columns);
    snprintf(l->label, sizeof l->label, "%*s%s", 2 * l->depth, "", name);
    return index < 0 || index >= f->n_columns || layer_add_columns(l, &f->columns[index], notes);
}

flow_status flow_describe(flow_description *out, const flow *f, flow_error *err)
{
    const int n = f->n_columns + f->n_all, n_periodic = flow_dims_count_periodic(f->latents);
    *out = (flow_description){
        .items = calloc((size_t)n + 3, sizeof *out->items),
        .parameters = (int64_t)flow_params_count(&f->params),
        .dimensions = f->dim,
        .n_periodic = n_periodic,
        .n_linear = f->dim - n_periodic,
        .context_dimensions = f->context.n,
        .context_features = f->context.n_features,
        .embeds = f->context.embeds,
        .base = f->linear_base->info.name,
    };
    flow_text notes = {0};
    bool good = out->items != NULL;
    for (int i = f->context.n > 0 ? -1 : 0; i <= n && good; i++) {
        flow_layer *l = &out->items[out->layers.n];
        good = describe_layer(l, f, i, &notes);
        if (i < n || l->parameters + l->fitted > 0)
            out->layers.n++;
    }
    out->notes = notes.data;
    if (!good)
        return flow_error_memory(err, "the description of a flow");
    out->items[out->layers.n] = (flow_layer){
        .name = "total", .label = "total", .parameters = out->parameters, .fitted = (int64_t)f->params.n_fitted};
    out->layers.items = out->rows.items = out->items;
    out->rows.n = out->layers.n + 1;
    return FLOW_OK;
}

void flow_description_free(flow_description *d)
{
    for (size_t i = 0; d->items != NULL && i < d->layers.n; i++)
        cJSON_Delete(d->items[i].columns);
    free(d->notes);
    free(d->items);
    *d = (flow_description){0};
}
