/* What the program says beside its results: notes, warnings, errors and a live line, all on standard error.
 *
 * A live line is one line on a terminal that is overwritten; messages clear it first, so that they never end up in its
 * middle. Where standard error is not a terminal there is no live line and no colour; NO_COLOR (any value but empty)
 * turns the colour off everywhere.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_CONSOLE_H
#define FLOW_CMD_CONSOLE_H

#include <stdbool.h>

#include "core/error.h"

typedef struct console {
    bool quiet;    /* no notes and no live line; warnings and errors remain */
    bool terminal; /* standard error is one */
    bool color;
    bool live; /* a live line stands on the screen */
} console;

void console_open(console *c);

void console_note(console *c, const char *format, ...) FLOW_PRINTF(2, 3);
void console_warn(console *c, const char *format, ...) FLOW_PRINTF(2, 3);
void console_error(console *c, const char *format, ...) FLOW_PRINTF(2, 3);

/* Writes the live line anew, cut to the width of the terminal; nothing when there is no terminal. */
void console_live(console *c, const char *text);
/* Removes the live line. */
void console_clear(console *c);

#endif
