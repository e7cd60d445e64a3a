/* The classical method of Runge and Kutta, of fourth order. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/ode.h"

const flow_tableau flow_tableau_rk4 = {
    .type = "rk4",
    .help = "the classical method of Runge and Kutta, fourth order",
    .order = 4,
    .n_stages = 4,
    .a = {{0}, {1. / 2}, {0, 1. / 2}, {0, 0, 1}},
    .b = {1. / 6, 1. / 3, 1. / 3, 1. / 6},
    .c = {0, 1. / 2, 1. / 2, 1},
};
