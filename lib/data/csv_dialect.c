/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_dialect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/csv_words.h"

static const char dialect_delimiters[] = {',', '\t', ';', '|', ' ', '*'}; /* the last: TTree::Scan of ROOT */

const char *flow_csv_delimiter_name(char delimiter)
{
    return delimiter == ','    ? "commas"
           : delimiter == '\t' ? "tabs"
           : delimiter == ';'  ? "semicolons"
           : delimiter == '|'  ? "bars (|)"
           : delimiter == ' '  ? "blanks"
           : delimiter == '*'  ? "asterisks (*)"
                               : "others";
}

/* What a delimiter makes of the sample. */
typedef struct dialect_view {
    size_t first, rows;               /* fields of the first record and of most rows; 0: there are no rows */
    size_t n_rows, like;              /* rows, and how many of them have so many fields */
    size_t cells;                     /* fields of the latter, or of the first record where there are no rows */
    size_t row_points, row_commas;    /* of them, numbers with a point, and with a comma */
    size_t points, commas, thousands; /* the same of all records, and numbers that may have commas in their thousands */
    size_t others;                    /* whole numbers, truth values, missing values */
    char thousand[FLOW_EXCERPT_SIZE];
} dialect_view;

static void dialect_count(dialect_view *view, const char *field, size_t length)
{
    double value;
    const bool comma = memchr(field, ',', length) != NULL;
    const flow_csv_kind kind = flow_csv_judge(field, length, comma ? ',' : '.', &value);
    view->cells++;
    if (kind == FLOW_CSV_WORD)
        return;
    if (!comma) {
        const bool point = kind == FLOW_CSV_NUMBER && memchr(field, '.', length) != NULL;
        view->points += point;
        view->others += !point;
        return;
    }
    view->commas++;
    if (flow_csv_has_thousands(field, length)) {
        view->thousands++;
        flow_csv_excerpt(view->thousand, field, length);
    }
}

static void dialect_count_fields(dialect_view *view, const flow_csv_fields *fields)
{
    for (size_t k = 0; k < fields->n; k++) {
        size_t length;
        const char *field = flow_csv_field(fields, k, &length);
        dialect_count(view, field, length);
    }
}

/* The number of fields that most rows have: that of the first row or of the second. */
static flow_status dialect_look(dialect_view *view, flow_csv_sample *sample, char delimiter, flow_error *err)
{
    size_t n[FLOW_CSV_SAMPLED] = {0};
    bool good;
    *view = (dialect_view){0};
    for (size_t i = 0; i < sample->n; i++) {
        FLOW_TRY(flow_csv_sample_split(sample, i, delimiter, &good, err));
        n[i] = good ? sample->fields.n : 0;
    }
    view->first = n[0];
    view->n_rows = sample->n > 0 ? sample->n - 1 : 0;
    for (size_t choice = 1; choice < 3 && choice < sample->n; choice++) {
        size_t like = 0;
        for (size_t i = 1; i < sample->n; i++)
            like += n[i] == n[choice];
        if (like > view->like) {
            view->like = like;
            view->rows = n[choice];
        }
    }
    for (size_t i = view->n_rows > 0; i < sample->n; i++) {
        if (view->n_rows > 0 && n[i] != view->rows)
            continue;
        FLOW_TRY(flow_csv_sample_split(sample, i, delimiter, &good, err));
        dialect_count_fields(view, &sample->fields);
    }
    view->row_points = view->points;
    view->row_commas = view->commas;
    if (view->n_rows == 0)
        return FLOW_OK;
    const size_t cells = view->cells, others = view->others; /* the first record may be a header */
    FLOW_TRY(flow_csv_sample_split(sample, 0, delimiter, &good, err));
    dialect_count_fields(view, &sample->fields);
    view->cells = cells;
    view->others = others;
    return FLOW_OK;
}

/* The share of the fields that are numbers or stand for some; below 0: the delimiter is not possible. */
static double dialect_share(const dialect_view *view, char delimiter, char decimal)
{
    const size_t n = view->n_rows > 0 ? view->rows : view->first;
    const size_t away = view->first > n ? view->first - n : n - view->first;
    if (n < 2 || (view->n_rows > 0 && (2 * view->like < view->n_rows || away > 1)))
        return -1;
    const size_t best = decimal == '.'                        ? view->row_points
                        : decimal == ','                      ? view->row_commas
                        : view->row_points > view->row_commas ? view->row_points
                                                              : view->row_commas;
    const double share = (double)(view->others + best) / (double)view->cells;
    return delimiter == ' ' && !(share > 0.5) && view->n_rows > 0 ? -1 : share;
}

flow_status flow_csv_dialect_fits(bool *fits, const flow_csv_format *format, flow_csv_sample *sample, flow_error *err)
{
    *fits = false;
    for (size_t i = 0; i < sizeof dialect_delimiters && !*fits; i++) {
        const char delimiter = format->delimiter != '\0' ? format->delimiter : dialect_delimiters[i];
        dialect_view found;
        if (delimiter == format->decimal)
            continue;
        FLOW_TRY(dialect_look(&found, sample, delimiter, err));
        *fits = found.first == found.rows && dialect_share(&found, delimiter, format->decimal) > 0.5;
    }
    return FLOW_OK;
}

static flow_status dialect_find_delimiter(flow_csv_format *format, dialect_view *view, flow_csv_sample *sample,
                                          flow_error *err)
{
    double best = -1;
    format->delimiter = format->decimal == ',' ? ';' : ','; /* of a single column, where it does not matter */
    FLOW_TRY(dialect_look(view, sample, format->delimiter, err));
    for (size_t i = 0; i < sizeof dialect_delimiters && best < 1; i++) {
        const char delimiter = dialect_delimiters[i];
        dialect_view found;
        if (delimiter == format->decimal)
            continue;
        FLOW_TRY(dialect_look(&found, sample, delimiter, err));
        const double share = dialect_share(&found, delimiter, format->decimal);
        if (share > best) {
            best = share;
            *view = found;
            format->delimiter = delimiter;
        }
    }
    return FLOW_OK;
}

flow_status flow_csv_dialect_find(flow_csv_format *format, size_t *n_fields, bool *fits, flow_csv_sample *sample,
                                  const char *name, flow_error *err)
{
    dialect_view view;
    if (format->delimiter == '\0')
        FLOW_TRY(dialect_find_delimiter(format, &view, sample, err));
    else
        FLOW_TRY(dialect_look(&view, sample, format->delimiter, err));
    *fits = dialect_share(&view, format->delimiter, format->decimal) >= 0;
    *n_fields = view.n_rows > 0 ? view.rows : view.first;
    if (format->decimal != '\0')
        return FLOW_OK;
    format->decimal = view.commas > 0 && view.points == 0 ? ',' : '.';
    if (format->decimal == '.' || view.thousands < view.commas)
        return FLOW_OK;
    if (format->delimiter == ',') { /* in quotes; the cells themselves are refused if they are read */
        format->decimal = '.';
        return FLOW_OK;
    }
    return flow_error_set(err, FLOW_DATA,
                          "%s: numbers such as \"%s\" have a decimal comma, or commas between their "
                          "thousands: if it is a decimal comma, say so with --decimal ,; otherwise take these commas "
                          "out",
                          name, view.thousand);
}
