/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "input.h"
#include "output.h"
#include "session.h"
#include "sink.h"
#include "stop.h"

typedef struct invert_args {
    common_args common;
    const char *model, *data, *output;
    int to;
    bool logdet, skip_invalid, as_float;
} invert_args;

static const opt_argument arguments[] = {
    {"MODEL", offsetof(invert_args, model), false, "a model file, or the spec that trained it"},
    {"DATA", offsetof(invert_args, data), false, "FILE.csv, FILE.h5[:/set], or - for CSV on standard input"},
    {.name = NULL},
};

enum { TO_LATENT, TO_DATA };
static const char *const ends[] = {"latent", "data", NULL};

static const opt options[] = {
    {.name = "to", .kind = OPT_CHOICE, .offset = offsetof(invert_args, to), .value = "latent|data",
     .fallback = "latent", .choices = ends, .help = "z = f^-1(x) of rows of data, or x = f(z) of latent rows"},
    {.name = "output", .letter = 'o', .kind = OPT_TEXT, .offset = offsetof(invert_args, output), .value = "OUT",
     .help = "where the rows go: FILE.csv, FILE.h5[:/set], or - for CSV on standard output, which is the default; an "
             "HDF5 file keeps its other tables"},
    {.name = "logdet", .kind = OPT_FLAG, .offset = offsetof(invert_args, logdet),
     .help = "add a column \"logdet\": log|det dz/dx|, or log|det dx/dz| with --to data"},
    {.name = "skip-invalid", .kind = OPT_FLAG, .offset = offsetof(invert_args, skip_invalid),
     .help = "drop rows with missing or non-finite values, and say how many, instead of stopping at the first"},
    {.name = "float", .kind = OPT_FLAG, .offset = offsetof(invert_args, as_float),
     .help = "write single precision: half the size in HDF5, fewer digits in CSV"},
    OPT_COMMON_JSON(invert_args, "print {\"rows\", \"max_round_trip_error\", ...} on standard output; rows are then "
                                 "written only if -o names a file"),
    OPT_COMMON_THREADS(invert_args),
    OPT_COMMON_QUIET(invert_args),
    OPT_COMMON_HELP(invert_args),
    OPT_END,
};

/* Of one column of the input: its running mean and sum of squared deviations (Welford 1962), and the largest distance
 * between a value and what the round trip made of it. */
typedef struct column_tally {
    double mean, squares, error;
    int64_t n;
} column_tally;

typedef struct tally {
    int64_t rows, non_finite, first_non_finite;
    char place[FLOW_CULPRIT_SIZE]; /* where the first of them became so */
    column_tally *columns; /* (d) */
} tally;

/* Rows there and back: from (n, width), to (n, d), and by how much they miss where they came from, missed (n, d). */
static void count(tally *sum, const session *s, flow_direction end, const double *from, const double *to,
                  const double *missed, const int64_t *numbers, size_t n)
{
    size_t d = (size_t)s->dim, width = (size_t)s->width;
    for (size_t i = 0; i < n; i++) {
        bool finite = true;
        for (size_t k = 0; k < d; k++)
            finite = finite && isfinite(to[i * d + k]) && isfinite(missed[i * d + k]);
        sum->rows++;
        if (!finite) {
            if (sum->non_finite++ == 0) {
                sum->first_non_finite = numbers[i];
                flow_rows_explain(s->runner, end, true, from + i * width, sum->place, sizeof sum->place);
            }
            continue;
        }
        for (size_t k = 0; k < d; k++) {
            column_tally *c = &sum->columns[k];
            double value = from[i * width + k], error = fabs(missed[i * d + k]), from_mean = value - c->mean;
            c->n++;
            c->mean += from_mean / (double)c->n;
            c->squares += from_mean * (value - c->mean);
            if (error > c->error)
                c->error = error;
        }
    }
}

/* The round-trip error that is reported. */
typedef struct round_trip {
    double relative; /* largest, in standard deviations of its column; of latent rows in those of the base */
    double absolute; /* the same in the units of that column */
    int column;
} round_trip;

static round_trip largest_error(const tally *sum, int d, bool to_data)
{
    round_trip most = {0};
    for (int k = 0; k < d; k++) {
        const column_tally *c = &sum->columns[k];
        double deviation = c->n > 1 ? sqrt(c->squares / (double)(c->n - 1)) : 0;
        if (to_data)
            deviation = 1;
        else if (!(deviation > 0)) /* one row, or equal ones, have no spread to compare with */
            deviation = fabs(c->mean) > 0 ? fabs(c->mean) : 1;
        if (c->error / deviation > most.relative)
            most = (round_trip){c->error / deviation, c->error, k};
    }
    return most;
}

static flow_status map_rows(const invert_args *args, session *s, input *in, sink *out, tally *sum, flow_error *err)
{
    size_t d = (size_t)s->dim, c = (size_t)s->n_context, width = d + c, n_out = width + (args->logdet ? 1 : 0), n = 0;
    size_t chunk = input_chunk(s->width);
    flow_status status = FLOW_OK;
    double *from = calloc(chunk, width * sizeof *from), *to = calloc(chunk, d * sizeof *to);
    double *missed = calloc(chunk, d * sizeof *missed), *logdet = calloc(chunk, sizeof *logdet);
    double *rows = calloc(chunk, n_out * sizeof *rows);
    int64_t *numbers = calloc(chunk, sizeof *numbers);
    if (from == NULL || to == NULL || missed == NULL || logdet == NULL || rows == NULL || numbers == NULL) {
        status = flow_error_memory(err, "the rows");
        goto done;
    }
    while (!out->closed && !stop_asked()) {
        status = input_read(in, from, numbers, chunk, &n, err);
        if (status != FLOW_OK || n == 0)
            break;
        flow_direction end = args->to == TO_LATENT ? FLOW_TO_LATENT : FLOW_TO_DATA;
        flow_rows_round_trip(s->runner, end, from, n, to, args->logdet ? logdet : NULL, missed);
        for (size_t i = 0; i < n; i++) {
            memcpy(rows + i * width, to + i * d, d * sizeof *to);
            memcpy(rows + i * width + d, from + i * width + d, c * sizeof *to);
        }
        count(sum, s, end, from, to, missed, numbers, n);
        for (size_t i = n; args->logdet && i-- > 0;) {
            memmove(rows + i * n_out, rows + i * width, width * sizeof *rows);
            rows[i * n_out + width] = logdet[i];
        }
        status = sink_write(out, rows, n, err);
        if (status != FLOW_OK)
            break;
    }
    if (status == FLOW_OK && stop_asked())
        status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
done:
    free(rows);
    free(from);
    free(to);
    free(missed);
    free(logdet);
    free(numbers);
    return status;
}

static flow_status report(const invert_args *args, console *con, const session *s, const input *in,
                          const char *const *names, const tally *sum, flow_error *err)
{
    char number[FORMAT_SIZE], other[FORMAT_SIZE];
    flow_direction to = args->to == TO_LATENT ? FLOW_TO_LATENT : FLOW_TO_DATA;
    round_trip most = largest_error(sum, s->dim, args->to == TO_DATA);
    int64_t skipped = flow_reader_n_skipped(in->reader);
    if (skipped > 0)
        console_warn(con, "%s: %s invalid rows were skipped", args->data, format_count(number, skipped));
    if (sum->non_finite > 0)
        console_warn(con, "%s of %s rows have no finite image or do not come back, the first is row %lld%s%s",
                     format_count(number, sum->non_finite), format_count(other, sum->rows),
                     (long long)sum->first_non_finite + 1,
                     sum->place[0] != '\0' ? ", which fails in "
                                             : "; such rows lie outside of what the model can describe",
                     sum->place);
    if (most.relative > 0.01)
        console_warn(con, "the round trip loses up to %s standard deviations (column %s); the model is close to "
                     "singular there: make PRECISION=double has more digits", format_error(number, most.relative),
                     names[most.column]);
    if (!args->common.json) {
        flow_text text = {0};
        flow_text_add(&text, "%s rows; largest round-trip error %s standard "
                             "deviations", format_count(number, sum->rows),
                      format_error(other, most.relative));
        if (args->to == TO_LATENT)
            flow_text_add(&text, " (%s in the units of %s)", format_error(number, most.absolute), names[most.column]);
        flow_text_add(&text, "%s", session_evaluations(number, s, to));
        if (!output_is_standard(args->output))
            flow_text_add(&text, "; written to %s", args->output);
        if (!text.failed)
            console_note(con, "%s", text.data);
        flow_text_free(&text);
        return FLOW_OK;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", s->model->path);
    cJSON_AddStringToObject(object, "data", args->data);
    cJSON_AddStringToObject(object, "to", ends[args->to]);
    cJSON_AddNumberToObject(object, "rows", (double)sum->rows);
    cJSON_AddNumberToObject(object, "max_round_trip_error", most.relative);
    cJSON_AddNumberToObject(object, "max_round_trip_error_absolute", most.absolute);
    cJSON_AddStringToObject(object, "column", names[most.column]);
    cJSON_AddNumberToObject(object, "non_finite", (double)sum->non_finite);
    session_add_evaluations(object, s, to);
    cJSON_AddNumberToObject(object, "skipped", (double)skipped);
    if (args->output != NULL)
        cJSON_AddStringToObject(object, "output", args->output);
    flow_status status = output_json(object, err);
    cJSON_Delete(object);
    return status;
}

/* z1, z2, ..., zd: owned, in one piece of memory with their pointers. */
static char **latent_names(int d)
{
    enum { SIZE = 16 };
    char **names = malloc((size_t)d * (sizeof *names + SIZE));
    for (int k = 0; names != NULL && k < d; k++) {
        names[k] = (char *)(names + d) + (size_t)k * SIZE;
        snprintf(names[k], SIZE, "z%d", k + 1);
    }
    return names;
}

static flow_status run(void *args_, console *con, flow_error *err)
{
    invert_args *args = args_;
    session s = {0};
    input in = {0};
    sink out = {0};
    tally sum = {0};
    char **latent = NULL;
    const char **columns = NULL, **read = NULL;
    flow_status status = session_check_output(&args->common, args->output, err);
    if (status == FLOW_OK)
        status = session_open(&s, args->model, &args->common, err);
    if (status != FLOW_OK)
        goto done;
    latent = latent_names(s.dim);
    const char *const *latent_columns = (const char *const *)latent;
    const char *const *from = args->to == TO_LATENT ? s.columns : latent_columns;
    const char *const *to = args->to == TO_LATENT ? latent_columns : s.columns;
    if (latent != NULL) {
        read = session_names(&s, from);
        columns = session_names(&s, to);
    }
    sum.columns = calloc((size_t)s.dim, sizeof *sum.columns);
    if (read == NULL || columns == NULL || sum.columns == NULL) {
        status = flow_error_memory(err, "column names");
        goto done;
    }
    columns[s.width] = "logdet";
    const input_options wanted = {.columns = read, .n_columns = s.width, .numbered = s.numbered, .chosen = s.chosen,
                                  .skip_invalid = args->skip_invalid};
    status = input_open(&in, args->data, &wanted, err);
    if (status == FLOW_OK && (!args->common.json || args->output != NULL))
        status = sink_open(&out, args->output, columns, s.width + (args->logdet ? 1 : 0), args->as_float, args->data,
                           err);
    if (status != FLOW_OK)
        goto done;
    stop_watch();
    status = map_rows(args, &s, &in, &out, &sum, err);
    if (status == FLOW_OK)
        status = sink_finish(&out, err);
    if (status == FLOW_OK && !out.closed)
        status = report(args, con, &s, &in, from, &sum, err);
done:
    sink_release(&out);
    input_close(&in);
    session_close(&s);
    free(sum.columns);
    free(columns);
    free(read);
    free(latent);
    return status;
}

const command command_invert = {
    .name = "invert",
    .summary = "take rows of data to the latent space, z = f^-1(x), or back, x = f(z)",
    .description = "Maps each row and checks the map: the rows are taken back, and the largest difference to the input "
                   "is reported, in standard deviations of its column. Latent columns are named z1, z2, ...; --to data "
                   "reads such columns by name, or the columns of data without names by position. The context of a "
                   "conditional model is read beside them and written behind them.",
    .examples = "  flowctl invert moons.h5 events.csv -o latent.csv\n"
                "  flowctl invert moons.h5 latent.csv --to data -o events-again.csv\n"
                "  flowctl invert moons.h5 events.csv --json",
    .arguments = arguments,
    .options = options,
    .args_size = sizeof(invert_args),
    .run = run,
};
