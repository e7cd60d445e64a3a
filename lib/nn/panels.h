/* How the units of a layer are divided into products: panels for the pass, groups for the gradient at the weights.
 *
 * Each product has a cost of its own, but a panel of units as deep as its widest computes what is behind the mask of
 * the others. The division taken is the one with the least estimated time, found by dynamic programming. Where the
 * prefixes repeat, units that see the same are divided by themselves.
 *
 * The products of the gradient at the weights, (units, n) (n, inputs), are short: n is the rows of a tile. Which of the
 * two dimensions of the result lies across is part of the choice, because libraries are up to twice as fast one way as
 * the other.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_PANELS_H
#define FLOW_NN_PANELS_H

#include "nn/linear.h"

/* The most weights of a group that is formed transposed: it is held on the stack. */
enum { FLOW_TRANSPOSED_SIZE = 1 << 14 };

/* Makes period, panels and groups of a layer whose mask is known. */
flow_status flow_panels_make(flow_linear *linear, flow_error *err);

#endif
