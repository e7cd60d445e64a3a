/* Schedules: how the learning rate changes during training.
 *
 *     constant  rate
 *     cosine    from rate to final * rate along half a cosine over all epochs (Loshchilov and Hutter 2017, "SGDR",
 *               eq. 5, without restarts)
 *     plateau   rate * factor^k: multiplied by `factor` whenever `patience` epochs have passed without a significant
 *               improvement of the held-out likelihood, down to `least`
 *
 * Each begins with a linear warm-up over `warmup` steps. Adding a schedule is one flow_schedule_type in schedule.c,
 * with its table of options.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_SCHEDULE_H
#define FLOW_TRAIN_SCHEDULE_H

#include "core/array.h"
#include "core/option.h"

/* The options of all schedules; a type without a key for a member leaves it 0. */
typedef struct flow_schedule_options {
    int64_t warmup;
    double final;         /* cosine */
    double factor, least; /* plateau */
    int64_t patience;     /* plateau */
} flow_schedule_options;

/* What changes from epoch to epoch; part of the training state. */
typedef struct flow_schedule_memory {
    double share;   /* of the rate: 1 at the start */
    int64_t waited; /* epochs since the last significant improvement or cut */
} flow_schedule_memory;

typedef struct flow_schedule_type {
    flow_type_info info; /* its options fill a flow_schedule_options */
    /* The rate of step `step` of n_steps (counted from 0), without the warm-up. */
    double (*rate)(const flow_schedule_options *options, const flow_schedule_memory *memory, double rate, int64_t step,
                   int64_t n_steps);
    /* Called after each epoch; `improved`: the held-out likelihood improved significantly. NULL: not needed. */
    void (*observe)(const flow_schedule_options *options, flow_schedule_memory *memory, double rate, bool improved);
} flow_schedule_type;

/* All of them. */
extern const flow_choices flow_schedules;

typedef struct flow_schedule {
    const flow_schedule_type *type;
    flow_schedule_options options;
    flow_schedule_memory memory;
} flow_schedule;

/* From a choice of flow_schedules, at the start. The options are copied. */
flow_schedule flow_schedule_of(const flow_choice *choice);
/* Back to the start. */
void flow_schedule_reset(flow_schedule *schedule);

/* The rate of step `step` of n_steps (counted from 0); `rate` is that of the optimizer. */
double flow_schedule_rate(const flow_schedule *schedule, double rate, int64_t step, int64_t n_steps);
void flow_schedule_observe(flow_schedule *schedule, double rate, bool improved);

/* Writes the arrays of the state, to be stored or filled, and returns how many they are. */
enum { FLOW_SCHEDULE_ARRAYS = 2 };
int flow_schedule_state(flow_schedule *schedule, flow_array arrays[FLOW_SCHEDULE_ARRAYS]);
/* FLOW_FORMAT when a state that was filled cannot be used. */
flow_status flow_schedule_check(const flow_schedule *schedule, flow_error *err);

#endif
