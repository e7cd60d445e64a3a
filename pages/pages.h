/* Man pages and completion, from the tables of the program. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAGES_PAGES_H
#define PAGES_PAGES_H

#include "command.h"
#include "core/text.h"

/* The commands, in the order of the help; ends with NULL. */
extern const command *const pages_commands[];

/* ---- man pages (man.c) ---- */

/* What stands in the title of each page. */
typedef struct man_title {
    const char *version, *date; /* "0.2.0", "2026-11-29" */
} man_title;

/* flowctl(1), up to its notes. */
void man_program(flow_text *out, const man_title *title);
/* flowctl-COMMAND(1). */
void man_command(flow_text *out, const command *cmd, const man_title *title);

/* ---- completion (completion.c, keys.c) ---- */

/* What the value of an option or an argument is. */
typedef enum page_kind {
    PAGE_NOTHING, /* a flag */
    PAGE_VALUE,   /* a number, a name: nothing to complete */
    PAGE_WORDS,   /* one of some words */
    PAGE_MODEL,   /* a model file, or a spec */
    PAGE_SPEC,    /* a spec, or data */
    PAGE_FILE,    /* any file */
    PAGE_KEY      /* KEY=VALUE of a spec */
} page_kind;

page_kind page_kind_of(const opt *o);
/* Adds the words of PAGE_WORDS with blanks between them. */
void page_words(flow_text *out, const opt *o);
/* Adds the first clause of the help of an option, without the characters that a shell would take for its own. */
void page_summary(flow_text *out, const opt *o);

/* What completion.bash, completion.zsh and completion.fish have in place of "@TABLE@". */
void completion_bash(flow_text *out);
void completion_zsh(flow_text *out);
void completion_fish(flow_text *out);

/* A line for each key of a spec that --set can override: "train.optimizer adam adamw adamax", the key and its words, if
 * there are some. */
void page_keys(flow_text *out);

#endif
