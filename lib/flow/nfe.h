/* What solving differential equations costs: evaluations of right-hand sides, counted row by row.
 *
 * A solve takes one row through one block. Sums are of integers, so that they do not depend on the order in which
 * threads add to them; the padding of a tile does not count.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_NFE_H
#define FLOW_FLOW_NFE_H

#include <stdint.h>

#include "flow/flow.h"

typedef struct flow_nfe {
    int64_t rows;        /* that were taken through all blocks */
    int64_t evaluations; /* that they needed in all */
    int64_t most;        /* that one of them needed */
} flow_nfe;

/* Blocks that solve an equation. */
int flow_n_solvers(const flow *f);

/* Counts the first n_rows rows of the tile that the last map of `ws` was for, unless nothing was solved there. */
void flow_nfe_count(flow_nfe *sum, const flow_workspace *ws, int n_rows);
void flow_nfe_add(flow_nfe *sum, const flow_nfe *other);

/* Evaluations per solve: the mean over rows, and that of the row that needed the most; 0 when nothing was solved. */
double flow_nfe_mean(const flow_nfe *nfe, const flow *f);
double flow_nfe_most(const flow_nfe *nfe, const flow *f);

#endif
