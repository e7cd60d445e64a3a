/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/plot_run.h"

#include <stdio.h>
#include <string.h>

flow_status flow_plot_begin(flow_plot *plot, int n_rows, int n_columns, flow_error *err)
{
    plot->figure = flow_figure_new(n_rows, n_columns);
    if (plot->figure == NULL)
        return flow_error_memory(err, "a figure");
    plot->figure->width = plot->width;
    plot->figure->height = plot->height;
    return FLOW_OK;
}

bool flow_plot_is_text(const flow_plot *plot)
{
    return plot->o->rows.output == NULL && plot->o->script == NULL && !plot->o->no_text;
}

void flow_plot_note(flow_plot *plot, const char *format, ...)
{
    enum { SENTENCE = 1024 };
    char sentence[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    flow_text_add(&plot->note, "%s%s", plot->note.length > 0 ? " " : "", sentence);
}

const char *flow_plot_base_name(const char *location)
{
    const char *colon = strstr(location, ":/"), *out = location; /* of an HDF5 file, what follows is a path in it */
    for (const char *c = location; *c != '\0' && c != colon; c++)
        if (*c == '/' && c[1] != '\0')
            out = c + 1;
    return out;
}

flow_status flow_plot_need_data(const flow_plot *plot, const char *kind, flow_error *err)
{
    return plot->o->rows.input != NULL
               ? FLOW_OK
               : flow_error_set(err, FLOW_ARGUMENT, "--kind %s: name the data behind the model", kind);
}

flow_status flow_plot_need_one(const flow_plot *plot, const char *kind, flow_error *err)
{
    return plot->n_models == 1
               ? FLOW_OK
               : flow_error_set(err, FLOW_ARGUMENT, "--kind %s: is a picture of one model; %d are named", kind,
                                plot->n_models);
}
