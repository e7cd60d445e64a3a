/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_comment_names.h"

#include <string.h>

#include "core/text.h"
#include "data/csv_words.h"

/* A unit in brackets behind a name is no word of it. */
static bool names_is_name(const char *field, size_t length)
{
    double value;
    size_t n_words = 0, brackets = 0;
    const flow_csv_kind kind = flow_csv_judge(field, length, '.', &value);
    if (kind == FLOW_CSV_NUMBER || length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (field[i] == '=' || field[i] == ':')
            return false;
        brackets += field[i] == '[' || field[i] == '(';
        const bool blank = field[i] == ' ' || field[i] == '\t';
        n_words += brackets == 0 && !blank && (i == 0 || field[i - 1] == ' ' || field[i - 1] == '\t');
    }
    return n_words <= 2;
}

static bool names_is_unit(const char *field, size_t length)
{
    static const char *const units[] = {"eV", "keV", "MeV", "GeV", "TeV", "rad", "mrad", "deg", "m",   "cm",
                                        "mm", "um",  "nm",  "km",  "s",   "ms",  "us",   "ns",  "min", "h",
                                        "kg", "g",   "K",   "Hz",  "kHz", "MHz", "GHz",  "J",   "W",   "V",
                                        "A",  "T",   "Pa",  "N",   "mag", "pc",  "kpc",  "Mpc", "C",   "-"};
    if (length >= 2 && (field[0] == '[' || field[0] == '('))
        return field[length - 1] == ']' || field[length - 1] == ')';
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i]) == length && memcmp(units[i], field, length) == 0)
            return true;
    return length == 0;
}

/* Splits a comment into n names; *n_names is 0 when it has not so many. */
static flow_status names_split(flow_csv_fields *fields, size_t *n_names, const char *comment, size_t n, char delimiter,
                               flow_error *err)
{
    bool more, good;
    *n_names = 0;
    if (!flow_is_utf8(comment, strlen(comment)))
        return FLOW_OK;
    flow_csv_fields_begin(fields, delimiter);
    FLOW_TRY(flow_csv_fields_line(fields, comment, strlen(comment), &more, &good, err));
    if (more || !good || fields->n != n)
        return FLOW_OK;
    bool names = true, units = true;
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *field = flow_csv_field(fields, i, &length);
        names = names && names_is_name(field, length);
        units = units && names_is_unit(field, length);
    }
    *n_names = names || units ? n : 0;
    return FLOW_OK;
}

static bool names_are_units(const flow_csv_fields *fields)
{
    for (size_t i = 0; i < fields->n; i++) {
        size_t length;
        const char *field = flow_csv_field(fields, i, &length);
        if (!names_is_unit(field, length))
            return false;
    }
    return true;
}

/* The names in comment i, if it has any. */
static flow_status names_read(flow_csv_comment_names *out, flow_csv_fields *fields, const flow_csv_comments *comments,
                              int i, size_t n, char delimiter, bool *units, flow_error *err)
{
    const char delimiters[] = {delimiter, ',', '\t', ';', '|', ' '};
    size_t found = 0;
    for (size_t k = 0; k < sizeof delimiters && found == 0; k++)
        FLOW_TRY(names_split(fields, &found, comments->texts.at[i], n, delimiters[k], err));
    *units = found > 0 && names_are_units(fields);
    if (found == 0)
        return FLOW_OK;
    flow_name_list_free(&out->names);
    out->comment = comments->texts.at[i];
    for (size_t k = 0; k < found; k++) {
        size_t length;
        const char *name = flow_csv_field(fields, k, &length);
        FLOW_TRY(flow_name_list_add(&out->names, name, length, err));
    }
    return FLOW_OK;
}

flow_status flow_csv_find_comment_names(flow_csv_comment_names *out, const flow_csv_comments *comments, size_t n,
                                        char delimiter, flow_error *err)
{
    flow_csv_fields fields = {0};
    flow_status status = FLOW_OK;
    bool units = true;
    *out = (flow_csv_comment_names){.is_only = comments->texts.n == 1};
    for (int i = comments->texts.n - 1; i >= 0 && units && status == FLOW_OK; i--) {
        const bool had = out->names.n > 0;
        status = names_read(out, &fields, comments, i, n, delimiter, &units, err);
        units = had ? false : units || out->names.n == 0; /* the comment above units has names, or they are the names */
    }
    flow_csv_fields_free(&fields);
    return status;
}

void flow_csv_comment_names_free(flow_csv_comment_names *names)
{
    flow_name_list_free(&names->names);
}
