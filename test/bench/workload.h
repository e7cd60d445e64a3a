/* The flows that are measured: one file each in test/bench/workloads/. scripts/bench_peers.py reads the same files, so
 * that both sides of a comparison have the same shape.
 *
 *     {
 *       "title": "MAF",              printed
 *       "dimensions": 10,
 *       "tasks": ["train"],          the tasks that are measured; default: all
 *       "against": "S1",             the workload whose times are compared with
 *       "like": "L1",                takes "dimensions" and "spec" from that workload
 *       "spec": { ... }              a spec for `flowctl train`, without data; with "image", the rows are images
 *     }
 *
 * Rows are standard normal. All layers start at random as in PyTorch. This includes the last ones, which flowctl starts
 * at zero: an adaptive solver would take a single step through a field that is zero.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "harness.h"

typedef enum workload_task { TASK_TRAIN, TASK_LOGPROB, TASK_SAMPLE, N_TASKS } workload_task;
extern const char *const workload_task_names[N_TASKS];

/* The contents of a file. */
typedef struct workload_source {
    char name[64]; /* "S1": the name of the file */
    flow_arena arena;
    const char *title, *against; /* of the arena; against may be NULL */
    bool tasks[N_TASKS];
    int64_t dimensions;
    char *spec; /* JSON text */
} workload_source;

/* These and all functions below end the program on an error. */
void workload_read(workload_source *out, const char *name);
void workload_release(workload_source *source);
/* The names of all files, sorted. */
int workload_names(char names[][64], int most);

/* The floating-point operations that the task needs for a batch: two for each live weight and row in a pass, and for a
 * step two more for the gradient at the input of the layer and two for the gradient at the weight; for images see
 * bench/image_flops.h, for a continuous flow bench/field_flops.h. 0 where they are not known. */
typedef struct workload {
    const workload_source *source;
    flow_spec *spec;
    subject made;
    flow *f; /* borrowed from it */
    real *weights, *average, *gradient;
    size_t batch;
    double *rows;     /* (batch, dim) */
    double *x, *logp; /* (batch, dim), (batch): results */
    size_t live;      /* weights that are multiplied: without masked ones and biases */
    double flops[N_TASKS];
    int n_threads;
    flow_runner *runner;
    flow_step *step; /* borrowed from `made` */
    flow_optimizer *optimizer;
} workload;

void workload_open(workload *w, const workload_source *source, int n_threads);
void workload_close(workload *w);

/* One batch: the context is a workload. A step is what the trainer does with a batch that has been read: score,
 * gradient, its norm, optimizer, and the average if there is one; the other two are the calls of flow/rows.h that the
 * commands make. */
void workload_train(void *context);
void workload_logprob(void *context);
void workload_sample(void *context);
extern void (*const workload_work[N_TASKS])(void *context);

/* Ends the program with the error's message unless status is FLOW_OK. */
void workload_check(flow_status status, const flow_error *err);

#endif
