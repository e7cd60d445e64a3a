/* The rows of a model together with the weight that each of them has in a mean. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_WEIGHED_H
#define FLOW_RUN_WEIGHED_H

#include "run/row_walk.h"
#include "run/session.h"

typedef struct flow_weighed_options {
    const char *asked;   /* the column of the weights; NULL: `trained` */
    const char *trained; /* that of the training, which is used where the data have it; NULL: none */
    const double *given; /* (n_context) as in flow_input_options, */
    bool shared;         /* as this one */
} flow_weighed_options;

/* Opens rows->input with the columns of the model, and the weight behind them. *weight is its column, borrowed from the
 * options; NULL: all rows count the same, which a warning says where the training had weights. FLOW_DATA when the
 * column that was asked for is missing, FLOW_ARGUMENT when it is one of the model. flow_input_close is needed after a
 * failure, too. */
flow_status flow_weighed_open(flow_input *in, const char **weight, const flow_session *s, const flow_row_options *rows,
                              const flow_weighed_options *options, flow_error *err);

#endif
