/* A solve: steps of equal length, or adaptive ones; and the rows that fail. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "ode/scratch.h"

static void ode_store_step(const flow_ode *ode, const flow_ode_scratch *a, int k)
{
    size_t n = (size_t)ode->n, count = (size_t)ode->d * n;
    memcpy(a->states + (size_t)k * count, a->x, count * sizeof *a->x);
    memcpy(a->times + (size_t)k * n, a->t, n * sizeof *a->t);
    memcpy(a->lengths + (size_t)k * n, a->h, n * sizeof *a->h);
}

static void ode_run_fixed(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    const flow_solver *solver = ode->solver;
    const flow_tableau *tableau = solver->tableau;
    int n = ode->n, m = ode->rhs.n_integrals, steps = (int)solver->steps;
    for (int k = 0; k < steps; k++) {
        for (int j = 0; j < n; j++) {
            a->t[j] = (real)((double)(direction == FLOW_TO_DATA ? steps - k : k) / steps);
            a->h[j] = (real)((direction == FLOW_TO_DATA ? -1. : 1.) / steps);
        }
        if (a->states != NULL)
            ode_store_step(ode, a, k);
        flow_ode_run_stages(ode, a, 0, a->on_step != NULL, a->x, a->t, a->h);
        flow_ode_advance(ode, tableau->n_stages, tableau->b, flow_ode_input(ode, a, 0), a->h, a->f, a->x);
        flow_ode_integrate(ode, a, m, tableau->n_stages, tableau->b, a->h, a->next_integrals);
        for (int j = 0; j < m * n; j++)
            a->integrals[j] += a->next_integrals[j];
        if (a->on_step != NULL)
            a->on_step(ode, a, a->h);
    }
    *a->n_steps = steps;
    for (int j = 0; j < n; j++)
        a->tried[j] = steps;
}

/* Marks the rows that are not finite and have no other reason yet. */
static void find_failures(const flow_ode *ode, flow_ode_scratch *a)
{
    for (int j = 0; j < ode->n; j++) {
        double sum = 0; /* NaN if any number is not finite */
        for (int i = 0; i < ode->d; i++)
            sum += 0 * (double)a->x[i * ode->n + j];
        for (int i = 0; i < ode->rhs.n_integrals; i++)
            sum += 0 * a->integrals[i * ode->n + j];
        if (isnan(sum) && a->why[j] == FLOW_ODE_ARRIVED)
            a->why[j] = FLOW_ODE_RANGE;
    }
}

void flow_ode_run(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    memset(a->integrals, 0, (size_t)(ode->rhs.n_integrals * ode->n) * sizeof *a->integrals);
    memset(a->why, 0, (size_t)ode->n * sizeof *a->why);
    *a->n_evaluations = 0;
    (flow_solver_adapts(ode->solver) ? flow_ode_run_adaptive : ode_run_fixed)(ode, a, direction);
    find_failures(ode, a);
}
