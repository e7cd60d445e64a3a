/* How the values of a row make an image.
 *
 * A row of an image holds its values in the order height, width, channels, the channels running fastest. In a file
 * they have this order, or channels, height, width.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_IMAGE_H
#define FLOW_DATA_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/shape.h"

typedef enum flow_image_layout {
    FLOW_IMAGE_AUTO, /* as the extents of an array say; of a table: height, width, channels */
    FLOW_IMAGE_HWC,
    FLOW_IMAGE_CHW
} flow_image_layout;

/* An image format, in two uses. In a request, the shape {0} means that the data decide, and the layout decides for an
 * array that could have either. In a result, the shape {0} means that the rows are those of a table. */
typedef struct flow_image {
    flow_shape shape;
    flow_image_layout layout;
} flow_image;

/* The name of the column with the classes of images: 0, 1, ... A reader gives it only if its options name it. */
#define FLOW_LABEL "label"

enum { FLOW_IMAGE_CHANNELS = 4 }; /* the most that an array is taken for an image with, unless its shape is given */

/* What the array at `where` of these extents behind the rows, (height, width), (height, width, channels) or (channels,
 * height, width), is; out->layout is not AUTO. `rank` is 2 or 3. FLOW_DATA when it is not what was asked for, when the
 * extents do not tell the layout, and when a row has no values or more than 65,536. */
flow_status flow_image_of_array(flow_image *out, const flow_image *wanted, int rank, const uint64_t *extents,
                                const char *where, flow_error *err);

/* The place in the file, within its row, of value i of the row of an image. */
int flow_image_place(const flow_image *image, int i);

#endif
