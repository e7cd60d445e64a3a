/* The dimensions of what flows through a flow.
 *
 * A tile of n rows of data with a shape (core/shape.h) holds the values of pixel p, channel c in row p * channels + c,
 * n values long. A dimension is one of these rows of a tile. It is periodic, an angle in [-pi, pi) where both ends are
 * one point, or linear.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_DIMS_H
#define FLOW_FLOW_DIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/shape.h"

typedef struct flow_dims {
    int n;
    const bool *periodic; /* (n), of the flow; NULL: none is */
} flow_dims;

static inline bool flow_dims_is_periodic(flow_dims dims, int i)
{
    return dims.periodic != NULL && dims.periodic[i];
}

static inline int flow_dims_count_periodic(flow_dims dims)
{
    int count = 0;
    for (int i = 0; i < dims.n; i++)
        count += flow_dims_is_periodic(dims, i);
    return count;
}

#endif
