/* The object "image" of a spec. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_IMAGE_H
#define FLOW_MODEL_SPEC_IMAGE_H

#include "core/json.h"
#include "core/option.h"
#include "data/image.h"

typedef struct flow_image_options {
    flow_int_list shape; /* height, width, channels; n 0: that of the data */
    int layout;          /* a flow_image_layout */
} flow_image_options;

extern const flow_option flow_image_options_table[];
extern const char *const flow_image_layout_words[]; /* in the order of flow_image_layout; NULL-terminated */

/* FLOW_SPEC unless the shape has three numbers, of 65,536 values in all at most. `at`: the object. */
flow_status flow_image_options_check(const flow_image_options *options, const flow_json *at, flow_error *err);

/* `options` may be NULL: the spec says nothing. */
flow_image flow_image_of_options(const flow_image_options *options);

#endif
