/* The data of `flowctl train`. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/location.h"
#include "format.h"
#include "session.h"
#include "train.h"

/* The rows of validation and test data take what the training data leave of the memory, and never less than this. */
static const size_t least_memory = (size_t)64 << 20;

static size_t memory_taken(const flow_dataset *data)
{
    if (data == NULL || !flow_dataset_is_held(data))
        return 0;
    return (size_t)flow_dataset_n_rows(data) * (size_t)flow_dataset_n_columns(data) * sizeof(double);
}

int train_dim(const train_run *run)
{
    if (run->target != NULL)
        return flow_target_dim(run->target);
    return flow_dataset_n_columns(run->training) - flow_dataset_n_context(run->training) -
           (flow_dataset_is_weighted(run->training) ? 1 : 0);
}

const char *const *train_columns(const train_run *run)
{
    if (run->target == NULL)
        return flow_dataset_columns(run->training);
    return run->p.spec->n_columns > 0 ? run->p.spec->columns : flow_target_columns(run->target);
}

int64_t train_n_rows(const train_run *run)
{
    if (run->target == NULL)
        return flow_dataset_n_rows(run->training);
    return flow_objective_draws(&run->p.objective)->steps * run->p.training.batch;
}

int64_t train_n_held_out(const train_run *run)
{
    if (run->target != NULL)
        return flow_objective_draws(&run->p.objective)->validation;
    return run->validation != NULL ? flow_dataset_n_rows(run->validation) : 0;
}

const char *train_noun(const train_run *run)
{
    return run->target != NULL ? "draws" : "rows";
}

static flow_status open_one(train_run *run, flow_dataset **out, const char *key, const char *location, flow_part part,
                            flow_error *err)
{
    const flow_spec *spec = run->p.spec;
    char *path = flow_spec_path(spec, location);
    if (path == NULL)
        return flow_error_memory(err, location);
    flow_dataset_options options = {
        .columns = spec->columns,
        .n_columns = spec->n_columns,
        .skip_invalid = spec->skip_invalid,
        .memory_bytes = (size_t)(spec->memory * (double)(1u << 30)),
        .share = spec->share,
        .part = part,
        .seed = spec->seed,
        .context = spec->context,
        .n_context = spec->n_context,
        .weight = spec->weight,
        .allow_negative_weights = spec->allow_negative_weights,
        .read_ahead = session_threads(&run->args->common) > 1, /* -j 1 is one thread */
    };
    if (run->training != NULL) {
        size_t taken = memory_taken(run->training) + memory_taken(run->validation);
        size_t left = options.memory_bytes > taken ? options.memory_bytes - taken : 0;
        options.memory_bytes = left > least_memory ? left : least_memory;
        /* the columns of the training data, in their order, whatever order they have here */
        if (spec->n_columns == 0 && flow_dataset_has_names(run->training)) {
            options.columns = flow_dataset_columns(run->training);
            options.n_columns = train_dim(run);
        }
    }
    if (run->target != NULL && flow_target_has_names(run->target)) {
        options.columns = train_columns(run);
        options.n_columns = train_dim(run);
    }
    flow_status status = flow_dataset_open(out, path, &options, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "data.%s: ", key);
    else if (flow_dataset_n_skipped(*out) > 0) {
        char count[FORMAT_SIZE];
        console_warn(run->con, "%s: %s invalid row%s skipped", path,
                     format_count(count, flow_dataset_n_skipped(*out)),
                     flow_dataset_n_skipped(*out) == 1 ? " was" : "s were");
    }
    free(path);
    return status;
}

/* A share of equal values from which a density starts to narrow down on them, and likelihoods lose their meaning; of a
 * few rows, so many have to be equal. */
static const double many_ties = 0.02;
static const double least_ties = 3;

void train_warn_of_ties(const train_run *run)
{
    enum { NAMED = 5 };
    const flow *f = run->p.f;
    if (run->training == NULL)
        return;
    bool *discrete = calloc((size_t)f->dim, sizeof *discrete);
    int n = 0;
    for (int i = 0; i < f->n_columns && discrete != NULL; i++)
        if (f->columns[i].type->n_discrete != NULL)
            f->columns[i].type->n_discrete(f->columns[i].state, discrete);
    for (int i = 0; i < f->dim && discrete != NULL; i++) {
        const flow_column_summary *column = &flow_dataset_summary(run->training)[i];
        if (discrete[i] || column->tied * (double)flow_dataset_n_rows(run->training) < least_ties)
            continue;
        if (column->tied < many_ties || column->tied >= 1) /* a constant column is an error, and told as one */
            continue;
        if (n++ < NAMED)
            console_warn(
                run->con,
                "column \"%s\": about %.0f%% of the rows have the same value; a density can grow "
                "without bound there and its log-likelihood would mean little. If its values are whole "
                "numbers or rounded, say so in a \"support\" that stands first in the flow: {\"type\": \"support\", "
                "\"columns\": {\"%s\": {\"discrete\": true, \"step\": 1}}}; else leave the column out with "
                "data.columns",
                column->name, 100 * column->tied, column->name);
    }
    free(discrete);
    if (n > NAMED)
        console_warn(run->con, "%d more columns have many equal values; flowctl info names them", n - NAMED);
}

/* The first row of a data set that the flow has no density for. */
static flow_status check_support(const train_run *run, flow_dataset *data, const char *key, flow_error *err)
{
    enum { VALUES = 1 << 16 };
    if (data == NULL || !run->p.f->has_support)
        return FLOW_OK;
    size_t d = (size_t)flow_dataset_n_columns(data), n_max = VALUES / d + 1, n = 0;
    double *rows = calloc(n_max, d * sizeof *rows);
    int64_t *numbers = calloc(n_max, sizeof *numbers);
    flow_status status = rows == NULL || numbers == NULL ? flow_error_memory(err, "rows") : FLOW_OK;
    flow_dataset_rewind(data);
    do {
        if (status == FLOW_OK)
            status = flow_dataset_next(data, rows, numbers, n_max, &n, err);
        for (size_t i = 0; i < n && status == FLOW_OK; i++) {
            status = flow_check_row(run->p.f, rows + i * d, err);
            if (status != FLOW_OK)
                flow_error_prefix(err, status, "data.%s: %s: row %lld: ", key, flow_dataset_location(data),
                                  (long long)numbers[i] + 1);
        }
    } while (status == FLOW_OK && n > 0);
    free(rows);
    free(numbers);
    return status;
}

flow_status train_check_support(const train_run *run, flow_error *err)
{
    flow_status status = check_support(run, run->training, "train", err);
    if (status == FLOW_OK)
        status = check_support(run, run->validation, run->p.spec->share > 0 ? "train" : "validation", err);
    return status;
}

static bool is_standard(const char *location)
{
    return location != NULL && strcmp(location, "-") == 0;
}

static flow_status check_standard_input(const flow_spec *spec, flow_error *err)
{
    int readers = is_standard(spec->train) * (spec->share > 0 ? 2 : 1) + is_standard(spec->validation) +
                  is_standard(spec->test);
    if (readers <= 1)
        return FLOW_OK;
    return flow_error_set(err, FLOW_SPEC, "%s: standard input can be read only once%s; put the data into a file",
                          spec->source, spec->share > 0 ? ", and holding out a share of it takes two passes" : "");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A model is matched to data by the names of its columns, so they have to differ. */
static flow_status check_names(const flow_dataset *data, flow_error *err)
{
    size_t n = (size_t)flow_dataset_n_columns(data);
    const char **names = malloc(n * sizeof *names);
    if (names == NULL)
        return flow_error_memory(err, "the names of the columns");
    memcpy(names, flow_dataset_columns(data), n * sizeof *names);
    qsort(names, n, sizeof *names, compare_names);
    flow_status status = FLOW_OK;
    for (size_t i = 1; i < n && status == FLOW_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = flow_error_set(err, FLOW_DATA, "data.train: %s: two columns are named \"%.80s\"; give them "
                                    "different names", flow_dataset_location(data), names[i]);
    free(names);
    return status;
}

flow_status train_open_data(train_run *run, flow_error *err)
{
    const flow_spec *spec = run->p.spec;
    if (plan_draws(&run->p)) {
        flow_status opened = train_open_target(run, err);
        if (opened == FLOW_OK && spec->test != NULL)
            opened = open_one(run, &run->test, "test", spec->test, FLOW_PART_ALL, err);
        return opened;
    }
    if (spec->train == NULL)
        return flow_error_set(err, FLOW_SPEC, "%s: the key data.train is missing: name the training data there, or "
                              "with --data FILE", spec->source);
    bool split = spec->share > 0;
    flow_status status = check_standard_input(spec, err);
    if (status != FLOW_OK)
        return status;
    status = open_one(run, &run->training, "train", spec->train,
                      split ? FLOW_PART_TRAINING : FLOW_PART_ALL, err);
    if (status == FLOW_OK)
        status = check_names(run->training, err);
    if (status == FLOW_OK && split)
        status = open_one(run, &run->validation, "validation", spec->train, FLOW_PART_HELD_OUT, err);
    if (status == FLOW_OK && spec->validation != NULL)
        status = open_one(run, &run->validation, "validation", spec->validation, FLOW_PART_ALL, err);
    if (status == FLOW_OK && spec->test != NULL)
        status = open_one(run, &run->test, "test", spec->test, FLOW_PART_ALL, err);
    return status;
}

/* The same place, whatever folder it is told from. */
static char *absolute(const char *location)
{
    flow_location place = {0};
    char *out = NULL;
    if (flow_location_find(&place, location, NULL) == FLOW_OK) {
        char *file = realpath(place.file, NULL);
        if (file != NULL)
            out = flow_format("%s%s%s", file, place.path != NULL ? ":" : "", place.path != NULL ? place.path : "");
        free(file);
    }
    flow_location_free(&place);
    return out != NULL ? out : flow_strdup(location);
}

static void describe_one(cJSON *object, const char *key, const flow_dataset *data)
{
    if (data == NULL)
        return;
    char checksum[32];
    char *location = absolute(flow_dataset_location(data));
    snprintf(checksum, sizeof checksum, "crc32:%08lx", (unsigned long)flow_dataset_checksum(data));
    cJSON *entry = cJSON_AddObjectToObject(object, key);
    cJSON_AddStringToObject(entry, "location", location != NULL ? location : flow_dataset_location(data));
    cJSON_AddNumberToObject(entry, "rows", (double)flow_dataset_n_rows(data));
    cJSON_AddNumberToObject(entry, "columns", flow_dataset_n_columns(data));
    cJSON_AddBoolToObject(entry, "has_names", flow_dataset_has_names(data));
    cJSON_AddNumberToObject(entry, "context", flow_dataset_n_context(data));
    if (flow_dataset_is_weighted(data)) {
        cJSON_AddNumberToObject(entry, "effective_rows", flow_dataset_effective_rows(data));
        cJSON_AddNumberToObject(entry, "weightless", (double)flow_dataset_n_weightless(data));
    }
    cJSON_AddNumberToObject(entry, "skipped", (double)flow_dataset_n_skipped(data));
    cJSON_AddStringToObject(entry, "checksum", checksum);
    free(location);
}

cJSON *train_describe_data(const train_run *run)
{
    cJSON *object = cJSON_CreateObject();
    if (run->target != NULL)
        cJSON_AddItemToObject(object, "density", train_describe_target(run));
    describe_one(object, "train", run->training);
    describe_one(object, "validation", run->validation);
    describe_one(object, "test", run->test);
    return object;
}
