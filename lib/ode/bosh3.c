/* Bogacki and Shampine 1989: third order with an embedded second. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

const flow_tableau flow_tableau_bosh3 = {
    .info = {FLOW_INFO("bosh3", "Bogacki and Shampine's pair of orders 3 and 2, adaptive: for loose tolerances",
                       flow_solver_adaptive_table, flow_solver_options)},
    .order = 3,
    .n_stages = 3,
    .adaptive = true,
    .a = {{0}, {1. / 2}, {0, 3. / 4}},
    .b = {2. / 9, 1. / 3, 4. / 9},
    .c = {0, 1. / 2, 3. / 4},
    .error = {-5. / 72, 1. / 12, 1. / 9, -1. / 8},
};
