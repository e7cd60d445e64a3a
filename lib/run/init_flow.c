/* The flow and the training that init chooses, by the number of rows and columns. docs/automatic.md has the
 * measurements behind the numbers. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "run/format.h"
#include "run/init_plan.h"

/* ---- the held-out share ---- */

enum { HELD_OUT_ENOUGH = 20000, HELD_OUT_LEAST = 200 };

/* A tenth; of few rows more, so that the likelihood tells epochs apart, and of many so few as are enough. */
static double flow_share_of(int64_t rows)
{
    const double n = (double)rows, least = fmin(0.25, HELD_OUT_LEAST / n), most = fmax(0.01, HELD_OUT_ENOUGH / n);
    const double share = fmin(fmax(0.1, least), most);
    return nearbyint(share * 100) / 100;
}

static void choose_held_out(init_plan *plan)
{
    if (plan->validation == NULL && plan->share == 0)
        plan->share = flow_share_of(plan->n_rows);
}

/* ---- tables ---- */

static int64_t choose_clamp(double value, int64_t least, int64_t most)
{
    return value < (double)least ? least : value > (double)most ? most : (int64_t)value;
}

/* Rounded down to one that is easy to read: 2, 5 or 10 times a power of ten. */
static void choose_for_table(init_plan *plan, double n)
{
    init_training *t = &plan->training;
    const bool few = n < 10000;
    t->batch = n < 5000 ? 64 : n < 20000 ? 128 : 256;
    t->layers = 2;
    t->hidden = 128;
    t->repeat = plan->options->fast_sampling ? 8 : 3;
    t->rate = 5e-3;
    t->decay = few ? 0.5 : 0;
    t->epochs = choose_clamp(60, 10, 100);
    t->ema = few ? 0.99 : 0.999;
}

static flow_status choose_table_words(init_plan *plan, double n, flow_error *err)
{
    init_training *t = &plan->training;
    char rows[FLOW_FORMAT_SIZE], text[400];
    flow_format_count(rows, (int64_t)n);
    snprintf(text, sizeof text, "%s, %d blocks of networks with two hidden layers of %d; base student_t",
             plan->options->fast_sampling ? "couplings of splines" : "autoregressive, mixtures of normals", t->repeat,
             t->hidden);
    t->what_blocks = flow_arena_text(plan->arena, text);
    t->why_blocks = flow_arena_text(
        plan->arena, plan->options->fast_sampling
                         ? "Couplings sample as fast as they evaluate (--fast-sampling). Without that, a "
                           "maf of mixtures has the better likelihood."
                         : "The best likelihood of the flows that were compared on tables "
                           "(docs/automatic.md).");
    snprintf(text, sizeof text, "%lld epochs of %s rows in batches of %lld, rate %g%s", (long long)t->epochs, rows,
             (long long)t->batch, t->rate, t->decay > 0 ? ", weight decay" : "");
    t->what_training = flow_arena_text(plan->arena, text);
    snprintf(text, sizeof text, "For %s training rows.%s", rows,
             t->decay > 0 ? " Few rows: small batches, and decay against overfitting." : "");
    t->why_training = flow_arena_text(plan->arena, text);
    return plan->arena->failed ? flow_error_memory(err, "a plan") : FLOW_OK;
}

/* ---- images ---- */

/* As many scales as divide the image into halves, two at most. */
static int choose_levels(flow_shape shape)
{
    int levels = 1;
    while (levels < 2 && shape.height % (2 << levels) == 0 && shape.width % (2 << levels) == 0)
        levels++;
    return levels;
}

static flow_status choose_for_images(init_plan *plan, double n, flow_error *err)
{
    init_training *t = &plan->training;
    const flow_shape shape = plan->image.shape;
    if (shape.height % 2 != 0 || shape.width % 2 != 0)
        return flow_error_set(err, FLOW_DATA,
                              "%s: images of %d x %d pixels: a multi-scale flow needs an even height and "
                              "width; pad or cut them",
                              plan->source, shape.height, shape.width);
    char text[200];
    *t = (init_training){.levels = choose_levels(shape),
                         .repeat = 8,
                         .hidden = 64,
                         .layers = 2,
                         .batch = 64,
                         .epochs = choose_clamp(2e6 / n, 4, 200),
                         .warmup = 200,
                         .rate = 1e-3,
                         .ema = 0.999,
                         .clip = 100};
    snprintf(text, sizeof text, "glow of %d levels with 8 steps each, convolutions of 64 channels", t->levels);
    t->what_blocks = flow_arena_text(plan->arena, text);
    t->why_blocks = flow_arena_text(plan->arena, "The sizes of configs/mnist-glow.json; more steps and channels fit "
                                                 "better and take longer.");
    snprintf(text, sizeof text, "%lld epochs in batches of 64", (long long)t->epochs);
    t->what_training = flow_arena_text(plan->arena, text);
    t->why_training = flow_arena_text(plan->arena, "As configs/mnist-glow.json.");
    return plan->arena->failed ? flow_error_memory(err, "a plan") : FLOW_OK;
}

flow_status init_choose_flow(init_plan *plan, flow_error *err)
{
    choose_held_out(plan);
    const double n = (double)plan->n_rows * (1 - plan->share - plan->test_share);
    if (plan->image.shape.channels > 0)
        return choose_for_images(plan, n, err);
    choose_for_table(plan, n);
    return choose_table_words(plan, n, err);
}
