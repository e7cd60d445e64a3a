/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/hdf5_layout.h"
#include "data/hdf5_support.h"
#include "data/hdf5_tables.h"
#include "data/table_impl.h"

typedef struct hdf5_reader {
    flow_reader common;
    hid_t file;
    flow_hdf5_layout layout;
    double *block;        /* (block_rows, d): rows block_first ... block_first + n_block - 1 */
    int64_t block_first, n_block, next;
} hdf5_reader;

/* Reads the block that row `next` lies in. Blocks begin at multiples of their size: chunks are then read once. */
static flow_status load(hdf5_reader *r, flow_error *err)
{
    int64_t size = r->layout.block_rows, first = r->next - r->next % size, left = r->common.n_rows - first;
    r->n_block = 0;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_status status = flow_hdf5_layout_read(&r->layout, r->block, first, left < size ? left : size, err);
    flow_hdf5_restore(&hush);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "%s: ", r->common.name);
        return status;
    }
    r->block_first = first;
    r->n_block = left < size ? left : size;
    return FLOW_OK;
}

static bool all_finite(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i] * 0; /* 0, or NaN from then on */
    return sum == 0;
}

static flow_status refuse(const hdf5_reader *r, const double *row, int64_t number, flow_error *err)
{
    int column = 0;
    while (isfinite(row[column]))
        column++;
    char text[FLOW_NUMBER_SIZE];
    flow_number_print(text, row[column]);
    return flow_error_set(err, FLOW_DATA, "%s: row %lld, column \"%.80s\": \"%s\" is not a finite number; correct it "
                          "or drop such rows with --skip-invalid", r->common.name, (long long)number + 1,
                          r->common.columns.at[column], text);
}

static flow_status hdf5_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                             flow_error *err)
{
    hdf5_reader *r = (hdf5_reader *)reader;
    size_t d = (size_t)reader->columns.n, n = 0;
    while (n < n_max && r->next < reader->n_rows) {
        if (r->next < r->block_first || r->next >= r->block_first + r->n_block) {
            flow_status status = load(r, err);
            if (status != FLOW_OK)
                return status;
        }
        size_t there = (size_t)(r->block_first + r->n_block - r->next), wanted = n_max - n;
        size_t m = there < wanted ? there : wanted;
        const double *from = r->block + (size_t)(r->next - r->block_first) * d;
        bool good = all_finite(from, m * d);
        for (size_t i = 0; i < m; i++, r->next++, from += d) {
            if (!good && !all_finite(from, d)) {
                if (!reader->skip_invalid)
                    return refuse(r, from, r->next, err);
                flow_reader_drop(reader, r->next);
                continue;
            }
            memcpy(rows + n * d, from, d * sizeof *rows);
            if (numbers != NULL)
                numbers[n] = r->next;
            n++;
        }
    }
    *n_read = n;
    return FLOW_OK;
}

static flow_position hdf5_tell(const flow_reader *reader)
{
    return (flow_position){.row = ((const hdf5_reader *)reader)->next};
}

static flow_status hdf5_seek(flow_reader *reader, const flow_position *position, flow_error *err)
{
    if (position->row > reader->n_rows)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld", reader->name, (long long)position->row);
    ((hdf5_reader *)reader)->next = position->row;
    return FLOW_OK;
}

static void hdf5_limit(flow_reader *reader, int64_t rows)
{
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_hdf5_layout_limit(&((hdf5_reader *)reader)->layout, rows);
    flow_hdf5_restore(&hush);
}

static void hdf5_close(flow_reader *reader)
{
    hdf5_reader *r = (hdf5_reader *)reader;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_hdf5_layout_free(&r->layout);
    if (r->file >= 0)
        H5Fclose(r->file);
    flow_hdf5_restore(&hush);
    free(r->block);
}

static const flow_reader_type hdf5_reader_type = {hdf5_read, hdf5_tell, hdf5_seek, hdf5_limit, hdf5_close};

static flow_status open_table(hdf5_reader *r, const flow_location *location, const flow_reader_options *options,
                              flow_error *err)
{
    r->file = flow_hdf5_open(location->file, err);
    flow_status status = r->file >= 0 ? FLOW_OK : FLOW_FORMAT;
    char *only = NULL;
    if (status == FLOW_OK && location->path == NULL)
        status = flow_hdf5_only_table(&only, r->file, location->file, err);
    if (status != FLOW_OK)
        return status;
    const char *path = only != NULL ? only : location->path;
    free(r->common.name);
    r->common.name = flow_format("%s:%s", location->file, path);
    if (r->common.name == NULL) {
        status = flow_error_memory(err, "an HDF5 reader");
        goto done;
    }
    hid_t object = H5Oopen(r->file, path, H5P_DEFAULT);
    if (object < 0) {
        status = flow_hdf5_no_table_at(r->file, location->file, path, err);
        goto done;
    }
    status = flow_hdf5_layout_open(&r->layout, &r->common, object, path, options, err);
    if (status != FLOW_OK)
        goto done;
    size_t n = (size_t)r->layout.block_rows;
    if (!flow_size_mul(&n, (size_t)r->common.columns.n) || !flow_size_mul(&n, sizeof *r->block) ||
        (r->block = malloc(n)) == NULL)
        status = flow_error_memory(err, "reading HDF5");
done:
    free(only);
    return status;
}

flow_status flow_hdf5_reader_open(flow_reader **out, const flow_location *location, const flow_reader_options *options,
                                  flow_error *err)
{
    hdf5_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return flow_error_memory(err, "an HDF5 reader");
    *out = &r->common;
    r->common.type = &hdf5_reader_type;
    r->common.skip_invalid = options != NULL && options->skip_invalid;
    r->common.can_seek = true;
    r->file = -1;
    flow_hdf5_hush hush = flow_hdf5_quiet();
    flow_status status = open_table(r, location, options, err);
    flow_hdf5_restore(&hush);
    r->common.granule = r->layout.chunk_rows;
    return status;
}
