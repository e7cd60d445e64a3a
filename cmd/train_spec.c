/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train_spec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "data/missing.h"
#include "data/location.h"
#include "data/name_list.h"
#include "run/root.h"

/* ---- options that override keys of the spec ---- */

typedef enum override_kind {
    OVERRIDE_RAW,
    OVERRIDE_NAME,
    OVERRIDE_NAMES,
    OVERRIDE_NUMBERS,
    OVERRIDE_PATH,
    OVERRIDE_DATA,
    OVERRIDE_SHARE_OR_DATA
} override_kind;

static const struct override_row {
    const char *key;
    size_t offset;
    override_kind kind;
} override_rows[] = {
    {"data.train", offsetof(train_args, data), OVERRIDE_DATA},
    {"data.validation", offsetof(train_args, init.validation), OVERRIDE_SHARE_OR_DATA},
    {"data.test", offsetof(train_args, init.test), OVERRIDE_SHARE_OR_DATA},
    {"output", offsetof(train_args, run.output), OVERRIDE_PATH},
    {"data.columns", offsetof(train_args, init.columns), OVERRIDE_NAMES},
    {"data.context", offsetof(train_args, init.context), OVERRIDE_NAMES},
    {"data.weight", offsetof(train_args, init.weight), OVERRIDE_NAME},
    {"data.missing", offsetof(train_args, missing), OVERRIDE_NUMBERS},
    {"data.delimiter", offsetof(train_args, init.csv.delimiter), OVERRIDE_NAME},
    {"data.decimal", offsetof(train_args, init.csv.decimal), OVERRIDE_NAME},
    {"data.header", offsetof(train_args, init.csv.header), OVERRIDE_NAME},
    {"seed", offsetof(train_args, seed), OVERRIDE_RAW},
};

static_assert(sizeof override_rows / sizeof *override_rows == TRAIN_OVERRIDES, "the caller frees so many");

/* The value of a key that the text of an option says, the caller's; NULL when memory is out. */
static char *override_value(override_kind kind, const char *text)
{
    double share;
    if (kind == OVERRIDE_RAW || (kind == OVERRIDE_SHARE_OR_DATA && flow_number_parse(text, &share)))
        return flow_strdup(text);
    if (kind == OVERRIDE_NUMBERS) {
        flow_number_list numbers;
        flow_missing_read(&numbers, text, NULL);
        cJSON *list = cJSON_CreateDoubleArray(numbers.at, numbers.n);
        char *json = cJSON_PrintUnformatted(list);
        cJSON_Delete(list);
        return json;
    }
    if (kind == OVERRIDE_NAME) {
        cJSON *name = cJSON_CreateStringReference(text);
        char *json = cJSON_PrintUnformatted(name);
        cJSON_Delete(name);
        return json;
    }
    if (kind == OVERRIDE_NAMES) {
        flow_name_list names = {0};
        flow_name_list_split(&names, text, NULL);
        cJSON *list = cJSON_CreateStringArray((const char *const *)names.at, names.n);
        flow_name_list_free(&names);
        char *json = cJSON_PrintUnformatted(list);
        cJSON_Delete(list);
        return json;
    }
    /* a path on the command line is relative to the current folder, one in a spec to the folder of the spec */
    char here[4096];
    if (getcwd(here, sizeof here) == NULL)
        return NULL;
    return kind == OVERRIDE_PATH ? flow_path_join(here, text) : flow_location_join(here, text);
}

flow_status train_collect_overrides(opt_texts *list, char **owned, const train_args *args, flow_error *err)
{
    flow_number_list missing;
    flow_csv_format format;
    FLOW_TRY(flow_csv_words_read(&format, &args->init.csv, err));
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&missing, args->missing, err));
    for (int i = 0; i < TRAIN_OVERRIDES; i++) {
        const struct override_row *row = &override_rows[i];
        const char *text = *(const char *const *)(const void *)((const char *)args + row->offset);
        if (text == NULL)
            continue;
        char *value = override_value(row->kind, text);
        owned[i] = value != NULL ? flow_format("%s=%s", row->key, value) : NULL;
        free(value);
        if (owned[i] == NULL)
            return flow_error_memory(err, row->key);
        FLOW_TRY(opt_texts_add(list, owned[i], row->key, err));
    }
    return args->skip_invalid ? opt_texts_add(list, "data.skip_invalid=true", "set", err) : FLOW_OK;
}

/* ---- a spec of its own ---- */

/* The argument names data: makes a spec for them, which then is what is trained. */
static flow_status train_init(train_args *args, bool trains, flow_run_init_result *made, console *con, flow_error *err)
{
    flow_run_init_options *o = &args->init;
    opt_texts overrides = args->set;
    flow_csv_format format;
    FLOW_TRY(flow_csv_words_read(&format, &o->csv, err));
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&o->missing, args->missing, err));
    char *seed = args->seed != NULL ? flow_format("seed=%s", args->seed) : NULL;
    if (args->data != NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "--data goes with a spec, and %s is data already", args->run.spec);
    o->data = args->run.spec;
    o->model = trains ? args->run.output : NULL;
    o->force = args->run.force;
    o->resume = args->run.resume;
    o->trains = trains;
    flow_status status = args->seed != NULL && seed == NULL ? flow_error_memory(err, "seed") : FLOW_OK;
    if (seed != NULL)
        status = opt_texts_add(&overrides, seed, "set", err);
    o->overrides = overrides.at;
    o->n_overrides = overrides.n;
    const flow_comm *all = trains ? args->common.comm : NULL; /* rank 0 writes the spec, and the others read it */
    const bool writes = flow_is_root(all);
    if (status == FLOW_OK && writes)
        status = flow_run_init(made, o, err);
    free(seed);
    FLOW_TRY(flow_root_status(all, status, err));
    if (writes)
        snprintf(args->made, sizeof args->made, "%s", made->spec);
    flow_comm_broadcast(all, 0, args->made, sizeof args->made);
    args->run.spec = args->made;
    return writes ? init_show(con, made, false, true, err) : FLOW_OK;
}

/* What only the making of a spec takes. */
static flow_status train_check_options(const train_args *args, flow_error *err)
{
    const char *option = args->init.drop != NULL     ? "drop"
                         : args->init.angles != NULL ? "angles"
                         : args->init.fast_sampling  ? "fast-sampling"
                         : args->init.minutes > 0    ? "minutes"
                                                     : NULL;
    return option == NULL ? FLOW_OK
                          : flow_error_set(err, FLOW_ARGUMENT, "--%s is for data, and %s is a spec, which says that "
                                           "itself", option, args->run.spec);
}

flow_status train_find_spec(train_args *args, bool trains, flow_run_init_result *made, console *con, flow_error *err)
{
    return flow_names_data(args->run.spec) ? train_init(args, trains, made, con, err) : train_check_options(args, err);
}
