/* What the tests of tables share: a whole table read at once, and what it should be. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_TABLE_FILES_H
#define FLOW_TEST_TABLE_FILES_H

#include "harness.h"

#include "data/table.h"

extern const double six[6]; /* 1 to 6 */

/* A whole small table. */
typedef struct content {
    double values[4096];
    int64_t numbers[512];
    int d;
    size_t n;
    int64_t n_skipped;
    char names[256];    /* with blanks between them */
    char remarks[2048]; /* with line ends between them */
    bool has_names;
} content;

extern content got;

flow_status read_with(content *out, const char *location, const flow_reader_options *options, flow_error *err);

/* Reads everything into `got` and expects these names and values. */
void reads(const char *location, const char *names, size_t n, const double *values);
/* Expects this error, with `text` somewhere in the message. */
void refuses(const char *location, flow_status code, const char *text);
/* Expects that a remark of what was read last begins with `text`; NULL: that there is none. */
void remarks(const char *text);
void assert_says(const flow_error *err, const char *text);

#endif
