/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/image_flops.h"

#include <string.h>

#include "core/memory.h"

enum { KERNEL = 3 };

static int taps_along(int side)
{
    return flow_min(KERNEL, 2 * side - 1);
}

/* Pairs of a pixel and a neighbour within the image, along one side. */
static double pairs_along(int side)
{
    return side * taps_along(side) - (side == 1 ? 0 : 2);
}

/* The weights of a convolution are (taps * n_in, n_out). Returns -1 where the number of taps does not follow from the
 * channels in front; 0 channels: of the first layer, which has all taps. */
static double count_convolution(const flow_param *weight, flow_shape shape, int n_in)
{
    int all = taps_along(shape.height) * taps_along(shape.width), taps = n_in == 0 ? all : weight->rows / n_in;
    if (weight->rows % taps != 0 || (n_in > 0 && weight->rows != taps * n_in) || (taps != 1 && taps != all))
        return -1;
    double pairs = taps == 1 ? flow_shape_pixels(shape) : pairs_along(shape.height) * pairs_along(shape.width);
    return pairs * (weight->rows / taps) * weight->cols;
}

bool bench_is_layer(const flow_param *entry)
{
    const char *last = strrchr(entry->name, '/');
    return entry->trainable && last != NULL && (strcmp(last, "/weight") == 0 || strcmp(last, "/kernel") == 0);
}

static double count_network(const flow *f, const flow_block *block, flow_shape shape)
{
    double sum = 0;
    int n_in = 0;
    for (int e = block->first_param; e < block->last_param; e++) {
        const flow_param *entry = &f->params.entries[e];
        if (!bench_is_layer(entry))
            continue;
        double count = count_convolution(entry, shape, n_in);
        if (count < 0)
            return -1;
        sum += count;
        n_in = entry->cols;
    }
    return sum;
}

static double count_matrices(const flow *f, const flow_block *block)
{
    double sum = 0;
    for (int e = block->first_param; e < block->last_param; e++) {
        const flow_param *entry = &f->params.entries[e];
        if (entry->trainable && entry->cols > 1)
            sum += (double)flow_param_count(entry);
    }
    return block->pixels * sum;
}

double bench_image_products(const flow *f)
{
    flow_shape shape = f->shape;
    double sum = 0;
    for (int b = 0; b < f->n_blocks; b++) {
        const flow_block *block = f->blocks[b];
        int size = block->dim * block->pixels;
        if (size > flow_shape_size(shape)) /* behind a split, which joins its parts into one pixel */
            shape = (flow_shape){1, 1, size};
        shape.channels = size / flow_shape_pixels(shape); /* inside of a split there are fewer */
        double count = block->type->pixelwise ? count_matrices(f, block) : count_network(f, block, shape);
        if (count < 0)
            return 0;
        sum += count;
        if (block->type->shape_behind != NULL)
            shape = block->type->shape_behind(block->state, shape);
    }
    return sum;
}
