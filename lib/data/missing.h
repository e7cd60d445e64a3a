/* Codes that stand for a missing value: numbers such as -999, named by the user, which are as invalid as NaN. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_MISSING_H
#define FLOW_DATA_MISSING_H

#include "core/option.h"

/* Whether the value is one of the codes, or the float next to it: a table of floats holds 9.96921e36 as that. Codes
 * from 2^53 on, which only floats of some table write with all digits, are the same where their floats are. */
bool flow_is_missing(const flow_number_list *codes, double value);

/* The first of n values that is a code; -1: none is. */
int flow_find_missing(const flow_number_list *codes, const double *values, int n);

/* Reads "-999,9.96921e36". FLOW_ARGUMENT. */
flow_status flow_missing_read(flow_number_list *out, const char *text, flow_error *err);

#endif
