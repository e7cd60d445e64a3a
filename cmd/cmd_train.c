/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"
#include "stop.h"
#include "train.h"

static const opt_argument arguments[] = {
    {"SPEC", offsetof(train_args, spec), false, "what to train, on what, and where the model goes: a JSON file"},
    {.name = NULL},
};

static const opt options[] = {
    {.name = "data", .letter = 'd', .kind = OPT_TEXT, .offset = offsetof(train_args, data), .value = "DATA",
     .help = "training data, instead of data.train of the spec: FILE.csv or FILE.h5[:/set]"},
    {.name = "validation", .kind = OPT_TEXT, .offset = offsetof(train_args, validation), .value = "DATA",
     .help = "validation data, instead of data.validation; a number between 0 and 1 is the share of the training rows "
             "to hold out"},
    {.name = "test", .kind = OPT_TEXT, .offset = offsetof(train_args, test), .value = "DATA",
     .help = "data to evaluate once, at the end, instead of data.test"},
    {.name = "output", .letter = 'o', .kind = OPT_TEXT, .offset = offsetof(train_args, output), .value = "MODEL",
     .help = "the model file, instead of \"output\" of the spec"},
    {.name = "set", .kind = OPT_TEXTS, .offset = offsetof(train_args, set), .value = "KEY=VALUE",
     .help = "override any key of the spec, for example train.epochs=5 or flow[1].hidden=[64,64]; may be repeated"},
    {.name = "columns", .kind = OPT_TEXT, .offset = offsetof(train_args, columns), .value = "A,B,C",
     .help = "the columns to use, in this order, instead of data.columns"},
    {.name = "seed", .letter = 's', .kind = OPT_TEXT, .offset = offsetof(train_args, seed), .value = "N",
     .help = "the seed of everything random, instead of \"seed\" of the spec"},
    {.name = "skip-invalid", .kind = OPT_FLAG, .offset = offsetof(train_args, skip_invalid),
     .help = "drop rows with missing or non-finite values, and say how many, instead of stopping at the first"},
    {.name = "resume", .letter = 'r', .kind = OPT_FLAG, .offset = offsetof(train_args, resume),
     .help = "go on where an earlier run stopped, as if it had not; start afresh when there is nothing yet"},
    {.name = "force", .letter = 'f', .kind = OPT_FLAG, .offset = offsetof(train_args, force),
     .help = "replace a model that exists"},
    {.name = "profile", .kind = OPT_FLAG, .offset = offsetof(train_args, profile),
     .help = "show at the end where the time went: reading, matrix products, elementwise work, waiting, optimizer"},
    OPT_COMMON_JSON(train_args, "print {\"model\", \"epochs\", \"best_epoch\", \"seconds\", \"validation\", \"test\", "
                                "...} on standard output at the end"),
    OPT_COMMON_THREADS(train_args),
    {.name = "quiet", .letter = 'q', .kind = OPT_FLAG, .offset = offsetof(train_args, common.quiet),
     .help = "show no progress and no summary; warnings and errors remain"},
    OPT_COMMON_HELP(train_args),
    OPT_END,
};

/* ---- options that override keys of the spec ---- */

enum { EXTRA = 8 };

typedef struct overrides {
    const char *at[OPT_TEXTS_MAX + EXTRA];
    int n;
    char *owned[EXTRA];
    int n_owned;
} overrides;

/* KEY=<JSON of value>; takes the value over. */
static flow_status add_override(overrides *list, const char *key, cJSON *value, flow_error *err)
{
    char *json = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    char *text = json != NULL ? flow_format("%s=%s", key, json) : NULL;
    free(json);
    cJSON_Delete(value);
    if (text == NULL)
        return flow_error_memory(err, key);
    list->owned[list->n_owned++] = text;
    list->at[list->n++] = text;
    return FLOW_OK;
}

/* A path on the command line is relative to where the command is run, one in a spec to the spec. */
static flow_status add_path(overrides *list, const char *key, const char *path, flow_error *err)
{
    if (path == NULL)
        return FLOW_OK;
    char here[4096];
    if (getcwd(here, sizeof here) == NULL)
        return flow_error_set(err, FLOW_IO, "the current folder cannot be found out; use absolute paths");
    char *absolute = flow_path_join(here, path);
    cJSON *value = absolute != NULL ? cJSON_CreateString(absolute) : NULL;
    free(absolute);
    return add_override(list, key, value, err);
}

static cJSON *split_columns(const char *names)
{
    cJSON *list = cJSON_CreateArray();
    while (list != NULL) {
        size_t length = strcspn(names, ",");
        char *name = flow_format("%.*s", (int)length, names);
        cJSON_AddItemToArray(list, cJSON_CreateString(name != NULL ? name : ""));
        free(name);
        if (names[length] == '\0')
            break;
        names += length + 1;
    }
    return list;
}

static flow_status collect_overrides(overrides *list, const train_args *args, flow_error *err)
{
    for (int i = 0; i < args->set.n; i++)
        list->at[list->n++] = args->set.at[i];
    flow_status status = add_path(list, "data.train", args->data, err);
    double share;
    if (status == FLOW_OK && args->validation != NULL && flow_number_parse(args->validation, &share))
        status = add_override(list, "data.validation", cJSON_CreateNumber(share), err);
    else if (status == FLOW_OK)
        status = add_path(list, "data.validation", args->validation, err);
    if (status == FLOW_OK)
        status = add_path(list, "data.test", args->test, err);
    if (status == FLOW_OK)
        status = add_path(list, "output", args->output, err);
    if (status == FLOW_OK && args->columns != NULL)
        status = add_override(list, "data.columns", split_columns(args->columns), err);
    if (status == FLOW_OK && args->seed != NULL)
        status = add_override(list, "seed", cJSON_CreateRaw(args->seed), err);
    if (status == FLOW_OK && args->skip_invalid)
        status = add_override(list, "data.skip_invalid", cJSON_CreateBool(1), err);
    return status;
}

static void free_overrides(overrides *list)
{
    for (int i = 0; i < list->n_owned; i++)
        free(list->owned[i]);
}

/* ---- hooks ---- */

static flow_status on_epoch(void *context, const flow_epoch *epoch, flow_error *err)
{
    train_run *run = context;
    train_show_epoch(run, epoch);
    return train_save_is_due(run) ? train_save(run, err) : FLOW_OK;
}

static void on_step(void *context, const flow_progress *progress)
{
    train_show_step(context, progress);
}

static void on_warning(void *context, const char *message)
{
    train_run *run = context;
    console_warn(run->con, "%s", message);
}

/* The state is whole here, so an epoch of many hours can be saved in its middle. */
static bool should_stop(void *context)
{
    enum { SAVE_EVERY = 300 }; /* seconds */
    train_run *run = context;
    if (!stop_asked() && flow_seconds() - run->saved > SAVE_EVERY && train_save_is_due(run))
        run->save_status = train_save(run, &run->save_error);
    return stop_asked() || run->save_status != FLOW_OK;
}

/* ---- the order of things ---- */

static flow_status make_trainer(train_run *run, flow_error *err)
{
    const plan *p = &run->p;
    int n_threads = session_threads(&run->args->common);
    if (run->target == NULL)
        return flow_trainer_new(&run->trainer, p->f, &p->training, run->training, run->validation, p->spec->seed,
                                n_threads, err);
    flow_status status = flow_trainer_new_target(&run->trainer, p->f, &p->training, run->target, p->spec->seed,
                                                 n_threads, err);
    if (status == FLOW_SPEC)
        flow_error_prefix(err, status, "%s: ", p->spec->source);
    return status;
}

static flow_status prepare(train_run *run, flow_error *err)
{
    const train_args *args = run->args;
    overrides list = {0};
    bool resume = false;
    if (args->resume && args->force)
        return flow_error_set(err, FLOW_ARGUMENT, "--resume goes on with an existing model and --force replaces it; "
                              "give one of them");
    flow_status status = collect_overrides(&list, args, err);
    if (status == FLOW_OK)
        status = plan_read(&run->p, args->spec, list.at, list.n, err);
    free_overrides(&list);
    if (status != FLOW_OK)
        return status;
    /* as it was typed: that is what its user knows it by */
    run->output = args->output != NULL ? flow_strdup(args->output) : flow_spec_path(run->p.spec, run->p.spec->output);
    if (run->output == NULL)
        return flow_error_memory(err, "a path");
    status = train_check_output(run, &resume, err);
    if (status == FLOW_OK)
        status = train_open_data(run, err);
    if (status == FLOW_OK)
        status = plan_build(&run->p, train_dim(run), train_columns(run), err);
    if (status == FLOW_OK)
        status = train_check_support(run, err);
    if (status == FLOW_OK)
        train_warn_of_ties(run);
    if (status == FLOW_OK)
        status = make_trainer(run, err);
    if (status == FLOW_OK)
        status = resume ? train_resume(run, err) : flow_trainer_start(run->trainer, err);
    return status;
}

static flow_status evaluate_test(train_run *run, flow_error *err)
{
    if (run->test == NULL)
        return FLOW_OK;
    flow_status status = flow_evaluate(&run->held_out, flow_trainer_best_flow(run->trainer),
                                       flow_trainer_best(run->trainer), run->test,
                                       session_threads(&run->args->common), err);
    if (status == FLOW_OK && run->held_out.not_finite > 0)
        console_warn(run->con, "%s: log p of %lld rows is not finite, the first is row %lld%s%s",
                     flow_dataset_location(run->test), (long long)run->held_out.not_finite,
                     (long long)run->held_out.first_not_finite + 1, run->held_out.why[0] != '\0' ? ", in " : "",
                     run->held_out.why);
    return status;
}

static const char *outcome_of(const train_run *run, flow_status status)
{
    if (status == FLOW_INTERRUPTED)
        return "interrupted";
    if (status != FLOW_OK)
        return "failed";
    return flow_trainer_converged(run->trainer) ? "converged" : "finished";
}

static void say_how_to_resume(const train_run *run)
{
    int64_t n = 0;
    flow_trainer_history(run->trainer, &n);
    console_note(run->con, "stopped by %s after %lld epoch%s and saved in %s; the same command with --resume%s goes on",
                 stop_signal() == SIGINT ? "SIGINT" : "SIGTERM", (long long)n, n == 1 ? "" : "s", run->output,
                 run->args->force ? " instead of --force" : "");
}

/* Trains, and saves whatever comes of it. */
static flow_status train(train_run *run, flow_error *err)
{
    const flow_train_hooks hooks = {run, on_epoch, on_step, on_warning, should_stop, run->profile};
    flow_error later = {0};
    run->saved = flow_seconds();
    run->outcome = "running";
    flow_status status = flow_trainer_run(run->trainer, &hooks, err);
    console_clear(run->con);
    if (run->save_status != FLOW_OK) {
        *err = run->save_error;
        return run->save_status;
    }
    if (status != FLOW_OK && status != FLOW_INTERRUPTED && status != FLOW_NUMERIC)
        return status; /* the disk or the data failed, and would again */
    run->outcome = outcome_of(run, status);
    flow_status after = status == FLOW_OK ? evaluate_test(run, &later) : FLOW_OK;
    if (status == FLOW_OK && after == FLOW_OK && run->target != NULL)
        after = train_estimate(run, &later);
    if (after == FLOW_OK && train_is_news(run))
        after = train_save(run, &later);
    if (after == FLOW_OK && status != FLOW_NUMERIC)
        after = train_show_end(run, &later);
    if (after != FLOW_OK && status == FLOW_NUMERIC) {
        console_warn(run->con, "%s", later.message); /* the first failure is the one to report as the reason */
    } else if (after != FLOW_OK) {
        *err = later;
        return after;
    }
    if (status == FLOW_INTERRUPTED) {
        say_how_to_resume(run);
        err->message[0] = '\0'; /* no error: it was asked for */
    }
    return status;
}

static flow_status run_train(void *args, console *con, flow_error *err)
{
    train_run run = {.args = args, .con = con};
    flow_status status = prepare(&run, err);
    if (status == FLOW_OK && run.args->profile)
        status = flow_profile_new(&run.profile, session_threads(&run.args->common), err);
    if (status == FLOW_OK) {
        stop_watch();
        train_show_start(&run);
        status = train(&run, err);
    }
    flow_trainer_free(run.trainer);
    flow_profile_free(run.profile);
    flow_target_close(run.target);
    flow_dataset_close(run.training);
    flow_dataset_close(run.validation);
    flow_dataset_close(run.test);
    plan_free(&run.p);
    cJSON_Delete(run.earlier_runs);
    cJSON_Delete(run.earlier_summary);
    free(run.output);
    return status;
}

const command command_train = {
    .name = "train",
    .summary = "train the flow that a spec describes, by maximum likelihood",
    .description = "Trains until the held-out likelihood stops improving (train.patience) or all epochs are done, and "
                   "keeps the best weights. The model is saved as training goes on; Ctrl-C or SIGTERM finish the step, "
                   "save and stop, and --resume goes on bit for bit. A model that exists is not replaced without "
                   "--resume or --force.\nLog-likelihoods are means per row in nats, in the units of the data, with "
                   "their standard errors. Where train.objective is on a density and not on data, they are lower "
                   "bounds of log Z, and the end is an estimate of log Z with the effective sample size of its draws. "
                   "The result does not depend on the number of threads.",
    .examples = "  flowctl train configs/moons.json\n"
                "  flowctl train spec.json --data events.csv --validation 0.1 -o events.h5\n"
                "  flowctl train spec.json --set train.epochs=200 --resume",
    .arguments = arguments,
    .options = options,
    .args_size = sizeof(train_args),
    .run = run_train,
};
