/* The multiply-adds of a flow of images, counted from its layers.
 *
 * A weight of a convolution counts at every pixel whose neighbour it multiplies: taps beyond the border do not exist. A
 * matrix of a block that maps each pixel by itself counts at every pixel.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_IMAGE_FLOPS_H
#define BENCH_IMAGE_FLOPS_H

#include "flow/flow.h"

/* Those with weights that are not masked, for one row of data in one pass. 0 where they are not known: the convolutions
 * of a block follow each other, are of 3 x 3 or 1 x 1, the first one of 3 x 3, and have outputs at every pixel. */
double bench_image_products(const flow *f);

/* Whether it is the weight of a linear layer or of a convolution. */
bool bench_is_layer(const flow_param *entry);

#endif
