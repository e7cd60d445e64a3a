/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _POSIX_C_SOURCE 200809L
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "data/location.h"
#include "num/real.h"

/* x1, x2, ... are what data without names are given. */
static bool are_numbered(const char *const *columns, int n)
{
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i + 1);
        if (strcmp(columns[i], name) != 0)
            return false;
    }
    return true;
}

static int find_column(const flow_reader *reader, const char *name)
{
    for (int i = 0; i < flow_reader_n_columns(reader); i++)
        if (strcmp(flow_reader_column(reader, i), name) == 0)
            return i;
    return -1;
}

/* A pipe can be opened only once. */
static bool can_reopen(const char *location)
{
    flow_location place = {0};
    struct stat info;
    bool regular = flow_location_find(&place, location, NULL) == FLOW_OK && stat(place.file, &info) == 0 &&
                   S_ISREG(info.st_mode);
    flow_location_free(&place);
    return regular;
}

static flow_status missing_columns(const input *in, const char *location, const char *const *columns, flow_error *err)
{
    flow_text missing = {0}, found = {0};
    int n_missing = 0, n_found = flow_reader_n_columns(in->reader);
    enum { SHOWN = 8 };
    for (int i = 0; i < in->n_columns; i++) {
        if (find_column(in->reader, columns[i]) >= 0)
            continue;
        if (n_missing < SHOWN)
            flow_text_add(&missing, "%s%.40s", n_missing == 0 ? "" : ", ", columns[i]);
        n_missing++;
    }
    for (int i = 0; i < n_found && i < SHOWN; i++)
        flow_text_add(&found, "%s%.40s", i == 0 ? "" : ", ", flow_reader_column(in->reader, i));
    flow_status status = FLOW_OK;
    if (missing.failed || found.failed)
        status = flow_error_memory(err, "column names");
    else if (n_missing > 0)
        status = flow_error_set(err, FLOW_DATA,
                                "%s: %d of the model's %d columns %s missing: %s%s; the data have: %s%s. Rename the "
                                "columns, or remove the names to match them by position",
                                location, n_missing, in->n_columns, n_missing == 1 ? "is" : "are",
                                missing.data, n_missing > SHOWN ? ", ..." : "", found.data != NULL ? found.data : "",
                                n_found > SHOWN ? ", ..." : "");
    flow_text_free(&missing);
    flow_text_free(&found);
    return status;
}

/* A name that stands for two columns stands for neither. */
static flow_status refuse_twice(const input *in, const char *location, const char *const *columns, flow_error *err)
{
    for (int i = 0; i < in->n_columns; i++) {
        for (int k = 0; k < i; k++)
            if (strcmp(columns[i], columns[k]) == 0)
                return flow_error_set(err, FLOW_DATA, "%s: columns %d and %d of the model are both named \"%.80s\"; "
                                      "only data without names can be matched to them", location, k + 1, i + 1,
                                      columns[i]);
        for (int j = in->from[i] + 1; j < in->n_read; j++)
            if (strcmp(flow_reader_column(in->reader, j), columns[i]) == 0)
                return flow_error_set(err, FLOW_DATA, "%s: columns %d and %d are both named \"%.80s\"; give them "
                                      "different names", location, in->from[i] + 1, j + 1, columns[i]);
    }
    return FLOW_OK;
}

static flow_status match(input *in, const char *location, const char *const *columns, bool optional, flow_error *err)
{
    in->n_read = flow_reader_n_columns(in->reader);
    bool by_position = !flow_reader_has_names(in->reader) ||
                       (are_numbered(columns, in->n_columns) && find_column(in->reader, columns[0]) < 0);
    if (by_position) {
        if (in->n_read != in->n_columns)
            return flow_error_set(err, FLOW_DATA, "%s: has %d columns, the model has %d; data without column names "
                                  "must have exactly the model's columns", location, in->n_read, in->n_columns);
        return FLOW_OK;
    }
    flow_status status = missing_columns(in, location, columns, err);
    if (status != FLOW_OK)
        return status;
    in->has_optional = optional && find_column(in->reader, columns[in->n_columns]) >= 0;
    in->n_columns += in->has_optional;
    in->from = malloc((size_t)in->n_columns * sizeof *in->from);
    if (in->from == NULL)
        return flow_error_memory(err, "the order of the columns");
    bool as_it_is = in->n_read == in->n_columns;
    for (int i = 0; i < in->n_columns; i++) {
        in->from[i] = find_column(in->reader, columns[i]);
        as_it_is = as_it_is && in->from[i] == i;
    }
    status = refuse_twice(in, location, columns, err);
    if (as_it_is) {
        free(in->from);
        in->from = NULL;
    }
    return status;
}

flow_status input_open(input *out, const char *location, const char *const *columns, int n_columns, bool optional,
                       bool skip_invalid, flow_error *err)
{
    *out = (input){.n_columns = n_columns, .n_read = n_columns};
    flow_reader_options options = {.skip_invalid = skip_invalid};
    flow_status status;
    if (can_reopen(location)) {
        /* by name first: then what stands in other columns need not even be numbers */
        for (int more = optional ? 1 : 0; more >= 0; more--) {
            flow_reader_options named = {
                .columns = columns, .n_columns = n_columns + more, .skip_invalid = skip_invalid};
            status = flow_reader_open(&out->reader, location, &named, NULL);
            if (status == FLOW_OK && flow_reader_has_names(out->reader)) {
                out->n_columns = out->n_read = n_columns + more;
                out->has_optional = more == 1;
                return FLOW_OK;
            }
            flow_reader_close(out->reader);
            out->reader = NULL;
        }
    }
    status = flow_reader_open(&out->reader, location, &options, err);
    if (status == FLOW_OK)
        status = match(out, location, columns, optional, err);
    return status;
}

void input_close(input *in)
{
    flow_reader_close(in->reader);
    free(in->from);
    free(in->rows);
    *in = (input){0};
}

flow_status input_read(input *in, double *rows, int64_t *numbers, size_t n_max, size_t *n_read, flow_error *err)
{
    if (in->from == NULL)
        return flow_reader_read(in->reader, rows, numbers, n_max, n_read, err);
    size_t width = (size_t)in->n_read, d = (size_t)in->n_columns;
    if (in->n_room < n_max) {
        free(in->rows);
        in->n_room = 0;
        in->rows = calloc(n_max, width * sizeof *in->rows);
        if (in->rows == NULL)
            return flow_error_memory(err, "rows of data");
        in->n_room = n_max;
    }
    flow_status status = flow_reader_read(in->reader, in->rows, numbers, n_max, n_read, err);
    for (size_t i = 0; status == FLOW_OK && i < *n_read; i++)
        for (size_t k = 0; k < d; k++)
            rows[i * d + k] = in->rows[i * width + (size_t)in->from[k]];
    return status;
}

size_t input_chunk(int n_columns)
{
    size_t rows = ((size_t)1 << 21) / (size_t)(n_columns > 0 ? n_columns : 1);
    rows = rows > 65536 ? 65536 : rows / FLOW_TILE * FLOW_TILE;
    return rows < FLOW_TILE ? FLOW_TILE : rows;
}
