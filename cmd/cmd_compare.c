/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "data/missing.h"
#include "model/model.h"
#include "rows.h"
#include "run/compare.h"

typedef struct compare_args {
    common_args common;
    opt_texts models;
    const char *data; /* taken from the end of the models */
    const char *missing;
    flow_csv_words csv;
    bool as_csv, as_markdown;
    flow_run_compare_options run;
} compare_args;

#define ARG(member) OPT_MEMBER(compare_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("MODEL", OPT_ARGUMENTS, compare_args, models, "model files, or the specs that trained them"),
    OPT_ARGUMENT_ROW("DATA", OPT_OPTIONAL, compare_args, data,
                     "held-out rows, behind the models: FILE.csv, FILE.h5[:/set], or - for CSV on standard input. By "
                     "default the test data, where the specs of all models name the same"),
    {"to", 0, ARG(run.to), "MODEL", "compare each model with this one, instead of with the best one"},
    {"level", 0, ARG(run.level), "P", "the probability that a difference is called one by chance, for all differences "
     "together", .fallback = "0.05", .least = 1e-12, .most = 0.5},
    {"csv", 0, ARG(as_csv), NULL, "print the table as CSV, with all digits"},
    {"markdown", 0, ARG(as_markdown), NULL, "print the table as Markdown"},
    {"output", 'o', ARG(run.rows.output), "OUT", "write the log-density of each row, a column for each model: "
     "FILE.csv, FILE.h5[:/set], or - for standard output; an HDF5 file keeps its other tables"},
    OPT_ROWS_FORCE(compare_args, run.rows.sources.force),
    OPT_ROWS_WEIGHT(compare_args, run.weight, ""),
    OPT_ROWS_MISSING(compare_args, missing),
    OPT_ROWS_CSV(compare_args, csv),
    OPT_ROWS_SKIP_INVALID(compare_args, run.rows.skip_invalid, OPT_ROWS_SKIPPED_ARE_NAN),
    OPT_ROWS_FLOAT(compare_args, run.rows.as_float),
    OPT_COMMON_JSON("print {\"data\", \"rows\", \"models\", \"verdict\", ...} on standard output"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_compare_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_compare_result, member)

static const flow_report_field result_fields[] = {
    {"data", NULL, "%s: ", RESULT(data)},
    {"rows", NULL, "%s rows", RESULT(rows)},
    {NULL, NULL, ", %s of them compared", RESULT(compared), WHEN(left_out)},
    {NULL, NULL, ", effectively %.0f", RESULT(effective_rows), WHEN(weight)},
    {NULL, NULL, " by the weights in %s", RESULT(weight)},
    {NULL, NULL, " (%s)", RESULT(named_by)},
    {"compared", RESULT(compared)},
    {"skipped", RESULT(skipped)},
    {"weight", RESULT(weight)},
    {"effective_rows", RESULT(effective_rows)},
    {"reference", RESULT(reference)},
    {"level", RESULT(level)},
    {"threads", RESULT(threads)},
    {"models", FLOW_REPORT_LIST_OF(flow_run_compare_result, models, flow_compared_model, flow_compared_model_fields),
     .table = true, .text = "", .blank = true},
    {NULL, NULL, "\n%s.", RESULT(verdict)},
    {"verdict", RESULT(verdict)},
    {NULL, NULL, "\ndifference: of the mean from that of %s, paired by rows", RESULT(reference)},
    {NULL, NULL, "; p: two-sided, corrected for the number of models; level %.3g", RESULT(level)},
    {"output", RESULT(output)},
    FLOW_REPORT_END,
};

static flow_status compare_print(const compare_args *args, console *con, const flow_run_compare_result *result,
                                 flow_error *err)
{
    /* where the rows are on standard output, the rest is not */
    const report_format format = {.json = args->common.json,
                                  .fields = result_fields,
                                  .width = 1,
                                  .note = flow_is_standard(args->run.rows.output)};
    flow_text text = {0};
    if (!args->as_csv && !args->as_markdown)
        return report_print(con, &format, result, err);
    console_clear(con);
    if (args->as_csv)
        flow_report_csv(&text, flow_compared_model_fields, sizeof(flow_compared_model), &result->models);
    else
        flow_report_markdown(&text, flow_compared_model_fields, sizeof(flow_compared_model), &result->models);
    return report_take(&text, err);
}

/* The last word is the data, unless it is a model, or a spec, as well. */
static void compare_take_data(compare_args *args)
{
    opt_texts *models = &args->models;
    const char *last = models->at[models->n - 1];
    const flow_file_kind kind = flow_file_identify(last);
    if (models->n > 1 && kind != FLOW_FILE_MODEL && kind != FLOW_FILE_JSON) {
        args->data = last;
        models->n--;
    }
}

/* The models, and the one of --to where it is none of them. */
static int compare_list_models(const compare_args *args, const char *list[FLOW_COMPARE_MOST])
{
    int n = 0;
    bool has = args->run.to == NULL;
    for (; n < args->models.n; n++) {
        list[n] = args->models.at[n];
        has = has || strcmp(list[n], args->run.to) == 0;
    }
    if (!has)
        list[n++] = args->run.to;
    return n;
}

static flow_status compare_check(const compare_args *args, flow_error *err)
{
    const bool rows = flow_is_standard(args->run.rows.output);
    if (args->as_csv + args->as_markdown + args->common.json + rows > 1)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "choose one of --csv, --markdown, --json and -o -: each writes to standard output");
    return FLOW_OK;
}

static flow_status compare_run(void *args_, console *con, flow_error *err)
{
    compare_args *args = args_;
    flow_run_compare_options *run = &args->run;
    flow_run_compare_result result;
    FLOW_TRY(compare_check(args, err));
    compare_take_data(args);
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&run->rows.missing, args->missing, err));
    FLOW_TRY(flow_csv_words_read(&run->rows.csv, &args->csv, err));
    run->rows.input = args->data;
    run->rows.hooks = console_hooks(con, run->rows.output);
    const char *models[FLOW_COMPARE_MOST];
    run->n_models = compare_list_models(args, models);
    run->models = models;
    run->session.n_threads = args->common.threads;
    flow_status status = flow_run_compare(&result, run, err);
    if (status == FLOW_OK && !result.closed)
        status = compare_print(args, con, &result, err);
    flow_run_compare_free(&result);
    return status;
}

const command command_compare = {
    .name = "compare",
    .summary = "compare models by the log-likelihood of the same held-out rows",
    .description = "Evaluates all models on the same rows, and prints a table of them, the best one first: the mean "
                   "log-density with its standard error; the difference from the best mean, which is the mean of the "
                   "differences of single rows and has a much smaller error than the means themselves; p, the "
                   "probability of such a difference by chance; and parameters, time of training, size of the "
                   "file and the time that one processor takes for a row. A sentence below says which differences "
                   "matter. p is corrected for the number of models (Holm 1979). Columns are matched by name, in any "
                   "order; models of other columns, or given another context, are refused. Rows that a model finds "
                   "impossible are counted and named, and left out of the means of all models. Times depend on the "
                   "machine; nothing else does, nor on the number of threads. The data should be rows that no model "
                   "was trained on.",
    .examples = "  flowctl compare maf.h5 nsf.h5 tuned.h5 test.csv\n"
                "  flowctl compare models/*.h5 data/two_moons.h5:/test --csv >table.csv\n"
                "  flowctl compare old.h5 new.h5 --to old.h5\n"
                "  flowctl compare models/*.h5 test.csv -o rows.h5 --markdown",
    .options = options, .args_size = sizeof(compare_args), .run = compare_run,
    .alone = true,
};
