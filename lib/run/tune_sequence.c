/* A search from its beginning to its end. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "run/tune_search.h"

/* Of the training rows, where the spec names no other data. */
static const double share_by_default = 0.1;

/* ---- the options ---- */

static flow_status tune_check_data(const tune_search *s, flow_error *err)
{
    const flow_experiment *x = &s->x;
    if (x->draws != NULL)
        return flow_error_set(err, FLOW_SPEC,
                              "%s: the objective \"%s\" trains without data, and a search compares the "
                              "log-densities of held-out rows",
                              x->spec->source, x->objective.type->info.name);
    if (flow_is_standard(x->data->train) || flow_is_standard(x->data->validation.text) ||
        flow_is_standard(x->data->test.text))
        return flow_error_set(err, FLOW_SPEC,
                              "%s: standard input can be read only once, and each candidate reads the "
                              "data; put them into a file",
                              x->spec->source);
    return FLOW_OK;
}

/* Whether data.KEY of the document says nothing. */
static bool tune_lacks(cJSON *document, const char *key)
{
    const cJSON *node = flow_json_find(document, key);
    return node == NULL || cJSON_IsNull(node);
}

/* Reads the spec, with shares for the validation and the test where it names no data; `written` is its document. */
static flow_status tune_read(tune_search *s, cJSON **written, flow_error *err)
{
    const flow_run_tune_options *o = s->options;
    char validation[64], test[64];
    if (flow_is_standard(o->spec))
        return flow_error_set(err, FLOW_ARGUMENT, "a search reads its spec more than once; put it into a file");
    FLOW_TRY(flow_experiment_read(&s->x, o->spec, o->overrides, o->n_overrides, err));
    FLOW_TRY(tune_check_data(s, err));
    FLOW_TRY(flow_json_read(written, o->spec, err));
    FLOW_TRY(flow_spec_override(*written, o->overrides, o->n_overrides, err));
    s->out->validation_share = tune_lacks(*written, "data.validation") ? share_by_default : 0;
    s->out->test_share = tune_lacks(*written, "data.test") ? share_by_default : 0;
    snprintf(validation, sizeof validation, "data.validation=%g", share_by_default);
    snprintf(test, sizeof test, "data.test=%g", share_by_default);
    const char *const shares[] = {validation, test};
    const int first = s->out->validation_share > 0 ? 0 : 1, n = (s->out->test_share > 0 ? 2 : 1) - first;
    return n > 0 ? flow_spec_override(*written, shares + first, n, err) : FLOW_OK;
}

/* The same once more, with the shares: this one is opened and built. */
static flow_status tune_open(tune_search *s, const cJSON *written, flow_error *err)
{
    const char *source = s->options->spec;
    cJSON *copy = cJSON_Duplicate(written, 1);
    char *dir = flow_strdup(s->x.spec->dir);
    flow_spec *spec = NULL;
    flow_status status = copy != NULL && dir != NULL ? FLOW_OK : flow_error_memory(err, source);
    if (status == FLOW_OK)
        status = flow_spec_make(&spec, copy, source, dir, NULL, 0, err);
    else
        cJSON_Delete(copy);
    free(dir);
    if (status != FLOW_OK)
        return status;
    flow_spec_free(s->x.spec);
    s->x.spec = spec;
    flow_experiment_take_options(&s->x);
    FLOW_TRY(flow_experiment_open(&s->x, err));
    FLOW_TRY(flow_experiment_build(&s->x, s->x.dim, err));
    FLOW_TRY(flow_experiment_check(&s->x, err));
    s->out->n_rows = s->x.n_rows;
    s->out->n_held_out = s->x.n_held_out;
    s->out->dim = s->x.dim;
    const bool only = spec->tune != NULL && spec->tune->only;
    if (s->x.training->image.shape.channels > 0 && !only)
        return flow_error_set(err, FLOW_SPEC,
                              "%s: the rows are images, and the built-in space has flows for tables; "
                              "say what varies with \"tune\": {\"only\": true, \"space\": {...}}",
                              source);
    return FLOW_OK;
}

static void tune_close_data(tune_search *s)
{
    flow_experiment *x = &s->x;
    flow_dataset_close(x->training);
    flow_dataset_close(x->validation);
    flow_dataset_close(x->test);
    x->training = x->validation = x->test = NULL;
    x->columns = NULL; /* of the training data */
}

/* ---- the document that candidates are made of ---- */

/* Exchanges a location for one that does not depend on the folder. */
static bool tune_fix_location(cJSON *document, const char *key, const char *dir)
{
    flow_json at = flow_json_root(flow_json_find(document, key));
    if (!cJSON_IsString(at.node))
        return true;
    char *path = flow_path_join(dir, at.node->valuestring);
    cJSON *text = path != NULL ? cJSON_CreateString(path) : NULL;
    free(path);
    if (text != NULL)
        flow_json_replace(&at, text);
    return text != NULL;
}

static const char *const location_keys[] = {"data.train", "data.validation", "data.test"};

static flow_status tune_make_document(tune_search *s, const cJSON *written, flow_error *err)
{
    static const char *const left_out[] = {"$schema", "tune", "output", "name", "seed"};
    const flow_spec *spec = s->x.spec;
    cJSON *document = cJSON_Duplicate(written, 1);
    char dir[PATH_MAX], epochs[64];
    snprintf(epochs, sizeof epochs, "train.epochs=%lld", (long long)spec->train->epochs);
    const char *const override = epochs;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(document, left_out[i]);
    bool good = document != NULL && realpath(spec->dir, dir) != NULL &&
                cJSON_AddStringToObject(document, "name", spec->name) != NULL &&
                cJSON_AddNumberToObject(document, "seed", (double)spec->seed) != NULL;
    for (size_t i = 0; good && i < sizeof location_keys / sizeof *location_keys; i++)
        good = tune_fix_location(document, location_keys[i], dir);
    s->document = document;
    return good ? flow_spec_override(document, &override, 1, err) : flow_error_memory(err, "the spec of a search");
}

/* ---- beginning ---- */

/* As many rungs as leave `factor` candidates or fewer for the last one, or those that an ensemble is to have. */
static void tune_plan(tune_search *s)
{
    flow_run_tune_result *out = s->out;
    const int64_t factor = s->options->factor, epochs = s->x.train->epochs;
    int64_t n = out->n_candidates, parts = 1;
    for (out->n_rungs = 1; n > factor && out->n_rungs < FLOW_TUNE_RUNGS_MAX; out->n_rungs++)
        n = (n + factor - 1) / factor;
    n = out->n_candidates;
    const int64_t least = s->options->keep < n ? s->options->keep : n;
    for (int k = 0; k < out->n_rungs; k++, n = (n + factor - 1) / factor)
        out->rungs[k].candidates = n > least ? n : least;
    for (int k = out->n_rungs - 1; k >= 0; k--) {
        out->rungs[k].epochs = (epochs + parts - 1) / parts;
        parts = parts > epochs ? parts : parts * factor;
    }
}

static void tune_take_up(tune_search *s)
{
    flow_run_tune_result *out = s->out;
    for (size_t i = 0; i < out->candidates.n; i++) {
        flow_tune_candidate *c = tune_candidate(s, (int64_t)i + 1);
        if (tune_is_in(c) && out->rung < out->n_rungs)
            tune_set_state(c, FLOW_TUNE_WAITING); /* takes no step where it is done */
    }
}

static flow_status tune_begin(tune_search *s, bool resume, flow_error *err)
{
    flow_run_tune_result *out = s->out;
    out->resumed = resume;
    if (resume) {
        out->n_combinations = tune_space_size(&s->space);
        FLOW_TRY(tune_restore(s, err));
    } else {
        FLOW_TRY(tune_clear_folder(s, err));
        FLOW_TRY(tune_draw(s, err));
    }
    tune_close_data(s);
    out->exhausted = out->n_combinations < s->options->trials;
    out->n_candidates = (int64_t)out->candidates.n - out->n_refused;
    tune_plan(s);
    if (resume)
        tune_take_up(s);
    return resume ? FLOW_OK : tune_save(s, err);
}

static flow_status tune_make_space(tune_search *s, cJSON *written, flow_error *err)
{
    flow_text pinned = {0}, varied = {0};
    flow_status status = tune_space_make(&s->space, &pinned, &s->arena, written, s->x.spec, err);
    for (int k = 0; status == FLOW_OK && k < s->space.n; k++)
        flow_text_add(&varied, "%s%s (%d)", k > 0 ? ", " : "", s->space.at[k].key, s->space.at[k].n);
    s->out->pinned = pinned.data;
    s->out->varied = varied.data;
    return status == FLOW_OK && (pinned.failed || varied.failed) ? flow_error_memory(err, "the space of a search")
                                                                 : status;
}

static flow_status tune_prepare(tune_search *s, cJSON **written, flow_error *err)
{
    const flow_run_tune_options *o = s->options;
    bool resume = false;
    if (o->trials < 1 || o->trials > FLOW_TUNE_TRIALS_MAX || o->factor < 2)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "a search takes 1 to %d candidates and a factor of 2 or more, not "
                              "%lld and %lld",
                              FLOW_TUNE_TRIALS_MAX, (long long)o->trials, (long long)o->factor);
    if (o->keep < 0 || o->keep > FLOW_MEMBERS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "an ensemble keeps up to %d models, not %lld", FLOW_MEMBERS_MAX,
                              (long long)o->keep);
    if (o->resume && o->force)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "--resume goes on with an existing search and --force replaces it; "
                              "give one of them");
    FLOW_TRY(tune_read(s, written, err));
    FLOW_TRY(tune_make_space(s, *written, err));
    FLOW_TRY(tune_space_check(&s->space, *written, s->x.spec, err));
    FLOW_TRY(tune_name_files(s, err));
    FLOW_TRY(flow_output_lock(&s->folder_lock, s->out->folder, false, "searches in this folder", &o->hooks, err));
    tune_clean(s);
    FLOW_TRY(tune_check_files(s, &resume, err));
    FLOW_TRY(tune_open(s, *written, err));
    FLOW_TRY(tune_make_document(s, *written, err));
    return tune_begin(s, resume, err);
}

/* ---- the rungs ---- */

static flow_status tune_climb(tune_search *s, flow_error *err)
{
    const flow_run_tune_options *o = s->options;
    while (s->out->rung < s->out->n_rungs) {
        flow_status status = tune_run_rung(s, err);
        tune_free_scores(s);
        FLOW_TRY(status);
        tune_decide(s);
        FLOW_TRY(tune_save(s, err));
        FLOW_TRY(tune_write_table(s, err));
        if (o->on_rung != NULL)
            o->on_rung(o->context, s->out);
    }
    return FLOW_OK;
}

/* ---- the end ---- */

/* The spec of the best candidate, as it would be written beside its model. */
static flow_status tune_write_spec(const tune_search *s, const flow_tune_candidate *best, cJSON *written,
                                   flow_error *err)
{
    const char *slash = strrchr(s->out->model, '/');
    cJSON *document = tune_spec_of(s, best, slash != NULL ? slash + 1 : s->out->model, err);
    char *dir = flow_path_dir(s->out->model), here[PATH_MAX], there[PATH_MAX];
    const bool same = dir != NULL && realpath(dir, here) != NULL && realpath(s->x.spec->dir, there) != NULL &&
                      strcmp(here, there) == 0;
    free(dir);
    if (document == NULL)
        return err->code;
    for (size_t i = 0; same && i < sizeof location_keys / sizeof *location_keys; i++) {
        flow_json at = flow_json_root(flow_json_find(document, location_keys[i]));
        const cJSON *was = flow_json_find(written, location_keys[i]);
        cJSON *as_written = was != NULL && at.node != NULL ? cJSON_Duplicate(was, 1) : NULL;
        if (as_written != NULL) {
            flow_json_replace(&at, as_written);
        } else if (was != NULL && at.node != NULL) {
            cJSON_Delete(document);
            return flow_error_memory(err, s->out->spec);
        }
    }
    return tune_write_json(s->out->spec, document, err);
}

/* What the search has gained: the best model against the spec itself, on the same rows. */
static flow_status tune_gain(tune_search *s, const flow_run_train_result *best, flow_error *err)
{
    flow_run_tune_result *out = s->out;
    const flow_tune_candidate *own = tune_candidate(s, 1);
    if (out->best->number == 1 || own->state == FLOW_TUNE_FAILED || !isfinite(own->validation.mean))
        return FLOW_OK;
    flow_run_train_result result = {0};
    char *spec = tune_file_of(s, own, "json"), *model = tune_file_of(s, own, "h5");
    flow_status status =
        spec != NULL && model != NULL ? tune_evaluate(s, &result, spec, model, err) : flow_error_memory(err, "a path");
    if (status == FLOW_OK) {
        out->gain = tune_compare(&best->validation, &result.validation);
        out->test_gain = tune_compare(&best->test, &result.test);
    }
    flow_run_train_free(&result);
    free(spec);
    free(model);
    return status;
}

static flow_status tune_store_best(tune_search *s, cJSON *written, flow_error *err)
{
    flow_run_tune_result *out = s->out;
    flow_run_train_result result = {0};
    char *model = tune_file_of(s, out->best, "h5");
    if (model == NULL)
        return flow_error_memory(err, "a path");
    flow_status status = tune_write_spec(s, out->best, written, err);
    if (status == FLOW_OK)
        status = tune_copy_file(out->model, model, err);
    if (status == FLOW_OK)
        status = tune_evaluate(s, &result, out->spec, out->model, err);
    if (status == FLOW_OK) {
        out->unfinished = result.interrupted;
        out->test = result.summary.test.logprob;
        out->n_test = result.summary.test.rows;
        status = tune_gain(s, &result, err);
    }
    flow_run_train_free(&result);
    free(model);
    return status;
}

/* Others of the last rung whose difference to the best one is within two of its standard errors. */
static int64_t tune_count_tied(const tune_search *s)
{
    const flow_tune_candidate *ranked = s->out->ranking.items;
    int64_t n = 0;
    for (size_t i = 1; i < s->out->ranking.n; i++)
        n += ranked[i].rung == ranked[0].rung && ranked[i].behind.mean < 2 * ranked[i].behind.error;
    return n;
}

static flow_status tune_finish(tune_search *s, cJSON *written, flow_error *err)
{
    flow_run_tune_result *out = s->out;
    FLOW_TRY(tune_rank(s, err));
    if (out->ranking.n == 0) {
        const char *problem = tune_candidate(s, 1)->problem;
        return flow_error_set(err, FLOW_NUMERIC, "no candidate has come to a finite held-out log-density%s%s%s",
                              problem != NULL ? "; the spec itself: " : "", problem != NULL ? problem : "",
                              s->options->minutes > 0 ? "; give it more --minutes" : "");
    }
    flow_tune_candidate *best = tune_candidate(s, ((const flow_tune_candidate *)out->ranking.items)->number);
    tune_set_state(best, FLOW_TUNE_BEST);
    out->best = best;
    out->n_tied = tune_count_tied(s);
    for (size_t i = 0; i < out->candidates.n; i++)
        out->n_untried += tune_candidate(s, (int64_t)i + 1)->rung == 0;
    out->n_untried -= out->n_refused;
    out->gain = out->test = out->test_gain = (flow_mean){NAN, NAN};
    FLOW_TRY(tune_store_best(s, written, err));
    if (s->options->keep > 0)
        FLOW_TRY(tune_store_ensemble(s, err));
    FLOW_TRY(tune_rank(s, err));
    FLOW_TRY(tune_save(s, err));
    return tune_write_table(s, err);
}

/* ---- hooks ---- */

static void tune_warn(void *context, const char *message)
{
    tune_search *s = context;
    char *line = flow_format("\n%s\n", message);
    const bool before = line != NULL && s->said.data != NULL && strstr(s->said.data, line) != NULL;
    if (!before)
        flow_run_warn(&s->options->hooks, "%s", message);
    if (!before && line != NULL)
        flow_text_add(&s->said, "%s", line);
    free(line);
}

flow_status flow_run_tune(flow_run_tune_result *out, const flow_run_tune_options *options, flow_error *err)
{
    *out = (flow_run_tune_result){.source = options->spec, .n_threads = flow_run_threads(options->n_threads)};
    tune_search s = {.options = options, .out = out, .began = flow_seconds(), .x = {.n_threads = out->n_threads}};
    s.hooks = (flow_run_hooks){.context = &s, .warn = tune_warn};
    s.x.hooks = &s.hooks;
    cJSON *written = NULL;
    flow_error why = {0};
    pthread_mutex_init(&s.lock, NULL);
    flow_status status = tune_prepare(&s, &written, &why);
    if (status == FLOW_OK) {
        flow_run_begin(&options->hooks);
        if (options->on_start != NULL)
            options->on_start(options->context, out);
        status = tune_climb(&s, &why);
    }
    if (status == FLOW_OK)
        status = tune_finish(&s, written, &why);
    out->interrupted = status == FLOW_INTERRUPTED;
    out->seconds = s.before + flow_seconds() - s.began;
    if (status != FLOW_OK && err != NULL)
        *err = why;
    pthread_mutex_destroy(&s.lock);
    flow_lock_release(&s.folder_lock);
    tune_free_scores(&s);
    cJSON_Delete(written);
    cJSON_Delete(s.document);
    flow_experiment_free(&s.x);
    flow_text_free(&s.said);
    flow_arena_release(&s.arena);
    return status;
}

void flow_run_tune_free(flow_run_tune_result *result)
{
    flow_tune_candidate *c = result->candidates.items;
    for (size_t i = 0; i < result->candidates.n; i++) {
        cJSON_Delete(c[i].set);
        free(c[i].settings);
        free(c[i].problem);
    }
    free(result->candidates.items);
    free(result->ranking.items);
    free(result->varied);
    free(result->pinned);
    free(result->model);
    free(result->spec);
    free(result->folder);
    free(result->table);
    tune_free_ensemble(&result->ensemble);
    *result = (flow_run_tune_result){0};
}
