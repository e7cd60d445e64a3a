/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows.h"
#include "run/diagnose.h"

typedef struct diagnose_args {
    row_args row;
    flow_run_diagnose_options run;
    int accept; /* an index in `accepted` */
} diagnose_args;

enum { ACCEPT_FINE, ACCEPT_SMALL };
static const char *const accepted[] = {"fine", "small", NULL};

#define ARG(member) OPT_MEMBER(diagnose_args, member)

static const opt options[] = {
    OPT_ROWS_MODEL,
    OPT_ARGUMENT_ROW("DATA", OPT_OPTIONAL, diagnose_args, run.rows.input,
                     "FILE.csv, FILE.h5[:/set], or - for CSV on standard input: rows that the model was not trained "
                     "on; by default those of its test, or else of its validation"),
    {"level", 0, ARG(run.level), "P", "the probability with which a right model may be rejected, by all tests together",
     .fallback = "0.01", .least = 1e-6, .most = 0.5},
    {"accept", 0, ARG(accept), "GRADE", "the worst grade that ends with status 0: fine, or small, which accepts "
     "differences of less than 5 % of the probability", .fallback = "fine", .choices = accepted},
    {"rows", 'n', ARG(run.most), "N", "rows to use, chosen by the seed; by default up to 100,000, of wide tables and "
     "conditional models fewer", .least = FLOW_DIAGNOSE_ROWS_LEAST, .most = 1e8},
    {"seed", 's', ARG(run.seed), "N", "of the draws, the choice of rows, and the tests", .fallback = "1", .most = 9e15},
    {"train", 0, ARG(run.train), "DATA", "the training data, to see whether the model is fitted to their chance; by "
     "default those that the model names, if they can be read"},
    OPT_ROWS_WEIGHT(diagnose_args, run.weight, ""),
    {"plot", 0, ARG(run.plot), "FILE.pdf", "draw a report by gnuplot: coverage, the classifier, the latents, and the "
     "columns and pairs of columns that differ most"},
    OPT_ROWS_FORCE(diagnose_args, run.rows.sources.force),
    OPT_ROWS_MISSING(row_args, missing),
    OPT_ROWS_CSV(row_args, csv),
    OPT_ROWS_SKIP_INVALID(diagnose_args, run.rows.skip_invalid, ""),
    OPT_COMMON_JSON("print {\"verdict\", \"grade\", \"rejected\", \"p\", ...} on standard output"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define SECTION(member) FLOW_MEMBER(flow_diagnose_section, member)
#define FAILURE(member) FLOW_MEMBER(flow_diagnose_failure, member)
#define LEVEL(member) FLOW_MEMBER(flow_diagnose_coverage, member)
#define RESULT(member) FLOW_MEMBER(flow_run_diagnose_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_diagnose_result, member)

static const flow_report_field section_fields[] = {
    {"part", "part", "%s", SECTION(name), .left = true, .fit = true, .width = 20},
    {"about", SECTION(about)},
    {"tests", "tests", "%d", SECTION(tests), .width = 6},
    {"p", "p", "%.2g", SECTION(p), .width = 9},
    {"p_alone", SECTION(p_alone)},
    {"share", "share", "%.1p %%", SECTION(share), .width = 8},
    {"outcome", "", "%s", SECTION(outcome), .left = true, .fit = true, .width = 8},
    {"where", "", "%s", SECTION(where), .left = true},
    FLOW_REPORT_END,
};

static const flow_report_field failure_fields[] = {
    {"part", NULL, "%s", FAILURE(test)},
    {"where", NULL, ", %s", FAILURE(where)},
    {"p", NULL, " (p = %.1e", FAILURE(p)},
    {"share", NULL, ", share %.1p %%)", FAILURE(share)},
    {"found", NULL, ": %s", FAILURE(found)},
    {"remedy", FAILURE(remedy)},
    FLOW_REPORT_END,
};

static const flow_report_field level_fields[] = {
    {"level", NULL, "%.1p %%: ", LEVEL(level)},
    {"observed", NULL, "%.2p", LEVEL(observed)},
    {"error", NULL, " +- %.2p   ", LEVEL(error)},
    FLOW_REPORT_END,
};

static const flow_report_field remark_fields[] = {
    {"remark", NULL, "%s", FLOW_MEMBER(flow_diagnose_remark, text)},
    FLOW_REPORT_END,
};

static const flow_report_field result_fields[] = {
    {"model", RESULT(model)},
    {"data", RESULT(data)},
    {"verdict", "verdict", "%s", RESULT(verdict)},
    {"grade", RESULT(grade)},
    {"rejected", RESULT(rejected)},
    {"p", RESULT(p)},
    {"level", RESULT(level)},
    {"share", RESULT(share)},
    {"unseen", "", "a difference of less than about %.1p %% of the probability may stay unseen with so many rows",
     RESULT(unseen)},
    {"rows", "rows", "%s", RESULT(rows)},
    {"all_rows", NULL, " of %s", RESULT(all_rows)},
    {"held_out", NULL, " of the %s of the training", RESULT(held_out)},
    {"draws", NULL, ", against %s draws", RESULT(draws)},
    {"draws_per_row", RESULT(per_row)},
    {"seed", NULL, ", seed %d", RESULT(seed)},
    {"weight", RESULT(weight)},
    {"effective_rows", RESULT(effective_rows), WHEN(weight)},
    {"tests", RESULT(tests)},
    {NULL, "mean log-density", "%s nats of the rows", RESULT(logprob)},
    {NULL, NULL, ", %s of draws", RESULT(draws_logprob)},
    {NULL, NULL, ", %s of training rows", RESULT(train_logprob)},
    FLOW_REPORT_GROUP_ROW("logprob", flow_run_diagnose_result, logprob, flow_mean_fields),
    FLOW_REPORT_GROUP_ROW("draws_logprob", flow_run_diagnose_result, draws_logprob, flow_mean_fields),
    FLOW_REPORT_GROUP_WHEN("train_logprob", flow_run_diagnose_result, train_logprob, train, flow_mean_fields),
    {"train", RESULT(train)},
    {"train_rows", RESULT(train_rows), WHEN(train)},
    {"memorised", RESULT(memorised), WHEN(train)},
    {NULL, "coverage", "", RESULT(rows)},
    {"coverage", NULL, "", FLOW_REPORT_LIST_OF(flow_run_diagnose_result, coverage, flow_diagnose_coverage,
                                                     level_fields)},
    {"auc", "classifier", "area under the curve %.3f", RESULT(auc), WHEN(has_classifier)},
    {"told", NULL, ", %.1p %% told right", RESULT(told), WHEN(has_classifier)},
    {"max_round_trip_error", "round trip", "%.1e", RESULT(round_trip)},
    {"draws_outside", "outside", "%.2p %% of the draws are beyond the rows in some column", RESULT(outside)},
    {"draws_outside_expected", NULL, ", %.2p %% of new rows would be", RESULT(outside_expected)},
    {"plot", "report", "%s", RESULT(plot)},
    {"remarks", "remarks", "", FLOW_REPORT_LIST_OF(flow_run_diagnose_result, remarks, flow_diagnose_remark,
                                                   remark_fields)},
    {.table = true, .blank = true,
     FLOW_REPORT_LIST_OF(flow_run_diagnose_result, sections, flow_diagnose_section, section_fields)},
    {"parts", FLOW_REPORT_LIST_OF(flow_run_diagnose_result, sections, flow_diagnose_section, section_fields)},
    {NULL, NULL, "\n", RESULT(rows), WHEN(failures.n)},
    {"failures", "differs", "", FLOW_REPORT_LIST_OF(flow_run_diagnose_result, failures, flow_diagnose_failure,
                                                    failure_fields)},
    {"more_failures", "", "and %d more", RESULT(more_failures), .positive = true},
    {NULL, NULL, "\n\n", RESULT(rows), WHEN(remedies.n)},
    {.label = "what helps", .text = "",
     FLOW_REPORT_LIST_OF(flow_run_diagnose_result, remedies, flow_diagnose_remark, remark_fields)},
    FLOW_REPORT_END,
};

static flow_status diagnose_run(void *args_, console *con, flow_error *err)
{
    diagnose_args *args = args_;
    flow_session s = {0};
    flow_run_diagnose_result result = {0};
    const report_format format = {.json = args->row.common.json, .fields = result_fields, .width = 16, .wrap = true};
    flow_status status = rows_open(&s, &args->row, &args->run.rows, false, con, err);
    if (status == FLOW_OK)
        status = flow_run_diagnose(&result, &s, &args->run, err);
    if (status == FLOW_OK)
        status = report_print(con, &format, &result, err);
    if (status == FLOW_OK && (int)result.grade_code > args->accept)
        args->row.common.outcome = COMMAND_REJECTED;
    flow_run_diagnose_free(&result);
    flow_session_close(&s);
    return status;
}

const command command_diagnose = {
    .name = "diagnose",
    .summary = "is the density right? held-out rows against the model's own draws",
    .description = "Tests whether rows that the model was not trained on could be its draws: the latents of the rows, "
                   "each column, its tails, each column given others, the coverage of regions of high density, pairs "
                   "of columns, and a network that is trained to tell rows from draws; of conditional models also the "
                   "rank of each row among draws for its context. All tests share one level: a right model is rejected "
                   "with at most this probability. The verdict has a grade. fine: no difference was found. small: "
                   "differences of less than 5 % of the probability. wrong: more than that, twice or half as many rows "
                   "in a tail, or rows of density 0. The exit status is 0 for \"fine\" (and for \"small\" with "
                   "--accept small) and 3 for all else. No result depends on the number of threads.",
    .examples = "  flowctl diagnose moons.h5 two_moons_test.csv\n"
                "  flowctl diagnose moons.h5 test.csv --accept small --json >verdict.json || exit\n"
                "  flowctl diagnose detector.h5 data/detector.h5:/test --rows 5000",
    .options = options, .args_size = sizeof(diagnose_args), .run = diagnose_run,
    .shares = true,
};
