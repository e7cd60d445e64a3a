/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/csv_format.h"

#include <ctype.h>
#include <string.h>

static bool format_is_auto(const char *word)
{
    return word == NULL || strcmp(word, "auto") == 0;
}

/* 0: it is none. */
static char format_delimiter(const char *word)
{
    static const struct {
        const char *word;
        char delimiter;
    } words[] = {{"tab", '\t'},  {"\\t", '\t'},  {"blanks", ' '},    {"blank", ' '},
                 {"space", ' '}, {"comma", ','}, {"semicolon", ';'}, {"bar", '|'}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].delimiter;
    const unsigned char c = (unsigned char)word[0];
    const bool one = c != '\0' && word[1] == '\0' && c < 0x80;
    return one && !isalnum(c) && (c == '\t' || !iscntrl(c)) && strchr("\".+-#", c) == NULL ? word[0] : '\0';
}

const char *flow_csv_words_check(const flow_csv_words *words, const char **allowed)
{
    *allowed = "one character that no number has, such as ; or |, or tab, or blanks";
    if (!format_is_auto(words->delimiter) && format_delimiter(words->delimiter) == '\0')
        return "delimiter";
    *allowed = ". or ,";
    if (!format_is_auto(words->decimal) && strcmp(words->decimal, ".") != 0 && strcmp(words->decimal, ",") != 0)
        return "decimal";
    *allowed = "yes or no";
    if (!format_is_auto(words->header) && strcmp(words->header, "yes") != 0 && strcmp(words->header, "no") != 0)
        return "header";
    return NULL;
}

flow_csv_format flow_csv_words_format(const flow_csv_words *words)
{
    flow_csv_format out = {0};
    if (!format_is_auto(words->delimiter))
        out.delimiter = format_delimiter(words->delimiter);
    if (!format_is_auto(words->decimal))
        out.decimal = words->decimal[0];
    if (!format_is_auto(words->header))
        out.header = strcmp(words->header, "yes") == 0 ? FLOW_CSV_NAMES_YES : FLOW_CSV_NAMES_NO;
    return out;
}

flow_status flow_csv_words_read(flow_csv_format *out, const flow_csv_words *words, flow_error *err)
{
    const char *allowed, *wrong = flow_csv_words_check(words, &allowed);
    if (wrong != NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "--%s: it can be %s", wrong, allowed);
    *out = flow_csv_words_format(words);
    return FLOW_OK;
}
