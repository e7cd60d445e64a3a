/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/field_flops.h"

#include <string.h>

#include "flow/trace.h"
#include "harness.h"
#include "ode/ode.h"

/* A multilayer perceptron of x and t with one or two hidden layers. */
typedef struct field {
    int n_layers;
    const flow_param *layers[3];
    flow_solver solver;
    flow_trace trace;
} field;

static bool find_layers(field *out, const flow *f)
{
    for (int e = 0; e < f->params.n_entries; e++) {
        const flow_param *entry = &f->params.entries[e];
        if (!entry->trainable || entry->cols == 1)
            continue;
        if (out->n_layers == 3)
            return false;
        out->layers[out->n_layers++] = entry;
    }
    return out->n_layers > 1 && out->layers[0]->cols > f->dim;
}

static bool read_field(field *out, const flow *f, const char *spec)
{
    *out = (field){0};
    if (f->n_blocks != 1 || strcmp(f->blocks[0]->type->info.name, "ffjord") != 0 || !find_layers(out, f))
        return false;
    solver_and_trace_of(&out->solver, &out->trace, spec);
    return true;
}

static double size_of(const flow_param *layer)
{
    return (double)layer->rows * (double)layer->cols;
}

static double of_values(const field *at)
{
    double weights = 0;
    for (int l = 0; l < at->n_layers; l++)
        weights += size_of(at->layers[l]);
    return 2 * weights;
}

/* M has a row for each unit of the second hidden layer; one row if there is none. */
static double of_trace(const field *at, bool estimates)
{
    double behind = 0;
    for (int l = 1; l < at->n_layers; l++)
        behind += size_of(at->layers[l]);
    return estimates ? 2 * behind : 2 * (at->n_layers == 3 ? size_of(at->layers[1]) : (double)at->layers[0]->rows);
}

/* The evaluations of a step whose trace the method uses, and those of them that its result depends on. An adaptive
 * method takes the first stage of a step from the end of the step before. */
static void count_traces(const field *at, int *in_all, int *in_result)
{
    const flow_tableau *tableau = at->solver.tableau;
    *in_all = *in_result = 0;
    for (int s = 0; s < tableau->n_stages; s++) {
        bool adapts = flow_solver_adapts(&at->solver), known = adapts && s == 0;
        *in_result += tableau->b[s] != 0;
        *in_all += !known && (tableau->b[s] != 0 || (adapts && tableau->error[s] != 0));
    }
    *in_all += flow_solver_adapts(&at->solver);
}

double bench_field_flops(const flow *f, const char *spec, const flow_nfe *nfe, bench_solve what)
{
    field at;
    if (!read_field(&at, f, spec))
        return 0;
    bool adapts = flow_solver_adapts(&at.solver), trains = what == BENCH_SOLVE_GRADIENT;
    bool estimates = trains && at.trace.estimates;
    double rows = (double)nfe->rows, evaluations = (double)nfe->evaluations;
    double attempts = (evaluations - (adapts ? 2 * rows : 0)) / at.solver.tableau->n_stages;
    double values = of_values(&at), trace = of_trace(&at, estimates);
    double start = estimates ? 2 * (double)at.layers[0]->rows * f->dim : 0;
    int in_all, in_result;
    count_traces(&at, &in_all, &in_result);
    double flops = evaluations * values;
    if (what != BENCH_SOLVE_POINTS)
        flops += (attempts * in_all + (adapts ? rows : 0)) * trace + rows * start;
    if (trains)
        flops += 2 * (attempts * (at.solver.tableau->n_stages * values + in_result * trace) + rows * start);
    return flops;
}
