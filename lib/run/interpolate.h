/* Rows between two rows of data: a walk through the latent space. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INTERPOLATE_H
#define FLOW_RUN_INTERPOLATE_H

#include "run/row_walk.h"
#include "run/session.h"

typedef struct flow_run_interpolate_options {
    flow_row_options rows; /* input: the data; output: the rows of the walk */
    int64_t ends[2];       /* the rows of the data that the walk goes from and to, counted from 1 */
    int64_t n;             /* rows of the walk, both ends included: 2 or more */
    bool linear;           /* on the straight line between the latents, not on the arc */
} flow_run_interpolate_options;

/* Strings are borrowed from the session and the options. output: the file that was written; NULL: none. */
typedef struct flow_run_interpolate_result {
    const char *model, *data, *output;
    const char *path; /* "spherical", "linear" */
    int64_t from, to, rows, non_finite, skipped;
    double angle;      /* between the latents of the ends, in degrees; NaN where one of them is 0 */
    double round_trip; /* the largest error, in the unit of flow_session_round_trip_unit */
    flow_solving solving;
    bool closed; /* the reader of standard output is gone */
} flow_run_interpolate_result;

/* With latents a and b, r their angle and t from 0 to 1, a row of the walk is the image of
 *     sin((1 - t) r) / sin(r) a + sin(t r) / sin(r) b
 * (Shoemake 1985, "Animating rotation with quaternion curves"; for latents White 2016, "Sampling generative networks"),
 * which is about as far from 0 as the ends are, where latents of the base lie; or of (1 - t) a + t b. Periodic latents
 * go the shorter way round, at a constant speed. The context goes linearly from that of one end to that of the other;
 * a class is that of the nearer end.
 *
 * FLOW_DATA when the data do not have the rows, or one of them is outside of the support. Warns of rows that are not
 * finite or do not come back. */
flow_status flow_run_interpolate(flow_run_interpolate_result *out, const flow_session *s,
                                 const flow_run_interpolate_options *options, flow_error *err);

#endif
