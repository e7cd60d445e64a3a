/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "describe.h"

#include <stdio.h>
#include <string.h>

#include "run/format.h"

typedef struct layer {
    char name[FLOW_NAME_SIZE];
    size_t weights, fitted; /* live weights, fitted values */
    char shapes[80];        /* of its matrices: "128x9, 128x128, 18x128" */
} layer;

static size_t live_weights(const flow_param *entry)
{
    if (entry->extent == NULL)
        return (size_t)entry->rows * (size_t)entry->cols;
    size_t n = 0;
    for (int i = 0; i < entry->rows; i++)
        n += (size_t)entry->extent[i];
    return n;
}

static void add_shape(layer *l, const flow_param *entry)
{
    static const char etc[] = ", ...";
    char shape[32];
    size_t used = strlen(l->shapes);
    if (used >= sizeof etc && strcmp(l->shapes + used - strlen(etc), etc) == 0)
        return;
    snprintf(shape, sizeof shape, "%s%dx%d", used > 0 ? ", " : "", entry->rows, entry->cols);
    bool fits = used + strlen(shape) + sizeof etc <= sizeof l->shapes;
    snprintf(l->shapes + used, sizeof l->shapes - used, "%s", fits ? shape : etc);
}

static const char *const of_context = "context";

static int first_layer(const flow *f)
{
    return f->context.n > 0 ? -1 : 0;
}

/* The maps of a flow in order: what is done to the context (index -1), column maps, blocks, then the base. Their
 * entries carry their names in front. */
static layer layer_of(const flow *f, int index)
{
    layer l = {0};
    if (index < 0)
        snprintf(l.name, sizeof l.name, "%s", of_context);
    else if (index < f->n_columns)
        snprintf(l.name, sizeof l.name, "%d.%.40s", index, f->columns[index].type->info.name);
    else if (index < f->n_columns + f->n_blocks)
        snprintf(l.name, sizeof l.name, "%s", f->blocks[index - f->n_columns]->name);
    else
        snprintf(l.name, sizeof l.name, "base");
    size_t length = strlen(l.name);
    for (int i = 0; i < f->params.n_entries; i++) {
        const flow_param *entry = &f->params.entries[i];
        if (strncmp(entry->name, l.name, length) != 0 || entry->name[length] != '/')
            continue;
        if (!entry->trainable) {
            l.fitted += (size_t)entry->rows * (size_t)entry->cols;
            continue;
        }
        l.weights += live_weights(entry);
        const char *last = strrchr(entry->name, '/');
        if (entry->cols > 1 || strcmp(last, "/weight") == 0) /* of a single input, too; biases are not shown */
            add_shape(&l, entry);
    }
    return l;
}

/* What a column map does with which column, a line each; flow_text_free. */
static flow_text columns_of(const flow_column *column)
{
    flow_text lines = {0};
    if (column->type->describe != NULL)
        column->type->describe(column->state, &lines);
    return lines;
}

static void describe_columns(flow_text *text, const flow_column *column)
{
    flow_text lines = columns_of(column);
    bool first = true;
    for (char *line = lines.data; line != NULL && *line != '\0'; first = false) {
        size_t length = strcspn(line, "\n");
        flow_text_add(text, "  %-11s %.*s\n", first ? column->type->info.name : "", (int)length, line);
        line += length + (line[length] != '\0');
    }
    flow_text_free(&lines);
}

static void describe_columns_json(cJSON *object, const flow_column *column)
{
    flow_text lines = columns_of(column);
    cJSON *list = lines.data != NULL ? cJSON_AddArrayToObject(object, "columns") : NULL;
    for (char *line = lines.data; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *end = line + length + (line[length] != '\0');
        line[length] = '\0';
        cJSON_AddItemToArray(list, cJSON_CreateString(line));
        line = end;
    }
    flow_text_free(&lines);
}

/* The base is a layer if it has parameters. */
static int count_layers(const flow *f)
{
    layer base = layer_of(f, f->n_columns + f->n_blocks);
    return f->n_columns + f->n_blocks + (base.weights + base.fitted > 0 ? 1 : 0);
}

void describe_flow(flow_text *text, const flow *f)
{
    char count[FLOW_FORMAT_SIZE], fitted[FLOW_FORMAT_SIZE];
    int n_layers = count_layers(f);
    flow_text_add(text, "  %-20s  %12s  %8s  %s\n", "layer", "parameters", "fitted", "weights (out x in)");
    for (int i = first_layer(f); i < n_layers; i++) {
        layer l = layer_of(f, i);
        flow_text_add(text, "  %-20s  %12s  %8s%s%s\n", l.name, flow_format_count(count, (int64_t)l.weights),
                      flow_format_count(fitted, (int64_t)l.fitted), l.shapes[0] != '\0' ? "  " : "", l.shapes);
    }
    flow_text_add(text, "  %-20s  %12s  %8s\n", "total", flow_format_count(count, (int64_t)flow_params_count(&f->params)),
                  flow_format_count(fitted, (int64_t)f->params.n_fitted));
    for (int i = 0; i < f->n_columns; i++)
        describe_columns(text, &f->columns[i]);
    int circles = 0;
    for (int i = 0; i < f->dim && f->circular != NULL; i++)
        circles += f->circular[i];
    int lines = f->dim - circles;
    flow_text_add(text, "  base: ");
    if (lines > 0)
        flow_text_add(text, "%s in %d dimension%s%s", f->line_base->info.name, lines, lines == 1 ? "" : "s",
                      circles > 0 ? ", " : "");
    if (circles > 0)
        flow_text_add(text, "uniform on %d circle%s", circles, circles == 1 ? "" : "s");
    if (f->context.n > 0)
        flow_text_add(text, ", given %d column%s of context", f->context.n, f->context.n == 1 ? "" : "s");
    if (f->context.embeds)
        flow_text_add(text, " embedded in %d feature%s", f->context.n_features, f->context.n_features == 1 ? "" : "s");
    flow_text_add(text, "\n");
}

void describe_names(flow_text *text, const char *label, const char *const *names, int n)
{
    enum { SHOWN = 12, MOST = 16 };
    int shown = n > MOST ? SHOWN : n;
    for (int i = 0; i < shown; i++)
        flow_text_add(text, i == 0 ? "  %-12s  %s" : "%.0s, %s", i == 0 ? label : "", names[i]);
    if (shown < n)
        flow_text_add(text, ", ... (%d columns)", n);
    if (n > 0)
        flow_text_add(text, "\n");
}

void describe_flow_json(cJSON *object, const flow *f)
{
    cJSON_AddNumberToObject(object, "dimensions", f->dim);
    cJSON_AddNumberToObject(object, "context_dimensions", f->context.n);
    cJSON_AddNumberToObject(object, "context_features", f->context.n_features);
    cJSON_AddNumberToObject(object, "parameters", (double)flow_params_count(&f->params));
    int n_layers = count_layers(f);
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (int i = first_layer(f); i < n_layers; i++) {
        layer l = layer_of(f, i);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", l.name);
        cJSON_AddNumberToObject(entry, "parameters", (double)l.weights);
        cJSON_AddNumberToObject(entry, "fitted", (double)l.fitted);
        if (i >= 0 && i < f->n_columns)
            describe_columns_json(entry, &f->columns[i]);
        cJSON_AddItemToArray(layers, entry);
    }
    cJSON_AddStringToObject(object, "base", f->line_base->info.name);
}
