/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/format.h"

const flow_report_field flow_mean_fields[] = {
    {"mean", FLOW_MEMBER(flow_mean, mean)},
    {"standard_error", FLOW_MEMBER(flow_mean, error)},
    FLOW_REPORT_END,
};

static const void *report_member(const void *from, size_t offset)
{
    return (const char *)from + offset;
}

/* The whole number that a member is or is next to, or the length of its list; -1 for what has none. */
static int64_t report_whole(const flow_report_field *field, const void *member)
{
    switch (field->kind) {
    case FLOW_REPORT_INT:
        return *(const int *)member;
    case FLOW_REPORT_INT64:
        return *(const int64_t *)member;
    case FLOW_REPORT_REAL:
        return llround(*(const double *)member);
    case FLOW_REPORT_NAMES:
        return ((const flow_text_list *)member)->n;
    case FLOW_REPORT_LIST:
        return (int64_t)((const flow_list *)member)->n;
    default:
        return -1;
    }
}

/* NULL: there is none, or it is none. */
static const char *report_string(const flow_report_field *field, const void *member)
{
    if (field->kind == FLOW_REPORT_ARRAY)
        return *(const char *)member != '\0' ? member : NULL;
    return field->kind == FLOW_REPORT_STRING ? *(const char *const *)member : NULL;
}

static double report_real(const flow_report_field *field, const void *member)
{
    if (field->kind == FLOW_REPORT_REAL)
        return *(const double *)member;
    return field->kind == FLOW_REPORT_MEAN ? ((const flow_mean *)member)->mean : 0;
}

static bool report_has(const flow_report_field *field, const void *from)
{
    static const char zero[sizeof(int64_t)] = {0};
    const void *member = report_member(from, field->offset), *when = report_member(from, field->when);
    return (field->when_size == 0 || (memcmp(when, zero, field->when_size) == 0) == field->unless) &&
           (!field->positive || report_whole(field, member) > 0 || report_real(field, member) > 0);
}

/* The struct that a row is about; NULL: there is none. */
static const void *report_struct(const flow_report_field *field, const void *from)
{
    return field->through == 0 ? from : *(const void *const *)report_member(from, field->through - 1);
}

static bool report_is_end(const flow_report_field *field)
{
    return field->key == NULL && field->label == NULL && field->text == NULL && field->fields == NULL;
}

static const void *report_item(const flow_report_field *list, const flow_list *items, size_t index)
{
    return (const char *)items->items + index * list->size;
}

/* ---- JSON ---- */

bool flow_report_add(cJSON *parent, const char *key, cJSON *item)
{
    bool added = item != NULL && (cJSON_IsArray(parent) ? cJSON_AddItemToArray(parent, item)
                                                        : cJSON_AddItemToObject(parent, key, item));
    if (!added)
        cJSON_Delete(item);
    return added;
}

static bool report_add_members(cJSON *object, const flow_report_field *fields, const void *from);

cJSON *flow_report_json(const flow_report_field *fields, const void *from, flow_error *err)
{
    cJSON *object = cJSON_CreateObject();
    if (object != NULL && report_add_members(object, fields, from))
        return object;
    cJSON_Delete(object);
    flow_error_memory(err, "a JSON object");
    return NULL;
}

static cJSON *report_list(const flow_report_field *field, const flow_list *list)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < list->n && array != NULL; i++)
        if (!flow_report_add(array, NULL, flow_report_json(field->fields, report_item(field, list, i), NULL))) {
            cJSON_Delete(array);
            array = NULL;
        }
    return array;
}

static cJSON *report_value(const flow_report_field *field, const void *member)
{
    const flow_text_list *names = member;
    switch (field->kind) {
    case FLOW_REPORT_STRING:
    case FLOW_REPORT_ARRAY:
        return cJSON_CreateString(report_string(field, member));
    case FLOW_REPORT_FLAG:
        return cJSON_CreateBool(*(const bool *)member);
    case FLOW_REPORT_INT:
        return cJSON_CreateNumber(*(const int *)member);
    case FLOW_REPORT_INT64:
        return cJSON_CreateNumber((double)*(const int64_t *)member);
    case FLOW_REPORT_REAL:
        return cJSON_CreateNumber(*(const double *)member);
    case FLOW_REPORT_NAMES:
        return cJSON_CreateStringArray(names->at, names->n);
    case FLOW_REPORT_LIST:
        return report_list(field, member);
    case FLOW_REPORT_JSON:
        return cJSON_Duplicate(*(const cJSON *const *)member, 1);
    case FLOW_REPORT_GROUP:
        return flow_report_json(field->fields, member, NULL);
    case FLOW_REPORT_MEAN:
        break;
    }
    return NULL;
}

/* Whether a row is left out of JSON, too. */
static bool report_is_absent(const flow_report_field *field, const void *from)
{
    const void *member = report_member(from, field->offset);
    if (field->kind == FLOW_REPORT_NAMES)
        return ((const flow_text_list *)member)->at == NULL;
    if (field->kind == FLOW_REPORT_JSON)
        return *(const cJSON *const *)member == NULL;
    return (field->kind == FLOW_REPORT_STRING || field->kind == FLOW_REPORT_ARRAY) &&
           report_string(field, member) == NULL;
}

/* False when memory is out. */
static bool report_add_members(cJSON *object, const flow_report_field *fields, const void *from)
{
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        const void *about = report_struct(field, from);
        if (field->key == NULL || about == NULL || !report_has(field, about) || report_is_absent(field, about))
            continue;
        const void *member = report_member(about, field->offset);
        if (field->key[0] == '\0' ? !report_add_members(object, field->fields, member)
                                  : !flow_report_add(object, field->key, report_value(field, member)))
            return false;
    }
    return true;
}

void flow_report_read(void *to, const flow_report_field *fields, const cJSON *object)
{
    for (const flow_report_field *field = fields; !report_is_end(field); field++) {
        if (field->key == NULL || field->through != 0)
            continue;
        void *member = (char *)to + field->offset;
        const cJSON *node = field->key[0] == '\0' ? object : cJSON_GetObjectItemCaseSensitive(object, field->key);
        const char *string = cJSON_GetStringValue(node);
        double number = cJSON_GetNumberValue(node); /* NaN for what is not a number */
        if (field->when_size == sizeof(bool) && !field->unless)
            *(bool *)((char *)to + field->when) = node != NULL;
        if (field->kind == FLOW_REPORT_STRING && string != NULL)
            *(const char **)member = string;
        else if (field->kind == FLOW_REPORT_FLAG)
            *(bool *)member = cJSON_IsTrue(node);
        else if (field->kind == FLOW_REPORT_REAL)
            *(double *)member = number;
        else if (field->kind == FLOW_REPORT_INT64 && fabs(number) < 9e15)
            *(int64_t *)member = (int64_t)number;
        else if (field->kind == FLOW_REPORT_GROUP)
            flow_report_read(member, field->fields, node);
    }
}

/* ---- text ---- */

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

/* The cell of a column in the row of `item`; NULL: its head. */
static flow_text report_cell(const flow_report_field *field, const void *item)
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
