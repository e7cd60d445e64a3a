/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "core/json.h"
#include "run/format.h"
#include "stop.h"
#include "train_show.h"

typedef struct train_args {
    common_args common;
    const char *data, *validation, *test, *columns, *seed;
    opt_texts set;
    bool skip_invalid;
    flow_run_train_options run;
} train_args;

static const opt_argument arguments[] = {
    {"SPEC", offsetof(train_args, run.spec), false, "what to train, on what, and where the model goes: a JSON file"},
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
    {.name = "output", .letter = 'o', .kind = OPT_TEXT, .offset = offsetof(train_args, run.output), .value = "MODEL",
     .help = "the model file, instead of \"output\" of the spec"},
    {.name = "set", .kind = OPT_TEXTS, .offset = offsetof(train_args, set), .value = "KEY=VALUE",
     .help = "override any key of the spec, for example train.epochs=5 or flow[1].hidden=[64,64]; may be repeated"},
    {.name = "columns", .kind = OPT_TEXT, .offset = offsetof(train_args, columns), .value = "A,B,C",
     .help = "the columns to use, in this order, instead of data.columns"},
    {.name = "seed", .letter = 's', .kind = OPT_TEXT, .offset = offsetof(train_args, seed), .value = "N",
     .help = "the seed of everything random, instead of \"seed\" of the spec"},
    {.name = "skip-invalid", .kind = OPT_FLAG, .offset = offsetof(train_args, skip_invalid),
     .help = "drop rows with missing or non-finite values, and say how many, instead of stopping at the first"},
    {.name = "resume", .letter = 'r', .kind = OPT_FLAG, .offset = offsetof(train_args, run.resume),
     .help = "go on where an earlier run stopped, as if it had not; start afresh when there is nothing yet"},
    {.name = "force", .letter = 'f', .kind = OPT_FLAG, .offset = offsetof(train_args, run.force),
     .help = "replace a model that exists"},
    {.name = "profile", .kind = OPT_FLAG, .offset = offsetof(train_args, run.profile),
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
        status = add_path(list, "output", args->run.output, err);
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

static flow_status train_run(void *args_, console *con, flow_error *err)
{
    train_args *args = args_;
    train_show show = {.con = con};
    flow_run_train_result result = {0};
    overrides list = {0};
    flow_status status = collect_overrides(&list, args, err);
    args->run.overrides = list.at;
    args->run.n_overrides = list.n;
    args->run.n_threads = args->common.threads;
    args->run.argc = args->common.argc;
    args->run.argv = args->common.argv;
    train_show_hook(&show, &args->run);
    if (status == FLOW_OK)
        status = flow_run_train(&result, &args->run, err);
    free_overrides(&list);
    console_clear(con);
    flow_error later = {0};
    flow_status shown = result.model != NULL ? train_show_end(&show, &result, args->common.json, &later) : FLOW_OK;
    if (shown != FLOW_OK) {
        *err = later;
        status = shown;
    } else if (status == FLOW_INTERRUPTED && result.model != NULL) {
        console_note(con, "stopped by %s after %lld epoch%s and saved in %s; the same command with --resume%s goes on",
                     stop_signal() == SIGINT ? "SIGINT" : "SIGTERM", (long long)result.summary.epochs,
                     result.summary.epochs == 1 ? "" : "s", result.model, args->run.force ? " instead of --force" : "");
        err->message[0] = '\0'; /* the user asked for it */
    }
    flow_run_train_free(&result);
    return status;
}

const command command_train = {
    .name = "train",
    .summary = "train the flow that a spec describes, on data or on a density",
    .description = "Trains with the objective that the spec names (train.objective; maximum likelihood by default) "
                   "until the held-out likelihood stops improving (train.patience) or all epochs are done, and keeps "
                   "the best weights. The model is saved as training goes on; Ctrl-C or SIGTERM finish the step, "
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
    .run = train_run,
};
