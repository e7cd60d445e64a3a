/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec_image.h"

enum { MOST = 65536 };

const char *const flow_image_layout_words[] = {"auto", "hwc", "chw", NULL};

/* Data may move to a file with another layout: a resumed training compares their values. */
const flow_option flow_image_options_table[] = {
    FLOW_KEY_INTS(flow_image_options, shape, NULL, 1, MOST,
                  "height, width and channels; without it, those of the array that the data are in"),
    {FLOW_KEY(flow_image_options, layout, WORD, "\"auto\""), .words = flow_image_layout_words, .may_change = true,
     .help = "how the values of a row are stored: height, width, channels; or channels, height, width. auto: as the "
             "extents of an array say; of a table, hwc"},
    FLOW_OPTIONS_END,
};

flow_status flow_image_options_check(const flow_image_options *options, const flow_json *at, flow_error *err)
{
    flow_json shape = flow_json_member(at, "shape");
    const flow_int_list *list = &options->shape;
    int64_t n = 1;
    if (shape.node == NULL || cJSON_IsNull(shape.node))
        return FLOW_OK;
    if (list->n != 3)
        return flow_json_fail(&shape, err, "%d numbers; the shape of an image is [HEIGHT, WIDTH, CHANNELS]", list->n);
    for (int i = 0; i < 3; i++)
        n = n <= MOST ? n * list->at[i] : n;
    if (n > MOST)
        return flow_json_fail(&shape, err, "images of %d x %d x %d have more than %d values", list->at[0],
                              list->at[1], list->at[2], MOST);
    return FLOW_OK;
}

flow_image flow_image_of_options(const flow_image_options *options)
{
    if (options == NULL)
        return (flow_image){.layout = FLOW_IMAGE_AUTO};
    flow_image image = {.layout = (flow_image_layout)options->layout};
    if (options->shape.n == 3)
        image.shape = (flow_shape){options->shape.at[0], options->shape.at[1], options->shape.at[2]};
    return image;
}
