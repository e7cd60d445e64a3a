/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/permutation.h"

#include <gsl/gsl_randist.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "num/rng.h"

static flow_status shuffle(double *order, const flow_site *site, flow_error *err)
{
    gsl_rng *rng = gsl_rng_alloc(flow_rng_gsl);
    if (rng == NULL)
        return flow_error_memory(err, "a random order");
    flow_rng_gsl_seed(rng, site->seed, FLOW_STREAM_ORDER, site->index);
    gsl_ran_shuffle(rng, order, (size_t)site->dim, sizeof *order);
    gsl_rng_free(rng);
    return FLOW_OK;
}

void flow_permutation_release(flow_permutation *permutation)
{
    free(permutation->circular);
    permutation->circular = NULL;
}

const bool *flow_permutation_circular(const flow_permutation *permutation)
{
    return permutation->circular != NULL ? permutation->circular + permutation->dim : NULL;
}

/* When the order is known. */
static flow_status carry_circles(flow_permutation *permutation, const flow_site *site, const flow_params *params,
                                 flow_error *err)
{
    if (site->circular == NULL)
        return FLOW_OK;
    size_t d = (size_t)site->dim;
    if (permutation->circular == NULL)
        permutation->circular = malloc(2 * d * sizeof *permutation->circular);
    if (permutation->circular == NULL)
        return flow_error_memory(err, "an order");
    memcpy(permutation->circular, site->circular, d * sizeof *permutation->circular);
    for (size_t i = 0; i < d; i++)
        permutation->circular[d + i] = site->circular[(size_t)params->fitted[permutation->offset + i]];
    return FLOW_OK;
}

flow_status flow_permutation_configure(flow_permutation *permutation, flow_order order, const flow_site *site,
                                       flow_params *params, flow_error *err)
{
    int dim = permutation->dim = site->dim;
    flow_status status = flow_params_add_fitted(params, &permutation->offset, "order", 1, dim, err);
    if (status != FLOW_OK)
        return status;
    double *values = params->fitted + permutation->offset;
    for (int i = 0; i < dim; i++)
        values[i] = order == FLOW_ORDER_REVERSE ? dim - 1 - i : i;
    if (order == FLOW_ORDER_RANDOM)
        status = shuffle(values, site, err);
    return status == FLOW_OK ? carry_circles(permutation, site, params, err) : status;
}

const char *const flow_permutation_names[] = {"reverse", "random", NULL};

static flow_status unknown_order(const flow_json *spec, flow_error *err)
{
    char found[80];
    flow_json_describe(found, sizeof found, spec);
    const char *nearest = cJSON_IsString(spec->node) ? flow_nearest(spec->node->valuestring, flow_permutation_names, 2)
                                                     : NULL;
    if (nearest != NULL)
        return flow_json_fail(spec, err, "found %s; did you mean \"%s\"?", found, nearest);
    return flow_json_fail(spec, err, "expected \"reverse\", \"random\" or a list of dimensions, found %s", found);
}

/* A list in a spec, which must name every dimension once. */
static flow_status read_list(double *order, int dim, const flow_json *list, flow_error *err)
{
    int n = cJSON_GetArraySize(list->node);
    if (n != dim)
        return flow_json_fail(list, err, "the list has %d dimensions, the data have %d", n, dim);
    bool *seen = calloc((size_t)dim + 1, sizeof *seen);
    if (seen == NULL)
        return flow_error_memory(err, "an order");
    flow_status status = FLOW_OK;
    int i = 0;
    for (const cJSON *node = list->node->child; node != NULL && status == FLOW_OK; node = node->next, i++) {
        double value = cJSON_IsNumber(node) ? node->valuedouble : -1;
        bool in_range = value >= 0 && value < dim && value == (double)(int)value;
        if (in_range && !seen[(int)value]) {
            order[i] = value;
            seen[(int)value] = true;
            continue;
        }
        flow_json at = flow_json_element(list, i);
        status = in_range ? flow_json_fail(&at, err, "dimension %d is in the list twice", (int)value)
                          : flow_json_fail(&at, err, "expected a dimension, 0 to %d", dim - 1);
    }
    free(seen);
    return status;
}

flow_status flow_permutation_read(flow_permutation *permutation, const flow_json *spec, const flow_site *site,
                                  flow_params *params, flow_error *err)
{
    if (cJSON_IsArray(spec->node)) {
        flow_status status = flow_permutation_configure(permutation, FLOW_ORDER_NATURAL, site, params, err);
        if (status == FLOW_OK)
            status = read_list(params->fitted + permutation->offset, site->dim, spec, err);
        return status == FLOW_OK ? carry_circles(permutation, site, params, err) : status;
    }
    const char *name = cJSON_IsString(spec->node) ? spec->node->valuestring : "";
    if (strcmp(name, "reverse") == 0)
        return flow_permutation_configure(permutation, FLOW_ORDER_REVERSE, site, params, err);
    if (strcmp(name, "random") == 0)
        return flow_permutation_configure(permutation, FLOW_ORDER_RANDOM, site, params, err);
    return unknown_order(spec, err);
}

flow_status flow_permutation_check(const flow_permutation *permutation, const flow_params *params, flow_error *err)
{
    const double *order = params->fitted + permutation->offset;
    bool *seen = calloc((size_t)permutation->dim + 1, sizeof *seen);
    if (seen == NULL)
        return flow_error_memory(err, "the check of an order");
    flow_status status = FLOW_OK;
    for (int i = 0; i < permutation->dim; i++) {
        bool in_range = order[i] >= 0 && order[i] < permutation->dim; /* false for NaN */
        if (!in_range || order[i] != (double)(int)order[i] || seen[(int)order[i]]) {
            status = flow_error_set(err, FLOW_FORMAT, "its order of the dimensions is not a permutation");
            break;
        }
        seen[(int)order[i]] = true;
    }
    for (int i = 0; i < permutation->dim && status == FLOW_OK && permutation->circular != NULL; i++)
        if (permutation->circular[(int)order[i]] != permutation->circular[permutation->dim + i])
            status = flow_error_set(err, FLOW_FORMAT, "its order of the dimensions puts an angle where there was none");
    free(seen);
    return status;
}

void flow_permutation_apply(const flow_permutation *permutation, const double *fitted, int n, const real *in, real *out)
{
    const double *order = fitted + permutation->offset;
    for (int i = 0; i < permutation->dim; i++)
        memcpy(out + (size_t)i * (size_t)n, in + (size_t)order[i] * (size_t)n, (size_t)n * sizeof *in);
}

void flow_permutation_undo(const flow_permutation *permutation, const double *fitted, int n, const real *in, real *out)
{
    const double *order = fitted + permutation->offset;
    for (int i = 0; i < permutation->dim; i++)
        memcpy(out + (size_t)order[i] * (size_t)n, in + (size_t)i * (size_t)n, (size_t)n * sizeof *in);
}
