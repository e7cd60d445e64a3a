/* How the products of a layer with a mask are divided: panels of units for the pass, patches for the gradient at the
 * input.
 *
 * Each product has a cost of its own, but a panel of units as deep as its widest computes what is behind the mask of
 * the others. The division taken is the one with the least estimated time, found by dynamic programming. Where the
 * prefixes repeat, units that see the same are divided by themselves if that is faster.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_PANELS_H
#define FLOW_NN_PANELS_H

#include "nn/linear.h"

/* Makes period, panels and patches of a layer whose mask is known. */
flow_status flow_panels_make(flow_linear *linear, flow_error *err);

#endif
