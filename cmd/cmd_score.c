/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows.h"
#include "run/score.h"

typedef struct score_args {
    row_args row;
    flow_run_score_options run;
} score_args;

#define ARG(member) OPT_MEMBER(score_args, member)

static const opt options[] = {
    OPT_ROWS_MODEL,
    OPT_ROWS_DATA(score_args, run.rows.input),
    {"draws", 'n', ARG(run.draws), "N", "draws of the model to judge by: no score is below 1 / (N + 1). By default "
     "99,999; of images 999; of a conditional model 999, which are drawn for the context of each row", .least = 1,
     .most = 1e8},
    {"top", 'k', ARG(run.top), "K", "name the K rows with the smallest scores", .fallback = "5",
     .most = FLOW_SCORE_TOP_MAX},
    {"level", 0, ARG(run.level), "Q", "count the rows that stand out when a share of Q of them may be there by chance "
     "(Benjamini and Hochberg)", .fallback = "0.05", .least = 1e-12, .most = 0.5},
    {"tail", 0, ARG(run.tail), NULL, "add a column \"tail\": for rows that are less likely than nearly all draws, a "
     "probability from a Pareto distribution that is fitted to the least likely draws; for others the score. It "
     "extrapolates, and reaches below 1 / (N + 1)"},
    {"seed", 's', ARG(run.seed), "N", "the draws are a function of the model, the seed and the context alone",
     .fallback = "1", .most = 9e15},
    {"given", 'g', ARG(run.given), "VALUES", "of a conditional model: the context of all rows, as in label=7 or "
     "mass=1.5,angle=2; the data need not have the context then"},
    {"output", 'o', ARG(run.rows.output), "OUT", "write row, logprob and score of each row: FILE.csv, FILE.h5[:/set], "
     "or - for standard output; an HDF5 file keeps its other tables"},
    OPT_ROWS_FORCE(score_args, run.rows.sources.force),
    OPT_ROWS_WEIGHT(score_args, run.weight, " in the means that are printed"),
    OPT_ROWS_MISSING(row_args, missing),
    OPT_ROWS_CSV(row_args, csv),
    OPT_ROWS_SKIP_INVALID(score_args, run.rows.skip_invalid, OPT_ROWS_SKIPPED_ARE_NAN),
    OPT_ROWS_FLOAT(score_args, run.rows.as_float),
    OPT_COMMON_JSON("print {\"rows\", \"draws\", \"score\", \"found\", \"top\", ...} on standard output"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define ROW(member) FLOW_MEMBER(flow_scored_row, member)
#define ROW_WHEN(member) FLOW_REPORT_WHEN(flow_scored_row, member)

static const flow_report_field top_fields[] = {
    {"row", "row", "%d", ROW(row), .fit = true, .width = 20},
    {"score", "score", "%.4g", ROW(score), .fit = true, .width = 16},
    {"tail", "tail", "%.2g", ROW(tail), ROW_WHEN(has_tail), .fit = true, .width = 16},
    {"logprob", "log p", "%.6g", ROW(logprob), .fit = true, .width = 16},
    FLOW_REPORT_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_score_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_score_result, member)
#define UNLESS(member) FLOW_REPORT_UNLESS(flow_run_score_result, member)

static const flow_report_field result_fields[] = {
    {"model", RESULT(model)},
    {"data", RESULT(data)},
    {"given", RESULT(given)},
    {"rows", "rows", "%s", RESULT(rows)},
    {NULL, NULL, ", weighed by %s", RESULT(weight)},
    {"scored", RESULT(scored)},
    {"skipped", RESULT(skipped)},
    {"weight", RESULT(weight)},
    {"draws", "draws", "%s", RESULT(draws)},
    {NULL, NULL, " for each context", RESULT(is_conditional)},
    {"resolution", NULL, "; scores are multiples of %.2g", RESULT(resolution)},
    {NULL, "mean score", "%s", RESULT(score)},
    {NULL, NULL, " (0.5 for rows of the model)", RESULT(scored)},
    FLOW_REPORT_GROUP_ROW("score", flow_run_score_result, score, flow_mean_fields),
    {"unusual", "up to 0.01", "%s row{|s}", RESULT(unusual), UNLESS(is_weighted)},
    {"unusual_by_chance", NULL, ", %.1f by chance", RESULT(unusual_by_chance), UNLESS(is_weighted)},
    {NULL, "up to 0.01", "a share of %s", RESULT(share), WHEN(is_weighted)},
    {"share_by_chance", NULL, ", %.4g by chance", RESULT(share_by_chance), WHEN(is_weighted)},
    FLOW_REPORT_GROUP_WHEN("share", flow_run_score_result, share, is_weighted, flow_mean_fields),
    {"found", "stand out", "%s row{|s}", RESULT(found)},
    {NULL, NULL, ", %s by the tail", RESULT(found_by_tail), WHEN(has_tail)},
    {"found_by_tail", RESULT(found_by_tail), WHEN(has_tail)},
    {"level", NULL, ", of which a share of %.3g may do so by chance", RESULT(level)},
    {"largest_found", RESULT(largest_found)},
    {NULL, "", "one row alone could not among so many; more draws or --tail would let it", RESULT(too_coarse)},
    FLOW_REPORT_GROUP_WHEN("evaluations", flow_run_score_result, solving, solving.any, flow_solving_fields),
    {"top", FLOW_REPORT_LIST_OF(flow_run_score_result, top, flow_scored_row, top_fields), .table = true, .text = "",
     .blank = true},
    {"output", RESULT(output)},
    FLOW_REPORT_END,
};

static flow_status score_run(void *args_, console *con, flow_error *err)
{
    score_args *args = args_;
    flow_session s = {0};
    flow_run_score_result result = {0};
    /* where the rows are on standard output, the rest is not */
    const report_format format = {.json = args->row.common.json,
                                  .fields = result_fields,
                                  .width = 12,
                                  .note = flow_is_standard(args->run.rows.output)};
    flow_status status = rows_open(&s, &args->row, &args->run.rows, false, con, err);
    if (status == FLOW_OK)
        status = flow_run_score(&result, &s, &args->run, err);
    if (status == FLOW_OK && !result.closed)
        status = report_print(con, &format, &result, err);
    flow_run_score_free(&result);
    flow_session_close(&s);
    return status;
}

const command command_score = {
    .name = "score",
    .summary = "how unusual each row is for a model: a p-value, and the rows ranked by it",
    .description = "The score of a row is the share of the model's own draws that are as likely as the row, or less: "
                   "(1 + n) / (N + 1) with n of N draws. Small scores are anomalies. For rows that come from the model "
                   "it is a p-value, uniform between 0 and 1. Of a conditional model the draws have the context of the "
                   "row. Printed are the mean, how many rows are at 0.01 or below and how many would be by chance, how "
                   "many stand out at a given rate of false discoveries, and the rows with the smallest scores. A "
                   "score judges by the density alone: an anomaly in a dense region has a large score, and another "
                   "choice of variables gives another ranking; changes of units have no effect.",
    .examples = "  flowctl score moons.h5 events.csv\n"
                "  flowctl score moons.h5 events.csv -o scores.csv --top 20 --tail\n"
                "  flowctl score detector.h5 data/detector.h5:/test --draws 999 --json",
    .options = options, .args_size = sizeof(score_args), .run = score_run,
    .shares = true,
};
