/* The speed at which the workloads of test/bench/workloads/ train, evaluate and sample, also as a share of the peak of
 * the processor.
 *
 *     build/test/bench/bench_workloads [--threads N,N] [--rounds N] [--math float|bf16x3] [--json] [NAME...]
 *                                              the named workloads or all, on one thread and on two (or N) threads
 *     build/test/bench/bench_workloads [--math M] --loop TASK SECONDS NAME
 *                                              repeats one task on one thread, for a profiler
 *
 * FLOPs count only the products with weights that are not masked. All else counts as time only: products behind a mask,
 * activations, elementwise maps, random numbers, the optimizer. For continuous flows see bench/field_flops.h. The share
 * refers to the peak of the same number of threads. --json prints one object per workload, on one line.
 *
 * Figures for several threads come from the rounds in which the processors were free: those in which the peak of n
 * threads was n times the peak of one. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "bench/workload.h"
#include "num/parallel.h"

enum { COUNTS_MAX = 4, NAMES_MAX = 32, ROUNDS_LEAST = 3 };

static const double slice = 0.04; /* seconds */
static const double there = 0.9;  /* share of the processors that a round must have had */

typedef struct request {
    int n_counts, n_threads[COUNTS_MAX];
    int n_rounds;
    bool json;
    const char *loop; /* the task, or NULL */
    double loop_seconds;
    int n_names;
    char names[NAMES_MAX][64];
} request;

/* One workload, with the items of its rounds. */
typedef struct measurement {
    const request *how;
    workload_source source, other; /* other: the workload `against` */
    workload at[COUNTS_MAX], against;
    bench_item clock, peaks[COUNTS_MAX];
    bench_item tasks[COUNTS_MAX][N_TASKS], against_tasks[N_TASKS];
    int n_rounds[COUNTS_MAX];              /* rounds that count; for the first number of threads all rounds do */
    bench_item first[COUNTS_MAX][N_TASKS]; /* tasks[0] in those rounds */
} measurement;

enum { ITEMS_MAX = 1 + COUNTS_MAX + (COUNTS_MAX + 1) * N_TASKS };

static void list_tasks(bench_item **items, int *n, bench_item tasks[N_TASKS], const bool wanted[N_TASKS], workload *w)
{
    for (int t = 0; t < N_TASKS; t++) {
        if (!wanted[t])
            continue;
        tasks[t] = (bench_item){.work = workload_work[t], .context = w, .n_threads = w->n_threads};
        items[(*n)++] = &tasks[t];
    }
}

static bool was_there(const measurement *m, int c, int round)
{
    double first = bench_peak_flops(m->how->n_threads[0]) / m->peaks[0].seconds[round] / m->how->n_threads[0];
    double here = bench_peak_flops(m->how->n_threads[c]) / m->peaks[c].seconds[round] / m->how->n_threads[c];
    return c == 0 || here >= there * first;
}

static void keep_rounds(measurement *m, int c)
{
    int kept = 0;
    for (int round = 0; round < m->how->n_rounds; round++) {
        if (!was_there(m, c, round))
            continue;
        m->peaks[c].seconds[kept] = m->peaks[c].seconds[round];
        for (int t = 0; t < N_TASKS; t++) {
            m->first[c][t].seconds[kept] = m->tasks[0][t].seconds[round];
            m->tasks[c][t].seconds[kept] = m->tasks[c][t].seconds[round];
        }
        kept++;
    }
    m->n_rounds[c] = kept;
}

static void measure(measurement *m, const request *how, const char *name)
{
    bench_item *items[ITEMS_MAX];
    int n = 0;
    *m = (measurement){.how = how, .clock = bench_clock_item()};
    workload_read(&m->source, name);
    if (m->clock.work != NULL)
        items[n++] = &m->clock;
    for (int c = 0; c < how->n_counts; c++) {
        m->peaks[c] = bench_peak_item(how->n_threads[c]);
        items[n++] = &m->peaks[c];
        workload_open(&m->at[c], &m->source, how->n_threads[c]);
        list_tasks(items, &n, m->tasks[c], m->source.tasks, &m->at[c]);
    }
    if (m->source.against != NULL) {
        workload_read(&m->other, m->source.against);
        workload_open(&m->against, &m->other, how->n_threads[0]);
        list_tasks(items, &n, m->against_tasks, m->source.tasks, &m->against);
    }
    bench_run(items, n, how->n_rounds, slice);
    for (int c = 0; c < how->n_counts; c++)
        keep_rounds(m, c);
}

static void release(measurement *m)
{
    for (int c = 0; c < m->how->n_counts; c++)
        workload_close(&m->at[c]);
    if (m->source.against != NULL) {
        workload_close(&m->against);
        workload_release(&m->other);
    }
    workload_release(&m->source);
}

/* As a share of the peak of the same number of threads: the median of the ratios within a round. */
static bench_figure share_of_peak(const measurement *m, int c, workload_task t)
{
    bench_figure share = bench_ratio(&m->peaks[c], &m->tasks[c][t], m->n_rounds[c]);
    share.median *= m->at[c].flops[t] / bench_peak_flops(m->how->n_threads[c]);
    return share;
}

/* ------------------------------------------------------------------ printing */

static void print_task(const measurement *m, int c, workload_task t)
{
    const workload *at = &m->at[c];
    const bench_item *item = &m->tasks[c][t];
    int n_rounds = m->n_rounds[c];
    bench_figure speed = bench_rate(item, n_rounds, (double)at->batch);
    printf("    %-8s %7d %9.3f %9.0f %4.0f %%", workload_task_names[t], at->n_threads,
           1e3 * bench_seconds(item, n_rounds), speed.median, 100 * speed.spread);
    if (at->flops[t] > 0)
        printf(" %8.1f %6.0f %%", at->flops[t] / bench_seconds(item, n_rounds) / 1e9,
               100 * share_of_peak(m, c, t).median);
    else
        printf(" %8s %8s", "-", "-");
    if (c > 0)
        printf(" %9.2f", bench_ratio(&m->first[c][t], item, n_rounds).median);
    printf("\n");
}

static void print(const measurement *m)
{
    const workload *w = &m->at[0];
    printf("\n%s, %s: %d dimensions, %d blocks, %zu parameters, %zu of them multiplied, batches of %zu rows\n",
           m->source.name, m->source.title, w->f->dim, w->f->n_blocks, flow_params_count(&w->f->params), w->live,
           w->batch);
    for (int c = 0; c < m->how->n_counts; c++) {
        printf("    ");
        if (m->n_rounds[c] < ROUNDS_LEAST)
            printf("the processors of %d threads were not free in %d of %d rounds\n", m->how->n_threads[c],
                   m->how->n_rounds - m->n_rounds[c], m->how->n_rounds);
        else
            bench_print_peak(&m->peaks[c], m->how->n_threads[c], c == 0 ? &m->clock : NULL, m->n_rounds[c]);
    }
    printf("    %-8s %7s %9s %9s %6s %8s %8s %9s\n", "task", "threads", "ms", "rows/s", "+-", "GFLOP/s", "of peak",
           m->how->n_counts > 1 ? "speed-up" : "");
    for (int t = 0; t < N_TASKS; t++)
        for (int c = 0; m->source.tasks[t] && c < m->how->n_counts; c++)
            if (m->n_rounds[c] >= ROUNDS_LEAST)
                print_task(m, c, t);
    for (int t = 0; m->source.against != NULL && t < N_TASKS; t++)
        if (m->source.tasks[t])
            printf("    %-8s takes %.2f times as long as in %s\n", workload_task_names[t],
                   bench_ratio(&m->tasks[0][t], &m->against_tasks[t], m->how->n_rounds).median, m->source.against);
    fflush(stdout);
}

static void add_task(cJSON *to, const measurement *m, int c, workload_task t)
{
    cJSON *task = cJSON_AddObjectToObject(to, workload_task_names[t]);
    cJSON_AddNumberToObject(task, "seconds", bench_seconds(&m->tasks[c][t], m->n_rounds[c]));
    cJSON_AddNumberToObject(task, "flops", m->at[c].flops[t]);
    cJSON_AddNumberToObject(task, "share_of_peak", share_of_peak(m, c, t).median);
    if (m->source.against != NULL && c == 0)
        cJSON_AddNumberToObject(task, "against",
                                bench_ratio(&m->tasks[c][t], &m->against_tasks[t], m->how->n_rounds).median);
}

static void print_json(const measurement *m)
{
    const workload *w = &m->at[0];
    cJSON *top = bench_checked(cJSON_CreateObject());
    cJSON_AddStringToObject(top, "workload", m->source.name);
    cJSON_AddNumberToObject(top, "batch", (double)w->batch);
    cJSON_AddNumberToObject(top, "parameters", (double)flow_params_count(&w->f->params));
    cJSON *runs = cJSON_AddArrayToObject(top, "runs");
    for (int c = 0; c < m->how->n_counts && m->n_rounds[c] >= ROUNDS_LEAST; c++) {
        cJSON *run = cJSON_CreateObject();
        cJSON_AddItemToArray(runs, run);
        cJSON_AddNumberToObject(run, "threads", m->how->n_threads[c]);
        cJSON_AddNumberToObject(run, "peak",
                                bench_peak_flops(m->how->n_threads[c]) / bench_seconds(&m->peaks[c], m->n_rounds[c]));
        for (int t = 0; t < N_TASKS; t++)
            if (m->source.tasks[t])
                add_task(run, m, c, t);
    }
    char *text = bench_checked(cJSON_PrintUnformatted(top));
    puts(text);
    fflush(stdout);
    free(text);
    cJSON_Delete(top);
}

static void loop(const request *how)
{
    int t = 0;
    while (t < N_TASKS && strcmp(workload_task_names[t], how->loop) != 0)
        t++;
    if (t == N_TASKS || how->n_names != 1)
        bench_stop("--loop takes train, logprob or sample; seconds; the name of a workload");
    workload_source source;
    workload at;
    workload_read(&source, how->names[0]);
    workload_open(&at, &source, 1);
    for (double began = bench_now(); bench_now() - began < how->loop_seconds;)
        workload_work[t](&at);
    workload_close(&at);
    workload_release(&source);
}

/* ------------------------------------------------------------------ the command line */

static _Noreturn void stop_usage(void)
{
    bench_stop("usage: bench_workloads [--threads N,N] [--rounds N] [--math float|bf16x3] [--json] "
               "[--loop TASK SECONDS] [NAME...]");
}

static void read_threads(request *r, const char *text)
{
    r->n_counts = 0;
    for (char *end; *text != '\0'; text = *end == ',' ? end + 1 : end) {
        long n = strtol(text, &end, 10);
        if (end == text || n < 1 || n > FLOW_THREADS_MAX || r->n_counts == COUNTS_MAX)
            stop_usage();
        r->n_threads[r->n_counts++] = (int)n;
    }
}

static void read_arguments(request *r, int argc, char **argv)
{
    *r = (request){.n_counts = flow_processors() > 1 ? 2 : 1, .n_threads = {1, 2}, .n_rounds = 15};
    for (int k = 1; k < argc; k++) {
        const char *word = argv[k];
        int left = argc - k - 1;
        if (strcmp(word, "--json") == 0) {
            r->json = true;
        } else if (strcmp(word, "--threads") == 0 && left > 0) {
            read_threads(r, argv[++k]);
        } else if (strcmp(word, "--rounds") == 0 && left > 0) {
            r->n_rounds = (int)strtol(argv[++k], NULL, 10);
        } else if (strcmp(word, "--math") == 0 && left > 0) {
            bench_choose_math(argv[++k]);
        } else if (strcmp(word, "--loop") == 0 && left > 1) {
            r->loop = argv[++k];
            r->loop_seconds = strtod(argv[++k], NULL);
        } else if (word[0] != '-' && r->n_names < NAMES_MAX) {
            snprintf(r->names[r->n_names++], sizeof r->names[0], "%s", word);
        } else {
            stop_usage();
        }
    }
    if (r->n_counts < 1 || r->n_rounds < ROUNDS_LEAST || r->n_rounds > BENCH_ROUNDS_MAX)
        stop_usage();
    if (r->n_names == 0)
        r->n_names = workload_names(r->names, NAMES_MAX);
}

int main(int argc, char **argv)
{
    request r;
    double began = bench_now();
    read_arguments(&r, argc, argv);
    if (r.loop != NULL) {
        loop(&r);
        return 0;
    }
    if (!r.json)
        bench_print_machine();
    for (int k = 0; k < r.n_names; k++) {
        static measurement m;
        measure(&m, &r, r.names[k]);
        (r.json ? print_json : print)(&m);
        release(&m);
    }
    if (!r.json)
        printf("\n%.0f s\n", bench_now() - began);
    return 0;
}
