/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_complaint.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/csv_dialect.h"
#include "data/csv_disguise.h"
#include "data/csv_words.h"

/* Rows that follow. */
typedef struct complaint_view {
    int n, wrong, same; /* that were looked at; that are wrong; in the same way and in the same field */
} complaint_view;

static complaint_view complaint_look_ahead(const flow_csv_complaint *about)
{
    enum { LOOKED_AT = 200 };
    const flow_csv_stream *s = about->stream;
    const char *c = about->record->text + about->record->size, *end = s->buffer + s->end;
    complaint_view view = {0};
    double *row = malloc((size_t)about->reader->columns.n * sizeof *row);
    while (row != NULL && view.n < LOOKED_AT && c < end) {
        const char *stop = memchr(c, '\n', (size_t)(end - c));
        if (stop == NULL)
            break;
        const flow_csv_record line = {.text = s->buffer + (c - s->buffer),
                                      .length = (size_t)(stop - c) - (stop > c && stop[-1] == '\r')};
        flow_csv_finding found;
        if (!flow_csv_stream_passes(&line) && flow_csv_row_parse(about->aim, c, line.length, end + 1, row, &found)) {
            view.n++;
            view.wrong += found.what != FLOW_CSV_GOOD;
            view.same += found.what == about->found.what && found.field == about->found.field;
        }
        c = stop + 1;
    }
    free(row);
    return view;
}

/* What to do about the row: the end of a sentence. */
static void complaint_advise(flow_text *out, const flow_csv_complaint *about)
{
    const complaint_view view = complaint_look_ahead(about);
    const bool in_field = about->found.what < FLOW_CSV_RAGGED;
    const bool in_column = in_field && about->aim->n_fields > 1 && 2 * view.same > view.n;
    const int wrong = in_column ? view.same : view.wrong;
    const bool words = about->found.what == FLOW_CSV_NOT_A_NUMBER;
    const char *remedy = words ? flow_csv_undisguise(about->found.text, about->found.length) : NULL;
    if (view.n >= 2 && 2 * wrong > view.n)
        flow_text_add(out, "so %s %d of the next %d rows, which --skip-invalid would drop as well: %s%s",
                      wrong == 1 ? "is" : "are", wrong, view.n,
                      in_column ? "leave the column out of the columns (--columns), or " : "",
                      remedy != NULL       ? remedy
                      : in_column && words ? "write numbers for its words"
                                           : "correct the file");
    else if (remedy != NULL)
        flow_text_add(out, "%s, or drop such rows with --skip-invalid", remedy);
    else
        flow_text_add(
            out, "correct it or drop such rows with --skip-invalid%s",
            about->found.what == FLOW_CSV_NOT_A_NUMBER && about->aim->n_fields > 1 ? ", or choose other columns" : "");
    if (about->row == 0 && !about->reader->has_names && in_field)
        flow_text_add(out, ". If this line has the names of the columns, say --header yes");
    if (about->found.what == FLOW_CSV_RAGGED && about->record->text[about->record->size - 1] != '\n')
        flow_text_add(out, ". It is the last line and has no line end: the file seems to be cut");
}

/* The most frequent cause of such a field. */
static void complaint_explain(flow_text *out, const flow_csv_complaint *about)
{
    const flow_csv_finding *found = &about->found;
    if (found->what != FLOW_CSV_NOT_A_NUMBER || flow_csv_undisguise(found->text, found->length) != NULL)
        return;
    if (about->aim->n_fields == 1 && memchr(found->text, ' ', found->length) != NULL)
        flow_text_add(out, ". If its fields are separated by blanks, put names that have blanks in quotes, or say "
                           "--delimiter ' '");
    else if (about->aim->decimal == ',' && memchr(found->text, '.', found->length) != NULL)
        flow_text_add(out, ". The decimals of this file follow a comma; take points between thousands out, or say "
                           "--decimal . if they are no thousands");
    else if (memchr(found->text, ',', found->length) != NULL)
        flow_text_add(out, ". If its decimals follow a comma, say --decimal ,; take marks between thousands out");
}

/* What separates the names of a header that is one field, if it makes as many as the first row has fields; 0: nothing
 * does. */
static char complaint_other_delimiter(const flow_csv_complaint *about)
{
    static const char delimiters[] = {',', ';', '\t', '|', ' '};
    const char *names = about->reader->columns.at[0];
    if (about->row > 0 || !about->reader->has_names || about->aim->n_fields != 1)
        return 0;
    /* below a name of two words, the comma of "1,5" may be that of decimals */
    const size_t n_delimiters = sizeof delimiters - (about->aim->delimiter == ',');
    for (size_t k = 0; k < n_delimiters; k++) {
        size_t n = 1;
        for (const char *c = names; *c != '\0'; c++)
            n += *c == delimiters[k];
        if (n == about->found.field && delimiters[k] != about->aim->delimiter)
            return delimiters[k];
    }
    return 0;
}

static void complaint_count_fields(flow_text *out, const flow_csv_complaint *about)
{
    const size_t n = about->found.field, wanted = about->aim->n_fields;
    flow_text_add(out, " has %zu field%s where %zu %s expected; ", n, n == 1 ? "" : "s", wanted,
                  wanted == 1 ? "is" : "are");
    const char names = complaint_other_delimiter(about);
    if (names != 0) {
        flow_text_add(out, "its names are separated by %s, and its rows by %s: separate both in the same way",
                      flow_csv_delimiter_name(names), flow_csv_delimiter_name(about->aim->delimiter));
        return;
    }
    complaint_advise(out, about);
    if (about->row == 0 && about->reader->has_names && wanted == 1)
        flow_text_add(out, ". If the lines above are a title, take them out or put # in front of them");
    else if (about->row == 0 && about->reader->has_names && n == wanted + 1)
        flow_text_add(out, ". If all rows have one more, R's write.table has put row names in front: write with "
                           "row.names = FALSE");
    if (about->row == 0 && about->reader->has_names && about->aim->delimiter == ' ')
        flow_text_add(out, ". Put names that have blanks in quotes");
    if (wanted == 1 && n == 2 && about->aim->delimiter == ',')
        flow_text_add(out, ". If its decimals follow a comma, say --decimal ,");
}

static void complaint_show_field(flow_text *out, const flow_csv_complaint *about)
{
    static const char *const whats[] = {
        [FLOW_CSV_IS_MISSING] = " is a missing value",
        [FLOW_CSV_NOT_A_NUMBER] = " is not a number",
        [FLOW_CSV_NOT_FINITE] = " is not a finite number",
        [FLOW_CSV_CODE] = " stands for a missing value",
    };
    const flow_csv_finding *found = &about->found;
    char text[FLOW_EXCERPT_SIZE], value[FLOW_NUMBER_SIZE];
    if (about->is_header) {
        flow_text_add(out, " is the header again, as where files were put one behind another; drop it with "
                           "--skip-invalid, or take this line out");
        return;
    }
    flow_text_add(out, ", column \"%.80s\": ", about->reader->columns.at[about->aim->target[found->field]]);
    if (found->what == FLOW_CSV_CODE)
        flow_number_print(value, found->value);
    else
        flow_csv_excerpt(text, found->text, found->length);
    if (found->what == FLOW_CSV_IS_MISSING && found->length == 0)
        flow_text_add(out, "the value is missing; ");
    else
        flow_text_add(out, "\"%s\"%s; ", found->what == FLOW_CSV_CODE ? value : text, whats[found->what]);
    complaint_advise(out, about);
    complaint_explain(out, about);
}

flow_status flow_csv_complain(const flow_csv_complaint *about, flow_error *err)
{
    flow_text text = {0};
    char excerpt[FLOW_EXCERPT_SIZE];
    flow_text_add(&text, "row %lld (line %lld)", (long long)about->row + 1, (long long)about->stream->line);
    switch (about->found.what) {
    case FLOW_CSV_RAGGED:
        complaint_count_fields(&text, about);
        break;
    case FLOW_CSV_BROKEN:
        flow_text_add(&text, " %s; ", about->record->complaint);
        complaint_advise(&text, about);
        break;
    case FLOW_CSV_NOT_EMPTY:
        flow_text_add(&text,
                      " has \"%s\" in column %zu, which has no name and was empty before; give it a name in a "
                      "header line",
                      flow_csv_excerpt(excerpt, about->found.text, about->found.length), about->found.field + 1);
        break;
    default:
        complaint_show_field(&text, about);
    }
    flow_status status = text.failed ? flow_error_memory(err, "reading CSV")
                                     : flow_error_set(err, FLOW_DATA, "%s: %s", about->reader->name, text.data);
    flow_text_free(&text);
    return status;
}

flow_status flow_csv_refuse_names(const flow_reader *reader, const flow_csv_stream *stream,
                                  const flow_csv_record *record, int64_t row, flow_error *err)
{
    char text[FLOW_EXCERPT_SIZE];
    return flow_error_set(
        err, FLOW_DATA,
        "%s: row %lld (line %lld), \"%s\", has names of other columns, or of the same ones in another "
        "order, so that the rows behind it belong to another table, or those above it to a title; "
        "put each table into its own file, and take a title out",
        reader->name, (long long)row + 1, (long long)stream->line,
        flow_csv_excerpt(text, record->text, record->length - (record->text[record->length - 1] == '\n')));
}
