/* Any bytes at all through the CSV reader: whatever comes, an error or rows of finite numbers, and the same ones again
 * after going back. The first byte chooses the options.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST = 1 << 16 };

/* Reads what is left in pieces of `step` rows. Returns the sum of the values, or NaN after an error. */
static double read_all(flow_reader *reader, double *rows, size_t step, int64_t *n_rows)
{
    flow_error err = {0};
    size_t d = (size_t)reader->columns.n, n;
    double sum = 0;
    do {
        if (flow_reader_read(reader, rows, NULL, step, &n, &err) != FLOW_OK) {
            assert(err.message[0] != '\0');
            return NAN;
        }
        for (size_t i = 0; i < n * d; i++) {
            assert(isfinite(rows[i]));
            sum = sum / 2 + rows[i] / 2;
        }
        *n_rows += (int64_t)n;
    } while (n > 0);
    return sum;
}

/* A descriptor of a file with these bytes, for the reader to close. */
static int put(const uint8_t *bytes, size_t n)
{
    static int memory = -1;
    if (memory < 0)
        memory = memfd_create("fuzz", MFD_CLOEXEC);
    const int file = memory >= 0 ? fcntl(memory, F_DUPFD_CLOEXEC, 0) : -1;
    if (file < 0 || pwrite(file, bytes, n, 0) != (ssize_t)n || ftruncate(file, (off_t)n) != 0 ||
        lseek(file, 0, SEEK_SET) != 0)
        abort();
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static double rows[MOST];
    if (n == 0)
        return 0;
    const int file = put(bytes + 1, n - 1);
    static const char *const names[] = {"x2", "x1"};
    static const char *const last[] = {"x3"};
    flow_reader_options options = {.columns = bytes[0] & 2 ? names : NULL,
                                   .n_columns = 2,
                                   .skip_invalid = bytes[0] & 1,
                                   .last = last,
                                   .n_last = bytes[0] & 4 ? 1 : 0,
                                   .csv = {.delimiter = "\0;\t "[bytes[0] >> 3 & 3],
                                           .decimal = bytes[0] & 32 ? ',' : '\0',
                                           .header = (flow_csv_names)((bytes[0] >> 6) % 3)},
                                   .room = 64 /* so that records cross its end, and a read behind it is seen */};
    flow_reader *reader;
    flow_error err = {0};
    if (flow_csv_reader_open_descriptor(&reader, file, "fuzz.csv", &options, &err) == FLOW_OK) {
        size_t d = (size_t)reader->columns.n;
        assert(d >= 1 && d <= MOST);
        int64_t n_first = 0, n_again = 0;
        flow_position start = flow_reader_tell(reader);
        double first = read_all(reader, rows, MOST / d, &n_first);
        int64_t n_skipped = reader->n_skipped;
        assert(options.skip_invalid || n_skipped == 0);
        if (flow_reader_seek(reader, &start, &err) != FLOW_OK)
            abort();
        double again = read_all(reader, rows, 1, &n_again);
        assert(isnan(first) ? isnan(again) : first == again && n_first == n_again);
        assert(isnan(first) || reader->n_skipped == n_skipped);
    } else {
        assert(err.message[0] != '\0');
    }
    flow_reader_close(reader);
    return 0;
}

#include "fuzz_replay.h"
