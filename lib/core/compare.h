/* The differences between two documents that were read with the same table of options. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_COMPARE_H
#define FLOW_CORE_COMPARE_H

#include "core/json.h"
#include "core/option.h"

/* Receives one difference. A node is NULL where a document has no such key; the path is the same in both. */
typedef void flow_report_difference(void *context, const flow_json *was, const flow_json *is);

/* Compares two objects that core/read.h has resolved, key by key, and reports each difference except in keys that
 * may_change. Of a text or number that may change, only the number is compared: a text is a location then, which may be
 * another one for the same contents. */
void flow_options_compare(const flow_option *table, const flow_json *was, const flow_json *is,
                          flow_report_difference *report, void *context);

#endif
