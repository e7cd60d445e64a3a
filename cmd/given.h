/* The context of draws: each row of a table so many times. Row i of the draws belongs to row i / per_row of the
 * table. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_GIVEN_H
#define FLOW_CMD_GIVEN_H

#include "input.h"
#include "session.h"

/* Starts from {0}. */
typedef struct given {
    input in;
    size_t width;    /* c */
    uint64_t per_row;
    double *rows;    /* (n_room, c): rows of the table that were read */
    size_t n_room, n, at;
    uint64_t left;   /* how many more draws rows[at] is for */
} given;

/* Of a model with context. */
flow_status given_open(given *out, const char *location, const session *s, uint64_t per_row, flow_error *err);
void given_close(given *g);

/* The context of the next up to n_max draws, into context (n_max, c); *n is less than n_max when the table ends. */
flow_status given_next(given *g, double *context, size_t n_max, size_t *n, flow_error *err);
/* Passes over the context of n draws. */
flow_status given_skip(given *g, uint64_t n, flow_error *err);

#endif
