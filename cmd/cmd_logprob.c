/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "input.h"
#include "num/moments.h"
#include "output.h"
#include "session.h"
#include "sink.h"
#include "stop.h"

typedef struct logprob_args {
    common_args common;
    const char *model, *data, *output, *weight;
    int64_t worst;
    bool skip_invalid, as_float;
} logprob_args;

static const opt_argument arguments[] = {
    {"MODEL", offsetof(logprob_args, model), false, "a model file, or the spec that trained it"},
    {"DATA", offsetof(logprob_args, data), false, "FILE.csv, FILE.h5[:/set], or - for CSV on standard input"},
    {.name = NULL},
};

enum { WORST_MAX = 1000 };

static const opt options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPT_TEXT,
     .offset = offsetof(logprob_args, output),
     .value = "OUT",
     .help = "write one value per row: FILE.csv, FILE.h5[:/set], or - for standard output; an HDF5 file keeps its "
             "other tables"},
    {.name = "weight", .kind = OPT_TEXT, .offset = offsetof(logprob_args, weight), .value = "COLUMN",
     .help = "weigh the rows by this column in the mean and its error, instead of by the weight column that the model "
             "was trained with, which is used where the data have it"},
    {.name = "worst", .kind = OPT_INT, .offset = offsetof(logprob_args, worst), .value = "N", .fallback = "5",
     .least = 0, .most = WORST_MAX, .help = "name the N least likely rows"},
    {.name = "skip-invalid", .kind = OPT_FLAG, .offset = offsetof(logprob_args, skip_invalid),
     .help = "drop rows with missing or non-finite values, and say how many, instead of stopping at the first"},
    {.name = "float", .kind = OPT_FLAG, .offset = offsetof(logprob_args, as_float), .help = "write single precision"},
    OPT_COMMON_JSON(logprob_args,
                    "print {\"rows\", \"mean\", \"standard_error\", \"bits_per_dimension\", ...} on standard output"),
    OPT_COMMON_THREADS(logprob_args),
    OPT_COMMON_QUIET(logprob_args),
    OPT_COMMON_HELP(logprob_args),
    OPT_END,
};

typedef struct row_value {
    int64_t row; /* counted from 0 */
    double logp;
} row_value;

typedef struct tally {
    int64_t rows, finite; /* all rows, and those with a finite log-density */
    flow_moments moments; /* of the finite ones */
    bool estimates;       /* log-densities are estimates themselves */
    double variance;      /* of them: the sum of weight^2 variance */
    const char *weight;   /* the column of the weights; NULL: all rows count the same */
    row_value *worst;     /* (n_worst) ascending, finite ones only */
    int n_worst, n_worst_max;
    row_value odd[5];     /* the first ones that are not finite */
    char odd_place[FLOW_CULPRIT_SIZE]; /* and where the first of them became so */
    int64_t outside, first_outside; /* rows outside of the support, not among the odd ones; the first, counted from 0 */
    flow_error why;                 /* and what is the matter with it */
} tally;

static void count_worst(tally *sum, int64_t row, double logp)
{
    if (sum->n_worst_max == 0)
        return;
    if (sum->n_worst == sum->n_worst_max) {
        if (logp >= sum->worst[sum->n_worst - 1].logp)
            return;
        sum->n_worst--;
    }
    int at = sum->n_worst++;
    for (; at > 0 && sum->worst[at - 1].logp > logp; at--)
        sum->worst[at] = sum->worst[at - 1];
    sum->worst[at] = (row_value){row, logp};
}

/* x is the row, of a flow that may have a support. */
static void count_row(tally *sum, const session *s, const double *x, int64_t row, double logp, double variance,
                      double weight)
{
    flow_error why;
    if (logp == -INFINITY && flow_check_row(s->model->f, x, &why) != FLOW_OK) {
        if (sum->outside++ == 0) {
            sum->first_outside = row;
            sum->why = why;
        }
        sum->rows++;
        return;
    }
    if (!isfinite(logp)) {
        int64_t n_odd = sum->rows - sum->finite - sum->outside;
        if (n_odd == 0)
            flow_rows_explain(s->runner, FLOW_TO_LATENT, false, x, sum->odd_place, sizeof sum->odd_place);
        if (n_odd < (int64_t)(sizeof sum->odd / sizeof *sum->odd))
            sum->odd[n_odd] = (row_value){row, logp};
        sum->rows++;
        return;
    }
    sum->rows++;
    sum->finite++;
    flow_moments_add(&sum->moments, logp, weight);
    sum->variance += weight * weight * variance;
    count_worst(sum, row, logp);
}

static double standard_error(const tally *sum)
{
    if (sum->finite < 2)
        return NAN;
    return flow_moments_error(&sum->moments);
}

/* The part of it that estimates of the rows' log-densities have in it. */
static double estimator_error(const tally *sum)
{
    return sqrt(sum->variance) / flow_moments_weight(&sum->moments);
}

static double bits_per_dimension(const tally *sum, int d)
{
    return -flow_moments_mean(&sum->moments) / ((double)d * log(2.0));
}

static flow_status evaluate(session *s, input *in, sink *out, tally *sum, flow_error *err)
{
    size_t width = (size_t)s->width, n_read = (size_t)in->n_columns, chunk = input_chunk(in->n_columns), n = 0;
    flow_status status = FLOW_OK;
    double *x = calloc(chunk, n_read * sizeof *x), *weights = calloc(chunk, sizeof *weights);
    double *logp = calloc(chunk, sizeof *logp), *variance = calloc(chunk, sizeof *variance);
    double *out_rows = calloc(chunk, 2 * sizeof *out_rows);
    int64_t *numbers = calloc(chunk, sizeof *numbers);
    if (x == NULL || weights == NULL || logp == NULL || variance == NULL || out_rows == NULL || numbers == NULL) {
        status = flow_error_memory(err, "the rows");
        goto done;
    }
    while (!out->closed && !stop_asked()) {
        status = input_read(in, x, numbers, chunk, &n, err);
        if (status != FLOW_OK || n == 0)
            break;
        for (size_t i = 0; i < n; i++) {
            weights[i] = in->has_optional ? x[i * n_read + width] : 1;
            memmove(x + i * width, x + i * n_read, width * sizeof *x);
        }
        flow_rows_logp_variance(s->runner, x, n, logp, variance);
        for (size_t i = 0; i < n; i++) {
            count_row(sum, s, x + i * width, numbers[i], logp[i], variance[i], weights[i]);
            out_rows[2 * i] = logp[i];
            out_rows[2 * i + 1] = sqrt(variance[i]);
        }
        status = sink_write(out, sum->estimates ? out_rows : logp, n, err);
        if (status != FLOW_OK)
            break;
    }
    if (status == FLOW_OK && stop_asked())
        status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
done:
    free(x);
    free(weights);
    free(logp);
    free(variance);
    free(out_rows);
    free(numbers);
    return status;
}

static void warn_non_finite(console *con, const tally *sum)
{
    int64_t n = sum->rows - sum->finite - sum->outside;
    char count[FORMAT_SIZE], all[FORMAT_SIZE];
    if (sum->outside > 0)
        console_warn(con, "%s of %s rows are outside of the support: their density is 0, their log-density -inf, and "
                     "they are left out of the mean. The first is row %lld: %s", format_count(count, sum->outside),
                     format_count(all, sum->rows), (long long)sum->first_outside + 1, sum->why.message);
    if (n == 0)
        return;
    flow_text list = {0};
    for (int64_t i = 0; i < n && i < (int64_t)(sizeof sum->odd / sizeof *sum->odd); i++)
        flow_text_add(&list, "%s%lld (%g)", i == 0 ? "" : ", ", (long long)sum->odd[i].row + 1,
                      isnan(sum->odd[i].logp) ? (double)NAN : sum->odd[i].logp); /* never "-nan" */
    console_warn(con, "%s of %s rows have no finite log-density and are left out of the mean; row%s %s%s. %s%s",
                 format_count(count, n), format_count(all, sum->rows), n == 1 ? "" : "s",
                 list.data != NULL ? list.data : "", n > 5 ? ", ..." : "",
                 sum->odd_place[0] != '\0' ? "The first fails in "
                                           : "Such rows lie outside of what the model can describe",
                 sum->odd_place);
    flow_text_free(&list);
}

static flow_status report_json(const session *s, const input *in, const logprob_args *args, const tally *sum,
                               flow_error *err)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", s->model->path);
    cJSON_AddStringToObject(object, "data", args->data);
    cJSON_AddNumberToObject(object, "rows", (double)sum->rows);
    cJSON_AddNumberToObject(object, "mean", sum->finite > 0 ? flow_moments_mean(&sum->moments) : NAN);
    cJSON_AddNumberToObject(object, "standard_error", standard_error(sum));
    if (sum->estimates)
        cJSON_AddNumberToObject(object, "estimator_error", sum->finite > 0 ? estimator_error(sum) : NAN);
    cJSON_AddNumberToObject(object, "bits_per_dimension", sum->finite > 0 ? bits_per_dimension(sum, s->dim) : NAN);
    if (sum->weight != NULL) {
        cJSON_AddStringToObject(object, "weight", sum->weight);
        cJSON_AddNumberToObject(object, "effective_rows", flow_moments_effective(&sum->moments));
    }
    cJSON_AddNumberToObject(object, "non_finite", (double)(sum->rows - sum->finite));
    if (s->model->f->has_support)
        cJSON_AddNumberToObject(object, "outside_support", (double)sum->outside);
    if (s->model->f->n_discrete > 0) {
        cJSON_AddNumberToObject(object, "discrete_columns", s->model->f->n_discrete);
        cJSON_AddTrueToObject(object, "lower_bound");
    }
    session_add_evaluations(object, s, FLOW_TO_LATENT);
    cJSON_AddNumberToObject(object, "skipped", (double)flow_reader_n_skipped(in->reader));
    cJSON *worst = cJSON_AddArrayToObject(object, "worst");
    for (int i = 0; i < sum->n_worst; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddNumberToObject(entry, "row", (double)sum->worst[i].row + 1);
        cJSON_AddNumberToObject(entry, "logprob", sum->worst[i].logp);
        cJSON_AddItemToArray(worst, entry);
    }
    if (args->output != NULL)
        cJSON_AddStringToObject(object, "output", args->output);
    flow_status status = output_json(object, err);
    cJSON_Delete(object);
    return status;
}

static void report_text(flow_text *text, const session *s, const tally *sum)
{
    char number[FORMAT_SIZE];
    flow_text_add(text, "rows                  %s\n", format_count(number, sum->rows));
    if (sum->outside > 0)
        flow_text_add(text, "outside of support    %s\n", format_count(number, sum->outside));
    if (sum->finite + sum->outside < sum->rows)
        flow_text_add(text, "not finite            %s\n",
                      format_count(number, sum->rows - sum->finite - sum->outside));
    if (sum->finite == 0)
        return;
    if (sum->weight != NULL)
        flow_text_add(text, "effective rows        %s, by the weights in %s\n",
                      format_count(number, llround(flow_moments_effective(&sum->moments))), sum->weight);
    double mean = flow_moments_mean(&sum->moments);
    const flow *f = s->model->f;
    flow_text_add(text, "mean log-%s %s nats\n", f->n_discrete == f->dim ? "probability " : "density     ",
                  format_estimate(number, mean, standard_error(sum)));
    if (sum->estimates)
        flow_text_add(text, "                      from estimated traces, whose own standard error is %.2g\n",
                      estimator_error(sum));
    if (f->n_discrete > 0)
        flow_text_add(text, "                      a lower bound: %d column%s discrete, and counted by the probability "
                      "of the value\n", f->n_discrete, f->n_discrete == 1 ? " is" : "s are");
    flow_text_add(text, fabs(mean) < 1e7 ? "bits per dimension    %.4f\n" : "bits per dimension    %.6g\n",
                  bits_per_dimension(sum, s->dim));
    const flow_effort effort = flow_runner_effort(s->runner, FLOW_TO_LATENT);
    if (effort.rows > 0)
        flow_text_add(text, "solving               %.1f evaluations a solve, %.0f for the hardest row\n",
                      flow_effort_mean(&effort, f), flow_effort_most(&effort, f));
    for (int i = 0; i < sum->n_worst; i++)
        flow_text_add(text, "%-20s  %s at row %lld\n", i == 0 ? "least likely rows" : "",
                      format_value(number, sum->worst[i].logp), (long long)sum->worst[i].row + 1);
}

static flow_status report(const session *s, const input *in, const logprob_args *args, console *con, const tally *sum,
                          flow_error *err)
{
    char number[FORMAT_SIZE];
    int64_t skipped = flow_reader_n_skipped(in->reader);
    warn_non_finite(con, sum);
    if (skipped > 0)
        console_warn(con, "%s: %s invalid rows were skipped", args->data, format_count(number, skipped));
    if (args->common.json)
        return report_json(s, in, args, sum, err);
    flow_status status = FLOW_OK;
    flow_text text = {0};
    report_text(&text, s, sum);
    if (text.failed)
        status = flow_error_memory(err, "the report");
    else if (args->output != NULL && output_is_standard(args->output)) /* the rows are the result there */
        console_note(con, "%.*s", (int)(text.length - 1), text.data);
    else
        status = output_text(text.data, err);
    flow_text_free(&text);
    return status;
}

/* The columns to read: those of the model, and the weight if somebody asks for one. */
static flow_status open_input(input *in, const session *s, const logprob_args *args, console *con, flow_error *err)
{
    const char *weight = args->weight != NULL ? args->weight : s->model->spec->weight;
    const char **names = session_names(s, s->columns);
    if (names == NULL)
        return flow_error_memory(err, "column names");
    const input_options wanted = {.columns = names, .n_columns = s->width, .numbered = s->numbered,
                                  .chosen = s->chosen, .optional = weight, .skip_invalid = args->skip_invalid};
    flow_status status = FLOW_OK;
    for (int i = 0; args->weight != NULL && i < s->width && status == FLOW_OK; i++)
        if (strcmp(names[i], args->weight) == 0)
            status = flow_error_set(err, FLOW_ARGUMENT, "--weight %.80s: is a column of the model and no weight",
                                    args->weight);
    if (status == FLOW_OK)
        status = input_open(in, args->data, &wanted, err);
    free(names);
    if (status != FLOW_OK || weight == NULL || in->has_optional)
        return status;
    if (args->weight != NULL)
        return flow_error_set(err, FLOW_DATA, "%s: there is no column \"%.80s\" to weigh the rows by", args->data,
                              weight);
    console_warn(con, "%s: has no column \"%s\", by which the training data were weighed; all rows count the same",
                 args->data, weight);
    return FLOW_OK;
}

static flow_status run(void *args_, console *con, flow_error *err)
{
    static const char *const columns[] = {"logprob", "standard_error"};
    logprob_args *args = args_;
    session s = {0};
    input in = {0};
    sink out = {0};
    row_value worst[WORST_MAX];
    tally sum = {.worst = worst, .n_worst_max = (int)args->worst};
    flow_status status = session_check_output(&args->common, args->output, err);
    if (status == FLOW_OK)
        status = session_open(&s, args->model, &args->common, err);
    if (status == FLOW_OK)
        status = open_input(&in, &s, args, con, err);
    if (status == FLOW_OK)
        sum.estimates = flow_estimates(s.model->f);
    if (in.has_optional)
        sum.weight = args->weight != NULL ? args->weight : s.model->spec->weight;
    if (status == FLOW_OK && args->output != NULL)
        status = sink_open(&out, args->output, columns, sum.estimates ? 2 : 1, args->as_float, args->data, err);
    if (status != FLOW_OK)
        goto done;
    stop_watch();
    status = evaluate(&s, &in, &out, &sum, err);
    if (status == FLOW_OK && sum.rows == 0 && !out.closed)
        status = flow_error_set(err, FLOW_DATA, "%s: there are no %srows in it", args->data,
                                flow_reader_n_skipped(in.reader) > 0 ? "valid " : "");
    if (status == FLOW_OK && sum.finite > 0 && !(flow_moments_weight(&sum.moments) > 0))
        status = flow_error_set(err, FLOW_DATA, "%s: the sum of the weights is not positive, so there is no weighted "
                                "mean", args->data);
    if (status == FLOW_OK)
        status = sink_finish(&out, err);
    if (status == FLOW_OK && !out.closed)
        status = report(&s, &in, args, con, &sum, err);
done:
    sink_release(&out);
    input_close(&in);
    session_close(&s);
    return status;
}

const command command_logprob = {
    .name = "logprob",
    .summary = "the log-density of each row of data, and its mean with a standard error",
    .description = "Evaluates log p(x) in nats, in the units of the data, and prints its mean over all rows, the "
                   "standard error of that mean, bits per dimension (-mean / (d ln 2)) and the least likely rows. "
                   "Columns are matched by name: their order does not matter and further ones are ignored; data "
                   "without names are matched by position. A conditional model reads the columns of its context "
                   "too. Of a model whose log-densities are estimates (ffjord in many dimensions) each row gets a "
                   "second value, the standard error of its estimate.",
    .examples = "  flowctl logprob moons.h5 data/two_moons.h5:/test\n"
                "  flowctl logprob moons.h5 events.csv -o logprob.csv\n"
                "  zcat events.csv.gz | flowctl logprob moons.h5 - --json",
    .arguments = arguments,
    .options = options,
    .args_size = sizeof(logprob_args),
    .run = run,
};
