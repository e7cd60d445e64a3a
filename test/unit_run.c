/* The commands without a terminal: training, sampling, evaluating and inverting from a C program, with its hooks. */
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

#include "data/reader.h"
#include "harness.h"
#include "run/row_walk.h"
#include "run/info_model.h"
#include "run/interpolate.h"
#include "run/invert.h"
#include "run/logprob.h"
#include "run/sample.h"
#include "run/train.h"
#include "values.h"

/* What the hooks were told. */
typedef struct heard {
    int warnings, begins, epochs, starts;
    int64_t rows, total;
    int stop_after; /* calls of should_stop; 0: never */
    int asked;
    char last[FLOW_ERROR_SIZE];
} heard;

static void on_warn(void *context, const char *message)
{
    heard *h = context;
    h->warnings++;
    snprintf(h->last, sizeof h->last, "%s", message);
}

static void on_begin(void *context)
{
    ((heard *)context)->begins++;
}

static void on_progress(void *context, const flow_run_progress *progress)
{
    heard *h = context;
    h->rows = progress->rows;
    h->total = progress->total;
}

static bool should_stop(void *context)
{
    heard *h = context;
    return h->stop_after > 0 && ++h->asked >= h->stop_after;
}

static void on_start(void *context, const flow_run_train_result *start)
{
    heard *h = context;
    h->starts++;
    h->total = start->epochs;
}

static void on_epoch(void *context, const flow_epoch *epoch)
{
    (void)epoch;
    ((heard *)context)->epochs++;
}

static flow_run_hooks hooks_of(heard *h)
{
    return (flow_run_hooks){h, on_warn, on_begin, on_progress, should_stop};
}

#define SUCCEED(call)                                                        \
    do {                                                                     \
        flow_error error_ = {0};                                             \
        flow_error *err = &error_;                                           \
        if ((call) != FLOW_OK)                                               \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, error_.message);       \
    } while (0)

/* A folder with data of a normal distribution, a spec, and the model that it trains. */
static int make_model(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    FILE *file = fopen(at("train.csv"), "w");
    assert_non_null(file);
    fputs("x,y\n", file);
    for (int i = 0; i < 400; i++)
        fprintf(file, "%.6f,%.6f\n", sin(1.7 * i) + cos(0.3 * i * i), 100 + 3 * cos(2.9 * i));
    fclose(file);
    write_text("spec.json",
               "{\"data\": {\"train\": \"train.csv\", \"validation\": 0.25}, \"flow\": [\"standardize\", "
               "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [8]}], \"train\": {\"epochs\": 2, \"batch\": 50}, "
               "\"output\": \"model.h5\"}");
    return 0;
}

static void train(flow_run_train_result *result, heard *h, bool resume, flow_status expected)
{
    flow_error err = {0};
    char spec[1024];
    snprintf(spec, sizeof spec, "%s", at("spec.json"));
    const flow_run_train_options options = {.spec = spec, .resume = resume, .n_threads = 1, .hooks = hooks_of(h),
                                            .context = h, .on_start = on_start, .on_epoch = on_epoch};
    flow_status status = flow_run_train(result, &options, &err);
    if (status != expected)
        fail_msg("status %d instead of %d: %s", status, expected, err.message);
}

static void test_training_stops_and_resumes(void **state)
{
    (void)state;
    heard h = {.stop_after = 2};
    flow_run_train_result result;
    train(&result, &h, false, FLOW_INTERRUPTED);
    assert_non_null(result.model);
    assert_string_equal(result.summary.status, "interrupted");
    assert_true(result.interrupted);
    assert_int_equal(h.begins, 1);
    assert_int_equal(h.epochs, 0);
    flow_run_train_free(&result);
    h = (heard){0};
    train(&result, &h, true, FLOW_OK);
    assert_int_equal(h.starts, 1);
    assert_int_equal(h.total, 2);
    assert_int_equal(h.epochs, 2);
    assert_true(result.resumed);
    assert_string_equal(result.summary.status, "finished");
    assert_int_equal(result.x.n_rows + result.x.n_held_out, 400);
    assert_true(isfinite(result.summary.validation.logprob.mean));

    flow_run_info_model_result info;
    SUCCEED(flow_run_info_model(&info, result.model, true, err));
    assert_int_equal(info.history.n, 2);
    assert_int_equal(info.runs.n, 2);
    ASSERT_EQ(info.summary.validation.logprob.mean, result.summary.validation.logprob.mean);
    assert_int_equal(info.flow.layers.n, 3); /* the base has degrees of freedom */
    flow_run_info_model_free(&info);
    flow_run_train_free(&result);
}

static flow_status train_with(flow_run_train_result *result, flow_run_train_options options)
{
    static const char *const overrides[] = {"train.epochs=4", "data.test=0.3"};
    flow_error err = {0};
    char spec[1024], output[1024];
    snprintf(spec, sizeof spec, "%s", at("spec.json"));
    snprintf(output, sizeof output, "%s", at(options.output));
    options.spec = spec;
    options.output = output;
    options.overrides = overrides;
    options.n_overrides = 2;
    options.n_threads = 1;
    return flow_run_train(result, &options, &err);
}

/* What a training came to when it paused, with scores of as many rows as it held out, whose mean is the likelihood. */
static double paused_score(flow_run_train_result *result)
{
    const flow_row_scores *scores = &result->validation;
    double sum = 0, weights = 0;
    assert_int_equal(scores->n, result->x.n_held_out);
    for (int64_t i = 0; i < scores->n; i++) {
        sum += scores->weight[i] * scores->logprob[i];
        weights += scores->weight[i];
    }
    ASSERT_NEAR(sum / weights, result->summary.validation.logprob.mean, 1e-9);
    return result->summary.validation.logprob.mean;
}

static void test_a_training_pauses_and_goes_on_bit_for_bit(void **state)
{
    (void)state;
    flow_run_train_result whole, part;
    assert_int_equal(train_with(&whole, (flow_run_train_options){.output = "whole.h5"}), FLOW_OK);
    flow_run_train_options options = {.output = "part.h5", .pause_after = 1, .without_test = true, .keep_scores = true};
    assert_int_equal(train_with(&part, options), FLOW_INTERRUPTED);
    assert_int_equal(part.summary.epochs, 1);
    double score = paused_score(&part);
    flow_run_train_free(&part);

    options.resume = true; /* is there already: no step, and the same score */
    assert_int_equal(train_with(&part, options), FLOW_INTERRUPTED);
    assert_int_equal(part.summary.epochs, 1);
    ASSERT_EQ(paused_score(&part), score);
    assert_false(part.summary.test.any);
    flow_run_train_free(&part);

    options.pause_after = 4; /* all of them */
    assert_int_equal(train_with(&part, options), FLOW_OK);
    assert_int_equal(part.summary.epochs, 4);
    assert_string_equal(part.summary.status, "finished");
    assert_false(part.summary.test.any);
    ASSERT_EQ(part.summary.validation.logprob.mean, whole.summary.validation.logprob.mean);
    flow_run_train_free(&part);

    options.without_test = false;
    options.evaluate = true;
    assert_int_equal(train_with(&part, options), FLOW_OK);
    ASSERT_EQ(part.summary.test.logprob.mean, whole.summary.test.logprob.mean);
    assert_int_equal(part.test.n, part.summary.test.rows);
    assert_int_equal(part.test.n + part.x.n_rows + part.x.n_held_out, 400);
    flow_run_train_free(&part);
    flow_run_train_free(&whole);
}

static void open_session(flow_session *s)
{
    char model[1024];
    snprintf(model, sizeof model, "%s", at("model.h5"));
    const flow_session_options options = {.n_threads = 1};
    SUCCEED(flow_session_open(s, model, &options, err));
}

static void test_rows_are_drawn_evaluated_and_inverted(void **state)
{
    (void)state;
    heard h = {0};
    flow_session s = {0};
    open_session(&s);
    char rows[1024];
    snprintf(rows, sizeof rows, "%s", at("rows.csv"));
    flow_run_sample_result drawn;
    const flow_run_sample_options draw = {.rows = {.output = rows, .hooks = hooks_of(&h)}, .n = 150, .seed = 3,
                                          .first = 70, .limit = -1, .temperature = 1};
    SUCCEED(flow_run_sample(&drawn, &s, &draw, err));
    assert_int_equal(drawn.rows, 150);
    assert_int_equal(h.rows, 150);
    assert_int_equal(h.total, 150);
    assert_int_equal(h.begins, 1);
    assert_int_equal(h.warnings, 0);
    ASSERT_LT(drawn.round_trip, 1e-3);

    flow_run_logprob_result evaluated;
    const flow_run_logprob_options evaluate = {.rows = {.input = rows, .hooks = hooks_of(&h)}, .worst = 3};
    SUCCEED(flow_run_logprob(&evaluated, &s, &evaluate, err));
    assert_int_equal(evaluated.rows, 150);
    assert_int_equal(evaluated.worst.n, 3);
    ASSERT_LE(evaluated.rows_worst[0].logprob, evaluated.rows_worst[1].logprob);
    ASSERT_GT(evaluated.logprob.error, 0);

    flow_run_invert_result inverted;
    const flow_run_invert_options invert = {.rows = {.input = rows, .hooks = hooks_of(&h)}, .to = FLOW_TO_LATENT};
    SUCCEED(flow_run_invert(&inverted, &s, &invert, err));
    assert_int_equal(inverted.rows, 150);
    ASSERT_LT(inverted.error, 1e-3);
    flow_session_close(&s);
}

static void read_rows(double *rows, size_t n, const char *location)
{
    flow_reader *reader;
    size_t n_read;
    SUCCEED(flow_reader_open(&reader, location, NULL, err));
    SUCCEED(flow_reader_read(reader, rows, NULL, n, &n_read, err));
    assert_int_equal(n_read, n);
    flow_reader_close(reader);
}

static void test_a_walk_is_the_image_of_an_arc_or_a_line(void **state)
{
    (void)state;
    enum { N = 5 };
    heard h = {0};
    flow_session s = {0};
    open_session(&s);
    char data[1024], walk[1024];
    snprintf(data, sizeof data, "%s", at("train.csv"));
    snprintf(walk, sizeof walk, "%s", at("walk.csv"));
    double rows[2 * 9], z[4], points[2 * N], expected[2 * N], found[2 * N];
    read_rows(rows, 9, data);
    memcpy(rows, rows + 2 * 8, 2 * sizeof *rows); /* from row 9 to row 2 */
    flow_rows_to_latent(s.runner, rows, 2, z, NULL);
    const double angle = atan2(z[0] * z[3] - z[1] * z[2], z[0] * z[2] + z[1] * z[3]);
    for (int linear = 0; linear < 2; linear++) {
        flow_run_interpolate_result result;
        const flow_run_interpolate_options options = {
            .rows = {.input = data, .output = walk, .hooks = hooks_of(&h)}, .ends = {9, 2}, .n = N, .linear = linear,
        };
        SUCCEED(flow_run_interpolate(&result, &s, &options, err));
        assert_int_equal(result.rows, N);
        assert_int_equal(h.total, N);
        assert_string_equal(result.path, linear ? "linear" : "spherical");
        ASSERT_NEAR(result.angle, fabs(angle) * 180 / FLOW_PI, 1e-6);
        ASSERT_LT(result.round_trip, 1e-3);
        for (int i = 0; i < N; i++) {
            const double t = i / (N - 1.0), r = t * angle;
            const double of_a = linear ? 1 - t : cos(r) - sin(r) / tan(angle), of_b = linear ? t : sin(r) / sin(angle);
            for (int k = 0; k < 2; k++)
                points[2 * i + k] = of_a * z[k] + of_b * z[2 + k];
        }
        flow_rows_to_data(s.runner, points, N, expected, NULL);
        read_rows(found, N, walk);
        for (int i = 0; i < 2 * N; i++)
            ASSERT_NEAR(found[i], expected[i], 1e-5 * (1 + fabs(expected[i])));
        for (int k = 0; k < 2; k++) {
            ASSERT_NEAR(found[k], rows[k], 1e-3);
            ASSERT_NEAR(found[2 * N - 2 + k], rows[2 + k], 1e-3);
        }
    }
    assert_int_equal(h.warnings, 0);
    flow_session_close(&s);
}

static void test_what_is_stopped_leaves_the_output_as_it_was(void **state)
{
    (void)state;
    heard h = {.stop_after = 1};
    flow_session s = {0};
    flow_error err = {0};
    open_session(&s);
    char rows[1024];
    snprintf(rows, sizeof rows, "%s", at("kept.csv"));
    write_text("kept.csv", "kept\n1\n");
    flow_run_sample_result drawn;
    flow_run_sample_options draw = {.rows = {.output = rows, .hooks = hooks_of(&h)}, .n = 10, .limit = -1,
                                    .temperature = 1};
    assert_int_equal(flow_run_sample(&drawn, &s, &draw, &err), FLOW_EXISTS); /* this program did not write it */
    draw.rows.sources.force = true;
    assert_int_equal(flow_run_sample(&drawn, &s, &draw, &err), FLOW_INTERRUPTED);
    char line[16] = "";
    FILE *file = fopen(rows, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_string_equal(line, "kept\n");
    flow_session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_stops_and_resumes),
        cmocka_unit_test(test_a_training_pauses_and_goes_on_bit_for_bit),
        cmocka_unit_test(test_rows_are_drawn_evaluated_and_inverted),
        cmocka_unit_test(test_a_walk_is_the_image_of_an_arc_or_a_line),
        cmocka_unit_test(test_what_is_stopped_leaves_the_output_as_it_was),
    };
    return cmocka_run_group_tests_name("run", tests, make_model, remove_folder);
}
