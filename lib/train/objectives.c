/* The set of all objectives. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/objective.h"

#define ENTRY(name) &flow_objective_##name.info,
static const flow_type_info *const objective_types[] = {FLOW_OBJECTIVES(ENTRY) NULL};
#undef ENTRY

const flow_choices flow_objectives = {.definition = "objective", .what = "an objective", .types = objective_types};
