/* What a column map is: preprocessing as part of the flow.
 *
 * Column maps stand at the data end of a flow, before all blocks. They turn the columns of the data, in their own
 * units, into numbers a network can work with, and count in the log-density like every other map; so each log-density
 * is in the units of the data. They compute in double: a column of time stamps, or of masses near 125.09, has no digits
 * left in float. They have no trainable values and treat every element by itself, so their backward needs no work area.
 *
 * Tiles are (d, n) doubles, otherwise as in block.h.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_H
#define FLOW_FLOW_COLUMN_H

#include "flow/block.h"

typedef struct flow_column_type {
    const char *type;
    const char *help;
    size_t state_size;
    const flow_option *options;

    flow_status (*configure)(void *self, const flow_site *site, flow_params *params, flow_error *err);
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

    /* Optional: values from the data, once per model; x (n, d) row-major, as a table holds it. `columns` (d) are names
     * for messages, or NULL. */
    flow_status (*fit)(const void *self, flow_params *params, size_t n, const double *x, const char *const *columns,
                       flow_error *err);
    flow_status (*check)(const void *self, const flow_params *params, flow_error *err); /* optional, as in a block */
} flow_column_type;

#endif
