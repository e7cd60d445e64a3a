/* Continuous flows beyond the contract of all blocks (contract_block.c): the exact trace of a field against numerical
 * derivatives, the solvers' orders and errors against GSL's, rows that do not see each other, stiffness, and specs that
 * are refused.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_odeiv2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/design.h"
#include "ode/ode.h"
#include "flow/rows.h"
#include "harness.h"
#include "values.h"
#include "nn/field.h"
#include "num/rng.h"

enum { N = 16, MOST_GRADIENT = 300, SEED = 31 };

static const bool is_double = sizeof(real) == sizeof(double);

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(SEED, FLOW_STREAM_OTHER, row, column) - 1;
}

/* ------------------------------------------------------------------ the trace */

static void check_trace(int dim, int n_context, flow_int_list hidden, int activation)
{
    enum { MOST = 10 };
    const double h = 1e-4;
    static const double steps[] = {-2, -1, 1, 2}, weights_of[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    flow_field field = {0};
    flow_params params = {0};
    const flow_field_options options = {.hidden = hidden, .activation = activation, .time = 1};
    const flow_field_plan plan = {.closed = true};
    assert_int_equal(flow_field_configure(&field, &options, dim, n_context, &params, NULL), FLOW_OK);
    real *weights = flow_alloc_aligned(params.n_weights, sizeof *weights);
    for (size_t k = 0; k < params.n_weights; k++)
        weights[k] = (real)uniform(k, 1);
    flow_field_tile tile;
    void *work = flow_alloc_aligned(flow_field_lay_out(&field, &plan, N, 1, true, NULL, &tile), 1);
    flow_field_lay_out(&field, &plan, N, 1, true, work, &tile);
    real at[MOST * N], context[MOST * N], f[MOST * N], trace[N], other[N];
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        at[k] = (real)uniform(k, 2);
        context[k] = (real)uniform(k, 3);
    }
    tile.weights = weights;
    tile.context = context;
    flow_field_start(&tile);
    flow_field_apply(&tile, 0, true, at, f, trace);
    double sum[N] = {0};
    for (int i = 0; i < dim; i++)
        for (int p = 0; p < 4; p++) {
            real moved[MOST * N];
            memcpy(moved, at, sizeof at);
            for (int j = 0; j < N; j++)
                moved[i * N + j] += (real)(steps[p] * h);
            flow_field_apply(&tile, 0, false, moved, f, other);
            for (int j = 0; j < N; j++)
                sum[j] += weights_of[p] * (double)f[i * N + j] / h;
        }
    for (int j = 0; j < N; j++)
        ASSERT_NEAR(trace[j], sum[j], 1e-8);
    flow_free_aligned(work);
    flow_free_aligned(weights);
    flow_field_release(&field);
    flow_params_release(&params);
}

static void traces(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    static const flow_int_list hidden[] = {{1, {5}}, {1, {33}}, {2, {4, 9}}, {2, {16, 16}}, {2, {1, 3}}};
    for (size_t k = 0; k < sizeof hidden / sizeof *hidden; k++)
        for (int activation = 0; flow_smooth_names[activation] != NULL; activation++) {
            check_trace(1, 0, hidden[k], activation);
            check_trace(3, 2, hidden[k], activation);
            check_trace(8, 0, hidden[k], activation);
        }
}

/* ------------------------------------------------------------------ solvers */

/* A field without a closed solution. In the last place: its trace. */
static void field_at(double t, double x, double y, double *out)
{
    out[0] = y * cos(3 * t) - 0.4 * x * x;
    out[1] = sin(2 * x) + 0.3 * t * y;
    out[2] = -0.8 * x + 0.3 * t;
}

static int field_for_gsl(double t, const double *y, double *out, void *params)
{
    (void)params;
    field_at(t, y[0], y[1], out);
    return GSL_SUCCESS;
}

static void rate(void *context, int slot, bool keeps, const real *at, real *f, real *trace)
{
    (void)context, (void)slot, (void)keeps;
    for (int j = 0; j < N; j++) {
        double out[3];
        field_at((double)at[2 * N + j], (double)at[j], (double)at[N + j], out);
        f[j] = (real)out[0];
        f[N + j] = (real)out[1];
        if (trace != NULL)
            trace[j] = (real)out[2];
    }
}

/* x, y and the integral of the trace of N rows, by Prince and Dormand's method of order 8 with tolerances of 1e-13. */
static void reference(bool down, const real *in, double *out)
{
    gsl_odeiv2_system system = {field_for_gsl, NULL, 3, NULL};
    for (int j = 0; j < N; j++) {
        gsl_odeiv2_driver *driver =
            gsl_odeiv2_driver_alloc_y_new(&system, gsl_odeiv2_step_rk8pd, down ? -1e-3 : 1e-3, 1e-13, 1e-13);
        double t = down, y[] = {(double)in[j], (double)in[N + j], 0};
        assert_int_equal(gsl_odeiv2_driver_apply(driver, &t, down ? 0 : 1, y), GSL_SUCCESS);
        for (int i = 0; i < 3; i++)
            out[i * N + j] = y[i];
        gsl_odeiv2_driver_free(driver);
    }
}

static void make_start(real *in)
{
    for (int k = 0; k < 2 * N; k++)
        in[k] = (real)uniform((uint64_t)k, 4);
}

static const flow_tableau *tableau_of(int k)
{
    return (const flow_tableau *)flow_solvers.types[k];
}

static const flow_tableau *method(const char *name)
{
    return (const flow_tableau *)flow_choices_find(&flow_solvers, name);
}

/* The largest error of a solver over rows and components, and the most evaluations that a row took. */
static double error_of(const flow_solver *solver, bool down, int *evaluations)
{
    real in[2 * N], out[2 * N];
    double logdet[N] = {0}, wanted[3 * N], worst = 0;
    make_start(in);
    reference(down, in, wanted);
    flow_ode ode = {.solver = solver, .rhs = {.n_integrals = 1, .apply = rate}, .d = 2, .n = N, .keep = true};
    ode.scratch = flow_alloc_aligned(flow_ode_scratch_size(solver, 1, 2, N, true), 1);
    flow_ode_solve(&ode, down ? FLOW_TO_DATA : FLOW_TO_LATENT, in, out, logdet);
    for (int k = 0; k < 2 * N; k++)
        worst = fmax(worst, fabs((double)out[k] - wanted[k]));
    for (int j = 0; j < N; j++)
        worst = fmax(worst, fabs(logdet[j] - wanted[2 * N + j]));
    int counts[N] = {0};
    flow_ode_count(&ode, counts);
    *evaluations = counts[0];
    for (int j = 1; j < N; j++)
        *evaluations = counts[j] > *evaluations ? counts[j] : *evaluations;
    flow_free_aligned(ode.scratch);
    return worst;
}

/* With steps of equal length, of the adaptive methods too. */
static void orders(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    for (int k = 0; flow_solvers.types[k] != NULL; k++) {
        const flow_tableau *tableau = tableau_of(k);
        for (int down = 0; down < 2; down++) {
            int coarse_evaluations, evaluations;
            int steps = tableau->order > 4 ? 20 : 64; /* before the digits of the reference are used up */
            flow_solver solver = {.tableau = tableau, .steps = steps};
            double coarse = error_of(&solver, down, &coarse_evaluations);
            solver.steps = 2 * steps;
            double fine = error_of(&solver, down, &evaluations), order = log2(coarse / fine);
            assert_int_equal(evaluations, 2 * steps * tableau->n_stages);
            if (!(order > tableau->order - 0.3 && order < tableau->order + 0.7)) /* the next terms count a little */
                fail_msg("%s has order %g: errors %g and %g", tableau->info.name, order, coarse, fine);
        }
    }
}

/* Conditions on the weights: rows of a sum to c; b, and of adaptive ones the embedded b - error to the order below it
 * and no further, integrate powers of t. */
static void weights_of_tableaux(void **state)
{
    (void)state;
    for (int k = 0; flow_solvers.types[k] != NULL; k++) {
        const flow_tableau *tableau = tableau_of(k);
        double c[FLOW_ODE_STAGES + 1];
        memcpy(c, tableau->c, sizeof tableau->c);
        c[tableau->n_stages] = 1;
        for (int s = 0; s < tableau->n_stages; s++) {
            double sum = 0;
            for (int r = 0; r < FLOW_ODE_STAGES; r++) {
                assert_true(r < s || tableau->a[s][r] == 0);
                sum += tableau->a[s][r];
            }
            ASSERT_NEAR(sum, tableau->c[s], 1e-14);
        }
        for (int power = 0; power < tableau->order; power++) {
            double sum = 0, error = 0;
            for (int s = 0; s < tableau->n_stages; s++)
                sum += tableau->b[s] * pow(c[s], power);
            for (int s = 0; s <= tableau->n_stages; s++)
                error += tableau->error[s] * pow(c[s], power);
            ASSERT_NEAR(sum, 1. / (power + 1), 1e-14);
            if (!tableau->adaptive || power < tableau->order - 1)
                ASSERT_NEAR(error, 0, 1e-14);
            else
                ASSERT_GT(fabs(error), 1e-5);
        }
    }
}

/* The global error follows the tolerance, and a tighter one costs more. */
static void tolerances(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    static const double tolerance[] = {1e-3, 1e-5, 1e-7, 1e-9};
    for (int k = 0; flow_solvers.types[k] != NULL; k++) {
        int last = 0;
        for (int i = 0; tableau_of(k)->adaptive && i < 4; i++) {
            for (int down = 0; down < 2; down++) {
                const flow_solver solver = {tableau_of(k), 0, tolerance[i], tolerance[i], 5000, false};
                int evaluations;
                double error = error_of(&solver, down, &evaluations);
                if (!(error < 20 * tolerance[i]))
                    fail_msg("%s with tolerance %g is off by %g", flow_solvers.types[k]->name, tolerance[i], error);
                assert_true(down || evaluations > last);
                last = down ? last : evaluations;
            }
        }
    }
}

/* Nothing moves, and the trace goes up and down: only the error of its integral can shorten a step. */
static void standing_rate(void *context, int slot, bool keeps, const real *at, real *f, real *trace)
{
    (void)context, (void)slot, (void)keeps;
    for (int j = 0; j < N; j++) {
        f[j] = 0;
        if (trace != NULL)
            trace[j] = (real)(10 * sin((5. + j) * (double)at[N + j]));
    }
}

static void log_determinants_count(void **state)
{
    (void)state;
    for (int k = 0; flow_solvers.types[k] != NULL; k++) {
        const flow_solver solver = {tableau_of(k), 0, 1e-5, 1e-5, 2000, false};
        if (!tableau_of(k)->adaptive)
            continue;
        real in[N] = {0}, out[N];
        double logdet[N] = {0};
        flow_ode ode = {
            .solver = &solver, .rhs = {.n_integrals = 1, .apply = standing_rate}, .d = 1, .n = N, .keep = true};
        ode.scratch = flow_alloc_aligned(flow_ode_scratch_size(&solver, 1, 1, N, true), 1);
        flow_ode_solve(&ode, FLOW_TO_LATENT, in, out, logdet);
        for (int j = 0; j < N; j++) {
            ASSERT_NEAR(out[j], 0, 0);
            ASSERT_NEAR(logdet[j], 10 * (1 - cos(5. + j)) / (5. + j), 2e-4);
        }
        flow_free_aligned(ode.scratch);
    }
}

/* f = -lambda x with another lambda in every row: hopeless, hard and easy ones side by side. */
static void decay(void *context, int slot, bool keeps, const real *at, real *f, real *trace)
{
    (void)slot, (void)keeps;
    const double *lambda = context;
    for (int j = 0; j < N; j++) {
        f[j] = (real)(-lambda[j] * (double)at[j]);
        if (trace != NULL)
            trace[j] = (real)-lambda[j];
    }
}

static void stiff_rows(void **state)
{
    (void)state;
    double lambda[N], logdet[2][N] = {{0}};
    real in[N], out[2][N];
    const flow_solver solver = {method("dopri5"), 0, 1e-4, 1e-4, 50, false};
    flow_ode ode = {.solver = &solver, .rhs = {lambda, 1, decay, NULL, NULL}, .d = 1, .n = N, .keep = true};
    ode.scratch = flow_alloc_aligned(flow_ode_scratch_size(&solver, 1, 1, N, true), 1);
    for (int run = 0; run < 2; run++) {
        for (int j = 0; j < N; j++) {
            lambda[j] = 0.2 * j;
            in[j] = (real)(1 + 0.1 * j);
        }
        if (run == 1) { /* too short a step; too many steps; no number at all */
            lambda[3] = 1e12;
            lambda[7] = 1e4;
            in[11] = (real)NAN;
        }
        flow_ode_solve(&ode, FLOW_TO_LATENT, in, out[run], logdet[run]);
        int counts[N] = {0};
        flow_ode_count(&ode, counts);
        for (int j = 0; j < N; j++)
            assert_in_range(counts[j], 1, 6 * (2 * 50 + 20) + 2);
    }
    for (int j = 0; j < N; j++) {
        assert_true(isfinite(out[0][j]) && isfinite(logdet[0][j]));
        ASSERT_NEAR(out[0][j], (1 + 0.1 * j) * exp(-0.2 * j), 1e-3);
        ASSERT_NEAR(logdet[0][j], -0.2 * j, 1e-3);
        char text[300];
        const char *why = j == 3 ? "below a millionth" : j == 7 ? "more steps than max_steps = 50" : "range of numbers";
        bool failed = j == 3 || j == 7 || j == 11;
        ASSERT_EQ(flow_ode_diagnose(&ode, j, text, sizeof text), failed);
        if (failed)
            assert_true(isnan(out[1][j]) && isnan(logdet[1][j]) && strstr(text, why) != NULL);
        else
            assert_true(out[1][j] == out[0][j] && logdet[1][j] == logdet[0][j]);
    }
    flow_free_aligned(ode.scratch);
}

/* ------------------------------------------------------------------ the block */

#define IN_FLOW "{\"flow\": [{\"type\": \"ffjord\", %s}]}"

static void start_given(subject *s, const char *block, int dim, int n_context, double scale)
{
    subject_open(s, (subject_shape){.dim = dim, .n_context = n_context, .seed = 1}, IN_FLOW, block);
    subject_scatter_weights(s, scale, SEED, 5);
}

static void start(subject *s, const char *block, int dim, double scale)
{
    start_given(s, block, dim, 0, scale);
}

/* Every row of a table alone, and all of them together: the same bits, whatever steps its neighbours need. Together the
 * tile becomes narrower as rows arrive, where networks are not too wide for that. */
static void rows_alone(void **state)
{
    (void)state;
    enum { ROWS = 200, D = 3, C = 2, WIDTH = D + C };
    static const char *const blocks[] = {"\"hidden\": [16, 16]", "\"hidden\": [16, 16], \"solver\": \"bosh3\"",
                                         "\"hidden\": [16, 16], \"solver\": \"rk4\"", "\"hidden\": [9]",
                                         "\"hidden\": [200, 33]", "\"hidden\": [20, 300]",
                                         "\"hidden\": [8, 8], \"solver\": {\"steps\": 5}"};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) {
        subject s;
        start_given(&s, blocks[k], D, C, k < 4 ? 1 : 0.3);
        double rows[ROWS * WIDTH], together[ROWS], alone, z[ROWS * D], z_alone[D];
        for (int r = 0; r < ROWS * WIDTH; r++)
            rows[r] = uniform((uint64_t)r, 6) * (r / WIDTH % 5 == 0 && r % WIDTH < D ? 30 : 1);
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
        flow_rows_logp(runner, rows, ROWS, together);
        flow_rows_to_data(runner, rows, ROWS, z, NULL);
        for (int r = 0; r < ROWS; r++) {
            assert_true(isfinite(together[r]));
            flow_rows_logp(runner, rows + r * WIDTH, 1, &alone);
            ASSERT_EQ(alone, together[r]);
            flow_rows_to_data(runner, rows + r * WIDTH, 1, z_alone, NULL);
            assert_memory_equal(z_alone, z + r * D, sizeof z_alone);
        }
        flow_runner_free(runner);
        subject_close(&s);
    }
}

/* Adds the gradient of the sum of log p over rows (n, WIDTH) as one tile to at_weights, and writes that at x (D, n). */
static void add_gradient(const subject *s, const double *rows, int n, double *at_weights, double *at_x)
{
    flow_workspace *ws;
    const real *z, *gx;
    double logp[FLOW_TILE];
    assert_int_equal(flow_workspace_new(&ws, s->f, n, true, NULL), FLOW_OK);
    flow_tile_load_padded(s->f, ws, rows, (size_t)(s->f->dim + s->f->context.n), n, n);
    for (int j = 0; j < n; j++)
        ws->glogdet[j] = 1;
    flow_tile_logp(s->f, s->weights, ws, n, logp, &z);
    flow_tile_logp_backward(s->f, s->weights, ws, n, z, &gx);
    real *gradient = flow_alloc_aligned(s->f->params.n_weights, sizeof *gradient);
    flow_tapes_gradient(&ws->tape, 1, 1, s->f->params.n_weights, gradient);
    for (size_t k = 0; k < s->f->params.n_weights; k++)
        at_weights[k] += (double)gradient[k];
    for (int k = 0; k < s->f->dim * n; k++)
        at_x[k] = (double)gx[k];
    flow_free_aligned(gradient);
    flow_workspace_free(ws);
}

/* The gradient of a tile that becomes narrower as rows arrive, and wider again on the way back, is the sum of those of
 * its vectors, which are as narrow as can be. */
static void gradients_of_narrow_tiles(void **state)
{
    (void)state;
    enum { ROWS = 96, D = 3, C = 2, WIDTH = D + C, MOST = 1000 };
    const double slack = is_double ? 1e-11 : 2e-2;
    static const char *const blocks[] = {"\"hidden\": [16, 16]", "\"hidden\": [9], \"solver\": \"bosh3\"",
                                         "\"hidden\": [16, 16], \"gradient\": \"adjoint\""};
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
        subject s;
        start_given(&s, blocks[b], D, C, 1);
        double rows[ROWS * WIDTH], whole[MOST] = {0}, parts[MOST] = {0}, whole_x[D * ROWS], part_x[D * N];
        ASSERT_LE(s.f->params.n_weights, MOST);
        for (int r = 0; r < ROWS * WIDTH; r++)
            rows[r] = uniform((uint64_t)r, 6) * (r / WIDTH % 5 == 0 && r % WIDTH < D ? 6 : 1);
        add_gradient(&s, rows, ROWS, whole, whole_x);
        for (int first = 0; first < ROWS; first += N) {
            add_gradient(&s, rows + first * WIDTH, N, parts, part_x);
            for (int k = 0; k < D * N; k++)
                ASSERT_NEAR(whole_x[k / N * ROWS + first + k % N], part_x[k], slack);
        }
        for (int k = 0; k < MOST; k++)
            ASSERT_NEAR(whole[k], parts[k], slack * ROWS);
        subject_close(&s);
    }
}

/* One step of Euler's is the velocity at its start, at either end. */
static void velocities(void **state)
{
    (void)state;
    enum { D = 3 };
    subject s;
    flow_error err;
    flow_workspace *ws;
    start(&s, "\"hidden\": [8, 7], \"solver\": {\"type\": \"euler\", \"steps\": 1}", D, 1);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    const flow_block *block = s.f->blocks[0];
    flow_pass pass = {.n = N, .weights = s.weights, .scratch = ws->scratch[0]};
    for (int down = 0; down < 2; down++) {
        pass.direction = down ? FLOW_TO_DATA : FLOW_TO_LATENT;
        real at[(D + 1) * N], f[D * N], out[D * N];
        double logdet[N] = {0};
        for (int k = 0; k < (D + 1) * N; k++)
            at[k] = k < D * N ? (real)uniform((uint64_t)k, 8) : (real)down;
        block->type->map[pass.direction](block->state, &pass, at, out, logdet);
        block->type->velocity(block->state, &pass, at, f);
        for (int k = 0; k < D * N; k++)
            ASSERT_NEAR(out[k], at[k] + (down ? -f[k] : f[k]), 1e-6);
    }
    flow_workspace_free(ws);
    subject_close(&s);
}

/* A row counts what it needs by itself, and blocks add up. */
static void evaluations(void **state)
{
    (void)state;
    subject s;
    flow_error err;
    flow_workspace *ws;
    const real *z;
    int alone[N];
    start(&s, "\"repeat\": 2, \"hidden\": [16, 16]", 2, 1);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    for (int run = 0; run < 2; run++) {
        for (int k = 0; k < 2 * N; k++)
            ws->x[k] = uniform((uint64_t)k, 9) * (run == 1 && k % N == 3 ? 40 : 1);
        flow_tile_to_latent(s.f, s.weights, ws, N, &z);
        for (int j = 0; j < N; j++) {
            ASSERT_GE(ws->evaluations[j], 2 * (2 + 6));
            ASSERT_EQ(ws->evaluations[j] % 2, 0);
            if (run == 0)
                alone[j] = ws->evaluations[j];
            else if (j != 3)
                assert_int_equal(ws->evaluations[j], alone[j]);
            else
                assert_int_not_equal(ws->evaluations[j], alone[j]);
        }
    }
    flow_workspace_free(ws);
    subject_close(&s);
}

/* A runner adds up what its rows needed: the same for any number of threads as for one row at a time. */
static void effort_of_rows(void **state)
{
    (void)state;
    enum { ROWS = 201, D = 3 };
    subject s;
    start(&s, "\"repeat\": 2, \"hidden\": [16, 16]", D, 1);
    double rows[ROWS * D], logp[ROWS], z[ROWS * D], missed[ROWS * D];
    for (int r = 0; r < ROWS * D; r++)
        rows[r] = uniform((uint64_t)r, 6) * (r / D % 5 == 0 ? 30 : 1);
    flow_nfe by_row[2] = {{0}, {0}}, one;
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
    for (int r = 0; r < ROWS; r++) {
        flow_runner_clear_nfe(runner);
        flow_rows_to_latent(runner, rows + r * D, 1, z + r * D, NULL);
        one = flow_runner_nfe(runner, FLOW_TO_LATENT);
        assert_int_equal(one.rows, 1);
        assert_int_equal(one.evaluations, one.most);
        flow_nfe_add(&by_row[FLOW_TO_LATENT], &one);
        flow_rows_to_data(runner, z + r * D, 1, missed + r * D, NULL);
        one = flow_runner_nfe(runner, FLOW_TO_DATA);
        flow_nfe_add(&by_row[FLOW_TO_DATA], &one);
    }
    flow_runner_free(runner);
    assert_int_equal(by_row[FLOW_TO_LATENT].rows, ROWS);
    ASSERT_GT(by_row[FLOW_TO_LATENT].most * ROWS, by_row[FLOW_TO_LATENT].evaluations);

    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 3, NULL), FLOW_OK);
    flow_rows_round_trip(runner, FLOW_TO_LATENT, rows, ROWS, z, NULL, missed);
    for (int end = 0; end < FLOW_N_DIRECTIONS; end++) {
        one = flow_runner_nfe(runner, (flow_direction)end);
        assert_memory_equal(&one, &by_row[end], sizeof one);
        ASSERT_NEAR(flow_nfe_mean(&one, s.f) * ROWS * 2, (double)one.evaluations, 1e-6);
        ASSERT_NEAR(flow_nfe_most(&one, s.f) * 2, (double)one.most, 1e-9);
    }
    flow_rows_logp(runner, rows, ROWS, logp);
    assert_int_equal(flow_runner_nfe(runner, FLOW_TO_LATENT).rows, 2 * ROWS);
    flow_runner_free(runner);
    subject_close(&s);
}

/* Points and log-determinants of a table, as the tile's maps give them together. */
typedef struct both_ways {
    double z[2][200 * 3], logdet[200];
} both_ways;

enum { TABLE = 200, TABLE_D = 3, TABLE_C = 2, TABLE_WIDTH = TABLE_D + TABLE_C };

/* To the end `to`: what a solve for points and log-determinants gives, and a solve for points alone. */
static void solve_both(const subject *s, flow_direction to, const double *rows, both_ways *out)
{
    flow_workspace *ws;
    const real *z;
    assert_int_equal(flow_workspace_new(&ws, s->f, FLOW_TILE, false, NULL), FLOW_OK);
    for (int first = 0; first < TABLE; first += FLOW_TILE) {
        int n_rows = TABLE - first < FLOW_TILE ? TABLE - first : FLOW_TILE;
        for (int points_only = 0; points_only < 2; points_only++) {
            const double *from = rows + (size_t)first * TABLE_WIDTH;
            flow_tile_load_padded(s->f, ws, from, TABLE_WIDTH, n_rows, FLOW_TILE);
            flow_tile_load_latents(s->f, ws, from, TABLE_WIDTH, n_rows, FLOW_TILE);
            ws->points_only = points_only;
            if (to == FLOW_TO_LATENT) {
                flow_tile_to_latent(s->f, s->weights, ws, FLOW_TILE, &z);
                for (int k = 0; k < TABLE_D * FLOW_TILE; k++)
                    ws->x[k] = (double)z[k];
            } else {
                flow_tile_to_data(s->f, s->weights, ws, FLOW_TILE);
            }
            flow_tile_store(s->f, ws, FLOW_TILE, out->z[points_only] + first * TABLE_D, n_rows);
            for (int j = 0; j < n_rows && !points_only; j++)
                out->logdet[first + j] = ws->logdet[j];
        }
    }
    flow_workspace_free(ws);
}

/* Fields that the trace makes steps for, exact and estimated, in closed form and by tangents; and steps of one length,
 * where points are the same with it. */
static const struct {
    const char *block;
    bool adapts;
} for_points[] = {{"\"hidden\": [16, 16]", true},
                  {"\"hidden\": [16, 16], \"repeat\": 2, \"solver\": \"bosh3\"", true},
                  {"\"hidden\": [8, 8, 8], \"network\": \"concatsquash\"", true},
                  {"\"hidden\": [8, 8, 8], \"trace\": {\"type\": \"hutchinson\", \"exact_up_to\": 0}", true},
                  {"\"hidden\": [16, 16], \"gradient\": \"adjoint\"", true},
                  {"\"hidden\": [16, 16], \"solver\": {\"steps\": 5}", false}};

/* Points are those of a solve without log-determinants, whether these are asked for or not; log-determinants are those
 * of a solve with them, which takes no less but by chance. */
static void points_alone(void **state)
{
    (void)state;
    static both_ways wanted;
    double rows[TABLE * TABLE_WIDTH], z[2][TABLE * TABLE_D], missed[2][TABLE * TABLE_D], logdet[2][TABLE];
    for (int r = 0; r < TABLE * TABLE_WIDTH; r++)
        rows[r] = 2 * uniform((uint64_t)r, 6);
    for (size_t k = 0; k < sizeof for_points / sizeof *for_points; k++) {
        subject s;
        flow_runner *runner;
        start_given(&s, for_points[k].block, TABLE_D, TABLE_C, 1);
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
        for (int to = 0; to < FLOW_N_DIRECTIONS; to++) {
            int64_t took[2];
            solve_both(&s, (flow_direction)to, rows, &wanted);
            for (int asks = 0; asks < 2; asks++) {
                flow_runner_clear_nfe(runner);
                (to == FLOW_TO_LATENT ? flow_rows_to_latent : flow_rows_to_data)(runner, rows, TABLE, z[asks],
                                                                                  asks ? logdet[0] : NULL);
                took[asks] = flow_runner_nfe(runner, (flow_direction)to).evaluations;
                assert_memory_equal(z[asks], wanted.z[1], sizeof wanted.z[1]);
                flow_rows_round_trip(runner, (flow_direction)to, rows, TABLE, z[asks], asks ? logdet[1] : NULL,
                                     missed[asks]);
                assert_memory_equal(z[asks], wanted.z[1], sizeof wanted.z[1]);
            }
            assert_memory_equal(missed[0], missed[1], sizeof missed[0]);
            assert_memory_equal(logdet[0], wanted.logdet, sizeof wanted.logdet);
            assert_memory_equal(logdet[1], wanted.logdet, sizeof wanted.logdet);
            bool differ = memcmp(wanted.z[0], wanted.z[1], sizeof wanted.z[0]) != 0;
            ASSERT_EQ(differ, for_points[k].adapts);
            assert_true(for_points[k].adapts || 2 * took[0] == took[1]);
            ASSERT_GT((double)(took[1] - took[0]), 0.99 * (double)took[0]);
        }
        flow_runner_free(runner);
        subject_close(&s);
    }
}

/* Draws are the same with densities beside them, which are those of the draws, and for the same price. */
static void draws_alone(void **state)
{
    (void)state;
    double x[2][TABLE * TABLE_D], rows[TABLE * TABLE_WIDTH], context[TABLE * TABLE_C], logp[TABLE], wanted[TABLE];
    for (int k = 0; k < TABLE * TABLE_C; k++)
        context[k] = uniform((uint64_t)k, 3);
    for (size_t k = 0; k < sizeof for_points / sizeof *for_points; k++) {
        subject s;
        flow_runner *runner;
        flow_nfe effort[2];
        double missed[2];
        start_given(&s, for_points[k].block, TABLE_D, TABLE_C, 1);
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
        for (int asks = 0; asks < 2; asks++) {
            flow_runner_clear_nfe(runner);
            flow_rows_sample(runner, 8, 0, TABLE, 1, context, x[asks], asks ? logp : NULL, &missed[asks]);
            effort[asks] = flow_runner_nfe(runner, FLOW_TO_DATA);
            if (for_points[k].adapts)
                assert_true(missed[asks] > 0 && missed[asks] < 2e-2);
        }
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_memory_equal(&effort[0], &effort[1], sizeof effort[0]);
        assert_int_equal(effort[0].rows, TABLE);
        for (int r = 0; r < TABLE; r++) {
            memcpy(rows + r * TABLE_WIDTH, x[0] + r * TABLE_D, sizeof(double[TABLE_D]));
            memcpy(rows + r * TABLE_WIDTH + TABLE_D, context + r * TABLE_C, sizeof(double[TABLE_C]));
        }
        flow_rows_logp(runner, rows, TABLE, wanted);
        for (int r = 0; r < TABLE; r++)
            ASSERT_NEAR(logp[r], wanted[r], is_double ? 1e-12 : 1e-3);
        flow_runner_free(runner);
        subject_close(&s);
    }
}

/* A field that hardly moves anything, and so roughly that its divergence takes more steps than there are: points arrive
 * and densities do not, and only of these is there something to explain. */
static void densities_fail_alone(void **state)
{
    (void)state;
    enum { ROWS = 8, D = 2, UNITS = 16, TIMES = 9 };
    static const char block[] = "\"hidden\": [16], \"time_features\": 4, \"solver\": {\"max_steps\": 10}";
    static const char wanted[] = "0.ffjord: its solver needed more steps than max_steps = 10";
    const double cold = 3e-2; /* no hyperbolic tangent is saturated there */
    subject s;
    flow_runner *runner;
    uint64_t row;
    char why[FLOW_DIAGNOSIS_SIZE];
    double x[ROWS * D], again[ROWS * D], logp[ROWS], missed;
    start(&s, block, D, 1);
    real *first_layer = s.weights + s.f->params.entries[0].offset, *last = s.weights + s.f->params.entries[2].offset;
    for (int r = 0; r < UNITS; r++)
        for (int k = 0; k < D; k++) {
            first_layer[r * (D + TIMES) + k] *= 300;
            last[r * D + k] *= (real)3e-4;
        }
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
    flow_rows_sample(runner, 1, 0, ROWS, cold, NULL, x, NULL, &missed);
    ASSERT_LT(missed, 1e-3);
    assert_false(flow_rows_diagnose_draws(runner, 1, 0, NULL, ROWS, cold, NULL, false, &row, why, sizeof why));
    flow_rows_sample(runner, 1, 0, ROWS, cold, NULL, again, logp, &missed);
    assert_memory_equal(x, again, sizeof x);
    int first = 0;
    while (first < ROWS && isfinite(logp[first]))
        first++;
    ASSERT_GT(first, 0);
    ASSERT_LT(first, ROWS);
    assert_true(isinf(missed));
    assert_true(flow_rows_diagnose_draws(runner, 1, 0, NULL, ROWS, cold, NULL, true, &row, why, sizeof why));
    assert_int_equal(row, first);
    assert_non_null(strstr(why, wanted));
    assert_true(flow_rows_diagnose(runner, FLOW_TO_LATENT, false, x + first * D, why, sizeof why));
    assert_non_null(strstr(why, wanted));
    flow_runner_free(runner);
    subject_close(&s);
}

/* It starts as the identity, for the price of a step. */
static void identity_at_the_start(void **state)
{
    (void)state;
    subject s;
    start(&s, "\"repeat\": 2", 4, 1);
    flow_workspace *ws;
    flow_error err;
    assert_int_equal(flow_init_weights(s.f, 1, s.weights, &err), FLOW_OK);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    for (int k = 0; k < 4 * N; k++)
        ws->x[k] = uniform((uint64_t)k, 7);
    const real *z;
    flow_tile_to_latent(s.f, s.weights, ws, N, &z);
    for (int k = 0; k < 4 * N; k++)
        ASSERT_EQ(z[k], (real)ws->x[k]);
    for (int j = 0; j < N; j++)
        ASSERT_EQ(ws->logdet[j], 0);
    flow_workspace_free(ws);
    subject_close(&s);
}

/* A row that cannot be solved is named with its block, and ends. */
static void stiff_block(void **state)
{
    (void)state;
    subject s;
    start(&s, "\"hidden\": [8, 8], \"solver\": {\"type\": \"dopri5\", \"max_steps\": 20}", 2, 300);
    flow_workspace *ws;
    flow_error err;
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    for (int k = 0; k < 2 * N; k++)
        ws->x[k] = uniform((uint64_t)k, 7);
    double logp[N];
    flow_tile_logp(s.f, s.weights, ws, N, logp, NULL);
    assert_true(isnan(logp[0]));
    char place[FLOW_DIAGNOSIS_SIZE];
    assert_true(flow_tile_diagnose(s.f, s.weights, ws, N, FLOW_TO_LATENT, 0, place, sizeof place));
    if (strncmp(place, "0.ffjord: its solver needed ", 28) != 0 || strstr(place, "stiff") == NULL)
        fail_msg("\"%s\"", place);
    flow_workspace_free(ws);
    subject_close(&s);
}

/* The gradient of the sum of share * log p over a tile of 2-D data, at the weights and at x (2, N). */
static void gradient_of(const char *block, double share, double *at_weights, double *at_x)
{
    subject s;
    flow_workspace *ws;
    const real *z, *gx;
    double logp[N];
    start(&s, block, 2, 1.2);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, true, NULL), FLOW_OK);
    for (int k = 0; k < 2 * N; k++)
        ws->x[k] = 2 * uniform((uint64_t)k, 10);
    for (int j = 0; j < N; j++)
        ws->glogdet[j] = (real)(j % 5 == 4 ? 0 : share); /* some rows count nothing */
    flow_tile_logp(s.f, s.weights, ws, N, logp, &z);
    flow_tile_logp_backward(s.f, s.weights, ws, N, z, &gx);
    real *gradient = flow_alloc_aligned(s.f->params.n_weights, sizeof *gradient);
    flow_tapes_gradient(&ws->tape, 1, 1, s.f->params.n_weights, gradient);
    ASSERT_LE(s.f->params.n_weights, MOST_GRADIENT);
    for (size_t k = 0; k < s.f->params.n_weights; k++)
        at_weights[k] = (double)gradient[k];
    for (int k = 0; k < 2 * N; k++)
        at_x[k] = (double)gx[k];
    flow_free_aligned(gradient);
    flow_workspace_free(ws);
    subject_close(&s);
}

static double largest_difference(int n, const double *a, const double *b)
{
    double most = 0;
    for (int k = 0; k < n; k++)
        most = fmax(most, isnan(a[k] - b[k]) ? INFINITY : fabs(a[k] - b[k]));
    return most;
}

/* The adjoint gradient becomes the discrete one as the tolerance becomes small, at the weights and at x. */
static void adjoint_converges(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    static const char *const types[] = {"dopri5", "bosh3"};
    static const double tolerance[] = {1e-4, 1e-6, 1e-8, 1e-10};
    static double exact[MOST_GRADIENT], found[MOST_GRADIENT]; /* 0 behind the weights */
    for (int k = 0; k < 2; k++) {
        double exact_x[2 * N], x[2 * N], last = INFINITY, last_x = INFINITY;
        for (int i = 0; i < 4; i++) {
            char text[200], tol[80];
            snprintf(tol, sizeof tol, "\"rtol\": %g, \"atol\": %g, \"max_steps\": 3000", tolerance[i], tolerance[i]);
            gradient_of("\"hidden\": [12, 12], \"solver\": {\"rtol\": 1e-13, \"atol\": 1e-13, "
                        "\"max_steps\": 3000}", 1, exact, exact_x);
            snprintf(text, sizeof text,
                     "\"hidden\": [12, 12], \"gradient\": \"adjoint\", \"solver\": {\"type\": \"%s\", %s}", types[k],
                     tol);
            gradient_of(text, 1, found, x);
            double error = largest_difference(MOST_GRADIENT, found, exact);
            double error_x = largest_difference(2 * N, x, exact_x);
            ASSERT_LT(error, 300 * tolerance[i]);
            ASSERT_LT(error_x, 300 * tolerance[i]);
            ASSERT_LT(error, 0.1 * last);
            ASSERT_LT(error_x, 0.1 * last_x);
            last = error;
            last_x = error_x;
        }
    }
}

/* Its steps do not depend on what a row counts: gradients of a small share are the same ones, scaled. */
static void adjoint_scales(void **state)
{
    (void)state;
    static double one[MOST_GRADIENT], small[MOST_GRADIENT];
    double one_x[2 * N], small_x[2 * N];
    const char *block = "\"hidden\": [12, 12], \"gradient\": \"adjoint\"";
    const double share = 1. / 1048576;
    gradient_of(block, 1, one, one_x);
    gradient_of(block, share, small, small_x);
    for (int k = 0; k < MOST_GRADIENT; k++)
        small[k] /= share;
    for (int k = 0; k < 2 * N; k++)
        small_x[k] /= share;
    ASSERT_NEAR(largest_difference(MOST_GRADIENT, one, small), 0, is_double ? 1e-12 : 1e-4);
    ASSERT_NEAR(largest_difference(2 * N, one_x, small_x), 0, is_double ? 1e-13 : 1e-5);
    for (int j = 4; j < N; j += 5)
        assert_true(one_x[j] == 0 && one_x[N + j] == 0);
}

/* Of the discrete gradient memory grows with the steps, of the adjoint it does not. */
static void adjoint_memory(void **state)
{
    (void)state;
    for (int k = 0; flow_solvers.types[k] != NULL; k++) {
        size_t size[2][2], alone[2][2]; /* with a backward, without */
        for (int adjoint = 0; adjoint < 2; adjoint++)
            for (int many = 0; many < 2; many++) {
                int64_t most = many ? 5000 : 50;
                const flow_solver solver = {tableau_of(k), tableau_of(k)->adaptive ? 0 : most, 1e-5, 1e-5, most,
                                            adjoint};
                size[adjoint][many] = flow_ode_scratch_size(&solver, 2, 3, FLOW_TILE, true);
                alone[adjoint][many] = flow_ode_scratch_size(&solver, 2, 3, FLOW_TILE, false);
            }
        ASSERT_GT(size[0][1], 20 * size[0][0]);
        ASSERT_EQ(size[1][1], size[1][0]);
        ASSERT_LT(size[1][0], size[0][1]);
        assert_int_equal(alone[0][0], alone[0][1]);
        assert_int_equal(alone[1][0], alone[1][1]);
        assert_in_range(alone[1][0], 1, size[1][0] - 1);
    }
}

/* An evaluation takes no scratch for a backward: neither the stored steps nor the gradients of the layers. */
static void evaluation_scratch(void **state)
{
    (void)state;
    subject s;
    flow_workspace *ws;
    flow_error err;
    const size_t megabyte = (size_t)1 << 20;
    start(&s, "\"hidden\": [64, 64], \"solver\": {\"type\": \"euler\", \"steps\": 3000}", 784, 0);
    const flow_block *block = s.f->blocks[0];
    assert_in_range(block->type->scratch_size(block->state, FLOW_TILE, false), megabyte,
                    10 * megabyte * sizeof(real) / sizeof(float));
    assert_int_equal(flow_workspace_new(&ws, s.f, FLOW_TILE, false, &err), FLOW_OK);
    flow_workspace_free(ws);
    subject_close(&s);
}

/* f = weight (1 + sin 40 t). On the way back row 3 has no value once, and row 6 is hopeless if that is asked for. */
typedef struct cliff {
    double weight, gweight;
    bool hopeless;
    int calls; /* while slots are kept */
} cliff;

static void cliff_apply(void *context, int slot, bool keeps, const real *at, real *f, real *trace)
{
    (void)slot;
    cliff *c = context;
    bool trips = keeps && ++c->calls == 20;
    for (int j = 0; j < N; j++) {
        double sum = 1 + sin(40 * (double)at[N + j]);
        f[j] = (real)(trips && j == 3 ? NAN : c->weight * sum);
        if (trace != NULL)
            trace[j] = 0;
    }
}

static void cliff_backward(void *context, int slot, const real *at, const real *gf, const real *gtrace, bool sums,
                           real *gx)
{
    (void)slot, (void)gtrace;
    cliff *c = context;
    for (int j = 0; j < N; j++) {
        gx[j] = (real)(c->hopeless && j == 6 ? 1e5 : 0) * gf[j];
        if (sums) /* NaN where x is */
            c->gweight += (double)gf[j] * (1 + sin(40 * (double)at[N + j]) + 0 * (double)at[j]);
    }
}

/* Attempts that leave the range of numbers and are made again with shorter steps leave nothing behind; a row that
 * cannot be solved backwards says so, and spoils the weights and no other row. */
static void adjoint_failures(void **state)
{
    (void)state;
    const flow_solver solver = {method("dopri5"), 0, 1e-6, 1e-6, 60, true};
    for (int hopeless = 0; hopeless < 2; hopeless++) {
        cliff c = {.weight = -1, .hopeless = hopeless};
        flow_ode ode = {
            .solver = &solver, .rhs = {&c, 1, cliff_apply, cliff_backward, NULL}, .d = 1, .n = N, .keep = true};
        ode.scratch = flow_alloc_aligned(flow_ode_scratch_size(&solver, 1, 1, N, true), 1);
        real in[N], out[N], gin[N], gout[N], gtrace[N] = {0};
        double integrals[N];
        char text[300] = "";
        for (int j = 0; j < N; j++) {
            in[j] = (real)(0.02 * j);
            gout[j] = 1;
        }
        flow_ode_solve(&ode, FLOW_TO_LATENT, in, out, integrals);
        flow_ode_solve_backward(&ode, gout, gtrace, gin);
        for (int j = 0; j < N; j++) {
            bool failed = hopeless && j == 6;
            assert_true(isfinite(out[j]));
            ASSERT_EQ(isnan(gin[j]), failed);
            assert_true((failed || gin[j] == 1));
            ASSERT_EQ(flow_ode_diagnose(&ode, j, text, sizeof text), failed);
        }
        ASSERT_EQ((strstr(text, "its adjoint needed") != NULL), (hopeless == 1));
        ASSERT_GT(c.calls, 20);
        ASSERT_EQ(isnan(c.gweight), (hopeless == 1));
        if (!hopeless)
            ASSERT_NEAR(c.gweight, N * (1 + (1 - cos(40)) / 40), 1e-3);
        flow_free_aligned(ode.scratch);
    }
}

/* What would take too much for a training is no obstacle to an evaluation. */
static void expect_no_training(const char *block, int dim, const char *part)
{
    subject s;
    flow_error err = {0};
    flow_workspace *ws;
    start(&s, block, dim, 0);
    assert_int_equal(flow_workspace_new(&ws, s.f, FLOW_TILE, true, &err), FLOW_SPEC);
    if (strstr(err.message, "0.ffjord: its training would take") == NULL || strstr(err.message, part) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", block, err.message, part);
    subject_close(&s);
}

static void expect_refused(const char *block, int dim, const char *part)
{
    subject s;
    flow_error err = {0};
    assert_int_equal(subject_try(&s, &err, (subject_shape){.dim = dim, .seed = 1}, IN_FLOW, block), FLOW_SPEC);
    if (strstr(err.message, part) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", block, err.message, part);
    subject_close(&s);
}

static void refused_specs(void **state)
{
    (void)state;
    expect_refused("\"hidden\": [4, 4, 4, 4, 4, 4, 4]", 2, "one to 6 hidden layers");
    expect_refused("\"hidden\": []", 2, "one to 6 hidden layers");
    expect_refused("\"activation\": \"relu\"", 2, "softplus");
    expect_refused("\"solver\": \"dopri8\"", 2, "did you mean \"dopri5\"");
    expect_refused("\"solver\": {\"type\": \"dopri5\", \"steps\": -1}", 2, "steps");
    expect_refused("\"solver\": {\"type\": \"rk4\", \"steps\": 0}", 2, "steps");
    expect_refused("\"gradient\": \"continuous\"", 2, "adjoint");
    expect_refused("\"solver\": {\"type\": \"rk4\", \"rtol\": 1e-3}", 2, "rtol");
    expect_no_training("\"solver\": {\"type\": \"rk4\", \"steps\": 10000}", 1000, "lower solver.steps");
    expect_refused("\"solver\": {\"maxsteps\": 100}", 2, "max_steps");
    expect_no_training("\"hidden\": [4], \"gradient\": \"adjoint\"", 65536, "too many dimensions");
    expect_no_training("\"solver\": {\"type\": \"bosh3\", \"max_steps\": 10000}", 1000, "lower solver.max_steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces),
        cmocka_unit_test(weights_of_tableaux),
        cmocka_unit_test(orders),
        cmocka_unit_test(tolerances),
        cmocka_unit_test(log_determinants_count),
        cmocka_unit_test(stiff_rows),
        cmocka_unit_test(rows_alone),
        cmocka_unit_test(gradients_of_narrow_tiles),
        cmocka_unit_test(stiff_block),
        cmocka_unit_test(velocities),
        cmocka_unit_test(evaluations),
        cmocka_unit_test(effort_of_rows),
        cmocka_unit_test(points_alone),
        cmocka_unit_test(draws_alone),
        cmocka_unit_test(densities_fail_alone),
        cmocka_unit_test(identity_at_the_start),
        cmocka_unit_test(adjoint_converges),
        cmocka_unit_test(adjoint_scales),
        cmocka_unit_test(adjoint_memory),
        cmocka_unit_test(evaluation_scratch),
        cmocka_unit_test(adjoint_failures),
        cmocka_unit_test(refused_specs),
    };
    return cmocka_run_group_tests_name("continuous flows", tests, NULL, NULL);
}
