/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/univariate/univariates.h"

#include <stdlib.h>
#include <string.h>

#include "num/real.h"
#include "flow/univariate/options.h"

#define X(name) &flow_univariate_##name.info,
static const flow_type_info *const univariate_types[] = {FLOW_UNIVARIATES(X) NULL};
#undef X

const flow_choices flow_univariates = {.definition = "univariate", .what = "a univariate", .types = univariate_types};

flow_status flow_univariate_new(flow_univariate *out, const flow_choice *choice, flow_error *err)
{
    size_t size = choice->type->options_size;
    void *options = malloc(size > 0 ? size : 1);
    if (options == NULL)
        return flow_error_memory(err, "a univariate");
    if (size > 0)
        memcpy(options, choice->options, size);
    out->type = (const flow_univariate_type *)choice->type;
    out->state = options;
    return FLOW_OK;
}

flow_status flow_univariate_new_periodic(flow_univariate *out, const flow_choice *beside, flow_error *err)
{
    const flow_type_info *spline = &flow_univariate_rational_quadratic.info;
    const flow_rational_quadratic_options options = {
        .bins = beside->type == spline ? ((const flow_rational_quadratic_options *)beside->options)->bins : 8,
        .bound = FLOW_PI,
        .circular = true,
    };
    return flow_univariate_new(out, &(flow_choice){.type = spline, .options = &options}, err);
}

void flow_univariate_release(flow_univariate *univariate)
{
    free(univariate->state);
    *univariate = (flow_univariate){0};
}
