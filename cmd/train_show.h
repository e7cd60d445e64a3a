/* What `flowctl train` shows while it runs and at the end. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_TRAIN_SHOW_H
#define FLOW_CMD_TRAIN_SHOW_H

#include "console.h"
#include "run/train.h"

typedef struct train_show {
    console *con;
    bool has_loss;
    int64_t epochs;         /* in all */
    char validation[64];    /* the last held-out log-likelihood; "" without */
    flow_progress progress; /* of the last step */
} train_show;

/* Sets the hooks of the options; `show` must outlive the run. */
void train_show_hook(train_show *show, flow_run_train_options *options);

flow_status train_show_end(const train_show *show, const flow_run_train_result *result, bool json, flow_error *err);

#endif
