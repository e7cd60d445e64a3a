/* Several tables whose columns lie side by side: row i of the whole is row i of each of them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "data/location.h"
#include "data/reader.h"

enum { ROOM = 1024 }; /* rows that are read ahead of each table, up to a multiple of this number */

typedef struct join_part {
    flow_reader *reader; /* of the chosen columns; NULL: none is chosen, or not yet opened */
    int64_t n_rows;      /* -1: not known */
    int first, n;        /* its columns among those of all tables */
    int n_said;          /* remarks of the reader that were taken over */
    double *rows;        /* (ROOM, columns of the reader) */
    int64_t numbers[ROOM];
    size_t n_read, at;
    flow_position *marks; /* of a table that is not sought by the number of a row: places that were passed, in order */
    size_t n_marks, marks_capacity;
} join_part;

typedef struct join_reader {
    flow_reader base;
    join_part *parts;
    int n_parts;
    int *part, *place; /* (base.columns.n) where the value of each column is */
    int64_t next;      /* the number of the next row */
    bool at_end;
} join_reader;

/* ---- reading ---- */

static flow_status join_take_remarks(join_reader *r, join_part *part, flow_error *err)
{
    const flow_name_list *said = &part->reader->remarks;
    for (; part->n_said < said->n; part->n_said++)
        FLOW_TRY(flow_reader_remark(&r->base, err, "%s: %s", part->reader->name, said->at[part->n_said]));
    return FLOW_OK;
}

/* Reads the next rows of a table. How far it is read ahead does not depend on where reading began or will end: of
 * errors in several tables, the same one comes first. Where invalid rows are skipped there are no such errors. A
 * table then ends where the part of a rank ends: not every rank reads a long run of invalid rows behind it. */
static flow_status join_refill(const join_reader *r, join_part *p, flow_error *err)
{
    const flow_position here = flow_reader_tell(p->reader);
    p->at = 0;
    if (p->n_rows < 0 && p->reader->can_seek && (p->n_marks == 0 || here.row > p->marks[p->n_marks - 1].row)) {
        if (!flow_grow(&p->marks, &p->marks_capacity, p->n_marks + 1, sizeof *p->marks))
            return flow_error_memory(err, p->reader->name);
        p->marks[p->n_marks++] = here;
    }
    p->reader->end = r->base.skip_invalid ? r->base.end : 0;
    return flow_reader_read(p->reader, p->rows, p->numbers, (size_t)(ROOM - here.row % ROOM), &p->n_read, err);
}

/* Makes sure that each table has a row in memory; at_end when one has no more. */
static flow_status join_fill(join_reader *r, flow_error *err)
{
    for (join_part *p = r->parts; p < r->parts + r->n_parts && !r->at_end; p++) {
        if (p->reader == NULL || p->at < p->n_read)
            continue;
        FLOW_TRY(join_refill(r, p, err));
        FLOW_TRY(join_take_remarks(r, p, err));
        r->at_end = p->n_read == 0;
    }
    return FLOW_OK;
}

/* Of tables whose numbers of rows were not known: they end together. */
static flow_status join_check_ends(join_reader *r, flow_error *err)
{
    const join_part *ended = NULL, *longer = NULL;
    for (join_part *p = r->parts; p < r->parts + r->n_parts && !r->base.skip_invalid; p++) {
        if (p->reader == NULL)
            continue;
        if (p->at == p->n_read)
            FLOW_TRY(join_refill(r, p, err));
        if (p->at < p->n_read)
            longer = p;
        else
            ended = p;
    }
    if (ended == NULL || longer == NULL)
        return FLOW_OK;
    return flow_error_set(err, FLOW_DATA,
                          "%s has %lld rows, and %s has more; tables that are joined have the same rows",
                          ended->reader->name, (long long)r->next, longer->reader->name);
}

/* Passes over rows that not all tables have, because they were skipped in one of them; false when a table needs more
 * rows in memory for that. */
static bool join_align(join_reader *r)
{
    int64_t number = r->next;
    bool aligned = true;
    for (const join_part *p = r->parts; p < r->parts + r->n_parts; p++)
        if (p->reader != NULL && p->numbers[p->at] > number)
            number = p->numbers[p->at];
    for (join_part *p = r->parts; p < r->parts + r->n_parts; p++) {
        while (p->reader != NULL && p->at < p->n_read && p->numbers[p->at] < number)
            p->at++;
        aligned = aligned && (p->reader == NULL || (p->at < p->n_read && p->numbers[p->at] == number));
    }
    if (aligned)
        for (; r->next < number && flow_reader_left(&r->base, r->next) > 0; r->next++)
            flow_reader_drop(&r->base, r->next, NULL);
    return aligned && r->next == number;
}

/* The rows that are left of the tables that have not ended are dropped, up to the end that was set. */
static void join_drop_rest(join_reader *r)
{
    for (const join_part *p = r->parts; p < r->parts + r->n_parts; p++) {
        const int64_t last = p->reader != NULL ? flow_reader_tell(p->reader).row : 0;
        for (; r->next < last && flow_reader_left(&r->base, r->next) > 0; r->next++)
            flow_reader_drop(&r->base, r->next, NULL);
    }
}

static flow_status join_read(flow_reader *base, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                             flow_error *err)
{
    join_reader *r = (join_reader *)base;
    const int d = base->columns.n;
    while (*n_read < n_max && !r->at_end && flow_reader_left(base, r->next) > 0) {
        FLOW_TRY(join_fill(r, err));
        if (r->at_end || !join_align(r))
            continue;
        double *row = rows + *n_read * (size_t)d;
        for (int j = 0; j < d; j++) {
            const join_part *p = &r->parts[r->part[j]];
            row[j] = p->rows[p->at * (size_t)p->reader->columns.n + (size_t)r->place[j]];
        }
        if (numbers != NULL)
            numbers[*n_read] = r->next;
        for (join_part *p = r->parts; p < r->parts + r->n_parts; p++)
            p->at += p->reader != NULL;
        r->next++;
        ++*n_read;
    }
    if (r->at_end && *n_read == 0) {
        FLOW_TRY(join_check_ends(r, err));
        if (base->skip_invalid)
            join_drop_rest(r);
    }
    return FLOW_OK;
}

static flow_position join_tell(const flow_reader *base)
{
    return (flow_position){.row = ((const join_reader *)base)->next};
}

/* The last mark that is not behind a row. What is read from there up to the row is passed over: join_align. */
static const flow_position *join_mark(const join_part *p, int64_t row)
{
    size_t low = 0, high = p->n_marks; /* the first mark behind the row */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (p->marks[middle].row <= row)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &p->marks[low - 1] : NULL;
}

static flow_status join_seek(flow_reader *base, const flow_position *position, flow_error *err)
{
    join_reader *r = (join_reader *)base;
    r->next = position->row;
    r->at_end = false;
    for (join_part *p = r->parts; p < r->parts + r->n_parts; p++) {
        p->n_read = p->at = 0;
        const flow_position *from = p->reader == NULL || p->n_rows >= 0 ? position : join_mark(p, position->row);
        if (p->reader != NULL && from != NULL) /* without a mark nothing has been read */
            FLOW_TRY(flow_reader_seek(p->reader, from, err));
    }
    return FLOW_OK;
}

static void join_limit(flow_reader *base, int64_t rows)
{
    const join_reader *r = (const join_reader *)base;
    for (const join_part *p = r->parts; p < r->parts + r->n_parts; p++)
        if (p->reader != NULL)
            flow_reader_limit(p->reader, rows);
}

static void join_close(flow_reader *base)
{
    join_reader *r = (join_reader *)base;
    for (int i = 0; i < r->n_parts; i++) {
        flow_reader_close(r->parts[i].reader);
        free(r->parts[i].rows);
        free(r->parts[i].marks);
    }
    free(r->parts);
    free(r->part);
    free(r->place);
}

static const flow_reader_type join_reader_type = {
    .read = join_read, .tell = join_tell, .seek = join_seek, .limit = join_limit, .close = join_close};

/* ---- opening ---- */

/* What a table without names is called in those of its columns: the last part of its path or of its file's name. */
static char *join_stem(const char *location)
{
    const char *slash = strrchr(location, '/'), *start = slash != NULL ? slash + 1 : location;
    const char *colon = strrchr(start, ':');
    start = colon != NULL && colon[1] != '\0' ? colon + 1 : start;
    size_t length = strlen(start);
    if (length > 2 && strcmp(start + length - 2, ".T") == 0)
        length -= 2;
    const char *point = slash == NULL || strchr(location, ':') == NULL ? strchr(start, '.') : NULL;
    if (point != NULL && point > start)
        length = (size_t)(point - start);
    return flow_format("%.*s", (int)length, start);
}

/* Looks at table i: its columns and its rows. */
static flow_status join_look(join_reader *r, int i, const char *location, flow_name_list *all, flow_name_list *own,
                             const flow_reader_options *options, flow_error *err)
{
    const bool is_choice = options->columns != NULL && options->n_columns > 0;
    flow_reader_options every = *options;
    every.columns = every.last = NULL;
    every.n_columns = every.n_last = 0;
    every.image = (flow_image){0};
    join_part *part = &r->parts[i];
    flow_reader *reader = NULL;
    FLOW_TRY(flow_reader_open_one(&reader, location, &every, err));
    char *stem = reader->has_names ? NULL : join_stem(location);
    const int n = reader->columns.n;
    *part = (join_part){.first = all->n, .n = n, .n_rows = reader->n_rows};
    r->base.granule = reader->granule > r->base.granule ? reader->granule : r->base.granule;
    r->base.can_seek = r->base.can_seek && reader->can_seek;
    /* a warning of rounding comes from the first rows that it is about, and so only where all rows are read in order */
    r->base.finds_rows = r->base.finds_rows && reader->finds_rows && !reader->may_round;
    flow_status status = FLOW_OK;
    if (reader->image.shape.channels > 0)
        status = flow_error_set(err, FLOW_DATA, "%s: images cannot be joined with other columns", reader->name);
    else if (!reader->has_names && stem == NULL)
        status = flow_error_memory(err, "columns");
    for (int k = 0; k < n && status == FLOW_OK; k++) {
        char *name = reader->has_names ? NULL : n == 1 ? flow_strdup(stem) : flow_format("%s_%d", stem, k + 1);
        const char *shown = reader->has_names ? reader->columns.at[k] : name;
        status = shown == NULL ? flow_error_memory(err, "columns") : flow_name_list_add(all, shown, strlen(shown), err);
        if (status == FLOW_OK)
            status = flow_name_list_add(own, reader->columns.at[k], strlen(reader->columns.at[k]), err);
        free(name);
    }
    for (int k = 0; k < reader->remarks.n && !is_choice && status == FLOW_OK; k++)
        status = flow_reader_remark(&r->base, err, "%s: %s", reader->name, reader->remarks.at[k]);
    free(stem);
    flow_reader_close(reader);
    return status;
}

static flow_status join_check_rows(join_reader *r, const flow_name_list *locations, flow_error *err)
{
    const join_part *first = NULL;
    for (int i = 0; i < r->n_parts; i++) {
        const join_part *p = &r->parts[i];
        if (p->n_rows < 0)
            continue;
        if (first != NULL && p->n_rows != first->n_rows)
            return flow_error_set(err, FLOW_DATA,
                                  "%s has %lld rows, and %s has %lld; tables that are joined have the "
                                  "same rows",
                                  locations->at[first - r->parts], (long long)first->n_rows, locations->at[i],
                                  (long long)p->n_rows);
        first = first != NULL ? first : p;
        r->base.n_rows = p->n_rows;
    }
    return FLOW_OK;
}

/* Opens table i for the columns that were chosen of it. */
static flow_status join_open(join_reader *r, int i, const char *location, const int *chosen, const flow_name_list *own,
                             const flow_reader_options *options, flow_error *err)
{
    join_part *part = &r->parts[i];
    flow_reader_options some = {.skip_invalid = options->skip_invalid, .missing = options->missing};
    const char **names = malloc(((size_t)part->n + 1) * sizeof *names);
    flow_status status = names != NULL ? FLOW_OK : flow_error_memory(err, "columns");
    for (int j = 0; j < r->base.columns.n && status == FLOW_OK; j++) {
        if (chosen[j] < part->first || chosen[j] >= part->first + part->n)
            continue;
        assert(own->at != NULL); /* it has the names of columns that were chosen */
        r->part[j] = i;
        r->place[j] = some.n_columns;
        names[some.n_columns++] = own->at[chosen[j]];
    }
    some.columns = names;
    if (status == FLOW_OK && some.n_columns > 0) {
        status = flow_reader_open_one(&part->reader, location, &some, err);
        part->rows = status == FLOW_OK ? calloc(ROOM, (size_t)some.n_columns * sizeof *part->rows) : NULL;
        if (status == FLOW_OK && part->rows == NULL)
            status = flow_error_memory(err, "rows");
        if (status == FLOW_OK)
            part->n_said = part->reader->remarks.n; /* those of the first look were taken over */
    }
    free(names);
    return status;
}

flow_status flow_join_reader_open(flow_reader **out, const char *name, const flow_name_list *locations,
                                  const flow_reader_options *options, flow_error *err)
{
    *out = NULL;
    join_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return flow_error_memory(err, name);
    flow_name_list all = {0}, own = {0}; /* names of all columns, and those that their tables have for them */
    int *chosen = NULL;
    r->base = (flow_reader){.type = &join_reader_type,
                            .name = flow_strdup(name),
                            .has_names = true,
                            .can_seek = true,
                            .finds_rows = true,
                            .skip_invalid = options->skip_invalid,
                            .n_rows = -1,
                            .granule = 1};
    r->parts = calloc((size_t)locations->n, sizeof *r->parts);
    flow_status status = r->base.name != NULL && r->parts != NULL ? FLOW_OK : flow_error_memory(err, name);
    for (; r->n_parts < locations->n && status == FLOW_OK; r->n_parts++)
        status = join_look(r, r->n_parts, locations->at[r->n_parts], &all, &own, options, err);
    if (status == FLOW_OK && all.n > FLOW_COLUMNS_MAX)
        status = flow_error_set(err, FLOW_DATA, "%s: have %d columns together; %d are possible", name, all.n,
                                FLOW_COLUMNS_MAX);
    if (status == FLOW_OK)
        status = join_check_rows(r, locations, err);
    if (status == FLOW_OK)
        status = flow_reader_choose(&r->base, &chosen, &all, options, err);
    r->part = calloc((size_t)r->base.columns.n + 1, sizeof *r->part);
    r->place = calloc((size_t)r->base.columns.n + 1, sizeof *r->place);
    if (status == FLOW_OK && (r->part == NULL || r->place == NULL))
        status = flow_error_memory(err, name);
    for (int i = 0; i < r->n_parts && status == FLOW_OK; i++)
        status = join_open(r, i, locations->at[i], chosen, &own, options, err);
    free(chosen);
    flow_name_list_free(&all);
    flow_name_list_free(&own);
    FLOW_RETURN_MADE(out, &r->base, flow_reader_close, status);
}
