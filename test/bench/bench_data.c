/* The speed of reading and writing tables, on one thread: CSV by the number of digits, HDF5 by the storage.
 *
 * Each reading has a reference in the same rounds: read(2) of the bytes of the file, or for compressed chunks zlib's
 * inflate of the same chunks. The files have a few megabytes and are in the cache of the system, so that the disk is
 * not measured. The values are normal random numbers.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "bench/workload.h"
#include "data/table.h"
#include "num/rng.h"

enum { ROUNDS = 11, COLUMNS = 10, ROWS = 40000, CHUNK_ROWS = 2000, BATCH = 4096, PATH_SIZE = 512, ITEMS_MAX = 64 };

static const double slice = 0.05; /* seconds */
static const char *const column_names[COLUMNS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

/* A file that is read or written. */
typedef struct file_case {
    char path[PATH_SIZE];
    double bytes; /* of the file; for HDF5 of the stored values before compression */
    bool as_float;
    const double *rows; /* (ROWS, COLUMNS) to write */
    bench_item work, reference;
} file_case;

static void stop_unless(bool good, const char *what)
{
    if (!good)
        bench_stop(what);
}

static void name_file(file_case *c, const char *name)
{
    stop_unless(snprintf(c->path, sizeof c->path, "%s/%s", folder, name) < (int)sizeof c->path, "a long folder name");
}

/* ------------------------------------------------------------------ the work */

static void read_table(void *context)
{
    const file_case *c = context;
    static double rows[BATCH * COLUMNS];
    flow_reader *reader;
    flow_error err;
    size_t n, n_rows = 0;
    workload_check(flow_reader_open(&reader, c->path, NULL, &err), &err);
    do {
        workload_check(flow_reader_read(reader, rows, NULL, BATCH, &n, &err), &err);
        n_rows += n;
    } while (n > 0);
    flow_reader_close(reader);
    stop_unless(n_rows == ROWS, "a table with other rows than were written");
}

static void write_table(void *context)
{
    const file_case *c = context;
    flow_writer_options options = {.as_float = c->as_float};
    flow_writer *writer;
    flow_error err;
    workload_check(flow_writer_open(&writer, c->path, column_names, COLUMNS, &options, &err), &err);
    for (size_t at = 0; at < ROWS; at += BATCH) {
        size_t n = ROWS - at < BATCH ? ROWS - at : BATCH;
        workload_check(flow_writer_write(writer, c->rows + at * COLUMNS, n, &err), &err);
    }
    workload_check(flow_writer_finish(writer, &err), &err);
}

static void read_raw(void *context)
{
    const file_case *c = context;
    static char buffer[1 << 18];
    int descriptor = open(c->path, O_RDONLY);
    ssize_t n;
    stop_unless(descriptor >= 0, "a file cannot be opened");
    while ((n = read(descriptor, buffer, sizeof buffer)) > 0)
        continue;
    close(descriptor);
}

static void write_raw(void *context)
{
    const file_case *c = context;
    char path[PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s.plain", c->path);
    static const char buffer[1 << 16] = "";
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    stop_unless(descriptor >= 0, "a file cannot be opened");
    for (size_t left = (size_t)c->bytes; left > 0;) {
        ssize_t n = write(descriptor, buffer, left < sizeof buffer ? left : sizeof buffer);
        stop_unless(n > 0, "a file cannot be written");
        left -= (size_t)n;
    }
    stop_unless(fsync(descriptor) == 0 && close(descriptor) == 0, "a file cannot be written");
    unlink(path);
}

/* The compressed chunks of a dataset, and memory for one unpacked chunk. */
typedef struct chunks {
    int n;
    Bytef *packed[ROWS / CHUNK_ROWS];
    uLong sizes[ROWS / CHUNK_ROWS];
    Bytef unpacked[CHUNK_ROWS * COLUMNS * sizeof(double)];
} chunks;

static void inflate_chunks(void *context)
{
    chunks *c = context;
    for (int k = 0; k < c->n; k++) {
        uLongf size = sizeof c->unpacked;
        stop_unless(uncompress(c->unpacked, &size, c->packed[k], c->sizes[k]) == Z_OK, "a chunk is not what it was");
    }
}

/* ------------------------------------------------------------------ files to read */

/* `digits` of them; 0: another number and another form in each field, as nothing could foresee. */
static void print_number(FILE *out, double x, int digits, size_t i)
{
    static const char *const forms[] = {"%.0f", "%.3f", "%.6g", "%.9g", "%.17g", "%.6e", "%.2f", "%.8f"};
    if (digits > 0)
        fprintf(out, "%.*g", digits, x);
    else
        fprintf(out, forms[(int)(8 * flow_rng_uniform(1, FLOW_STREAM_OTHER, i, 2))], 100 * x);
}

static void make_csv(file_case *c, const char *name, const double *rows, int digits, bool quoted)
{
    name_file(c, name);
    FILE *out = fopen(c->path, "w");
    stop_unless(out != NULL, "a file cannot be written");
    for (int j = 0; j < COLUMNS; j++)
        fprintf(out, "%s%c", column_names[j], j + 1 < COLUMNS ? ',' : '\n');
    const char *quote = quoted ? "\"" : "";
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) {
        fputs(quote, out);
        print_number(out, rows[i], digits, i);
        fprintf(out, "%s%c", quote, (i + 1) % COLUMNS == 0 ? '\n' : ',');
    }
    stop_unless(fclose(out) == 0, "a file cannot be written");
    struct stat info;
    stop_unless(stat(c->path, &info) == 0, "a file cannot be found");
    c->bytes = (double)info.st_size;
    c->work = (bench_item){.work = read_table, .context = c, .n_threads = 1};
    c->reference = (bench_item){.work = read_raw, .context = c, .n_threads = 1};
}

typedef struct storage {
    const char *name, *label;
    bool as_float, chunked, shuffle;
    int deflate; /* level, 0: not compressed */
} storage;

static void take_chunks(chunks *out, hid_t dataset, hid_t space)
{
    hsize_t n, at[2], bytes;
    unsigned mask;
    stop_unless(H5Dget_num_chunks(dataset, space, &n) >= 0, "the chunks cannot be counted");
    for (out->n = 0; out->n < (int)n; out->n++) {
        int k = out->n;
        haddr_t place;
        stop_unless(H5Dget_chunk_info(dataset, space, (hsize_t)k, at, &mask, &place, &bytes) >= 0, "no such chunk");
        out->packed[k] = bench_checked(malloc(bytes));
        out->sizes[k] = (uLong)bytes;
        uint32_t filters;
        stop_unless(H5Dread_chunk(dataset, H5P_DEFAULT, at, &filters, out->packed[k]) >= 0, "a chunk cannot be read");
    }
}

static void make_hdf5(file_case *c, chunks *packed, const double *rows, const storage *how)
{
    name_file(c, how->name);
    hsize_t size[2] = {ROWS, COLUMNS}, chunk[2] = {CHUNK_ROWS, COLUMNS};
    hid_t file = H5Fcreate(c->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, size, NULL);
    hid_t type = how->as_float ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
    bool good = !how->chunked || H5Pset_chunk(list, 2, chunk) >= 0;
    good = good && (!how->shuffle || H5Pset_shuffle(list) >= 0);
    good = good && (how->deflate == 0 || H5Pset_deflate(list, (unsigned)how->deflate) >= 0);
    hid_t dataset = H5Dcreate2(file, "data", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    good = good && H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0;
    stop_unless(good && H5Fflush(file, H5F_SCOPE_LOCAL) >= 0, "an HDF5 file cannot be written");
    c->work = (bench_item){.work = read_table, .context = c, .n_threads = 1};
    c->reference = (bench_item){.work = read_raw, .context = c, .n_threads = 1};
    c->bytes = (double)H5Tget_size(type) * ROWS * COLUMNS;
    if (how->deflate > 0) {
        take_chunks(packed, dataset, space);
        c->reference.work = inflate_chunks;
        c->reference.context = packed;
    }
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(list);
    H5Fclose(file);
}

static void make_output(file_case *c, const char *name, const double *rows, bool as_float)
{
    name_file(c, name);
    c->rows = rows;
    c->as_float = as_float;
    write_table(c);
    struct stat info;
    stop_unless(stat(c->path, &info) == 0, "a file cannot be found");
    c->bytes = (double)info.st_size;
    c->work = (bench_item){.work = write_table, .context = c, .n_threads = 1};
    c->reference = (bench_item){.work = write_raw, .context = c, .n_threads = 1};
}

/* ------------------------------------------------------------------ measuring */

static void measure(file_case *measured, int n)
{
    bench_item *items[ITEMS_MAX];
    for (int k = 0; k < n; k++) {
        items[2 * k] = &measured[k].work;
        items[2 * k + 1] = &measured[k].reference;
    }
    bench_run(items, 2 * n, ROUNDS, slice);
}

static void print_case(const file_case *c, const char *label, const char *reference)
{
    bench_figure rate = bench_rate(&c->work, ROUNDS, 1e-6 * c->bytes);
    bench_figure plain = bench_rate(&c->reference, ROUNDS, 1e-6 * c->bytes);
    bench_figure share = bench_ratio(&c->reference, &c->work, ROUNDS);
    bench_figure values = bench_rate(&c->work, ROUNDS, 1e-6 * ROWS * COLUMNS);
    printf("    %-44s %7.0f  %3.0f %% %10.1f   %-8s %7.0f %7.0f %%\n", label, rate.median, 100 * rate.spread,
           values.median, reference, plain.median, 100 * share.median);
}

static double *normal_rows(bool as_float)
{
    double *rows = bench_checked(malloc(sizeof(double) * ROWS * COLUMNS));
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) {
        double u = flow_rng_uniform(1, FLOW_STREAM_OTHER, i, 0), v = flow_rng_uniform(1, FLOW_STREAM_OTHER, i, 1);
        double z = sqrt(-2 * log(u)) * cos(2 * M_PI * v); /* Box and Muller */
        rows[i] = as_float ? (double)(float)z : z;
    }
    return rows;
}

/* ------------------------------------------------------------------ the cases */

static const struct {
    const char *name, *label;
    int digits;
    bool quoted;
} texts[] = {{"r6.csv", "read CSV, 6 digits", 6, false},
             {"r9.csv", "read CSV, 9 digits", 9, false},
             {"r17.csv", "read CSV, 17 digits", 17, false},
             {"q9.csv", "read CSV, 9 digits in quotes", 9, true},
             {"m.csv", "read CSV, a form for each number", 0, false}};

static const storage stores[] = {{"c8.h5", "read HDF5, double, contiguous", false, false, false, 0},
                                 {"c4.h5", "read HDF5, float, contiguous", true, false, false, 0},
                                 {"k8.h5", "read HDF5, double, chunks", false, true, false, 0},
                                 {"z4.h5", "read HDF5, float, chunks, gzip 4", true, true, false, 4},
                                 {"s4.h5", "read HDF5, float, chunks, shuffle, gzip 4", true, true, true, 4}};

static const struct {
    const char *name, *label;
    bool as_float;
} outputs[] = {{"w4.csv", "write CSV, float", true},
               {"w8.csv", "write CSV, double", false},
               {"w4.h5", "write HDF5, float", true},
               {"w8.h5", "write HDF5, double", false}};

enum { TEXTS = sizeof texts / sizeof texts[0], STORES = sizeof stores / sizeof stores[0],
       OUTPUTS = sizeof outputs / sizeof outputs[0], CASES = TEXTS + STORES + OUTPUTS };

static file_case cases[CASES];
static chunks packed[STORES];

static void make_files(const double *doubles, const double *floats)
{
    stop_unless(make_folder(NULL) == 0, "no folder for the files can be made; set TMPDIR");
    file_case *made = cases;
    for (int k = 0; k < TEXTS; k++)
        make_csv(made++, texts[k].name, doubles, texts[k].digits, texts[k].quoted);
    for (int k = 0; k < STORES; k++)
        make_hdf5(made++, &packed[k], doubles, &stores[k]);
    for (int k = 0; k < OUTPUTS; k++)
        make_output(made++, outputs[k].name, outputs[k].as_float ? floats : doubles, outputs[k].as_float);
}

static void remove_files(void)
{
    remove_folder(NULL);
    for (int s = 0; s < STORES; s++)
        for (int k = 0; k < packed[s].n; k++)
            free(packed[s].packed[k]);
}

static void print_cases(void)
{
    printf("\ntables of %d rows and %d columns: MB/s of the file (HDF5: of its values), million values/s\n", ROWS,
           COLUMNS);
    printf("    %-44s %7s %6s %10s   %-8s %7s %9s\n", "", "MB/s", "+-", "values", "against", "MB/s", "share");
    const file_case *at = cases;
    for (int k = 0; k < TEXTS; k++)
        print_case(at++, texts[k].label, "read");
    for (int k = 0; k < STORES; k++)
        print_case(at++, stores[k].label, stores[k].deflate > 0 ? "inflate" : "read");
    for (int k = 0; k < OUTPUTS; k++)
        print_case(at++, outputs[k].label, "write");
}

int main(void)
{
    double began = bench_now(), *doubles = normal_rows(false), *floats = normal_rows(true);
    make_files(doubles, floats);
    bench_print_machine();
    measure(cases, CASES);
    print_cases();
    remove_files();
    free(doubles);
    free(floats);
    printf("\n%.0f s\n", bench_now() - began);
    return 0;
}
