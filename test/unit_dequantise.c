/* Variational dequantisation: it starts as uniform noise, tightens the bound of the log-probability without exceeding
 * it, keeps every pixel, and stands behind `pixels` alone.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/noise.h"
#include "num/rng.h"
#include "values.h"

static const bool is_double = sizeof(real) == sizeof(double);

/* Images of two pixels with four levels, as often as these counts say. */
enum { LEVELS = 4, STEP = 64, ROWS = 160 };
static const int counts[LEVELS][LEVELS] = {{52, 8, 2, 1}, {6, 3, 12, 2}, {1, 14, 2, 5}, {2, 1, 9, 40}};
static const flow_shape shape = {2, 1, 1};

static void make_rows(double *rows)
{
    double *row = rows;
    for (int a = 0; a < LEVELS; a++)
        for (int b = 0; b < LEVELS; b++)
            for (int k = 0; k < counts[a][b]; k++, row += 2)
                row[0] = a * STEP, row[1] = b * STEP;
    assert_int_equal(row - rows, 2 * ROWS);
}

static double log_likelihood_of_counts(void)
{
    double sum = 0;
    for (int a = 0; a < LEVELS; a++)
        for (int b = 0; b < LEVELS; b++)
            sum += counts[a][b] * log((double)counts[a][b] / ROWS) / ROWS;
    return sum;
}

static void open_flow(subject *s, const char *block)
{
    subject_open(s, (subject_shape){.dim = 2, .image = shape, .seed = 3},
                 "{\"flow\": [{\"type\": \"pixels\", \"levels\": 4}, %s\"actnorm\","
                 "           {\"type\": \"coupling\", \"mask\": \"checkerboard\", \"hidden\": [8], \"repeat\": 2}],"
                 " \"train\": {\"epochs\": 400, \"batch\": 160, \"optimizer\": {\"rate\": 0.01}}}",
                 block);
}

/* The mean log-density of all rows over many draws of the noise. */
static double bound(const flow *f, const real *weights, const double *rows)
{
    enum { TILE = 32, DRAWS = 60 };
    flow_error err = {0};
    flow_workspace *ws;
    double logp[TILE], sum = 0;
    if (flow_workspace_new(&ws, f, TILE, false, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    for (int draw = 0; draw < DRAWS; draw++) {
        for (int first = 0; first < ROWS; first += TILE) {
            int n = flow_tile_load(f, ws, rows + 2 * first, TILE);
            ws->noise =
                (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .seed = 11, .first_row = (uint64_t)(draw * ROWS + first)};
            flow_tile_logp(f, weights, ws, n, logp, NULL);
            for (int j = 0; j < TILE; j++)
                sum += logp[j];
        }
    }
    flow_workspace_free(ws);
    return sum / (DRAWS * ROWS);
}

static double trained_bound(const char *block, const double *rows)
{
    subject s;
    open_flow(&s, block);
    flow_dataset *data = make_dataset("rows.csv", (const char *const[]){"a", "b"}, 2, rows, ROWS, NULL);
    subject_start(&s, data, NULL, 1);
    subject_run(&s);
    double reached = bound(s.f, flow_trainer_best(s.trainer), rows);
    subject_close(&s);
    flow_dataset_close(data);
    return reached;
}

static void the_bound_is_lifted_and_stays_one(void **state)
{
    (void)state;
    double rows[2 * ROWS];
    make_rows(rows);
    double uniform = trained_bound("", rows),
           lifted = trained_bound("{\"type\": \"dequantise\", \"hidden\": [8]},", rows);
    double most = log_likelihood_of_counts();
    print_message("uniform %.4f, trained noise %.4f, log-likelihood %.4f\n", uniform, lifted, most);
    ASSERT_GT(lifted, uniform + 0.05);
    ASSERT_LT(lifted, most);
}

static void it_starts_as_uniform_noise(void **state)
{
    (void)state;
    double rows[2 * ROWS], values[2];
    make_rows(rows);
    for (int k = 0; k < 2; k++) {
        subject s;
        open_flow(&s, k == 0 ? "" : "\"dequantise\",");
        subject_init_weights(&s, 3);
        values[k] = bound(s.f, s.weights, rows);
        subject_close(&s);
    }
    ASSERT_NEAR(values[1], values[0], is_double ? 1e-10 : 1e-4);
}

static void every_pixel_comes_back(void **state)
{
    (void)state;
    enum { SIDE = 6, N = 200, VALUES = SIDE * SIDE * N };
    static double rows[VALUES], z[VALUES], back[VALUES];
    for (size_t k = 0; k < VALUES; k++)
        rows[k] = (double)(int)(256 * flow_rng_uniform(5, FLOW_STREAM_OTHER, k, 0));
    for (int map = 0; map < 2; map++) {
        subject s;
        flow_runner *runner;
        subject_open(
            &s, (subject_shape){.dim = SIDE * SIDE, .image = {SIDE, SIDE, 1}, .seed = 3},
            "{\"flow\": [{\"type\": \"pixels\", \"map\": \"%s\"}, {\"type\": \"dequantise\", \"hidden\": [8]},"
            "           {\"type\": \"coupling\", \"mask\": \"checkerboard\", \"repeat\": 6, \"hidden\": [8]}]}",
            map == 0 ? "logit" : "scale");
        subject_scatter_weights(&s, 0.3, 5, 1); /* noise far out in the cells, and rounding behind it */
        assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
        flow_rows_to_latent(runner, rows, N, z, NULL);
        flow_rows_to_data(runner, z, N, back, NULL);
        assert_memory_equal(back, rows, sizeof rows);
        flow_runner_free(runner);
        subject_close(&s);
    }
}

static void expect_refusal(const char *blocks, const char *place)
{
    subject s;
    flow_error err = {0};
    char message[200];
    snprintf(message, sizeof message,
             "%s: \"dequantise\" shapes the noise of \"pixels\", and stands directly behind it", place);
    assert_int_equal(
        subject_try(&s, &err, (subject_shape){.dim = 2, .image = shape, .seed = 3}, "{\"flow\": [%s]}", blocks),
        FLOW_SPEC);
    assert_string_equal(err.message, message);
    subject_close(&s);
}

static void it_stands_behind_pixels(void **state)
{
    (void)state;
    expect_refusal("\"dequantise\"", "flow[0]");
    expect_refusal("\"pixels\", \"standardize\", \"dequantise\"", "flow[2]");
    expect_refusal("\"pixels\", \"actnorm\", \"dequantise\"", "flow[2]");
    expect_refusal("\"pixels\", \"dequantise\", \"dequantise\"", "flow[2]");
    expect_refusal("\"pixels\", {\"type\": \"repeat\", \"times\": 1, \"flow\": [\"dequantise\"]}", "flow[1].flow[0]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_is_lifted_and_stays_one),
        cmocka_unit_test(it_starts_as_uniform_noise),
        cmocka_unit_test(every_pixel_comes_back),
        cmocka_unit_test(it_stands_behind_pixels),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
