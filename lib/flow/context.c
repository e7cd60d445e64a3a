/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/context.h"

#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>

#include "base/memory.h"

typedef struct embedding_options {
    flow_net_options net;
    int64_t features;
} embedding_options;

static const flow_option options_table[] = {
    FLOW_NET_OPTIONS(embedding_options, net),
    {.key = "features",
     .kind = FLOW_OPTION_INT,
     .offset = offsetof(embedding_options, features),
     .fallback = "16",
     .least = 1,
     .most = FLOW_WIDTH_MAX,
     .help = "numbers that the embedding makes of the context, for every conditioner to see"},
    FLOW_OPTIONS_END,
};

void flow_context_schema(cJSON *definitions)
{
    cJSON *embedding = cJSON_AddObjectToObject(definitions, "embedding");
    cJSON_AddStringToObject(embedding, "type", "object");
    cJSON_AddItemToObject(embedding, "properties", flow_options_schema(options_table));
    cJSON_AddFalseToObject(embedding, "additionalProperties");
}

static flow_status configure_embedding(flow_context *context, flow_json *json, flow_params *params, flow_error *err)
{
    if (context->n == 0)
        return flow_json_fail(json, err, "there is no context to embed; name its columns in data.context");
    embedding_options options = {0};
    flow_status status = flow_options_read(&options, options_table, json, NULL, err);
    if (status != FLOW_OK)
        return status;
    context->embeds = true;
    context->n_features = (int)options.features;
    snprintf(params->prefix, sizeof params->prefix, "context/embedding/");
    status = flow_mlp_configure(&context->embedding, &options.net, context->n, context->n_features, NULL,
                                FLOW_INIT_FAN_IN, params, err);
    return status == FLOW_OK ? FLOW_OK : flow_error_prefix(err, "%s: ", json->path);
}

flow_status flow_context_configure(flow_context *context, flow_json *embedding, int n, flow_params *params,
                                   flow_error *err)
{
    *context = (flow_context){.n = n, .n_features = n};
    flow_status status = FLOW_OK;
    if (n > 0) {
        snprintf(params->prefix, sizeof params->prefix, "context/");
        status = flow_params_add_fitted(params, &context->mean, "mean", 1, n, err);
        if (status == FLOW_OK)
            status = flow_params_add_fitted(params, &context->deviation, "deviation", 1, n, err);
        for (int i = 0; status == FLOW_OK && i < n; i++)
            params->fitted[context->deviation + (size_t)i] = 1;
    }
    if (status == FLOW_OK && embedding->node != NULL)
        status = configure_embedding(context, embedding, params, err);
    return status;
}

void flow_context_release(flow_context *context)
{
    flow_mlp_release(&context->embedding);
}

void flow_context_fit(const flow_context *context, flow_params *params, size_t n_rows, const double *rows,
                      size_t stride)
{
    for (int i = 0; i < context->n; i++) {
        double mean = gsl_stats_mean(rows + i, stride, n_rows);
        double deviation = n_rows > 1 ? gsl_stats_sd_m(rows + i, stride, n_rows, mean) : 0;
        params->fitted[context->mean + (size_t)i] = mean;
        params->fitted[context->deviation + (size_t)i] = deviation > 0 && isfinite(deviation) ? deviation : 1;
    }
}

flow_status flow_context_check(const flow_context *context, const flow_params *params, flow_error *err)
{
    for (int i = 0; i < context->n; i++) {
        double mean = params->fitted[context->mean + (size_t)i];
        double deviation = params->fitted[context->deviation + (size_t)i];
        if (!isfinite(mean) || !(deviation > 0) || !isfinite(deviation))
            return flow_error_set(err, FLOW_FORMAT, "context: its mean or deviation of column %d is not usable", i + 1);
    }
    return FLOW_OK;
}

typedef struct work {
    real *standard; /* (n, rows): the embedding's input */
    real *gstandard;
    void *net;
} work;

static size_t lay_out(const flow_context *context, int n, void *memory, work *w)
{
    flow_layout layout = {.base = memory};
    if (!context->embeds)
        return 0;
    size_t count = (size_t)context->n * (size_t)n;
    w->standard = flow_layout_take(&layout, count, sizeof(real));
    w->gstandard = flow_layout_take(&layout, count, sizeof(real));
    w->net = flow_layout_take(&layout, flow_mlp_work_size(&context->embedding, n), 1);
    return layout.used;
}

size_t flow_context_work_size(const flow_context *context, int n)
{
    work w;
    return lay_out(context, n, NULL, &w);
}

void flow_context_apply(const flow_context *context, const real *weights, const double *fitted, int n, const double *c,
                        real *features, void *memory)
{
    work w = {.standard = features};
    lay_out(context, n, memory, &w);
    for (int i = 0; i < context->n; i++) {
        double mean = fitted[context->mean + (size_t)i], deviation = fitted[context->deviation + (size_t)i];
        for (size_t j = 0, k = (size_t)i * (size_t)n; j < (size_t)n; j++, k++)
            w.standard[k] = (real)((c[k] - mean) / deviation);
    }
    if (context->embeds)
        flow_mlp_apply(&context->embedding, weights, n, w.standard, features, w.net);
}

void flow_context_backward(const flow_context *context, const real *weights, int n, const real *gfeatures, void *memory,
                           flow_tape *tape)
{
    if (!context->embeds)
        return;
    work w;
    lay_out(context, n, memory, &w);
    flow_mlp_backward(&context->embedding, weights, n, w.standard, gfeatures, w.gstandard, w.net, tape);
}
