/* Batch normalization beyond the contract of all blocks (contract_block.c): its map against the equation of the papers,
 * its first mean and variance, and how these follow batches, against the mean and variance of all rows it was ever
 * shown, each with the weight that is left of it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "harness.h"
#include "values.h"
#include "num/rng.h"

enum { D = 3, N = 32, TILES = 3 };

static double slack(double in_double, double in_float)
{
    return sizeof(real) == sizeof(double) ? in_double : in_float;
}

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(31, FLOW_STREAM_OTHER, row, column) - 1;
}

/* Dimensions of very different place and width, skewed; no row is further out than 1.4 deviations. */
static double value_of(uint64_t row, int i)
{
    static const double place[D] = {0.3, -40, 5}, width[D] = {1, 0.02, 30};
    double u = uniform(row, (uint32_t)i);
    return place[i] + width[i] * (u < 0.1 ? -1 + 0.1 * u : 1 + 0.2 * u);
}

typedef struct norm {
    subject made;
    double *mean, *variance; /* (D), among the fitted values */
    flow_workspace *tiles[TILES];
    double weight[TILES][N];
} norm;

static void start(norm *b, const char *json)
{
    flow_error err;
    *b = (norm){0};
    subject_open(&b->made, (subject_shape){.dim = D, .seed = 1}, "{\"flow\": %s}", json);
    assert_int_equal(b->made.f->n_blocks, 1);
    const flow_param *last = &b->made.f->params.entries[b->made.f->params.n_entries - 1];
    assert_non_null(strstr(last->name, "batchnorm/variance"));
    b->variance = b->made.f->params.fitted + last->offset;
    b->mean = b->variance - last->cols;
    b->made.weights = flow_alloc_aligned(b->made.f->params.n_weights, sizeof *b->made.weights);
    for (int t = 0; t < TILES; t++)
        assert_int_equal(flow_workspace_new(&b->tiles[t], b->made.f, N, true, &err), FLOW_OK);
}

static void end(norm *b)
{
    for (int t = 0; t < TILES; t++)
        flow_workspace_free(b->tiles[t]);
    subject_close(&b->made);
}

/* Takes rows first ... first + n - 1 of all through tile t. The padding holds numbers that must not count. */
static void load(norm *s, int t, uint64_t first, int n, const double *weights)
{
    const real *z;
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < D; i++)
            s->tiles[t]->x[i * N + j] = j < n ? value_of(first + (uint64_t)j, i) : 1e5;
        s->weight[t][j] = j >= n ? 0 : weights != NULL ? weights[j] : 1;
    }
    flow_tile_to_latent(s->made.f, s->made.weights, s->tiles[t], N, &z);
}

static void observe(norm *s, int n_tiles, double share)
{
    flow_stats_tile tiles[TILES];
    const flow_block *block = s->made.f->blocks[0];
    for (int t = 0; t < n_tiles; t++)
        tiles[t] = (flow_stats_tile){N, s->weight[t], s->tiles[t]->scratch[block->index]};
    double sums[1 + 2 * D] = {0};
    assert_true(block->type->batch_sums_size(block->state) <= 1 + 2 * D);
    block->type->add_batch_sums(block->state, tiles, n_tiles, sums);
    block->type->follow_batch(block->state, sums, share, s->made.f->params.fitted);
}

/* ------------------------------------------------------------------ the map */

static void the_equation_of_the_papers(void **state)
{
    (void)state;
    norm s;
    start(&s, "[{\"type\": \"batchnorm\", \"epsilon\": 0.25}]");
    double mean[D] = {0.5, -2, 30}, variance[D] = {2, 0, 100}, log_gamma[D] = {0.3, -0.2, 1}, beta[D] = {0, 4, -1};
    double log_det = 0;
    for (int i = 0; i < D; i++) {
        s.mean[i] = mean[i];
        s.variance[i] = variance[i];
        s.made.weights[s.made.f->params.entries[0].offset + (size_t)i] = (real)log_gamma[i];
        s.made.weights[s.made.f->params.entries[1].offset + (size_t)i] = (real)beta[i];
        log_det += (double)(real)log_gamma[i] - 0.5 * log(variance[i] + 0.25);
    }
    load(&s, 0, 0, N, NULL);
    const real *z;
    for (int j = 0; j < N; j++)
        for (int i = 0; i < D; i++)
            s.tiles[0]->x[i * N + j] = value_of((uint64_t)j, i);
    flow_tile_to_latent(s.made.f, s.made.weights, s.tiles[0], N, &z);
    for (int j = 0; j < N; j++) {
        ASSERT_NEAR(s.tiles[0]->logdet[j], log_det, 1e-12);
        for (int i = 0; i < D; i++) {
            double expected =
                exp(log_gamma[i]) * (value_of((uint64_t)j, i) - mean[i]) / sqrt(variance[i] + 0.25) + beta[i];
            ASSERT_NEAR(z[i * N + j], expected, slack(1e-13, 1e-6) * (1 + fabs(value_of((uint64_t)j, i) - mean[i])));
        }
    }
    end(&s);
}

static void the_first_mean_and_variance(void **state)
{
    (void)state;
    norm s;
    flow_error err;
    start(&s, "[\"batchnorm\"]");
    for (int i = 0; i < D; i++)
        assert_true(s.mean[i] == 0 && s.variance[i] == 1);
    enum { ROWS = 320 };
    double rows[ROWS * D], column[ROWS];
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            rows[r * D + i] = value_of((uint64_t)r, i);
    assert_int_equal(flow_fit(s.made.f, s.made.weights, rows, ROWS, NULL, &err), FLOW_OK);
    for (int i = 0; i < D; i++) {
        for (int r = 0; r < ROWS; r++)
            column[r] = (double)(real)rows[r * D + i];
        ASSERT_NEAR(s.mean[i], gsl_stats_mean(column, 1, ROWS), 1e-12 * fabs(s.mean[i]));
        ASSERT_NEAR(s.variance[i], gsl_stats_variance(column, 1, ROWS), 1e-12 * s.variance[i]);
    }
    /* a dimension that does not vary */
    for (int r = 0; r < ROWS; r++)
        rows[r * D + 1] = 7;
    assert_int_equal(flow_fit(s.made.f, s.made.weights, rows, ROWS, NULL, &err), FLOW_OK);
    ASSERT_EQ(s.mean[1], 0);
    ASSERT_EQ(s.variance[1], 1);
    assert_int_equal(flow_check(s.made.f, &err), FLOW_OK);
    end(&s);
}

/* ------------------------------------------------------------------ following batches */

enum { MOST_ROWS = 2000 };

/* Every row that was seen, and the weight that is left of it. */
typedef struct memory {
    int n;
    double row[MOST_ROWS], weight[MOST_ROWS];
} memory;

static void remember(memory *m, double rate, uint64_t first, int n, const double *weights)
{
    double total = 0;
    for (int r = 0; r < m->n; r++)
        m->weight[r] *= 1 - rate;
    for (int j = 0; j < n; j++)
        total += weights != NULL ? fabs(weights[j]) : 1;
    for (int j = 0; j < n; j++, m->n++) {
        m->row[m->n] = (double)(first + (uint64_t)j);
        m->weight[m->n] = rate * (weights != NULL ? fabs(weights[j]) : 1) / total;
    }
}

static void expect_statistics(const norm *s, const memory *m)
{
    for (int i = 0; i < D; i++) {
        double mean = 0, variance = 0, total = 0;
        for (int r = 0; r < m->n; r++) {
            mean += m->weight[r] * value_of((uint64_t)m->row[r], i);
            total += m->weight[r];
        }
        mean /= total;
        for (int r = 0; r < m->n; r++)
            variance += m->weight[r] * pow(value_of((uint64_t)m->row[r], i) - mean, 2);
        variance /= total;
        ASSERT_NEAR(total, 1, 1e-12);
        ASSERT_NEAR(s->mean[i], mean, slack(1e-12, 1e-5) * (fabs(mean) + sqrt(variance)));
        ASSERT_NEAR(s->variance[i], variance, slack(1e-11, 2e-4) * variance);
    }
}

/* Starts with what the rows 0 ... n - 1, all of weight 1, have. */
static void start_from_rows(norm *s, memory *m, int n)
{
    m->n = 0;
    remember(m, 1, 0, n, NULL);
    for (int i = 0; i < D; i++) {
        s->mean[i] = s->variance[i] = 0;
        for (int r = 0; r < n; r++)
            s->mean[i] += value_of((uint64_t)r, i) / n;
        for (int r = 0; r < n; r++)
            s->variance[i] += pow(value_of((uint64_t)r, i) - s->mean[i], 2) / n;
    }
}

/* Batches of several tiles with padding, short ones, single rows; the old rows fade, none is forgotten at once. */
static void mean_and_variance_of_all_rows(void **state)
{
    (void)state;
    static const struct {
        int tiles, last;
        double share;
    } batches[] = {{3, 32, 1}, {3, 7, 0.7}, {1, 1, 0.01}, {1, 32, 1. / 3}, {2, 1, 0.4}, {3, 32, 1}, {1, 1, 1}};
    norm s;
    memory m;
    start(&s, "[{\"type\": \"batchnorm\", \"momentum\": 0.8, \"epsilon\": 0.5}]");
    start_from_rows(&s, &m, 500);
    uint64_t row = 500;
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        int n = (batches[b].tiles - 1) * N + batches[b].last;
        for (int t = 0; t < batches[b].tiles; t++)
            load(&s, t, row + (uint64_t)(t * N), t + 1 < batches[b].tiles ? N : batches[b].last, NULL);
        observe(&s, batches[b].tiles, batches[b].share);
        remember(&m, 0.2 * batches[b].share, row, n, NULL);
        expect_statistics(&s, &m);
        row += (uint64_t)n;
    }
    end(&s);
}

/* Rows count by the size of their weights; a batch without any counts nothing. */
static void weights_of_rows(void **state)
{
    (void)state;
    norm s;
    memory m;
    double weights[N];
    start(&s, "[{\"type\": \"batchnorm\", \"momentum\": 0.5}]");
    start_from_rows(&s, &m, 100);
    for (int round = 0; round < 5; round++) {
        for (int j = 0; j < N; j++)
            weights[j] = j % 5 == 0 ? 0 : 10 * uniform((uint64_t)(round * N + j), 9); /* of both signs */
        load(&s, 0, 100 + (uint64_t)(round * N), N, weights);
        observe(&s, 1, 1);
        remember(&m, 0.5, 100 + (uint64_t)(round * N), N, weights);
        expect_statistics(&s, &m);
    }
    double before[2 * D];
    memcpy(before, s.mean, sizeof before);
    memset(weights, 0, sizeof weights);
    load(&s, 0, 700, N, weights);
    observe(&s, 1, 1);
    assert_memory_equal(s.mean, before, sizeof before);
    end(&s);
}

/* Where they stand still: momentum 1. Where only the last batch is left: momentum 0. */
static void ends_of_momentum(void **state)
{
    (void)state;
    norm s;
    memory m;
    start(&s, "[{\"type\": \"batchnorm\", \"momentum\": 1}]");
    start_from_rows(&s, &m, 100);
    double before[2 * D];
    memcpy(before, s.mean, sizeof before);
    load(&s, 0, 900, N, NULL);
    observe(&s, 1, 1);
    for (int k = 0; k < 2 * D; k++)
        ASSERT_NEAR(s.mean[k], before[k], 1e-15 * fabs(before[k]));
    end(&s);
    start(&s, "[{\"type\": \"batchnorm\", \"momentum\": 0}]");
    start_from_rows(&s, &m, 100);
    load(&s, 0, 900, N, NULL);
    observe(&s, 1, 1);
    m.n = 0;
    remember(&m, 1, 900, N, NULL);
    expect_statistics(&s, &m);
    end(&s);
}

/* One row that lies far out, however far, moves mean and variance no further than a batch of usual ones can; what is
 * not finite, by nothing. */
static void an_outlier(void **state)
{
    (void)state;
    flow_error err;
    static const double values[] = {1e3, 1e8, 1e18, 1e25, INFINITY, NAN};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        norm s;
        start(&s, "[\"batchnorm\"]");
        memory m;
        start_from_rows(&s, &m, 100);
        double mean = s.mean[0], variance = s.variance[0], other = s.variance[1];
        load(&s, 0, 300, N, NULL);
        const real *z;
        for (int j = 0; j < N; j++)
            for (int i = 0; i < D; i++)
                s.tiles[0]->x[i * N + j] = i == 0 && j == 11 ? values[k] : value_of(300 + (uint64_t)j, i);
        flow_tile_to_latent(s.made.f, s.made.weights, s.tiles[0], N, &z);
        observe(&s, 1, 1);
        ASSERT_GE(s.variance[0], 0.99 * variance);
        ASSERT_LE(s.variance[0], 1.0101 * (variance + 1e-5));
        ASSERT_LE(fabs(s.mean[0] - mean), 0.0145 * sqrt(variance + 1e-5));
        ASSERT_NE(s.variance[1], other);
        if (k == 0)
            ASSERT_GT(s.variance[0], 1.009 * variance);
        if (!isfinite(values[k]))
            assert_true(s.mean[0] == mean && s.variance[0] == variance);
        assert_int_equal(flow_check(s.made.f, &err), FLOW_OK);
        end(&s);
    }
}

/* An angle passes as it is, whatever is stored for it: nothing is fitted, nothing follows the batches. */
static void angles_stay(void **state)
{
    (void)state;
    enum { ANGLE = 1 };
    flow_error err;
    norm s;
    start(&s, "[{\"type\": \"support\", \"columns\": {\"#2\": {\"periodic\": 1}}}, \"batchnorm\"]");
    double rows[N * D];
    for (int r = 0; r < N; r++)
        for (int i = 0; i < D; i++)
            rows[r * D + i] = value_of((uint64_t)r, i);
    assert_int_equal(flow_fit(s.made.f, s.made.weights, rows, N, NULL, &err), FLOW_OK);
    enum { LINEAR = D - 1 }; /* the block has values for these alone */
    double mean[LINEAR], variance[LINEAR];
    assert_int_equal(s.made.f->params.entries[0].rows, LINEAR);
    memcpy(mean, s.mean, sizeof mean);
    memcpy(variance, s.variance, sizeof variance);
    load(&s, 0, 200, N, NULL);
    observe(&s, 1, 1);
    for (int i = 0; i < LINEAR; i++)
        assert_true(mean[i] != 0 && variance[i] != 1 && s.mean[i] != mean[i] && s.variance[i] != variance[i]);
    for (size_t k = 0; k < s.made.f->params.n_weights; k++)
        s.made.weights[k] = (real)0.5;
    load(&s, 0, 200, N, NULL);
    const real *z = s.tiles[0]->b; /* behind one block */
    for (int j = 0; j < N; j++) {
        ASSERT_EQ(z[ANGLE * N + j], s.tiles[0]->a[ANGLE * N + j]);
        ASSERT_NE(z[j], s.tiles[0]->a[j]);
    }
    end(&s);
}

/* Within composites it sees what arrives there: the same values as alone. */
static void within_a_split(void **state)
{
    (void)state;
    flow_error err;
    norm s[2];
    start(&s[0], "[\"batchnorm\"]");
    start(&s[1], "[{\"type\": \"split\", \"keep\": 2, \"flow\": [{\"type\": \"repeat\", \"times\": 1, \"flow\": "
                 "[\"batchnorm\"]}]}]");
    double rows[N * D], fitted[2];
    for (int r = 0; r < N; r++)
        for (int i = 0; i < D; i++)
            rows[r * D + i] = value_of((uint64_t)r, i);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(flow_fit(s[k].made.f, s[k].made.weights, rows, N, NULL, &err), FLOW_OK);
        fitted[k] = s[k].mean[0];
        load(&s[k], 0, 200, N, NULL);
        observe(&s[k], 1, 1);
        ASSERT_NE(s[k].mean[0], fitted[k]);
    }
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(&s[1].mean[i], &s[0].mean[i], sizeof(double));
        assert_memory_equal(&s[1].variance[i], &s[0].variance[i], sizeof(double));
    }
    end(&s[0]);
    end(&s[1]);
}

static void hostile_values(void **state)
{
    (void)state;
    norm s;
    flow_error err;
    start(&s, "[\"batchnorm\"]");
    assert_int_equal(flow_check(s.made.f, &err), FLOW_OK);
    static const double variances[] = {-1e-300, -1, NAN, INFINITY}, means[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 4; k++) {
        s.variance[2] = variances[k];
        assert_int_equal(flow_check(s.made.f, &err), FLOW_FORMAT);
    }
    s.variance[2] = sizeof(real) == sizeof(float) ? 1e80 : 1e300; /* the deviation leaves the range of a float */
    assert_int_equal(flow_check(s.made.f, &err), sizeof(real) == sizeof(float) ? FLOW_FORMAT : FLOW_OK);
    s.variance[2] = 0;
    assert_int_equal(flow_check(s.made.f, &err), FLOW_OK);
    for (size_t k = 0; k < 3; k++) {
        s.mean[0] = means[k];
        assert_int_equal(flow_check(s.made.f, &err), FLOW_FORMAT);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_equation_of_the_papers),
        cmocka_unit_test(the_first_mean_and_variance),
        cmocka_unit_test(mean_and_variance_of_all_rows),
        cmocka_unit_test(weights_of_rows),
        cmocka_unit_test(ends_of_momentum),
        cmocka_unit_test(an_outlier),
        cmocka_unit_test(within_a_split),
        cmocka_unit_test(angles_stay),
        cmocka_unit_test(hostile_values),
    };
    return cmocka_run_group_tests_name("batch normalization", tests, NULL, NULL);
}
