/* A solve: adaptive steps, whose lengths follow from the errors of each row, or steps of equal length. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "num/simd.h"
#include "ode/scratch.h"

/* The shortest step, as a part of [0, 1]. A row that needs a shorter one is too stiff: in float its times would lose
 * all digits. */
static const double shortest = 1e-6;
/* The next step follows from the error of the last: Hairer, Norsett and Wanner 1993, sec. II.4, eq. 4.13. */
static const double safety = 0.9, least_factor = 0.2, most_factor = 10;

/* a->size (n) = the mean square of v (d, n) in units of the tolerance at |x| and |y|, whichever is larger */
FLOW_MULTIVERSION
static void error_size(const flow_ode *ode, const flow_ode_scratch *a, const real *v, const real *x, const real *y)
{
    const int d = ode->d, n = ode->n;
    const real rtol = (real)ode->solver->rtol, atol = (real)ode->solver->atol;
    real *size = a->size;
    for (int j = 0; j < n; j++)
        size[j] = 0;
    for (int i = 0; i < d; i++) {
        const real *vi = v + (size_t)i * (size_t)n, *xi = x + (size_t)i * (size_t)n, *yi = y + (size_t)i * (size_t)n;
        for (int j = 0; j < n; j++) {
            real ax = xi[j] < 0 ? -xi[j] : xi[j], ay = yi[j] < 0 ? -yi[j] : yi[j];
            real relative = vi[j] / (atol + rtol * (ax > ay ? ax : ay));
            size[j] += relative * relative;
        }
    }
    for (int j = 0; j < n; j++)
        size[j] /= (real)d;
}

/* The first step of each row, as Hairer, Norsett and Wanner 1993, sec. II.4: from a step that makes an explicit Euler
 * step small, and from the change of f over that. A field that is almost zero takes one step. */
static void adaptive_first_steps(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    int n = ode->n, d = ode->d;
    size_t count = (size_t)d * (size_t)n;
    real *t = a->t, *h = a->h;
    error_size(ode, a, a->x, a->x, a->x);
    for (int j = 0; j < n; j++)
        a->progress[j] = sqrt((double)a->size[j]);
    error_size(ode, a, a->f, a->x, a->x);
    for (int j = 0; j < n; j++) {
        double speed = sqrt((double)a->size[j]), probe = 0.01 * a->progress[j] / (speed + 1e-30);
        probe = probe > 0.1 ? 0.1 : probe < 1e-3 ? 1e-3 : probe;
        a->step[j] = speed;
        a->progress[j] = probe;
        h[j] = (real)(direction == FLOW_TO_DATA ? -probe : probe);
        t[j] = direction == FLOW_TO_DATA ? 1 : 0;
    }
    static const double one = 1;
    flow_ode_advance(ode, 1, &one, a->x, h, a->f, a->next);
    flow_ode_set_input(ode, a, 1, a->next, 1);
    flow_ode_evaluate(ode, a, 1, 0, false, false);
    for (size_t k = 0; k < count; k++)
        a->gf[k] = a->f[count + k] - a->f[k];
    error_size(ode, a, a->gf, a->x, a->x);
    for (int j = 0; j < n; j++) {
        double probe = a->progress[j], bend = sqrt((double)a->size[j]) / probe;
        double largest = a->step[j] > bend ? a->step[j] : bend;
        double step = pow(0.01 / (largest + 1e-30), 1. / (ode->solver->tableau->order + 1));
        step = step > 100 * probe ? 100 * probe : step;
        a->step[j] = step < 1 ? step : 1; /* NaN becomes 1; the row fails at its first step */
        a->progress[j] = 0;
    }
}

/* The errors of the step from a->x to a->next, in units of the tolerance: a->size (n). */
static void adaptive_errors(const flow_ode *ode, flow_ode_scratch *a, const real *h)
{
    const flow_solver *solver = ode->solver;
    const flow_tableau *tableau = solver->tableau;
    int n = ode->n, m = tableau->n_stages + 1;
    memset(a->gf, 0, (size_t)ode->d * (size_t)n * sizeof *a->gf);
    flow_ode_combine(ode->d * n, m, tableau->error, a->f, a->gf);
    for (int i = 0; i < ode->d; i++)
        for (int j = 0; j < n; j++)
            a->gf[i * n + j] *= h[j];
    error_size(ode, a, a->gf, a->x, a->next);
    if (ode->rhs.n_integrals > 0)
        flow_ode_integrate(ode, a, 1, m, tableau->error, h, a->trace_error);
}

/* The error of row j. The error of the log-determinant must not exceed the tolerance either, whatever the number of
 * dimensions over which the error of x is averaged. */
static double error_of(const flow_ode *ode, const flow_ode_scratch *a, int j)
{
    if (ode->rhs.n_integrals == 0)
        return sqrt((double)a->size[j]);
    double old = fabs(a->integrals[j]), new = fabs(a->integrals[j] + a->next_integrals[j]);
    double relative = fabs(a->trace_error[j]) / (ode->solver->atol + ode->solver->rtol * (old > new ? old : new));
    double size = sqrt((double)a->size[j]);
    return relative > size ? relative : size + 0 * relative; /* NaN if either is NaN */
}

/* Copies column j of a (d, n) array. */
static void copy_column(const flow_ode *ode, int j, const real *from, real *to)
{
    for (int i = 0; i < ode->d; i++)
        to[i * ode->n + j] = from[i * ode->n + j];
}

static void adaptive_fail(const flow_ode *ode, flow_ode_scratch *a, int j, double error)
{
    bool out_of_steps = a->left[j] == 0 || a->taken[j] == (int)ode->solver->max_steps;
    a->why[j] = !isfinite(error) ? FLOW_ODE_RANGE : out_of_steps ? FLOW_ODE_STEPS : FLOW_ODE_SHORT;
    for (int i = 0; i < ode->d; i++)
        a->x[i * ode->n + j] = (real)NAN;
    for (int i = 0; i < ode->rhs.n_integrals; i++)
        a->integrals[i * ode->n + j] = NAN;
    a->left[j] = 0;
}

/* Accepts the step of row j: its end is the start of the next step. */
static void adaptive_accept(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction, int j, double step)
{
    int stages = ode->solver->tableau->n_stages, n = ode->n, m = ode->rhs.n_integrals;
    size_t count = (size_t)ode->d * (size_t)n, k = (size_t)a->taken[j]++;
    if (a->states != NULL) {
        copy_column(ode, j, a->x, a->states + k * count);
        a->times[k * (size_t)n + (size_t)j] = (real)(direction == FLOW_TO_DATA ? 1 - a->progress[j] : a->progress[j]);
        a->lengths[k * (size_t)n + (size_t)j] = (real)(direction == FLOW_TO_DATA ? -step : step);
    }
    copy_column(ode, j, a->next, a->x);
    copy_column(ode, j, a->f + (size_t)stages * count, a->f);
    for (int i = 0; i < m; i++) {
        a->integrands[i * n + j] = a->integrands[(stages * m + i) * n + j];
        a->integrals[i * n + j] += a->next_integrals[i * n + j];
    }
}

/* The length of the next step, in units of the one that had this error */
static double step_factor(const flow_ode *ode, double error)
{
    double factor = safety * pow(error, -1. / ode->solver->tableau->order);
    return !(factor >= least_factor) ? least_factor : factor > most_factor ? most_factor : factor;
}

/* Decides on the attempt of row j with `step`, and chooses its next step. Returns whether the step is accepted. */
static bool adaptive_decide(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction, int j, double step)
{
    double error = error_of(ode, a, j), rest = 1 - a->progress[j];
    a->left[j]--;
    a->tried[j]++;
    if (!(error <= 1)) {
        a->step[j] = step * step_factor(ode, error);
        if (a->left[j] == 0 || a->step[j] < shortest)
            adaptive_fail(ode, a, j, error);
        return false;
    }
    adaptive_accept(ode, a, direction, j, step);
    if (step >= rest) { /* arrived */
        a->left[j] = 0;
        return true;
    }
    a->progress[j] += step;
    a->step[j] = step * step_factor(ode, error);
    if (a->left[j] == 0 || a->step[j] < shortest || a->taken[j] == (int)ode->solver->max_steps)
        adaptive_fail(ode, a, j, error);
    return true;
}

/* Sets times and lengths of the next attempt; false if all rows have arrived. A tiny last step is joined to the step
 * before it. */
static bool adaptive_next_steps(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction, real *t, real *h)
{
    bool any = false;
    for (int j = 0; j < ode->n; j++) {
        double rest = 1 - a->progress[j], step = a->left[j] == 0 ? 0 : a->step[j];
        if (step > 0.99 * rest)
            step = rest;
        a->step[j] = step;
        t[j] = (real)(direction == FLOW_TO_DATA ? rest : a->progress[j]);
        h[j] = (real)(direction == FLOW_TO_DATA ? -step : step);
        any |= a->left[j] > 0;
    }
    return any;
}

/* Stores steps of length zero for rows that needed fewer steps than others. */
static void adaptive_pad_steps(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    int most = 0;
    for (int j = 0; j < ode->n; j++)
        most = a->taken[j] > most ? a->taken[j] : most;
    *a->n_steps = most;
    size_t n = (size_t)ode->n, count = (size_t)ode->d * n;
    for (int j = 0; j < ode->n && a->states != NULL; j++) {
        for (size_t k = (size_t)a->taken[j]; k < (size_t)most; k++) {
            copy_column(ode, j, a->x, a->states + k * count);
            a->times[k * n + (size_t)j] = direction == FLOW_TO_DATA ? 0 : 1;
            a->lengths[k * n + (size_t)j] = 0;
        }
    }
}

static void adaptive_start(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    for (int j = 0; j < ode->n; j++) {
        bool wanted = a->wanted == NULL || a->wanted[j] != 0;
        a->taken[j] = a->tried[j] = 0;
        a->left[j] = wanted ? 2 * (int)ode->solver->max_steps + 20 : 0; /* some attempts are rejected */
        a->h[j] = 0;
        a->t[j] = direction == FLOW_TO_DATA ? 1 : 0;
    }
    flow_ode_set_input(ode, a, 0, a->x, 0);
    flow_ode_evaluate(ode, a, 0, 0, a->on_step != NULL, a->on_step == NULL);
    adaptive_first_steps(ode, a, direction);
}

/* All rows try the steps a->h, which become 0 for rows whose step is rejected. */
static void adaptive_attempt(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    const flow_tableau *tableau = ode->solver->tableau;
    int stages = tableau->n_stages;
    bool keeps = a->on_step != NULL;
    if (keeps) /* the values of stage 0 are known, but not in its slot */
        flow_ode_set_input(ode, a, 0, a->x, 0);
    flow_ode_run_stages(ode, a, 1, keeps, a->x, a->t, a->h);
    flow_ode_advance(ode, stages, tableau->b, a->x, a->h, a->f, a->next);
    flow_ode_set_input(ode, a, stages, a->next, 1);
    flow_ode_evaluate(ode, a, stages, 0, keeps, !keeps);
    flow_ode_integrate(ode, a, ode->rhs.n_integrals, stages, tableau->b, a->h, a->next_integrals);
    adaptive_errors(ode, a, a->h);
    for (int j = 0; j < ode->n; j++)
        if (a->left[j] > 0 && !adaptive_decide(ode, a, direction, j, a->step[j]))
            a->h[j] = 0;
}

static void run_adaptive(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    adaptive_start(ode, a, direction);
    while (adaptive_next_steps(ode, a, direction, a->t, a->h)) {
        flow_ode_select(ode, a, a->h);
        adaptive_attempt(ode, a, direction);
        if (a->on_step != NULL)
            a->on_step(ode, a, a->h);
    }
    flow_ode_select_all(ode, a);
    adaptive_pad_steps(ode, a, direction);
}

static void run_fixed(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction)
{
    const flow_solver *solver = ode->solver;
    const flow_tableau *tableau = solver->tableau;
    int n = ode->n, m = ode->rhs.n_integrals, steps = (int)solver->steps;
    size_t count = (size_t)ode->d * (size_t)n;
    for (int k = 0; k < steps; k++) {
        for (int j = 0; j < n; j++) {
            a->t[j] = (real)((double)(direction == FLOW_TO_DATA ? steps - k : k) / steps);
            a->h[j] = (real)((direction == FLOW_TO_DATA ? -1. : 1.) / steps);
        }
        if (a->states != NULL) {
            memcpy(a->states + (size_t)k * count, a->x, count * sizeof *a->x);
            memcpy(a->times + k * n, a->t, (size_t)n * sizeof *a->t);
            memcpy(a->lengths + k * n, a->h, (size_t)n * sizeof *a->h);
        }
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
    (flow_solver_adapts(ode->solver) ? run_adaptive : run_fixed)(ode, a, direction);
    find_failures(ode, a);
}
