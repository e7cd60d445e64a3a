/* What the ranks that read a table send each other of the blocks of a round (data/scan_ranks.h): columns to those that
 * add them up, rows of samples to all, rows that are held to those that hold them. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SCAN_EXCHANGE_H
#define FLOW_DATA_SCAN_EXCHANGE_H

#include "data/scan_block.h"

/* What a rank says of its block. */
typedef struct flow_scan_rank_block {
    flow_position at;
    int64_t n_read, n_kept, n_weightless;
    int64_t number, kept_number;  /* of the first row, and of the first one that is kept */
    bool is_run, kept_is_run;     /* the numbers follow each other */
    bool says_rounded;            /* as in flow_reader */
    int n_remarks;                /* new ones */
    uint32_t checksum;            /* of the rows that are kept */
    flow_status status;
} flow_scan_rank_block;

typedef struct flow_scan_exchange {
    flow_scan *scan;
    const flow_comm *comm;
    int rank, size;
    int64_t d;
    flow_scan_rank_block *blocks; /* (size) of the round */
    double *whole; /* (block_rows, d) the block with the rows that are not kept; NULL: all rows are kept */
    int64_t *whole_numbers;
    int64_t *numbers;   /* (size block_rows) of all blocks */
    size_t *sent, *got; /* (size) bytes */
    int64_t *counts;    /* (size) */
    char *out, *in;     /* rows on their way */
} flow_scan_exchange;

/* *s has scan, comm, rank, size and d already; it needs flow_scan_exchange_free also after an error. FLOW_MEMORY. */
flow_status flow_scan_exchange_make(flow_scan_exchange *s, flow_error *err);
void flow_scan_exchange_free(flow_scan_exchange *s);

/* How many rows there are in the block of a rank, or how many of them are kept. */
size_t flow_scan_block_rows(const flow_scan_exchange *s, int rank, bool kept);

/* The following are collective. Each goes on to its end when something fails at this rank alone, and returns that. */

/* Adds the rows of the round to the survey. Afterwards s->in has the columns of this rank. */
flow_status flow_scan_exchange_survey(flow_scan_exchange *s, flow_error *err);
/* Adds the kept rows to the statistics and the sample. `there`: s->in has their columns already. */
flow_status flow_scan_exchange_statistics(flow_scan_exchange *s, bool there, flow_error *err);
/* Puts the kept rows that this rank holds into the pool. */
flow_status flow_scan_exchange_hold(flow_scan_exchange *s, flow_error *err);

#endif
