/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_disguise.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "data/csv_words.h"

enum { LONGEST = 64 }; /* a number of people */

static bool disguise_begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool disguise_is_number(const char *text, size_t length)
{
    double value;
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return flow_csv_judge(text, length, '.', &value) == FLOW_CSV_NUMBER ||
           flow_csv_judge(text, length, ',', &value) == FLOW_CSV_NUMBER || flow_csv_has_thousands(text, length);
}

/* Takes all of `what` out of the text, and says whether there was any. */
static bool disguise_without(char out[LONGEST], const char *text, const char *what)
{
    size_t n = 0;
    bool any = false;
    for (const char *c = text; *c != '\0';) {
        if (disguise_begins(c, what)) {
            c += strlen(what);
            any = true;
        } else {
            out[n++] = *c++;
        }
    }
    out[n] = '\0';
    return any;
}

/* A number once any of these marks, which end with NULL, is taken out. */
static bool disguise_has(const char *text, const char *const *marks)
{
    char rest[LONGEST];
    for (; *marks != NULL; marks++)
        if (disguise_without(rest, text, *marks) && disguise_is_number(rest, strlen(rest)))
            return true;
    return false;
}

/* Digits, with marks of dates and times between them: 2024-01-31, 31.01.2024, 1/31/24, 2024-01-31T12:00:00Z, 12:30. */
static bool disguise_is_time(const char *text)
{
    int n_marks = 0, n_digits = 0;
    for (const char *c = text; *c != '\0'; c++) {
        const bool mark = strchr("-/:.", *c) != NULL && c > text && isdigit((unsigned char)c[-1]);
        if (!mark && !isdigit((unsigned char)*c) && strchr(" TZ+", *c) == NULL)
            return false;
        n_marks += mark;
        n_digits += isdigit((unsigned char)*c) != 0;
    }
    return n_digits >= 3 && (n_marks >= 2 || (n_marks == 1 && strchr(text, ':') != NULL));
}

/* "1.5+2j", "(1.5-2j)", "2i": digits and signs, and one letter at the end. */
static bool disguise_is_complex(const char *text)
{
    size_t n = strspn(text, "0123456789.+-eE( ");
    return n > 0 && strpbrk(text, "0123456789") != NULL && strchr("ijJ", text[n]) != NULL && text[n] != '\0' &&
           text[n + 1 + strspn(text + n + 1, ") ")] == '\0';
}

/* Fortran leaves the letter of an exponent of three digits out: 0.5-101. */
static bool disguise_lacks_letter(const char *text)
{
    const size_t sign = *text == '-' || *text == '+', whole = strspn(text + sign, "0123456789."), at = sign + whole;
    return whole > 1 && memchr(text + sign, '.', whole) != NULL && (text[at] == '-' || text[at] == '+') &&
           strspn(text + at + 1, "0123456789") == 3 && text[at + 4] == '\0';
}

/* "3:0.5", alone or behind others; 12:30.5 is a time. */
static bool disguise_is_sparse(const char *text)
{
    const char *last = strrchr(text, ' '), *c = last != NULL ? last + 1 : text;
    const size_t n = strspn(c, "0123456789");
    const char *value = n > 0 && c[n] == ':' ? c + n + 1 : "";
    const size_t sign = *value == '-', whole = strspn(value + sign, "0123456789");
    return value[sign + whole] == '.' && (sign > 0 || whole != 2) && disguise_is_number(value, strlen(value));
}

const char *flow_csv_undisguise(const char *field, size_t length)
{
    static const char *const percent[] = {"%", NULL}, *const underscores[] = {"_", NULL};
    static const char *const money[] = {"$", "\xe2\x82\xac", "\xc2\xa3", "\xc2\xa5", "USD", "EUR", NULL};
    /* blanks of all kinds, and apostrophes */
    static const char *const thousands[] = {" ", "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x89", "'", "\xe2\x80\x99", NULL};
    char text[LONGEST];
    if (length == 0 || length >= LONGEST || memchr(field, '\0', length) != NULL)
        return NULL;
    memcpy(text, field, length);
    text[length] = '\0';
    if (strspn(text, "*") == length)
        return length > 1 ? "write it with a wider format: the number had no room in its field (Fortran)" : NULL;
    if (strpbrk(text, "0123456789") == NULL)
        return strcasecmp(text, "yes") == 0 || strcasecmp(text, "no") == 0 ? "write 1 and 0" : NULL;
    if (disguise_has(text, percent))
        return "take the percent signs out";
    if (disguise_has(text, money))
        return "take the signs of currencies out";
    if (strchr("[{", text[0]) != NULL || strchr("]}", text[length - 1]) != NULL)
        return "take the brackets out";
    if (disguise_lacks_letter(text))
        return "write it with a format such as ES24.16E3: its exponent has no letter (Fortran)";
    if (disguise_is_complex(text))
        return "write the real and the imaginary part as columns";
    if (disguise_is_sparse(text))
        return "write a column for each index (this looks like sparse data of LIBSVM)";
    if (disguise_is_time(text))
        return "write times as numbers, such as seconds since a date";
    if (text[strspn(text, "+-")] == '0' && tolower((unsigned char)text[strspn(text, "+-") + 1]) == 'x')
        return "write it in decimal, as printf does with %.17g";
    if (disguise_has(text, thousands))
        return "take the marks between thousands out";
    if (disguise_has(text, underscores))
        return "take the underscores out";
    return NULL;
}
