/* How fast the engine is, and what of the processor it uses: the peak of fused multiply-adds, matrix products at the
 * shapes that occur, densities, training steps and sampling of three flows, and where the time of a training step goes.
 *
 *     build/test/bench_engine             everything, about half a minute
 *     build/test/bench_engine rows CASE WHAT THREADS
 *                                         rows per second of one thing: case 0 to 2; logprob, step or sample
 *     build/test/bench_engine loop CASE WHAT SECONDS
 *                                         one thing again and again on one thread, for a profiler
 *
 * Times are medians over repetitions; ratios are medians over pairs measured in turn. FLOPs count live weights only, so
 * what a product computes behind a mask counts as time and not as work: 2 per weight and row for a pass, 6 for a
 * training step (the pass, the gradient at its inputs, the gradient at the weights).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/memory.h"
#include "flow/rows.h"
#include "num/gemm.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "num/vecmath.h"
#include "train/optimizer.h"
#include "train/step.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void stop(const char *message)
{
    fprintf(stderr, "bench_engine: %s\n", message);
    exit(1);
}

static void *checked(void *memory)
{
    if (memory == NULL)
        stop("out of memory");
    return memory;
}

/* ------------------------------------------------------------------ measuring */

enum { REPETITIONS = 11 };

typedef void work(void *context);

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct quantiles {
    double median, spread; /* half the distance between the quartiles, relative to the median */
} quantiles;

static quantiles quantiles_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    return (quantiles){x[n / 2], 0.5 * (x[(3 * n) / 4] - x[n / 4]) / x[n / 2]};
}

static double time_of(work *what, void *context, int times)
{
    double began = seconds();
    for (int k = 0; k < times; k++)
        what(context);
    return (seconds() - began) / times;
}

/* How often to call `what` so that it takes `target` seconds; the first call warms up. */
static int times_for(work *what, void *context, double target)
{
    what(context);
    double once = time_of(what, context, 1);
    once = fmin(once, time_of(what, context, 1));
    int times = (int)(target / once);
    return times < 1 ? 1 : times > 10000000 ? 10000000 : times;
}

static quantiles measure(work *what, void *context)
{
    int times = times_for(what, context, 0.03);
    double taken[REPETITIONS];
    for (int r = 0; r < REPETITIONS; r++)
        taken[r] = time_of(what, context, times);
    return quantiles_of(taken, REPETITIONS);
}

/* Of a's time over b's, in pairs. */
static quantiles ratio(work *a, void *context_a, work *b, void *context_b)
{
    int times_a = times_for(a, context_a, 0.03), times_b = times_for(b, context_b, 0.03);
    double ratios[REPETITIONS];
    for (int r = 0; r < REPETITIONS; r++) {
        double first = time_of(a, context_a, times_a);
        ratios[r] = first / time_of(b, context_b, times_b);
    }
    return quantiles_of(ratios, REPETITIONS);
}

/* ------------------------------------------------------------------ the peak */

/* Twelve independent accumulators: more than two multiply-adds a cycle times four cycles of latency need, few enough
 * for sixteen registers. */
enum { ACCUMULATORS = 12, PEAK_STEPS = 200000 };

typedef struct peak {
    double flops; /* of one call */
    volatile real sink;
} peak;

#if defined(__x86_64__)

#define DEFINE_PEAK(name, isa, type, set1, fmadd)                                     \
    __attribute__((target(isa))) static void name(peak *p)                            \
    {                                                                                 \
        type sum[ACCUMULATORS], factor = set1((real)0.999), term = set1((real)1e-3);  \
        for (int k = 0; k < ACCUMULATORS; k++)                                        \
            sum[k] = set1((real)k);                                                   \
        for (int s = 0; s < PEAK_STEPS; s++)                                          \
            for (int k = 0; k < ACCUMULATORS; k++)                                    \
                sum[k] = fmadd(sum[k], factor, term);                                 \
        real lanes[sizeof(type) / sizeof(real)];                                      \
        for (int k = 0; k < ACCUMULATORS; k++) {                                      \
            memcpy(lanes, &sum[k], sizeof lanes);                                     \
            p->sink = lanes[0];                                                       \
        }                                                                             \
        p->flops = 2. * PEAK_STEPS * ACCUMULATORS * (sizeof(type) / sizeof(real));    \
    }

#ifdef FLOW_DOUBLE
DEFINE_PEAK(peak_avx2, "avx2,fma", __m256d, _mm256_set1_pd, _mm256_fmadd_pd)
DEFINE_PEAK(peak_avx512, "avx512f", __m512d, _mm512_set1_pd, _mm512_fmadd_pd)
#else
DEFINE_PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
DEFINE_PEAK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
#endif
#endif

/* What the compiler makes of it: vectors of 128 bits, a fused instruction where the platform always has one. */
static void peak_baseline(peak *p)
{
    enum { LANES = 16 / sizeof(real) };
    typedef real vector __attribute__((vector_size(16)));
    vector sum[ACCUMULATORS], factor, term;
    for (int lane = 0; lane < LANES; lane++) {
        factor[lane] = (real)0.999;
        term[lane] = (real)1e-3;
        for (int k = 0; k < ACCUMULATORS; k++)
            sum[k][lane] = (real)k;
    }
    for (int s = 0; s < PEAK_STEPS; s++) {
        for (int k = 0; k < ACCUMULATORS; k++) {
#if defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA)
            for (int lane = 0; lane < LANES; lane++)
                sum[k][lane] = (real)(sizeof(real) == sizeof(float)
                                          ? fmaf((float)sum[k][lane], (float)factor[lane], (float)term[lane])
                                          : fma((double)sum[k][lane], (double)factor[lane], (double)term[lane]));
#else
            sum[k] = sum[k] * factor + term;
#endif
        }
    }
    for (int k = 0; k < ACCUMULATORS; k++)
        p->sink = sum[k][0];
    p->flops = 2. * PEAK_STEPS * ACCUMULATORS * LANES;
}

static void run_peak(peak *p)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        peak_avx512(p);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        peak_avx2(p);
        return;
    }
#endif
    peak_baseline(p);
}

static void peak_item(void *context, int item, int thread)
{
    (void)item, (void)thread;
    peak mine = *(peak *)context;
    run_peak(&mine);
}

typedef struct peak_job {
    peak p;
    int n_threads;
} peak_job;

static void peak_on_threads(void *context)
{
    peak_job *job = context;
    flow_parallel_for(job->n_threads, job->n_threads, peak_item, &job->p);
}

/* FLOP/s of n_threads cores at once. */
static double measure_peak(int n_threads)
{
    peak_job job = {.n_threads = n_threads};
    run_peak(&job.p);
    return n_threads * job.p.flops / measure(peak_on_threads, &job).median;
}

/* ------------------------------------------------------------------ matrix products */

typedef struct product {
    const char *what;
    bool ta, tb;
    int m, n, k, lda, ldb, ldc;
    real *a, *b, *c;
} product;

/* As nn/linear.c and nn/tape.c call them: pass (units, rows, inputs), back (inputs, rows, units), weights (units,
 * inputs, rows); tiles of 128 rows. */
static const product products[] = {
    {"pass, a panel of 32 units", false, false, 32, 128, 10, 10, 128, 128, NULL, NULL, NULL},
    {"", false, false, 32, 128, 64, 128, 128, 128, NULL, NULL, NULL},
    {"", false, false, 32, 128, 128, 128, 128, 128, NULL, NULL, NULL},
    {"", false, false, 32, 128, 512, 512, 128, 128, NULL, NULL, NULL},
    {"pass, a whole layer at once", false, false, 128, 128, 128, 128, 128, 128, NULL, NULL, NULL},
    {"", false, false, 512, 128, 512, 512, 128, 128, NULL, NULL, NULL},
    {"back, 32 inputs", true, false, 32, 128, 64, 128, 128, 128, NULL, NULL, NULL},
    {"", true, false, 32, 128, 128, 128, 128, 128, NULL, NULL, NULL},
    {"", true, false, 32, 128, 512, 512, 128, 128, NULL, NULL, NULL},
    {"back, all inputs", true, false, 128, 128, 128, 128, 128, 128, NULL, NULL, NULL},
    {"weights, a panel of 32 units", false, true, 32, 10, 128, 128, 128, 10, NULL, NULL, NULL},
    {"", false, true, 32, 64, 128, 128, 128, 128, NULL, NULL, NULL},
    {"", false, true, 32, 128, 128, 128, 128, 128, NULL, NULL, NULL},
    {"", false, true, 32, 512, 128, 128, 128, 512, NULL, NULL, NULL},
    {"weights, a whole layer", false, true, 128, 128, 128, 128, 128, 128, NULL, NULL, NULL},
    {"a step of a walk, 13 units", false, false, 13, 128, 64, 128, 128, 128, NULL, NULL, NULL},
    {"its output, 2 parameters", false, false, 2, 128, 64, 128, 128, 1280, NULL, NULL, NULL},
};

static void run_product(void *context)
{
    const product *p = context;
    flow_gemm(p->ta, p->tb, p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, 0, p->c, p->ldc);
}

static real *new_random(size_t n)
{
    real *x = checked(flow_alloc_aligned(n, sizeof *x));
    for (size_t k = 0; k < n; k++)
        x[k] = (real)(flow_rng_uniform(1, FLOW_STREAM_OTHER, k, 0) - 0.5);
    return x;
}

static void bench_products(double peak_of_one)
{
    enum { LARGEST = 1 << 19 };
    real *a = new_random(LARGEST), *b = new_random(LARGEST), *c = new_random(LARGEST);
    printf("\nmatrix products on one thread (m, n, k)        GFLOP/s   of the peak\n");
    for (size_t k = 0; k < sizeof products / sizeof *products; k++) {
        product p = products[k];
        p.a = a;
        p.b = b;
        p.c = c;
        double flops = 2. * p.m * p.n * p.k;
        quantiles time = measure(run_product, &p);
        printf("  %-30s %3d %4d %4d   %7.1f   %5.0f %%\n", p.what, p.m, p.n, p.k, flops / time.median / 1e9,
               100 * flops / time.median / peak_of_one);
    }
    flow_free_aligned(a);
    flow_free_aligned(b);
    flow_free_aligned(c);
}

/* ------------------------------------------------------------------ flows */

enum { BATCH = 256 };

typedef struct example {
    const char *name, *json;
    int dim;
    size_t n_rows; /* in a call */
} example;

static const example examples[] = {
    {"MAF 5x[128,128], d=10", "[{\"type\": \"maf\", \"repeat\": 5, \"hidden\": [128, 128]}]", 10, 16384},
    {"MAF 5x[512,512], d=63", "[{\"type\": \"maf\", \"repeat\": 5, \"hidden\": [512, 512]}]", 63, 2048},
    {"RealNVP 8x[128,128], d=10", "[{\"type\": \"realnvp\", \"repeat\": 8, \"hidden\": [128, 128]}]", 10, 16384},
};

enum { N_EXAMPLES = sizeof examples / sizeof *examples };

typedef struct bench {
    const example *of;
    cJSON *list, *adam;
    flow *f;
    real *weights, *gradient;
    double *rows, *x, *logp;
    size_t n_rows;
    size_t live; /* weights that are multiplied */
    int n_threads;
    flow_runner *runner;
    flow_step *step;
    flow_optimizer *optimizer;
} bench;

static void check(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        stop(err->message);
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

static void open_bench(bench *b, const example *of, int n_threads)
{
    static const flow_objective mle = {.type = &flow_objective_mle};
    flow_error err;
    *b = (bench){.of = of, .n_threads = n_threads, .n_rows = of->n_rows};
    b->list = checked(cJSON_Parse(of->json));
    b->adam = checked(cJSON_Parse("{\"type\": \"adam\"}"));
    flow_json list = flow_json_root(b->list), base = {0}, adam = flow_json_root(b->adam);
    check(flow_new(&b->f, &list, &base, of->dim, 1, &err), &err);
    const flow_params *params = &b->f->params;
    b->live = live_of(params);
    b->weights = new_random(params->n_weights);
    b->gradient = new_random(params->n_weights);
    check(flow_init_weights(b->f, 1, b->weights, &err), &err);
    size_t count = b->n_rows * (size_t)of->dim;
    b->rows = checked(malloc(count * sizeof *b->rows));
    b->x = checked(malloc(count * sizeof *b->x));
    b->logp = checked(malloc(b->n_rows * sizeof *b->logp));
    gsl_rng *rng = checked(gsl_rng_alloc(flow_rng_gsl));
    for (size_t k = 0; k < count; k++)
        b->rows[k] = 4 * gsl_rng_uniform(rng) - 2;
    gsl_rng_free(rng);
    check(flow_runner_new(&b->runner, b->f, b->weights, n_threads, &err), &err);
    check(flow_step_new(&b->step, b->f, &mle, NULL, BATCH, n_threads, &err), &err);
    check(flow_optimizer_new(&b->optimizer, &adam, params, &err), &err);
}

static void close_bench(bench *b)
{
    flow_optimizer_free(b->optimizer);
    flow_step_free(b->step);
    flow_runner_free(b->runner);
    flow_free(b->f);
    flow_free_aligned(b->weights);
    flow_free_aligned(b->gradient);
    free(b->rows);
    free(b->x);
    free(b->logp);
    cJSON_Delete(b->list);
    cJSON_Delete(b->adam);
}

static void run_logprob(void *context)
{
    bench *b = context;
    flow_rows_logp(b->runner, b->rows, b->n_rows, b->logp);
}

static void run_sample(void *context)
{
    bench *b = context;
    flow_rows_sample(b->runner, 1, 0, b->n_rows, 1, NULL, b->x, NULL, NULL);
}

static void run_to_data(void *context)
{
    bench *b = context;
    flow_rows_to_data(b->runner, b->rows, b->n_rows, b->x, NULL);
}

static void run_to_latent(void *context)
{
    bench *b = context;
    flow_rows_to_latent(b->runner, b->rows, b->n_rows, b->x, NULL);
}

/* A step as the trainer takes it: score, gradient, norm for the clipping, Adam. The rate is so small that the weights
 * stay what they are; it does not change the work. */
static void run_step(void *context)
{
    bench *b = context;
    const flow_batch batch = {.n = BATCH, .rows = b->rows, .stride = (size_t)b->of->dim, .share = 1. / BATCH};
    flow_step_gradient(b->step, b->weights, &batch, b->gradient);
    double norm = flow_optimizer_norm(b->optimizer, b->gradient, b->n_threads);
    flow_optimizer_step(b->optimizer, 1e-12, norm > 5 ? 5 / norm : 1, b->gradient, b->weights, NULL, 0, b->n_threads);
}

typedef struct task {
    const char *name;
    work *what;
    double flops; /* per live weight and row */
} task;

static const task tasks[] = {{"logprob", run_logprob, 2}, {"step", run_step, 6}, {"sample", run_sample, 2}};

enum { N_TASKS = sizeof tasks / sizeof *tasks };

static double rows_of(const bench *b, const task *t)
{
    return t->what == run_step ? BATCH : (double)b->n_rows;
}

static void bench_flows(const double *peaks, const int *threads, int n_counts)
{
    printf("\n%-28s %12s   %-8s %7s %11s  %5s   %7s   %s\n", "flows", "live weights", "task", "threads", "rows/s", "+-",
           "GFLOP/s", "of the peak");
    for (int e = 0; e < N_EXAMPLES; e++) {
        for (int c = 0; c < n_counts; c++) {
            bench b;
            open_bench(&b, &examples[e], threads[c]);
            for (int t = 0; t < N_TASKS; t++) {
                quantiles time = measure(tasks[t].what, &b);
                double speed = rows_of(&b, &tasks[t]) / time.median, flops = speed * tasks[t].flops * (double)b.live;
                if (c == 0 && t == 0)
                    printf("  %-26s %12zu   ", examples[e].name, b.live);
                else
                    printf("  %-26s %12s   ", "", "");
                printf("%-8s %7d %11.0f  %3.0f %%   %7.1f   %5.0f %%\n", tasks[t].name, threads[c], speed,
                       100 * time.spread, flops / 1e9, 100 * flops / peaks[c]);
            }
            close_bench(&b);
        }
    }
}

static void bench_directions(void)
{
    printf("\nboth directions of the same rows, one thread             time of z -> x / time of x -> z\n");
    for (int e = 0; e < N_EXAMPLES; e++) {
        bench b;
        open_bench(&b, &examples[e], 1);
        quantiles r = ratio(run_to_data, &b, run_to_latent, &b);
        printf("  %-50s %8.2f +- %.2f   (a pass per dimension: %d)\n", examples[e].name, r.median, r.median * r.spread,
               examples[e].dim);
        close_bench(&b);
    }
}

/* ------------------------------------------------------------------ where a training step spends its time */

/* A step taken apart, on one thread: the same calls as in train/step.c, and the matrix products again without what is
 * around them. */
typedef struct parts {
    bench b;
    flow_workspace *ws[BATCH / FLOW_TILE];
    flow_tape tapes[BATCH / FLOW_TILE];
    real *scratch; /* large enough for any activation or gradient */
} parts;

enum { N_TILES = BATCH / FLOW_TILE };

static void part_forward(void *context)
{
    parts *p = context;
    for (int t = 0; t < N_TILES; t++) {
        double logp[FLOW_TILE];
        const real *z;
        flow_tile_load(p->b.f, p->ws[t], p->b.rows + t * FLOW_TILE * p->b.f->dim, FLOW_TILE);
        flow_tile_logp(p->b.f, p->b.weights, p->ws[t], FLOW_TILE, logp, &z);
        for (int j = 0; j < FLOW_TILE; j++)
            p->ws[t]->glogdet[j] = (real)(-1. / BATCH);
        p->b.f->base->backward(p->b.f->base_state, p->b.f->dim, FLOW_TILE, z, p->ws[t]->glogdet, p->ws[t]->ga);
    }
}

static void part_backward(void *context)
{
    parts *p = context;
    for (int t = 0; t < N_TILES; t++) {
        flow_tile_to_latent_backward(p->b.f, p->b.weights, p->ws[t], FLOW_TILE, p->ws[t]->ga, NULL);
        p->tapes[t] = p->ws[t]->tape;
    }
}

static void part_gradient(void *context)
{
    parts *p = context;
    flow_tapes_gradient(p->tapes, N_TILES, 1, p->b.f->params.n_weights, p->b.gradient);
}

static void part_norm(void *context)
{
    parts *p = context;
    flow_optimizer_norm(p->b.optimizer, p->b.gradient, 1);
}

static void part_adam(void *context)
{
    parts *p = context;
    flow_optimizer_step(p->b.optimizer, 1e-12, 1, p->b.gradient, p->b.weights, NULL, 0, 1);
}

static void products_forward(void *context)
{
    parts *p = context;
    for (int t = 0; t < N_TILES; t++) {
        for (int k = 0; k < p->tapes[t].n_records; k++) {
            const flow_record *r = &p->tapes[t].records[k];
            const flow_linear *l = r->linear;
            for (int q = 0; l != NULL && q < l->n_panels; q++) {
                flow_panel panel = l->panels[q];
                const real *w = p->b.weights + l->weight + (size_t)panel.first * (size_t)l->n_in;
                real *y = p->scratch + (size_t)panel.first * FLOW_TILE;
                flow_gemm(false, false, panel.last - panel.first, FLOW_TILE, panel.depth, w, l->n_in, r->x, FLOW_TILE,
                          0, y, FLOW_TILE);
            }
        }
    }
}

static void products_backward(void *context)
{
    parts *p = context;
    for (int t = 0; t < N_TILES; t++)
        for (int k = 0; k < p->tapes[t].n_records; k++)
            if (p->tapes[t].records[k].linear != NULL)
                flow_linear_backward(p->tapes[t].records[k].linear, p->b.weights, FLOW_TILE, p->tapes[t].records[k].g,
                                     p->scratch);
}

static void whole_step(void *context)
{
    run_step(&((parts *)context)->b);
}

static void open_parts(parts *p, const example *of)
{
    *p = (parts){.scratch = NULL};
    open_bench(&p->b, of, 1);
    flow_error err;
    int widest = of->dim;
    for (int e = 0; e < p->b.f->params.n_entries; e++)
        widest = p->b.f->params.entries[e].rows > widest ? p->b.f->params.entries[e].rows : widest;
    p->scratch = new_random((size_t)widest * FLOW_TILE);
    for (int t = 0; t < N_TILES; t++)
        check(flow_workspace_new(&p->ws[t], p->b.f, FLOW_TILE, true, &err), &err);
    part_forward(p);
    part_backward(p);
}

static void close_parts(parts *p)
{
    for (int t = 0; t < N_TILES; t++)
        flow_workspace_free(p->ws[t]);
    flow_free_aligned(p->scratch);
    close_bench(&p->b);
}

static void bench_parts(void)
{
    static const char *const names[] = {"pass: products", "pass: activations, univariates, base", "back: products",
                                        "back: activations, univariates", "weight gradient: products and sums",
                                        "norm of the gradient", "Adam", "sum of the parts", "a step"};
    enum { N_PARTS = sizeof names / sizeof *names };
    double micros[N_EXAMPLES][N_PARTS];
    for (int e = 0; e < N_EXAMPLES; e++) {
        parts p;
        open_parts(&p, &examples[e]);
        double *m = micros[e];
        double forward = measure(part_forward, &p).median, backward = measure(part_backward, &p).median;
        m[0] = measure(products_forward, &p).median;
        m[1] = forward - m[0];
        m[2] = measure(products_backward, &p).median;
        m[3] = backward - m[2];
        m[4] = measure(part_gradient, &p).median;
        m[5] = measure(part_norm, &p).median;
        m[6] = measure(part_adam, &p).median;
        m[7] = forward + backward + m[4] + m[5] + m[6];
        m[8] = measure(whole_step, &p).median;
        close_parts(&p);
    }
    printf("\na training step of %d rows, one thread", BATCH);
    for (int e = 0; e < N_EXAMPLES; e++)
        printf("  %26s", examples[e].name);
    printf("\n");
    for (int k = 0; k < N_PARTS; k++) {
        printf("  %-38s", names[k]);
        for (int e = 0; e < N_EXAMPLES; e++)
            printf("    %11.1f us  %5.1f %%", 1e6 * micros[e][k], 100 * micros[e][k] / micros[e][N_PARTS - 2]);
        printf("\n");
    }
}

/* ------------------------------------------------------------------ one thing alone */

static const task *task_named(const char *name)
{
    for (int t = 0; t < N_TASKS; t++)
        if (strcmp(tasks[t].name, name) == 0)
            return &tasks[t];
    stop("there are the tasks logprob, step and sample");
    return NULL;
}

static const example *example_named(const char *number)
{
    int e = atoi(number);
    if (e < 0 || e >= N_EXAMPLES)
        stop("there are the cases 0, 1 and 2");
    return &examples[e];
}

static void one_speed(char **argv)
{
    const task *t = task_named(argv[3]);
    bench b;
    open_bench(&b, example_named(argv[2]), atoi(argv[4]));
    printf("%.0f\n", rows_of(&b, t) / measure(t->what, &b).median);
    close_bench(&b);
}

static void loop(char **argv)
{
    const task *t = task_named(argv[3]);
    bench b;
    open_bench(&b, example_named(argv[2]), 1);
    for (double began = seconds(), limit = atof(argv[4]); seconds() - began < limit;)
        t->what(&b);
    close_bench(&b);
}

/* ------------------------------------------------------------------ */

/* Calls the library of the products as a task of the engine would: inside flow_parallel_for it stays on one thread. */
static void products_alone(void *context, int item, int thread)
{
    (void)item, (void)thread;
    bench_products(*(const double *)context);
}

static void parts_alone(void *context, int item, int thread)
{
    (void)context, (void)item, (void)thread;
    bench_parts();
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "rows") == 0) {
        one_speed(argv);
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "loop") == 0) {
        loop(argv);
        return 0;
    }
    if (argc != 1)
        stop("usage: bench_engine [rows CASE WHAT THREADS | loop CASE WHAT SECONDS]");

    char library[64];
    flow_gemm_library(library, sizeof library);
    int all = flow_processors(), threads[2] = {1, all}, n_counts = all > 1 ? 2 : 1;
    double began = seconds(), peaks[2] = {0};
    printf("%s, products by %s, kernels for %s, %d processors; medians of %d\n", FLOW_PRECISION, library,
           flow_vec_name(), all, REPETITIONS);
    for (int c = 0; c < n_counts; c++) {
        peaks[c] = measure_peak(threads[c]);
        printf("peak of fused multiply-adds on %d thread%s: %.1f GFLOP/s\n", threads[c], threads[c] == 1 ? "" : "s",
               peaks[c] / 1e9);
    }
    flow_parallel_for(1, 1, products_alone, peaks);
    bench_flows(peaks, threads, n_counts);
    bench_directions();
    flow_parallel_for(1, 1, parts_alone, NULL);
    double again = measure_peak(1);
    printf("\npeak of one thread at the end: %.1f GFLOP/s; %.0f s in all\n", again / 1e9, seconds() - began);
    return 0;
}
