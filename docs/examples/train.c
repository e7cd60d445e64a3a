/* A flow that is built and trained from structs, without a spec: the density of a curved normal distribution.
 *
 *     cc -std=c11 -Ilib docs/examples/train.c build/libflowctl.a (libraries as pkg-config --static says) -o train
 *
 * These are the interfaces inside of the library; lib/flowctl.h is the one that other programs can rely on.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

#include "core/read.h"
#include "data/dataset.h"
#include "flow/block/options.h"
#include "flow/registry.h"
#include "flow/rows.h"
#include "nn/mlp.h"
#include "num/rng.h"
#include "train/evaluate.h"
#include "train/optimizer.h"
#include "train/trainer.h"

enum { N_TRAINING = 4000, N_HELD_OUT = 1000, DIM = 2, SEED = 1, N_THREADS = 2 };

/* x ~ N(0, 1), y ~ N(x^2, 1/4): the mean of log p is -log(2 pi) - log(1/2) - 1 = -2.145 nats. */
static void draw_rows(uint64_t seed, int n, double *rows)
{
    for (int i = 0; i < n; i++) {
        double radius = sqrt(-2 * log(flow_rng_uniform(seed, FLOW_STREAM_OTHER, (uint64_t)i, 0)));
        double angle = 2 * FLOW_PI * flow_rng_uniform(seed, FLOW_STREAM_OTHER, (uint64_t)i, 1);
        double x = radius * cos(angle);
        rows[DIM * i] = x;
        rows[DIM * i + 1] = x * x + 0.5 * radius * sin(angle);
    }
}

static flow_status open_rows(flow_dataset **out, const char *name, const double *rows, size_t n, flow_error *err)
{
    static const char *const columns[DIM] = {"x", "y"};
    return flow_dataset_open_rows(out, &(flow_table_rows){name, rows, n, DIM, columns}, NULL, err);
}

/* standardize, then a masked autoregressive flow of three layers. What is not set here has its default. */
static flow_status build(flow **out, flow_arena *arena, flow_error *err)
{
    flow_choice maps[2];
    flow_status status = flow_choice_default(&maps[0], &flow_maps, "standardize", arena, err);
    if (status == FLOW_OK)
        status = flow_choice_default(&maps[1], &flow_maps, "maf", arena, err);
    if (status != FLOW_OK)
        return status;
    flow_autoregressive_options maf = *(const flow_autoregressive_options *)maps[1].options;
    flow_net_options network = *(const flow_net_options *)maf.conditioner.options;
    network.hidden = (flow_int_list){2, {32, 32}};
    maf.conditioner.options = &network;
    maps[1].options = &maf;
    maps[1].repeat = 3;
    const flow_design design = {.maps = {2, maps}};
    return flow_build(out, &design, &(flow_row_layout){.dim = DIM}, SEED, err);
}

static flow_status train(flow_trainer **out, flow *f, flow_dataset *training, flow_dataset *held_out,
                         flow_arena *arena, flow_error *err)
{
    flow_train_options options;
    flow_status status = flow_train_options_default(&options, arena, err);
    if (status != FLOW_OK)
        return status;
    flow_optimizer_options adam = *(const flow_optimizer_options *)options.optimizer.options;
    adam.rate = 0.005;
    options.optimizer.options = &adam;
    options.batch = 100;
    options.epochs = 20;
    status = flow_trainer_new(out, f, &options, training, held_out, SEED, N_THREADS, err);
    if (status == FLOW_OK)
        status = flow_trainer_start(*out, err);
    return status == FLOW_OK ? flow_trainer_run(*out, NULL, err) : status;
}

/* The density at two points, and two draws with theirs. */
static flow_status use(const flow *f, const real *weights, flow_error *err)
{
    static const double points[2 * DIM] = {0, 0, 1, 1};
    double logp[2], draws[2 * DIM];
    flow_runner *runner;
    flow_status status = flow_runner_new(&runner, f, weights, N_THREADS, err);
    if (status != FLOW_OK)
        return status;
    flow_rows_logp(runner, points, 2, logp);
    for (int i = 0; i < 2; i++)
        printf("log p(%g, %g) = %.3f\n", points[DIM * i], points[DIM * i + 1], logp[i]);
    flow_rows_sample(runner, SEED, 0, 2, 1, NULL, draws, logp, NULL);
    for (int i = 0; i < 2; i++)
        printf("a draw (%.3f, %.3f), log p = %.3f\n", draws[DIM * i], draws[DIM * i + 1], logp[i]);
    flow_runner_free(runner);
    return FLOW_OK;
}

int main(void)
{
    static double rows[DIM * N_TRAINING], others[DIM * N_HELD_OUT];
    flow_error err = {0};
    flow_arena arena = {0}; /* of the options */
    flow_dataset *training = NULL, *held_out = NULL;
    flow *f = NULL;
    flow_trainer *trainer = NULL;
    flow_likelihood found = {0};
    draw_rows(1, N_TRAINING, rows);
    draw_rows(2, N_HELD_OUT, others);
    flow_status status = open_rows(&training, "the training rows", rows, N_TRAINING, &err);
    if (status == FLOW_OK)
        status = open_rows(&held_out, "the held-out rows", others, N_HELD_OUT, &err);
    if (status == FLOW_OK)
        status = build(&f, &arena, &err);
    if (status == FLOW_OK)
        status = train(&trainer, f, training, held_out, &arena, &err);
    if (status == FLOW_OK)
        status = flow_evaluate(&found, f, flow_trainer_best(trainer), held_out, N_THREADS, &err);
    if (status == FLOW_OK)
        status = use(f, flow_trainer_best(trainer), &err);
    if (status == FLOW_OK)
        printf("held-out log-likelihood %.3f +- %.3f\n", found.mean, found.error);
    else
        fprintf(stderr, "%s\n", err.message);
    flow_trainer_free(trainer);
    flow_free(f);
    flow_arena_release(&arena);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
    return status == FLOW_OK ? 0 : 1;
}
