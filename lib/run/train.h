/* Trains the flow that a spec describes, and saves it as a model file. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_H
#define FLOW_RUN_TRAIN_H

#include "run/train_options.h"

/* FLOW_INTERRUPTED when hooks.should_stop says so: the model is saved, and the result is there. */
flow_status flow_run_train(flow_run_train_result *out, const flow_run_train_options *options, flow_error *err);
void flow_run_train_free(flow_run_train_result *result);

#endif
