/* How fast the presets train, evaluate and sample, and what share of the processor's arithmetic that is.
 *
 *     build/test/bench/bench_presets                 all of them, on one thread and on two
 *     build/test/bench/bench_presets THREADS...      on so many
 *     build/test/bench/bench_presets loop NAME TASK SECONDS
 *                                                    one thing again and again on one thread, for a profiler
 *
 * FLOPs count live weights only: what a product computes behind a mask counts as time and not as work, and so does
 * everything that is no product: activations, the elementwise maps, random numbers, the optimizer. The share is that of
 * the peak of as many threads. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "bench/preset.h"
#include "num/parallel.h"

enum { ROUNDS = 15, COUNTS_MAX = 4, N_TASKS = 3 };

static const double slice = 0.04; /* seconds */

typedef struct task {
    const char *name;
    void (*work)(void *context);
    double (*flops)(const preset *p); /* of a row */
} task;

static const task tasks[N_TASKS] = {
    {"train", preset_step, preset_step_flops},
    {"logprob", preset_logprob, preset_pass_flops},
    {"sample", preset_sample, preset_pass_flops},
};

static double rows_of(const preset *p, const task *t)
{
    return (double)(t->work == preset_step ? p->batch : p->n_rows);
}

/* All that is measured, in the order in which a round goes through it: the clock and the peaks, then for each preset
 * and number of threads the tasks. */
typedef struct measurement {
    int n_counts, n_threads[COUNTS_MAX];
    preset presets[N_PRESETS][COUNTS_MAX];
    bench_item clock, peaks[COUNTS_MAX];
    bench_item tasks[N_PRESETS][COUNTS_MAX][N_TASKS];
    bench_item directions[N_PRESETS][2]; /* to data, to latent; on the first number of threads */
} measurement;

enum { ITEMS_MAX = 1 + COUNTS_MAX + N_PRESETS * (COUNTS_MAX * N_TASKS + 2) };

static void list(bench_item **list, int *n, bench_item *item)
{
    if (item->work != NULL)
        list[(*n)++] = item;
}

static void measure(measurement *m)
{
    bench_item *items[ITEMS_MAX];
    int n = 0;
    m->clock = bench_clock_item();
    list(items, &n, &m->clock);
    for (int c = 0; c < m->n_counts; c++) {
        m->peaks[c] = bench_peak_item(m->n_threads[c]);
        list(items, &n, &m->peaks[c]);
    }
    for (int p = 0; p < N_PRESETS; p++) {
        for (int c = 0; c < m->n_counts; c++) {
            preset *at = &m->presets[p][c];
            preset_open(at, &preset_sources[p], m->n_threads[c]);
            for (int t = 0; t < N_TASKS; t++) {
                m->tasks[p][c][t] = (bench_item){.work = tasks[t].work, .context = at, .n_threads = at->n_threads};
                list(items, &n, &m->tasks[p][c][t]);
            }
        }
        preset *first = &m->presets[p][0];
        m->directions[p][0] = (bench_item){.work = preset_to_data, .context = first, .n_threads = first->n_threads};
        m->directions[p][1] = (bench_item){.work = preset_to_latent, .context = first, .n_threads = first->n_threads};
        list(items, &n, &m->directions[p][0]);
        list(items, &n, &m->directions[p][1]);
    }
    bench_run(items, n, ROUNDS, slice);
}

static void print_flow(const preset *p)
{
    printf("\n%s (%s%s): %d columns, %d blocks, %zu live weights, batches of %zu rows\n", p->source->label,
           p->source->file, p->source->override != NULL ? " with hidden layers of 512" : "", p->f->dim, p->f->n_blocks,
           p->live, p->batch);
    printf("    %-8s %7s %11s %7s %8s %9s %6s\n", "task", "threads", "rows/s", "+-", "GFLOP/s", "of peak", "+-");
}

static void print_task(const measurement *m, int p, int c, int t)
{
    const preset *at = &m->presets[p][c];
    const bench_item *item = &m->tasks[p][c][t];
    double rows = rows_of(at, &tasks[t]), flops = rows * tasks[t].flops(at);
    bench_figure speed = bench_rate(item, ROUNDS, rows), share = bench_ratio(&m->peaks[c], item, ROUNDS);
    double of_peak = share.median * flops / bench_peak_flops(m->n_threads[c]);
    printf("    %-8s %7d %11.0f %5.0f %% %8.1f %7.0f %% %4.0f %%\n", tasks[t].name, m->n_threads[c], speed.median,
           100 * speed.spread, speed.median * flops / rows / 1e9, 100 * of_peak, 100 * share.spread);
}

static void print(const measurement *m)
{
    for (int c = 0; c < m->n_counts; c++)
        bench_print_peak(&m->peaks[c], m->n_threads[c], m->n_threads[c] == 1 ? &m->clock : NULL, ROUNDS);
    for (int p = 0; p < N_PRESETS; p++) {
        print_flow(&m->presets[p][0]);
        for (int t = 0; t < N_TASKS; t++)
            for (int c = 0; c < m->n_counts; c++)
                print_task(m, p, c, t);
    }
    printf("\nsampling against density, the same rows on %d thread%s: time to data / time to latent\n", m->n_threads[0],
           m->n_threads[0] == 1 ? "" : "s");
    for (int p = 0; p < N_PRESETS; p++) {
        bench_figure r = bench_ratio(&m->directions[p][0], &m->directions[p][1], ROUNDS);
        printf("    %-16s %5.2f +- %.0f %%   (a network pass for each dimension would be %d)\n",
               preset_sources[p].label, r.median, 100 * r.spread, preset_sources[p].dim);
    }
}

static void loop(const char *name, const char *what, double limit)
{
    int p = 0, t = 0;
    while (p < N_PRESETS && strcmp(preset_sources[p].label, name) != 0)
        p++;
    while (t < N_TASKS && strcmp(tasks[t].name, what) != 0)
        t++;
    if (p == N_PRESETS || t == N_TASKS)
        bench_stop("loop takes protein-maf, protein-realnvp or wide-maf; train, logprob or sample; seconds");
    preset at;
    preset_open(&at, &preset_sources[p], 1);
    for (double began = bench_now(); bench_now() - began < limit;)
        tasks[t].work(&at);
    preset_close(&at);
}

static void choose_threads(measurement *m, int argc, char **argv)
{
    m->n_counts = 0;
    for (int k = 1; k < argc; k++) {
        long n = strtol(argv[k], NULL, 10);
        if (n < 1 || n > FLOW_THREADS_MAX || m->n_counts == COUNTS_MAX)
            bench_stop("usage: bench_presets [THREADS... | loop NAME TASK SECONDS]; at most four numbers of threads");
        m->n_threads[m->n_counts++] = (int)n;
    }
    for (int n = 1; argc == 1 && n <= 2 && n <= flow_processors(); n++)
        m->n_threads[m->n_counts++] = n;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "loop") == 0) {
        loop(argv[2], argv[3], strtod(argv[4], NULL));
        return 0;
    }
    static measurement m;
    double began = bench_now();
    choose_threads(&m, argc, argv);
    bench_print_machine();
    fflush(stdout);
    measure(&m);
    print(&m);
    for (int p = 0; p < N_PRESETS; p++)
        for (int c = 0; c < m.n_counts; c++)
            preset_close(&m.presets[p][c]);
    printf("\n%.0f s\n", bench_now() - began);
    return 0;
}
