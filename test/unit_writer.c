/* Writing tables: nothing changes on the way through a file, and a file is there as a whole or not at all. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "num/rng.h"
#include "values.h"

static uint64_t bits(int i, int k)
{
    return (uint64_t)(flow_rng_uniform(7, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)k) * 0x1p52) << 12 |
           (uint64_t)(flow_rng_uniform(8, FLOW_STREAM_OTHER, (uint64_t)i, (uint32_t)k) * 0x1p12);
}

static double nasty(int i)
{
    static const double special[] = {0,       -0.0, 5e-324,  DBL_MAX, -DBL_MAX,    DBL_MIN,
                                     DBL_EPSILON, 0.1,  1.0 / 3, 1e22,    1.7e9 + 1e-6};
    enum { N = sizeof special / sizeof special[0] };
    if (i < N)
        return special[i];
    uint64_t b = bits(i, 20) & ~(1ull << 62); /* no inf, no nan */
    double value;
    memcpy(&value, &b, sizeof value);
    return i % 2 ? value : (flow_rng_uniform(3, FLOW_STREAM_OTHER, (uint64_t)i, 0) - 0.5) * 20;
}

static void write_table(const char *location, int n, int d, bool as_float, double (*value)(int))
{
    static const char *const names[] = {"first", "the \"second\", quoted", " third ", "v\xc3\xa9locit\xc3\xa9", "1"};
    flow_error err = {0};
    flow_writer *writer;
    flow_writer_options options = {.as_float = as_float};
    if (flow_writer_open(&writer, location, names, d, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    double rows[64];
    for (int i = 0; i < n;) {
        int m = 1 + i % 12; /* writes of all sizes */
        m = m < n - i ? m : n - i;
        for (int k = 0; k < m * d; k++)
            rows[k] = value(i * d + k);
        assert_int_equal(flow_writer_write(writer, rows, (size_t)m, &err), FLOW_OK);
        i += m;
    }
    if (flow_writer_finish(writer, &err) != FLOW_OK)
        fail_msg("%s", err.message);
}

static void check_table(const char *location, int n, int d, bool as_float, double (*value)(int))
{
    static const char *const names[] = {"first", "the \"second\", quoted", " third ", "v\xc3\xa9locit\xc3\xa9", "1"};
    flow_error err = {0};
    flow_reader *reader;
    if (flow_reader_open(&reader, location, NULL, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(reader->columns.n, d);
    for (int i = 0; i < d; i++)
        assert_string_equal(reader->columns.at[i], names[i]);
    double rows[64];
    size_t n_read;
    int i = 0;
    do {
        assert_int_equal(flow_reader_read(reader, rows, NULL, (size_t)(64 / d), &n_read, &err), FLOW_OK);
        for (int k = 0; k < (int)n_read * d; k++, i++) {
            double expected = as_float ? (double)(float)value(i) : value(i);
            assert_memory_equal(&rows[k], &expected, sizeof expected);
        }
    } while (n_read > 0);
    assert_int_equal(i, n * d);
    flow_reader_close(reader);
}

static double plain(int i)
{
    return (flow_rng_uniform(4, FLOW_STREAM_OTHER, (uint64_t)i, 0) - 0.5) * 1e3;
}

static void test_writers_round_trip(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 100, 20000};
    for (int k = 0; k < 4; k++) {
        write_table(at("w.csv"), counts[k], 5, false, nasty);
        check_table(at("w.csv"), counts[k], 5, false, nasty);
        write_table(inside("w.h5", "/some/where/table"), counts[k], 5, false, nasty);
        check_table(inside("w.h5", "/some/where/table"), counts[k], 5, false, nasty);
        check_table(at("w.h5"), counts[k], 5, false, nasty);
        write_table(at("f.h5"), counts[k], 3, true, plain);
        check_table(inside("f.h5", "/data"), counts[k], 3, true, plain);
        write_table(at("f.csv"), counts[k], 3, true, plain);
    }
    char line[256] = {0};
    read_bytes(at("f.csv"), line, sizeof line - 1);
    ASSERT_GT(strlen(strchr(strchr(line, '\n') + 1, ',')), 8);
    check_table(at("w.csv"), 20000, 5, false, nasty);
    /* the same input makes the same bytes */
    static char a[1 << 20], b[1 << 20];
    write_table(at("w.h5"), 1000, 3, false, plain);
    size_t n = read_bytes(at("w.h5"), a, sizeof a);
    usleep(1100000);
    write_table(at("w.h5"), 1000, 3, false, plain);
    assert_int_equal(read_bytes(at("w.h5"), b, sizeof b), n);
    assert_memory_equal(a, b, n);
}

static void test_csv_header_of_numbers(void **state)
{
    (void)state;
    flow_error err;
    flow_writer *writer;
    assert_int_equal(flow_writer_open(&writer, at("h.csv"), (const char *[]){"0", "1"}, 2, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, (double[]){5, 6}, 1, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    reads(at("h.csv"), "0 1", 1, (double[]){5, 6});
    assert_int_equal(flow_writer_open(&writer, at("h.csv"), (const char *[]){"0", "NA"}, 2, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, (double[]){NAN, -INFINITY}, 1, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    char text[64] = {0};
    read_bytes(at("h.csv"), text, sizeof text - 1);
    assert_string_equal(text, "\"0\",\"NA\"\nnan,-inf\n");
}

static void test_writer_sections(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_writer *writer;
    static const char *const names[] = {"x", "y"};
    assert_int_equal(flow_writer_open(&writer, inside("s.h5", "/train"), names, 2, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, six, 3, &err), FLOW_OK);
    assert_int_equal(flow_writer_begin(writer, "/test", &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, six + 2, 2, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    reads(inside("s.h5", "/train"), "x y", 3, six);
    reads(inside("s.h5", "/test"), "x y", 2, six + 2);
    assert_int_equal(flow_writer_open(&writer, inside("s.h5", "/train"), names, 2, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_begin(writer, "/train", &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_IO); /* there is one already */
    reads(inside("s.h5", "/train"), "x y", 3, six);
    assert_int_equal(flow_writer_open(&writer, at("s.csv"), names, 2, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_begin(writer, "/test", &err), FLOW_ARGUMENT);
    flow_writer_abandon(writer);
    assert_int_equal(flow_writer_open(&writer, inside("s.h5", "/"), names, 2, NULL, &err), FLOW_ARGUMENT);
    assert_int_equal(flow_writer_open(&writer, at("s.csv"), names, 0, NULL, &err), FLOW_ARGUMENT);
}

static flow_status write_beside(const char *path, const double *rows, size_t n, flow_error *err)
{
    flow_writer *writer;
    flow_writer_options options = {.keep = true};
    flow_status status = flow_writer_open(&writer, inside("k.h5", path), (const char *[]){"x", "y"}, 2, &options, err);
    if (status != FLOW_OK)
        return status;
    status = flow_writer_write(writer, rows, n, err);
    if (status == FLOW_OK)
        return flow_writer_finish(writer, err);
    flow_writer_abandon(writer);
    return status;
}

static void test_writer_keeps_other_tables(void **state)
{
    (void)state;
    static char a[1 << 16], b[1 << 16];
    flow_error err = {0};
    assert_int_equal(write_beside("/g/train", six, 3, &err), FLOW_OK);
    size_t n = read_bytes(at("k.h5"), a, sizeof a);
    nanosleep(&(struct timespec){1, 100000000}, NULL); /* no second is kept in it */
    assert_int_equal(write_beside("/g/train", six, 3, &err), FLOW_OK); /* alone: as if the file were new */
    assert_int_equal(read_bytes(at("k.h5"), b, sizeof b), n);
    assert_memory_equal(a, b, n);
    assert_int_equal(write_beside("/g/test", six + 2, 2, &err), FLOW_OK);
    assert_int_equal(write_beside("/data", six + 2, 1, &err), FLOW_OK);
    assert_int_equal(write_beside("/g/train", six + 2, 2, &err), FLOW_OK);
    reads(inside("k.h5", "/g/train"), "x y", 2, six + 2);
    reads(inside("k.h5", "/g/test"), "x y", 2, six + 2);
    reads(inside("k.h5", "/data"), "x y", 1, six + 2);
    /* what cannot be kept is not touched */
    n = read_bytes(at("k.h5"), a, sizeof a);
    assert_int_equal(write_beside("/g", six, 1, &err), FLOW_EXISTS);
    assert_non_null(strstr(err.message, "/g is a group"));
    assert_int_not_equal(write_beside("/data/below", six, 1, &err), FLOW_OK);
    assert_int_equal(read_bytes(at("k.h5"), b, sizeof b), n);
    assert_memory_equal(a, b, n);
    FILE *file = fopen(at("k.h5"), "wb");
    assert_int_equal(fwrite(a, 1, n / 2, file), n / 2);
    fclose(file);
    assert_int_equal(write_beside("/data", six, 1, &err), FLOW_FORMAT);
    assert_non_null(strstr(err.message, "cannot be kept"));
    assert_int_equal(read_bytes(at("k.h5"), b, sizeof b), n / 2);
    remove(at("k.h5"));
}

static void test_writer_leaves_the_old_file(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_writer *writer;
    static const char *const names[] = {"x"};
    for (int k = 0; k < 2; k++) {
        const char *file = k ? "old.h5" : "old.csv";
        write_table(at(file), 10, 1, false, plain);
        chmod(at(file), 0640);
        assert_int_equal(flow_writer_open(&writer, at(file), names, 1, NULL, &err), FLOW_OK);
        assert_int_equal(flow_writer_write(writer, six, 6, &err), FLOW_OK);
        check_table(at(file), 10, 1, false, plain); /* not yet */
        flow_writer_abandon(writer);
        check_table(at(file), 10, 1, false, plain);
        assert_int_equal(flow_writer_open(&writer, at(file), names, 1, NULL, &err), FLOW_OK);
        assert_int_equal(flow_writer_write(writer, six, 6, &err), FLOW_OK);
        assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
        reads(at(file), "x", 6, six);
        struct stat info;
        stat(at(file), &info);
        assert_int_equal(info.st_mode & 0777, 0640);
    }
    int before = n_files();
    assert_int_equal(symlink("old.csv", at("link.csv")), 0);
    write_table(at("link.csv"), 4, 1, false, plain);
    struct stat info;
    lstat(at("link.csv"), &info);
    assert_true(S_ISLNK(info.st_mode));
    check_table(at("old.csv"), 4, 1, false, plain);
    assert_int_equal(n_files(), before + 1);
    assert_int_equal(flow_writer_open(&writer, at("no/such/file.csv"), names, 1, NULL, &err), FLOW_IO);
    assert_says(&err, "make its folder first");
    assert_int_equal(flow_writer_open(&writer, folder, names, 1, NULL, &err), FLOW_IO);
    assert_says(&err, "is a folder");
    assert_int_equal(flow_writer_open(&writer, "/dev/null", names, 1, NULL, &err), FLOW_OK);
    assert_int_equal(flow_writer_write(writer, six, 6, &err), FLOW_OK);
    assert_int_equal(flow_writer_finish(writer, &err), FLOW_OK);
    stat("/dev/null", &info);
    assert_true(S_ISCHR(info.st_mode));
}

/* In a child, because the limit stays and HDF5 is not itself after a failed write. */
static int write_against_a_limit(const char *location)
{
    flow_error err = {0};
    flow_writer *writer;
    struct rlimit limit = {1 << 16, 1 << 16};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (flow_writer_open(&writer, location, (const char *[]){"x"}, 1, NULL, &err) != FLOW_OK)
        return 1;
    flow_status status = FLOW_OK;
    for (int i = 0; i < 100000 && status == FLOW_OK; i++)
        status = flow_writer_write(writer, six, 6, &err);
    if (status == FLOW_OK)
        status = flow_writer_finish(writer, &err);
    else
        flow_writer_abandon(writer);
    if (status != FLOW_IO || strstr(err.message, "cannot be written") == NULL ||
        strstr(err.message, "File too large") == NULL)
        return 2;
    if (strchr(err.message, '\n') != NULL || strstr(err.message, "descriptor") != NULL)
        return 3; /* what HDF5 says, and not how it says it */
    return 0;
}

static void test_full_disk(void **state)
{
    (void)state;
    flow_error err = {0};
    flow_writer *writer;
    for (int k = 0; k < 2; k++) {
        const char *file = k ? "full.h5" : "full.csv";
        write_table(at(file), 10, 1, false, plain);
        int before = n_files();
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            _exit(write_against_a_limit(at(file)));
        int result;
        waitpid(child, &result, 0);
        assert_true(WIFEXITED(result));
        assert_int_equal(WEXITSTATUS(result), 0);
        check_table(at(file), 10, 1, false, plain);
        assert_int_equal(n_files(), before);
    }
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(flow_writer_open(&writer, "/dev/full", (const char *[]){"x"}, 1, NULL, &err), FLOW_OK);
        assert_int_equal(flow_writer_write(writer, six, 6, &err), FLOW_OK);
        assert_int_equal(flow_writer_finish(writer, &err), FLOW_IO);
        assert_says(&err, "No space left on device");
    }
}

static void test_closed_pipe(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDOUT_FILENO);
    flow_error err = {0};
    flow_writer *writer;
    fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    flow_status opened = flow_writer_open(&writer, "-", (const char *[]){"x", "y"}, 2, NULL, &err);
    flow_status written = flow_writer_write(writer, six, 3, &err);
    flow_status finished = flow_writer_finish(writer, &err);
    char text[64] = {0};
    ssize_t n = read(ends[0], text, sizeof text - 1);
    flow_status again = flow_writer_open(&writer, NULL, (const char *[]){"x"}, 1, NULL, &err);
    close(ends[0]); /* nobody reads any more */
    flow_status status = flow_writer_write(writer, six, 6, &err);
    status = status == FLOW_OK ? flow_writer_finish(writer, &err) : status;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ASSERT_EQ(opened, FLOW_OK);
    ASSERT_EQ(written, FLOW_OK);
    ASSERT_EQ(finished, FLOW_OK);
    ASSERT_EQ(again, FLOW_OK);
    assert_string_equal(text, "x,y\n1,2\n3,4\n5,6\n");
    assert_int_equal(n, strlen(text));
    assert_int_equal(status, FLOW_IO);
    assert_says(&err, "standard output: cannot be written");
}

static void test_wide_tables(void **state)
{
    (void)state;
    enum { D = 20000 };
    static char text[D][16];
    static const char *names[D];
    static double row[D];
    for (int i = 0; i < D; i++) {
        snprintf(text[i], sizeof text[i], "c%d", i);
        names[i] = text[i];
        row[i] = i;
    }
    flow_error err = {0};
    for (int k = 0; k < 2; k++) {
        flow_writer *writer;
        flow_reader *reader;
        const char *file = k ? "wide.h5" : "wide.csv";
        assert_int_equal(flow_writer_open(&writer, at(file), names, D, NULL, &err), FLOW_OK);
        assert_int_equal(flow_writer_write(writer, row, 1, &err), FLOW_OK);
        if (flow_writer_finish(writer, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        static const char *const last[] = {"c19999"};
        flow_reader_options options = {.columns = last, .n_columns = 1};
        if (flow_reader_open(&reader, at(file), &options, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        double value;
        size_t n;
        assert_int_equal(flow_reader_read(reader, &value, NULL, 1, &n, &err), FLOW_OK);
        ASSERT_EQ(n, 1);
        ASSERT_EQ(value, D - 1);
        flow_reader_close(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writers_round_trip),
        cmocka_unit_test(test_csv_header_of_numbers),
        cmocka_unit_test(test_writer_sections),
        cmocka_unit_test(test_writer_keeps_other_tables),
        cmocka_unit_test(test_writer_leaves_the_old_file),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_closed_pipe),
        cmocka_unit_test(test_wide_tables),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
