/* The continuous flow: z is where the differential equation dx/dt = f(x, t), f a network, takes x from t = 0 to 1, and
 *
 *     log|det dz/dx| = integral of tr(df/dx) over t
 *
 * (Chen et al. 2018, "Neural ordinary differential equations", sec. 4; Grathwohl et al. 2019, "FFJORD"). Any smooth f
 * makes an invertible map: no masks, no halves, no order of the dimensions. The trace is exact, or in training an
 * estimate (trace.h, nn/field.h), and the gradient is that of the computed solution or the continuous adjoint (ode.h).
 * The other direction is the same equation from t = 1 to 0, and inverts as well as the solver solves.
 *
 * The penalty of a row is the integral of kinetic |f|^2 + jacobian |df/dx|^2 over its path (Finlay et al. 2020): it
 * keeps paths straight and fields smooth, so that solvers need fewer steps. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "ode/ode.h"
#include "ode/solver.h"
#include "flow/trace.h"
#include "nn/field.h"

typedef struct ffjord {
    flow_solver solver;
    flow_trace trace;
    flow_field field;
    uint64_t seed, index; /* of the model, and the block's in it */
} ffjord;

static const char *const gradients[] = {"discrete", "adjoint", NULL};

static const flow_option ffjord_table[] = {
    FLOW_KEY_CHOICE(flow_ffjord_options, solver, "\"dopri5\"", &flow_solvers, "what solves the differential equation"),
    FLOW_KEY_WORD(flow_ffjord_options, gradient, "\"discrete\"", gradients,
                  "that of the solution as computed, or of the equation solved backwards, which takes no memory for "
                  "steps"),
    {FLOW_KEY_IN(flow_ffjord_options, net, hidden, INTS, "[64, 64]"), .least = 1, .most = FLOW_FIELD_WIDTH_MAX,
     .help = "widths of the one to six hidden layers of the network"},
    {FLOW_KEY_IN(flow_ffjord_options, net, network, WORD, "\"mlp\""), .words = flow_field_network_names,
     .help = "how time enters: as an input, or as a gate and a shift of every layer"},
    {FLOW_KEY_IN(flow_ffjord_options, net, time_features, INT, "0"), .most = FLOW_FIELD_TIMES_MAX,
     .help = "k: the network sees cos(pi j t) and sin(pi j t), j = 1 ... k, beside t"},
    {FLOW_KEY_IN(flow_ffjord_options, net, activation, WORD, "\"tanh\""), .words = flow_smooth_names,
     .help = "activation of the hidden layers; smooth ones only, since kinks cost a solver its order"},
    FLOW_KEY_CHOICE(flow_ffjord_options, trace, "\"exact\"", &flow_traces, "how the trace of df/dx is taken"),
    {.key = "kinetic_energy", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_ffjord_options, net.kinetic),
     .fallback = "0", .most = 1e6, .help = "weight of the integral of |f|^2, a penalty in training"},
    {.key = "jacobian_norm", .kind = FLOW_OPTION_NUMBER, .offset = offsetof(flow_ffjord_options, net.jacobian),
     .fallback = "0", .most = 1e6, .help = "weight of the integral of |df/dx|^2 (Frobenius), a penalty in training"},
    {FLOW_KEY_IN(flow_ffjord_options, net, time, NUMBER, "1"), .least = 1e-3, .most = 1e3,
     .help = "T: the equation is solved from t = 0 to T"},
    {.key = "train_time", .kind = FLOW_OPTION_FLAG, .offset = offsetof(flow_ffjord_options, net.trains_time),
     .fallback = "false", .help = "train T, from \"time\" on"},
    FLOW_OPTIONS_END,
};

static const flow_field_plan values_only = {.values_only = true};

/* What evaluations of the field give, by mode. An evaluation takes the exact trace if that is affordable, whatever
 * training does. */
static flow_field_plan ffjord_plan(const ffjord *block, flow_mode mode)
{
    const flow_field *field = &block->field;
    bool trains = mode == FLOW_TRAINING;
    flow_field_plan plan = {.penalises = trains && (field->kinetic > 0 || field->jacobian > 0)};
    if (trains && block->trace.estimates) {
        plan.n_probes = 1;
    } else if (flow_field_has_closed_trace(field)) {
        plan.closed = true;
        plan.n_probes = plan.penalises && field->jacobian > 0;
    } else if (block->trace.estimates && field->dim > block->trace.options.exact_up_to) {
        plan.apart = true;
        plan.n_probes = (int)block->trace.options.probes;
    }
    return plan;
}

static flow_field_plan ffjord_plan_of_pass(const ffjord *block, const flow_pass *pass)
{
    return pass->points_only ? values_only : ffjord_plan(block, pass->mode);
}

typedef struct ffjord_scratch {
    flow_field_tile tile;
    flow_ode ode;
    double *integrals; /* (n_integrals, n) */
    real *gintegrals;  /* the same shape */
    real *gat;         /* (d, n): a gradient that is not used */
} ffjord_scratch;

static void ffjord_apply(void *context, int slot, bool keeps, const real *at, real *f, real *integrands)
{
    flow_field_apply(context, slot, keeps, at, f, integrands);
}

static void ffjord_rhs_backward(void *context, int slot, const real *at, const real *gf, const real *gintegrands,
                                 bool sums, real *gx)
{
    (void)at; /* the slot has it */
    flow_field_backward(context, slot, gf, gintegrands, sums, gx);
}

static void ffjord_choose(void *context, int n, const int *columns)
{
    flow_field_select(context, n, columns);
}

static size_t ffjord_lay_out(const ffjord *block, const flow_field_plan *plan, int n, bool keep, void *memory,
                             ffjord_scratch *w)
{
    flow_layout layout = {.base = memory};
    const int n_integrals = flow_field_n_integrands(plan), d = block->field.dim;
    const int n_slots = keep ? block->solver.tableau->n_stages : 1;
    size_t solver = flow_ode_scratch_size(&block->solver, n_integrals, d, n, keep);
    w->ode = (flow_ode){.solver = &block->solver,
                        .rhs = {&w->tile, n_integrals, ffjord_apply, ffjord_rhs_backward,
                                 flow_field_selects(&block->field, plan) ? ffjord_choose : NULL},
                        .d = d,
                        .n = n,
                        .keep = keep,
                        .scratch = flow_layout_take(&layout, solver, 1)};
    w->gat = flow_layout_take(&layout, keep ? (size_t)d * (size_t)n : 0, sizeof *w->gat);
    w->integrals = flow_layout_take(&layout, (size_t)n_integrals * (size_t)n, sizeof *w->integrals);
    w->gintegrals = flow_layout_take(&layout, keep ? (size_t)n_integrals * (size_t)n : 0, sizeof *w->gintegrals);
    size_t field = flow_field_lay_out(&block->field, plan, n, n_slots, keep, NULL, &w->tile);
    void *tile = flow_layout_take(&layout, field, 1);
    flow_field_lay_out(&block->field, plan, n, n_slots, keep, tile, &w->tile);
    return layout.used;
}

/* What training takes, or an evaluation, whichever is more; values alone take less. */
static size_t ffjord_scratch_size(const void *self, int n, bool keep)
{
    ffjord_scratch w;
    size_t most = 0;
    for (flow_mode mode = FLOW_EVALUATION; mode <= FLOW_TRAINING; mode++) {
        const flow_field_plan plan = ffjord_plan(self, mode);
        size_t size = ffjord_lay_out(self, &plan, n, keep, NULL, &w);
        most = size > most ? size : most;
    }
    return most;
}

static const char *ffjord_advice(const void *self)
{
    const flow_solver *solver = &((const ffjord *)self)->solver;
    if (solver->adjoint)
        return "there are too many dimensions, or units in hidden layers";
    return flow_solver_adapts(solver)
               ? "lower solver.max_steps or the widths in hidden, or take the gradient \"adjoint\""
               : "lower solver.steps or the widths in hidden, or take the gradient \"adjoint\"";
}

static flow_status ffjord_configure(void *self, const void *options, const flow_block_context *context,
                                    flow_params *params, flow_error *err)
{
    ffjord *block = self;
    const flow_ffjord_options *asked = options;
    block->seed = context->seed;
    block->index = context->index;
    block->solver = flow_solver_of(&asked->solver);
    block->solver.adjoint = asked->gradient == FLOW_GRADIENT_ADJOINT;
    block->trace = flow_trace_of(&asked->trace);
    return flow_field_configure(&block->field, &asked->net, context->dims.n, context->n_context, params, err);
}

static void ffjord_release(void *self)
{
    flow_field_release(&((ffjord *)self)->field);
}

static void ffjord_start(const ffjord *block, const flow_field_plan *plan, const flow_pass *pass, ffjord_scratch *w)
{
    ffjord_lay_out(block, plan, pass->n, pass->keep, pass->scratch, w);
    w->tile.weights = pass->weights;
    w->tile.context = pass->context;
}

static void ffjord_draw_probes(const ffjord *block, const flow_pass *pass, const real *x, ffjord_scratch *w)
{
    for (int p = 0; p < w->tile.plan.n_probes; p++) {
        size_t stride;
        const flow_probe probe = {(flow_probe_kind)block->trace.options.probe, block->seed, block->index, p};
        real *rows = flow_field_probe(&w->tile, p, &stride);
        flow_probe_draw(&probe, pass->noise, block->field.dim, pass->n, x, stride, rows);
    }
}

/* The variance of the mean of the integrals along single probes. */
static void ffjord_add_variance(const ffjord_scratch *w, double *variance)
{
    int n = w->tile.n, m = w->tile.plan.n_probes;
    for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int p = 0; p < m; p++) {
            double off = w->integrals[(1 + p) * n + j] - w->integrals[j];
            sum += off * off;
        }
        variance[j] += sum / ((double)m * (m - 1));
    }
}

static void ffjord_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const ffjord *block = self;
    ffjord_scratch w;
    const flow_field_plan plan = ffjord_plan_of_pass(block, pass);
    int n = pass->n;
    ffjord_start(block, &plan, pass, &w);
    ffjord_draw_probes(block, pass, in, &w);
    flow_field_start(&w.tile);
    flow_ode_solve(&w.ode, pass->direction, in, out, w.integrals);
    for (int j = 0; j < n && !plan.values_only; j++)
        logdet[j] += w.integrals[j];
    for (int j = 0; j < n && plan.penalises && pass->penalty != NULL; j++)
        pass->penalty[j] += pass->direction == FLOW_TO_DATA ? -w.integrals[n + j] : w.integrals[n + j];
    if (plan.apart && pass->variance != NULL)
        ffjord_add_variance(&w, pass->variance);
    if (pass->evaluations != NULL)
        flow_ode_count(&w.ode, pass->evaluations);
}

static void ffjord_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const ffjord *block = self;
    ffjord_scratch w;
    const flow_field_plan plan = ffjord_plan(block, pass->mode);
    size_t n = (size_t)pass->n;
    ffjord_start(block, &plan, pass, &w);
    memset(w.gintegrals, 0, (size_t)flow_field_n_integrands(&plan) * n * sizeof *w.gintegrals);
    memcpy(w.gintegrals, pass->glogdet, n * sizeof *w.gintegrals);
    for (size_t j = 0; j < n && plan.penalises && pass->gpenalty != NULL; j++)
        w.gintegrals[n + j] = pass->direction == FLOW_TO_DATA ? -pass->gpenalty[j] : pass->gpenalty[j];
    flow_field_begin_backward(&w.tile);
    flow_ode_solve_backward(&w.ode, gout, w.gintegrals, gin);
    flow_field_finish_backward(&w.tile, pass->gcontext, pass->tape);
}

static bool ffjord_diagnose(const void *self, const flow_pass *pass, int column, char *text, size_t size)
{
    ffjord_scratch w;
    const flow_field_plan plan = ffjord_plan_of_pass(self, pass);
    ffjord_start(self, &plan, pass, &w);
    return flow_ode_diagnose(&w.ode, column, text, size);
}

static void ffjord_velocity(const void *self, const flow_pass *pass, const real *at, real *f)
{
    ffjord_scratch w;
    ffjord_start(self, &values_only, pass, &w);
    flow_field_start(&w.tile);
    flow_field_apply(&w.tile, 0, true, at, f, NULL);
}

static void ffjord_velocity_backward(const void *self, const flow_pass *pass, const real *at, const real *gf)
{
    assert(pass->keep);
    (void)at; /* the scratch has it */
    ffjord_scratch w;
    ffjord_start(self, &values_only, pass, &w);
    flow_field_begin_backward(&w.tile);
    flow_field_backward(&w.tile, 0, gf, NULL, true, w.gat);
    flow_field_finish_backward(&w.tile, pass->gcontext, pass->tape);
}

static bool ffjord_estimates(const void *self)
{
    return ffjord_plan(self, FLOW_EVALUATION).apart;
}

const flow_block_type flow_block_ffjord = {
    .info = {FLOW_INFO("ffjord",
                       "a continuous flow: the solution of a differential equation whose right-hand side is a network",
                       ffjord_table, flow_ffjord_options), .repeats = true},
    .state_size = sizeof(ffjord), .configure = ffjord_configure, .release = ffjord_release,
    .scratch_size = ffjord_scratch_size, .advice = ffjord_advice, .map = {ffjord_map, ffjord_map},
    .backward = {ffjord_backward, ffjord_backward}, .diagnose = ffjord_diagnose, .estimates = ffjord_estimates,
    .velocity = ffjord_velocity, .velocity_backward = ffjord_velocity_backward,
};
