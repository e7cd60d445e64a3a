/* What a preset means on images: the multi-scale stacks of Real NVP (Dinh et al. 2017, sec. 3.6) and Glow (Kingma and
 * Dhariwal 2018, fig. 2b). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_MULTISCALE_H
#define FLOW_FLOW_BLOCK_MULTISCALE_H

#include "core/arena.h"
#include "core/shape.h"
#include "flow/block/options.h"

extern const flow_option flow_multiscale_table[];

/* The blocks that a preset stands for on images of this shape. `choice` has flow_multiscale_options; the list lives as
 * long as the arena and the choice. FLOW_SPEC when the shape does not divide as often as there are levels. */
flow_status flow_multiscale_glow(flow_choice_list *out, const flow_choice *choice, flow_shape shape, flow_arena *arena,
                                 flow_error *err);
flow_status flow_multiscale_realnvp(flow_choice_list *out, const flow_choice *choice, flow_shape shape,
                                    flow_arena *arena, flow_error *err);
/* FLOW_SPEC when it has options that only images have. */
flow_status flow_multiscale_check_table(const flow_choice *choice, flow_error *err);

#endif
