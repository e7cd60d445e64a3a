/* The "train" object of a spec. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/kind.h"
#include "train/objective.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/trainer.h"

static const flow_option table[] = {
    {.key = "objective", .kind = FLOW_OPTION_JSON, .offset = offsetof(flow_train_options, objective),
     .fallback = "{\"type\": \"mle\"}", .refers = "objective", .help = "what training makes large"},
    {.key = "optimizer", .kind = FLOW_OPTION_JSON, .offset = offsetof(flow_train_options, optimizer),
     .fallback = "{\"type\": \"adam\"}", .refers = "optimizer", .help = "how a gradient changes the weights"},
    {.key = "schedule", .kind = FLOW_OPTION_JSON, .offset = offsetof(flow_train_options, schedule),
     .fallback = "{\"type\": \"cosine\"}", .refers = "schedule", .help = "how the learning rate changes"},
    {.key = "batch", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_train_options, batch), .fallback = "256",
     .least = 1, .most = 1 << 20, .help = "rows per step"},
    {.key = "epochs", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_train_options, epochs), .fallback = "100",
     .least = 1, .most = 1e9, .help = "passes over the training data, at most"},
    {.key = "patience", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_train_options, patience), .fallback = "20",
     .least = 0, .most = 1e9,
     .help = "epochs without a significant improvement of the held-out likelihood before training stops; 0: never"},
    {.key = "min_improvement", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_train_options, min_improvement),
     .fallback = "1", .least = 0, .most = 100,
     .help = "what is significant, in standard errors of the paired difference of held-out log-densities"},
    {.key = "clip", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_train_options, clip), .fallback = "5",
     .least = 0, .most = 1e18, .help = "largest 2-norm of the gradient; 0: no clipping"},
    {.key = "ema", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_train_options, ema), .fallback = "0",
     .least = 0, .most = 0.999999,
     .help = "decay, per step, of the moving average of the weights that is evaluated and kept; 0: none"},
    FLOW_OPTIONS_END};

/* Objective, optimizer and schedule are made once to check their options and to fill in their defaults. */
static flow_status check(const flow_train_options *options, flow_error *err)
{
    const flow_params none = {0};
    flow_json json = options->objective;
    flow_objective objective;
    flow_status status = flow_objective_new(&objective, &json, err);
    flow_objective_release(&objective);
    if (status != FLOW_OK)
        return status;
    json = options->optimizer;
    flow_optimizer *optimizer = NULL;
    status = flow_optimizer_new(&optimizer, &json, &none, err);
    flow_optimizer_free(optimizer);
    if (status != FLOW_OK)
        return status;
    json = options->schedule;
    flow_schedule *schedule = NULL;
    status = flow_schedule_new(&schedule, &json, err);
    flow_schedule_free(schedule);
    return status;
}

flow_status flow_train_options_read(flow_train_options *out, flow_json *train, flow_error *err)
{
    *out = (flow_train_options){0};
    flow_status status = flow_options_read(out, table, train, NULL, err);
    return status == FLOW_OK ? check(out, err) : status;
}

void flow_train_schema(cJSON *definitions)
{
    cJSON *train = cJSON_AddObjectToObject(definitions, "train");
    cJSON_AddStringToObject(train, "type", "object");
    cJSON_AddItemToObject(train, "properties", flow_options_schema(table));
    cJSON_AddBoolToObject(train, "additionalProperties", false);
    flow_objective_schema(definitions);
    flow_optimizer_schema(definitions);
    flow_schedule_schema(definitions);
}
