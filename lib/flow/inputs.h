/* What the network of a block sees of the dimensions of a row.
 *
 * A periodic dimension enters as its cosine and sine, so that nothing depends on where the circle was cut (Rezende et
 * al. 2020, "Normalizing flows on tori and spheres"). Another one enters as it is up to FLOW_INPUTS_FULL on both sides,
 * and grows by a logarithm beyond:
 *
 *     sign(x) (FULL + log(1 + |x| - FULL))    where |x| > FULL,
 *
 * which is continuous with its first derivative. Networks extrapolate in proportion, and so do the scales and slopes
 * that they give: without the bound one value far out would multiply others by itself, block after block. The
 * univariate of the dimension itself gets the value as it is.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_INPUTS_H
#define FLOW_FLOW_INPUTS_H

#include <stdbool.h>

#include "num/real.h"

#define FLOW_INPUTS_FULL ((real)6) /* no row of thousands is so far out in a normal distribution */

/* The inputs (1, n) that a network sees of a dimension, from its row (n); (2, n), cosine and sine, if it is periodic.
 * Returns the end of what was written. */
real *flow_inputs_put(bool periodic, int n, const real *row, real *inputs);

/* Adds the gradient at these inputs to that at the row. Returns the end of what was read of ginputs. */
const real *flow_inputs_backward(bool periodic, int n, const real *inputs, const real *ginputs, real *grow);

#endif
