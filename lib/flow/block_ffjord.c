/* The continuous flow: z is where the differential equation dx/dt = f(x, t), f a network, takes x from t = 0 to 1, and
 *
 *     log|det dz/dx| = integral of tr(df/dx) over t
 *
 * (Chen et al. 2018, "Neural ordinary differential equations", sec. 4; Grathwohl et al. 2019, "FFJORD"). Any smooth f
 * makes an invertible map: no masks, no halves, no order of the dimensions. The trace is exact (nn/field.h), and the
 * gradient is that of the computed solution (ode.h). The other direction is the same equation from t = 1 to 0, and
 * inverts as well as the solver solves. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/memory.h"
#include "flow/block.h"
#include "flow/ode.h"
#include "nn/field.h"

typedef struct ffjord {
    flow_field_options net;
    flow_json solver_spec;
    flow_solver solver;
    flow_field field;
} ffjord;

static const flow_option options[] = {
    {.key = "solver",
     .kind = FLOW_OPTION_JSON,
     .offset = offsetof(ffjord, solver_spec),
     .fallback = "\"dopri5\"",
     .refers = "solver",
     .help = "what solves the differential equation"},
    {.key = "hidden",
     .kind = FLOW_OPTION_INTS,
     .offset = offsetof(ffjord, net.hidden),
     .fallback = "[64, 64]",
     .least = 1,
     .most = FLOW_FIELD_WIDTH_MAX,
     .help = "widths of the one or two hidden layers of the network"},
    {.key = "activation",
     .kind = FLOW_OPTION_CHOICE,
     .offset = offsetof(ffjord, net.activation),
     .fallback = "\"tanh\"",
     .choices = flow_smooth_names,
     .help = "activation of the hidden layers; smooth ones only, since kinks cost a solver its order"},
    FLOW_OPTIONS_END,
};

typedef struct work {
    flow_field_tile tile;
    flow_ode ode;
    double *integrals; /* (N_INTEGRALS, n) */
    real *gat;         /* (d, n): a gradient that nobody wants */
} work;

enum { N_INTEGRALS = 1 }; /* that of the trace */

static void apply(void *context, int slot, bool keeps, const real *at, real *f, real *integrands)
{
    flow_field_apply(context, slot, keeps, at, f, integrands);
}

static void backward(void *context, int slot, const real *at, const real *gf, const real *gintegrands, bool sums,
                     real *gx)
{
    flow_field_backward(context, slot, at, gf, gintegrands, sums, gx);
}

static size_t lay_out(const ffjord *block, int n, void *memory, work *w)
{
    flow_layout layout = {.base = memory};
    size_t solver = flow_ode_work_size(&block->solver, N_INTEGRALS, block->field.dim, n);
    w->ode = (flow_ode){.solver = &block->solver,
                        .rate = {&w->tile, N_INTEGRALS, apply, backward},
                        .d = block->field.dim,
                        .n = n,
                        .work = flow_layout_take(&layout, solver, 1)};
    w->gat = flow_layout_take(&layout, (size_t)block->field.dim * (size_t)n, sizeof *w->gat);
    w->integrals = flow_layout_take(&layout, N_INTEGRALS * (size_t)n, sizeof *w->integrals);
    int n_slots = block->solver.tableau->n_stages;
    void *tile = flow_layout_take(&layout, flow_field_lay_out(&block->field, n, n_slots, NULL, &w->tile), 1);
    flow_field_lay_out(&block->field, n, n_slots, tile, &w->tile);
    return layout.used;
}

static size_t work_size(const void *self, int n)
{
    work w;
    return lay_out(self, n, NULL, &w);
}

/* Every tile of a batch has an area of its own. */
static flow_status check_size(const ffjord *block, flow_error *err)
{
    const size_t most = (size_t)1 << 30;
    size_t size = work_size(block, FLOW_TILE);
    if (size <= most)
        return FLOW_OK;
    return flow_error_set(err, FLOW_SPEC,
                          "solver: %s and the network would take %zu MB for every %d rows of a batch, "
                          "more than the 1024 that are allowed; lower %s, or the widths",
                          block->solver.tableau->adaptive ? "max_steps" : "steps", size >> 20, FLOW_TILE,
                          block->solver.tableau->adaptive ? "max_steps" : "steps");
}

static flow_status configure(void *self, const flow_site *site, flow_params *params, flow_error *err)
{
    ffjord *block = self;
    flow_status status = flow_solver_new(&block->solver, &block->solver_spec, err);
    if (status == FLOW_OK)
        status = flow_field_configure(&block->field, &block->net, site->dim, site->n_context, params, err);
    return status == FLOW_OK ? check_size(block, err) : status;
}

static void release(void *self)
{
    flow_field_release(&((ffjord *)self)->field);
}

static void start(const ffjord *block, const flow_pass *pass, work *w)
{
    lay_out(block, pass->n, pass->work, w);
    w->tile.weights = pass->weights;
    w->tile.context = pass->context;
}

static void map(const ffjord *block, const flow_pass *pass, bool down, const real *in, real *out, double *logdet)
{
    work w;
    start(block, pass, &w);
    flow_field_start(&w.tile);
    flow_ode_solve(&w.ode, down, in, out, w.integrals);
    for (int j = 0; j < pass->n; j++)
        logdet[j] += w.integrals[j];
    if (pass->evaluations != NULL)
        flow_ode_count(&w.ode, pass->evaluations);
}

static void map_backward(const ffjord *block, const flow_pass *pass, const real *gout, real *gin)
{
    work w;
    start(block, pass, &w);
    flow_field_begin_backward(&w.tile);
    flow_ode_solve_backward(&w.ode, gout, pass->glogdet, gin);
    flow_field_finish_backward(&w.tile, pass->gcontext, pass->tape);
}

static void to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    map(self, pass, false, x, z, logdet);
}

static void to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    map(self, pass, true, z, x, logdet);
}

static void to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    map_backward(self, pass, gz, gx);
}

static void to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    map_backward(self, pass, gx, gz);
}

static void velocity(const void *self, const flow_pass *pass, const real *at, real *f)
{
    work w;
    start(self, pass, &w);
    flow_field_start(&w.tile);
    flow_field_apply(&w.tile, 0, true, at, f, NULL);
}

static void velocity_backward(const void *self, const flow_pass *pass, const real *at, const real *gf)
{
    work w;
    start(self, pass, &w);
    flow_field_begin_backward(&w.tile);
    flow_field_backward(&w.tile, 0, at, gf, NULL, true, w.gat);
    flow_field_finish_backward(&w.tile, pass->gcontext, pass->tape);
}

const flow_block_type flow_block_ffjord = {
    .type = "ffjord",
    .help = "a continuous flow: the solution of a differential equation whose right-hand side is a network",
    .state_size = sizeof(ffjord),
    .options = options,
    .configure = configure,
    .release = release,
    .work_size = work_size,
    .to_latent = to_latent,
    .to_data = to_data,
    .to_latent_backward = to_latent_backward,
    .to_data_backward = to_data_backward,
    .velocity = velocity,
    .velocity_backward = velocity_backward,
};
