/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "known_density.h"

#include <stdlib.h>

#include "num/parallel.h"
#include "num/rng.h"

double *truth_draws(const truth *t, uint64_t seed, size_t n)
{
    flow_rng_sequence sequence;
    gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_OTHER, 0);
    double *rows = malloc(n * (size_t)t->dim * sizeof *rows);
    assert_non_null(rows);
    for (size_t r = 0; r < n; r++)
        t->draw(&rng, rows + r * (size_t)t->dim);
    return rows;
}

static void shift(const truth *t, double *rows, size_t n)
{
    for (size_t r = 0; r < n; r++)
        rows[r * (size_t)t->dim] += t->offset;
}

static flow_dataset *data_set(const truth *t, const char *name, uint64_t seed, size_t n)
{
    static const char *const columns[TRUTH_DIM_MAX] = {"a", "b", "c", "d", "e"};
    double *rows = truth_draws(t, seed, n);
    shift(t, rows, n);
    flow_dataset *data = make_dataset(name, columns, t->dim, rows, n, NULL);
    free(rows);
    return data;
}

learned learn(const truth *t, const char *spec)
{
    flow_error err = {0};
    flow_dataset *training = data_set(t, "training.h5", 1, t->n_training);
    flow_dataset *held_out = data_set(t, "held_out.h5", 2, t->n_held_out);
    const subject_shape shape = {.dim = t->dim, .columns = training->columns, .seed = 1};
    learned l = {0};
    int n_threads = flow_processors();
    int64_t n;
    subject_open(&l.made, shape, "%s", spec);
    subject_start(&l.made, training, held_out, n_threads);
    subject_run(&l.made);
    assert_int_equal(flow_runner_new(&l.runner, l.made.f, flow_trainer_best(l.made.trainer), n_threads, &err), FLOW_OK);
    const flow_epoch *history = flow_trainer_history(l.made.trainer, &n);
    print_message("           %s: %d epochs, the last one took %.2f s\n", t->name, (int)n, history[n - 1].seconds);
    flow_dataset_close(training);
    flow_dataset_close(held_out);
    return l;
}

void forget(learned *l)
{
    flow_runner_free(l->runner);
    subject_close(&l->made);
}

double divergence(const truth *t, const learned *l)
{
    double *rows = truth_draws(t, 3, TRUTH_FRESH), *logp = malloc(TRUTH_FRESH * sizeof *logp), sum = 0;
    assert_non_null(logp);
    for (size_t r = 0; r < TRUTH_FRESH; r++)
        sum += t->logp(rows + r * (size_t)t->dim);
    shift(t, rows, TRUTH_FRESH);
    flow_rows_logp(l->runner, rows, TRUTH_FRESH, logp);
    for (size_t r = 0; r < TRUTH_FRESH; r++)
        sum -= logp[r];
    free(rows);
    free(logp);
    print_message("           KL(%s || model) = %.4f nats\n", t->name, sum / TRUTH_FRESH);
    return sum / TRUTH_FRESH;
}
