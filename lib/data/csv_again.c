/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_again.h"

#include <ctype.h>
#include <string.h>

#include "data/csv_words.h"

static bool again_is(const char *field, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(field, name, length) == 0;
}

static bool again_is_listed(const flow_name_list *names, const char *field, size_t length)
{
    for (int i = 0; i < names->n; i++)
        if (again_is(field, length, names->at[i]))
            return true;
    return false;
}

static bool again_can_be_name(const char *field, size_t length)
{
    double value;
    const unsigned char c = length > 0 ? (unsigned char)field[0] : 0;
    return (isalpha(c) || c == '_' || c >= 0x80) && flow_csv_judge(field, length, '.', &value) >= FLOW_CSV_LETTER;
}

/* Whether field i is the same word as one before it. */
static bool again_repeats(const flow_csv_fields *fields, size_t i)
{
    size_t length, other;
    const char *field = flow_csv_field(fields, i, &length);
    for (size_t k = 0; k < i; k++) {
        const char *before = flow_csv_field(fields, k, &other);
        if (other == length && memcmp(before, field, length) == 0)
            return true;
    }
    return false;
}

flow_csv_again flow_csv_find_names(const flow_csv_fields *fields, const flow_csv_aim *aim, const flow_name_list *names)
{
    enum { MOST_COMPARED = 256 }; /* of so many fields, all words, two that are the same mean little */
    int n_read = 0;
    bool same = (size_t)names->n == fields->n, listed = false;
    if (fields->n != aim->n_fields)
        return FLOW_CSV_NO_NAMES;
    for (size_t i = 0; i < fields->n; i++) {
        size_t length;
        const char *field = flow_csv_field(fields, i, &length);
        same = same &&
               (again_is(field, length, names->at[i]) || (length == 0 && strncmp(names->at[i], "unnamed", 7) == 0));
        listed = listed || again_is_listed(names, field, length);
        n_read += aim->target[i] >= 0;
        const bool is_empty = length == 0 && (i == 0 || i + aim->n_empty >= fields->n);
        if (!same && !is_empty &&
            (!again_can_be_name(field, length) || (i < MOST_COMPARED && again_repeats(fields, i))))
            return FLOW_CSV_NO_NAMES;
    }
    return same ? FLOW_CSV_SAME_NAMES : listed || n_read > 1 ? FLOW_CSV_OTHER_NAMES : FLOW_CSV_NO_NAMES;
}
