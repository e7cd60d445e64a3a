/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "num/real.h"
#include "train/kind.h"

#define WARMUP(type)                                                                                       \
    {                                                                                                      \
        .key = "warmup", .kind = FLOW_OPTION_INT, .offset = offsetof(type, warmup), .fallback = "0",       \
        .least = 0, .most = 1e9, .help = "steps over which the rate rises linearly from 0 at the start"    \
    }

/* ---- constant ---- */

typedef struct constant_options {
    int64_t warmup;
} constant_options;

static const flow_option constant_table[] = {WARMUP(constant_options), FLOW_OPTIONS_END};

static double constant_rate(const void *options, const double *memory, double rate, int64_t step, int64_t n_steps)
{
    (void)options, (void)memory, (void)step, (void)n_steps;
    return rate;
}

static const flow_schedule_type schedule_constant = {
    .type = "constant",
    .help = "the same rate throughout",
    .options_size = sizeof(constant_options),
    .options = constant_table,
    .rate = constant_rate,
};

/* ---- cosine ---- */

typedef struct cosine_options {
    int64_t warmup;
    double final;
} cosine_options;

static const flow_option cosine_table[] = {
    WARMUP(cosine_options),
    {.key = "final", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(cosine_options, final), .fallback = "0", .least = 0,
     .most = 1, .help = "share of the rate that is left at the end of the last epoch"},
    FLOW_OPTIONS_END};

static double cosine_rate(const void *options, const double *memory, double rate, int64_t step, int64_t n_steps)
{
    (void)memory;
    const cosine_options *o = options;
    int64_t length = n_steps - o->warmup;
    double done = length > 0 ? (double)(step - o->warmup) / (double)length : 1;
    done = done < 0 ? 0 : done > 1 ? 1 : done;
    return rate * (o->final + (1 - o->final) * 0.5 * (1 + cos(FLOW_PI * done)));
}

static const flow_schedule_type schedule_cosine = {
    .type = "cosine",
    .help = "down along half a cosine over all epochs (Loshchilov and Hutter 2017)",
    .options_size = sizeof(cosine_options),
    .options = cosine_table,
    .rate = cosine_rate,
};

/* ---- plateau ---- */

typedef struct plateau_options {
    int64_t warmup;
    double factor, least;
    int64_t patience;
} plateau_options;

static const flow_option plateau_table[] = {
    WARMUP(plateau_options),
    {.key = "factor", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(plateau_options, factor), .fallback = "0.5",
     .least = 0.001, .most = 0.999, .help = "what a cut multiplies the rate by"},
    {.key = "patience", .kind = FLOW_OPTION_INT, .offset = offsetof(plateau_options, patience), .fallback = "5",
     .least = 1, .most = 1e9, .help = "epochs without a significant improvement before a cut"},
    {.key = "least", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(plateau_options, least), .fallback = "1e-6",
     .least = 0, .most = 1000, .help = "the rate is not cut below this"},
    FLOW_OPTIONS_END};

static double plateau_rate(const void *options, const double *memory, double rate, int64_t step, int64_t n_steps)
{
    (void)step, (void)n_steps;
    const plateau_options *o = options;
    double cut = rate * memory[FLOW_SCHEDULE_SHARE];
    return cut > o->least ? cut : fmin(rate, o->least);
}

static void plateau_observe(const void *options, double *memory, double rate, bool improved)
{
    const plateau_options *o = options;
    if (improved) {
        memory[FLOW_SCHEDULE_WAITED] = 0;
        return;
    }
    if (++memory[FLOW_SCHEDULE_WAITED] < (double)o->patience)
        return;
    memory[FLOW_SCHEDULE_WAITED] = 0;
    if (rate * memory[FLOW_SCHEDULE_SHARE] > o->least)
        memory[FLOW_SCHEDULE_SHARE] *= o->factor;
}

static const flow_schedule_type schedule_plateau = {
    .type = "plateau",
    .help = "cut when the held-out likelihood has stopped improving",
    .options_size = sizeof(plateau_options),
    .options = plateau_table,
    .rate = plateau_rate,
    .observe = plateau_observe,
};

/* ---- the list; the first is the default ---- */

#define FLOW_SCHEDULES(X) X(constant) X(cosine) X(plateau)

#define ENTRY(name) &schedule_##name,
static const flow_schedule_type *const types[] = {FLOW_SCHEDULES(ENTRY)};
#undef ENTRY
enum { N_TYPES = sizeof types / sizeof *types };

static void list_kinds(flow_kind kinds[N_TYPES])
{
    for (int k = 0; k < N_TYPES; k++)
        kinds[k] = (flow_kind){types[k]->type, types[k]->help, types[k]->options, types[k]->options_size};
}

void flow_schedule_schema(cJSON *definitions)
{
    flow_kind kinds[N_TYPES];
    list_kinds(kinds);
    flow_kind_schema(definitions, "schedule", kinds, N_TYPES);
}

struct flow_schedule {
    const flow_schedule_type *type;
    void *options;
    double memory[FLOW_SCHEDULE_MEMORY];
};

flow_status flow_schedule_new(flow_schedule **out, flow_json *json, flow_error *err)
{
    *out = NULL;
    flow_schedule *s = calloc(1, sizeof *s);
    if (s == NULL)
        return flow_error_memory(err, "the schedule");
    flow_kind kinds[N_TYPES];
    list_kinds(kinds);
    int index = 0;
    flow_status status = flow_kind_read(&index, &s->options, json, kinds, N_TYPES, err);
    if (status != FLOW_OK) {
        free(s);
        return status;
    }
    s->type = types[index];
    flow_schedule_reset(s);
    *out = s;
    return FLOW_OK;
}

void flow_schedule_free(flow_schedule *schedule)
{
    if (schedule == NULL)
        return;
    free(schedule->options);
    free(schedule);
}

void flow_schedule_reset(flow_schedule *schedule)
{
    schedule->memory[FLOW_SCHEDULE_SHARE] = 1;
    schedule->memory[FLOW_SCHEDULE_WAITED] = 0;
}

bool flow_schedule_observes(const flow_schedule *schedule)
{
    return schedule->type->observe != NULL;
}

const char *flow_schedule_name(const flow_schedule *schedule)
{
    return schedule->type->type;
}

double flow_schedule_rate(const flow_schedule *schedule, double rate, int64_t step, int64_t n_steps)
{
    int64_t warmup = *(const int64_t *)schedule->options;
    double now = schedule->type->rate(schedule->options, schedule->memory, rate, step, n_steps);
    return step < warmup ? now * (double)(step + 1) / (double)warmup : now;
}

void flow_schedule_observe(flow_schedule *schedule, double rate, bool improved)
{
    if (schedule->type->observe != NULL)
        schedule->type->observe(schedule->options, schedule->memory, rate, improved);
}

flow_array flow_schedule_state(flow_schedule *schedule)
{
    return (flow_array){"schedule", FLOW_ARRAY_DOUBLE, FLOW_SCHEDULE_MEMORY, 1, schedule->memory};
}

flow_status flow_schedule_check(const flow_schedule *schedule, flow_error *err)
{
    double share = schedule->memory[FLOW_SCHEDULE_SHARE], waited = schedule->memory[FLOW_SCHEDULE_WAITED];
    if (share >= 0 && share <= 1 && waited >= 0 && waited < 1e15)
        return FLOW_OK;
    return flow_error_set(err, FLOW_FORMAT, "the training state is damaged: its schedule has share %g and waited %g",
                          share, waited);
}
