/* Command-line options: one table per command drives parsing, usage and help.
 *
 * A command's arguments are a struct; each row of its table names one positional argument or one option, and the member
 * it fills. Accepted are
 *     --key value   --key=value   -k value   -kvalue   --flag   -f   -fg   --    (what follows "--" is positional)
 * and "-" is a positional argument: standard input or output. Of an option with one value that is given twice, the last
 * value counts.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_OPT_H
#define FLOW_CMD_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"

enum { OPT_TEXTS_MAX = 80 };

/* What a repeatable option collects; borrowed from argv. */
typedef struct opt_texts {
    int n;
    const char *at[OPT_TEXTS_MAX];
} opt_texts;

/* FLOW_ARGUMENT, with the option's name, when there are too many. */
flow_status opt_texts_add(opt_texts *texts, const char *text, const char *name, flow_error *err);

typedef enum opt_kind {
    OPT_FLAG,     /* bool */
    OPT_TEXT,     /* const char *, borrowed from argv; NULL when not given */
    OPT_TEXTS,    /* opt_texts: may be given several times */
    OPT_INT,      /* int64_t; "1e6" is understood */
    OPT_NUMBER,   /* double */
    OPT_CHOICE,   /* int or an enum: the index in `choices` */
    OPT_ARGUMENT, /* const char *: a positional argument */
    OPT_ARGUMENTS, /* opt_texts: one or more; they take all words, and what rows of arguments behind this one are for is
                      left to the command, which knows words of one kind from those of another */
    OPT_OPTIONAL  /* one that may be left out, behind all others */
} opt_kind;

/* The rows of arguments come first. */
typedef struct opt {
    const char *name; /* "threads" for --threads, "MODEL" */
    char letter;      /* 'n' for -n; 0: none */
    opt_kind kind;
    size_t offset;
    const char *value; /* the name of the value in the help: "FILE" */
    const char *help;
    const char *fallback;       /* the default as it would be typed, shown in the help; NULL: false, 0, NULL, none */
    double least, most;         /* INT and NUMBER; both inclusive, both 0: no limits */
    const char *const *choices; /* CHOICE: NULL-terminated */
    size_t given;               /* offset of a bool that becomes true when the option is given; 0: none */
    void (*fill)(flow_text *text); /* adds the text of the %s in the help; NULL: the help has none */
} opt;

/* The kind and place of the member that an option fills; `value` and `help` follow. */
#define OPT_MEMBER(type, member)                                                                        \
    .kind = _Generic(((type *)0)->member, bool: OPT_FLAG, const char *: OPT_TEXT, opt_texts: OPT_TEXTS, \
                     int64_t: OPT_INT, double: OPT_NUMBER, int: OPT_CHOICE, unsigned: OPT_CHOICE),      \
    .offset = offsetof(type, member)
#define OPT_ARGUMENT_ROW(name_, kind_, type, member, help_) \
    {.name = (name_), .kind = (kind_), .offset = offsetof(type, member), .help = (help_)}
#define OPT_END {.name = NULL}

/* Fills the struct at `args` (zeroed by the caller) with the defaults and then from argv[0 ... argc-1], the words after
 * the command's name. Arguments that are not given stay NULL (see opt_check). FLOW_ARGUMENT with the nearest option for
 * an unknown one. */
flow_status opt_parse(void *args, const opt *table, int argc, char *const *argv, flow_error *err);

/* FLOW_ARGUMENT when a positional argument that is not optional was not given. */
flow_status opt_check(const void *args, const opt *table, flow_error *err);

/* Adds the help of a row, with what fills it and its default. */
void opt_help_text(flow_text *text, const opt *o);

/* Adds "COMMAND MODEL DATA [options]" and the sections "Arguments" and "Options" of a help page. */
void opt_usage(flow_text *text, const char *command, const opt *table);
void opt_help(flow_text *text, const opt *table);

#endif
