/* What `flowctl train` shows. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "output.h"
#include "session.h"
#include "train.h"

enum { LINE_SIZE = 320 };

/* Weights that differ much leave less to learn from than the number of rows says. */
static void show_weights(const train_run *run)
{
    char effective[FORMAT_SIZE], weightless[FORMAT_SIZE];
    if (run->training == NULL || !flow_dataset_is_weighted(run->training))
        return;
    int64_t n = flow_dataset_n_weightless(run->training);
    console_note(run->con, "weighted by %s: the rows say as much as %s of equal weight%s%s%s", run->p.spec->weight,
                 format_count(effective, llround(flow_dataset_effective_rows(run->training))),
                 n > 0 ? "; left out for a weight of 0: " : "", n > 0 ? format_count(weightless, n) : "",
                 n > 0 ? " rows" : "");
}

void train_show_start(const train_run *run)
{
    char rows[FORMAT_SIZE], parameters[FORMAT_SIZE], held_out[FORMAT_SIZE], validation[FORMAT_SIZE + 32] = "";
    char given[48] = "";
    const flow *f = run->p.f;
    int threads = session_threads(&run->args->common);
    format_count(rows, train_n_rows(run));
    format_count(parameters, (int64_t)flow_params_count(&f->params));
    if (train_n_held_out(run) > 0)
        snprintf(validation, sizeof validation, ", validated on %s", format_count(held_out, train_n_held_out(run)));
    if (f->context.n > 0)
        snprintf(given, sizeof given, " given %d other%s", f->context.n, f->context.n == 1 ? "" : "s");
    console_note(run->con, "%s: %s %s of %d column%s%s%s%s, %s parameters, %d thread%s", run->p.spec->name, rows,
                 train_noun(run), f->dim, f->dim == 1 ? "" : "s", given, run->target != NULL ? " an epoch" : "",
                 validation, parameters, threads, threads == 1 ? "" : "s");
    show_weights(run);
    if (train_n_held_out(run) == 0)
        console_note(run->con, "no validation data: all %lld epochs are run and the last weights are kept; "
                     "data.validation: 0.1 would hold out a tenth of the rows and keep the best "
                     "ones", (long long)flow_trainer_epochs(run->trainer));
    if (run->resumed)
        console_note(run->con, "resumed after %lld epoch%s", (long long)run->first_epoch,
                     run->first_epoch == 1 ? "" : "s");
}

/* "-2.105 +- 0.020", or "" without validation */
static void validation_text(char out[FORMAT_SIZE], const train_run *run)
{
    int64_t n = 0;
    const double *history = flow_trainer_history(run->trainer, &n);
    const double *last = n > 0 ? history + (n - 1) * FLOW_EPOCH_COLUMNS : NULL;
    out[0] = '\0';
    if (last != NULL && train_n_held_out(run) > 0)
        format_estimate_fixed(out, last[FLOW_EPOCH_VALIDATION], last[FLOW_EPOCH_VALIDATION_ERROR]);
}

/* "  36 evaluations a solve", or "" where nothing is solved */
static const char *evaluations_text(char out[FORMAT_SIZE], double evaluations)
{
    out[0] = '\0';
    if (evaluations > 0)
        snprintf(out, FORMAT_SIZE, "  %.0f evaluations a solve", evaluations);
    return out;
}

static int digits_of(int64_t n)
{
    return snprintf(NULL, 0, "%lld", (long long)n);
}

void train_show_step(train_run *run, const flow_progress *progress)
{
    run->progress = *progress;
    if (!run->con->terminal || run->con->quiet)
        return;
    double now = flow_seconds();
    if (now - run->shown < 0.1)
        return;
    run->shown = now;
    char line[LINE_SIZE], validation[FORMAT_SIZE], rate[FORMAT_SIZE], left[FORMAT_SIZE], evaluations[FORMAT_SIZE];
    validation_text(validation, run);
    bool loss = flow_objective_interpolant(&run->p.objective) != NULL;
    snprintf(line, sizeof line, "epoch %*lld/%lld %3.0f%%  train %s%.4f%s%s  ETA %s  %s%s", digits_of(progress->epochs),
             (long long)progress->epoch, (long long)progress->epochs,
             100 * (double)progress->row / (double)progress->rows, loss ? "loss " : "",
             loss ? -progress->training : progress->training,
             validation[0] != '\0' ? "  valid " : "", validation, format_duration(left, progress->seconds_left),
             format_rate(rate, progress->rows_per_second), evaluations_text(evaluations, progress->evaluations));
    console_live(run->con, line);
}

void train_show_epoch(train_run *run, const flow_epoch *epoch)
{
    if (run->con->terminal) /* the live line shows it */
        return;
    char validation[FORMAT_SIZE] = "", rate[FORMAT_SIZE], left[FORMAT_SIZE], evaluations[FORMAT_SIZE];
    int64_t epochs = flow_trainer_epochs(run->trainer);
    bool loss = flow_objective_interpolant(&run->p.objective) != NULL;
    if (train_n_held_out(run) > 0)
        format_estimate_fixed(validation, epoch->validation, epoch->validation_error);
    console_note(run->con, "epoch %*lld/%lld  training %s%.4f%s%s%s  rate %.2g  %s%s  ETA %s",
                 digits_of(epochs), (long long)epoch->epoch, (long long)epochs, loss ? "loss " : "",
                 loss ? -epoch->training : epoch->training, validation[0] != '\0' ? "  validation " : "", validation,
                 validation[0] == '\0' ? "" : epoch->best > 0 ? " *" : "  ", epoch->rate,
                 format_rate(rate, run->progress.rows_per_second),
                 evaluations_text(evaluations, epoch->evaluations), format_duration(left, run->progress.seconds_left));
}

/* ---- the end ---- */

static flow_status end_json(const train_run *run, cJSON *summary, flow_error *err)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", run->output);
    while (summary->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(summary, summary->child);
        cJSON_AddItemToObject(object, item->string, item);
    }
    cJSON_AddNumberToObject(object, "rows", (double)train_n_rows(run));
    cJSON_AddNumberToObject(object, "columns", run->p.f->dim);
    cJSON_AddNumberToObject(object, "parameters", (double)flow_params_count(&run->p.f->params));
    cJSON_AddNumberToObject(object, "threads", session_threads(&run->args->common));
    cJSON_AddBoolToObject(object, "resumed", run->resumed);
    if (run->profile != NULL)
        cJSON_AddItemToObject(object, "profile", train_describe_profile(run->profile));
    flow_status status = output_json(object, err);
    cJSON_Delete(object);
    return status;
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(node) ? node->valuedouble : NAN;
}

static void add_likelihood(flow_text *text, const cJSON *summary, const char *key, int64_t rows, const char *noun)
{
    const cJSON *estimate = cJSON_GetObjectItemCaseSensitive(summary, key);
    char number[FORMAT_SIZE], count[FORMAT_SIZE];
    if (estimate != NULL)
        flow_text_add(text, "  %-10s  %s nats (%s %s)\n", key,
                      format_estimate(number, number_of(estimate, "mean"), number_of(estimate, "standard_error")),
                      format_count(count, rows), noun);
}

static void add_density(flow_text *text, const cJSON *summary)
{
    const cJSON *density = cJSON_GetObjectItemCaseSensitive(summary, "density");
    if (density != NULL)
        format_density(text, density, 10);
}

static void add_evaluations(flow_text *text, const cJSON *summary)
{
    const cJSON *evaluations = cJSON_GetObjectItemCaseSensitive(summary, "evaluations");
    if (evaluations != NULL)
        format_evaluations(text, number_of(evaluations, "mean"), number_of(evaluations, "most"), 10);
}

static const char *reason(const train_run *run)
{
    if (strcmp(run->outcome, "converged") == 0)
        return ", no further improvement";
    if (strcmp(run->outcome, "interrupted") == 0)
        return ", interrupted";
    if (strcmp(run->outcome, "failed") == 0)
        return ", failed";
    return "";
}

flow_status train_show_end(const train_run *run, flow_error *err)
{
    cJSON *summary = train_summary(run);
    flow_text text = {0};
    flow_status status = FLOW_OK;
    char time[FORMAT_SIZE];
    if (run->args->common.json) {
        status = end_json(run, summary, err);
    } else if (!run->con->quiet) {
        int64_t epochs = (int64_t)number_of(summary, "epochs"), best = flow_trainer_best_epoch(run->trainer);
        flow_text_add(&text, "%s: %lld epoch%s in %s%s", run->output, (long long)epochs, epochs == 1 ? "" : "s",
                      format_duration(time, number_of(summary, "seconds")), reason(run));
        if (train_n_held_out(run) > 0 && best > 0)
            flow_text_add(&text, "; the best weights are those of epoch %lld", (long long)best);
        flow_text_add(&text, "\n");
        if (train_n_held_out(run) > 0)
            add_likelihood(&text, summary, "validation", train_n_held_out(run), train_noun(run));
        if (run->test != NULL)
            add_likelihood(&text, summary, "test", flow_dataset_n_rows(run->test), "rows");
        add_density(&text, summary);
        add_evaluations(&text, summary);
        if (run->profile != NULL)
            train_add_profile(&text, run->profile);
        console_clear(run->con);
        status = text.failed ? flow_error_memory(err, "the summary") : output_text(text.data, err);
    }
    flow_text_free(&text);
    cJSON_Delete(summary);
    return status;
}
