/* How the matrix products of a layer with a mask are divided into panels.
 *
 * A layer multiplies by a matrix W (n_out, n_in). Unit r, a row of W, sees the inputs [0, extent[r]); the other weights
 * of the row are zero. A product is called for each panel. Each call has a cost of its own, and a panel is as deep as
 * its deepest unit, so that a product also computes what the other units of the panel do not see. The division taken is
 * the one with the least estimated time, found by dynamic programming. Where the extents repeat with a period, units
 * with equal extents may form panels of their own, if that is faster.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_PANELS_H
#define FLOW_NN_PANELS_H

#include <stdbool.h>

#include "core/error.h"

enum {
    FLOW_PANEL = 128, /* the most units in a panel: the activation finds in the cache what the product wrote */
    FLOW_SPAN = 64    /* the most inputs in a product of the gradient at the weights */
};

/* Units first, first + stride, ..., `count` of them, and the inputs [0, depth) that the deepest of them sees. */
typedef struct flow_panel {
    int first, count, stride, depth;
} flow_panel;

/* For the gradient at the input: the inputs [from, to), and the units that see them. In each of `planes` planes, which
 * are `plane` units apart, these are the units [first, first + count). With `adds` an earlier panel has the same
 * inputs, and the product adds to its result. */
typedef struct flow_back_panel {
    int first, count, planes, plane, from, to;
    bool adds;
} flow_back_panel;

/* The gradient at the weights by inner products of rows (num/row_products.h), where that is faster than by panels. */
typedef struct flow_row_order {
    bool faster;
    double time, panels_time; /* the estimated times of both, in multiply-adds for each data row */
    int *units, *live; /* (n_out), owned: the units by the number of inputs that they see, and these numbers; NULL: they
                          are in this order */
} flow_row_order;

typedef struct flow_panels {
    int period; /* the distance between units with equal extents; 1: they do not repeat */
    int n_forward;
    flow_panel *forward; /* owned; cover the units: products of the pass, and of the gradient at the weights */
    int n_backward;
    flow_back_panel *backward; /* owned; cover the weights that are seen, and all inputs */
    flow_row_order by_rows;
} flow_panels;

/* Divides a matrix (n_out, n_in) with `extent` (n_out), or NULL: each unit sees all inputs. FLOW_MEMORY; the caller
 * calls release in any case. */
flow_status flow_panels_make(flow_panels *panels, int n_in, int n_out, const int *extent, flow_error *err);
void flow_panels_release(flow_panels *panels);

/* The estimated time of a product of `rows` units that see `depth` inputs, in multiply-adds for each data row. */
double flow_panels_time(int rows, int depth);

#endif
