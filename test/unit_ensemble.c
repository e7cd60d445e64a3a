/* Ensembles: the density of a mixture, its draws, the weights that are fitted to rows, and its file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow/ensemble.h"
#include "flowctl.h"
#include "h5/array.h"
#include "h5/object.h"
#include "h5/text.h"
#include "harness.h"
#include "model/file.h"
#include "model/models.h"
#include "num/mixing.h"
#include "num/rng.h"
#include "run/invert.h"
#include "values.h"

enum { DIM = 2, CONTEXT = 1, WIDTH = DIM + CONTEXT, MEMBERS = 3, N = 700 };

static const char *const columns[] = {"x", "y"};

static void check_ok(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        fail_msg("%s", err->message);
}

/* A flow that was fitted to rows (n, d + c), with weights far from the identity. */
static void open_member(subject *s, const char *json, int dim, int n_context, const double *rows, size_t n,
                        uint64_t seed)
{
    flow_error err = {0};
    subject_open(s, (subject_shape){.dim = dim, .n_context = n_context, .columns = columns, .seed = seed}, "%s", json);
    subject_init_weights(s, seed);
    check_ok(flow_fit(s->f, s->weights, rows, n, columns, &err), &err);
    subject_shake_weights(s, 0.3, seed, 1);
}

static flow_ensemble *open_ensemble(const subject *s, const double *weights, int n, int n_threads)
{
    flow_ensemble_member members[FLOW_MEMBERS_MAX];
    flow_ensemble *e;
    flow_error err = {0};
    for (int k = 0; k < n; k++)
        members[k] = (flow_ensemble_member){s[k].f, s[k].weights, weights[k]};
    check_ok(flow_ensemble_new(&e, members, n, n_threads, &err), &err);
    return e;
}

/* Rows of x, y and a context; y is 0 or a positive number. */
static void make_rows(double *rows, int width)
{
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < width; k++)
            rows[i * width + k] = 2 * flow_rng_uniform(7, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)k) - 1;
        const double y = rows[i * width + 1];
        rows[i * width + 1] = y < 0 ? 0 : y;
    }
}

#define SPIKED "{\"type\": \"support\", \"columns\": {\"y\": {\"lower\": 0, \"spikes\": [0]}}}, "
static const double weights[MEMBERS] = {0.5, 0.2, 0.3};

static void open_members(subject *s, const double *rows)
{
    static const char *const json[MEMBERS] = {
        "{\"flow\": [" SPIKED "\"standardize\", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [8]}]}",
        "{\"flow\": [" SPIKED "\"standardize\", {\"type\": \"nsf_ar\", \"repeat\": 1, \"hidden\": [8]}], "
        "\"base\": \"student_t\"}",
        "{\"flow\": [" SPIKED "\"asinh\", {\"type\": \"realnvp\", \"repeat\": 2, \"hidden\": [8]}], "
        "\"base\": {\"type\": \"mixture\", \"components\": 3}}",
    };
    for (int k = 0; k < MEMBERS; k++)
        open_member(&s[k], json[k], DIM, CONTEXT, rows, N, (uint64_t)k + 1);
}

static void close_members(subject *s)
{
    for (int k = 0; k < MEMBERS; k++)
        subject_close(&s[k]);
}

/* ---- densities ---- */

/* log sum_k w_k p_k of a conditional model with spikes, against the definition. */
static void test_density_is_the_sum(void **state)
{
    (void)state;
    static double rows[N * WIDTH], one[MEMBERS][N], logp[N], variance[N];
    subject s[MEMBERS];
    make_rows(rows, WIDTH);
    open_members(s, rows);
    for (int k = 0; k < MEMBERS; k++) {
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s[k].f, s[k].weights, 1, NULL), FLOW_OK);
        flow_rows_logp(runner, rows, N, one[k]);
        flow_runner_free(runner);
    }
    flow_ensemble *e = open_ensemble(s, weights, MEMBERS, 2);
    flow_ensemble_logp(e, rows, N, logp, variance);
    for (int i = 0; i < N; i++) {
        double sum = 0, most = fmax(one[0][i], fmax(one[1][i], one[2][i]));
        for (int k = 0; k < MEMBERS; k++)
            sum += weights[k] * exp(one[k][i] - most);
        ASSERT_NEAR(logp[i], most + log(sum), 1e-12 * (1 + fabs(logp[i])));
        ASSERT_NEAR(variance[i], 0, 0);
    }
    flow_ensemble_free(e);
    close_members(s);
}

static void test_density_integrates_to_one(void **state)
{
    (void)state;
    enum { CELLS = 20000 };
    static double x[CELLS], logp[CELLS];
    const double here[4] = {-1, 0, 0.5, 1}, there[4] = {3, 4, 4.5, 6}, half[2] = {0.35, 0.65}, step = 60.0 / CELLS;
    subject s[2];
    open_member(&s[0], "{\"flow\": [\"standardize\", {\"type\": \"maf\", \"repeat\": 1}]}", 1, 0, here, 4, 1);
    open_member(&s[1], "{\"flow\": [\"standardize\", {\"type\": \"nsf_ar\", \"repeat\": 1}]}", 1, 0, there, 4, 2);
    flow_ensemble *e = open_ensemble(s, half, 2, 1);
    double sum = 0;
    for (int i = 0; i < CELLS; i++)
        x[i] = -30 + (i + 0.5) * step;
    flow_ensemble_logp(e, x, CELLS, logp, NULL);
    for (int i = 0; i < CELLS; i++)
        sum += step * exp(logp[i]);
    ASSERT_NEAR(sum, 1, 1e-5);
    flow_ensemble_free(e);
    subject_close(&s[0]);
    subject_close(&s[1]);
}

/* A row outside of the support of one member alone has a density; outside of all it has none. */
static void test_supports_add_up(void **state)
{
    (void)state;
    const double rows[4] = {0.2, 0.4, 0.6, 0.8}, at_rows[3] = {0.5, -0.5, -2}, half[2] = {0.5, 0.5};
    double logp[3];
    flow_error err = {0};
    subject s[2];
    open_member(&s[0], "{\"flow\": [{\"type\": \"support\", \"columns\": {\"x\": {\"lower\": 0}}}, \"standardize\"]}",
                1, 0, rows, 4, 1);
    open_member(&s[1], "{\"flow\": [{\"type\": \"support\", \"columns\": {\"x\": {\"lower\": -1}}}, \"standardize\"]}",
                1, 0, rows, 4, 2);
    flow_ensemble *e = open_ensemble(s, half, 2, 1);
    flow_ensemble_logp(e, at_rows, 3, logp, NULL);
    assert_true(isfinite(logp[0]) && isfinite(logp[1]));
    assert_true(logp[2] == -INFINITY);
    assert_true(flow_ensemble_has_support(e));
    assert_int_equal(flow_ensemble_check_row(e, &at_rows[1], NULL), FLOW_OK);
    assert_int_equal(flow_ensemble_check_row(e, &at_rows[2], &err), FLOW_DATA);
    flow_ensemble_free(e);
    subject_close(&s[0]);
    subject_close(&s[1]);
}

/* The errors of estimates on one row add up, as if they were one. */
static void test_errors_of_estimates(void **state)
{
    (void)state;
    enum { ROWS = 40 };
    static const char json[] =
        "{\"flow\": [\"standardize\", {\"type\": \"ffjord\", \"hidden\": [8, 8, 8], \"trace\": "
        "{\"type\": \"hutchinson\", \"probe\": \"gaussian\", \"probes\": 4, \"exact_up_to\": 0}, "
        "\"solver\": {\"type\": \"rk4\", \"steps\": 4}}]}";
    static double rows[N * DIM], logp[ROWS], variance[ROWS], one[2][ROWS], of_one[2][ROWS];
    const double w[2] = {0.25, 0.75};
    subject s[2];
    make_rows(rows, DIM);
    for (int k = 0; k < 2; k++)
        open_member(&s[k], json, DIM, 0, rows, N, (uint64_t)k + 1);
    flow_ensemble *e = open_ensemble(s, w, 2, 1);
    assert_true(flow_ensemble_estimates(e));
    flow_ensemble_logp(e, rows, ROWS, logp, variance);
    for (int k = 0; k < 2; k++)
        flow_rows_logp_variance(e->members[k], rows, ROWS, one[k], of_one[k]);
    for (int i = 0; i < ROWS; i++) {
        double deviation = 0;
        for (int k = 0; k < 2; k++)
            deviation += w[k] * exp(one[k][i] - logp[i]) * sqrt(of_one[k][i]);
        assert_true(variance[i] > 0);
        ASSERT_NEAR(sqrt(variance[i]), deviation, 1e-9 * deviation);
    }
    flow_ensemble_free(e);
    subject_close(&s[0]);
    subject_close(&s[1]);
}

/* ---- draws ---- */

/* Each draw is, to the bit, that of one member; any number of threads and any cut into calls give the same ones. */
static void test_draws_are_those_of_members(void **state)
{
    (void)state;
    static double rows[N * WIDTH], context[N * CONTEXT], one[MEMBERS][N * DIM], x[2][N * DIM], logp[2][N], check[N];
    static double variance[N];
    double missed[2], error, most = 0;
    int counts[MEMBERS] = {0};
    subject s[MEMBERS];
    make_rows(rows, WIDTH);
    open_members(s, rows);
    for (int i = 0; i < N; i++)
        context[i] = rows[i * WIDTH + DIM];
    for (int k = 0; k < MEMBERS; k++) {
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s[k].f, s[k].weights, 1, NULL), FLOW_OK);
        flow_rows_sample(runner, 5, 0, N, 1, context, one[k], NULL, &error);
        most = fmax(most, error);
        flow_runner_free(runner);
    }
    for (int t = 0; t < 2; t++) {
        flow_ensemble *e = open_ensemble(s, weights, MEMBERS, 1 + 2 * t);
        flow_ensemble_sample(e, 5, 0, N, 1, context, x[t], logp[t], &missed[t]);
        assert_int_equal(flow_ensemble_diagnose_draws(e, 5, 0, N, 1, context, true, &(uint64_t){0}, (char[64]){0}, 64),
                         false);
        if (t == 1) {
            static double part[FLOW_TILE * 2 * DIM];
            flow_ensemble_sample(e, 5, FLOW_TILE, FLOW_TILE * 2, 1, context + FLOW_TILE, part, NULL, NULL);
            assert_memory_equal(part, x[0] + FLOW_TILE * DIM, sizeof part);
            for (int i = 0; i < N; i++)
                memcpy(rows + i * WIDTH, x[0] + i * DIM, DIM * sizeof *rows);
            flow_ensemble_logp(e, rows, N, check, variance);
            assert_memory_equal(check, logp[0], sizeof check);
        }
        flow_ensemble_free(e);
    }
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    assert_memory_equal(logp[0], logp[1], sizeof logp[0]);
    assert_true(missed[0] == missed[1]);
    ASSERT_NEAR(missed[0], most / 2, most / 2);
    for (int i = 0; i < N; i++) {
        int k = 0;
        while (k < MEMBERS && (x[0][i * DIM] != one[k][i * DIM] || x[0][i * DIM + 1] != one[k][i * DIM + 1]))
            k++;
        if (k == MEMBERS)
            fail_msg("draw %d is that of no member", i);
        counts[k]++;
    }
    for (int k = 0; k < MEMBERS; k++) /* within 4 standard deviations */
        ASSERT_NEAR((double)counts[k] / N, weights[k], 4 * sqrt(weights[k] * (1 - weights[k]) / N));
    close_members(s);
}

/* A member by itself is an ensemble of one, with the same bits. */
static void test_one_member_is_itself(void **state)
{
    (void)state;
    static double rows[N * WIDTH], context[N], x[2][N * DIM], logp[2][N], drawn[2][N];
    subject s[MEMBERS];
    make_rows(rows, WIDTH);
    open_members(s, rows);
    for (int i = 0; i < N; i++)
        context[i] = rows[i * WIDTH + DIM];
    flow_ensemble *e = open_ensemble(s, &(double){1}, 1, 2);
    flow_rows_logp(e->members[0], rows, N, logp[0]);
    flow_rows_sample(e->members[0], 3, FLOW_TILE, N, 1, context, x[0], drawn[0], NULL);
    flow_ensemble_logp(e, rows, N, logp[1], NULL);
    flow_ensemble_sample(e, 3, FLOW_TILE, N, 1, context, x[1], drawn[1], NULL);
    assert_memory_equal(logp[0], logp[1], sizeof logp[0]);
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    flow_ensemble_free(e);
    close_members(s);
}

/* ---- weights ---- */

static void test_weights_of_parts_that_do_not_meet(void **state)
{
    (void)state;
    enum { ROWS = 10, LEFT = 3 };
    double logp[2 * ROWS], v[ROWS], w[2];
    for (int i = 0; i < ROWS; i++) {
        v[i] = 4;
        logp[i] = i < LEFT ? 2.5 : -INFINITY;
        logp[ROWS + i] = i < LEFT ? -1000 : 0.1 * i;
    }
    assert_int_equal(flow_mixing_fit(w, logp, v, ROWS, 2, NULL), FLOW_OK);
    ASSERT_NEAR(w[0], (LEFT + FLOW_MIXING_PRIOR) / (ROWS + 2 * FLOW_MIXING_PRIOR), 1e-9);
    ASSERT_NEAR(w[0] + w[1], 1, 1e-12);
    v[0] = 12; /* counts three times as much as the others */
    assert_int_equal(flow_mixing_fit(w, logp, v, ROWS, 2, NULL), FLOW_OK);
    ASSERT_NEAR(w[0], ((LEFT + 2) * ROWS / 12.0 + FLOW_MIXING_PRIOR) / (ROWS + 2 * FLOW_MIXING_PRIOR), 1e-9);
    v[0] = -1; /* is left out, as is a row that no part can describe */
    logp[1] = NAN;
    logp[ROWS + 1] = -INFINITY;
    assert_int_equal(flow_mixing_fit(w, logp, v, ROWS, 2, NULL), FLOW_OK);
    ASSERT_NEAR(w[0], (1 + FLOW_MIXING_PRIOR) / (8 + 2 * FLOW_MIXING_PRIOR), 1e-9);
}

/* Rows of 0.3 N(0, 1) + 0.7 N(1, 1): no other weights make them likelier, and the truth is within the errors. */
static void test_weights_are_the_likeliest(void **state)
{
    (void)state;
    enum { ROWS = 4000 };
    static double logp[3 * ROWS], v[ROWS];
    double w[3];
    for (int i = 0; i < ROWS; i++) {
        real z[FLOW_LANES];
        flow_rng_normals(z, 1, FLOW_LANES, 3, FLOW_STREAM_OTHER, (uint64_t)i * FLOW_LANES);
        const double x = (double)z[0] + (flow_rng_uniform(4, FLOW_STREAM_OTHER, (uint64_t)i, 0) < 0.3 ? 0 : 1);
        for (int k = 0; k < 3; k++)
            logp[k * ROWS + i] = -0.5 * (x - k) * (x - k);
        v[i] = 1;
    }
    assert_int_equal(flow_mixing_fit(w, logp, v, ROWS, 3, NULL), FLOW_OK);
    double truth = 0, best = 0;
    for (int i = 0; i < ROWS; i++) {
        truth += log(0.3 * exp(logp[i]) + 0.7 * exp(logp[ROWS + i]));
        best += log(w[0] * exp(logp[i]) + w[1] * exp(logp[ROWS + i]) + w[2] * exp(logp[2 * ROWS + i]));
    }
    ASSERT_GE(best, truth - 0.1);
    ASSERT_NEAR(w[0], 0.3, 0.1);
    ASSERT_NEAR(w[2], 0, 0.1);
    double slope[3] = {0}; /* the same for all that are not at the edge */
    for (int i = 0; i < ROWS; i++) {
        double p = 0;
        for (int k = 0; k < 3; k++)
            p += w[k] * exp(logp[k * ROWS + i]);
        for (int k = 0; k < 3; k++)
            slope[k] += exp(logp[k * ROWS + i]) / p;
    }
    for (int k = 0; k < 3; k++)
        ASSERT_NEAR(slope[k] + FLOW_MIXING_PRIOR / w[k], ROWS + 3 * FLOW_MIXING_PRIOR, 0.05);
}

/* ---- what can be mixed ---- */

static void check_pair(const char *a, const char *b, flow_status expected, const char *fragment)
{
    static double rows[N * WIDTH];
    flow_error err = {0};
    subject s[2];
    make_rows(rows, DIM);
    for (int i = 0; i < N; i++)
        rows[i * DIM + 1] = 0;
    subject_open(&s[0], (subject_shape){.dim = DIM, .columns = columns}, "%s", a);
    subject_open(&s[1], (subject_shape){.dim = DIM, .columns = columns}, "%s", b);
    assert_int_equal(flow_ensemble_check_pair(s[0].f, s[1].f, columns, &err), expected);
    if (expected != FLOW_OK && strstr(err.message, fragment) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, fragment);
    subject_close(&s[0]);
    subject_close(&s[1]);
}

#define SUPPORT(rule) "{\"flow\": [{\"type\": \"support\", \"columns\": {\"y\": " rule "}}, \"standardize\"]}"

static void test_densities_and_probabilities_do_not_mix(void **state)
{
    (void)state;
    static const char plain[] = "{\"flow\": [\"standardize\"]}";
    check_pair(plain, SUPPORT("{\"lower\": 0}"), FLOW_OK, "");
    check_pair(SUPPORT("{\"discrete\": true}"), SUPPORT("{\"discrete\": true, \"step\": 0.5}"), FLOW_OK, "");
    check_pair(SUPPORT("{\"spikes\": [0, 1]}"), SUPPORT("{\"lower\": 0, \"spikes\": [0, 1]}"), FLOW_OK, "");
    check_pair(plain, SUPPORT("{\"discrete\": true}"), FLOW_ARGUMENT, "column y has a density in one of them");
    check_pair(plain, SUPPORT("{\"spikes\": [0]}"), FLOW_ARGUMENT, "column y has a density");
    check_pair(SUPPORT("{\"spikes\": [0]}"), SUPPORT("{\"spikes\": [0, 1]}"), FLOW_ARGUMENT, "column y has a density");
    check_pair(SUPPORT("{\"spikes\": [0]}"), SUPPORT("{\"discrete\": true}"), FLOW_ARGUMENT, "column y has a density");
}

/* ---- the file ---- */

static const char *const specs[MEMBERS] = {
    "{\"flow\": [\"standardize\", {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [48, 48]}]}",
    "{\"flow\": [\"whiten\", {\"type\": \"nsf_ar\", \"repeat\": 1, \"hidden\": [6]}], \"base\": \"logistic\"}",
    "{\"flow\": [\"asinh\", {\"type\": \"realnvp\", \"repeat\": 2, \"hidden\": [5]}], \"seed\": 3}",
};

/* Saves a model, and returns its path. */
static const char *save_model(const char *name, const char *spec_text, const char *const *names)
{
    static double rows[N * WIDTH];
    flow_spec *spec;
    subject s;
    flow_error err = {0};
    make_rows(rows, DIM);
    for (int i = 0; i < N; i++)
        rows[i * DIM + 1] += 3 * flow_rng_uniform(9, FLOW_STREAM_OTHER, (uint64_t)i, 0);
    check_ok(flow_spec_parse(&spec, spec_text, strlen(spec_text), name, folder, NULL, 0, &err), &err);
    check_ok(subject_try_spec(&s, &err, (subject_shape){.dim = DIM, .columns = names}, spec), &err);
    subject_init_weights(&s, (uint64_t)spec->seed);
    check_ok(flow_fit(s.f, s.weights, rows, N, names, &err), &err);
    subject_shake_weights(&s, 0.3, 1, 1);
    const flow_model_contents contents = {.spec = spec, .f = s.f, .weights = s.weights, .columns = names};
    check_ok(flow_model_save(at(name), &contents, &err), &err);
    subject_close(&s);
    flow_spec_free(spec);
    return at(name);
}

typedef struct loaded {
    flow_model *members[MEMBERS];
    double weights[MEMBERS];
    flow_models models;
} loaded;

static void load_members(loaded *l)
{
    flow_error err = {0};
    *l = (loaded){.models = {.n = MEMBERS, .members = l->members, .weights = l->weights}};
    for (int k = 0; k < MEMBERS; k++) {
        check_ok(flow_model_load(&l->members[k], save_model("member.h5", specs[k], columns), &err), &err);
        l->weights[k] = weights[k];
    }
    l->models.provenance = cJSON_Parse("{\"program\": \"flowctl\"}");
}

static void free_members(loaded *l)
{
    for (int k = 0; k < MEMBERS; k++)
        flow_model_free(l->members[k]);
    cJSON_Delete(l->models.provenance);
}

static void evaluate(const flow_models *models, const double *rows, double *logp)
{
    flow_ensemble *e;
    flow_error err = {0};
    check_ok(flow_models_run(&e, models, 1, &err), &err);
    flow_ensemble_logp(e, rows, N, logp, NULL);
    flow_ensemble_free(e);
}

static void test_a_file_comes_back(void **state)
{
    (void)state;
    static double rows[N * DIM], before[N], after[N];
    flow_error err = {0};
    loaded l;
    load_members(&l);
    make_rows(rows, DIM);
    evaluate(&l.models, rows, before);
    const char *path = at("ensemble.h5");
    check_ok(flow_models_save(path, &l.models, &err), &err);
    flow_models *models;
    check_ok(flow_models_load(&models, path, &err), &err);
    assert_int_equal(models->n, MEMBERS);
    assert_string_equal(models->path, path);
    assert_string_equal(text_member(models->provenance, "program"), "flowctl");
    for (int k = 0; k < MEMBERS; k++) {
        assert_true(models->weights[k] == weights[k]);
        assert_string_equal(models->members[k]->spec->dir, l.members[k]->spec->dir);
    }
    evaluate(models, rows, after);
    assert_memory_equal(before, after, sizeof before);
    flow_models_free(models);
    flow_model *model;
    assert_int_equal(flow_model_load(&model, path, &err), FLOW_ARGUMENT);
    assert_null(model);
    assert_non_null(strstr(err.message, "is an ensemble of 3 models, and a single model is needed here"));
    free_members(&l);
}

/* Written once by `unit_ensemble --write FILE` and kept: what it means does not change with the program. */
static const char golden[] = "test/corpus/model/ensemble.h5";

enum { PROBES = 4 };

static void probe(const flow_models *models, double logp[PROBES])
{
    static double rows[N * DIM], all[N];
    make_rows(rows, DIM);
    evaluate(models, rows, all);
    memcpy(logp, all, PROBES * sizeof *logp);
}

static void write_golden(const char *path)
{
    flow_error err = {0};
    double logp[PROBES];
    loaded l;
    load_members(&l);
    flow_models few = {.n = 2, .members = l.members + 1, .weights = (double[]){0.25, 0.75}};
    probe(&few, logp);
    few.summary = cJSON_CreateObject();
    cJSON_AddItemToObject(few.summary, "probes", cJSON_CreateDoubleArray(logp, PROBES));
    check_ok(flow_models_save(path, &few, &err), &err);
    cJSON_Delete(few.summary);
    free_members(&l);
}

static void test_an_old_file_loads(void **state)
{
    (void)state;
    if (access(golden, R_OK) != 0)
        skip(); /* not in the top folder of the sources */
    flow_models *models;
    flow_error err = {0};
    double logp[PROBES];
    check_ok(flow_models_load(&models, golden, &err), &err);
    assert_int_equal(models->n, 2);
    probe(models, logp);
    const cJSON *expected = cJSON_GetObjectItemCaseSensitive(models->summary, "probes");
    for (int k = 0; k < PROBES; k++)
        ASSERT_NEAR(logp[k], cJSON_GetArrayItem(expected, k)->valuedouble, 1e-4);
    flow_models_free(models);
}

/* As a C program sees it. */
static void test_the_library(void **state)
{
    (void)state;
    enum { FIRST = 200, PART = 333 };
    static double rows[N * DIM], expected[N], logp[N], x[N * DIM], part[PART * DIM];
    flow_error err = {0};
    loaded l;
    flow_handle *model;
    load_members(&l);
    make_rows(rows, DIM);
    evaluate(&l.models, rows, expected);
    check_ok(flow_models_save(at("library.h5"), &l.models, &err), &err);
    check_ok(flow_open(&model, at("library.h5"), &err), &err);
    flow_set_threads(model, 2);
    assert_int_equal(flow_dim(model), DIM);
    assert_string_equal(flow_column_name(model, 1), "y");
    check_ok(flow_logprob(model, rows, N, logp, &err), &err);
    assert_memory_equal(logp, expected, sizeof logp);
    check_ok(flow_sample(model, 9, 0, N, NULL, x, logp, &err), &err);
    check_ok(flow_sample(model, 9, FIRST, PART, NULL, part, NULL, &err), &err);
    assert_memory_equal(part, x + FIRST * DIM, sizeof part);
    check_ok(flow_logprob(model, x, N, expected, &err), &err);
    assert_memory_equal(logp, expected, sizeof logp);
    assert_int_equal(flow_to_latent(model, rows, N, x, NULL, &err), FLOW_ARGUMENT);
    assert_non_null(strstr(err.message, "is an ensemble of 3 models, each with a latent space of its own"));
    assert_int_equal(flow_to_data(model, rows, N, x, NULL, &err), FLOW_ARGUMENT);
    flow_close(model);
    free_members(&l);
}

/* Steps are set in the members that solve equations. */
static void test_steps(void **state)
{
    (void)state;
    static const char solves[] = "{\"flow\": [\"standardize\", {\"type\": \"ffjord\", \"hidden\": [6]}]}";
    flow_error err = {0};
    loaded l;
    flow_session session;
    const flow_session_options options = {.n_threads = 1, .steps = 3, .solver = "rk4"};
    load_members(&l);
    check_ok(flow_models_save(at("steps.h5"), &l.models, &err), &err);
    assert_int_equal(flow_session_open(&session, at("steps.h5"), &options, &err), FLOW_ARGUMENT);
    assert_non_null(strstr(err.message, "has no block that solves a differential equation"));
    flow_session_close(&session);
    flow_model_free(l.members[1]);
    check_ok(flow_model_load(&l.members[1], save_model("member.h5", solves, columns), &err), &err);
    check_ok(flow_models_save(at("steps.h5"), &l.models, &err), &err);
    check_ok(flow_session_open(&session, at("steps.h5"), &options, &err), &err);
    static double x[N * DIM];
    flow_ensemble_sample(session.ensemble, 1, 0, N, 1, NULL, x, NULL, NULL);
    assert_true(flow_session_solving(&session, FLOW_TO_DATA).any);
    ASSERT_NEAR(flow_session_solving(&session, FLOW_TO_DATA).mean, 12, 0); /* 3 steps of 4 stages */
    flow_session_close(&session);
    free_members(&l);
}

/* invert says why not. */
static void test_a_session(void **state)
{
    (void)state;
    flow_error err = {0};
    loaded l;
    flow_session session;
    flow_run_invert_result result;
    load_members(&l);
    check_ok(flow_models_save(at("session.h5"), &l.models, &err), &err);
    check_ok(flow_session_open(&session, at("session.h5"), &(flow_session_options){.n_threads = 1}, &err), &err);
    assert_null(session.runner);
    assert_int_equal(flow_run_invert(&result, &session, &(flow_run_invert_options){.to = FLOW_TO_LATENT}, &err),
                     FLOW_ARGUMENT);
    assert_non_null(strstr(err.message, "each with a latent space of its own"));
    flow_session_close(&session);
    free_members(&l);
}

/* Members that do not belong together, and weights that are none, are not saved. */
static void test_saving_checks(void **state)
{
    (void)state;
    static const char *const others[] = {"x", "z"};
    flow_error err = {0};
    loaded l;
    load_members(&l);
    l.weights[1] = 0.1;
    assert_int_equal(flow_models_save(at("bad.h5"), &l.models, &err), FLOW_ARGUMENT);
    assert_non_null(strstr(err.message, "the sum of its weights is 0.9 and not 1"));
    l.weights[1] = 0.2;
    flow_model_free(l.members[2]);
    check_ok(flow_model_load(&l.members[2], save_model("member.h5", specs[2], others), &err), &err);
    assert_int_equal(flow_models_save(at("bad.h5"), &l.models, &err), FLOW_ARGUMENT);
    assert_non_null(strstr(err.message, "column 2 of the data is \"y\" in member 1, and \"z\" in member 3"));
    free_members(&l);
}

/* ---- hostile files ---- */

static void seal(hid_t file, const char *path)
{
    static char bytes[1 << 20];
    ASSERT_GE(H5Fclose(file), 0);
    const size_t size = read_bytes(path, bytes, sizeof bytes);
    flow_head_seal(bytes, size);
    FILE *out = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
}

static hid_t open_good(const char *path)
{
    flow_error err = {0};
    loaded l;
    load_members(&l);
    check_ok(flow_models_save(path, &l.models, &err), &err);
    free_members(&l);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    return file;
}

static void check_refused(const char *path, const char *fragment)
{
    flow_models *models;
    flow_error err = {0};
    assert_int_equal(flow_models_load(&models, path, &err), FLOW_FORMAT);
    assert_null(models);
    assert_int_equal(err.code, FLOW_FORMAT);
    if (strstr(err.message, fragment) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, fragment);
}

static void check_weights(const double *values, size_t rows, size_t cols, const char *fragment)
{
    char path[TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s", at("hostile.h5"));
    hid_t file = open_good(path);
    ASSERT_GE(H5Ldelete(file, "weights", H5P_DEFAULT), 0);
    const flow_array array = {
        .name = "weights", .kind = FLOW_ARRAY_DOUBLE, .rows = rows, .cols = cols, .data = (void *)values};
    assert_int_equal(flow_h5_write_array(file, &array, NULL), FLOW_OK);
    seal(file, path);
    check_refused(path, fragment);
}

static void test_hostile_weights(void **state)
{
    (void)state;
    static double many[FLOW_MEMBERS_MAX + 1];
    check_weights(many, FLOW_MEMBERS_MAX + 1, 1, "weights is 65 x 1, and an ensemble has 1 to 64 members");
    check_weights(many, 0, 1, "weights is 0 x 1");
    check_weights(many, 1, 3, "weights is 1 x 3");
    check_weights((double[]){0.5, NAN, 0.5}, 3, 1, "the weight of member 2 is nan");
    check_weights((double[]){0.5, -0.5, 1}, 3, 1, "the weight of member 2 is -0.5");
    check_weights((double[]){1, 0, 0}, 3, 1, "the weight of member 2 is 0");
    check_weights((double[]){0.5, 0.2, 0.2}, 3, 1, "the sum of its weights is 0.9 and not 1");
    check_weights((double[]){0.25, 0.25, 0.25, 0.25}, 4, 1, "members/4 is missing");
}

static void test_hostile_members(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s", at("hostile.h5"));
    hid_t file = open_good(path);
    H5Ldelete(file, "members/2/columns", H5P_DEFAULT);
    assert_int_equal(flow_h5_write_names(file, "members/2/columns", (const char *const[]){"x", "z"}, 2, NULL), FLOW_OK);
    seal(file, path);
    check_refused(path, "members/2: column 2 of the data is \"y\" in member 1, and \"z\" in member 2");
    file = open_good(path);
    H5Ldelete(file, "members/2/columns", H5P_DEFAULT);
    assert_int_equal(flow_h5_write_names(file, "members/2/columns", (const char *const[]){"x"}, 1, NULL), FLOW_OK);
    seal(file, path);
    check_refused(path, "members/2: member 1 has 2 columns of data, and member 2 has 1");
    file = open_good(path);
    H5Ldelete(file, "members/3/parameters", H5P_DEFAULT);
    seal(file, path);
    check_refused(path, "members/3: parameters/0.asinh/center is missing");
    file = open_good(path);
    H5Ldelete(file, "members/2", H5P_DEFAULT);
    H5Lcreate_soft("/members/1", file, "members/2", H5P_DEFAULT, H5P_DEFAULT);
    seal(file, path);
    check_refused(path, "members/2 is missing");
    file = open_good(path);
    H5Ldelete(file, "weights", H5P_DEFAULT);
    seal(file, path);
    check_refused(path, "weights is missing");
}

/* 64 names for the parameters of one model are not 64 times its bytes. */
static void test_members_share_no_bytes(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE], name[32];
    double equal[FLOW_MEMBERS_MAX];
    snprintf(path, sizeof path, "%s", at("hostile.h5"));
    hid_t file = open_good(path);
    H5Ldelete(file, "weights", H5P_DEFAULT);
    for (int k = 0; k < FLOW_MEMBERS_MAX; k++) {
        equal[k] = 1.0 / FLOW_MEMBERS_MAX;
        snprintf(name, sizeof name, "members/%d", k + 1);
        if (k >= MEMBERS)
            ASSERT_GE(H5Lcreate_hard(file, "members/1", file, name, H5P_DEFAULT, H5P_DEFAULT), 0);
    }
    const flow_array array = {
        .name = "weights", .kind = FLOW_ARRAY_DOUBLE, .rows = FLOW_MEMBERS_MAX, .cols = 1, .data = equal};
    assert_int_equal(flow_h5_write_array(file, &array, NULL), FLOW_OK);
    seal(file, path);
    check_refused(path, " bytes of parameters, and the file has ");
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        void *none = NULL;
        make_folder(&none);
        write_golden(argv[2]);
        return remove_folder(&none);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_density_is_the_sum),
        cmocka_unit_test(test_density_integrates_to_one),
        cmocka_unit_test(test_supports_add_up),
        cmocka_unit_test(test_errors_of_estimates),
        cmocka_unit_test(test_draws_are_those_of_members),
        cmocka_unit_test(test_one_member_is_itself),
        cmocka_unit_test(test_weights_of_parts_that_do_not_meet),
        cmocka_unit_test(test_weights_are_the_likeliest),
        cmocka_unit_test(test_densities_and_probabilities_do_not_mix),
        cmocka_unit_test(test_a_file_comes_back),
        cmocka_unit_test(test_an_old_file_loads),
        cmocka_unit_test(test_the_library),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_a_session),
        cmocka_unit_test(test_saving_checks),
        cmocka_unit_test(test_hostile_weights),
        cmocka_unit_test(test_hostile_members),
        cmocka_unit_test(test_members_share_no_bytes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
