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
#include <unistd.h>

#include "core/memory.h"
#include "data/table.h"
#include "near.h"
#include "num/rng.h"
#include "train/trainer.h"

enum { D = 3 };

static char folder[64];

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

/* Writes n rows, one value replaced, and opens them. `spoilt` < 0: none. */
static flow_dataset *make_data(const char *name, uint64_t seed, int n, int spoilt, double value)
{
    static const char *const columns[D] = {"a", "b", "c"};
    char path[128];
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    flow_error err;
    flow_writer *writer;
    assert_int_equal(flow_writer_open(&writer, path, columns, D, NULL, &err), FLOW_OK);
    for (int r = 0; r < n; r++) {
        double x[D];
        draw_row(seed, (uint64_t)r, x);
        if (r == spoilt)
            x[1] = value;
        assert_int_equal(flow_writer_write(writer, x, 1, &err), FLOW_OK);
    }
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    flow_dataset *data;
    const flow_dataset_options options = {0};
    assert_int_equal(flow_dataset_open(&data, path, &options, &err), FLOW_OK);
    return data;
}

/* The same rows with a column of weights, 0 to 3 and higher where a is: b and c given a, if `conditional`. */
static flow_dataset *make_weighted(const char *name, uint64_t seed, int n, bool conditional)
{
    static const char *const columns[D + 1] = {"w", "a", "b", "c"}, *const given[] = {"a"};
    char path[128];
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    flow_error err;
    flow_writer *writer;
    assert_int_equal(flow_writer_open(&writer, path, columns, D + 1, NULL, &err), FLOW_OK);
    for (int r = 0; r < n; r++) {
        double x[D + 1];
        draw_row(seed, (uint64_t)r, x + 1);
        x[0] = floor(2 * (flow_rng_uniform(seed, FLOW_STREAM_OTHER, (uint64_t)r, D) + (x[1] - 7) / 6));
        assert_int_equal(flow_writer_write(writer, x, 1, &err), FLOW_OK);
    }
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    flow_dataset *data;
    const flow_dataset_options options = {.context = given, .n_context = conditional ? 1 : 0, .weight = "w"};
    assert_int_equal(flow_dataset_open(&data, path, &options, &err), FLOW_OK);
    return data;
}

/* ---- a trainer and what it needs ---- */

typedef struct bench {
    cJSON *json;
    flow *f;
    flow_trainer *trainer;
    /* hooks */
    int64_t steps, stop_after; /* stop_after 0: never */
    int64_t warnings;
    char warning[1024]; /* the last one */
    int64_t epochs, last_row;
} bench;

static void count_step(void *context, const flow_progress *progress)
{
    bench *b = context;
    b->steps++;
    b->last_row = progress->row;
    assert_true(progress->row > 0 && progress->row <= progress->rows);
    assert_true(progress->epoch >= 1 && progress->epoch <= progress->epochs);
}

static flow_status count_epoch(void *context, const flow_epoch *epoch, flow_error *err)
{
    bench *b = context;
    b->epochs++;
    (void)epoch;
    (void)err;
    return FLOW_OK;
}

static void keep_warning(void *context, const char *message)
{
    bench *b = context;
    b->warnings++;
    snprintf(b->warning, sizeof b->warning, "%s", message);
}

static bool is_enough(void *context)
{
    const bench *b = context;
    return b->stop_after > 0 && b->steps >= b->stop_after;
}

static flow_train_hooks hooks_of(bench *b)
{
    return (flow_train_hooks){b, count_epoch, count_step, keep_warning, is_enough, NULL};
}

#define EMBEDDING_JSON "\"embedding\": {\"hidden\": [16], \"features\": 5}"

/* flow_trainer_new with `list_json` (the flow behind a standardize) and `train`, both JSON; of a conditional flow with
 * an embedding where the data have a context. */
static flow_status make_bench_of(bench *b, const char *list_json, const char *train, flow_dataset *training,
                                 flow_dataset *validation, int n_threads, flow_error *err)
{
    char text[1024];
    int n_context = flow_dataset_n_context(training);
    snprintf(text, sizeof text, "{\"flow\": [\"standardize\", %s]%s, \"train\": %s}", list_json,
             n_context > 0 ? ", " EMBEDDING_JSON : "", train);
    memset(b, 0, sizeof *b);
    assert_int_equal(flow_json_parse(&b->json, text, strlen(text), "test", err), FLOW_OK);
    flow_json root = flow_json_root(b->json);
    flow_json list = flow_json_member(&root, "flow"), base = flow_json_member(&root, "base");
    flow_json json = flow_json_member(&root, "train");
    flow_train_options options;
    flow_status status = flow_train_options_read(&options, &json, err);
    if (status != FLOW_OK)
        return status;
    flow_json embedding = flow_json_member(&root, "embedding");
    const flow_shape shape = {.dim = D - n_context, .n_context = n_context};
    assert_int_equal(flow_new_conditional(&b->f, &list, &base, &embedding, &shape, 1, err), FLOW_OK);
    return flow_trainer_new(&b->trainer, b->f, &options, training, validation, 1, n_threads, err);
}

/* Training moves the fitted values of this one. */
#define STACK(between, times, hidden)                                       \
    "{\"type\": \"repeat\", \"times\": " #times ", \"flow\": [" between ", "  \
    "{\"type\": \"coupling\", \"hidden\": " #hidden "}]}, " between
#define NORMED(times, hidden) STACK("\"batchnorm\"", times, hidden)
#define STILL(times, hidden) STACK("{\"type\": \"batchnorm\", \"momentum\": 1}", times, hidden)

static flow_status make_bench(bench *b, const char *train, flow_dataset *training, flow_dataset *validation,
                              int n_threads, flow_error *err)
{
    static const char list[] = "{\"type\": \"maf\", \"repeat\": 2, \"hidden\": [20, 20]}";
    return make_bench_of(b, list, train, training, validation, n_threads, err);
}

static bench start(const char *train, flow_dataset *training, flow_dataset *validation, int n_threads)
{
    bench b;
    flow_error err = {0};
    if (make_bench(&b, train, training, validation, n_threads, &err) != FLOW_OK ||
        flow_trainer_start(b.trainer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return b;
}

static bench start_of(const char *list, const char *train, flow_dataset *training, flow_dataset *validation,
                      int n_threads)
{
    bench b;
    flow_error err = {0};
    if (make_bench_of(&b, list, train, training, validation, n_threads, &err) != FLOW_OK ||
        flow_trainer_start(b.trainer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    return b;
}

static void discard(bench *b)
{
    flow_trainer_free(b->trainer);
    flow_free(b->f);
    cJSON_Delete(b->json);
}

static flow_status run(bench *b, flow_error *err)
{
    flow_train_hooks hooks = hooks_of(b);
    return flow_trainer_run(b->trainer, &hooks, err);
}

static size_t bytes_of(const flow_array *array)
{
    size_t size = array->kind == FLOW_ARRAY_FLOAT ? sizeof(float) : 8;
    return array->rows * array->cols * size;
}

static flow_array find(const bench *b, const char *name)
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

/* As a model file would do it: the fitted values it holds are the best ones. */
static void copy_state(bench *to, const bench *from, flow_error *err)
{
    memcpy(to->f->params.fitted, flow_trainer_best_flow(from->trainer)->params.fitted,
           from->f->params.n_fitted * sizeof(double));
    const flow_array *a, *b;
    int n, n_to;
    flow_trainer_state(from->trainer, &a, &n);
    flow_trainer_state(to->trainer, &b, &n_to);
    assert_int_equal(n, n_to);
    for (int k = 0; k < n; k++) {
        assert_string_equal(a[k].name, b[k].name);
        assert_int_equal(bytes_of(&a[k]), bytes_of(&b[k]));
        memcpy(b[k].data, a[k].data, bytes_of(&a[k]));
    }
    int64_t n_epochs;
    const double *history = flow_trainer_history(from->trainer, &n_epochs);
    assert_int_equal(flow_trainer_set_history(to->trainer, flow_epoch_columns, FLOW_EPOCH_COLUMNS, history,
                                              n_epochs, err), FLOW_OK);
}

static void expect_same(const bench *a, const bench *b)
{
    static const char *const vectors[] = {"weights", "best",      "average", "moment1",
                                          "moment2", "reference", "fitted",  "best_fitted", "average_fitted"};
    size_t n_vectors = sizeof vectors / sizeof *vectors - (flow_observes(a->f) ? 0 : 3);
    for (size_t k = 0; k < n_vectors; k++) {
        flow_array x = find(a, vectors[k]), y = find(b, vectors[k]);
        assert_memory_equal(x.data, y.data, bytes_of(&x));
    }
    int64_t n, m;
    const double *x = flow_trainer_history(a->trainer, &n), *y = flow_trainer_history(b->trainer, &m);
    assert_int_equal(n, m);
    for (int64_t k = 0; k < n * FLOW_EPOCH_COLUMNS; k++)
        if (strcmp(flow_epoch_columns[k % FLOW_EPOCH_COLUMNS], "seconds") != 0)
            assert_memory_equal(&x[k], &y[k], sizeof *x);
    assert_int_equal(flow_trainer_best_epoch(a->trainer), flow_trainer_best_epoch(b->trainer));
}

/* ---- tests ---- */

static const char *const all_features =
    "{\"epochs\": 5, \"batch\": 100, \"ema\": 0.9, \"clip\": 1, \"optimizer\": \"adamw\","
    " \"schedule\": {\"type\": \"plateau\", \"patience\": 1, \"warmup\": 7}}";

static void test_learns_and_reports(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 2010, -1, 0), *held_out = make_data("v", 2, 500, -1, 0);
    bench b = start("{\"epochs\": 6, \"optimizer\": {\"rate\": 0.005}}", training, held_out, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.epochs, 6);
    assert_int_equal(b.steps, 6 * 8);
    assert_int_equal(b.warnings, 0);
    assert_int_equal(b.last_row, 2010);
    int64_t n;
    const double *history = flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 6);
    assert_true(history[5 * FLOW_EPOCH_COLUMNS + 2] > history[2] + 0.1); /* held-out likelihood */
    assert_true(history[5 * FLOW_EPOCH_COLUMNS + 0] == 6);

    /* what it says of the best weights is what an evaluation finds */
    int64_t best = flow_trainer_best_epoch(b.trainer);
    flow_likelihood found;
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
    assert_true(found.mean == history[(best - 1) * FLOW_EPOCH_COLUMNS + 2]);
    assert_true(found.error == history[(best - 1) * FLOW_EPOCH_COLUMNS + 3]);
    assert_int_equal(found.rows, 500);
    assert_int_equal(found.not_finite, 0);
    assert_true(found.error > 0 && found.error < 0.2);
    assert_false(flow_trainer_converged(b.trainer));
    discard(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void check_threads(flow_dataset *training, flow_dataset *held_out)
{
    flow_error err;
    bench a = start(all_features, training, held_out, 1);
    assert_int_equal(run(&a, &err), FLOW_OK);
    for (int n_threads = 2; n_threads <= 4; n_threads += 2) {
        bench b = start(all_features, training, held_out, n_threads);
        assert_int_equal(run(&b, &err), FLOW_OK);
        expect_same(&a, &b);
        discard(&b);
    }
    discard(&a);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_same_for_any_threads(void **state)
{
    (void)state;
    check_threads(make_data("t", 1, 1030, -1, 0), make_data("v", 2, 300, -1, 0));
    check_threads(make_weighted("t", 1, 1030, false), make_weighted("v", 2, 300, false));
    check_threads(make_weighted("t", 1, 1030, true), make_weighted("v", 2, 300, true));
}

/* Stopped after every few steps, in the middle of epochs and at their ends, and taken up by a new trainer each time. */
static void check_resuming(flow_dataset *training, flow_dataset *held_out)
{
    flow_error err;
    bench whole = start(all_features, training, held_out, 2);
    assert_int_equal(run(&whole, &err), FLOW_OK);
    assert_int_equal(whole.steps, 5 * ((flow_dataset_n_rows(training) + 99) / 100));

    static const int64_t stretches[] = {1, 4, 6, 11, 3, 8, 22, 100};
    bench part = start(all_features, training, held_out, 1);
    for (size_t k = 0; k < sizeof stretches / sizeof *stretches; k++) {
        part.stop_after = stretches[k];
        flow_status status = run(&part, &err);
        if (status == FLOW_OK)
            break;
        assert_int_equal(status, FLOW_INTERRUPTED);
        assert_int_equal(part.steps, stretches[k]);
        bench next;
        assert_int_equal(make_bench(&next, all_features, training, held_out, 1 + (int)(k % 2), &err), FLOW_OK);
        copy_state(&next, &part, &err);
        assert_int_equal(flow_trainer_restored(next.trainer, &err), FLOW_OK);
        discard(&part);
        part = next;
    }
    expect_same(&whole, &part);
    /* nothing is left to do */
    int64_t steps = part.steps;
    assert_int_equal(run(&part, &err), FLOW_OK);
    assert_int_equal(part.steps, steps);
    discard(&whole);
    discard(&part);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_resumes_bit_for_bit(void **state)
{
    (void)state;
    check_resuming(make_data("t", 1, 1030, -1, 0), make_data("v", 2, 300, -1, 0));
    check_resuming(make_weighted("t", 1, 1030, true), make_weighted("v", 2, 300, true));
}

/* Training on weighted rows is training on rows that are there as often, step by step when a step takes all of them. */
static void test_weights_are_repetitions(void **state)
{
    (void)state;
    static const char *const full = "{\"epochs\": 30, \"batch\": 5000, \"optimizer\": {\"rate\": 0.01}, \"ema\": 0.5}";
    static double rows[4000 * (D + 1)];
    flow_error err;
    size_t n, n_repeated = 0;
    flow_dataset *training = make_weighted("t", 1, 900, true), *held_out = make_weighted("v", 2, 300, true), *repeated;
    assert_int_equal(flow_dataset_next(training, rows, NULL, 4000, &n, &err), FLOW_OK);
    flow_writer *writer;
    char path[128];
    snprintf(path, sizeof path, "%s/other.csv", folder);
    assert_int_equal(flow_writer_open(&writer, path, (const char *const[]){"b", "c", "a"}, D, NULL, &err), FLOW_OK);
    for (size_t r = 0; r < n; r++)
        for (int k = 0; k < (int)rows[r * (D + 1) + D]; k++, n_repeated++)
            assert_int_equal(flow_writer_write(writer, rows + r * (D + 1), 1, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    const flow_dataset_options options = {.context = (const char *const[]){"a"}, .n_context = 1};
    assert_int_equal(flow_dataset_open(&repeated, path, &options, &err), FLOW_OK);
    assert_int_equal(flow_dataset_n_rows(repeated), n_repeated);
    assert_true(n_repeated > n + 300);

    bench a = start(full, training, held_out, 1), b = start(full, repeated, NULL, 1);
    /* what was fitted is what the repeated rows say, as nearly as n rows can express it */
    double *fitted = a.f->params.fitted;
    for (size_t k = 0; k < a.f->params.n_fitted; k++)
        ASSERT_NEAR(fitted[k], b.f->params.fitted[k], 0.02 * (1 + fabs(fitted[k])));
    double unweighted = gsl_stats_median(rows + D - 1, D + 1, n); /* moves values of this column */
    ASSERT_NEAR(fitted[a.f->context.center], b.f->params.fitted[a.f->context.center], 0.02);
    assert_true(fitted[a.f->context.center] > unweighted + 0.2);
    memcpy(b.f->params.fitted, fitted, a.f->params.n_fitted * sizeof *fitted);
    assert_int_equal(run(&a, &err), FLOW_OK);
    assert_int_equal(run(&b, &err), FLOW_OK);
    int64_t epochs;
    const double *x = flow_trainer_history(a.trainer, &epochs), *y = flow_trainer_history(b.trainer, &epochs);
    bool is_double = sizeof(real) == sizeof(double);
    assert_true(x[29 * FLOW_EPOCH_COLUMNS + 1] > x[1] + 0.5);
    for (int64_t e = 0; e < 30; e++)
        ASSERT_NEAR(x[e * FLOW_EPOCH_COLUMNS + 1], y[e * FLOW_EPOCH_COLUMNS + 1], is_double ? 1e-9 : 1e-3);
    discard(&a);
    discard(&b);
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
    flow_dataset *training = make_data("t", 1, 730, -1, 0), *held_out = make_data("v", 2, 130, -1, 0);
    for (int k = 0; k < 2; k++) {
        flow_error err;
        bench whole = start_of(solvers[k], train, training, held_out, 3), first, second;
        assert_int_equal(run(&whole, &err), FLOW_OK);
        first = start_of(solvers[k], train, training, held_out, 1);
        first.stop_after = 2;
        assert_int_equal(run(&first, &err), FLOW_INTERRUPTED);
        const int64_t *effort = find(&first, "effort").data;
        assert_int_equal(effort[0], 600); /* rows */
        assert_int_equal(make_bench_of(&second, solvers[k], train, training, held_out, 2, &err), FLOW_OK);
        copy_state(&second, &first, &err);
        assert_int_equal(flow_trainer_restored(second.trainer, &err), FLOW_OK);
        assert_int_equal(run(&second, &err), FLOW_OK);
        expect_same(&whole, &second);
        int64_t n;
        const double *line = flow_trainer_history(whole.trainer, &n) + FLOW_EPOCH_COLUMNS;
        double mean = line[FLOW_EPOCH_EVALUATIONS], most = line[FLOW_EPOCH_MOST_EVALUATIONS];
        if (k == 0 ? mean != 12 || most != 12 : !(mean > 2 + 6 && most >= mean))
            fail_msg("%g evaluations a solve, at most %g", mean, most);
        discard(&whole);
        discard(&first);
        discard(&second);
    }
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* A history from before evaluations were counted is taken up by the names of its columns, in whatever order. */
static void test_old_histories(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 300, -1, 0);
    bench b = start("{\"epochs\": 1}", training, NULL, 1);
    const char *names[FLOW_EPOCH_COLUMNS_OLD];
    double old[2][FLOW_EPOCH_COLUMNS_OLD];
    for (int k = 0; k < FLOW_EPOCH_COLUMNS_OLD; k++) {
        names[k] = flow_epoch_columns[FLOW_EPOCH_COLUMNS_OLD - 1 - k];
        old[0][k] = k == FLOW_EPOCH_COLUMNS_OLD - 1 ? 1 : -k;
        old[1][k] = k == FLOW_EPOCH_COLUMNS_OLD - 1 ? 2 : 10 + k;
    }
    assert_int_equal(flow_trainer_set_history(b.trainer, names, FLOW_EPOCH_COLUMNS_OLD, &old[0][0], 2, &err), FLOW_OK);
    int64_t n;
    const double *history = flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 2);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < FLOW_EPOCH_COLUMNS_OLD; k++)
            assert_true(history[i * FLOW_EPOCH_COLUMNS + k] == old[i][FLOW_EPOCH_COLUMNS_OLD - 1 - k]);
        assert_true(isnan(history[i * FLOW_EPOCH_COLUMNS + FLOW_EPOCH_EVALUATIONS]));
        assert_true(isnan(history[i * FLOW_EPOCH_COLUMNS + FLOW_EPOCH_MOST_EVALUATIONS]));
    }
    discard(&b);
    flow_dataset_close(training);
}

/* Weights that are all the same change nothing, whatever they are: but for their rounding, the run is the same. */
static void test_equal_weights(void **state)
{
    (void)state;
    flow_error err;
    char path[128];
    static const char *const columns[] = {"a", "b", "c", "w"};
    flow_dataset *plain = make_data("t", 1, 700, -1, 0), *weighted;
    snprintf(path, sizeof path, "%s/other.csv", folder);
    flow_writer *writer;
    assert_int_equal(flow_writer_open(&writer, path, columns, D + 1, NULL, &err), FLOW_OK);
    for (int r = 0; r < 700; r++) {
        double x[D + 1] = {[D] = 0.125};
        draw_row(1, (uint64_t)r, x);
        assert_int_equal(flow_writer_write(writer, x, 1, &err), FLOW_OK);
    }
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    const flow_dataset_options options = {.weight = "w"};
    assert_int_equal(flow_dataset_open(&weighted, path, &options, &err), FLOW_OK);
    bench a = start("{\"epochs\": 3}", plain, NULL, 1), b = start("{\"epochs\": 3}", weighted, NULL, 2);
    assert_memory_equal(a.f->params.fitted, b.f->params.fitted, a.f->params.n_fitted * sizeof(double));
    assert_int_equal(run(&a, &err), FLOW_OK);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_memory_equal(flow_trainer_best(a.trainer), flow_trainer_best(b.trainer),
                        a.f->params.n_weights * sizeof(real));
    discard(&a);
    discard(&b);
    flow_dataset_close(plain);
    flow_dataset_close(weighted);
}

static void test_more_epochs_later(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 500, -1, 0), *held_out = make_data("v", 2, 300, -1, 0);
    static const char *const four = "{\"epochs\": 4, \"schedule\": \"constant\", \"ema\": 0.9}";
    bench whole = start(four, training, held_out, 1);
    assert_int_equal(run(&whole, &err), FLOW_OK);
    bench half = start("{\"epochs\": 2, \"schedule\": \"constant\", \"ema\": 0.9}", training, held_out, 1), rest;
    assert_int_equal(run(&half, &err), FLOW_OK);
    assert_int_equal(make_bench(&rest, four, training, held_out, 1, &err), FLOW_OK);
    copy_state(&rest, &half, &err);
    assert_int_equal(flow_trainer_restored(rest.trainer, &err), FLOW_OK);
    assert_int_equal(run(&rest, &err), FLOW_OK);
    expect_same(&whole, &rest);
    discard(&whole);
    discard(&half);
    discard(&rest);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* ---- fitted values that training moves ---- */

/* The features of all_features, with epochs enough for the rate to be cut. */
static void test_observers_same_for_any_threads(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 1030, -1, 0), *held_out = make_data("v", 2, 300, -1, 0);
    bench a = start_of(NORMED(3, [20]), all_features, training, held_out, 1);
    flow_array fitted = find(&a, "fitted"), average = find(&a, "average_fitted");
    double *first = malloc(bytes_of(&fitted));
    memcpy(first, fitted.data, bytes_of(&fitted));
    assert_memory_equal(first, average.data, bytes_of(&fitted));
    assert_int_equal(run(&a, &err), FLOW_OK);
    const double *now = fitted.data, *averaged = average.data;
    for (size_t k = 0; k < fitted.rows; k++) { /* all but those of standardize move, and so does their average */
        assert_true((now[k] != first[k]) == (k >= 2 * D));
        assert_true((averaged[k] != now[k]) == (k >= 2 * D));
    }
    for (int n_threads = 2; n_threads <= 4; n_threads += 2) {
        bench b = start_of(NORMED(3, [20]), all_features, training, held_out, n_threads);
        assert_int_equal(run(&b, &err), FLOW_OK);
        expect_same(&a, &b);
        discard(&b);
    }
    free(first);
    discard(&a);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* Stopped and taken up by a new trainer after every single step. */
static void test_observers_resume_bit_for_bit(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 430, -1, 0), *held_out = make_data("v", 2, 300, -1, 0);
    bench whole = start_of(NORMED(2, [12]), all_features, training, held_out, 2);
    assert_int_equal(run(&whole, &err), FLOW_OK);
    bench part = start_of(NORMED(2, [12]), all_features, training, held_out, 1);
    int64_t stops = 0;
    for (;; stops++) {
        part.stop_after = 1;
        flow_status status = run(&part, &err);
        if (status == FLOW_OK)
            break;
        assert_int_equal(status, FLOW_INTERRUPTED);
        bench next;
        assert_int_equal(make_bench_of(&next, NORMED(2, [12]), all_features, training, held_out, 2, &err), FLOW_OK);
        copy_state(&next, &part, &err);
        assert_int_equal(flow_trainer_restored(next.trainer, &err), FLOW_OK);
        discard(&part);
        part = next;
    }
    assert_int_equal(stops, whole.steps);
    expect_same(&whole, &part);
    discard(&whole);
    discard(&part);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* The best weights with the fitted values they were evaluated with are what is kept; with the last ones they are
 * another model. */
static void test_best_weights_with_their_fitted_values(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *few = make_data("few", 3, 40, -1, 0), *held_out = make_data("v", 2, 200, -1, 0);
    static const char *const trains[] = {
        "{\"epochs\": 60, \"optimizer\": {\"rate\": 0.02}, \"schedule\": \"constant\"}",
        "{\"epochs\": 60, \"optimizer\": {\"rate\": 0.02}, \"schedule\": \"constant\", \"ema\": 0.9}",
    };
    for (int k = 0; k < 2; k++) {
        bench b = start_of(NORMED(3, [32]), trains[k], few, held_out, 1);
        assert_int_equal(run(&b, &err), FLOW_OK);
        int64_t n, best = flow_trainer_best_epoch(b.trainer);
        const double *history = flow_trainer_history(b.trainer, &n);
        assert_true(best > 1 && best < n);
        flow_likelihood found;
        const flow *kept = flow_trainer_best_flow(b.trainer);
        assert_int_equal(flow_evaluate(&found, kept, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
        assert_true(found.mean == history[(best - 1) * FLOW_EPOCH_COLUMNS + 2]);
        assert_true(found.error == history[(best - 1) * FLOW_EPOCH_COLUMNS + 3]);
        assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
        assert_true(found.mean < history[(best - 1) * FLOW_EPOCH_COLUMNS + 2]);
        discard(&b);
    }
    /* a flow without such blocks has one vector of fitted values */
    bench b = start("{}", few, held_out, 1);
    assert_ptr_equal(flow_trainer_best_flow(b.trainer), b.f);
    discard(&b);
    flow_dataset_close(few);
    flow_dataset_close(held_out);
}

/* Going back after dropped steps takes the fitted values back, too, and a dropped step does not move them. */
static void test_observers_go_back(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 1000, -1, 0), *held_out = make_data("v", 2, 300, -1, 0);
    static const char train[] = "{\"epochs\": 3, \"batch\": 50, \"ema\": 0.9}";
    bench b = start_of(NORMED(2, [12]), train, training, held_out, 1);
    b.stop_after = 50;
    assert_int_equal(run(&b, &err), FLOW_INTERRUPTED);
    flow_array fitted = find(&b, "fitted"), best = find(&b, "best_fitted"), average = find(&b, "average_fitted");
    flow_array weights = find(&b, "weights");
    assert_memory_not_equal(fitted.data, best.data, bytes_of(&best));
    double *kept = malloc(bytes_of(&best)), *current = malloc(bytes_of(&best));
    memcpy(kept, best.data, bytes_of(&best));
    memcpy(current, fitted.data, bytes_of(&best));
    for (size_t k = 0; k < weights.rows; k++)
        if (((real *)weights.data)[k] != 0)
            ((real *)weights.data)[k] = (real)(sizeof(real) == 4 ? 1e38 : 1e300);
    b.stop_after = 54;
    assert_int_equal(run(&b, &err), FLOW_INTERRUPTED);
    assert_int_equal(b.warnings, 4);
    assert_memory_equal(fitted.data, current, bytes_of(&best));
    b.stop_after = 55;
    assert_int_equal(run(&b, &err), FLOW_INTERRUPTED);
    assert_int_equal(b.warnings, 5);
    assert_memory_equal(fitted.data, kept, bytes_of(&best));
    assert_memory_equal(average.data, kept, bytes_of(&best));
    assert_memory_equal(best.data, kept, bytes_of(&best));
    b.stop_after = 0;
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 5);
    free(kept);
    free(current);
    discard(&b);
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
    flow_dataset *training = make_data("t", 1, 2000, 313, 4), *held_out = make_data("v", 2, 300, -1, 0);
    static const char train[] = "{\"epochs\": 30, \"batch\": 100, \"optimizer\": {\"rate\": 0.001}}";
    double last[2];
    for (int still = 0; still < 2; still++) {
        bench b = still ? start_of(STILL(64, [8]), train, training, held_out, 2)
                        : start_of(NORMED(64, [8]), train, training, held_out, 2);
        assert_int_equal(b.f->n_blocks, 129);
        assert_int_equal(run(&b, &err), FLOW_OK);
        assert_int_equal(b.warnings, 0);
        int64_t n;
        const double *history = flow_trainer_history(b.trainer, &n);
        last[still] = history[(n - 1) * FLOW_EPOCH_COLUMNS + 2];
        assert_true(last[still] > history[2] + 0.3);
        discard(&b);
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
    flow_dataset *training = make_data("t", 1, 400, -1, 0), *held_out = make_data("v", 2, 200, -1, 0);
    /* a rate that changes nothing: no epoch is better than the first */
    bench b = start("{\"epochs\": 50, \"patience\": 3, \"optimizer\": {\"rate\": 1e-12}}", training, held_out, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_true(flow_trainer_converged(b.trainer));
    assert_true(b.epochs >= 4 && b.epochs < 10);
    discard(&b);

    b = start("{\"epochs\": 6, \"patience\": 0, \"optimizer\": {\"rate\": 1e-12}}", training, held_out, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.epochs, 6);
    assert_false(flow_trainer_converged(b.trainer));
    discard(&b);

    /* overfitting: few rows, many steps. The best weights are not the last. */
    flow_dataset *few = make_data("few", 3, 40, -1, 0);
    b = start("{\"epochs\": 400, \"patience\": 30, \"optimizer\": {\"rate\": 0.01}, \"schedule\": \"constant\"}", few,
              held_out, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_true(flow_trainer_converged(b.trainer));
    int64_t n;
    const double *history = flow_trainer_history(b.trainer, &n);
    int64_t best = flow_trainer_best_epoch(b.trainer);
    assert_true(best > 1 && best < n);
    for (int64_t e = 0; e < n; e++)
        assert_true(history[e * FLOW_EPOCH_COLUMNS + 2] <= history[(best - 1) * FLOW_EPOCH_COLUMNS + 2]);
    discard(&b);
    flow_dataset_close(few);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_without_validation(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 300, -1, 0);
    bench b = start("{\"epochs\": 3, \"patience\": 1, \"ema\": 0.5}", training, NULL, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(flow_trainer_best_epoch(b.trainer), 3);
    flow_array average = find(&b, "average");
    assert_memory_equal(average.data, flow_trainer_best(b.trainer), bytes_of(&average));
    int64_t n;
    assert_true(isnan(flow_trainer_history(b.trainer, &n)[2]));
    discard(&b);

    assert_int_equal(make_bench(&b, "{\"schedule\": \"plateau\"}", training, NULL, 1, &err), FLOW_SPEC);
    assert_non_null(strstr(err.message, "train.schedule"));
    discard(&b);
    flow_dataset_close(training);
}

/* One value so large that its gradient, in float also its log-density, is out of range: its steps are dropped, the rest
 * is learned. */
static void test_a_bad_row(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("bad", 1, 1000, -1, 0), *held_out = make_data("v", 2, 300, -1, 0);
    /* the initial values come from clean data, then a row goes wrong */
    bench b, clean = start("{\"epochs\": 4, \"batch\": 50}", training, held_out, 1);
    flow_dataset *spoilt = make_data("spoilt", 1, 1000, 617, 1e80);
    assert_int_equal(make_bench(&b, "{\"epochs\": 4, \"batch\": 50}", spoilt, held_out, 2, &err), FLOW_OK);
    copy_state(&b, &clean, &err);
    assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_DATA); /* it notices */
    assert_int_equal(flow_trainer_start(b.trainer, &err), FLOW_OK);
    memcpy(b.f->params.fitted, clean.f->params.fitted, clean.f->params.n_fitted * sizeof(double));
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 4);
    assert_non_null(strstr(b.warning, "row 618"));
    assert_non_null(strstr(b.warning, "spoilt.csv"));
    int64_t n;
    const double *history = flow_trainer_history(b.trainer, &n);
    for (int64_t e = 0; e < n; e++) {
        assert_true(history[e * FLOW_EPOCH_COLUMNS + 7] == 1); /* dropped */
        assert_true(isfinite(history[e * FLOW_EPOCH_COLUMNS + 1]) && isfinite(history[e * FLOW_EPOCH_COLUMNS + 2]));
    }
    assert_true(history[3 * FLOW_EPOCH_COLUMNS + 2] > history[2]);
    discard(&b);

    /* the same row in the held-out data: no epoch can be the best */
    flow_dataset *bad_held_out = make_data("bad_v", 2, 300, 41, -1e200);
    b = start("{\"epochs\": 2, \"batch\": 50}", training, bad_held_out, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 2);
    assert_non_null(strstr(b.warning, "row 42"));
    assert_int_equal(flow_trainer_best_epoch(b.trainer), 0);
    assert_true(flow_trainer_history(b.trainer, &n)[2] == -HUGE_VAL);
    flow_likelihood found;
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), bad_held_out, 1, &err), FLOW_OK);
    assert_int_equal(found.not_finite, 1);
    assert_int_equal(found.first_not_finite, 41);
    discard(&b);
    discard(&clean);
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
    flow_dataset *training = make_data("t", 1, 300, -1, 0), *spoilt = make_data("spoilt", 1, 300, 117, value);
    bench b, clean = start("{}", training, NULL, 1);
    assert_int_equal(make_bench_of(&b, list, "{\"epochs\": 1, \"batch\": 50}", spoilt, NULL, 1, &err), FLOW_OK);
    assert_int_equal(flow_trainer_start(b.trainer, &err), FLOW_OK);
    memcpy(b.f->params.fitted, clean.f->params.fitted, 2 * D * sizeof(double)); /* those of standardize */
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 1);
    if (strstr(b.warning, "the gradient of row 118") == NULL)
        fail_msg("%s", b.warning);
    discard(&b);
    discard(&clean);
    flow_dataset_close(spoilt);
    flow_dataset_close(training);
}

/* A row that is out of range in every epoch cuts the rate more often than good steps mend it: the rate has a floor. */
static void test_cuts_have_a_floor(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 150, -1, 0), *spoilt = make_data("spoilt", 1, 150, 61, 1e80);
    static const char options[] = "{\"epochs\": 30, \"batch\": 50, \"schedule\": \"constant\"}";
    bench b, clean = start(options, training, NULL, 1);
    assert_int_equal(make_bench(&b, options, spoilt, NULL, 1, &err), FLOW_OK);
    assert_int_equal(flow_trainer_start(b.trainer, &err), FLOW_OK);
    memcpy(b.f->params.fitted, clean.f->params.fitted, clean.f->params.n_fitted * sizeof(double));
    assert_int_equal(run(&b, &err), FLOW_OK);
    assert_int_equal(b.warnings, 30);
    int64_t n;
    const double *history = flow_trainer_history(b.trainer, &n), full_rate = 1e-3;
    assert_true(history[(n - 1) * FLOW_EPOCH_COLUMNS + 4] >= full_rate / 1024);
    discard(&b);
    discard(&clean);
    flow_dataset_close(spoilt);
    flow_dataset_close(training);
}

/* Weights that are beyond repair: training goes back to the best ones, and when that does not help it stops. */
static void test_gives_up_with_the_best_intact(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_dataset *training = make_data("t", 1, 1000, -1, 0), *held_out = make_data("v", 2, 300, -1, 0);
    bench b = start("{\"epochs\": 3, \"batch\": 50}", training, held_out, 1);
    assert_int_equal(run(&b, &err), FLOW_OK);
    flow_array weights = find(&b, "weights"), best = find(&b, "best");
    real *kept = malloc(bytes_of(&best));
    memcpy(kept, best.data, bytes_of(&best));

    /* more epochs, from weights that overflow everywhere */
    bench more;
    assert_int_equal(make_bench(&more, "{\"epochs\": 5, \"batch\": 50}", training, held_out, 1, &err), FLOW_OK);
    copy_state(&more, &b, &err);
    weights = find(&more, "weights");
    const flow_param *entry = NULL;
    for (int e = 0; e < more.f->params.n_entries; e++)
        if (strstr(more.f->params.entries[e].name, "bias") != NULL)
            entry = &more.f->params.entries[e];
    assert_non_null(entry);
    for (int r = 0; r < entry->rows * entry->cols; r++)
        ((real *)weights.data)[entry->offset + (size_t)r] = (real)(sizeof(real) == 4 ? 1e38 : 1e300);
    assert_int_equal(flow_trainer_restored(more.trainer, &err), FLOW_OK);
    assert_int_equal(run(&more, &err), FLOW_OK);
    assert_int_equal(more.warnings, 5); /* then the best weights are in their place, and all is well */
    assert_non_null(strstr(more.warning, "the weights go back to those of epoch"));
    assert_int_equal(more.epochs, 2);
    int64_t n;
    assert_true(isfinite(flow_trainer_history(more.trainer, &n)[4 * FLOW_EPOCH_COLUMNS + 2]));
    discard(&more);

    /* and from a flow whose fitted values are gone, nothing can help */
    assert_int_equal(make_bench(&more, "{\"epochs\": 5, \"batch\": 50}", training, held_out, 1, &err), FLOW_OK);
    copy_state(&more, &b, &err);
    for (size_t k = 0; k < more.f->params.n_fitted; k++)
        more.f->params.fitted[k] = 1e-300;
    assert_int_equal(flow_trainer_restored(more.trainer, &err), FLOW_OK);
    assert_int_equal(run(&more, &err), FLOW_NUMERIC);
    assert_int_equal(more.warnings, 10);
    assert_non_null(strstr(err.message, "10 steps"));
    assert_non_null(strstr(err.message, "row "));
    assert_non_null(strstr(err.message, "rate"));
    assert_memory_equal(flow_trainer_best(more.trainer), kept, bytes_of(&best));
    for (size_t k = 0; k < best.rows; k++)
        assert_true(isfinite(((real *)find(&more, "weights").data)[k]));
    discard(&more);
    free(kept);
    discard(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_refuses_damaged_states(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *training = make_data("t", 1, 500, -1, 0), *held_out = make_data("v", 2, 100, -1, 0);
    bench b = start(all_features, training, held_out, 1);
    b.stop_after = 7;
    assert_int_equal(run(&b, &err), FLOW_INTERRUPTED);
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
    flow_array array = find(&b, "counters");
    for (size_t k = 0; k < array.rows; k++) {
        int64_t *x = array.data, old = x[k];
        static const int64_t hostile[] = {-1, INT64_MIN, INT64_MAX};
        for (int h = 0; h < 3; h++) {
            x[k] = hostile[h];
            assert_true(flow_trainer_restored(b.trainer, &err) != FLOW_OK);
        }
        x[k] = old;
    }
    array = find(&b, "figures");
    for (size_t k = 0; k < array.rows; k++) {
        double *x = array.data, old = x[k];
        x[k] = NAN;
        assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_FORMAT);
        x[k] = old;
    }
    /* a masked weight would come alive */
    array = find(&b, "weights");
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
    bench c = start_of(NORMED(2, [12]), all_features, training, held_out, 1);
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
    discard(&c);

    int64_t n;
    const double *history = flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 1);
    double wrong[FLOW_EPOCH_COLUMNS];
    memcpy(wrong, history, sizeof wrong);
    wrong[0] = 3;
    assert_int_equal(flow_trainer_set_history(b.trainer, flow_epoch_columns, FLOW_EPOCH_COLUMNS, wrong, 1, &err),
                     FLOW_FORMAT);
    assert_int_equal(flow_trainer_set_history(b.trainer, flow_epoch_columns, FLOW_EPOCH_COLUMNS_OLD - 1, history, 1,
                                              &err), FLOW_FORMAT);
    assert_int_equal(flow_trainer_restored(b.trainer, &err), FLOW_OK);
    discard(&b);

    /* other data than those it was started on */
    flow_dataset *other = make_data("other", 9, 500, -1, 0);
    b = start(all_features, training, held_out, 1);
    assert_int_equal(make_bench(&c, all_features, other, held_out, 1, &err), FLOW_OK);
    assert_int_equal(run(&c, &err), FLOW_ARGUMENT); /* neither started nor restored */
    copy_state(&c, &b, &err);
    assert_int_equal(flow_trainer_restored(c.trainer, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "other.csv"));
    discard(&b);
    discard(&c);
    flow_dataset_close(other);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void test_refuses_unusable_data(void **state)
{
    (void)state;
    flow_error err;
    char path[128];
    snprintf(path, sizeof path, "%s/flat.csv", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "a,b,c\n");
    for (int r = 0; r < 50; r++)
        fprintf(file, "%d,7,%d\n", r, r * r);
    fclose(file);
    flow_dataset *flat, *two;
    const flow_dataset_options options = {0};
    assert_int_equal(flow_dataset_open(&flat, path, &options, &err), FLOW_OK);
    bench b;
    assert_int_equal(make_bench(&b, "{}", flat, NULL, 1, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "b"));
    discard(&b);

    static const char *const columns[] = {"a", "c"};
    const flow_dataset_options chosen = {.columns = columns, .n_columns = 2};
    assert_int_equal(flow_dataset_open(&two, path, &chosen, &err), FLOW_OK);
    assert_int_equal(make_bench(&b, "{}", two, NULL, 1, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "2 columns"));
    discard(&b);
    flow_likelihood found;
    flow_dataset *training = make_data("t", 1, 200, -1, 0);
    b = start("{}", training, NULL, 1);
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), two, 1, &err), FLOW_DATA);
    discard(&b);

    /* the same columns in another order */
    static const char *const turned[] = {"b", "a", "c"};
    const flow_dataset_options order = {.columns = turned, .n_columns = 3};
    flow_dataset *swapped;
    assert_int_equal(flow_dataset_open(&swapped, flow_dataset_location(training), &order, &err), FLOW_OK);
    assert_int_equal(make_bench(&b, "{}", training, swapped, 1, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "columns"));
    discard(&b);
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
    flow_dataset *training = make_data("t", 1, 300, -1, 0);
    bench b = start("{\"epochs\": 4}", training, NULL, 1);
    const flow_train_hooks hooks = {.on_epoch = fail_to_save};
    assert_int_equal(flow_trainer_run(b.trainer, &hooks, &err), FLOW_IO);
    assert_int_equal(flow_trainer_run(b.trainer, NULL, &err), FLOW_OK); /* it goes on where it stood */
    int64_t n;
    flow_trainer_history(b.trainer, &n);
    assert_int_equal(n, 4);
    discard(&b);

    /* every default is in the document afterwards */
    b = start("{}", training, NULL, 1);
    static const char *const keys[] = {"objective", "batch", "epochs", "patience", "min_improvement", "clip", "ema"};
    cJSON *train = cJSON_GetObjectItem(b.json, "train");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        assert_non_null(cJSON_GetObjectItem(train, keys[k]));
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(train, "optimizer"), "rate"));
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(train, "schedule"), "warmup"));
    discard(&b);

    static const char *const refused[] = {"{\"epoch\": 3}",
                                          "{\"batch\": 0}",
                                          "{\"objective\": \"ml\"}",
                                          "{\"ema\": 1}",
                                          "{\"optimizer\": {\"type\": \"adam\", \"lr\": 1}}",
                                          "{\"schedule\": \"cos\"}",
                                          "[]"};
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        assert_int_equal(make_bench(&b, refused[k], training, NULL, 1, &err), FLOW_SPEC);
        assert_non_null(strstr(err.message, "train"));
        discard(&b);
    }

    cJSON *definitions = cJSON_CreateObject();
    flow_train_schema(definitions);
    static const char *const defined[] = {"train", "optimizer", "schedule"};
    for (int k = 0; k < 3; k++)
        assert_non_null(cJSON_GetObjectItem(definitions, defined[k]));
    cJSON_Delete(definitions);
    flow_dataset_close(training);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/flow_trainer_XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"t", "v", "few", "bad", "spoilt", "bad_v", "other", "flat", "clean"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s.csv", folder, names[k]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_and_reports),
        cmocka_unit_test(test_same_for_any_threads),
        cmocka_unit_test(test_resumes_bit_for_bit),
        cmocka_unit_test(test_weights_are_repetitions),
        cmocka_unit_test(test_counts_evaluations),
        cmocka_unit_test(test_old_histories),
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
