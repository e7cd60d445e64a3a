/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows.h"
#include "run/invert.h"

typedef struct invert_args {
    row_args row;
    flow_run_invert_options run;
} invert_args;

static const char *const ends[] = {[FLOW_TO_LATENT] = "latent", [FLOW_TO_DATA] = "data", NULL};

#define ARG(member) OPT_MEMBER(invert_args, member)

static const opt options[] = {
    OPT_ROWS_MODEL,
    OPT_ROWS_DATA(invert_args, run.rows.input),
    {"to", 0, ARG(run.to), "latent|data", "z = f^-1(x) of rows of data, or x = f(z) of latent rows",
     .fallback = "latent", .choices = ends},
    OPT_ROWS_OUTPUT(invert_args, run.rows.output),
    OPT_ROWS_FORCE(invert_args, run.rows.sources.force),
    {"logdet", 0, ARG(run.logdet), NULL,
     "add a column \"logdet\": log|det dz/dx|, or log|det dx/dz| with --to data"},
    OPT_ROWS_MISSING(row_args, missing),
    OPT_ROWS_CSV(row_args, csv),
    OPT_ROWS_SKIP_INVALID(invert_args, run.rows.skip_invalid, OPT_ROWS_SKIPPED_ARE_NAN),
    OPT_ROWS_FLOAT(invert_args, run.rows.as_float),
    OPT_COMMON_JSON("print {\"rows\", \"max_round_trip_error\", ...} on standard output; rows are then written only if "
                    "-o names a file"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_invert_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_invert_result, member)

static const flow_report_field result_fields[] = {
    {"model", RESULT(model)},
    {"data", RESULT(data)},
    {"to", RESULT(to)},
    {"rows", NULL, "%s row{|s}", RESULT(rows)},
    {"max_round_trip_error", NULL, "; largest round-trip error %.1e standard deviations", RESULT(error)},
    {"max_round_trip_error_absolute", RESULT(error_absolute)},
    {NULL, NULL, " (%.1e", RESULT(error_absolute), WHEN(to_latent)},
    {NULL, NULL, " in the units of %s)", RESULT(column), WHEN(to_latent)},
    {"column", RESULT(column)},
    {"non_finite", RESULT(non_finite)},
    FLOW_REPORT_GROUP_WHEN("evaluations", flow_run_invert_result, solving, solving.any, flow_solving_fields),
    {NULL, NULL, "; %.1f evaluations a solve", RESULT(solving.mean), WHEN(solving.any)},
    {"skipped", RESULT(skipped)},
    {"output", NULL, "; written to %s", RESULT(output)},
    FLOW_REPORT_END,
};

static flow_status invert_run(void *args_, console *con, flow_error *err)
{
    invert_args *args = args_;
    flow_session s = {0};
    flow_run_invert_result result;
    const report_format format = {.json = args->row.common.json, .fields = result_fields, .note = true};
    flow_status status = rows_open(&s, &args->row, &args->run.rows, true, con, err);
    if (status == FLOW_OK)
        status = flow_run_invert(&result, &s, &args->run, err);
    if (status == FLOW_OK && !result.closed)
        status = report_print(con, &format, &result, err);
    flow_session_close(&s);
    return status;
}

const command command_invert = {
    .name = "invert",
    .summary = "take rows of data to the latent space, z = f^-1(x), or back, x = f(z)",
    .description = "Maps each row and checks the map: the rows are taken back, and the largest difference to the input "
                   "is reported, in standard deviations of its column. Latent columns are named z1, z2, ..., or with "
                   "another letter where the context has such a name; --to data reads such columns by name, or the "
                   "columns of data without names by position. The context of a conditional model is read beside them "
                   "and written behind them.",
    .examples = "  flowctl invert moons.h5 events.csv -o latent.csv\n"
                "  flowctl invert moons.h5 latent.csv --to data -o events-again.csv\n"
                "  flowctl invert moons.h5 events.csv --json",
    .options = options, .args_size = sizeof(invert_args), .run = invert_run,
    .shares = true,
};
