/* Names of columns among the rows: files that were put one behind another. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_CSV_AGAIN_H
#define FLOW_DATA_CSV_AGAIN_H

#include "data/csv_row.h"
#include "data/name_list.h"

typedef enum flow_csv_again {
    FLOW_CSV_NO_NAMES,   /* a row */
    FLOW_CSV_SAME_NAMES, /* the header once more: the rows behind it are rows of the same table */
    FLOW_CSV_OTHER_NAMES /* what stands behind it may be other columns, or the same ones in another order */
} flow_csv_again;

/* What a record is that was split and is no row of numbers. `names`: those of the header. Names are words in all
 * fields, different ones, that begin with a letter; where one column alone is read, its word has to be one of the
 * names. */
flow_csv_again flow_csv_find_names(const flow_csv_fields *fields, const flow_csv_aim *aim, const flow_name_list *names);

#endif
