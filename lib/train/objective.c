/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/objective.h"

#define ENTRY(name) &flow_objective_##name,
const flow_objective_type *const flow_objective_types[] = {FLOW_OBJECTIVES(ENTRY) NULL};
#undef ENTRY

#define ENTRY(name) #name,
const char *const flow_objective_names[] = {FLOW_OBJECTIVES(ENTRY) NULL};
#undef ENTRY
