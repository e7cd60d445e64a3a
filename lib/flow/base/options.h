/* The options of the bases: what a spec may say of each. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BASE_OPTIONS_H
#define FLOW_FLOW_BASE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct flow_student_t_options {
    double degrees;  /* of freedom, at the start of the training */
    double outliers; /* share of a Cauchy distribution in each dimension */
    double outlier_rows, outlier_spread; /* share of the rows with such distributions; their share in each dimension */
} flow_student_t_options;

typedef struct flow_uniform_options {
    double bound, edge; /* the box is (-bound, bound) in every dimension; the width of its shoulders */
} flow_uniform_options;

/* Of the base "mixture". */
typedef struct flow_mixture_base_options {
    int64_t components;
    double bound; /* the largest absolute log-scale of a component */
    bool fit;     /* start the means at rows of the data */
} flow_mixture_base_options;

#endif
