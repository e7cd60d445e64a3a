/* Which spec train means: a file, or one that is made from data; and the options of train and tune that override keys
 * of it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_TRAIN_SPEC_H
#define FLOW_CMD_TRAIN_SPEC_H

#include <limits.h>

#include "command.h"
#include "init.h"
#include "rows.h"
#include "run/train.h"

/* The first member of the struct that the table of tune fills. */
typedef struct train_args {
    common_args common;
    const char *data, *seed, *missing;
    opt_texts set;
    bool skip_invalid;
    flow_run_init_options init; /* of data; validation, test, columns, context and weight are of a spec as well */
    flow_run_train_options run;
    char made[PATH_MAX]; /* the spec that was made */
} train_args;

/* Rows of both tables. */
#define TRAIN_ROWS_DATA                                                                                            \
    {"data", 'd', OPT_MEMBER(train_args, data), "DATA",                                                            \
     "training data, instead of data.train of the spec: FILE.csv or FILE.h5[:/set]"},                              \
    {"validation", 0, OPT_MEMBER(train_args, init.validation), "DATA",                                             \
     "validation data, instead of data.validation; a number between 0 and 1 is the share of the training rows to " \
     "hold out"}
#define TRAIN_ROWS_KEYS                                                                                             \
    {"set", 0, OPT_MEMBER(train_args, set), "KEY=VALUE",                                                            \
     "override any key of the spec, for example train.epochs=5 or flow[1].hidden=[64,64]; may be repeated"},        \
    {"columns", 0, OPT_MEMBER(train_args, init.columns), "A,B,C",                                                   \
     "the columns to use, in this order, instead of data.columns"}
#define TRAIN_ROWS_SEED                                                                                             \
    {"seed", 's', OPT_MEMBER(train_args, seed), "N", "the seed of all random numbers, instead of \"seed\" of the "  \
     "spec"},                                                                                                       \
    OPT_ROWS_MISSING(train_args, missing), \
    OPT_ROWS_CSV(train_args, init.csv), \
    OPT_ROWS_SKIP_INVALID(train_args, skip_invalid, "")

enum { TRAIN_OVERRIDES = 12 };

/* Makes a spec if args->run.spec names data; then that is args->run.spec. *made is what is known of it at rank 0;
 * the caller frees it in any case. Says what was decided. `trains`: the spec is to be trained, as the model
 * args->run.output; else it is named by the data. */
flow_status train_find_spec(train_args *args, bool trains, flow_run_init_result *made, console *con, flow_error *err);

/* KEY=VALUE of all options that override keys, behind those of --set; `owned` (TRAIN_OVERRIDES) are to be freed. */
flow_status train_collect_overrides(opt_texts *list, char **owned, const train_args *args, flow_error *err);

#endif
