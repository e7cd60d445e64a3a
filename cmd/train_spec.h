/* Which spec train means: a file, or one that is made from data; and the options that override keys of it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_TRAIN_SPEC_H
#define FLOW_CMD_TRAIN_SPEC_H

#include "command.h"
#include "init.h"
#include "run/train.h"

typedef struct train_args {
    common_args common;
    const char *data, *seed;
    opt_texts set;
    bool skip_invalid;
    flow_run_init_options init; /* of data; validation, test, columns, context and weight are of a spec as well */
    flow_run_train_options run;
} train_args;

enum { TRAIN_OVERRIDES = 8 };

/* Makes a spec if the argument names data; then that is args->run.spec, borrowed from *made, which the caller frees in
 * any case. Says what was decided. */
flow_status train_find_spec(train_args *args, flow_run_init_result *made, console *con, flow_error *err);

/* KEY=VALUE of all options that override keys, behind those of --set; `owned` (TRAIN_OVERRIDES) are to be freed. */
flow_status train_collect_overrides(opt_texts *list, char **owned, const train_args *args, flow_error *err);

#endif
