/* A network that tells two samples of points apart: a multilayer perceptron with one output, the logarithm of the odds
 * that a point is of the first sample, trained by logistic regression with AdamW.
 *
 * It is made for tests: with as many points of each sample, its scores are larger in the first one where the samples
 * differ. It may be trained again with more points, and goes on from where it is. All results are the same for any
 * number of threads.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_CLASSIFIER_H
#define FLOW_TRAIN_CLASSIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "num/real.h"

typedef struct flow_classifier flow_classifier;

typedef struct flow_classifier_options {
    int n_in;  /* values of a point, of the size of 1 */
    int width; /* of its two hidden layers */
    double rate;
    uint64_t seed; /* of its first weights, and of the order of the points */
    int n_threads;
} flow_classifier_options;

flow_status flow_classifier_new(flow_classifier **out, const flow_classifier_options *options, flow_error *err);
void flow_classifier_free(flow_classifier *c);

/* Points (n, n_in), row-major, and whether each is of the first sample. The rate falls to zero over the `epochs`. */
flow_status flow_classifier_train(flow_classifier *c, const real *points, const bool *first, size_t n, int epochs,
                                  flow_error *err);

/* scores (n), by a moving average of the weights in training. */
void flow_classifier_score(flow_classifier *c, const real *points, size_t n, double *scores);

#endif
