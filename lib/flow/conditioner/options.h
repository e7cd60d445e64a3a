/* The options of conditioners, as structs that a C program fills by hand (see flow/block/options.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CONDITIONER_OPTIONS_H
#define FLOW_FLOW_CONDITIONER_OPTIONS_H

#include "core/option.h"

typedef struct flow_conv_options {
    flow_int_list hidden; /* channels of the hidden layers */
    int activation;       /* flow_activation */
    bool normalize;       /* a factor for each channel of a hidden layer */
} flow_conv_options;

typedef struct flow_resnet_options {
    int64_t hidden; /* channels */
    int64_t blocks;
    int activation; /* flow_activation */
    bool normalize; /* a factor for each channel of a hidden layer */
} flow_resnet_options;

#endif
