/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_header.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/csv_comment_names.h"
#include "data/csv_count_line.h"
#include "data/csv_dialect.h"
#include "data/csv_notes.h"
#include "data/csv_preamble.h"
#include "data/csv_rows.h"
#include "data/csv_signature.h"
#include "data/csv_words.h"
#include "data/reader.h"

/* What is known while the beginning is read. */
typedef struct header_state {
    flow_csv_layout *out;
    flow_csv_stream *stream;
    flow_csv_format format; /* complete */
    flow_csv_sample sample;
    flow_csv_rows rows;
    const flow_csv_fields *first; /* the fields of the first record */
    size_t n_units, n_rules; /* rows of words, and before them drawn lines, which stand under the names */
} header_state;

static flow_status header_remark(header_state *h, flow_error *err, const char *format, ...) FLOW_PRINTF(3, 4);
static flow_status header_remark(header_state *h, flow_error *err, const char *format, ...)
{
    char text[FLOW_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return flow_name_list_add(&h->out->remarks, text, strlen(text), err);
}

/* ------------------------------------------------------------------ before the first record */

/* Excel's "sep=;" in the first line. */
static flow_status header_read_separator(header_state *h, flow_error *err)
{
    flow_csv_record line;
    FLOW_TRY(flow_csv_stream_peek(h->stream, 0, SIZE_MAX, &line, err));
    const bool quoted = line.length > 0 && line.text[0] == '"';
    if (line.length - 2 * quoted != strlen("sep=;") || strncasecmp(line.text + quoted, "sep=", 4) != 0)
        return FLOW_OK;
    if (h->format.delimiter == '\0')
        h->format.delimiter = line.text[quoted + 4];
    flow_csv_stream_consume(h->stream, &line);
    return FLOW_OK;
}

/* The first line that is no comment, without lines that are drawn above the names. */
static flow_status header_find_first(header_state *h, flow_csv_record *record, bool *found, flow_error *err)
{
    char text[FLOW_EXCERPT_SIZE];
    for (;;) {
        FLOW_TRY(flow_csv_stream_line(h->stream, record, found, err));
        if (!*found || !flow_csv_is_rule(record->text, record->length))
            return FLOW_OK;
        FLOW_TRY(header_remark(h, err, "line %lld, \"%s\", is passed over", (long long)h->stream->line,
                               flow_csv_excerpt(text, record->text, record->length)));
        flow_csv_stream_consume(h->stream, record);
    }
}

/* Finds the first record, which stays at the front, and splits it; completes the format. */
static flow_status header_begin(header_state *h, flow_error *err)
{
    flow_csv_stream *s = h->stream;
    flow_csv_record record;
    bool found, fits;
    size_t n_fields;
    FLOW_TRY(flow_csv_refuse_others(s, err));
    if (s->end - s->begin >= 3 && memcmp(s->buffer + s->begin, "\xef\xbb\xbf", 3) == 0)
        s->begin += 3;
    FLOW_TRY(flow_csv_stream_find_returns(s, err));
    FLOW_TRY(header_read_separator(h, err));
    s->comments.keep = true;
    FLOW_TRY(header_find_first(h, &record, &found, err));
    s->comments.keep = false;
    if (!found)
        return flow_error_set(err, FLOW_DATA,
                              s->comments.n > 0 ? "%s: has comments and nothing else; a table has a "
                                                  "header line or rows"
                                                : "%s: is empty; a table has a header line or rows",
                              s->name);
    s->comments.n = 0;
    if (memchr(record.text, '\0', record.length) != NULL)
        return flow_error_set(err, FLOW_FORMAT, "%s: is not a text file; CSV or HDF5 was expected", s->name);
    FLOW_TRY(flow_csv_sample_take(&h->sample, s, err));
    const flow_csv_format wanted = h->format;
    FLOW_TRY(flow_csv_dialect_find(&h->format, &n_fields, &fits, &h->sample, s->name, err));
    if (!fits)
        FLOW_TRY(flow_csv_refuse_preamble(&wanted, false, &h->sample, err));
    FLOW_TRY(flow_csv_stream_line(s, &record, &found, err)); /* the buffer may have moved */
    if (!flow_is_utf8(record.text, record.length))
        return flow_error_set(err, FLOW_DATA,
                              "%s: the names in line %lld are not in UTF-8; convert the file, from "
                              "Latin 1 for example by iconv -f LATIN1 -t UTF-8",
                              s->name, (long long)s->line);
    FLOW_TRY(flow_csv_stream_split(s, &record, h->format.delimiter, err));
    if (record.complaint != NULL)
        return flow_error_set(err, FLOW_DATA, "%s: line %lld %s; double the quotes inside of quoted fields", s->name,
                              (long long)s->line, record.complaint);
    if (s->fields.n > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_DATA, "%s: has more than %d columns", s->name, FLOW_COLUMNS_MAX);
    h->first = &s->fields;
    n_fields = n_fields <= FLOW_COLUMNS_MAX ? n_fields : 0;
    return flow_csv_rows_take(&h->rows, &h->sample, n_fields, h->format.delimiter, h->format.decimal, err);
}

/* ------------------------------------------------------------------ is it a header? */

/* A number that cannot be a column name, in contrast to a year or an index. */
static bool header_is_plainly_data(const char *field, size_t length, double value)
{
    return !isfinite(value) || memchr(field, '.', length) != NULL || value < 0;
}

/* Whether every field of the first record is in quotes and needs none. */
static bool header_is_all_quoted(const header_state *h)
{
    const char *text = flow_csv_sample_text(&h->sample, 0);
    size_t n_quotes = 0;
    for (size_t i = 0; i < h->sample.length[0]; i++)
        n_quotes += text[i] == '"';
    return n_quotes == 2 * h->first->n;
}

/* Whether the second record has no quotes, or is not there. */
static bool header_is_followed_by_plain(const header_state *h)
{
    return h->sample.n < 2 || memchr(flow_csv_sample_text(&h->sample, 1), '"', h->sample.length[1]) == NULL;
}

/* Says how a first line of whole numbers was taken, where it may be meant otherwise. */
static flow_status header_judge_numbers(header_state *h, bool *answer, flow_error *err)
{
    char text[FLOW_EXCERPT_SIZE];
    bool doubtful = flow_csv_counts_from(h->first, 0, 0) || flow_csv_counts_from(h->first, 0, 1);
    *answer = false;
    if (h->rows.n == 0 || h->rows.n_fields != h->first->n)
        return FLOW_OK;
    if (doubtful)
        FLOW_TRY(flow_csv_is_count(answer, h->first, &h->sample, &h->rows, &h->format, err));
    else
        FLOW_TRY(flow_csv_is_whole_above_decimals(&doubtful, h->first, &h->sample, &h->rows, &h->format, err));
    if (!doubtful)
        return FLOW_OK;
    flow_csv_excerpt(text, flow_csv_sample_text(&h->sample, 0), h->sample.length[0]);
    return *answer ? header_remark(h, err,
                                   "its first line, \"%s\", is taken for the names of the columns; if it is a "
                                   "row, say --header no",
                                   text)
                   : header_remark(h, err,
                                   "its first line, \"%s\", is taken for a row; if it has the names of the "
                                   "columns, say --header yes",
                                   text);
}

static flow_status header_refuse_mixed(const header_state *h, size_t word, size_t data, flow_error *err)
{
    char a[FLOW_EXCERPT_SIZE], b[FLOW_EXCERPT_SIZE];
    size_t n_a, n_b;
    const char *word_text = flow_csv_field(h->first, word, &n_a), *data_text = flow_csv_field(h->first, data, &n_b);
    return flow_error_set(err, FLOW_DATA,
                          "%s: line %lld mixes words (\"%s\" in column %zu) and numbers (\"%s\" in "
                          "column %zu): if it is a header, say --header yes; if it is row 1, \"%s\" is not a number: "
                          "correct it, or say --header no and choose other columns",
                          h->stream->name, (long long)h->stream->line, flow_csv_excerpt(a, word_text, n_a), word + 1,
                          flow_csv_excerpt(b, data_text, n_b), data + 1, a);
}

/* A first line with a word in it is a header. A line without a word is a row, unless all of it is quoted and the next
 * line is not: R and csv_writer.c mark a header of numbers in this way. A line of words and of numbers that look like
 * data is refused: it may be a row with a typing error, and as a header it would be lost silently. `named`: a comment
 * above has names already. */
static flow_status header_is_header(header_state *h, bool named, bool *answer, flow_error *err)
{
    const size_t n = h->first->n;
    size_t word = n, data = n;
    for (size_t i = 0; i < n; i++) {
        size_t length;
        double value;
        const char *field = flow_csv_field(h->first, i, &length);
        flow_csv_kind kind = flow_csv_judge(field, length, h->format.decimal, &value);
        if (kind == FLOW_CSV_LETTER && i < h->rows.n_fields && /* as all of its column */
            flow_csv_rows_count(&h->rows, 0, i, FLOW_CSV_BIT(FLOW_CSV_LETTER)) > 0 &&
            flow_csv_rows_count(&h->rows, 0, i, FLOW_CSV_BIT(FLOW_CSV_NUMBER) | FLOW_CSV_BIT(FLOW_CSV_WORD)) == 0)
            kind = FLOW_CSV_TRUTH;
        if (word == n && kind >= FLOW_CSV_LETTER)
            word = i;
        if (data == n && kind == FLOW_CSV_NUMBER && header_is_plainly_data(field, length, value))
            data = i;
    }
    const bool all_quoted = header_is_all_quoted(h);
    *answer = word < n;
    if (*answer && data < n && !all_quoted) {
        *answer = false;
        return named ? FLOW_OK : header_refuse_mixed(h, word, data, err);
    }
    if (*answer)
        return FLOW_OK;
    *answer = all_quoted && header_is_followed_by_plain(h);
    if (*answer || named)
        return FLOW_OK;
    size_t length;
    flow_csv_field(h->first, 0, &length);
    if (length > 0)
        return header_judge_numbers(h, answer, err);
    *answer =
        n >= 3 && (flow_csv_counts_from(h->first, 1, 0) || flow_csv_counts_from(h->first, 1, 1)); /* row numbers */
    return FLOW_OK;
}

/* ------------------------------------------------------------------ names */

static flow_status header_take_names(header_state *h, size_t from, size_t n, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (size_t i = 0; i < n && status == FLOW_OK; i++) {
        size_t length;
        const char *name = flow_csv_field(h->first, i, &length);
        char number[32];
        if (length == 0) { /* the column of R's row names has no name */
            length = (size_t)snprintf(number, sizeof number, "unnamed%zu", from + i + 1);
            name = number;
        }
        status = flow_name_list_add(&h->out->names, name, length, err);
    }
    return status;
}

/* Whether column k is empty in all of the first rows, of which there are some. */
static bool header_is_empty(const header_state *h, size_t k)
{
    return h->rows.n > 0 &&
           flow_csv_rows_count(&h->rows, h->n_units, k, FLOW_CSV_BIT(FLOW_CSV_EMPTY)) == h->rows.n - h->n_units;
}

/* Whether a record begins with a quote, behind blanks. */
static bool header_is_quoted(const flow_csv_sample *sample, size_t record)
{
    const char *text = flow_csv_sample_text(sample, record), *end = text + sample->length[record];
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    return text < end && *text == '"';
}

/* Whether the first fields of the rows can be names or numbers of rows: in quotes, or 1, 2, 3, ... */
static flow_status header_has_row_names(header_state *h, bool *answer, flow_error *err)
{
    bool quoted = true, counts = h->first->n > 1; /* one name over 1,5 and 2,5 may be one of numbers with decimals */
    for (size_t i = 0; i < h->rows.n; i++) {
        double value;
        size_t length;
        bool good;
        quoted = quoted && header_is_quoted(&h->sample, h->rows.record[i]);
        FLOW_TRY(flow_csv_sample_split(&h->sample, h->rows.record[i], h->format.delimiter, &good, err));
        const char *field = flow_csv_field(&h->sample.fields, 0, &length);
        counts = counts && flow_csv_judge(field, length, '.', &value) == FLOW_CSV_NUMBER && value == (double)(i + 1);
    }
    *answer = h->rows.n > 0 && (quoted || counts);
    return FLOW_OK;
}

/* The columns of a file with a header, whose rows may have a field more or less. */
static flow_status header_fit_names(header_state *h, flow_error *err)
{
    flow_csv_layout *out = h->out;
    const size_t n = h->first->n, n_rows = h->rows.n > 0 ? h->rows.n_fields : n;
    size_t last;
    flow_csv_field(h->first, n - 1, &last);
    out->has_names = true;
    out->n_fields = n;
    if (n_rows == n + 1 && header_is_empty(h, n)) { /* a comma at the end of the rows alone */
        out->n_fields = n + 1;
        out->n_empty = 1;
    } else if (n_rows == n + 1) {
        bool has_row_names;
        FLOW_TRY(header_has_row_names(h, &has_row_names, err));
        if (has_row_names) {
            out->n_fields = n + 1;
            FLOW_TRY(flow_name_list_add(&out->names, "unnamed1", strlen("unnamed1"), err));
            FLOW_TRY(header_remark(h, err,
                                   "its rows have a field more in front than its header, as R writes row names; "
                                   "this column is called unnamed1"));
            return header_take_names(h, 1, n, err);
        }
        FLOW_TRY(flow_csv_refuse_preamble(&h->format, true, &h->sample, err));
    } else if (n_rows + 1 == n && n_rows > 0 && last == 0) { /* at the end of the header alone */
        out->n_fields = n_rows;
        return header_take_names(h, 0, n_rows, err);
    }
    while (n_rows == n && out->n_empty + 1 < n && header_is_empty(h, n - 1 - out->n_empty)) {
        flow_csv_field(h->first, n - 1 - out->n_empty, &last);
        if (last > 0)
            break;
        out->n_empty++;
    }
    return header_take_names(h, 0, out->n_fields - out->n_empty, err);
}

/* The columns of a file without one; the names may be in a comment. */
static flow_status header_make_names(header_state *h, const flow_csv_comment_names *names, flow_error *err)
{
    flow_csv_layout *out = h->out;
    const size_t n = h->first->n;
    size_t last;
    out->n_fields = n;
    while (out->n_empty + 1 < n && h->rows.n_fields == n && header_is_empty(h, n - 1 - out->n_empty)) {
        flow_csv_field(h->first, n - 1 - out->n_empty, &last);
        if (last > 0)
            break;
        out->n_empty++;
    }
    if (names->names.n != (int)(n - out->n_empty))
        return flow_name_list_number(&out->names, 'x', (int)(n - out->n_empty), err);
    out->has_names = true;
    FLOW_TRY(flow_name_list_copy(&out->names, (const char *const *)names->names.at, names->names.n, err));
    char text[FLOW_EXCERPT_SIZE];
    return names->is_only ? FLOW_OK
                          : header_remark(h, err, "the names of its columns are those of the comment \"%s\"",
                                          flow_csv_excerpt(text, names->comment, strlen(names->comment)));
}

/* ------------------------------------------------------------------ behind the header */

/* Which truth values are numbers, by the first rows. */
static flow_status header_find_truths(header_state *h, flow_error *err)
{
    flow_csv_layout *out = h->out;
    out->truths = calloc(out->n_fields, sizeof *out->truths);
    if (out->truths == NULL)
        return flow_error_memory(err, "the columns");
    for (size_t k = 0; k < out->n_fields; k++) {
        out->truths[k] = FLOW_CSV_ANY_TRUTHS;
        if (h->rows.n_fields != out->n_fields)
            continue;
        const unsigned others = FLOW_CSV_BIT(FLOW_CSV_NUMBER) | FLOW_CSV_BIT(FLOW_CSV_WORD);
        if (flow_csv_rows_count(&h->rows, h->n_units, k, others) > 0)
            out->truths[k] = FLOW_CSV_NO_TRUTHS;
        else if (flow_csv_rows_count(&h->rows, h->n_units, k, FLOW_CSV_BIT(FLOW_CSV_LETTER)) > 0)
            out->truths[k] = FLOW_CSV_TRUTH_LETTERS;
        else if (flow_csv_rows_count(&h->rows, h->n_units, k, FLOW_CSV_BIT(FLOW_CSV_TRUTH)) > 0)
            out->truths[k] = FLOW_CSV_TRUTH_WORDS;
    }
    return FLOW_OK;
}

/* Consumes the header and the words under it. */
static flow_status header_pass(header_state *h, flow_error *err)
{
    for (size_t i = 0; i < 1 + h->n_rules + h->n_units; i++) {
        flow_csv_record record;
        bool found;
        char text[FLOW_EXCERPT_SIZE];
        FLOW_TRY(flow_csv_stream_line(h->stream, &record, &found, err));
        FLOW_TRY(flow_csv_stream_split(h->stream, &record, h->format.delimiter, err));
        flow_csv_excerpt(text, record.text, record.length - (record.text[record.length - 1] == '\n'));
        if (i > 0)
            FLOW_TRY(header_remark(h, err,
                                   "line %lld, \"%s\", stands under the header and has no numbers; it is passed "
                                   "over",
                                   (long long)h->stream->line, text));
        flow_csv_stream_consume(h->stream, &record);
    }
    return FLOW_OK;
}

/* What was found out and is not what most files have. */
static flow_status header_say(header_state *h, const flow_csv_format *wanted, flow_error *err)
{
    const flow_csv_layout *out = h->out;
    const char *decimal = wanted->decimal == '\0' && out->decimal == ',' ? ", and its decimals follow a comma" : "";
    if (wanted->delimiter == '\0' && h->format.delimiter != ',' && out->n_fields > 1)
        FLOW_TRY(header_remark(h, err, "its fields are separated by %s%s", flow_csv_delimiter_name(out->delimiter),
                               decimal));
    else if (decimal[0] != '\0')
        FLOW_TRY(header_remark(h, err, "its decimals follow a comma"));
    if (out->n_empty > 0)
        FLOW_TRY(header_remark(h, err, "%zu column%s at its end without a name and without values %s left out",
                               out->n_empty, out->n_empty == 1 ? "" : "s", out->n_empty == 1 ? "is" : "are"));
    return FLOW_OK;
}

/* Also finds the line that is drawn under the names. */
static size_t header_count_units(header_state *h)
{
    h->n_rules = h->sample.n > 1 && flow_csv_is_rule(flow_csv_sample_text(&h->sample, 1), h->sample.length[1]) &&
                 (h->rows.n == 0 || h->rows.record[0] > 1);
    return flow_csv_rows_units(&h->rows, 1 + h->n_rules);
}

static flow_status header_read(header_state *h, const flow_csv_format *wanted, flow_error *err)
{
    flow_csv_layout *out = h->out;
    flow_csv_comment_names names = {0};
    bool is_header = wanted->header == FLOW_CSV_NAMES_YES;
    FLOW_TRY(header_begin(h, err));
    out->delimiter = h->format.delimiter;
    out->decimal = h->format.decimal;
    flow_status status = flow_csv_find_comment_names(&names, &h->stream->comments, h->first->n, out->delimiter, err);
    if (status == FLOW_OK && wanted->header == FLOW_CSV_NAMES_AUTO)
        status = header_is_header(h, names.names.n > 0, &is_header, err);
    if (status == FLOW_OK && is_header)
        h->n_units = header_count_units(h);
    if (status == FLOW_OK)
        status = is_header ? header_fit_names(h, err) : header_make_names(h, &names, err);
    h->n_units = h->rows.n_fields == out->n_fields ? h->n_units : 0;
    if (status == FLOW_OK)
        status = header_find_truths(h, err);
    if (status == FLOW_OK)
        status = header_say(h, wanted, err);
    if (status == FLOW_OK && h->rows.n_fields == out->n_fields)
        status =
            flow_csv_note_columns(&out->notes, &h->sample, &h->rows, h->n_units, out->delimiter, out->names.n, err);
    if (status == FLOW_OK && is_header)
        status = header_pass(h, err);
    flow_csv_comment_names_free(&names);
    return status;
}

flow_status flow_csv_header_read(flow_csv_layout *out, flow_csv_stream *stream, const flow_csv_format *format,
                                 flow_error *err)
{
    header_state h = {.out = out, .stream = stream, .format = *format};
    flow_status status = header_read(&h, format, err);
    flow_csv_fields_free(&h.sample.fields);
    flow_csv_rows_free(&h.rows);
    flow_name_list_free(&stream->comments.texts);
    return status;
}

void flow_csv_layout_free(flow_csv_layout *layout)
{
    flow_name_list_free(&layout->names);
    flow_name_list_free(&layout->remarks);
    flow_name_list_free(&layout->notes);
    free(layout->truths);
    *layout = (flow_csv_layout){0};
}
