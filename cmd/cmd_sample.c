/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ode/ode.h"
#include "format.h"
#include "given.h"
#include "input.h"
#include "output.h"
#include "session.h"
#include "sink.h"
#include "stop.h"

typedef struct sample_args {
    common_args common;
    const char *model, *output, *given, *solver;
    int64_t n, seed, first, limit, steps;
    double temperature;
    bool has_n, has_limit, has_steps, logprob, as_float;
} sample_args;

static const opt_argument arguments[] = {
    {"MODEL", offsetof(sample_args, model), false, "a model file, or the spec that trained it"},
    {.name = NULL},
};

static const opt options[] = {
    {.name = "number", .letter = 'n', .kind = OPT_INT, .offset = offsetof(sample_args, n), .value = "N",
     .fallback = "1000", .least = 0, .most = 9e15, .given = offsetof(sample_args, has_n),
     .help = "how many rows to draw; with --given, how many for each row of the context, and 1 if not said"},
    {.name = "given", .letter = 'g', .kind = OPT_TEXT, .offset = offsetof(sample_args, given), .value = "DATA",
     .help = "of a conditional model: the values of the context, FILE.csv, FILE.h5[:/set] or -. The rows that are "
             "drawn for each row of DATA are written with their context behind them"},
    {.name = "output", .letter = 'o', .kind = OPT_TEXT, .offset = offsetof(sample_args, output), .value = "OUT",
     .help = "where the rows go: FILE.csv, FILE.h5[:/set], or - for CSV on standard output, which is the default; an "
             "HDF5 file keeps its other tables"},
    {.name = "seed",
     .letter = 's',
     .kind = OPT_INT,
     .offset = offsetof(sample_args, seed),
     .value = "N",
     .fallback = "1",
     .least = 0,
     .most = 9e15,
     .help = "row i is a function of the model, the seed and i alone"},
    {.name = "first",
     .kind = OPT_INT,
     .offset = offsetof(sample_args, first),
     .value = "ROW",
     .fallback = "0",
     .least = 0,
     .most = 9e15,
     .help = "begin at row ROW of the seed's endless list of rows, counted from 0: several jobs can share one list"},
    {.name = "limit", .kind = OPT_INT, .offset = offsetof(sample_args, limit), .value = "ROWS", .least = 0,
     .most = 9e15, .given = offsetof(sample_args, has_limit),
     .help = "stop after so many rows in all; with --given and --first, a piece of the list"},
    {.name = "temperature", .letter = 't', .kind = OPT_NUMBER, .offset = offsetof(sample_args, temperature),
     .value = "T", .fallback = "1", .least = 0, .most = 1000,
     .help = "scale the spread of the base by T; below 1 the rows keep to the densest regions"},
    {.name = "steps", .kind = OPT_INT, .offset = offsetof(sample_args, steps), .value = "N", .least = 1,
     .most = FLOW_ODE_STEPS_MAX, .given = offsetof(sample_args, has_steps),
     .help = "of a continuous model: solve its differential equations in N equal steps, a fixed cost, whatever the "
             "model would do. Few steps are fast and rough: the round-trip error tells how rough"},
    {.name = "solver", .kind = OPT_TEXT, .offset = offsetof(sample_args, solver), .value = "METHOD",
     .help = "with --steps: euler, midpoint, rk4, bosh3 or dopri5, which evaluate the network 1, 2, 4, 3 and 6 times "
             "a step; if not said, the method of the model"},
    {.name = "logprob",
     .kind = OPT_FLAG,
     .offset = offsetof(sample_args, logprob),
     .help = "add a column \"logprob\": the model's log-density at each row, in nats, in the units of the data; "
             "with --steps, as the steps back to the latent space give it"},
    {.name = "float",
     .kind = OPT_FLAG,
     .offset = offsetof(sample_args, as_float),
     .help = "write single precision: half the size in HDF5, fewer digits in CSV"},
    OPT_COMMON_JSON(sample_args, "print {\"rows\", \"max_round_trip_error\", ...} on standard output; rows are then "
                                 "written only if -o names a file"),
    OPT_COMMON_THREADS(sample_args),
    OPT_COMMON_QUIET(sample_args),
    OPT_COMMON_HELP(sample_args),
    OPT_END,
};

/* What is known of the rows so far. */
typedef struct tally {
    int64_t rows, non_finite;
    double round_trip; /* largest |z - to_latent(to_data(z))| */
    uint64_t failed;   /* the first row that fails on its way there or back, */
    char place[FLOW_CULPRIT_SIZE]; /* and where; "": none did */
} tally;

/* The end of the rows, as far as the options say. */
static uint64_t last_row(const sample_args *args)
{
    int64_t most = INT64_MAX / 2, n = args->given == NULL ? args->n : most;
    if (args->has_limit && args->limit < n)
        n = args->limit;
    return (uint64_t)args->first + (uint64_t)n;
}

/* The rows from `first` on: drawn from the tile that holds it, whose earlier rows are dropped. Where the context is
 * given they end with it, else after n of them. */
static flow_status draw(const sample_args *args, session *s, given *g, sink *out, tally *sum, flow_error *err)
{
    size_t d = (size_t)s->dim, c = (size_t)s->n_context, width = d + c + (args->logprob ? 1 : 0);
    size_t chunk = input_chunk((int)width);
    flow_status status = FLOW_OK;
    double *x = calloc(chunk, d * sizeof *x), *logp = calloc(chunk, sizeof *logp);
    double *context = calloc(chunk, (c + 1) * sizeof *context), *rows = calloc(chunk, width * sizeof *rows);
    if (x == NULL || logp == NULL || context == NULL || rows == NULL) {
        status = flow_error_memory(err, "the rows");
        goto done;
    }
    uint64_t at = (uint64_t)args->first / FLOW_TILE * FLOW_TILE;
    uint64_t end = last_row(args);
    size_t skip = (size_t)((uint64_t)args->first - at);
    if (c > 0)
        status = given_skip(g, at, err);
    while (status == FLOW_OK && at < end && !out->closed && !stop_asked()) {
        size_t n = end - at < chunk ? (size_t)(end - at) : chunk;
        double round_trip = 0;
        if (c > 0)
            status = given_next(g, context, n, &n, err);
        if (status != FLOW_OK || n <= skip)
            break;
        flow_rows_sample(s->runner, (uint64_t)args->seed, at, n, args->temperature, context, x,
                         args->logprob ? logp : NULL, &round_trip);
        if (!(round_trip <= sum->round_trip)) /* a NaN is taken over, and stays */
            sum->round_trip = isnan(sum->round_trip) ? sum->round_trip : round_trip;
        if (!isfinite(round_trip) && sum->place[0] == '\0')
            flow_rows_explain_draws(s->runner, (uint64_t)args->seed, at, n, args->temperature, context, args->logprob,
                                    &sum->failed, sum->place, sizeof sum->place);
        for (size_t i = skip; i < n; i++) {
            bool finite = true;
            for (size_t k = 0; k < d; k++)
                finite = finite && isfinite(x[i * d + k]);
            sum->non_finite += !finite;
            memcpy(rows + i * width, x + i * d, d * sizeof *x);
            memcpy(rows + i * width + d, context + i * c, c * sizeof *x);
            if (args->logprob)
                rows[i * width + d + c] = logp[i];
        }
        status = sink_write(out, rows + skip * width, n - skip, err);
        sum->rows += (int64_t)(n - skip);
        at += n;
        skip = 0;
    }
    if (status == FLOW_OK && stop_asked())
        status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
done:
    free(rows);
    free(context);
    free(x);
    free(logp);
    return status;
}

static void warn_of_round_trip(const sample_args *args, console *con, const session *s, double error)
{
    char number[FORMAT_SIZE];
    if (args->has_steps)
        console_warn(con, "the largest round-trip error is %s (in units of the base's standard deviation): with "
                     "--steps %lld the way back is not the inverse of the way there; the error falls "
                     "as the steps get more",
                     format_error(number, error), (long long)args->steps);
    else if (flow_n_solvers(s->model->f) > 0)
        console_warn(con, "the largest round-trip error is %s (in units of the base's standard deviation): its "
                     "equations are solved as roughly as the spec says; --steps with a large number solves them finer",
                     format_error(number, error));
    else
        console_warn(con, "the largest round-trip error is %s (in units of the base's standard deviation); the model "
                     "is close to singular there and its inverse loses digits: make PRECISION=double has more of them",
                     format_error(number, error));
}

static flow_status report(const sample_args *args, console *con, const session *s, const tally *sum, flow_error *err)
{
    char count[FORMAT_SIZE], other[FORMAT_SIZE], evaluations[FORMAT_SIZE];
    if (args->given != NULL && args->n > 0 && sum->rows == 0 && !(args->has_limit && args->limit == 0))
        console_warn(con, "%s has no context for row %lld and what follows; no rows are drawn", args->given,
                     (long long)args->first);
    if (sum->non_finite > 0)
        console_warn(con, "%s of %s rows have values that are not finite%s", format_count(count, sum->non_finite),
                     format_count(other, sum->rows), sum->place[0] != '\0' ? "" : "; the model leaves the range of "
                     "numbers there, train it longer or with smaller rates");
    if (sum->place[0] != '\0')
        console_warn(con, "row %lld of the list, counted from 0, has no values or does not come back: it fails in "
                     "%s", (long long)sum->failed, sum->place);
    else if (sum->non_finite == 0 && !(sum->round_trip < 0.01))
        warn_of_round_trip(args, con, s, sum->round_trip);
    if (!args->common.json) {
        if (sum->rows > 0)
            console_note(con, "%s rows, seed %lld; largest round-trip error %s%s%s%s%s",
                         format_count(count, sum->rows), (long long)args->seed, format_error(other, sum->round_trip),
                         args->has_steps ? ", which is that of the steps" : "",
                         session_evaluations(evaluations, s, FLOW_TO_DATA),
                         output_is_standard(args->output) ? "" : "; written to ",
                         output_is_standard(args->output) ? "" : args->output);
        return FLOW_OK;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", s->model->path);
    cJSON_AddNumberToObject(object, "rows", (double)sum->rows);
    cJSON_AddNumberToObject(object, "max_round_trip_error", sum->round_trip);
    cJSON_AddNumberToObject(object, "non_finite", (double)sum->non_finite);
    session_add_evaluations(object, s, FLOW_TO_DATA);
    if (args->has_steps)
        cJSON_AddNumberToObject(object, "steps", (double)args->steps);
    cJSON_AddNumberToObject(object, "seed", (double)args->seed);
    cJSON_AddNumberToObject(object, "first", (double)args->first);
    if (args->given != NULL) {
        cJSON_AddStringToObject(object, "given", args->given);
        cJSON_AddNumberToObject(object, "rows_per_context", (double)args->n);
    }
    if (args->output != NULL)
        cJSON_AddStringToObject(object, "output", args->output);
    flow_status status = output_json(object, err);
    cJSON_Delete(object);
    return status;
}

static flow_status open_given(given *g, const sample_args *args, const session *s, flow_error *err)
{
    if (s->n_context == 0 && args->given != NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "--given: %s has no context; leave --given out", args->model);
    if (s->n_context == 0)
        return FLOW_OK;
    if (args->given == NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "%s is conditional on %s%s; give the values of its context with "
                              "--given FILE", args->model, s->context[0], s->n_context > 1 ? " and more columns" : "");
    return given_open(g, args->given, s, (uint64_t)args->n, err);
}

static flow_status open_session(session *s, const sample_args *args, flow_error *err)
{
    if (args->solver != NULL && !args->has_steps)
        return flow_error_set(err, FLOW_ARGUMENT, "--solver: say how many steps it is to take with --steps N");
    if (!args->has_steps)
        return session_open(s, args->model, &args->common, err);
    flow_status status = session_open_in_steps(s, args->model, &args->common, args->solver, args->steps, err);
    const char *named = args->solver != NULL ? "--steps, --solver: " : "--steps: ";
    return status == FLOW_ARGUMENT ? flow_error_prefix(err, status, "%s", named) : status;
}

static flow_status run(void *args_, console *con, flow_error *err)
{
    sample_args *args = args_;
    session s = {0};
    sink out = {0};
    given g = {0};
    tally sum = {0};
    const char **columns = NULL;
    if (args->given != NULL && !args->has_n)
        args->n = 1;
    flow_status status = session_check_output(&args->common, args->output, err);
    if (status == FLOW_OK)
        status = open_session(&s, args, err);
    if (status == FLOW_OK)
        status = open_given(&g, args, &s, err);
    if (status != FLOW_OK)
        goto done;
    columns = session_names(&s, s.columns);
    if (columns == NULL) {
        status = flow_error_memory(err, "column names");
        goto done;
    }
    columns[s.width] = "logprob";
    if (!args->common.json || args->output != NULL)
        status = sink_open(&out, args->output, columns, s.width + (args->logprob ? 1 : 0), args->as_float, args->given,
                           err);
    if (status != FLOW_OK)
        goto done;
    stop_watch();
    if (args->n > 0)
        status = draw(args, &s, &g, &out, &sum, err);
    if (status == FLOW_OK)
        status = sink_finish(&out, err);
    if (status == FLOW_OK && !out.closed)
        status = report(args, con, &s, &sum, err);
done:
    sink_release(&out);
    given_close(&g);
    session_close(&s);
    free(columns);
    return status;
}

const command command_sample = {
    .name = "sample",
    .summary = "draw rows from a model: z ~ base, x = f(z)",
    .description = "Draws rows in the units of the data and checks them: each row is taken back to the latent space, "
                   "and the largest distance from where it started is reported (in units of the base's standard "
                   "deviation). Rows are written as they are drawn; a billion rows need no more memory than a "
                   "thousand.",
    .examples = "  flowctl sample moons.h5 -n 1000 > moons.csv\n"
                "  flowctl sample moons.h5 -n 1e6 --logprob -o samples.h5:/train\n"
                "  flowctl sample moons.h5 -n 1e6 --first 1e6 -o second-million.h5\n"
                "  flowctl sample continuous.h5 -n 1e6 --steps 8 --solver rk4 -o quick.h5\n"
                "  flowctl sample detector.h5 --given events.csv -n 100 -o draws.h5",
    .arguments = arguments,
    .options = options,
    .args_size = sizeof(sample_args),
    .run = run,
};
