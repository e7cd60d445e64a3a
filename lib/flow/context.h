/* The context of a conditional flow p(x | c): columns of the data that are given and not modelled.
 *
 * They are brought to a common size in double, u = (value - center) / scale, by quantiles that outliers do not move (a
 * column whose values are all equal is only centred), and compressed far out,
 *     u' = u for |u| <= 4, else sign(u) 4 (1 + ln(|u| / 4)),
 * since nothing has to be inverted here. A column of classes becomes a number for each class, 1 for the class of the
 * row and 0 for the others. Then they become `real`, and with an embedding they go through a network of their own. The
 * result, the features, is an input of every conditioner, and depends on the context of its row alone.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CONTEXT_H
#define FLOW_FLOW_CONTEXT_H

#include "nn/mlp.h"

/* A column of the context that holds classes, 0 to n - 1. n is 0 where there is none. */
typedef struct flow_context_classes {
    int n, column;
} flow_context_classes;

enum { FLOW_CLASSES_MAX = 4096 };

typedef struct flow_context {
    int n;                 /* columns; 0: the flow is unconditional */
    flow_context_classes classes;
    int n_inputs;          /* numbers that the columns become: 1 each, but as many as there are classes */
    int n_features;        /* what the conditioners see: n_inputs, or as many as the embedding makes */
    size_t center, scale; /* offsets in the fitted values, (1, n) each: median, half the width of the central 68 % */
    bool embeds;
    flow_mlp embedding;
} flow_context;

/* The network that makes features of the context. */
typedef struct flow_embedding_options {
    flow_net_options net;
    int64_t features;
} flow_embedding_options;

extern const flow_option flow_embedding_table[];

/* Declares "context/center", "context/scale" and the embedding's layers, for n columns. `embedding` may be NULL: none.
 * FLOW_SPEC when there is an embedding and no context. */
flow_status flow_context_configure(flow_context *context, const flow_embedding_options *embedding, int n,
                                   flow_context_classes classes, flow_params *params, flow_error *err);
void flow_context_release(flow_context *context);

/* Centers and scales from n_rows rows (n_rows, stride), of which the context begins at `rows`. */
flow_status flow_context_fit(const flow_context *context, flow_params *params, size_t n_rows, const double *rows,
                             size_t stride, flow_error *err);
/* FLOW_FORMAT when the fitted values are not usable. */
flow_status flow_context_check(const flow_context *context, const flow_params *params, flow_error *err);

/* Bytes of scratch for tiles of n rows; with `keep` for flow_context_backward, too. */
size_t flow_context_scratch_size(const flow_context *context, int n, bool keep);

/* features (n_features, n) from the given columns c (context->n, n). */
void flow_context_apply(const flow_context *context, const real *weights, const double *fitted, int n, const double *c,
                        real *features, void *scratch);

/* After flow_context_apply: records the embedding's gradients, given those at the features. */
void flow_context_backward(const flow_context *context, const real *weights, int n, const real *gfeatures,
                           void *scratch, flow_tape *tape);

#endif
