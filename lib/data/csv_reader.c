/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "data/csv_header.h"
#include "data/csv_stream.h"
#include "data/decimal.h"
#include "data/missing.h"
#include "data/reader.h"

typedef struct csv_reader {
    flow_reader common;
    flow_csv_stream stream;
    int *target;   /* (n_fields) the place of each field in a row, -1: not read */
    int n_targets; /* fields up to the last chosen one */
    size_t n_fields;
    int64_t row;      /* number of the row at the front */
    bool told_of_end; /* there is a remark about the end of the file */
} csv_reader;

/* An error in the row at the front. The text is borrowed from the record. */
typedef enum csv_trouble { NO_TROUBLE, MISSING, NOT_A_NUMBER, NOT_FINITE, CODE, RAGGED, BROKEN } csv_trouble;

typedef struct csv_finding {
    csv_trouble what;
    size_t field; /* RAGGED: the number of fields */
    const char *text;
    size_t length;
    double value; /* CODE */
} csv_finding;

/* ------------------------------------------------------------------ values */

static inline const char *csv_skip_blanks(const char *c)
{
    while (*c == ' ' || *c == '\t')
        c++;
    return c;
}

/* A field that the fast scan cannot read: rare, so that this may be slow. */
static csv_trouble csv_parse_slowly(const char *text, size_t length, double *value)
{
    if (flow_csv_number(text, length, value))
        return isfinite(*value) ? NO_TROUBLE : NOT_FINITE;
    *value = (double)NAN;
    const char *word = csv_skip_blanks(text), *end = text + length;
    while (end > word && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return flow_csv_is_word(word, end > word ? (size_t)(end - word) : 0) ? NOT_A_NUMBER : MISSING;
}

static void csv_note(csv_finding *found, size_t field, csv_trouble what, const char *text, size_t length)
{
    if (what != NO_TROUBLE && found->what == NO_TROUBLE)
        *found = (csv_finding){.what = what, .field = field, .text = text, .length = length};
}

/* The end of a field that holds an ordinary number, in quotes or not; NULL for every other field. */
static inline const char *csv_scan_field(const char *c, const char *stop, const char *limit, double *value)
{
    bool quoted = *c == '"';
    const char *end = flow_decimal_scan(csv_skip_blanks(c + quoted), limit, value);
    if (end == NULL)
        return NULL;
    end = csv_skip_blanks(end);
    if (quoted && *end++ != '"')
        return NULL;
    return *end == ',' || end == stop ? end : NULL;
}

/* The end of a field without a number, and its contents. NULL unless it has no quotes, or one as its first byte, one as
 * its last byte and none between them: the record has to be split then. */
static const char *csv_find_end(const char *c, const char *stop, const char **text, size_t *length)
{
    bool quoted = *c == '"' && c < stop;
    const char *from = quoted ? c + 1 : c;
    const char *end = memchr(from, quoted ? '"' : ',', (size_t)(stop - from));
    *text = from;
    if (quoted) {
        *length = end != NULL ? (size_t)(end - from) : 0;
        return end != NULL && (end[1] == ',' || end + 1 == stop) ? end + 1 : NULL;
    }
    end = end != NULL ? end : stop;
    *length = (size_t)(end - from);
    return memchr(from, '"', *length) == NULL ? end : NULL;
}

/* A line: text[length] is a line end. False when it has to be split. */
static bool csv_parse_line(const csv_reader *r, const char *text, size_t length, double *row, csv_finding *found)
{
    const char *stop = text + length, *c = text, *limit = r->stream.buffer + r->stream.end + 1;
    size_t field = 0;
    *found = (csv_finding){0};
    for (;; field++, c++) {
        int target = field < (size_t)r->n_targets ? r->target[field] : -1;
        if (target >= 0) {
            const char *end = csv_scan_field(c, stop, limit, &row[target]);
            if (end == stop)
                break;
            if (end != NULL) {
                c = end;
                continue;
            }
        }
        const char *contents;
        size_t n;
        c = csv_find_end(c, stop, &contents, &n);
        if (c == NULL)
            return false;
        if (target >= 0)
            csv_note(found, field, csv_parse_slowly(contents, n, &row[target]), contents, n);
        if (c == stop)
            break;
    }
    if (field + 1 != r->n_fields)
        *found = (csv_finding){.what = RAGGED, .field = field + 1};
    return true;
}

/* A record that was split. */
static csv_finding csv_parse_split(const csv_reader *r, double *row)
{
    csv_finding found = {0};
    const flow_csv_fields *fields = &r->stream.fields;
    if (fields->n != r->n_fields)
        return (csv_finding){.what = RAGGED, .field = fields->n};
    for (int i = 0; i < r->n_targets; i++) {
        if (r->target[i] < 0)
            continue;
        size_t length;
        const char *text = flow_csv_field(fields, (size_t)i, &length);
        const char *end = flow_decimal_scan(csv_skip_blanks(text), text + length + 1, &row[r->target[i]]);
        if (end == NULL || csv_skip_blanks(end) != text + length)
            csv_note(&found, (size_t)i, csv_parse_slowly(text, length, &row[r->target[i]]), text, length);
    }
    return found;
}

/* A row of numbers may have a code for a missing value among them. */
static csv_finding csv_find_code(const csv_reader *r, const double *row)
{
    const int column = flow_find_missing(&r->common.missing, row, r->common.columns.n);
    for (int i = 0; column >= 0 && i < r->n_targets; i++)
        if (r->target[i] == column)
            return (csv_finding){.what = CODE, .field = (size_t)i, .value = row[column]};
    return (csv_finding){0};
}

/* ------------------------------------------------------------------ messages */

/* The most frequent cause of such a field. */
static const char *csv_number_hint(const csv_reader *r, const csv_finding *found)
{
    if (r->n_fields == 1 && memchr(found->text, ' ', found->length) != NULL)
        return ". The fields seem to be separated by blanks; commas are expected";
    if (memchr(found->text, ',', found->length) != NULL)
        return ". Write numbers with a decimal point, and without marks between thousands";
    return "";
}

static flow_status csv_refuse(const csv_reader *r, const csv_finding *found, const flow_csv_record *record,
                              flow_error *err)
{
    const flow_reader *common = &r->common;
    long long row = (long long)r->row + 1, line = (long long)r->stream.line;
    static const char remedy[] = "correct it or drop such rows with --skip-invalid";
    if (found->what == RAGGED)
        return flow_error_set(err, FLOW_DATA, "%s: row %lld (line %lld) has %zu field%s where %zu %s expected; %s%s",
                              common->name, row, line, found->field, found->field == 1 ? "" : "s", r->n_fields,
                              r->n_fields == 1 ? "is" : "are", remedy,
                              row == 1 && common->has_names && found->field == r->n_fields + 1
                                  ? ". If all rows have one more, R's write.table has put row names in front: write "
                                    "with row.names = FALSE"
                                  : "");
    if (found->what == BROKEN)
        return flow_error_set(err, FLOW_DATA, "%s: row %lld (line %lld) %s; %s", common->name, row, line,
                              record->complaint, remedy);
    if (found->what == CODE) {
        char value[FLOW_NUMBER_SIZE];
        flow_number_print(value, found->value);
        return flow_error_set(err, FLOW_DATA, "%s: row %lld (line %lld), column \"%.80s\": \"%s\" stands for a missing "
                              "value; %s", common->name, row, line, common->columns.at[r->target[found->field]], value,
                              remedy);
    }
    char text[FLOW_EXCERPT_SIZE];
    const char *blank = csv_skip_blanks(found->text);
    size_t leading = (size_t)(blank - found->text) < found->length ? (size_t)(blank - found->text) : found->length;
    flow_csv_excerpt(text, found->text + leading, found->length - leading);
    const char *column = common->columns.at[r->target[found->field]];
    const char *what = found->what == MISSING        ? "a missing value"
                       : found->what == NOT_A_NUMBER ? "not a number"
                                                     : "not a finite number";
    if (text[0] == '\0')
        return flow_error_set(err, FLOW_DATA, "%s: row %lld (line %lld), column \"%.80s\": the value is missing; %s",
                              common->name, row, line, column, remedy);
    return flow_error_set(err, FLOW_DATA, "%s: row %lld (line %lld), column \"%.80s\": \"%s\" is %s; %s%s%s",
                          common->name, row, line, column, text, what, remedy,
                          found->what == NOT_A_NUMBER && r->n_fields > 1 ? ", or choose other columns" : "",
                          csv_number_hint(r, found));
}

/* ------------------------------------------------------------------ the reader */

/* The last row has no line end. */
static flow_status csv_tell_of_end(csv_reader *r, flow_error *err)
{
    if (r->told_of_end)
        return FLOW_OK;
    r->told_of_end = true;
    return flow_reader_remark(&r->common, err,
                              "its last line has no line end; if the file was cut, the last number "
                              "(row %lld) is, too",
                              (long long)r->row + 1);
}

static flow_status csv_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                            flow_error *err)
{
    csv_reader *r = (csv_reader *)reader;
    size_t d = (size_t)reader->columns.n, n = 0;
    while (n < n_max) {
        flow_csv_record record;
        bool there;
        FLOW_TRY(flow_csv_stream_line(&r->stream, &record, &there, err));
        if (!there)
            break;
        csv_finding found;
        if (!csv_parse_line(r, record.text, record.length, rows + n * d, &found)) {
            FLOW_TRY(flow_csv_stream_split(&r->stream, &record, err));
            found = record.complaint != NULL ? (csv_finding){.what = BROKEN} : csv_parse_split(r, rows + n * d);
        }
        if (found.what == NO_TROUBLE && reader->missing.n > 0)
            found = csv_find_code(r, rows + n * d);
        if (found.what == NO_TROUBLE) {
            if (numbers != NULL)
                numbers[n] = r->row;
            n++;
        } else if (reader->skip_invalid) {
            flow_reader_drop(reader, r->row, found.what < RAGGED ? rows + n * d : NULL);
        } else {
            return csv_refuse(r, &found, &record, err);
        }
        if (record.text[record.size - 1] != '\n')
            FLOW_TRY(csv_tell_of_end(r, err));
        flow_csv_stream_consume(&r->stream, &record);
        r->row++;
    }
    *n_read = n;
    return FLOW_OK;
}

static flow_position csv_tell(const flow_reader *reader)
{
    const csv_reader *r = (const csv_reader *)reader;
    return (flow_position){r->row, r->stream.offset + (int64_t)r->stream.begin, r->stream.line};
}

static flow_status csv_seek(flow_reader *reader, const flow_position *position, flow_error *err)
{
    csv_reader *r = (csv_reader *)reader;
    r->row = position->row;
    return flow_csv_stream_seek(&r->stream, position->offset, position->line, err);
}

static void csv_close(flow_reader *reader)
{
    csv_reader *r = (csv_reader *)reader;
    flow_csv_stream_close(&r->stream);
    free(r->target);
}

static const flow_reader_type csv_reader_type = {csv_read, csv_tell, csv_seek, NULL, csv_close};

/* Fills `target` from the choice of columns. */
static flow_status csv_aim(csv_reader *r, const flow_name_list *names, const flow_reader_options *options,
                           flow_error *err)
{
    int *chosen = NULL;
    flow_status status = flow_reader_choose(&r->common, &chosen, names, options, err);
    r->n_fields = (size_t)names->n;
    r->target = malloc(r->n_fields * sizeof *r->target);
    if (status == FLOW_OK && r->target == NULL)
        status = flow_error_memory(err, "the choice of columns");
    if (status == FLOW_OK) {
        for (size_t i = 0; i < r->n_fields; i++)
            r->target[i] = -1;
        for (int i = 0; i < r->common.columns.n; i++) {
            r->target[chosen[i]] = i;
            r->n_targets = chosen[i] + 1 > r->n_targets ? chosen[i] + 1 : r->n_targets;
        }
    }
    free(chosen);
    return status;
}

flow_status flow_csv_reader_open_descriptor(flow_reader **out, int descriptor, const char *name,
                                            const flow_reader_options *options, flow_error *err)
{
    csv_reader *r = calloc(1, sizeof *r);
    *out = NULL;
    if (r == NULL) {
        if (descriptor != STDIN_FILENO)
            close(descriptor);
        return flow_error_memory(err, "a CSV reader");
    }
    *out = &r->common;
    struct stat info;
    r->common.type = &csv_reader_type;
    r->common.name = flow_strdup(name);
    r->common.skip_invalid = options->skip_invalid;
    r->common.missing = options->missing;
    r->common.can_seek = descriptor != STDIN_FILENO && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
    r->common.n_rows = -1;
    r->common.granule = 1;
    flow_status status = flow_csv_stream_open(&r->stream, descriptor, r->common.name, err);
    r->common.is_packed = r->stream.source.compression != NULL;
    if (r->common.name == NULL)
        status = flow_error_memory(err, "a CSV reader");
    flow_name_list names = {0};
    if (status == FLOW_OK)
        status = flow_csv_header_read(&r->stream, &names, &r->common.has_names, err);
    if (status == FLOW_OK)
        status = csv_aim(r, &names, options, err);
    flow_name_list_free(&names);
    return status;
}

flow_status flow_csv_reader_open(flow_reader **out, const char *file, const char *path,
                                 const flow_reader_options *options, flow_error *err)
{
    (void)path;
    bool standard = flow_is_standard(file);
    int descriptor = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return flow_error_open(err, file, errno);
    return flow_csv_reader_open_descriptor(out, descriptor, standard ? "standard input" : file, options, err);
}
