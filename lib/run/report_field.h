/* One field of a report. Internal to lib/run/report*.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_REPORT_FIELD_H
#define FLOW_RUN_REPORT_FIELD_H

#include "run/report.h"

/* The last row of a table. */
bool report_is_end(const flow_report_field *field);
/* The struct that a row is about; NULL: there is none. */
const void *report_struct(const flow_report_field *field, const void *from);
/* Whether the conditions of the row hold for the struct, and whether its value is one that is left out of JSON, too. */
bool report_has(const flow_report_field *field, const void *from);
bool report_is_absent(const flow_report_field *field, const void *from);

/* The real number, or the mean; 0 for what is none. */
double report_real(const flow_report_field *field, const void *member);

const void *report_member(const void *from, size_t offset);
/* The struct of a list. */
const void *report_item(const flow_report_field *list, const flow_list *items, size_t index);

/* The text of a member; NULL: there is none, or it is none. */
const char *report_string(const flow_report_field *field, const void *member);
/* The whole number that a member is or is next to, or the length of its list; -1 for what has none. */
int64_t report_whole(const flow_report_field *field, const void *member);

/* The cell of a column in the row of `item`; NULL: its head. The caller frees it (report_text.c). */
flow_text report_cell(const flow_report_field *field, const void *item);

#endif
