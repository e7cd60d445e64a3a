/* A figure as plain structs: panels with axes, and in them curves, histograms, grids, contour lines, marks and texts.
 *
 * Two back ends draw it: a script for gnuplot (draw/script.h, draw/gnuplot.h) and text for a terminal
 * (draw/terminal.h). A figure is filled without checks of memory: where memory is out the builders give room that is
 * thrown away, and flow_figure_check says so before anything is drawn.
 *
 *     flow_figure *figure = flow_figure_new(1, 2);            one row of two panels
 *     figure->title = flow_figure_text(figure, "PIT of %s", name);
 *     flow_frame *panel = flow_figure_panel(figure, 0, 0);
 *     panel->x = (flow_axis){.label = "PIT", .low = 0, .high = 1};
 *     panel->y = (flow_axis){.label = "share", .low = 0, .high = 2};
 *     flow_item *item = flow_frame_add(figure, panel, FLOW_ITEM_CURVE);
 *     item->n = n, item->x = flow_figure_copy(figure, x, n), item->y = ..., item->color = FLOW_BLUE;
 *     status = flow_draw_file(&figure, 1, &options, err);     (draw/gnuplot.h) PNG, SVG; PDF of several pages
 *     flow_figure_free(figure);
 *
 * Texts may have any bytes: the back ends quote them.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_FIGURE_H
#define FLOW_DRAW_FIGURE_H

#include "core/arena.h"
#include "core/error.h"
#include "draw/axis.h"
#include "draw/color.h"

typedef enum flow_item_kind {
    FLOW_ITEM_CURVE,     /* x, y (n); a band from low to high, if they are given; a NaN breaks the line. `filled`: down
                            to 0; without `width` only the band is drawn */
    FLOW_ITEM_HISTOGRAM, /* edges x (n + 1), heights y (n), as steps; a band from low to high, if given. `filled` */
    FLOW_ITEM_POINTS,    /* x, y (n); error bars from low to high, if given; `size` */
    FLOW_ITEM_BARS,      /* boxes of `size` units of x around x (n), heights y (n); error bars as of points */
    FLOW_ITEM_AREA,      /* closed loops (draw/contour.h), x, y (n), a NaN between two of them, filled; the loops of
                            holes go round in the other direction */
    FLOW_ITEM_GRID,      /* z (ny, nx), rows from below, of cells that fill the panel evenly in the places of the axes;
                            NaN is left out. Colours of `map` from panel->z_low to panel->z_high */
    FLOW_ITEM_RULE,      /* a line across the panel: at x[0], or where x is NULL at y[0] */
    FLOW_ITEM_MARK,      /* a line from 0 up to the share `size` of the height of the panel at x[0], and its text */
    FLOW_ITEM_TEXT,      /* at x[0], y[0], shares of the width and height of the panel from below; `align` */
    FLOW_ITEM_IMAGE      /* rgb (ny, nx, 3) from above, fills the panel */
} flow_item_kind;

typedef enum flow_align { FLOW_ALIGN_LEFT, FLOW_ALIGN_CENTER, FLOW_ALIGN_RIGHT } flow_align;

/* Values are those of the axes. What a kind does not have is not looked at. */
typedef struct flow_item {
    struct flow_item *next;
    flow_item_kind kind;
    flow_color color;
    double opacity; /* 0: opaque; else from 0 to 1 */
    double width;   /* of lines, in points */
    double size;
    bool dashed, filled;
    const char *legend; /* its entry in the legend of the figure; equal ones are one entry; NULL: none */
    const char *text;
    flow_align align;
    size_t n;
    const double *x, *y, *low, *high, *z;
    int nx, ny;
    const unsigned char *rgb;
} flow_item;

typedef struct flow_frame {
    int row, column; /* its cell, from the top left */
    const char *title;
    flow_axis x, y;
    bool bare;             /* no frame, ticks and labels */
    double aspect;         /* height / width of the frame; 0: that of the cell */
    const char *bar_label; /* of the colour bar of a grid; NULL: no bar */
    double z_low, z_high;
    flow_item *items, **end;
} flow_frame;

typedef struct flow_figure {
    flow_arena arena;
    const char *title, *subtitle; /* NULL: none */
    const char *note;             /* sentences below the panels; NULL: none */
    int n_rows, n_columns;
    bool corner;        /* panels share the axes of their row and column, and the legend is at the top right */
    int width, height;  /* in pixels; 0: by the number of panels */
    flow_frame *panels; /* (n_rows * n_columns): those with `used` are drawn */
    bool *used;
    flow_frame spare_panel; /* where memory is out */
    flow_item spare_item;
} flow_figure;

/* NULL when memory is out. */
flow_figure *flow_figure_new(int n_rows, int n_columns);
void flow_figure_free(flow_figure *figure);

/* The panel in this cell, which is drawn from now on; never NULL. */
flow_frame *flow_figure_panel(flow_figure *figure, int row, int column);
/* A new item of the panel, behind the others: later ones are drawn over earlier ones; never NULL. */
flow_item *flow_frame_add(flow_figure *figure, flow_frame *panel, flow_item_kind kind);

/* Numbers of the figure, zeroed, and a copy of numbers; NULL when memory is out. */
double *flow_figure_numbers(flow_figure *figure, size_t n);
const double *flow_figure_copy(flow_figure *figure, const double *values, size_t n);
/* A text of the figure; NULL when memory is out. */
const char *flow_figure_text(flow_figure *figure, const char *format, ...) FLOW_PRINTF(2, 3);

/* FLOW_MEMORY when memory was out, also for NULL. */
flow_status flow_figure_check(const flow_figure *figure, flow_error *err);

/* An entry of the legend. */
enum { FLOW_LEGEND_MAX = 24 };
/* The items with different legends, in their order, into `out`; returns how many there are. */
int flow_figure_legend(const flow_figure *figure, const flow_item *out[FLOW_LEGEND_MAX]);

#endif
