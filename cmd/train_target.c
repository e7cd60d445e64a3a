/* The density of `flowctl train`, when the objective is on one and not on data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "session.h"
#include "train.h"

/* Half of a training could go by before one sees that a sign is wrong. */
static flow_status check_gradient(const train_run *run, flow_error *err)
{
    flow_target_mismatch wrong;
    flow_status status = flow_target_check(run->target, &wrong, err);
    if (status == FLOW_OK && wrong.n_wrong > 0)
        console_warn(run->con, "%s: the gradient does not go with the values: of %d derivatives that were compared "
                     "with difference quotients %d differ; worst is dimension %d, %.6g instead of %.6g at %.6g",
                     flow_target_path(run->target), wrong.n_compared, wrong.n_wrong, wrong.dimension + 1, wrong.found,
                     wrong.wanted, wrong.at);
    return status;
}

flow_status train_open_target(train_run *run, flow_error *err)
{
    flow_status status = plan_open_target(&run->p, &run->target, err);
    return status == FLOW_OK ? check_gradient(run, err) : status;
}

flow_status train_estimate(train_run *run, flow_error *err)
{
    flow_draws *draws = NULL;
    flow_status status = flow_draws_new(&draws, flow_trainer_best_flow(run->trainer), flow_trainer_best(run->trainer),
                                        run->target, session_threads(&run->args->common), err);
    if (status == FLOW_OK)
        status = flow_draws_estimate(&run->estimate, draws, run->p.spec->seed,
                                     flow_objective_draws(&run->p.objective)->test, err);
    flow_draws_free(draws);
    if (status == FLOW_OK && run->estimate.not_finite > 0)
        console_warn(run->con, "the log-density of %lld draws of the trained flow is not finite, so there is no "
                     "estimate", (long long)run->estimate.not_finite);
    return status;
}

cJSON *train_describe_target(const train_run *run)
{
    const char *path = flow_target_path(run->target);
    char checksum[32], *absolute = realpath(path, NULL);
    snprintf(checksum, sizeof checksum, "crc32:%08lx", (unsigned long)flow_target_checksum(run->target));
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "location", absolute != NULL ? absolute : path);
    cJSON_AddNumberToObject(object, "dimensions", flow_target_dim(run->target));
    cJSON_AddStringToObject(object, "checksum", checksum);
    free(absolute);
    return object;
}

static void add_estimate(cJSON *object, const char *key, double mean, double error)
{
    cJSON *estimate = cJSON_AddObjectToObject(object, key);
    cJSON_AddNumberToObject(estimate, "mean", mean);
    cJSON_AddNumberToObject(estimate, "standard_error", error);
}

cJSON *train_describe_estimate(const train_run *run)
{
    const flow_estimate *e = &run->estimate;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "draws", (double)e->draws);
    add_estimate(object, "bound", e->bound, e->bound_error);
    add_estimate(object, "log_z", e->log_z, e->log_z_error);
    cJSON_AddNumberToObject(object, "effective_sample_size", e->effective);
    cJSON_AddNumberToObject(object, "pareto_k", e->pareto_k);
    return object;
}
