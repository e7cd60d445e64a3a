/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/far_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In robust deviations; outliers are 25 away (data/survey_shape.c). */
static const double outlying = 25, far_alone = 1e3, far_always = 1e6, far_mapped = 100;
/* A deviation this many times the robust one is that of a few rows. */
static const double deviation_of_few = 3;

bool flow_far_rows_has(const flow_far_rows *far, const double *row)
{
    for (int i = 0; i < far->dim; i++)
        if (row[i] < far->lower[i] || row[i] > far->upper[i])
            return true;
    return false;
}

void flow_far_rows_free(flow_far_rows *far)
{
    free(far->lower);
    free(far->found);
    *far = (flow_far_rows){0};
}

static flow_status far_rows_make(flow_far_rows *out, const flow_survey *survey, int dim, flow_error *err)
{
    *out = (flow_far_rows){0};
    if (survey == NULL)
        return FLOW_OK;
    const size_t d = (size_t)dim;
    out->lower = calloc(2 * d + (size_t)survey->n_columns, sizeof *out->lower);
    out->found = calloc(d, sizeof *out->found);
    if (out->lower == NULL || out->found == NULL)
        return flow_error_memory(err, "rows that are far away");
    out->dim = dim;
    out->upper = out->lower + d;
    out->middle = out->upper + d;
    for (int i = 0; i < survey->n_columns; i++)
        out->middle[i] = survey->columns[i].quantiles[FLOW_QUANTILE_50];
    return FLOW_OK;
}

/* The middle of a column and its robust deviation, 0 where it has none; without its spikes and codes where there is a
 * finding that says so. */
static void far_measure(const flow_survey *survey, int column, double *middle, double *deviation)
{
    const flow_finding *outliers = flow_survey_find(survey, FLOW_FINDING_OUTLIERS, column);
    const double *q = survey->columns[column].quantiles;
    *middle = outliers != NULL ? outliers->lower / 2 + outliers->upper / 2 : q[FLOW_QUANTILE_50];
    *deviation = outliers != NULL ? (outliers->upper / 2 - outliers->lower / 2) / outlying
                                  : (q[FLOW_QUANTILE_75] - q[FLOW_QUANTILE_25]) / 1.349; /* of a normal distribution */
    if (!(*deviation > 0))
        *deviation = (q[FLOW_QUANTILE_95] - q[FLOW_QUANTILE_5]) / 3.29;
    if (!isfinite(*deviation))
        *deviation = 0;
}

/* The rows with values outside of the limits: exact for up to FLOW_SURVEY_EXTREMES values at each end, else too few. */
static int64_t far_count(const flow_survey_column *c, double lower, double upper)
{
    int64_t rows = 0;
    for (int i = 0; i < c->n_lowest && c->lowest[i].value < lower; i++)
        rows += c->lowest[i].rows;
    for (int i = 0; i < c->n_highest && c->highest[i].value > upper; i++)
        rows += c->highest[i].rows;
    return rows;
}

/* Whether the rows outside of the limits are so few that they are an accident, and no tail of a distribution. */
static bool far_are_few(const flow_survey *survey, int column, double lower, double upper)
{
    const flow_survey_column *c = &survey->columns[column];
    const bool has_tails = flow_survey_find(survey, FLOW_FINDING_TAILS, column) != NULL ||
                           flow_survey_find(survey, FLOW_FINDING_DECADES, column) != NULL;
    const bool all_counted = !(c->n_lowest == FLOW_SURVEY_EXTREMES && c->lowest[c->n_lowest - 1].value < lower) &&
                             !(c->n_highest == FLOW_SURVEY_EXTREMES && c->highest[c->n_highest - 1].value > upper);
    return !has_tails && all_counted && (double)far_count(c, lower, upper) <= 5 + (double)survey->n_rows / 10000;
}

static void far_set_limits(flow_far_rows *far, const flow_survey *survey, int i)
{
    double middle, deviation;
    far_measure(survey, i, &middle, &deviation);
    const double alone = deviation * far_alone;
    const bool few = far_are_few(survey, i, middle - alone, middle + alone);
    const double distance = deviation > 0 ? (few ? alone : deviation * far_always) : INFINITY;
    far->lower[i] = middle - distance;
    far->upper[i] = middle + distance;
}

/* The value of the column that is farthest from its middle, as a finding. */
static flow_finding far_farthest(const flow_survey *survey, int i, double lower, double upper)
{
    const flow_survey_column *c = &survey->columns[i];
    double middle, deviation;
    far_measure(survey, i, &middle, &deviation);
    const flow_survey_value *at = middle - c->lowest[0].value > c->highest[0].value - middle ? c->lowest : c->highest;
    return (flow_finding){.kind = FLOW_FINDING_OUTLIERS,
                          .column = i,
                          .value = at->value,
                          .row = at->row,
                          .rows = far_count(c, lower, upper),
                          .lower = lower,
                          .upper = upper,
                          .ratio = deviation > 0 ? fabs(at->value - middle) / deviation : 0};
}

/* Into distance (dim): how far from the middle the column maps leave the farthest value of each column; where that is
 * inside of the limits, one just outside. */
static flow_status far_map(const flow_far_rows *far, const flow_survey *survey, const flow *f, double *distance,
                           flow_error *err)
{
    const size_t width = (size_t)flow_width(f);
    flow_workspace *ws = NULL;
    double *rows = calloc(2 * width, sizeof *rows);
    flow_status status = rows == NULL ? flow_error_memory(err, "rows that are far away") : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_workspace_new(&ws, f, FLOW_GRAIN, false, err);
    if (status == FLOW_OK) {
        memcpy(rows, far->middle, width * sizeof *rows);
        memcpy(rows + width, far->middle, width * sizeof *rows);
        for (int i = 0; i < far->dim; i++) {
            const flow_finding farthest = far_farthest(survey, i, far->lower[i], far->upper[i]);
            const bool outlies = farthest.rows > 0 || flow_survey_find(survey, FLOW_FINDING_OUTLIERS, i) != NULL;
            rows[width + (size_t)i] = outlies ? farthest.value : isfinite(far->upper[i]) ? far->upper[i] : rows[i];
        }
        const size_t n = (size_t)flow_tile_load(f, ws, rows, 2);
        ws->noise = (flow_noise){0};
        flow_tile_columns_to_latent(f, ws, (int)n);
        for (size_t i = 0; i < (size_t)far->dim; i++)
            distance[i] = fabs(ws->x[i * n + 1] - ws->x[i * n]);
    }
    flow_workspace_free(ws);
    free(rows);
    return status;
}

flow_status flow_far_rows_of_training(flow_far_rows *out, const flow_survey *survey, const flow *f, flow_error *err)
{
    FLOW_TRY(far_rows_make(out, survey, f->dim, err));
    double *distance = calloc((size_t)out->dim + 1, sizeof *distance);
    if (distance == NULL)
        return flow_error_memory(err, "rows that are far away");
    for (int i = 0; i < out->dim; i++)
        far_set_limits(out, survey, i);
    flow_status status = out->dim > 0 ? far_map(out, survey, f, distance, err) : FLOW_OK;
    for (int i = 0; i < out->dim && status == FLOW_OK; i++) {
        if (distance[i] < far_mapped) {
            out->lower[i] = -INFINITY;
            out->upper[i] = INFINITY;
        }
        const flow_finding farthest = far_farthest(survey, i, out->lower[i], out->upper[i]);
        if (farthest.rows > 0)
            out->found[out->n_found++] = farthest;
    }
    for (int i = 0; i < out->dim && status == FLOW_OK; i++) {
        const flow_finding *outliers = flow_survey_find(survey, FLOW_FINDING_OUTLIERS, i);
        const flow_survey_column *c = &survey->columns[i];
        if (outliers != NULL && far_count(c, out->lower[i], out->upper[i]) == 0 && !(distance[i] < outlying))
            out->found[out->n_found + out->n_kept++] = *outliers;
    }
    free(distance);
    return status;
}

flow_status flow_far_rows_of_fit(flow_far_rows *out, const flow_survey *survey, int dim, flow_error *err)
{
    FLOW_TRY(far_rows_make(out, survey, dim, err));
    for (int i = 0; i < out->dim; i++) {
        const flow_finding *outliers = flow_survey_find(survey, FLOW_FINDING_OUTLIERS, i);
        double middle, deviation;
        far_set_limits(out, survey, i);
        far_measure(survey, i, &middle, &deviation);
        if (outliers != NULL && survey->columns[i].deviation > deviation_of_few * deviation) {
            out->lower[i] = outliers->lower;
            out->upper[i] = outliers->upper;
        }
    }
    return FLOW_OK;
}
