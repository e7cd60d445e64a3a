/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/context.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"

const flow_option flow_embedding_table[] = {
    FLOW_NET_OPTIONS(flow_embedding_options, net),
    FLOW_KEY_INT(flow_embedding_options, features, "16", 1, FLOW_WIDTH_MAX,
                 "numbers that the embedding makes of the context, for every conditioner to see"),
    FLOW_OPTIONS_END,
};

static flow_status context_configure_embedding(flow_context *context, const flow_embedding_options *options,
                                               flow_params *params, flow_error *err)
{
    if (context->n == 0)
        return flow_error_set(err, FLOW_SPEC, "there is no context to embed; name its columns in data.context");
    context->embeds = true;
    context->n_features = (int)options->features;
    snprintf(params->prefix, sizeof params->prefix, "context/embedding/");
    return flow_mlp_configure(&context->embedding, &options->net, context->n_inputs, context->n_features, NULL,
                              FLOW_INIT_FAN_IN, params, err);
}

flow_status flow_context_configure(flow_context *context, const flow_embedding_options *embedding, int n,
                                   flow_context_classes classes, flow_params *params, flow_error *err)
{
    const int n_inputs = n + (classes.n > 0 ? classes.n - 1 : 0);
    *context = (flow_context){.n = n, .classes = classes, .n_inputs = n_inputs, .n_features = n_inputs};
    if (classes.n < 0 || classes.n > FLOW_CLASSES_MAX || (classes.n > 0 && (classes.column < 0 || classes.column >= n)))
        return flow_error_set(err, FLOW_ARGUMENT, "column %d of %d of the context cannot hold %d classes",
                              classes.column + 1, n, classes.n);
    flow_status status = FLOW_OK;
    if (n > 0) {
        snprintf(params->prefix, sizeof params->prefix, "context/");
        status = flow_params_add_fitted(params, &context->center, "center", 1, n, err);
        if (status == FLOW_OK)
            status = flow_params_add_fitted(params, &context->scale, "scale", 1, n, err);
        for (int i = 0; status == FLOW_OK && i < n; i++)
            params->fitted[context->scale + (size_t)i] = 1;
    }
    if (status == FLOW_OK && embedding != NULL)
        status = flow_option_locate(err, context_configure_embedding(context, embedding, params, err), "embedding");
    return status;
}

void flow_context_release(flow_context *context)
{
    flow_mlp_release(&context->embedding);
}

/* Half the distance between the quantiles that lie one deviation from the mean of a normal distribution. Where most
 * values are equal these may be, too; then the deviation, and with one value only, 1. */
static double context_scale_of(const double *sorted, size_t n)
{
    static const double below = 0.158655254, above = 0.841344746;
    double between = gsl_stats_quantile_from_sorted_data(sorted, 1, n, above) -
                     gsl_stats_quantile_from_sorted_data(sorted, 1, n, below);
    double scale = between > 0 ? between / 2 : n > 1 ? gsl_stats_sd(sorted, 1, n) : 0;
    return scale > 0 && isfinite(scale) ? scale : 1;
}

static bool context_is_class(const flow_context *context, int column)
{
    return context->classes.n > 0 && column == context->classes.column;
}

flow_status flow_context_fit(const flow_context *context, flow_params *params, size_t n_rows, const double *rows,
                             size_t stride, flow_error *err)
{
    if (context->n == 0)
        return FLOW_OK;
    double *sorted = malloc(n_rows * sizeof *sorted);
    if (sorted == NULL)
        return flow_error_memory(err, "the values of the context");
    for (int i = 0; i < context->n; i++) {
        if (context_is_class(context, i))
            continue;
        for (size_t r = 0; r < n_rows; r++)
            sorted[r] = rows[r * stride + (size_t)i];
        gsl_sort(sorted, 1, n_rows);
        params->fitted[context->center + (size_t)i] = gsl_stats_median_from_sorted_data(sorted, 1, n_rows);
        params->fitted[context->scale + (size_t)i] = context_scale_of(sorted, n_rows);
    }
    free(sorted);
    return FLOW_OK;
}

flow_status flow_context_check(const flow_context *context, const flow_params *params, flow_error *err)
{
    for (int i = 0; i < context->n; i++) {
        double center = params->fitted[context->center + (size_t)i], scale = params->fitted[context->scale + (size_t)i];
        if (!isfinite(center) || !(scale > 0) || !isfinite(scale))
            return flow_error_set(err, FLOW_FORMAT, "context: its center or scale of column %d is not usable", i + 1);
    }
    return FLOW_OK;
}

/* Beyond the bound only the logarithm grows, with slope 1 where it begins: a network extrapolates linearly, and one row
 * with a context a thousand scales away would otherwise move it for all. */
static double context_compress(double c)
{
    static const double bound = 4;
    double size = fabs(c);
    return size <= bound ? c : copysign(bound + bound * log(size / bound), c);
}

typedef struct context_scratch {
    real *standard; /* (n_inputs, rows): the embedding's input */
    real *gstandard;
    void *net;
} context_scratch;

static size_t context_lay_out(const flow_context *context, int n, bool keep, void *memory, context_scratch *w)
{
    flow_layout layout = {.base = memory};
    if (!context->embeds)
        return 0;
    size_t count = (size_t)context->n_inputs * (size_t)n;
    w->standard = flow_layout_take(&layout, count, sizeof(real));
    w->net = flow_layout_take(&layout, flow_mlp_scratch_size(&context->embedding, n, keep), 1);
    w->gstandard = flow_layout_take(&layout, keep ? count : 0, sizeof(real));
    return layout.used;
}

size_t flow_context_scratch_size(const flow_context *context, int n, bool keep)
{
    context_scratch w;
    return context_lay_out(context, n, keep, NULL, &w);
}

void flow_context_apply(const flow_context *context, const real *weights, const double *fitted, int n, const double *c,
                        real *features, void *memory)
{
    context_scratch w = {.standard = features};
    context_lay_out(context, n, false, memory, &w); /* what a map uses comes first */
    real *to = w.standard;
    for (int i = 0; i < context->n; i++, c += n) {
        double center = fitted[context->center + (size_t)i], scale = fitted[context->scale + (size_t)i];
        for (int k = 0; context_is_class(context, i) && k < context->classes.n; k++, to += n)
            for (int j = 0; j < n; j++)
                to[j] = (real)(c[j] == k);
        if (context_is_class(context, i))
            continue;
        for (int j = 0; j < n; j++)
            to[j] = (real)context_compress((c[j] - center) / scale);
        to += n;
    }
    if (context->embeds)
        flow_mlp_apply(&context->embedding, weights, n, w.standard, features, w.net);
}

void flow_context_backward(const flow_context *context, const real *weights, int n, const real *gfeatures, void *memory,
                           flow_tape *tape)
{
    if (!context->embeds)
        return;
    context_scratch w;
    context_lay_out(context, n, true, memory, &w);
    flow_mlp_backward(&context->embedding, weights, n, w.standard, gfeatures, w.gstandard, w.net, tape);
}
