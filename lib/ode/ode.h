/* Solvers of dx/dt = f(x, t) on [0, 1] for the rows of a tile, together with integrals along the way: the integral of
 * the trace of df/dx is the log-determinant of the map (Chen et al. 2018, theorem 1); others are penalties.
 *
 * The methods are explicit Runge-Kutta methods (solver.c). Adaptive methods choose their steps, unless a number of
 * equal steps is given. Each row has its own time and step, so that its bits do not depend on the other rows of the
 * tile. Rows that have arrived have steps of length zero, and are not evaluated where that saves time.
 *
 * There are two gradients. The discrete gradient is the one of the computed solution: the state at the start of each
 * step is stored, the backward computes the stages again, and the lengths of the steps count as constants. The adjoint
 * (Chen et al. 2018, sec. 2) solves another equation from the other end. It stores no steps, and its error is that of
 * the tolerance; see adjoint.c.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_ODE_H
#define FLOW_ODE_ODE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/direction.h"
#include "ode/problem.h"

size_t flow_ode_scratch_size(const flow_solver *solver, int n_integrals, int d, int n, bool keep);

/* Solves from t = 0 to 1 (FLOW_TO_LATENT) or from 1 to 0: `out` (d, n) from `in`, and the integrals (n_integrals, n),
 * whose sign is that of the direction. A row that needs more or smaller steps than the solver may take becomes NaN;
 * flow_ode_diagnose gives the reason. */
void flow_ode_solve(const flow_ode *ode, flow_direction direction, const real *in, real *out, double *integrals);

/* After a solve with `keep`: gin (d, n) from gout (d, n) and the gradients at the integrals (n_integrals, n). If the
 * adjoint of a row cannot be solved, its gradient and those of the weights become NaN. */
void flow_ode_solve_backward(const flow_ode *ode, const real *gout, const real *gintegrals, real *gin);

/* The reason why row j failed in the last solve or its backward, for messages: a sentence that begins with "its solver"
 * or "its adjoint" and ends with what to try. False if it did not fail. */
bool flow_ode_diagnose(const flow_ode *ode, int j, char *text, size_t size);

/* After a solve, before its backward: adds to counts (n) the number of evaluations that each row needed itself. */
void flow_ode_count(const flow_ode *ode, int *counts);

#endif
