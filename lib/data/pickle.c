/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/pickle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"

enum { MOST_MARKS = 16, MOST_MEMO = 1 << 18, MOST_TEXTS = 1 << 18 };

typedef struct pickle_reader {
    flow_name_list *out;
    char **memo; /* the text that was remembered under a number; NULL: something else */
    size_t n_memo, memo_capacity;
    int marks[MOST_MARKS], n_marks; /* texts before each open bracket */
    int last;                       /* the text that the last operation made; -1: none */
    bool joined;
} pickle_reader;

/* Appends a code point in UTF-8. */
static void pickle_add_point(flow_text *text, uint32_t c)
{
    if (c < 0x80)
        flow_text_add(text, "%c", (int)c);
    else if (c < 0x800)
        flow_text_add(text, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
    else if (c < 0x10000)
        flow_text_add(text, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
    else
        flow_text_add(text, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)),
                      (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
}

static bool pickle_add(pickle_reader *r, const char *text, size_t length)
{
    if (r->out->n >= MOST_TEXTS || flow_name_list_add(r->out, text, length, NULL) != FLOW_OK)
        return false;
    r->last = r->out->n - 1;
    return true;
}

/* The encoding "raw-unicode-escape": \u with four hexadecimal digits, \U with eight and \x with two are code points,
 * and so is every other byte. */
static bool pickle_add_escaped(pickle_reader *r, const char *at, size_t length)
{
    flow_text text = {0};
    bool good = true;
    for (size_t i = 0; i < length && good;) {
        const char kind = i + 1 < length && at[i] == '\\' ? at[i + 1] : '\0';
        const size_t digits = kind == 'u' ? 4 : kind == 'U' ? 8 : kind == 'x' ? 2 : 0;
        uint32_t point = (unsigned char)at[i];
        if (digits > 0 && i + 2 + digits <= length) {
            char hex[9] = "", *end;
            memcpy(hex, at + i + 2, digits);
            point = (uint32_t)strtoul(hex, &end, 16);
            good = *end == '\0' && point < 0x110000 && point > 0;
            i += 2 + digits;
        } else {
            i++;
        }
        pickle_add_point(&text, point);
    }
    good = good && !text.failed && pickle_add(r, text.data != NULL ? text.data : "", text.length);
    flow_text_free(&text);
    return good;
}

static bool pickle_put(pickle_reader *r, size_t key)
{
    if (key >= MOST_MEMO || !flow_grow(&r->memo, &r->memo_capacity, key + 1, sizeof *r->memo))
        return false;
    for (; r->n_memo <= key; r->n_memo++)
        r->memo[r->n_memo] = NULL;
    free(r->memo[key]);
    r->memo[key] = r->last >= 0 ? flow_strdup(r->out->at[r->last]) : NULL;
    return r->last < 0 || r->memo[key] != NULL;
}

static bool pickle_get(pickle_reader *r, size_t key)
{
    return key < r->n_memo && r->memo[key] != NULL && pickle_add(r, r->memo[key], strlen(r->memo[key]));
}

/* Makes one text of those since the last open bracket. */
static bool pickle_join(pickle_reader *r, int first)
{
    flow_text text = {0};
    flow_name_list *out = r->out;
    if (first >= out->n)
        return true;
    for (int i = first; i < out->n; i++) {
        flow_text_add(&text, "%s%s", i > first ? "." : "", out->at[i]);
        free(out->at[i]);
    }
    out->n = first;
    const bool good = !text.failed && pickle_add(r, text.data, text.length);
    flow_text_free(&text);
    return good;
}

static bool pickle_close(pickle_reader *r, char operation)
{
    if (r->n_marks == 0)
        return operation != 't' && operation != 'l';
    const int first = r->marks[--r->n_marks];
    const bool good = operation != 't' || !r->joined || pickle_join(r, first);
    r->last = -1;
    return good;
}

/* One operation whose argument is a line. */
static bool pickle_line(pickle_reader *r, char operation, const char *at, size_t length)
{
    switch (operation) {
    case 'V':
        return pickle_add_escaped(r, at, length);
    case 'S': /* in quotes, and its escapes are those of Python */
        return length >= 2 && memchr(at + 1, '\\', length - 2) == NULL && pickle_add(r, at + 1, length - 2);
    case 'L':
        return length > 0 && pickle_add(r, at, at[length - 1] == 'L' ? length - 1 : length);
    case 'I':
    case 'F':
        return pickle_add(r, at, length);
    case 'p':
        return pickle_put(r, strtoul(at, NULL, 10));
    default:
        return pickle_get(r, strtoul(at, NULL, 10));
    }
}

bool flow_pickle_read(flow_name_list *out, const char *pickle, bool joined)
{
    pickle_reader r = {.out = out, .last = -1, .joined = joined};
    bool good = true;
    while (good && *pickle != '\0' && *pickle != '.') {
        const char operation = *pickle++;
        if (strchr("VSLIFpg", operation) != NULL) {
            const char *end = strchr(pickle, '\n');
            good = end != NULL && pickle_line(&r, operation, pickle, (size_t)(end - pickle));
            pickle = end != NULL ? end + 1 : pickle;
        } else if (operation == '(') {
            good = r.n_marks < MOST_MARKS;
            if (good)
                r.marks[r.n_marks++] = out->n;
        } else if (operation == 'l' || operation == 't') {
            good = pickle_close(&r, operation);
        } else {
            good = operation == 'a' || operation == 'N'; /* appends; None */
            r.last = -1;
        }
    }
    good = good && *pickle == '.';
    for (size_t i = 0; i < r.n_memo; i++)
        free(r.memo[i]);
    free(r.memo);
    return good;
}
