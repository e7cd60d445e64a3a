/* A right-hand side, and a solver at work on it: the structs of ode.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_PROBLEM_H
#define FLOW_ODE_PROBLEM_H

#include <stdbool.h>

#include "num/real.h"
#include "ode/solver.h"

enum { FLOW_ODE_INTEGRALS = 65 };

/* The right-hand side.
 *
 * apply: x_and_t (d + 1, n) has the d rows of x, then the time t of each column. Writes f (d, n) and the integrands
 * (n_integrals, n; NULL: not requested): the trace, then others. With `keeps` a backward from slot `slot` follows;
 * slots are 0 ... n_stages - 1. Without `keeps` the slot is 0.
 *
 * backward: writes gx (d, n) from the gradients at f and at the integrands (NULL: zero), and with `sums` adds to the
 * gradients of the weights. Several backwards may use one slot.
 *
 * select (may be NULL: all columns are always evaluated): from now on both get only n columns, the listed ones of the
 * tile; `columns` NULL: all of them again. The list stays unchanged. It may have columns twice, to fill up n, with
 * gradients of zero. The bits of a column must not depend on n. */
typedef struct flow_ode_rhs {
    void *context;
    int n_integrals; /* 0 ... FLOW_ODE_INTEGRALS */
    void (*apply)(void *context, int slot, bool keeps, const real *x_and_t, real *f, real *integrands);
    void (*backward)(void *context, int slot, const real *x_and_t, const real *gf, const real *gintegrands, bool sums,
                     real *gx);
    void (*select)(void *context, int n, const int *columns);
} flow_ode_rhs;

/* A solver and its work on one tile. */
typedef struct flow_ode {
    const flow_solver *solver;
    flow_ode_rhs rhs;
    int d, n;
    bool keep;     /* a backward follows: the solve stores what its gradient needs */
    void *scratch; /* flow_ode_scratch_size bytes, 64-byte aligned, with any contents */
} flow_ode;

#endif
