/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_rows.h"

#include <stdlib.h>

#include "core/memory.h"

enum { UNITS_MOST = 3 }; /* rows of words under a header: units, long names, comments */

flow_status flow_csv_rows_take(flow_csv_rows *out, flow_csv_sample *sample, size_t n_fields, char delimiter,
                               char decimal, flow_error *err)
{
    *out = (flow_csv_rows){.n_fields = n_fields};
    out->kinds = calloc(FLOW_CSV_SAMPLED, n_fields + 1);
    if (out->kinds == NULL)
        return flow_error_memory(err, "the first rows");
    for (size_t i = 1; i < sample->n; i++) {
        bool good;
        FLOW_TRY(flow_csv_sample_split(sample, i, delimiter, &good, err));
        if (!good || sample->fields.n != n_fields)
            continue;
        unsigned char *kinds = out->kinds + out->n * n_fields;
        for (size_t k = 0; k < n_fields; k++) {
            double value;
            size_t length;
            const char *field = flow_csv_field(&sample->fields, k, &length);
            kinds[k] =
                (unsigned char)(length == 0 ? FLOW_CSV_EMPTY : (int)flow_csv_judge(field, length, decimal, &value));
        }
        out->record[out->n++] = i;
    }
    return FLOW_OK;
}

void flow_csv_rows_free(flow_csv_rows *rows)
{
    free(rows->kinds);
    *rows = (flow_csv_rows){0};
}

size_t flow_csv_rows_count(const flow_csv_rows *rows, size_t first, size_t column, unsigned kinds)
{
    size_t n = 0;
    for (size_t i = first; i < rows->n; i++)
        n += (FLOW_CSV_BIT(rows->kinds[i * rows->n_fields + column]) & kinds) != 0;
    return n;
}

static bool rows_is_unit(const flow_csv_rows *rows, size_t row)
{
    const unsigned numbers = FLOW_CSV_BIT(FLOW_CSV_NUMBER) | FLOW_CSV_BIT(FLOW_CSV_TRUTH);
    const size_t behind = rows->n - row - 1;
    bool any = false;
    for (size_t k = 0; k < rows->n_fields; k++) {
        const unsigned kind = FLOW_CSV_BIT(rows->kinds[row * rows->n_fields + k]);
        const bool word = (kind & (FLOW_CSV_BIT(FLOW_CSV_WORD) | FLOW_CSV_BIT(FLOW_CSV_LETTER))) != 0;
        if (kind & numbers || (word && 2 * flow_csv_rows_count(rows, row + 1, k, numbers) < behind))
            return false;
        any = any || word;
    }
    return any && behind > 0;
}

size_t flow_csv_rows_units(const flow_csv_rows *rows, size_t record)
{
    size_t n = 0;
    while (n < UNITS_MOST && n < rows->n && rows->record[n] == n + record && rows_is_unit(rows, n))
        n++;
    return n;
}
