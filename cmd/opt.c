/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "opt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool opt_is_argument(const opt *o)
{
    return o->name != NULL && (o->kind == OPT_ARGUMENT || o->kind == OPT_ARGUMENTS || o->kind == OPT_OPTIONAL);
}

/* The rows behind the arguments. */
static const opt *opt_options(const opt *table)
{
    while (opt_is_argument(table))
        table++;
    return table;
}

/* By its letter, or where that is 0 by its name. */
static const opt *opt_find(const opt *options, const char *name, size_t length, char letter)
{
    for (const opt *o = options; o->name != NULL; o++) {
        if (letter != '\0' && o->letter == letter)
            return o;
        if (letter == '\0' && name != NULL && strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    }
    return NULL;
}

static flow_status opt_unknown_option(const opt *options, const char *word, flow_error *err)
{
    enum { MOST = 64 };
    const char *names[MOST];
    int n = 0;
    for (const opt *o = options; o->name != NULL && n < MOST; o++)
        names[n++] = o->name;
    char name[64];
    const char *start = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "="), start);
    const char *nearest = strlen(name) > 1 ? flow_nearest(name, names, n) : NULL;
    if (nearest != NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "unknown option %.60s; did you mean --%s?", word, nearest);
    if (opt_find(options, "set", strlen("set"), '\0') != NULL && strlen(name) > 1)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "unknown option %.60s; keys of the spec are set by --set, as in --set train.epochs=50",
                              word);
    return flow_error_set(err, FLOW_ARGUMENT, "unknown option %.60s", word);
}

static flow_status opt_set_number(double *out, const opt *o, const char *value, bool whole, flow_error *err)
{
    double number;
    if (!flow_number_parse(value, &number) || !isfinite(number) ||
        (whole && (number != floor(number) || fabs(number) > 9007199254740992.0)))
        return flow_error_set(err, FLOW_ARGUMENT, "--%s takes a %snumber, not \"%.60s\"", o->name,
                              whole ? "whole " : "", value);
    if ((o->least != 0 || o->most != 0) && (number < o->least || number > o->most)) {
        char least[FLOW_NUMBER_SIZE], most[FLOW_NUMBER_SIZE] = "more";
        flow_number_print(least, o->least);
        if (o->most < 9e15)
            flow_number_print(most, o->most);
        return flow_error_set(err, FLOW_ARGUMENT, "--%s %s is out of range; allowed is %s %s %s", o->name, value, least,
                              o->most < 9e15 ? "to" : "or", most);
    }
    *out = number;
    return FLOW_OK;
}

static flow_status opt_set_choice(int *out, const opt *o, const char *value, flow_error *err)
{
    flow_text list = {0};
    int i = 0;
    for (; o->choices[i] != NULL && value != NULL && strcmp(o->choices[i], value) != 0; i++)
        flow_text_add(&list, "%s%s", i == 0 ? "" : ", ", o->choices[i]);
    flow_status status = FLOW_OK;
    if (o->choices[i] != NULL)
        *out = i;
    else
        status = flow_error_set(err, FLOW_ARGUMENT, "--%s takes one of %s, not \"%.60s\"", o->name,
                                list.data != NULL ? list.data : "", value);
    flow_text_free(&list);
    return status;
}

flow_status opt_texts_add(opt_texts *texts, const char *text, const char *name, flow_error *err)
{
    if (texts->n == OPT_TEXTS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "--%s was given more than %d times", name, OPT_TEXTS_MAX);
    texts->at[texts->n++] = text;
    return FLOW_OK;
}

/* `value` is o->fallback, or what the command line gives. */
static flow_status opt_set_value(void *args, const opt *o, const char *value, flow_error *err)
{
    void *member = (char *)args + o->offset;
    double number = 0;
    flow_status status = FLOW_OK;
    if (o->given != 0)
        *(bool *)((char *)args + o->given) = value != o->fallback || value == NULL;
    switch (o->kind) {
    case OPT_FLAG:
        *(bool *)member = true;
        return FLOW_OK;
    case OPT_TEXTS:
        return opt_texts_add(member, value, o->name, err);
    case OPT_ARGUMENTS:
        if (opt_texts_add(member, value, o->name, NULL) == FLOW_OK)
            return FLOW_OK;
        return flow_error_set(err, FLOW_ARGUMENT, "%s: there are more than %d", o->name, OPT_TEXTS_MAX);
    case OPT_INT:
        status = opt_set_number(&number, o, value, true, err);
        if (status == FLOW_OK)
            *(int64_t *)member = (int64_t)number;
        return status;
    case OPT_NUMBER:
        return opt_set_number(member, o, value, false, err);
    case OPT_CHOICE:
        return opt_set_choice(member, o, value, err);
    default: /* a text, an argument */
        *(const char **)member = value;
        return FLOW_OK;
    }
}

static flow_status opt_set_argument(void *args, const opt *table, int index, const char *word, flow_error *err)
{
    const int n = (int)(opt_options(table) - table);
    for (int i = 0; i < n; i++)
        if (i == index || table[i].kind == OPT_ARGUMENTS)
            return opt_set_value(args, &table[i], word, err);
    if (n == 0)
        return flow_error_set(err, FLOW_ARGUMENT, "unexpected argument \"%.60s\"; this command takes none", word);
    return flow_error_set(err, FLOW_ARGUMENT, "unexpected argument \"%.60s\"; there %s only %d: %s%s%s", word,
                          n == 1 ? "is" : "are", n, table[0].name, n > 1 ? ", " : "", n > 1 ? table[1].name : "");
}

/* The word argv[*i] is an option, or flags and an option: -fgk. Its value may be the next word, which is then taken. */
static flow_status opt_parse_option(void *args, const opt *options, int argc, char *const *argv, int *i,
                                    flow_error *err)
{
    const char *word = argv[*i], *value = NULL;
    const opt *o;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        o = opt_find(options, word + 2, length, '\0');
        if (word[2 + length] == '=')
            value = word + 2 + length + 1;
        if (o != NULL && o->kind == OPT_FLAG && value != NULL)
            return flow_error_set(err, FLOW_ARGUMENT, "--%s takes no value (found \"%.60s\")", o->name, value);
    } else {
        const char *letter = word + 1;
        while ((o = opt_find(options, NULL, 0, *letter)) != NULL && o->kind == OPT_FLAG && letter[1] != '\0') {
            opt_set_value(args, o, NULL, NULL);
            letter++;
        }
        if (letter[1] != '\0')
            value = letter + 1;
    }
    if (o == NULL)
        return opt_unknown_option(options, word, err);
    if (o->kind != OPT_FLAG && value == NULL) {
        if (*i + 1 == argc)
            return flow_error_set(err, FLOW_ARGUMENT, "--%s needs a value: --%s %s", o->name, o->name, o->value);
        value = argv[++*i];
    }
    return opt_set_value(args, o, value, err);
}

flow_status opt_parse(void *args, const opt *table, int argc, char *const *argv, flow_error *err)
{
    flow_status status = FLOW_OK;
    const opt *options = opt_options(table);
    for (const opt *o = options; status == FLOW_OK && o->name != NULL; o++)
        if (o->fallback != NULL)
            status = opt_set_value(args, o, o->fallback, err);
    int n_arguments = 0;
    bool only_arguments = false;
    for (int i = 0; status == FLOW_OK && i < argc; i++) {
        if (only_arguments || argv[i][0] != '-' || argv[i][1] == '\0')
            status = opt_set_argument(args, table, n_arguments++, argv[i], err);
        else if (strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else
            status = opt_parse_option(args, options, argc, argv, &i, err);
    }
    return status;
}

flow_status opt_check(const void *args, const opt *table, flow_error *err)
{
    for (const opt *a = table; opt_is_argument(a); a++) {
        const void *member = (const char *)args + a->offset;
        const bool missing = a->kind == OPT_ARGUMENT    ? *(const char *const *)member == NULL
                             : a->kind == OPT_ARGUMENTS ? ((const opt_texts *)member)->n == 0
                                                        : false;
        if (missing)
            return flow_error_set(err, FLOW_ARGUMENT, "%s is missing: %s", a->name, a->help);
    }
    return FLOW_OK;
}

/* ---- help ---- */

void opt_usage(flow_text *text, const char *command, const opt *table)
{
    flow_text_add(text, "%s", command);
    for (; opt_is_argument(table); table++)
        flow_text_add(text,
                      table->kind == OPT_OPTIONAL    ? " [%s]"
                      : table->kind == OPT_ARGUMENTS ? " %s..."
                                                     : " %s",
                      table->name);
    if (table->name != NULL)
        flow_text_add(text, " [options]");
}

static void opt_help_row(flow_text *text, const char *left, int width, const char *help)
{
    flow_text_add(text, "  %-*s  ", width, left);
    flow_text_wrap(text, help, width + 4, width + 4);
    flow_text_add(text, "\n");
}

static void opt_left_side(char *out, size_t size, const opt *o)
{
    const char letter[] = {'-', o->letter, ',', '\0'};
    snprintf(out, size, "%s --%s%s%s", o->letter != '\0' ? letter : "   ", o->name, o->kind == OPT_FLAG ? "" : " ",
             o->kind == OPT_FLAG ? "" : o->value);
}

void opt_help_text(flow_text *text, const opt *o)
{
    const char *filled = o->fill != NULL ? strstr(o->help, "%s") : NULL;
    flow_text_add(text, "%.*s", filled != NULL ? (int)(filled - o->help) : (int)strlen(o->help), o->help);
    if (filled != NULL) {
        o->fill(text);
        flow_text_add(text, "%s", filled + strlen("%s"));
    }
    if (o->fallback != NULL)
        flow_text_add(text, " (default: %s)", o->fallback);
}

void opt_help(flow_text *text, const opt *table)
{
    char left[80];
    int width = 0;
    const opt *options = opt_options(table);
    for (const opt *o = options; o->name != NULL; o++) {
        opt_left_side(left, sizeof left, o);
        if ((int)strlen(left) > width)
            width = (int)strlen(left);
    }
    flow_text_add(text, "%s", table != options ? "\nArguments:\n" : "");
    for (; table != options; table++)
        opt_help_row(text, table->name, width, table->help);
    flow_text_add(text, "\nOptions:\n");
    for (const opt *o = options; o->name != NULL; o++) {
        opt_left_side(left, sizeof left, o);
        flow_text help = {0};
        opt_help_text(&help, o);
        opt_help_row(text, left, width, help.data != NULL ? help.data : o->help);
        flow_text_free(&help);
    }
}
