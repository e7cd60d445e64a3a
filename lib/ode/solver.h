/* Methods for dx/dt = f(x, t), and a method with its options.
 *
 * Adding a method: its tableau in a file of its own, and one line in solvers.h.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_SOLVER_H
#define FLOW_ODE_SOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

enum { FLOW_ODE_STAGES = 6, FLOW_ODE_STEPS_MAX = 10000 };

/* k_s = f(x + h sum_r a_sr k_r, t + c_s h), x + h sum_s b_s k_s. Of an adaptive method k_S, behind the stages, is f at
 * the end of the step, which is the first stage of the next one; h sum_s error_s k_s is then the difference to the
 * embedded method of the order below. */
typedef struct flow_tableau {
    flow_type_info info; /* its options are flow_solver_options */
    int order, n_stages;
    bool adaptive;
    double a[FLOW_ODE_STAGES][FLOW_ODE_STAGES], b[FLOW_ODE_STAGES], c[FLOW_ODE_STAGES], error[FLOW_ODE_STAGES + 1];
} flow_tableau;

typedef struct flow_solver_options {
    int64_t steps;     /* of equal length; 0, of an adaptive method alone: the error of a step decides */
    double rtol, atol; /* the error that is tolerated; of adaptive methods alone, like max_steps */
    int64_t max_steps;
} flow_solver_options;

/* The options of adaptive methods, and those of the others. */
extern const flow_option flow_solver_adaptive_table[];
extern const flow_option flow_solver_fixed_table[];

typedef struct flow_solver {
    const flow_tableau *tableau;
    int64_t steps;
    double rtol, atol;
    int64_t max_steps;
    bool adjoint; /* how flow_ode_solve_backward finds gradients */
} flow_solver;

/* The solver of a choice of flow_solvers (solvers.h), with the discrete gradient. Tolerances below what `real` resolves
 * become that. */
flow_solver flow_solver_of(const flow_choice *choice);

/* Whether the error decides on the steps. */
bool flow_solver_adapts(const flow_solver *solver);

#endif
