/* What a comparison says of a model that is known without the rows. Internal to lib/run/compare*.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_COMPARE_MODEL_H
#define FLOW_RUN_COMPARE_MODEL_H

#include "run/compare.h"

/* Its name, and the sums over its members. */
void compare_model_describe(flow_compared_model *out, const flow_session *s);

void compare_model_set_time(flow_compared_model *out, double row_seconds);

#endif
