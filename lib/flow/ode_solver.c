/* What a spec says of a solver. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <stddef.h>

#include "flow/ode.h"
#include "flow/registry.h"
#include "flow/typed.h"

static const flow_option fixed[] = {
    {.key = "steps",
     .kind = FLOW_OPTION_INT,
     .offset = offsetof(flow_solver, steps),
     .fallback = "16",
     .least = 1,
     .most = FLOW_ODE_STEPS_MAX,
     .help = "steps of equal length"},
    FLOW_OPTIONS_END,
};

static const flow_option adaptive[] = {
    {.key = "rtol",
     .kind = FLOW_OPTION_NUMBER,
     .offset = offsetof(flow_solver, rtol),
     .fallback = "1e-5",
     .least = 1e-14,
     .most = 0.1,
     .help = "error of a step that is tolerated, relative to the size of the values"},
    {.key = "atol",
     .kind = FLOW_OPTION_NUMBER,
     .offset = offsetof(flow_solver, atol),
     .fallback = "1e-5",
     .least = 1e-14,
     .most = 0.1,
     .help = "and absolute; both are added"},
    {.key = "max_steps",
     .kind = FLOW_OPTION_INT,
     .offset = offsetof(flow_solver, max_steps),
     .fallback = "200",
     .least = 1,
     .most = FLOW_ODE_STEPS_MAX,
     .help = "a row that needs more steps fails; memory grows with it"},
    FLOW_OPTIONS_END,
};

const flow_option *flow_solver_options(const flow_tableau *tableau)
{
    return tableau->adaptive ? adaptive : fixed;
}

flow_status flow_solver_new(flow_solver *out, flow_json *spec, flow_error *err)
{
    const char *type = NULL;
    flow_status status = flow_typed_name(&type, spec, "a solver", err);
    if (status != FLOW_OK)
        return status;
    out->tableau = flow_tableau_find(type);
    if (out->tableau == NULL) {
        const char *known[16];
        int n = 0;
        for (; n < 16 && flow_tableaux[n] != NULL; n++)
            known[n] = flow_tableaux[n]->type;
        return flow_typed_unknown(spec, type, known, n, err);
    }
    static const char *const type_only[] = {"type", NULL};
    status = flow_options_read(out, flow_solver_options(out->tableau), spec, type_only, err);
    const double rounding = 10 * (sizeof(real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON);
    out->rtol = out->rtol < rounding ? rounding : out->rtol;
    out->atol = out->atol < rounding ? rounding : out->atol;
    return status;
}
