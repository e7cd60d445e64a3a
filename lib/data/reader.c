/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/missing.h"

/* ------------------------------------------------------------------ choosing columns */

/* Whether the caller chose columns by name. */
static bool reader_is_choosy(const flow_reader_options *options)
{
    return options->columns != NULL && options->n_columns > 0;
}

static flow_status reader_unknown_column(const char *name, const char *wanted, const flow_name_list *all,
                                         flow_error *err)
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

static flow_status reader_find_column(int *out, const char *name, const char *wanted, const flow_name_list *all,
                                      flow_error *err)
{
    *out = -1;
    for (int i = 0; i < all->n; i++) {
        if (strcmp(all->at[i], wanted) != 0)
            continue;
        if (*out >= 0)
            return flow_error_set(err, FLOW_DATA,
                                  "%s: columns %d and %d are both named \"%.80s\"; give them different "
                                  "names",
                                  name, *out + 1, i + 1, wanted);
        *out = i;
    }
    return *out >= 0 ? FLOW_OK : reader_unknown_column(name, wanted, all, err);
}

static flow_status reader_take_column(int *out, bool *taken, const char *name, const char *wanted,
                                      const flow_name_list *all, flow_error *err)
{
    flow_status status = reader_find_column(out, name, wanted, all, err);
    if (status == FLOW_OK && taken[*out])
        status = flow_error_set(err, FLOW_DATA, "%s: the column \"%.80s\" is chosen twice; name it once", name, wanted);
    if (status == FLOW_OK)
        taken[*out] = true;
    return status;
}

/* Makes images of the rows of a table, if the caller says so: the n columns have the order of the file. */
static flow_status reader_make_image(flow_reader *reader, int *index, int n, const flow_reader_options *options,
                                     flow_error *err)
{
    const flow_image *wanted = &options->image;
    if (wanted->shape.channels == 0 || reader->image.shape.channels > 0)
        return FLOW_OK;
    if (flow_shape_size(wanted->shape) != n)
        return flow_error_set(err, FLOW_DATA,
                              "%s: has %d columns of data, and an image of %d x %d x %d (height, width, "
                              "channels) has %d values",
                              reader->name, n, wanted->shape.height, wanted->shape.width, wanted->shape.channels,
                              flow_shape_size(wanted->shape));
    reader->image = *wanted;
    if (wanted->layout != FLOW_IMAGE_CHW)
        return FLOW_OK;
    if (reader_is_choosy(options))
        return flow_error_set(err, FLOW_DATA,
                              "%s: columns that are chosen by name make an image in the order height, "
                              "width, channels; leave the layout \"chw\" out",
                              reader->name);
    int *stored = malloc((size_t)(n + 1) * sizeof *stored);
    if (stored == NULL)
        return flow_error_memory(err, "the choice of columns");
    memcpy(stored, index, (size_t)n * sizeof *stored);
    for (int i = 0; i < n; i++)
        index[i] = stored[flow_image_place(wanted, i)];
    free(stored);
    return FLOW_OK;
}

/* How many columns are read before the last ones: without a choice, all that are neither among those nor aside. */
static int reader_count_first(const flow_name_list *all, const bool *aside, const flow_reader_options *options)
{
    int n = 0;
    if (reader_is_choosy(options))
        return options->n_columns;
    for (int i = 0; i < all->n; i++) {
        bool counts = aside == NULL || !aside[i];
        for (int k = 0; k < options->n_last && counts; k++)
            counts = strcmp(options->last[k], all->at[i]) != 0;
        n += counts;
    }
    return n;
}

flow_status flow_reader_choose(flow_reader *reader, int **chosen, const flow_name_list *all,
                               const flow_reader_options *options, flow_error *err)
{
    return flow_reader_choose_among(reader, chosen, all, NULL, options, err);
}

flow_status flow_reader_choose_among(flow_reader *reader, int **chosen, const flow_name_list *all, const bool *aside,
                                     const flow_reader_options *options, flow_error *err)
{
    bool choosy = reader_is_choosy(options);
    int n_last = options->n_last;
    int n_first = reader_count_first(all, aside, options);
    flow_status status = FLOW_OK;
    bool *taken = calloc((size_t)all->n + 1, sizeof *taken);
    int *index = calloc((size_t)n_first + (size_t)n_last + 1, sizeof *index);
    *chosen = index;
    if (taken == NULL || index == NULL)
        status = flow_error_memory(err, "the choice of columns");
    for (int i = 0; i < n_last && status == FLOW_OK; i++)
        status = reader_take_column(&index[n_first + i], taken, reader->name, options->last[i], all, err);
    for (int i = 0, next = 0; i < n_first && status == FLOW_OK; i++) {
        if (choosy) {
            status = reader_take_column(&index[i], taken, reader->name, options->columns[i], all, err);
            continue;
        }
        while (taken[next] || (aside != NULL && aside[next]))
            next++;
        index[i] = next++;
    }
    /* columns without names are numbered in the order of an image */
    if (status == FLOW_OK && reader->has_names)
        status = reader_make_image(reader, index, n_first, options, err);
    for (int i = 0; i < n_first + n_last && status == FLOW_OK; i++) {
        const char *name = all->at[index[i]];
        if (flow_is_utf8(name, strlen(name)))
            status = flow_name_list_add(&reader->columns, name, strlen(name), err);
        else
            status = flow_error_set(err, FLOW_DATA, "%s: the name of column %d is not in UTF-8; give it another one",
                                    reader->name, index[i] + 1);
    }
    if (status == FLOW_OK && !reader->has_names)
        status = reader_make_image(reader, index, n_first, options, err);
    free(taken);
    return status;
}

/* Without memory for it, nothing is known about the rows. */
static void reader_count_columns(flow_reader *reader, double *values)
{
    const int n = reader->columns.n;
    if (reader->skipped == NULL)
        reader->skipped = calloc((size_t)n, sizeof *reader->skipped);
    if (reader->skipped == NULL)
        return;
    for (int i = 0; i < n && reader->missing.n > 0; i++)
        if (flow_is_missing(&reader->missing, values[i]))
            values[i] = (double)NAN;
    flow_skipped_add(reader->skipped, values, n);
}

void flow_reader_drop(flow_reader *reader, int64_t row, double *values)
{
    flow_dropped_rows *dropped = reader->dropped;
    const size_t d = (size_t)reader->columns.n;
    if (dropped != NULL) {
        dropped->numbers[dropped->n++] = values != NULL ? row : -1 - row;
        if (values != NULL)
            memcpy(dropped->values + dropped->n_valued++ * d, values, d * sizeof *values);
        return;
    }
    if (row < reader->judged)
        return;
    reader->n_skipped++;
    reader->judged = row + 1;
    if (values != NULL)
        reader_count_columns(reader, values);
}

flow_skipped flow_reader_skipped(const flow_reader *reader, const flow_kept_column *kept)
{
    flow_skipped out = {.rows = reader->n_skipped, .all = flow_reader_tell(reader).row};
    flow_skipped_describe(&out, reader->skipped, (const char *const *)reader->columns.at, reader->columns.n, kept);
    return out;
}

flow_status flow_reader_count(flow_reader *reader, int64_t from, int64_t to, flow_text_part *out, flow_error *err)
{
    return reader->type->count(reader, from, to, out, err);
}

flow_status flow_reader_pass(flow_reader *reader, int64_t rows, flow_error *err)
{
    return reader->type->pass(reader, rows, err);
}

flow_status flow_reader_remark(flow_reader *reader, flow_error *err, const char *format, ...)
{
    char text[FLOW_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return flow_name_list_add(&reader->remarks, text, strlen(text), err);
}

void flow_reader_limit(flow_reader *reader, int64_t rows)
{
    if (reader->type->limit != NULL)
        reader->type->limit(reader, rows);
}

/* ------------------------------------------------------------------ any reader */

void flow_reader_close(flow_reader *reader)
{
    if (reader == NULL)
        return;
    reader->type->close(reader);
    flow_name_list_free(&reader->columns);
    flow_name_list_free(&reader->classes);
    flow_name_list_free(&reader->remarks);
    free(reader->skipped);
    free(reader->note);
    free(reader->name);
    free(reader);
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
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: can be read only once, from its beginning to its end; put the "
                              "table into a file",
                              reader->name);
    if (position->row < 0 || position->offset < 0)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there is no row %lld", reader->name, (long long)position->row);
    return reader->type->seek(reader, position, err);
}
