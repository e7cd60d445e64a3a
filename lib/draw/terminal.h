/* Figures as text for a terminal.
 *
 * Areas, bars and grids are blocks of shades, lines and points are the dots of Braille characters over them. Without
 * Unicode both are ASCII. With colours a grid has those of its colour map, and lines have theirs. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_TERMINAL_H
#define FLOW_DRAW_TERMINAL_H

#include "core/text.h"
#include "draw/figure.h"

typedef struct flow_terminal {
    int columns; /* characters in a line */
    bool unicode, colors;
    flow_color_map map;
} flow_terminal;

/* Adds the figure. FLOW_MEMORY. */
flow_status flow_terminal_add(flow_text *out, const flow_figure *figure, const flow_terminal *terminal,
                              flow_error *err);

#endif
