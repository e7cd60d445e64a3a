/* Many rows at once, on several threads: evaluating, inverting and sampling a flow.
 *
 * Rows are row-major (n, d + c) in the units of the data, of a conditional flow with the context behind the data or the
 * latents; they are cut into tiles of flow.tile_rows rows, always in the same way, so that no result depends on the
 * number of threads.
 *
 * Points do not depend on what else is asked for, to the last bit: where a flow solves equations, its log-determinants
 * come from solves of their own, and cost that.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_ROWS_H
#define FLOW_FLOW_ROWS_H

#include "flow/runner.h"

/* logp (n) in nats, in the units of the data; -inf outside of the support. With discrete columns the value of a row
 * is log(1/K sum_k q(x + u_k)), K = FLOW_NOISE_DRAWS, of the flow's density q around the row: its mean is a lower
 * bound on the logarithm of their probability (Theis et al. 2016, sec. 3.1; Burda et al. 2016, eq. 8). The u_k are
 * functions of x alone. */
void flow_rows_logp(flow_runner *runner, const double *rows, size_t n, double *logp);

/* The same, and the variance (n) of each value where it is an estimate (flow_estimates), 0 elsewhere. The errors of
 * rows that differ are independent; those of equal rows are equal. */
void flow_rows_logp_variance(flow_runner *runner, const double *rows, size_t n, double *logp, double *variance);

/* z (n, d) for rows x | c; logdet (n), log|det dz/dx|, may be NULL. z may be rows when there is no context. Rows
 * outside of the support have none: NaN. Discrete columns are spread by their first draw. */
void flow_rows_to_latent(flow_runner *runner, const double *rows, size_t n, double *z, double *logdet);

/* u (n, d) for rows x | c: the latents as the base's distribution function of each given those before it. Where the
 * rows follow the flow's density they are uniform on (0, 1) and independent of each other and of the context
 * (Rosenblatt 1952); of discrete columns that is true only so far as the density is flat within a step. NaN as for
 * latents. */
void flow_rows_to_uniform(flow_runner *runner, const double *rows, size_t n, double *u);

/* x (n, d) for rows z | c; logdet (n), log|det dx/dz|, may be NULL. x may be rows when there is no context. Discrete
 * columns are rounded down to their lattice. */
void flow_rows_to_data(flow_runner *runner, const double *rows, size_t n, double *x, double *logdet);

/* Whether a round trip that begins with latents is judged by the values that they are mapped to: those of images come
 * back, each one, while the noise within the cell of a value is kept off the edges of the cell, so that the latents
 * need not. */
bool flow_rows_judge_values(const flow *f);

/* Either of the two, and the error of the round trip: difference (n, d), what the way back makes of the result minus
 * the row. The values of discrete columns are compared between the points of their lattice, where the maps are
 * invertible; those of images are rounded to it first, and on the way to data it is their values that are compared. */
void flow_rows_round_trip(flow_runner *runner, flow_direction to, const double *rows, size_t n, double *out,
                          double *logdet, double *difference);

/* Draws of the rows first_row ... first_row + n - 1 of `seed` into x (n, d), given `context` (n, c; NULL when c is
 * 0). first_row is a multiple of FLOW_TILE; then the draws are the same however they are cut into calls. Draws that
 * doubles cannot hold are drawn again (flow_worker_draw_points). logp (n;
 * may be NULL) is the model's log-density of each draw, by the density direction; round_trip (may be NULL) receives
 * the largest |z - to_latent(to_data(z))| of these rows, with logp of the latents that logp is of; where values are
 * judged the largest difference between values and what comes back. */
void flow_rows_sample(flow_runner *runner, uint64_t seed, uint64_t first_row, size_t n, double temperature,
                      const double *context, double *x, double *logp, double *round_trip);

/* The same of the rows rows[0 ... n - 1] of `seed`, in ascending order: x (n, d), given `context` (n, c), are theirs in
 * this order, with the bits that flow_rows_sample gives them. */
void flow_rows_sample_listed(flow_runner *runner, uint64_t seed, const uint64_t *rows, size_t n, double temperature,
                             const double *context, double *x, double *round_trip);

/* For messages about rows whose results are not finite, what flow_tile_diagnose says: of a row (d + c) on its way to
 * the other end, and with `back` on its way back. False, and an empty text, when all maps are finite there. */
bool flow_rows_diagnose(flow_runner *runner, flow_direction to, bool back, const double *row, char *text, size_t size);
/* The same of the first draw among those that flow_rows_sample was asked for, with logp or without, there and back; its
 * number into *row. `rows` (n) are as in flow_rows_sample_listed; NULL: first_row and those that follow. */
bool flow_rows_diagnose_draws(flow_runner *runner, uint64_t seed, uint64_t first_row, const uint64_t *rows, size_t n,
                              double temperature, const double *context, bool has_logp, uint64_t *row, char *text,
                              size_t size);

#endif
