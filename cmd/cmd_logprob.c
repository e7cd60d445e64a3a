/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows.h"
#include "run/logprob.h"

typedef struct logprob_args {
    row_args row;
    flow_run_logprob_options run;
} logprob_args;

#define ARG(member) OPT_MEMBER(logprob_args, member)

static const opt options[] = {
    OPT_ROWS_MODEL,
    OPT_ROWS_DATA(logprob_args, run.rows.input),
    {"given", 'g', ARG(run.given), "VALUES", "of a conditional model: log p(x | c) with these values of the context "
     "for all rows, as in label=7 or mass=1.5,angle=2; the data need not have the context then"},
    {"output", 'o', ARG(run.rows.output), "OUT", "write one value per row: FILE.csv, FILE.h5[:/set], or - for standard "
     "output; an HDF5 file keeps its other tables"},
    OPT_ROWS_FORCE(logprob_args, run.rows.sources.force),
    OPT_ROWS_WEIGHT(logprob_args, run.weight, " in the mean and its error"),
    {"worst", 0, ARG(run.worst), "N", "name the N least likely rows", .fallback = "5", .most = FLOW_LOGPROB_WORST_MAX},
    {"picture", 0, ARG(run.picture), "FILE.png", "of a model of images: show the N least likely ones on a sheet"},
    OPT_ROWS_MISSING(row_args, missing),
    OPT_ROWS_CSV(row_args, csv),
    OPT_ROWS_SKIP_INVALID(logprob_args, run.rows.skip_invalid, OPT_ROWS_SKIPPED_ARE_NAN),
    OPT_ROWS_FLOAT(logprob_args, run.rows.as_float),
    OPT_COMMON_JSON("print {\"rows\", \"mean\", \"standard_error\", \"bits_per_dimension\", ...} on standard output"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_logprob_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_logprob_result, member)

static const flow_report_field worst_fields[] = {
    {"row", FLOW_MEMBER(flow_logprob_row, row)},
    {"logprob", NULL, "%.6g", FLOW_MEMBER(flow_logprob_row, logprob)},
    {"bits_per_dimension", NULL, " (%.4f bits per dimension)", FLOW_MEMBER(flow_logprob_row, bits_per_dimension),
     FLOW_REPORT_WHEN(flow_logprob_row, counts_bits)},
    {NULL, NULL, " at row %d", FLOW_MEMBER(flow_logprob_row, row)},
    FLOW_REPORT_END,
};

static const flow_report_field result_fields[] = {
    {"model", RESULT(model)},
    {"data", RESULT(data)},
    {"given", RESULT(given)},
    {"rows", "rows", "%s", RESULT(rows)},
    {NULL, "outside of support", "%s", RESULT(outside), .positive = true},
    {NULL, "not finite", "%s", RESULT(odd), .positive = true},
    {NULL, "effective rows", "%s", RESULT(effective_rows), WHEN(weight)},
    {NULL, NULL, ", by the weights in %s", RESULT(weight)},
    {NULL, "mean log-density", "%s nats", RESULT(logprob), FLOW_REPORT_UNLESS(flow_run_logprob_result, all_discrete)},
    {NULL, "mean log-probability", "%s nats", RESULT(logprob), WHEN(all_discrete)},
    FLOW_REPORT_GROUP_ROW("", flow_run_logprob_result, logprob, flow_mean_fields),
    {"estimator_error", "", "from estimated traces, whose own standard error is %.2g", RESULT(estimator_error),
     WHEN(estimates)},
    {NULL, "", "a lower bound: %d column{ is|s are} discrete, and counted by the probability of the value",
     RESULT(discrete_columns), .positive = true},
    {NULL, "", "a lower bound: %d column{ has|s have} spikes, which are counted by their probability",
     RESULT(spiked_columns), .positive = true},
    {"bits_per_dimension", "bits per dimension", "%.4f", RESULT(bits_per_dimension),
     FLOW_REPORT_UNLESS(flow_run_logprob_result, bits.any)},
    {NULL, "bits per dimension", "%s", RESULT(bits.per_dimension), WHEN(bits.any)},
    FLOW_REPORT_GROUP_ROW("", flow_run_logprob_result, bits, flow_bits_fields),
    {"weight", RESULT(weight)},
    {"effective_rows", RESULT(effective_rows), WHEN(weight)},
    {"non_finite", RESULT(non_finite)},
    {"outside_support", RESULT(outside), WHEN(has_support)},
    {"discrete_columns", RESULT(discrete_columns), .positive = true},
    {"spiked_columns", RESULT(spiked_columns), .positive = true},
    {"lower_bound", RESULT(has_discrete), WHEN(has_discrete)},
    FLOW_REPORT_GROUP_WHEN("evaluations", flow_run_logprob_result, solving, solving.any, flow_solving_fields),
    {NULL, "solving", "%.1f evaluations a solve", RESULT(solving.mean), WHEN(solving.any)},
    {NULL, NULL, ", %.0f for the hardest row", RESULT(solving.most), WHEN(solving.any)},
    {"skipped", RESULT(skipped)},
    {"worst", "least likely rows", "",
     FLOW_REPORT_LIST_OF(flow_run_logprob_result, worst, flow_logprob_row, worst_fields)},
    {"picture", "", "shown in %s, in this order", RESULT(picture)},
    {"output", RESULT(output)},
    FLOW_REPORT_END,
};

static flow_status logprob_run(void *args_, console *con, flow_error *err)
{
    logprob_args *args = args_;
    flow_session s = {0};
    flow_run_logprob_result result;
    /* where the rows are on standard output, the rest is not */
    const report_format format = {.json = args->row.common.json, .fields = result_fields, .width = 20,
                                  .note = flow_is_standard(args->run.rows.output)};
    flow_status status = rows_open(&s, &args->row, &args->run.rows, false, con, err);
    if (status == FLOW_OK)
        status = flow_run_logprob(&result, &s, &args->run, err);
    if (status == FLOW_OK && !result.closed)
        status = report_print(con, &format, &result, err);
    flow_session_close(&s);
    return status;
}

const command command_logprob = {
    .name = "logprob",
    .summary = "the log-density of each row of data, and its mean with a standard error",
    .description = "Evaluates log p(x) in nats, in the units of the data, and prints its mean over all rows, the "
                   "standard error of that mean, bits per dimension (-mean / (d ln 2)) and the least likely rows. "
                   "Of images whose values are all discrete, bits per dimension have a standard error, too. "
                   "Columns are matched by name: their order does not matter, and other columns are ignored; data "
                   "without names are matched by position. A conditional model reads the columns of its context "
                   "too. If the log-densities are estimates (ffjord in many dimensions), each row has a second "
                   "value, the standard error of its estimate.",
    .examples = "  flowctl logprob moons.h5 data/two_moons.h5:/test\n"
                "  flowctl logprob moons.h5 events.csv -o logprob.csv\n"
                "  flowctl logprob digits.h5 mnist.h5:/test --worst 64 --picture strange.png\n"
                "  flowctl logprob digits.h5 mnist.h5:/test --given label=7 -o sevens.csv\n"
                "  zcat events.csv.gz | flowctl logprob moons.h5 - --json",
    .options = options, .args_size = sizeof(logprob_args), .run = logprob_run,
    .shares = true,
};
