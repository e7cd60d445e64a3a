/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_fields.h"

#include <stdlib.h>

#include "core/memory.h"
#include "data/reader.h"

/* Ends the field whose text has `used` bytes. */
static bool fields_end(flow_csv_fields *f, size_t used)
{
    if (f->n > FLOW_COLUMNS_MAX)
        return true;
    if (!flow_grow(&f->starts, &f->starts_capacity, f->n + 2, sizeof *f->starts))
        return false;
    if (f->n == 0)
        f->starts[0] = 0;
    f->text[used] = '\0';
    f->used = f->starts[++f->n] = used + 1;
    return true;
}

static inline bool fields_is_blank(const flow_csv_fields *f, char c)
{
    return c == ' ' || (c == '\t' && f->delimiter != '\t');
}

/* Where a plain field ends without the blanks at its end. */
static size_t fields_trim(const flow_csv_fields *f, size_t used)
{
    size_t start = f->n == 0 ? 0 : f->starts[f->n];
    while (used > start && fields_is_blank(f, f->text[used - 1]))
        used--;
    return used;
}

void flow_csv_fields_begin(flow_csv_fields *f, char delimiter)
{
    f->n = f->used = 0;
    f->state = FLOW_CSV_BEFORE;
    f->delimiter = delimiter;
}

flow_status flow_csv_fields_line(flow_csv_fields *f, const char *line, size_t length, bool *more, bool *good,
                                 flow_error *err)
{
    const bool by_blanks = f->delimiter == ' ';
    *more = false;
    *good = true;
    /* Every byte of a line gives at most one byte of text, and its end one more. */
    if (!flow_grow(&f->text, &f->text_capacity, f->used + length + 1, 1))
        return flow_error_memory(err, "reading CSV");
    flow_csv_state state = f->state;
    size_t used = f->used;
    for (size_t i = 0; i <= length; i++) {
        bool at_end = i == length;
        char c = at_end ? f->delimiter : line[i];
        bool blank = fields_is_blank(f, c);
        bool delimits = by_blanks ? blank && state != FLOW_CSV_BEFORE : c == f->delimiter;
        if (state == FLOW_CSV_QUOTED) {
            if (c == '"' && !at_end)
                state = FLOW_CSV_QUOTE;
            else
                f->text[used++] = at_end ? '\n' : c;
        } else if (delimits) {
            if (!fields_end(f, state == FLOW_CSV_PLAIN ? fields_trim(f, used) : used))
                return flow_error_memory(err, "reading CSV");
            used = f->used;
            state = FLOW_CSV_BEFORE;
        } else if (state == FLOW_CSV_BEFORE && !blank) {
            state = c == '"' ? FLOW_CSV_QUOTED : FLOW_CSV_PLAIN;
            if (c != '"')
                f->text[used++] = c;
        } else if (state == FLOW_CSV_PLAIN && c != '"') {
            f->text[used++] = c;
        } else if (state == FLOW_CSV_QUOTE && c == '"') {
            f->text[used++] = c;
            state = FLOW_CSV_QUOTED;
        } else if (state == FLOW_CSV_QUOTE && blank) {
            state = FLOW_CSV_AFTER;
        } else if (state == FLOW_CSV_PLAIN || state == FLOW_CSV_QUOTE || !blank) {
            *good = false;
            return FLOW_OK;
        }
    }
    f->used = used;
    f->state = state;
    *more = state == FLOW_CSV_QUOTED;
    return FLOW_OK;
}

const char *flow_csv_field(const flow_csv_fields *f, size_t i, size_t *length)
{
    *length = f->starts[i + 1] - f->starts[i] - 1;
    return f->text + f->starts[i];
}

void flow_csv_fields_free(flow_csv_fields *f)
{
    free(f->text);
    free(f->starts);
    *f = (flow_csv_fields){0};
}
