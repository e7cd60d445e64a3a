/* What a model file holds. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INFO_MODEL_H
#define FLOW_RUN_INFO_MODEL_H

#include "model/models.h"
#include "run/describe.h"
#include "run/ensemble.h"
#include "run/origin.h"
#include "run/train_summary.h"

typedef struct flow_history_row {
    int64_t epoch;
    double rate, seconds;
    double training;       /* mean score; in bits per dimension with training_in_bits */
    double evaluations; /* NaN: nothing was solved */
    flow_mean validation;  /* in bits per dimension with in_bits */
    bool in_bits, training_in_bits;
    bool best, solves; /* solves: of the last epoch */
    bool is_part;      /* the rows are the last ones, not all */
} flow_history_row;

/* flow_run_info_model_free. What is said of one model is, of an ensemble, said of its first member. */
typedef struct flow_run_info_model_result {
    const char *kind; /* "model", "ensemble" */
    flow_models *models;
    const flow_model *model;
    int n_members;                /* 0: a model */
    flow_list members;            /* of flow_ensemble_member_info */
    flow_ensemble_scores scores;  /* of an ensemble */
    const flow_spec *spec; /* of the model, as the next one */
    const flow_data_options *options;
    flow_text_list columns;
    flow_shape image; /* of the rows; {0}: of a table */
    flow_data_origin data, density;
    flow_train_summary summary;
    flow_list runs; /* of flow_training_run */
    flow_description flow;
    flow_list history; /* of flow_history_row */
    cJSON *history_json; /* all columns of all epochs; owned */
} flow_run_info_model_result;

/* With `all` epochs in `history`, or the last ten. */
flow_status flow_run_info_model(flow_run_info_model_result *out, const char *path, bool all, flow_error *err);
void flow_run_info_model_free(flow_run_info_model_result *result);

#endif
