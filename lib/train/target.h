/* The density that an objective fits a flow to: a shared library with the functions of density.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_TARGET_H
#define FLOW_TRAIN_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

typedef struct flow_target flow_target;

/* Loads the library at `path` for points of `dim` dimensions; 0: as many as the library says. `parallel`: whether it
 * may be called from several threads at once. *out is the caller's, and has to outlive its users. FLOW_SPEC
 * when there is no such library, when it has no log_density, or when the dimensions do not agree. */
flow_status flow_target_open(flow_target **out, const char *path, int64_t dim, bool parallel, flow_error *err);
void flow_target_close(flow_target *target);

const char *flow_target_path(const flow_target *target); /* as it was given */
int flow_target_dim(const flow_target *target);
/* (dim) names of the dimensions: those of the library, else x1, x2, ... Borrowed. */
const char *const *flow_target_columns(const flow_target *target);
bool flow_target_has_names(const flow_target *target); /* the library named them */
uint32_t flow_target_checksum(const flow_target *target); /* CRC-32 (zlib) of the library's file */

/* log density at x (dim); where gradient (dim) is not NULL it is written. May be called from several threads at once.
 */
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
