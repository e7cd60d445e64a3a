/* The columns that a table in an HDF5 file offers, and the choice among them. Internal to lib/data.
 *
 * Some are there only for a caller who names them, such as the index of a pandas table; some hold no numbers and cannot
 * be read. Without a choice the reader leaves both out, and says so in its remarks.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_OFFER_H
#define FLOW_DATA_H5_OFFER_H

#include "data/reader.h"

typedef struct flow_h5_column {
    int part, place;   /* where its values are: which part of the table, and which value of a row of that part */
    bool aside;        /* read only when it is named */
    bool is_wide;      /* 64-bit whole numbers */
    const char *what;  /* of a column that is aside or cannot be read: "text", "the index"; constant */
    bool is_unreadable;
    bool is_category; /* numbers that stand for others, or for texts */
} flow_h5_column;

/* Start from {0}. */
typedef struct flow_h5_offer {
    flow_name_list names;
    flow_h5_column *at; /* (names.n) */
    size_t capacity;
} flow_h5_offer;

flow_status flow_h5_offer_add(flow_h5_offer *offer, const char *name, const flow_h5_column *column, flow_error *err);
/* Adds NAME_1, NAME_2, ... NAME_n, of places `place`, place + 1, ...; NAME itself for n = 1. */
flow_status flow_h5_offer_add_many(flow_h5_offer *offer, const char *name, int n, const flow_h5_column *first,
                                   flow_error *err);
/* Gives column i another name. */
flow_status flow_h5_offer_rename(flow_h5_offer *offer, int i, const char *name, flow_error *err);
/* Puts the columns into the order of `names`; those that are not among them stay behind, in their order. */
flow_status flow_h5_offer_sort(flow_h5_offer *offer, char *const *names, int n, flow_error *err);
void flow_h5_offer_free(flow_h5_offer *offer);

/* As flow_reader_choose; adds remarks about columns that were left out. FLOW_DATA also for a named column that cannot
 * be read, and when nothing can be read. */
flow_status flow_h5_offer_choose(const flow_h5_offer *offer, flow_reader *reader, int **chosen,
                                 const flow_reader_options *options, flow_error *err);

#endif
