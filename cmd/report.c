/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "run/row_walk.h"

flow_status report_take(flow_text *text, flow_error *err)
{
    flow_status status = text->failed ? flow_error_memory(err, "a text") : FLOW_OK;
    if (status == FLOW_OK && text->data != NULL && (fputs(text->data, stdout) < 0 || fflush(stdout) != 0)) {
        int code = errno;
        if (code != EPIPE && !flow_output_is_closed())
            status = flow_error_set(err, FLOW_IO, "cannot write to standard output: %s",
                                    code == EBADF ? "it is closed (>&-); send it to a file, or to /dev/null"
                                                  : strerror(code));
    }
    flow_text_free(text);
    return status;
}

flow_status report_document(char *json, flow_error *err)
{
    char *escaped = flow_bytes_escape(json);
    flow_text text = {.failed = escaped == NULL};
    flow_text_add(&text, "%s\n", escaped);
    free(escaped);
    free(json);
    return report_take(&text, err);
}

/* Each line without blanks at its end, and broken where it is too long; what follows stands at `indent`. Lines in
 * columns, with three blanks between values, stay whole. */
static void report_wrap(flow_text *text, int indent)
{
    flow_text wrapped = {.failed = text->failed};
    for (char *line = text->data, *next; line != NULL && *line != '\0'; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        while (length > 0 && line[length - 1] == ' ')
            length--;
        line[length] = '\0';
        if (length > (size_t)indent && strstr(line + indent, "   ") == NULL)
            flow_text_wrap(&wrapped, line, 0, indent);
        else
            flow_text_add(&wrapped, "%s", line);
        flow_text_add(&wrapped, "\n");
    }
    flow_text_free(text);
    *text = wrapped;
}

flow_status report_print(console *con, const report_format *format, const void *result, flow_error *err)
{
    console_clear(con);
    flow_text text = {0};
    if (format->json) {
        cJSON *object = flow_report_json(format->fields, result, err);
        flow_status status = report_document(cJSON_PrintUnformatted(object), err);
        cJSON_Delete(object);
        return status;
    }
    flow_report_text(&text, format->fields, result, format->indent, format->width);
    if (format->wrap)
        report_wrap(&text, format->indent + format->width + 4);
    flow_bytes_hide_controls(text.data);
    if (!format->note || text.failed)
        return report_take(&text, err);
    if (text.length > 0)
        console_say(con, CONSOLE_NOTE, "%.*s", (int)(text.length - (text.data[text.length - 1] == '\n')), text.data);
    flow_text_free(&text);
    return FLOW_OK;
}
