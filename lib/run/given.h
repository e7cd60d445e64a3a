/* A context that is typed: "label=7", or "mass=1.5,angle=0.2". */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_GIVEN_H
#define FLOW_RUN_GIVEN_H

#include "run/session.h"

/* FLOW_ARGUMENT for a model without context. */
flow_status flow_given_check(const flow_session *s, flow_error *err);

/* Whether the argument of --given holds values and is no file. */
bool flow_given_is_typed(const char *given);

/* *values (n_context) is the caller's (free), after a failure, too. A class may have its name in the training data.
 * FLOW_ARGUMENT when a column has no value, or none that it can have; `or_file`: a file would have been right, too. */
flow_status flow_given_read(double **values, const flow_session *s, const char *given, bool or_file, flow_error *err);

#endif
