/* All numbers of a model, under their names.
 *
 * Blocks declare their numbers while they are configured. Optimizers, clipping, moving averages, saving and loading,
 * gradient checks and inspection use this list and do not depend on blocks. There are two kinds:
 *   weights  trainable, of type real. Their vectors (n_weights) are kept elsewhere, since there may be several:
 *            current, best, averaged;
 *   fitted   not trainable: set from data or from the seed, of type double (in float the mean of a column of time
 *            stamps would lose all digits). One vector (n_fitted), owned here. Constant after the fit, except for
 *            what blocks compute from the batches of a training (batch statistics in flow/block.h).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_PARAMS_H
#define FLOW_NN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "num/real.h"

enum { FLOW_NAME_SIZE = 96 };

typedef enum flow_init {
    FLOW_INIT_ZERO,
    FLOW_INIT_FAN_IN /* uniform in +-1/sqrt(fan_in), as in PyTorch's linear layers */
} flow_init;

typedef struct flow_param {
    char name[FLOW_NAME_SIZE]; /* "2.maf/layer0/weight": unique, a path in a model file */
    int rows, cols;            /* row-major */
    bool trainable;
    size_t offset;             /* of the first value, in the vector of its kind */
    flow_init init;
    int fan_in;                /* FLOW_INIT_FAN_IN of an entry without extents */
    int *extent;               /* (rows) live columns of each row, the others are always zero; NULL: all live. Owned */
} flow_param;

typedef struct flow_params {
    char prefix[FLOW_NAME_SIZE]; /* of the names that are declared next */
    int n_entries, capacity;
    flow_param *entries;
    size_t n_rows; /* the sum over all entries */
    size_t n_weights, n_fitted;
    double *fitted; /* (n_fitted) */
} flow_params;

/* Starts from {0}. */
void flow_params_release(flow_params *params);

/* Declares (rows, cols) trainable values; *offset is where they start in the vector of weights. `extent` (rows; copied)
 * or NULL. FLOW_SPEC if the model is too large for any memory. */
flow_status flow_params_add_weights(flow_params *params, size_t *offset, const char *name, int rows, int cols,
                                    flow_init init, int fan_in, const int *extent, flow_error *err);

/* Declares (rows, cols) fitted values, which start at zero; *offset is where they start in params->fitted. */
flow_status flow_params_add_fitted(flow_params *params, size_t *offset, const char *name, int rows, int cols,
                                   flow_error *err);

/* Writes the initial weights of a seed: the same on any machine. */
void flow_params_init(const flow_params *params, uint64_t seed, real *weights);

/* The number of live weights, that is without masked ones: of an entry, and of all that are trained. */
size_t flow_param_count(const flow_param *entry);
size_t flow_params_count(const flow_params *params);

/* Consecutive live weights. */
typedef struct flow_span {
    size_t offset, length;
} flow_span;

/* The live weights as spans in order, none longer than `longest`; all other weights are zero and stay zero. The caller
 * owns *spans (free). */
flow_status flow_params_spans(const flow_params *params, flow_span **spans, int *n_spans, size_t longest,
                              flow_error *err);

#endif
