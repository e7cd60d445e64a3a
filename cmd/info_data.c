/* `flowctl info` of data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/table.h"
#include "format.h"
#include "info.h"
#include "output.h"

/* Looking at rows that cannot be used costs a pass over the data for each column. */
enum { COUNTED_COLUMNS = 64 };

/* What is known of the rows that cannot be used. */
typedef struct invalid {
    int64_t rows;
    char first[FLOW_ERROR_SIZE]; /* "data.csv: row 17, column \"y\": ...", as a reader says it */
    int n_columns;
    int64_t *by_column; /* (n_columns) rows in which this column is not a finite number; NULL: not counted */
} invalid;

static void find_first(invalid *out, const char *location, int n_columns)
{
    enum { ROWS = 256 };
    flow_reader *reader = NULL;
    flow_error err = {0};
    size_t n = 0;
    double *rows = calloc(ROWS, (size_t)n_columns * sizeof *rows);
    flow_status status = rows == NULL ? FLOW_MEMORY : flow_reader_open(&reader, location, NULL, &err);
    do {
        if (status == FLOW_OK)
            status = flow_reader_read(reader, rows, NULL, ROWS, &n, &err);
    } while (status == FLOW_OK && n > 0);
    if (status != FLOW_OK)
        memcpy(out->first, err.message, sizeof out->first);
    flow_reader_close(reader);
    free(rows);
}

/* Rows whose value in the column of this name is not usable; -1 when it cannot be counted. */
static int64_t count_column(const char *location, const char *name)
{
    enum { ROWS = 4096 };
    double values[ROWS];
    flow_reader_options options = {.columns = &name, .n_columns = 1, .skip_invalid = true};
    flow_reader *reader = NULL;
    size_t n = 0;
    flow_status status = flow_reader_open(&reader, location, &options, NULL);
    do {
        if (status == FLOW_OK)
            status = flow_reader_read(reader, values, NULL, ROWS, &n, NULL);
    } while (status == FLOW_OK && n > 0);
    int64_t skipped = status == FLOW_OK ? flow_reader_n_skipped(reader) : -1;
    flow_reader_close(reader);
    return skipped;
}

static flow_status look_for_invalid(invalid *out, const flow_dataset *data, const char *location, flow_error *err)
{
    *out = (invalid){.rows = flow_dataset_n_skipped(data), .n_columns = flow_dataset_n_columns(data)};
    if (out->rows == 0 || strcmp(location, "-") == 0) /* standard input is gone once it has been read */
        return FLOW_OK;
    find_first(out, location, out->n_columns);
    if (out->n_columns > COUNTED_COLUMNS)
        return FLOW_OK;
    out->by_column = calloc((size_t)out->n_columns, sizeof *out->by_column);
    if (out->by_column == NULL)
        return flow_error_memory(err, "counts of invalid values");
    for (int i = 0; i < out->n_columns; i++)
        out->by_column[i] = count_column(location, flow_dataset_columns(data)[i]);
    return FLOW_OK;
}

static void data_text(flow_text *text, const flow_dataset *data, const char *location, const invalid *bad)
{
    char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE], d[FORMAT_SIZE];
    int n_columns = flow_dataset_n_columns(data);
    flow_text_add(text, "%s: %s rows, %d column%s%s, CRC-32 "
                        "%08lx\n", location, format_count(a, flow_dataset_n_rows(data)),
                  n_columns, n_columns == 1 ? "" : "s", flow_dataset_has_names(data) ? "" : " without names",
                  (unsigned long)flow_dataset_checksum(data));
    if (bad->rows > 0)
        flow_text_add(text, "%s more rows cannot be used, the first: %s\n", format_count(a, bad->rows),
                      bad->first[0] != '\0' ? bad->first : "not known");
    int width = 6;
    for (int i = 0; i < n_columns; i++) {
        int length = (int)strlen(flow_dataset_columns(data)[i]);
        width = length > width ? length : width;
    }
    width = width > 24 ? 24 : width;
    flow_text_add(text, "\n  %-*s  %12s  %12s  %12s  %12s  %6s%s\n", width, "column", "least", "most", "mean",
                  "deviation", "tied", bad->by_column != NULL ? "   invalid" : "");
    for (int i = 0; i < n_columns; i++) {
        const flow_column_summary *s = &flow_dataset_summary(data)[i];
        flow_text_add(text, "  %-*s  %12s  %12s  %12s  %12s  %5.1f%%", width, s->name, format_value(a, s->least),
                      format_value(b, s->most), format_value(c, s->mean), format_value(d, s->deviation), 100 * s->tied);
        if (bad->by_column != NULL)
            flow_text_add(text, "%10s", bad->by_column[i] < 0 ? "?" : format_count(a, bad->by_column[i]));
        flow_text_add(text, "\n");
    }
    flow_text_add(text, "\ntied: share of the rows that have a column's most frequent value; a density needs this to "
                        "be small.\n");
}

static cJSON *data_json(const flow_dataset *data, const char *location, const invalid *bad)
{
    char checksum[32];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", "data");
    cJSON_AddStringToObject(object, "data", location);
    cJSON_AddNumberToObject(object, "rows", (double)flow_dataset_n_rows(data));
    cJSON_AddNumberToObject(object, "invalid_rows", (double)bad->rows);
    if (bad->first[0] != '\0')
        cJSON_AddStringToObject(object, "first_invalid", bad->first);
    snprintf(checksum, sizeof checksum, "crc32:%08lx", (unsigned long)flow_dataset_checksum(data));
    cJSON_AddStringToObject(object, "checksum", checksum);
    cJSON_AddBoolToObject(object, "has_names", flow_dataset_has_names(data));
    cJSON *columns = cJSON_AddArrayToObject(object, "columns");
    for (int i = 0; i < flow_dataset_n_columns(data); i++) {
        const flow_column_summary *s = &flow_dataset_summary(data)[i];
        cJSON *column = cJSON_CreateObject();
        cJSON_AddStringToObject(column, "name", s->name);
        cJSON_AddNumberToObject(column, "least", s->least);
        cJSON_AddNumberToObject(column, "most", s->most);
        cJSON_AddNumberToObject(column, "mean", s->mean);
        cJSON_AddNumberToObject(column, "deviation", s->deviation);
        cJSON_AddNumberToObject(column, "tied", s->tied);
        cJSON_AddNumberToObject(column, "distinct", s->distinct);
        if (bad->by_column != NULL && bad->by_column[i] >= 0)
            cJSON_AddNumberToObject(column, "invalid", (double)bad->by_column[i]);
        cJSON_AddItemToArray(columns, column);
    }
    return object;
}

flow_status info_data(const info_args *args, flow_error *err)
{
    /* statistics need no rows in memory, but standard input cannot be read twice */
    flow_dataset_options options = {.skip_invalid = true, .memory_bytes = (size_t)256 << 20};
    flow_dataset *data = NULL;
    invalid bad = {0};
    flow_text text = {0};
    flow_status status = flow_dataset_open(&data, args->file, &options, err);
    if (status == FLOW_OK)
        status = look_for_invalid(&bad, data, args->file, err);
    if (status != FLOW_OK)
        goto done;
    if (args->common.json) {
        cJSON *object = data_json(data, args->file, &bad);
        status = output_json(object, err);
        cJSON_Delete(object);
        goto done;
    }
    data_text(&text, data, args->file, &bad);
    status = text.failed ? flow_error_memory(err, "the description") : output_text(text.data, err);
done:
    free(bad.by_column);
    flow_text_free(&text);
    flow_dataset_close(data);
    return status;
}
