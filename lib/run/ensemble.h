/* What an ensemble is made of, and what it came to. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ENSEMBLE_H
#define FLOW_RUN_ENSEMBLE_H

#include "model/models.h"
#include "run/report.h"

/* The summary of its file. NaN: not known. */
typedef struct flow_ensemble_scores {
    flow_mean validation;      /* mean log-density of the rows that the weights were fitted to, */
    flow_mean gain;            /* and by how much it is above that of the best member, paired by rows */
    flow_mean test, test_gain; /* the same of rows that decided nothing */
    int64_t validation_rows, test_rows;
} flow_ensemble_scores;
extern const flow_report_field flow_ensemble_scores_fields[];

/* Strings and JSON are borrowed from the models. */
typedef struct flow_ensemble_member_info {
    int64_t member; /* from 1 */
    double weight;
    const char *model, *settings; /* the file that it came from, and what is special about it; NULL: not known */
    int64_t parameters, epochs;
    flow_mean validation;
    const cJSON *spec, *summary, *provenance;
} flow_ensemble_member_info;
extern const flow_report_field flow_ensemble_member_info_fields[];

/* *out is a list of flow_ensemble_member_info, the caller's (free). */
flow_status flow_ensemble_list_members(flow_list *out, const flow_models *models, flow_error *err);

/* The provenance of an ensemble, the caller's: the data of the first model, and for each member the file it came from
 * and what is special about it. `files` and `settings` (n). NULL when memory is out. */
cJSON *flow_ensemble_provenance(const flow_models *models, const char *const *files, const char *const *settings);

#endif
