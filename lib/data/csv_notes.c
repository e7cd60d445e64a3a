/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_notes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/csv_disguise.h"

/* A whole number of 16 to 39 digits whose double has other digits. */
static bool notes_is_rounded(const char *field, size_t length)
{
    enum { FEWEST = 16, MOST = 39 };
    char digits[MOST + 1], same[2 * MOST];
    if (length > 0 && (*field == '-' || *field == '+')) {
        field++;
        length--;
    }
    if (length < FEWEST || length > MOST || *field == '0')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)field[i]))
            return false;
    memcpy(digits, field, length);
    digits[length] = '\0';
    snprintf(same, sizeof same, "%.0f", strtod(digits, NULL));
    return strcmp(same, digits) != 0;
}

/* What a column has, given one of its fields; the caller's. NULL: nothing to say. */
static char *notes_about(const char *field, size_t length, bool all_words)
{
    char text[FLOW_EXCERPT_SIZE];
    const bool is_thousands = flow_csv_has_thousands(field, length) && memchr(field, ',', length) != NULL;
    const char *remedy = !all_words     ? NULL
                         : is_thousands ? "take the marks between thousands out"
                                        : flow_csv_undisguise(field, length);
    flow_csv_excerpt(text, field, length);
    if (remedy != NULL)
        return flow_format("no numbers, but texts such as \"%s\": %s", text, remedy);
    return notes_is_rounded(field, length)
               ? flow_format("whole numbers beyond 2^53, which are rounded, such as %s", text)
               : NULL;
}

/* The first that a row gives about the next column. */
static flow_status notes_add(flow_name_list *out, flow_csv_sample *sample, const flow_csv_rows *rows, size_t first,
                             char delimiter, flow_error *err)
{
    const size_t k = (size_t)out->n;
    const size_t n_words = flow_csv_rows_count(rows, first, k, FLOW_CSV_BIT(FLOW_CSV_WORD));
    const size_t n_numbers = flow_csv_rows_count(rows, first, k, FLOW_CSV_BIT(FLOW_CSV_NUMBER));
    char *note = NULL;
    for (size_t i = first; i < rows->n && note == NULL; i++) {
        const unsigned kind = rows->kinds[i * rows->n_fields + k];
        if (kind != FLOW_CSV_WORD && kind != FLOW_CSV_NUMBER)
            continue;
        bool good;
        size_t length;
        FLOW_TRY(flow_csv_sample_split(sample, rows->record[i], delimiter, &good, err));
        const char *field = flow_csv_field(&sample->fields, k, &length);
        note = notes_about(field, length, n_words > 0 && n_numbers == 0);
        if (kind == FLOW_CSV_WORD)
            break;
    }
    flow_status status = flow_name_list_add(out, note != NULL ? note : "", note != NULL ? strlen(note) : 0, err);
    free(note);
    return status;
}

flow_status flow_csv_note_columns(flow_name_list *out, flow_csv_sample *sample, const flow_csv_rows *rows, size_t first,
                                  char delimiter, int n, flow_error *err)
{
    enum { MOST = 512 }; /* the sample is split for each column */
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && i < MOST && (size_t)i < rows->n_fields && status == FLOW_OK; i++)
        status = notes_add(out, sample, rows, first, delimiter, err);
    return status;
}
