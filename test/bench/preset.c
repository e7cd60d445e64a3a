/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/preset.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/measure.h"
#include "num/rng.h"

const preset_source preset_sources[N_PRESETS] = {
    {"protein-maf", "configs/protein-maf.json", NULL, 10, 8192},
    {"protein-realnvp", "configs/protein-realnvp.json", NULL, 10, 8192},
    {"wide-maf", "configs/protein-maf.json",
     "flow=[{\"type\": \"standardize\"}, {\"type\": \"maf\", \"repeat\": 5, \"hidden\": [512, 512]}]", 63, 1024},
};

void preset_check(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        bench_stop(err->message);
}

static size_t live_of(const flow_params *params)
{
    size_t live = 0;
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        if (!entry->trainable || entry->cols == 1)
            continue;
        for (int r = 0; r < entry->rows; r++)
            live += (size_t)(entry->extent != NULL ? entry->extent[r] : entry->cols);
    }
    return live;
}

static void add_noise(const flow_params *params, real *weights)
{
    flow_run *runs;
    int n_runs;
    flow_error err;
    preset_check(flow_params_runs(params, &runs, &n_runs, SIZE_MAX, &err), &err);
    for (int r = 0; r < n_runs; r++)
        for (size_t k = runs[r].offset; k < runs[r].offset + runs[r].length; k++)
            weights[k] += (real)(0.02 * (flow_rng_uniform(1, FLOW_STREAM_OTHER, k, 0) - 0.5));
    free(runs);
}

static void make_rows(preset *p)
{
    size_t count = p->n_rows * (size_t)p->f->dim;
    p->rows = bench_checked(malloc(count * sizeof *p->rows));
    p->x = bench_checked(malloc(count * sizeof *p->x));
    p->logp = bench_checked(malloc(p->n_rows * sizeof *p->logp));
    for (size_t k = 0; k < count; k++)
        p->rows[k] = 4 * flow_rng_uniform(2, FLOW_STREAM_OTHER, k, 0) - 2;
}

static real *new_weights(const preset *p)
{
    size_t n = p->f->params.n_weights;
    real *weights = bench_checked(flow_alloc_aligned(n, sizeof *weights));
    memset(weights, 0, n * sizeof *weights);
    return weights;
}

void preset_open(preset *p, const preset_source *source, int n_threads)
{
    flow_error err;
    *p = (preset){.source = source, .n_threads = n_threads};
    preset_check(flow_spec_read(&p->spec, source->file, &source->override, source->override != NULL, &err), &err);
    preset_check(flow_train_options_read(&p->options, &p->spec->training, &err), &err);
    preset_check(flow_new(&p->f, &p->spec->flow, &p->spec->base, source->dim, p->spec->seed, &err), &err);
    p->batch = (size_t)p->options.batch;
    p->n_rows = source->n_rows > p->batch ? source->n_rows : p->batch;
    p->live = live_of(&p->f->params);
    make_rows(p);
    p->weights = new_weights(p);
    p->average = p->options.ema > 0 ? new_weights(p) : NULL;
    p->gradient = new_weights(p);
    preset_check(flow_init_weights(p->f, p->spec->seed, p->weights, &err), &err);
    preset_check(flow_fit(p->f, p->weights, p->rows, p->n_rows, NULL, &err), &err);
    add_noise(&p->f->params, p->weights);
    preset_check(flow_runner_new(&p->runner, p->f, p->weights, n_threads, &err), &err);
    static const flow_objective mle = {.type = &flow_objective_mle};
    preset_check(flow_step_new(&p->step, p->f, &mle, NULL, p->options.batch, n_threads,
                               &err), &err);
    preset_check(flow_optimizer_new(&p->optimizer, &p->options.optimizer, &p->f->params, &err), &err);
}

void preset_close(preset *p)
{
    flow_optimizer_free(p->optimizer);
    flow_step_free(p->step);
    flow_runner_free(p->runner);
    flow_free(p->f);
    flow_spec_free(p->spec);
    flow_free_aligned(p->weights);
    flow_free_aligned(p->average);
    flow_free_aligned(p->gradient);
    free(p->rows);
    free(p->x);
    free(p->logp);
}

void preset_logprob(void *context)
{
    preset *p = context;
    flow_rows_logp(p->runner, p->rows, p->n_rows, p->logp);
}

void preset_sample(void *context)
{
    preset *p = context;
    flow_rows_sample(p->runner, 1, 0, p->n_rows, 1, NULL, p->x, NULL, NULL);
}

void preset_to_latent(void *context)
{
    preset *p = context;
    flow_rows_to_latent(p->runner, p->rows, p->n_rows, p->x, NULL);
}

void preset_to_data(void *context)
{
    preset *p = context;
    flow_rows_to_data(p->runner, p->rows, p->n_rows, p->x, NULL);
}

/* The rate is so small that the weights stay what they are; it does not change the work. */
void preset_step(void *context)
{
    preset *p = context;
    const flow_batch batch = {.rows = p->rows,
                              .n = (int64_t)p->batch,
                              .stride = (size_t)flow_width(p->f),
                              .share = 1 / (double)p->batch};
    flow_step_gradient(p->step, p->weights, &batch, p->gradient);
    double norm = flow_optimizer_norm(p->optimizer, p->gradient, p->n_threads), clip = p->options.clip;
    double scale = clip > 0 && norm > clip ? clip / norm : 1;
    flow_optimizer_step(p->optimizer, 1e-12, scale, p->gradient, p->weights, p->average, p->options.ema, p->n_threads);
}

double preset_pass_flops(const preset *p)
{
    return 2. * (double)p->live;
}

double preset_step_flops(const preset *p)
{
    return 6. * (double)p->live;
}
