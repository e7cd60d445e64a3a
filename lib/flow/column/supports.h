/* Where the columns of data have a density: {"lower": 0}, {"discrete": true}, {"periodic": 360},
 * {"lower": 0, "spikes": [0]}. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_COLUMN_SUPPORTS_H
#define FLOW_FLOW_COLUMN_SUPPORTS_H

#include <stdbool.h>

#include "core/text.h"
#include "flow/column.h"
#include "flow/column/options.h"
#include "flow/column/spikes.h"

/* The support of one column. A value of a discrete column is a point of the lattice origin + k step, and its cell is
 * the step above it: what is continuous about it lies in [lower, end], end being upper + step. */
typedef struct flow_support {
    char *name;          /* as the options call the column; owned */
    int column;          /* -1: the options name a column, and the names of the columns are not known */
    double lower, upper; /* both inclusive; -inf and inf without */
    double end;          /* upper, or upper + step */
    double period; /* 0: none. Then lower is where a period begins, NAN if the data say that, and there are no bounds */
    bool discrete;
    double step, origin;
    double first, per_unit; /* origin / step and 1 / step where both are whole numbers: then values are
                               (first + k) / per_unit, 0.3 and not 3 * 0.1; else per_unit is 0 */
    flow_spikes spikes;  /* n is 0 without; then there is no period, and it is not discrete */
} flow_support;

typedef struct flow_supports {
    int n, n_discrete, n_periodic;
    int n_spiked, n_spikes; /* columns that have spikes, and the spikes of all of them */
    flow_support *at; /* (n), owned; those of column -1 are not counted */
} flow_supports;

extern const flow_option flow_support_rule_table[];

/* From the option "columns" of the block. FLOW_SPEC with the key for a column that is not there, and for a rule that
 * contradicts itself. Where the names of the columns are not known, an entry by name is checked and has no effect. On
 * failure the caller still calls release. */
flow_status flow_supports_configure(flow_supports *out, const flow_option_map *columns,
                                    const flow_block_context *context, flow_error *err);
void flow_supports_release(flow_supports *supports);

/* Value k of the lattice. */
double flow_support_value(const flow_support *support, double k);
/* The number k of the value at or just below x, within the bounds. */
double flow_support_floor(const flow_support *support, double x);
/* The number of the value nearest to x, within the bounds. */
double flow_support_nearest(const flow_support *support, double x);

/* Whether x is a value that the column can have. */
bool flow_support_holds(const flow_support *support, double x);

/* FLOW_DATA with the column, the value and the bound unless it holds. */
flow_status flow_support_check(const flow_support *support, double x, flow_error *err);

/* "mass: 0 or more" */
void flow_support_describe(const flow_support *support, flow_text *text);

#endif
