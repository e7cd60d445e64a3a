/* The column maps, blocks and bases that a spec can name. One line here per type makes its declaration and its place in
 * the table. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_REGISTRY_H
#define FLOW_FLOW_REGISTRY_H

#include "core/arena.h"
#include "flow/base.h"
#include "flow/block.h"
#include "flow/column.h"

#define FLOW_COLUMNS(X) X(support) X(standardize) X(whiten) X(asinh) X(pixels)

#define FLOW_BLOCKS(X) \
    X(permute) X(actnorm) X(batchnorm) X(linear) X(householder) X(coupling) X(maf) X(iaf) X(ffjord) \
    X(repeat) X(split) X(squeeze) X(unsqueeze) X(dequantise)

#define FLOW_BASES(X) X(normal) X(student_t) X(logistic) X(uniform) X(mixture)

#define X(name) extern const flow_column_type flow_column_##name;
FLOW_COLUMNS(X)
#undef X
#define X(name) extern const flow_block_type flow_block_##name;
FLOW_BLOCKS(X)
#undef X
#define X(name) extern const flow_base_type flow_base_##name;
FLOW_BASES(X)
#undef X

/* NULL-terminated. */
extern const flow_column_type *const flow_column_types[];
extern const flow_block_type *const flow_block_types[];

/* What options of the kinds CHOICE_LIST and CHOICE refer to: column maps, presets and blocks; bases. */
extern const flow_choices flow_maps;
extern const flow_choices flow_bases;

/* A word for a block with the defaults of a paper, and for the blocks that go with it:
 *     (opening block) (opening block) closing */
typedef struct flow_preset {
    flow_type_info info;          /* the options of `block`, with other defaults */
    const flow_block_type *block;
    flow_choice_list opening;     /* blocks in front of each repeat */
    flow_choice_list closing;     /* blocks behind the last one */
    /* Optional: on images it stands for these blocks instead, which live in the arena. */
    flow_status (*of_images)(flow_choice_list *out, const flow_choice *choice, flow_shape shape, flow_arena *arena,
                             flow_error *err);
    /* Optional, elsewhere: refuses options that only images have. */
    flow_status (*check_table)(const flow_choice *choice, flow_error *err);
} flow_preset;

/* NULL-terminated. */
extern const flow_preset *const flow_presets[];

/* The base where some latents are periodic (base/mixed.c); its options are flow_mixed_options. No spec names it. */
extern const flow_type_info *const flow_mixed_base;

/* What the type of a choice of flow_maps is: NULL where it is none of these. */
const flow_column_type *flow_column_of(const flow_type_info *type);
const flow_block_type *flow_block_of(const flow_type_info *type);
const flow_preset *flow_preset_of(const flow_type_info *type);

#endif
