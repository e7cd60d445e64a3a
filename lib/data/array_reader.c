/* Tables in memory. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "core/text.h"
#include "data/missing.h"
#include "data/reader.h"

typedef struct array_reader {
    flow_reader base;
    flow_table_rows table;
    int *chosen; /* (base.columns.n): columns of the table */
    int64_t row; /* the next one */
} array_reader;

/* The first value of a row that is not valid; -1: all are. */
static int array_reader_invalid(const flow_reader *base, const double *row)
{
    for (int i = 0; i < base->columns.n; i++)
        if (!isfinite(row[i]))
            return i;
    return flow_find_missing(&base->missing, row, base->columns.n);
}

static flow_status array_reader_read(flow_reader *base, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                                     flow_error *err)
{
    array_reader *r = (array_reader *)base;
    const int n = base->columns.n;
    for (; *n_read < n_max && r->row < (int64_t)r->table.n && flow_reader_left(base, r->row) > 0; r->row++) {
        double *out = rows + *n_read * (size_t)n;
        const double *row = r->table.rows + (size_t)r->row * (size_t)r->table.d;
        for (int i = 0; i < n; i++)
            out[i] = row[r->chosen[i]];
        int invalid = array_reader_invalid(base, out);
        if (invalid >= 0 && !base->skip_invalid)
            return flow_error_set(err, FLOW_DATA, "%s: row %lld, column \"%.80s\": the value is %g", base->name,
                                  (long long)r->row + 1, base->columns.at[invalid], out[invalid]);
        if (invalid >= 0) {
            flow_reader_drop(base, r->row, out);
            continue;
        }
        if (numbers != NULL)
            numbers[*n_read] = r->row;
        ++*n_read;
    }
    return FLOW_OK;
}

static flow_position array_reader_tell(const flow_reader *base)
{
    return (flow_position){.row = ((const array_reader *)base)->row};
}

static flow_status array_reader_seek(flow_reader *base, const flow_position *position, flow_error *err)
{
    (void)err;
    ((array_reader *)base)->row = position->row;
    return FLOW_OK;
}

static void array_reader_close(flow_reader *base)
{
    free(((array_reader *)base)->chosen);
}

static const flow_reader_type array_reader_type = {
    .read = array_reader_read, .tell = array_reader_tell, .seek = array_reader_seek, .close = array_reader_close,
};

flow_status flow_reader_open_rows(flow_reader **out, const flow_table_rows *table, const flow_reader_options *options,
                                  flow_error *err)
{
    *out = NULL;
    if (table->d < 1 || table->d > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: %d columns; allowed are 1 to %d", table->name, table->d,
                              FLOW_COLUMNS_MAX);
    array_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return flow_error_memory(err, table->name);
    flow_name_list names = {0};
    r->table = *table;
    r->base = (flow_reader){.type = &array_reader_type,
                            .name = flow_strdup(table->name),
                            .has_names = table->columns != NULL,
                            .skip_invalid = options->skip_invalid,
                            .missing = options->missing,
                            .can_seek = true,
                            .finds_rows = true,
                            .n_rows = (int64_t)table->n,
                            .granule = 1};
    flow_status status = table->columns != NULL ? flow_name_list_copy(&names, table->columns, table->d, err)
                                                : flow_name_list_number(&names, 'x', table->d, err);
    if (r->base.name == NULL)
        status = flow_error_memory(err, table->name);
    if (status == FLOW_OK)
        status = flow_reader_choose(&r->base, &r->chosen, &names, options, err);
    flow_name_list_free(&names);
    FLOW_RETURN_MADE(out, &r->base, flow_reader_close, status);
}
