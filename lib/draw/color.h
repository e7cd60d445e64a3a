/* Colours that people with a colour vision deficiency can tell apart.
 *
 * For curves the set of Okabe and Ito (2008), without its yellow, which is faint on white; for grids viridis and
 * cividis (Smith and van der Walt 2015; Nunez, Anderton and Renslow 2018), whose lightness rises evenly. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_COLOR_H
#define FLOW_DRAW_COLOR_H

#include <stdint.h>

typedef enum flow_color {
    FLOW_BLACK,
    FLOW_BLUE,
    FLOW_VERMILLION,
    FLOW_GREEN,
    FLOW_PURPLE,
    FLOW_ORANGE,
    FLOW_SKY,
    FLOW_GRAY,  /* for rules and bands */
    FLOW_LIGHT, /* grays for areas, from the lightest to the darkest */
    FLOW_MIDDLE,
    FLOW_DARK,
    FLOW_WHITE,
    FLOW_N_COLORS
} flow_color;

/* As 0xRRGGBB. */
uint32_t flow_color_rgb(flow_color color);

/* The colour of curve k = 0, 1, ...: from blue to sky, and again. */
flow_color flow_color_of(int k);

/* A colour map at t in [0, 1]; values outside are the ends. */
typedef enum flow_color_map { FLOW_VIRIDIS, FLOW_CIVIDIS } flow_color_map;
uint32_t flow_color_at(flow_color_map map, double t);

#endif
