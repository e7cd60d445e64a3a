/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/figure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

flow_figure *flow_figure_new(int n_rows, int n_columns)
{
    flow_figure *figure = calloc(1, sizeof *figure);
    if (figure == NULL)
        return NULL;
    const size_t n = (size_t)n_rows * (size_t)n_columns;
    figure->n_rows = n_rows;
    figure->n_columns = n_columns;
    figure->panels = flow_arena_take(&figure->arena, n, sizeof *figure->panels);
    figure->used = flow_arena_take(&figure->arena, n, sizeof *figure->used);
    return figure;
}

void flow_figure_free(flow_figure *figure)
{
    if (figure == NULL)
        return;
    flow_arena_release(&figure->arena);
    free(figure);
}

flow_frame *flow_figure_panel(flow_figure *figure, int row, int column)
{
    const size_t at = (size_t)row * (size_t)figure->n_columns + (size_t)column;
    if (figure->arena.failed) {
        figure->spare_panel = (flow_frame){.end = &figure->spare_panel.items};
        return &figure->spare_panel;
    }
    flow_frame *panel = &figure->panels[at];
    if (!figure->used[at])
        *panel = (flow_frame){.row = row, .column = column, .end = &panel->items};
    figure->used[at] = true;
    return panel;
}

flow_item *flow_frame_add(flow_figure *figure, flow_frame *panel, flow_item_kind kind)
{
    flow_item *item = flow_arena_take(&figure->arena, 1, sizeof *item);
    if (item == NULL) {
        figure->spare_item = (flow_item){.kind = kind};
        return &figure->spare_item;
    }
    item->kind = kind;
    item->width = 1;
    *panel->end = item;
    panel->end = &item->next;
    return item;
}

double *flow_figure_numbers(flow_figure *figure, size_t n)
{
    return flow_arena_take(&figure->arena, n, sizeof(double));
}

const double *flow_figure_copy(flow_figure *figure, const double *values, size_t n)
{
    double *out = flow_figure_numbers(figure, n);
    if (out != NULL && n > 0)
        memcpy(out, values, n * sizeof *out);
    return out;
}

const char *flow_figure_text(flow_figure *figure, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    char *out = length < 0 ? NULL : flow_arena_take(&figure->arena, (size_t)length + 1, 1);
    if (out != NULL)
        vsnprintf(out, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return out;
}

flow_status flow_figure_check(const flow_figure *figure, flow_error *err)
{
    return figure == NULL || figure->arena.failed ? flow_error_memory(err, "a figure") : FLOW_OK;
}

int flow_figure_legend(const flow_figure *figure, const flow_item *out[FLOW_LEGEND_MAX])
{
    int n = 0;
    for (int k = 0; k < figure->n_rows * figure->n_columns; k++) {
        if (!figure->used[k])
            continue;
        for (const flow_item *item = figure->panels[k].items; item != NULL; item = item->next) {
            bool known = item->legend == NULL;
            for (int i = 0; i < n && !known; i++)
                known = strcmp(out[i]->legend, item->legend) == 0;
            if (!known && n < FLOW_LEGEND_MAX)
                out[n++] = item;
        }
    }
    return n;
}
