/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

enum { ESCAPE = 6 }; /* characters of \udcXX */

/* How many bytes from here on are one character in UTF-8; 0: the first one is none. */
static size_t bytes_in_character(const char *text)
{
    size_t n = 1;
    while (n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n++;
    for (; n > 0; n--)
        if (flow_is_utf8(text, n))
            return (unsigned char)text[0] < 0x80 ? 1 : n;
    return 0;
}

char *flow_bytes_escape(const char *text)
{
    if (text == NULL)
        return NULL;
    size_t n_bad = 0, length = 0, n;
    for (const char *c = text; *c != '\0'; c += n, length += n) {
        n = bytes_in_character(c);
        n_bad += n == 0;
        n += n == 0;
    }
    char *out = malloc(length + (ESCAPE - 1) * n_bad + 1), *to = out;
    for (const char *c = text; out != NULL && *c != '\0'; c += n) {
        n = bytes_in_character(c);
        if (n == 0) {
            to += snprintf(to, ESCAPE + 1, "\\udc%02x", (unsigned)(unsigned char)*c);
            n = 1;
        } else {
            memcpy(to, c, n);
            to += n;
        }
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

/* The value of the four digits of \uXXXX; -1: there are none. */
static int bytes_escape_at(const char *text, size_t length)
{
    unsigned value = 0;
    if (length < ESCAPE || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (int i = 2; i < ESCAPE; i++) {
        const char *digits = "0123456789abcdef", c = text[i];
        const char *digit = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
        if (digit == NULL)
            return -1;
        value = 16 * value + (unsigned)(digit - digits);
    }
    return (int)value;
}

size_t flow_bytes_unescape(char *text, size_t length)
{
    size_t to = 0;
    for (size_t from = 0, n; from < length; from += n) {
        const int value = bytes_escape_at(text + from, length - from);
        const bool is_pair = value >= 0xd800 && value < 0xdc00; /* and its second half */
        if (value >= 0xdc80 && value <= 0xdcff) {
            text[to++] = (char)(value - 0xdc00);
            n = ESCAPE;
            continue;
        }
        n = is_pair ? 2 * ESCAPE : value >= 0 ? ESCAPE : text[from] == '\\' ? 2 : 1;
        n = n < length - from ? n : length - from;
        memmove(text + to, text + from, n);
        to += n;
    }
    if (to < length)
        text[to] = '\0';
    return to;
}

void flow_bytes_hide_controls(char *text)
{
    for (unsigned char *c = (unsigned char *)text; c != NULL && *c != '\0'; c++) {
        if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
            *c = '?';
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* U+0080 to U+009F */
            c[0] = c[1] = '?';
    }
}
