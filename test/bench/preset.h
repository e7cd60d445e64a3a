/* The flows that are measured: the presets of configs/, read from there so that they cannot drift, on generated rows.
 *
 * Nothing of what the arithmetic costs depends on the data or on how well the weights fit them; the weights are the
 * initial ones plus a little noise, so that the last layers are not zero.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_PRESET_H
#define BENCH_PRESET_H

#include "flow/rows.h"
#include "model/spec.h"
#include "train/optimizer.h"
#include "train/step.h"
#include "train/trainer.h"

/* What is read: a spec, the number of columns of its data, and what is to be different. */
typedef struct preset_source {
    const char *label, *file;
    const char *override; /* "train.batch=512", or NULL */
    int dim;
    size_t n_rows; /* in a call of logprob or sample */
} preset_source;

enum { PRESET_MAF, PRESET_REALNVP, PRESET_WIDE, N_PRESETS };
extern const preset_source preset_sources[N_PRESETS];

typedef struct preset {
    const preset_source *source;
    flow_spec *spec;
    flow_train_options options;
    flow *f;
    real *weights, *average, *gradient;
    double *rows;         /* (n_rows, dim) */
    double *x, *logp;     /* (n_rows, dim), (n_rows): results */
    size_t n_rows, batch; /* batch: rows of a training step */
    size_t live;          /* weights that are multiplied: no masked ones, no biases */
    int n_threads;
    flow_runner *runner;
    flow_step *step;
    flow_optimizer *optimizer;
} preset;

/* Ends the program when something is wrong. */
void preset_open(preset *p, const preset_source *source, int n_threads);
void preset_close(preset *p);

/* What can be measured; the context is a preset. A step is what the trainer does with a batch that has been read:
 * score, gradient, its norm for the clipping, optimizer, average. */
void preset_logprob(void *context);
void preset_step(void *context);
void preset_sample(void *context);
void preset_to_latent(void *context);
void preset_to_data(void *context);

/* Floating-point operations of a step's or a pass's row: two for each live weight in a pass, and for a step two more
 * for the gradient at the layer's input and two for the gradient at the weight. */
double preset_pass_flops(const preset *p);
double preset_step_flops(const preset *p);

/* Ends the program with the error's message unless status is FLOW_OK. */
void preset_check(flow_status status, const flow_error *err);

#endif
