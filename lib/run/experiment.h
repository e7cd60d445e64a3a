/* An experiment: a spec, and what it names: the options of training, the flow, the data or the density, the trainer.
 *
 * The steps come in this order, and each may be the last one: read, open (the data or the density), build (the flow),
 * check (the data against the flow).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_EXPERIMENT_H
#define FLOW_RUN_EXPERIMENT_H

#include "data/dataset.h"
#include "data/name_list.h"
#include "flow/flow.h"
#include "model/spec.h"
#include "run/hooks.h"
#include "train/far_rows.h"
#include "train/objective.h"
#include "train/trainer.h"

/* Starts from the first four members. */
typedef struct flow_experiment {
    const flow_run_hooks *hooks; /* borrowed: warnings go there */
    const flow_comm *comm;       /* borrowed: the ranks that share the data; NULL: this process alone */
    int n_threads;
    bool without_test; /* the test data are not opened */
    flow_spec *spec;
    const flow_data_options *data; /* of the spec, as the next two */
    const flow_train_options *train;
    flow_objective objective;
    const flow_draw_options *draws; /* where it trains on draws and a density; NULL: on data */
    const char *row_name;           /* "rows", "draws" */
    int dim;                        /* columns that are modelled, once it is open or looked at; 0 before */
    const char *const *columns;     /* (dim) their names; NULL: not known */
    flow_name_list names;           /* of columns that were looked at */
    bool channels_first;            /* the training data are images, stored as channels, height, width */
    int64_t n_rows, n_held_out;     /* rows of an epoch and held-out ones, once it is open */
    flow *f;                                    /* NULL before flow_experiment_build */
    flow_dataset *training, *validation, *test; /* NULL without */
    flow_target *target;                        /* the density, instead of training and validation; NULL without */
} flow_experiment;

/* Reads the spec and its "train"; `overrides` as in flow_spec_read. Every FLOW_SPEC names the file. */
flow_status flow_experiment_read(flow_experiment *out, const char *file, const char *const *overrides, int n_overrides,
                                 flow_error *err);
void flow_experiment_free(flow_experiment *x);
/* Takes the options of the spec anew, after a change of it. */
void flow_experiment_take_options(flow_experiment *x);

/* Builds the flow for `dim` columns that are modelled. Afterwards the document holds every default. */
flow_status flow_experiment_build(flow_experiment *x, int dim, flow_error *err);

/* Once it is built: warns of networks on one dimension without context, which have no inputs. */
void flow_experiment_warn_of_networks(const flow_experiment *x);

/* ---- its data, or its density (experiment_data.c) ---- */

/* Opens the data or the density that the spec names. FLOW_DATA when two columns have the same name. Warns of rows that
 * are skipped and of a density whose gradient is wrong. */
flow_status flow_experiment_open(flow_experiment *x, flow_error *err);

/* FLOW_DATA with the first row of the training or validation data that is outside of the support of the flow. Then
 * warns of columns. */
flow_status flow_experiment_check(const flow_experiment *x, flow_error *err);

/* Warns of columns that the flow takes for continuous and whose training data have no density, or hold what is no data:
 * many equal values, constants, functions of other columns, numbers of the rows, codes for missing values
 * (experiment_columns.c). What is said of a table does not depend on the seed that holds rows out. */
flow_status flow_experiment_warn_of_columns(const flow_experiment *x, flow_error *err);
/* Warns of codes for missing values that validation or test data have and the training data have not. */
flow_status flow_experiment_warn_of_codes(const flow_experiment *x, flow_error *err);

/* Names columns of the training data with values far from all others that the column maps of the flow, which is fitted,
 * leave far away; `far` are those whose rows are left out (train/far_rows.h). */
flow_status flow_experiment_warn_of_far_rows(const flow_experiment *x, const flow_far_rows *far, flow_error *err);

/* Names columns that reach the networks of the flow, which is fitted, with values far from the size of 1 that these are
 * made for: data without "standardize". */
flow_status flow_experiment_warn_of_sizes(const flow_experiment *x, flow_error *err);

/* Looks how many columns there will be to model, without opening the experiment: x->dim is what data.columns, the
 * training data or the density say; 0 when neither says so. Where the data cannot be read, *problem (FLOW_ERROR_SIZE)
 * says why; else it is "". */
void flow_experiment_find_columns(flow_experiment *x, char *problem);

/* The provenance of the data: {"train": {...}, "validation": {...}, "test": {...}, "density": {...}}, each as in
 * origin.h, without those that the experiment has not. The caller owns it; NULL, and an error, when memory is out. */
cJSON *flow_experiment_describe_data(const flow_experiment *x, flow_error *err);

#endif
