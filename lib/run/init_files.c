/* Which tables there are, and the names of the files to write. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "data/location.h"
#include "model/model.h"
#include "run/init_plan.h"
#include "run/output.h"

/* ---- data or a spec ---- */

bool flow_names_data(const char *argument)
{
    if (argument == NULL || flow_is_standard(argument))
        return false;
    const size_t n = strlen(argument), m = strlen(".json");
    const bool named_json = n > m && strcmp(argument + n - m, ".json") == 0;
    struct stat about;
    flow_location place = {0};
    switch (flow_file_identify(argument)) {
    case FLOW_FILE_HDF5:
        return true;
    case FLOW_FILE_OTHER: /* CSV has no signature; an empty file and a broken spec are none */
        return stat(argument, &about) == 0 && !named_json &&
               (S_ISDIR(about.st_mode) || (S_ISREG(about.st_mode) && about.st_size > 0));
    case FLOW_FILE_MISSING: /* FILE.h5:/set, or a name that says what was meant */
        if (flow_location_name(&place, argument, NULL) != FLOW_OK)
            return false;
        break;
    default:
        return false;
    }
    bool data = place.path != NULL;
    for (const char *const *ending = place.format->endings; *ending != NULL; ending++) {
        const size_t length = strlen(place.file), size = strlen(*ending);
        data = data || (length > size && strcasecmp(place.file + length - size, *ending) == 0);
    }
    flow_location_free(&place);
    return data;
}

/* ---- names ---- */

/* The name of the last folder or file of a path without its ending, and for a table in a file "-" and its path;
 * "events-signal" for "runs/events.h5:/signal". NULL when memory is out. */
static char *files_stem(const flow_location *place)
{
    const char *end = place->file + strlen(place->file);
    while (end > place->file + 1 && end[-1] == '/')
        end--;
    const char *start = end;
    while (start > place->file && start[-1] != '/')
        start--;
    const char *point = end;
    for (const char *const *ending = place->format->endings; *ending != NULL; ending++) {
        const size_t n = strlen(*ending);
        if ((size_t)(end - start) > n && strncasecmp(end - n, *ending, n) == 0)
            point = end - n;
    }
    while (point > start && *point != '.')
        point--;
    const bool has_ending = point > start && !place->format->reads_folders;
    const bool is_named = strspn(start, ".") < (size_t)(end - start);
    char *stem = is_named ? flow_format("%.*s%s%s", (int)((has_ending ? point : end) - start), start,
                                        place->path != NULL && place->path[1] != '\0' ? "-" : "",
                                        place->path != NULL ? place->path + 1 : "")
                          : flow_strdup("model");
    for (char *c = stem; c != NULL && *c != '\0'; c++)
        if (*c == '/')
            *c = '-';
    return stem;
}

/* `file` with the ending `with` in place of the ending `from`, if it has that. */
static char *files_change_ending(const char *file, const char *from, const char *with)
{
    const size_t n = strlen(file), m = strlen(from);
    const bool has = n > m && strcmp(file + n - m, from) == 0;
    return flow_format("%.*s%s", (int)(has ? n - m : n), file, with);
}

static bool files_are_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static flow_status files_keep(init_plan *plan, const char **out, char *text, flow_error *err)
{
    *out = text != NULL ? flow_arena_text(plan->arena, text) : NULL;
    free(text);
    return *out != NULL ? FLOW_OK : flow_error_memory(err, "the name of a file");
}

/* The spec and the model have one name, in the folder that the user names or in the current one; but where that is the
 * name of data, the model gets another one. */
static flow_status files_name(init_plan *plan, const flow_location *place, flow_error *err)
{
    const flow_run_init_options *o = plan->options;
    flow_run_init_result *out = plan->out;
    char *stem = files_stem(place);
    if (stem == NULL)
        return flow_error_memory(err, "the name of a file");
    char *spec = o->spec != NULL    ? flow_strdup(o->spec)
                 : o->model != NULL ? files_change_ending(o->model, ".h5", ".json")
                                    : flow_format("%s.json", stem);
    free(stem);
    FLOW_TRY(files_keep(plan, &out->spec, spec, err));
    if (o->model != NULL)
        return files_keep(plan, &out->model, flow_strdup(o->model), err);
    FLOW_TRY(files_keep(plan, &out->model, files_change_ending(out->spec, ".json", ".h5"), err));
    if (flow_file_identify(out->model) != FLOW_FILE_HDF5) /* these data, or others */
        return FLOW_OK;
    FLOW_TRY(files_keep(plan, &out->model, files_change_ending(out->spec, ".json", "-model.h5"), err));
    const char *slash = strrchr(out->model, '/');
    plan->output = slash != NULL ? slash + 1 : out->model;
    return FLOW_OK;
}

/* ---- files that exist ---- */

static flow_status files_check_spec(const init_plan *plan, const flow_location *place, flow_error *err)
{
    const char *spec = plan->out->spec;
    if (flow_is_standard(spec))
        return flow_error_set(err, FLOW_ARGUMENT, "-o: the spec goes to a file; name one such as events.json");
    flow_file_kind kind;
    FLOW_TRY(flow_file_inspect(&kind, spec, err));
    if (kind == FLOW_FILE_MISSING)
        return FLOW_OK;
    if (kind != FLOW_FILE_JSON || files_are_same(spec, place->file))
        return flow_error_set(err, FLOW_EXISTS,
                              "%s: this file exists and is not a spec, so it is not replaced; name "
                              "another one with -o",
                              spec);
    if (plan->options->force)
        return FLOW_OK;
    return flow_error_set(err, FLOW_EXISTS,
                          "%s: this spec exists already; name it in place of the data to go on from it, --force "
                          "replaces it, -o names another file",
                          spec);
}

static flow_status files_check_model(const init_plan *plan, flow_error *err)
{
    const char *model = plan->out->model;
    flow_file_kind kind = FLOW_FILE_MISSING;
    if (plan->options->trains)
        FLOW_TRY(flow_file_inspect(&kind, model, err));
    if (kind == FLOW_FILE_MISSING || (kind == FLOW_FILE_MODEL && (plan->options->force || plan->options->resume)))
        return FLOW_OK;
    if (kind == FLOW_FILE_MODEL)
        return flow_error_set(err, FLOW_EXISTS,
                              "%s: this model exists already; --resume trains it on, --force trains "
                              "it anew, -o names another file",
                              model);
    return flow_error_set(err, FLOW_EXISTS,
                          "%s: this file exists and is not a usable model, so it is not replaced; "
                          "name another one with -o, or remove it",
                          model);
}

/* ---- tables ---- */

/* The location as a spec in the folder of `spec` names it: as it was typed where that is the current folder, else
 * relative to the folder if it lies below it, or absolute. NULL when memory is out. */
static char *files_relative(const char *location, const flow_location *place, const char *spec)
{
    char *folder = flow_path_dir(spec), *home = folder != NULL ? realpath(folder, NULL) : NULL;
    char *here = realpath(".", NULL), *file = realpath(place->file, NULL);
    const size_t n = home != NULL ? strlen(home) : 0;
    char *out = NULL;
    if (home == NULL || here == NULL || file == NULL || strcmp(home, here) == 0) {
        out = flow_strdup(location);
    } else {
        const bool below = strncmp(file, home, n) == 0 && file[n] == '/';
        out = flow_format("%s%s%s", below ? file + n + 1 : file, place->path != NULL ? ":" : "",
                          place->path != NULL ? place->path : "");
    }
    free(folder);
    free(home);
    free(here);
    free(file);
    return out;
}

/* What is in `location`, or in its table `name`, unless that is NULL. */
static flow_status files_take(init_plan *plan, init_set *set, const char *location, const char *name, flow_error *err)
{
    flow_name_list parts;
    flow_text all = {0};
    FLOW_TRY(flow_location_parts(&parts, NULL, location, err));
    flow_status status = FLOW_OK;
    for (int i = 0; i < parts.n && status == FLOW_OK; i++) {
        flow_location place = {0};
        status = flow_location_find(&place, parts.at[i], err);
        char *one = status == FLOW_OK ? files_relative(parts.at[i], &place, plan->out->spec) : NULL;
        all.failed = all.failed || one == NULL;
        flow_text_add(&all, "%s%s", i > 0 ? "," : "", one != NULL ? one : "");
        free(one);
        flow_location_free(&place);
    }
    flow_name_list_free(&parts);
    char *named = all.failed ? NULL : flow_strdup(all.data);
    flow_text_free(&all);
    FLOW_TRY(status);
    const char *colon = name != NULL ? ":" : "";
    set->source = flow_format("%s%s%s", location, colon, name != NULL ? name : "");
    set->named = named != NULL ? flow_format("%s%s%s", named, colon, name != NULL ? name : "") : NULL;
    free(named);
    return set->source != NULL && set->named != NULL ? FLOW_OK : flow_error_memory(err, "a location");
}

/* What an option --validation or --test says: a location or a share. */
static flow_status files_take_option(init_plan *plan, init_role role, const char *text, flow_error *err)
{
    init_set *set = &plan->sets[role];
    return text == NULL || flow_number_parse(text, &set->share) ? FLOW_OK : files_take(plan, set, text, NULL, err);
}

static bool files_has(const flow_name_list *paths, const char *name)
{
    for (int i = 0; i < paths->n; i++)
        if (strcmp(paths->at[i], name) == 0)
            return true;
    return false;
}

/* Of an HDF5 file with several tables those named train, validation and test are used as they say. Of another one the
 * reader takes the only one, or lists them in its message. */
static flow_status files_take_tables(init_plan *plan, const flow_name_list *paths, flow_error *err)
{
    static const char *const names[INIT_N_SETS] = {"/train", "/validation", "/test"};
    const char *data = plan->options->data;
    const bool split = files_has(paths, names[INIT_TRAIN]);
    FLOW_TRY(files_take(plan, &plan->sets[INIT_TRAIN], data, split ? names[INIT_TRAIN] : NULL, err));
    for (int role = INIT_VALIDATION; role < INIT_N_SETS && split; role++) {
        init_set *set = &plan->sets[role];
        if (set->source == NULL && set->share == 0 && files_has(paths, names[role]))
            FLOW_TRY(files_take(plan, set, data, names[role], err));
    }
    return FLOW_OK;
}

static flow_status files_find_tables(init_plan *plan, flow_error *err)
{
    const flow_run_init_options *o = plan->options;
    flow_name_list paths = {0}, sizes = {0};
    FLOW_TRY(files_take_option(plan, INIT_VALIDATION, o->validation, err));
    FLOW_TRY(files_take_option(plan, INIT_TEST, o->test, err));
    flow_status status = flow_tables_list(&paths, &sizes, o->data, err);
    if (status == FLOW_OK)
        status = files_take_tables(plan, &paths, err);
    flow_name_list_free(&paths);
    flow_name_list_free(&sizes);
    return status;
}

static flow_status files_check_kind(const char *data, flow_error *err)
{
    switch (flow_file_identify(data)) {
    case FLOW_FILE_JSON:
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: is a spec, and data were expected; to train it: flowctl train %s", data, data);
    case FLOW_FILE_MODEL:
        return flow_error_set(err, FLOW_ARGUMENT, "%s: is a model, and data were expected", data);
    default:
        return FLOW_OK;
    }
}

flow_status init_find_files(init_plan *plan, flow_error *err)
{
    flow_location place = {0};
    if (flow_is_standard(plan->options->data))
        return flow_error_set(err, FLOW_ARGUMENT, "standard input can be read only once, and this "
                              "takes several passes; put the data into a file first, as in: COMMAND >rows.csv, and "
                              "name that");
    FLOW_TRY(files_check_kind(plan->options->data, err));
    struct stat info;
    if (stat(plan->options->data, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return flow_error_set(err, FLOW_ARGUMENT, "%s: is a pipe, which can be read only once, and this takes several "
                              "passes; put the data into a file first, as in: COMMAND >rows.csv, and name that",
                              plan->options->data);
    flow_name_list parts;
    FLOW_TRY(flow_location_parts(&parts, NULL, plan->options->data, err));
    flow_status status = flow_location_find(&place, parts.at[0], err);
    flow_name_list_free(&parts);
    FLOW_TRY(status);
    const flow_run_hooks no_hooks = {0};
    status = files_name(plan, &place, err);
    if (status == FLOW_OK)
        status = flow_output_lock(&plan->lock, plan->out->spec, false, "makes this spec", &no_hooks, err);
    if (status == FLOW_OK && plan->options->resume && flow_file_identify(plan->out->spec) == FLOW_FILE_JSON)
        plan->out->kept = true;
    else if (status == FLOW_OK)
        status = files_check_spec(plan, &place, err);
    if (status == FLOW_OK)
        status = files_check_model(plan, err);
    if (status == FLOW_OK)
        status = files_find_tables(plan, err);
    flow_location_free(&place);
    return status;
}
