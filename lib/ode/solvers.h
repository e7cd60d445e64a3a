/* The methods that a spec can name. One line here per method makes its declaration and its place in the list. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_SOLVERS_H
#define FLOW_ODE_SOLVERS_H

#include "ode/solver.h"

#define FLOW_TABLEAUX(X) X(dopri5) X(bosh3) X(rk4) X(midpoint) X(euler)

#define X(name) extern const flow_tableau flow_tableau_##name;
FLOW_TABLEAUX(X)
#undef X

/* What an option of the kind FLOW_OPTION_CHOICE refers to; the types are flow_tableau. */
extern const flow_choices flow_solvers;

#endif
