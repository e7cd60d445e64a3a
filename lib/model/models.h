/* The models of a file: one, or the members of an ensemble.
 *
 * An ensemble is a mixture p(x) = sum_k w_k p_k(x) of models of the same columns (flow/ensemble.h). Its file is a model
 * file whose root has, in place of the parameters of one model, the group `members` with a model in each of its groups
 * 1, 2, ..., and their `weights`. It has no training state: it cannot be trained on.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_MODELS_H
#define FLOW_MODEL_MODELS_H

#include "flow/ensemble.h"
#include "model/model.h"

typedef struct flow_models {
    char *path; /* of the file, also when a spec led to it */
    int n;
    flow_model **members;        /* (n), of a file with one model that one; their path and size are those of the file */
    double *weights;             /* (n): of the members, 1 in all */
    cJSON *provenance, *summary; /* of the ensemble; NULL when absent, or when the file has one model */
} flow_models;

/* As flow_model_load, of a file of either kind. FLOW_FORMAT, too, for members whose densities cannot be mixed, and for
 * weights that are no probabilities. */
flow_status flow_models_load(flow_models **out, const char *path, flow_error *err);
void flow_models_free(flow_models *models);

/* Replaces `path` by an ensemble (core/replace.h), as flow_model_save does. `models`: members that were loaded and
 * their weights, provenance and summary; its path is not used. FLOW_ARGUMENT when they cannot be mixed. */
flow_status flow_models_save(const char *path, const flow_models *models, flow_error *err);

/* The evaluation of the models; *out is the caller's, and borrows from them. */
flow_status flow_models_run(flow_ensemble **out, const flow_models *models, int n_threads, flow_error *err);

#endif
