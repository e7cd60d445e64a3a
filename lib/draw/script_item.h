/* The items of a panel in a script: their numbers, and how they are plotted. Internal to the script. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_SCRIPT_ITEM_H
#define FLOW_DRAW_SCRIPT_ITEM_H

#include "core/text.h"
#include "draw/layout.h"
#include "draw/script_options.h"

/* Of a band that has none of its own. */
#define FLOW_BAND_OPACITY 0.3

typedef struct flow_script {
    flow_text *text, *data;
    const flow_script_options *o;
    const flow_page *page;
    int n_blocks; /* of numbers that were written, */
    int at;       /* and of those that were plotted: both in the order of the items */
    bool first;   /* the next thing that is plotted is the first one of its panel */
} flow_script;

/* A family that the format knows. */
const char *flow_script_font(const flow_script *s);

/* Digits that tell the places of an axis apart. */
int flow_script_digits(const flow_axis *axis);
/* " WORD rgb '#AARRGGBB'"; an opacity of 0 is opaque, too. */
void flow_script_add_color(flow_script *s, const char *word, flow_color color, double opacity);
void flow_script_line_style(flow_script *s, const flow_item *item);

/* The numbers of the item; all items of a figure before the first one is plotted. */
void flow_script_write_item(flow_script *s, const flow_frame *p, const flow_item *item);
/* The parts of a plot command. */
void flow_script_plot_item(flow_script *s, const flow_item *item);

#endif
