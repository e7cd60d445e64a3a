/* The quality of conditional models: their held-out log-likelihood beside that of a linear regression with normal
 * errors, and the calibration of draws given the context of held-out rows.
 *
 *     bench_calibration SPEC...        without SPEC: the conditional presets in configs/
 *
 * For each held-out row of data.test 199 rows are drawn given its context. The rank of its value among them is one of
 * 200, with equal probability if the model is right. The program counts the rows with a rank among the middle 100 and
 * the middle 180: 50 % and 90 % are expected. Rows count by their weights, if they have any. scripts/calibration.sh
 * trains the models first.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_math.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "flowctl.h"
#include "model/spec.h"
#include "num/moments.h"

enum { DRAWS = 199 };

/* Rows of the one modelled column, their context, and their weights (1 if there are none). */
typedef struct table {
    size_t n, c;
    double *x, *context, *weight; /* (n), (n, c), (n) */
} table;

static void fail(const char *spec, const char *message)
{
    fprintf(stderr, "bench_calibration: %s: %s\n", spec, message);
    exit(EXIT_FAILURE);
}

static void *room(size_t n)
{
    void *memory = calloc(n, sizeof(double));
    if (memory == NULL)
        fail("memory", "there is not enough");
    return memory;
}

static flow_status read_table(table *out, const flow_spec *spec, const char *location, flow_error *err)
{
    char *path = flow_spec_path(spec, location);
    const flow_dataset_options options = {.columns = spec->data->columns.at, .n_columns = spec->data->columns.n,
                                          .context = spec->data->context.at, .n_context = spec->data->context.n,
                                          .weight = spec->data->weight,
                                          .allow_negative_weights = spec->data->allow_negative_weights};
    flow_dataset *data = NULL;
    flow_status status = flow_dataset_open(&data, path, &options, err);
    free(path);
    if (status != FLOW_OK)
        return status;
    size_t width = (size_t)data->n_columns, c = (size_t)spec->data->context.n, n;
    *out = (table){.n = (size_t)data->n_rows, .c = c};
    double *rows = room(out->n * width);
    out->x = room(out->n);
    out->context = room(out->n * c);
    out->weight = room(out->n);
    status = flow_dataset_next(data, rows, NULL, out->n, &n, err);
    for (size_t i = 0; i < out->n; i++) {
        out->x[i] = rows[i * width];
        memcpy(out->context + i * c, rows + i * width + 1, c * sizeof *rows);
        out->weight[i] = spec->data->weight != NULL ? rows[i * width + 1 + c] : 1;
    }
    free(rows);
    flow_dataset_close(data);
    return status;
}

static void free_table(table *t)
{
    free(t->x);
    free(t->context);
    free(t->weight);
}

/* ---- the baseline: x = b . (1, c) + normal noise, fitted to the training rows ---- */

/* Scales the columns of the context to their deviation, so that the fit keeps its digits. */
static gsl_matrix *design(const table *t, const double *mean, const double *deviation)
{
    gsl_matrix *m = gsl_matrix_alloc(t->n, t->c + 1);
    for (size_t i = 0; i < t->n; i++) {
        gsl_matrix_set(m, i, 0, 1);
        for (size_t k = 0; k < t->c; k++)
            gsl_matrix_set(m, i, k + 1, (t->context[i * t->c + k] - mean[k]) / deviation[k]);
    }
    return m;
}

/* Writes log p of the held-out rows to logp. */
static void baseline(const table *training, const table *held_out, double *logp)
{
    size_t p = training->c + 1;
    double *mean = room(p), *deviation = room(p), chi_squared, weight = 0;
    for (size_t k = 0; k < training->c; k++) {
        mean[k] = gsl_stats_mean(training->context + k, training->c, training->n);
        deviation[k] = gsl_stats_sd(training->context + k, training->c, training->n);
    }
    gsl_matrix *x = design(training, mean, deviation), *held = design(held_out, mean, deviation);
    gsl_matrix *covariance = gsl_matrix_alloc(p, p);
    gsl_vector *slope = gsl_vector_alloc(p);
    gsl_multifit_linear_workspace *work = gsl_multifit_linear_alloc(training->n, p);
    gsl_vector_const_view y = gsl_vector_const_view_array(training->x, training->n);
    gsl_vector_const_view w = gsl_vector_const_view_array(training->weight, training->n);
    gsl_multifit_wlinear(x, &w.vector, &y.vector, slope, covariance, &chi_squared, work);
    for (size_t i = 0; i < training->n; i++)
        weight += training->weight[i];
    double variance = chi_squared / weight;
    for (size_t i = 0; i < held_out->n; i++) {
        gsl_vector_const_view row = gsl_matrix_const_row(held, i);
        double fitted = 0;
        for (size_t k = 0; k < p; k++)
            fitted += gsl_vector_get(&row.vector, k) * gsl_vector_get(slope, k);
        logp[i] = -0.5 * log(2 * M_PI * variance) - gsl_pow_2(held_out->x[i] - fitted) / (2 * variance);
    }
    gsl_multifit_linear_free(work);
    gsl_vector_free(slope);
    gsl_matrix_free(covariance);
    gsl_matrix_free(x);
    gsl_matrix_free(held);
    free(mean);
    free(deviation);
}

/* ---- the model ---- */

static flow_status model_logp(flow_handle *model, const table *t, double *logp, flow_error *err)
{
    size_t width = t->c + 1;
    double *rows = room(t->n * width);
    for (size_t i = 0; i < t->n; i++) {
        rows[i * width] = t->x[i];
        memcpy(rows + i * width + 1, t->context + i * t->c, t->c * sizeof *rows);
    }
    flow_status status = flow_logprob(model, rows, t->n, logp, err);
    free(rows);
    return status;
}

/* The rank of each row among the draws given its context, 0 to DRAWS; equal values share a rank. */
static flow_status places(flow_handle *model, const table *t, double *place, flow_error *err)
{
    double *context = room(DRAWS * t->c), *draws = room(DRAWS);
    flow_status status = FLOW_OK;
    for (size_t i = 0; i < t->n && status == FLOW_OK; i++) {
        for (size_t k = 0; k < DRAWS; k++)
            memcpy(context + k * t->c, t->context + i * t->c, t->c * sizeof *context);
        status = flow_sample(model, 1, i * DRAWS, DRAWS, context, draws, NULL, err);
        place[i] = 0;
        for (size_t k = 0; k < DRAWS; k++)
            place[i] += draws[k] < t->x[i] ? 1 : draws[k] == t->x[i] ? 0.5 : 0;
    }
    free(context);
    free(draws);
    return status;
}

/* ---- the report ---- */

static void print_mean(const char *what, const double *values, const double *others, const table *t)
{
    flow_moments moments = {0};
    for (size_t i = 0; i < t->n; i++)
        flow_moments_add(&moments, values[i] - (others != NULL ? others[i] : 0), t->weight[i]);
    printf("  %-44s %8.4f +- %.4f nats\n", what, flow_moments_mean(&moments), flow_moments_error(&moments));
}

static void print_coverage(const double *place, double share, const table *t)
{
    flow_moments inside = {0};
    for (size_t i = 0; i < t->n; i++)
        flow_moments_add(&inside, fabs((place[i] + 0.5) / (DRAWS + 1) - 0.5) < share / 2 ? 1 : 0, t->weight[i]);
    double n = flow_moments_effective(&inside); /* the standard error of a binomial share */
    printf("  inside of the central %.0f %% of the draws %*s %8.2f +- %.2f %%\n", 100 * share, 5, "",
           100 * flow_moments_mean(&inside), 100 * sqrt(share * (1 - share) / n));
}

static flow_status report(const flow_spec *spec, const char *path, flow_error *err)
{
    table training = {0}, held_out = {0};
    flow_handle *model = NULL;
    flow_status status = flow_open(&model, path, err);
    if (status == FLOW_OK)
        status = read_table(&training, spec, spec->data->train, err);
    if (status == FLOW_OK)
        status = read_table(&held_out, spec, spec->data->test.text, err);
    if (status == FLOW_OK) {
        double *logp = room(held_out.n), *linear = room(held_out.n), *place = room(held_out.n);
        status = model_logp(model, &held_out, logp, err);
        if (status == FLOW_OK)
            status = places(model, &held_out, place, err);
        if (status == FLOW_OK) {
            baseline(&training, &held_out, linear);
            printf("%s: %s given %d columns, %zu held-out rows\n", path, flow_column_name(model, 0),
                   spec->data->context.n, held_out.n);
            print_mean("held-out log-likelihood", logp, NULL, &held_out);
            print_mean("of the linear regression with normal errors", linear, NULL, &held_out);
            print_mean("difference, row by row", logp, linear, &held_out);
            print_coverage(place, 0.5, &held_out);
            print_coverage(place, 0.9, &held_out);
        }
        free(logp);
        free(linear);
        free(place);
    }
    flow_close(model);
    free_table(&training);
    free_table(&held_out);
    return status;
}

int main(int argc, char **argv)
{
    static const char *const presets[] = {"configs/detector.json", "configs/protein-rmsd.json"};
    int n = argc > 1 ? argc - 1 : (int)(sizeof presets / sizeof presets[0]), failed = 0;
    for (int i = 0; i < n; i++) {
        const char *path = argc > 1 ? argv[i + 1] : presets[i];
        flow_spec *spec;
        flow_error err = {0};
        if (flow_spec_read(&spec, path, NULL, 0, &err) != FLOW_OK)
            fail(path, err.message);
        if (spec->data->columns.n != 1 || spec->data->context.n == 0 || spec->data->test.text == NULL)
            fail(path, "one column in data.columns, data.context and data.test are needed");
        if (report(spec, path, &err) != FLOW_OK) {
            printf("%s\n", err.message);
            failed += argc > 1; /* a preset that was not trained is left out */
        }
        flow_spec_free(spec);
    }
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
