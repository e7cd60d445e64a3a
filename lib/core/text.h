/* Text: growing strings, numbers in the C locale, the nearest of several words, paths. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_TEXT_H
#define FLOW_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* A growing string. Starts from {0}; `data` is NULL until something is added. After a failed allocation `failed` is
 * true and further additions do nothing, so that one check at the end is enough. */
typedef struct flow_text {
    char *data;
    size_t length, capacity;
    bool failed;
} flow_text;

void flow_text_add(flow_text *text, const char *format, ...) FLOW_PRINTF(2, 3);
void flow_text_free(flow_text *text);

/* Adds a field of CSV (RFC 4180) in quotes; "" for NULL. */
void flow_text_add_quoted(flow_text *text, const char *field);

/* Adds `words` broken into lines of at most FLOW_TEXT_WIDTH columns; lines after the first are indented. A newline in
 * `words` is kept. `column` is where the first line begins. */
enum { FLOW_TEXT_WIDTH = 96 };
void flow_text_wrap(flow_text *text, const char *words, int column, int indent);

enum { FLOW_NUMBER_SIZE = 40 }; /* of the text of a number; larger than needed, so that whole words can be copied */

/* Writes the shortest decimal form of `value` that reads back to the same double, in any locale: the decimal point is
 * ".". Other values are nan, inf and -inf. Returns the length. */
int flow_number_print(char out[FLOW_NUMBER_SIZE], double value);

/* The same with the shortest form that reads back to the same float. */
int flow_number_print_float(char out[FLOW_NUMBER_SIZE], float value);

/* Reads a whole field as a number in the C locale; blanks around it are allowed. False if the field is not a number up
 * to its end. Also reads "nan" and "inf"; the caller decides whether they are allowed. */
bool flow_number_parse(const char *field, double *value);

/* The candidate nearest to `word` by edit distance; NULL if none is close enough to be a likely typing error. */
const char *flow_nearest(const char *word, const char *const *candidates, int n_candidates);

/* For the message about a word that is none of the candidates: `did you mean "maf"?`, or `WHAT: maf, nsf, ...`. */
enum { FLOW_HINT_SIZE = 512 };
void flow_hint(char out[FLOW_HINT_SIZE], const char *word, const char *const *candidates, int n_candidates,
               const char *what);

/* A text that is among the n texts twice, borrowed, into *out; NULL: they all differ. */
flow_status flow_find_repeated(const char **out, const char *const *texts, size_t n, flow_error *err);

/* Whether `length` bytes are valid UTF-8, as HDF5 and JSON require. */
bool flow_is_utf8(const char *text, size_t length);

/* Copies owned by the caller (free); NULL when memory is out. */
char *flow_strdup(const char *text);
char *flow_format(const char *format, ...) FLOW_PRINTF(1, 2);

/* Whether a location stands for standard input or output: "-"; false for NULL. */
bool flow_is_standard(const char *location);

/* The descriptor that a path stands for, /dev/stdout, /dev/fd/3 or /proc/self/fd/3; -1: it is another path. */
int flow_path_descriptor(const char *path);

/* A copy of `path` if it is absolute or "-" or `dir` is NULL; else dir/path. Owned by the caller (free); NULL when
 * memory is out. */
char *flow_path_join(const char *dir, const char *path);

/* The folder of a path, "." if it names none. Owned by the caller (free); NULL when memory is out. */
char *flow_path_dir(const char *path);

#endif
