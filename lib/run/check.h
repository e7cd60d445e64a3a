/* Reads a spec as training does, and describes its flow. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_CHECK_H
#define FLOW_RUN_CHECK_H

#include "run/describe.h"
#include "run/experiment.h"
#include "run/hooks.h"

typedef struct flow_run_check_options {
    const char *spec;
    const char *const *overrides; /* (n_overrides): KEY=VALUE, as in flow_spec_read */
    int n_overrides;
    int64_t dim;     /* columns of the data; 0: what data.columns, the data or the density say */
    int assumed;     /* their number where nothing says it; 0: then no flow is built */
    bool files_only; /* the spec is read, and its files are listed; no flow is built, and nothing is warned of */
    flow_run_hooks hooks;
} flow_run_check_options;

/* flow_run_check_free. */
typedef struct flow_run_check_result {
    const char *kind; /* "spec" */
    flow_experiment x;
    flow_description flow;
    bool is_built;        /* there is a flow */
    flow_name_list files; /* the spec and what it names (run/dependencies.h) */
    flow_text_list file_names;
    int64_t batch;        /* 0 where the rows, which were not counted, decide */
    const char *batch_of; /* "rows", "draws"; NULL then */
} flow_run_check_result;

/* Warns when the data cannot be read, and when nothing says how many columns they have. */
flow_status flow_run_check(flow_run_check_result *out, const flow_run_check_options *options, flow_error *err);
void flow_run_check_free(flow_run_check_result *result);

#endif
