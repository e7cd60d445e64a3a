/* Several tests at once: p-values that hold for all of them together. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_STAT_MANY_H
#define FLOW_STAT_MANY_H

#include <stddef.h>

#include "core/error.h"

/* adjusted (n) from p (n), which may be the same array: rejecting where it is at most a level rejects any true
 * hypothesis with at most that probability, however the tests depend on each other (Holm 1979). */
flow_status flow_holm(double *adjusted, const double *p, size_t n, flow_error *err);

#endif
