/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/location.h"
#include "data/reader.h"
#include "model/model.h"
#include "run/experiment.h"
#include "run/origin.h"

/* ---- opening ---- */

/* The rows of validation and test data take what the training data leave of the memory, and never less than this. */
static const size_t least_memory = (size_t)64 << 20;

static size_t experiment_memory_taken(const flow_dataset *data)
{
    return data != NULL && data->is_held ? (size_t)data->n_rows * data->row_bytes : 0;
}

static flow_status experiment_open_one(const flow_experiment *x, flow_dataset **out, const char *key,
                                       const char *location, flow_part part, flow_error *err)
{
    const flow_data_options *data = x->data;
    char *path = flow_spec_location(x->spec, location);
    if (path == NULL)
        return flow_error_memory(err, location);
    flow_dataset_options options = {
        .columns = data->columns.at, .n_columns = data->columns.n, .context = data->context.at,
        .n_context = data->context.n, .weight = data->weight, .allow_negative_weights = data->allow_negative_weights,
        .image = flow_image_of_options(x->spec->image), .skip_invalid = data->skip_invalid, .missing = data->missing,
        .csv = flow_csv_words_format(&data->csv),
        .flip = data->flip && out == &x->training, .survey = out == &x->training,
        .memory_bytes = (size_t)(data->memory * (double)(1u << 30)),
        .part = part, .share = data->validation.number, .test_share = data->test.number, .seed = x->spec->seed,
        .comm = x->comm,
        .read_ahead = x->n_threads > 1, /* reading ahead is a thread of its own */
    };
    if (x->training != NULL) {
        size_t taken = experiment_memory_taken(x->training) + experiment_memory_taken(x->validation);
        size_t left = options.memory_bytes > taken ? options.memory_bytes - taken : 0;
        options.memory_bytes = left > least_memory ? left : least_memory;
    }
    /* the columns of the training data or the density, in their order, whatever order they have here */
    if (x->target != NULL ? x->target->has_names
                          : x->training != NULL && data->columns.n == 0 && x->training->has_names) {
        options.columns = x->columns;
        options.n_columns = x->dim;
        options.image.layout = FLOW_IMAGE_AUTO; /* they have the order of an image already */
    }
    const flow_file_kind kind = flow_file_identify(path);
    flow_status status = kind == FLOW_FILE_MODEL || kind == FLOW_FILE_JSON
                             ? flow_error_set(err, FLOW_DATA, "%s: is a %s, and data were expected", path,
                                              kind == FLOW_FILE_MODEL ? "model" : "spec")
                             : flow_dataset_open(out, path, &options, err);
    if (status == FLOW_OK && out == &x->training && (*out)->is_packed && !(*out)->is_held)
        status = flow_error_set(err, FLOW_DATA, "%s: is compressed, and its rows take more than the %g GiB of "
                                "data.memory: they would be unpacked again for each part of them; unpack the file, or "
                                "set data.memory to %.3g", path, data->memory,
                                1.1 * (double)(*out)->n_rows * (double)(*out)->row_bytes / (1u << 30) + 0.001);
    if (status != FLOW_OK) {
        flow_error_prefix(err, status, "data.%s: ", key);
    } else {
        const bool is_share = part == FLOW_PART_HELD_OUT || part == FLOW_PART_TEST;
        if (!is_share) { /* else it was said of the training part */
            flow_run_say_remarks(x->hooks, path, &(*out)->remarks);
            flow_run_warn_skipped(x->hooks, path, &(*out)->skipped, "",
                                  "; a model without that column (data.columns) can have them");
        }
    }
    free(path);
    return status;
}

/* Whether the rows can be read only once: those of standard input, a named pipe, <(command) of a shell. */
static bool experiment_reads_once(const flow_experiment *x, const char *location)
{
    struct stat info;
    if (location == NULL || flow_is_standard(location))
        return location != NULL;
    char *path = flow_spec_path(x->spec, location);
    const bool once = path != NULL && stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
    free(path);
    return once;
}

/* A second pass over a pipe would wait for ever, or find nothing. */
static flow_status experiment_check_pipes(const flow_experiment *x, flow_error *err)
{
    const flow_data_options *data = x->data;
    const char *const read[] = {data->train, data->validation.text, data->test.text};
    const int shares = (data->validation.number > 0) + (data->test.number > 0);
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        if (!experiment_reads_once(x, read[i]))
            continue;
        int passes = i == 0 ? 1 + shares : 1;
        for (size_t k = i + 1; k < sizeof read / sizeof *read; k++)
            passes += read[k] != NULL && strcmp(read[i], read[k]) == 0;
        const bool standard = flow_is_standard(read[i]);
        if (passes > 1)
            return flow_error_set(err, FLOW_SPEC, "%s: %s%s can be read only once%s; put the data into a file%s",
                                  x->spec->source, standard ? "standard input" : read[i],
                                  standard ? "" : " is a pipe, which",
                                  i == 0 && shares > 0 ? ", and holding out a share of it takes two passes" : "",
                                  standard ? "" : " first, as in: COMMAND >rows.csv, and name that");
    }
    return FLOW_OK;
}

static flow_status experiment_check_names(const flow_dataset *data, flow_error *err)
{
    const char *twice;
    FLOW_TRY(flow_find_repeated(&twice, data->columns, (size_t)data->n_columns, err));
    return twice == NULL ? FLOW_OK
                         : flow_error_set(err, FLOW_DATA, "data.train: %s: two columns are named \"%.80s\"; give them "
                                          "different names", data->location, twice);
}

/* A wrong sign in a gradient would otherwise show late in a training. */
static flow_status experiment_check_gradient(const flow_experiment *x, flow_error *err)
{
    flow_target_mismatch wrong;
    FLOW_TRY(flow_target_check(x->target, &wrong, err));
    if (wrong.n_wrong > 0)
        flow_run_warn(x->hooks, "%s: the gradient does not go with the values: of %d derivatives that were compared "
                      "with difference quotients %d differ; worst is dimension %d, %.6g instead of %.6g at %.6g",
                      x->target->path, wrong.n_compared, wrong.n_wrong, wrong.dimension + 1, wrong.found,
                      wrong.wanted, wrong.at);
    return FLOW_OK;
}

static flow_status experiment_open_target(const flow_experiment *x, flow_target **out, flow_error *err)
{
    char *path = flow_spec_path(x->spec, x->draws->density);
    if (path == NULL)
        return flow_error_memory(err, x->draws->density);
    int64_t dim = x->draws->dimensions > 0 ? x->draws->dimensions : x->data->columns.n;
    flow_status status = flow_target_open(out, path, dim, x->draws->parallel, err);
    if (status == FLOW_SPEC)
        flow_error_prefix(err, status, "%s: train.objective.density: ", x->spec->source);
    free(path);
    return status;
}

/* One class by itself is one of two. */
static flow_status experiment_set_classes(flow_experiment *x, int n, flow_error *err)
{
    FLOW_TRY(flow_spec_set_classes(x->spec, n < 2 ? 2 : n, err));
    flow_experiment_take_options(x);
    return FLOW_OK;
}

/* The labels are those of the flow, and classes that have names have the same ones everywhere. */
static flow_status experiment_check_labels(const flow_experiment *x, const flow_dataset *data, const char *key,
                                           flow_error *err)
{
    const int n = (int)x->data->classes, dim = data->n_columns - data->n_context - data->is_weighted;
    if (n == 0)
        return FLOW_OK;
    const flow_column_summary *column = &data->summary[dim + flow_data_options_label(x->data)];
    if (column->least < 0 || column->most > n - 1)
        return flow_error_set(err, FLOW_DATA, "data.%s: %s: the column \"%s\" has values from %g to %g, and the %d "
                              "classes are 0 to %d", key, data->location, FLOW_LABEL, column->least, column->most, n,
                              n - 1);
    const flow_dataset *other = x->training != NULL ? x->training : data;
    for (int i = 0; other->classes != NULL && data->classes != NULL && i < data->n_classes; i++)
        if (data->n_classes != other->n_classes || strcmp(data->classes[i], other->classes[i]) != 0)
            return flow_error_set(err, FLOW_DATA, "data.%s: %s has other folders of classes than the training data; "
                                  "make folders of the same names, which may be empty", key, data->location);
    return FLOW_OK;
}

static flow_status experiment_open_training(flow_experiment *x, flow_error *err)
{
    const flow_data_options *data = x->data;
    const bool share = data->validation.number > 0, split = share || data->test.number > 0;
    const char *held_out = share ? data->train : data->validation.text;
    if (data->train == NULL)
        return flow_error_set(err, FLOW_SPEC, "%s: the key data.train is missing: name the training data there, or "
                              "with --data FILE", x->spec->source);
    FLOW_TRY(experiment_check_pipes(x, err));
    FLOW_TRY(experiment_open_one(x, &x->training, "train", data->train, split ? FLOW_PART_TRAINING : FLOW_PART_ALL,
                                 err));
    FLOW_TRY(experiment_check_names(x->training, err));
    if (data->flip && x->training->image.shape.channels == 0)
        return flow_error_set(err, FLOW_SPEC, "%s: data.flip: the rows are no images; give their shape with "
                              "\"image\", or leave the key out", x->spec->source);
    if (data->classes == 0 && flow_data_options_label(data) >= 0 && x->training->n_classes > 0)
        FLOW_TRY(experiment_set_classes(x, x->training->n_classes, err));
    FLOW_TRY(experiment_check_labels(x, x->training, "train", err));
    x->channels_first = x->training->image.layout == FLOW_IMAGE_CHW;
    if (x->training->image.shape.channels > 0)
        FLOW_TRY(flow_spec_set_shape(x->spec, x->training->image.shape, err));
    x->dim = x->training->n_columns - x->training->n_context - (x->training->is_weighted ? 1 : 0);
    FLOW_TRY(flow_spec_set_rows(x->spec, x->training->n_rows, x->dim, err));
    flow_experiment_take_options(x);
    x->columns = x->training->columns;
    x->n_rows = x->training->n_rows;
    if (held_out == NULL)
        return FLOW_OK;
    FLOW_TRY(experiment_open_one(x, &x->validation, "validation", held_out, share ? FLOW_PART_HELD_OUT : FLOW_PART_ALL,
                                 err));
    x->n_held_out = x->validation->n_rows;
    return experiment_check_labels(x, x->validation, "validation", err);
}

static flow_status experiment_open_density(flow_experiment *x, flow_error *err)
{
    FLOW_TRY(experiment_open_target(x, &x->target, err));
    x->dim = x->target->dim;
    x->columns = x->data->columns.n > 0 ? x->data->columns.at : x->target->columns;
    x->n_rows = x->draws->steps * x->train->batch;
    x->n_held_out = x->draws->validation;
    return experiment_check_gradient(x, err);
}

flow_status flow_experiment_open(flow_experiment *x, flow_error *err)
{
    FLOW_TRY(x->draws != NULL ? experiment_open_density(x, err) : experiment_open_training(x, err));
    const bool share = x->data->test.number > 0;
    const char *test = share ? x->data->train : x->data->test.text;
    if (test == NULL || x->without_test)
        return FLOW_OK;
    FLOW_TRY(experiment_open_one(x, &x->test, "test", test, share ? FLOW_PART_TEST : FLOW_PART_ALL, err));
    return experiment_check_labels(x, x->test, "test", err);
}

/* ---- looking at them, without opening the experiment ---- */

static void experiment_look_at_target(flow_experiment *x, char *problem)
{
    flow_target *target = NULL;
    flow_error err = {0};
    int64_t dim = x->draws->dimensions;
    if (experiment_open_target(x, &target, &err) == FLOW_OK)
        dim = target->dim;
    else
        snprintf(problem, FLOW_ERROR_SIZE, "%s", err.message);
    flow_target_close(target);
    x->dim = dim > 0 ? (int)dim : x->dim;
}

static flow_status experiment_look_at_data(flow_experiment *x, const char *location, const char **last, int n_last,
                                           flow_error *err)
{
    const flow_data_options *data = x->data;
    for (int i = 0; i < n_last; i++)
        last[i] = i < data->context.n ? data->context.at[i] : data->weight;
    const flow_reader_options options = {.columns = data->columns.at, .n_columns = data->columns.n, .last = last,
                                         .n_last = n_last, .image = flow_image_of_options(x->spec->image),
                                         .missing = data->missing, .csv = flow_csv_words_format(&data->csv)};
    flow_reader *reader = NULL;
    flow_status status = flow_reader_open(&reader, location, &options, err);
    if (status == FLOW_OK)
        x->dim = reader->columns.n - n_last;
    if (status == FLOW_OK)
        status = flow_name_list_copy(&x->names, (const char *const *)reader->columns.at, x->dim, err);
    if (status == FLOW_OK && reader->image.shape.channels > 0)
        status = flow_spec_set_shape(x->spec, reader->image.shape, err);
    flow_experiment_take_options(x);
    if (status == FLOW_OK && data->classes == 0 && flow_data_options_label(data) >= 0 && reader->n_classes > 0)
        status = experiment_set_classes(x, reader->n_classes, err);
    flow_reader_close(reader);
    return flow_error_prefix(err, status, "data.train: ");
}

void flow_experiment_find_columns(flow_experiment *x, char *problem)
{
    const flow_data_options *data = x->data;
    problem[0] = '\0';
    x->dim = data->columns.n > 0 ? data->columns.n : flow_shape_size(flow_image_of_options(x->spec->image).shape);
    x->columns = data->columns.at;
    if (x->draws != NULL)
        experiment_look_at_target(x, problem);
    if (data->train == NULL)
        return;
    const int n_last = data->context.n + (data->weight != NULL);
    char *location = flow_spec_location(x->spec, data->train);
    const char **last = malloc(((size_t)n_last + 1) * sizeof *last);
    flow_error err = {.message = "out of memory"};
    if (location == NULL || last == NULL || experiment_look_at_data(x, location, last, n_last, &err) != FLOW_OK)
        snprintf(problem, FLOW_ERROR_SIZE, "%s", err.message);
    else
        x->columns = (const char *const *)x->names.at;
    free(last);
    free(location);
}

/* ---- checking them against the flow ---- */

static flow_status experiment_check_support(const flow_experiment *x, flow_dataset *data, const char *key,
                                            flow_error *err)
{
    enum { VALUES = 1 << 16 };
    if (data == NULL || !x->f->has_support)
        return FLOW_OK;
    size_t d = (size_t)data->n_columns, n_max = VALUES / d + 1, n = 0;
    double *rows = calloc(n_max, d * sizeof *rows);
    int64_t *numbers = calloc(n_max, sizeof *numbers);
    flow_status status = rows == NULL || numbers == NULL ? flow_error_memory(err, "rows") : FLOW_OK;
    flow_dataset_rewind(data);
    do {
        if (status == FLOW_OK)
            status = flow_dataset_next(data, rows, numbers, n_max, &n, err);
        for (size_t i = 0; i < n && status == FLOW_OK; i++) {
            status = flow_check_row(x->f, rows + i * d, err);
            if (status != FLOW_OK)
                flow_error_prefix(err, status, "data.%s: %s: row %lld: ", key, data->location,
                                  (long long)numbers[i] + 1);
        }
    } while (status == FLOW_OK && n > 0);
    free(rows);
    free(numbers);
    return status;
}

flow_status flow_experiment_check(const flow_experiment *x, flow_error *err)
{
    FLOW_TRY(experiment_check_support(x, x->training, "train", err));
    FLOW_TRY(experiment_check_support(x, x->validation, x->data->validation.number > 0 ? "train" : "validation", err));
    FLOW_TRY(flow_experiment_warn_of_codes(x, err));
    return flow_experiment_warn_of_columns(x, err);
}

/* ---- describing them ---- */

/* The location with the absolute path of the file, as flow_location_replace asks for it. */
static char *experiment_absolute(const char *dir, const char *location)
{
    (void)dir;
    flow_location place = {0};
    char *file = flow_location_find(&place, location, NULL) == FLOW_OK ? realpath(place.file, NULL) : NULL;
    char *out = file == NULL ? flow_strdup(location)
                             : flow_format("%s%s%s", file, place.path != NULL ? ":" : "",
                                           place.path != NULL ? place.path : "");
    free(file);
    flow_location_free(&place);
    return out;
}

/* Adds an origin; takes the location over. False when memory is out. */
static bool experiment_describe(cJSON *object, const char *key, flow_data_origin origin, char *location,
                                uint32_t checksum)
{
    char text[FLOW_CHECKSUM_SIZE];
    flow_checksum_print(text, checksum);
    origin.location = location;
    origin.checksum = text;
    bool good = location != NULL &&
                flow_report_add(object, key, flow_report_json(flow_data_origin_fields, &origin, NULL));
    free(location);
    return good;
}

static bool experiment_describe_dataset(cJSON *object, const char *key, const flow_dataset *data)
{
    if (data == NULL)
        return true;
    const flow_picture_options picture = flow_dataset_picture(data);
    const flow_data_origin origin = {
        .rows = data->n_rows, .columns = data->n_columns, .has_names = data->has_names, .n_context = data->n_context,
        .effective_rows = data->effective_rows, .weightless = data->n_weightless, .skipped = data->n_skipped,
        .is_table = true, .is_weighted = data->is_weighted, .is_pictures = picture.shape.channels > 0,
        .black = picture.least, .white = picture.most,
        .classes = {data->classes != NULL ? data->n_classes : 0, data->classes},
    };
    char *location = flow_location_replace(NULL, data->location, experiment_absolute);
    return experiment_describe(object, key, origin, location, data->checksum);
}

static bool experiment_describe_target(cJSON *object, const flow_target *target)
{
    if (target == NULL)
        return true;
    const flow_data_origin origin = {.dimensions = target->dim, .is_density = true};
    char *path = realpath(target->path, NULL);
    return experiment_describe(object, "density", origin, path != NULL ? path : flow_strdup(target->path),
                               target->checksum);
}

cJSON *flow_experiment_describe_data(const flow_experiment *x, flow_error *err)
{
    cJSON *object = cJSON_CreateObject();
    if (object != NULL && experiment_describe_target(object, x->target) &&
        experiment_describe_dataset(object, "train", x->training) &&
        experiment_describe_dataset(object, "validation", x->validation) &&
        experiment_describe_dataset(object, "test", x->test))
        return object;
    cJSON_Delete(object);
    flow_error_memory(err, "the description of the data");
    return NULL;
}
