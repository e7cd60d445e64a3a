/* Solvers of dx/dt = f(x, t) on [0, 1] for the rows of a tile, together with integrals along the way: that of the trace
 * of df/dx is the log-determinant of the map (Chen et al. 2018, theorem 1), others are penalties.
 *
 * Explicit Runge-Kutta methods, each a tableau in a file of its own. Those with error weights choose their steps,
 * unless a number of equal ones is asked for, and they do so for every row by itself: each row has its own time and
 * step; rows that have arrived stand still with a step of zero, and are left out where that pays. So no row sees
 * another, to the last bit, in whatever tile or file it stands.
 *
 * Of the two gradients the discrete one is that of the computed solution: the state at the start of every step is
 * stored, the stages are computed again on the way back, and the lengths of the steps count as constants. The adjoint
 * one (Chen et al. 2018, sec. 2) solves another equation from the other end and needs no memory for steps; it is as
 * good as the tolerance, see ode_adjoint.c.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_ODE_H
#define FLOW_ODE_ODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/direction.h"
#include "core/error.h"
#include "num/real.h"
#include "ode/solver.h"

enum { FLOW_ODE_INTEGRALS = 65 };

/* The right-hand side. `at` (d + 1, n) are the lines of x, then the time of each row; f is (d, n), the integrands
 * (n_integrals, n; NULL: not wanted, as where a backward follows or the method gives them no weight): the trace, then
 * what else there is to integrate. Where `keeps` says that a backward follows, `slot`, from 0 to n_stages - 1, tells
 * evaluations apart; it is 0 elsewhere. The backward writes gx (d, n) from the gradients at f and the integrands (NULL:
 * 0), and with `sums` adds to the gradients of the weights; a slot serves any number of backwards.
 *
 * Where rows have arrived the others may be evaluated alone: `select` says that both will be given n columns only,
 * those of the tile that are listed (the list stays; some stand there twice, to fill up n, and their gradients are 0),
 * and with NULL all of them again.
 * A column must come out the same, to the last bit, with any n. Where `select` is NULL all are always evaluated. */
typedef struct flow_ode_rate {
    void *context;
    int n_integrals; /* from 0 to FLOW_ODE_INTEGRALS */
    void (*apply)(void *context, int slot, bool keeps, const real *at, real *f, real *integrands);
    void (*backward)(void *context, int slot, const real *at, const real *gf, const real *gintegrands, bool sums,
                     real *gx);
    void (*select)(void *context, int n, const int *columns);
} flow_ode_rate;

/* One tile: a solver at work in scratch of flow_ode_scratch_size bytes (64-byte aligned, not cleared). */
typedef struct flow_ode {
    const flow_solver *solver;
    flow_ode_rate rate;
    int d, n;
    bool keep; /* a backward follows: the solve stores what its gradient needs */
    void *scratch;
} flow_ode;

size_t flow_ode_scratch_size(const flow_solver *solver, int n_integrals, int d, int n, bool keep);

/* From t = 0 to 1 (FLOW_TO_LATENT), or from 1 to 0: `out` (d, n) from `in`, and the integrals (n_integrals, n), which
 * have the sign of the direction. A row that would need more or smaller steps than the solver may take becomes NaN, and
 * flow_ode_diagnose says why. */
void flow_ode_solve(const flow_ode *ode, flow_direction direction, const real *in, real *out, double *integrals);

/* After it, with keep: gin (d, n) from gout and the gradients at the integrals (n_integrals, n). A row that the adjoint cannot be
 * solved for gets NaN, and so do the weights. */
void flow_ode_solve_backward(const flow_ode *ode, const real *gout, const real *gintegrals, real *gin);

/* Why row j failed in the last solve or its backward, for messages: a sentence that begins with "its solver" or "its
 * adjoint", and ends with what to try. False where it did not fail. */
bool flow_ode_diagnose(const flow_ode *ode, int j, char *text, size_t size);

/* Of the last solve, before its backward: evaluations of the whole tile. */
int flow_ode_evaluations(const flow_ode *ode);
/* The same: adds those that each row needed to counts (n); a row that has arrived needs no more, however long others
 * take. */
void flow_ode_count(const flow_ode *ode, int *counts);

#endif
