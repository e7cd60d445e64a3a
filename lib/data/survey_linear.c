/* A Cholesky factorization of the correlation matrix, in the order of the columns: what is left of the variance of a
 * column tells whether those before it determine it, and the factor gives the coefficients. Such a column is left out
 * of the factor, so that all pivots are at least UNEXPLAINED and the next dependency is found as well. Then the
 * difference is computed row by row: it has to be small in every unit, also without the rows far out that determine a
 * correlation. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_linear.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNEXPLAINED 1e-6 /* share of the variance: a thousandth of the deviation */

enum { ROWS_PER_COLUMN = 8, LEAST_ROWS = 4096 }; /* so many rows are looked at */

typedef struct linear {
    flow_survey *survey;
    const bool *varies;
    const double *rows; /* (n, d) */
    size_t n, d;
    double *mean, *deviation; /* (d) */
    double *factor;           /* (d, d) correlations in the lower triangle, then L in the rows of the basis */
    double *row;              /* (d) a standardized row; the coefficients of a column */
    double *sorted;           /* (n) */
    int *basis;               /* (d) */
    size_t n_basis;
} linear;

static void linear_standardize(linear *l)
{
    for (size_t j = 0; j < l->d; j++) {
        double sum = 0, squares = 0, origin = l->rows[j];
        for (size_t i = 0; i < l->n; i++)
            sum += l->rows[i * l->d + j] - origin;
        l->mean[j] = origin + sum / (double)l->n;
        for (size_t i = 0; i < l->n; i++) {
            double distance = l->rows[i * l->d + j] - l->mean[j];
            squares += distance * distance;
        }
        l->deviation[j] = sqrt(squares / (double)l->n);
    }
}

static bool linear_has(const linear *l, size_t j)
{
    return l->varies[j] && l->deviation[j] > 0 && isfinite(l->deviation[j]);
}

static void linear_correlate(linear *l)
{
    size_t d = l->d;
    memset(l->factor, 0, d * d * sizeof *l->factor);
    for (size_t i = 0; i < l->n; i++) {
        const double *x = l->rows + i * d;
        for (size_t j = 0; j < d; j++)
            l->row[j] = linear_has(l, j) ? (x[j] - l->mean[j]) / l->deviation[j] : 0;
        for (size_t j = 0; j < d; j++) {
            const double value = l->row[j];
            double *line = l->factor + j * d;
            for (size_t k = 0; k <= j; k++)
                line[k] += value * l->row[k];
        }
    }
    for (size_t k = 0; k < d * d; k++)
        l->factor[k] /= (double)l->n;
}

/* Makes row j of the factor, and returns what is left of the variance. line[b], b < n_basis, replaces the correlations
 * with the basis; l->row keeps them until then. */
static double linear_factorize(linear *l, size_t j)
{
    double *line = l->factor + j * l->d, left = line[j];
    for (size_t b = 0; b < l->n_basis; b++)
        l->row[b] = line[l->basis[b]];
    for (size_t b = 0; b < l->n_basis; b++) {
        const double *other = l->factor + (size_t)l->basis[b] * l->d;
        double value = l->row[b];
        for (size_t k = 0; k < b; k++)
            value -= line[k] * other[k];
        line[b] = value / other[b];
        left -= line[b] * line[b];
    }
    return left;
}

/* row (n_basis): the coefficients of column j, between standardized columns: L^T row = line. */
static void linear_solve(linear *l, size_t j)
{
    const double *line = l->factor + j * l->d;
    memcpy(l->row, line, l->n_basis * sizeof *l->row);
    for (size_t b = l->n_basis; b-- > 0;) {
        const double *pivot = l->factor + (size_t)l->basis[b] * l->d;
        l->row[b] /= pivot[b];
        for (size_t k = 0; k < b; k++)
            l->row[k] -= pivot[k] * l->row[b];
    }
}

/* The deviation of column j that most rows show: by the quartiles, where they differ. */
static double linear_spread(linear *l, size_t j)
{
    for (size_t i = 0; i < l->n; i++)
        l->sorted[i] = l->rows[i * l->d + j];
    gsl_sort(l->sorted, 1, l->n);
    double robust = (l->sorted[l->n - 1 - l->n / 4] - l->sorted[l->n / 4]) / 1.349;
    return robust > 0 ? fmin(robust, l->deviation[j]) : l->deviation[j];
}

/* The terms whose coefficients are greater than `least`, and their finding; without memory, terms is NULL. */
static flow_finding linear_describe(const linear *l, size_t j, double least)
{
    flow_finding out = {.kind = FLOW_FINDING_LINEAR,
                        .column = (int)j,
                        .lower = NAN,
                        .upper = NAN,
                        .offset = l->mean[j],
                        .rows = l->survey->n_rows,
                        .share = 1};
    flow_finding_term *terms = malloc((l->n_basis + 1) * sizeof *terms);
    for (size_t b = 0; terms != NULL && b < l->n_basis; b++) {
        size_t k = (size_t)l->basis[b];
        if (fabs(l->row[b]) <= least)
            continue;
        terms[out.n_terms] = (flow_finding_term){l->basis[b], l->row[b] * l->deviation[j] / l->deviation[k]};
        out.offset -= terms[out.n_terms++].factor * l->mean[k];
    }
    out.terms = terms;
    return out;
}

/* Fills in the residual; a copy is recognised. */
static void linear_measure(const linear *l, size_t j, double spread, flow_finding *finding)
{
    double squares = 0;
    bool same = finding->n_terms == 1;
    for (size_t i = 0; i < l->n; i++) {
        const double *x = l->rows + i * l->d;
        double difference = x[j] - l->mean[j]; /* from the means: no digits are lost in columns of 1e9 */
        for (int t = 0; t < finding->n_terms; t++) {
            const flow_finding_term *term = &finding->terms[t];
            difference -= term->factor * (x[term->column] - l->mean[term->column]);
            same = same && x[term->column] == x[j];
        }
        squares += difference * difference;
    }
    finding->residual = sqrt(squares / (double)l->n) / spread;
    if (!same)
        return;
    finding->kind = FLOW_FINDING_COPY;
    finding->residual = finding->offset = 0;
    ((flow_finding_term *)finding->terms)[0].factor = 1;
}

static flow_status linear_report(linear *l, size_t j, double left, flow_error *err)
{
    const double spread = linear_spread(l, j), most = sqrt(UNEXPLAINED);
    linear_solve(l, j);
    /* without terms that rounding makes, or else with all */
    double least = 10 * sqrt(fmax(left, 1e-14));
    for (;;) {
        flow_finding finding = linear_describe(l, j, least);
        if (finding.terms == NULL)
            return flow_error_memory(err, "linear dependencies");
        if (finding.n_terms > 0)
            linear_measure(l, j, spread, &finding);
        if (finding.n_terms > 0 && finding.residual <= most)
            return flow_survey_add_finding(l->survey, &finding, err);
        free((void *)finding.terms);
        if (least == 0)
            return FLOW_OK;
        least = 0;
    }
}

static flow_status linear_search(linear *l, flow_error *err)
{
    linear_standardize(l);
    linear_correlate(l);
    for (size_t j = 0; j < l->d; j++) {
        if (!linear_has(l, j))
            continue;
        if (2 * (l->n_basis + 1) + 10 > l->n) /* so few rows are on a plane anyway */
            return FLOW_OK;
        double left = linear_factorize(l, j);
        if (left < UNEXPLAINED) {
            FLOW_TRY(linear_report(l, j, left, err));
            continue;
        }
        l->factor[j * l->d + l->n_basis] = sqrt(left);
        l->basis[l->n_basis++] = (int)j;
    }
    return FLOW_OK;
}

flow_status flow_survey_find_linear(flow_survey *survey, const bool *varies, const double *rows, size_t n,
                                    flow_error *err)
{
    const size_t d = (size_t)survey->n_columns;
    size_t most = ROWS_PER_COLUMN * d > LEAST_ROWS ? ROWS_PER_COLUMN * d : LEAST_ROWS;
    linear l = {.survey = survey, .varies = varies, .rows = rows, .n = n < most ? n : most, .d = d};
    if (d > FLOW_SURVEY_COMPARED || d < 2 || n < 2)
        return FLOW_OK;
    double *memory = calloc(d * d + 3 * d + l.n, sizeof *memory);
    l.basis = calloc(d, sizeof *l.basis);
    flow_status status = FLOW_OK;
    if (memory == NULL || l.basis == NULL) {
        status = flow_error_memory(err, "linear dependencies");
    } else {
        l.factor = memory;
        l.mean = memory + d * d;
        l.deviation = l.mean + d;
        l.row = l.deviation + d;
        l.sorted = l.row + d;
        status = linear_search(&l, err);
        survey->compared = true;
    }
    free(memory);
    free(l.basis);
    return status;
}
