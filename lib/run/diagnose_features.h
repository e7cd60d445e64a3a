/* Rows as points in which distances mean something: columns on their own scale, far values drawn in, angles on a
 * circle. Internal to lib/run. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_DIAGNOSE_FEATURES_H
#define FLOW_RUN_DIAGNOSE_FEATURES_H

#include "run/diagnose_run.h"

/* Starts from {0}. */
typedef struct diagnose_features {
    size_t n;      /* of a row */
    size_t *first; /* (d + c + 1): where those of a column begin; the context comes first, then the columns. Owned */
    double *center, *scale, *period; /* (d + c), in that order; period 0: of a number. Owned: `center` */
    const diagnosis *d;
} diagnose_features;

/* The median and the quartiles of the draws (of the context: of the rows) give the scales. */
flow_status diagnose_features_make(diagnose_features *out, const diagnosis *d, flow_error *err);
void diagnose_features_release(diagnose_features *f);

/* The features (n) of a row: x (d) and its context (c). */
void diagnose_features_of(const diagnose_features *f, const double *x, const double *context, double *out);

#endif
