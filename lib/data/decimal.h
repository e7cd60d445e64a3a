/* Fast reading and printing of decimal numbers, for tables of millions of values.
 *
 * Both directions are exact. flow_decimal_scan gives the double that strtod gives, flow_decimal_print the text that
 * flow_number_print gives. Cases that 128-bit integers do not decide go to the slow functions of core/text.h.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DECIMAL_H
#define FLOW_DATA_DECIMAL_H

#include <stdbool.h>

#include "core/text.h"

/* Reads the number that starts at `text`. A byte that cannot belong to a number (a line end, a zero) must follow it
 * before `limit`; all bytes up to `limit` may be read. Returns the place after the number. NULL: not a decimal number
 * of at most 19 digits whose value is zero or a normal double; flow_number_parse decides then. */
const char *flow_decimal_scan(const char *text, const char *limit, double *value);
/* The same with another byte than a point in front of the decimals. */
const char *flow_decimal_scan_with(const char *text, const char *limit, char point, double *value);

/* The same texts as flow_number_print and flow_number_print_float, for every value. Bytes of `out` after the text
 * change, too. */
int flow_decimal_print(char out[FLOW_NUMBER_SIZE], double value);
int flow_decimal_print_float(char out[FLOW_NUMBER_SIZE], float value);

#endif
