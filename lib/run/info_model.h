/* What a model file holds. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INFO_MODEL_H
#define FLOW_RUN_INFO_MODEL_H

#include "model/model.h"
#include "run/describe.h"
#include "run/origin.h"
#include "run/train_summary.h"

/* A time that the training was started or resumed; "?": not stored. */
typedef struct flow_training_run {
    const char *command, *date, *host, *version;
} flow_training_run;

typedef struct flow_history_row {
    int64_t epoch;
    double training, rate, seconds;
    double evaluations; /* NaN: nothing was solved */
    flow_mean validation;
    bool best, solves;   /* solves: of the last epoch */
    bool is_part, whole; /* whether the rows are the last ones or all of them */
} flow_history_row;

/* flow_run_info_model_free. Strings are borrowed from the model. */
typedef struct flow_run_info_model_result {
    flow_model *model;
    const char *kind, *path, *name, *weight; /* kind: "model" */
    flow_text_list columns, context;
    flow_data_origin data, density;
    flow_train_summary summary;
    flow_list runs; /* of flow_training_run */
    flow_description flow;
    flow_list history; /* of flow_history_row */
    cJSON *spec, *summary_json, *provenance; /* borrowed; NULL when absent */
    cJSON *history_json;                     /* all columns of all epochs; owned */
    bool allows_negative_weights, has_summary;
} flow_run_info_model_result;

/* With `all` epochs in `history`, or the last ten. */
flow_status flow_run_info_model(flow_run_info_model_result *out, const char *path, bool all, flow_error *err);
void flow_run_info_model_free(flow_run_info_model_result *result);

#endif
