/* The diagnosis of models: that draws of a model are accepted, and that known mistakes are found and named. */
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

#include "harness.h"
#include "num/rng.h"
#include "run/diagnose.h"
#include "run/reservoir.h"
#include "run/train.h"
#include "train/classifier.h"
#include "values.h"

enum { ROWS = 600 };

/* ---- models and tables ---- */

static double uniform(uint64_t row, uint32_t column)
{
    return flow_rng_uniform(31, FLOW_STREAM_OTHER, row, column);
}

static void check_ok(flow_status status, const flow_error *err)
{
    if (status != FLOW_OK)
        fail_msg("%s", err->message);
}

static void train(const char *name, const char *spec)
{
    flow_error err = {0};
    flow_run_train_result result;
    char path[1024];
    write_text(name, spec);
    snprintf(path, sizeof path, "%s", at(name));
    const flow_run_train_options options = {.spec = path, .n_threads = 1};
    check_ok(flow_run_train(&result, &options, &err), &err);
    flow_run_train_free(&result);
}

/* Two columns in a band, an angle, a count, and a weight. */
static int make_models(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    FILE *file = fopen(at("train.csv"), "w");
    assert_non_null(file);
    fputs("x,y,angle,n,w\n", file);
    for (uint64_t i = 0; i < 1500; i++) {
        const double r = sqrt(-2 * log(uniform(i, 0))), x = r * cos(6.283185307 * uniform(i, 1));
        const double y = x + 0.3 * log(uniform(i, 2) / (1 - uniform(i, 2)));
        fprintf(file, "%.9g,%.9g,%.9g,%d,%.3g\n", x, y, fmod(6 + x + uniform(i, 3), 6.2831853),
                (int)(4 * uniform(i, 4) * uniform(i, 5)), uniform(i, 6));
    }
    fclose(file);
    train("plain.json",
          "{\"data\": {\"train\": \"train.csv\", \"columns\": [\"x\", \"y\"]}, \"flow\": [\"standardize\", "
          "{\"type\": \"maf\", \"repeat\": 2, \"hidden\": [16]}], \"base\": \"student_t\", \"train\": "
          "{\"epochs\": 12, \"batch\": 50}, \"output\": \"plain.h5\"}");
    train("given.json",
          "{\"data\": {\"train\": \"train.csv\", \"columns\": [\"y\"], \"context\": [\"x\"]}, \"flow\": "
          "[\"standardize\", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [16]}], \"train\": {\"epochs\": 8, "
          "\"batch\": 50}, \"output\": \"given.h5\"}");
    train("mixed.json",
          "{\"data\": {\"train\": \"train.csv\", \"columns\": [\"x\", \"angle\", \"n\"]}, \"flow\": [{\"type\": "
          "\"support\", \"columns\": {\"angle\": {\"periodic\": 6.2831853}, \"n\": {\"lower\": 0, \"discrete\": "
          "true}}}, \"standardize\", {\"type\": \"nsf\", \"repeat\": 2, \"hidden\": [16]}], \"train\": "
          "{\"epochs\": 2, \"batch\": 50}, \"output\": \"mixed.h5\"}");
    train("round.json",
          "{\"data\": {\"train\": \"train.csv\", \"columns\": [\"x\", \"angle\"]}, \"flow\": [{\"type\": \"support\", "
          "\"columns\": {\"angle\": {\"periodic\": 6.2831853}}}, \"standardize\", {\"type\": \"nsf\", \"repeat\": 2, "
          "\"hidden\": [16]}], \"base\": \"mixture\", \"train\": {\"epochs\": 2, \"batch\": 50}, \"output\": "
          "\"round.h5\"}");
    return 0;
}

static void open_session(flow_session *s, const char *name)
{
    static char path[1024];
    flow_error err = {0};
    snprintf(path, sizeof path, "%s", at(name));
    check_ok(flow_session_open(s, path, &(flow_session_options){.n_threads = 1}, &err), &err);
}

/* Draws of the model into rows (n, d + c); the context is taken from the training rows' law. */
static double *draw(const flow_session *s, size_t n, uint64_t seed)
{
    const size_t d = (size_t)s->dim, c = (size_t)s->n_context, width = d + c;
    double *x = malloc(n * d * sizeof *x), *context = malloc((n * c + 1) * sizeof *context);
    double *rows = malloc(n * width * sizeof *rows);
    assert_true(x != NULL && context != NULL && rows != NULL);
    for (size_t i = 0; i < n * c; i++)
        context[i] =
            sqrt(-2 * log(uniform(seed, (uint32_t)(2 * i)))) * cos(6.283185307 * uniform(seed, (uint32_t)(2 * i + 1)));
    flow_ensemble_sample(s->ensemble, 100 + seed, 0, n, 1, context, x, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        memcpy(rows + i * width, x + i * d, d * sizeof *x);
        memcpy(rows + i * width + d, context + i * c, c * sizeof *x);
    }
    free(x);
    free(context);
    return rows;
}

/* Rows (n, width) under the names of the model's columns, as DATA. */
static void write_data(const flow_session *s, const double *rows, size_t n)
{
    const char **names = flow_session_names(s, s->columns);
    assert_non_null(names);
    write_rows("rows.csv", names, s->width, rows, n);
    free(names);
}

static flow_run_diagnose_result diagnose(const flow_session *s, const double *rows, size_t n, int64_t seed)
{
    static char path[1024];
    flow_run_diagnose_result result;
    flow_error err = {0};
    write_data(s, rows, n);
    snprintf(path, sizeof path, "%s", at("rows.csv"));
    const flow_run_diagnose_options options = {.rows = {.input = path}, .seed = seed, .level = 0.01};
    check_ok(flow_run_diagnose(&result, s, &options, &err), &err);
    return result;
}

static const flow_diagnose_section *section_of(const flow_run_diagnose_result *result, const char *name)
{
    const flow_diagnose_section *sections = result->sections.items;
    for (size_t i = 0; i < result->sections.n; i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

/* ---- the truth ---- */

/* Draws of each model, ten tables each: 40 verdicts of level 0.01, of which 4 or more reject once in 2,000 times. */
static void test_the_truth_is_accepted(void **state)
{
    (void)state;
    static const char *const models[] = {"plain.h5", "given.h5", "mixed.h5", "round.h5"};
    int rejected = 0, low = 0;
    for (int m = 0; m < 4; m++) {
        flow_session s;
        open_session(&s, models[m]);
        for (int k = 0; k < 10; k++) {
            double *rows = draw(&s, 200, (uint64_t)k);
            flow_run_diagnose_result result = diagnose(&s, rows, 200, k);
            rejected += result.rejected;
            low += section_of(&result, "classifier")->p_alone < 0.5;
            ASSERT_EQ(result.is_conditional, m == 1);
            assert_true((section_of(&result, "ranks") != NULL) == (m == 1));
            assert_true((section_of(&result, "independence") != NULL) == (m != 2));
            flow_run_diagnose_free(&result);
            free(rows);
        }
        flow_session_close(&s);
    }
    ASSERT_LE(rejected, 3);
    ASSERT_GE(low, 8); /* of 40 with probability 1/2 each */
    ASSERT_LE(low, 32);
}

/* ---- mistakes ---- */

static void assert_found(const flow_run_diagnose_result *result, const char *part)
{
    assert_true(result->rejected);
    assert_int_equal(result->grade_code, FLOW_DIAGNOSE_WRONG);
    const flow_diagnose_section *section = section_of(result, part);
    assert_non_null(section);
    if (!(section->p <= 0.01))
        fail_msg("%s: p = %g", part, section->p);
    const flow_diagnose_failure *failures = result->failures.items;
    ASSERT_GE(result->failures.n, 1);
    assert_non_null(failures[0].found);
    assert_non_null(failures[0].remedy);
}

static void test_a_shift_is_found(void **state)
{
    (void)state;
    flow_session s;
    open_session(&s, "plain.h5");
    double *rows = draw(&s, ROWS, 1);
    for (size_t i = 0; i < ROWS; i++)
        rows[2 * i + 1] += 0.35;
    flow_run_diagnose_result result = diagnose(&s, rows, ROWS, 1);
    assert_found(&result, "columns");
    assert_string_equal(section_of(&result, "columns")->where, "y");
    flow_run_diagnose_free(&result);
    free(rows);
    flow_session_close(&s);
}

/* The columns are right, and what they have to do with each other is not. */
static void test_a_shuffled_column_is_found(void **state)
{
    (void)state;
    flow_session s;
    open_session(&s, "plain.h5");
    double *rows = draw(&s, ROWS, 2), first = rows[1];
    for (size_t i = 0; i < ROWS; i++)
        rows[2 * i + 1] = i + 1 < ROWS ? rows[2 * i + 3] : first;
    flow_run_diagnose_result result = diagnose(&s, rows, ROWS, 1);
    assert_found(&result, "independence");
    assert_found(&result, "classifier");
    assert_found(&result, "neighbours");
    assert_found(&result, "pairs");
    ASSERT_EQ(section_of(&result, "columns")->p, 1);
    ASSERT_GT(result.told, 0.6);
    flow_run_diagnose_free(&result);
    free(rows);
    flow_session_close(&s);
}

static void test_cut_tails_are_found(void **state)
{
    (void)state;
    flow_session s;
    open_session(&s, "plain.h5");
    double *rows = draw(&s, 3 * ROWS, 3);
    size_t n = 0;
    for (size_t i = 0; i < 3 * ROWS; i++)
        if (fabs(rows[2 * i]) < 1.8)
            memmove(rows + 2 * n++, rows + 2 * i, 2 * sizeof *rows);
    flow_run_diagnose_result result = diagnose(&s, rows, n, 1);
    assert_found(&result, "tails");
    ASSERT_GT(result.outside, 5 * result.outside_expected);
    flow_run_diagnose_free(&result);
    free(rows);
    flow_session_close(&s);
}

/* A context that has nothing to do with the rows. */
static void test_another_context_is_found(void **state)
{
    (void)state;
    flow_session s;
    open_session(&s, "given.h5");
    double *rows = draw(&s, ROWS, 4), first = rows[1];
    for (size_t i = 0; i < ROWS; i++)
        rows[2 * i + 1] = i + 1 < ROWS ? rows[2 * i + 3] : first;
    flow_run_diagnose_result result = diagnose(&s, rows, ROWS, 1);
    assert_found(&result, "ranks");
    assert_found(&result, "independence");
    assert_found(&result, "classifier");
    flow_run_diagnose_free(&result);
    free(rows);
    flow_session_close(&s);
}

static void test_another_count_is_found(void **state)
{
    (void)state;
    flow_session s;
    open_session(&s, "mixed.h5");
    double *rows = draw(&s, ROWS, 5);
    for (size_t i = 0; i < ROWS; i += 5)
        rows[3 * i + 2]++;
    flow_run_diagnose_result result = diagnose(&s, rows, ROWS, 1);
    assert_found(&result, "columns");
    assert_string_equal(section_of(&result, "columns")->where, "n");
    for (size_t i = 0; i < 3 * ROWS; i++)
        rows[i] = i % 3 == 2 && i < 30 ? 0.5 : rows[i]; /* no whole numbers: their probability is 0 */
    flow_run_diagnose_free(&result);
    result = diagnose(&s, rows, ROWS, 1);
    ASSERT_EQ(section_of(&result, "support")->p, 0);
    flow_run_diagnose_free(&result);
    free(rows);
    flow_session_close(&s);
}

/* ---- weights, seeds ---- */

/* Rows of another distribution that weights bring back: N(0.5, 1) where the model says y given x. */
static void test_thinned_rows_follow_the_weights(void **state)
{
    (void)state;
    enum { N = 20000 };
    flow_reservoir r;
    flow_error err = {0};
    double kept = 0, sum = 0;
    check_ok(flow_reservoir_start(&r, 2, N, 3, &err), &err);
    for (uint64_t i = 0; i < N; i++) {
        const double x = uniform(i, 40);
        flow_reservoir_add(&r, &x, x); /* the weighted density is 2 x, of mean 2/3 */
    }
    flow_reservoir_thin(&r);
    for (size_t i = 0; i < r.n; i++) {
        kept++;
        sum += r.rows[2 * i];
    }
    ASSERT_NEAR(kept / N, 0.5, 0.02);
    ASSERT_NEAR(sum / kept, 2. / 3, 0.01);
    free(r.rows);
}

/* Of 5,000 rows, 1,000 are kept, and each with the same probability. */
static void test_a_reservoir_keeps_all_rows_alike(void **state)
{
    (void)state;
    flow_reservoir r;
    flow_error err = {0};
    double sum = 0;
    check_ok(flow_reservoir_start(&r, 2, 1000, 8, &err), &err);
    for (int i = 0; i < 5000; i++)
        flow_reservoir_add(&r, &(double){i}, 1);
    flow_reservoir_shuffle(&r);
    ASSERT_EQ(r.n, 1000);
    ASSERT_EQ(r.n_seen, 5000);
    for (size_t i = 0; i < r.n; i++)
        sum += r.rows[2 * i];
    ASSERT_NEAR(sum / 1000, 2499.5, 4 * 1443 / sqrt(1000));
    free(r.rows);
}

static void test_seeds_and_threads(void **state)
{
    (void)state;
    flow_session s;
    open_session(&s, "plain.h5");
    double *rows = draw(&s, ROWS, 6);
    flow_run_diagnose_result a = diagnose(&s, rows, ROWS, 1);
    s.options.n_threads = 3;
    flow_run_diagnose_result b = diagnose(&s, rows, ROWS, 1), c = diagnose(&s, rows, ROWS, 2);
    assert_string_equal(a.verdict, b.verdict);
    ASSERT_EQ(a.p, b.p);
    ASSERT_EQ(a.auc, b.auc);
    ASSERT_EQ(a.draws_logprob.mean, b.draws_logprob.mean);
    ASSERT_NE(a.draws_logprob.mean, c.draws_logprob.mean);
    flow_run_diagnose_free(&a);
    flow_run_diagnose_free(&b);
    flow_run_diagnose_free(&c);
    free(rows);
    flow_session_close(&s);
}

static void test_too_few_rows(void **state)
{
    (void)state;
    flow_session s;
    flow_run_diagnose_result result;
    flow_error err = {0};
    char path[1024];
    open_session(&s, "plain.h5");
    double *rows = draw(&s, 49, 7);
    write_data(&s, rows, 49);
    snprintf(path, sizeof path, "%s", at("rows.csv"));
    const flow_run_diagnose_options options = {.rows = {.input = path}, .seed = 1, .level = 0.01};
    assert_int_equal(flow_run_diagnose(&result, &s, &options, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "49 rows, and the tests need 50 or more"));
    flow_run_diagnose_free(&result);
    free(rows);
    flow_session_close(&s);
}

/* ---- the classifier ---- */

/* Two samples in a plane that differ by a ring: no line tells them apart. */
static void test_classifier(void **state)
{
    (void)state;
    enum { N = 800 };
    real *points = malloc(2 * N * sizeof *points);
    bool first[N];
    double scores[N], again[N], right = 0;
    flow_error err = {0};
    assert_non_null(points);
    for (uint64_t i = 0; i < N; i++) {
        const double r = i % 2 == 0 ? 0.5 * uniform(i, 50) : 1 + 0.5 * uniform(i, 50), t = 6.283185307 * uniform(i, 51);
        points[2 * i] = (real)(r * cos(t));
        points[2 * i + 1] = (real)(r * sin(t));
        first[i] = i % 2 == 0;
    }
    for (int threads = 1; threads <= 2; threads++) {
        flow_classifier *c;
        const flow_classifier_options options = {
            .n_in = 2, .width = 32, .rate = 0.003, .seed = 1, .n_threads = threads};
        check_ok(flow_classifier_new(&c, &options, &err), &err);
        check_ok(flow_classifier_train(c, points, first, N, 60, &err), &err);
        flow_classifier_score(c, points, N, threads == 1 ? scores : again);
        flow_classifier_free(c);
    }
    for (int i = 0; i < N; i++) {
        right += (scores[i] > 0) == first[i];
        ASSERT_EQ(scores[i], again[i]);
    }
    ASSERT_GT(right / N, 0.95);
    free(points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_truth_is_accepted),
        cmocka_unit_test(test_a_shift_is_found),
        cmocka_unit_test(test_a_shuffled_column_is_found),
        cmocka_unit_test(test_cut_tails_are_found),
        cmocka_unit_test(test_another_context_is_found),
        cmocka_unit_test(test_another_count_is_found),
        cmocka_unit_test(test_thinned_rows_follow_the_weights),
        cmocka_unit_test(test_a_reservoir_keeps_all_rows_alike),
        cmocka_unit_test(test_seeds_and_threads),
        cmocka_unit_test(test_too_few_rows),
        cmocka_unit_test(test_classifier),
    };
    return cmocka_run_group_tests(tests, make_models, remove_folder);
}
