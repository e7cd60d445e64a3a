/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/permutation.h"

#include <gsl/gsl_randist.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"

void flow_permutation_release(flow_permutation *permutation)
{
    free(permutation->behind);
    permutation->behind = NULL;
}

flow_dims flow_permutation_dims(const flow_permutation *permutation)
{
    return (flow_dims){permutation->dims.n, permutation->behind};
}

/* When the order is known. */
static flow_status permutation_set_flags(flow_permutation *permutation, const flow_params *params, flow_error *err)
{
    size_t d = (size_t)permutation->dims.n;
    if (permutation->dims.periodic == NULL)
        return FLOW_OK;
    if (permutation->behind == NULL)
        permutation->behind = malloc(d * sizeof *permutation->behind);
    if (permutation->behind == NULL)
        return flow_error_memory(err, "an order");
    for (size_t i = 0; i < d; i++)
        permutation->behind[i] = permutation->dims.periodic[(size_t)params->fitted[permutation->offset + i]];
    return FLOW_OK;
}

flow_status flow_permutation_configure(flow_permutation *permutation, flow_order order,
                                       const flow_block_context *context, flow_params *params, flow_error *err)
{
    int dim = context->dims.n;
    permutation->dims = context->dims;
    FLOW_TRY(flow_params_add_fitted(params, &permutation->offset, "order", 1, dim, err));
    double *values = params->fitted + permutation->offset;
    for (int i = 0; i < dim; i++)
        values[i] = order == FLOW_ORDER_REVERSE ? dim - 1 - i : i;
    if (order == FLOW_ORDER_RANDOM) {
        flow_rng_sequence sequence;
        gsl_rng rng = flow_rng_gsl_start(&sequence, context->seed, FLOW_STREAM_ORDER, context->index);
        gsl_ran_shuffle(&rng, values, (size_t)dim, sizeof *values);
    }
    return permutation_set_flags(permutation, params, err);
}

/* Every dimension has to be there once. */
static flow_status permutation_copy_list(double *order, int dim, int n, const int *list, flow_error *err)
{
    if (n != dim)
        return flow_option_fail(err, "order", "the list has %d dimensions, the data have %d", n, dim);
    bool *seen = calloc((size_t)dim + 1, sizeof *seen);
    if (seen == NULL)
        return flow_error_memory(err, "an order");
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && status == FLOW_OK; i++) {
        char key[32];
        snprintf(key, sizeof key, "order[%d]", i);
        if (list[i] < 0 || list[i] >= dim)
            status = flow_option_fail(err, key, "expected a dimension, 0 to %d, found %d", dim - 1, list[i]);
        else if (seen[list[i]])
            status = flow_option_fail(err, key, "dimension %d is in the list twice", list[i]);
        else
            seen[list[i]] = true;
        order[i] = list[i];
    }
    free(seen);
    return status;
}

flow_status flow_permutation_configure_list(flow_permutation *permutation, int n, const int *list,
                                            const flow_block_context *context, flow_params *params, flow_error *err)
{
    FLOW_TRY(flow_permutation_configure(permutation, FLOW_ORDER_NATURAL, context, params, err));
    FLOW_TRY(permutation_copy_list(params->fitted + permutation->offset, context->dims.n, n, list, err));
    return permutation_set_flags(permutation, params, err);
}

flow_status flow_permutation_check(const flow_permutation *permutation, const flow_params *params, flow_error *err)
{
    const double *order = params->fitted + permutation->offset;
    bool *seen = calloc((size_t)permutation->dims.n + 1, sizeof *seen);
    if (seen == NULL)
        return flow_error_memory(err, "the check of an order");
    flow_status status = FLOW_OK;
    for (int i = 0; i < permutation->dims.n && status == FLOW_OK; i++) {
        bool in_range = order[i] >= 0 && order[i] < permutation->dims.n; /* false for NaN */
        int from = in_range ? (int)order[i] : 0;
        if (order[i] != (double)from || seen[from])
            status = flow_error_set(err, FLOW_FORMAT, "its order of the dimensions is not a permutation");
        else if (permutation->behind != NULL && permutation->dims.periodic[from] != permutation->behind[i])
            status = flow_error_set(err, FLOW_FORMAT, "its order puts a periodic dimension where there was none");
        seen[from] = true;
    }
    free(seen);
    return status;
}

void flow_permutation_apply(const flow_permutation *permutation, const double *fitted, int n, const real *in, real *out)
{
    const double *order = fitted + permutation->offset;
    for (int i = 0; i < permutation->dims.n; i++)
        memcpy(out + (size_t)i * (size_t)n, in + (size_t)order[i] * (size_t)n, (size_t)n * sizeof *in);
}

void flow_permutation_undo(const flow_permutation *permutation, const double *fitted, int n, const real *in, real *out)
{
    const double *order = fitted + permutation->offset;
    for (int i = 0; i < permutation->dims.n; i++)
        memcpy(out + (size_t)order[i] * (size_t)n, in + (size_t)i * (size_t)n, (size_t)n * sizeof *in);
}
