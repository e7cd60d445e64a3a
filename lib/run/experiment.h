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

/* Builds the flow for `dim` columns that are modelled; `columns` (dim) are their names, or NULL for what the spec and
 * flow_experiment_find_columns say. Afterwards the document holds every default. */
flow_status flow_experiment_build(flow_experiment *x, int dim, const char *const *columns, flow_error *err);

/* Once it is built: warns of couplings on one dimension without context, whose networks have no inputs. */
void flow_experiment_warn_of_networks(const flow_experiment *x, const flow_run_hooks *hooks);

/* Whether it trains on draws and a density, not on data. */
bool flow_experiment_draws(const flow_experiment *x);

#endif
