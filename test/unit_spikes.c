/* Spikes of the column map "support": values of probability of their own. The opened line, total probability, samples,
 * and a known distribution that a flow learns. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/column/spikes.h"
#include "num/rng.h"
#include "values.h"

static const char *const names[] = {"rain", "c"};

static double uniform(uint64_t row, uint32_t column)
{
    return flow_rng_uniform(23, FLOW_STREAM_OTHER, row, column);
}

static double normal(uint64_t row, uint32_t column)
{
    return sqrt(-2 * log(uniform(row, column))) * cos(2 * acos(-1.0) * uniform(row, column + 100));
}

/* ---- the opened line ---- */

static const struct {
    double lower, upper;
    flow_number_list at;
} lines[] = {
    {-INFINITY, INFINITY, {1, {0}}},
    {0, INFINITY, {1, {0}}},
    {-INFINITY, 5, {1, {5}}},
    {0, 1, {2, {1, 0}}},
    {0, 1, {3, {0.3, 0, 1}}},
    {-1e6, 1e6, {3, {1e5, -1e6, 0.1}}},
    {-INFINITY, INFINITY, {3, {3, 1, 2}}},
    {125, 126, {2, {125, 125.5}}},
};

enum { N_LINES = sizeof lines / sizeof *lines };

static void values_come_back(void **state)
{
    (void)state;
    for (int l = 0; l < N_LINES; l++) {
        flow_spikes s;
        flow_error err;
        double widths[3], log_width, sample[600];
        assert_int_equal(flow_spikes_set(&s, &lines[l].at, lines[l].lower, lines[l].upper, "x", &err), FLOW_OK);
        double from = fmax(lines[l].lower, -20), to = fmin(lines[l].upper, from + 40);
        for (int j = 0; j < 600; j++)
            sample[j] = j % 3 == 0 ? s.at[j % s.n] : from + (to - from) * uniform((uint64_t)j, 1);
        flow_spikes_set_widths(&s, widths);
        assert_true(flow_spikes_check(&s, widths));
        assert_int_equal(flow_spikes_fit(&s, sample, 600, 1, widths, &err), FLOW_OK);
        assert_true(flow_spikes_check(&s, widths));
        double low = lines[l].lower - flow_spikes_below(&s, widths),
               high = lines[l].upper + flow_spikes_above(&s, widths);
        /* what is between comes back, in its order and not in a strip */
        double last = -INFINITY;
        for (int j = 0; j <= 1000; j++) {
            double x = from + (to - from) * (j + 0.4321) / 1001,
                   opened = flow_spikes_open(&s, widths, x, 0.5, &log_width);
            ASSERT_EQ(log_width, 0);
            ASSERT_GT(opened, last);
            assert_true(opened >= low && opened <= high);
            ASSERT_NEAR(flow_spikes_close(&s, widths, opened), x, 1e-15 * (fabs(x) + widths[0] * 8));
            last = opened;
        }
        /* the whole of a strip is the spike, to the last digit, and nothing beside it */
        for (int k = 0; k < s.n; k++) {
            double least = INFINITY, most = -INFINITY, total = 0;
            enum { PLACES = 4000 };
            for (int j = 0; j < PLACES; j++) {
                double u = (j + 0.5) / PLACES, h = 0.2 / PLACES, logs[3], at[3];
                for (int i = 0; i < 3; i++)
                    at[i] = flow_spikes_open(&s, widths, s.at[k], u + (i - 1) * h, &logs[i]);
                ASSERT_EQ(flow_spikes_close(&s, widths, at[1]), s.at[k]);
                assert_true(at[1] >= low && at[1] <= high);
                /* the density of the noise, which log_width says the inverse of */
                ASSERT_NEAR(log(fabs(at[2] - at[0]) / (2 * h)), logs[1],
                            2e-3 + 1e-12 * fabs(s.at[k]) / (widths[k] * h));
                least = fmin(least, at[1]);
                most = fmax(most, at[1]);
                total += exp(logs[1]) / PLACES;
            }
            /* from one end to the other */
            ASSERT_LT(most - least, widths[k]);
            ASSERT_GT(most - least, 0.95 * widths[k]);
            ASSERT_NEAR(total, widths[k], 0.02 * widths[k]);
            static const double ends[] = {1e-300, DBL_EPSILON, 1 - DBL_EPSILON / 2};
            for (int e = 0; e < 3; e++) {
                double at = flow_spikes_open(&s, widths, s.at[k], ends[e], &log_width);
                ASSERT_EQ(flow_spikes_close(&s, widths, at), s.at[k]);
                assert_true(isfinite(log_width));
            }
        }
    }
}

/* Without other rows the strips share the span of the spikes, whatever its scale is. */
static void rows_that_are_all_spikes(void **state)
{
    (void)state;
    static const double scales[] = {1e-8, 1, 1e9};
    for (int k = 0; k < 3; k++) {
        flow_spikes s;
        double widths[3], c = scales[k];
        const double values[] = {0, c, 0, 4 * c, c, 0, 0, c};
        assert_int_equal(flow_spikes_set(&s, &(flow_number_list){3, {c, 0, 4 * c}}, 0, 4 * c, "x", NULL), FLOW_OK);
        assert_int_equal(flow_spikes_fit(&s, values, 8, 1, widths, NULL), FLOW_OK);
        assert_true(flow_spikes_check(&s, widths));
        ASSERT_NEAR(widths[0], 2 * c, 1e-12 * c);
        ASSERT_NEAR(widths[1], 1.5 * c, 1e-12 * c);
        ASSERT_NEAR(widths[2], 0.5 * c, 1e-12 * c);
    }
    flow_spikes s;
    double width;
    assert_int_equal(flow_spikes_set(&s, &(flow_number_list){1, {7}}, -INFINITY, INFINITY, "x", NULL), FLOW_OK);
    assert_int_equal(flow_spikes_fit(&s, (double[]){7, 7}, 2, 1, &width, NULL), FLOW_OK);
    assert_true(flow_spikes_check(&s, &width));
}

/* ---- a flow ---- */

/* With weights far from the identity. The rows are `last` with a probability of 0.1, 0 with 0.3, and exp(normal) else;
 * c is normal. */
static void open_flow(subject *s, int dim, const char *rule, double last, const char *behind)
{
    enum { N = 2000 };
    static double rows[2 * N];
    flow_error err = {0};
    subject_open(s, (subject_shape){.dim = dim, .columns = names, .seed = 1},
                 "{\"flow\": [{\"type\": \"support\", \"columns\": {\"rain\": %s}}, %s]}", rule, behind);
    subject_init_weights(s, 1);
    subject_scatter_weights(s, 0.3, 5, 0);
    for (uint64_t r = 0; r < N; r++) {
        double u = uniform(r, 1);
        rows[r * (uint64_t)dim] = u < 0.1 ? last : u < 0.4 ? 0 : fmin(exp(normal(r, 2)), 999);
        if (dim > 1)
            rows[r * 2 + 1] = normal(r, 3);
    }
    if (flow_fit(s->f, s->weights, rows, N, names, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    subject_workspace(s, FLOW_TILE, false);
}

typedef struct case_of_rules {
    const char *json;
    flow_number_list spikes;
    double lower, upper, most; /* the values between are integrated up to here */
    bool two_sided;
} case_of_rules;

static const case_of_rules rules[] = {
    {"{\"lower\": 0, \"spikes\": [0]}", {1, {0}}, 0, INFINITY, 1e8, false},
    {"{\"lower\": 0, \"spikes\": [0, 1.5]}", {2, {0, 1.5}}, 0, INFINITY, 1e8, false},
    {"{\"lower\": 0, \"upper\": 1000, \"spikes\": [0, 1000]}", {2, {0, 1000}}, 0, 1000, 1000, false},
    {"{\"spikes\": [0]}", {1, {0}}, -INFINITY, INFINITY, 100, true},
};

enum { N_RULES = sizeof rules / sizeof *rules, TILE = FLOW_TILE };

static const double *widths_of(const subject *s)
{
    for (int e = 0; e < s->f->params.n_entries; e++)
        if (strcmp(s->f->params.entries[e].name, "0.support/widths") == 0)
            return s->f->params.fitted + s->f->params.entries[e].offset;
    fail();
    return NULL;
}

/* The densities of a tile of rows (x[j], c): of places of the opened line, or of values to which noise is added. */
static void densities_of(const subject *s, int dim, flow_noise noise, const double *x, double c, double *p)
{
    const real *z;
    for (int j = 0; j < TILE; j++) {
        s->ws->x[j] = x[j];
        if (dim > 1)
            s->ws->x[TILE + j] = c;
    }
    s->ws->noise = noise;
    flow_tile_logp(s->f, s->weights, s->ws, TILE, p, &z);
    for (int j = 0; j < TILE; j++)
        p[j] = exp(p[j]);
}

/* The integral of the density over a strip, at equal steps of the logarithm of the distance from the outer end where
 * that is beyond a bound. */
static double strip_integral(const subject *s, const flow_spikes *spikes, int k, int dim, double c)
{
    const double *widths = widths_of(s);
    double begin = spikes->at[k] - flow_spikes_below(spikes, widths), sum = 0, x[TILE], step[TILE], p[TILE];
    bool below = k == 0 && spikes->on_lower, above = k == spikes->n - 1 && spikes->on_upper;
    for (int i = 0; i < k; i++)
        begin += widths[i];
    for (int first = 0; first < 8 * TILE; first += TILE) {
        for (int j = 0; j < TILE; j++) {
            double t = (first + j + 0.5) / (8 * TILE), place = below || above ? exp(40 * (t - 1)) : t;
            x[j] = above ? begin + widths[k] * (1 - place) : begin + widths[k] * place;
            step[j] = widths[k] / (8 * TILE) * (below || above ? 40 * place : 1);
        }
        densities_of(s, dim, (flow_noise){0}, x, c, p);
        for (int j = 0; j < TILE; j++)
            sum += p[j] * step[j];
    }
    return sum;
}

/* The integral over the values between, at equal steps of their logarithm. */
static double integral_between(const subject *s, const case_of_rules *rule, int dim, double c)
{
    double sum = 0, x[TILE], p[TILE], first_log = -25, dt = (log(rule->most) + 25) / (32 * TILE);
    for (int side = rule->two_sided ? -1 : 1; side <= 1; side += 2) {
        for (int first = 0; first < 32 * TILE; first += TILE) {
            for (int j = 0; j < TILE; j++)
                x[j] = side * exp(first_log + (first + j + 0.5) * dt);
            densities_of(s, dim, flow_noise_of_draw(0), x, c, p);
            for (int j = 0; j < TILE; j++)
                sum += p[j] * fabs(x[j]) * dt;
        }
    }
    return sum;
}

/* The integral of the density over the values between, with the integrals over the strips, is one; these are what the
 * noise estimates, and what draws show. */
static void total_probability_is_one(void **state)
{
    (void)state;
    enum { DRAWS = 20000, TILES = 100, OTHERS = 100 };
    static double drawn[2 * DRAWS];
    for (int k = 0; k < N_RULES; k++) {
        for (int dim = 1; dim <= 2; dim++) {
            subject s;
            flow_runner *runner;
            flow_spikes spikes;
            open_flow(&s, dim, rules[k].json, rules[k].spikes.at[rules[k].spikes.n - 1],
                      dim == 1 ? "\"standardize\", \"actnorm\""
                               : "\"standardize\", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": "
                                 "[8], \"activation\": \"tanh\"}");
            assert_int_equal(flow_spikes_set(&spikes, &rules[k].spikes, rules[k].lower, rules[k].upper, "", NULL),
                             FLOW_OK);
            assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
            double between = 0, at_spikes = 0, wide = 24;
            for (int o = 0; o < (dim == 1 ? 1 : OTHERS); o++) {
                double c = dim == 1 ? 0 : wide * ((o + 0.5) / OTHERS - 0.5), dc = dim == 1 ? 1 : wide / OTHERS;
                between += integral_between(&s, &rules[k], dim, c) * dc;
                for (int i = 0; i < spikes.n; i++)
                    at_spikes += strip_integral(&s, &spikes, i, dim, c) * dc;
            }
            print_message("           %s of %d: %.4f between, %.4f at spikes\n", rules[k].json, dim, between,
                          at_spikes);
            ASSERT_GT(at_spikes, 0.01);
            ASSERT_NEAR(between + at_spikes, 1, 0.002);
            /* the noise estimates it without bias */
            for (int i = 0; i < spikes.n; i++) {
                double x[TILE], p[TILE], estimate = 0, integral = strip_integral(&s, &spikes, i, dim, 0.3);
                for (int j = 0; j < TILE; j++)
                    x[j] = spikes.at[i];
                for (int t = 0; t < TILES; t++) {
                    const flow_noise noise = {FLOW_NOISE_OF_PLACE, .seed = 9, .first_row = (uint64_t)t * TILE};
                    densities_of(&s, dim, noise, x, 0.3, p);
                    for (int j = 0; j < TILE; j++)
                        estimate += p[j] / (TILES * TILE);
                }
                ASSERT_NEAR(estimate, integral, 0.05 * integral + 1e-6);
            }
            flow_rows_sample(runner, 3, 0, DRAWS, 1, NULL, drawn, NULL, NULL);
            double hits = 0;
            for (int j = 0; j < DRAWS; j++) {
                flow_error err;
                for (int i = 0; i < spikes.n; i++)
                    hits += drawn[j * dim] == spikes.at[i];
                if (flow_check_row(s.f, drawn + j * dim, &err) != FLOW_OK)
                    fail_msg("%s", err.message);
            }
            ASSERT_NEAR(hits / DRAWS, at_spikes, 0.012);
            flow_runner_free(runner);
            subject_close(&s);
        }
    }
}

static void latents_come_back_as_the_value(void **state)
{
    (void)state;
    subject s;
    open_flow(&s, 2, rules[1].json, 1.5, "\"asinh\", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": [8]}");
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, s.weights, 1, NULL), FLOW_OK);
    static const double rows[] = {0, 1, 1.5, 0, 0, -0.5, 0.25, 0.3, (double)1e-3f, 1, 1.5, 2};
    double z[12], back[12], logp[6], missed[12];
    flow_rows_round_trip(runner, FLOW_TO_LATENT, rows, 6, z, NULL, missed);
    flow_rows_to_data(runner, z, 6, back, NULL);
    for (int j = 0; j < 6; j++) {
        bool is_spike = rows[2 * j] == 0 || rows[2 * j] == 1.5;
        if (is_spike)
            ASSERT_EQ(back[2 * j], rows[2 * j]);
        ASSERT_NEAR(back[2 * j], rows[2 * j], 1e-4);
        ASSERT_NEAR(missed[2 * j], 0, 1e-4);
    }
    /* outside of the bounds is nothing, although the opened line has a strip there */
    static const double outside[] = {-0.001, 0, -1e9, 0};
    flow_rows_logp(runner, outside, 2, logp);
    ASSERT_EQ(logp[0], -INFINITY);
    ASSERT_EQ(logp[1], -INFINITY);
    /* a value does not depend on the rows beside it */
    double alone;
    flow_rows_logp(runner, rows, 6, logp);
    flow_rows_logp(runner, rows + 4, 1, &alone);
    ASSERT_EQ(alone, logp[2]);
    /* numbers from a file that cannot be */
    flow_error err;
    assert_int_equal(flow_check(s.f, &err), FLOW_OK);
    for (int e = 0; e < s.f->params.n_entries; e++)
        if (strcmp(s.f->params.entries[e].name, "0.support/widths") == 0)
            s.f->params.fitted[s.f->params.entries[e].offset] = 0;
    assert_int_equal(flow_check(s.f, &err), FLOW_FORMAT);
    flow_runner_free(runner);
    subject_close(&s);
}

static void values_in_single_precision(void **state)
{
    (void)state;
    flow_spikes s;
    double widths[1], log_width;
    assert_int_equal(flow_spikes_set(&s, &(flow_number_list){1, {0.1}}, -INFINITY, INFINITY, "x", NULL), FLOW_OK);
    widths[0] = 2;
    double at = flow_spikes_open(&s, widths, (double)0.1f, 0.5, &log_width);
    ASSERT_EQ(flow_spikes_close(&s, widths, at), 0.1);
    ASSERT_NEAR(log_width, log(2.0), 1e-15);
}

/* ---- learned ---- */

enum { N_TRAINING = 8000, N_HELD_OUT = 4000 };

/* c is normal; the column is 0 with the probability 1 / (1 + exp(-2 c)), else log-normal around c / 2. */
static void make_rows(double *rows, uint64_t first, size_t n)
{
    for (size_t r = 0; r < n; r++) {
        double c = normal(first + r, 3);
        rows[2 * r] = uniform(first + r, 1) < 1 / (1 + exp(-2 * c)) ? 0 : exp(c / 2 + 0.7 * normal(first + r, 2));
        rows[2 * r + 1] = c;
    }
}

static double log_normal_density(double z)
{
    return -0.5 * z * z - 0.5 * log(2 * acos(-1.0));
}

static double true_logp(const double *row)
{
    double c = row[1], t = log(row[0]), zero = -log1p(exp(-2 * c)), other = -log1p(exp(2 * c));
    return log_normal_density(c) + (row[0] == 0 ? zero : other + log_normal_density((t - c / 2) / 0.7) - log(0.7) - t);
}

static void a_flow_learns_probabilities(void **state)
{
    (void)state;
    static double rows[2 * N_TRAINING], held_out[2 * N_HELD_OUT], logp[N_HELD_OUT];
    make_rows(rows, 0, N_TRAINING);
    make_rows(held_out, 1000000, N_HELD_OUT);
    flow_dataset *training = make_dataset("training.h5", names, 2, rows, N_TRAINING, NULL);
    flow_dataset *validation = make_dataset("held_out.h5", names, 2, held_out, N_HELD_OUT, NULL);
    subject s;
    subject_open(
        &s, (subject_shape){.dim = 2, .columns = names, .seed = 1},
        "{\"flow\": [{\"type\": \"support\", \"columns\": {\"rain\": {\"lower\": 0, \"spikes\": [0]}}}, "
        "\"standardize\", {\"type\": \"nsf_ar\", \"repeat\": 2, \"hidden\": [32]}], \"train\": {\"epochs\": 25, "
        "\"optimizer\": {\"rate\": 0.004}}}");
    subject_start(&s, training, validation, 1);
    subject_run(&s);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, s.f, flow_trainer_best(s.trainer), 1, NULL), FLOW_OK);
    flow_rows_logp(runner, held_out, N_HELD_OUT, logp);
    double divergence = 0, of_zeros = 0, zeros = 0;
    for (int r = 0; r < N_HELD_OUT; r++) {
        double difference = true_logp(held_out + 2 * r) - logp[r];
        divergence += difference / N_HELD_OUT;
        zeros += held_out[2 * r] == 0;
        of_zeros += held_out[2 * r] == 0 ? difference : 0;
    }
    print_message("           divergence %.4f nats, of zeros %.4f\n", divergence, of_zeros / zeros);
    ASSERT_LT(divergence, 0.06);
    ASSERT_LT(fabs(of_zeros / zeros), 0.1);
    flow_runner_free(runner);
    flow_dataset_close(training);
    flow_dataset_close(validation);
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(rows_that_are_all_spikes),
        cmocka_unit_test(total_probability_is_one),
        cmocka_unit_test(latents_come_back_as_the_value),
        cmocka_unit_test(values_in_single_precision),
        cmocka_unit_test(a_flow_learns_probabilities),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
