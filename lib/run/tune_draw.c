/* The candidates of a search: drawn from its space, each a spec in its folder. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "run/tune_search.h"

/* ---- specs ---- */

cJSON *tune_spec_of(const tune_search *s, const flow_tune_candidate *c, const char *output, flow_error *err)
{
    cJSON *document = cJSON_Duplicate(s->document, 1);
    flow_status status = document != NULL ? FLOW_OK : flow_error_memory(err, "a spec");
    for (const cJSON *value = c->set->child; status == FLOW_OK && value != NULL; value = value->next) {
        char *plain = cJSON_PrintUnformatted(value);
        char *text = plain != NULL ? flow_format("%s=%s", value->string, plain) : NULL;
        const char *override = text;
        status = text != NULL ? flow_spec_override(document, &override, 1, err) : flow_error_memory(err, "a spec");
        free(plain);
        free(text);
    }
    if (status == FLOW_OK && cJSON_AddStringToObject(document, "output", output) == NULL)
        status = flow_error_memory(err, "a spec");
    if (status != FLOW_OK) {
        cJSON_Delete(document);
        return NULL;
    }
    return document;
}

static flow_status draw_write_spec(const tune_search *s, const flow_tune_candidate *c, const char *file,
                                   flow_error *err)
{
    char *model = tune_file_of(s, c, "h5");
    cJSON *document = model != NULL ? tune_spec_of(s, c, strrchr(model, '/') + 1, err) : NULL;
    flow_status status = model == NULL ? flow_error_memory(err, "a path") : document == NULL ? FLOW_SPEC : FLOW_OK;
    free(model);
    return status == FLOW_OK ? tune_write_json(file, document, err) : status;
}

static void draw_count(void *context, const flow_json *was, const flow_json *is)
{
    (void)was, (void)is;
    ++*(int *)context;
}

/* Builds the flow of the candidate for the columns of the data, without training it. *same: it is the spec itself. */
static flow_status draw_build(const tune_search *s, const char *file, bool *same, flow_error *err)
{
    static const flow_run_hooks silent = {0};
    flow_experiment x = {.hooks = &silent, .n_threads = 1};
    int differences = 0;
    flow_status status = flow_experiment_read(&x, file, NULL, 0, err);
    x.dim = s->x.dim;
    x.columns = s->x.columns;
    if (status == FLOW_OK && s->x.spec->image != NULL)
        status = flow_spec_set_shape(x.spec, flow_image_of_options(s->x.spec->image).shape, err);
    if (status == FLOW_OK)
        status = flow_spec_set_rows(x.spec, s->out->n_rows, s->x.dim, err);
    if (status == FLOW_OK && s->x.data->classes > 0)
        status = flow_spec_set_classes(x.spec, (int)s->x.data->classes, err);
    if (status == FLOW_OK) {
        flow_experiment_take_options(&x);
        status = flow_experiment_build(&x, x.dim, err);
    }
    if (status == FLOW_OK)
        flow_spec_compare(s->x.spec, x.spec, draw_count, &differences);
    *same = status == FLOW_OK && differences == 0;
    flow_experiment_free(&x);
    return status;
}

/* Adds a candidate with its spec. One that does not fit is refused, and counted; one that is the spec itself once more
 * is left out. *is_new: it is another one to train. */
static flow_status draw_add(tune_search *s, cJSON *set, bool *is_new, flow_error *err)
{
    bool same = false;
    flow_error why = {0};
    FLOW_TRY(tune_add(s, set, err));
    flow_tune_candidate *c = tune_candidate(s, (int64_t)s->out->candidates.n);
    char *file = tune_file_of(s, c, "json");
    flow_status status = file != NULL ? draw_write_spec(s, c, file, &why) : flow_error_memory(&why, "a path");
    if (status == FLOW_OK)
        status = draw_build(s, file, &same, &why);
    free(file);
    *is_new = status == FLOW_OK && (!same || c->number == 1);
    if (status == FLOW_SPEC && c->number > 1) {
        c->problem = flow_strdup(why.message);
        tune_set_state(c, FLOW_TUNE_REFUSED);
        s->out->n_refused++;
    } else if (status != FLOW_OK) {
        *err = why;
        return status;
    } else if (!*is_new) { /* the next one takes its number and its file */
        cJSON_Delete(c->set);
        free(c->settings);
        s->out->candidates.n--;
    }
    return FLOW_OK;
}

/* ---- drawing ---- */

static cJSON *draw_set(const flow_alternatives_list *space, const int *values)
{
    cJSON *set = cJSON_CreateObject();
    for (int k = 0; k < space->n && set != NULL; k++) {
        cJSON *value = cJSON_Parse(space->at[k].values[values[k]]);
        if (value == NULL || !cJSON_AddItemToObject(set, space->at[k].key, value)) {
            cJSON_Delete(value);
            cJSON_Delete(set);
            set = NULL;
        }
    }
    return set;
}

/* Combination `i` of all of them. */
static void draw_number(int *values, const flow_alternatives_list *space, int64_t i)
{
    for (int k = space->n - 1; k >= 0; k--) {
        values[k] = (int)(i % space->at[k].n);
        i /= space->at[k].n;
    }
}

static bool draw_is_known(const int *drawn, size_t n, const int *values, int n_keys)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(drawn + i * (size_t)n_keys, values, (size_t)n_keys * sizeof *values) == 0)
            return true;
    return false;
}

/* Draws until there are `wanted` candidates, each once; all combinations where there are no more than that. */
static flow_status draw_others(tune_search *s, int64_t wanted, int **drawn, flow_error *err)
{
    enum { ATTEMPTS = 100, REFUSED = 2 }; /* a wanted candidate */
    const flow_alternatives_list *space = &s->space;
    const int64_t size = s->out->n_combinations;
    const bool all = size < wanted;
    const int64_t attempts = all ? size : ATTEMPTS * wanted;
    size_t n = 0, capacity = 0;
    const size_t n_keys = (size_t)space->n;
    int64_t have = 1;
    for (int64_t i = 0; i < attempts && have < wanted && s->out->n_refused < REFUSED * wanted; i++) {
        bool is_new = false;
        if (!flow_grow(drawn, &capacity, (n + 1) * n_keys + 1, sizeof **drawn))
            return flow_error_memory(err, "the candidates");
        int *values = *drawn + n * n_keys;
        if (all)
            draw_number(values, space, i);
        else
            tune_space_draw(values, space, (uint64_t)s->x.spec->seed, i);
        if (draw_is_known(*drawn, n, values, space->n))
            continue;
        n++;
        FLOW_TRY(draw_add(s, draw_set(space, values), &is_new, err));
        have += is_new;
    }
    return FLOW_OK;
}

flow_status tune_draw(tune_search *s, flow_error *err)
{
    int *drawn = NULL;
    bool is_new;
    s->out->n_combinations = tune_space_size(&s->space);
    flow_status status = draw_add(s, cJSON_CreateObject(), &is_new, err);
    if (status == FLOW_OK && s->space.n > 0)
        status = draw_others(s, s->options->trials, &drawn, err);
    free(drawn);
    return status;
}
