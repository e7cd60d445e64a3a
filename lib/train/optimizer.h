/* Optimizers: how a gradient changes the weights.
 *
 *     adam   Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1, with bias correction
 *     adamw  Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the decay per step is
 *            rate * decay, as in PyTorch
 *
 * Only matrices (entries of more than one column) are decayed; biases, shifts and scales are not.
 *
 * An optimizer is a const table of functions, flow_optimizer_type; adding one is one table and one line in
 * FLOW_OPTIMIZERS. Masked weights have no gradient and stay zero; the stretches of them that are long enough to matter
 * are skipped. All results are the same for any number of threads.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_OPTIMIZER_H
#define FLOW_TRAIN_OPTIMIZER_H

#include "core/array.h"
#include "core/option.h"
#include "nn/params.h"
#include "num/real.h"

enum { FLOW_MOMENTS_MAX = 2, FLOW_COEFFICIENTS = 9, FLOW_OPTIMIZER_ARRAYS = FLOW_MOMENTS_MAX + 1 };

typedef struct flow_optimizer_type {
    const char *type;
    const char *help;
    size_t options_size;
    const flow_option *options; /* fill a struct whose first member is `double rate` */
    int n_moments;              /* vectors like the weights that the optimizer keeps from step to step */

    /* What update needs to know of a step: `step` counts from 1, `scale` goes on the gradient, a stretch of weights
     * decays or does not. Whatever a table makes of c is its own business. */
    void (*coefficients)(const void *options, int64_t step, double rate, double scale, bool decays,
                         real c[FLOW_COEFFICIENTS]);
    /* n (a multiple of FLOW_LANES) weights w and moments, given the gradient g. */
    void (*update)(const real *c, size_t n, const real *g, real *const *moments, real *w);
} flow_optimizer_type;

typedef struct flow_optimizer flow_optimizer;

/* From {"type": "adam", "rate": 1e-3, ...} (defaults are written into the JSON), for the weights of `params`. */
flow_status flow_optimizer_new(flow_optimizer **out, flow_json *json, const flow_params *params, flow_error *err);
void flow_optimizer_free(flow_optimizer *optimizer);

/* The rate of the spec, before schedule and cuts. */
double flow_optimizer_rate(const flow_optimizer *optimizer);

/* The 2-norm of a gradient (n_weights), summed in double in a fixed order. Not finite when an element is not. */
double flow_optimizer_norm(flow_optimizer *optimizer, const real *gradient, int n_threads);

/* One step with `scale` times the gradient. `average` (n_weights; may be NULL) is moved along in the same pass:
 * average = keep * average + (1 - keep) * weights. */
void flow_optimizer_step(flow_optimizer *optimizer, double rate, double scale, const real *gradient, real *weights,
                         real *average, double keep, int n_threads);

/* Steps taken since the start or the last reset. */
int64_t flow_optimizer_steps(const flow_optimizer *optimizer);
/* Forgets the moments, as at the start. */
void flow_optimizer_reset(flow_optimizer *optimizer);

/* The state, to be stored or filled: writes up to FLOW_OPTIMIZER_ARRAYS entries and returns how many. */
int flow_optimizer_arrays(flow_optimizer *optimizer, flow_array *arrays);
/* Whether a state that was filled can be used; FLOW_FORMAT if not. */
flow_status flow_optimizer_check(const flow_optimizer *optimizer, flow_error *err);

/* Adds the definition "optimizer" of the JSON Schema. */
void flow_optimizer_schema(cJSON *definitions);

#endif
