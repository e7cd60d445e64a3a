/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/text.h"

#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

/* Owned by the caller; NULL when memory is out. */
static char *text_format(const char *format, va_list args)
{
    char *out;
    return vasprintf(&out, format, args) < 0 ? NULL : out;
}

void flow_text_add(flow_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *more = text->failed ? NULL : text_format(format, args);
    va_end(args);
    size_t n = more != NULL ? strlen(more) + 1 : 0;
    if (more != NULL && text->length + n > text->capacity) {
        text->capacity = 2 * (text->length + n);
        char *grown = realloc(text->data, text->capacity);
        text->failed = grown == NULL;
        if (grown != NULL)
            text->data = grown;
    }
    text->failed = text->failed || more == NULL;
    if (!text->failed) {
        memcpy(text->data + text->length, more, n);
        text->length += n - 1;
    }
    free(more);
}

void flow_text_add_quoted(flow_text *text, const char *field)
{
    flow_text_add(text, "\"");
    for (const char *c = field != NULL ? field : ""; *c != '\0'; c++)
        flow_text_add(text, *c == '"' ? "\"\"" : "%c", *c);
    flow_text_add(text, "\"");
}

void flow_text_free(flow_text *text)
{
    free(text->data);
    *text = (flow_text){0};
}

void flow_text_wrap(flow_text *text, const char *words, int column, int indent)
{
    bool fresh = true; /* nothing on this line yet that a space must separate */
    while (*words != '\0') {
        if (*words == '\n') {
            flow_text_add(text, "\n%*s", words[1] == '\n' || words[1] == '\0' ? 0 : indent, "");
            column = indent;
            fresh = true;
            words++;
            continue;
        }
        int blanks = (int)strspn(words, " ");
        int length = (int)strcspn(words + blanks, " \n");
        if (!fresh && column + blanks + length > FLOW_TEXT_WIDTH) {
            flow_text_add(text, "\n%*s", indent, "");
            column = indent;
            fresh = true;
        }
        int lead = fresh && column == indent && blanks == 1 ? 0 : blanks;
        flow_text_add(text, "%*s%.*s", lead, "", length, words + blanks);
        column += lead + length;
        fresh = false;
        words += blanks + length;
    }
}

/* printf uses the locale of the process, which the program may have set. */
static void point_from_locale(char *number)
{
    const char *point = localeconv()->decimal_point;
    if (strcmp(point, ".") == 0 || point[0] == '\0')
        return;
    char *found = strstr(number, point);
    if (found == NULL)
        return;
    size_t width = strlen(point);
    found[0] = '.';
    memmove(found + 1, found + width, strlen(found + width) + 1);
}

/* Every number with at most `first_digits` digits reads back from that many digits. Subnormal numbers have fewer bits
 * and may need fewer digits. */
static int print_shortest(char *out, double value, int first_digits, int last_digits, bool as_float)
{
    if (isnan(value))
        return snprintf(out, FLOW_NUMBER_SIZE, "nan");
    if (isinf(value))
        return snprintf(out, FLOW_NUMBER_SIZE, value > 0 ? "inf" : "-inf");
    if (fabs(value) < (as_float ? (double)FLT_MIN : DBL_MIN))
        first_digits = 1;
    for (int digits = first_digits; digits <= last_digits; digits++) {
        snprintf(out, FLOW_NUMBER_SIZE, "%.*g", digits, value);
        bool same = as_float ? strtof(out, NULL) == (float)value : strtod(out, NULL) == value;
        if (same)
            break;
    }
    point_from_locale(out);
    return (int)strlen(out);
}

int flow_number_print(char out[FLOW_NUMBER_SIZE], double value)
{
    return print_shortest(out, value, 15, 17, false);
}

int flow_number_print_float(char out[FLOW_NUMBER_SIZE], float value)
{
    return print_shortest(out, (double)value, 6, 9, true);
}

/* strtod in the C locale, whatever the locale of the process. */
static double parse_c(const char *field, char **end)
{
#if defined(LC_NUMERIC_MASK)
    if (strcmp(localeconv()->decimal_point, ".") != 0) {
        locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
        if (c != (locale_t)0) {
            double value = strtod_l(field, end, c);
            freelocale(c);
            return value;
        }
    }
#endif
    return strtod(field, end);
}

bool flow_number_parse(const char *field, double *value)
{
    while (*field == ' ' || *field == '\t')
        field++;
    if (*field == '\0')
        return false;
    /* strtod also reads hexadecimal numbers and nan(...), which are not numbers of a table */
    const char *digits = field + (*field == '-' || *field == '+');
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        return false;
    if (strchr(digits, '(') != NULL)
        return false;
    char *end;
    double v = parse_c(field, &end);
    if (end == field)
        return false;
    while (*end == ' ' || *end == '\t' || *end == '\r')
        end++;
    if (*end != '\0')
        return false;
    *value = v;
    return true;
}

static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return INT_MAX; /* far from every word */
    int row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int change = corner + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);
            int shift = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            corner = row[j];
            row[j] = change < shift ? change : shift;
        }
    }
    return row[m];
}

const char *flow_nearest(const char *word, const char *const *candidates, int n_candidates)
{
    const char *nearest = NULL;
    int least = (int)strlen(word) / 3 + 2; /* a word further away is not suggested */
    for (int i = 0; i < n_candidates; i++) {
        int distance = edit_distance(word, candidates[i]);
        if (distance < least) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

void flow_hint(char out[FLOW_HINT_SIZE], const char *word, const char *const *candidates, int n_candidates,
               const char *what)
{
    const char *nearest = flow_nearest(word, candidates, n_candidates);
    if (nearest != NULL) {
        snprintf(out, FLOW_HINT_SIZE, "did you mean \"%s\"?", nearest);
        return;
    }
    size_t used = (size_t)snprintf(out, FLOW_HINT_SIZE, "%s: %s", what, n_candidates > 0 ? "" : "none");
    for (int i = 0; i < n_candidates && used < FLOW_HINT_SIZE; i++)
        used += (size_t)snprintf(out + used, FLOW_HINT_SIZE - used, "%s%s", i == 0 ? "" : ", ", candidates[i]);
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

flow_status flow_find_repeated(const char **out, const char *const *texts, size_t n, flow_error *err)
{
    *out = NULL;
    const char **sorted = malloc((n + 1) * sizeof *sorted);
    if (sorted == NULL)
        return flow_error_memory(err, "a list of texts");
    for (size_t i = 0; i < n; i++)
        sorted[i] = texts[i];
    qsort(sorted, n, sizeof *sorted, text_compare);
    for (size_t i = 1; i < n && *out == NULL; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            *out = sorted[i];
    free(sorted);
    return FLOW_OK;
}

bool flow_is_utf8(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i++];
        size_t more = c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 4;
        for (size_t k = 0; k < more; k++, i++)
            if (more == 4 || i >= length || ((unsigned char)text[i] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

char *flow_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

char *flow_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *out = text_format(format, args);
    va_end(args);
    return out;
}

bool flow_is_standard(const char *location)
{
    return location != NULL && strcmp(location, "-") == 0;
}

int flow_path_descriptor(const char *path)
{
    static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    for (int i = 0; i < 3; i++)
        if (strcmp(path, names[i]) == 0)
            return i;
    for (int i = 0; i < 2; i++) {
        const char *number = path + strlen(folders[i]);
        if (strncmp(path, folders[i], strlen(folders[i])) == 0 && number[0] != '\0' && strlen(number) < 7 &&
            strspn(number, "0123456789") == strlen(number))
            return (int)strtol(number, NULL, 10);
    }
    return -1;
}

char *flow_path_join(const char *dir, const char *path)
{
    if (dir == NULL || path[0] == '/' || flow_is_standard(path) || strcmp(dir, ".") == 0)
        return flow_strdup(path);
    size_t length = strlen(dir);
    return flow_format("%s%s%s", dir, length > 0 && dir[length - 1] != '/' ? "/" : "", path);
}

char *flow_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return flow_strdup(".");
    if (slash == path)
        return flow_strdup("/");
    return flow_format("%.*s", (int)(slash - path), path);
}
