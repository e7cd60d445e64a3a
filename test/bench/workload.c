/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/workload.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/field_flops.h"
#include "bench/image_flops.h"
#include "bench/measure.h"
#include "core/memory.h"
#include "core/read.h"
#include "flow/design.h"
#include "num/rng.h"

#define FOLDER "test/bench/workloads/"

const char *const workload_task_names[N_TASKS] = {"train", "logprob", "sample"};
void (*const workload_work[N_TASKS])(void *context) = {workload_train, workload_logprob, workload_sample};

void workload_check(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        bench_stop(err->message);
}

/* ------------------------------------------------------------------ files */

typedef struct file_options {
    const char *title, *against, *like;
    flow_text_list tasks;
    int64_t dimensions;
} file_options;

static const flow_option file_table[] = {
    FLOW_KEY_TEXT(file_options, title, "a line about it"),
    FLOW_KEY_TEXT(file_options, against, "a peer that it is compared with"),
    FLOW_KEY_TEXT(file_options, like, "the workload whose spec it has"),
    {FLOW_KEY(file_options, tasks, TEXTS, NULL), .most = N_TASKS, .help = "what is measured; without it, all"},
    FLOW_KEY_INT(file_options, dimensions, "0", 0, FLOW_DIM_MAX, "columns of the data"),
    FLOW_OPTIONS_END,
};

static void read_tasks(bool wanted[N_TASKS], const flow_text_list *list)
{
    for (int t = 0; t < N_TASKS; t++) {
        wanted[t] = list->n == 0;
        for (int i = 0; i < list->n; i++)
            wanted[t] |= strcmp(list->at[i], workload_task_names[t]) == 0;
    }
}

void workload_read(workload_source *out, const char *name)
{
    char path[128];
    file_options o = {0};
    flow_error err;
    *out = (workload_source){0};
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(path, sizeof path, FOLDER "%s.json", out->name);
    cJSON *document;
    workload_check(flow_json_read(&document, path, &err), &err);
    flow_json root = flow_json_root(document);
    cJSON *spec = cJSON_DetachItemFromObjectCaseSensitive(document, "spec");
    workload_check(flow_read_options(&o, file_table, &root, &out->arena, &err), &err);
    out->title = o.title;
    out->against = o.against;
    read_tasks(out->tasks, &o.tasks);
    if (o.like != NULL) {
        workload_source other;
        workload_read(&other, o.like);
        out->dimensions = other.dimensions;
        out->spec = other.spec;
        other.spec = NULL;
        workload_release(&other);
    } else {
        if (o.dimensions == 0 || spec == NULL)
            bench_stop("a workload needs \"dimensions\" and \"spec\", or \"like\"");
        out->dimensions = o.dimensions;
        out->spec = bench_checked(flow_json_print(spec));
    }
    cJSON_Delete(spec);
    cJSON_Delete(document);
}

void workload_release(workload_source *source)
{
    flow_arena_release(&source->arena);
    free(source->spec);
}

int workload_names(char names[][64], int most)
{
    glob_t found;
    if (glob(FOLDER "*.json", 0, NULL, &found) != 0)
        bench_stop("there is no " FOLDER "*.json here; start it in the project's folder");
    int n = found.gl_pathc < (size_t)most ? (int)found.gl_pathc : most;
    for (int k = 0; k < n; k++) {
        const char *file = found.gl_pathv[k] + strlen(FOLDER);
        snprintf(names[k], sizeof names[k], "%.*s", (int)strcspn(file, "."), file);
    }
    globfree(&found);
    return n;
}

/* ------------------------------------------------------------------ flows */

static bool is_multiplied(const flow_param *entry)
{
    return entry->trainable && entry->cols > 1;
}

static int live_in(const flow_param *entry, int row)
{
    return entry->extent != NULL ? entry->extent[row] : entry->cols;
}

static size_t live_of(const flow_params *params)
{
    size_t live = 0;
    for (int e = 0; e < params->n_entries; e++)
        for (int r = 0; is_multiplied(&params->entries[e]) && r < params->entries[e].rows; r++)
            live += (size_t)live_in(&params->entries[e], r);
    return live;
}

static void start_last_layers(const flow_params *params, real *weights)
{
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        if (!is_multiplied(entry) || entry->init != FLOW_INIT_ZERO || !bench_is_layer(entry))
            continue;
        double bound = 1 / sqrt(entry->fan_in);
        for (int r = 0; r < entry->rows; r++) {
            size_t first = entry->offset + (size_t)r * (size_t)entry->cols;
            for (size_t k = first; k < first + (size_t)live_in(entry, r); k++)
                weights[k] = (real)(bound * (2 * flow_rng_uniform(1, FLOW_STREAM_OTHER, k, 0) - 1));
        }
    }
}

static void make_rows(workload *w)
{
    int d = w->f->dim;
    size_t count = w->batch * (size_t)d;
    if (w->batch % (size_t)w->f->tile_rows != 0)
        bench_stop("the batch is no multiple of a tile");
    w->rows = bench_checked(malloc(count * sizeof *w->rows));
    w->x = bench_checked(malloc(count * sizeof *w->x));
    w->logp = bench_checked(malloc(w->batch * sizeof *w->logp));
    real *lines = bench_checked(flow_alloc_aligned(count, sizeof *lines));
    flow_rng_normals(lines, d, (int)w->batch, 2, FLOW_STREAM_OTHER, 0);
    for (size_t k = 0; k < count; k++)
        w->rows[k] = (double)lines[k];
    flow_free_aligned(lines);
}

static real *new_weights(const workload *w)
{
    size_t n = w->f->params.n_weights;
    real *weights = bench_checked(flow_alloc_aligned(n, sizeof *weights));
    memset(weights, 0, n * sizeof *weights);
    return weights;
}

/* A step does less where they are not. */
static void expect_finite(workload *w)
{
    workload_logprob(w);
    for (size_t i = 0; i < w->batch; i++)
        if (!isfinite(w->logp[i]))
            bench_stop("the log-densities of a workload are not finite");
}

static void count_flops(workload *w)
{
    double products = flow_shape_pixels(w->f->shape) > 1 ? bench_image_products(w->f) : (double)w->live;
    double a_pass = 2 * products * (double)w->batch;
    for (int t = 0; t < N_TASKS; t++)
        w->flops[t] = t == TASK_TRAIN ? 3 * a_pass : a_pass;
    if (flow_n_solvers(w->f) == 0)
        return;
    static const bench_solve solves[] = {BENCH_SOLVE_GRADIENT, BENCH_SOLVE_LOGP, BENCH_SOLVE_POINTS};
    for (int t = 0; t < N_TASKS; t++)
        workload_work[t](w);
    const flow_nfe nfes[] = {flow_step_nfe(w->step), flow_runner_nfe(w->runner, FLOW_TO_LATENT),
                             flow_runner_nfe(w->runner, FLOW_TO_DATA)};
    for (int t = 0; t < N_TASKS; t++)
        w->flops[t] = bench_field_flops(w->f, w->source->spec, &nfes[t], solves[t]);
}

void workload_open(workload *w, const workload_source *source, int n_threads)
{
    flow_error err;
    *w = (workload){.source = source, .n_threads = n_threads};
    workload_check(flow_spec_parse(&w->spec, source->spec, strlen(source->spec), source->name, NULL, NULL, 0, &err),
                   &err);
    const flow_row_layout layout = flow_spec_layout(w->spec, (int)source->dimensions, NULL);
    const subject_shape shape = {.dim = layout.dim, .image = layout.shape};
    workload_check(subject_try_spec(&w->made, &err, shape, w->spec), &err);
    w->f = w->made.f;
    w->batch = (size_t)w->made.options.batch;
    w->live = live_of(&w->f->params);
    make_rows(w);
    w->weights = new_weights(w);
    w->average = w->made.options.ema > 0 ? new_weights(w) : NULL;
    w->gradient = new_weights(w);
    workload_check(flow_init_weights(w->f, w->spec->seed, w->weights, &err), &err);
    start_last_layers(&w->f->params, w->weights);
    workload_check(flow_fit(w->f, w->weights, w->rows, w->batch, NULL, &err), &err);
    workload_check(flow_runner_new(&w->runner, w->f, w->weights, n_threads, &err), &err);
    w->step = subject_step(&w->made, "\"mle\"", NULL, w->made.options.batch, n_threads);
    w->optimizer = subject_optimizer(&w->made);
    expect_finite(w);
    count_flops(w);
}

void workload_close(workload *w)
{
    flow_optimizer_free(w->optimizer);
    flow_runner_free(w->runner);
    subject_close(&w->made);
    flow_spec_free(w->spec);
    flow_free_aligned(w->weights);
    flow_free_aligned(w->average);
    flow_free_aligned(w->gradient);
    free(w->rows);
    free(w->x);
    free(w->logp);
}

/* ------------------------------------------------------------------ tasks */

/* The learning rate is so small that the weights do not change; the work is the same. */
void workload_train(void *context)
{
    workload *w = context;
    const flow_batch batch = {.rows = w->rows,
                              .n = (int64_t)w->batch,
                              .stride = (size_t)flow_width(w->f),
                              .share = 1 / (double)w->batch,
                              .mode = FLOW_TRAINING,
                              .noise = {.kind = FLOW_NOISE_OF_PLACE, .seed = 1}};
    flow_step_gradient(w->step, w->weights, &batch, w->gradient);
    double norm = flow_optimizer_norm(w->optimizer, w->gradient, w->n_threads), clip = w->made.options.clip;
    double scale = clip > 0 && norm > clip ? clip / norm : 1;
    flow_optimizer_step(w->optimizer, 1e-12, scale, w->gradient, w->weights, w->average, w->made.options.ema,
                        w->n_threads);
}

void workload_logprob(void *context)
{
    workload *w = context;
    flow_rows_logp(w->runner, w->rows, w->batch, w->logp);
}

void workload_sample(void *context)
{
    workload *w = context;
    flow_rows_sample(w->runner, 1, 0, w->batch, 1, NULL, w->x, NULL, NULL);
}
