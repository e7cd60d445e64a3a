/* What training warns of in the columns of its data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "core/text.h"
#include "run/experiment.h"
#include "run/finding_words.h"

/* A share of equal values from which a density starts to narrow down on them, and likelihoods lose their meaning; of a
 * few rows, so many have to be equal. */
static const double many_ties = 0.02;
static const double least_ties = 3;

/* Columns that are modelled, and that the flow takes for continuous. */
typedef struct column_watch {
    const flow_experiment *x;
    const flow_dataset *data;
    bool *watched; /* (dim) */
} column_watch;

static bool watch_has(const column_watch *w, int column)
{
    return column < w->x->f->dim && w->watched[column];
}

static double watch_tied(const column_watch *w, int column)
{
    const flow_survey *survey = w->data->survey; /* NULL: of images */
    return survey != NULL ? flow_survey_tied(survey, column) : w->data->summary[column].tied;
}

/* The finding that a support is a remedy for; NULL: there is none. */
static const flow_finding *watch_find_support(const column_watch *w, int column)
{
    static const flow_finding_kind kinds[] = {FLOW_FINDING_BOOLEAN, FLOW_FINDING_CLASSES, FLOW_FINDING_LATTICE,
                                              FLOW_FINDING_SPIKE};
    const flow_finding *found = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && found == NULL && w->data->survey != NULL; i++)
        found = flow_survey_find(w->data->survey, kinds[i], column);
    return found;
}

/* Whether the most frequent value is a code for missing values, which has a warning of its own. */
static bool watch_is_code(const column_watch *w, int column)
{
    const flow_survey *s = w->data->survey;
    const flow_finding *code = s != NULL ? flow_survey_find(s, FLOW_FINDING_CODE, column) : NULL;
    for (; code != NULL && code < s->findings + s->n_findings && code->column == column; code++)
        if (code->kind == FLOW_FINDING_CODE && code->value == s->columns[column].frequent[0].value)
            return true;
    return false;
}

static flow_status watch_warn_of_ties(const column_watch *w, flow_error *err)
{
    enum { NAMED = 5 };
    flow_text names = {0}, remedy = {0};
    const flow_finding *finding = NULL;
    int n = 0;
    for (int i = 0; i < w->x->f->dim; i++) {
        const double tied = watch_tied(w, i);
        const flow_finding *nearly =
            w->data->survey != NULL ? flow_survey_find(w->data->survey, FLOW_FINDING_NEARLY_CONSTANT, i) : NULL;
        if (nearly != NULL && nearly->rows > 0)
            continue; /* it is refused */
        if (!w->watched[i] || tied * (double)w->data->n_rows < least_ties || tied < many_ties || tied >= 1 ||
            watch_is_code(w, i))
            continue; /* the trainer refuses a constant column */
        if (n++ < NAMED)
            flow_text_add(&names, "%s\"%.60s\": %.0f%%", n > 1 ? ", " : "", w->data->columns[i], 100 * tied);
        finding = finding != NULL ? finding : watch_find_support(w, i);
    }
    if (n > NAMED)
        flow_text_add(&names, ", and %d more", n - NAMED);
    if (finding != NULL) {
        flow_text_add(&remedy,
                      "Declare whole or rounded values, and values of many rows, in a first layer {\"type\": "
                      "\"support\", \"columns\": {\"%.60s\": ",
                      w->data->columns[finding->column]);
        flow_finding_add_rule(&remedy, w->data->survey, finding);
        flow_text_add(&remedy, "}}%s, or leave columns out with data.columns",
                      finding->kind != FLOW_FINDING_LATTICE
                          ? " and give the blocks \"univariate\": \"mixture\", which can describe them"
                          : "");
    } else {
        flow_text_add(&remedy, "Leave columns out with data.columns, or keep only the rows where they vary");
    }
    flow_status status = names.failed || remedy.failed ? flow_error_memory(err, "names of columns") : FLOW_OK;
    if (status == FLOW_OK && n > 0 && w->data->image.shape.channels > 0)
        flow_run_warn(w->x->hooks,
                      "many images have the same value (column %s); log-densities of continuous values "
                      "are then unbounded. For images of 8 bits, let the flow begin with \"pixels\"",
                      names.data);
    else if (status == FLOW_OK && n > 0)
        flow_run_warn(w->x->hooks,
                      "many rows have the same value (column %s); log-densities of continuous columns are "
                      "then unbounded. %s",
                      names.data, remedy.data);
    flow_text_free(&names);
    flow_text_free(&remedy);
    return status;
}

/* Whether the column has the value for a spike. */
static bool watch_is_spike(const column_watch *w, const flow_finding *f)
{
    const double *at = NULL;
    const int n = f->column < w->x->f->dim ? flow_list_spikes(w->x->f, f->column, &at) : 0;
    for (int i = 0; i < n; i++)
        if (at[i] == f->value || (float)at[i] == (float)f->value)
            return true;
    return false;
}

static bool watch_tells(const column_watch *w, const flow_finding *f)
{
    if (f->kind == FLOW_FINDING_CODE) /* in whole numbers and in the context, too */
        return f->column < w->data->n_columns - (w->data->is_weighted ? 1 : 0) && !watch_is_spike(w, f);
    return watch_has(w, f->column) && (f->kind != FLOW_FINDING_NEARLY_CONSTANT || f->rows == 0);
}

/* One warning for each kind of these findings. */
static flow_status watch_warn_of_findings(const column_watch *w, flow_error *err)
{
    static const bool warned[FLOW_N_FINDINGS] = {
        [FLOW_FINDING_NEARLY_CONSTANT] = true, /* but for rounding; where rows differ, it is refused */
        [FLOW_FINDING_ROW_NUMBER] = true,      [FLOW_FINDING_COPY] = true,
        [FLOW_FINDING_LINEAR] = true,          [FLOW_FINDING_CODE] = true,
    };
    const flow_survey *survey = w->data->survey;
    if (survey == NULL)
        return FLOW_OK;
    flow_finding *told = calloc(survey->n_findings + 1, sizeof *told);
    flow_status status = told == NULL ? flow_error_memory(err, "findings") : FLOW_OK;
    for (size_t i = 0; i < survey->n_findings && status == FLOW_OK;) {
        const flow_finding_kind kind = survey->findings[i].kind;
        size_t n = 0;
        for (; i < survey->n_findings && survey->findings[i].kind == kind; i++)
            if (warned[kind] && watch_tells(w, &survey->findings[i]))
                told[n++] = survey->findings[i];
        flow_text text = {0};
        if (n > 0) {
            flow_finding_add_about(&text, survey, told, n);
            flow_text_add(&text, "; ");
            flow_finding_add_remedy(&text, survey, told, n);
        }
        if (text.failed)
            status = flow_error_memory(err, "findings");
        else if (n > 0)
            flow_run_warn(w->x->hooks, "%s", text.data);
        flow_text_free(&text);
    }
    free(told);
    return status;
}

flow_status flow_experiment_warn_of_columns(const flow_experiment *x, flow_error *err)
{
    if (x->training == NULL)
        return FLOW_OK;
    column_watch w = {.x = x, .data = x->training, .watched = calloc((size_t)x->f->dim, sizeof *w.watched)};
    if (w.watched == NULL)
        return flow_error_memory(err, "names of columns");
    flow_mark_discrete(x->f, w.watched);
    for (int i = 0; i < x->f->dim; i++)
        w.watched[i] = !w.watched[i];
    flow_status status = watch_warn_of_ties(&w, err);
    if (status == FLOW_OK)
        status = watch_warn_of_findings(&w, err);
    free(w.watched);
    return status;
}

/* About n of the columns; `end` says what comes of them. */
static flow_status far_warn(const flow_experiment *x, const flow_finding *found, int n, const char *end,
                            flow_error *err)
{
    flow_text text = {0};
    if (n == 0)
        return FLOW_OK;
    flow_finding_add_about(&text, x->training->survey, found, (size_t)n);
    flow_text_add(&text, "; ");
    if (end != NULL)
        flow_text_add(&text, "%s", end);
    else
        flow_finding_add_remedy(&text, x->training->survey, found, (size_t)n);
    flow_status status = text.failed ? flow_error_memory(err, "findings") : FLOW_OK;
    if (status == FLOW_OK)
        flow_run_warn(x->hooks, "%s", text.data);
    flow_text_free(&text);
    return status;
}

flow_status flow_experiment_warn_of_far_rows(const flow_experiment *x, const flow_far_rows *far, flow_error *err)
{
    FLOW_TRY(far_warn(x, far->found, far->n_found,
                      "rows with such a value are left out of the training and of the means, "
                      "which one of them would decide alone. Correct or remove them, or begin the flow with \"asinh\" "
                      "instead of \"standardize\", which keeps them",
                      err));
    return far_warn(x, far->found + far->n_found, far->n_kept, NULL, err);
}

/* The middle and the width of most values of each dimension in front of the blocks, (dim) each: those of the quartiles
 * of the columns. */
static flow_status sizes_measure(const flow_experiment *x, double *middle, double *width, flow_error *err)
{
    static const flow_survey_quantile levels[] = {FLOW_QUANTILE_25, FLOW_QUANTILE_50, FLOW_QUANTILE_75};
    const flow *f = x->f;
    const size_t d = (size_t)flow_width(f);
    flow_workspace *ws = NULL;
    double *rows = calloc(3 * d, sizeof *rows);
    flow_status status = rows == NULL ? flow_error_memory(err, "the sizes of columns") : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_workspace_new(&ws, f, FLOW_GRAIN, false, err);
    if (status == FLOW_OK) {
        for (size_t k = 0; k < 3 * d; k++)
            rows[k] = x->training->survey->columns[k % d].quantiles[levels[k / d]];
        const size_t n = (size_t)flow_tile_load(f, ws, rows, 3);
        ws->noise = (flow_noise){0};
        flow_tile_columns_to_latent(f, ws, (int)n);
        for (size_t i = 0; i < (size_t)f->dim; i++) {
            middle[i] = ws->x[i * n + 1];
            width[i] = fabs(ws->x[i * n + 2] - ws->x[i * n]);
        }
    }
    flow_workspace_free(ws);
    free(rows);
    return status;
}

/* A code for missing values among the rows that are evaluated, far from the values of the training data. The survey of
 * those has the codes that they have themselves. */
static bool codes_are_foreign(const flow_column_summary *training, double value)
{
    const double width = training->most - training->least;
    return flow_survey_is_usual_code(value) && (value < training->least - width || value > training->most + width);
}

static flow_status codes_warn_of(const flow_experiment *x, const flow_dataset *data, const char *key, flow_error *err)
{
    enum { NAMED = 5 };
    flow_text names = {0};
    const int n_columns = x->training->n_columns - (x->training->is_weighted ? 1 : 0);
    int n = 0;
    for (int i = 0; data != NULL && i < n_columns; i++) {
        const flow_column_summary *own = &data->summary[i], *training = &x->training->summary[i];
        const double ends[] = {own->least, own->most};
        for (int k = 0; k < 2; k++) {
            if (!codes_are_foreign(training, ends[k]) || n++ >= NAMED)
                continue;
            char value[FLOW_NUMBER_SIZE];
            flow_number_print(value, ends[k]);
            flow_text_add(&names, "%s%.60s (%s)", n > 1 ? ", " : "", x->training->columns[i], value);
        }
    }
    if (n > NAMED)
        flow_text_add(&names, ", and %d more", n - NAMED);
    const bool failed = names.failed;
    if (!failed && n > 0)
        flow_run_warn(
            x->hooks,
            "data.%s: %s: these values stand for missing ones in many files, and the training data have none "
            "like them: %s. Rows with them may decide the mean; name the values with --missing, and drop the rows with "
            "--skip-invalid",
            key, data->location, names.data);
    flow_text_free(&names);
    return failed ? flow_error_memory(err, "the names of columns") : FLOW_OK;
}

flow_status flow_experiment_warn_of_codes(const flow_experiment *x, flow_error *err)
{
    if (x->training == NULL || x->training->summary == NULL)
        return FLOW_OK;
    FLOW_TRY(codes_warn_of(x, x->data->validation.text != NULL ? x->validation : NULL, "validation", err));
    return codes_warn_of(x, x->data->test.text != NULL ? x->test : NULL, "test", err);
}

flow_status flow_experiment_warn_of_sizes(const flow_experiment *x, flow_error *err)
{
    enum { NAMED = 5 };
    static const double large = 50, small = 0.02; /* 1.3 of a standard normal distribution */
    const flow *f = x->f;
    if (x->training == NULL || x->training->survey == NULL || flow_fits_blocks(f))
        return FLOW_OK;
    double *middle = calloc(2 * (size_t)f->dim, sizeof *middle), *width = middle + f->dim;
    flow_text names = {0};
    int n = 0;
    bool is_fitted = false; /* by a map that brings columns to size 1 */
    for (int i = 0; i < f->n_columns; i++)
        is_fitted = is_fitted || f->columns[i].type->needs_data;
    flow_status status =
        middle == NULL ? flow_error_memory(err, "the sizes of columns") : sizes_measure(x, middle, width, err);
    for (int i = 0; i < f->dim && status == FLOW_OK; i++) {
        if (flow_survey_find(x->training->survey, FLOW_FINDING_CODE, i) != NULL)
            continue; /* that is why, and it is said */
        if ((f->periods != NULL && f->periods[i] > 0) ||
            !(fabs(middle[i]) > large || width[i] > large || (width[i] > 0 && width[i] < small)))
            continue;
        if (n++ >= NAMED)
            continue;
        flow_text_add(&names, "%s%.60s", n > 1 ? ", " : "", x->training->columns[i]);
        if (!is_fitted)
            flow_text_add(&names, " (%.3g, width %.3g)", middle[i], width[i]);
    }
    if (n > NAMED)
        flow_text_add(&names, ", and %d more", n - NAMED);
    if (status == FLOW_OK && names.failed)
        status = flow_error_memory(err, "the sizes of columns");
    if (status == FLOW_OK && n > 0)
        flow_run_warn(x->hooks,
                      "networks are made for values around 0 of size 1, and the middle half of these columns is "
                      "far from that: %s. %s",
                      names.data,
                      is_fitted ? "A few values far from the others decide their mean and deviation: correct or drop "
                                  "those rows, or begin the flow with \"asinh\" instead of \"standardize\""
                                : "Begin the flow with \"standardize\", behind a \"support\" if there is one");
    free(middle);
    flow_text_free(&names);
    return status;
}
