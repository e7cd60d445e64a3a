/* The density that an objective fits a flow to: a shared library with the functions of density.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_TARGET_H
#define FLOW_TRAIN_TARGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

/* For reading only; all of it lives as long as the target. */
typedef struct flow_target {
    const char *path; /* as it was given */
    int dim;
    const char *const *columns; /* (dim) names of the dimensions: those of the library, else x1, x2, ... */
    bool has_names;             /* the library named them */
    uint32_t checksum;          /* CRC-32 (zlib) of the library's file */
    /* of target.c */
    flow_arena arena; /* of the texts above */
    void *library, *data;
    double (*log_density)(const double *x, double *gradient, size_t n, void *data);
    void (*release)(void *data); /* NULL: the library has none, or there is nothing to release */
    pthread_mutex_t *lock;       /* &mutex; NULL: several threads may call at once */
    pthread_mutex_t mutex;
} flow_target;

/* Loads the library at `path` for points of `dim` dimensions; 0: as many as the library says. `parallel`: whether it
 * may be called from several threads at once. *out is the caller's, and has to outlive its users. FLOW_SPEC
 * when there is no such library, when it has no log_density, or when the dimensions do not agree. */
flow_status flow_target_open(flow_target **out, const char *path, int64_t dim, bool parallel, flow_error *err);
void flow_target_close(flow_target *target);

/* log density at x (dim); where gradient (dim) is not NULL it is written. Several threads may call it at once. */
double flow_target_log(const flow_target *target, const double *x, double *gradient);

/* Compares the gradient with difference quotients at a few points around 0: a mistake in it would train without
 * complaint, and badly. */
typedef struct flow_target_mismatch {
    int n_compared, n_wrong;  /* derivatives */
    int dimension;            /* of the worst one, counted from 0 */
    double at, found, wanted; /* x there, the derivative given, the difference quotient */
} flow_target_mismatch;

flow_status flow_target_check(const flow_target *target, flow_target_mismatch *out, flow_error *err);

#endif
