/* The options of a training: the object "train" of a spec. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_OPTIONS_H
#define FLOW_TRAIN_OPTIONS_H

#include "core/arena.h"
#include "core/option.h"

/* A plain struct: from a spec by flow_read_options with the table below, or filled by a C program. */
typedef struct flow_train_options {
    flow_choice objective;  /* of flow_objectives (train/objective.h) */
    flow_choice optimizer;  /* of flow_optimizers (train/optimizer.h) */
    flow_choice schedule;   /* of flow_schedules (train/schedule.h) */
    int64_t batch, epochs;
    int64_t patience;       /* epochs without a significant improvement before training stops; 0: never */
    double min_improvement; /* what is significant, in standard errors of the paired difference of held-out log p (and
                               never less than a hundredth of the mean's own standard error) */
    double clip;            /* largest 2-norm of the gradient; 0: no clipping */
    double memory;          /* of images: GiB for what gradients need from the maps, see flow_step_new */
    double ema;             /* decay of the moving average of the weights, per step; 0: none */
} flow_train_options;

extern const flow_option flow_train_table[];

/* The defaults, for a C program that changes some members afterwards; the choices are of the arena. */
flow_status flow_train_options_default(flow_train_options *out, flow_arena *arena, flow_error *err);

#endif
