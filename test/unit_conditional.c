/* Context and weights below the command line: the rows of a data set, the gradient of a step, the evaluation. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"
#include "values.h"
#include "flow/design.h"
#include "num/rng.h"
#include "train/evaluate.h"
#include "train/step.h"

static const bool is_double = sizeof(real) == sizeof(double);

/* ------------------------------------------------------------------ data sets */

enum { N = 6000, SMALL = 64 * 1024 };

/* Row i of the files: weight, data, context, data; every seventh row has no weight. */
static void make_row(double row[4], int64_t i)
{
    row[0] = i % 7 == 0 ? 0 : 0.25 * (double)(1 + i % 5);
    row[1] = (double)i;
    row[2] = flow_rng_uniform(31, FLOW_STREAM_OTHER, (uint64_t)i, 0);
    row[3] = flow_rng_uniform(31, FLOW_STREAM_OTHER, (uint64_t)i, 1);
}

static int make_tables(void **state)
{
    static const char *const names[] = {"w", "x", "c", "y"};
    if (make_folder(state) != 0)
        return 1;
    for (int k = 0; k < 2; k++) {
        flow_writer *writer;
        double row[4];
        if (flow_writer_open(&writer, at(k == 0 ? "t.csv" : "t.h5"), names, 4, NULL, NULL) != FLOW_OK)
            return 1;
        for (int i = 0; i < N; i++) {
            make_row(row, i);
            if (flow_writer_write(writer, row, 1, NULL) != FLOW_OK)
                return 1;
        }
        if (flow_writer_finish(writer, NULL) != FLOW_OK)
            return 1;
    }
    return 0;
}

static const char *const c_name[] = {"c"}, *const yx[] = {"y", "x"};

static void refuse_set(const char *location, const flow_dataset_options *options, const char *text)
{
    flow_dataset *data;
    flow_error err = {0};
    assert_int_equal(flow_dataset_open(&data, location, options, &err), FLOW_DATA);
    assert_says(&err, text);
}

/* Serves a whole epoch: every row is y, x, c, w of the row in the file that its number says. Marks the rows in
 * `seen`. */
static int64_t serve(flow_dataset *data, char *seen)
{
    static double rows[256 * 4];
    static int64_t numbers[256];
    int64_t n = 0;
    size_t n_read;
    do {
        assert_int_equal(flow_dataset_next(data, rows, numbers, 256, &n_read, NULL), FLOW_OK);
        for (size_t i = 0; i < n_read; i++) {
            double file[4];
            make_row(file, numbers[i]);
            const double expected[] = {file[3], file[1], file[2], file[0]};
            assert_memory_equal(rows + i * 4, expected, sizeof expected);
            assert_false(seen[numbers[i]]);
            seen[numbers[i]] = 1;
        }
        n += (int64_t)n_read;
    } while (n_read > 0);
    return n;
}

/* Held in memory and not, from CSV and HDF5, whole and in two parts: a row is data, context, weight, and those without
 * weight are not there. */
static void rows_of_a_data_set(void **state)
{
    (void)state;
    static char seen[N];
    int64_t n_weightless = (N + 6) / 7;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < N; i++) {
        double row[4];
        make_row(row, i);
        sum += row[0];
        squares += row[0] * row[0];
    }
    for (int k = 0; k < 4; k++) {
        const char *location = at(k % 2 == 0 ? "t.csv" : "t.h5");
        flow_dataset_options options = {.columns = yx, .n_columns = 2, .context = c_name, .n_context = 1, .weight = "w",
                                        .memory_bytes = k < 2 ? 0 : SMALL, .share = 0.3, .seed = 4};
        flow_dataset *data = open_set(location, &options);
        assert_int_equal(data->is_held, k < 2);
        assert_int_equal(data->n_columns, 4);
        assert_int_equal(data->n_context, 1);
        assert_true(data->is_weighted);
        assert_string_equal(data->columns[2], "c");
        assert_string_equal(data->columns[3], "w");
        assert_int_equal(data->n_rows, N - n_weightless);
        assert_int_equal(data->n_weightless, n_weightless);
        ASSERT_NEAR(data->effective_rows, sum * sum / squares, 1e-6);
        memset(seen, 0, sizeof seen);
        assert_int_equal(serve(data, seen), N - n_weightless);
        for (uint64_t epoch = 0; epoch < 2; epoch++) {
            memset(seen, 0, sizeof seen);
            assert_int_equal(flow_dataset_shuffle(data, 1, (int64_t)epoch, 0, NULL), FLOW_OK);
            assert_int_equal(serve(data, seen), N - n_weightless);
        }
        flow_dataset_close(data);

        memset(seen, 0, sizeof seen);
        int64_t n = 0, left_out = 0;
        for (int part = FLOW_PART_TRAINING; part <= FLOW_PART_HELD_OUT; part++) {
            options.part = (flow_part)part;
            data = open_set(location, &options);
            n += serve(data, seen); /* asserts that the parts share no row */
            left_out += data->n_weightless;
            flow_dataset_close(data);
        }
        assert_int_equal(n, N - n_weightless);
        assert_int_equal(left_out, n_weightless);
    }
    /* without a choice the others keep their order, and without weights all rows are there */
    flow_dataset_options options = {.context = c_name, .n_context = 1};
    flow_dataset *data = open_set(at("t.csv"), &options);
    static const char *const names[] = {"w", "x", "y", "c"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(data->columns[i], names[i]);
    assert_false(data->is_weighted);
    assert_int_equal(data->n_rows, N);
    ASSERT_EQ(data->effective_rows, N);
    flow_dataset_close(data);
    options = (flow_dataset_options){.context = (const char *const[]){"c", "x", "y"}, .n_context = 3, .weight = "w"};
    refuse_set(at("t.csv"), &options, "has no column to model: all are context or weight");
}

static void spread_of_the_context(void **state)
{
    (void)state;
    flow_error err = {0};
    char path[256];
    snprintf(path, sizeof path, "%s", write_text("flat.csv", "x,c,k,big,w\n1,5,7,1e200,2\n"
                                                                 "2,5,7,-1e200,2\n3,5,7,1,2\n"));
    flow_dataset_options options = {.columns = (const char *const[]){"x"}, .n_columns = 1, .context = c_name,
                                    .n_context = 1, .weight = "w"};
    flow_dataset *data = open_set(path, &options);
    assert_int_equal(flow_dataset_check_spread(data, NULL, &err), FLOW_OK); /* neither c nor w has any */
    flow_dataset_close(data);
    options.columns = (const char *const[]){"k"};
    data = open_set(path, &options);
    assert_int_equal(flow_dataset_check_spread(data, NULL, &err), FLOW_DATA);
    assert_says(&err, "the column \"k\" has the value 7 in every row");
    flow_dataset_close(data);
    options.columns = (const char *const[]){"x"};
    options.context = (const char *const[]){"big"};
    data = open_set(path, &options);
    assert_int_equal(flow_dataset_check_spread(data, NULL, &err), FLOW_DATA);
    assert_says(&err, "the values of the column \"big\" are too large");
    flow_dataset_close(data);
}

static void unusable_weights(void **state)
{
    (void)state;
    flow_dataset_options options = {.weight = "w"};
    refuse_set(write_text("w.csv", "x,w\n1,1\n2,0.5\n3,-0.25\n"), &options,
               "w.csv: row 3 has the weight -0.25 in column \"w\"");
    options.allow_negative_weights = true;
    flow_dataset *data = open_set(at("w.csv"), &options);
    assert_int_equal(data->n_rows, 3);
    ASSERT_NEAR(data->effective_rows, 1.25 * 1.25 / (1 + 0.25 + 0.0625), 1e-12);
    flow_dataset_close(data);
    refuse_set(write_text("w.csv", "x,w\n1,1\n2,0.5\n3,-1.5\n"), &options,
               "\"w\" have a mean of 0; it has to be positive");
    refuse_set(write_text("w.csv", "x,w\n1,1\n2,0.5\n3,-2.5\n"), &options, "it has to be positive");
    options.allow_negative_weights = false;
    refuse_set(write_text("w.csv", "x,w\n1,0\n2,0\n"), &options, "all 2 rows have the weight 0 in column \"w\"");
    refuse_set(write_text("w.csv", "x,w\n1,1\n2,NA\n"), &options, "row 2");
    refuse_set(write_text("w.csv", "x,w\n1,1\n2,inf\n"), &options, "\"w\"");
    refuse_set(write_text("w.csv", "x\n1\n2\n"), &options, "there is no column \"w\"");
}

/* ------------------------------------------------------------------ a conditional flow */

enum { DIM = 3, CONTEXT = 2, WIDTH = DIM + CONTEXT, ROWS = 200, STRIDE = WIDTH + 1 };

static const char *const embedded =
    "{\"flow\": [\"standardize\", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [12, 12], \"activation\": \"tanh\"},"
    " {\"type\": \"coupling\", \"hidden\": [8], \"activation\": \"silu\"}],"
    " \"embedding\": {\"hidden\": [10], \"features\": 4, \"activation\": \"tanh\"}}";
static const char *const plain =
    "{\"flow\": [\"standardize\", {\"type\": \"nsf_ar\", \"repeat\": 1, \"hidden\": [12], \"activation\": \"tanh\"}]}";

/* The weights are moved away from the identity, where gradients of inner layers would be zero. */
static subject make_model(const char *text)
{
    subject m;
    subject_open(&m, (subject_shape){.dim = DIM, .n_context = CONTEXT, .seed = 3}, "%s", text);
    subject_init_weights(&m, 3);
    subject_shake_weights(&m, 0.2, 8, 0);
    return m;
}

/* Rows of data and context, and a whole number from `least` to `least` + 3 as weight. */
static void make_rows(double *rows, int least)
{
    for (int i = 0; i < ROWS; i++) {
        double *row = rows + i * STRIDE, u[WIDTH + 1];
        for (uint32_t k = 0; k <= WIDTH; k++)
            u[k] = flow_rng_uniform(17, FLOW_STREAM_OTHER, (uint64_t)i, k);
        row[DIM] = 10 + u[3];
        row[DIM + 1] = 1e-3 * u[4];
        row[0] = u[0] + u[3] * u[3];
        row[1] = u[1] * (0.5 + u[4]);
        row[2] = u[2] - u[0];
        row[WIDTH] = least + floor(4 * u[5]);
    }
}

/* Each row as often as its weight says. */
static int repeat_rows(const double *rows, double *out)
{
    int n = 0;
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < (int)rows[i * STRIDE + WIDTH]; k++)
            memcpy(out + n++ * WIDTH, rows + i * STRIDE, WIDTH * sizeof *rows);
    return n;
}

static void fit(subject *m, const double *rows)
{
    double data[ROWS * WIDTH];
    for (int i = 0; i < ROWS; i++)
        memcpy(data + i * WIDTH, rows + i * STRIDE, WIDTH * sizeof *rows);
    flow_error err = {0};
    if (flow_fit(m->f, m->weights, data, ROWS, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static double gradient_of(subject *m, const flow_batch *batch, int n_threads, real *gradient)
{
    double score =
        flow_step_gradient(subject_step(m, "\"mle\"", NULL, batch->n, n_threads), m->weights, batch, gradient);
    return score;
}

/* A row of weight 3 is three rows, for the gradient of every parameter; and threads do not matter. */
static void weights_are_repetitions(void **state)
{
    (void)state;
    static double rows[ROWS * STRIDE], repeated[4 * ROWS * WIDTH];
    make_rows(rows, 0);
    int n = repeat_rows(rows, repeated);
    for (int k = 0; k < 2; k++) {
        subject m = make_model(k == 0 ? embedded : plain);
        fit(&m, rows);
        size_t size = m.f->params.n_weights;
        real *weighted = flow_alloc_aligned(size, sizeof *weighted), *other = flow_alloc_aligned(size, sizeof *other);
        const flow_batch few = {.rows = rows, .n = ROWS, .stride = STRIDE, .weighted = true, .share = 1.0 / n};
        const flow_batch many = {.rows = repeated, .n = n, .stride = WIDTH, .share = 1.0 / n};
        double score = gradient_of(&m, &few, 1, weighted);
        ASSERT_EQ(flow_step_weight(m.step), n);
        double score_many = gradient_of(&m, &many, 1, other);
        ASSERT_EQ(flow_step_weight(m.step), n);
        ASSERT_NEAR(score / n, score_many / n, is_double ? 1e-12 : 1e-5);
        double norm = 0, distance = 0;
        for (size_t i = 0; i < size; i++) {
            norm += (double)weighted[i] * (double)weighted[i];
            distance += ((double)weighted[i] - (double)other[i]) * ((double)weighted[i] - (double)other[i]);
        }
        ASSERT_GT(norm, 1e-4);
        ASSERT_LT(sqrt(distance / norm), (is_double ? 1e-13 : 1e-5));
        for (int n_threads = 2; n_threads <= 4; n_threads++) {
            ASSERT_EQ(gradient_of(&m, &few, n_threads, other), score);
            assert_memory_equal(other, weighted, size * sizeof *other);
        }
        flow_free_aligned(weighted);
        flow_free_aligned(other);
        subject_close(&m);
    }
}

/* The gradient against differences of the weighted score, with weights below zero among them. */
static void gradient_with_weights(void **state)
{
    (void)state;
    if (!is_double) /* differences of floats have no digits */
        skip();
    static double rows[ROWS * STRIDE];
    make_rows(rows, -1);
    subject m = make_model(embedded);
    fit(&m, rows);
    size_t size = m.f->params.n_weights;
    real *gradient = flow_alloc_aligned(size, sizeof *gradient), *unused = flow_alloc_aligned(size, sizeof *unused);
    const flow_batch batch = {.rows = rows, .n = ROWS, .stride = STRIDE, .weighted = true, .share = 1.0 / ROWS};
    gradient_of(&m, &batch, 1, gradient);
    int checked = 0;
    for (int e = 0; e < m.f->params.n_entries; e++) {
        const flow_param *entry = &m.f->params.entries[e];
        for (int trial = 0; entry->trainable && trial < 3; trial++) {
            int r = (int)(flow_rng_uniform(9, FLOW_STREAM_OTHER, (uint64_t)e, (uint32_t)trial) * entry->rows);
            size_t k = entry->offset + (size_t)r * (size_t)entry->cols;
            if (entry->extent != NULL && entry->extent[r] == 0)
                continue;
            const double step = 1e-5;
            real saved = m.weights[k];
            m.weights[k] = (real)((double)saved + step);
            double above = gradient_of(&m, &batch, 1, unused);
            m.weights[k] = (real)((double)saved - step);
            double below = gradient_of(&m, &batch, 1, unused);
            m.weights[k] = saved;
            ASSERT_NEAR(gradient[k], -(above - below) / (2 * step * ROWS), 1e-8);
            checked++;
        }
    }
    ASSERT_GT(checked, 30);
    flow_free_aligned(gradient);
    flow_free_aligned(unused);
    subject_close(&m);
}

/* ------------------------------------------------------------------ the context */

/* Fits column k of the context of `m` to values[n] (the other one to 0, 1, 2, ...); the flow needs some data beside
 * it. */
static void fit_context(subject *m, int k, const double *values, size_t n)
{
    double *rows = calloc(n * WIDTH, sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < WIDTH; j++)
            rows[i * WIDTH + j] = j < DIM ? flow_rng_uniform(1, FLOW_STREAM_OTHER, i, j) : (double)i;
        rows[i * WIDTH + DIM + (size_t)k] = values[i];
    }
    flow_error err = {0};
    if (flow_fit(m->f, m->weights, rows, n, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    free(rows);
}

static double feature_of(subject *m, int k, double value)
{
    double given[CONTEXT * FLOW_LANES] = {0};
    real features[CONTEXT * FLOW_LANES];
    for (int j = 0; j < FLOW_LANES; j++)
        given[k * FLOW_LANES + j] = value;
    flow_context_apply(&m->f->context, m->weights, m->f->params.fitted, FLOW_LANES, given, features, NULL);
    return (double)features[k * FLOW_LANES];
}

/* Whatever the distribution, most features are around 0 with size 1, outliers move nothing, and none is enormous. */
static void features_of_the_context(void **state)
{
    (void)state;
    enum { MANY = 4001 };
    static double values[MANY];
    subject m = make_model(plain);
    const double slack = is_double ? 1e-12 : 1e-5;
    for (int i = 0; i < MANY; i++) /* normal, by its quantiles */
        values[i] = -7 + 0.01 * gsl_cdf_ugaussian_Pinv((i + 0.5) / MANY);
    fit_context(&m, 1, values, MANY);
    ASSERT_NEAR(feature_of(&m, 1, -7), 0, slack);
    ASSERT_NEAR(feature_of(&m, 1, -6.98), 2, 2e-3);
    /* a twentieth of the rows far out */
    for (int i = 0; i < MANY; i += 40) {
        values[i] = 1e6;
        values[MANY - 1 - i] = -1e9;
    }
    fit_context(&m, 1, values, MANY);
    ASSERT_NEAR(feature_of(&m, 1, -7), 0, 0.01);
    ASSERT_NEAR(feature_of(&m, 1, -6.98), 2, 0.15);
    ASSERT_NEAR(feature_of(&m, 1, 1e6), 4 + 4 * log((1e6 + 7) / 0.01 / 4), 0.5);

    /* x = 1, 2, ... has the median 2001 and 68 % within 1366 of it: the map is odd, smooth at its joint, and grows */
    for (int i = 0; i < MANY; i++)
        values[i] = i + 1;
    fit_context(&m, 0, values, MANY);
    double scale = 0.682689492 * (MANY - 1) / 2;
    for (double c = 0; c < 1e5; c = 1.1 * c + 0.01) {
        double feature = feature_of(&m, 0, 2001 + c * scale);
        ASSERT_NEAR(feature, c <= 4 ? c : 4 + 4 * log(c / 4), (1 + c) * 1e-5);
        ASSERT_NEAR(feature_of(&m, 0, 2001 - c * scale), -feature, (1 + c) * slack);
    }
    /* mostly one value: the deviation; only one: it is 0, and others are as far as they are */
    for (int i = 0; i < MANY; i++)
        values[i] = i % 10 == 0 ? 5 : 3;
    fit_context(&m, 0, values, MANY);
    ASSERT_NEAR(feature_of(&m, 0, 3), 0, slack);
    ASSERT_NEAR(feature_of(&m, 0, 5), 2 / 0.6, 0.01);
    for (int i = 0; i < MANY; i++)
        values[i] = 1e9 / 3;
    fit_context(&m, 0, values, MANY);
    ASSERT_NEAR(feature_of(&m, 0, 1e9 / 3), 0, slack);
    ASSERT_NEAR(feature_of(&m, 0, 1e9 / 3 + 1.5), 1.5, 1e-5);
    assert_true(isfinite(feature_of(&m, 0, 1e300)));
    subject_close(&m);
}

/* ------------------------------------------------------------------ evaluation */

static void weighted_evaluation(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "s", "t", "w"}, *const context[] = {"s", "t"};
    static double rows[ROWS * STRIDE], repeated[4 * ROWS * WIDTH], data[ROWS * WIDTH];
    static double logp[ROWS], weights[ROWS], direct[ROWS];
    flow_error err = {0};
    make_rows(rows, 1);
    int n = repeat_rows(rows, repeated);
    subject m = make_model(embedded);
    fit(&m, rows);
    flow_dataset_options options = {.context = context, .n_context = 2, .weight = "w"};
    flow_dataset *few = make_dataset("few.h5", names, STRIDE, rows, ROWS, &options);
    options.weight = NULL;
    flow_dataset *many = make_dataset("many.h5", names, WIDTH, repeated, (size_t)n, &options);

    flow_evaluator *evaluator;
    flow_likelihood found, other;
    assert_int_equal(flow_evaluator_new(&evaluator, m.f, m.weights, 2, &err), FLOW_OK);
    assert_int_equal(flow_evaluator_run(evaluator, &found, logp, weights, few, NULL, &err), FLOW_OK);
    flow_evaluator_free(evaluator);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, m.f, m.weights, 1, &err), FLOW_OK);
    for (int i = 0; i < ROWS; i++)
        memcpy(data + i * WIDTH, rows + i * STRIDE, WIDTH * sizeof *rows);
    flow_rows_logp(runner, data, ROWS, direct);
    flow_runner_free(runner);
    assert_memory_equal(logp, direct, sizeof direct);
    double sum = 0, squares = 0;
    for (int i = 0; i < ROWS; i++) {
        ASSERT_EQ(weights[i], rows[i * STRIDE + WIDTH]);
        sum += weights[i];
        squares += weights[i] * weights[i];
    }
    assert_int_equal(found.rows, ROWS);
    ASSERT_NEAR(found.mean, gsl_stats_wmean(weights, 1, logp, 1, ROWS), 1e-12);
    ASSERT_NEAR(found.effective_rows, sum * sum / squares, 1e-9);
    assert_int_equal(flow_evaluate(&other, m.f, m.weights, many, 1, &err), FLOW_OK);
    ASSERT_NEAR(found.mean, other.mean, 1e-12);
    ASSERT_EQ(other.effective_rows, n);
    ASSERT_EQ(other.rows, n);
    ASSERT_GT(found.error, other.error); /* a repeated row is not a new one */

    /* a data set whose context is not the model's */
    options = (flow_dataset_options){.context = context, .n_context = 1, .weight = NULL};
    flow_dataset *wrong = open_set(at("many.h5"), &options);
    assert_int_equal(flow_evaluate(&other, m.f, m.weights, wrong, 1, &err), FLOW_DATA);
    assert_says(&err, "has 1 columns of context, the model has 2");
    flow_dataset_close(wrong);
    flow_dataset_close(few);
    flow_dataset_close(many);
    subject_close(&m);
}

/* ---- classes ---- */

/* A column of classes is a number for each of them; the others are scaled as they are without. */
static void test_classes(void **state)
{
    (void)state;
    enum { MANY = 64, CLASSES = 3 };
    const flow_design design = {0};
    flow *f, *without;
    const flow_row_layout layout = {.dim = 1, .n_context = 2, .classes = {CLASSES, 1}};
    const flow_row_layout numbers = {.dim = 1, .n_context = 2};
    assert_int_equal(flow_build(&f, &design, &layout, 1, NULL), FLOW_OK);
    assert_int_equal(flow_build(&without, &design, &numbers, 1, NULL), FLOW_OK);
    assert_int_equal(f->context.n_features, 1 + CLASSES);
    double rows[MANY][3];
    for (int i = 0; i < MANY; i++) {
        rows[i][0] = i;
        rows[i][1] = 100 + 7 * i;
        rows[i][2] = i % CLASSES;
    }
    real none;
    assert_int_equal(flow_fit(f, &none, &rows[0][0], MANY, NULL, NULL), FLOW_OK);
    assert_int_equal(flow_fit(without, &none, &rows[0][0], MANY, NULL, NULL), FLOW_OK);
    flow_workspace *ws, *other;
    assert_int_equal(flow_workspace_new(&ws, f, FLOW_TILE, false, NULL), FLOW_OK);
    assert_int_equal(flow_workspace_new(&other, without, FLOW_TILE, false, NULL), FLOW_OK);
    const int n = flow_tile_load(f, ws, &rows[0][0], MANY);
    flow_tile_load(without, other, &rows[0][0], MANY);
    flow_tile_make_features(f, &none, ws, n);
    flow_tile_make_features(without, &none, other, n);
    for (int i = 0; i < MANY; i++) {
        ASSERT_EQ(ws->features[i], other->features[i]);
        for (int k = 0; k < CLASSES; k++)
            ASSERT_EQ(ws->features[(1 + k) * n + i], i % CLASSES == k);
    }
    flow_workspace_free(ws);
    flow_workspace_free(other);
    flow_free(f);
    flow_free(without);
    flow_error err = {0};
    const flow_row_layout impossible = {.dim = 1, .n_context = 2, .classes = {CLASSES, 2}};
    assert_int_equal(flow_build(&f, &design, &impossible, 1, &err), FLOW_ARGUMENT);
    assert_says(&err, "column 3 of 2 of the context cannot hold 3 classes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_data_set),
        cmocka_unit_test(spread_of_the_context),
        cmocka_unit_test(unusable_weights),
        cmocka_unit_test(weights_are_repetitions),
        cmocka_unit_test(gradient_with_weights),
        cmocka_unit_test(features_of_the_context),
        cmocka_unit_test(weighted_evaluation),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests_name("conditional", tests, make_tables, remove_folder);
}
