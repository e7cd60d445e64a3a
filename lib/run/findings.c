/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/findings.h"

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

static void detail_sum(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    enum { SHOWN = 6 };
    (void)n;
    const double small = 1e-9 * fabs(survey->columns[f->column].mean);
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

static void detail_code(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey;
    char count[FLOW_FORMAT_SIZE];
    for (size_t i = 0; i < n; i++)
        flow_text_add(text, "%s%.7g in %s rows", i > 0 ? ", " : "", f[i].value, flow_format_count(count, f[i].rows));
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

static void detail_row(flow_text *text, const flow_survey *survey, const flow_finding *f, size_t n)
{
    (void)survey, (void)n;
    flow_text_add(text, "row %lld", (long long)f->row + 1);
}

/* ---- the table ---- */

/* A remedy that ends with a colon is followed by a support with the rule for the first column. */
static const struct {
    const char *name, *title, *remedy;
    add_detail *detail; /* NULL: nothing */
    bool has_value, has_row;
} kinds[FLOW_N_FINDINGS] = {
    [FLOW_FINDING_CONSTANT] = {"constant", "the same value in every row",
                               "they have no density: leave them out with data.columns", NULL, .has_value = true},
    [FLOW_FINDING_NEARLY_CONSTANT] = {"nearly_constant", "nearly constant", "leave them out with data.columns",
                                      detail_nearly, .has_value = true},
    [FLOW_FINDING_ROW_NUMBER] = {"row_number", "numbers of the rows",
                                 "they say where a row stands, and nothing else: leave them out with data.columns",
                                 NULL, .has_value = true},
    [FLOW_FINDING_COPY] =
        {"copy", "copies of other columns",
         "leave them out with data.columns: with them there is no density, and likelihoods grow without a limit",
         detail_sum},
    [FLOW_FINDING_LINEAR] =
        {"linear", "functions of other columns",
         "leave them out with data.columns, and compute them from the others: with them there is no density, and "
         "likelihoods grow without a limit",
         detail_sum},
    [FLOW_FINDING_CODE] =
        {"code", "codes for missing values?",
         "if they are: write NA instead and set data.skip_invalid, which drops these rows, or leave the columns out",
         detail_code, .has_value = true, .has_row = true},
    [FLOW_FINDING_BOOLEAN] =
        {"boolean", "two values",
         "name them in data.context to have the density of the others given them, or begin the flow with:", detail_two},
    [FLOW_FINDING_CLASSES] =
        {"classes", "few whole numbers, perhaps classes",
         "name them in data.context to have the density of the others given them, or begin the flow with:",
         detail_classes},
    [FLOW_FINDING_LATTICE] = {"lattice", "whole or rounded numbers",
                              "they have probabilities and no density: begin the flow with:", detail_step,
                              .has_value = true},
    [FLOW_FINDING_REPEATED] =
        {"repeated", "few different values, in unequal steps",
         "a flow narrows down on them, and its likelihoods mean little: leave them out with data.columns, or take the "
         "values before they were rounded",
         detail_repeated, .has_value = true},
    [FLOW_FINDING_SPIKE] =
        {"spike", "single values in many rows, beside others that vary",
         "there is no density at such a value: keep only the rows where the column varies, or leave it out with "
         "data.columns",
         detail_spike, .has_value = true},
    [FLOW_FINDING_BOUND] = {"bound", "values end at a bound",
                            "samples would lie beyond it: begin the flow with:", detail_bound},
    [FLOW_FINDING_ANGLE] = {"angle", "angles?", "if both ends mean the same, begin the flow with:", detail_period},
    [FLOW_FINDING_DECADES] = {"decades", "positive, over several decades",
                              "begin the flow with \"asinh\" instead of \"standardize\"", detail_range},
    [FLOW_FINDING_TAILS] = {"tails", "heavy tails", "begin the flow with \"asinh\" instead of \"standardize\"", NULL,
                            .has_value = true, .has_row = true},
    [FLOW_FINDING_OUTLIERS] =
        {"outliers", "values far from all others",
         "look at these rows, and remove mistakes; or begin the flow with \"asinh\" instead of \"standardize\"",
         detail_row, .has_value = true, .has_row = true},
};

void flow_finding_add_rule(flow_text *text, const flow_finding *f)
{
    const double step = f->kind == FLOW_FINDING_BOOLEAN   ? f->upper - f->lower
                        : f->kind == FLOW_FINDING_LATTICE ? f->step
                                                          : 1;
    switch (f->kind) {
    case FLOW_FINDING_BOOLEAN:
    case FLOW_FINDING_CLASSES:
    case FLOW_FINDING_LATTICE:
        flow_text_add(text, "{\"discrete\": true");
        if (step != 1)
            flow_text_add(text, ", \"step\": %.10g", step);
        if (!isnan(f->lower))
            flow_text_add(text, ", \"lower\": %.10g", f->lower);
        flow_text_add(text, "}");
        break;
    case FLOW_FINDING_BOUND:
        flow_text_add(text, "{");
        if (!isnan(f->lower))
            flow_text_add(text, "\"lower\": %.10g", f->lower);
        if (!isnan(f->upper))
            flow_text_add(text, "%s\"upper\": %.10g", isnan(f->lower) ? "" : ", ", f->upper);
        flow_text_add(text, "}");
        break;
    case FLOW_FINDING_ANGLE:
        flow_text_add(text, "{\"periodic\": %.10g, \"lower\": %.10g}", f->step, f->lower);
        break;
    default:
        break;
    }
}

/* ---- for JSON ---- */

static const flow_report_field term_fields[] = {
    {"column", FLOW_MEMBER(flow_finding_term_row, column)},
    {"factor", FLOW_MEMBER(flow_finding_term_row, factor)},
    FLOW_REPORT_END,
};

#define ROW(member) FLOW_MEMBER(flow_finding_row, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_finding_row, member)

const flow_report_field flow_finding_row_fields[] = {
    {"kind", ROW(kind)},
    {"column", ROW(column)},
    {"value", ROW(of.value), WHEN(has_value)},
    {"rows", ROW(of.rows), WHEN(of.rows)},
    {"share", ROW(of.share), WHEN(of.rows)},
    {"distinct", ROW(of.distinct), WHEN(of.distinct)},
    {"step", ROW(of.step), WHEN(of.step)},
    {"lower", ROW(of.lower), WHEN(has_lower)},
    {"upper", ROW(of.upper), WHEN(has_upper)},
    {"ratio", ROW(of.ratio), WHEN(of.ratio)},
    {"row", ROW(of.row), WHEN(has_row)},
    {"offset", ROW(of.offset), WHEN(is_sum)},
    {"terms", FLOW_REPORT_LIST_OF(flow_finding_row, terms, flow_finding_term_row, term_fields), WHEN(is_sum)},
    {"residual", ROW(of.residual), WHEN(is_sum)},
    FLOW_REPORT_END,
};

static flow_status findings_make_rows(flow_findings *out, const flow_survey *s, flow_error *err)
{
    size_t n_terms = 0;
    for (size_t i = 0; i < s->n_findings; i++)
        n_terms += (size_t)s->findings[i].n_terms;
    flow_finding_row *rows = calloc(s->n_findings + 1, sizeof *rows);
    flow_finding_term_row *terms = calloc(n_terms + 1, sizeof *terms);
    out->rows = (flow_list){rows, s->n_findings};
    out->terms = terms;
    if (rows == NULL || terms == NULL)
        return flow_error_memory(err, "findings");
    for (size_t i = 0; i < s->n_findings; i++) {
        const flow_finding *f = &s->findings[i];
        rows[i] = (flow_finding_row){.kind = kinds[f->kind].name,
                                     .column = s->columns[f->column].name,
                                     .of = *f,
                                     .has_value = kinds[f->kind].has_value && !isnan(f->value),
                                     .has_row = kinds[f->kind].has_row,
                                     .has_lower = !isnan(f->lower),
                                     .has_upper = !isnan(f->upper),
                                     .is_sum = f->n_terms > 0,
                                     .terms = {terms, (size_t)f->n_terms}};
        rows[i].of.row++; /* counted from 1 */
        for (int k = 0; k < f->n_terms; k++, terms++)
            *terms = (flow_finding_term_row){s->columns[f->terms[k].column].name, f->terms[k].factor};
    }
    return FLOW_OK;
}

/* ---- for reading ---- */

const flow_report_field flow_finding_note_fields[] = {
    {NULL, NULL, "\n  %s", FLOW_MEMBER(flow_finding_note, about)},
    {NULL, NULL, "\n      %s", FLOW_MEMBER(flow_finding_note, remedy)},
    FLOW_REPORT_END,
};

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

/* Whether the bound is a spike as well: then that is enough. */
static bool findings_is_spike(const flow_survey *s, const flow_finding *f)
{
    for (size_t i = 0; i < s->n_findings && f->kind == FLOW_FINDING_BOUND; i++) {
        const flow_finding *spike = &s->findings[i];
        if (spike->kind == FLOW_FINDING_SPIKE && spike->column == f->column &&
            (spike->value == f->lower || spike->value == f->upper))
            return true;
    }
    return false;
}

static flow_status findings_make_note(flow_finding_note *out, const flow_survey *s, const flow_finding *f, size_t n,
                                      flow_error *err)
{
    const char *advice = kinds[f->kind].remedy;
    flow_text words = {0}, about = {0}, remedy = {0};
    flow_text_add(&words, "%s: ", kinds[f->kind].title);
    findings_add_columns(&words, s, f, n);
    findings_add_ratio(&words, f, n);
    if (!words.failed)
        flow_text_wrap(&about, words.data, 2, 4);
    bool failed = words.failed;
    flow_text_free(&words);
    flow_text_add(&words, "%s", advice);
    if (advice[strlen(advice) - 1] == ':') {
        flow_text_add(&words, "\n{\"type\": \"support\", \"columns\": {\"%.60s\": ", s->columns[f->column].name);
        flow_finding_add_rule(&words, f);
        flow_text_add(&words, n > 1 ? ", ...}}" : "}}");
    }
    if (!words.failed)
        flow_text_wrap(&remedy, words.data, 6, 6);
    failed = failed || words.failed || about.failed || remedy.failed;
    flow_text_free(&words);
    *out = (flow_finding_note){about.data, remedy.data};
    return failed ? flow_error_memory(err, "findings") : FLOW_OK;
}

static flow_status findings_make_notes(flow_findings *out, const flow_survey *s, flow_error *err)
{
    flow_finding_note *notes = calloc(FLOW_N_FINDINGS, sizeof *notes);
    flow_finding *told = calloc(s->n_findings + 1, sizeof *told);
    flow_status status = notes == NULL || told == NULL ? flow_error_memory(err, "findings") : FLOW_OK;
    out->notes.items = notes;
    for (size_t i = 0; i < s->n_findings && status == FLOW_OK;) {
        size_t n = 0;
        const flow_finding_kind kind = s->findings[i].kind;
        for (; i < s->n_findings && s->findings[i].kind == kind; i++)
            if (!findings_is_spike(s, &s->findings[i]))
                told[n++] = s->findings[i];
        if (n > 0)
            status = findings_make_note(&notes[out->notes.n++], s, told, n, err);
    }
    free(told);
    return status;
}

flow_status flow_findings_describe(flow_findings *out, const flow_survey *survey, flow_error *err)
{
    *out = (flow_findings){0};
    FLOW_TRY(findings_make_rows(out, survey, err));
    return findings_make_notes(out, survey, err);
}

void flow_findings_free(flow_findings *findings)
{
    flow_finding_note *notes = findings->notes.items;
    for (size_t i = 0; i < findings->notes.n; i++) {
        free(notes[i].about);
        free(notes[i].remedy);
    }
    free(notes);
    free(findings->rows.items);
    free(findings->terms);
    *findings = (flow_findings){0};
}
