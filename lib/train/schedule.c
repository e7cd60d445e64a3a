/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/schedule.h"

#include <math.h>

#include "num/real.h"

#define WARMUP                                                    \
    FLOW_KEY_INT(flow_schedule_options, warmup, "0", 0, 1e9,       \
                 "steps over which the rate rises linearly from 0 at the start")

/* ---- constant ---- */

static const flow_option constant_options[] = {WARMUP, FLOW_OPTIONS_END};

static double constant_rate(const flow_schedule_options *options, const flow_schedule_memory *memory, double rate,
                            int64_t step, int64_t n_steps)
{
    (void)options, (void)memory, (void)step, (void)n_steps;
    return rate;
}

static const flow_schedule_type constant = {
    .info = {FLOW_INFO("constant", "the same rate throughout", constant_options, flow_schedule_options)},
    .rate = constant_rate,
};

/* ---- cosine ---- */

static const flow_option cosine_options[] = {
    WARMUP,
    FLOW_KEY_NUMBER(flow_schedule_options, final, "0", 0, 1,
                    "share of the rate that is left at the end of the last epoch"),
    FLOW_OPTIONS_END,
};

static double cosine_rate(const flow_schedule_options *o, const flow_schedule_memory *memory, double rate,
                          int64_t step, int64_t n_steps)
{
    (void)memory;
    int64_t length = n_steps - o->warmup;
    double done = length > 0 ? (double)(step - o->warmup) / (double)length : 1;
    done = done < 0 ? 0 : done > 1 ? 1 : done;
    return rate * (o->final + (1 - o->final) * 0.5 * (1 + cos(FLOW_PI * done)));
}

static const flow_schedule_type cosine = {
    .info = {FLOW_INFO("cosine", "down along half a cosine over all epochs (Loshchilov and Hutter 2017)",
                       cosine_options, flow_schedule_options)},
    .rate = cosine_rate,
};

/* ---- plateau ---- */

static const flow_option plateau_options[] = {
    WARMUP,
    FLOW_KEY_NUMBER(flow_schedule_options, factor, "0.5", 0.001, 0.999, "what a cut multiplies the rate by"),
    FLOW_KEY_INT(flow_schedule_options, patience, "5", 1, 1e9,
                 "epochs without a significant improvement before a cut"),
    FLOW_KEY_NUMBER(flow_schedule_options, least, "1e-6", 0, 1000, "the rate is not cut below this"),
    FLOW_OPTIONS_END,
};

static double plateau_rate(const flow_schedule_options *o, const flow_schedule_memory *memory, double rate,
                           int64_t step, int64_t n_steps)
{
    (void)step, (void)n_steps;
    double cut = rate * memory->share;
    return cut > o->least ? cut : fmin(rate, o->least);
}

static void plateau_observe(const flow_schedule_options *o, flow_schedule_memory *memory, double rate, bool improved)
{
    if (improved) {
        memory->waited = 0;
        return;
    }
    if (++memory->waited < o->patience)
        return;
    memory->waited = 0;
    if (rate * memory->share > o->least)
        memory->share *= o->factor;
}

static const flow_schedule_type plateau = {
    .info = {FLOW_INFO("plateau", "cut when the held-out likelihood has stopped improving", plateau_options,
                       flow_schedule_options)},
    .rate = plateau_rate,
    .observe = plateau_observe,
};

/* ---- all of them ---- */

static const flow_type_info *const schedule_types[] = {&constant.info, &cosine.info, &plateau.info, NULL};

const flow_choices flow_schedules = {.definition = "schedule", .what = "a schedule", .types = schedule_types};

flow_schedule flow_schedule_of(const flow_choice *choice)
{
    return (flow_schedule){.type = (const flow_schedule_type *)choice->type,
                           .options = *(const flow_schedule_options *)choice->options,
                           .memory = {.share = 1}};
}

void flow_schedule_reset(flow_schedule *schedule)
{
    schedule->memory = (flow_schedule_memory){.share = 1};
}

double flow_schedule_rate(const flow_schedule *schedule, double rate, int64_t step, int64_t n_steps)
{
    int64_t warmup = schedule->options.warmup;
    double now = schedule->type->rate(&schedule->options, &schedule->memory, rate, step, n_steps);
    return step < warmup ? now * (double)(step + 1) / (double)warmup : now;
}

void flow_schedule_observe(flow_schedule *schedule, double rate, bool improved)
{
    if (schedule->type->observe != NULL)
        schedule->type->observe(&schedule->options, &schedule->memory, rate, improved);
}

int flow_schedule_state(flow_schedule *schedule, flow_array arrays[FLOW_SCHEDULE_ARRAYS])
{
    flow_schedule_memory *m = &schedule->memory;
    arrays[0] = (flow_array){"schedule_share", FLOW_ARRAY_DOUBLE, 1, 1, &m->share, false};
    arrays[1] = (flow_array){"schedule_waited", FLOW_ARRAY_INT64, 1, 1, &m->waited, false};
    return FLOW_SCHEDULE_ARRAYS;
}

flow_status flow_schedule_check(const flow_schedule *schedule, flow_error *err)
{
    const flow_schedule_memory *m = &schedule->memory;
    if (m->share >= 0 && m->share <= 1 && m->waited >= 0 && m->waited <= (int64_t)1 << 53)
        return FLOW_OK;
    return flow_error_set(err, FLOW_FORMAT, "the training state is damaged: its schedule has share %g and waited %lld",
                          m->share, (long long)m->waited);
}
