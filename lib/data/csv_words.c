/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "data/reader.h"

const char *flow_csv_excerpt(char out[FLOW_EXCERPT_SIZE], const char *text, size_t length)
{
    enum { MOST = 40 };
    size_t n = length < MOST ? length : MOST;
    while (n > 0 && n < length && ((unsigned char)text[n] & 0xc0) == 0x80) /* no part of a character */
        n--;
    const bool utf8 = flow_is_utf8(text, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : text[i];
    }
    snprintf(out + n, FLOW_EXCERPT_SIZE - n, "%s", length > n ? "..." : "");
    return out;
}

/* Puts a point in place of the decimal comma. False for a text that cannot be such a number. */
static bool words_put_point(char *text)
{
    char *comma = strchr(text, ',');
    if (strchr(text, '.') != NULL)
        return false;
    if (comma == NULL)
        return true;
    if (!isdigit((unsigned char)comma[1]) || strchr(comma + 1, ',') != NULL)
        return false;
    *comma = '.';
    return true;
}

/* Copies a field with what stands for the same in numbers: e in place of Fortran's D, a hyphen in place of the minus
 * sign of Unicode. */
static void words_copy_number(char *out, const char *field, size_t length)
{
    static const char minus[] = "\xe2\x88\x92";
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        const bool in_number = n > 0 && (isdigit((unsigned char)out[n - 1]) || out[n - 1] == '.' || out[n - 1] == ',');
        if (length - i >= sizeof minus - 1 && memcmp(field + i, minus, sizeof minus - 1) == 0) {
            out[n++] = '-';
            i += sizeof minus - 2;
        } else {
            out[n++] = in_number && (field[i] == 'D' || field[i] == 'd') ? 'e' : field[i];
        }
    }
    out[n] = '\0';
}

static bool words_number(const char *field, size_t length, char decimal, double *value)
{
    char copy[1024]; /* longer fields are not numbers */
    if (length >= sizeof copy || memchr(field, '\0', length) != NULL)
        return false;
    words_copy_number(copy, field, length);
    return (decimal != ',' || words_put_point(copy)) && flow_number_parse(copy, value);
}

static bool words_find(const char *const *list, const char *field, size_t length, bool any_case)
{
    for (; *list != NULL; list++)
        if (strlen(*list) == length &&
            (any_case ? strncasecmp(*list, field, length) : strncmp(*list, field, length)) == 0)
            return true;
    return false;
}

flow_csv_kind flow_csv_judge(const char *field, size_t length, char decimal, double *value)
{
    static const char *const missing[] = {"",  "na", "n/a", "#n/a", "<na>", "null", "none", "nan",    "-nan",
                                          "?", "-",  "--",  ".",    "nat",  "\\n",  "n.a.", "#null!", NULL};
    static const char *const yes[] = {"True", "TRUE", "true", NULL}, *const no[] = {"False", "FALSE", "false", NULL};
    static const char *const letters[] = {"T", "t", "F", "f", NULL};
    if (words_number(field, length, decimal, value))
        return FLOW_CSV_NUMBER;
    if (words_find(missing, field, length, true))
        return FLOW_CSV_MISSING;
    const bool is_letter = words_find(letters, field, length, false), is_yes = words_find(yes, field, length, false);
    if (!is_letter && !is_yes && !words_find(no, field, length, false))
        return FLOW_CSV_WORD;
    *value = is_yes || (is_letter && (field[0] == 'T' || field[0] == 't'));
    return is_letter ? FLOW_CSV_LETTER : FLOW_CSV_TRUTH;
}

bool flow_csv_is_word(const char *field, size_t length)
{
    double value;
    return flow_csv_judge(field, length, '.', &value) >= FLOW_CSV_LETTER;
}

bool flow_csv_has_thousands(const char *field, size_t length)
{
    size_t i = length > 0 && (field[0] == '-' || field[0] == '+'), first = i;
    while (i < length && isdigit((unsigned char)field[i]))
        i++;
    if (i == first || i > first + 3 || i == length || field[first] == '0')
        return false;
    for (; i < length; i += 4)
        if (field[i] != ',' || length - i < 4 || !isdigit((unsigned char)field[i + 1]) ||
            !isdigit((unsigned char)field[i + 2]) || !isdigit((unsigned char)field[i + 3]))
            return false;
    return true;
}
