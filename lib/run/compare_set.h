/* The models of a comparison: opened, their columns matched, and the data that they are compared on. Internal to
 * lib/run/compare*.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_COMPARE_SET_H
#define FLOW_RUN_COMPARE_SET_H

#include "run/compare.h"
#include "run/weighed.h"

/* Starts from {0}. */
typedef struct compare_set {
    int n;
    flow_session *at; /* (n) */
    int **place; /* (n): value i of a row of model k is value place[k][i] of a row of the first one; NULL: the same */
    int *kind;   /* (n): the first model whose columns are discrete where its own are; only then are densities alike */
    const char *weight;       /* the column of the weights in the training; NULL: none */
    flow_number_list missing; /* codes for missing values of any model */
} compare_set;

/* FLOW_ARGUMENT for models that cannot be compared. compare_set_close is needed after a failure, too. */
flow_status compare_set_open(compare_set *set, const flow_run_compare_options *options, flow_error *err);
void compare_set_close(compare_set *set);

/* The test data that all models name, into out->data. FLOW_ARGUMENT when they do not name the same. */
flow_status compare_set_find_data(const compare_set *set, flow_run_compare_result *out, flow_error *err);

/* Warns of densities beside probabilities. */
void compare_set_warn_of_kinds(const compare_set *set, const flow_run_hooks *hooks);
/* Warns of models that were trained on `data`, or on a table of the same values: `checksum` as of a data set, over the
 * rows of the first model. */
void compare_set_warn_of_origin(const compare_set *set, const char *data, uint32_t checksum,
                                const flow_run_hooks *hooks);

/* Warns of models whose draws spread over quite another range than n rows (width) of the first model, up to
 * COMPARE_UNITS of them: they are likely to be in other units. */
enum { COMPARE_UNITS = 512 };
flow_status compare_set_warn_of_units(const compare_set *set, const double *rows, size_t n, const flow_run_hooks *hooks,
                                      flow_error *err);

/* Values of model k (n, width) from rows of the first one. */
void compare_set_arrange(const compare_set *set, int k, const double *rows, size_t n, double *out);

#endif
