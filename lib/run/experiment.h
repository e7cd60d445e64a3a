/* An experiment: a spec, and what it names: the options of training, the flow, the data or the density, the trainer.
 *
 * The steps come in this order, and each may be the last one: read, open (the data or the density), build (the flow),
 * check (the data against the flow).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_EXPERIMENT_H
#define FLOW_RUN_EXPERIMENT_H

#include "data/dataset.h"
#include "flow/flow.h"
#include "model/spec.h"
#include "run/hooks.h"
#include "train/objective.h"
#include "train/trainer.h"

/* Starts from {0}. */
typedef struct flow_experiment {
    flow_spec *spec;
    flow_train_options options;
    flow_objective objective;
    char **names; /* (n_names): of the columns that the data were found to have, when data.columns does not say */
    int n_names;
    flow *f;                                    /* NULL before flow_experiment_build */
    flow_dataset *training, *validation, *test; /* NULL without */
    flow_target *target;                        /* the density, instead of training and validation; NULL without */
} flow_experiment;

/* Reads the spec and its "train"; `overrides` as in flow_spec_read. Every FLOW_SPEC names the file. */
flow_status flow_experiment_read(flow_experiment *out, const char *file, const char *const *overrides, int n_overrides,
                                 flow_error *err);
void flow_experiment_free(flow_experiment *x);

/* Opens the data or the density that the spec names. FLOW_DATA when two columns have the same name. Warns of rows that
 * are skipped and of a density whose gradient is wrong. */
flow_status flow_experiment_open(flow_experiment *x, int n_threads, const flow_run_hooks *hooks, flow_error *err);

/* Builds the flow for `dim` columns that are modelled; `columns` (dim) are their names, or NULL for what the spec and
 * flow_experiment_columns say. Afterwards the document holds every default. */
flow_status flow_experiment_build(flow_experiment *x, int dim, const char *const *columns, flow_error *err);

/* FLOW_DATA with the first row of the training or validation data that is outside of the support of the flow. Warns of
 * columns with many equal values that the flow takes for continuous. */
flow_status flow_experiment_check(const flow_experiment *x, const flow_run_hooks *hooks, flow_error *err);

/* Whether it trains on draws and a density, not on data. */
bool flow_experiment_draws(const flow_experiment *x);

/* Loads that density. FLOW_SPEC names the file and the key. */
flow_status flow_experiment_open_target(const flow_experiment *x, flow_target **out, flow_error *err);

/* How many columns there will be to model, without opening the experiment: from data.columns, or from the training data
 * or the density when they are there; 0 when neither says so. Data that cannot be read are no error: *problem
 * (FLOW_ERROR_SIZE) says why, "" for nothing. */
int flow_experiment_find_columns(flow_experiment *x, char *problem);

/* ---- of an experiment that is open ---- */

/* Columns that are modelled, and their names. */
int flow_experiment_dim(const flow_experiment *x);
const char *const *flow_experiment_columns(const flow_experiment *x);
/* Rows of an epoch and held-out ones, and what they are called: "rows", "draws". */
int64_t flow_experiment_n_rows(const flow_experiment *x);
int64_t flow_experiment_n_held_out(const flow_experiment *x);
const char *flow_experiment_row_name(const flow_experiment *x);

/* {"train": {"location", "rows", "columns", "checksum", ...}, ...}, and {"location", "dimensions", "checksum"} of the
 * density, for provenance; the caller's. */
cJSON *flow_experiment_describe_data(const flow_experiment *x);
cJSON *flow_experiment_describe_target(const flow_experiment *x);

#endif
