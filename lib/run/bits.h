/* Log-likelihoods of images in bits per dimension. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_BITS_H
#define FLOW_RUN_BITS_H

#include "flow/flow.h"
#include "run/report.h"

typedef struct flow_bits {
    flow_mean per_dimension;
    bool any; /* false: the flow is none over images of discrete values */
} flow_bits;

/* {"bits_per_dimension", "bits_per_dimension_error"}, where there are any. */
extern const flow_report_field flow_bits_fields[];

/* Of a mean log-likelihood and its standard error. */
flow_bits flow_bits_of(const flow *f, flow_mean logprob);

#endif
