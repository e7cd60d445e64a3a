/* Small helpers for text: growing strings, numbers in the C locale, the nearest of a list of words. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_TEXT_H
#define FLOW_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* A growing string. Start from {0}; `data` is NULL until something is added. After a failed allocation `failed` is
 * set and further additions do nothing, so that only the end needs a check. */
typedef struct flow_text {
    char *data;
    size_t length, capacity;
    bool failed;
} flow_text;

void flow_text_add(flow_text *text, const char *format, ...) FLOW_PRINTF(2, 3);
void flow_text_free(flow_text *text);

enum { FLOW_NUMBER_SIZE = 40 }; /* of a text, with room for copying in whole words */

/* Writes the shortest decimal form of `value` that reads back to the same double, whatever the locale ("." is the
 * decimal point; nan, inf, -inf for the rest). Returns the length. */
int flow_number_print(char out[FLOW_NUMBER_SIZE], double value);

/* The same for a value that was computed in float: the shortest form that reads back to the same float. */
int flow_number_print_float(char out[FLOW_NUMBER_SIZE], float value);

/* Reads a whole field as a number in the C locale, blanks around it allowed. False when the field is not a number
 * through to its end. Reads "nan" and "inf" too: whether they are allowed is the caller's business. */
bool flow_number_parse(const char *field, double *value);

/* The candidate nearest to `word` by edit distance, or NULL when none is close enough to be what was meant. */
const char *flow_nearest(const char *word, const char *const *candidates, int n_candidates);

/* Whether `length` bytes are UTF-8 throughout, which HDF5 and JSON ask for. */
bool flow_is_utf8(const char *text, size_t length);

/* Owned copies; NULL when memory is out. */
char *flow_strdup(const char *text);
char *flow_format(const char *format, ...) FLOW_PRINTF(1, 2);

/* Whether a location stands for standard input or output: "-"; false for NULL. */
bool flow_is_standard(const char *location);

/* `path` itself when it is absolute, "-" or `dir` is NULL; else dir/path. Owned by the caller. */
char *flow_path_join(const char *dir, const char *path);

/* The folder part of a path, "." when it has none. Owned by the caller. */
char *flow_path_dir(const char *path);

#endif
