/* Data sets: what the scan learns, the split, and the order in which rows are served. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "data/dataset.h"
#include "num/rng.h"
#include "values.h"

enum { N = 20000, D = 3, SMALL = 200 * 1024 }; /* a budget for about 5000 of these rows */

/* Row i is (i, a function of i, noise), so that a row tells its number. */
static void make_row(double *row, int64_t i)
{
    row[0] = (double)i;
    row[1] = (double)(i * 7919 % N) / 8 - 0.125;
    row[2] = flow_rng_uniform(5, FLOW_STREAM_OTHER, (uint64_t)i, 0);
}

static const char *make_table(const char *name)
{
    static const char *const names[] = {"i", "f", "u"};
    flow_error err = {0};
    flow_writer *writer;
    double row[D];
    if (flow_writer_open(&writer, at(name), names, D, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < N; i++) {
        make_row(row, i);
        assert_int_equal(flow_writer_write(writer, row, 1, &err), FLOW_OK);
    }
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    return at(name);
}

static int make_tables(void **state)
{
    if (make_folder(state) != 0)
        return 1;
    make_table("t.csv");
    make_table("t.h5");
    return 0;
}

/* Takes up to n_max rows in batches and puts their numbers into order; every row must be what its number says. */
static size_t serve(flow_dataset *data, int64_t *order, size_t n_max, size_t batch)
{
    static double rows[1024 * D];
    flow_error err = {0};
    size_t n = 0, n_read;
    do {
        size_t m = n_max - n < batch ? n_max - n : batch;
        ASSERT_LE(m, 1024);
        if (flow_dataset_next(data, rows, order + n, m, &n_read, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        for (size_t i = 0; i < n_read; i++) {
            double row[D];
            make_row(row, order[n + i]);
            assert_memory_equal(rows + i * D, row, sizeof row);
        }
        assert_true(n_read == m || n_read < batch); /* batches are full until the end */
        n += n_read;
    } while (n_read > 0 && n < n_max);
    return n;
}

static void shuffle(flow_dataset *data, uint64_t seed, int64_t epoch, int64_t start)
{
    flow_error err = {0};
    if (flow_dataset_shuffle(data, seed, epoch, start, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void check_permutation(const int64_t *order, size_t n)
{
    static char seen[N];
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < n; i++) {
        ASSERT_GE(order[i], 0);
        ASSERT_LT(order[i], N);
        assert_true(!seen[order[i]]);
        seen[order[i]] = 1;
    }
}

static const char *const files[] = {"t.csv", "t.h5"};

static void test_scan(void **state)
{
    (void)state;
    uint32_t sums[4];
    for (int k = 0; k < 4; k++) {
        flow_dataset_options options = {.memory_bytes = k < 2 ? 0 : SMALL};
        flow_dataset *data = open_set(at(files[k % 2]), &options);
        assert_int_equal(data->n_rows, N);
        assert_int_equal(data->n_columns, D);
        assert_string_equal(data->columns[1], "f");
        assert_string_equal(data->location, at(files[k % 2]));
        assert_true(data->has_names);
        assert_int_equal(data->is_held, k < 2);
        assert_int_equal(data->n_skipped, 0);
        const flow_column_summary *s = data->summary;
        assert_string_equal(s[2].name, "u");
        ASSERT_EQ(s[0].least, 0);
        ASSERT_EQ(s[0].most, N - 1);
        ASSERT_EQ(s[0].distinct, 1);
        assert_float_equal(s[0].mean, (N - 1) / 2.0, 1e-9);
        assert_float_equal(s[0].deviation, sqrt((double)N * (N + 1.0) / 12), 1e-8);
        ASSERT_LT(s[0].tied, 1e-3);
        assert_float_equal(s[2].mean, 0.5, 0.01);
        assert_float_equal(s[2].deviation, sqrt(1 / 12.0), 0.01);
        assert_int_equal(flow_dataset_check_spread(data, NULL, NULL), FLOW_OK);
        sums[k] = data->checksum;
        flow_dataset_close(data);
    }
    static double all[N][D];
    for (int i = 0; i < N; i++)
        make_row(all[i], i);
    uint32_t sum = (uint32_t)crc32_z(0, (const unsigned char *)all, sizeof all);
    for (int k = 0; k < 4; k++)
        assert_int_equal(sums[k], sum);
}

static void test_order_does_not_depend_on_batches(void **state)
{
    (void)state;
    static int64_t first[N + 1], other[N + 1];
    static const size_t batches[] = {1, 7, 256, 1000};
    for (int k = 0; k < 4; k++) {
        flow_dataset_options options = {.memory_bytes = k < 2 ? 0 : SMALL};
        flow_dataset *data = open_set(at(files[k % 2]), &options);
        shuffle(data, 1, 0, 0);
        assert_int_equal(serve(data, first, N + 1, 64), N);
        check_permutation(first, N);
        for (int b = 0; b < 4; b++) {
            shuffle(data, 1, 0, 0);
            assert_int_equal(serve(data, other, N + 1, batches[b]), N);
            assert_memory_equal(first, other, N * sizeof *first);
        }
        shuffle(data, 1, 1, 0);
        assert_int_equal(serve(data, other, N + 1, 100), N);
        check_permutation(other, N);
        assert_memory_not_equal(first, other, N * sizeof *first);
        shuffle(data, 2, 0, 0);
        assert_int_equal(serve(data, other, N + 1, 100), N);
        assert_memory_not_equal(first, other, N * sizeof *first);
        /* and in the order of the file */
        flow_dataset_rewind(data);
        assert_int_equal(serve(data, other, N + 1, 99), N);
        for (int i = 0; i < N; i++)
            assert_int_equal(other[i], i);
        assert_int_equal(serve(data, other, N + 1, 99), 0);
        flow_dataset_close(data);
    }
}

/* The order of a held set, written out: Fisher and Yates from the place of the epoch in the stream of shuffles. A
 * stopped training continues bit for bit only as long as this does not change. */
static void test_order_of_an_epoch(void **state)
{
    (void)state;
    static int64_t order[N + 1];
    static uint32_t expected[N];
    flow_dataset *data = open_set(at("t.csv"), NULL);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        int64_t epoch = (int64_t)(seed * seed) - 1;
        flow_rng_sequence sequence;
        gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_SHUFFLE, (uint64_t)epoch);
        for (uint32_t i = 0; i < N; i++)
            expected[i] = i;
        for (unsigned long i = N - 1; i > 0; i--) {
            unsigned long j = gsl_rng_uniform_int(&rng, i + 1);
            uint32_t other = expected[i];
            expected[i] = expected[j];
            expected[j] = other;
        }
        shuffle(data, seed, epoch, 0);
        assert_int_equal(serve(data, order, N + 1, 500), N);
        for (int i = 0; i < N; i++)
            assert_int_equal(order[i], expected[i]);
    }
    flow_dataset_close(data);
}

/* A part so small that most groups of blocks have no row of it. */
static void test_groups_without_rows(void **state)
{
    (void)state;
    static int64_t order[N + 1];
    flow_dataset_options options = {.memory_bytes = 512, .part = FLOW_PART_HELD_OUT, .share = 0.002, .seed = 3};
    flow_dataset *data = open_set(at("t.csv"), &options);
    assert_false(data->is_held);
    size_t n = (size_t)data->n_rows;
    for (int e = 0; e < 3; e++) {
        shuffle(data, 1, e, 0);
        assert_int_equal(serve(data, order, N + 1, 7), n);
        check_permutation(order, n);
    }
    flow_dataset_close(data);
}

static void test_restart_within_an_epoch(void **state)
{
    (void)state;
    static int64_t whole[N + 1], rest[N + 1];
    static const int64_t starts[] = {0, 1, 63, 4999, 5000, 5056, 12345, N - 1, N};
    for (int k = 0; k < 4; k++) {
        flow_dataset_options options = {.memory_bytes = k < 2 ? 0 : SMALL};
        flow_dataset *data = open_set(at(files[k % 2]), &options);
        shuffle(data, 9, 3, 0);
        serve(data, whole, N + 1, 128);
        flow_dataset_close(data);
        data = open_set(at(files[k % 2]), &options);
        for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
            size_t left = (size_t)(N - starts[i]);
            shuffle(data, 9, 3, starts[i]);
            assert_int_equal(serve(data, rest, N + 1, 77), left);
            assert_memory_equal(rest, whole + starts[i], left * sizeof *rest);
        }
        assert_int_equal(flow_dataset_shuffle(data, 9, 3, N + 1, NULL), FLOW_ARGUMENT);
        assert_int_equal(flow_dataset_shuffle(data, 9, -1, 0, NULL), FLOW_ARGUMENT);
        flow_dataset_close(data);
    }
}

/* A held set is shuffled like a deck of cards; what is read in parts must mix well beyond its blocks too. */
static void test_order_is_mixed(void **state)
{
    (void)state;
    static int64_t order[N + 1];
    for (int k = 0; k < 2; k++) {
        flow_dataset_options options = {.memory_bytes = k == 0 ? 0 : SMALL};
        flow_dataset *data = open_set(at("t.csv"), &options);
        double correlation = 0;
        int n_epochs = 5;
        for (int e = 0; e < n_epochs; e++) {
            shuffle(data, 4, e, 0);
            serve(data, order, N + 1, 500);
            for (int i = 0; i + 1 < N; i++)
                correlation += ((double)order[i] - N / 2.0) * ((double)order[i + 1] - N / 2.0);
            /* the mean of the first batch is that of the set, as far as chance goes */
            double mean = 0;
            for (int i = 0; i < 256; i++)
                mean += (double)order[i] / 256;
            ASSERT_LT(fabs(mean - N / 2.0), (k == 0 ? 4.5 : 8) * N / sqrt(12.0 * 256));
        }
        correlation /= (double)n_epochs * N * ((double)N * N / 12);
        ASSERT_LT(fabs(correlation), (k == 0 ? 0.015 : 0.1));
        flow_dataset_close(data);
    }
}

static void test_split(void **state)
{
    (void)state;
    static int64_t training[N + 1], held_out[N + 1], whole[N + 1];
    for (int k = 0; k < 4; k++) {
        flow_dataset_options options = {.memory_bytes = k < 2 ? 0 : SMALL / 8, .share = 0.2, .seed = 11};
        options.part = FLOW_PART_TRAINING;
        flow_dataset *a = open_set(at(files[k % 2]), &options);
        options.part = FLOW_PART_HELD_OUT;
        flow_dataset *b = open_set(at(files[k % 2]), &options);
        assert_int_equal(a->is_held, k < 2);
        size_t n_a = (size_t)a->n_rows, n_b = (size_t)b->n_rows;
        assert_int_equal(n_a + n_b, N);
        ASSERT_LT(fabs((double)n_b / N - 0.2), 0.015);
        shuffle(a, 1, 0, 0);
        assert_int_equal(serve(a, training, N + 1, 100), n_a);
        shuffle(b, 1, 0, 0);
        assert_int_equal(serve(b, held_out, N + 1, 100), n_b);
        memcpy(whole, training, n_a * sizeof *whole);
        memcpy(whole + n_a, held_out, n_b * sizeof *whole);
        check_permutation(whole, N); /* disjoint, and together everything */
        for (size_t i = 0; i < n_b; i++)
            ASSERT_LT(flow_rng_uniform(11, FLOW_STREAM_SPLIT, (uint64_t)held_out[i], 0), 0.2);
        shuffle(b, 1, 0, 1234);
        assert_int_equal(serve(b, whole, N + 1, 100), n_b - 1234);
        assert_memory_equal(whole, held_out + 1234, (n_b - 1234) * sizeof *whole);
        flow_dataset_rewind(b);
        assert_int_equal(serve(b, whole, N + 1, 100), n_b);
        for (size_t i = 1; i < n_b; i++)
            ASSERT_GT(whole[i], whole[i - 1]);
        flow_dataset_close(a);
        flow_dataset_close(b);
    }
}

/* The three parts are disjoint and together everything; the test part does not move the border of the others. */
static void test_three_parts(void **state)
{
    (void)state;
    static const flow_part parts[] = {FLOW_PART_TRAINING, FLOW_PART_HELD_OUT, FLOW_PART_TEST};
    static int64_t rows[N + 1], held_out[N + 1];
    flow_dataset_options options = {.share = 0.2, .test_share = 0.3, .seed = 11};
    size_t n = 0, n_held_out = 0;
    for (int k = 0; k < 3; k++) {
        options.part = parts[k];
        flow_dataset *part = open_set(at(files[0]), &options);
        ASSERT_LT(fabs((double)part->n_rows / N - (k == 0 ? 0.56 : k == 1 ? 0.14 : 0.3)), 0.015);
        flow_dataset_rewind(part);
        assert_int_equal(serve(part, rows + n, N + 1 - n, 100), (size_t)part->n_rows);
        if (k == 1)
            memcpy(held_out, rows + n, (n_held_out = (size_t)part->n_rows) * sizeof *held_out);
        n += (size_t)part->n_rows;
        flow_dataset_close(part);
    }
    check_permutation(rows, N);
    for (size_t i = 0; i < n_held_out; i++)
        ASSERT_LT(flow_rng_uniform(11, FLOW_STREAM_SPLIT, (uint64_t)held_out[i], 0), 0.2);
}

static void test_shares(void **state)
{
    (void)state;
    flow_error err;
    flow_dataset *data;
    flow_dataset_options options = {.part = FLOW_PART_HELD_OUT, .share = 1};
    assert_int_equal(flow_dataset_open(&data, at("t.csv"), &options, &err), FLOW_ARGUMENT);
    assert_says(&err, "has to lie between 0 and 1");
    options.share = 1e-9;
    assert_int_equal(flow_dataset_open(&data, at("t.csv"), &options, &err), FLOW_DATA);
    assert_says(&err, "no row belongs to the held-out part");
    options = (flow_dataset_options){.part = FLOW_PART_TEST, .share = 0.5};
    assert_int_equal(flow_dataset_open(&data, at("t.csv"), &options, &err), FLOW_ARGUMENT);
    assert_says(&err, "the test share 0;");
    options.test_share = 1e-9;
    assert_int_equal(flow_dataset_open(&data, at("t.csv"), &options, &err), FLOW_DATA);
    assert_says(&err, "no row belongs to the test part with a test share of 1e-09");
}

static void test_statistics_far_from_zero(void **state)
{
    (void)state;
    FILE *file = fopen(at("far.csv"), "wb");
    fputs("time,mass,large\n", file);
    enum { N_FAR = 100000 };
    double mean = 0, spread = 0;
    for (int i = 0; i < N_FAR; i++) {
        double u = flow_rng_uniform(6, FLOW_STREAM_OTHER, (uint64_t)i, 0) - 0.5;
        double value = 1.7e9 + u;
        double exact = value - 1.7e9; /* without error */
        mean += exact / N_FAR;
        fprintf(file, "%.17g,%.17g,%.17g\n", value, 125.09 + 1e-9 * u, 1e200 * u);
    }
    for (int i = 0; i < N_FAR; i++) {
        double u = flow_rng_uniform(6, FLOW_STREAM_OTHER, (uint64_t)i, 0) - 0.5, exact = 1.7e9 + u - 1.7e9;
        spread += (exact - mean) * (exact - mean);
    }
    fclose(file);
    for (int k = 0; k < 2; k++) {
        flow_dataset_options options = {.memory_bytes = k == 0 ? 0 : SMALL};
        flow_dataset *data = open_set(at("far.csv"), &options);
        const flow_column_summary *s = data->summary;
        ASSERT_LT(fabs(s[0].mean - 1.7e9 - mean), 5e-7);
        ASSERT_LT(fabs(s[0].deviation / sqrt(spread / (N_FAR - 1)) - 1), 1e-9);
        ASSERT_LT(fabs(s[1].deviation / (1e-9 * sqrt(1 / 12.0)) - 1), 0.01);
        flow_error err;
        assert_int_equal(flow_dataset_check_spread(data, NULL, &err), FLOW_DATA);
        assert_says(&err, "the values of the column \"large\" are too large");
        flow_dataset_close(data);
    }
}

static void test_ties_and_constants(void **state)
{
    (void)state;
    FILE *file = fopen(at("ties.csv"), "wb");
    fputs("half,die,constant,free\n", file);
    for (int i = 0; i < 60000; i++)
        fprintf(file, "%d,%d,3.5,%d\n", i % 2 ? 0 : i, i * 31 % 6, i);
    fclose(file);
    for (int k = 0; k < 2; k++) {
        flow_dataset_options options = {.memory_bytes = k == 0 ? 0 : SMALL};
        flow_dataset *data = open_set(at("ties.csv"), &options);
        const flow_column_summary *s = data->summary;
        assert_float_equal(s[0].tied, 0.5, 0.05);
        assert_float_equal(s[0].distinct, 0.5, 0.05);
        assert_float_equal(s[1].tied, 1 / 6.0, 0.05);
        ASSERT_LT(s[1].distinct, 0.01);
        ASSERT_EQ(s[2].tied, 1);
        ASSERT_LT(s[3].tied, 0.01);
        ASSERT_EQ(s[3].distinct, 1);
        flow_error err;
        assert_int_equal(flow_dataset_check_spread(data, NULL, &err), FLOW_DATA);
        assert_says(&err, "the column \"constant\" has the value 3.5 in every row");
        flow_dataset_close(data);
        static const char *const others[] = {"free", "die"};
        options.columns = others;
        options.n_columns = 2;
        data = open_set(at("ties.csv"), &options);
        assert_string_equal(data->summary[0].name, "free");
        assert_int_equal(flow_dataset_check_spread(data, NULL, &err), FLOW_OK);
        flow_dataset_close(data);
    }
}

static void test_invalid_rows(void **state)
{
    (void)state;
    FILE *file = fopen(at("holes.csv"), "wb");
    fputs("i,f,u\n", file);
    double row[D];
    for (int i = 0; i < N; i++) {
        make_row(row, i);
        if (i % 10 == 4)
            fprintf(file, "%d,NA,0\n", i);
        else
            fprintf(file, "%.17g,%.17g,%.17g\n", row[0], row[1], row[2]);
    }
    fclose(file);
    flow_error err;
    flow_dataset *data;
    flow_dataset_options options = {0};
    assert_int_equal(flow_dataset_open(&data, at("holes.csv"), &options, &err), FLOW_DATA);
    assert_null(data);
    assert_says(&err, "row 5 (line 6), column \"f\": \"NA\" is a missing value");
    static int64_t order[N + 1];
    for (int k = 0; k < 2; k++) {
        options = (flow_dataset_options){.skip_invalid = true, .memory_bytes = k == 0 ? 0 : SMALL};
        data = open_set(at("holes.csv"), &options);
        assert_int_equal(data->n_rows, N - N / 10);
        assert_int_equal(data->n_skipped, N / 10);
        for (int e = 0; e < 2; e++) {
            shuffle(data, 1, e, 0);
            assert_int_equal(serve(data, order, N + 1, 100), N - N / 10);
            check_permutation(order, N - N / 10);
        }
        assert_int_equal(data->n_skipped, N / 10);
        flow_dataset_close(data);
    }
    write_text("none.csv", "i,f,u\n1,2,x\n");
    assert_int_equal(flow_dataset_open(&data, at("none.csv"), &options, &err), FLOW_DATA);
    assert_says(&err, "no row can be used, 1 were dropped, the first because of");
    write_text("none.csv", "i,f,u\n");
    assert_int_equal(flow_dataset_open(&data, at("none.csv"), &options, &err), FLOW_DATA);
    assert_says(&err, "has no rows");
    assert_int_equal(flow_dataset_open(&data, at("nowhere.csv"), &options, &err), FLOW_IO);
}

static void test_sample(void **state)
{
    (void)state;
    static double rows[2 * N][D];
    flow_error err;
    for (int k = 0; k < 4; k++) {
        flow_dataset_options options = {.memory_bytes = k < 2 ? 0 : SMALL};
        flow_dataset *data = open_set(at(files[k % 2]), &options);
        size_t n;
        assert_int_equal(flow_dataset_sample(data, rows[0], 500, &n, &err), FLOW_OK);
        assert_int_equal(n, 500);
        double mean = 0;
        for (size_t i = 0; i < n; i++) {
            double row[D];
            make_row(row, (int64_t)rows[i][0]);
            assert_memory_equal(rows[i], row, sizeof row);
            assert_true(i == 0 || rows[i][0] > rows[i - 1][0]);
            mean += rows[i][0] / 500;
        }
        ASSERT_LT(fabs(mean - N / 2.0), N * (k < 2 ? 0.01 : 0.06));
        assert_int_equal(flow_dataset_sample(data, rows[0], 2 * N, &n, &err), FLOW_OK);
        assert_int_equal(n, N);
        for (int i = 0; i < N; i++)
            ASSERT_EQ(rows[i][0], i);
        flow_dataset_close(data);
    }
}

/* Values whose squares are no numbers have means and deviations, those of their multiples near 1, to the last bit. */
static void test_extreme_values(void **state)
{
    (void)state;
    static const int exponents[] = {0, 530, 1020, -530, -830};
    enum { COLUMNS = sizeof exponents / sizeof *exponents, ROWS = 1000 };
    static double rows[ROWS][COLUMNS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            rows[i][j] = ldexp(2 * flow_rng_uniform(5, FLOW_STREAM_OTHER, (uint64_t)i, 0) - 0.5, exponents[j]);
    const flow_table_rows table = {.name = "rows", .rows = rows[0], .n = ROWS, .d = COLUMNS};
    const flow_dataset_options options = {.survey = true};
    flow_error err = {0};
    flow_dataset *data;
    if (flow_dataset_open_rows(&data, &table, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    ASSERT_NEAR(data->summary[0].deviation, 2 / sqrt(12), 0.02);
    for (int j = 1; j < COLUMNS; j++) {
        ASSERT_EQ(data->summary[j].mean, ldexp(data->summary[0].mean, exponents[j]));
        ASSERT_EQ(data->summary[j].deviation, ldexp(data->summary[0].deviation, exponents[j]));
        ASSERT_EQ(data->survey->columns[j].deviation, data->summary[j].deviation);
    }
    flow_dataset_close(data);

    /* they need not be in the first block: zeros before them, then small values, then large ones */
    const double all[] = {0, 0, 1e-300, -1e-300, 3e200, -3e200};
    double *many = calloc(40000, sizeof *many);
    for (int i = 0; i < 40000; i++)
        many[i] = all[i / 10000 * 2 % 6 + i % 2];
    const flow_table_rows long_table = {.name = "rows", .rows = many, .n = 30000, .d = 1};
    if (flow_dataset_open_rows(&data, &long_table, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    ASSERT_NEAR(data->summary[0].deviation / (3e200 / sqrt(3)), 1, 1e-4);
    ASSERT_NEAR(data->summary[0].mean / 3e200, 0, 1e-12);
    flow_dataset_close(data);
    free(many);
}

/* Weights in any unit: the same effective rows, and weights that can be added up. */
static void test_units_of_weights(void **state)
{
    (void)state;
    enum { ROWS = 1000 };
    static const int exponents[] = {0, 1000, -600, -1010};
    static double rows[ROWS][2], served[ROWS][2];
    double effective = 0;
    for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
        for (int i = 0; i < ROWS; i++) {
            rows[i][0] = i;
            rows[i][1] = ldexp(1 + flow_rng_uniform(6, FLOW_STREAM_OTHER, (uint64_t)i, 0), exponents[k]);
        }
        const flow_table_rows table = {.name = "rows", .rows = rows[0], .n = ROWS, .d = 2};
        const flow_dataset_options options = {.weight = "x2"};
        flow_error err = {0};
        flow_dataset *data;
        size_t n;
        if (flow_dataset_open_rows(&data, &table, &options, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        effective = k == 0 ? data->effective_rows : effective;
        ASSERT_EQ(data->effective_rows, effective);
        assert_int_equal(flow_dataset_next(data, served[0], NULL, ROWS, &n, &err), FLOW_OK);
        assert_int_equal(n, ROWS);
        for (int i = 0; i < ROWS; i++) {
            ASSERT_EQ(served[i][1] * data->weight_unit, rows[i][1]);
            ASSERT_LE(fabs(log2(served[i][1])), 100);
        }
        flow_dataset_close(data);
    }
}

static void with_standard_input(const char *path, const flow_dataset_options *options, flow_status expected,
                                const char *text)
{
    int saved = dup(STDIN_FILENO), file = open(path, O_RDONLY);
    dup2(file, STDIN_FILENO);
    close(file);
    flow_dataset *data;
    flow_error err = {0};
    flow_status status = flow_dataset_open(&data, "-", options, &err);
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_int_equal(status, expected);
    if (status != FLOW_OK) {
        assert_says(&err, text);
        return;
    }
    static int64_t order[N + 1];
    assert_true(data->is_held);
    assert_string_equal(data->location, text);
    shuffle(data, 1, 0, 0);
    assert_int_equal(serve(data, order, N + 1, 100), N);
    check_permutation(order, N);
    flow_dataset_close(data);
}

static void test_standard_input(void **state)
{
    (void)state;
    flow_dataset_options options = {0};
    with_standard_input(at("t.csv"), &options, FLOW_OK, "standard input");
    options.memory_bytes = SMALL;
    with_standard_input(at("t.csv"), &options, FLOW_DATA, "put the table into a file, or allow more memory");
}

static void test_file_that_changes(void **state)
{
    (void)state;
    make_table("change.csv");
    flow_dataset_options options = {.memory_bytes = SMALL};
    flow_dataset *data = open_set(at("change.csv"), &options);
    assert_int_equal(truncate(at("change.csv"), 100000), 0);
    shuffle(data, 1, 0, 0);
    flow_error err = {0};
    static double rows[1000 * D];
    size_t n;
    flow_status status;
    do
        status = flow_dataset_next(data, rows, NULL, 1000, &n, &err);
    while (status == FLOW_OK && n > 0);
    assert_int_equal(status, FLOW_DATA);
    flow_dataset_close(data);
}

/* The same rows come in the same order from CSV and HDF5 when they are held. */
static void test_formats_agree(void **state)
{
    (void)state;
    static int64_t a[N + 1], b[N + 1];
    flow_dataset *csv = open_set(at("t.csv"), NULL), *hdf5 = open_set(at("t.h5"), NULL);
    shuffle(csv, 77, 5, 0);
    shuffle(hdf5, 77, 5, 0);
    serve(csv, a, N + 1, 100);
    serve(hdf5, b, N + 1, 100);
    assert_memory_equal(a, b, N * sizeof *a);
    flow_dataset_close(csv);
    flow_dataset_close(hdf5);
}

/* A table in memory is one like any other: columns by name, rows that are not finite, epochs in the same order. */
static void test_rows_in_memory(void **state)
{
    (void)state;
    static const double rows[] = {1, 10, 100, 2, 20, 200, 3, NAN, 300, 4, 40, 400};
    static const char *const columns[] = {"a", "b", "c"}, *const chosen[] = {"c", "b"}, *const wrong[] = {"d"};
    const flow_table_rows table = {"memory", rows, 4, 3, columns};
    flow_dataset_options options = {.columns = chosen, .n_columns = 2};
    flow_dataset *data;
    flow_error err = {0};
    assert_int_equal(flow_dataset_open_rows(&data, &table, &options, &err), FLOW_DATA);
    assert_string_equal(err.message, "memory: row 3, column \"b\": the value is nan");
    options.skip_invalid = true;
    if (flow_dataset_open_rows(&data, &table, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(data->n_rows, 3);
    assert_int_equal(data->n_skipped, 1);
    assert_string_equal(data->columns[0], "c");
    double out[6];
    int64_t numbers[3];
    size_t n;
    flow_dataset_rewind(data);
    assert_int_equal(flow_dataset_next(data, out, numbers, 3, &n, &err), FLOW_OK);
    static const double expected[] = {100, 10, 200, 20, 400, 40};
    assert_int_equal(n, 3);
    assert_memory_equal(out, expected, sizeof expected);
    assert_int_equal(numbers[2], 3);
    flow_dataset_close(data);

    options = (flow_dataset_options){.columns = wrong, .n_columns = 1};
    assert_int_equal(flow_dataset_open_rows(&data, &table, &options, &err), FLOW_DATA);
    assert_non_null(strstr(err.message, "memory: there is no column \"d\""));
    const flow_table_rows nameless = {"memory", rows, 2, 3, NULL}, empty = {"memory", rows, 2, 0, NULL};
    assert_int_equal(flow_dataset_open_rows(&data, &nameless, NULL, &err), FLOW_OK);
    assert_string_equal(data->columns[2], "x3");
    assert_false(data->has_names);
    flow_dataset_close(data);
    assert_int_equal(flow_dataset_open_rows(&data, &empty, NULL, &err), FLOW_ARGUMENT);
    assert_null(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_order_does_not_depend_on_batches),
        cmocka_unit_test(test_order_of_an_epoch),
        cmocka_unit_test(test_groups_without_rows),
        cmocka_unit_test(test_restart_within_an_epoch),
        cmocka_unit_test(test_order_is_mixed),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_three_parts),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_statistics_far_from_zero),
        cmocka_unit_test(test_ties_and_constants),
        cmocka_unit_test(test_invalid_rows),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_extreme_values),
        cmocka_unit_test(test_units_of_weights),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_file_that_changes),
        cmocka_unit_test(test_formats_agree),
        cmocka_unit_test(test_rows_in_memory),
    };
    return cmocka_run_group_tests(tests, make_tables, remove_folder);
}
