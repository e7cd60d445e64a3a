/* What a base is: the distribution at the latent end of a flow. Tiles are (d, n). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BASE_H
#define FLOW_FLOW_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"
#include "num/real.h"

typedef struct flow_base_type {
    const char *type;
    const char *help;
    size_t state_size;
    const flow_option *options;
    bool independent; /* its dimensions are independent and alike: it may be asked for some of them alone */

    /* Adds the log-density of each column of z to logp (n). */
    void (*log_density)(const void *self, int d, int n, const real *z, double *logp);
    /* gz = glogp * d logp / dz. */
    void (*backward)(const void *self, int d, int n, const real *z, const real *glogp, real *gz);
    /* Draws for rows first_row, first_row + 1, ...: a pure function of (seed, row). `temperature` scales the spread. */
    void (*sample)(const void *self, int d, int n, uint64_t seed, uint64_t first_row, double temperature, real *z);
} flow_base_type;

#endif
