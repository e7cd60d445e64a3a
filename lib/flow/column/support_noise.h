/* The noise that spreads discrete columns and spikes. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_SUPPORT_NOISE_H
#define FLOW_FLOW_COLUMN_SUPPORT_NOISE_H

#include <stdint.h>

#include "flow/noise.h"

/* key (m): a number for the values of each of m rows of a tile x (dim, n). */
void flow_support_keys(int dim, int n, int m, const double *x, uint64_t *key);

/* Uniform in (0, 1): a function of the key of the row, or of its place. The draws of a row fall into the
 * FLOW_NOISE_DRAWS cells of the unit interval one by one, in an order of the row and the column. */
double flow_support_noise(const flow_noise *noise, uint64_t key, uint64_t place, int column);

#endif
