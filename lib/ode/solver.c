/* What a spec says of a solver. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ode/scratch.h"
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
    {.key = "steps",
     .kind = FLOW_OPTION_INT,
     .offset = offsetof(flow_solver, steps),
     .fallback = "0",
     .least = 0,
     .most = FLOW_ODE_STEPS_MAX,
     .help = "0: as many as the error asks for; else steps of equal length, and nobody looks at the error"},
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
     .help = "a row that needs more steps fails; memory grows with it, but for the adjoint gradient"},
    FLOW_OPTIONS_END,
};

const flow_option *flow_solver_options(const flow_tableau *tableau)
{
    return tableau->adaptive ? adaptive : fixed;
}

/* An object that does not say its type, as when --set writes solver.rtol, is of the first one. */
static flow_status add_type(flow_json *spec, flow_error *err)
{
    if (!cJSON_IsObject(spec->node) || flow_json_member(spec, "type").node != NULL)
        return FLOW_OK;
    bool added = cJSON_AddStringToObject(spec->node, "type", flow_tableaux[0]->type) != NULL;
    return added ? FLOW_OK : flow_error_memory(err, "a solver");
}

flow_status flow_solver_new(flow_solver *out, flow_json *spec, flow_error *err)
{
    const char *type = NULL;
    flow_status status = add_type(spec, err);
    if (status == FLOW_OK)
        status = flow_typed_name(&type, spec, "a solver", err);
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

bool flow_solver_diagnose(const flow_solver *solver, bool backwards, flow_ode_end why, char *text, size_t size)
{
    const char *subject = backwards ? "its adjoint" : "its solver";
    switch (why) {
    case FLOW_ODE_ARRIVED:
        return false;
    case FLOW_ODE_STEPS:
        snprintf(text, size, "%s needed more steps than max_steps = %lld, so the field is stiff there; try a larger "
                 "max_steps, larger rtol and atol, or in training a lower rate or kinetic_energy", subject,
                 (long long)solver->max_steps);
        return true;
    case FLOW_ODE_SHORT:
        snprintf(text, size, "%s needed steps below a millionth, so the field is stiff there; try larger rtol and "
                 "atol, or in training a lower rate or kinetic_energy", subject);
        return true;
    case FLOW_ODE_RANGE:
        snprintf(text, size, "%s left the range of numbers; %s", subject,
                 flow_solver_adapts(solver) ? "try a lower rate in training" : "try more steps");
        return true;
    }
    return false;
}
