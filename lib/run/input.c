/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"
#include "data/location.h"
#include "num/real.h"

/* The place that a name such as x3 means, counted from 1; 0 for any other name. */
static int input_place_of(const char *name)
{
    size_t digits = name[0] == 'x' ? strspn(name + 1, "0123456789") : 0;
    if (digits == 0 || digits > 9 || name[1 + digits] != '\0' || name[1] == '0')
        return 0;
    return (int)strtol(name + 1, NULL, 10);
}

static int input_find_column(const flow_reader *reader, const char *name)
{
    for (int i = 0; i < reader->columns.n; i++)
        if (strcmp(reader->columns.at[i], name) == 0)
            return i;
    return -1;
}

/* A pipe can be opened only once. Errors but that of memory come again when the data are opened. */
static flow_status input_can_reopen(bool *regular, const char *location, flow_error *err)
{
    flow_name_list parts;
    flow_status status = flow_location_parts(&parts, NULL, location, err);
    *regular = status == FLOW_OK;
    for (int i = 0; i < parts.n && *regular; i++) {
        flow_location place = {0};
        struct stat info;
        status = flow_location_find(&place, parts.at[i], err);
        *regular = status == FLOW_OK && stat(place.file, &info) == 0 && S_ISREG(info.st_mode);
        flow_location_free(&place);
    }
    flow_name_list_free(&parts);
    return status == FLOW_MEMORY ? status : FLOW_OK;
}

/* `n_missing` columns of the model have no index in in->from. */
static flow_status input_refuse_missing(const flow_input *in, const char *location, const char *const *columns,
                                        int n_missing, flow_error *err)
{
    flow_text missing = {0}, found = {0};
    int n_named = 0;
    enum { SHOWN = 8 };
    for (int i = 0; i < in->n_columns && n_named < SHOWN; i++)
        if (in->from[i] < 0)
            flow_text_add(&missing, "%s%.40s", n_named++ == 0 ? "" : ", ", columns[i]);
    for (int i = 0; i < in->n_read && i < SHOWN; i++)
        flow_text_add(&found, "%s%.40s", i == 0 ? "" : ", ", in->reader->columns.at[i]);
    flow_status status = flow_error_set(err, FLOW_DATA,
                                        "%s: %d of the model's %d columns %s missing: %s%s; the data "
                                        "have: %s%s. Rename the columns, or remove the names to match them by position",
                                        location, n_missing, in->n_columns, n_missing == 1 ? "is" : "are",
                                        missing.data != NULL ? missing.data : "", n_missing > SHOWN ? ", ..." : "",
                                        found.data != NULL ? found.data : "", in->n_read > SHOWN ? ", ..." : "");
    flow_text_free(&missing);
    flow_text_free(&found);
    return status;
}

static flow_status input_refuse_twice(const flow_input *in, const char *location, int first, flow_error *err)
{
    char **names = in->reader->columns.at;
    for (int j = first + 1; j < in->n_read; j++)
        if (strcmp(names[j], names[first]) == 0)
            return flow_error_set(err, FLOW_DATA,
                                  "%s: columns %d and %d are both named \"%.80s\"; give them different "
                                  "names",
                                  location, first + 1, j + 1, names[first]);
    return FLOW_OK;
}

static flow_status input_match_by_name(flow_input *in, const char *location, const flow_input_options *o, int n_missing,
                                       flow_error *err)
{
    const char *twice = NULL;
    if (n_missing > 0)
        return input_refuse_missing(in, location, o->columns, n_missing, err);
    FLOW_TRY(flow_find_repeated(&twice, o->columns, (size_t)o->n_columns, err));
    if (twice != NULL)
        return flow_error_set(err, FLOW_DATA,
                              "%s: two columns of the model are named \"%.80s\"; only data without "
                              "names can be matched to them",
                              location, twice);
    int at = o->optional != NULL ? input_find_column(in->reader, o->optional) : -1;
    in->has_optional = at >= 0;
    if (in->has_optional)
        in->from[in->n_columns++] = at;
    for (int i = 0; i < in->n_columns; i++)
        FLOW_TRY(input_refuse_twice(in, location, in->from[i], err));
    return FLOW_OK;
}

/* The columns x2, x3 and x1 of a model that was trained on data without names are the second, the third and the first.
 * Data with other columns beside them are refused unless the columns are a choice: they are likely to be other data. */
static bool input_match_by_place(flow_input *in, const flow_input_options *o)
{
    const int at = o->optional != NULL ? input_place_of(o->optional) : 0;
    const bool has_optional = at > 0 && at <= in->n_read && (o->chosen || in->n_read == o->n_columns + 1);
    if (!o->numbered || !(o->chosen || in->n_read == o->n_columns + has_optional))
        return false;
    for (int i = 0; i < o->n_columns; i++) {
        in->from[i] = input_place_of(o->columns[i]) - 1;
        if (in->from[i] < 0 || in->from[i] >= in->n_read)
            return false;
    }
    if (has_optional)
        in->from[in->n_columns++] = at - 1;
    in->has_optional = has_optional;
    return true;
}

static flow_status input_match(flow_input *in, const char *location, const flow_input_options *o, flow_error *err)
{
    int n_missing = 0;
    in->n_read = in->reader->columns.n;
    in->from = calloc((size_t)o->n_columns + 1, sizeof *in->from);
    if (in->from == NULL)
        return flow_error_memory(err, "the order of the columns");
    for (int i = 0; i < o->n_columns; i++) {
        in->from[i] = input_find_column(in->reader, o->columns[i]);
        n_missing += in->from[i] < 0;
    }
    /* images have no names in the file, but their labels have one here */
    const bool is_part = in->reader->holds_images && n_missing == 0 && in->n_read != o->n_columns;
    if (is_part || (in->reader->has_names && !(o->numbered && n_missing == o->n_columns))) {
        FLOW_TRY(input_match_by_name(in, location, o, n_missing, err));
    } else if (!input_match_by_place(in, o)) {
        if (in->n_read != o->n_columns)
            return flow_error_set(err, FLOW_DATA,
                                  "%s: has %d columns, the model has %d; data without column names "
                                  "must have exactly the model's columns",
                                  location, in->n_read, o->n_columns);
        for (int i = 0; i < o->n_columns; i++)
            in->from[i] = i;
    }
    bool as_it_is = in->n_read == in->n_columns;
    for (int i = 0; as_it_is && i < in->n_columns; i++)
        as_it_is = in->from[i] == i;
    if (as_it_is) {
        free(in->from);
        in->from = NULL;
    }
    return FLOW_OK;
}

/* By name, without reading other columns; without a reader when the data do not have these names. */
static flow_status input_open_by_name(flow_input *in, const char *location, const flow_input_options *o,
                                      bool with_optional, flow_error *err)
{
    flow_reader_options named = {.columns = o->columns,
                                 .n_columns = o->n_columns,
                                 .skip_invalid = o->skip_invalid,
                                 .missing = o->missing,
                                 .csv = o->csv,
                                 .last = &o->optional,
                                 .n_last = with_optional ? 1 : 0};
    const flow_status status = flow_reader_open(&in->reader, location, &named, err);
    if (status != FLOW_OK || !in->reader->has_names) {
        flow_reader_close(in->reader);
        in->reader = NULL;
        return status == FLOW_MEMORY ? status : FLOW_OK;
    }
    in->n_columns = in->n_read = o->n_columns + with_optional;
    in->has_optional = with_optional;
    return FLOW_OK;
}

static flow_status input_open(flow_input *out, const char *location, const flow_input_options *options, flow_error *err)
{
    *out = (flow_input){.n_columns = options->n_columns,
                        .n_read = options->n_columns,
                        .label = options->label,
                        .n_classes = options->n_classes};
    bool can_reopen;
    FLOW_TRY(input_can_reopen(&can_reopen, location, err));
    for (int optional = options->optional != NULL; optional >= 0 && can_reopen && out->reader == NULL; optional--)
        FLOW_TRY(input_open_by_name(out, location, options, optional > 0, err));
    if (out->reader != NULL)
        return FLOW_OK;
    flow_reader_options all = {.skip_invalid = options->skip_invalid,
                               .missing = options->missing,
                               .csv = options->csv,
                               .image = options->image};
    FLOW_TRY(flow_reader_open(&out->reader, location, &all, err));
    if (out->reader->holds_images && options->n_context > 0) {
        flow_reader_close(out->reader);
        out->reader = NULL;
        all.n_last = options->n_context;
        all.last = options->columns + options->n_columns - options->n_context;
        FLOW_TRY(flow_reader_open(&out->reader, location, &all, err));
    }
    return input_match(out, location, options, err);
}

flow_status flow_input_open(flow_input *out, const char *location, const flow_input_options *options, flow_error *err)
{
    if (options->given == NULL)
        return input_open(out, location, options, err);
    flow_input_options read = *options;
    read.n_columns -= options->n_context;
    read.n_context = 0;
    flow_status status = input_open(out, location, &read, err);
    out->given = options->given;
    out->n_given = options->n_context;
    out->n_columns += out->n_given;
    return status;
}

void flow_input_close(flow_input *in)
{
    flow_row_parts_free(in->parts);
    flow_reader_close(in->reader);
    free(in->from);
    free(in->rows);
    *in = (flow_input){0};
}

static flow_status input_read(flow_input *in, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                              flow_error *err)
{
    if (in->from == NULL)
        return flow_reader_read(in->reader, rows, numbers, n_max, n_read, err);
    size_t width = (size_t)in->n_read, d = (size_t)(in->n_columns - in->n_given);
    if (in->n_room < n_max) {
        free(in->rows);
        in->n_room = 0;
        in->rows = calloc(n_max, width * sizeof *in->rows);
        if (in->rows == NULL)
            return flow_error_memory(err, "rows of data");
        in->n_room = n_max;
    }
    flow_status status = flow_reader_read(in->reader, in->rows, numbers, n_max, n_read, err);
    for (size_t i = 0; status == FLOW_OK && i < *n_read; i++)
        for (size_t k = 0; k < d; k++)
            rows[i * d + k] = in->rows[i * width + (size_t)in->from[k]];
    return status;
}

/* Puts the given values behind the columns of the model that were read, in front of the optional one. */
static void input_insert_given(const flow_input *in, double *rows, size_t n)
{
    const size_t width = (size_t)in->n_columns, g = (size_t)in->n_given, d = width - g, last = in->has_optional ? 1 : 0;
    for (size_t i = n; i-- > 0;) {
        double *from = rows + i * d, *to = rows + i * width;
        memmove(to + width - last, from + d - last, last * sizeof *to);
        memmove(to, from, (d - last) * sizeof *to);
        memcpy(to + d - last, in->given, g * sizeof *to);
    }
}

flow_status flow_input_read(flow_input *in, double *rows, int64_t *numbers, size_t n_max, size_t *n_read,
                            flow_error *err)
{
    FLOW_TRY(input_read(in, rows, numbers, n_max, n_read, err));
    if (in->n_given > 0)
        input_insert_given(in, rows, *n_read);
    for (size_t i = 0; in->n_classes > 0 && i < *n_read; i++) {
        const double label = rows[i * (size_t)in->n_columns + (size_t)in->label];
        if (!(label >= 0 && label < in->n_classes) || label != (int)label)
            return flow_error_set(err, FLOW_DATA, "%s: the label %g is none of the %d classes of the model, 0 to %d",
                                  in->reader->name, label, in->n_classes, in->n_classes - 1);
    }
    return FLOW_OK;
}

void flow_input_split(const flow_input *in, size_t width, size_t n, double *rows, double *last)
{
    const size_t n_read = (size_t)in->n_columns;
    for (size_t i = 0; i < n; i++) {
        last[i] = in->has_optional ? rows[i * n_read + width] : 1;
        if (n_read != width)
            memmove(rows + i * width, rows + i * n_read, width * sizeof *rows);
    }
}
