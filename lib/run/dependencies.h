/* The files that a training depends on, for make and for programs that copy an experiment. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_DEPENDENCIES_H
#define FLOW_RUN_DEPENDENCIES_H

#include "core/text.h"
#include "run/experiment.h"

/* Appends the files that `x`, which is read, names: `file`, its spec, the data and the density, as paths from the
 * current folder, each once; they need not exist. Standard input is none of them. */
flow_status flow_run_dependencies(flow_name_list *out, const flow_experiment *x, const char *file, flow_error *err);

/* Appends a rule of make to `out`: `target` depends on the files, and a file but for the first one may be missing.
 * FLOW_ARGUMENT for a name that make cannot read: with a line end, % or a backslash. */
flow_status flow_run_make_rule(flow_text *out, const char *target, const flow_name_list *files, flow_error *err);

#endif
