/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/finding_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/format.h"

enum {
    NAMED = 12, /* columns of a group that are named */
    GROUPS = 6  /* of columns with the same detail that are shown */
};

/* ---- what is said of one column ---- */

/* About the n findings of one kind that a column has. */
typedef void add_detail(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n);

static void detail_nearly(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    if (f->rows > 0)
        flow_text_add(text, "%.6g in all rows but %lld", f->value, (long long)f->rows);
    else
        flow_text_add(text, "%.6g but for a share of %.1g", f->value, f->ratio);
}

void flow_finding_add_sum(flow_text *text, const flow_survey *survey, const flow_finding *f)
{
    enum { SHOWN = 6 };
    const flow_survey_column *facts = &survey->columns[f->column];
    const double small = 1e-9 * fmax(fabs(facts->mean), facts->deviation);
    bool first = !(fabs(f->offset) > small);
    flow_text_add(text, "= ");
    if (!first)
        flow_text_add(text, "%.6g", f->offset);
    for (int i = 0; i < f->n_terms && i < SHOWN; i++) {
        double factor = f->terms[i].factor, size = fabs(factor);
        if (first)
            flow_text_add(text, "%s", factor < 0 ? "-" : "");
        else
            flow_text_add(text, "%s", factor < 0 ? " - " : " + ");
        if (fabs(size - 1) > 1e-6)
            flow_text_add(text, "%.6g ", size);
        flow_text_add(text, "%.60s", survey->columns[f->terms[i].column].name);
        first = false;
    }
    if (f->n_terms > SHOWN)
        flow_text_add(text, " + ... (%d columns)", f->n_terms);
}

static void detail_sum(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)n;
    flow_finding_add_sum(text, survey, f);
}

static void detail_code(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey;
    char count[FLOW_FORMAT_SIZE], value[FLOW_NUMBER_SIZE];
    for (size_t i = 0; i < n; i++) {
        flow_number_print(value, f[i].value);
        flow_text_add(text, "%s%s in %s row%s, first in row %lld", i > 0 ? ", " : "", value,
                      flow_format_count(count, f[i].rows), f[i].rows == 1 ? "" : "s", (long long)f[i].row + 1);
    }
}

static void detail_two(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    flow_text_add(text, "%.6g and %.6g", f->lower, f->upper);
}

static void detail_classes(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    flow_text_add(text, "%lld of them", (long long)f->distinct);
}

static void detail_step(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    flow_text_add(text, "steps of %.4g", f->step);
}

static void detail_repeated(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    char count[FLOW_FORMAT_SIZE];
    if (f->distinct > 0)
        flow_text_add(text, "%s", flow_format_count(count, f->distinct));
}

static void detail_spike(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey;
    double share = 0;
    for (size_t i = 0; i < n; i++)
        share += f[i].share;
    if (n > 1)
        flow_text_add(text, "%zu values in %.0f%% of the rows", n, 100 * share);
    else
        flow_text_add(text, "%.6g in %.0f%% of the rows", f->value, 100 * share);
}

static void detail_bound(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    if (isnan(f->lower))
        flow_text_add(text, "up to %.6g", f->upper);
    else if (isnan(f->upper))
        flow_text_add(text, "from %.6g", f->lower);
    else
        flow_text_add(text, "%.6g to %.6g", f->lower, f->upper);
}

static void detail_period(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    flow_text_add(text, "%.4g to %.4g", f->lower, f->lower + f->step);
}

static void detail_range(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    flow_text_add(text, "mostly %.2g to %.2g", f->lower, f->upper);
}

static void detail_farthest(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    char value[FLOW_NUMBER_SIZE];
    flow_number_print(value, f->value);
    flow_text_add(text, "%s in row %lld", value, (long long)f->row + 1);
    if (f->rows > 1)
        flow_text_add(text, ", the farthest of %lld%s", (long long)f->rows,
                      f->rows == FLOW_SURVEY_EXTREMES ? " or more" : "");
}

static void detail_wild(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    char value[FLOW_NUMBER_SIZE];
    flow_number_print(value, f->value);
    if (f->rows > 0)
        flow_text_add(text, "%s in row %lld, far from all others", value, (long long)f->row + 1);
}

/* ---- the table ---- */

typedef struct finding_words {
    const char *name, *title, *remedy;
    add_detail *detail; /* NULL: nothing */
    bool has_value, has_row;
} finding_words;

/* A remedy that ends with a colon is followed by a support with the rule for the first column. */
static const finding_words kinds[FLOW_N_FINDINGS] = {
    [FLOW_FINDING_CONSTANT] = {
        "constant", "the same value in every row",
        "they have no density: leave them out with data.columns",
        .has_value = true},
    [FLOW_FINDING_NEARLY_CONSTANT] = {
        "nearly_constant", "nearly constant",
        "they have no density: leave them out with data.columns, or subtract the large part that the values share",
        .detail = detail_nearly, .has_value = true},
    [FLOW_FINDING_ROW_NUMBER] = {
        "row_number", "numbers of the rows",
        "they say where a row stands, and nothing else: leave them out with data.columns",
        .has_value = true},
    [FLOW_FINDING_COPY] = {
        "copy", "copies of other columns",
        "leave them out with data.columns: with them there is no density, and likelihoods grow without a limit",
        .detail = detail_sum},
    [FLOW_FINDING_LINEAR] = {
        "linear", "functions of other columns",
        "leave them out with data.columns, and compute them from the others: with them there is no density, and "
        "likelihoods grow without a limit",
        .detail = detail_sum},
    [FLOW_FINDING_CODE] = {
        "code", "codes for missing values?",
        "if they are, this drops their rows (in a spec data.missing and data.skip_invalid): "
        "--skip-invalid --missing ",
        .detail = detail_code, .has_value = true, .has_row = true},
    [FLOW_FINDING_BOOLEAN] = {
        "boolean", "two values",
        "name them in data.context to have the density of the others given them, or begin the flow with:",
        .detail = detail_two},
    [FLOW_FINDING_CLASSES] = {
        "classes", "few whole numbers, perhaps classes",
        "name them in data.context to have the density of the others given them, or begin the flow with:",
        .detail = detail_classes},
    [FLOW_FINDING_LATTICE] = {
        "lattice", "whole or rounded numbers",
        "they have probabilities and no density: begin the flow with:",
        .detail = detail_step, .has_value = true},
    [FLOW_FINDING_REPEATED] = {
        "repeated", "few different values, in unequal steps",
        "a flow narrows down on them, and its likelihoods mean little: leave them out with data.columns, or take the "
        "values before they were rounded",
        .detail = detail_repeated, .has_value = true},
    [FLOW_FINDING_SPIKE] = {
        "spike", "single values in many rows, beside others that vary",
        "such a value has a probability, and no density: give the blocks \"univariate\": \"mixture\", which can "
        "describe it, and begin the flow with:",
        .detail = detail_spike, .has_value = true},
    [FLOW_FINDING_BOUND] = {
        "bound", "values end at a bound",
        "samples would lie beyond it: begin the flow with:",
        .detail = detail_bound},
    [FLOW_FINDING_ANGLE] = {
        "angle", "angles?",
        "if both ends mean the same, begin the flow with:",
        .detail = detail_period},
    [FLOW_FINDING_DECADES] = {
        "decades", "positive, over several decades",
        "begin the flow with \"asinh\" instead of \"standardize\"",
        .detail = detail_range},
    [FLOW_FINDING_TAILS] = {
        "tails", "heavy tails",
        "begin the flow with \"asinh\" instead of \"standardize\"",
        .detail = detail_wild, .has_value = true, .has_row = true},
    [FLOW_FINDING_OUTLIERS] = {
        "outliers", "values far from all others",
        "look at these rows, and remove mistakes; or begin the flow with \"asinh\" instead of \"standardize\"",
        .detail = detail_farthest, .has_value = true, .has_row = true},
};

/* Adds `, "key": value`, in all digits: a value that was rounded may be beyond a bound. NaN: nothing. */
static void rule_add_number(flow_text *text, const char *key, double value)
{
    char number[FLOW_NUMBER_SIZE];
    if (isnan(value))
        return;
    flow_number_print(number, value);
    flow_text_add(text, "%s\"%s\": %s", text->data[text->length - 1] == '{' ? "" : ", ", key, number);
}

/* With the bounds of the column: a spike has to be on one, or between other values. */
static void rule_add_spikes(flow_text *text, const flow_survey *s, int column)
{
    const flow_survey_column *facts = &s->columns[column];
    const flow_finding *bound = flow_survey_find(s, FLOW_FINDING_BOUND, column);
    const flow_finding *first = flow_survey_find(s, FLOW_FINDING_SPIKE, column), *end = s->findings + s->n_findings;
    double lower = bound != NULL ? bound->lower : NAN, upper = bound != NULL ? bound->upper : NAN;
    flow_text_add(text, "\"spikes\": [");
    for (const flow_finding *f = first; f < end && f->kind == FLOW_FINDING_SPIKE && f->column == column; f++) {
        char number[FLOW_NUMBER_SIZE];
        flow_number_print(number, f->value);
        flow_text_add(text, "%s%s", f > first ? ", " : "", number);
        lower = f->value == facts->least ? f->value : lower;
        upper = f->value == facts->most ? f->value : upper;
    }
    flow_text_add(text, "]");
    rule_add_number(text, "lower", lower);
    rule_add_number(text, "upper", upper);
}

void flow_finding_add_rule(flow_text *text, const flow_survey *s, const flow_finding *f)
{
    const double step = f->kind == FLOW_FINDING_BOOLEAN   ? f->upper - f->lower
                        : f->kind == FLOW_FINDING_LATTICE ? f->step
                                                          : 1;
    flow_text_add(text, "{");
    if (text->failed)
        return;
    switch (f->kind) {
    case FLOW_FINDING_BOOLEAN:
    case FLOW_FINDING_CLASSES:
    case FLOW_FINDING_LATTICE:
        flow_text_add(text, "\"discrete\": true");
        rule_add_number(text, "step", step != 1 ? step : NAN);
        rule_add_number(text, "lower", f->lower);
        rule_add_number(text, "upper", f->upper);
        break;
    case FLOW_FINDING_SPIKE:
        rule_add_spikes(text, s, f->column);
        break;
    case FLOW_FINDING_BOUND:
        rule_add_number(text, "lower", f->lower);
        rule_add_number(text, "upper", f->upper);
        break;
    case FLOW_FINDING_ANGLE:
        rule_add_number(text, "periodic", f->step);
        rule_add_number(text, "lower", f->lower);
        break;
    default:
        break;
    }
    flow_text_add(text, "}");
}

/* ---- what is said of all columns ---- */

/* Columns of which the same is said. */
typedef struct finding_group {
    char *detail;
    flow_text names;
    int n;
} finding_group;

/* Adds a column to the group of its detail, which is taken over; false when there is no room for one more group. */
static bool groups_add(finding_group *groups, int *n, char *detail, const char *name)
{
    int k = 0;
    while (k < *n && strcmp(groups[k].detail, detail) != 0)
        k++;
    if (k < *n || *n == GROUPS) {
        free(detail);
        if (k == GROUPS)
            return false;
    } else {
        groups[(*n)++].detail = detail;
    }
    if (groups[k].n++ < NAMED)
        flow_text_add(&groups[k].names, "%s%.60s", groups[k].n > 1 ? ", " : "", name);
    return true;
}

/* "c0, c3 (steps of 1); c7 (steps of 10)", from n findings of one kind. */
static void findings_add_columns(flow_text *text, const flow_survey *s, const flow_finding *f, size_t n)
{
    finding_group groups[GROUPS] = {0};
    int n_groups = 0, more = 0;
    for (size_t i = 0, m; i < n; i += m) {
        flow_text detail = {0};
        for (m = 1; i + m < n && f[i + m].column == f[i].column;)
            m++;
        if (kinds[f->kind].detail != NULL)
            kinds[f->kind].detail(&detail, s, f + i, m);
        flow_text_add(&detail, "%s", "");
        text->failed = text->failed || detail.failed;
        if (detail.failed)
            flow_text_free(&detail);
        else
            more += !groups_add(groups, &n_groups, detail.data, s->columns[f[i].column].name);
    }
    for (int k = 0; k < n_groups; k++) {
        finding_group *g = &groups[k];
        text->failed = text->failed || g->names.failed;
        flow_text_add(text, "%s%s", k > 0 ? "; " : "", g->names.data);
        if (g->n > NAMED)
            flow_text_add(text, ", ... (%d columns%s%s)", g->n, g->detail[0] != '\0' ? ", " : "", g->detail);
        else if (g->detail[0] != '\0')
            flow_text_add(text, " (%s)", g->detail);
        flow_text_free(&g->names);
        free(g->detail);
    }
    if (more > 0)
        flow_text_add(text, "; and %d more column%s", more, more > 1 ? "s" : "");
}

/* Of heavy tails, how heavy they are. */
static void findings_add_ratio(flow_text *text, const flow_finding *f, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, f[i].ratio);
    if (f->kind == FLOW_FINDING_TAILS)
        flow_text_add(text,
                      "; 99.8%% of the rows reach %s%.3g times as far as the middle half, those of a normal "
                      "distribution 4.6 times",
                      n > 1 ? "up to " : "", most);
}

void flow_finding_add_about(flow_text *text, const flow_survey *s, const flow_finding *f, size_t n)
{
    flow_text_add(text, "%s: ", kinds[f->kind].title);
    findings_add_columns(text, s, f, n);
    findings_add_ratio(text, f, n);
}

void flow_finding_add_codes(flow_text *text, const flow_finding *f, size_t n)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        bool told = false;
        for (size_t k = 0; k < i; k++)
            told = told || f[k].value == f[i].value;
        char number[FLOW_NUMBER_SIZE];
        flow_number_print(number, f[i].value);
        if (!told)
            flow_text_add(text, "%s%s", first ? "" : ",", number);
        first = false;
    }
}

void flow_finding_add_remedy(flow_text *text, const flow_survey *s, const flow_finding *f, size_t n)
{
    const char *remedy = kinds[f->kind].remedy;
    flow_text_add(text, "%s", remedy);
    if (f->kind == FLOW_FINDING_CODE)
        flow_finding_add_codes(text, f, n);
    if (remedy[strlen(remedy) - 1] != ':')
        return;
    flow_text_add(text, "\n{\"type\": \"support\", \"columns\": {\"%.60s\": ", s->columns[f->column].name);
    flow_finding_add_rule(text, s, f);
    flow_text_add(text, n > 1 ? ", ...}}" : "}}");
}

const char *flow_finding_name(flow_finding_kind kind)
{
    return kinds[kind].name;
}

bool flow_finding_has_value(const flow_finding *f)
{
    return kinds[f->kind].has_value && !isnan(f->value);
}

bool flow_finding_has_row(const flow_finding *f)
{
    return kinds[f->kind].has_row;
}
