/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/quote.h"

#include <string.h>

int flow_character_size(const char *at)
{
    const unsigned char c = (unsigned char)*at;
    const int n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || strnlen(at, (size_t)n) < (size_t)n || !flow_is_utf8(at, (size_t)n))
        return 0;
    return n;
}

bool flow_character_is_control(const char *at, int n)
{
    const unsigned char *c = (const unsigned char *)at;
    if (n == 1)
        return c[0] < 0x20 || c[0] == 0x7f;
    if (n == 2)
        return c[0] == 0xc2 && c[1] < 0xa0;
    if (n != 3 || c[0] != 0xe2)
        return false;
    /* U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F */
    return (c[1] == 0x80 && ((c[2] >= 0x8b && c[2] <= 0x8f) || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
           (c[1] == 0x81 && c[2] >= 0xa0 && c[2] <= 0xaf);
}

void flow_quote_add(flow_text *out, const char *text, int most)
{
    int n = 0, at = 0;
    for (const char *c = text; c != NULL && *c != '\0'; n++)
        c += flow_character_size(c) > 0 ? flow_character_size(c) : 1;
    const bool cut = most > 0 && n > most;
    const int head = most / 2, tail = n - (most - 1 - head);
    flow_text_add(out, "'");
    for (const char *c = text; c != NULL && *c != '\0'; at++) {
        const int length = flow_character_size(c);
        if (cut && at >= head && at < tail)
            flow_text_add(out, at == head ? "…" : "");
        else if (length == 0 || flow_character_is_control(c, length))
            flow_text_add(out, "?");
        else if (*c == '\'')
            flow_text_add(out, "''");
        else
            flow_text_add(out, "%.*s", length, c);
        c += length > 0 ? length : 1;
    }
    flow_text_add(out, "'");
}
