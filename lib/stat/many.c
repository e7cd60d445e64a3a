/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stat/many.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>

flow_status flow_holm(double *adjusted, const double *p, size_t n, flow_error *err)
{
    size_t *order = malloc((n > 0 ? n : 1) * sizeof *order);
    if (order == NULL)
        return flow_error_memory(err, "the order of p-values");
    gsl_sort_index(order, p, 1, n);
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fmin(1, (double)(n - i) * p[order[i]]));
        adjusted[order[i]] = most;
    }
    free(order);
    return FLOW_OK;
}
