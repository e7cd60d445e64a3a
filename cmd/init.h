/* What init and train have in common: how a spec is made from data, and what is told about it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_INIT_H
#define FLOW_CMD_INIT_H

#include "console.h"
#include "opt.h"
#include "run/init.h"

#define INIT_DATA_HELP \
    "FILE.csv, FILE.h5[:/set], or a folder of PNG files"

/* Rows of their tables, and of that of tune, which has --minutes of its own; `member` is the flow_run_init_options of
 * the struct `type`. */
#define INIT_OPTION_ROWS(type, member)                                                                               \
    {"drop", 0, OPT_MEMBER(type, member.drop), "A,B", "leave these columns out"},                                    \
    {"context", 0, OPT_MEMBER(type, member.context), "A,B", "columns that are given: the flow is the density of the " \
     "others conditional on these"},                                                                                 \
    {"angles", 0, OPT_MEMBER(type, member.angles), "A,B", "columns that are angles, whose ends meet: of 0 to 2 pi, "  \
     "-pi to pi, 0 to 360, -180 to 180, or with their period as in hour=24"},                                        \
    {"weight", 0, OPT_MEMBER(type, member.weight), "W", "the column of the rows' weights"},                          \
    {"fast-sampling", 0, OPT_MEMBER(type, member.fast_sampling), NULL, "couplings instead of an autoregressive flow: " \
     "samples cost no more than densities, which fit a little worse"}

#define INIT_MINUTES_ROW(type, member)                                                                               \
    {"minutes", 0, OPT_MEMBER(type, member.minutes), "M", "about how long training may take on one processor: the "   \
     "number of epochs follows from a count of multiplications", .least = 0.01, .most = 1e6}

/* Prints what was noticed and decided: on standard output, or as a note on standard error. */
flow_status init_show(console *con, const flow_run_init_result *result, bool json, bool note, flow_error *err);

#endif
