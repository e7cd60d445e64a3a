/* A spec that is read whole: the document, the options of training, and the flow that it describes. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_PLAN_H
#define FLOW_CMD_PLAN_H

#include "flow/flow.h"
#include "model/spec.h"
#include "train/trainer.h"

/* Starts from {0}. */
typedef struct plan {
    flow_spec *spec;
    flow_train_options training;
    flow *f; /* NULL before plan_build */
} plan;

/* Reads the spec and its "train"; `overrides` as in flow_spec_read. Every FLOW_SPEC names the file. */
flow_status plan_read(plan *out, const char *file, const char *const *overrides, int n_overrides, flow_error *err);

/* Builds the flow for `dim` columns that are modelled; `columns` (dim) are their names, or NULL. Afterwards the
 * document holds every default. */
flow_status plan_build(plan *p, int dim, const char *const *columns, flow_error *err);

/* How many columns there will be to model: from data.columns, or from the training data when they are there; 0
 * when neither says so. Unreadable data are no error here: *problem (FLOW_ERROR_SIZE) says what is the matter with them,
 * "" for nothing. */
int plan_columns(const plan *p, char *problem);

void plan_free(plan *p);

#endif
