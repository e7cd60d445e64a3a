/* Depth: 64 blocks of every registered type, one on the other, train from their default start for 1,000 steps without
 * a value that is not finite and without a dropped step; and what they have learned is better than what they started
 * with.
 *
 * It walks the registry: each block, and each univariate in each block that takes one. Bases come behind a few
 * blocks.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/registry.h"
#include "flow/rows.h"
#include "harness.h"
#include "flow/univariate/univariates.h"
#include "num/rng.h"
#include "train/trainer.h"
#include "values.h"

enum { D = 3, ROWS = 512, BATCH = 32, STEPS = 1000, EPOCHS = (STEPS * BATCH + ROWS - 1) / ROWS };

static flow_dataset *data;

/* Curved, skewed, heavy-tailed, in units far from each other. */
static void draw_row(uint64_t row, double *x)
{
    double u[D];
    for (int i = 0; i < D; i++)
        u[i] = 2 * flow_rng_uniform(23, FLOW_STREAM_OTHER, row, (uint32_t)i) - 1;
    x[0] = 1e4 + 300 * u[0];
    x[1] = 1e-3 * (u[0] * u[0] + 0.1 * u[1]);
    x[2] = tan(1.4 * u[2]) + u[1];
}

static int make_data(void **state)
{
    static const char *const columns[D] = {"a", "b", "c"};
    static double rows[ROWS * D];
    for (int r = 0; r < ROWS; r++)
        draw_row((uint64_t)r, rows + r * D);
    if (make_folder(state) != 0)
        return -1;
    data = make_dataset("data.csv", columns, D, rows, ROWS, NULL);
    return 0;
}

static int remove_data(void **state)
{
    flow_dataset_close(data);
    return remove_folder(state);
}

/* ---- one training ---- */

typedef struct run {
    const char *what; /* the flow, for messages */
    double first, last; /* mean log-likelihood of the first and the last epoch */
    int64_t steps;
} run;

static flow_status see_epoch(void *context, const flow_epoch *epoch, flow_error *err)
{
    (void)err;
    run *r = context;
    if (epoch->dropped != 0 || !isfinite(epoch->training) || !isfinite(epoch->gradient_norm))
        fail_msg("%s: epoch %d: %g dropped, log-likelihood %g, gradient %g", r->what, (int)epoch->epoch, epoch->dropped,
                 epoch->training, epoch->gradient_norm);
    r->first = epoch->epoch == 1 ? epoch->training : r->first;
    r->last = epoch->training;
    return FLOW_OK;
}

static void see_step(void *context, const flow_progress *progress)
{
    (void)progress;
    ((run *)context)->steps++;
}

static void see_warning(void *context, const char *message)
{
    fail_msg("%s: %s", ((run *)context)->what, message);
}

/* Log-densities of the data, and draws with theirs, after the training. */
static void expect_finite(const char *what, const flow *f, const real *weights)
{
    static double rows[ROWS * D], draws[ROWS * D], logp[ROWS];
    for (int r = 0; r < ROWS; r++)
        draw_row((uint64_t)r, rows + r * D);
    flow_runner *runner;
    assert_int_equal(flow_runner_new(&runner, f, weights, 1, NULL), FLOW_OK);
    double round_trip;
    flow_rows_logp(runner, rows, ROWS, logp);
    for (int r = 0; r < ROWS; r++)
        if (!isfinite(logp[r]))
            fail_msg("%s: row %d has log-density %g", what, r, logp[r]);
    flow_rows_sample(runner, 1, 0, ROWS, 1, NULL, draws, logp, &round_trip);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            if (!isfinite(draws[r * D + i]) || !isfinite(logp[r]))
                fail_msg("%s: draw %d is %g, %g, %g with log-density %g", what, r, draws[r * D], draws[r * D + 1],
                         draws[r * D + 2], logp[r]);
    if (!(round_trip < 1))
        fail_msg("%s: the round trip of a draw is off by %g", what, round_trip);
    flow_runner_free(runner);
}

/* `blocks` and `base` as in a spec. One more block behind them has weights whatever they are. */
static void train(const char *blocks, const char *base)
{
    char text[700];
    snprintf(text, sizeof text,
             "{\"flow\": [{\"type\": \"standardize\"}, %s, {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [8]}], "
             "\"base\": %s, \"train\": {\"batch\": %d, \"epochs\": %d, \"schedule\": \"constant\"}}",
             blocks, base, BATCH, EPOCHS);
    flow_error err = {0};
    subject s;
    run r = {.what = text};
    const flow_train_hooks hooks = {
        .context = &r, .on_epoch = see_epoch, .on_step = see_step, .on_warning = see_warning};
    subject_open(&s, (subject_shape){.dim = D, .seed = 1}, "%s", text);
    subject_start(&s, data, NULL, 1);
    if (flow_trainer_run(s.trainer, &hooks, &err) != FLOW_OK)
        fail_msg("%s: %s", text, err.message);
    ASSERT_GE(r.steps, STEPS);
    if (!(r.last > r.first))
        fail_msg("%s: has learned nothing: log-likelihood %g at first, %g at last", text, r.first, r.last);
    expect_finite(text, s.f, flow_trainer_best(s.trainer));
    subject_close(&s);
}

static bool has_option(const flow_option *options, const char *key)
{
    for (; options->key != NULL; options++)
        if (strcmp(options->key, key) == 0)
            return true;
    return false;
}

/* As its defaults are, but for small networks. */
static void train_block(const flow_block_type *type, const char *univariate)
{
    char blocks[300], more[100] = "";
    if (univariate != NULL)
        snprintf(more, sizeof more, ", \"univariate\": \"%s\"", univariate);
    snprintf(blocks, sizeof blocks, "{\"type\": \"%s\", \"repeat\": 64%s%s}", type->info.name,
             has_option(type->info.options, "hidden") ? ", \"hidden\": [8]" : "", more);
    train(blocks, "\"normal\"");
}

static void deep_stacks(void **state)
{
    (void)state;
    for (int b = 0; flow_block_types[b] != NULL; b++) {
        if (!flow_block_types[b]->info.repeats) /* composites, and blocks that a stack has once or between others */
            continue;
        if (!has_option(flow_block_types[b]->info.options, "univariate")) {
            train_block(flow_block_types[b], NULL);
            continue;
        }
        for (int u = 0; flow_univariates.types[u] != NULL; u++)
            train_block(flow_block_types[b], flow_univariates.types[u]->name);
    }
}

static void bases(void **state)
{
    (void)state;
    for (int b = 0; flow_bases.types[b] != NULL; b++) {
        char base[80];
        snprintf(base, sizeof base, "\"%s\"", flow_bases.types[b]->name);
        train("{\"type\": \"coupling\", \"repeat\": 4, \"hidden\": [8]}", base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deep_stacks),
        cmocka_unit_test(bases),
    };
    return cmocka_run_group_tests_name("deep flows", tests, make_data, remove_data);
}
