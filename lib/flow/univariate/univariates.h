/* The univariates that a spec can name, and how a block makes one. One line here per type makes its declaration and its
 * place in the list. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_UNIVARIATE_UNIVARIATES_H
#define FLOW_FLOW_UNIVARIATE_UNIVARIATES_H

#include "flow/univariate.h"

#define FLOW_UNIVARIATES(X) X(affine) X(additive) X(rational_quadratic) X(mixture)

#define X(name) extern const flow_univariate_type flow_univariate_##name;
FLOW_UNIVARIATES(X)
#undef X

/* What an option of the kind FLOW_OPTION_CHOICE refers to; the types are flow_univariate_type. */
extern const flow_choices flow_univariates;

/* The univariate of a choice of flow_univariates, with a copy of its options. The caller releases it. */
flow_status flow_univariate_new(flow_univariate *out, const flow_choice *choice, flow_error *err);
/* The univariate of periodic dimensions beside that of the others: a periodic spline, with as many bins as the other
 * one when that is a spline too, else 8. */
flow_status flow_univariate_new_periodic(flow_univariate *out, const flow_choice *beside, flow_error *err);
void flow_univariate_release(flow_univariate *univariate);

#endif
