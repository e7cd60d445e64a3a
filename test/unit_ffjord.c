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

#include "base/memory.h"
#include "flow/ode.h"
#include "flow/rows.h"
#include "near.h"
#include "nn/field.h"
#include "num/rng.h"

enum { N = 16 };

static const bool is_double = sizeof(real) == sizeof(double);

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(31, FLOW_STREAM_OTHER, row, column) - 1;
}

/* ------------------------------------------------------------------ the trace */

static void check_trace(int dim, int n_context, flow_int_list hidden, int activation)
{
    enum { MOST = 10 };
    const double h = 1e-4;
    static const double steps[] = {-2, -1, 1, 2}, weights_of[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    flow_field field = {0};
    flow_params params = {0};
    const flow_field_options options = {hidden, activation};
    assert_int_equal(flow_field_configure(&field, &options, dim, n_context, &params, NULL), FLOW_OK);
    real *weights = flow_alloc_aligned(params.n_weights, sizeof *weights);
    for (size_t k = 0; k < params.n_weights; k++)
        weights[k] = (real)uniform(k, 1);
    flow_field_tile tile;
    void *work = flow_alloc_aligned(flow_field_lay_out(&field, N, 1, NULL, &tile), 1);
    flow_field_lay_out(&field, N, 1, work, &tile);
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

/* The largest error of a solver over rows and components, and what it took. */
static double error_of(const flow_solver *solver, bool down, int *evaluations)
{
    real in[2 * N], out[2 * N];
    double logdet[N] = {0}, wanted[3 * N], worst = 0;
    make_start(in);
    reference(down, in, wanted);
    flow_ode ode = {.solver = solver, .rate = {.n_integrals = 1, .apply = rate}, .d = 2, .n = N};
    ode.work = flow_alloc_aligned(flow_ode_work_size(solver, 1, 2, N), 1);
    flow_ode_solve(&ode, down, in, out, logdet);
    for (int k = 0; k < 2 * N; k++)
        worst = fmax(worst, fabs((double)out[k] - wanted[k]));
    for (int j = 0; j < N; j++)
        worst = fmax(worst, fabs(logdet[j] - wanted[2 * N + j]));
    *evaluations = flow_ode_evaluations(&ode);
    flow_free_aligned(ode.work);
    return worst;
}

/* With steps of equal length, of the adaptive ones too. */
static void orders(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    for (int k = 0; flow_tableaux[k] != NULL; k++) {
        flow_tableau tableau = *flow_tableaux[k];
        tableau.adaptive = false;
        for (int down = 0; down < 2; down++) {
            int coarse_evaluations, evaluations;
            int steps = tableau.order > 4 ? 20 : 64; /* before the digits of the reference are used up */
            flow_solver solver = {.tableau = &tableau, .steps = steps};
            double coarse = error_of(&solver, down, &coarse_evaluations);
            solver.steps = 2 * steps;
            double fine = error_of(&solver, down, &evaluations), order = log2(coarse / fine);
            assert_int_equal(evaluations, 2 * steps * tableau.n_stages);
            if (!(order > tableau.order - 0.3 && order < tableau.order + 0.7)) /* the next terms are not nothing yet */
                fail_msg("%s has order %g: errors %g and %g", tableau.type, order, coarse, fine);
        }
    }
}

/* Conditions on the weights: rows of a sum to c; b, and of adaptive ones the embedded b - error to the order below it
 * and no further, integrate powers of t. */
static void weights_of_tableaux(void **state)
{
    (void)state;
    for (int k = 0; flow_tableaux[k] != NULL; k++) {
        const flow_tableau *tableau = flow_tableaux[k];
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
                assert_true(fabs(error) > 1e-5);
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
    for (int k = 0; flow_tableaux[k] != NULL; k++) {
        int last = 0;
        for (int i = 0; flow_tableaux[k]->adaptive && i < 4; i++) {
            for (int down = 0; down < 2; down++) {
                const flow_solver solver = {flow_tableaux[k], 0, tolerance[i], tolerance[i], 5000};
                int evaluations;
                double error = error_of(&solver, down, &evaluations);
                if (!(error < 20 * tolerance[i]))
                    fail_msg("%s with tolerance %g is off by %g", flow_tableaux[k]->type, tolerance[i], error);
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
        trace[j] = (real)(10 * sin((5. + j) * (double)at[N + j]));
    }
}

static void log_determinants_count(void **state)
{
    (void)state;
    for (int k = 0; flow_tableaux[k] != NULL; k++) {
        const flow_solver solver = {flow_tableaux[k], 0, 1e-5, 1e-5, 2000};
        if (!flow_tableaux[k]->adaptive)
            continue;
        real in[N] = {0}, out[N];
        double logdet[N] = {0};
        flow_ode ode = {.solver = &solver, .rate = {.n_integrals = 1, .apply = standing_rate}, .d = 1, .n = N};
        ode.work = flow_alloc_aligned(flow_ode_work_size(&solver, 1, 1, N), 1);
        flow_ode_solve(&ode, false, in, out, logdet);
        for (int j = 0; j < N; j++) {
            ASSERT_NEAR(out[j], 0, 0);
            ASSERT_NEAR(logdet[j], 10 * (1 - cos(5. + j)) / (5. + j), 2e-4);
        }
        flow_free_aligned(ode.work);
    }
}

/* f = -lambda x with another lambda in every row: hopeless, hard and easy ones side by side. */
static void decay(void *context, int slot, bool keeps, const real *at, real *f, real *trace)
{
    (void)slot, (void)keeps;
    const double *lambda = context;
    for (int j = 0; j < N; j++) {
        f[j] = (real)(-lambda[j] * (double)at[j]);
        trace[j] = (real)-lambda[j];
    }
}

static void stiff_rows(void **state)
{
    (void)state;
    double lambda[N], logdet[2][N] = {{0}};
    real in[N], out[2][N];
    const flow_solver solver = {flow_tableau_find("dopri5"), 0, 1e-4, 1e-4, 50};
    flow_ode ode = {.solver = &solver, .rate = {lambda, 1, decay, NULL}, .d = 1, .n = N};
    ode.work = flow_alloc_aligned(flow_ode_work_size(&solver, 1, 1, N), 1);
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
        flow_ode_solve(&ode, false, in, out[run], logdet[run]);
        assert_in_range(flow_ode_evaluations(&ode), 1, 6 * (2 * 50 + 20) + 2);
    }
    for (int j = 0; j < N; j++) {
        assert_true(isfinite(out[0][j]) && isfinite(logdet[0][j]));
        ASSERT_NEAR(out[0][j], (1 + 0.1 * j) * exp(-0.2 * j), 1e-3);
        ASSERT_NEAR(logdet[0][j], -0.2 * j, 1e-3);
        if (j == 3 || j == 7 || j == 11)
            assert_true(isnan(out[1][j]) && isnan(logdet[1][j]));
        else
            assert_true(out[1][j] == out[0][j] && logdet[1][j] == logdet[0][j]);
    }
    flow_free_aligned(ode.work);
}

/* ------------------------------------------------------------------ the block */

typedef struct subject {
    cJSON *document;
    flow *f;
    real *weights;
} subject;

static flow_status subject_try(subject *s, const char *block, int dim, flow_error *err)
{
    char text[400];
    snprintf(text, sizeof text, "{\"flow\": [{\"type\": \"ffjord\", %s}]}", block);
    *s = (subject){0};
    assert_int_equal(flow_json_parse(&s->document, text, strlen(text), "test", err), FLOW_OK);
    flow_json root = flow_json_root(s->document), list = flow_json_member(&root, "flow");
    flow_json base = flow_json_member(&root, "base");
    return flow_new(&s->f, &list, &base, dim, 1, err);
}

static void subject_start(subject *s, const char *block, int dim, double scale)
{
    flow_error err = {0};
    if (subject_try(s, block, dim, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    s->weights = flow_alloc_aligned(s->f->params.n_weights, sizeof *s->weights);
    for (size_t k = 0; k < s->f->params.n_weights; k++)
        s->weights[k] = (real)(scale * uniform(k, 5));
}

static void subject_end(subject *s)
{
    flow_free_aligned(s->weights);
    flow_free(s->f);
    cJSON_Delete(s->document);
}

/* Every row of a table alone, and all of them together: the same bits, whatever steps its neighbours need. */
static void rows_alone(void **state)
{
    (void)state;
    enum { ROWS = 200, D = 3 };
    static const char *const solvers[] = {"\"dopri5\"", "\"bosh3\"", "\"rk4\""};
    for (size_t k = 0; k < sizeof solvers / sizeof *solvers; k++) {
        char block[100];
        snprintf(block, sizeof block, "\"hidden\": [16, 16], \"solver\": %s", solvers[k]);
        subject s;
        subject_start(&s, block, D, 1);
        double rows[ROWS * D], together[ROWS], alone, z[ROWS * D], z_alone[D];
        for (int r = 0; r < ROWS * D; r++)
            rows[r] = uniform((uint64_t)r, 6) * (r / D % 5 == 0 ? 30 : 1);
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 2, NULL), FLOW_OK);
        flow_rows_logp(runner, rows, ROWS, together);
        flow_rows_to_data(runner, rows, ROWS, z, NULL);
        for (int r = 0; r < ROWS; r++) {
            assert_true(isfinite(together[r]));
            flow_rows_logp(runner, rows + r * D, 1, &alone);
            assert_true(alone == together[r]);
            flow_rows_to_data(runner, rows + r * D, 1, z_alone, NULL);
            assert_memory_equal(z_alone, z + r * D, sizeof z_alone);
        }
        flow_runner_free(runner);
        subject_end(&s);
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
    subject_start(&s, "\"hidden\": [8, 7], \"solver\": {\"type\": \"euler\", \"steps\": 1}", D, 1);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    const flow_block *block = &s.f->blocks[0];
    const flow_pass pass = {.n = N, .weights = s.weights, .work = ws->areas[0]};
    for (int down = 0; down < 2; down++) {
        real at[(D + 1) * N], f[D * N], out[D * N];
        double logdet[N] = {0};
        for (int k = 0; k < (D + 1) * N; k++)
            at[k] = k < D * N ? (real)uniform((uint64_t)k, 8) : (real)down;
        (down ? block->type->to_data : block->type->to_latent)(block->state, &pass, at, out, logdet);
        block->type->velocity(block->state, &pass, at, f);
        for (int k = 0; k < D * N; k++)
            ASSERT_NEAR(out[k], at[k] + (down ? -f[k] : f[k]), 1e-6);
    }
    flow_workspace_free(ws);
    subject_end(&s);
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
    subject_start(&s, "\"repeat\": 2, \"hidden\": [16, 16]", 2, 1);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    for (int run = 0; run < 2; run++) {
        for (int k = 0; k < 2 * N; k++)
            ws->x[k] = uniform((uint64_t)k, 9) * (run == 1 && k % N == 3 ? 40 : 1);
        flow_tile_to_latent(s.f, s.weights, ws, N, &z);
        for (int j = 0; j < N; j++) {
            assert_true(ws->evaluations[j] >= 2 * (2 + 6) && ws->evaluations[j] % 2 == 0);
            if (run == 0)
                alone[j] = ws->evaluations[j];
            else if (j != 3)
                assert_int_equal(ws->evaluations[j], alone[j]);
            else
                assert_int_not_equal(ws->evaluations[j], alone[j]);
        }
    }
    flow_workspace_free(ws);
    subject_end(&s);
}

/* A runner adds up what its rows needed: the same for any number of threads as for one row at a time. */
static void effort_of_rows(void **state)
{
    (void)state;
    enum { ROWS = 201, D = 3 };
    subject s;
    subject_start(&s, "\"repeat\": 2, \"hidden\": [16, 16]", D, 1);
    double rows[ROWS * D], logp[ROWS], z[ROWS * D], missed[ROWS * D];
    for (int r = 0; r < ROWS * D; r++)
        rows[r] = uniform((uint64_t)r, 6) * (r / D % 5 == 0 ? 30 : 1);
    flow_effort by_row[2] = {{0}, {0}}, one;
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
    for (int r = 0; r < ROWS; r++) {
        flow_runner_forget_effort(runner);
        flow_rows_to_latent(runner, rows + r * D, 1, z + r * D, NULL);
        one = flow_runner_effort(runner, FLOW_END_LATENT);
        assert_int_equal(one.rows, 1);
        assert_int_equal(one.evaluations, one.most);
        flow_effort_add(&by_row[FLOW_END_LATENT], &one);
        flow_rows_to_data(runner, z + r * D, 1, missed + r * D, NULL);
        one = flow_runner_effort(runner, FLOW_END_DATA);
        flow_effort_add(&by_row[FLOW_END_DATA], &one);
    }
    flow_runner_free(runner);
    assert_int_equal(by_row[FLOW_END_LATENT].rows, ROWS);
    assert_true(by_row[FLOW_END_LATENT].most * ROWS > by_row[FLOW_END_LATENT].evaluations);

    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 3, NULL), FLOW_OK);
    flow_rows_round_trip(runner, FLOW_END_LATENT, rows, ROWS, z, NULL, missed);
    for (int end = 0; end < FLOW_N_ENDS; end++) {
        one = flow_runner_effort(runner, (flow_end)end);
        assert_memory_equal(&one, &by_row[end], sizeof one);
        ASSERT_NEAR(flow_effort_mean(&one, s.f) * ROWS * 2, (double)one.evaluations, 1e-6);
        ASSERT_NEAR(flow_effort_most(&one, s.f) * 2, (double)one.most, 1e-9);
    }
    flow_rows_logp(runner, rows, ROWS, logp);
    assert_int_equal(flow_runner_effort(runner, FLOW_END_LATENT).rows, 2 * ROWS);
    flow_runner_free(runner);
    subject_end(&s);
}

/* It starts as the identity, for the price of a step. */
static void identity_at_the_start(void **state)
{
    (void)state;
    subject s;
    subject_start(&s, "\"repeat\": 2", 4, 1);
    flow_workspace *ws;
    flow_error err;
    assert_int_equal(flow_init_weights(s.f, 1, s.weights, &err), FLOW_OK);
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    for (int k = 0; k < 4 * N; k++)
        ws->x[k] = uniform((uint64_t)k, 7);
    const real *z;
    flow_tile_to_latent(s.f, s.weights, ws, N, &z);
    for (int k = 0; k < 4 * N; k++)
        assert_true(z[k] == (real)ws->x[k]);
    for (int j = 0; j < N; j++)
        assert_true(ws->logdet[j] == 0);
    flow_workspace_free(ws);
    subject_end(&s);
}

/* A row that cannot be solved is named with its block, and ends. */
static void stiff_block(void **state)
{
    (void)state;
    subject s;
    subject_start(&s, "\"hidden\": [8, 8], \"solver\": {\"type\": \"dopri5\", \"max_steps\": 20}", 2, 300);
    flow_workspace *ws;
    flow_error err;
    assert_int_equal(flow_workspace_new(&ws, s.f, N, false, &err), FLOW_OK);
    for (int k = 0; k < 2 * N; k++)
        ws->x[k] = uniform((uint64_t)k, 7);
    double logp[N];
    flow_tile_logp(s.f, s.weights, ws, N, logp, NULL);
    assert_true(isnan(logp[0]));
    const char *place = flow_tile_culprit(s.f, s.weights, ws, N, 0);
    assert_non_null(place);
    assert_string_equal(place, "0.ffjord");
    flow_workspace_free(ws);
    subject_end(&s);
}

static void expect_refused(const char *block, int dim, const char *part)
{
    subject s;
    flow_error err = {0};
    assert_int_equal(subject_try(&s, block, dim, &err), FLOW_SPEC);
    if (strstr(err.message, part) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", block, err.message, part);
    cJSON_Delete(s.document);
}

static void refused_specs(void **state)
{
    (void)state;
    expect_refused("\"hidden\": [4, 4, 4]", 2, "one or two hidden layers");
    expect_refused("\"hidden\": []", 2, "one or two hidden layers");
    expect_refused("\"activation\": \"relu\"", 2, "softplus");
    expect_refused("\"solver\": \"dopri8\"", 2, "did you mean \"dopri5\"");
    expect_refused("\"solver\": {\"type\": \"dopri5\", \"steps\": 4}", 2, "steps");
    expect_refused("\"solver\": {\"type\": \"rk4\", \"rtol\": 1e-3}", 2, "rtol");
    expect_refused("\"solver\": {\"type\": \"rk4\", \"steps\": 10000}", 1000, "lower steps");
    expect_refused("\"solver\": {\"max_steps\": 10000}", 2, "type");
    expect_refused("\"solver\": {\"type\": \"bosh3\", \"max_steps\": 10000}", 1000, "lower max_steps");
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
        cmocka_unit_test(stiff_block),
        cmocka_unit_test(velocities),
        cmocka_unit_test(evaluations),
        cmocka_unit_test(effort_of_rows),
        cmocka_unit_test(identity_at_the_start),
        cmocka_unit_test(refused_specs),
    };
    return cmocka_run_group_tests_name("continuous flows", tests, NULL, NULL);
}
