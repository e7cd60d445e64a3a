/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/text.h"
#include "run/format.h"
#include "stop.h"

void console_open(console *c)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    *c = (console){.terminal = isatty(STDERR_FILENO) == 1 && !dumb};
    c->color = c->terminal && (no_color == NULL || no_color[0] == '\0');
}

void console_say(console *c, console_kind kind, const char *format, ...)
{
    static const char *const labels[] = {"", "warning", "error"}, *const colors[] = {"", "\033[33m", "\033[31m"};
    if (c->silent || (kind == CONSOLE_NOTE && c->quiet))
        return;
    console_clear(c);
    if (kind != CONSOLE_NOTE)
        fprintf(stderr, "flowctl: %s%s%s: ", c->color ? colors[kind] : "", labels[kind], c->color ? "\033[0m" : "");
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char usual[4096]; /* longer texts need memory, and are shown as they are where it is out */
    const int length = vsnprintf(usual, sizeof usual, format, args);
    const bool fits = length >= 0 && (size_t)length < sizeof usual;
    char *text = fits ? usual : length >= 0 ? malloc((size_t)length + 1) : NULL;
    if (text != NULL) {
        if (!fits)
            vsnprintf(text, (size_t)length + 1, format, again);
        flow_bytes_hide_controls(text);
        fputs(text, stderr);
    } else {
        vfprintf(stderr, format, again);
    }
    if (!fits)
        free(text);
    va_end(again);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
}

bool console_live_is_due(console *c)
{
    double now = flow_seconds();
    if (c->silent || c->quiet || !c->terminal || now - c->shown < 0.1)
        return false;
    c->shown = now;
    return true;
}

/* To the beginning of the live text. */
static void console_go_to_top(const console *c)
{
    fprintf(stderr, "\r");
    if (c->live > 1)
        fprintf(stderr, "\033[%dA", c->live - 1);
}

void console_live(console *c, const char *text)
{
    struct winsize size = {0};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1;
    const int width = known ? size.ws_col : 80, height = known ? size.ws_row : 24;
    console_go_to_top(c);
    for (c->live = 0; c->live == 0 || (*text != '\0' && c->live < height - 1); c->live++) {
        const int length = (int)strcspn(text, "\n");
        /* one column is left free: a character in the last one makes some terminals wrap */
        fprintf(stderr, "%s%.*s\033[K", c->live > 0 ? "\n" : "", length < width ? length : width - 1, text);
        text += length + (text[length] == '\n');
    }
    fprintf(stderr, "\033[J");
    fflush(stderr);
}

void console_clear(console *c)
{
    if (c->live == 0)
        return;
    console_go_to_top(c);
    fprintf(stderr, "\033[J");
    fflush(stderr);
    c->live = 0;
}

static void console_on_warning(void *context, const char *message)
{
    console_say(context, CONSOLE_WARNING, "%s", message);
}

/* "120,000 of 1,000,000 rows  145,000 rows/s  ETA 6 s" */
static void console_on_progress(void *context, const flow_run_progress *p)
{
    enum { LINE_SIZE = 320 };
    char line[LINE_SIZE], rows[FLOW_FORMAT_SIZE], total[FLOW_FORMAT_SIZE], rate[FLOW_FORMAT_SIZE];
    char left[FLOW_FORMAT_SIZE];
    if (p->seconds < 1 || !console_live_is_due(context))
        return;
    double per_second = (double)p->rows / p->seconds;
    flow_format_count(rows, p->rows);
    flow_format_rate(rate, per_second);
    if (p->total > 0)
        snprintf(line, sizeof line, "%s of %s rows  %s  ETA %s", rows, flow_format_count(total, p->total), rate,
                 flow_format_duration(left, (double)(p->total - p->rows) / per_second));
    else
        snprintf(line, sizeof line, "%s rows  %s", rows, rate);
    console_live(context, line);
}

flow_run_hooks console_hooks(console *c, const char *output)
{
    bool among_rows = flow_is_standard(output) && isatty(STDOUT_FILENO) == 1;
    return (flow_run_hooks){c, console_on_warning, stop_watch, among_rows ? NULL : console_on_progress, stop_asked};
}
