/* The options of the blocks: what a spec may say of each, as structs that a C program fills by hand
 * (flow_choice_default in core/read.h gives the defaults). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_OPTIONS_H
#define FLOW_FLOW_BLOCK_OPTIONS_H

#include "core/option.h"
#include "nn/field.h"

typedef struct flow_actnorm_options {
    bool fit; /* start with mean 0 and deviation 1 on the data; false: at the identity */
} flow_actnorm_options;

typedef struct flow_batchnorm_options {
    double momentum, epsilon;
} flow_batchnorm_options;

typedef struct flow_householder_options {
    int64_t reflections;
} flow_householder_options;

typedef enum flow_permute_word { FLOW_PERMUTE_REVERSE, FLOW_PERMUTE_RANDOM } flow_permute_word;

typedef struct flow_permute_options {
    flow_word_or_ints order; /* a flow_permute_word, or all dimensions in their new order, counted from 0 */
} flow_permute_options;

/* FLOW_MASK_CHANNEL is FLOW_MASK_HALF. */
typedef enum flow_mask { FLOW_MASK_ALTERNATE, FLOW_MASK_HALF, FLOW_MASK_CHANNEL, FLOW_MASK_CHECKERBOARD } flow_mask;

typedef struct flow_coupling_options {
    int mask; /* flow_mask: which dimensions pass unchanged */
    bool flip;
    flow_choice univariate;  /* of flow_univariates */
    flow_choice conditioner; /* of flow_conditioners */
} flow_coupling_options;

extern const char *const flow_mask_names[];
extern const flow_option flow_coupling_table[];

/* The rows of a struct that begins with a flow_coupling_options. */
#define FLOW_COUPLING_OPTIONS \
    FLOW_KEY_WORD(flow_coupling_options, mask, "\"alternate\"", flow_mask_names, \
                  "which dimensions pass unchanged: every other one or the first half, of an image every other " \
                  "channel or the first half of them (\"channel\" is another word for \"half\"), or every " \
                  "other pixel"), \
    FLOW_KEY_FLAG(flow_coupling_options, flip, "false", \
                  "exchange the two parts (with \"repeat\" they change roles each time anyway)"), \
    FLOW_KEY_CHOICE(flow_coupling_options, univariate, "\"affine\"", &flow_univariates, "the elementwise map"), \
    FLOW_KEY_CHOICE(flow_coupling_options, conditioner, "\"network\"", &flow_conditioners, \
                    "the network that gives its parameters"), \
    FLOW_CONDITIONER_KEYS

/* Of glow and realnvp, which mean more than couplings on images. */
typedef struct flow_multiscale_options {
    flow_coupling_options coupling;
    int64_t levels, steps; /* of images; 0: the default */
} flow_multiscale_options;

typedef enum flow_autoregressive_order {
    FLOW_AUTOREGRESSIVE_ALTERNATE, /* natural, reversed, natural, ... over the repeats */
    FLOW_AUTOREGRESSIVE_NATURAL,
    FLOW_AUTOREGRESSIVE_REVERSE,
    FLOW_AUTOREGRESSIVE_RANDOM
} flow_autoregressive_order;

/* Of maf and iaf. */
typedef struct flow_autoregressive_options {
    int order;               /* flow_autoregressive_order */
    flow_choice univariate;  /* of flow_univariates */
    flow_choice conditioner; /* of flow_masked_conditioners */
} flow_autoregressive_options;

extern const flow_option flow_autoregressive_table[];

/* Blocks that are repeated together. */
typedef struct flow_repeat_options {
    int64_t times;
    flow_choice_list flow; /* of flow_maps */
} flow_repeat_options;

typedef struct flow_split_options {
    int64_t keep;          /* how many dimensions, of an image channels, go on, the first ones; 0: half of them */
    flow_choice prior;     /* of flow_conditioners: the network of the density of the others; type NULL: none */
    flow_choice_list flow; /* of flow_maps */
} flow_split_options;

/* Of squeeze and unsqueeze. */
typedef struct flow_squeeze_options {
    int64_t factor;
} flow_squeeze_options;

typedef struct flow_dequantise_options {
    int64_t steps;
    flow_choice conditioner; /* of flow_conditioners */
} flow_dequantise_options;

typedef enum flow_gradient { FLOW_GRADIENT_DISCRETE, FLOW_GRADIENT_ADJOINT } flow_gradient;

typedef struct flow_ffjord_options {
    flow_choice solver; /* of flow_solvers */
    int gradient;       /* flow_gradient */
    flow_field_options net;
    flow_choice trace; /* of flow_traces */
} flow_ffjord_options;

#endif
