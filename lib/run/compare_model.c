/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/compare_model.h"

#include <math.h>
#include <stdio.h>

#include "run/train_summary.h"

#define MODEL(member) FLOW_MEMBER(flow_compared_model, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_compared_model, member)

const flow_report_field flow_compared_model_fields[] = {
    {"rank", MODEL(rank)},
    {"model", "model", "%s", MODEL(model), .left = true, .fit = true, .width = 60},
    {NULL, "mean, nats", "%s", MODEL(logprob), .fit = true, .width = 40},
    FLOW_REPORT_GROUP_ROW("logprob", flow_compared_model, logprob, flow_mean_fields),
    {NULL, "bits/dim", "%s", MODEL(bits.per_dimension), WHEN(has_bits), .fit = true, .width = 40},
    FLOW_REPORT_GROUP_ROW("", flow_compared_model, bits, flow_bits_fields),
    {NULL, "difference", "%s", MODEL(difference), .fit = true, .width = 40},
    FLOW_REPORT_GROUP_ROW("difference", flow_compared_model, difference, flow_mean_fields),
    {"p", "p", "%.2g", MODEL(p), .fit = true, .width = 12},
    {"verdict", "", "%s", MODEL(verdict), .left = true, .fit = true, .width = 16},
    {"impossible", MODEL(impossible)},
    {NULL, "impossible", "%s", MODEL(impossible), WHEN(has_impossible), .fit = true, .width = 20},
    {"first_impossible", MODEL(first_impossible), .positive = true},
    {"failed", MODEL(failed)},
    {NULL, "failed", "%s", MODEL(failed), WHEN(has_failed), .fit = true, .width = 20},
    {"first_failed", MODEL(first_failed), .positive = true},
    {"members", MODEL(members)},
    {"parameters", "parameters", "%s", MODEL(parameters), .fit = true, .width = 20},
    {"epochs", MODEL(epochs)},
    {"training_seconds", "training", "%t", MODEL(training_seconds), .fit = true, .width = 16},
    {"bytes", MODEL(bytes)},
    {NULL, "size", "%s", FLOW_MEMBER_ARRAY(flow_compared_model, size), .fit = true, .width = 12},
    {"row_seconds", MODEL(row_seconds)},
    {NULL, "CPU a row", "%s", FLOW_MEMBER_ARRAY(flow_compared_model, row_time), .fit = true, .width = 12},
    FLOW_REPORT_END,
};

static void model_format_size(char out[24], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    int unit = 0;
    for (; bytes >= 999.5 && unit < 3; unit++)
        bytes /= 1000;
    snprintf(out, 24, bytes < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void model_format_time(char out[24], double seconds)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    int unit = 0;
    for (; seconds < 0.9995 && unit < 3; unit++)
        seconds *= 1000;
    snprintf(out, 24, "%.3g %s", seconds, units[unit]);
}

void compare_model_describe(flow_compared_model *out, const flow_session *s)
{
    out->model = s->name;
    out->members = s->models->n;
    out->bytes = (int64_t)s->model->n_bytes;
    for (int k = 0; k < s->models->n; k++) {
        const flow_model *member = s->models->members[k];
        flow_train_summary summary;
        flow_train_summary_read(&summary, member->summary);
        out->parameters += (int64_t)flow_params_count(&member->f->params);
        out->epochs += summary.epochs;
        out->training_seconds += summary.any ? summary.seconds : (double)NAN;
    }
    model_format_size(out->size, (double)out->bytes);
}

void compare_model_set_time(flow_compared_model *out, double row_seconds)
{
    out->row_seconds = row_seconds;
    model_format_time(out->row_time, row_seconds);
}
