/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solvers.h"

#define X(name) &flow_tableau_##name.info,
static const flow_type_info *const solver_types[] = {FLOW_TABLEAUX(X) NULL};
#undef X

const flow_choices flow_solvers = {.definition = "solver", .what = "a solver", .types = solver_types};
