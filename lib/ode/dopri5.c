/* Dormand and Prince 1980, RK5(4)7M: fifth order with an embedded fourth. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

const flow_tableau flow_tableau_dopri5 = {
    .info = {FLOW_INFO("dopri5", "Dormand and Prince's pair of orders 5 and 4, adaptive",
                       flow_solver_adaptive_table, flow_solver_options)},
    .order = 5,
    .n_stages = 6,
    .adaptive = true,
    .a = {{0},
          {1. / 5},
          {3. / 40, 9. / 40},
          {44. / 45, -56. / 15, 32. / 9},
          {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
          {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656}},
    .b = {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
    .c = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1},
    .error = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40},
};
