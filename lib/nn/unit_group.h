/* How the units of a layer are divided into the products of the gradient at its weights, (units, n) (n, inputs).
 *
 * These products are short, n is the rows of a tile, and each call has a cost of its own; but a group of units as deep
 * as its widest computes what is behind the mask of the others. The division taken is the one with the least estimated
 * time, found by dynamic programming; so is the choice which of the two dimensions of the result lies across, because
 * libraries are up to twice as fast one way as the other.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_UNIT_GROUP_H
#define FLOW_NN_UNIT_GROUP_H

#include "nn/linear.h"

/* The most weights of a group that is formed transposed: it is held on the stack. */
enum { FLOW_TRANSPOSED_SIZE = 1 << 14 };

/* Makes linear->groups from its panels and mask. */
flow_status flow_unit_groups_make(flow_linear *linear, flow_error *err);

#endif
