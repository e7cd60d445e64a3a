/* A list of structs as a table of CSV or Markdown, from the fields that describe it as JSON and as text. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "run/report_field.h"

/* ---- CSV ---- */

static void table_add_csv_field(flow_text *text, const char *field)
{
    if (field[strcspn(field, "\",\r\n")] == '\0')
        flow_text_add(text, "%s", field);
    else
        flow_text_add_quoted(text, field);
}

static void table_add_csv_value(flow_text *text, const flow_report_field *field, const void *item)
{
    const void *member = report_member(item, field->offset);
    char number[FLOW_NUMBER_SIZE];
    if (!report_has(field, item) || report_is_absent(field, item))
        return;
    if (field->kind == FLOW_REPORT_STRING || field->kind == FLOW_REPORT_ARRAY) {
        table_add_csv_field(text, report_string(field, member));
    } else if (field->kind == FLOW_REPORT_FLAG) {
        flow_text_add(text, *(const bool *)member ? "true" : "false");
    } else if (field->kind == FLOW_REPORT_REAL && !isnan(*(const double *)member)) {
        flow_number_print(number, *(const double *)member);
        flow_text_add(text, "%s", number);
    } else if (field->kind == FLOW_REPORT_INT || field->kind == FLOW_REPORT_INT64) {
        flow_text_add(text, "%lld", (long long)report_whole(field, member));
    }
}

/* The heads, or the values of an item. Groups have a column for each of their fields: the key of the group, an
 * underscore, and the key of the field. */
static void table_add_csv_row(flow_text *text, const flow_report_field *fields, const char *group, const void *item,
                              bool *any)
{
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        if (field->key == NULL)
            continue;
        if (field->kind == FLOW_REPORT_GROUP) {
            table_add_csv_row(text, field->fields, field->key, item != NULL ? report_member(item, field->offset) : NULL,
                              any);
            continue;
        }
        flow_text_add(text, *any ? "," : "");
        *any = true;
        if (item == NULL)
            flow_text_add(text, "%s%s%s", group, group[0] != '\0' ? "_" : "", field->key);
        else
            table_add_csv_value(text, field, item);
    }
}

void flow_report_csv(flow_text *text, const flow_report_field *fields, size_t size, const flow_list *list)
{
    const flow_report_field of = {.fields = fields, .size = size};
    bool any = false;
    table_add_csv_row(text, fields, "", NULL, &any);
    flow_text_add(text, "\n");
    for (size_t i = 0; i < list->n; i++) {
        any = false;
        table_add_csv_row(text, fields, "", report_item(&of, list, i), &any);
        flow_text_add(text, "\n");
    }
}

/* ---- Markdown ---- */

/* What would end the cell is escaped, and "+-" is the sign. */
static void table_add_markdown_cell(flow_text *text, const char *cell)
{
    for (const char *c = cell; *c != '\0'; c++) {
        if (c[0] == '+' && c[1] == '-') {
            flow_text_add(text, "\u00b1");
            c++;
        } else {
            flow_text_add(text, *c == '|' ? "\\%c" : "%c", *c);
        }
    }
}

static void table_add_markdown_row(flow_text *text, const flow_report_field *fields, const void *first,
                                   const void *item)
{
    flow_text_add(text, "|");
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        if (field->label == NULL || !report_has(field, first))
            continue;
        flow_text cell = report_cell(field, item);
        flow_text_add(text, " ");
        table_add_markdown_cell(text, cell.data != NULL ? cell.data : "");
        flow_text_add(text, " |");
        text->failed = text->failed || cell.failed;
        flow_text_free(&cell);
    }
    flow_text_add(text, "\n");
}

void flow_report_markdown(flow_text *text, const flow_report_field *fields, size_t size, const flow_list *list)
{
    const flow_report_field of = {.fields = fields, .size = size};
    if (list->n == 0)
        return;
    table_add_markdown_row(text, fields, list->items, NULL);
    flow_text_add(text, "|");
    for (const flow_report_field *field = fields; !report_is_end(field); field++)
        if (field->label != NULL && report_has(field, list->items))
            flow_text_add(text, field->left ? "---|" : "---:|");
    flow_text_add(text, "\n");
    for (size_t i = 0; i < list->n; i++)
        table_add_markdown_row(text, fields, list->items, report_item(&of, list, i));
}
