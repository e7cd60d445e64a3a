/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/hooks.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/text.h"
#include "num/parallel.h"
#include "run/format.h"

void flow_run_warn(const flow_run_hooks *hooks, const char *format, ...)
{
    if (hooks->warn == NULL)
        return;
    char message[FLOW_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    hooks->warn(hooks->context, message);
}

void flow_run_warn_skipped(const flow_run_hooks *hooks, const char *location, const flow_skipped *s, const char *effect,
                           const char *remedy)
{
    static const double large = 0.05; /* share of the rows */
    const double share = (double)s->rows / (double)(s->all > s->rows ? s->all : s->rows);
    char count[FLOW_FORMAT_SIZE];
    flow_text text = {0};
    if (s->rows == 0)
        return;
    flow_text_add(&text, "%s invalid row%s skipped%s", flow_format_count(count, s->rows),
                  s->rows == 1 ? " was" : "s were", effect);
    if (share > large || s->other != NULL)
        flow_text_add(&text, "; %.2g %% of all", 100 * share);
    if ((share > large || s->other != NULL) && s->column != NULL)
        flow_text_add(&text, ", %s of them for the column \"%.80s\"", flow_format_count(count, s->invalid), s->column);
    if (s->other != NULL)
        flow_text_add(&text, ". They differ from the others: their mean of \"%.80s\" is %.4g, that of the others %.4g",
                      s->other, s->mean, s->others);
    if (share > large || s->other != NULL)
        flow_text_add(&text, ". What follows is about the rows that are left%s", s->column != NULL ? remedy : "");
    flow_run_warn(hooks, "%s: %s", location, text.data != NULL ? text.data : "rows were skipped");
    flow_text_free(&text);
}

void flow_run_say_remarks(const flow_run_hooks *hooks, const char *location, const flow_name_list *remarks)
{
    for (int i = 0; i < remarks->n; i++)
        flow_run_warn(hooks, "%s: %s", flow_is_standard(location) ? "standard input" : location, remarks->at[i]);
}

void flow_run_begin(const flow_run_hooks *hooks)
{
    if (hooks->begin != NULL)
        hooks->begin(hooks->context);
}

bool flow_run_should_stop(const flow_run_hooks *hooks)
{
    return hooks->should_stop != NULL && hooks->should_stop(hooks->context);
}

const char *flow_run_file(const char *location)
{
    return flow_is_standard(location) ? NULL : location;
}

int flow_run_threads(int64_t n_threads)
{
    return n_threads > 0 ? (int)n_threads : flow_processors();
}
