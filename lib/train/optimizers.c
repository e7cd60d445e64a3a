/* The types of optimizers. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <tgmath.h>

#include "num/simd.h"
#include "train/optimizer.h"

/* ---- adam, adamw ---- */

/* The upper bounds of the rate and the lower bound of epsilon keep every step finite: no element of a step is longer
 * than rate * (1 - beta1) / sqrt(1 - beta2). */
#define ADAM_KEYS                                                                                                    \
    {FLOW_KEY(flow_optimizer_options, rate, NUMBER, "0.001"), .filled_later = true, .least = 1e-12, .most = 1000,    \
     .help = "learning rate; without it, by the flow"},                                                              \
    FLOW_KEY_NUMBER(flow_optimizer_options, beta1, "0.9", 0, 0.9999,                                                 \
                    "decay of the mean of the gradient, per step"),                                                  \
    FLOW_KEY_NUMBER(flow_optimizer_options, beta2, "0.999", 0, 0.999999,                                             \
                    "decay of the mean of the squared gradient, per step"),                                          \
    FLOW_KEY_NUMBER(flow_optimizer_options, epsilon, "1e-8", 1e-16, 1, "added to the root of the mean squared gradient")

static const flow_option adam_options[] = {ADAM_KEYS, FLOW_OPTIONS_END};

static const flow_option adamw_options[] = {
    ADAM_KEYS,
    {FLOW_KEY(flow_optimizer_options, decay, NUMBER, "0.01"), .filled_later = true, .least = 0, .most = 1,
     .help = "decay of the weights (not of biases); per step, times the rate; without it, by the rows and columns"},
    FLOW_OPTIONS_END,
};

FLOW_MULTIVERSION
static void adam_update(const flow_optimizer_step_numbers *step, size_t n, const real *restrict g, real *restrict m,
                        real *restrict v, real *restrict w)
{
    /* The moments of a weight without gradient (of a dead unit) fade; below this they would become denormal numbers,
     * which are slow on many processors and never reach zero. */
    const real tiny = (real)1e-35;
    const real beta1 = step->beta1, rest1 = step->rest1, beta2 = step->beta2, rest2 = step->rest2;
    const real rate = step->rate, root = step->root, epsilon = step->epsilon, keep = step->keep, scale = step->scale;
    for (size_t i = 0; i < n; i++) {
        real gradient = scale * g[i];
        real mean = beta1 * m[i] + rest1 * gradient;
        real square = beta2 * v[i] + rest2 * gradient * gradient;
        mean = fabs(mean) < tiny ? 0 : mean;
        square = square < tiny ? 0 : square;
        m[i] = mean;
        v[i] = square;
        w[i] = keep * w[i] - rate * mean / (root * sqrt(square) + epsilon);
    }
}

static const flow_optimizer_type adam = {
    .info = {FLOW_INFO("adam", "Adam (Kingma and Ba 2015)", adam_options, flow_optimizer_options)},
    .update = adam_update,
};

static const flow_optimizer_type adamw = {
    .info = {FLOW_INFO("adamw", "Adam with decoupled weight decay (Loshchilov and Hutter 2019)", adamw_options,
                       flow_optimizer_options)}, .update = adam_update,
};

/* ---- adamax ---- */

/* epsilon is not in the paper, where a weight that never had a gradient would move by 0 / 0. */
static const flow_option adamax_options[] = {
    FLOW_KEY_NUMBER(flow_optimizer_options, rate, "0.002", 1e-12, 1000, "learning rate"),
    FLOW_KEY_NUMBER(flow_optimizer_options, beta1, "0.9", 0, 0.9999, "decay of the mean of the gradient, per step"),
    FLOW_KEY_NUMBER(flow_optimizer_options, beta2, "0.999", 0, 0.999999,
                    "decay of the largest size of the gradient, per step"),
    FLOW_KEY_NUMBER(flow_optimizer_options, epsilon, "1e-8", 1e-16, 1, "added to the largest size of the gradient"),
    FLOW_OPTIONS_END,
};

/* v is the infinity norm u of the paper: the largest |gradient|, which fades by beta2 in each step. */
FLOW_MULTIVERSION
static void adamax_update(const flow_optimizer_step_numbers *step, size_t n, const real *restrict g, real *restrict m,
                          real *restrict v, real *restrict w)
{
    const real tiny = (real)1e-35; /* as for adam */
    const real beta1 = step->beta1, rest1 = step->rest1, beta2 = step->beta2;
    const real rate = step->rate, epsilon = step->epsilon, scale = step->scale;
    for (size_t i = 0; i < n; i++) {
        real gradient = scale * g[i];
        real mean = beta1 * m[i] + rest1 * gradient;
        real faded = beta2 * v[i], size = fabs(gradient);
        real largest = faded > size ? faded : size;
        mean = fabs(mean) < tiny ? 0 : mean;
        largest = largest < tiny ? 0 : largest;
        m[i] = mean;
        v[i] = largest;
        w[i] -= rate * mean / (largest + epsilon);
    }
}

static const flow_optimizer_type adamax = {
    .info = {FLOW_INFO("adamax", "AdaMax (Kingma and Ba 2015)", adamax_options, flow_optimizer_options)},
    .update = adamax_update,
};

/* ---- the set ---- */

static const flow_type_info *const optimizer_types[] = {&adam.info, &adamw.info, &adamax.info, NULL};

const flow_choices flow_optimizers = {.definition = "optimizer", .what = "an optimizer", .types = optimizer_types};
