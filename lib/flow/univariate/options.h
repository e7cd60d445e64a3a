/* The options of the univariates: what a spec may say of each. They are flat: copying the struct copies all of it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_UNIVARIATE_OPTIONS_H
#define FLOW_FLOW_UNIVARIATE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct flow_affine_options {
    double bound; /* the largest absolute log-scale */
} flow_affine_options;

typedef enum flow_tails { FLOW_TAILS_IDENTITY, FLOW_TAILS_LINEAR, FLOW_TAILS_BOUNDED } flow_tails;

typedef struct flow_rational_quadratic_options {
    int64_t bins;
    double bound;
    int tails; /* flow_tails */
    bool circular;
} flow_rational_quadratic_options;

/* Of the univariate "mixture". */
typedef struct flow_mixture_options {
    int64_t components;
    double bound; /* the largest absolute log-scale of a component */
} flow_mixture_options;

#endif
