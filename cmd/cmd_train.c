/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "data/name_list.h"
#include "run/format.h"
#include "rows.h"
#include "stop.h"
#include "train_show.h"

typedef struct train_args {
    common_args common;
    const char *data, *validation, *test, *columns, *seed;
    opt_texts set;
    bool skip_invalid;
    flow_run_train_options run;
} train_args;

#define ARG(member) OPT_MEMBER(train_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("SPEC", OPT_ARGUMENT, train_args, run.spec,
                     "a JSON file that names the data, the flow, the training and the model file"),
    {"data", 'd', ARG(data), "DATA", "training data, instead of data.train of the spec: FILE.csv or FILE.h5[:/set]"},
    {"validation", 0, ARG(validation), "DATA", "validation data, instead of data.validation; a number between 0 and 1 "
     "is the share of the training rows to hold out"},
    {"test", 0, ARG(test), "DATA", "data to evaluate once, at the end, instead of data.test"},
    {"output", 'o', ARG(run.output), "MODEL", "the model file, instead of \"output\" of the spec"},
    {"set", 0, ARG(set), "KEY=VALUE",
     "override any key of the spec, for example train.epochs=5 or flow[1].hidden=[64,64]; may be repeated"},
    {"columns", 0, ARG(columns), "A,B,C", "the columns to use, in this order, instead of data.columns"},
    {"seed", 's', ARG(seed), "N", "the seed of all random numbers, instead of \"seed\" of the spec"},
    OPT_ROWS_SKIP_INVALID(train_args, skip_invalid),
    {"resume", 'r', ARG(run.resume), NULL, "continue a run that was stopped, with the same result as without the "
     "stop; start anew if there is no model yet"},
    {"force", 'f', ARG(run.force), NULL, "replace a model that exists"},
    {"profile", 0, ARG(run.profile), NULL,
     "show at the end how the time was spent: reading, matrix products, elementwise work, waiting, optimizer"},
    OPT_COMMON_JSON("print {\"model\", \"epochs\", \"best_epoch\", \"seconds\", \"validation\", \"test\", ...} on "
                    "standard output at the end"),
    OPT_COMMON_THREADS,
    OPT_COMMON_QUIET("show no progress and no summary; warnings and errors remain"),
    OPT_COMMON_HELP,
    OPT_END,
};

/* ---- options that override keys of the spec ---- */

typedef enum override_kind { OVERRIDE_RAW, OVERRIDE_NAMES, OVERRIDE_PATH, OVERRIDE_SHARE_OR_PATH } override_kind;

static const struct override_row {
    const char *key;
    size_t offset;
    override_kind kind;
} override_rows[] = {
    {"data.train", offsetof(train_args, data), OVERRIDE_PATH},
    {"data.validation", offsetof(train_args, validation), OVERRIDE_SHARE_OR_PATH},
    {"data.test", offsetof(train_args, test), OVERRIDE_PATH},
    {"output", offsetof(train_args, run.output), OVERRIDE_PATH},
    {"data.columns", offsetof(train_args, columns), OVERRIDE_NAMES},
    {"seed", offsetof(train_args, seed), OVERRIDE_RAW},
};

enum { OVERRIDES = sizeof override_rows / sizeof *override_rows };

/* The JSON of an option's text; NULL when memory is out. */
static cJSON *override_value(override_kind kind, const char *text)
{
    double share;
    if (kind == OVERRIDE_RAW || (kind == OVERRIDE_SHARE_OR_PATH && flow_number_parse(text, &share)))
        return cJSON_CreateRaw(text);
    if (kind == OVERRIDE_NAMES) {
        flow_name_list names = {0};
        flow_name_list_split(&names, text, NULL);
        cJSON *list = cJSON_CreateStringArray((const char *const *)names.at, names.n);
        flow_name_list_free(&names);
        return list;
    }
    /* a path on the command line is relative to the current folder, one in a spec to the folder of the spec */
    char here[4096], *path = getcwd(here, sizeof here) != NULL ? flow_path_join(here, text) : NULL;
    cJSON *value = path != NULL ? cJSON_CreateString(path) : NULL;
    free(path);
    return value;
}

/* KEY=VALUE of all of them behind those of --set; `owned` (OVERRIDES) are to be freed. */
static flow_status collect_overrides(opt_texts *list, char **owned, const train_args *args, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < OVERRIDES && status == FLOW_OK; i++) {
        const struct override_row *row = &override_rows[i];
        const char *text = *(const char *const *)(const void *)((const char *)args + row->offset);
        if (text == NULL)
            continue;
        cJSON *value = override_value(row->kind, text);
        char *json = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
        owned[i] = json != NULL ? flow_format("%s=%s", row->key, json) : NULL;
        free(json);
        cJSON_Delete(value);
        status = owned[i] != NULL ? opt_texts_add(list, owned[i], row->key, err) : flow_error_memory(err, row->key);
    }
    if (status == FLOW_OK && args->skip_invalid)
        status = opt_texts_add(list, "data.skip_invalid=true", "set", err);
    return status;
}

static flow_status train_run(void *args_, console *con, flow_error *err)
{
    train_args *args = args_;
    train_show show = {.con = con};
    flow_run_train_result result = {0};
    char *owned[OVERRIDES] = {0};
    flow_status status = collect_overrides(&args->set, owned, args, err);
    args->run.overrides = args->set.at;
    args->run.n_overrides = args->set.n;
    args->run.n_threads = args->common.threads;
    args->run.argc = args->common.argc;
    args->run.argv = args->common.argv;
    train_show_hook(&show, &args->run);
    if (status == FLOW_OK)
        status = flow_run_train(&result, &args->run, err);
    for (int i = 0; i < OVERRIDES; i++)
        free(owned[i]);
    console_clear(con);
    flow_error later = {0};
    flow_status shown = result.model != NULL ? train_show_end(&show, &result, args->common.json, &later) : FLOW_OK;
    if (shown != FLOW_OK) {
        *err = later;
        status = shown;
    } else if (status == FLOW_INTERRUPTED && result.model != NULL) {
        console_say(con, CONSOLE_NOTE, "stopped by %s after %lld epoch%s and saved in %s; the same command with "
                    "--resume%s goes on", stop_signal() == SIGINT ? "SIGINT" : "SIGTERM",
                    (long long)result.summary.epochs, result.summary.epochs == 1 ? "" : "s", result.model,
                    args->run.force ? " instead of --force" : "");
        err->message[0] = '\0'; /* the user asked for it */
    }
    flow_run_train_free(&result);
    return status;
}

const command command_train = {
    .name = "train",
    .summary = "train the flow that a spec describes, on data or on a density",
    .description = "Trains with the objective that the spec names (train.objective; maximum likelihood by default) "
                   "until the held-out likelihood stops improving (train.patience) or all epochs are done, and "
                   "keeps the best weights. The model is saved as training goes on; after Ctrl-C or SIGTERM it is "
                   "saved at the end of the step, and --resume continues bit for bit. A model that exists is not "
                   "replaced without --resume or --force.\nLog-likelihoods are means per row in nats, in the units "
                   "of the data, with their standard errors. If the objective trains on a density instead of data, "
                   "they are lower bounds of log Z, and at the end log Z is estimated, with the effective sample "
                   "size of the draws. The result does not depend on the number of threads.",
    .examples = "  flowctl train configs/moons.json\n"
                "  flowctl train spec.json --data events.csv --validation 0.1 -o events.h5\n"
                "  flowctl train spec.json --set train.epochs=200 --resume",
    .options = options, .args_size = sizeof(train_args), .run = train_run,
};
