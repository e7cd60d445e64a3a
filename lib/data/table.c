/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/hdf5_support.h"
#include "data/hdf5_tables.h"
#include "data/table_impl.h"
#include "data/writer_impl.h"

/* ------------------------------------------------------------------ names */

flow_status flow_names_add(flow_names *names, const char *text, size_t length, flow_error *err)
{
    if (names->n == names->capacity) {
        int capacity = names->capacity == 0 ? 16 : 2 * names->capacity;
        char **grown = realloc(names->at, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return flow_error_memory(err, "the names of the columns");
        names->at = grown;
        names->capacity = capacity;
    }
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return flow_error_memory(err, "the names of the columns");
    memcpy(copy, text, length);
    copy[length] = '\0';
    names->at[names->n++] = copy;
    return FLOW_OK;
}

flow_status flow_names_number(flow_names *names, int n, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "x%d", i + 1);
        status = flow_names_add(names, name, (size_t)length, err);
    }
    return status;
}

void flow_names_free(flow_names *names)
{
    for (int i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
    *names = (flow_names){0};
}

/* ------------------------------------------------------------------ choosing columns */

bool flow_reader_is_choosy(const flow_reader_options *options)
{
    return options != NULL && options->columns != NULL && options->n_columns > 0;
}

static flow_status unknown_column(const char *name, const char *wanted, const flow_names *all, flow_error *err)
{
    const char *nearest = flow_nearest(wanted, (const char *const *)all->at, all->n);
    if (nearest != NULL)
        return flow_error_set(err, FLOW_DATA, "%s: there is no column \"%.80s\"; did you mean \"%.80s\"?", name, wanted,
                              nearest);
    flow_text list = {0};
    int shown = all->n < 12 ? all->n : 12;
    for (int i = 0; i < shown; i++)
        flow_text_add(&list, "%s%.40s", i == 0 ? "" : ", ", all->at[i]);
    if (shown < all->n)
        flow_text_add(&list, ", ... (%d in all)", all->n);
    flow_status status = flow_error_set(err, FLOW_DATA, "%s: there is no column \"%.80s\"; the columns are: %s", name,
                                        wanted, list.data != NULL ? list.data : "none");
    flow_text_free(&list);
    return status;
}

static flow_status find_column(int *out, const char *name, const char *wanted, const flow_names *all, flow_error *err)
{
    *out = -1;
    for (int i = 0; i < all->n; i++) {
        if (strcmp(all->at[i], wanted) != 0)
            continue;
        if (*out >= 0)
            return flow_error_set(err, FLOW_DATA, "%s: columns %d and %d are both named \"%.80s\"; give them different "
                                  "names", name, *out + 1, i + 1, wanted);
        *out = i;
    }
    return *out >= 0 ? FLOW_OK : unknown_column(name, wanted, all, err);
}

static flow_status take_column(int *out, bool *taken, const char *name, const char *wanted, const flow_names *all,
                               flow_error *err)
{
    flow_status status = find_column(out, name, wanted, all, err);
    if (status == FLOW_OK && taken[*out])
        status = flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" is chosen twice; name it once", name, wanted);
    if (status == FLOW_OK)
        taken[*out] = true;
    return status;
}

flow_status flow_reader_choose(flow_reader *reader, int **chosen, const flow_names *all,
                               const flow_reader_options *options, flow_error *err)
{
    bool choosy = flow_reader_is_choosy(options);
    int n_last = options != NULL ? options->n_last : 0;
    int n_first = choosy ? options->n_columns : n_last < all->n ? all->n - n_last : 0;
    flow_status status = FLOW_OK;
    bool *taken = calloc((size_t)all->n + 1, sizeof *taken);
    int *index = calloc((size_t)n_first + (size_t)n_last + 1, sizeof *index);
    *chosen = index;
    if (taken == NULL || index == NULL)
        status = flow_error_memory(err, "the choice of columns");
    for (int i = 0; i < n_last && status == FLOW_OK; i++)
        status = take_column(&index[n_first + i], taken, reader->name, options->last[i], all, err);
    for (int i = 0, next = 0; i < n_first && status == FLOW_OK; i++) {
        if (choosy) {
            status = take_column(&index[i], taken, reader->name, options->columns[i], all, err);
            continue;
        }
        while (taken[next])
            next++;
        index[i] = next++;
    }
    for (int i = 0; i < n_first + n_last && status == FLOW_OK; i++) {
        const char *name = all->at[index[i]];
        if (flow_is_utf8(name, strlen(name)))
            status = flow_names_add(&reader->columns, name, strlen(name), err);
        else
            status = flow_error_set(err, FLOW_DATA, "%s: the name of column %d is not in UTF-8; give it another one",
                                    reader->name, index[i] + 1);
    }
    free(taken);
    return status;
}

void flow_reader_drop(flow_reader *reader, int64_t row)
{
    if (row >= reader->judged) {
        reader->n_skipped++;
        reader->judged = row + 1;
    }
}

void flow_reader_limit(flow_reader *reader, int64_t rows)
{
    if (reader->type->limit != NULL)
        reader->type->limit(reader, rows);
}

/* ------------------------------------------------------------------ readers */

flow_status flow_reader_open(flow_reader **out, const char *location, const flow_reader_options *options,
                             flow_error *err)
{
    *out = NULL;
    flow_location place;
    flow_status status = flow_location_find(&place, location, err);
    if (status != FLOW_OK)
        return status;
    if (place.kind == FLOW_LOCATION_HDF5)
        status = flow_hdf5_reader_open(out, &place, options, err);
    else
        status = flow_csv_reader_open(out, &place, options, err);
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_reader_close(*out);
        *out = NULL;
    }
    return status;
}

void flow_reader_close(flow_reader *reader)
{
    if (reader == NULL)
        return;
    reader->type->close(reader);
    flow_names_free(&reader->columns);
    free(reader->name);
    free(reader);
}

int flow_reader_n_columns(const flow_reader *reader)
{
    return reader->columns.n;
}

const char *flow_reader_column(const flow_reader *reader, int index)
{
    return reader->columns.at[index];
}

bool flow_reader_has_names(const flow_reader *reader)
{
    return reader->has_names;
}

int64_t flow_reader_n_rows(const flow_reader *reader)
{
    return reader->n_rows;
}

int64_t flow_reader_n_skipped(const flow_reader *reader)
{
    return reader->n_skipped;
}

bool flow_reader_can_seek(const flow_reader *reader)
{
    return reader->can_seek;
}

flow_status flow_reader_read(flow_reader *reader, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                             flow_error *err)
{
    *n_read = 0;
    if (n_max == 0)
        return FLOW_OK;
    return reader->type->read(reader, rows, numbers, n_max, n_read, err);
}

flow_position flow_reader_tell(const flow_reader *reader)
{
    return reader->type->tell(reader);
}

flow_status flow_reader_seek(flow_reader *reader, const flow_position *position, flow_error *err)
{
    if (!reader->can_seek)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: can be read only once, from its beginning to its end; put the "
                              "table into a file", reader->name);
    if (position->row < 0 || position->offset < 0)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld", reader->name, (long long)position->row);
    return reader->type->seek(reader, position, err);
}

/* ------------------------------------------------------------------ lists of tables */

flow_status flow_tables_list(flow_table_list *out, const char *location, flow_error *err)
{
    *out = (flow_table_list){0};
    flow_location place;
    flow_names paths = {0}, sizes = {0};
    flow_status status = flow_location_find(&place, location, err);
    if (status != FLOW_OK)
        return status;
    if (place.kind == FLOW_LOCATION_HDF5 && place.path == NULL) {
        flow_hdf5_hush hush = flow_hdf5_quiet();
        status = flow_hdf5_all_tables(&paths, &sizes, place.file, err);
        flow_hdf5_restore(&hush);
    }
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_names_free(&paths);
        flow_names_free(&sizes);
        return status;
    }
    *out = (flow_table_list){paths.n, paths.at, sizes.at};
    return FLOW_OK;
}

void flow_tables_free(flow_table_list *list)
{
    for (int i = 0; i < list->n; i++) {
        free(list->paths[i]);
        free(list->sizes[i]);
    }
    free(list->paths);
    free(list->sizes);
    *list = (flow_table_list){0};
}

/* ------------------------------------------------------------------ writers */

flow_status flow_writer_open(flow_writer **out, const char *location, const char *const *columns, int n_columns,
                             const flow_writer_options *options, flow_error *err)
{
    *out = NULL;
    if (n_columns < 1 || n_columns > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "a table of %d columns cannot be written; 1 to %d are possible",
                              n_columns, FLOW_COLUMNS_MAX);
    flow_location place;
    flow_status status = flow_location_name(&place, location, err);
    if (status != FLOW_OK)
        return status;
    flow_writer_options chosen = {0};
    if (options != NULL)
        chosen = *options;
    if (place.kind == FLOW_LOCATION_HDF5)
        status = flow_hdf5_writer_open(out, &place, columns, n_columns, &chosen, err);
    else
        status = flow_csv_writer_open(out, &place, columns, n_columns, chosen.as_float, err);
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_writer_abandon(*out);
        *out = NULL;
    }
    return status;
}

flow_status flow_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    return writer->type->write(writer, rows, n_rows, err);
}

flow_status flow_writer_begin(flow_writer *writer, const char *path, flow_error *err)
{
    return writer->type->begin(writer, path, err);
}

flow_status flow_writer_finish(flow_writer *writer, flow_error *err)
{
    flow_status status = writer->type->finish(writer, err);
    flow_writer_abandon(writer);
    return status;
}

void flow_writer_abandon(flow_writer *writer)
{
    if (writer == NULL)
        return;
    writer->type->release(writer);
    flow_output_abandon(&writer->output);
    free(writer);
}
