/* The data of an experiment, or its density: opening, checking, describing them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_EXPERIMENT_DATA_H
#define FLOW_RUN_EXPERIMENT_DATA_H

#include "run/experiment.h"
#include "run/hooks.h"

/* Opens the data or the density that the spec names. FLOW_DATA when two columns have the same name. Warns of rows that
 * are skipped and of a density whose gradient is wrong. */
flow_status flow_experiment_open(flow_experiment *x, flow_error *err);

/* FLOW_DATA with the first row of the training or validation data that is outside of the support of the flow. Warns of
 * columns with many equal values that the flow takes for continuous. */
flow_status flow_experiment_check(const flow_experiment *x, flow_error *err);

/* Looks how many columns there will be to model, without opening the experiment: x->dim is what data.columns, the
 * training data or the density say; 0 when neither says so. Where the data cannot be read, *problem (FLOW_ERROR_SIZE)
 * says why; else it is "". */
void flow_experiment_find_columns(flow_experiment *x, char *problem);

/* The provenance of the data: {"train": {...}, "validation": {...}, "test": {...}, "density": {...}}, each as in
 * origin.h, without those that the experiment has not. The caller owns it; NULL, and an error, when memory is out. */
cJSON *flow_experiment_describe_data(const flow_experiment *x, flow_error *err);

#endif
