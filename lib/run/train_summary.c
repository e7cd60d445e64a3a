/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/train_summary.h"

#include <math.h>

static const flow_report_field held_out_fields[] = {
    FLOW_REPORT_GROUP_ROW("", flow_held_out, logprob, flow_mean_fields),
    FLOW_REPORT_GROUP_ROW("", flow_held_out, bits, flow_bits_fields),
    {"effective_rows", FLOW_MEMBER(flow_held_out, effective_rows), FLOW_REPORT_WHEN(flow_held_out, is_weighted)},
    FLOW_REPORT_END,
};

#define DENSITY(member) FLOW_MEMBER(flow_train_density, member), FLOW_REPORT_WHEN(flow_train_density, finite)

static const flow_report_field density_fields[] = {
    {"draws", FLOW_MEMBER(flow_train_density, draws)},
    FLOW_REPORT_GROUP_ROW("bound", flow_train_density, bound, flow_mean_fields),
    FLOW_REPORT_GROUP_ROW("log_z", flow_train_density, log_z, flow_mean_fields),
    {"effective_sample_size", FLOW_MEMBER(flow_train_density, effective)},
    {"pareto_k", FLOW_MEMBER(flow_train_density, pareto_k)},
    {NULL, "bound", "%s nats, a lower bound of log Z", DENSITY(bound)},
    {NULL, NULL, " (%s fresh draws)", DENSITY(draws)},
    {NULL, "log Z", "%s nats, by importance weights", DENSITY(log_z)},
    {NULL, NULL, ", which their tail makes unreliable", FLOW_MEMBER(flow_train_density, unreliable)},
    {NULL, "effective", "%.1f%% of the draws", DENSITY(effective_percent)},
    {NULL, NULL, ", Pareto k %.2f", DENSITY(pareto_k)},
    FLOW_REPORT_END,
};

#define SUMMARY(member) FLOW_MEMBER(flow_train_summary, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_train_summary, member)
#define GROUP(key, member, fields) FLOW_REPORT_GROUP_WHEN(key, flow_train_summary, member, member.any, fields)

const flow_report_field flow_train_summary_fields[] = {
    {"status", SUMMARY(status)},
    {"epochs", SUMMARY(epochs)},
    {"best_epoch", SUMMARY(best_epoch)},
    {"seconds", SUMMARY(seconds)},
    GROUP("validation", validation, held_out_fields),
    GROUP("test", test, held_out_fields),
    GROUP("density", density, density_fields),
    GROUP("evaluations", solving, flow_solving_fields),
    {NULL, "solving", "%.1f evaluations a solve", SUMMARY(solving.mean), WHEN(solving.any)},
    {NULL, NULL, ", %.0f for the hardest row", SUMMARY(solving.most), WHEN(solving.any)},
    FLOW_REPORT_END,
};

void flow_train_summary_complete(flow_train_summary *summary)
{
    flow_train_density *density = &summary->density;
    density->finite = !isnan(density->bound.mean);
    density->unreliable = density->any && density->finite && density->pareto_k > 0.7;
    density->effective_percent = 100 * density->effective / (double)density->draws;
}

void flow_train_summary_read(flow_train_summary *out, const cJSON *summary)
{
    *out = (flow_train_summary){.status = "?", .any = summary != NULL};
    flow_report_read(out, flow_train_summary_fields, summary);
    flow_train_summary_complete(out);
}
