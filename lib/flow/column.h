/* What a column map is: preprocessing as part of the flow.
 *
 * Column maps stand at the data end of a flow, before all blocks. They turn the columns of the data, in their own
 * units, into numbers a network can work with, and count in the log-density like every other map; so each log-density
 * is in the units of the data. They compute in double: a column of time stamps, or of masses near 125.09, has no digits
 * left in float. They have no trainable values, and their backward needs no scratch.
 *
 * Tiles are (d, n) doubles, otherwise as in block.h.
 *
 * Values on a lattice (counts) have probabilities and no density. Uniform noise spreads them over the step above them
 * before all maps, and they are rounded down after all maps; to_latent and to_data map the values between (uniform
 * dequantization: Uria et al. 2013; Theis et al. 2016, sec. 3.1). The same is true of values with a probability of
 * their own in a column that has a density elsewhere (column/spikes.h): they are spread over strips of an opened line.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_H
#define FLOW_FLOW_COLUMN_H

#include <stdbool.h>

#include "core/text.h"
#include "flow/block.h"
#include "flow/noise.h"

typedef struct flow_column_type {
    flow_type_info info;
    size_t state_size;

    flow_status (*configure)(void *self, const void *options, const flow_block_context *context, flow_params *params,
                             flow_error *err); /* as in flow_block_type */
    void (*release)(void *self); /* optional */

    /* As in flow_block_type; the output may be the input. */
    void (*to_latent)(const void *self, const double *fitted, int n, const double *x, double *z, double *logdet);
    void (*to_data)(const void *self, const double *fitted, int n, const double *z, double *x, double *logdet);

    /* gx from gz at the map's input x, glogdet (n) being the gradient at each row's log-determinant; likewise back. The
     * gradient that is written may be the one that is read. */
    void (*to_latent_backward)(const void *self, const double *fitted, int n, const double *x, const double *gz,
                               const double *glogdet, double *gx);
    void (*to_data_backward)(const void *self, const double *fitted, int n, const double *z, const double *gx,
                             const double *glogdet, double *gz);

    bool needs_data; /* it is nothing before a fit */
    /* Optional: values from the data, once per model; x (n, d) row-major, as a table holds it. `columns` (d) are names
     * for messages, or NULL. */
    flow_status (*fit)(const void *self, flow_params *params, size_t n, const double *x, const char *const *columns,
                       flow_error *err);
    flow_status (*check)(const void *self, const flow_params *params, flow_error *err); /* optional, as in a block */

    /* Optional: how many columns hold values of a lattice or spikes, and which (d; may be NULL): true is written for
     * those. A map that has some stands first, and has spread and round. */
    int (*n_discrete)(const void *self, bool *which);
    int (*n_spiked)(const void *self); /* optional: how many of them have spikes, and a density elsewhere */
    /* Optional: the spikes of a column, ascending, into *at, which is borrowed; returns how many there are. */
    int (*spikes)(const void *self, int column, const double **at);
    /* Adds noise (not FLOW_NOISE_NONE) to them in x (d, n), and the logarithm of each step to logdet (n), so that a
     * density becomes a probability; -inf where a value is not on the lattice. */
    void (*spread)(const void *self, const double *fitted, const flow_noise *noise, int n, double *x, double *logdet);
    /* Rounds them down to the lattice, and gives spikes their value. */
    void (*round)(const void *self, const double *fitted, int n, double *x);

    /* Optional: writes the periods of the columns that it makes periodic into periods (d). */
    void (*mark_periods)(const void *self, double *periods);

    /* Optional: FLOW_DATA with the column, the value and the bound when a row (d) lies outside of the
     * support, where the density is 0. */
    flow_status (*check_row)(const void *self, const double *row, flow_error *err);
    /* Optional: what it does with each column, one line of text for each. */
    void (*describe)(const void *self, flow_text *text);
} flow_column_type;

#endif
