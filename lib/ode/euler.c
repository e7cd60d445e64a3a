/* Euler's method, of first order. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/ode.h"

const flow_tableau flow_tableau_euler = {
    .type = "euler",
    .help = "Euler's method, first order: for few evaluations, not for exact densities",
    .order = 1,
    .n_stages = 1,
    .b = {1},
};
