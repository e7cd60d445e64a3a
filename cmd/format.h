/* Numbers for people. What programs read is printed in full, by flow_number_print and JSON. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_FORMAT_H
#define FLOW_CMD_FORMAT_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

enum { FORMAT_SIZE = 64 };

/* All write into `out` and return it, so that they can stand among the arguments of printf. */

/* 1,234,567 */
const char *format_count(char out[FORMAT_SIZE], int64_t n);

/* -44.553 +- 0.061: the error has two significant digits, and the mean as many decimals. */
const char *format_estimate(char out[FORMAT_SIZE], double mean, double error);

/* -44.5531 +- 0.0612: four decimals whatever the error, for tables whose lines are compared. */
const char *format_estimate_fixed(char out[FORMAT_SIZE], double mean, double error);

/* 0.84 s, 12 s, 4 min 05 s, 2 h 13 min, 3 d 04 h */
const char *format_duration(char out[FORMAT_SIZE], double seconds);

/* Six significant digits. */
const char *format_value(char out[FORMAT_SIZE], double value);

/* Two digits of a small error: 3.1e-07. */
const char *format_error(char out[FORMAT_SIZE], double value);

/* 145,000 rows/s: three significant digits. */
const char *format_rate(char out[FORMAT_SIZE], double per_second);

/* Adds what training on a density came to ("density" of a summary): lines of a label, `width` wide, and a value. */
void format_density(flow_text *text, const cJSON *density, int width);

/* Adds what solving differential equations took: "  solving     36.2 evaluations a solve, 56 for the hardest row", the
 * label `width` wide. */
void format_evaluations(flow_text *text, double mean, double most, int width);

#endif
