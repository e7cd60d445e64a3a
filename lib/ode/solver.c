/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

#include <float.h>
#include <stddef.h>

#include "num/real.h"

const flow_option flow_solver_fixed_table[] = {
    {.key = "steps", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_solver_options, steps), .fallback = "16",
     .least = 1, .most = FLOW_ODE_STEPS_MAX, .help = "steps of equal length"},
    FLOW_OPTIONS_END,
};

const flow_option flow_solver_adaptive_table[] = {
    {.key = "steps", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_solver_options, steps), .fallback = "0",
     .least = 0, .most = FLOW_ODE_STEPS_MAX,
     .help = "0: as many as the tolerance requires; else steps of equal length, whatever their error"},
    {.key = "rtol", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_solver_options, rtol), .fallback = "1e-5",
     .least = 1e-14, .most = 0.1,
     .help = "error of a step that is tolerated, relative to the size of the values"},
    {.key = "atol", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_solver_options, atol), .fallback = "1e-5",
     .least = 1e-14, .most = 0.1, .help = "and absolute; both are added"},
    {.key = "max_steps", .kind = FLOW_OPTION_INT, .offset = offsetof(flow_solver_options, max_steps),
     .fallback = "200", .least = 1, .most = FLOW_ODE_STEPS_MAX,
     .help = "a row that needs more steps fails; memory grows with it, except with the adjoint gradient"},
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
