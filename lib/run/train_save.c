/* The model file of a training run. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "model/file.h"
#include "num/math_mode.h"
#include "run/origin.h"
#include "run/root.h"
#include "run/train_run.h"

/* ---- provenance ---- */

/* A word as a shell would read it back. */
static void provenance_add_word(flow_text *text, const char *word)
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

static cJSON *provenance_run_json(const train_run *run)
{
    char host[256] = "unknown", date[32] = "";
    gethostname(host, sizeof host - 1);
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    flow_text typed = {0};
    flow_text_add(&typed, "%s", "");
    for (int i = 0; i < run->options->argc; i++)
        provenance_add_word(&typed, run->options->argv[i]);
    flow_training_run this_run = {.command = typed.data, .host = host, .date = date, .version = flow_program_version(),
                                  .first_epoch = run->out->first_epoch + 1, .threads = run->x->n_threads,
                                  .math = flow_math_names[flow_math_mode()]};
    flow_libraries_find(&this_run.libraries);
    cJSON *object = typed.failed ? NULL : flow_report_json(flow_training_run_fields, &this_run, NULL);
    flow_text_free(&typed);
    return object;
}

/* {"program", "version", "data": {...}, "runs": [{"command", "host", "date", ...}, ...]}: one run for each time the
 * training was started or resumed. */
static cJSON *provenance_json(const train_run *run, flow_error *err)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *runs = run->earlier_runs != NULL ? cJSON_Duplicate(run->earlier_runs, 1) : cJSON_CreateArray();
    bool good = object != NULL && flow_report_add(object, "program", cJSON_CreateString("flowctl")) &&
                flow_report_add(object, "version", cJSON_CreateString(flow_program_version())) &&
                flow_report_add(object, "data", flow_experiment_describe_data(run->x, NULL)) && runs != NULL &&
                ((run->out->resumed && !run->stepped) || flow_report_add(runs, NULL, provenance_run_json(run)));
    if (good && flow_report_add(object, "runs", runs))
        return object;
    if (!good)
        cJSON_Delete(runs);
    cJSON_Delete(object);
    flow_error_memory(err, "the provenance of a model");
    return NULL;
}

/* ---- summary ---- */

/* `data` is NULL for draws. */
static flow_held_out summary_held_out(const flow *f, flow_mean logprob, const flow_dataset *data)
{
    const bool weighted = data != NULL && data->is_weighted;
    return (flow_held_out){logprob, flow_bits_of(f, logprob), weighted ? data->effective_rows : NAN,
                           data != NULL ? data->n_rows : 0, true, weighted};
}

void train_summarize(flow_train_summary *out, const train_run *run)
{
    const flow_likelihood *test = &run->held_out;
    const flow_estimate *e = &run->estimate;
    int64_t n = 0, best = flow_trainer_best_epoch(run->trainer);
    const flow_epoch *history = flow_trainer_history(run->trainer, &n);
    double seconds = 0;
    for (int64_t i = 0; i < n; i++)
        seconds += history[i].seconds;
    *out = (flow_train_summary){.status = run->outcome, .epochs = n, .best_epoch = best,
                                .seconds = round(seconds * 1000) / 1000};
    if (best >= 1 && best <= n) {
        const flow_epoch *epoch = &history[best - 1];
        flow_mean validation = {epoch->validation, epoch->validation_error};
        if (run->chosen.rows > 0)
            validation = (flow_mean){run->chosen.mean, run->chosen.error};
        if (run->x->n_held_out > 0)
            out->validation = summary_held_out(run->x->f, validation, run->x->validation);
        out->solving = (flow_solving){epoch->evaluations, epoch->most_evaluations, epoch->evaluations > 0};
    }
    if (test->rows > 0)
        out->test = summary_held_out(run->x->f, (flow_mean){test->mean, test->error}, run->x->test);
    out->density = (flow_train_density){e->draws, {e->bound, e->bound_error}, {e->log_z, e->log_z_error}, e->effective,
                                        e->pareto_k, .any = e->draws > 0};
    flow_train_summary_complete(out);
}

static cJSON *summary_json(const train_run *run, flow_error *err)
{
    flow_train_summary summary;
    train_summarize(&summary, run);
    return flow_report_json(flow_train_summary_fields, &summary, err);
}

/* ---- saving ---- */

flow_status train_save(train_run *run, flow_error *err)
{
    double began = flow_seconds();
    if (!flow_is_root(run->options->comm)) {
        run->has_saved = true;
        run->saved = began;
        return FLOW_OK;
    }
    flow_model_contents contents = {
        .spec = run->x->spec, .f = flow_trainer_best_flow(run->trainer), .weights = flow_trainer_best(run->trainer),
        .columns = run->x->columns, .history_columns = flow_epoch_columns, .n_history_columns = FLOW_EPOCH_COLUMNS,
    };
    contents.history = flow_history_table(flow_trainer_history(run->trainer, &contents.n_epochs));
    cJSON *from = provenance_json(run, err), *summary = summary_json(run, err);
    flow_status status = from == NULL || summary == NULL ? FLOW_MEMORY : FLOW_OK;
    contents.provenance = from;
    contents.summary = summary;
    flow_trainer_state(run->trainer, &contents.state, &contents.n_state);
    if (status == FLOW_OK)
        status = flow_model_save(run->output, &contents, err);
    run->has_saved = run->has_saved || status == FLOW_OK;
    cJSON_Delete(from);
    cJSON_Delete(summary);
    run->saved = flow_seconds();
    run->save_cost = run->saved - began;
    return status;
}

bool train_is_news(const train_run *run)
{
    if (!run->out->resumed || run->stepped)
        return true;
    cJSON *summary = summary_json(run, NULL);
    bool same = cJSON_Compare(summary, run->earlier_summary, 1);
    cJSON_Delete(summary);
    return !same;
}

bool train_save_is_due(const train_run *run)
{
    return flow_seconds() - run->saved >= 20 * run->save_cost;
}
