/* A convolution over the pixels of an image, zero beyond its border.
 *
 *     y[p] = activation(sum over taps t: W_t' x[p + t] + b)
 *
 * Layout. In a tile of n rows of data an image is (pixels, channels, n): a pixel is a matrix (channels, n), so that a
 * tap multiplies a small matrix by a matrix in its place. The products of the taps at one pixel are one flow_gemm_sum.
 * Nothing is copied to line the taps up, and a tap beyond the border is left out.
 *
 * Weights are (rows of the kernel, its columns, n_in, n_out): the neighbours of a pixel in an image row are contiguous,
 * and so are the weights that multiply them. Where a kernel is larger than the image, the taps that never meet a pixel
 * do not exist: on one pixel a kernel of 3 x 3 is one of 1 x 1, a linear layer.
 *
 * Layers with more weights than a cache holds go by panels of channels, all pixels for each.
 *
 * Gradients of the weights. Images train with tapes that have a gradient of their own (nn/tape.h). A tape that records
 * takes a convolution over one pixel only.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_CONV_H
#define FLOW_NN_CONV_H

#include "core/shape.h"
#include "nn/tape.h"

enum { FLOW_KERNEL_MAX = 5 }; /* rows and columns of a kernel */

typedef struct flow_conv {
    int height, width, n_in, n_out;
    int rows, cols;         /* of the kernel, odd */
    size_t weight, bias;    /* offsets in the weights: (rows, cols, n_in, n_out) and (n_out) */
    const bool *wanted;     /* (pixels), borrowed: the pixels whose outputs are used; NULL, as configure sets it:
                                    all. Outputs of the others are not written, their gradients not read */
    flow_linear transposed; /* of one pixel: x = W g has the gradient of W, for a tape that records */
} flow_conv;

/* Declares "NAME/kernel", a matrix of (taps n_in) rows and n_out columns, and "NAME/bias". The channels of `shape` are
 * n_in; `kernel` is odd and at most FLOW_KERNEL_MAX. FLOW_INIT_ZERO sets weight and bias to zero. On failure the caller
 * calls release, too. */
flow_status flow_conv_configure(flow_conv *conv, flow_shape shape, int kernel, int n_out, flow_init init,
                                flow_params *params, const char *name, flow_error *err);
void flow_conv_release(flow_conv *conv);

/* The number of weights without the biases. */
size_t flow_conv_weights(const flow_conv *conv);

/* Bytes of scratch that either of the calls below needs. Nothing stays in it, so that layers may share it. */
size_t flow_conv_scratch_size(const flow_conv *conv, int n);

/* What is added in front of the activation: (n_out, n) at every pixel, or with `of_pixels` (pixels, n_out, n). NULL:
 * nothing. */
typedef struct flow_conv_term {
    const real *values;
    bool of_pixels;
} flow_conv_term;

/* y (pixels, n_out, n) from x (pixels, n_in, n). `pre` receives the input of the activation and may be y (see
 * activation.h); values of pixels that are added may be in pre. */
void flow_conv_apply(const flow_conv *conv, const real *weights, int n, const real *x, flow_conv_term added,
                     flow_activation kind, real *pre, real *y, void *scratch);

/* gx (pixels, n_in, n) from gpre (pixels, n_out, n), the gradient in front of the activation. If x is the output of an
 * activation `kind` with the input x_pre (x itself where it is not kept), gx is the gradient at that input; with
 * FLOW_ACTIVATION_NONE it is that at x, and x_pre is not read.
 *
 * Gives the gradients of weights and biases to the tape (NULL: not requested) and writes gadded (n_out, n), the
 * gradient at what is added at every pixel. gx may be x or x_pre, unless the tape records: then x, gpre and gadded stay
 * as they are until the tape is done with. */
void flow_conv_backward(const flow_conv *conv, const real *weights, int n, const real *x_pre, const real *x,
                        flow_activation kind, const real *gpre, real *gx, real *gadded, void *scratch, flow_tape *tape);

#endif
