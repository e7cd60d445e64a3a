/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_header.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

const char *flow_csv_excerpt(char out[FLOW_EXCERPT_SIZE], const char *text, size_t length)
{
    enum { MOST = 40 };
    size_t n = length < MOST ? length : MOST;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
    snprintf(out + n, FLOW_EXCERPT_SIZE - n, "%s", length > n ? "..." : "");
    return out;
}

bool flow_csv_number(const char *field, size_t length, double *value)
{
    char copy[1024]; /* longer fields are not numbers */
    if (length >= sizeof copy || memchr(field, '\0', length) != NULL)
        return false;
    memcpy(copy, field, length);
    copy[length] = '\0';
    return flow_number_parse(copy, value);
}

static bool header_is_missing(const char *field, size_t length)
{
    static const char *const marks[] = {"", "na", "n/a", "null", "none", "nan", "-nan", "?", "-", "."};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strlen(marks[i]) == length && strncasecmp(marks[i], field, length) == 0)
            return true;
    return false;
}

bool flow_csv_is_word(const char *field, size_t length)
{
    double value;
    return !flow_csv_number(field, length, &value) && !header_is_missing(field, length);
}

/* A number that cannot be a column name, in contrast to a year or an index. */
static bool header_is_plainly_data(const char *field, size_t length)
{
    double value;
    return flow_csv_number(field, length, &value) &&
           (!isfinite(value) || memchr(field, '.', length) != NULL || value < 0);
}

/* Refuses formats that are not CSV by their first bytes, with a remedy. */
static flow_status header_refuse_others(const flow_csv_stream *s, flow_error *err)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } others[] = {
        {"BZh", 3, "compressed with bzip2; pipe it through bzip2 -dc and read standard input (-)"},
        {"\xfd"
         "7zXZ", 5, "compressed with xz; pipe it through xz -dc and read standard input (-)"},
        {"PK\x03\x04", 4, "a zip archive or a spreadsheet; save the table in it as CSV"},
        {"\xff\xfe", 2, "text in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"},
        {"\xfe\xff", 2, "text in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"},
        {"\x89HDF\r\n\x1a\n", 8, "HDF5, which cannot be read from a pipe or a compressed file; unpack it and name the file"},
        {"\x93NUMPY", 6, "a NumPy array; save it as CSV (numpy.savetxt) or HDF5 (h5py)"},
        {"PAR1", 4, "a Parquet file; save the table as CSV or HDF5"},
        {"root", 4, "a ROOT file; save the columns as CSV or HDF5 (uproot and h5py)"},
    };
    size_t there = s->end - s->begin;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (there >= others[i].n && memcmp(s->buffer + s->begin, others[i].bytes, others[i].n) == 0 &&
            (others[i].bytes[0] != 'r' || s->buffer[s->begin + 4] == '\0'))
            return flow_error_set(err, FLOW_FORMAT, "%s: is %s", s->name, others[i].what);
    return FLOW_OK;
}

/* Refuses lines whose fields are separated by something else: lines without commas, and lines in which commas are
 * decimal points. */
static flow_status header_refuse_separator(const flow_csv_stream *s, const flow_csv_record *record, flow_error *err)
{
    size_t commas = 0, semicolons = 0, tabs = 0, blanks = 0, others = 0;
    bool quoted = false;
    for (size_t i = 0; i < record->length; i++) {
        char c = record->text[i];
        quoted = quoted != (c == '"');
        if (quoted)
            continue;
        commas += c == ',';
        semicolons += c == ';';
        tabs += c == '\t';
        blanks += c == ' ' && i > 0 && record->text[i - 1] == '"' && record->text[i + 1] == '"';
        others += strchr("0123456789+-.eE,; \"", c) == NULL;
    }
    if (semicolons > 0 && (commas == 0 || others == 0))
        return flow_error_set(err, FLOW_DATA, "%s: its fields are separated by semicolons, commas are expected; "
                              "convert it, and decimal commas with it, by tr ',;' '.,'", s->name);
    if (tabs > 0 && commas == 0)
        return flow_error_set(err, FLOW_DATA, "%s: its fields are separated by tabs, commas are expected; convert it, "
                              "and decimal commas with it, by tr ',\\t' '.,'", s->name);
    if (blanks > 0 && commas == 0)
        return flow_error_set(err, FLOW_DATA, "%s: its fields are separated by blanks, commas are expected; convert it "
                              "by tr -s ' ' ','", s->name);
    return FLOW_OK;
}

/* Whether every field is in quotes and needs none. */
static bool header_is_all_quoted(const flow_csv_stream *s, const flow_csv_record *record)
{
    size_t n_quotes = 0;
    for (size_t i = 0; i < record->length; i++)
        n_quotes += record->text[i] == '"';
    return n_quotes == 2 * s->fields.n;
}

/* A first line with a word in it is a header. A line without a word is a row, unless all of it is quoted and the next
 * line is not: R and csv_writer.c mark a header of numbers in this way. A line of words and of numbers that look like
 * data is refused: it may be a row with a typing error, and as a header it would be lost silently. */
static flow_status header_is_header(flow_csv_stream *s, const flow_csv_record *record, bool *answer, flow_error *err)
{
    size_t word = s->fields.n, data = s->fields.n;
    for (size_t i = 0; i < s->fields.n; i++) {
        size_t length;
        const char *field = flow_csv_field(&s->fields, i, &length);
        if (word == s->fields.n && flow_csv_is_word(field, length))
            word = i;
        if (data == s->fields.n && header_is_plainly_data(field, length))
            data = i;
    }
    *answer = word < s->fields.n;
    bool all_quoted = header_is_all_quoted(s, record);
    if (*answer && data < s->fields.n && !all_quoted) {
        char a[FLOW_EXCERPT_SIZE], b[FLOW_EXCERPT_SIZE];
        const char *text = s->fields.text;
        const size_t *starts = s->fields.starts;
        return flow_error_set(err, FLOW_DATA, "%s: line %lld mixes words (\"%s\" in column %zu) and numbers (\"%s\" in "
                              "column %zu): if it is a header, give every column a name; if it is row 1, \"%s\" is not "
                              "a number: correct it, or put a header line above", s->name, (long long)s->line,
                              flow_csv_excerpt(a, text + starts[word], strlen(text + starts[word])), word + 1,
                              flow_csv_excerpt(b, text + starts[data], strlen(text + starts[data])), data + 1, a);
    }
    if (!*answer && all_quoted) {
        flow_csv_record next;
        FLOW_TRY(flow_csv_stream_peek(s, record, &next, err));
        *answer = next.length == 0 || memchr(next.text, '"', next.length) == NULL;
    }
    return FLOW_OK;
}

static flow_status header_take_names(const flow_csv_stream *s, flow_name_list *names, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (size_t i = 0; i < s->fields.n && status == FLOW_OK; i++) {
        size_t length;
        const char *name = flow_csv_field(&s->fields, i, &length);
        if (i == 0 && length > 0 && name[0] == '#') { /* numpy.savetxt puts it in front */
            size_t mark = strspn(name, "# \t");
            name += mark;
            length -= mark;
        }
        char number[32];
        if (length == 0) { /* the column of R's row names has no name */
            length = (size_t)snprintf(number, sizeof number, "unnamed%zu", i + 1);
            name = number;
        }
        status = flow_name_list_add(names, name, length, err);
    }
    return status;
}

flow_status flow_csv_header_read(flow_csv_stream *s, flow_name_list *names, bool *has_names, flow_error *err)
{
    FLOW_TRY(header_refuse_others(s, err));
    if (s->end - s->begin >= 3 && memcmp(s->buffer + s->begin, "\xef\xbb\xbf", 3) == 0)
        s->begin += 3;
    flow_csv_record record;
    bool found;
    FLOW_TRY(flow_csv_stream_line(s, &record, &found, err));
    if (!found)
        return flow_error_set(err, FLOW_DATA, "%s: is empty; a table has a header line or rows", s->name);
    if (memchr(record.text, '\0', record.length) != NULL)
        return flow_error_set(err, FLOW_FORMAT, "%s: is not a text file; CSV or HDF5 was expected", s->name);
    if (memchr(record.text, '\r', record.length) != NULL)
        return flow_error_set(err, FLOW_DATA, "%s: has carriage returns for line ends; convert it with tr '\\r' '\\n'",
                              s->name);
    FLOW_TRY(header_refuse_separator(s, &record, err));
    if (!flow_is_utf8(record.text, record.length))
        return flow_error_set(err, FLOW_DATA, "%s: the names in line %lld are not in UTF-8; convert the file, from "
                              "Latin 1 for example by iconv -f LATIN1 -t UTF-8", s->name, (long long)s->line);
    FLOW_TRY(flow_csv_stream_split(s, &record, err));
    if (record.complaint != NULL)
        return flow_error_set(err, FLOW_DATA, "%s: line %lld %s; double the quotes inside of quoted fields", s->name,
                              (long long)s->line, record.complaint);
    if (s->fields.n > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_DATA, "%s: has more than %d columns", s->name, FLOW_COLUMNS_MAX);
    FLOW_TRY(header_is_header(s, &record, has_names, err));
    if (!*has_names)
        return flow_name_list_number(names, 'x', (int)s->fields.n, err);
    flow_status status = header_take_names(s, names, err);
    flow_csv_stream_consume(s, &record);
    return status;
}
