/* The model file of a training run. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session.h"
#include "train.h"
#include "version.h"

/* ---- provenance ---- */

/* A word as a shell would read it back. */
static void add_word(flow_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^";
    flow_text_add(text, "%s", text->length > 0 ? " " : "");
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        flow_text_add(text, "%s", word);
        return;
    }
    flow_text_add(text, "'");
    for (const char *c = word; *c != '\0'; c++)
        flow_text_add(text, *c == '\'' ? "'\\''" : "%c", *c);
    flow_text_add(text, "'");
}

static cJSON *describe_run(const train_run *run)
{
    char host[256] = "unknown", date[32] = "";
    gethostname(host, sizeof host - 1);
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    flow_text typed = {0};
    for (int i = 0; i < run->args->common.argc; i++)
        add_word(&typed, run->args->common.argv[i]);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "command", typed.data != NULL ? typed.data : "");
    cJSON_AddStringToObject(object, "host", host);
    cJSON_AddStringToObject(object, "date", date);
    cJSON_AddStringToObject(object, "version", version_program());
    cJSON_AddNumberToObject(object, "threads", session_threads(&run->args->common));
    cJSON_AddNumberToObject(object, "first_epoch", (double)run->first_epoch + 1);
    cJSON_AddItemToObject(object, "libraries", version_libraries());
    flow_text_free(&typed);
    return object;
}

/* {"program", "version", "data": {...}, "runs": [{"command", "host", "date", ...}, ...]}: one run for each time the
 * training was started or resumed. */
static cJSON *provenance(const train_run *run)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "program", "flowctl");
    cJSON_AddStringToObject(object, "version", version_program());
    cJSON_AddItemToObject(object, "data", train_describe_data(run));
    cJSON *runs = run->earlier_runs != NULL ? cJSON_Duplicate(run->earlier_runs, 1) : cJSON_CreateArray();
    if (!run->resumed || run->progress.rows > 0)
        cJSON_AddItemToArray(runs, describe_run(run));
    cJSON_AddItemToObject(object, "runs", runs);
    return object;
}

/* ---- summary ---- */

/* `data` is NULL for draws. */
static void add_likelihood(cJSON *object, const char *key, double mean, double error, const flow_dataset *data)
{
    cJSON *estimate = cJSON_AddObjectToObject(object, key);
    cJSON_AddNumberToObject(estimate, "mean", mean);
    cJSON_AddNumberToObject(estimate, "standard_error", error);
    if (data != NULL && flow_dataset_is_weighted(data))
        cJSON_AddNumberToObject(estimate, "effective_rows", flow_dataset_effective_rows(data));
}

/* What solving took in the best epoch, where blocks solve equations. */
static void add_evaluations(cJSON *object, const double *line)
{
    if (!(line[FLOW_EPOCH_EVALUATIONS] > 0))
        return;
    cJSON *evaluations = cJSON_AddObjectToObject(object, "evaluations");
    cJSON_AddNumberToObject(evaluations, "mean", line[FLOW_EPOCH_EVALUATIONS]);
    cJSON_AddNumberToObject(evaluations, "most", line[FLOW_EPOCH_MOST_EVALUATIONS]);
}

cJSON *train_summary(const train_run *run)
{
    int64_t n = 0, best = flow_trainer_best_epoch(run->trainer);
    const double *history = flow_trainer_history(run->trainer, &n);
    double seconds = 0;
    for (int64_t i = 0; i < n; i++)
        seconds += history[i * FLOW_EPOCH_COLUMNS + FLOW_EPOCH_SECONDS];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "status", run->outcome);
    cJSON_AddNumberToObject(object, "epochs", (double)n);
    cJSON_AddNumberToObject(object, "best_epoch", (double)best);
    cJSON_AddNumberToObject(object, "seconds", round(seconds * 1000) / 1000);
    if (train_n_held_out(run) > 0 && best >= 1 && best <= n) {
        const double *line = history + (best - 1) * FLOW_EPOCH_COLUMNS;
        add_likelihood(object, "validation", line[FLOW_EPOCH_VALIDATION], line[FLOW_EPOCH_VALIDATION_ERROR],
                       run->validation);
    }
    if (run->held_out.rows > 0)
        add_likelihood(object, "test", run->held_out.mean, run->held_out.error, run->test);
    if (run->estimate.draws > 0)
        cJSON_AddItemToObject(object, "density", train_describe_estimate(run));
    if (best >= 1 && best <= n)
        add_evaluations(object, history + (best - 1) * FLOW_EPOCH_COLUMNS);
    return object;
}

/* ---- saving ---- */

flow_status train_save(train_run *run, flow_error *err)
{
    double began = flow_seconds();
    flow_model_contents contents = {
        .spec = run->p.spec,
        .f = flow_trainer_best_flow(run->trainer),
        .weights = flow_trainer_best(run->trainer),
        .columns = train_columns(run),
        .history_columns = flow_epoch_columns,
        .n_history_columns = FLOW_EPOCH_COLUMNS,
    };
    contents.history = flow_trainer_history(run->trainer, &contents.n_epochs);
    flow_trainer_state(run->trainer, &contents.state, &contents.n_state);
    cJSON *from = provenance(run), *summary = train_summary(run);
    contents.provenance = from;
    contents.summary = summary;
    flow_status status = flow_model_save(run->output, &contents, err);
    cJSON_Delete(from);
    cJSON_Delete(summary);
    run->saved = flow_seconds();
    run->save_cost = run->saved - began;
    return status;
}

bool train_is_news(const train_run *run)
{
    if (!run->resumed || run->progress.rows > 0)
        return true;
    cJSON *summary = train_summary(run);
    bool same = cJSON_Compare(summary, run->earlier_summary, 1);
    cJSON_Delete(summary);
    return !same;
}

bool train_save_is_due(const train_run *run)
{
    return flow_seconds() - run->saved >= 20 * run->save_cost;
}
