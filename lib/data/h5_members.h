/* The datasets in a group of an HDF5 file, and what they can be as columns of one table. Internal to lib/data; inside a
 * scope (h5/scope.h).
 *
 * Vectors (n), columns (n, 1) and rows (1, n) are a column each, matrices (n, k) are k columns. Text, single values and
 * arrays of more dimensions are passed over.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_MEMBERS_H
#define FLOW_DATA_H5_MEMBERS_H

#include <hdf5.h>
#include <stdbool.h>

#include "core/error.h"

typedef struct flow_h5_member {
    char *name;
    int rank, width; /* columns */
    hsize_t rows;
    bool across;      /* rows run along the second dimension */
    bool aside;       /* the values of a dimension */
    const char *what; /* what it is; NULL: numbers that can be columns */
} flow_h5_member;

/* Start from {0}. */
typedef struct flow_h5_members {
    flow_h5_member *at;
    int n;
    size_t capacity;
} flow_h5_members;

/* What a dataset is. `turned`: rows and columns are exchanged. FLOW_FORMAT when it is damaged. */
flow_status flow_h5_member_of(flow_h5_member *out, hid_t dataset, bool turned, flow_error *err);

/* All datasets in a group, in the order of creation if the file has it, else by name. */
flow_status flow_h5_members_find(flow_h5_members *out, hid_t group, bool turned, flow_error *err);
void flow_h5_members_free(flow_h5_members *members);

#endif
