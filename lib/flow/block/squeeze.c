/* squeeze makes an image smaller and its pixels deeper: factor x factor pixels become the channels of one, so that what
 * follows sees a larger part of the image (Dinh et al. 2017, sec. 3.6). unsqueeze is its inverse. log|det| = 0.
 *
 * Channel c of the pixel (y, x) of such a square becomes channel (c * factor + y) * factor + x. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "flow/block.h"
#include "flow/block/options.h"
#include "num/vector.h"

typedef struct squeeze {
    int dim;
    flow_shape behind;
    bool inverse; /* unsqueeze */
    int *fine;    /* (dim), owned: where each number of the squeezed image is in the other one */
} squeeze;

static const flow_option squeeze_table[] = {
    FLOW_KEY_INT(flow_squeeze_options, factor, "2", 2, 256, "the side of the squares that become pixels"),
    FLOW_OPTIONS_END,
};

/* From the shape of the squeezed image. */
static flow_status squeeze_fill(squeeze *block, flow_shape squeezed, int factor, flow_error *err)
{
    const int channels = squeezed.channels / (factor * factor), width = squeezed.width * factor;
    block->dim = flow_shape_size(squeezed);
    int *fine = block->fine = malloc((size_t)block->dim * sizeof *block->fine);
    if (fine == NULL)
        return flow_error_memory(err, "the order of pixels");
    for (int i = 0; i < block->dim; i++) {
        int pixel = i / squeezed.channels, k = i % squeezed.channels;
        int x = pixel % squeezed.width * factor + k % factor;
        int y = pixel / squeezed.width * factor + k / factor % factor;
        fine[i] = (y * width + x) * channels + k / (factor * factor);
    }
    return FLOW_OK;
}

static flow_status squeeze_configure(void *self, const void *options, const flow_block_context *context,
                                     flow_params *params, flow_error *err)
{
    (void)params;
    squeeze *block = self;
    const flow_shape shape = context->shape;
    const int factor = (int)((const flow_squeeze_options *)options)->factor;
    if (shape.height % factor != 0 || shape.width % factor != 0)
        return flow_option_fail(err, "factor", "an image of %d x %d pixels does not divide into squares of %d x %d",
                                shape.height, shape.width, factor, factor);
    block->behind = (flow_shape){shape.height / factor, shape.width / factor, shape.channels * factor * factor};
    return squeeze_fill(block, block->behind, factor, err);
}

static flow_status unsqueeze_configure(void *self, const void *options, const flow_block_context *context,
                                       flow_params *params, flow_error *err)
{
    (void)params;
    squeeze *block = self;
    const flow_shape shape = context->shape;
    const int factor = (int)((const flow_squeeze_options *)options)->factor;
    if (shape.channels % (factor * factor) != 0)
        return flow_option_fail(err, "factor", "%d channels do not make squares of %d x %d pixels", shape.channels,
                                factor, factor);
    block->behind = (flow_shape){shape.height * factor, shape.width * factor, shape.channels / (factor * factor)};
    block->inverse = true;
    return squeeze_fill(block, shape, factor, err);
}

static void squeeze_release(void *self)
{
    free(((squeeze *)self)->fine);
}

static flow_shape squeeze_shape_behind(const void *self, flow_shape shape)
{
    (void)shape;
    return ((const squeeze *)self)->behind;
}

static void squeeze_move(const squeeze *block, bool gathers, int n, const real *in, real *out)
{
    if (gathers)
        flow_rows_gather(block->dim, block->fine, n, in, out);
    else
        flow_rows_scatter(block->dim, block->fine, n, in, out);
}

static void squeeze_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    (void)logdet;
    const squeeze *block = self;
    squeeze_move(block, (pass->direction == FLOW_TO_LATENT) != block->inverse, pass->n, in, out);
}

static void squeeze_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    const squeeze *block = self;
    squeeze_move(block, (pass->direction == FLOW_TO_LATENT) == block->inverse, pass->n, gout, gin);
}

#define SQUEEZE(name, line)                                                                                         \
    {                                                                                                               \
        .info = {FLOW_INFO(#name, line, squeeze_table, flow_squeeze_options)}, .state_size = sizeof(squeeze),       \
        .configure = name##_configure, .release = squeeze_release, .shape_behind = squeeze_shape_behind,            \
        .map = {squeeze_map, squeeze_map}, .backward = {squeeze_backward, squeeze_backward},                        \
    }

const flow_block_type flow_block_squeeze = SQUEEZE(squeeze, "squares of pixels of an image become its channels");
const flow_block_type flow_block_unsqueeze = SQUEEZE(unsqueeze, "channels of an image become squares of pixels");
