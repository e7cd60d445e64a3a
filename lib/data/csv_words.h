/* What a field of CSV is: a number, a truth value, a missing value, or a word. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_WORDS_H
#define FLOW_DATA_CSV_WORDS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum flow_csv_kind {
    FLOW_CSV_NUMBER,  /* finite or not */
    FLOW_CSV_MISSING, /* nothing, or one of the usual marks: NA, NaN, null, ... */
    FLOW_CSV_TRUTH,   /* True, False in the cases in which programs write them */
    FLOW_CSV_LETTER,  /* T, F, t, f: a truth value, where a column has nothing else */
    FLOW_CSV_WORD
} flow_csv_kind;

/* Of a field without blanks around it, which need not end with a zero. `value` is filled for numbers and, with 0 or 1,
 * for truth values. `decimal`: '.' or ','. Where it is a comma, a point is no part of a number. */
flow_csv_kind flow_csv_judge(const char *field, size_t length, char decimal, double *value);

/* Whether a number with a comma in it reads the same with commas between its thousands: "1,234". */
bool flow_csv_has_thousands(const char *field, size_t length);

/* `text` for a message: at most 40 bytes, without control characters, in UTF-8. */
enum { FLOW_EXCERPT_SIZE = 48 };
const char *flow_csv_excerpt(char out[FLOW_EXCERPT_SIZE], const char *text, size_t length);

#endif
