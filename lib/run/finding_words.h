/* What the findings of a survey (data/survey.h) are called, and what can be done about them: the one place that has
 * words for them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_FINDING_WORDS_H
#define FLOW_RUN_FINDING_WORDS_H

#include "core/text.h"
#include "data/survey.h"

/* "row_number" */
const char *flow_finding_name(flow_finding_kind kind);
/* Whether `value`, and `row`, mean something. */
bool flow_finding_has_value(const flow_finding *finding);
bool flow_finding_has_row(const flow_finding *finding);

/* Adds what n findings of one kind say, "copies of other columns: y (= x)", and what can be done. */
void flow_finding_add_about(flow_text *text, const flow_survey *survey, const flow_finding *findings, size_t n);
void flow_finding_add_remedy(flow_text *text, const flow_survey *survey, const flow_finding *findings, size_t n);

/* Adds the values of n findings of FLOW_FINDING_CODE, each once: "-999,9999". */
void flow_finding_add_codes(flow_text *text, const flow_finding *findings, size_t n);

/* Adds what a FLOW_FINDING_LINEAR or FLOW_FINDING_COPY is the same as: "= 2 + 3 x - y". */
void flow_finding_add_sum(flow_text *text, const flow_survey *survey, const flow_finding *finding);

/* Adds the rule for the column in "columns" of a "support", {"discrete": true, "step": 0.5}, as it follows from a
 * finding of the survey, and of spikes from all those of the column; {} for kinds that no support is a remedy for. */
void flow_finding_add_rule(flow_text *text, const flow_survey *survey, const flow_finding *finding);

#endif
