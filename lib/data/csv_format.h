/* How a user says how a text table is written. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_FORMAT_H
#define FLOW_DATA_CSV_FORMAT_H

#include "data/table.h"

/* NULL or "auto": that is found out. */
typedef struct flow_csv_words {
    const char *delimiter; /* one character, or "tab", "blanks" */
    const char *decimal;   /* "." or "," */
    const char *header;    /* "yes" or "no" */
} flow_csv_words;

/* The name of the first word that is none of these, and in *allowed what it can be; NULL: all are good. */
const char *flow_csv_words_check(const flow_csv_words *words, const char **allowed);

/* Of good words. */
flow_csv_format flow_csv_words_format(const flow_csv_words *words);

/* Both, for options; FLOW_ARGUMENT. */
flow_status flow_csv_words_read(flow_csv_format *out, const flow_csv_words *words, flow_error *err);

#endif
