/* The noise that fills the steps between the values of discrete columns, and the way back. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_SUPPORT_NOISE_H
#define FLOW_FLOW_COLUMN_SUPPORT_NOISE_H

#include "flow/column/supports.h"
#include "flow/noise.h"

/* As `spread` and `round` of a column map (column.h), of the discrete columns of a tile (dim, n). */
void flow_supports_spread(const flow_supports *supports, int dim, const flow_noise *noise, int n, double *x,
                          double *logdet);
void flow_supports_round(const flow_supports *supports, int n, double *x);

#endif
