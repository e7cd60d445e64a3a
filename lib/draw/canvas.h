/* Characters with dots, shades and colours, for a terminal. Internal to draw/terminal.h.
 *
 * A cell shows its character if it has one, else its dots as a Braille character, else its shade. Dots are 2 by 4 to a
 * cell and counted from the top left. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_CANVAS_H
#define FLOW_DRAW_CANVAS_H

#include <stdint.h>

#include "core/text.h"

enum { FLOW_CANVAS_PLAIN = -1 }; /* the colour that the terminal has by itself; others are 0xRRGGBB */

typedef struct flow_canvas_cell {
    char text[5];         /* a character of UTF-8; "": none */
    unsigned char dots;   /* as Unicode counts them: U+2800 + dots */
    unsigned char shade;  /* from 0 to 4 */
    unsigned char height; /* of a bar, eighths of the cell from below; 0: none */
    int32_t text_color, dot_color, shade_color;
    int32_t upper, lower; /* colours of the halves of the cell; FLOW_CANVAS_PLAIN: none */
} flow_canvas_cell;

typedef struct flow_canvas {
    int width, height;
    flow_canvas_cell *cells; /* owned */
} flow_canvas;

flow_status flow_canvas_make(flow_canvas *out, int width, int height, flow_error *err);
void flow_canvas_free(flow_canvas *canvas);

/* The cell, or one that is thrown away where there is none. */
flow_canvas_cell *flow_canvas_at(flow_canvas *canvas, int x, int y);
void flow_canvas_dot(flow_canvas *canvas, int x, int y, int32_t color);
/* At most `most` characters, from the cell (x, y) on; what is longer loses its middle. Control characters are "?". */
void flow_canvas_write(flow_canvas *canvas, int x, int y, const char *text, int most, int32_t color);

/* Adds the lines, without blanks at their ends. */
void flow_canvas_print(flow_text *out, const flow_canvas *canvas, bool unicode, bool colors);

#endif
