/* The rows of a training, and the held-out rows that it is evaluated on: data sets, draws from the base and a target
 * density, or pairs. Internal to the trainer.
 *
 * A source is a struct that begins with a flow_source, behind a const table of functions. An epoch has n_rows rows in
 * an order that is a function of the seed and the epoch; it can begin at any of them, so that a stopped run continues.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_SOURCE_H
#define FLOW_TRAIN_SOURCE_H

#include "train/evaluate.h"
#include "train/hooks.h"
#include "train/options.h"
#include "train/step.h"

typedef struct flow_source flow_source;

typedef struct flow_source_type {
    const char *row_name;   /* for messages: "row", "draw" */
    const char *score_name; /* of held-out rows, likewise: "log p", "the bound" */
    /* Sets data-dependent initial values. NULL: there are none. */
    flow_status (*fit)(flow_source *self, flow *f, real *weights, flow_error *err);
    /* Goes to row `row` of epoch `epoch`, both counted from 0. */
    flow_status (*seek)(flow_source *self, int64_t epoch, int64_t row, flow_error *err);
    /* The next n rows, valid until the next call: those of them that this process has (flow_batch_share). The caller
     * sets `share`. */
    flow_status (*next)(flow_source *self, int64_t n, flow_batch *out, flow_error *err);
    /* The number, counted from 0, of row i of the last batch in its file. Collective, as the functions above are. */
    int64_t (*number)(const flow_source *self, int64_t i);
    /* Writes scores (n_held_out) and weights (n_held_out) of the held-out rows, and their statistics. FLOW_INTERRUPTED
     * when should_stop of the hooks is true. NULL: there are no held-out rows. */
    flow_status (*evaluate)(flow_source *self, flow_likelihood *out, double *scores, double *row_weights,
                         const flow_train_hooks *hooks, flow_error *err);
    void (*free)(flow_source *self);
} flow_source_type;

struct flow_source {
    const flow_source_type *type;
    int64_t n_rows, n_held_out; /* of an epoch; n_held_out 0: there are none */
    double mean_weight;         /* of the rows of an epoch */
    const char *name, *held_out_name;    /* for messages; borrowed */
    uint32_t checksum, held_out_checksum; /* a resumed run has to have the same */
};

/* `f` and `evaluated` are the flow, with its fitted values, and the weights that are evaluated: not always those that
 * are trained. Everything is borrowed. validation may be NULL. FLOW_DATA when the columns are not those of the flow, or
 * have no spread. */
flow_status flow_source_data(flow_source **out, const flow *f, flow_dataset *training, flow_dataset *validation,
                             const real *evaluated, const flow_train_options *options, uint64_t seed, int n_threads,
                             flow_error *err);

/* Draws, which the ranks `comm` share. FLOW_SPEC when a map of the flow takes its values from data. */
flow_status flow_source_draws(flow_source **out, const flow *f, const flow_target *target,
                              const flow_draw_options *draws, const real *evaluated, const flow_train_options *options,
                              uint64_t seed, const flow_comm *comm, int n_threads, flow_error *err);

#endif
