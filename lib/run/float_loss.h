/* What writing in single precision loses: values such as 1700000000.01 keep 7 digits of it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_FLOAT_LOSS_H
#define FLOW_RUN_FLOAT_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "run/hooks.h"

/* Of one column. */
typedef struct flow_float_column {
    double most;                /* the largest difference between a value and the float next to it */
    double first, sum, squares; /* the first value; sums over the differences from it */
    int64_t n;                  /* finite values */
} flow_float_column;

/* Counts n rows (n, d) that are written as floats. */
void flow_float_loss_add(flow_float_column *columns, int d, const double *rows, size_t n);

/* Warns of columns whose values differ from the floats by more than a thousandth of their deviation, and of those that
 * floats do not reach. */
void flow_float_loss_warn(const flow_float_column *columns, int d, const char *const *names,
                          const flow_run_hooks *hooks);

#endif
