/* What a conditioner is: the network of a block that computes the parameters of its univariates.
 *
 * A conditioner is a const table of functions, as a block is: its state is const after configure, its numbers live in
 * flow_params, its intermediate results in scratch of the block that has it. Its last layer starts at zero, so that
 * every flow starts near its identity (Kingma and Dhariwal 2018, sec. 3.3).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CONDITIONER_H
#define FLOW_FLOW_CONDITIONER_H

#include "core/option.h"
#include "flow/block.h"
#include "nn/made.h"

/* What a conditioner is made for. Of an image the inputs and outputs are those of one pixel. */
typedef struct flow_conditioner_task {
    flow_shape shape; /* of the tile; a table has one pixel */
    int n_inputs;     /* rows that it sees of the tile */
    int n_context;    /* features of the context, behind these */
    int n_outputs;
    const bool *wanted; /* (pixels): where outputs are used, valid while the conditioner is; NULL: everywhere */
} flow_conditioner_task;

typedef struct flow_conditioner_type {
    flow_type_info info;
    size_t state_size;
    /* As in flow_block_type. */
    flow_status (*configure)(void *self, const void *options, const flow_conditioner_task *task, flow_params *params,
                             flow_error *err);
    void (*release)(void *self);
    /* Bytes of scratch, and *spare bytes of spare memory, which pass->spare then is in its calls. */
    size_t (*scratch_size)(const void *self, int n, bool keep, size_t *spare);

    /* outputs (pixels, n_outputs, n) from inputs (pixels, n_inputs, n) and behind them the context (n_context, n); the
     * inputs stay as they are until the backward and the tape are done with. */
    void (*apply)(const void *self, const flow_pass *pass, const real *inputs, real *outputs, void *scratch);
    /* ginputs, like the inputs, from goutputs, which stay until the tape is done with; records the weights. Outputs
     * that are not wanted mean nothing, and their goutputs are zero. */
    void (*backward)(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs, real *ginputs,
                     void *scratch);
} flow_conditioner_type;

/* A conditioner as a block holds it. */
typedef struct flow_conditioner {
    const flow_conditioner_type *type;
    void *state; /* owned */
} flow_conditioner;

/* What the conditioner of an autoregressive block is made for: outputs of dimension i, n_params of them, depend on the
 * context and on the dimensions 0 ... i - 1. */
typedef struct flow_masked_task {
    int dim, n_context, n_params;
    const flow_made_shape *shape; /* NULL: every dimension enters as one row and has all parameters */
} flow_masked_task;

typedef struct flow_masked_conditioner_type {
    flow_type_info info;
    size_t state_size;
    flow_status (*configure)(void *self, const void *options, const flow_masked_task *task, flow_params *params,
                             flow_error *err);
    void (*release)(void *self);
    size_t (*scratch_size)(const void *self, int n, bool keep);
    int (*before)(const void *self, int i); /* rows that the dimensions before i enter as; i = dim: all of them */

    /* With all inputs known, as in flow_conditioner_type: inputs (n_context + before(dim), n), outputs (n_params, dim,
     * n). */
    void (*apply)(const void *self, const flow_pass *pass, const real *inputs, real *outputs, void *scratch);
    void (*backward)(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs, real *ginputs,
                     void *scratch);

    /* One dimension after the other, as nn/made.h says: the outputs of dimension i; then from dim - 1 to 0 the gradient
     * of its outputs, which is added to that of the inputs; and the record of the weights at the end. */
    void (*step)(const void *self, const flow_pass *pass, int i, const real *inputs, real *outputs, void *scratch);
    void (*start_backward)(const void *self, const flow_pass *pass, void *scratch);
    void (*step_backward)(const void *self, const flow_pass *pass, int i, const real *goutputs, real *ginputs,
                          void *scratch);
    void (*record)(const void *self, const flow_pass *pass, const real *inputs, const real *goutputs, void *scratch);
} flow_masked_conditioner_type;

typedef struct flow_masked_conditioner {
    const flow_masked_conditioner_type *type;
    void *state; /* owned */
} flow_masked_conditioner;

#endif
