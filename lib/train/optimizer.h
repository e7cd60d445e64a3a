/* Optimizers: how a gradient changes the weights.
 *
 *     adam   Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1, with bias correction
 *     adamax Kingma and Ba 2015, algorithm 2: the infinity norm instead of the second moment
 *     adamw  Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the decay per step is
 *            learning rate * decay, as in PyTorch. It is adam where the decay is zero
 *
 * Only matrices (entries of more than one column) are decayed; biases, shifts and scales are not.
 *
 * An optimizer keeps two moments for each weight. Adding one is one flow_optimizer_type in optimizers.c, with its table
 * of options and its loop. Masked weights have no gradient and stay zero; spans of them that are long enough to matter
 * are skipped. All results are the same for any number of threads.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_OPTIMIZER_H
#define FLOW_TRAIN_OPTIMIZER_H

#include "core/array.h"
#include "core/option.h"
#include "nn/params.h"
#include "num/real.h"

/* The options of all optimizers; a type without a key for a member leaves it 0. */
typedef struct flow_optimizer_options {
    double rate; /* the learning rate */
    double beta1, beta2, epsilon;
    double decay; /* of the weights of matrices */
} flow_optimizer_options;

/* The numbers of one step for a span of weights. */
typedef struct flow_optimizer_step_numbers {
    real beta1, rest1, beta2, rest2; /* rest = 1 - beta */
    real rate;                       /* learning rate over the bias correction of the first moment, 1 - beta1^step */
    real root;                       /* 1 / sqrt(1 - beta2^step): bias correction of the root of the second moment */
    real epsilon;
    real keep;  /* 1 - learning rate * decay, or 1 where weights do not decay */
    real scale; /* the gradient is multiplied by it */
} flow_optimizer_step_numbers;

typedef struct flow_optimizer_type {
    flow_type_info info; /* its options fill a flow_optimizer_options */
    /* Updates n (a multiple of FLOW_LANES) weights w and their moments m and v, with the gradient g. v stays positive
     * or zero. */
    void (*update)(const flow_optimizer_step_numbers *step, size_t n, const real *restrict g, real *restrict m,
                   real *restrict v, real *restrict w);
} flow_optimizer_type;

/* All of them. */
extern const flow_choices flow_optimizers;

typedef struct flow_optimizer flow_optimizer;

/* From a choice of flow_optimizers, for the weights of `params`. The options are copied. */
flow_status flow_optimizer_new(flow_optimizer **out, const flow_choice *choice, const flow_params *params,
                               flow_error *err);
void flow_optimizer_free(flow_optimizer *optimizer);

/* That of the options, before schedule and cuts. */
double flow_optimizer_learning_rate(const flow_optimizer *optimizer);

/* The 2-norm of a gradient (n_weights), summed in double in a fixed order. Not finite when an element is not. */
double flow_optimizer_norm(flow_optimizer *optimizer, const real *gradient, int n_threads);

/* One step with `scale` times the gradient. `average` (n_weights; may be NULL) is moved along in the same pass:
 * average = keep * average + (1 - keep) * weights. */
void flow_optimizer_step(flow_optimizer *optimizer, double learning_rate, double scale, const real *gradient,
                         real *weights, real *average, double keep, int n_threads);

/* Steps taken since the start or the last reset. */
int64_t flow_optimizer_steps(const flow_optimizer *optimizer);
/* Sets the moments and the number of steps to zero, as at the start. */
void flow_optimizer_reset(flow_optimizer *optimizer);

/* Writes the arrays of the state, to be stored or filled, and returns how many they are. */
enum { FLOW_OPTIMIZER_ARRAYS = 3 };
int flow_optimizer_state(flow_optimizer *optimizer, flow_array arrays[FLOW_OPTIMIZER_ARRAYS]);
/* FLOW_FORMAT when a state that was filled cannot be used. */
flow_status flow_optimizer_check(const flow_optimizer *optimizer, flow_error *err);

#endif
