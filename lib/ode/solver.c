/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

#include <float.h>
#include <stddef.h>

#include "num/real.h"

const flow_option flow_solver_fixed_table[] = {
    FLOW_KEY_INT(flow_solver_options, steps, "16", 1, FLOW_ODE_STEPS_MAX, "steps of equal length"),
    FLOW_OPTIONS_END,
};

const flow_option flow_solver_adaptive_table[] = {
    FLOW_KEY_INT(flow_solver_options, steps, "0", 0, FLOW_ODE_STEPS_MAX,
                 "0: as many as the tolerance requires; else steps of equal length, whatever their error"),
    FLOW_KEY_NUMBER(flow_solver_options, rtol, "1e-5", 1e-14, 0.1,
                    "error of a step that is tolerated, relative to the size of the values"),
    FLOW_KEY_NUMBER(flow_solver_options, atol, "1e-5", 1e-14, 0.1, "and absolute; both are added"),
    FLOW_KEY_INT(flow_solver_options, max_steps, "200", 1, FLOW_ODE_STEPS_MAX,
                 "a row that needs more steps fails; memory grows with it, except with the adjoint gradient"),
    FLOW_OPTIONS_END,
};

static double solver_tolerance(double tolerance)
{
    const double rounding = 10 * (sizeof(real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON);
    return tolerance < rounding ? rounding : tolerance;
}

flow_solver flow_solver_of(const flow_choice *choice)
{
    const flow_solver_options *options = choice->options;
    return (flow_solver){.tableau = (const flow_tableau *)choice->type,
                         .steps = options->steps,
                         .rtol = solver_tolerance(options->rtol),
                         .atol = solver_tolerance(options->atol),
                         .max_steps = options->max_steps};
}

bool flow_solver_adapts(const flow_solver *solver)
{
    return solver->tableau->adaptive && solver->steps == 0;
}
