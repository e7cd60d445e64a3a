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

void flow_run_warn_skipped(const flow_run_hooks *hooks, const char *location, int64_t n)
{
    char count[FLOW_FORMAT_SIZE];
    if (n > 0)
        flow_run_warn(hooks, "%s: %s invalid row%s skipped", location, flow_format_count(count, n),
                      n == 1 ? " was" : "s were");
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
