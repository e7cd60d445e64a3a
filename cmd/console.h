/* Notes, warnings, errors and a live line, all on standard error.
 *
 * A live text is one line or several on a terminal that are overwritten; a message clears it first. Without a terminal
 * there is no live text and no colour; NO_COLOR, if it is not empty, turns the colour off.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_CONSOLE_H
#define FLOW_CMD_CONSOLE_H

#include <stdbool.h>

#include "core/error.h"
#include "run/hooks.h"

typedef struct console {
    bool quiet;    /* no notes and no live line; warnings and errors remain */
    bool silent;   /* nothing at all */
    bool terminal; /* standard error is one */
    bool color;
    int live;     /* lines of the live text on the screen */
    double shown; /* when it was last written; seconds of flow_seconds */
} console;

void console_open(console *c);

typedef enum console_kind { CONSOLE_NOTE, CONSOLE_WARNING, CONSOLE_ERROR } console_kind;

void console_say(console *c, console_kind kind, const char *format, ...) FLOW_PRINTF(3, 4);

/* Whether it is time to write a live line: there is a terminal, and the last one is a tenth of a second old. */
bool console_live_is_due(console *c);
/* Writes the live text anew: its lines, as many as the terminal shows, each cut to its width. */
void console_live(console *c, const char *text);
/* Removes the live text. */
void console_clear(console *c);

/* Hooks for the commands of lib/run: warnings and progress go to the console, signals stop. `output` is the
 * location of the rows, or NULL: there is no progress among rows that are printed on a terminal. */
flow_run_hooks console_hooks(console *c, const char *output);

#endif
