/* The findings of a survey (data/survey.h) as results: for JSON, and for reading. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_FINDINGS_H
#define FLOW_RUN_FINDINGS_H

#include "data/survey.h"
#include "run/report.h"

/* A finding, for JSON. Borrowed from the survey. */
typedef struct flow_finding_row {
    const char *kind, *column; /* "row_number", "x" */
    flow_finding of;
    bool has_value, has_row, has_lower, has_upper, is_sum;
    flow_list terms; /* of flow_finding_term_row */
} flow_finding_row;

typedef struct flow_finding_term_row {
    const char *column;
    double factor;
} flow_finding_term_row;

/* The findings of one kind, for reading, in lines that are indented. */
typedef struct flow_finding_note {
    char *about;  /* "whole or rounded numbers: c0, c3 (steps of 1); c7 (steps of 10)" */
    char *remedy; /* "declare them ..." */
} flow_finding_note;

/* flow_findings_free, also after an error. */
typedef struct flow_findings {
    flow_list rows;  /* of flow_finding_row */
    flow_list notes; /* of flow_finding_note */
    flow_finding_term_row *terms;
} flow_findings;

extern const flow_report_field flow_finding_row_fields[], flow_finding_note_fields[];

/* The survey is borrowed. */
flow_status flow_findings_describe(flow_findings *out, const flow_survey *survey, flow_error *err);
void flow_findings_free(flow_findings *findings);

#endif
