/* The files of a search: the best model and its spec, and the folder with the candidates.
 *
 *     NAME-tuned.h5, .json       the best model and its spec; where an ensemble is kept, that is NAME-tuned.h5, and
 *                                the best model and its spec are NAME-tuned-single.h5, .json
 *     NAME-tuned.tune/           the folder:
 *         search.json            the search: how it was asked for, and how far it is
 *         001.json, 001.h5       a candidate: its spec, and its training
 *         candidates.csv         what was tried, as a table
 *
 * search.json is replaced as a whole whenever a candidate is done with its rung, and when a rung is decided. What is
 * not in it yet follows from the model files: a training that is resumed behind its rung takes no step.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/replace.h"
#include "model/file.h"
#include "run/tune_search.h"

static const char state_name[] = "search.json", table_name[] = "candidates.csv";

/* ---- names ---- */

flow_status tune_name_files(tune_search *s, flow_error *err)
{
    const flow_run_tune_options *o = s->options;
    flow_run_tune_result *out = s->out;
    char *name = flow_format("%s-tuned.h5", s->x.spec->name);
    for (char *c = name; c != NULL && *c != '\0'; c++)
        *c = *c == '/' ? '-' : *c;
    char *output = o->output != NULL ? flow_strdup(o->output) : name != NULL ? flow_spec_path(s->x.spec, name) : NULL;
    free(name);
    if (output == NULL)
        return flow_error_memory(err, "a path");
    const char *slash = strrchr(output, '/'), *base = slash != NULL ? slash + 1 : output;
    const char *point = strrchr(base, '.'), *suffix = o->keep > 0 ? "-single" : "";
    const int length = (int)(point != NULL && point != base ? point - output : (long)strlen(output));
    out->spec = flow_format("%.*s%s.json", length, output, suffix);
    out->folder = flow_format("%.*s.tune", length, output);
    out->table = out->folder != NULL ? flow_format("%s/%s", out->folder, table_name) : NULL;
    out->model = o->keep > 0 ? flow_format("%.*s%s.h5", length, output, suffix) : output;
    out->ensemble.model = o->keep > 0 ? output : NULL;
    return out->spec != NULL && out->table != NULL && out->model != NULL ? FLOW_OK : flow_error_memory(err, "a path");
}

char *tune_file_of(const tune_search *s, const flow_tune_candidate *c, const char *suffix)
{
    return flow_format("%s/%03lld.%s", s->out->folder, (long long)c->number, suffix);
}

static char *folder_state_file(const tune_search *s)
{
    return flow_format("%s/%s", s->out->folder, state_name);
}

static bool folder_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static bool folder_is_same(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* "007.h5", "007.json" */
static bool folder_is_candidate(const char *name)
{
    const size_t digits = strspn(name, "0123456789");
    return digits >= 3 && (strcmp(name + digits, ".h5") == 0 || strcmp(name + digits, ".json") == 0);
}

static bool folder_is_of_search(const char *name)
{
    return strcmp(name, state_name) == 0 || strcmp(name, table_name) == 0 || folder_is_candidate(name);
}

/* Unless another program is writing the file. */
static void folder_clean_file(const char *file)
{
    flow_lock lock = {0};
    flow_lock_state state;
    if (file != NULL && flow_lock_try(&lock, &state, file, NULL) == FLOW_OK && state == FLOW_LOCK_TAKEN)
        flow_replace_clean(file);
    flow_lock_release(&lock);
}

void tune_clean(const tune_search *s)
{
    flow_replace_clean_folder(s->out->folder, folder_is_of_search);
    folder_clean_file(s->out->spec);
    folder_clean_file(s->out->model);
    folder_clean_file(s->out->ensemble.model);
}

/* FLOW_EXISTS for a file in the place of a candidate that is none: the folder is not one of a search. */
static flow_status folder_protect(const char *folder, flow_error *err)
{
    flow_status status = FLOW_OK;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir != NULL && status == FLOW_OK && (entry = readdir(dir)) != NULL;) {
        const bool is_model = strstr(entry->d_name, ".h5") != NULL;
        char *path = flow_format("%s/%s", folder, entry->d_name);
        if (path == NULL)
            status = flow_error_memory(err, "a path");
        else if (folder_is_candidate(entry->d_name) &&
                 flow_file_identify(path) != (is_model ? FLOW_FILE_MODEL : FLOW_FILE_JSON))
            status =
                flow_error_set(err, FLOW_EXISTS,
                               "%s: this file is not of a search, so nothing in its folder is replaced; name another "
                               "model with -o, or remove it",
                               path);
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
    return status;
}

flow_status tune_check_files(const tune_search *s, bool *resume, flow_error *err)
{
    const flow_run_tune_options *o = s->options;
    const flow_run_tune_result *out = s->out;
    if (folder_is_same(out->spec, o->spec))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: the best spec would be written to %s, which is the one to start "
                              "from; name another model with -o",
                              out->model, out->spec);
    char *state = folder_state_file(s);
    if (state == NULL)
        return flow_error_memory(err, "a path");
    const bool has_search = folder_exists(state);
    free(state);
    *resume = o->resume && has_search;
    const char *const files[] = {out->model, out->ensemble.model, out->spec, out->folder};
    for (int i = 0; i < 2; i++) {
        flow_file_kind kind = FLOW_FILE_MISSING;
        if (files[i] != NULL)
            FLOW_TRY(flow_file_inspect(&kind, files[i], err));
        if (kind != FLOW_FILE_MISSING && kind != FLOW_FILE_MODEL)
            return flow_error_set(err, FLOW_EXISTS,
                                  "%s: this file exists and is not a usable model, so it is not replaced; "
                                  "name another one with -o, or remove it",
                                  files[i]);
    }
    flow_file_kind spec;
    FLOW_TRY(flow_file_inspect(&spec, out->spec, err));
    if (spec != FLOW_FILE_MISSING && spec != FLOW_FILE_JSON)
        return flow_error_set(err, FLOW_EXISTS,
                              "%s: this file exists and is not a spec, so it is not replaced; name another model with "
                              "-o, or remove it",
                              out->spec);
    if (!has_search)
        FLOW_TRY(folder_protect(out->folder, err));
    if (*resume || o->force)
        return FLOW_OK;
    for (int i = 0; i < (o->resume ? 3 : 4); i++)
        if (files[i] != NULL && folder_exists(files[i]))
            return flow_error_set(err, FLOW_EXISTS,
                                  "%s: exists already; %s--force searches anew and replaces it, -o "
                                  "names another model",
                                  files[i], has_search ? "--resume goes on with this search, " : "");
    return FLOW_OK;
}

static flow_status folder_remove(const char *folder, const char *name, flow_error *err)
{
    char *path = flow_format("%s/%s", folder, name);
    if (path == NULL)
        return flow_error_memory(err, "a path");
    const bool good = unlink(path) == 0 || errno == ENOENT;
    const int code = errno;
    free(path);
    return good ? FLOW_OK : flow_error_set(err, FLOW_IO, "%s/%s: cannot be removed: %s", folder, name, strerror(code));
}

flow_status tune_clear_folder(const tune_search *s, flow_error *err)
{
    const char *folder = s->out->folder;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return flow_error_set(err, FLOW_IO, "%s: the folder cannot be made: %s; choose another place with -o", folder,
                              strerror(errno));
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return flow_error_set(err, FLOW_IO, "%s: the folder cannot be read: %s; choose another place with -o", folder,
                              strerror(errno));
    flow_status status = folder_remove(folder, state_name, err); /* first: what is left is no search */
    if (status == FLOW_OK)
        status = folder_remove(folder, table_name, err);
    for (const struct dirent *entry = readdir(dir); status == FLOW_OK && entry != NULL; entry = readdir(dir))
        if (folder_is_candidate(entry->d_name))
            status = folder_remove(folder, entry->d_name, err);
    closedir(dir);
    return status;
}

/* ---- writing ---- */

flow_status tune_write_json(const char *file, cJSON *document, flow_error *err)
{
    char *text = document != NULL ? flow_json_layout(document) : NULL;
    cJSON_Delete(document);
    flow_status status =
        text != NULL ? flow_replace_file(file, NULL, text, strlen(text), err) : flow_error_memory(err, file);
    free(text);
    return status;
}

flow_status tune_copy_file(const char *to, const char *from, flow_error *err)
{
    enum { PIECE = 1 << 16 };
    static const char kind[] = "a model";
    FILE *in = fopen(from, "rb");
    if (in == NULL)
        return flow_error_open(err, from, errno);
    flow_replacement out = {0};
    char *piece = malloc(PIECE);
    flow_status status = piece != NULL ? flow_replace_open(&out, to, kind, err) : flow_error_memory(err, from);
    for (size_t n = 1; status == FLOW_OK && n > 0;) {
        n = fread(piece, 1, PIECE, in);
        if (n > 0)
            status = flow_replace_write(&out, piece, n, err);
    }
    if (status == FLOW_OK && ferror(in))
        status = flow_error_set(err, FLOW_IO, "%s: cannot be read: %s", from, strerror(errno));
    if (status == FLOW_OK)
        status = flow_replace_commit(&out, err);
    flow_replace_close(&out);
    free(piece);
    fclose(in);
    return status;
}

/* NULL, as the next one, when memory is out. */
static cJSON *folder_space(const flow_alternatives_list *space)
{
    cJSON *object = cJSON_CreateObject();
    bool good = object != NULL;
    for (int k = 0; k < space->n && good; k++) {
        cJSON *list = cJSON_AddArrayToObject(object, space->at[k].key);
        good = list != NULL;
        for (int i = 0; i < space->at[k].n && good; i++)
            good = flow_report_add(list, NULL, cJSON_Parse(space->at[k].values[i]));
    }
    if (good)
        return object;
    cJSON_Delete(object);
    return NULL;
}

/* How the search was asked for: what has to be the same when it goes on. */
static cJSON *folder_request(const tune_search *s)
{
    cJSON *object = cJSON_CreateObject();
    if (object != NULL && flow_report_add(object, "spec", cJSON_Duplicate(s->document, 1)) &&
        flow_report_add(object, "space", folder_space(&s->space)) &&
        cJSON_AddNumberToObject(object, "trials", (double)s->options->trials) != NULL &&
        cJSON_AddNumberToObject(object, "factor", (double)s->options->factor) != NULL)
        return object;
    cJSON_Delete(object);
    return NULL;
}

flow_status tune_save(tune_search *s, flow_error *err)
{
    flow_run_tune_result *out = s->out;
    cJSON *object = cJSON_CreateObject(), *list = cJSON_CreateArray();
    out->seconds = s->before + flow_seconds() - s->began;
    bool good = object != NULL && list != NULL && cJSON_AddStringToObject(object, "program", "flowctl") != NULL &&
                cJSON_AddStringToObject(object, "version", flow_program_version()) != NULL &&
                flow_report_add(object, "request", folder_request(s)) &&
                cJSON_AddNumberToObject(object, "rung", out->rung + 1) != NULL &&
                cJSON_AddNumberToObject(object, "seconds", round(out->seconds * 1000) / 1000) != NULL;
    for (size_t i = 0; good && i < out->candidates.n; i++)
        good = flow_report_add(list, NULL,
                               flow_report_json(flow_tune_candidate_fields, tune_candidate(s, (int64_t)i + 1), NULL));
    good = flow_report_add(object, "candidates", list) && good;
    char *file = good ? folder_state_file(s) : NULL;
    flow_status status = FLOW_OK;
    if (file != NULL) {
        status = tune_write_json(file, object, err);
    } else {
        cJSON_Delete(object);
        status = flow_error_memory(err, "the state of a search");
    }
    free(file);
    return status;
}

static void folder_put_number(flow_text *text, double value)
{
    char number[FLOW_NUMBER_SIZE] = "";
    if (isfinite(value))
        flow_number_print(number, value);
    flow_text_add(text, "%s,", number);
}

flow_status tune_write_table(const tune_search *s, flow_error *err)
{
    flow_text text = {0};
    flow_text_add(&text, "candidate,state,rung,epochs,seconds,validation,standard_error,behind,behind_error,settings,"
                         "problem\n");
    for (size_t i = 0; i < s->out->candidates.n; i++) {
        const flow_tune_candidate *c = tune_candidate(s, (int64_t)i + 1);
        flow_text_add(&text, "%lld,%s,%lld,%lld,%.3f,", (long long)c->number, c->state_name, (long long)c->rung,
                      (long long)c->epochs, c->seconds);
        folder_put_number(&text, c->validation.mean);
        folder_put_number(&text, c->validation.error);
        folder_put_number(&text, c->behind.mean);
        folder_put_number(&text, c->behind.error);
        flow_text_add_quoted(&text, c->settings);
        flow_text_add(&text, ",");
        flow_text_add_quoted(&text, c->problem);
        flow_text_add(&text, "\n");
    }
    flow_status status = text.failed ? flow_error_memory(err, s->out->table)
                                     : flow_replace_file(s->out->table, NULL, text.data, text.length, err);
    flow_text_free(&text);
    return status;
}

/* ---- reading ---- */

/* The path of the first difference between two values, behind what is in `path` already; false: they are equal. */
static bool folder_differs(flow_text *path, const cJSON *was, const cJSON *is)
{
    if (was == NULL || is == NULL)
        return was != is;
    if (!cJSON_IsObject(was) || !cJSON_IsObject(is))
        return !cJSON_Compare(was, is, 1);
    for (int k = 0; k < 2; k++)
        for (const cJSON *node = k == 0 ? was->child : is->child; node != NULL; node = node->next) {
            const size_t length = path->length;
            flow_text_add(path, "%s%s", length > 0 ? "." : "", node->string);
            if (folder_differs(path, cJSON_GetObjectItemCaseSensitive(was, node->string),
                               cJSON_GetObjectItemCaseSensitive(is, node->string)))
                return true;
            path->length = length;
            if (path->data != NULL)
                path->data[length] = '\0';
        }
    return false;
}

static flow_status folder_check_request(const tune_search *s, const cJSON *was, flow_error *err)
{
    flow_text path = {0};
    cJSON *is = folder_request(s);
    flow_status status = is != NULL ? FLOW_OK : flow_error_memory(err, "a comparison");
    if (is != NULL && folder_differs(&path, was, is))
        status = flow_error_set(err, FLOW_SPEC,
                                "%s: this search cannot be resumed, it was asked for with another "
                                "\"%.200s\"; undo the change, or search anew with --force or another -o",
                                s->out->folder, path.data != NULL ? path.data : "spec");
    cJSON_Delete(is);
    flow_text_free(&path);
    return status;
}

static flow_status folder_damaged(const tune_search *s, flow_error *err)
{
    return flow_error_set(err, FLOW_FORMAT, "%s/%s: is damaged; search anew with --force", s->out->folder, state_name);
}

static flow_status folder_restore_candidate(tune_search *s, const cJSON *object, flow_error *err)
{
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(object, "set");
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(object, "state");
    const cJSON *problem = cJSON_GetObjectItemCaseSensitive(object, "problem");
    int k = 0;
    while (cJSON_IsString(state) && k <= FLOW_TUNE_BEST && strcmp(state->valuestring, flow_tune_state_names[k]) != 0)
        k++;
    if (!cJSON_IsObject(set) || !cJSON_IsString(state) || k > FLOW_TUNE_BEST)
        return folder_damaged(s, err);
    FLOW_TRY(tune_add(s, cJSON_Duplicate(set, 1), err));
    flow_tune_candidate *c = tune_candidate(s, (int64_t)s->out->candidates.n), was = {.number = 0};
    flow_report_read(&was, flow_tune_candidate_fields, object); /* its strings are of the object */
    if (was.number != c->number || was.rung < 0 || was.rung > FLOW_TUNE_RUNGS_MAX || was.epochs < 0)
        return folder_damaged(s, err);
    c->rung = was.rung;
    c->epochs = was.epochs;
    c->seconds = was.seconds;
    c->validation = was.validation;
    c->behind = was.behind;
    c->problem = cJSON_IsString(problem) ? flow_strdup(problem->valuestring) : NULL;
    tune_set_state(c, (flow_tune_state)k);
    s->out->n_failed += k == FLOW_TUNE_FAILED;
    s->out->n_refused += k == FLOW_TUNE_REFUSED;
    return FLOW_OK;
}

static flow_status folder_restore(tune_search *s, const cJSON *document, flow_error *err)
{
    const cJSON *rung = cJSON_GetObjectItemCaseSensitive(document, "rung");
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(document, "seconds");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(document, "candidates");
    FLOW_TRY(folder_check_request(s, cJSON_GetObjectItemCaseSensitive(document, "request"), err));
    if (!cJSON_IsNumber(rung) || !(rung->valuedouble >= 1 && rung->valuedouble <= FLOW_TUNE_RUNGS_MAX + 1) ||
        !cJSON_IsNumber(seconds) || !(seconds->valuedouble >= 0) || !cJSON_IsArray(list) || list->child == NULL)
        return folder_damaged(s, err);
    s->out->rung = (int)rung->valuedouble - 1;
    s->before = seconds->valuedouble;
    for (const cJSON *object = list->child; object != NULL; object = object->next)
        FLOW_TRY(folder_restore_candidate(s, object, err));
    return FLOW_OK;
}

flow_status tune_restore(tune_search *s, flow_error *err)
{
    cJSON *document = NULL;
    char *file = folder_state_file(s);
    flow_status status = file != NULL ? flow_json_read(&document, file, err) : flow_error_memory(err, "a path");
    if (status == FLOW_OK)
        status = folder_restore(s, document, err);
    cJSON_Delete(document);
    free(file);
    return status;
}
