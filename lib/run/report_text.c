/* Results as text. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/format.h"
#include "run/report_field.h"

static void report_add_names(flow_text *text, const flow_text_list *list)
{
    enum { SHOWN = 12, MOST = 16 };
    int shown = list->n > MOST ? SHOWN : list->n;
    for (int i = 0; i < shown; i++)
        flow_text_add(text, "%s%s", i == 0 ? "" : ", ", list->at[i]);
    if (shown < list->n)
        flow_text_add(text, ", ... (%d columns)", list->n);
}

/* One conversion: `letter` with `digits` of precision. */
static void report_add_value(flow_text *text, const flow_report_field *field, const void *member, char letter,
                             int digits)
{
    char out[FLOW_FORMAT_SIZE];
    double real = report_real(field, member);
    const flow_mean *mean = member;
    if ((letter == 'f' && fabs(real) < 1e7) || letter == 'p')
        flow_text_add(text, "%.*f", digits, letter == 'p' ? 100 * real : real);
    else if (letter == 'f' || letter == 'g')
        flow_text_add(text, "%.*g", letter == 'f' ? 6 : digits, real);
    else if (letter == 'e')
        flow_text_add(text, "%.*e", digits, real);
    else if (letter == 't')
        flow_text_add(text, "%s", flow_format_duration(out, real));
    else if (letter == 'm')
        flow_text_add(text, "%s", flow_format_estimate_fixed(out, mean->mean, mean->error));
    else if (letter == 'd')
        flow_text_add(text, "%lld", (long long)report_whole(field, member));
    else if (field->kind == FLOW_REPORT_STRING || field->kind == FLOW_REPORT_ARRAY)
        flow_text_add(text, "%s", report_string(field, member));
    else if (field->kind == FLOW_REPORT_MEAN)
        flow_text_add(text, "%s", flow_format_estimate(out, mean->mean, mean->error));
    else if (field->kind == FLOW_REPORT_NAMES)
        report_add_names(text, member);
    else
        flow_text_add(text, "%s", flow_format_count(out, report_whole(field, member)));
}

static void report_add_template(flow_text *text, const flow_report_field *field, const void *member)
{
    for (const char *at = field->text; *at != '\0';) {
        size_t length = strcspn(at, "%{");
        flow_text_add(text, "%.*s", (int)length, at);
        at += length;
        if (*at == '{') {
            size_t one = strcspn(at, "|"), many = strcspn(at, "}");
            if (report_whole(field, member) == 1)
                flow_text_add(text, "%.*s", (int)(one - 1), at + 1);
            else
                flow_text_add(text, "%.*s", (int)(many - one - 1), at + one + 1);
            at += many + 1;
        } else if (at[0] == '%' && at[1] == '%') {
            flow_text_add(text, "%%");
            at += 2;
        } else if (at[0] == '%') {
            const char *letter = at + 1;
            int digits = 0;
            if (*letter == '.')
                for (letter++; *letter >= '0' && *letter <= '9'; letter++)
                    digits = 10 * digits + (*letter - '0');
            report_add_value(text, field, member, *letter, digits);
            at = letter + 1;
        }
    }
}

/* Whether a row of the text has something to show. */
static bool report_shows(const flow_report_field *field, const void *from)
{
    const void *member = report_member(from, field->offset);
    if (field->text == NULL || !report_has(field, from) || report_is_absent(field, from))
        return false;
    if (field->kind == FLOW_REPORT_FLAG)
        return *(const bool *)member;
    if (field->kind == FLOW_REPORT_NAMES || field->kind == FLOW_REPORT_LIST)
        return report_whole(field, member) > 0;
    return !isnan(report_real(field, member));
}

static void report_end_line(flow_text *text)
{
    if (text->length > 0 && text->data[text->length - 1] != '\n')
        flow_text_add(text, "\n");
}

flow_text report_cell(const flow_report_field *field, const void *item)
{
    flow_text cell = {0};
    if (item == NULL)
        flow_text_add(&cell, "%s", field->label);
    else if (report_shows(field, item))
        report_add_template(&cell, field, report_member(item, field->offset));
    return cell;
}

static int report_column_width(const flow_report_field *list, const flow_list *items, const flow_report_field *field)
{
    if (!field->fit)
        return field->width;
    size_t width = strlen(field->label);
    for (size_t i = 0; i < items->n; i++) {
        flow_text cell = report_cell(field, report_item(list, items, i));
        width = cell.length > width ? cell.length : width;
        flow_text_free(&cell);
    }
    return width < (size_t)field->width ? (int)width : field->width;
}

static void report_add_table(flow_text *text, const flow_report_field *list, const flow_list *items)
{
    enum { COLUMNS = 16 };
    const flow_report_field *columns[COLUMNS];
    int widths[COLUMNS], n = 0;
    if (items->n == 0)
        return;
    for (const flow_report_field *field = list->fields; n < COLUMNS && !report_is_end(field); field++)
        if (field->label != NULL && report_has(field, items->items)) {
            widths[n] = report_column_width(list, items, field);
            columns[n++] = field;
        }
    if (n == 0)
        return;
    report_end_line(text);
    flow_text_add(text, "%s", list->blank ? "\n" : "");
    for (size_t row = columns[0]->label[0] == '\0'; row <= items->n; row++) {
        for (int i = 0; i < n; i++) {
            flow_text cell = report_cell(columns[i], row == 0 ? NULL : report_item(list, items, row - 1));
            if (cell.length > 0 || !columns[i]->left || i + 1 < n)
                flow_text_add(text, "  %*s", columns[i]->left ? -widths[i] : widths[i],
                              cell.length > 0 ? cell.data : "");
            text->failed = text->failed || cell.failed;
            flow_text_free(&cell);
        }
        flow_text_add(text, "\n");
    }
}

static void report_begin_line(flow_text *text, const char *label, int indent, int width)
{
    report_end_line(text);
    flow_text_add(text, "%*s%-*s  ", indent, "", width, label);
}

static void report_add_rows(flow_text *text, const flow_report_field *fields, const void *from, int indent, int width)
{
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        const void *about = report_struct(field, from);
        if (about == NULL || !report_has(field, about))
            continue;
        const void *member = report_member(about, field->offset);
        const flow_list *list = member;
        if (field->kind == FLOW_REPORT_GROUP) {
            report_add_rows(text, field->fields, member, indent, width);
        } else if (field->kind == FLOW_REPORT_LIST && field->table) {
            report_add_table(text, field, list);
        } else if (report_shows(field, about)) {
            if (field->label != NULL)
                report_begin_line(text, field->label, indent, width);
            report_add_template(text, field, member);
            for (size_t i = 0; field->kind == FLOW_REPORT_LIST && field->fields != NULL && i < list->n; i++) {
                if (i > 0 && field->label != NULL)
                    report_begin_line(text, "", indent, width);
                report_add_rows(text, field->fields, report_item(field, list, i), indent, width);
            }
        }
    }
}

void flow_report_text(flow_text *text, const flow_report_field *fields, const void *from, int indent, int width)
{
    report_add_rows(text, fields, from, indent, width);
    if (width > 0)
        report_end_line(text);
}
