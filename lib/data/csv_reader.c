/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "data/csv_again.h"
#include "data/csv_complaint.h"
#include "data/csv_header.h"
#include "data/csv_row.h"
#include "data/csv_stream.h"
#include "data/csv_words.h"
#include "data/missing.h"
#include "data/reader.h"

typedef struct csv_reader {
    flow_reader common;
    flow_csv_stream stream;
    flow_csv_aim aim;
    flow_name_list names; /* of all columns, where the header has them */
    int64_t row;      /* number of the row at the front */
    bool told_of_end; /* there are remarks about the end of the file, and about what was passed over */
} csv_reader;

/* A row of numbers may have a code for a missing value among them. */
static flow_csv_finding csv_find_code(const csv_reader *r, const double *row)
{
    const int column = flow_find_missing(&r->common.missing, row, r->common.columns.n);
    for (int i = 0; column >= 0 && i < r->aim.n_targets; i++)
        if (r->aim.target[i] == column)
            return (flow_csv_finding){.what = FLOW_CSV_CODE, .field = (size_t)i, .value = row[column]};
    return (flow_csv_finding){.what = FLOW_CSV_GOOD};
}

/* At the end of the file. `cut`: its last line, of the row at the front, has no line end. */
static flow_status csv_tell_of_end(csv_reader *r, bool cut, flow_error *err)
{
    const flow_csv_comments *comments = &r->stream.comments;
    if (r->told_of_end)
        return FLOW_OK;
    r->told_of_end = true;
    if (comments->n > 0)
        FLOW_TRY(flow_reader_remark(&r->common, err,
                                    "%lld comment%s among its rows, the first in line %lld, %s passed "
                                    "over",
                                    (long long)comments->n, comments->n == 1 ? "" : "s", (long long)comments->first,
                                    comments->n == 1 ? "is" : "are"));
    return cut ? flow_reader_remark(&r->common, err,
                                    "its last line has no line end; if the file was cut, the last "
                                    "number (row %lld) is, too",
                                    (long long)r->row + 1)
               : FLOW_OK;
}

/* Finds out whether a row that is no row of numbers is a header in the middle of the file. FLOW_DATA where the names
 * are others, since the numbers behind them then are as well. */
static flow_status csv_check_names(csv_reader *r, flow_csv_record *record, bool is_split, bool *again, flow_error *err)
{
    *again = false;
    if (r->names.n == 0)
        return FLOW_OK;
    if (!is_split) /* a second time, the text of the finding would be gone */
        FLOW_TRY(flow_csv_stream_split(&r->stream, record, r->aim.delimiter, err));
    if (record->complaint != NULL)
        return FLOW_OK;
    const flow_csv_again what = flow_csv_find_names(&r->stream.fields, &r->aim, &r->names);
    *again = what == FLOW_CSV_SAME_NAMES;
    return what == FLOW_CSV_OTHER_NAMES ? flow_csv_refuse_names(&r->common, &r->stream, record, r->row, err) : FLOW_OK;
}

static flow_status csv_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                            flow_error *err)
{
    csv_reader *r = (csv_reader *)reader;
    size_t d = (size_t)reader->columns.n, n = 0;
    while (n < n_max && flow_reader_left(reader, r->row) > 0) {
        flow_csv_record record;
        bool there;
        FLOW_TRY(flow_csv_stream_line(&r->stream, &record, &there, err));
        if (!there) {
            FLOW_TRY(csv_tell_of_end(r, false, err));
            break;
        }
        flow_csv_finding found;
        const char *limit = r->stream.buffer + r->stream.end + 1;
        const bool is_split = !flow_csv_row_parse(&r->aim, record.text, record.length, limit, rows + n * d, &found);
        if (is_split) {
            FLOW_TRY(flow_csv_stream_split(&r->stream, &record, r->aim.delimiter, err));
            if (record.complaint == NULL)
                found = flow_csv_row_of_fields(&r->aim, &r->stream.fields, rows + n * d);
            else
                found = (flow_csv_finding){.what = FLOW_CSV_BROKEN};
        }
        if (found.what == FLOW_CSV_GOOD && reader->missing.n > 0)
            found = csv_find_code(r, rows + n * d);
        bool again = false;
        if (found.what == FLOW_CSV_NOT_A_NUMBER)
            FLOW_TRY(csv_check_names(r, &record, is_split, &again, err));
        if (found.what == FLOW_CSV_GOOD) {
            if (numbers != NULL)
                numbers[n] = r->row;
            n++;
        } else if (reader->skip_invalid && found.what != FLOW_CSV_NOT_EMPTY) {
            flow_reader_drop(reader, r->row, found.what < FLOW_CSV_RAGGED ? rows + n * d : NULL);
        } else {
            const flow_csv_complaint about = {reader, &r->aim, &r->stream, &record, found, r->row, again};
            return flow_csv_complain(&about, err);
        }
        if (record.text[record.size - 1] != '\n')
            FLOW_TRY(csv_tell_of_end(r, true, err));
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
    flow_name_list_free(&r->names);
    free(r->aim.target);
    free(r->aim.truths);
}

static flow_status csv_count(flow_reader *reader, int64_t from, int64_t to, flow_text_part *out, flow_error *err)
{
    return flow_csv_stream_count(&((csv_reader *)reader)->stream, from, to, out, err);
}

static flow_status csv_pass(flow_reader *reader, int64_t rows, flow_error *err)
{
    csv_reader *r = (csv_reader *)reader;
    bool there = true;
    for (; rows > 0; rows--) {
        flow_csv_record record;
        FLOW_TRY(flow_csv_stream_line(&r->stream, &record, &there, err));
        if (!there)
            break;
        flow_csv_stream_consume(&r->stream, &record);
        r->row++;
    }
    return FLOW_OK;
}

static const flow_reader_type csv_reader_type = {
    .read = csv_read, .tell = csv_tell, .seek = csv_seek, .close = csv_close, .count = csv_count, .pass = csv_pass,
};

/* Says of which columns truth values are 0 and 1. */
static flow_status csv_tell_of_truths(csv_reader *r, flow_error *err)
{
    const char *name = NULL;
    int n = 0;
    bool letters = false;
    for (int i = 0; i < r->aim.n_targets; i++)
        if (r->aim.target[i] >= 0 && r->aim.truths[i] >= FLOW_CSV_TRUTH_WORDS) {
            name = n++ == 0 ? r->common.columns.at[r->aim.target[i]] : name;
            letters = letters || r->aim.truths[i] == FLOW_CSV_TRUTH_LETTERS;
        }
    if (n == 0)
        return FLOW_OK;
    char more[64] = "", text[FLOW_EXCERPT_SIZE];
    if (n > 1)
        snprintf(more, sizeof more, " and %d more column%s", n - 1, n == 2 ? "" : "s");
    return flow_reader_remark(&r->common, err, "%s and %s in the column \"%s\"%s are read as 1 and 0",
                              letters ? "T" : "True", letters ? "F" : "False",
                              flow_csv_excerpt(text, name, strlen(name)), more);
}

/* Says what the first rows show about the columns that are read. */
static flow_status csv_tell_of_notes(csv_reader *r, flow_csv_layout *layout, flow_error *err)
{
    enum { MOST = 8 };
    char name[FLOW_EXCERPT_SIZE];
    for (int i = 0, n = 0; i < layout->notes.n && n < MOST; i++) {
        const int target = r->aim.target[i];
        if (target < 0 || layout->notes.at[i][0] == '\0')
            continue;
        const char *column = r->common.columns.at[target];
        n++;
        FLOW_TRY(flow_reader_remark(&r->common, err, "column \"%s\" has %s",
                                    flow_csv_excerpt(name, column, strlen(column)), layout->notes.at[i]));
        if (r->common.note == NULL) {
            r->common.note = layout->notes.at[i];
            layout->notes.at[i] = NULL;
        }
    }
    return FLOW_OK;
}

/* Fills the aim from the choice of columns, and takes over what the layout owns. */
static flow_status csv_aim(csv_reader *r, flow_csv_layout *layout, const flow_reader_options *options, flow_error *err)
{
    int *chosen = NULL;
    flow_csv_aim *aim = &r->aim;
    *aim = (flow_csv_aim){.delimiter = layout->delimiter,
                          .decimal = layout->decimal,
                          .n_fields = layout->n_fields,
                          .n_empty = layout->n_empty,
                          .truths = layout->truths};
    layout->truths = NULL;
    r->common.remarks = layout->remarks;
    layout->remarks = (flow_name_list){0};
    r->common.has_names = layout->has_names;
    flow_status status = flow_reader_choose(&r->common, &chosen, &layout->names, options, err);
    aim->target = calloc(aim->n_fields, sizeof *aim->target);
    if (status == FLOW_OK && aim->target == NULL)
        status = flow_error_memory(err, "the choice of columns");
    if (status == FLOW_OK) {
        for (size_t i = 0; i < aim->n_fields; i++)
            aim->target[i] = -1;
        for (int i = 0; i < r->common.columns.n; i++) {
            aim->target[chosen[i]] = i;
            aim->n_targets = chosen[i] + 1 > aim->n_targets ? chosen[i] + 1 : aim->n_targets;
        }
        status = csv_tell_of_truths(r, err);
    }
    if (status == FLOW_OK)
        status = csv_tell_of_notes(r, layout, err);
    free(chosen);
    if (layout->has_names) {
        r->names = layout->names;
        layout->names = (flow_name_list){0};
    }
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
    struct stat info = {0};
    r->common.type = &csv_reader_type;
    r->common.name = flow_strdup(name);
    r->common.skip_invalid = options->skip_invalid;
    r->common.missing = options->missing;
    r->common.can_seek = descriptor != STDIN_FILENO && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
    r->common.n_rows = -1;
    r->common.granule = 1;
    flow_status status = flow_csv_stream_open(&r->stream, descriptor, r->common.name, options->room, err);
    r->common.is_packed = r->stream.source.compression != NULL;
    r->common.text_bytes = r->common.can_seek && !r->common.is_packed ? (int64_t)info.st_size : 0;
    if (r->common.name == NULL)
        status = flow_error_memory(err, "a CSV reader");
    flow_csv_layout layout = {0};
    if (status == FLOW_OK)
        status = flow_csv_header_read(&layout, &r->stream, &options->csv, err);
    if (status == FLOW_OK)
        status = csv_aim(r, &layout, options, err);
    flow_csv_layout_free(&layout);
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
