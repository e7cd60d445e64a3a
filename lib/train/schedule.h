/* Schedules: how the learning rate changes while training.
 *
 *     constant  rate
 *     cosine    from rate to final * rate along half a cosine over all epochs (Loshchilov and Hutter 2017, "SGDR",
 *               eq. 5, without restarts)
 *     plateau   rate * factor^k: cut by `factor` whenever `patience` epochs have passed without a significant
 *               improvement of the held-out likelihood, down to `least`
 *
 * Each begins with a linear warm-up over `warmup` steps. A schedule is a const table of functions, flow_schedule_type;
 * adding one is one table and one line in FLOW_SCHEDULES.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_SCHEDULE_H
#define FLOW_TRAIN_SCHEDULE_H

#include "core/array.h"
#include "core/option.h"

/* What a schedule remembers from epoch to epoch; part of the training state. */
typedef enum flow_schedule_memory {
    FLOW_SCHEDULE_SHARE,  /* of the rate: 1 at the start */
    FLOW_SCHEDULE_WAITED, /* epochs since the last significant improvement or cut */
    FLOW_SCHEDULE_MEMORY
} flow_schedule_memory;

typedef struct flow_schedule_type {
    const char *type;
    const char *help;
    size_t options_size;
    const flow_option *options; /* fill a struct whose first member is `int64_t warmup` */

    /* The rate of step `step` of n_steps (counted from 0), warm-up aside. */
    double (*rate)(const void *options, const double *memory, double rate, int64_t step, int64_t n_steps);
    /* After an epoch: did the held-out likelihood improve significantly? NULL: the schedule does not ask. */
    void (*observe)(const void *options, double *memory, double rate, bool improved);
} flow_schedule_type;

typedef struct flow_schedule flow_schedule;

/* From {"type": "cosine", ...}; defaults are written into the JSON. */
flow_status flow_schedule_new(flow_schedule **out, flow_json *json, flow_error *err);
void flow_schedule_free(flow_schedule *schedule);
/* Back to the start. */
void flow_schedule_reset(flow_schedule *schedule);

/* Whether the schedule goes by the held-out likelihood. */
bool flow_schedule_observes(const flow_schedule *schedule);
const char *flow_schedule_name(const flow_schedule *schedule);

/* The rate of step `step` of n_steps (counted from 0), with `rate` being the optimizer's. */
double flow_schedule_rate(const flow_schedule *schedule, double rate, int64_t step, int64_t n_steps);
void flow_schedule_observe(flow_schedule *schedule, double rate, bool improved);

/* The state, to be stored or filled, and whether what was filled can be used (FLOW_FORMAT if not). */
flow_array flow_schedule_state(flow_schedule *schedule);
flow_status flow_schedule_check(const flow_schedule *schedule, flow_error *err);

/* Adds the definition "schedule" of the JSON Schema. */
void flow_schedule_schema(cJSON *definitions);

#endif
