/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/solver.h"
#include "rows.h"
#include "run/sample.h"

typedef struct sample_args {
    row_args row;
    flow_run_sample_options run;
    bool has_n, has_limit;
} sample_args;

/* "dopri5 (6), bosh3 (3), ..." */
static void sample_list_solvers(flow_text *text)
{
    for (int i = 0; flow_solvers.types[i] != NULL; i++) {
        const flow_tableau *tableau = (const flow_tableau *)flow_solvers.types[i];
        flow_text_add(text, "%s%s (%d)", i == 0 ? "" : ", ", tableau->info.name, tableau->n_stages);
    }
}

#define ARG(member) OPT_MEMBER(sample_args, member)

static const opt options[] = {
    OPT_ROWS_MODEL,
    {"number", 'n', ARG(run.n), "N", "how many rows to draw; with --given, how many for each row of the context (then "
     "1 by default)", .fallback = "1000", .most = 9e15, .given = offsetof(sample_args, has_n)},
    {"given", 'g', ARG(run.rows.input), "DATA", "of a conditional model: the values of the context, FILE.csv, "
     "FILE.h5[:/set] or -, or one for each column as in label=7 or mass=1.5,angle=2. Each row that is drawn is written "
     "with its context behind it"},
    {"skip-invalid", 0, ARG(run.rows.skip_invalid), NULL, "draw nothing for rows of --given with missing or non-finite "
     "values, and report their number: the rows for their draws are nan"},
    OPT_ROWS_MISSING(row_args, missing),
    OPT_ROWS_CSV(row_args, csv),
    OPT_ROWS_OUTPUT(sample_args, run.rows.output),
    OPT_ROWS_FORCE(sample_args, run.rows.sources.force),
    {"seed", 's', ARG(run.seed), "N", "row i is a function of the model, the seed and i alone", .fallback = "1",
     .most = 9e15},
    {"first", 0, ARG(run.first), "ROW", "begin at row ROW of the sequence of rows of the seed, counted from 0; several "
     "jobs can share a sequence", .fallback = "0", .most = 9e15},
    {"limit", 0, ARG(run.limit), "ROWS", "stop after ROWS rows in all; with --given and --first, a part of the "
     "sequence", .most = 9e15, .given = offsetof(sample_args, has_limit)},
    {"temperature", 't', ARG(run.temperature), "T", "scale the spread of the base by T; below 1 the rows stay in the "
     "densest regions: 0.7 is usual for images", .fallback = "1", .most = 1000},
    {"steps", 0, ARG(row.session.steps), "N", "of a continuous model: solve its differential equations in N equal "
     "steps instead of by the solver of the model. Few steps are fast and inaccurate; the round-trip error shows how "
     "inaccurate", .least = 1, .most = FLOW_ODE_STEPS_MAX},
    {"solver", 0, ARG(row.session.solver), "METHOD", "with --steps: the method, in parentheses how often a step "
     "evaluates the network: %s; by default that of the model", .fill = sample_list_solvers},
    {"logprob", 0, ARG(run.logprob), NULL, "add a column \"logprob\" (\"logprob_2\" where the data have "
     "such a column): the model's log-density at each row, in nats, in "
     "the units of the data; with --steps, computed by the steps back to the latent space"},
    OPT_ROWS_FLOAT(sample_args, run.rows.as_float),
    OPT_COMMON_JSON("print {\"rows\", \"max_round_trip_error\", ...} on standard output; rows are then written only if "
                    "-o names a file"),
    OPT_COMMON_THREADS,
    OPT_COMMON_MATH,
    OPT_COMMON_END,
};

#define RESULT(member) FLOW_MEMBER(flow_run_sample_result, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_run_sample_result, member)

static const flow_report_field result_fields[] = {
    {"model", RESULT(model)},
    {"rows", NULL, "%s row{|s}", RESULT(rows)},
    {NULL, NULL, ", seed %d", RESULT(seed)},
    {"max_round_trip_error", NULL, "; largest round-trip error %.1e", RESULT(round_trip)},
    {NULL, NULL, ", which is that of the steps", RESULT(steps), .positive = true},
    {"non_finite", RESULT(non_finite)},
    FLOW_REPORT_GROUP_WHEN("evaluations", flow_run_sample_result, solving, solving.any, flow_solving_fields),
    {NULL, NULL, "; %.1f evaluations a solve", RESULT(solving.mean), WHEN(solving.any)},
    {"steps", RESULT(steps), .positive = true},
    {"seed", RESULT(seed)},
    {"first", RESULT(first)},
    {"given", RESULT(given)},
    {"skipped", RESULT(skipped), WHEN(given)},
    {"rows_per_context", RESULT(rows_per_context), WHEN(given)},
    {"output", NULL, "; written to %s", RESULT(output)},
    FLOW_REPORT_END,
};

static flow_status sample_run(void *args_, console *con, flow_error *err)
{
    sample_args *args = args_;
    flow_session s = {0};
    flow_run_sample_result result;
    if (args->run.rows.input != NULL && !args->has_n)
        args->run.n = 1;
    if (!args->has_limit)
        args->run.limit = -1;
    const report_format format = {.json = args->row.common.json, .fields = result_fields, .note = true};
    flow_status status = rows_open(&s, &args->row, &args->run.rows, true, con, err);
    if (status == FLOW_OK)
        status = flow_run_sample(&result, &s, &args->run, err);
    if (status == FLOW_OK && !result.closed && (format.json || result.rows > 0))
        status = report_print(con, &format, &result, err);
    flow_session_close(&s);
    return status;
}

const command command_sample = {
    .name = "sample",
    .summary = "draw rows from a model: z ~ base, x = f(z)",
    .description = "Draws rows in the units of the data and checks them: each row is taken back to the latent space, "
                   "and the largest distance from where it started is reported (in units of the base's standard "
                   "deviation). Rows are written as they are drawn: the memory does not grow with their number.",
    .examples = "  flowctl sample moons.h5 -n 1000 > moons.csv\n"
                "  flowctl sample moons.h5 -n 1e6 --logprob -o samples.h5:/train\n"
                "  flowctl sample moons.h5 -n 1e6 --first 1e6 -o second-million.h5\n"
                "  flowctl sample continuous.h5 -n 1e6 --steps 8 --solver rk4 -o quick.h5\n"
                "  flowctl sample detector.h5 --given events.csv -n 100 -o draws.h5\n"
                "  flowctl sample digits.h5 --given label=7 -n 64 --temperature 0.7 -o sevens.png",
    .options = options, .args_size = sizeof(sample_args), .run = sample_run,
    .shares = true,
};
