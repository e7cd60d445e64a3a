/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/color.h"

#include <math.h>

uint32_t flow_color_rgb(flow_color color)
{
    static const uint32_t values[FLOW_N_COLORS] = {
        [FLOW_BLACK] = 0x000000,  [FLOW_BLUE] = 0x0072b2,   [FLOW_VERMILLION] = 0xd55e00, [FLOW_GREEN] = 0x009e73,
        [FLOW_PURPLE] = 0xcc79a7, [FLOW_ORANGE] = 0xe69f00, [FLOW_SKY] = 0x56b4e9,        [FLOW_GRAY] = 0x808080,
        [FLOW_LIGHT] = 0xe4e4e4,  [FLOW_MIDDLE] = 0xc6c6c6, [FLOW_DARK] = 0xa4a4a4,       [FLOW_WHITE] = 0xffffff,
    };
    return values[color];
}

flow_color flow_color_of(int k)
{
    return (flow_color)((int)FLOW_BLUE + k % (FLOW_SKY - FLOW_BLUE + 1));
}

enum { ANCHORS = 33 };

static const uint32_t color_maps[][ANCHORS] = {
    [FLOW_VIRIDIS] = {0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b,
                      0x375b8d, 0x33638d, 0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21918c, 0x1f988b,
                      0x1fa088, 0x22a785, 0x28ae80, 0x32b67a, 0x3fbc73, 0x4ec36b, 0x5ec962, 0x70cf57, 0x84d44b,
                      0x98d83e, 0xaddc30, 0xc2df23, 0xd8e219, 0xece51b, 0xfde725},
    [FLOW_CIVIDIS] = {0x00224e, 0x00285b, 0x002e6a, 0x053371, 0x1a386f, 0x273e6e, 0x32436d, 0x3b496c, 0x434e6c,
                      0x4b546c, 0x535a6d, 0x5a5f6e, 0x61656f, 0x686a71, 0x6f7073, 0x767676, 0x7d7c78, 0x848279,
                      0x8c8878, 0x938e78, 0x9b9476, 0xa39a74, 0xaba072, 0xb4a76f, 0xbcae6c, 0xc4b468, 0xcdbb63,
                      0xd5c25e, 0xdec958, 0xe7d150, 0xf0d846, 0xf9e03a, 0xfee838},
};

uint32_t flow_color_at(flow_color_map map, double t)
{
    const double place = fmin(fmax(isnan(t) ? 0 : t, 0), 1) * (ANCHORS - 1);
    const int k = place >= ANCHORS - 1 ? ANCHORS - 2 : (int)place;
    const uint32_t a = color_maps[map][k], b = color_maps[map][k + 1];
    uint32_t out = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
        const double from = (a >> shift) & 0xff, to = (b >> shift) & 0xff;
        out |= (uint32_t)lround(from + (place - k) * (to - from)) << shift;
    }
    return out;
}
