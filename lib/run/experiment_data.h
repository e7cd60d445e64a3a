/* The data of an experiment, or its density: opening, checking, describing them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_EXPERIMENT_DATA_H
#define FLOW_RUN_EXPERIMENT_DATA_H

#include "run/experiment.h"
#include "run/hooks.h"

/* Opens the data or the density that the spec names. FLOW_DATA when two columns have the same name. Warns of rows that
 * are skipped and of a density whose gradient is wrong. */
flow_status flow_experiment_open(flow_experiment *x, int n_threads, const flow_run_hooks *hooks, flow_error *err);

/* FLOW_DATA with the first row of the training or validation data that is outside of the support of the flow. Warns of
 * columns with many equal values that the flow takes for continuous. */
flow_status flow_experiment_check(const flow_experiment *x, const flow_run_hooks *hooks, flow_error *err);

/* How many columns there will be to model, without opening the experiment: from data.columns, or from the training data
 * or the density when they are there; 0 when neither says so. Where the data cannot be read, *problem
 * (FLOW_ERROR_SIZE) says why; else it is "". */
int flow_experiment_find_columns(flow_experiment *x, char *problem);

/* ---- of an experiment that is open ---- */

/* Columns that are modelled, and their names. */
int flow_experiment_dim(const flow_experiment *x);
const char *const *flow_experiment_columns(const flow_experiment *x);
/* Rows of an epoch and held-out ones, and what they are called: "rows", "draws". */
int64_t flow_experiment_n_rows(const flow_experiment *x);
int64_t flow_experiment_n_held_out(const flow_experiment *x);
const char *flow_experiment_row_name(const flow_experiment *x);

/* The provenance of the data: {"train": {...}, "validation": {...}, "test": {...}, "density": {...}}, each as in
 * origin.h, without those that the experiment has not. The caller owns it; NULL, and an error, when memory is out. */
cJSON *flow_experiment_describe_data(const flow_experiment *x, flow_error *err);

#endif
