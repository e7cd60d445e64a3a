/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void console_open(console *c)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    *c = (console){.terminal = isatty(STDERR_FILENO) == 1 && !dumb};
    c->color = c->terminal && (no_color == NULL || no_color[0] == '\0');
}

static void say(console *c, const char *label, const char *color, const char *format, va_list args)
{
    console_clear(c);
    if (label != NULL)
        fprintf(stderr, "flowctl: %s%s%s: ", c->color ? color : "", label, c->color ? "\033[0m" : "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    fflush(stderr);
}

void console_note(console *c, const char *format, ...)
{
    if (c->quiet)
        return;
    va_list args;
    va_start(args, format);
    say(c, NULL, NULL, format, args);
    va_end(args);
}

void console_warn(console *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, "warning", "\033[33m", format, args);
    va_end(args);
}

void console_error(console *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(c, "error", "\033[31m", format, args);
    va_end(args);
}

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

void console_live(console *c, const char *text)
{
    if (c->quiet || !c->terminal)
        return;
    /* one column is left free: a character in the last one makes some terminals wrap */
    fprintf(stderr, "\r%.*s\033[K", terminal_width() - 1, text);
    fflush(stderr);
    c->live = true;
}

void console_clear(console *c)
{
    if (!c->live)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    c->live = false;
}
