/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/decimal.h"
#include "data/reader.h"
#include "data/writer.h"

enum { BUFFER_SIZE = 1 << 16 };

typedef struct csv_writer {
    flow_writer common;
    size_t used;
    char buffer[BUFFER_SIZE];
} csv_writer;

static flow_status csv_flush(csv_writer *w, flow_error *err)
{
    size_t n = w->used;
    w->used = 0;
    return flow_replace_write(&w->common.output, w->buffer, n, err);
}

static flow_status csv_put(csv_writer *w, const char *text, size_t n, flow_error *err)
{
    flow_status status = FLOW_OK;
    if (w->used + n > BUFFER_SIZE)
        status = csv_flush(w, err);
    if (status == FLOW_OK && n > BUFFER_SIZE)
        return flow_replace_write(&w->common.output, text, n, err);
    if (status == FLOW_OK) {
        memcpy(w->buffer + w->used, text, n);
        w->used += n;
    }
    return status;
}

static flow_status csv_put_name(csv_writer *w, const char *name, bool quote, char end, flow_error *err)
{
    size_t length = strlen(name);
    bool blank_edge = length > 0 && (strchr(" \t", name[0]) != NULL || strchr(" \t", name[length - 1]) != NULL);
    flow_status status;
    const bool comment = name[0] == '#' || name[0] == '%';
    if (quote || length == 0 || blank_edge || comment || strpbrk(name, ",\"\r\n") != NULL) {
        status = csv_put(w, "\"", 1, err);
        for (size_t i = 0; i < length && status == FLOW_OK; i++)
            status = csv_put(w, name[i] == '"' ? "\"\"" : name + i, name[i] == '"' ? 2 : 1, err);
        if (status == FLOW_OK)
            status = csv_put(w, "\"", 1, err);
    } else {
        status = csv_put(w, name, length, err);
    }
    return status == FLOW_OK ? csv_put(w, &end, 1, err) : status;
}

/* A header of numbers would be read as a row; quotes around all of them mark it as a header (see csv_header.c). */
static bool csv_all_numbers(const char *const *columns, int n_columns)
{
    for (int i = 0; i < n_columns; i++)
        if (flow_csv_is_word(columns[i], strlen(columns[i])))
            return false;
    return true;
}

static flow_status csv_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    csv_writer *w = (csv_writer *)writer;
    size_t d = (size_t)writer->n_columns;
    for (size_t i = 0; i < n_rows * d; i++) {
        if (w->used + FLOW_NUMBER_SIZE + 1 > BUFFER_SIZE)
            FLOW_TRY(csv_flush(w, err));
        char *at = w->buffer + w->used;
        int n = writer->as_float ? flow_decimal_print_float(at, (float)rows[i]) : flow_decimal_print(at, rows[i]);
        at[n] = (i + 1) % d == 0 ? '\n' : ',';
        w->used += (size_t)n + 1;
    }
    return FLOW_OK;
}

static flow_status csv_writer_begin(flow_writer *writer, const char *path, flow_error *err)
{
    return flow_error_set(err, FLOW_ARGUMENT,
                          "%s: a CSV file holds one table and cannot take %s; name an HDF5 file "
                          "(.h5)",
                          writer->output.name, path);
}

static flow_status csv_writer_finish(flow_writer *writer, flow_error *err)
{
    flow_status status = csv_flush((csv_writer *)writer, err);
    return status == FLOW_OK ? flow_replace_commit(&writer->output, err) : status;
}

static const char *const packed_endings[] = {".gz", ".zst"};

/* Formats of others, in which CSV would be a surprise. */
static const char *const foreign_endings[] = {
    ".npy", ".npz", ".parquet", ".pq", ".feather", ".arrow", ".xlsx", ".xls", ".ods",
    ".root", ".mat", ".nc", ".nc4", ".cdf", ".fits", ".pkl", ".pickle", ".json",
    ".jsonl", ".tsv", ".xml", ".sqlite", ".db", ".rds", ".rdata", ".jld2", ".pt",
    ".zip", ".bz2", ".xz", ".hd5", ".he5", ".jpg", ".jpeg", ".pdf", ".svg",
};

static bool csv_ends_with(const char *file, const char *ending)
{
    const size_t length = strlen(file), n = strlen(ending);
    return length > n && strcasecmp(file + length - n, ending) == 0;
}

static const flow_writer_type csv_writer_type = {csv_writer_write, csv_writer_begin, csv_writer_finish, NULL};

flow_status flow_csv_writer_open(flow_writer **out, const char *file, const char *path, const char *const *columns,
                                 int n_columns, const flow_writer_options *options, flow_error *err)
{
    (void)path;
    *out = NULL;
    for (size_t i = 0; i < sizeof packed_endings / sizeof packed_endings[0]; i++) {
        if (csv_ends_with(file, packed_endings[i]))
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s: compressed files are read and not written; write to "
                                  "standard output (-) and pipe it through %s, or name an HDF5 file (.h5)",
                                  file, i == 0 ? "gzip" : "zstd");
    }
    for (size_t i = 0; i < sizeof foreign_endings / sizeof foreign_endings[0]; i++)
        if (csv_ends_with(file, foreign_endings[i]))
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s: tables are written as CSV and HDF5, and this name says %s; call it .csv or .h5",
                                  file, foreign_endings[i]);
    csv_writer *w = malloc(sizeof *w);
    if (w == NULL)
        return flow_error_memory(err, "a CSV writer");
    w->common = (flow_writer){.type = &csv_writer_type, .n_columns = n_columns, .as_float = options->as_float};
    w->used = 0;
    *out = &w->common;
    flow_status status = options->careful ? flow_replace_protect(file, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_replace_open(&w->common.output, file, NULL, err);
    bool quote = csv_all_numbers(columns, n_columns);
    for (int i = 0; i < n_columns && status == FLOW_OK; i++)
        status = csv_put_name(w, columns[i], quote, i + 1 < n_columns ? ',' : '\n', err);
    return status;
}
