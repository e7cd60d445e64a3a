/* The midpoint rule, of second order. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

const flow_tableau flow_tableau_midpoint = {
    .info = {FLOW_INFO("midpoint", "the midpoint rule, second order", flow_solver_fixed_table, flow_solver_options)},
    .order = 2,
    .n_stages = 2,
    .a = {{0}, {1. / 2}},
    .b = {0, 1},
    .c = {0, 1. / 2},
};
