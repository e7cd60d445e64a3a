/* Methods for dx/dt = f(x, t), and a method with its options. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_SOLVER_H
#define FLOW_ODE_SOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

enum { FLOW_ODE_STAGES = 6, FLOW_ODE_STEPS_MAX = 10000 };

/* An explicit Runge-Kutta method: k_s = f(x + h sum_r a_sr k_r, t + c_s h), and the step gives x + h sum_s b_s k_s. For
 * an adaptive method k_S, after the S stages, is f at the end of the step, which is the first stage of the next step; h
 * sum_s error_s k_s is the difference to the embedded method, whose order is one less. */
typedef struct flow_tableau {
    flow_type_info info; /* its options are flow_solver_options */
    int order, n_stages;
    bool adaptive;
    double a[FLOW_ODE_STAGES][FLOW_ODE_STAGES], b[FLOW_ODE_STAGES], c[FLOW_ODE_STAGES], error[FLOW_ODE_STAGES + 1];
} flow_tableau;

/* The methods: the choices of an option; each type is a flow_tableau. */
extern const flow_choices flow_solvers;

typedef struct flow_solver_options {
    int64_t steps;     /* of equal length; 0 (adaptive methods only): the errors decide on the steps */
    double rtol, atol; /* tolerances for the error of a step; adaptive methods only, as is max_steps */
    int64_t max_steps;
} flow_solver_options;

typedef struct flow_solver {
    const flow_tableau *tableau;
    int64_t steps;
    double rtol, atol;
    int64_t max_steps;
    bool adjoint; /* the gradient of flow_ode_solve_backward: the adjoint or the discrete one */
} flow_solver;

/* The solver of a choice of flow_solvers, with the discrete gradient. Tolerances that `real` does not resolve are
 * raised to its resolution. */
flow_solver flow_solver_of(const flow_choice *choice);

/* Whether the errors decide on the steps. */
bool flow_solver_adapts(const flow_solver *solver);

#endif
