/* The Runge-Kutta methods: their words in a spec, their options and their coefficients. Adding one: a row of
 * `tableaux`, and its place in `methods`. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "num/real.h"

static const flow_option solver_fixed_table[] = {
    FLOW_KEY_INT(flow_solver_options, steps, "16", 1, FLOW_ODE_STEPS_MAX, "steps of equal length"),
    FLOW_OPTIONS_END,
};

static const flow_option solver_adaptive_table[] = {
    FLOW_KEY_INT(flow_solver_options, steps, "0", 0, FLOW_ODE_STEPS_MAX,
                 "0: as many as the tolerance requires; else steps of equal length, whatever their error"),
    FLOW_KEY_NUMBER(flow_solver_options, rtol, "1e-5", 1e-14, 0.1,
                    "error of a step that is tolerated, relative to the size of the values"),
    FLOW_KEY_NUMBER(flow_solver_options, atol, "1e-5", 1e-14, 0.1, "and absolute; both are added"),
    FLOW_KEY_INT(flow_solver_options, max_steps, "200", 1, FLOW_ODE_STEPS_MAX,
                 "a row that needs more steps fails; memory grows with it, except with the adjoint gradient"),
    FLOW_OPTIONS_END,
};

static const flow_tableau tableaux[] = {
    /* Dormand and Prince 1980, RK5(4)7M. */
    {.info = {FLOW_INFO("dopri5", "Dormand and Prince's pair of orders 5 and 4, adaptive",
                        solver_adaptive_table, flow_solver_options)},
     .order = 5, .n_stages = 6, .adaptive = true,
     .a = {{0},
           {1. / 5},
           {3. / 40, 9. / 40},
           {44. / 45, -56. / 15, 32. / 9},
           {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
           {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656}},
     .b = {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
     .c = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1},
     .error = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40}},
    /* Bogacki and Shampine 1989. */
    {.info = {FLOW_INFO("bosh3", "Bogacki and Shampine's pair of orders 3 and 2, adaptive: for loose tolerances",
                        solver_adaptive_table, flow_solver_options)},
     .order = 3, .n_stages = 3, .adaptive = true,
     .a = {{0}, {1. / 2}, {0, 3. / 4}},
     .b = {2. / 9, 1. / 3, 4. / 9},
     .c = {0, 1. / 2, 3. / 4},
     .error = {-5. / 72, 1. / 12, 1. / 9, -1. / 8}},
    {.info = {FLOW_INFO("rk4", "the classical method of Runge and Kutta, fourth order",
                        solver_fixed_table, flow_solver_options)},
     .order = 4, .n_stages = 4,
     .a = {{0}, {1. / 2}, {0, 1. / 2}, {0, 0, 1}},
     .b = {1. / 6, 1. / 3, 1. / 3, 1. / 6},
     .c = {0, 1. / 2, 1. / 2, 1}},
    {.info = {FLOW_INFO("midpoint", "the midpoint rule, second order",
                        solver_fixed_table, flow_solver_options)},
     .order = 2, .n_stages = 2,
     .a = {{0}, {1. / 2}},
     .b = {0, 1},
     .c = {0, 1. / 2}},
    {.info = {FLOW_INFO("euler", "Euler's method, first order: for few evaluations, not for exact densities",
                        solver_fixed_table, flow_solver_options)},
     .order = 1, .n_stages = 1,
     .b = {1}},
};

static const flow_type_info *const methods[] = {&tableaux[0].info, &tableaux[1].info, &tableaux[2].info,
                                                &tableaux[3].info, &tableaux[4].info, NULL};
static_assert(sizeof methods / sizeof *methods == sizeof tableaux / sizeof *tableaux + 1, "a method for each tableau");

const flow_choices flow_solvers = {.definition = "solver", .what = "a solver", .types = methods};

flow_solver flow_solver_of(const flow_choice *choice)
{
    const flow_solver_options *options = choice->options;
    const double least = 10 * (sizeof(real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON);
    return (flow_solver){(const flow_tableau *)choice->type, options->steps, fmax(options->rtol, least),
                         fmax(options->atol, least), options->max_steps, false};
}

bool flow_solver_adapts(const flow_solver *solver)
{
    return solver->tableau->adaptive && solver->steps == 0;
}
