/* The types a spec can name. One line here per type makes its declaration and its place in the table. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_REGISTRY_H
#define FLOW_FLOW_REGISTRY_H

#include "flow/base.h"
#include "flow/block.h"
#include "flow/column.h"
#include "ode/ode.h"
#include "flow/trace.h"
#include "flow/univariate.h"

#define FLOW_COLUMNS(X) X(support) X(standardize) X(whiten)

#define FLOW_BLOCKS(X)                                                                                   \
    X(permute) X(actnorm) X(batchnorm) X(linear) X(householder) X(coupling) X(maf) X(iaf) X(ffjord)

#define FLOW_UNIVARIATES(X) X(affine) X(additive) X(rational_quadratic) X(mixture)

#define FLOW_TABLEAUX(X) X(dopri5) X(bosh3) X(rk4) X(midpoint) X(euler)

#define FLOW_BASES(X) X(normal) X(student_t) X(logistic) X(uniform) X(mixture)

/* Names people write for a block with the defaults of a paper, and the blocks that go with it:
 *     (opening block) (opening block) closing
 * The object in the spec holds the keys of `block`; its companions are given here in full, every key written out, so
 * that a model means the same to a version with other defaults. */
typedef struct flow_preset {
    const char *type;  /* "realnvp" */
    const char *block; /* "coupling" */
    const char *help;
    const char *const *defaults; /* key, JSON text, key, JSON text, ..., NULL */
    const char *opening;         /* the blocks in front of each repeat, a list as JSON text; or NULL */
    const char *closing;         /* the blocks behind the last one, likewise */
} flow_preset;

/* A stretch of the list that is repeated: {"type": "repeat", "times": 5, "flow": [ ... ]}. What alternates goes by how
 * often it has been there: `turn` of flow_site counts on from one repetition to the next. */
#define FLOW_GROUP "repeat"
enum { FLOW_GROUP_DEPTH_MAX = 4 }; /* groups within groups */

typedef struct flow_group {
    int64_t times;
    flow_json flow;
} flow_group;

extern const flow_option flow_group_options[];

/* NULL-terminated. */
extern const flow_column_type *const flow_column_types[];
extern const flow_block_type *const flow_block_types[];
extern const flow_univariate_type *const flow_univariate_types[];
extern const flow_base_type *const flow_base_types[];
extern const flow_tableau *const flow_tableaux[];
/* Ends with an entry whose type is NULL. */
extern const flow_preset flow_presets[];

/* NULL when there is none of that name. */
const flow_column_type *flow_column_find(const char *type);
const flow_block_type *flow_block_find(const char *type);
const flow_univariate_type *flow_univariate_find(const char *type);
const flow_base_type *flow_base_find(const char *type);
const flow_tableau *flow_tableau_find(const char *type);
const flow_preset *flow_preset_find(const char *type);

/* The definitions "flow", "univariate", "solver", "trace", "base" and "embedding" of the JSON Schema of a spec, added
 * to `definitions`. */
void flow_registry_schema(cJSON *definitions);

#endif
