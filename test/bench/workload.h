/* The flows that are measured: one file each in test/bench/workloads/, which scripts/bench_peers.py reads as well, so
 * that both sides of a comparison have the same shape.
 *
 *     {
 *       "title": "MAF",              for people
 *       "dimensions": 10,
 *       "tasks": ["train"],          what is measured: all of it unless said otherwise
 *       "against": "S1",             the workload whose times these are to be seen next to
 *       "like": "L1",                in the place of "dimensions" and "spec": those of that workload
 *       "spec": { ... }              a spec for `flowctl train`, without data
 *     }
 *
 * Rows are standard normal. All layers start as random as PyTorch's do, the last ones too, which flowctl starts at
 * zero: an adaptive solver would have nothing to do in a field that is zero.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "harness.h"

typedef enum workload_task { TASK_TRAIN, TASK_LOGPROB, TASK_SAMPLE, N_TASKS } workload_task;
extern const char *const workload_task_names[N_TASKS];

/* What is in a file. */
typedef struct workload_source {
    char name[64]; /* "S1": of the file */
    cJSON *document;
    const char *title, *against; /* borrowed from the document; against may be NULL */
    bool tasks[N_TASKS];
    int64_t dimensions;
    char *spec; /* JSON text */
} workload_source;

/* These end the program when something is wrong, as does everything below. */
void workload_read(workload_source *out, const char *name);
void workload_release(workload_source *source);
/* The names of all files, sorted. */
int workload_names(char names[][64], int most);

/* flops are the floating-point operations of a batch that the task needs: two for each live weight and row in a pass,
 * and for a step two more for the gradient at the layer's input and two for the gradient at the weight; of a continuous
 * flow what bench/field_flops.h counts. 0 where that is not known. */
typedef struct workload {
    const workload_source *source;
    flow_spec *spec;
    subject made;
    flow *f; /* borrowed from it */
    real *weights, *average, *gradient;
    size_t batch;
    double *rows;     /* (batch, dim) */
    double *x, *logp; /* (batch, dim), (batch): results */
    size_t live;      /* weights that are multiplied: no masked ones, no biases */
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
