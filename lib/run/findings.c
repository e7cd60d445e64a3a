/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/findings.h"

#include <math.h>
#include <stdlib.h>

#include "run/finding_words.h"

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
        rows[i] = (flow_finding_row){.kind = flow_finding_name(f->kind),
                                     .column = s->columns[f->column].name,
                                     .of = *f,
                                     .has_value = flow_finding_has_value(f),
                                     .has_row = flow_finding_has_row(f),
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

/* Whether the bound is a spike as well: then that is enough. */
static bool findings_is_spike(const flow_survey *s, const flow_finding *f)
{
    const flow_finding *spike = NULL;
    if (f->kind == FLOW_FINDING_BOUND)
        spike = flow_survey_find(s, FLOW_FINDING_SPIKE, f->column);
    for (; spike != NULL && spike < s->findings + s->n_findings; spike++) {
        if (spike->kind != FLOW_FINDING_SPIKE || spike->column != f->column)
            return false;
        if (spike->value == f->lower || spike->value == f->upper)
            return true;
    }
    return false;
}

/* The words, in lines; NULL when memory is out. */
static char *findings_wrap(flow_text words, int column, int indent)
{
    flow_text out = {0};
    if (!words.failed)
        flow_text_wrap(&out, words.data, column, indent);
    flow_text_free(&words);
    if (out.failed)
        flow_text_free(&out);
    return out.data;
}

static flow_status findings_make_note(flow_finding_note *out, const flow_survey *s, const flow_finding *f, size_t n,
                                      flow_error *err)
{
    flow_text about = {0}, remedy = {0};
    flow_finding_add_about(&about, s, f, n);
    flow_finding_add_remedy(&remedy, s, f, n);
    *out = (flow_finding_note){findings_wrap(about, 2, 4), findings_wrap(remedy, 6, 6)};
    return out->about == NULL || out->remedy == NULL ? flow_error_memory(err, "findings") : FLOW_OK;
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
