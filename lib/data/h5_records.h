/* The fields of records, that is of a 1-D compound dataset: numbers, arrays of numbers, and records within records.
 * Internal to lib/data; inside a scope (h5/scope.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_H5_RECORDS_H
#define FLOW_DATA_H5_RECORDS_H

#include "data/h5_offer.h"
#include "data/h5_shapes.h"
#include "h5/value.h"

typedef struct flow_h5_field {
    char *name;          /* "energy"; "position.x" of a field within a field */
    int n;               /* values: 1, or those of an array */
    const char *what;    /* what it holds; NULL: numbers */
    bool is_int32;
    flow_h5_value value; /* of one field; the type in memory is that of all its values */
} flow_h5_field;

typedef struct flow_h5_fields {
    flow_h5_field *at;
    int n;
    size_t capacity;
} flow_h5_fields;

/* FLOW_FORMAT, FLOW_DATA. To be freed after a failure, too. */
flow_status flow_h5_fields_find(flow_h5_fields *out, hid_t dataset, flow_error *err);
void flow_h5_fields_free(flow_h5_fields *fields);

/* Offers a column for each value: part i, the places 0, 1, ... for field i. */
flow_status flow_h5_fields_offer(flow_h5_offer *offer, const flow_h5_fields *fields, flow_error *err);

/* Chooses among the columns offered, and fills the layout, whose only dataset has these fields, and the reader. */
flow_status flow_h5_records_open(flow_h5_layout *layout, flow_reader *reader, const flow_h5_fields *fields,
                                 const flow_h5_offer *offer, const flow_reader_options *options, flow_error *err);

#endif
