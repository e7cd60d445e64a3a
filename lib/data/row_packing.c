/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/row_packing.h"

#include <stdint.h>
#include <string.h>

flow_row_packing flow_row_packing_plain(size_t d)
{
    return (flow_row_packing){.d = d, .type = FLOW_VALUE_DOUBLE, .row_bytes = d * sizeof(double)};
}

flow_row_packing flow_row_packing_of(const flow_reader *reader)
{
    flow_row_packing packing = flow_row_packing_plain((size_t)reader->columns.n);
    if (reader->image.shape.channels == 0 || reader->stored == FLOW_VALUE_DOUBLE)
        return packing;
    packing.type = reader->stored;
    packing.n_narrow = (size_t)reader->n_stored;
    packing.row_bytes = packing.n_narrow * (packing.type == FLOW_VALUE_BYTE ? 1 : sizeof(float)) +
                        (packing.d - packing.n_narrow) * sizeof(double);
    return packing;
}

void flow_rows_pack(const flow_row_packing *p, char *to, const double *rows, size_t n)
{
    for (size_t r = 0; r < n; r++, rows += p->d) {
        if (p->type == FLOW_VALUE_BYTE) {
            for (size_t i = 0; i < p->n_narrow; i++)
                ((uint8_t *)to)[i] = (uint8_t)rows[i];
            to += p->n_narrow;
        } else {
            for (size_t i = 0; i < p->n_narrow; i++, to += sizeof(float))
                memcpy(to, &(float){(float)rows[i]}, sizeof(float));
        }
        size_t rest = (p->d - p->n_narrow) * sizeof *rows;
        memcpy(to, rows + p->n_narrow, rest);
        to += rest;
    }
}

void flow_row_unpack(const flow_row_packing *p, double *row, const char *from)
{
    if (p->type == FLOW_VALUE_BYTE) {
        for (size_t i = 0; i < p->n_narrow; i++)
            row[i] = ((const uint8_t *)from)[i];
        from += p->n_narrow;
    } else {
        for (size_t i = 0; i < p->n_narrow; i++, from += sizeof(float)) {
            float value;
            memcpy(&value, from, sizeof value);
            row[i] = (double)value;
        }
    }
    memcpy(row + p->n_narrow, from, (p->d - p->n_narrow) * sizeof *row);
}
