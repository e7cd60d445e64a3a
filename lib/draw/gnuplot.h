/* Figures as files, drawn by gnuplot.
 *
 * gnuplot is another program: it gets the script on its standard input and gives the picture on its standard output, so
 * that no file exists for a moment, and the picture appears whole or not at all (core/replace.h). It reads no start-up
 * files of the user. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_GNUPLOT_H
#define FLOW_DRAW_GNUPLOT_H

#include "draw/script.h"

typedef struct flow_draw_options {
    int width, height;  /* of a page, in pixels; 0: as the figures say */
    flow_color_map map; /* of grids */
    const char *file;   /* the picture; NULL: none */
    const char *script; /* FILE.gp, kept with FILE.dat, which has the numbers; NULL: neither is kept */
} flow_draw_options;

/* The format that the name of a file asks for. FLOW_ARGUMENT for a name that does not end in .png, .svg or .pdf;
 * `option` ("-o") is for the message. */
flow_status flow_picture_format_of(flow_picture_format *out, const char *file, const char *option, flow_error *err);

/* The name of the file of numbers beside a script, FILE.dat for FILE.gp; the caller's (free). FLOW_ARGUMENT for a name
 * that does not end in .gp. */
flow_status flow_script_data_name(char **out, const char *script, flow_error *err);

/* Draws the figures (n): more than one are the pages of a PDF. FLOW_ARGUMENT for several that are no PDF; FLOW_IO when
 * gnuplot is missing or fails, or a file cannot be written. */
flow_status flow_draw_files(const flow_figure *const *figures, int n, const flow_draw_options *options,
                            flow_error *err);

#endif
