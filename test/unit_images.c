/* Images as data sets: how they are held in memory, and that they are the same rows as those of a table. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image_files.h"

#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "num/rng.h"
#include "values.h"

enum { N = 3000, HEIGHT = 5, WIDTH = 3, CHANNELS = 2, D = HEIGHT * WIDTH * CHANNELS, DL = D + 1 };

static const flow_shape shape = {HEIGHT, WIDTH, CHANNELS};
static const char *const label[] = {"label"};

/* Rows (N, DL) of images and their labels; whole numbers from 0 to 255, or with a fraction that a float holds. */
static double *make_rows(double unit)
{
    double *rows = malloc((size_t)N * DL * sizeof *rows);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < DL; j++) {
            int value = (int)(256 * flow_rng_uniform(3, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)j));
            rows[i * DL + j] = j < D ? value * unit : value % 10;
        }
    return rows;
}

/* The same as a file. */
static const char *make_file(const char *name, hid_t stored, const double *rows)
{
    double *images = malloc((size_t)N * D * sizeof *images);
    int64_t *labels = malloc((size_t)N * sizeof *labels);
    for (int i = 0; i < N; i++) {
        memcpy(images + (size_t)i * D, rows + (size_t)i * DL, D * sizeof *images);
        labels[i] = (int64_t)rows[i * DL + D];
    }
    write_labels(name, "/train_labels", labels, N);
    const char *location = write_images(name, "/train", stored, shape, images, N);
    free(labels);
    free(images);
    return location;
}

static flow_dataset *open_table(const double *rows, const flow_dataset_options *options)
{
    const char *names[DL] = {0};
    char text[DL][16];
    flow_dataset *data;
    for (int j = 0; j < D; j++) {
        snprintf(text[j], sizeof text[j], "x%d", j + 1);
        names[j] = text[j];
    }
    names[D] = label[0];
    const flow_table_rows table = {.name = "table", .rows = rows, .n = N, .d = DL, .columns = names};
    assert_int_equal(flow_dataset_open_rows(&data, &table, options, NULL), FLOW_OK);
    return data;
}

/* All rows of an epoch, and of the file. */
static void expect_same_rows(flow_dataset *a, flow_dataset *b)
{
    double *x = malloc((size_t)N * DL * sizeof *x), *y = malloc((size_t)N * DL * sizeof *y);
    int64_t *i = malloc(N * sizeof *i), *j = malloc(N * sizeof *j);
    for (int pass = 0; pass < 3; pass++) {
        size_t n, m;
        if (pass == 0) {
            assert_int_equal(flow_dataset_shuffle(a, 7, 5, 11, NULL), FLOW_OK);
            assert_int_equal(flow_dataset_shuffle(b, 7, 5, 11, NULL), FLOW_OK);
        } else {
            flow_dataset_rewind(a);
            flow_dataset_rewind(b);
        }
        if (pass < 2) {
            assert_int_equal(flow_dataset_next(a, x, i, N, &n, NULL), FLOW_OK);
            assert_int_equal(flow_dataset_next(b, y, j, N, &m, NULL), FLOW_OK);
            assert_memory_equal(i, j, n * sizeof *i);
        } else {
            assert_int_equal(flow_dataset_sample(a, x, 100, &n, NULL), FLOW_OK);
            assert_int_equal(flow_dataset_sample(b, y, 100, &m, NULL), FLOW_OK);
        }
        assert_int_equal(n, m);
        assert_int_equal(n, pass == 0 ? N - 11 : pass == 1 ? N : 100);
        assert_memory_equal(x, y, n * DL * sizeof *x);
    }
    assert_int_equal(a->checksum, b->checksum);
    for (int k = 0; k < DL; k++) {
        ASSERT_NEAR(a->summary[k].mean, b->summary[k].mean, 1e-10);
        ASSERT_EQ(a->summary[k].least, b->summary[k].least);
        ASSERT_EQ(a->summary[k].most, b->summary[k].most);
    }
    free(x);
    free(y);
    free(i);
    free(j);
}

/* Held, the rows take the bytes of their type, and they come in the same order as those of a table in double. */
static void test_types(void **state)
{
    (void)state;
    const struct {
        const char *name;
        hid_t stored;
        double unit;
        size_t row_bytes;
    } cases[] = {
        {"byte.h5", H5T_STD_U8LE, 1, D + sizeof(double)},
        {"short.h5", H5T_STD_I16BE, 1, D * sizeof(float) + sizeof(double)},
        {"float.h5", H5T_IEEE_F32LE, 1 / 256.0, D * sizeof(float) + sizeof(double)},
        {"int.h5", H5T_STD_I32LE, 1, DL * sizeof(double)},
        {"double.h5", H5T_IEEE_F64LE, 0.1, DL * sizeof(double)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double *rows = make_rows(cases[i].unit);
        const char *location = make_file(cases[i].name, cases[i].stored, rows);
        flow_dataset_options options = {.context = label, .n_context = 1, .memory_bytes = N * cases[i].row_bytes};
        flow_dataset *table = open_table(rows, &(flow_dataset_options){.context = label, .n_context = 1});
        flow_dataset *images = open_set(location, &options);
        assert_true(images->is_held);
        assert_int_equal(images->row_bytes, cases[i].row_bytes);
        assert_int_equal(images->image.shape.height, HEIGHT);
        expect_same_rows(images, table);
        flow_dataset_close(images);
        flow_dataset_close(table);
        options.memory_bytes--; /* one byte less, and they are read again each epoch */
        images = open_set(location, &options);
        assert_false(images->is_held);
        flow_dataset_close(images);
        free(rows);
    }
}

/* Rows that are not held are the same in each order, however they are read. */
static void test_not_held(void **state)
{
    (void)state;
    double *rows = make_rows(1);
    const char *location = make_file("parts.h5", H5T_STD_U8LE, rows);
    flow_dataset_options options = {.context = label, .n_context = 1, .memory_bytes = 40000};
    flow_dataset *plain = open_set(location, &options);
    options.read_ahead = true;
    flow_dataset *ahead = open_set(location, &options);
    assert_false(plain->is_held);
    expect_same_rows(plain, ahead);
    double row[DL];
    int64_t number;
    size_t n;
    assert_int_equal(flow_dataset_shuffle(plain, 1, 0, 0, NULL), FLOW_OK);
    for (int count = 0; count < N; count++) {
        assert_int_equal(flow_dataset_next(plain, row, &number, 1, &n, NULL), FLOW_OK);
        assert_memory_equal(row, rows + (size_t)number * DL, sizeof row);
    }
    flow_dataset_close(plain);
    flow_dataset_close(ahead);
    free(rows);
}

/* The values of a row from right to left. */
static void mirror(double *to, const double *row)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < CHANNELS; c++)
                to[(y * WIDTH + x) * CHANNELS + c] = row[(y * WIDTH + WIDTH - 1 - x) * CHANNELS + c];
}

/* Half of the rows of an epoch are mirrored, by their number and not by their place; those in the order of the file are
 * not. */
static void test_flips(void **state)
{
    (void)state;
    double *rows = make_rows(1), row[DL], turned[D];
    const char *location = make_file("flips.h5", H5T_STD_U8LE, rows);
    flow_dataset_options options = {.context = label, .n_context = 1, .flip = true};
    bool *first = calloc(N, sizeof *first);
    int64_t number;
    size_t n;
    for (int kind = 0; kind < 3; kind++) { /* held; in another epoch; in parts */
        options.memory_bytes = kind == 2 ? 40000 : 0;
        flow_dataset *data = open_set(location, &options);
        int n_flipped = 0, n_differ = 0;
        assert_int_equal(flow_dataset_shuffle(data, 1, kind == 1 ? 4 : 3, 0, NULL), FLOW_OK);
        for (int i = 0; i < N; i++) {
            assert_int_equal(flow_dataset_next(data, row, &number, 1, &n, NULL), FLOW_OK);
            const double *whole = rows + (size_t)number * DL;
            mirror(turned, whole);
            const bool is_flipped = memcmp(row, turned, sizeof turned) == 0;
            assert_true(is_flipped || memcmp(row, whole, sizeof turned) == 0);
            ASSERT_EQ(row[D], whole[D]);
            n_flipped += is_flipped;
            n_differ += is_flipped != first[number];
            first[number] = kind == 0 ? is_flipped : first[number];
        }
        ASSERT_NEAR(n_flipped, N / 2.0, 100);
        assert_int_equal(kind == 2 ? n_differ : 0, 0);
        if (kind == 1)
            ASSERT_NEAR(n_differ, N / 2.0, 100);
        flow_dataset_rewind(data);
        for (int i = 0; i < N; i++) {
            assert_int_equal(flow_dataset_next(data, row, &number, 1, &n, NULL), FLOW_OK);
            assert_memory_equal(row, rows + (size_t)number * DL, sizeof row);
        }
        flow_dataset_close(data);
    }
    free(first);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_not_held),
        cmocka_unit_test(test_flips),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
