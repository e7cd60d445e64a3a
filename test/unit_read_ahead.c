/* Data sets that read ahead serve what others do: rows, order, errors, whatever is asked of them in between. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h5/scope.h"
#include "data/dataset.h"
#include "num/rng.h"
#include "values.h"

/* More rows than a reader of HDF5 keeps, so that they are read again. */
enum { N = 60000, D = 4, SMALL = 600 * 1024, BATCH = 300 };

static const char *const names[D] = {"i", "f", "u", "w"};
static const char *const files[] = {"t.csv", "t.h5", "contiguous.h5", "gzip.h5"};
enum { N_FILES = sizeof files / sizeof *files };

/* Row i is (i, a function of i, noise, a weight of 0 to 3). */
static void make_row(double *row, int64_t i)
{
    row[0] = (double)i;
    row[1] = (double)(i * 7919 % N) / 8 - 0.125;
    row[2] = flow_rng_uniform(5, FLOW_STREAM_OTHER, (uint64_t)i, 0);
    row[3] = (double)(i * 31 % 4);
}

static void make_table(const char *name)
{
    flow_error err = {0};
    flow_writer *writer;
    double row[D];
    assert_int_equal(flow_writer_open(&writer, at(name), names, D, NULL, &err), FLOW_OK);
    for (int i = 0; i < N; i++) {
        make_row(row, i);
        assert_int_equal(flow_writer_write(writer, row, 1, &err), FLOW_OK);
    }
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
}

/* The table as other programs write it, with the names attached. gzip 0: contiguous. */
static void make_hdf5(const char *name, unsigned gzip)
{
    double (*rows)[D] = malloc(N * sizeof *rows);
    for (int i = 0; i < N; i++)
        make_row(rows[i], i);
    const hsize_t size[2] = {N, D}, chunk[2] = {700, D}, n_names = D;
    hid_t file = H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, size, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    if (gzip > 0) {
        H5Pset_chunk(list, 2, chunk);
        H5Pset_deflate(list, gzip);
    }
    hid_t data = H5Dcreate2(file, "data", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    ASSERT_GE(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows), 0);
    hid_t text = H5Tcopy(H5T_C_S1), line = H5Screate_simple(1, &n_names, NULL);
    hid_t attribute = H5Acreate2(data, "columns", text, line, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Awrite(attribute, text, "ifuw"), 0);
    H5Aclose(attribute);
    H5Sclose(line);
    H5Tclose(text);
    H5Dclose(data);
    H5Pclose(list);
    H5Sclose(space);
    ASSERT_GE(H5Fclose(file), 0);
    free(rows);
}

static int make_tables(void **state)
{
    if (make_folder(state) != 0)
        return 1;
    make_table("t.csv");
    make_table("t.h5");
    make_hdf5("contiguous.h5", 0);
    make_hdf5("gzip.h5", 4);
    return 0;
}

static flow_dataset *open_rows(const char *name, const flow_dataset_options *options, bool read_ahead)
{
    flow_dataset_options chosen = *options;
    flow_dataset *data;
    flow_error err = {0};
    chosen.read_ahead = read_ahead;
    if (flow_dataset_open(&data, at(name), &chosen, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_false(data->is_held);
    return data;
}

static void shuffle(flow_dataset *data, uint64_t seed, int64_t epoch, int64_t start)
{
    flow_error err = {0};
    if (flow_dataset_shuffle(data, seed, epoch, start, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

/* What next said, up to its first error. */
typedef struct served {
    double rows[N * D];
    int64_t numbers[N];
    size_t n;
    flow_status status;
    flow_error err;
} served;

static served one, two;

/* At most n_max rows, in batches. */
static void serve(served *out, flow_dataset *data, size_t n_max)
{
    size_t d = (size_t)data->n_columns, n_read;
    memset(out, 0, sizeof *out);
    do {
        size_t room = n_max - out->n < BATCH ? n_max - out->n : BATCH;
        out->status = flow_dataset_next(data, out->rows + out->n * d, out->numbers + out->n, room, &n_read, &out->err);
        out->n += n_read;
    } while (out->status == FLOW_OK && n_read > 0 && out->n < n_max);
}

/* The same from both; `n`: so many rows. */
static void serve_both(flow_dataset *a, flow_dataset *b, size_t n_max, size_t n)
{
    serve(&one, a, n_max);
    serve(&two, b, n_max);
    assert_int_equal(one.status, FLOW_OK);
    assert_int_equal(one.n, n);
    assert_memory_equal(&one, &two, sizeof one);
}

/* Epochs one after the other, broken off, entered in the middle, another seed, the order of the file: in every case the
 * thread has begun to read something, and mostly something else. */
static void check_same(const char *name, const flow_dataset_options *options)
{
    flow_dataset *a = open_rows(name, options, false), *b = open_rows(name, options, true);
    size_t n = (size_t)a->n_rows;
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        shuffle(a, 1, epoch, 0);
        shuffle(b, 1, epoch, 0);
        serve_both(a, b, N, n);
    }
    static const struct { uint64_t seed; int64_t epoch; double from, to; } parts[] = {
        {1, 3, 0, 0.4}, {1, 3, 0.4, 1}, {1, 4, 0.999, 1}, {1, 5, 1, 1}, {1, 5, 0, 0.01}, {1, 9, 0.2, 0.7},
        {2, 9, 0.2, 0.2}, {2, 10, 0, 1}, {2, 10, 0.5, 0.6}, {2, 10, 0.1, 1},
    };
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        int64_t start = (int64_t)(parts[k].from * (double)n);
        size_t most = (size_t)(parts[k].to * (double)n) - (size_t)start;
        shuffle(a, parts[k].seed, parts[k].epoch, start);
        shuffle(b, parts[k].seed, parts[k].epoch, start);
        serve_both(a, b, most, most);
        if (k % 3 != 0)
            continue;
        flow_dataset_rewind(a);
        flow_dataset_rewind(b);
        serve_both(a, b, k == 0 ? N : n / 3, k == 0 ? n : n / 3);
    }
    static double sample[2][N * D];
    size_t n_a, n_b;
    assert_int_equal(flow_dataset_sample(a, sample[0], N, &n_a, NULL), FLOW_OK);
    assert_int_equal(flow_dataset_sample(b, sample[1], N, &n_b, NULL), FLOW_OK);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(sample[0], sample[1], sizeof sample[0]);
    assert_int_equal(a->n_skipped, b->n_skipped);
    flow_dataset_close(a);
    flow_dataset_close(b);
}

static void test_same_rows(void **state)
{
    (void)state;
    static const size_t budgets[] = {SMALL / 16, SMALL, 2 * SMALL};
    for (int k = 0; k < N_FILES; k++)
        for (size_t m = 0; m < sizeof budgets / sizeof *budgets; m++)
            check_same(files[k], &(flow_dataset_options){.memory_bytes = budgets[m]});
}

static void test_same_rows_of_a_part(void **state)
{
    (void)state;
    static const char *const given[] = {"u"};
    for (int k = 0; k < N_FILES; k++) {
        flow_dataset_options options = {.memory_bytes = SMALL, .context = given, .n_context = 1, .weight = "w",
                                        .share = 0.4, .seed = 3, .part = FLOW_PART_TRAINING};
        check_same(files[k], &options);
        options.part = FLOW_PART_HELD_OUT;
        options.memory_bytes = SMALL / 2;
        check_same(files[k], &options);
        options.share = 0.003; /* most blocks have none of these rows, and some groups either */
        options.memory_bytes = 1024;
        check_same(files[k], &options);
    }
}

static void test_skipped_rows(void **state)
{
    (void)state;
    FILE *file = fopen(at("holes.csv"), "wb");
    fputs("i,f\n", file);
    for (int i = 0; i < N; i++)
        fprintf(file, i % 10 == 4 ? "%d,NA\n" : "%d,0.5\n", i);
    fclose(file);
    check_same("holes.csv", &(flow_dataset_options){.memory_bytes = SMALL / 2, .skip_invalid = true});
}

/* ---- errors ---- */

/* Puts another value, of the same length, in place of the bytes `old`, which are there once. */
static void replace(const char *path, const void *old, const void *new, size_t size)
{
    static char all[4 << 20];
    size_t n = read_bytes(path, all, sizeof all);
    ASSERT_LT(n, sizeof all);
    char *place = memmem(all, n, old, size);
    assert_non_null(place);
    int file = open(path, O_WRONLY);
    assert_int_equal(pwrite(file, new, size, place - all), size);
    close(file);
}

/* The same rows from both, and then the error. Returns how many rows. */
static size_t check_same_error(flow_dataset *a, flow_dataset *b, const char *text)
{
    serve(&one, a, N);
    serve(&two, b, N);
    assert_memory_equal(&one, &two, sizeof one);
    assert_int_equal(one.status, FLOW_DATA);
    assert_says(&one.err, text);
    return one.n;
}

/* A value that goes bad after the set was opened. HDF5 keeps pieces of a file in memory, so there it is looked for only
 * once. */
static void check_errors(const char *name, const void *old, const void *new, size_t size, const char *text)
{
    const flow_dataset_options options = {.memory_bytes = SMALL};
    bool is_text = strstr(name, ".csv") != NULL;
    flow_dataset *a = open_rows(name, &options, false), *b = open_rows(name, &options, true);
    replace(at(name), old, new, size);
    size_t most = 0;
    for (int64_t epoch = 0; epoch < (is_text ? 6 : 1); epoch++) {
        shuffle(a, 1, epoch, 0);
        shuffle(b, 1, epoch, 0);
        size_t n = check_same_error(a, b, text);
        most = n > most ? n : most;
        assert_int_equal(check_same_error(a, b, text), 0); /* it stays where it is */
    }
    ASSERT_GT(most, N / 4);
    if (is_text) {
        flow_dataset_rewind(a);
        flow_dataset_rewind(b);
        ASSERT_GT(check_same_error(a, b, text), N / 2);
    }
    replace(at(name), new, old, size);
    for (int64_t epoch = 0; is_text && epoch < 2; epoch++) { /* it goes with its cause */
        shuffle(a, 1, epoch, 0);
        shuffle(b, 1, epoch, 0);
        serve_both(a, b, N, N);
    }
    flow_dataset_close(a);
    flow_dataset_close(b);
}

static void test_errors(void **state)
{
    (void)state;
    double row[D], bad;
    make_row(row, 31234);
    bad = row[2];
    row[2] = NAN;
    check_errors("t.csv", "\n31234,", "\n31x34,", 7, "row 31235 (line 31236), column \"i\": \"31x34\"");
    check_errors("contiguous.h5", &bad, &row[2], sizeof bad, "row 31235, column \"u\": \"nan\" is not a finite number");
}

/* ---- threads ---- */

static int n_threads(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL; )
        n += entry->d_name[0] != '.';
    if (tasks != NULL)
        closedir(tasks);
    return n;
}

/* Threads that have ended are counted for a moment yet. */
static int n_threads_at_rest(void)
{
    usleep(50000);
    return n_threads();
}

static void await_end_of_reading(int before)
{
    for (int i = 0; i < 10000 && n_threads() > before; i++)
        usleep(1000);
    assert_int_equal(n_threads(), before);
}

/* A change of the file is seen by whom reads after it, and not by whom has read before. */
static void test_reads_before_it_is_asked(void **state)
{
    (void)state;
    int before = n_threads_at_rest();
    if (before == 0)
        skip(); /* no /proc */
    make_table("ahead.csv");
    const flow_dataset_options options = {.memory_bytes = SMALL};
    flow_dataset *a = open_rows("ahead.csv", &options, false), *b = open_rows("ahead.csv", &options, true);
    shuffle(a, 1, 0, 0);
    shuffle(b, 1, 0, 0);
    serve(&one, a, 1);
    serve(&two, b, 1);
    await_end_of_reading(before);
    assert_int_equal(truncate(at("ahead.csv"), 40), 0);
    serve(&one, a, N);
    serve(&two, b, N);
    assert_int_equal(one.status, FLOW_DATA);
    assert_int_equal(two.status, FLOW_DATA);
    assert_in_range(one.n, BATCH, N / 4);
    assert_in_range(two.n, 2 * one.n, 2 * one.n + BATCH); /* the rows of two groups, in whole batches */
    flow_dataset_close(a);
    flow_dataset_close(b);
}

static void test_close_at_any_time(void **state)
{
    (void)state;
    for (int k = 0; k < N_FILES; k++) {
        for (int i = 0; i < 20; i++) {
            const flow_dataset_options options = {.memory_bytes = SMALL};
            flow_dataset *data = open_rows(files[k], &options, true);
            if (i > 0)
                shuffle(data, 1, 0, i * 500);
            serve(&one, data, (size_t)i * i * 60);
            if (i % 2 == 0)
                usleep((useconds_t)i * 50);
            flow_dataset_close(data);
        }
    }
}

/* ---- the HDF5 library ---- */

/* Threads that wait for the lock get it one at a time, in the order in which they came. */
enum { WAITERS = 5 };

typedef struct waiter {
    pthread_t thread;
    int number;
} waiter;

static int order[WAITERS], n_inside, n_served; /* changed by whom has the lock */

static void *take_turn(void *argument)
{
    flow_h5_lock();
    int inside = ++n_inside;
    usleep(2000);
    order[n_served++] = inside == 1 ? ((const waiter *)argument)->number : -1;
    n_inside--;
    flow_h5_unlock();
    return NULL;
}

static void test_lock_is_given_in_turn(void **state)
{
    (void)state;
    waiter waiters[WAITERS];
    flow_h5_lock();
    for (int i = 0; i < WAITERS; i++) {
        waiters[i].number = i;
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, take_turn, &waiters[i]), 0);
        usleep(30000); /* so that it is there before the next one */
    }
    assert_int_equal(n_served, 0);
    flow_h5_unlock();
    for (int i = 0; i < WAITERS; i++)
        pthread_join(waiters[i].thread, NULL);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(order[i], i);
}

/* Whoever holds the lock keeps the thread that reads ahead from the library. It may have ended before; then the next
 * epoch is tried. */
static void test_reading_ahead_waits_for_the_lock(void **state)
{
    (void)state;
    int before = n_threads_at_rest();
    if (before == 0)
        skip(); /* no /proc */
    for (int k = 1; k < N_FILES; k++) {
        flow_dataset *data = open_rows(files[k], &(flow_dataset_options){.memory_bytes = SMALL}, true);
        bool waits = false;
        for (int64_t epoch = 0; epoch < 50 && !waits; epoch++) {
            shuffle(data, 1, epoch, 0);
            serve(&one, data, 1);
            flow_h5_lock();
            usleep(100000);
            waits = n_threads() > before;
            flow_h5_unlock();
            await_end_of_reading(before);
        }
        assert_true(waits);
        flow_dataset_close(data);
    }
}

/* Two sets are read ahead, and tables written and read meanwhile. */
static void test_tables_are_used_meanwhile(void **state)
{
    (void)state;
    const flow_dataset_options options = {.memory_bytes = SMALL};
    flow_dataset *data[2] = {open_rows("gzip.h5", &options, true), open_rows("t.h5", &options, true)};
    flow_error err = {0};
    for (int64_t epoch = 0; epoch < 8; epoch++) {
        for (int k = 0; k < 2; k++)
            shuffle(data[k], 1, epoch, 0);
        for (int piece = 0; piece < N / BATCH + 1; piece++) {
            for (int k = 0; k < 2; k++) {
                serve(k == 0 ? &one : &two, data[k], BATCH);
                assert_int_equal((k == 0 ? &one : &two)->status, FLOW_OK);
            }
            assert_int_equal(one.n, two.n);
            if (piece % 8 != 0)
                continue;
            flow_writer *writer;
            assert_int_equal(flow_writer_open(&writer, at("other.h5"), names, D, NULL, &err), FLOW_OK);
            assert_int_equal(flow_writer_write(writer, one.rows, one.n, &err), FLOW_OK);
            assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
            flow_reader *reader;
            size_t n;
            assert_int_equal(flow_reader_open(&reader, at("other.h5"), NULL, &err), FLOW_OK);
            assert_int_equal(flow_reader_read(reader, two.rows, NULL, N, &n, &err), FLOW_OK);
            assert_int_equal(n, one.n);
            assert_memory_equal(one.rows, two.rows, one.n * D * sizeof(double));
            flow_reader_close(reader);
        }
    }
    flow_dataset_close(data[0]);
    flow_dataset_close(data[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_rows),
        cmocka_unit_test(test_same_rows_of_a_part),
        cmocka_unit_test(test_skipped_rows),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_reads_before_it_is_asked),
        cmocka_unit_test(test_close_at_any_time),
        cmocka_unit_test(test_lock_is_given_in_turn),
        cmocka_unit_test(test_reading_ahead_waits_for_the_lock),
        cmocka_unit_test(test_tables_are_used_meanwhile),
    };
    return cmocka_run_group_tests(tests, make_tables, remove_folder);
}
