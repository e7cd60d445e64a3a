/* The classical method of Runge and Kutta, of fourth order. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

const flow_tableau flow_tableau_rk4 = {
    .info = {FLOW_INFO("rk4", "the classical method of Runge and Kutta, fourth order",
                       flow_solver_fixed_table, flow_solver_options)},
    .order = 4,
    .n_stages = 4,
    .a = {{0}, {1. / 2}, {0, 1. / 2}, {0, 0, 1}},
    .b = {1. / 6, 1. / 3, 1. / 3, 1. / 6},
    .c = {0, 1. / 2, 1. / 2, 1},
};
