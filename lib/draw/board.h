/* The items of a panel on a canvas of characters. Internal to draw/terminal.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_BOARD_H
#define FLOW_DRAW_BOARD_H

#include "draw/canvas.h"
#include "draw/figure.h"

/* A panel on the canvas: the cells inside of its frame. */
typedef struct flow_board {
    flow_canvas *canvas;
    flow_color_map map; /* of grids */
    bool unicode;
    const flow_frame *panel;
    int left, top, width, height;
} flow_board;

/* Draws an item over what is there. */
void flow_board_item(const flow_board *b, const flow_item *item);

/* The colour on a terminal: black is plain. */
int32_t flow_board_color(flow_color color);

#endif
