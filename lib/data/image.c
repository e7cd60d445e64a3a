/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/image.h"

#include <stdio.h>

enum { MOST_VALUES = 1 << 16 }; /* of a row: as of a table */

typedef struct image_guess {
    uint64_t height, width, channels;
} image_guess;

static bool image_fits(const flow_image *wanted, image_guess g)
{
    const flow_shape *s = &wanted->shape;
    return (uint64_t)s->height == g.height && (uint64_t)s->width == g.width && (uint64_t)s->channels == g.channels;
}

static bool image_is_channels(uint64_t n)
{
    return n >= 1 && n <= FLOW_IMAGE_CHANNELS;
}

/* FLOW_DATA with the extents as a text. */
static flow_status image_refuse(const char *where, int rank, const uint64_t *e, const char *why, flow_error *err)
{
    char extents[96];
    snprintf(extents, sizeof extents, rank == 2 ? "(%llu, %llu)" : "(%llu, %llu, %llu)", (unsigned long long)e[0],
             (unsigned long long)e[1], (unsigned long long)(rank == 2 ? 0 : e[2]));
    return flow_error_set(err, FLOW_DATA, "%s: its rows have the extents %s%s", where, extents, why);
}

flow_status flow_image_of_array(flow_image *out, const flow_image *wanted, int rank, const uint64_t *extents,
                                const char *where, flow_error *err)
{
    const uint64_t *e = extents;
    const bool given = wanted->shape.channels > 0;
    uint64_t n = 1;
    for (int i = 0; i < rank; i++) {
        if (e[i] < 1 || e[i] > MOST_VALUES || n * e[i] > MOST_VALUES)
            return image_refuse(where, rank, e, "; a row has 1 to 65536 values", err);
        n *= e[i];
    }
    const image_guess hwc = {e[0], e[1], rank == 2 ? 1 : e[2]};
    const image_guess chw = rank == 2 ? hwc : (image_guess){e[1], e[2], e[0]};
    bool can_hwc = given ? image_fits(wanted, hwc) : image_is_channels(hwc.channels);
    bool can_chw = given ? image_fits(wanted, chw) : image_is_channels(chw.channels);
    if (wanted->layout != FLOW_IMAGE_AUTO && (!given || (can_hwc && can_chw))) {
        can_hwc = wanted->layout == FLOW_IMAGE_HWC;
        can_chw = !can_hwc;
    }
    if (rank == 2) { /* one channel: both are the same */
        can_hwc = can_hwc || can_chw;
        can_chw = false;
    }
    if (!can_hwc && !can_chw && given) {
        char why[160];
        snprintf(why, sizeof why, ", and an image of %d x %d x %d (height, width, channels) was expected",
                 wanted->shape.height, wanted->shape.width, wanted->shape.channels);
        return image_refuse(where, rank, e, why, err);
    }
    if (can_hwc == can_chw)
        return image_refuse(
            where, rank, e,
            can_hwc ? ", which can be height, width, channels or channels, height, "
                      "width; say which with \"image\": {\"layout\": \"hwc\"} or \"chw\" in the spec"
                    : ", and neither the last nor the first of them is a number of channels, 1 to 4; give the "
                      "shape of the images with \"image\": [HEIGHT, WIDTH, CHANNELS] in the spec",
            err);
    const image_guess *is = can_hwc ? &hwc : &chw;
    *out =
        (flow_image){{(int)is->height, (int)is->width, (int)is->channels}, can_hwc ? FLOW_IMAGE_HWC : FLOW_IMAGE_CHW};
    return FLOW_OK;
}

int flow_image_place(const flow_image *image, int i)
{
    const int channels = image->shape.channels, pixel = i / channels, channel = i % channels;
    return image->layout == FLOW_IMAGE_CHW ? channel * flow_shape_pixels(image->shape) + pixel : i;
}
