/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/optimizer.h"

#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

#include "core/memory.h"
#include "num/parallel.h"
#include "num/simd.h"
#include "train/kind.h"

/* ---- adam, adamw ---- */

typedef struct adam_options {
    double rate, beta1, beta2, epsilon, decay;
} adam_options;

/* The upper bounds of the rate and the lower bound of epsilon keep every step finite: no element of a step is longer
 * than rate * (1 - beta1) / sqrt(1 - beta2). */
#define ADAM_OPTIONS                                                                                                  \
    {.key = "rate", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(adam_options, rate), .fallback = "0.001",          \
     .least = 1e-12, .most = 1000, .help = "learning rate"},                                                          \
        {.key = "beta1", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(adam_options, beta1), .fallback = "0.9",      \
         .least = 0, .most = 0.9999, .help = "decay of the mean of the gradient, per step"},                          \
        {.key = "beta2", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(adam_options, beta2), .fallback = "0.999",    \
         .least = 0, .most = 0.999999, .help = "decay of the mean of the squared gradient, per step"},                \
    {                                                                                                                 \
        .key = "epsilon", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(adam_options, epsilon), .fallback = "1e-8",  \
        .least = 1e-16, .most = 1, .help = "added to the root of the mean squared gradient"                           \
    }

static const flow_option adam_table[] = {ADAM_OPTIONS, FLOW_OPTIONS_END};

static const flow_option adamw_table[] = {
    ADAM_OPTIONS,
    {.key = "decay", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(adam_options, decay), .fallback = "0.01",
     .least = 0, .most = 1, .help = "decay of the weights (not of biases); per step, times the rate"},
    FLOW_OPTIONS_END};

enum { BETA1, REST1, BETA2, REST2, RATE, ROOT, EPSILON, KEEP, SCALE };

static void adam_coefficients(const void *options, int64_t step, double rate, double scale, bool decays,
                              real c[FLOW_COEFFICIENTS])
{
    const adam_options *o = options;
    c[BETA1] = (real)o->beta1;
    c[REST1] = (real)(1 - o->beta1);
    c[BETA2] = (real)o->beta2;
    c[REST2] = (real)(1 - o->beta2);
    c[RATE] = (real)(rate / (1 - pow(o->beta1, (double)step)));
    c[ROOT] = (real)(1 / sqrt(1 - pow(o->beta2, (double)step)));
    c[EPSILON] = (real)o->epsilon;
    c[KEEP] = (real)(decays ? 1 - rate * o->decay : 1);
    c[SCALE] = (real)scale;
}

FLOW_MULTIVERSION
static void adam_loop(const real *restrict c, size_t n, const real *restrict g, real *restrict m, real *restrict v,
                      real *restrict w)
{
    /* The moments of a weight without gradient (of a dead unit) fade; below this they would become denormal numbers,
     * which are slow on many processors and never reach zero. */
    const real tiny = (real)1e-35;
    const real beta1 = c[BETA1], rest1 = c[REST1], beta2 = c[BETA2], rest2 = c[REST2];
    const real rate = c[RATE], root = c[ROOT], epsilon = c[EPSILON], keep = c[KEEP], scale = c[SCALE];
    for (size_t i = 0; i < n; i++) {
        real gradient = scale * g[i];
        real mean = beta1 * m[i] + rest1 * gradient;
        real square = beta2 * v[i] + rest2 * gradient * gradient;
        mean = fabs(mean) < tiny ? 0 : mean;
        square = square < tiny ? 0 : square;
        m[i] = mean;
        v[i] = square;
        w[i] = keep * w[i] - rate * mean / (root * sqrt(square) + epsilon);
    }
}

static void adam_update(const real *c, size_t n, const real *g, real *const *moments, real *w)
{
    adam_loop(c, n, g, moments[0], moments[1], w);
}

static const flow_optimizer_type optimizer_adam = {
    .type = "adam",
    .help = "Adam (Kingma and Ba 2015)",
    .options_size = sizeof(adam_options),
    .options = adam_table,
    .n_moments = 2,
    .coefficients = adam_coefficients,
    .update = adam_update,
};

static const flow_optimizer_type optimizer_adamw = {
    .type = "adamw",
    .help = "Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
    .options_size = sizeof(adam_options),
    .options = adamw_table,
    .n_moments = 2,
    .coefficients = adam_coefficients,
    .update = adam_update,
};

/* ---- the list; the first is the default ---- */

#define FLOW_OPTIMIZERS(X) X(adam) X(adamw)

#define ENTRY(name) &optimizer_##name,
static const flow_optimizer_type *const types[] = {FLOW_OPTIMIZERS(ENTRY)};
#undef ENTRY
enum { N_TYPES = sizeof types / sizeof *types };

static void list_kinds(flow_kind kinds[N_TYPES])
{
    for (int k = 0; k < N_TYPES; k++)
        kinds[k] = (flow_kind){types[k]->type, types[k]->help, types[k]->options, types[k]->options_size};
}

void flow_optimizer_schema(cJSON *definitions)
{
    flow_kind kinds[N_TYPES];
    list_kinds(kinds);
    flow_kind_schema(definitions, "optimizer", kinds, N_TYPES);
}

/* ---- spans: the live weights in whole vectors ----
 *
 * A run of live weights is widened to multiples of FLOW_LANES, and runs with a short gap between them are joined: what
 * is added is masked, its gradient and moments are zero, and each update leaves it zero. So no loop has a tail. */

enum { SPAN = 4096, GROUP = 4096, GAP = 64 };

typedef struct span {
    size_t offset, length; /* multiples of FLOW_LANES */
    bool decays;
} span;

struct flow_optimizer {
    const flow_optimizer_type *type;
    void *options;
    size_t n_weights;
    int n_spans, n_groups;
    span *spans;
    int *groups;      /* (n_groups + 1): group g, a piece of work, is the spans [groups[g], groups[g + 1]) */
    double *partials; /* (n_groups): sums of squares */
    int64_t steps;
    real *moments[FLOW_MOMENTS_MAX]; /* (n_weights) each */
};

typedef struct span_list {
    span *spans; /* NULL: count only */
    int n;
} span_list;

static void add_span(span_list *list, span whole)
{
    while (whole.length > 0) {
        size_t piece = whole.length < SPAN ? whole.length : SPAN;
        if (list->spans != NULL)
            list->spans[list->n] = (span){whole.offset, piece, whole.decays};
        list->n++;
        whole.offset += piece;
        whole.length -= piece;
    }
}

static void list_spans(span_list *list, const flow_params *params, const flow_run *runs, int n_runs)
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
        add_span(list, open);
        open = (span){first, last - first, params->entries[entry].cols > 1};
        open_entry = entry;
    }
    add_span(list, open);
}

static flow_status make_spans(flow_optimizer *o, const flow_params *params, flow_error *err)
{
    flow_run *runs = NULL;
    int n_runs;
    flow_status status = flow_params_runs(params, &runs, &n_runs, SIZE_MAX, err);
    if (status != FLOW_OK)
        return status;
    span_list list = {0};
    list_spans(&list, params, runs, n_runs);
    o->spans = calloc((size_t)list.n + 1, sizeof *o->spans);
    o->groups = calloc((size_t)list.n + 2, sizeof *o->groups);
    o->partials = calloc((size_t)list.n + 1, sizeof *o->partials);
    if (o->spans == NULL || o->groups == NULL || o->partials == NULL) {
        status = flow_error_memory(err, "the list of live weights");
        goto done;
    }
    list = (span_list){.spans = o->spans};
    list_spans(&list, params, runs, n_runs);
    o->n_spans = list.n;
    size_t held = 0;
    for (int s = 0; s < list.n; s++) {
        held += o->spans[s].length;
        if (held >= GROUP || s + 1 == list.n) {
            o->groups[++o->n_groups] = s + 1;
            held = 0;
        }
    }
done:
    free(runs);
    return status;
}

flow_status flow_optimizer_new(flow_optimizer **out, flow_json *json, const flow_params *params, flow_error *err)
{
    *out = NULL;
    flow_optimizer *o = calloc(1, sizeof *o);
    if (o == NULL)
        return flow_error_memory(err, "the optimizer");
    flow_kind kinds[N_TYPES];
    list_kinds(kinds);
    int index = 0;
    flow_status status = flow_kind_read(&index, &o->options, json, kinds, N_TYPES, err);
    if (status != FLOW_OK)
        goto done;
    o->type = types[index];
    o->n_weights = params->n_weights;
    status = make_spans(o, params, err);
    for (int k = 0; status == FLOW_OK && k < o->type->n_moments; k++) {
        o->moments[k] = flow_alloc_aligned(o->n_weights, sizeof **o->moments);
        if (o->moments[k] == NULL)
            status = flow_error_memory(err, "the moments of the optimizer");
    }
done:
    if (status != FLOW_OK) {
        flow_optimizer_free(o);
        return status;
    }
    *out = o;
    return FLOW_OK;
}

void flow_optimizer_free(flow_optimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    for (int k = 0; k < FLOW_MOMENTS_MAX; k++)
        flow_free_aligned(optimizer->moments[k]);
    free(optimizer->spans);
    free(optimizer->groups);
    free(optimizer->partials);
    free(optimizer->options);
    free(optimizer);
}

double flow_optimizer_rate(const flow_optimizer *optimizer)
{
    return *(const double *)optimizer->options;
}

/* So few groups are done before another thread has woken up. */
static int threads_for(const flow_optimizer *o, int n_threads)
{
    enum { GROUPS_PER_THREAD = 16 };
    int useful = 1 + o->n_groups / GROUPS_PER_THREAD;
    return n_threads < useful ? n_threads : useful;
}

/* ---- the 2-norm ---- */

/* One partial sum per lane, added up in a fixed order: the same bits at every vector width. */
FLOW_MULTIVERSION
static double sum_of_squares(size_t n, const real *restrict g)
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

static void norm_of_group(void *context, int item, int thread)
{
    (void)thread;
    const norm_job *job = context;
    double sum = 0;
    for (int s = job->o->groups[item]; s < job->o->groups[item + 1]; s++)
        sum += sum_of_squares(job->o->spans[s].length, job->gradient + job->o->spans[s].offset);
    job->o->partials[item] = sum;
}

double flow_optimizer_norm(flow_optimizer *optimizer, const real *gradient, int n_threads)
{
    norm_job job = {optimizer, gradient};
    flow_parallel_for(optimizer->n_groups, threads_for(optimizer, n_threads), norm_of_group, &job);
    double sum = 0;
    for (int g = 0; g < optimizer->n_groups; g++)
        sum += optimizer->partials[g];
    return sqrt(sum);
}

/* ---- a step ---- */

FLOW_MULTIVERSION
static void move_average(size_t n, real rest, const real *restrict w, real *restrict average)
{
    for (size_t i = 0; i < n; i++)
        average[i] += rest * (w[i] - average[i]);
}

typedef struct step_job {
    const flow_optimizer *o;
    real fixed[FLOW_COEFFICIENTS], decaying[FLOW_COEFFICIENTS];
    real rest;
    const real *gradient;
    real *weights, *average;
} step_job;

static void step_of_group(void *context, int item, int thread)
{
    (void)thread;
    const step_job *job = context;
    for (int s = job->o->groups[item]; s < job->o->groups[item + 1]; s++) {
        const span *stretch = &job->o->spans[s];
        real *moments[FLOW_MOMENTS_MAX];
        for (int k = 0; k < job->o->type->n_moments; k++)
            moments[k] = job->o->moments[k] + stretch->offset;
        real *w = job->weights + stretch->offset;
        job->o->type->update(stretch->decays ? job->decaying : job->fixed, stretch->length,
                             job->gradient + stretch->offset, moments, w);
        if (job->average != NULL)
            move_average(stretch->length, job->rest, w, job->average + stretch->offset);
    }
}

void flow_optimizer_step(flow_optimizer *optimizer, double rate, double scale, const real *gradient, real *weights,
                         real *average, double keep, int n_threads)
{
    step_job job = {.o = optimizer, .rest = (real)(1 - keep), .gradient = gradient, .weights = weights,
                    .average = average};
    optimizer->steps++;
    optimizer->type->coefficients(optimizer->options, optimizer->steps, rate, scale, false, job.fixed);
    optimizer->type->coefficients(optimizer->options, optimizer->steps, rate, scale, true, job.decaying);
    flow_parallel_for(optimizer->n_groups, threads_for(optimizer, n_threads), step_of_group, &job);
}

int64_t flow_optimizer_steps(const flow_optimizer *optimizer)
{
    return optimizer->steps;
}

void flow_optimizer_reset(flow_optimizer *optimizer)
{
    optimizer->steps = 0;
    for (int k = 0; k < optimizer->type->n_moments; k++)
        memset(optimizer->moments[k], 0, optimizer->n_weights * sizeof **optimizer->moments);
}

/* ---- state ---- */

int flow_optimizer_arrays(flow_optimizer *optimizer, flow_array *arrays)
{
    static const char *const names[FLOW_MOMENTS_MAX] = {"moment1", "moment2"};
    int n = 0;
    arrays[n++] = (flow_array){"optimizer_steps", FLOW_ARRAY_INT64, 1, 1, &optimizer->steps};
    for (int k = 0; k < optimizer->type->n_moments; k++)
        arrays[n++] = (flow_array){names[k], FLOW_ARRAY_REAL, optimizer->n_weights, 1, optimizer->moments[k]};
    return n;
}

flow_status flow_optimizer_check(const flow_optimizer *optimizer, flow_error *err)
{
    if (optimizer->steps < 0)
        return flow_error_set(err, FLOW_FORMAT, "the training state counts %lld optimizer steps",
                              (long long)optimizer->steps);
    for (int k = 0; k < optimizer->type->n_moments; k++) {
        /* The second moments are means of squares, and a root is taken of them. */
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
