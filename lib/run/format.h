/* Numbers in messages and in the text of results. What programs read is printed in full, by flow_number_print and JSON.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_FORMAT_H
#define FLOW_RUN_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum { FLOW_FORMAT_SIZE = 64 };

/* All write into `out` and return it, so that calls can be arguments of printf. */

/* 1,234,567 */
const char *flow_format_count(char out[FLOW_FORMAT_SIZE], int64_t n);

/* -44.553 +- 0.061: the error has two significant digits, and the mean as many decimals. */
const char *flow_format_estimate(char out[FLOW_FORMAT_SIZE], double mean, double error);

/* -44.5531 +- 0.0612: four decimals whatever the error, for tables whose lines are compared. */
const char *flow_format_estimate_fixed(char out[FLOW_FORMAT_SIZE], double mean, double error);

/* 0.84 s, 12 s, 4 min 05 s, 2 h 13 min, 3 d 04 h */
const char *flow_format_duration(char out[FLOW_FORMAT_SIZE], double seconds);

/* 145,000 rows/s: three significant digits. */
const char *flow_format_rate(char out[FLOW_FORMAT_SIZE], double per_second);

#endif
