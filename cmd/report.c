/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/batches.h"

flow_status report_text(const char *text, flow_error *err)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return FLOW_OK;
    int code = errno;
    if (code == EPIPE || flow_output_is_closed())
        return FLOW_OK;
    return flow_error_set(err, FLOW_IO, "cannot write to standard output: %s", strerror(code));
}

flow_status report_take(flow_text *text, flow_error *err)
{
    flow_status status = text->failed ? flow_error_memory(err, "a text") : FLOW_OK;
    if (status == FLOW_OK && text->data != NULL)
        status = report_text(text->data, err);
    flow_text_free(text);
    return status;
}

flow_status report_json(cJSON *object, flow_error *err)
{
    char *text = cJSON_PrintUnformatted(object);
    flow_status status = text == NULL ? flow_error_memory(err, "the JSON result") : report_text(text, err);
    if (status == FLOW_OK)
        status = report_text("\n", err);
    free(text);
    cJSON_Delete(object);
    return status;
}

flow_status report_check_output(bool json, const char *output, flow_error *err)
{
    if (json && flow_is_standard(output))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--json and -o - would both write to standard output; name a file with -o FILE");
    return FLOW_OK;
}

flow_status report_print(console *con, const report_format *format, const void *result, flow_error *err)
{
    console_clear(con);
    flow_text text = {0};
    if (format->json) {
        cJSON *object = cJSON_CreateObject();
        if (format->kind != NULL)
            cJSON_AddStringToObject(object, "kind", format->kind);
        flow_report_json(object, format->fields, result);
        return report_json(object, err);
    }
    flow_report_text(&text, format->fields, result, format->indent, format->width);
    if (!format->note || text.failed)
        return report_take(&text, err);
    if (text.length > 0)
        console_note(con, "%.*s", (int)(text.length - (text.data[text.length - 1] == '\n')), text.data);
    flow_text_free(&text);
    return FLOW_OK;
}
