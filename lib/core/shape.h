/* The shape of a row of data: an image of height x width pixels with channels numbers each; a row of a table is
 * 1 x 1 x d. The values of a row stand in the order (height, width, channels), the channels running fastest.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_SHAPE_H
#define FLOW_CORE_SHAPE_H

typedef struct flow_shape {
    int height, width, channels;
} flow_shape;

static inline int flow_shape_pixels(flow_shape shape)
{
    return shape.height * shape.width;
}

/* The numbers of a row. */
static inline int flow_shape_size(flow_shape shape)
{
    return flow_shape_pixels(shape) * shape.channels;
}

#endif
