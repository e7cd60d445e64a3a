/* The trainer: reproducible, resumable, patient, and unharmed by what is not finite. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema.h"
#include "harness.h"
#include "values.h"
#include "flow/design.h"
#include "num/rng.h"
#include "train/evaluate.h"

enum { D = 3 };

/* ---- data: correlated, skewed rows in the units of nobody ---- */

static void draw_row(uint64_t seed, uint64_t row, double *x)
{
    double u[D];
    for (int i = 0; i < D; i++)
        u[i] = 2 * flow_rng_uniform(seed, FLOW_STREAM_OTHER, row, (uint32_t)i) - 1;
    x[0] = 10 + 3 * u[0];
    x[1] = u[0] * u[0] + 0.3 * u[1];
    x[2] = exp(u[2] + u[1]);
}

/* A data set of n rows, one value of which is replaced. `spoilt` < 0: none. */
static flow_dataset *make_data(const char *name, uint64_t seed, int n, int spoilt, double value)
{
    static const char *const columns[D] = {"a", "b", "c"};
    double *rows = malloc((size_t)n * D * sizeof *rows);
    assert_non_null(rows);
    for (int r = 0; r < n; r++)
        draw_row(seed, (uint64_t)r, rows + r * D);
    if (spoilt >= 0)
        rows[spoilt * D + 1] = value;
    flow_dataset *data = make_dataset(name, columns, D, rows, (size_t)n, NULL);
    free(rows);
    return data;
}

/* The same rows with a column of weights, 0 to 3 and higher where a is: b and c given a, if `conditional`. */
static flow_dataset *make_weighted(const char *name, uint64_t seed, int n, bool conditional)
{
    static const char *const columns[D + 1] = {"w", "a", "b", "c"}, *const given[] = {"a"};
    double *rows = malloc((size_t)n * (D + 1) * sizeof *rows);
    assert_non_null(rows);
    for (int r = 0; r < n; r++) {
        double *x = rows + r * (D + 1);
        draw_row(seed, (uint64_t)r, x + 1);
        x[0] = floor(2 * (flow_rng_uniform(seed, FLOW_STREAM_OTHER, (uint64_t)r, D) + (x[1] - 7) / 6));
    }
    const flow_dataset_options options = {.context = given, .n_context = conditional ? 1 : 0, .weight = "w"};
    flow_dataset *data = make_dataset(name, columns, D + 1, rows, (size_t)n, &options);
    free(rows);
    return data;
}

/* ---- a trainer and what it needs ---- */

#define EMBEDDING_JSON "\"embedding\": {\"hidden\": [16], \"features\": 5}"

/* A trainer for `list` (the flow behind a standardize) and `train`, both JSON; of a conditional flow with an embedding
 * where the data have a context. */
static flow_status make_trainer_of(subject *s, const char *list, const char *train, flow_dataset *training,
                                 flow_dataset *validation, int n_threads, flow_error *err)
{
    int n_context = training->n_context;
    const subject_shape shape = {.dim = D - n_context, .n_context = n_context, .seed = 1};
    flow_status status = subject_try(s, err, shape, "{\"flow\": [\"standardize\", %s]%s, \"train\": %s}", list,
                                     n_context > 0 ? ", " EMBEDDING_JSON : "", train);
    return status == FLOW_OK ? subject_try_trainer(s, err, training, validation, n_threads) : status;
}

/* Training moves the fitted values of this one. */
#define STACK(between, times, hidden)                                       \
    "{\"type\": \"repeat\", \"times\": " #times ", \"flow\": [" between ", "  \
    "{\"type\": \"coupling\", \"hidden\": " #hidden "}]}, " between
#define NORMED(times, hidden) STACK("\"batchnorm\"", times, hidden)
#define STILL(times, hidden) STACK("{\"type\": \"batchnorm\", \"momentum\": 1}", times, hidden)

static flow_status make_trainer(subject *b, const char *train, flow_dataset *training, flow_dataset *validation,
                              int n_threads, flow_error *err)
{
    static const char list[] = "{\"type\": \"maf\", \"repeat\": 2, \"hidden\": [20, 20]}";
    return make_trainer_of(b, list, train, training, validation, n_threads, err);
}

static subject start(const char *train, flow_dataset *training, flow_dataset *validation, int n_threads)
{
    subject b;
    flow_error err = {0};
    if (make_trainer(&b, train, training, validation, n_threads, &err) != FLOW_OK ||
        flow_trainer_start(b.trainer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return b;
}

static subject start_of(const char *list, const char *train, flow_dataset *training, flow_dataset *validation,
                      int n_threads)
{
    subject b;
    flow_error err = {0};
    if (make_trainer_of(&b, list, train, training, validation, n_threads, &err) != FLOW_OK ||
        flow_trainer_start(b.trainer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return b;
}

static flow_array find(const subject *b, const char *name)
{
    const flow_array *arrays;
    int n;
    flow_trainer_state(b->trainer, &arrays, &n);
    for (int k = 0; k < n; k++)
        if (strcmp(arrays[k].name, name) == 0)
            return arrays[k];
    fail_msg("no array %s", name);
    return arrays[0];
}

/* ---- tests ---- */

static const char *const all_features =
    "{\"epochs\": 5, \"batch\": 100, \"ema\": 0.9, \"clip\": 1, \"optimizer\": \"adamw\","
    " \"schedule\": {\"type\": \"plateau\", \"patience\": 1, \"warmup\": 7}}";

static void test_learns_and_reports(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 2010, -1, 0), *held_out = make_data("v.csv", 2, 500, -1, 0);
    subject b = start("{\"epochs\": 6, \"optimizer\": {\"rate\": 0.005}}", training, held_out, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.epochs, 6);
    assert_int_equal(b.steps, 6 * 8);
    assert_int_equal(b.warnings, 0);
    assert_int_equal(b.last_row, 2010);
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 6);
    ASSERT_GT(history[5].validation, history[0].validation + 0.1); /* held-out likelihood */
    ASSERT_EQ(history[5].epoch, 6);

    /* what it says of the best weights is what an evaluation finds */
    int64_t best = flow_trainer_best_epoch(b.trainer);
    flow_likelihood found;
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
    ASSERT_EQ(found.mean, history[best - 1].validation);
    ASSERT_EQ(found.error, history[best - 1].validation_error);
    assert_int_equal(found.rows, 500);
    assert_int_equal(found.not_finite, 0);
    ASSERT_GT(found.error, 0);
    ASSERT_LT(found.error, 0.2);
    assert_false(flow_trainer_converged(b.trainer));
    subject_close(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void check_threads(flow_dataset *training, flow_dataset *held_out)
{
    flow_error err;
    subject a = start(all_features, training, held_out, 1);
    assert_int_equal(subject_try_run(&a, &err), FLOW_OK);
    for (int n_threads = 2; n_threads <= 4; n_threads += 2) {
        subject b = start(all_features, training, held_out, n_threads);
        assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
        subject_expect_same(&a, &b);
        subject_close(&b);
    }
    subject_close(&a);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_same_for_any_threads(void **state)
{
    (void)state;
    check_threads(make_data("t.csv", 1, 1030, -1, 0), make_data("v.csv", 2, 300, -1, 0));
    check_threads(make_weighted("t.csv", 1, 1030, false), make_weighted("v.csv", 2, 300, false));
    check_threads(make_weighted("t.csv", 1, 1030, true), make_weighted("v.csv", 2, 300, true));
}

/* Stopped after every few steps, in the middle of epochs and at their ends, and taken up by a new trainer each time. */
static void check_resuming(flow_dataset *training, flow_dataset *held_out)
{
    flow_error err;
    subject whole = start(all_features, training, held_out, 2);
    assert_int_equal(subject_try_run(&whole, &err), FLOW_OK);
    assert_int_equal(whole.steps, 5 * ((training->n_rows + 99) / 100));

    static const int64_t stretches[] = {1, 4, 6, 11, 3, 8, 22, 100};
    subject part = start(all_features, training, held_out, 1);
    for (size_t k = 0; k < sizeof stretches / sizeof *stretches; k++) {
        part.stop_after = stretches[k];
        flow_status status = subject_try_run(&part, &err);
        if (status == FLOW_OK)
            break;
        assert_int_equal(status, FLOW_INTERRUPTED);
        assert_int_equal(part.steps, stretches[k]);
        subject next;
        assert_int_equal(make_trainer(&next, all_features, training, held_out, 1 + (int)(k % 2), &err), FLOW_OK);
        subject_copy_state(&next, &part);
        assert_int_equal(flow_trainer_restored(next.trainer, &err), FLOW_OK);
        subject_close(&part);
        part = next;
    }
    subject_expect_same(&whole, &part);
    /* nothing is left to do */
    int64_t steps = part.steps;
    assert_int_equal(subject_try_run(&part, &err), FLOW_OK);
    assert_int_equal(part.steps, steps);
    subject_close(&whole);
    subject_close(&part);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_resumes_bit_for_bit(void **state)
{
    (void)state;
    check_resuming(make_data("t.csv", 1, 1030, -1, 0), make_data("v.csv", 2, 300, -1, 0));
    check_resuming(make_weighted("t.csv", 1, 1030, true), make_weighted("v.csv", 2, 300, true));
}

/* Training on weighted rows is training on rows that are there as often, step by step when a step takes all of them. */
static void test_weights_are_repetitions(void **state)
{
    (void)state;
    static const char *const full = "{\"epochs\": 30, \"batch\": 5000, \"optimizer\": {\"rate\": 0.01}, \"ema\": 0.5}";
    static double rows[4000 * (D + 1)];
    flow_error err;
    size_t n, n_repeated = 0;
    flow_dataset *training = make_weighted("t.csv", 1, 900, true), *held_out = make_weighted("v.csv", 2, 300, true),
                 *repeated;
    assert_int_equal(flow_dataset_next(training, rows, NULL, 4000, &n, &err), FLOW_OK);
    double *again = malloc(4000 * D * sizeof *again);
    assert_non_null(again);
    for (size_t r = 0; r < n; r++)
        for (int k = 0; k < (int)rows[r * (D + 1) + D]; k++, n_repeated++)
            memcpy(again + n_repeated * D, rows + r * (D + 1), D * sizeof *again);
    const flow_dataset_options options = {.context = (const char *const[]){"a"}, .n_context = 1};
    repeated = make_dataset("other.csv", (const char *const[]){"b", "c", "a"}, D, again, n_repeated, &options);
    free(again);
    assert_int_equal(repeated->n_rows, n_repeated);
    ASSERT_GT(n_repeated, n + 300);

    subject a = start(full, training, held_out, 1), b = start(full, repeated, NULL, 1);
    /* what was fitted is what the repeated rows say, as nearly as n rows can express it */
    double *fitted = a.f->params.fitted;
    for (size_t k = 0; k < a.f->params.n_fitted; k++)
        ASSERT_NEAR(fitted[k], b.f->params.fitted[k], 0.02 * (1 + fabs(fitted[k])));
    double unweighted = gsl_stats_median(rows + D - 1, D + 1, n); /* moves values of this column */
    ASSERT_NEAR(fitted[a.f->context.center], b.f->params.fitted[a.f->context.center], 0.02);
    ASSERT_GT(fitted[a.f->context.center], unweighted + 0.2);
    memcpy(b.f->params.fitted, fitted, a.f->params.n_fitted * sizeof *fitted);
    assert_int_equal(subject_try_run(&a, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    int64_t epochs;
    const flow_epoch *x = flow_trainer_history(a.trainer, &epochs), *y = flow_trainer_history(b.trainer, &epochs);
    bool is_double = sizeof(real) == sizeof(double);
    ASSERT_GT(x[29].training, x[0].training + 0.5);
    for (int64_t e = 0; e < 30; e++)
        ASSERT_NEAR(x[e].training, y[e].training, is_double ? 1e-9 : 1e-3);
    subject_close(&a);
    subject_close(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
    flow_dataset_close(repeated);
}

#define CONTINUOUS(solver) "{\"type\": \"ffjord\", \"repeat\": 2, \"hidden\": [8], \"solver\": " solver "}"

/* Evaluations are counted per solve and without padding, whatever the threads, and across a stop within an epoch. */
static void test_counts_evaluations(void **state)
{
    (void)state;
    static const char *const train = "{\"epochs\": 2, \"batch\": 300, \"ema\": 0.9, \"optimizer\": {\"rate\": 0.1}}";
    static const char *const solvers[] = {CONTINUOUS("{\"type\": \"rk4\", \"steps\": 3}"),
                                          CONTINUOUS("{\"type\": \"dopri5\", \"rtol\": 1e-6, \"atol\": 1e-6}")};
    flow_dataset *training = make_data("t.csv", 1, 730, -1, 0), *held_out = make_data("v.csv", 2, 130, -1, 0);
    for (int k = 0; k < 2; k++) {
        flow_error err;
        subject whole = start_of(solvers[k], train, training, held_out, 3), first, second;
        assert_int_equal(subject_try_run(&whole, &err), FLOW_OK);
        first = start_of(solvers[k], train, training, held_out, 1);
        first.stop_after = 2;
        assert_int_equal(subject_try_run(&first, &err), FLOW_INTERRUPTED);
        assert_int_equal(*(const int64_t *)find(&first, "solved_rows").data, 600);
        assert_int_equal(make_trainer_of(&second, solvers[k], train, training, held_out, 2, &err), FLOW_OK);
        subject_copy_state(&second, &first);
        assert_int_equal(flow_trainer_restored(second.trainer, &err), FLOW_OK);
        assert_int_equal(subject_try_run(&second, &err), FLOW_OK);
        subject_expect_same(&whole, &second);
        int64_t n;
        const flow_epoch *second_epoch = flow_trainer_history(whole.trainer, &n) + 1;
        double mean = second_epoch->evaluations, most = second_epoch->most_evaluations;
        if (k == 0 ? mean != 12 || most != 12 : !(mean > 2 + 6 && most >= mean))
            fail_msg("%g evaluations a solve, at most %g", mean, most);
        subject_close(&whole);
        subject_close(&first);
        subject_close(&second);
    }
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* A history is taken up by the names of its columns, in any order, and further columns are ignored. */
static void test_histories_by_name(void **state)
{
    (void)state;
    enum { N = FLOW_EPOCH_COLUMNS + 1 };
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 300, -1, 0);
    subject b = start("{\"epochs\": 1}", training, NULL, 1);
    const char *names[N];
    double table[2][N];
    for (int k = 0; k < N; k++) {
        names[k] = k == 0 ? "later" : flow_epoch_columns[N - 1 - k];
        table[0][k] = k == N - 1 ? 1 : -k;
        table[1][k] = k == N - 1 ? 2 : 10 + k;
    }
    assert_int_equal(flow_trainer_set_history(b.trainer, names, N, &table[0][0], 2, &err), FLOW_OK);
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 2);
    const double *stored = flow_history_table(history);
    for (int i = 0; i < 2; i++)
        for (int k = 1; k < N; k++)
            ASSERT_EQ(stored[i * FLOW_EPOCH_COLUMNS + N - 1 - k], table[i][k]);
    ASSERT_EQ(history[1].most_evaluations, 11);
    ASSERT_EQ(history[1].epoch, 2);
    subject_close(&b);
    flow_dataset_close(training);
}

/* Weights that are all the same change nothing, whatever they are: but for their rounding, the run is the same. */
static void test_equal_weights(void **state)
{
    (void)state;
    flow_error err;
    static const char *const columns[] = {"a", "b", "c", "w"};
    enum { ROWS = 700 };
    double rows[ROWS * (D + 1)];
    for (int r = 0; r < ROWS; r++) {
        draw_row(1, (uint64_t)r, rows + r * (D + 1));
        rows[r * (D + 1) + D] = 0.125;
    }
    const flow_dataset_options options = {.weight = "w"};
    flow_dataset *plain = make_data("t.csv", 1, ROWS, -1, 0);
    flow_dataset *weighted = make_dataset("other.csv", columns, D + 1, rows, ROWS, &options);
    subject a = start("{\"epochs\": 3}", plain, NULL, 1), b = start("{\"epochs\": 3}", weighted, NULL, 2);
    assert_memory_equal(a.f->params.fitted, b.f->params.fitted, a.f->params.n_fitted * sizeof(double));
    assert_int_equal(subject_try_run(&a, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_memory_equal(flow_trainer_best(a.trainer), flow_trainer_best(b.trainer),
                        a.f->params.n_weights * sizeof(real));
    subject_close(&a);
    subject_close(&b);
    flow_dataset_close(plain);
    flow_dataset_close(weighted);
}

static void test_more_epochs_later(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 500, -1, 0), *held_out = make_data("v.csv", 2, 300, -1, 0);
    static const char *const four = "{\"epochs\": 4, \"schedule\": \"constant\", \"ema\": 0.9}";
    subject whole = start(four, training, held_out, 1);
    assert_int_equal(subject_try_run(&whole, &err), FLOW_OK);
    subject half = start("{\"epochs\": 2, \"schedule\": \"constant\", \"ema\": 0.9}", training, held_out, 1), rest;
    assert_int_equal(subject_try_run(&half, &err), FLOW_OK);
    assert_int_equal(make_trainer(&rest, four, training, held_out, 1, &err), FLOW_OK);
    subject_copy_state(&rest, &half);
    assert_int_equal(flow_trainer_restored(rest.trainer, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&rest, &err), FLOW_OK);
    subject_expect_same(&whole, &rest);
    subject_close(&whole);
    subject_close(&half);
    subject_close(&rest);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* ---- fitted values that training moves ---- */

/* The features of all_features, with epochs enough for the rate to be cut. */
static void test_observers_same_for_any_threads(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 1030, -1, 0), *held_out = make_data("v.csv", 2, 300, -1, 0);
    subject a = start_of(NORMED(3, [20]), all_features, training, held_out, 1);
    flow_array fitted = find(&a, "fitted"), average = find(&a, "average_fitted");
    double *first = malloc(array_bytes(&fitted));
    memcpy(first, fitted.data, array_bytes(&fitted));
    assert_memory_equal(first, average.data, array_bytes(&fitted));
    assert_int_equal(subject_try_run(&a, &err), FLOW_OK);
    const double *now = fitted.data, *averaged = average.data;
    for (size_t k = 0; k < fitted.rows; k++) { /* all but those of standardize move, and so does their average */
        ASSERT_EQ((now[k] != first[k]), (k >= 2 * D));
        ASSERT_EQ((averaged[k] != now[k]), (k >= 2 * D));
    }
    for (int n_threads = 2; n_threads <= 4; n_threads += 2) {
        subject b = start_of(NORMED(3, [20]), all_features, training, held_out, n_threads);
        assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
        subject_expect_same(&a, &b);
        subject_close(&b);
    }
    free(first);
    subject_close(&a);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* Stopped and taken up by a new trainer after every single step. */
static void test_observers_resume_bit_for_bit(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 430, -1, 0), *held_out = make_data("v.csv", 2, 300, -1, 0);
    subject whole = start_of(NORMED(2, [12]), all_features, training, held_out, 2);
    assert_int_equal(subject_try_run(&whole, &err), FLOW_OK);
    subject part = start_of(NORMED(2, [12]), all_features, training, held_out, 1);
    int64_t stops = 0;
    for (;; stops++) {
        part.stop_after = 1;
        flow_status status = subject_try_run(&part, &err);
        if (status == FLOW_OK)
            break;
        assert_int_equal(status, FLOW_INTERRUPTED);
        subject next;
        assert_int_equal(make_trainer_of(&next, NORMED(2, [12]), all_features, training, held_out, 2, &err), FLOW_OK);
        subject_copy_state(&next, &part);
        assert_int_equal(flow_trainer_restored(next.trainer, &err), FLOW_OK);
        subject_close(&part);
        part = next;
    }
    assert_int_equal(stops, whole.steps);
    subject_expect_same(&whole, &part);
    subject_close(&whole);
    subject_close(&part);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* The best weights with the fitted values they were evaluated with are what is kept; with the last ones they are
 * another model. */
static void test_best_weights_with_their_fitted_values(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *few = make_data("few.csv", 3, 40, -1, 0), *held_out = make_data("v.csv", 2, 200, -1, 0);
    static const char *const trains[] = {
        "{\"epochs\": 60, \"optimizer\": {\"rate\": 0.02}, \"schedule\": \"constant\"}",
        "{\"epochs\": 60, \"optimizer\": {\"rate\": 0.02}, \"schedule\": \"constant\", \"ema\": 0.9}",
    };
    for (int k = 0; k < 2; k++) {
        subject b = start_of(NORMED(3, [32]), trains[k], few, held_out, 1);
        assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
        int64_t n, best = flow_trainer_best_epoch(b.trainer);
        const flow_epoch *history = flow_trainer_history(b.trainer, &n);
        ASSERT_GT(best, 1);
        ASSERT_LT(best, n);
        flow_likelihood found;
        const flow *kept = flow_trainer_best_flow(b.trainer);
        assert_int_equal(flow_evaluate(&found, kept, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
        ASSERT_EQ(found.mean, history[best - 1].validation);
        ASSERT_EQ(found.error, history[best - 1].validation_error);
        assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
        ASSERT_LT(found.mean, history[best - 1].validation);
        subject_close(&b);
    }
    /* a flow without such blocks has one vector of fitted values */
    subject b = start("{}", few, held_out, 1);
    assert_ptr_equal(flow_trainer_best_flow(b.trainer), b.f);
    subject_close(&b);
    flow_dataset_close(few);
    flow_dataset_close(held_out);
}

/* Going back after dropped steps takes the fitted values back, too, and a dropped step does not move them. */
static void test_observers_go_back(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 1000, -1, 0), *held_out = make_data("v.csv", 2, 300, -1, 0);
    static const char train[] = "{\"epochs\": 3, \"batch\": 50, \"ema\": 0.9}";
    subject b = start_of(NORMED(2, [12]), train, training, held_out, 1);
    b.stop_after = 50;
    assert_int_equal(subject_try_run(&b, &err), FLOW_INTERRUPTED);
    flow_array fitted = find(&b, "fitted"), best = find(&b, "best_fitted"), average = find(&b, "average_fitted");
    flow_array weights = find(&b, "weights");
    assert_memory_not_equal(fitted.data, best.data, array_bytes(&best));
    double *kept = malloc(array_bytes(&best)), *current = malloc(array_bytes(&best));
    memcpy(kept, best.data, array_bytes(&best));
    memcpy(current, fitted.data, array_bytes(&best));
    for (size_t k = 0; k < weights.rows; k++)
        if (((real *)weights.data)[k] != 0)
            ((real *)weights.data)[k] = (real)(sizeof(real) == 4 ? 1e38 : 1e300);
    b.stop_after = 54;
    assert_int_equal(subject_try_run(&b, &err), FLOW_INTERRUPTED);
    assert_int_equal(b.warnings, 4);
    assert_memory_equal(fitted.data, current, array_bytes(&best));
    b.stop_after = 55;
    assert_int_equal(subject_try_run(&b, &err), FLOW_INTERRUPTED);
    assert_int_equal(b.warnings, 5);
    assert_memory_equal(fitted.data, kept, array_bytes(&best));
    assert_memory_equal(average.data, kept, array_bytes(&best));
    assert_memory_equal(best.data, kept, array_bytes(&best));
    b.stop_after = 0;
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 5);
    free(kept);
    free(current);
    subject_close(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* 129 blocks, 65 of them following the batches, and a row 10 deviations out: no step is dropped, and the flow ends at a
 * density as good as with 65 blocks that stand still. It does not where each follows as fast as one alone would, or as
 * fast at the end of the schedule as at its start. */
static void test_a_deep_stack(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 2000, 313, 4), *held_out = make_data("v.csv", 2, 300, -1, 0);
    static const char train[] = "{\"epochs\": 30, \"batch\": 100, \"optimizer\": {\"rate\": 0.001}}";
    double last[2];
    for (int still = 0; still < 2; still++) {
        subject b = still ? start_of(STILL(64, [8]), train, training, held_out, 2)
                        : start_of(NORMED(64, [8]), train, training, held_out, 2);
        assert_int_equal(b.f->n_blocks, 129);
        assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
        assert_int_equal(b.warnings, 0);
        int64_t n;
        const flow_epoch *history = flow_trainer_history(b.trainer, &n);
        last[still] = history[n - 1].validation;
        ASSERT_GT(last[still], history[0].validation + 0.3);
        subject_close(&b);
    }
    if (!(last[0] > last[1] - 0.1))
        fail_msg("%g, and %g standing still", last[0], last[1]);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_patience(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 400, -1, 0), *held_out = make_data("v.csv", 2, 200, -1, 0);
    /* a rate that changes nothing: no epoch is better than the first */
    subject b = start("{\"epochs\": 50, \"patience\": 3, \"optimizer\": {\"rate\": 1e-12}}", training, held_out, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_true(flow_trainer_converged(b.trainer));
    ASSERT_GE(b.epochs, 4);
    ASSERT_LT(b.epochs, 10);
    subject_close(&b);

    b = start("{\"epochs\": 6, \"patience\": 0, \"optimizer\": {\"rate\": 1e-12}}", training, held_out, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.epochs, 6);
    assert_false(flow_trainer_converged(b.trainer));
    subject_close(&b);

    /* overfitting: few rows, many steps. The best weights are not the last. */
    flow_dataset *few = make_data("few.csv", 3, 40, -1, 0);
    b = start("{\"epochs\": 400, \"patience\": 30, \"optimizer\": {\"rate\": 0.01}, \"schedule\": \"constant\"}", few,
              held_out, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_true(flow_trainer_converged(b.trainer));
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    int64_t best = flow_trainer_best_epoch(b.trainer);
    ASSERT_GT(best, 1);
    ASSERT_LT(best, n);
    for (int64_t e = 0; e < n; e++)
        ASSERT_LE(history[e].validation, history[best - 1].validation);
    subject_close(&b);
    flow_dataset_close(few);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_without_validation(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 300, -1, 0);
    subject b = start("{\"epochs\": 3, \"patience\": 1, \"ema\": 0.5}", training, NULL, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(flow_trainer_best_epoch(b.trainer), 3);
    flow_array average = find(&b, "average");
    assert_memory_equal(average.data, flow_trainer_best(b.trainer), array_bytes(&average));
    int64_t n;
    assert_true(isnan(flow_trainer_history(b.trainer, &n)[0].validation));
    subject_close(&b);

    assert_int_equal(make_trainer(&b, "{\"schedule\": \"plateau\"}", training, NULL, 1, &err), FLOW_SPEC);
    assert_non_null(strstr(err.message, "train.schedule"));
    subject_close(&b);
    flow_dataset_close(training);
}

/* One value so large that its gradient, in float also its log-density, is out of range: its steps are dropped, the rest
 * is learned. */
static void test_a_bad_row(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("bad.csv", 1, 1000, -1, 0), *held_out = make_data("v.csv", 2, 300, -1, 0);
    /* the initial values come from clean data, then a row goes wrong */
    subject b, clean = start("{\"epochs\": 4, \"batch\": 50}", training, held_out, 1);
    flow_dataset *spoilt = make_data("spoilt.csv", 1, 1000, 617, 1e80);
    assert_int_equal(make_trainer(&b, "{\"epochs\": 4, \"batch\": 50}", spoilt, held_out, 2, &err), FLOW_OK);
    subject_copy_state(&b, &clean);
    assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_DATA); /* it notices */
    assert_int_equal(flow_trainer_start(b.trainer, &err), FLOW_OK);
    memcpy(b.f->params.fitted, clean.f->params.fitted, clean.f->params.n_fitted * sizeof(double));
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 4);
    assert_non_null(strstr(b.warning, "row 618"));
    assert_non_null(strstr(b.warning, "spoilt.csv"));
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    for (int64_t e = 0; e < n; e++) {
        ASSERT_EQ(history[e].dropped, 1); /* dropped */
        assert_true(isfinite(history[e].training) && isfinite(history[e].validation));
    }
    ASSERT_GT(history[3].validation, history[0].validation);
    subject_close(&b);

    /* the same row in the held-out data: no epoch can be the best */
    flow_dataset *bad_held_out = make_data("bad_v.csv", 2, 300, 41, -1e200);
    b = start("{\"epochs\": 2, \"batch\": 50}", training, bad_held_out, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_NUMERIC);
    assert_non_null(strstr(err.message, "after no epoch, so there are no best weights"));
    assert_int_equal(b.warnings, 2);
    assert_non_null(strstr(b.warning, "row 42"));
    assert_int_equal(flow_trainer_best_epoch(b.trainer), 0);
    ASSERT_EQ(flow_trainer_history(b.trainer, &n)[0].validation, -HUGE_VAL);
    flow_likelihood found;
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), bad_held_out, 1, &err), FLOW_OK);
    assert_int_equal(found.not_finite, 1);
    assert_int_equal(found.first_not_finite, 41);
    subject_close(&b);
    subject_close(&clean);
    flow_dataset_close(spoilt);
    flow_dataset_close(bad_held_out);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* The gradients of some blocks are sums over the rows already when they reach the tape; the row is found all the same.
 */
static void test_a_bad_row_behind_sums(void **state)
{
    (void)state;
    flow_error err;
    static const char list[] = "\"householder\", \"linear\", {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [8]}";
    double value = sizeof(real) == sizeof(float) ? 1e25 : 1e152; /* its log-density is in range, its gradient is not */
    flow_dataset *training = make_data("t.csv", 1, 300, -1, 0), *spoilt = make_data("spoilt.csv", 1, 300, 117, value);
    subject b, clean = start("{}", training, NULL, 1);
    assert_int_equal(make_trainer_of(&b, list, "{\"epochs\": 1, \"batch\": 50}", spoilt, NULL, 1, &err), FLOW_OK);
    assert_int_equal(flow_trainer_start(b.trainer, &err), FLOW_OK);
    memcpy(b.f->params.fitted, clean.f->params.fitted, 2 * D * sizeof(double)); /* those of standardize */
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 1);
    if (strstr(b.warning, "the gradient of row 118") == NULL)
        fail_msg("%s", b.warning);
    subject_close(&b);
    subject_close(&clean);
    flow_dataset_close(spoilt);
    flow_dataset_close(training);
}

/* A row that is out of range in every epoch cuts the rate more often than good steps mend it: the rate has a floor. */
static void test_cuts_have_a_floor(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 150, -1, 0), *spoilt = make_data("spoilt.csv", 1, 150, 61, 1e80);
    static const char options[] = "{\"epochs\": 30, \"batch\": 50, \"schedule\": \"constant\"}";
    subject b, clean = start(options, training, NULL, 1);
    assert_int_equal(make_trainer(&b, options, spoilt, NULL, 1, &err), FLOW_OK);
    assert_int_equal(flow_trainer_start(b.trainer, &err), FLOW_OK);
    memcpy(b.f->params.fitted, clean.f->params.fitted, clean.f->params.n_fitted * sizeof(double));
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 30);
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    static const double full_rate = 1e-3;
    ASSERT_GE(history[n - 1].rate, full_rate / 1024);
    subject_close(&b);
    subject_close(&clean);
    flow_dataset_close(spoilt);
    flow_dataset_close(training);
}

/* Weights that are beyond repair: training goes back to the best ones, and when that does not help it stops. */
static void test_gives_up_with_the_best_intact(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_dataset *training = make_data("t.csv", 1, 1000, -1, 0), *held_out = make_data("v.csv", 2, 300, -1, 0);
    subject b = start("{\"epochs\": 3, \"batch\": 50}", training, held_out, 1);
    assert_int_equal(subject_try_run(&b, &err), FLOW_OK);
    flow_array weights = find(&b, "weights"), best = find(&b, "best");
    real *kept = malloc(array_bytes(&best));
    memcpy(kept, best.data, array_bytes(&best));

    /* more epochs, from weights that overflow everywhere */
    subject more;
    assert_int_equal(make_trainer(&more, "{\"epochs\": 5, \"batch\": 50}", training, held_out, 1, &err), FLOW_OK);
    subject_copy_state(&more, &b);
    weights = find(&more, "weights");
    const flow_param *entry = NULL;
    for (int e = 0; e < more.f->params.n_entries; e++)
        if (strstr(more.f->params.entries[e].name, "bias") != NULL)
            entry = &more.f->params.entries[e];
    assert_non_null(entry);
    for (int r = 0; r < entry->rows * entry->cols; r++)
        ((real *)weights.data)[entry->offset + (size_t)r] = (real)(sizeof(real) == 4 ? 1e38 : 1e300);
    assert_int_equal(flow_trainer_restored(more.trainer, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&more, &err), FLOW_OK);
    assert_int_equal(more.warnings, 5); /* then the best weights are in their place, and all is well */
    assert_non_null(strstr(more.warning, "the weights go back to those of epoch"));
    assert_int_equal(more.epochs, 2);
    int64_t n;
    assert_true(isfinite(flow_trainer_history(more.trainer, &n)[4].validation));
    subject_close(&more);

    /* and from a flow whose fitted values are gone, nothing can help */
    assert_int_equal(make_trainer(&more, "{\"epochs\": 5, \"batch\": 50}", training, held_out, 1, &err), FLOW_OK);
    subject_copy_state(&more, &b);
    for (size_t k = 0; k < more.f->params.n_fitted; k++)
        more.f->params.fitted[k] = 1e-300;
    assert_int_equal(flow_trainer_restored(more.trainer, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&more, &err), FLOW_NUMERIC);
    assert_int_equal(more.warnings, 10);
    assert_non_null(strstr(err.message, "10 steps"));
    assert_non_null(strstr(err.message, "row "));
    assert_non_null(strstr(err.message, "rate"));
    assert_memory_equal(flow_trainer_best(more.trainer), kept, array_bytes(&best));
    for (size_t k = 0; k < best.rows; k++)
        assert_true(isfinite(((real *)find(&more, "weights").data)[k]));
    subject_close(&more);
    free(kept);
    subject_close(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_refuses_damaged_states(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 500, -1, 0), *held_out = make_data("v.csv", 2, 100, -1, 0);
    subject b = start(all_features, training, held_out, 1);
    b.stop_after = 7;
    assert_int_equal(subject_try_run(&b, &err), FLOW_INTERRUPTED);
    assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_OK);
    static const char *const names[] = {"weights", "best", "average", "moment1", "moment2", "reference"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        flow_array array = find(&b, names[k]);
        if (array.kind == FLOW_ARRAY_FLOAT) {
            float *x = array.data, old = x[3];
            x[3] = NAN;
            assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_FORMAT);
            x[3] = old;
        } else {
            double *x = array.data, old = x[3];
            x[3] = INFINITY;
            assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_FORMAT);
            x[3] = old;
        }
    }
    const flow_array *arrays;
    int n_arrays, n_numbers = 0;
    flow_trainer_state(b.trainer, &arrays, &n_arrays);
    for (int k = 0; k < n_arrays; k++) {
        if (arrays[k].rows != 1)
            continue;
        n_numbers++;
        if (arrays[k].kind == FLOW_ARRAY_INT64) {
            int64_t *x = arrays[k].data, old = *x;
            static const int64_t hostile[] = {-1, INT64_MIN, INT64_MAX};
            for (int h = 0; h < 3; h++) {
                *x = hostile[h];
                if (flow_trainer_restored(b.trainer, &err) == FLOW_OK)
                    fail_msg("%s = %lld is accepted", arrays[k].name, (long long)*x);
            }
            *x = old;
        } else {
            double *x = arrays[k].data, old = *x;
            *x = NAN;
            if (flow_trainer_restored(b.trainer, &err) != FLOW_FORMAT)
                fail_msg("%s = NaN is accepted", arrays[k].name);
            *x = old;
        }
    }
    ASSERT_GT(n_numbers, 24);
    /* a masked weight would come alive */
    flow_array array = find(&b, "weights");
    for (size_t k = 0; k < array.rows; k++) {
        bool masked = false;
        for (int e = 0; e < b.f->params.n_entries; e++) {
            const flow_param *p = &b.f->params.entries[e];
            if (!p->trainable || p->extent == NULL || k < p->offset || k >= p->offset + (size_t)(p->rows * p->cols))
                continue;
            masked = (int)((k - p->offset) % (size_t)p->cols) >= p->extent[(k - p->offset) / (size_t)p->cols];
        }
        if (!masked)
            continue;
        ((real *)array.data)[k] = 1;
        assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_FORMAT);
        ((real *)array.data)[k] = 0;
        break;
    }
    /* fitted values that no block can use */
    subject c = start_of(NORMED(2, [12]), all_features, training, held_out, 1);
    static const char *const moved[] = {"fitted", "best_fitted", "average_fitted"};
    for (size_t k = 0; k < sizeof moved / sizeof *moved; k++) {
        array = find(&c, moved[k]);
        double *x = array.data, old = x[array.rows - 1];
        static const double unusable[] = {NAN, -1}; /* a variance */
        for (int h = 0; h < 2; h++) {
            x[array.rows - 1] = unusable[h];
            assert_int_equal(flow_trainer_restored(c.trainer, &err), FLOW_FORMAT);
        }
        x[array.rows - 1] = old;
        assert_int_equal(flow_trainer_restored(c.trainer, &err), FLOW_OK);
    }
    subject_close(&c);

    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 1);
    double wrong[FLOW_EPOCH_COLUMNS];
    const double *right = flow_history_table(history);
    memcpy(wrong, right, sizeof wrong);
    wrong[0] = 3;
    assert_int_equal(flow_trainer_set_history(b.trainer, flow_epoch_columns, FLOW_EPOCH_COLUMNS, wrong, 1, &err),
                     FLOW_FORMAT);
    assert_int_equal(flow_trainer_set_history(b.trainer, flow_epoch_columns, FLOW_EPOCH_COLUMNS - 1, right, 1, &err),
                     FLOW_FORMAT);
    assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_OK);
    subject_close(&b);

    /* other data than those it was started on */
    flow_dataset *other = make_data("other.csv", 9, 500, -1, 0);
    b = start(all_features, training, held_out, 1);
    assert_int_equal(make_trainer(&c, all_features, other, held_out, 1, &err), FLOW_OK);
    assert_int_equal(subject_try_run(&c, &err), FLOW_ARGUMENT); /* neither started nor restored */
    subject_copy_state(&c, &b);
    assert_int_equal(flow_trainer_restored(c.trainer, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "other.csv"));
    subject_close(&b);
    subject_close(&c);
    flow_dataset_close(other);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_refuses_unusable_data(void **state)
{
    (void)state;
    flow_error err;
    static const char *const names[D] = {"a", "b", "c"};
    double rows[50 * D];
    for (int r = 0; r < 50; r++)
        rows[r * D] = r, rows[r * D + 1] = 7, rows[r * D + 2] = r * r;
    flow_dataset *flat = make_dataset("flat.csv", names, D, rows, 50, NULL), *two;
    subject b;
    assert_int_equal(make_trainer(&b, "{}", flat, NULL, 1, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "b"));
    subject_close(&b);

    static const char *const columns[] = {"a", "c"};
    const flow_dataset_options chosen = {.columns = columns, .n_columns = 2};
    assert_int_equal(flow_dataset_open(&two, flat->location, &chosen, &err), FLOW_OK);
    assert_int_equal(make_trainer(&b, "{}", two, NULL, 1, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "2 columns"));
    subject_close(&b);
    flow_likelihood found;
    flow_dataset *training = make_data("t.csv", 1, 200, -1, 0);
    b = start("{}", training, NULL, 1);
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), two, 1, &err), FLOW_DATA);
    subject_close(&b);

    /* the same columns in another order */
    static const char *const turned[] = {"b", "a", "c"};
    const flow_dataset_options order = {.columns = turned, .n_columns = 3};
    flow_dataset *swapped;
    assert_int_equal(flow_dataset_open(&swapped, training->location, &order, &err), FLOW_OK);
    assert_int_equal(make_trainer(&b, "{}", training, swapped, 1, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "columns"));
    subject_close(&b);
    flow_dataset_close(swapped);
    flow_dataset_close(training);
    flow_dataset_close(flat);
    flow_dataset_close(two);
}

static flow_status fail_to_save(void *context, const flow_epoch *epoch, flow_error *err)
{
    (void)context;
    return epoch->epoch == 2 ? flow_error_set(err, FLOW_IO, "the disk is full") : FLOW_OK;
}

static void test_hooks_and_options(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t.csv", 1, 300, -1, 0);
    subject b = start("{\"epochs\": 4}", training, NULL, 1);
    const flow_train_hooks hooks = {.on_epoch = fail_to_save};
    assert_int_equal(flow_trainer_run(b.trainer, &hooks, &err), FLOW_IO);
    assert_int_equal(flow_trainer_run(b.trainer, NULL, &err), FLOW_OK); /* it goes on where it stood */
    int64_t n;
    flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 4);
    subject_close(&b);

    /* every default that depends on nothing else is in the document afterwards */
    b = start("{}", training, NULL, 1);
    static const char *const keys[] = {"objective", "epochs", "patience", "min_improvement", "clip"};
    cJSON *train = cJSON_GetObjectItem(b.document, "train");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        assert_non_null(cJSON_GetObjectItem(train, keys[k]));
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(train, "schedule"), "warmup"));
    subject_close(&b);

    static const char *const refused[] = {"{\"epoch\": 3}",
                                          "{\"batch\": 0}",
                                          "{\"objective\": \"ml\"}",
                                          "{\"ema\": 1}",
                                          "{\"optimizer\": {\"type\": \"adam\", \"lr\": 1}}",
                                          "{\"schedule\": \"cos\"}",
                                          "[]"};
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        assert_int_equal(make_trainer(&b, refused[k], training, NULL, 1, &err), FLOW_SPEC);
        assert_non_null(strstr(err.message, "train"));
        subject_close(&b);
    }

    cJSON *definitions = cJSON_CreateObject();
    flow_schema_object(cJSON_AddObjectToObject(definitions, "train"), flow_train_table, definitions);
    static const char *const defined[] = {"train", "optimizer", "schedule"};
    for (int k = 0; k < 3; k++)
        assert_non_null(cJSON_GetObjectItem(definitions, defined[k]));
    cJSON_Delete(definitions);
    flow_dataset_close(training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_and_reports),
        cmocka_unit_test(test_same_for_any_threads),
        cmocka_unit_test(test_resumes_bit_for_bit),
        cmocka_unit_test(test_weights_are_repetitions),
        cmocka_unit_test(test_counts_evaluations),
        cmocka_unit_test(test_histories_by_name),
        cmocka_unit_test(test_equal_weights),
        cmocka_unit_test(test_more_epochs_later),
        cmocka_unit_test(test_observers_same_for_any_threads),
        cmocka_unit_test(test_observers_resume_bit_for_bit),
        cmocka_unit_test(test_best_weights_with_their_fitted_values),
        cmocka_unit_test(test_observers_go_back),
        cmocka_unit_test(test_a_deep_stack),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_without_validation),
        cmocka_unit_test(test_a_bad_row),
        cmocka_unit_test(test_a_bad_row_behind_sums),
        cmocka_unit_test(test_cuts_have_a_floor),
        cmocka_unit_test(test_gives_up_with_the_best_intact),
        cmocka_unit_test(test_refuses_damaged_states),
        cmocka_unit_test(test_refuses_unusable_data),
        cmocka_unit_test(test_hooks_and_options),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
