/* Where the parts of a figure are on a page of pixels, from the top left corner. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_LAYOUT_H
#define FLOW_DRAW_LAYOUT_H

#include "draw/figure.h"

/* Sizes of fonts, in pixels. */
#define FLOW_FONT_TITLE 16.0
#define FLOW_FONT_LABEL 13.0
#define FLOW_FONT_TICK 11.0
#define FLOW_FONT_NOTE 11.5

typedef struct flow_box {
    double left, top, right, bottom;
} flow_box;

typedef struct flow_page {
    int width, height;
    const flow_figure *figure;
    int n_legend;
    const flow_item *legend[FLOW_LEGEND_MAX];
    double legend_left[FLOW_LEGEND_MAX], legend_top[FLOW_LEGEND_MAX]; /* of each entry: its sample */
    double title_top, subtitle_top, note_top;
    flow_box cells; /* around all panels with their labels */
} flow_page;

/* The width in pixels of a text of `n` characters. */
double flow_page_text_width(int n, double font);
/* Characters of a UTF-8 text. */
int flow_page_characters(const char *text);

/* `width` and `height` 0: those of the figure. */
void flow_page_arrange(flow_page *out, const flow_figure *figure, int width, int height);

/* The frame of a panel. */
flow_box flow_page_frame(const flow_page *page, const flow_frame *panel);
/* Whether the labels of its ticks and of its axes are written: not between panels that share an axis. */
bool flow_page_labels_x(const flow_page *page, const flow_frame *panel);
bool flow_page_labels_y(const flow_page *page, const flow_frame *panel);

/* As many ticks as have room along a frame. */
void flow_page_ticks_x(flow_ticks *out, const flow_axis *axis, const flow_box *frame);
void flow_page_ticks_y(flow_ticks *out, const flow_axis *axis, const flow_box *frame);

/* The next line of a text of at most `most` characters, into *length (bytes); returns where the rest begins, NULL at
 * the end. */
const char *flow_page_line(const char *text, int most, int *length);
/* Lines that a text has at this width; 0 for NULL. */
int flow_page_lines(const char *text, double width, double font);

#endif
