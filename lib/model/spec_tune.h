/* The object "tune" of a spec: what a search for a better spec varies (run/tune.h). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_SPEC_TUNE_H
#define FLOW_MODEL_SPEC_TUNE_H

#include "core/option.h"

typedef struct flow_tune_options {
    flow_alternatives_list space; /* keys of the spec, as in an override */
    bool only;                    /* nothing else varies */
} flow_tune_options;

extern const flow_option flow_tune_table[];

#endif
