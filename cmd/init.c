/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "init.h"

#include <stdio.h>
#include <string.h>

#include "report.h"

#define RESULT(member) FLOW_MEMBER(flow_run_init_result, member)

static const flow_report_field remark_fields[] = {
    {"about", FLOW_MEMBER(flow_init_remark, about)},
    {"text", FLOW_MEMBER(flow_init_remark, text)},
    FLOW_REPORT_END,
};

static const flow_report_field head_fields[] = {
    {"data", NULL, "%s: ", RESULT(location)},
    {"rows", NULL, "%s ", RESULT(n_rows)},
    {NULL, NULL, "%s, ", RESULT(row_name)},
    {"columns", NULL, "%d column{|s}", RESULT(n_columns)},
    {"modelled", RESULT(n_modelled)},
    {NULL, NULL, ", of which %d {is|are} modelled", RESULT(n_modelled),
     FLOW_REPORT_WHEN(flow_run_init_result, left_out.n)},
    {"left_out", RESULT(left_out)},
    {"remarks", FLOW_REPORT_LIST_OF(flow_run_init_result, remarks, flow_init_remark, remark_fields)},
    {"spec", RESULT(spec)},
    {"model", RESULT(model)},
    FLOW_REPORT_END,
};

/* "  left out       id (numbers the rows)", broken into lines. */
static void init_add_remarks(flow_text *text, const flow_run_init_result *result)
{
    const flow_init_remark *remarks = result->remarks.items;
    int width = 0;
    for (size_t i = 0; i < result->remarks.n; i++)
        width = (int)strlen(remarks[i].about) > width ? (int)strlen(remarks[i].about) : width;
    for (size_t i = 0; i < result->remarks.n; i++) {
        flow_text_add(text, "  %-*s  ", width, remarks[i].about);
        flow_text_wrap(text, remarks[i].text, width + 4, width + 4);
        flow_text_add(text, "\n");
    }
}

flow_status init_show(console *con, const flow_run_init_result *result, bool json, bool note, flow_error *err)
{
    const report_format format = {.json = true, .fields = head_fields};
    if (json)
        return report_print(con, &format, result, err);
    flow_text text = {0};
    if (result->kept) {
        flow_text_add(&text, "%s: this spec of %s is there already\n", result->spec, result->location);
    } else {
        flow_report_text(&text, head_fields, result, 0, 1);
        init_add_remarks(&text, result);
        flow_text_add(&text, "%s: written%s%s\n", result->spec, note ? "" : "; to train it: flowctl train ",
                      note ? "" : result->spec);
    }
    if (!note)
        return con->quiet ? (flow_text_free(&text), FLOW_OK) : report_take(&text, err);
    if (!text.failed)
        console_say(con, CONSOLE_NOTE, "%.*s", (int)text.length - 1, text.data);
    flow_status status = text.failed ? flow_error_memory(err, "a text") : FLOW_OK;
    flow_text_free(&text);
    return status;
}
