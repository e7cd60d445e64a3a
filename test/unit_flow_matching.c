/* Flow matching and rectified flow: the gradient, fields that are known in closed form, couplings, and rounds. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/table.h"
#include "harness.h"
#include "values.h"
#include "flow/design.h"
#include "num/rng.h"
#include "train/interpolant.h"
#include "train/source_pairs.h"
#include "train/step.h"

/* ---- data ---- */

static double normal(uint64_t seed, uint64_t row, uint32_t column)
{
    return gsl_cdf_ugaussian_Pinv(flow_rng_uniform(seed, FLOW_STREAM_OTHER, row, column));
}

static const double mean = 1, deviation = 0.5;

static void gaussian_row(uint64_t row, uint64_t seed, double *x)
{
    x[0] = mean + deviation * normal(seed, row, 0);
}

/* Two lumps, far from each other along both columns; the third column says which one, with mistakes. */
static void lumps_row(uint64_t row, uint64_t seed, double *x)
{
    double side = flow_rng_uniform(seed, FLOW_STREAM_OTHER, row, 2) < 0.5 ? -2 : 2;
    x[0] = side + 0.5 * normal(seed, row, 0);
    x[1] = side + 0.5 * normal(seed, row, 1);
    x[2] = side + 2 * normal(seed, row, 3);
}

static void weighted_row(uint64_t row, uint64_t seed, double *x)
{
    lumps_row(row, seed, x);
    x[2] = 1 + (double)(row % 3);
}

typedef struct set {
    void (*row)(uint64_t row, uint64_t seed, double *x);
    int width, n_context;
    bool weighted;
} set;

static const set gaussian = {gaussian_row, 1, 0, false}, lumps = {lumps_row, 3, 0, false};
static const set flat = {lumps_row, 2, 0, false}, given = {lumps_row, 3, 1, false}, heavy = {weighted_row, 3, 0, true};

static flow_dataset *make_data(const set *kind, const char *name, uint64_t seed, int n)
{
    static const char *const columns[] = {"a", "b", "c"}, *const last[] = {"c"};
    double *rows = malloc((size_t)(n * kind->width) * sizeof *rows), x[3];
    assert_non_null(rows);
    for (int r = 0; r < n; r++) {
        kind->row((uint64_t)r, seed, x);
        memcpy(rows + r * kind->width, x, (size_t)kind->width * sizeof *x);
    }
    const flow_dataset_options options = {
        .context = last, .n_context = kind->n_context, .weight = kind->weighted ? "c" : NULL};
    flow_dataset *data = make_dataset(name, columns, kind->width, rows, (size_t)n, &options);
    free(rows);
    return data;
}

/* ---- a trainer and what it needs ---- */

#define SCALED(maps) "\"standardize\", " maps
#define FIELD(more) "{\"type\": \"ffjord\", \"hidden\": [16, 16]" more "}"
#define EMBEDDING "\"embedding\": {\"hidden\": [8], \"features\": 3}, "

/* `maps` is the list of the flow; `more` further keys of the spec. */
static void make_flow(subject *s, const char *maps, const char *more, const char *train, int dim, int n_context)
{
    subject_open(s, (subject_shape){.dim = dim, .n_context = n_context, .seed = 1},
                 "{\"flow\": [%s], %s\"train\": %s}", maps, more, train);
}

/* The flow that fits the columns of the data. */
static void make_flow_for(subject *s, const char *maps, const char *more, const char *train, const flow_dataset *data)
{
    int c = data->n_context;
    make_flow(s, maps, more, train, data->n_columns - c - data->is_weighted, c);
}

static subject make(const char *maps, const char *more, const char *train, flow_dataset *training,
                    flow_dataset *held_out, int n_threads)
{
    subject s;
    flow_error err = {0};
    make_flow_for(&s, maps, more, train, training);
    if (subject_try_trainer(&s, &err, training, held_out, n_threads) != FLOW_OK)
        fail_msg("%s", err.message);
    return s;
}

static void start_and_run(subject *s)
{
    flow_error err = {0};
    if (flow_trainer_start(s->trainer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    subject_run(s);
}

/* ---- one step ---- */

enum { N_ROWS = 300 };

typedef struct one_step {
    subject made;
    real *gradient;
    double rows[N_ROWS * 5];
    flow_batch batch;
} one_step;

/* A batch of N_ROWS rows in the units of the columns, or of pairs; the embedding comes with a context. */
static one_step *make_step(const char *objective, int dim, int n_context, bool paired, int n_threads)
{
    char train[256];
    flow_error err = {0};
    one_step *s = calloc(1, sizeof *s);
    assert_non_null(s);
    snprintf(train, sizeof train, "{\"objective\": %s}", objective);
    make_flow(&s->made, SCALED(FIELD()), n_context > 0 ? EMBEDDING : "", train, dim, n_context);
    flow *f = s->made.f;
    subject_step(&s->made, NULL, NULL, N_ROWS, n_threads);
    s->gradient = flow_alloc_aligned(f->params.n_weights, sizeof *s->gradient);
    int width = dim + n_context + (paired ? dim : 0);
    double plain[N_ROWS * 3];
    for (int r = 0; r < N_ROWS; r++)
        for (int i = 0; i < width; i++) {
            s->rows[r * width + i] = 1 + 2 * normal(5, (uint64_t)r, (uint32_t)i);
            if (i < dim + n_context)
                plain[r * (dim + n_context) + i] = s->rows[r * width + i];
        }
    subject_init_weights(&s->made, 3);
    assert_int_equal(flow_fit(f, s->made.weights, plain, N_ROWS, NULL, &err), FLOW_OK);
    for (size_t k = 0; k < f->params.n_weights; k++)
        s->made.weights[k] += (real)(0.2 * normal(6, k, 0)); /* nothing hides behind a zero */
    s->batch = (flow_batch){.n = N_ROWS,
                            .rows = s->rows,
                            .stride = (size_t)width,
                            .paired = paired,
                            .share = 1.0 / N_ROWS,
                            .mode = FLOW_TRAINING,
                            .noise = {FLOW_NOISE_OF_PLACE, 0, 11, 1 << 20}};
    return s;
}

static void free_step(one_step *s)
{
    flow_free_aligned(s->gradient);
    subject_close(&s->made);
    free(s);
}

static void check_gradient(const char *objective, int dim, int n_context, bool paired)
{
    one_step *s = make_step(objective, dim, n_context, paired, 2);
    const flow_params *params = &s->made.f->params;
    double score = flow_step_gradient(s->made.step, s->made.weights, &s->batch, s->gradient);
    ASSERT_LT(score, 0);
    const double h = sizeof(real) == sizeof(double) ? 1e-5 : 1e-2;
    const double slack = sizeof(real) == sizeof(double) ? 1e-7 : 1e-2;
    real *unused = flow_alloc_aligned(params->n_weights, sizeof *unused);
    int n_moved = 0;
    for (int e = 0; e < params->n_entries; e++) {
        const flow_param *entry = &params->entries[e];
        for (int k = 0; entry->trainable && k < entry->rows * entry->cols; k += 1 + entry->cols / 2) {
            size_t at = entry->offset + (size_t)k;
            real kept = s->made.weights[at];
            s->made.weights[at] = (real)(kept + h);
            double up = flow_step_gradient(s->made.step, s->made.weights, &s->batch, unused);
            s->made.weights[at] = (real)(kept - h);
            double down = flow_step_gradient(s->made.step, s->made.weights, &s->batch, unused);
            s->made.weights[at] = kept;
            double expected = -(up - down) / N_ROWS / (2 * h);
            ASSERT_NEAR(s->gradient[at], expected, slack * (1 + fabs(expected)));
            n_moved += expected != 0;
        }
    }
    ASSERT_GT(n_moved, params->n_entries / 2);
    flow_free_aligned(unused);
    free_step(s);
}

static void gradient_by_differences(void **state)
{
    (void)state;
    check_gradient("\"flow_matching\"", 2, 0, false);
    check_gradient("{\"type\": \"flow_matching\", \"sigma_min\": 0.2, \"times\": \"near_data\"}", 2, 1, false);
    check_gradient("{\"type\": \"rectified_flow\", \"coupling\": \"optimal_transport\"}", 2, 0, false);
    check_gradient("{\"type\": \"rectified_flow\", \"times\": \"near_data\"}", 2, 1, true);
}

/* A field of zeros misses the target by all of it: (1 - sigma)^2 E z^2 + E x^2, and by E (z - x)^2 of given pairs. */
static void loss_of_a_field_at_rest(void **state)
{
    (void)state;
    static const double sigma = 0.25;
    one_step *s = make_step("{\"type\": \"flow_matching\", \"sigma_min\": 0.25}", 2, 0, false, 1);
    memset(s->made.weights, 0, s->made.f->params.n_weights * sizeof *s->made.weights);
    double sum = 0;
    enum { REPEATS = 200 };
    for (uint64_t k = 0; k < REPEATS; k++) {
        s->batch.noise.first_row = k << 20;
        sum += flow_step_gradient(s->made.step, s->made.weights, &s->batch, s->gradient) / N_ROWS;
    }
    /* the spread of z^2 - 2 z x is at most 2.5 a dimension */
    ASSERT_NEAR(-sum / REPEATS, (1 - sigma) * (1 - sigma) + 1, 4 * 2.5 / sqrt(2.0 * REPEATS * N_ROWS));
    free_step(s);

    s = make_step("{\"type\": \"rectified_flow\"}", 2, 0, true, 1);
    memset(s->made.weights, 0, s->made.f->params.n_weights * sizeof *s->made.weights);
    double expected = 0;
    for (int r = 0; r < N_ROWS; r++)
        for (int i = 0; i < 2; i++)
            expected += pow(s->rows[r * 4 + i] - s->rows[r * 4 + 2 + i], 2) / 2;
    double score = flow_step_gradient(s->made.step, s->made.weights, &s->batch, s->gradient);
    ASSERT_NEAR(-score, expected, 1e-5 * expected);
    free_step(s);
}

/* Weights of rows count them; and what is not finite is found. */
static void culprit_is_named(void **state)
{
    (void)state;
    one_step *s = make_step("\"flow_matching\"", 2, 0, false, 2);
    s->rows[2 * 170 + 1] = NAN;
    assert_false(isfinite(flow_step_gradient(s->made.step, s->made.weights, &s->batch, s->gradient)));
    flow_diagnosis culprit;
    flow_step_diagnose(s->made.step, &culprit);
    assert_int_equal(culprit.row, 170);
    assert_string_equal(culprit.place, "the data or their column maps");
    s->rows[2 * 170 + 1] = 0;
    s->made.weights[3] = NAN;
    assert_false(isfinite(flow_step_gradient(s->made.step, s->made.weights, &s->batch, s->gradient)));
    flow_step_diagnose(s->made.step, &culprit);
    assert_int_equal(culprit.row, 0);
    assert_string_equal(culprit.place, "1.ffjord");
    free_step(s);
}

/* ---- couplings ---- */

static double squared_distance(const real *x, const real *z, int n)
{
    double sum = 0;
    for (int k = 0; k < 2 * n; k++)
        sum += pow((double)x[k] - (double)z[k], 2);
    return sum;
}

/* Runs one tile of the first n_rows rows; x and z (2, n) are its ends. */
static void ends_of(one_step *s, int n_rows, real *x, real *z)
{
    flow_error err;
    flow_workspace *ws;
    double score[FLOW_TILE];
    int n = (n_rows + FLOW_LANES - 1) / FLOW_LANES * FLOW_LANES;
    assert_int_equal(flow_workspace_new(&ws, s->made.f, FLOW_TILE, false, &err), FLOW_OK);
    void *work = flow_alloc_aligned(flow_interpolant_scratch_size(s->made.objective.options, s->made.f, FLOW_TILE), 1);
    ws->mode = s->batch.mode;
    ws->noise = s->batch.noise;
    flow_tile_load_padded(s->made.f, ws, s->rows, 2, n_rows, n);
    const flow_objective_tile tile = {.f = s->made.f,
                                      .weights = s->made.weights,
                                      .options = s->made.objective.options,
                                      .ws = ws,
                                      .n = n,
                                      .n_rows = n_rows,
                                      .score = score,
                                      .scratch = work};
    s->made.objective.type->tile(&tile);
    memcpy(z, ws->a, 2 * (size_t)n * sizeof *z);
    flow_tile_load_padded(s->made.f, ws, s->rows, 2, n_rows, n);
    flow_tile_columns_to_latent(s->made.f, ws, n);
    memcpy(x, ws->a, 2 * (size_t)n * sizeof *x);
    flow_free_aligned(work);
    flow_workspace_free(ws);
}

/* The same draws in another order, nearer to their rows, so near that no exchange of two helps. */
static void check_transport(int n_rows)
{
    one_step *free_ = make_step("{\"type\": \"flow_matching\"}", 2, 0, false, 1);
    one_step *bound = make_step("{\"type\": \"flow_matching\", \"coupling\": \"optimal_transport\"}", 2, 0, false, 1);
    real x[2 * FLOW_TILE], z[2 * FLOW_TILE], moved[2 * FLOW_TILE];
    int n = (n_rows + FLOW_LANES - 1) / FLOW_LANES * FLOW_LANES;
    ends_of(free_, n_rows, x, z);
    ends_of(bound, n_rows, x, moved);
    bool taken[FLOW_TILE] = {false};
    for (int j = 0; j < n_rows; j++) {
        int k = 0;
        while (k < n_rows && (taken[k] || z[k] != moved[j] || z[n + k] != moved[n + j]))
            k++;
        ASSERT_LT(k, n_rows);
        taken[k] = true;
    }
    for (int j = 0; j < n_rows; j++)
        for (int k = 0; k < j; k++) {
            double gain = ((double)x[j] - (double)x[k]) * ((double)moved[k] - (double)moved[j]) +
                          ((double)x[n + j] - (double)x[n + k]) * ((double)moved[n + k] - (double)moved[n + j]);
            ASSERT_LT(gain, 1e-5);
        }
    if (n_rows == FLOW_TILE)
        ASSERT_LT(squared_distance(x, moved, n), 0.2 * squared_distance(x, z, n));
    free_step(free_);
    free_step(bound);
}

static void transport_is_near_and_moves_no_draw(void **state)
{
    (void)state;
    check_transport(FLOW_TILE);
    check_transport(43);
    check_transport(1);
}

/* ---- what is learned ---- */

/* Between normals that know nothing of each other, x ~ N(m, q^2) and z ~ N(0, 1), x_s and dx_s/ds are normal together:
 * the best velocity is their regression, linear in x_s, and the least loss is what that leaves over. */
typedef struct regression {
    double center, spread; /* of x_s */
    double offset, slope, left;
} regression;

static regression best_at(double s)
{
    double q2 = deviation * deviation, variance = s * s + (1 - s) * (1 - s) * q2, covariance = s - (1 - s) * q2;
    return (regression){.center = (1 - s) * mean,
                        .spread = sqrt(variance),
                        .offset = -mean,
                        .slope = covariance / variance,
                        .left = 1 + q2 - covariance * covariance / variance};
}

static double least_loss(void)
{
    enum { TIMES = 1000 };
    double sum = 0;
    for (int k = 0; k < TIMES; k++)
        sum += best_at((k + 0.5) / TIMES).left;
    return sum / TIMES;
}

/* Root of the mean squared error of the velocity over x_s, and s from 0.05 to 0.95. */
static double velocity_error(const subject *b)
{
    enum { TIMES = 19 };
    flow_error err;
    flow_workspace *ws;
    real at[2 * FLOW_TILE], v[FLOW_TILE];
    double sum = 0, weight = 0;
    assert_int_equal(flow_workspace_new(&ws, b->f, FLOW_TILE, false, &err), FLOW_OK);
    for (int k = 1; k <= TIMES; k++) {
        double s = (double)k / (TIMES + 1);
        regression best = best_at(s);
        for (int j = 0; j < FLOW_TILE; j++) {
            at[j] = (real)(best.center + best.spread * (6.0 * j / (FLOW_TILE - 1) - 3));
            at[FLOW_TILE + j] = (real)s;
        }
        flow_tile_velocity(b->f, flow_trainer_best(b->trainer), ws, FLOW_TILE, at, v);
        for (int j = 0; j < FLOW_TILE; j++) {
            double away = (double)at[j] - best.center, density = exp(-0.5 * pow(away / best.spread, 2));
            sum += density * pow((double)v[j] - best.offset - best.slope * away, 2);
            weight += density;
        }
    }
    flow_workspace_free(ws);
    return sqrt(sum / weight);
}

static void check_gaussian(const char *times)
{
    enum { N = 8000, HELD_OUT = 2000 };
    char train[400];
    flow_error err;
    flow_dataset *training = make_data(&gaussian, "t.csv", 1, N),
                 *held_out = make_data(&gaussian, "v.csv", 2, HELD_OUT);
    snprintf(train, sizeof train, "{\"objective\": {\"type\": \"flow_matching\", \"times\": \"%s\"}, \"epochs\": 40, "
             "\"optimizer\": {\"rate\": 0.01}, \"ema\": 0.99}", times);
    subject b = make(FIELD(), "", train, training, held_out, 2);
    start_and_run(&b);
    ASSERT_LT(velocity_error(&b), 0.12);
    int64_t n;
    const flow_epoch *history = flow_trainer_history(b.trainer, &n);
    if (strcmp(times, "uniform") == 0)
        ASSERT_NEAR(-history[n - 1].training, least_loss(), 0.04);
    double truth = 0;
    for (uint64_t r = 0; r < HELD_OUT; r++)
        truth -= 0.5 * pow(normal(2, r, 0), 2) + log(deviation * sqrt(2 * acos(-1.0)));
    flow_likelihood found;
    assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
    ASSERT_NEAR(truth / HELD_OUT - found.mean, 0, 0.01); /* KL(p || q), on the rows that chose the weights */
    subject_close(&b);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void normal_to_normal(void **state)
{
    (void)state;
    check_gaussian("uniform");
    check_gaussian("near_data");
}

/* ---- the same whatever the threads, and after a stop ---- */

static const char *const reflowing =
    "{\"objective\": {\"type\": \"rectified_flow\", \"reflow\": 2, \"pairs\": 333}, \"epochs\": 3, \"batch\": 100,"
    " \"ema\": 0.9, \"clip\": 1, \"optimizer\": \"adamw\","
    " \"schedule\": {\"type\": \"plateau\", \"patience\": 1, \"warmup\": 7}}";

static void check_threads(const set *kind, const char *more, const char *train)
{
    flow_dataset *training = make_data(kind, "t.csv", 1, 430), *held_out = make_data(kind, "v.csv", 2, 150);
    subject a = make(SCALED(FIELD()), more, train, training, held_out, 1);
    start_and_run(&a);
    for (int n_threads = 2; n_threads <= 4; n_threads += 2) {
        subject b = make(SCALED(FIELD()), more, train, training, held_out, n_threads);
        start_and_run(&b);
        subject_expect_same(&a, &b);
        subject_close(&b);
    }
    subject_close(&a);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void same_for_any_threads(void **state)
{
    (void)state;
    check_threads(&given, EMBEDDING, reflowing);
    check_threads(&heavy, "", "{\"objective\": \"flow_matching\", \"epochs\": 2}");
    check_threads(&lumps, "", "{\"objective\": {\"type\": \"flow_matching\", \"coupling\": \"optimal_transport\"}, "
                              "\"epochs\": 2}");
}

/* Stopped in the middle of rounds, at their ends, and while pairs are made; each time another trainer goes on. */
static void check_resuming(const set *kind, const char *more)
{
    flow_error err = {0};
    flow_dataset *training = make_data(kind, "t.csv", 1, 430), *held_out = make_data(kind, "v.csv", 2, 150);
    subject whole = make(SCALED(FIELD()), more, reflowing, training, held_out, 2);
    start_and_run(&whole);
    assert_int_equal(whole.steps, 3 * 5 + 2 * 3 * 4);
    assert_int_equal(flow_trainer_epochs(whole.trainer), 9);

    static const int64_t stretches[] = {1, 9, 5, 4, 6, 2, 100};
    subject part = make(SCALED(FIELD()), more, reflowing, training, held_out, 1);
    assert_int_equal(flow_trainer_start(part.trainer, &err), FLOW_OK);
    for (size_t k = 0; k < sizeof stretches / sizeof *stretches; k++) {
        part.stop_after = stretches[k];
        flow_status status = subject_try_run(&part, &err);
        if (status == FLOW_OK)
            break;
        assert_int_equal(status, FLOW_INTERRUPTED);
        subject next = make(SCALED(FIELD()), more, reflowing, training, held_out, 1 + (int)(k % 2));
        subject_copy_state(&next, &part);
        assert_int_equal(flow_trainer_restored(next.trainer, &err), FLOW_OK);
        subject_close(&part);
        part = next;
    }
    subject_expect_same(&whole, &part);
    subject_close(&whole);
    subject_close(&part);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

static void resumes_within_reflow(void **state)
{
    (void)state;
    check_resuming(&flat, "");
    check_resuming(&given, EMBEDDING);
}

/* ---- reflow ---- */

/* Mean distance between where one step of Euler's takes latents and where they belong. */
static double bend(const subject *b)
{
    enum { TILES = 8 };
    flow_error err;
    flow_workspace *ws;
    const real *weights = flow_trainer_best(b->trainer), *x;
    static real at[3 * FLOW_TILE], v[2 * FLOW_TILE];
    double sum = 0;
    assert_int_equal(flow_workspace_new(&ws, b->f, FLOW_TILE, false, &err), FLOW_OK);
    for (uint64_t t = 0; t < TILES; t++) {
        flow_tile_draw(b->f, weights, ws, FLOW_TILE, 99, t * FLOW_TILE, 1);
        memcpy(at, ws->a, 2 * FLOW_TILE * sizeof *at);
        for (int j = 0; j < FLOW_TILE; j++)
            at[2 * FLOW_TILE + j] = 1;
        flow_tile_velocity(b->f, weights, ws, FLOW_TILE, at, v);
        flow_tile_blocks_to_data(b->f, weights, ws, FLOW_TILE, &x);
        for (int j = 0; j < FLOW_TILE; j++)
            sum += hypot((double)at[j] - (double)v[j] - (double)x[j],
                         (double)at[FLOW_TILE + j] - (double)v[FLOW_TILE + j] - (double)x[FLOW_TILE + j]);
    }
    flow_workspace_free(ws);
    return sum / (TILES * FLOW_TILE);
}

static void reflow_straightens(void **state)
{
    (void)state;
    enum { HELD_OUT = 1000 };
    static const char *const train[] = {
        "{\"objective\": \"rectified_flow\", \"epochs\": 40, \"optimizer\": {\"rate\": 0.01}, \"ema\": 0.99}",
        "{\"objective\": {\"type\": \"rectified_flow\", \"reflow\": 1}, \"epochs\": 40, "
        "\"optimizer\": {\"rate\": 0.01}, \"ema\": 0.99}"};
    flow_dataset *training = make_data(&flat, "t.csv", 1, 3000), *held_out = make_data(&flat, "v.csv", 2, HELD_OUT);
    double bends[2], likelihoods[2];
    for (int k = 0; k < 2; k++) {
        flow_error err;
        flow_likelihood found;
        subject b = make(SCALED(FIELD()), "", train[k], training, held_out, 2);
        start_and_run(&b);
        bends[k] = bend(&b);
        assert_int_equal(flow_evaluate(&found, b.f, flow_trainer_best(b.trainer), held_out, 2, &err), FLOW_OK);
        likelihoods[k] = found.mean;
        int64_t n;
        flow_trainer_history(b.trainer, &n);
        assert_true(k == 0 || flow_trainer_best_epoch(b.trainer) > n - 40); /* of the last round */
        subject_close(&b);
    }
    ASSERT_LT(bends[1], 0.4 * bends[0]);
    ASSERT_GT(likelihoods[1], likelihoods[0] - 0.1);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
}

/* A solver that may take one step gets nowhere. */
static void pairs_that_cannot_be_made(void **state)
{
    (void)state;
    subject b;
    flow_error err = {0};
    make_flow(&b, FIELD(", \"solver\": {\"type\": \"dopri5\", \"max_steps\": 1}"), "", "{}", 2, 0);
    real *weights = flow_alloc_aligned(b.f->params.n_weights, sizeof *weights);
    for (size_t k = 0; k < b.f->params.n_weights; k++)
        weights[k] = (real)(3 * normal(4, k, 0));
    flow_source *source;
    assert_int_equal(flow_source_pairs(&source, b.f, NULL, 200, 100, 1, 2, &err), FLOW_OK);
    const flow_train_hooks hooks = {0};
    const flow_pair_request request = {weights, 1, 0};
    int64_t n_failed;
    assert_int_equal(flow_source_pairs_make(source, &request, &n_failed, &hooks, &err), FLOW_NUMERIC);
    assert_non_null(strstr(err.message, "none of 200 latents"));
    source->type->free(source);
    flow_free_aligned(weights);
    subject_close(&b);
}

/* ---- what is refused ---- */

static void expect_refusal(const set *kind, const char *maps, const char *more, const char *objective, const char *part)
{
    char train[200];
    flow_error err = {0};
    subject b;
    flow_dataset *training = make_data(kind, "t.csv", 1, 100);
    snprintf(train, sizeof train, "{\"objective\": %s}", objective);
    make_flow_for(&b, maps, more, train, training);
    assert_int_equal(subject_try_trainer(&b, &err, training, NULL, 1), FLOW_SPEC);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, err.message);
    subject_close(&b);
    flow_dataset_close(training);
}

static void refusals(void **state)
{
    (void)state;
#define TRANSPORT "{\"type\": \"flow_matching\", \"coupling\": \"optimal_transport\"}"
    expect_refusal(&flat, "\"standardize\"", "", "\"flow_matching\"", "train.objective: \"flow_matching\" trains");
    expect_refusal(&flat, SCALED("\"coupling\""), "", "\"rectified_flow\"", "1.coupling has none; leave that");
    expect_refusal(&flat, SCALED(FIELD()) ", \"coupling\"", "", "\"flow_matching\"", "2.coupling has none");
    expect_refusal(&flat, SCALED(FIELD(", \"repeat\": 2")), "", "\"flow_matching\"", "what 2.ffjord should start from");
    expect_refusal(&flat, SCALED(FIELD()), "\"base\": \"mixture\", ", "\"flow_matching\"", "base: \"mixture\" has");
    expect_refusal(&given, SCALED(FIELD()), "", TRANSPORT, "train.objective.coupling: with data.context");
    expect_refusal(&heavy, SCALED(FIELD()), "", TRANSPORT, "train.objective.coupling: with data.weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_by_differences),
        cmocka_unit_test(loss_of_a_field_at_rest),
        cmocka_unit_test(culprit_is_named),
        cmocka_unit_test(transport_is_near_and_moves_no_draw),
        cmocka_unit_test(normal_to_normal),
        cmocka_unit_test(same_for_any_threads),
        cmocka_unit_test(resumes_within_reflow),
        cmocka_unit_test(reflow_straightens),
        cmocka_unit_test(pairs_that_cannot_be_made),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
