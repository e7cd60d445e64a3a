/* A classifier of its own: a network that is trained to tell rows from draws, and tested on others.
 *
 * The rows are cut into parts. The network is trained on the first one and tested on the second, trained on both and
 * tested on the third, and so on. Where the model is right, each test has the distribution of a rank sum whatever the
 * network is, and whatever the tests before it gave; so their sum is normal. (The usual cross-validation has no such
 * law: what one part is tested by was trained on the others, and the sums depend on each other.)
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"
#include "run/diagnose_features.h"
#include "train/classifier.h"

enum {
    PARTS = 5,
    FIRST = 2, /* the network begins with so many of the parts */
    MOST_ROWS = 50000,
    MOST_COLUMNS = 4096,
    LATENTS = 64
};

typedef struct contest {
    diagnosis *d;
    diagnose_features features;
    size_t n; /* rows, and as many draws */
    size_t n_in;
    size_t n_latents;    /* that are shown to the network */
    double spread;       /* of log p of draws, */
    double middle;       /* and their median */
    real *points;        /* (2 n, n_in): row 0, its draw, row 1, ... */
    bool *is_row;        /* (2 n) */
    double *scores;      /* (2 n) */
    double z, weight;    /* the sum of the tests, and of the squares of their weights */
    size_t above, pairs; /* of conditional models: rows with a higher score than their draw */
} contest;

/* The features of the row, its log-density and its latents: what the model says of it may tell it best. */
static void contest_fill(const contest *run, const double *x, const double *context, double logp, const double *u,
                         double *room, real *out)
{
    size_t at = 0;
    diagnose_features_of(&run->features, x, context, room);
    for (; at < run->features.n; at++)
        out[at] = (real)room[at];
    out[at++] = (real)asinh(fmax(-1e6, fmin(1e6, (logp - run->middle) / run->spread)));
    for (size_t k = 0; k < run->n_latents; k++)
        out[at++] = (real)(3.4641 * (u[k] - 0.5));
}

static flow_status contest_prepare(contest *run, flow_error *err)
{
    const diagnosis *d = run->d;
    FLOW_TRY(diagnose_features_make(&run->features, d, err));
    run->n_latents = d->u == NULL ? 0 : d->d < LATENTS ? d->d : LATENTS;
    run->n_in = run->features.n + 1 + run->n_latents;
    run->points = malloc(2 * run->n * run->n_in * sizeof *run->points);
    run->is_row = malloc(2 * run->n);
    run->scores = malloc(2 * run->n * sizeof *run->scores);
    double *room = malloc((run->features.n + run->n) * sizeof *room);
    if (run->points == NULL || run->is_row == NULL || run->scores == NULL || room == NULL) {
        free(room);
        return flow_error_memory(err, "the points of the classifier");
    }
    double *logp = room + run->features.n;
    memcpy(logp, d->draws_logp, run->n * sizeof *logp);
    gsl_sort(logp, 1, run->n);
    run->middle = logp[run->n / 2];
    run->spread = fmax((logp[run->n * 3 / 4] - logp[run->n / 4]) / 1.349, 1e-9);
    for (size_t i = 0; i < run->n; i++) {
        const double *context = d->rows + i * d->width + d->d;
        real *row = run->points + 2 * i * run->n_in;
        run->is_row[2 * i] = true;
        run->is_row[2 * i + 1] = false;
        contest_fill(run, d->rows + i * d->width, context, d->logp[i], d->u != NULL ? d->u + i * d->d : NULL, room,
                     row);
        contest_fill(run, d->draws + i * d->d, context, d->draws_logp[i],
                     d->draws_u != NULL ? d->draws_u + i * d->d : NULL, room, row + run->n_in);
    }
    free(room);
    return FLOW_OK;
}

/* Adds what the scores of the rows [first, end) and of their draws say. Of a conditional model a row is compared with
 * the draw for its context alone, by the sign of the difference of their scores; of others with all of them. */
static flow_status contest_test(contest *run, size_t first, size_t end, flow_error *err)
{
    const double n = (double)(end - first);
    double z = 0;
    if (run->d->c > 0) {
        size_t above = 0, different = 0;
        for (size_t i = first; i < end; i++) {
            above += run->scores[2 * i] > run->scores[2 * i + 1];
            different += run->scores[2 * i] != run->scores[2 * i + 1];
        }
        if (different > 0)
            z = ((double)above - 0.5 * (double)different) / sqrt(0.25 * (double)different);
        run->above += above;
        run->pairs += different;
    } else {
        flow_pooled pooled;
        const flow_values rows = {run->scores + 2 * first, end - first, 2};
        const flow_values draws = {run->scores + 2 * first + 1, end - first, 2};
        const flow_status status = flow_pooled_make(&pooled, rows, draws, diagnose_seed(run->d, 700 + first), err);
        if (status == FLOW_OK)
            z = flow_pooled_rank_sum(&pooled).z;
        flow_pooled_release(&pooled);
        if (status != FLOW_OK)
            return status;
    }
    run->z += sqrt(n) * z;
    run->weight += n;
    return FLOW_OK;
}

static flow_status contest_run(contest *run, flow_error *err)
{
    /* as many steps for few rows as make the network learn, and some passes over many */
    const int epochs = (int)fmin(30, fmax(4, 60000 / (double)run->n));
    const flow_classifier_options options = {.n_in = (int)run->n_in,
                                             .width = 64,
                                             .rate = 0.003,
                                             .seed = diagnose_seed(run->d, 710),
                                             .n_threads = run->d->threads};
    flow_classifier *network = NULL;
    flow_status status = flow_classifier_new(&network, &options, err);
    for (size_t part = FIRST; part < PARTS && status == FLOW_OK; part++) {
        const size_t first = run->n * part / PARTS, end = run->n * (part + 1) / PARTS;
        status = diagnose_check_stop(run->d, err);
        if (status == FLOW_OK)
            status = flow_classifier_train(network, run->points, run->is_row, 2 * first, epochs, err);
        if (status != FLOW_OK)
            break;
        flow_classifier_score(network, run->points + 2 * first * run->n_in, 2 * (end - first), run->scores + 2 * first);
        status = contest_test(run, first, end, err);
    }
    flow_classifier_free(network);
    return status;
}

/* Scores of several networks are on about one scale: logarithms of odds. */
static flow_status contest_sum_up(contest *run, flow_error *err)
{
    diagnosis *d = run->d;
    const size_t first = run->n * FIRST / PARTS, n = run->n - first;
    flow_pooled pooled;
    const flow_values rows = {run->scores + 2 * first, n, 2}, draws = {run->scores + 2 * first + 1, n, 2};
    flow_status status = flow_pooled_make(&pooled, rows, draws, diagnose_seed(d, 720), err);
    if (status == FLOW_OK) {
        const double share = diagnose_share_of(flow_pooled_ks(&pooled).distance, (double)n, (double)n);
        const double p = gsl_cdf_ugaussian_Q(run->z / sqrt(run->weight));
        d->result->auc = run->pairs > 0 ? (double)run->above / (double)run->pairs : flow_pooled_rank_sum(&pooled).above;
        d->result->told = 0.5 + 0.5 * share;
        d->result->has_classifier = true;
        diagnose_add(d, &(diagnose_test){.part = PART_CLASSIFIER,
                                         .kind = KIND_CLASSIFIER,
                                         .a = -1,
                                         .b = -1,
                                         .p = p,
                                         .share = share,
                                         .observed = d->result->auc});
    }
    flow_pooled_release(&pooled);
    d->scores = malloc(d->n * sizeof *d->scores);
    d->draws_scores = malloc(d->n * sizeof *d->draws_scores);
    if (d->scores == NULL || d->draws_scores == NULL)
        return flow_error_memory(err, "scores");
    for (size_t i = 0; i < d->n; i++) {
        d->scores[i] = i >= first && i < run->n ? run->scores[2 * i] : NAN;
        d->draws_scores[i] = i >= first && i < run->n ? run->scores[2 * i + 1] : NAN;
    }
    return status;
}

flow_status diagnose_classify(diagnosis *d, flow_error *err)
{
    contest run = {.d = d, .n = d->n < MOST_ROWS ? d->n : MOST_ROWS};
    if (d->width > MOST_COLUMNS)
        return FLOW_OK;
    flow_status status = contest_prepare(&run, err);
    if (status == FLOW_OK)
        status = contest_run(&run, err);
    if (status == FLOW_OK)
        status = contest_sum_up(&run, err);
    diagnose_features_release(&run.features);
    free(run.points);
    free(run.is_row);
    free(run.scores);
    return status;
}
