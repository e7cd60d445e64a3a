/* Euler's method, of first order. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

const flow_tableau flow_tableau_euler = {
    .info = {FLOW_INFO("euler", "Euler's method, first order: for few evaluations, not for exact densities",
                       flow_solver_fixed_table, flow_solver_options)},
    .order = 1,
    .n_stages = 1,
    .b = {1},
};
