/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/options.h"

#include "core/read.h"
#include "train/objective.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#define KEY(member, kind, text) FLOW_KEY(flow_train_options, member, kind, text)

const flow_option flow_train_table[] = {
    FLOW_KEY_CHOICE(flow_train_options, objective, "\"mle\"", &flow_objectives, "the quantity that training maximises"),
    {KEY(optimizer, CHOICE, "\"adam\""), .filled_later = true, .choices = &flow_optimizers,
     .help = "how a gradient changes the weights; without it, by the flow"},
    FLOW_KEY_CHOICE(flow_train_options, schedule, "\"cosine\"", &flow_schedules, "how the learning rate changes"),
    {KEY(batch, INT, "256"), .filled_later = true, .least = 1, .most = 1 << 20,
     .help = "rows per step; without it, by the number of rows"},
    {KEY(epochs, INT, "100"), .least = 1, .most = 1e9, .may_change = true,
     .help = "passes over the training data, at most"},
    {KEY(patience, INT, "20"), .least = 0, .most = 1e9, .may_change = true,
     .help = "epochs without a significant improvement of the held-out likelihood before training stops; 0: never"},
    {KEY(min_improvement, NUMBER, "1"), .least = 0, .most = 100, .may_change = true,
     .help = "what is significant, in standard errors of the paired difference of held-out log-densities"},
    FLOW_KEY_NUMBER(flow_train_options, clip, "5", 0, 1e18, "largest 2-norm of the gradient; 0: no clipping"),
    {KEY(ema, NUMBER, "0"), .filled_later = true, .least = 0, .most = 0.999999,
     .help = "decay, per step, of the moving average of the weights that is evaluated and kept; 0: none; without it, "
             "by the flow"},
    {KEY(memory, NUMBER, "4"), .least = 0, .most = 1e6, .may_change = true,
     .help = "of images: GiB for what the gradients of a step need from the maps; beyond it the maps are computed "
             "twice, with the same results"},
    FLOW_OPTIONS_END,
};

flow_status flow_train_options_default(flow_train_options *out, flow_arena *arena, flow_error *err)
{
    const flow_type_info train = {.name = "train", .options = flow_train_table, .options_size = sizeof *out};
    return flow_options_default(out, &train, arena, err);
}
