/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_count_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool flow_csv_counts_from(const flow_csv_fields *fields, size_t from, size_t base)
{
    for (size_t i = from; i < fields->n; i++) {
        char number[32];
        size_t length;
        const char *field = flow_csv_field(fields, i, &length);
        snprintf(number, sizeof number, "%zu", base + i - from);
        if (strlen(number) != length || memcmp(number, field, length) != 0)
            return false;
    }
    return fields->n > from;
}

/* The numbers of one column under a first line that counts. */
typedef struct count_column {
    size_t n, pointed;              /* numbers, and those with a point or an exponent */
    double least, most, last, step; /* step: from the first line to the first row */
    bool goes_on;                   /* in equal steps */
} count_column;

static flow_status count_look_at_columns(count_column *columns, flow_csv_sample *sample, const flow_csv_rows *rows,
                                         const flow_csv_format *format, flow_error *err)
{
    for (size_t i = 0; i < rows->n; i++) {
        bool good;
        FLOW_TRY(flow_csv_sample_split(sample, rows->record[i], format->delimiter, &good, err));
        for (size_t k = 0; k < rows->n_fields; k++) {
            double value;
            size_t length;
            const char *field = flow_csv_field(&sample->fields, k, &length);
            count_column *c = &columns[k];
            if (flow_csv_judge(field, length, format->decimal, &value) != FLOW_CSV_NUMBER)
                continue;
            for (size_t b = 0; b < length; b++)
                if (field[b] != '\0' && strchr(".,eE", field[b]) != NULL) {
                    c->pointed++;
                    break;
                }
            c->least = c->n == 0 || value < c->least ? value : c->least;
            c->most = c->n == 0 || value > c->most ? value : c->most;
            const double step = value - c->last;
            c->step = c->n == 0 ? step : c->step;
            c->goes_on = c->goes_on && step != 0 && fabs(step - c->step) <= 1e-6 * fabs(c->step) + 1e-12 * fabs(value);
            c->last = value;
            c->n++;
        }
    }
    return FLOW_OK;
}

flow_status flow_csv_is_whole_above_decimals(bool *answer, const flow_csv_fields *first, flow_csv_sample *sample,
                                             const flow_csv_rows *rows, const flow_csv_format *format, flow_error *err)
{
    *answer = rows->n >= 2 && rows->n_fields == first->n;
    for (size_t k = 0; k < first->n && *answer; k++) {
        size_t length;
        const char *field = flow_csv_field(first, k, &length);
        *answer = length > 0 && strspn(field, "0123456789") == length;
    }
    if (!*answer)
        return FLOW_OK;
    count_column *columns = calloc(first->n + 1, sizeof *columns);
    if (columns == NULL)
        return flow_error_memory(err, "the names of the columns");
    flow_status status = count_look_at_columns(columns, sample, rows, format, err);
    for (size_t k = 0; k < first->n; k++)
        *answer = *answer && columns[k].n == rows->n && columns[k].pointed == rows->n;
    free(columns);
    return status;
}

flow_status flow_csv_is_count(bool *answer, const flow_csv_fields *first, flow_csv_sample *sample,
                              const flow_csv_rows *rows, const flow_csv_format *format, flow_error *err)
{
    enum { MANY_COLUMNS = 8 };
    const size_t n = first->n, base = flow_csv_counts_from(first, 0, 1);
    count_column *columns = calloc(n, sizeof *columns);
    if (columns == NULL)
        return flow_error_memory(err, "the names of the columns");
    for (size_t k = 0; k < n; k++) {
        columns[k].last = (double)(k + base);
        columns[k].goes_on = true;
    }
    bool pointed = false, outside = false, goes_on = false;
    flow_status status = count_look_at_columns(columns, sample, rows, format, err);
    for (size_t k = 0; k < n; k++) {
        const count_column *c = &columns[k];
        const double value = (double)(k + base);
        pointed = pointed || (c->n > 0 && c->pointed == c->n);
        outside =
            outside || (c->n > 0 && c->pointed == 0 && n >= MANY_COLUMNS && (value < c->least || value > c->most));
        goes_on = goes_on || (c->n >= 2 && c->goes_on);
    }
    *answer = !goes_on && (pointed || outside) && (n >= 2 || (base == 0 && rows->n >= 2));
    free(columns);
    return status;
}
