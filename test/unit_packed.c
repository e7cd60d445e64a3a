/* CSV that is compressed with gzip or zstd: read as it is, and refused where it is damaged. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifndef FLOW_NO_ZSTD
#include <zstd.h>
#endif

#include "data/dataset.h"
#include "values.h"

/* Packs `text` behind what `out` (room for it) holds; returns the new size. */
static size_t pack_gzip(char *out, size_t at, size_t room, const char *text)
{
    z_stream z = {.next_in = (unsigned char *)(size_t)text,
                  .avail_in = (unsigned)strlen(text),
                  .next_out = (unsigned char *)out + at,
                  .avail_out = (unsigned)(room - at)};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void test_gzip(void **state)
{
    (void)state;
    char packed[1024];
    const double v[] = {1, 2.5, -3e-2, 4};
    size_t n = pack_gzip(packed, 0, sizeof packed, "x,y\n1,2.5\n-3e-2,4\n");
    char path[256];
    snprintf(path, sizeof path, "%s", write_bytes("a.csv.gz", packed, n));
    reads(path, "x y", 2, v);
    reads(write_bytes("a.txt", packed, n), "x y", 2, v); /* the name does not matter */
    write_bytes("a.csv.gz", packed, n - 9);              /* its checksum and a byte before it are missing */
    refuses(path, FLOW_DATA, "ends in the middle of its compressed data");
    write_bytes("a.csv.gz", packed, 3);
    refuses(path, FLOW_DATA, "ends in the middle of its compressed data");
    packed[n - 6] ^= 1;
    write_bytes("a.csv.gz", packed, n);
    refuses(path, FLOW_DATA, "are damaged (gzip: incorrect data check)");
    packed[n - 6] ^= 1;
    /* members one behind the other, as pigz and cat make them, and zeros behind them; but nothing else */
    n = pack_gzip(packed, n, sizeof packed, "5,6\n");
    memset(packed + n, 0, 100);
    write_bytes("a.csv.gz", packed, n + 100);
    reads(path, "x y", 3, (double[]){1, 2.5, -3e-2, 4, 5, 6});
    packed[n + 50] = 'x';
    write_bytes("a.csv.gz", packed, n + 100);
    refuses(path, FLOW_DATA, "are damaged (gzip: incorrect header check)");
    write_bytes("a.csv.gz", packed, pack_gzip(packed, 0, sizeof packed, ""));
    refuses(path, FLOW_DATA, "is empty");
    write_bytes("a.csv.gz", packed, pack_gzip(packed, 0, sizeof packed, "\x89HDF\r\n\x1a\n"));
    refuses(path, FLOW_FORMAT, "unpack it");
}

static void test_zstd(void **state)
{
    (void)state;
    char path[256];
#ifdef FLOW_NO_ZSTD
    snprintf(path, sizeof path, "%s", write_bytes("a.csv.zst", "\x28\xb5\x2f\xfdxyz", 7));
    refuses(path, FLOW_FORMAT, "built without libzstd; pipe it through zstd -dc");
#else
    char packed[1024];
    const double v[] = {1, 2.5, -3e-2, 4};
    const char *text = "x,y\n1,2.5\n-3e-2,4\n", *more = "5,6\n";
    size_t n = ZSTD_compress(packed, sizeof packed, text, strlen(text), 3);
    snprintf(path, sizeof path, "%s", write_bytes("a.csv.zst", packed, n));
    reads(path, "x y", 2, v);
    write_bytes("a.csv.zst", packed, n - 1);
    refuses(path, FLOW_DATA, "ends in the middle of its compressed data");
    packed[8] ^= 0x7f;
    write_bytes("a.csv.zst", packed, n);
    refuses(path, FLOW_DATA, "are damaged (zstd: ");
    packed[8] ^= 0x7f;
    n += ZSTD_compress(packed + n, sizeof packed - n, more, strlen(more), 3);
    write_bytes("a.csv.zst", packed, n);
    reads(path, "x y", 3, (double[]){1, 2.5, -3e-2, 4, 5, 6});
#endif
}

/* Many rows, so that the buffers are filled several times; every position can be gone back to. */
static void test_positions(void **state)
{
    (void)state;
    enum { ROWS = 60000, STEP = 7000 };
    char *text = malloc(ROWS * 24 + 16);
    assert_non_null(text);
    size_t length = (size_t)sprintf(text, "x,y\n");
    for (int i = 0; i < ROWS; i++)
        length += (size_t)sprintf(text + length, "%d,%.9f\n", i, sin(i));
    char *packed = malloc(length);
    assert_non_null(packed);
    char path[256];
    snprintf(path, sizeof path, "%s", write_bytes("a.csv.gz", packed, pack_gzip(packed, 0, length, text)));
    flow_reader *reader;
    flow_error err = {0};
    flow_position at[ROWS / STEP + 2];
    static double rows[2 * STEP];
    assert_int_equal(flow_reader_open(&reader, path, NULL, &err), FLOW_OK);
    assert_true(reader->is_packed);
    size_t n, n_parts = 0;
    for (;; n_parts++) {
        at[n_parts] = flow_reader_tell(reader);
        assert_int_equal(flow_reader_read(reader, rows, NULL, STEP, &n, &err), FLOW_OK);
        if (n == 0)
            break;
    }
    assert_int_equal(n_parts, ROWS / STEP + 1);
    for (size_t k = 0; k < n_parts; k++) { /* forwards and backwards */
        const size_t part = k * 5 % n_parts;
        assert_int_equal(flow_reader_seek(reader, &at[part], &err), FLOW_OK);
        assert_int_equal(flow_reader_read(reader, rows, NULL, STEP, &n, &err), FLOW_OK);
        assert_int_equal(n, part + 1 < n_parts ? STEP : ROWS % STEP);
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(rows[2 * i], (double)(part * STEP + i));
    }
    flow_reader_close(reader);

    /* a data set that does not hold its rows serves the same ones */
    flow_dataset *data;
    const flow_dataset_options options = {.memory_bytes = 1};
    if (flow_dataset_open(&data, path, &options, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    assert_true(data->is_packed && !data->is_held);
    assert_int_equal(data->n_rows, ROWS);
    flow_dataset_rewind(data);
    int64_t next = 0;
    do {
        if (flow_dataset_next(data, rows, NULL, STEP, &n, &err) != FLOW_OK)
            fail_msg("%s", err.message);
        for (size_t i = 0; i < n; i++, next++)
            ASSERT_EQ(rows[2 * i], (double)next);
    } while (n > 0);
    assert_int_equal(next, ROWS);
    flow_dataset_close(data);
    free(packed);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_positions),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
