/* What is where in a model file, for the writer and the reader (docs/model-file.md). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_LAYOUT_H
#define FLOW_MODEL_LAYOUT_H

#include "core/array.h"
#include "core/error.h"
#include "nn/params.h"

/* Attributes of the root. */
#define FLOW_MODEL_FORMAT "format"
#define FLOW_MODEL_FORMAT_NAME "flowctl-model"
#define FLOW_MODEL_FORMAT_VERSION "format_version"
#define FLOW_MODEL_PROGRAM_VERSION "program_version"
#define FLOW_MODEL_PRECISION "precision"
#define FLOW_MODEL_DIRECTORY "directory"

/* Datasets and groups. */
#define FLOW_MODEL_SPEC "spec"
#define FLOW_MODEL_COLUMNS "columns" /* also an attribute of the history */
#define FLOW_MODEL_PARAMETERS "parameters"
#define FLOW_MODEL_TRAINING "training"
#define FLOW_MODEL_HISTORY "history"
#define FLOW_MODEL_PROVENANCE "provenance"
#define FLOW_MODEL_SUMMARY "summary"

/* Of an ensemble: the models, in groups 1, 2, ..., each with what a model file has at its root, and their weights. */
#define FLOW_MODEL_MEMBERS "members"
#define FLOW_MODEL_WEIGHTS "weights"

/* An array of the file, and its path there. */
typedef struct flow_stored {
    flow_array array; /* its name is `path`, so the struct stays where it is */
    char path[160];
} flow_stored;

/* An entry of the parameters: in `weights` (n_weights), or in the fitted values. */
void flow_stored_parameter(flow_stored *out, const flow_params *params, const flow_param *entry, const real *weights);
/* An array of the training state. FLOW_ARGUMENT when its name is too long. */
flow_status flow_stored_state(flow_stored *out, const flow_array *state, flow_error *err);

#endif
