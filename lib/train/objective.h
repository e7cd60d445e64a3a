/* Objectives: what training makes large.
 *
 *     mle  the mean log-likelihood of the data: maximum likelihood (for example Papamakarios et al. 2021, eq. 13)
 *
 * Adding one: one file objective_<type>.c that ends in `const flow_objective_type flow_objective_<type>`, and one line
 * below.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_OBJECTIVE_H
#define FLOW_TRAIN_OBJECTIVE_H

#include "flow/flow.h"

/* The first is the default. */
#define FLOW_OBJECTIVES(X) X(mle)

/* One tile of a batch. The rows are in ws->x; ws was made with keep. */
typedef struct flow_objective_tile {
    const flow *f;
    const real *weights;
    flow_workspace *ws;
    int n, n_rows; /* columns of the tile, and how many of them are rows of data: the rest is padding */
    const real *share; /* (n): what each row counts in the mean, its weight over that of a batch; 0 in the padding */
    double *score;     /* (n): written, for each row, what is made large, in nats */
} flow_objective_tile;

typedef struct flow_objective_type {
    const char *type;
    const char *help;
    /* Writes the scores and records on ws->tape the gradient of -(sum of share * score). */
    void (*tile)(const flow_objective_tile *tile);
} flow_objective_type;

#define FLOW_OBJECTIVE_DECLARE(name) extern const flow_objective_type flow_objective_##name;
FLOW_OBJECTIVES(FLOW_OBJECTIVE_DECLARE)
#undef FLOW_OBJECTIVE_DECLARE

/* All of them in the order of the list, and their names, both NULL-terminated. */
extern const flow_objective_type *const flow_objective_types[];
extern const char *const flow_objective_names[];

#endif
