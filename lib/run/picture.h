/* Some rows on a sheet, for options --picture. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_PICTURE_H
#define FLOW_RUN_PICTURE_H

#include "data/table.h"

/* FLOW_ARGUMENT unless `file` is the name of a PNG file, and the rows of `source`, which the message names, are images:
 * their shape is not {0}. */
flow_status flow_picture_check(const char *file, flow_shape shape, const char *source, flow_error *err);

/* Writes the rows (n, of n_columns values each) as `options` says; `careful` as in data/table.h. */
flow_status flow_picture_write(const char *file, bool careful, const flow_picture_options *options,
                               const char *const *columns, int n_columns, const double *const *rows, size_t n,
                               flow_error *err);

#endif
