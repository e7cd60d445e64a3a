/* The flow and the training that init chooses, by the number of rows and columns. docs/automatic.md has the
 * measurements behind the numbers. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
    if (plan->sets[INIT_VALIDATION].named == NULL && plan->sets[INIT_VALIDATION].share == 0)
        plan->sets[INIT_VALIDATION].share = flow_share_of(plan->n_rows);
}

/* ---- tables ---- */

static int64_t choose_clamp(double value, int64_t least, int64_t most)
{
    return value < (double)least ? least : value > (double)most ? most : (int64_t)value;
}

static const char *choose_text(init_plan *plan, const char *format, ...) FLOW_PRINTF(2, 3);
static const char *choose_text(init_plan *plan, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return flow_arena_text(plan->arena, text);
}

/* By the number of training rows: a line of the table holds for fewer than `below`. */
static const struct flow_rule {
    double below;
    int repeat, components;
    int64_t batch, epochs;
    double decay; /* times d^1.5 / n */
} flow_rules[] = {
    {800, 3, 5, 16, 40, 16},     {1500, 5, 10, 32, 40, 16},    {3000, 3, 16, 64, 100, 16},
    {4000, 5, 12, 64, 90, 10},   {8000, 4, 16, 64, 50, 16},    {16000, 4, 16, 64, 25, 16},
    {50000, 5, 10, 128, 45, 16}, {200000, 5, 10, 256, 20, 16}, {INFINITY, 5, 10, 256, 0, 16},
};

/* The epochs of more rows than any line of the table has. */
static const double rows_in_all = 4e6;
enum { EPOCHS_LEAST = 6 };

/* So many have wider networks, fewer components, and fewer epochs. */
static const double many_columns = 48;

/* Networks of many columns have more weights, and each has fewer rows: so the decay grows with the columns and falls
 * with the rows, and is this at most. */
static const double decay_most = 0.8;

/* Where half of the columns have noise that is new in every epoch (discrete ones, and those with spikes), a table of
 * fewer rows than this takes so many times the epochs, and stops when as many as others have brought nothing. */
static const double noise_share = 0.5, noise_rows = 20000;
enum { NOISE_EPOCHS = 3 };

static bool choose_is_noisy(const init_plan *plan, double n, double d)
{
    int noisy = 0;
    for (int i = 0; i < plan->n_columns; i++) {
        const init_column *column = &plan->columns[i];
        noisy += !column->is_context && !column->is_left_out &&
                 (cJSON_HasObjectItem(column->support, "discrete") || cJSON_HasObjectItem(column->support, "spikes"));
    }
    return n < noise_rows && noisy >= noise_share * d;
}

/* `n` training rows of `d` columns. */
static void choose_for_table(init_plan *plan, double n, double d)
{
    const struct flow_rule *rule = flow_rules;
    while (n >= rule->below)
        rule++;
    const bool coupling = plan->options->fast_sampling, noisy = choose_is_noisy(plan, n, d);
    char decay[32]; /* two digits */
    snprintf(decay, sizeof decay, "%.2g", fmin(decay_most, rule->decay * pow(d, 1.5) / n));
    plan->training = (init_training){
        .repeat = coupling ? 8 : rule->repeat,
        .components = d > many_columns ? 5 : rule->components,
        .hidden = d > many_columns ? 256 : 128,
        .layers = 2,
        .batch = rule->batch,
        .rate = 1e-2,
        .decay = strtod(decay, NULL),
        .ema = 0.99,
        .epochs =
            choose_clamp((rule->epochs > 0 ? (double)rule->epochs : rows_in_all / n) * (d > many_columns ? 0.6 : 1),
                         EPOCHS_LEAST, INT64_MAX),
    };
    if (noisy) {
        plan->training.patience = plan->training.epochs;
        plan->training.epochs *= NOISE_EPOCHS;
    }
}

static void choose_words_for_table(init_plan *plan, const char *rows)
{
    init_training *t = &plan->training;
    const bool coupling = plan->options->fast_sampling;
    t->what_blocks = choose_text(plan, "%d %s blocks, networks with two hidden layers of %d", t->repeat,
                                 coupling ? "coupling" : "maf", t->hidden);
    t->why_blocks = choose_text(plan, coupling ? "Couplings sample as fast as they evaluate (--fast-sampling). Without "
                                                 "that, a maf of mixtures has a better likelihood."
                                               : "Of the flows that were compared on tables, a maf of mixtures had the "
                                                 "best likelihood. To draw many samples, try --fast-sampling.");
    t->why_training = choose_text(plan,
                                  "By the number of rows, %s. Decay, by the rows for each column, is against "
                                  "overfitting. %s%s",
                                  rows,
                                  t->patience > 0 ? "Columns with noise that is new in every epoch, discrete ones and "
                                                    "those with spikes, need more epochs."
                                                  : "No patience: the last epochs, of a low rate, are often the best.",
                                  plan->options->minutes > 0 ? " The epochs are what --minutes allows." : "");
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
    const flow_shape shape = plan->image.shape;
    if (shape.height % 2 != 0 || shape.width % 2 != 0)
        return flow_error_set(err, FLOW_DATA,
                              "%s: images of %d x %d pixels: a multi-scale flow needs an even height and width; pad or "
                              "cut them",
                              plan->sets[INIT_TRAIN].source, shape.height, shape.width);
    plan->training = (init_training){.levels = choose_levels(shape),
                                     .repeat = 8,
                                     .hidden = 64,
                                     .layers = 2,
                                     .batch = 64,
                                     .warmup = 200,
                                     .rate = 1e-3,
                                     .ema = 0.999,
                                     .clip = 100,
                                     .epochs = choose_clamp(2e6 / n, 4, 200)};
    return FLOW_OK;
}

static void choose_words_for_images(init_plan *plan)
{
    init_training *t = &plan->training;
    t->what_blocks =
        choose_text(plan, "glow, %d levels of %d steps, convolutions of %d channels", t->levels, t->repeat, t->hidden);
    t->why_blocks = choose_text(plan, "The sizes of configs/mnist-glow.json; more steps and channels fit better and "
                                      "take longer.");
    t->why_training = choose_text(plan, "As configs/mnist-glow.json.%s",
                                  plan->options->minutes > 0 ? " The epochs are what --minutes allows." : "");
}

/* ---- both ---- */

static double choose_rows(const init_plan *plan)
{
    return (double)plan->n_rows * (1 - plan->sets[INIT_VALIDATION].share - plan->sets[INIT_TEST].share);
}

flow_status init_choose_flow(init_plan *plan, flow_error *err)
{
    choose_held_out(plan);
    if (plan->image.shape.channels > 0)
        return choose_for_images(plan, choose_rows(plan), err);
    choose_for_table(plan, choose_rows(plan), plan->out->n_modelled);
    return FLOW_OK;
}

flow_status init_explain_flow(init_plan *plan, flow_error *err)
{
    init_training *t = &plan->training;
    char rows[FLOW_FORMAT_SIZE];
    flow_format_count(rows, (int64_t)choose_rows(plan));
    if (plan->image.shape.channels > 0)
        choose_words_for_images(plan);
    else
        choose_words_for_table(plan, rows);
    t->what_training = choose_text(plan, "%lld epoch%s of %s %s in batches of %lld", (long long)t->epochs,
                                   t->epochs == 1 ? "" : "s", rows, plan->out->row_name, (long long)t->batch);
    return plan->arena->failed ? flow_error_memory(err, "a plan") : FLOW_OK;
}
