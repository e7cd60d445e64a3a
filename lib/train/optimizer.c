/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "num/parallel.h"
#include "num/simd.h"

/* ---- spans: the live weights in whole vectors ----
 *
 * A run of live weights is widened to multiples of FLOW_LANES, and runs with a short gap between them are joined: the
 * weights that this adds are masked, their gradient and moments are zero, and each update leaves them zero. So no loop
 * has a tail. */

enum { MOMENTS = 2, SPAN = 4096, GROUP = 4096, GAP = 64 };

typedef struct span {
    size_t offset, length; /* multiples of FLOW_LANES */
    bool decays;
} span;

struct flow_optimizer {
    const flow_optimizer_type *type;
    flow_optimizer_options options;
    flow_arena arena; /* of the arrays below */
    size_t n_weights;
    int n_spans, n_groups;
    span *spans;
    int *groups;      /* (n_groups + 1): one thread does group g, the spans [groups[g], groups[g + 1]), as a whole */
    double *partials; /* (n_groups): sums of squares */
    int64_t steps;
    real *moments[MOMENTS]; /* (n_weights) each */
};

static void optimizer_add_span(flow_optimizer *o, span whole)
{
    while (whole.length > 0) {
        size_t piece = whole.length < SPAN ? whole.length : SPAN;
        o->spans[o->n_spans++] = (span){whole.offset, piece, whole.decays};
        whole.offset += piece;
        whole.length -= piece;
    }
}

static void optimizer_list_spans(flow_optimizer *o, const flow_params *params, const flow_span *runs, int n_runs)
{
    span open = {0};
    int entry = -1, open_entry = -1;
    for (int r = 0; r < n_runs; r++) {
        size_t first = runs[r].offset / FLOW_LANES * FLOW_LANES;
        size_t last = (runs[r].offset + runs[r].length + FLOW_LANES - 1) / FLOW_LANES * FLOW_LANES;
        /* Entries begin at multiples of FLOW_LANES, in the order of their offsets: a span never reaches into two. */
        for (int e = entry + 1; e < params->n_entries && params->entries[e].offset <= runs[r].offset; e++)
            if (params->entries[e].trainable)
                entry = e;
        if (entry == open_entry && first <= open.offset + open.length + GAP) {
            open.length = last - open.offset;
            continue;
        }
        optimizer_add_span(o, open);
        open = (span){first, last - first, params->entries[entry].cols > 1};
        open_entry = entry;
    }
    optimizer_add_span(o, open);
}

static flow_status optimizer_make_spans(flow_optimizer *o, const flow_params *params, flow_error *err)
{
    flow_span *runs = NULL;
    int n_runs;
    FLOW_TRY(flow_params_spans(params, &runs, &n_runs, SIZE_MAX, err));
    /* Each run is part of one span, whose last piece alone is shorter than SPAN. */
    size_t n_most = (size_t)n_runs + o->n_weights / SPAN + 2;
    o->spans = flow_arena_take(&o->arena, n_most, sizeof *o->spans);
    o->groups = flow_arena_take(&o->arena, n_most, sizeof *o->groups);
    o->partials = flow_arena_take(&o->arena, n_most, sizeof *o->partials);
    if (!o->arena.failed)
        optimizer_list_spans(o, params, runs, n_runs);
    free(runs);
    size_t held = 0;
    for (int s = 0; s < o->n_spans; s++) {
        held += o->spans[s].length;
        if (held >= GROUP || s + 1 == o->n_spans) {
            o->groups[++o->n_groups] = s + 1;
            held = 0;
        }
    }
    return o->arena.failed ? flow_error_memory(err, "the list of live weights") : FLOW_OK;
}

flow_status flow_optimizer_new(flow_optimizer **out, const flow_choice *choice, const flow_params *params,
                               flow_error *err)
{
    *out = NULL;
    flow_optimizer *o = calloc(1, sizeof *o);
    if (o == NULL)
        return flow_error_memory(err, "the optimizer");
    o->type = (const flow_optimizer_type *)choice->type;
    o->options = *(const flow_optimizer_options *)choice->options;
    o->n_weights = params->n_weights;
    flow_status status = optimizer_make_spans(o, params, err);
    for (int k = 0; k < MOMENTS; k++)
        o->moments[k] = flow_arena_take(&o->arena, o->n_weights, sizeof **o->moments);
    if (status == FLOW_OK && o->arena.failed)
        status = flow_error_memory(err, "the moments of the optimizer");
    FLOW_RETURN_MADE(out, o, flow_optimizer_free, status);
}

void flow_optimizer_free(flow_optimizer *optimizer)
{
    if (optimizer != NULL)
        flow_arena_release(&optimizer->arena);
    free(optimizer);
}

double flow_optimizer_learning_rate(const flow_optimizer *optimizer)
{
    return optimizer->options.rate;
}

/* Fewer groups than this are done before another thread has woken up. */
static int optimizer_threads_for(const flow_optimizer *o, int n_threads)
{
    enum { GROUPS_PER_THREAD = 16 };
    int useful = 1 + o->n_groups / GROUPS_PER_THREAD;
    return n_threads < useful ? n_threads : useful;
}

/* ---- the 2-norm ---- */

/* One partial sum per lane, added up in a fixed order: the same bits at every vector width. */
FLOW_MULTIVERSION
static double optimizer_sum_of_squares(size_t n, const real *restrict g)
{
    double lanes[FLOW_LANES] = {0};
    for (size_t i = 0; i < n; i += FLOW_LANES)
        for (int k = 0; k < FLOW_LANES; k++)
            lanes[k] += (double)g[i + (size_t)k] * (double)g[i + (size_t)k];
    for (int half = FLOW_LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            lanes[k] += lanes[k + half];
    return lanes[0];
}

typedef struct norm_job {
    flow_optimizer *o;
    const real *gradient;
} norm_job;

static void optimizer_norm_of_group(void *context, int item, int thread)
{
    (void)thread;
    const norm_job *job = context;
    double sum = 0;
    for (int s = job->o->groups[item]; s < job->o->groups[item + 1]; s++)
        sum += optimizer_sum_of_squares(job->o->spans[s].length, job->gradient + job->o->spans[s].offset);
    job->o->partials[item] = sum;
}

double flow_optimizer_norm(flow_optimizer *optimizer, const real *gradient, int n_threads)
{
    norm_job job = {optimizer, gradient};
    flow_parallel_for(optimizer->n_groups, optimizer_threads_for(optimizer, n_threads), optimizer_norm_of_group, &job);
    double sum = 0;
    for (int g = 0; g < optimizer->n_groups; g++)
        sum += optimizer->partials[g];
    return sqrt(sum);
}

/* ---- a step ---- */

FLOW_MULTIVERSION
static void optimizer_move_average(size_t n, real rest, const real *restrict w, real *restrict average)
{
    for (size_t i = 0; i < n; i++)
        average[i] += rest * (w[i] - average[i]);
}

typedef struct step_job {
    const flow_optimizer *o;
    flow_optimizer_step_numbers fixed, decaying;
    real rest;
    const real *gradient;
    real *weights, *average;
} step_job;

static void optimizer_step_of_group(void *context, int item, int thread)
{
    (void)thread;
    const step_job *job = context;
    for (int s = job->o->groups[item]; s < job->o->groups[item + 1]; s++) {
        const span *live = &job->o->spans[s];
        real *w = job->weights + live->offset;
        job->o->type->update(live->decays ? &job->decaying : &job->fixed, live->length, job->gradient + live->offset,
                             job->o->moments[0] + live->offset, job->o->moments[1] + live->offset, w);
        if (job->average != NULL)
            optimizer_move_average(live->length, job->rest, w, job->average + live->offset);
    }
}

void flow_optimizer_step(flow_optimizer *optimizer, double learning_rate, double scale, const real *gradient,
                         real *weights, real *average, double keep, int n_threads)
{
    const flow_optimizer_options *o = &optimizer->options;
    const double step = (double)++optimizer->steps;
    step_job job = {.o = optimizer, .rest = (real)(1 - keep), .gradient = gradient, .weights = weights,
                    .average = average};
    job.fixed = (flow_optimizer_step_numbers){
        .beta1 = (real)o->beta1, .rest1 = (real)(1 - o->beta1),
        .beta2 = (real)o->beta2, .rest2 = (real)(1 - o->beta2),
        .rate = (real)(learning_rate / (1 - pow(o->beta1, step))),
        .root = (real)(1 / sqrt(1 - pow(o->beta2, step))),
        .epsilon = (real)o->epsilon, .keep = 1, .scale = (real)scale,
    };
    job.decaying = job.fixed;
    job.decaying.keep = (real)(1 - learning_rate * o->decay);
    flow_parallel_for(optimizer->n_groups, optimizer_threads_for(optimizer, n_threads), optimizer_step_of_group, &job);
}

int64_t flow_optimizer_steps(const flow_optimizer *optimizer)
{
    return optimizer->steps;
}

void flow_optimizer_reset(flow_optimizer *optimizer)
{
    optimizer->steps = 0;
    for (int k = 0; k < MOMENTS; k++)
        memset(optimizer->moments[k], 0, optimizer->n_weights * sizeof **optimizer->moments);
}

/* ---- state ---- */

int flow_optimizer_state(flow_optimizer *optimizer, flow_array arrays[FLOW_OPTIMIZER_ARRAYS])
{
    size_t n = optimizer->n_weights;
    arrays[0] = (flow_array){"optimizer_steps", FLOW_ARRAY_INT64, 1, 1, &optimizer->steps, false};
    arrays[1] = (flow_array){"moment1", FLOW_ARRAY_REAL, n, 1, optimizer->moments[0], false};
    arrays[2] = (flow_array){"moment2", FLOW_ARRAY_REAL, n, 1, optimizer->moments[1], false};
    return FLOW_OPTIMIZER_ARRAYS;
}

flow_status flow_optimizer_check(const flow_optimizer *optimizer, flow_error *err)
{
    if (optimizer->steps < 0 || optimizer->steps > (int64_t)1 << 53)
        return flow_error_set(err, FLOW_FORMAT, "the training state counts %lld optimizer steps",
                              (long long)optimizer->steps);
    for (int k = 0; k < MOMENTS; k++) {
        /* The second moments are means of squares; update takes their roots. */
        double least = k == 0 ? -HUGE_VAL : 0;
        for (size_t i = 0; i < optimizer->n_weights; i++) {
            double value = (double)optimizer->moments[k][i];
            if (!isfinite(value) || value < least)
                return flow_error_set(err, FLOW_FORMAT, "the training state has %g among the moments of the optimizer",
                                      value);
        }
    }
    return FLOW_OK;
}
