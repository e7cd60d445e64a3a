/* `flowctl info` of data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/table.h"
#include "run/format.h"
#include "info.h"
#include "report.h"

/* Looking at rows that cannot be used costs a pass over the data for each column. */
enum { COUNTED_COLUMNS = 64 };

/* What is known of the rows that cannot be used. */
typedef struct invalid {
    int64_t rows;
    char first[FLOW_ERROR_SIZE]; /* "data.csv: row 17, column \"y\": ...", as a reader says it */
    int n_columns;
    int64_t *by_column; /* (n_columns) rows in which this column is not a finite number; NULL: not counted */
} invalid;

static void find_first(invalid *out, const char *location, const char *const *columns, int n_columns)
{
    enum { ROWS = 256 };
    flow_reader_options options = {.columns = columns, .n_columns = n_columns};
    flow_reader *reader = NULL;
    flow_error err = {0};
    size_t n = 0;
    double *rows = calloc(ROWS, (size_t)n_columns * sizeof *rows);
    flow_status status = rows == NULL ? FLOW_MEMORY : flow_reader_open(&reader, location, &options, &err);
    do {
        if (status == FLOW_OK)
            status = flow_reader_read(reader, rows, NULL, ROWS, &n, &err);
    } while (status == FLOW_OK && n > 0);
    if (status != FLOW_OK)
        memcpy(out->first, err.message, sizeof out->first);
    flow_reader_close(reader);
    free(rows);
}

/* Rows whose value in the column of this name is not usable, and *n_good whose is; -1 when they cannot be counted. */
static int64_t count_column(const char *location, const char *name, int64_t *n_good)
{
    enum { ROWS = 4096 };
    double values[ROWS];
    flow_reader_options options = {.columns = &name, .n_columns = 1, .skip_invalid = true};
    flow_reader *reader = NULL;
    size_t n = 0;
    flow_status status = flow_reader_open(&reader, location, &options, NULL);
    *n_good = 0;
    do {
        if (status == FLOW_OK)
            status = flow_reader_read(reader, values, NULL, ROWS, &n, NULL);
        *n_good += (int64_t)n;
    } while (status == FLOW_OK && n > 0);
    int64_t skipped = status == FLOW_OK ? flow_reader_n_skipped(reader) : -1;
    flow_reader_close(reader);
    return skipped;
}

static flow_status look_for_invalid(invalid *out, const flow_dataset *data, const char *location, flow_error *err)
{
    int64_t n_good;
    *out = (invalid){.rows = flow_dataset_n_skipped(data), .n_columns = flow_dataset_n_columns(data)};
    if (out->rows == 0 || flow_is_standard(location)) /* standard input is gone once it has been read */
        return FLOW_OK;
    find_first(out, location, flow_dataset_columns(data), out->n_columns);
    if (out->n_columns > COUNTED_COLUMNS)
        return FLOW_OK;
    out->by_column = calloc((size_t)out->n_columns, sizeof *out->by_column);
    if (out->by_column == NULL)
        return flow_error_memory(err, "counts of invalid values");
    for (int i = 0; i < out->n_columns; i++)
        out->by_column[i] = count_column(location, flow_dataset_columns(data)[i], &n_good);
    return FLOW_OK;
}

/* ---- which columns to look at ---- */

/* Columns by name: those that were asked for, or those that hold numbers when others do not. */
typedef struct selection {
    const char **names, **others; /* to look at, and left out */
    int n, n_others;
    char *text;          /* that the names lie in */
    flow_reader *reader; /* the same */
} selection;

static void free_selection(selection *s)
{
    flow_reader_close(s->reader);
    free(s->names);
    free(s->others);
    free(s->text);
}

static flow_status split(selection *out, const char *names, flow_error *err)
{
    size_t most = 1;
    for (const char *c = names; *c != '\0'; c++)
        most += *c == ',';
    out->text = flow_strdup(names);
    out->names = malloc(most * sizeof *out->names);
    if (out->text == NULL || out->names == NULL)
        return flow_error_memory(err, "the names of columns");
    for (char *at = out->text; at != NULL; ) {
        char *comma = strchr(at, ',');
        out->names[out->n++] = at;
        at = comma != NULL ? comma + 1 : NULL;
        if (comma != NULL)
            *comma = '\0';
    }
    return FLOW_OK;
}

/* When no row is good in all columns: leaves the columns out in which none is. */
static bool select_numbers(selection *out, const char *location)
{
    if (flow_is_standard(location) || flow_reader_open(&out->reader, location, NULL, NULL) != FLOW_OK ||
        !flow_reader_can_seek(out->reader) || flow_reader_n_columns(out->reader) > COUNTED_COLUMNS)
        return false;
    size_t n = (size_t)flow_reader_n_columns(out->reader);
    out->names = calloc(n, sizeof *out->names);
    out->others = calloc(n, sizeof *out->others);
    if (out->names == NULL || out->others == NULL)
        return false;
    for (int i = 0; i < (int)n; i++) {
        int64_t n_good;
        const char *name = flow_reader_column(out->reader, i);
        count_column(location, name, &n_good);
        if (n_good > 0)
            out->names[out->n++] = name;
        else
            out->others[out->n_others++] = name;
    }
    return out->n > 0 && out->n_others > 0;
}

/* ---- output ---- */

static const char *format_value(char out[FLOW_FORMAT_SIZE], double value)
{
    snprintf(out, FLOW_FORMAT_SIZE, "%.6g", value);
    return out;
}

static void data_text(flow_text *text, const flow_dataset *data, const char *location, const invalid *bad,
                      const selection *chosen)
{
    char a[FLOW_FORMAT_SIZE], b[FLOW_FORMAT_SIZE], c[FLOW_FORMAT_SIZE], d[FLOW_FORMAT_SIZE];
    int n_columns = flow_dataset_n_columns(data);
    flow_text_add(text, "%s: %s row%s, %d column%s%s, CRC-32 "
                        "%08lx\n", location, flow_format_count(a, flow_dataset_n_rows(data)),
                  flow_dataset_n_rows(data) == 1 ? "" : "s", n_columns, n_columns == 1 ? "" : "s",
                  flow_dataset_has_names(data) ? "" : " without names",
                  (unsigned long)flow_dataset_checksum(data));
    if (bad->rows > 0)
        flow_text_add(text, "%s more row%s cannot be used, the first: %s\n", flow_format_count(a, bad->rows),
                      bad->rows == 1 ? "" : "s", bad->first[0] != '\0' ? bad->first : "not known");
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
            flow_text_add(text, "%10s", bad->by_column[i] < 0 ? "?" : flow_format_count(a, bad->by_column[i]));
        flow_text_add(text, "\n");
    }
    for (int i = 0; i < chosen->n_others; i++)
        flow_text_add(text, "  %-*s  holds no numbers; leave it out with data.columns or --columns\n", width,
                      chosen->others[i]);
    flow_text_add(text, "\ntied: share of the rows that have a column's most frequent value; a density needs this to "
                        "be small.\n");
}

static cJSON *data_json(const flow_dataset *data, const char *location, const invalid *bad, const selection *chosen)
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
    if (chosen->n_others > 0)
        cJSON_AddItemToObject(object, "without_numbers", cJSON_CreateStringArray(chosen->others, chosen->n_others));
    return object;
}

/* An HDF5 file with several tables. */
static flow_status show_tables(const flow_table_list *list, const char *file, bool json, flow_error *err)
{
    flow_text text = {0};
    flow_status status;
    if (json) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "kind", "tables");
        cJSON_AddStringToObject(object, "data", file);
        cJSON *tables = cJSON_AddArrayToObject(object, "tables");
        for (int i = 0; i < list->n; i++) {
            cJSON *table = cJSON_CreateObject();
            cJSON_AddStringToObject(table, "path", list->paths[i]);
            cJSON_AddStringToObject(table, "size", list->sizes[i]);
            cJSON_AddItemToArray(tables, table);
        }
        status = report_json(object, err);
        return status;
    }
    int width = 0;
    for (int i = 0; i < list->n; i++)
        width = (int)strlen(list->paths[i]) > width ? (int)strlen(list->paths[i]) : width;
    width = width > 48 ? 48 : width;
    flow_text_add(&text, "%s: HDF5 with %d tables (rows, columns)\n", file, list->n);
    for (int i = 0; i < list->n; i++)
        flow_text_add(&text, "  %-*s  %s\n", width, list->paths[i], list->sizes[i]);
    flow_text_add(&text, "\nTo see one of them: flowctl info %s:%s\n", file, list->paths[0]);
    status = report_take(&text, err);
    flow_text_free(&text);
    return status;
}

static flow_status open_data(flow_dataset **out, selection *chosen, const info_args *args, flow_error *err)
{
    /* statistics need no rows in memory, but standard input cannot be read twice */
    flow_dataset_options options = {.skip_invalid = true, .memory_bytes = (size_t)256 << 20};
    flow_status status = args->columns != NULL ? split(chosen, args->columns, err) : FLOW_OK;
    if (status != FLOW_OK)
        return status;
    options.columns = chosen->names;
    options.n_columns = chosen->n;
    status = flow_dataset_open(out, args->file, &options, err);
    if (status != FLOW_DATA || args->columns != NULL || !select_numbers(chosen, args->file))
        return status;
    options.columns = chosen->names;
    options.n_columns = chosen->n;
    return flow_dataset_open(out, args->file, &options, err);
}

flow_status info_data(const info_args *args, flow_error *err)
{
    flow_dataset *data = NULL;
    flow_table_list list = {0};
    selection chosen = {0};
    invalid bad = {0};
    flow_text text = {0};
    flow_status status = flow_tables_list(&list, args->file, err);
    if (status == FLOW_OK && list.n > 1) {
        status = show_tables(&list, args->file, args->common.json, err);
        goto done;
    }
    if (status == FLOW_OK)
        status = open_data(&data, &chosen, args, err);
    if (status == FLOW_OK)
        status = look_for_invalid(&bad, data, args->file, err);
    if (status != FLOW_OK)
        goto done;
    if (args->common.json) {
        cJSON *object = data_json(data, args->file, &bad, &chosen);
        status = report_json(object, err);
        goto done;
    }
    data_text(&text, data, args->file, &bad, &chosen);
    status = report_take(&text, err);
done:
    flow_tables_free(&list);
    free(bad.by_column);
    flow_text_free(&text);
    flow_dataset_close(data);
    free_selection(&chosen);
    return status;
}
