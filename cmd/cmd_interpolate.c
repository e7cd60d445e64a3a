/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "data/name_list.h"
#include "rows.h"
#include "run/interpolate.h"

typedef struct interpolate_args {
    row_args row;
    const char *ends; /* "3,17" */
    flow_run_interpolate_options run;
} interpolate_args;

#define ARG(member) OPT_MEMBER(interpolate_args, member)

static const opt options[] = {
    OPT_ROWS_MODEL,
    OPT_ROWS_DATA(interpolate_args, run.rows.input),
    {"rows", 'r', ARG(ends), "A,B", "the rows of the data to go from and to, counted from 1", .fallback = "1,2"},
    {"number", 'n', ARG(run.n), "N", "how many rows to write, the two ends among them", .fallback = "8", .least = 2,
     .most = 9e15},
    OPT_ROWS_OUTPUT(interpolate_args, run.rows.output),
    OPT_ROWS_FORCE(interpolate_args, run.rows.sources.force),
    {"linear", 0, ARG(run.linear), NULL, "go on the straight line between the latents; in many dimensions, its middle "
     "is nearer to 0 than latents of data are"},
    OPT_ROWS_MISSING(row_args, missing),
    OPT_ROWS_CSV(row_args, csv),
    OPT_ROWS_SKIP_INVALID(interpolate_args, run.rows.skip_invalid, "; --rows counts them"),
    OPT_ROWS_FLOAT(interpolate_args, run.rows.as_float),
    OPT_COMMON_JSON("print {\"rows\", \"angle\", \"max_round_trip_error\", ...} on standard output; rows are then "
                    "written only if -o names a file"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_interpolate_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_interpolate_result, member)

static const flow_report_field result_fields[] = {
    {"model", RESULT(model)},
    {"data", RESULT(data)},
    {"rows", NULL, "%s row{|s}", RESULT(rows)},
    {"from", NULL, " from row %d", RESULT(from)},
    {"to", NULL, " to row %d", RESULT(to)},
    {"path", RESULT(path)},
    {"angle", NULL, ", whose latents are %.1f degrees apart", RESULT(angle)},
    {"max_round_trip_error", NULL, "; largest round-trip error %.1e", RESULT(round_trip)},
    {"non_finite", RESULT(non_finite)},
    FLOW_REPORT_GROUP_WHEN("evaluations", flow_run_interpolate_result, solving, solving.any, flow_solving_fields),
    {NULL, NULL, "; %.1f evaluations a solve", RESULT(solving.mean), WHEN(solving.any)},
    {"skipped", RESULT(skipped)},
    {"output", NULL, "; written to %s", RESULT(output)},
    FLOW_REPORT_END,
};

static flow_status interpolate_read_rows(int64_t ends[2], const char *text, flow_error *err)
{
    flow_name_list words = {0};
    flow_status status = flow_name_list_split(&words, text, err);
    bool good = words.n == 2;
    for (int k = 0; k < 2 && good; k++) {
        double number = 0;
        good = flow_number_parse(words.at[k], &number) && number >= 1 && number <= 9e15 && number == floor(number);
        ends[k] = good ? (int64_t)number : 0;
    }
    flow_name_list_free(&words);
    if (status == FLOW_OK && !good)
        status = flow_error_set(err, FLOW_ARGUMENT, "--rows takes two numbers of rows, counted from 1, such as 3,17, "
                                "not \"%.60s\"", text);
    return status;
}

static flow_status interpolate_run(void *args_, console *con, flow_error *err)
{
    interpolate_args *args = args_;
    flow_session s = {0};
    flow_run_interpolate_result result;
    const report_format format = {.json = args->row.common.json, .fields = result_fields, .note = true};
    FLOW_TRY(interpolate_read_rows(args->run.ends, args->ends, err));
    flow_status status = rows_open(&s, &args->row, &args->run.rows, true, con, err);
    if (status == FLOW_OK)
        status = flow_run_interpolate(&result, &s, &args->run, err);
    if (status == FLOW_OK && !result.closed)
        status = report_print(con, &format, &result, err);
    flow_session_close(&s);
    return status;
}

const command command_interpolate = {
    .name = "interpolate",
    .summary = "rows between two rows of data, on a way through the latent space",
    .description = "Takes two rows to the latent space, walks from one to the other there, and takes the points of the "
                   "walk back to the data. The way is the arc between the latents, which stays where latents of data "
                   "are, or with --linear the line; periodic latents go the shorter way round. The context of a "
                   "conditional model goes linearly from that of one row to that of the other, and is written behind "
                   "the rows; a class is that of the nearer row.",
    .examples = "  flowctl interpolate digits.h5 mnist.h5:/test --rows 3,17 -n 8 -o walk.png\n"
                "  flowctl interpolate moons.h5 events.csv --rows 1,2 -n 50 > walk.csv",
    .options = options, .args_size = sizeof(interpolate_args), .run = interpolate_run,
    .alone = true,
};
