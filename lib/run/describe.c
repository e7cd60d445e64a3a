/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how it is shown ---- */

static const flow_field layer_fields[] = {
    {"name", FLOW_FIELD(flow_layer, name)},
    {"parameters", FLOW_FIELD(flow_layer, parameters)},
    {"fitted", FLOW_FIELD(flow_layer, fitted)},
    {"columns", FLOW_FIELD(flow_layer, columns), FLOW_FIELD_WHEN(flow_layer, has_columns)},
    FLOW_FIELD_END,
};

static const flow_field row_fields[] = {
    {NULL, "layer", "%s", FLOW_FIELD(flow_layer, name), .width = 20, .left = true},
    {NULL, "parameters", "%s", FLOW_FIELD(flow_layer, parameters), .width = 12},
    {NULL, "fitted", "%s", FLOW_FIELD(flow_layer, fitted), .width = 8},
    {NULL, "weights (out x in)", "%s", FLOW_FIELD(flow_layer, shapes), .left = true},
    FLOW_FIELD_END,
};

static const flow_field note_fields[] = {
    {NULL, "", "%s", FLOW_FIELD(flow_column_note, map), .width = 10, .left = true},
    {NULL, "", "%s", FLOW_FIELD(flow_column_note, text), .left = true},
    FLOW_FIELD_END,
};

#define DESCRIPTION(member) FLOW_FIELD(flow_description, member)
#define WHEN(member) FLOW_FIELD_WHEN(flow_description, member)

const flow_field flow_description_fields[] = {
    {"dimensions", DESCRIPTION(dimensions)},
    {"context_dimensions", DESCRIPTION(context_dimensions)},
    {"context_features", DESCRIPTION(context_features)},
    {"parameters", DESCRIPTION(parameters)},
    {"layers", FLOW_FIELD_LIST_OF(flow_description, layers, flow_layer, layer_fields)},
    {.table = true, FLOW_FIELD_LIST_OF(flow_description, rows, flow_layer, row_fields)},
    {.table = true, FLOW_FIELD_LIST_OF(flow_description, notes, flow_column_note, note_fields)},
    {"base", DESCRIPTION(base)},
    {NULL, NULL, "  base: ", DESCRIPTION(base)},
    {NULL, NULL, "%s", DESCRIPTION(base), WHEN(has_linear)},
    {NULL, NULL, " in %d dimension{|s}", DESCRIPTION(n_linear), WHEN(has_linear)},
    {NULL, NULL, ", ", DESCRIPTION(has_both)},
    {NULL, NULL, "uniform in %d periodic dimension{|s}", DESCRIPTION(n_periodic), WHEN(has_periodic)},
    {NULL, NULL, ", given %d column{|s} of context", DESCRIPTION(context_dimensions), WHEN(has_context)},
    {NULL, NULL, " embedded in %d feature{|s}", DESCRIPTION(context_features), WHEN(embeds)},
    {NULL, NULL, "\n", DESCRIPTION(base)},
    FLOW_FIELD_END,
};

/* ---- what it is ---- */

static int64_t layer_count_weights(const flow_param *entry)
{
    if (entry->extent == NULL)
        return (int64_t)entry->rows * entry->cols;
    int64_t n = 0;
    for (int i = 0; i < entry->rows; i++)
        n += entry->extent[i];
    return n;
}

static void layer_add_shape(flow_layer *l, const flow_param *entry)
{
    static const char etc[] = ", ...";
    char shape[32], *shapes = l->shapes_text;
    size_t used = strlen(shapes);
    if (used >= sizeof etc && strcmp(shapes + used - strlen(etc), etc) == 0)
        return;
    snprintf(shape, sizeof shape, "%s%dx%d", used > 0 ? ", " : "", entry->rows, entry->cols);
    bool fits = used + strlen(shape) + sizeof etc <= sizeof l->shapes_text;
    snprintf(shapes + used, sizeof l->shapes_text - used, "%s", fits ? shape : etc);
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
        l->parameters += layer_count_weights(entry);
        const char *last = strrchr(entry->name, '/');
        if (entry->cols > 1 || strcmp(last, "/weight") == 0) /* of a single input, too; biases are not shown */
            layer_add_shape(l, entry);
    }
    l->shapes = l->shapes_text[0] != '\0' ? l->shapes_text : NULL;
}

/* Cuts what a column map says of its columns into lines. */
static bool layer_add_columns(flow_layer *l, const flow_column *column)
{
    flow_text lines = {0};
    if (column->type->describe != NULL)
        column->type->describe(column->state, &lines);
    if (lines.failed || lines.data == NULL) {
        bool failed = lines.failed;
        flow_text_free(&lines);
        return !failed;
    }
    l->column_text = lines.data;
    int n = 1;
    for (const char *c = lines.data; *c != '\0'; c++)
        n += *c == '\n';
    const char **names = malloc((size_t)n * sizeof *names);
    if (names == NULL)
        return false;
    n = 0;
    char *rest = NULL;
    for (char *line = strtok_r(lines.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        names[n++] = line;
    l->columns = (flow_name_list){names, n};
    l->has_columns = true;
    return true;
}

/* The context is layer -1; the base, which is the last, is a layer if it has parameters. */
static bool describe_layer(flow_layer *l, const flow *f, int index)
{
    const char *name = "base";
    char numbered[FLOW_NAME_SIZE];
    if (index < 0) {
        name = "context";
    } else if (index < f->n_columns) {
        snprintf(numbered, sizeof numbered, "%d.%.40s", index, f->columns[index].type->type);
        name = numbered;
    } else if (index < f->n_columns + f->n_blocks) {
        name = f->blocks[index - f->n_columns]->name;
    }
    snprintf(l->name_text, sizeof l->name_text, "%s", name);
    l->name = l->name_text;
    layer_add_parameters(l, f);
    return index < 0 || index >= f->n_columns || layer_add_columns(l, &f->columns[index]);
}

static bool describe_notes(flow_description *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->layers.n; i++)
        n += (size_t)out->items[i].columns.n;
    flow_column_note *notes = calloc(n + 1, sizeof *notes);
    out->notes = (flow_list){notes, 0};
    for (size_t i = 0; i < out->layers.n && notes != NULL; i++)
        for (int k = 0; k < out->items[i].columns.n; k++) {
            const char *map = strchr(out->items[i].name, '.');
            notes[out->notes.n++] = (flow_column_note){k == 0 && map != NULL ? map + 1 : "",
                                                       out->items[i].columns.names[k]};
        }
    return notes != NULL;
}

flow_status flow_describe(flow_description *out, const flow *f, flow_error *err)
{
    int first = f->context.n > 0 ? -1 : 0, n = f->n_columns + f->n_blocks, n_periodic = 0;
    for (int i = 0; i < f->dim && f->circular != NULL; i++)
        n_periodic += f->circular[i];
    *out = (flow_description){
        .items = calloc((size_t)n + 3, sizeof *out->items), .dimensions = f->dim, .context_dimensions = f->context.n,
        .context_features = f->context.n_features, .parameters = (int64_t)flow_params_count(&f->params),
        .base = f->line_base->type, .n_periodic = n_periodic, .n_linear = f->dim - n_periodic,
        .has_context = f->context.n > 0, .embeds = f->context.embeds,
    };
    out->has_linear = out->n_linear > 0;
    out->has_periodic = n_periodic > 0;
    out->has_both = out->has_linear && out->has_periodic;
    bool good = out->items != NULL;
    for (int i = first; i <= n && good; i++) {
        flow_layer *l = &out->items[out->layers.n];
        good = describe_layer(l, f, i);
        if (i < n || l->parameters + l->fitted > 0)
            out->layers.n++;
    }
    if (good) {
        out->items[out->layers.n] = (flow_layer){.name = "total", .parameters = out->parameters,
                                                 .fitted = (int64_t)f->params.n_fitted};
        out->layers.items = out->items;
        out->rows = (flow_list){out->items, out->layers.n + 1};
        good = describe_notes(out);
    }
    return good ? FLOW_OK : flow_error_memory(err, "the description of a flow");
}

void flow_description_free(flow_description *d)
{
    for (size_t i = 0; d->items != NULL && i < d->layers.n; i++) {
        free(d->items[i].column_text);
        free((void *)(uintptr_t)d->items[i].columns.names);
    }
    free((void *)(uintptr_t)d->notes.items);
    free(d->items);
    *d = (flow_description){0};
}
