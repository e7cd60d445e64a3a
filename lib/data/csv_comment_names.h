/* Names of columns in a comment above the rows, as numpy.savetxt writes them. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_COMMENT_NAMES_H
#define FLOW_DATA_CSV_COMMENT_NAMES_H

#include "data/csv_stream.h"

/* Owned; start from {0}. */
typedef struct flow_csv_comment_names {
    flow_name_list names; /* empty: no comment has any */
    const char *comment;  /* borrowed from the comments */
    bool is_only;         /* there is no other comment */
} flow_csv_comment_names;

/* The last comment that has n fields, all of which can be names: words, of two words at most, without "=" and ":". The
 * fields may be separated by the delimiter of the rows or by another one. Where such a comment has units alone, the one
 * above it is taken. */
flow_status flow_csv_find_comment_names(flow_csv_comment_names *out, const flow_csv_comments *comments, size_t n,
                                        char delimiter, flow_error *err);
void flow_csv_comment_names_free(flow_csv_comment_names *names);

#endif
