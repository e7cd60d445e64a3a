/* The object "data" of a spec. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_DATA_H
#define FLOW_MODEL_SPEC_DATA_H

#include "core/json.h"
#include "core/option.h"
#include "data/csv_format.h"

enum { FLOW_SPEC_COLUMNS_MAX = 65536 };

typedef struct flow_data_options {
    const char *train;               /* a location of data; NULL: not given */
    flow_text_or_number validation;  /* a location, or the share of the training rows to hold out */
    flow_text_or_number test;        /* a location, or the share of the training rows to leave for the test */
    flow_text_list columns;          /* to model; n 0: all others */
    flow_text_list context;          /* given and not modelled */
    const char *weight;              /* the column of the rows' weights; NULL: none */
    bool allow_negative_weights;
    bool skip_invalid;
    flow_number_list missing;        /* values that stand for a missing one */
    flow_csv_words csv;              /* how text tables are written */
    bool flip;
    int64_t classes;                 /* of the column FLOW_LABEL of the context; 0: it is a number, or the data say */
    double memory; /* GiB that held rows may take */
} flow_data_options;

/* The place of FLOW_LABEL among the columns of the context; -1: it is none of them. */
int flow_data_options_label(const flow_data_options *options);

extern const flow_option flow_data_options_table[];

/* FLOW_SPEC when a column has two roles. `at`: the object. */
flow_status flow_data_options_check(const flow_data_options *options, const flow_json *at, flow_error *err);

#endif
