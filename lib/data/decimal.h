/* Decimal numbers, fast: what tables of millions of values need on top of core/text.h.
 *
 * Both directions are exact. flow_decimal_scan gives the double that strtod gives, flow_decimal_print the text that
 * flow_number_print gives; what they do not decide in 128-bit integers is left to the slow ones.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DECIMAL_H
#define FLOW_DATA_DECIMAL_H

#include <stdbool.h>

#include "core/text.h"

/* Reads the number that starts at `text`, which must be followed before `limit` by a byte that belongs to no number (a
 * line end, a zero); all bytes up to `limit` may be looked at. Returns the place after it, or NULL for whatever is no
 * ordinary decimal number of at most 19 digits and of the size of a normal double: then flow_number_parse has to
 * judge. */
const char *flow_decimal_scan(const char *text, const char *limit, double *value);

/* The same texts as flow_number_print and flow_number_print_float, for every value. What follows the text in `out` is
 * written over. */
int flow_decimal_print(char out[FLOW_NUMBER_SIZE], double value);
int flow_decimal_print_float(char out[FLOW_NUMBER_SIZE], float value);

#endif
