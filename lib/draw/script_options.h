/* What a script for gnuplot draws, and where to. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_SCRIPT_OPTIONS_H
#define FLOW_DRAW_SCRIPT_OPTIONS_H

#include "draw/color.h"

typedef enum flow_picture_format { FLOW_PICTURE_PNG, FLOW_PICTURE_SVG, FLOW_PICTURE_PDF } flow_picture_format;

typedef struct flow_script_options {
    flow_picture_format format;
    int width, height;  /* of a page, in pixels; 0: as the figures say */
    flow_color_map map; /* of grids */
    const char *output; /* the file that gnuplot writes, beside the script; NULL: standard output */
    const char *data;   /* the name of the file with the numbers, beside the script; NULL: they are in the script */
} flow_script_options;

#endif
