/* The space that candidates are drawn from: the built-in one, without what the spec pins, and the object "tune". */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_rng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/registry.h"
#include "num/rng.h"
#include "run/tune_search.h"

/* ---- the built-in space ---- */

/* docs/spec.md has this as a table. The flows are each of the maps with each of the blocks; %d is the place of the
 * block. */
static const char *const space_maps[] = {"\"standardize\"", "\"whiten\"", "\"asinh\""};
static const char *const space_blocks[] = {
    "\"maf\"",
    "{\"type\":\"maf\",\"univariate\":{\"type\":\"mixture\",\"components\":8}}",
    "\"nsf_ar\"",
    "\"nsf\"",
};

static const struct space_row {
    const char *key, *values;
} space_rows[] = {
    {"flow[%d].repeat", "[3, 5, 8]"},
    {"flow[%d].hidden", "[[64, 64], [128, 128], [256, 256]]"},
    {"train.optimizer", "[\"adamw\", {\"type\":\"adamw\",\"decay\":0.3}]"},
    {"train.optimizer.rate", "[0.002, 0.005, 0.01]"},
    {"train.batch", "[64, 128, 256]"},
    {"train.ema", "[0.99, 0.999]"},
    {"base", "[\"normal\", {\"type\":\"student_t\",\"outlier_rows\":0.0001}]"},
};

enum { SPACE_ROWS = sizeof space_rows / sizeof *space_rows, SPACE_KEYS_MAX = 256 };

/* ---- making ---- */

typedef struct space_maker {
    flow_arena *arena;
    cJSON *document;
    const flow_tune_options *tune; /* NULL without */
    flow_alternatives *at;         /* (n), room for SPACE_KEYS_MAX */
    int n;
    flow_text *pinned;             /* keys of the built-in space that the spec writes: "train.batch, base" */
} space_maker;

static flow_status space_add(space_maker *m, const char *key, const cJSON *list, flow_error *err)
{
    const int n = cJSON_GetArraySize(list);
    const char **values = flow_arena_take(m->arena, (size_t)n, sizeof *values);
    int i = 0;
    bool good = values != NULL && list != NULL;
    for (const cJSON *node = good ? list->child : NULL; node != NULL; node = node->next, i++) {
        char *text = cJSON_PrintUnformatted(node);
        values[i] = text != NULL ? flow_arena_text(m->arena, text) : NULL;
        good = good && values[i] != NULL;
        free(text);
    }
    m->at[m->n++] = (flow_alternatives){flow_arena_text(m->arena, key), n, values};
    return good && !m->arena->failed ? FLOW_OK : flow_error_memory(err, "the space of a search");
}

/* Whether `key` is `whole` or lies in it: flow[1].hidden in flow. */
static bool space_lies_in(const char *key, const char *whole)
{
    const size_t n = strlen(whole);
    return strncmp(key, whole, n) == 0 && (key[n] == '\0' || key[n] == '.' || key[n] == '[');
}

/* Whether the object "tune" says what becomes of a key. */
static bool space_is_given(const space_maker *m, const char *key)
{
    for (int i = 0; m->tune != NULL && i < m->tune->space.n; i++)
        if (space_lies_in(key, m->tune->space.at[i].key))
            return true;
    return false;
}

/* Column maps that say what the data are, and do not scale them: they stand in front of all others. */
static bool space_keeps(const cJSON *map)
{
    static const char *const scaling[] = {"standardize", "whiten", "asinh"};
    const cJSON *type = cJSON_IsObject(map) ? cJSON_GetObjectItemCaseSensitive(map, "type") : map;
    const flow_type_info *info = cJSON_IsString(type) ? flow_choices_find(&flow_maps, type->valuestring) : NULL;
    bool keeps = info != NULL && flow_column_of(info) != NULL;
    for (size_t i = 0; i < sizeof scaling / sizeof *scaling; i++)
        keeps = keeps && strcmp(info->name, scaling[i]) != 0;
    return keeps;
}

/* All flows, each behind the column maps that the spec begins with; *place is that of their blocks. */
static cJSON *space_flows(const cJSON *flow_of_spec, int *place)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < sizeof space_maps / sizeof *space_maps; i++)
        for (size_t k = 0; k < sizeof space_blocks / sizeof *space_blocks; k++) {
            cJSON *maps = cJSON_CreateArray();
            const cJSON *map = flow_of_spec != NULL ? flow_of_spec->child : NULL;
            for (; map != NULL && space_keeps(map); map = map->next)
                cJSON_AddItemToArray(maps, cJSON_Duplicate(map, 1));
            cJSON_AddItemToArray(maps, cJSON_Parse(space_maps[i]));
            cJSON_AddItemToArray(maps, cJSON_Parse(space_blocks[k]));
            *place = cJSON_GetArraySize(maps) - 1;
            cJSON_AddItemToArray(list, maps);
        }
    return list;
}

static flow_status space_add_built_in(space_maker *m, flow_error *err)
{
    int place = 0;
    cJSON *list = space_flows(cJSON_GetObjectItemCaseSensitive(m->document, "flow"), &place);
    flow_status status = space_is_given(m, "flow") ? FLOW_OK : space_add(m, "flow", list, err);
    cJSON_Delete(list);
    for (int i = 0; i < SPACE_ROWS && status == FLOW_OK; i++) {
        char key[64];
        const bool in_flow = strchr(space_rows[i].key, '%') != NULL;
        if (in_flow)
            snprintf(key, sizeof key, "flow[%d]%s", place, strchr(space_rows[i].key, ']') + 1);
        else
            snprintf(key, sizeof key, "%s", space_rows[i].key);
        if (space_is_given(m, key))
            continue;
        if (!in_flow && flow_json_find(m->document, key) != NULL) {
            flow_text_add(m->pinned, "%s%s", m->pinned->length > 0 ? ", " : "", key);
            continue;
        }
        list = cJSON_Parse(space_rows[i].values);
        status = space_add(m, key, list, err);
        cJSON_Delete(list);
    }
    return status;
}

/* Keys of the whole, such as "flow", come before those that lie in it. */
static flow_status space_add_given(space_maker *m, bool whole, flow_error *err)
{
    for (int i = 0; m->tune != NULL && i < m->tune->space.n; i++) {
        const flow_alternatives *given = &m->tune->space.at[i];
        if ((strpbrk(given->key, ".[") == NULL) != whole)
            continue;
        const char **values = flow_arena_take(m->arena, (size_t)given->n, sizeof *values);
        for (int k = 0; values != NULL && k < given->n; k++)
            values[k] = flow_arena_text(m->arena, given->values[k]);
        m->at[m->n++] = (flow_alternatives){flow_arena_text(m->arena, given->key), given->n, values};
    }
    return m->arena->failed ? flow_error_memory(err, "the space of a search") : FLOW_OK;
}

flow_status tune_space_make(flow_alternatives_list *out, flow_text *pinned, flow_arena *arena, cJSON *document,
                            const flow_spec *spec, flow_error *err)
{
    const bool only = spec->tune != NULL && spec->tune->only;
    space_maker m = {.arena = arena, .document = document, .tune = spec->tune, .pinned = pinned};
    if (m.tune != NULL && m.tune->space.n > SPACE_KEYS_MAX - SPACE_ROWS - 1)
        return flow_error_set(err, FLOW_SPEC, "%s: tune.space: %d keys; at most %d are allowed", spec->source,
                              m.tune->space.n, SPACE_KEYS_MAX - SPACE_ROWS - 1);
    m.at = flow_arena_take(arena, SPACE_KEYS_MAX, sizeof *m.at);
    if (m.at == NULL)
        return flow_error_memory(err, "the space of a search");
    FLOW_TRY(space_add_given(&m, true, err));
    if (!only)
        FLOW_TRY(space_add_built_in(&m, err));
    FLOW_TRY(space_add_given(&m, false, err));
    *out = (flow_alternatives_list){m.n, m.at};
    return FLOW_OK;
}

/* ---- checking ---- */

/* Whether the spec can have `value` for the key, beside the flow `flow_value` or, where that is NULL, its own. */
static flow_status space_try(const cJSON *document, const flow_spec *spec, const char *flow_value, const char *key,
                             const char *value, flow_error *err)
{
    flow_spec *tried = NULL;
    char *maps = flow_value != NULL ? flow_format("flow=%s", flow_value) : NULL;
    char *text = flow_format("%s=%s", key, value);
    cJSON *copy = cJSON_Duplicate(document, 1);
    const char *overrides[] = {flow_value != NULL ? maps : text, text};
    flow_status status = FLOW_MEMORY;
    if (text == NULL || copy == NULL || (flow_value != NULL && maps == NULL)) {
        flow_error_memory(err, "the space of a search");
        cJSON_Delete(copy);
    } else {
        status = flow_spec_make(&tried, copy, spec->source, spec->dir, overrides, flow_value != NULL ? 2 : 1, err);
    }
    flow_spec_free(tried);
    free(maps);
    free(text);
    return status;
}

static const flow_alternatives *space_find(const flow_alternatives_list *space, const char *key)
{
    for (int k = 0; k < space->n; k++)
        if (strcmp(space->at[k].key, key) == 0)
            return &space->at[k];
    return NULL;
}

static flow_status space_check_value(const flow_alternatives_list *space, const cJSON *document, const flow_spec *spec,
                                     const flow_alternatives *given, int i, flow_error *err)
{
    flow_error why = {0}; /* of the first attempt */
    const flow_status status = space_try(document, spec, NULL, given->key, given->values[i], &why);
    const flow_alternatives *flows = space_find(space, "flow");
    if (status != FLOW_SPEC) {
        *err = why;
        return status;
    }
    for (int k = 0; flows != NULL && k < flows->n; k++)
        if (space_try(document, spec, flows->values[k], given->key, given->values[i], NULL) == FLOW_OK)
            return FLOW_OK;
    const size_t n = strlen(spec->source);
    const bool has_source = strncmp(why.message, spec->source, n) == 0 && strncmp(why.message + n, ": ", 2) == 0;
    return flow_error_set(err, status, "%s: tune.space.%.100s[%d]: %s", spec->source, given->key, i,
                          why.message + (has_source ? n + 2 : 0));
}

flow_status tune_space_check(const flow_alternatives_list *space, const cJSON *document, const flow_spec *spec,
                             flow_error *err)
{
    for (int k = 0; spec->tune != NULL && k < spec->tune->space.n; k++)
        for (int i = 0; i < spec->tune->space.at[k].n; i++)
            FLOW_TRY(space_check_value(space, document, spec, &spec->tune->space.at[k], i, err));
    return FLOW_OK;
}

/* ---- drawing ---- */

int64_t tune_space_size(const flow_alternatives_list *space)
{
    int64_t size = 1;
    for (int k = 0; k < space->n; k++)
        size = size > INT64_MAX / space->at[k].n ? INT64_MAX : size * space->at[k].n;
    return size;
}

void tune_space_draw(int *values, const flow_alternatives_list *space, uint64_t seed, int64_t i)
{
    for (int k = 0; k < space->n; k++) {
        const int n = space->at[k].n;
        const uint64_t row = flow_rng_mix((uint64_t)k) ^ (uint64_t)(i / n);
        flow_rng_sequence sequence;
        gsl_rng rng = flow_rng_gsl_start(&sequence, seed, FLOW_STREAM_TUNE, row);
        /* the place i % n of a permutation, by a shuffle that keeps track of this one place */
        int at = (int)(i % n);
        for (int last = n - 1; last > 0; last--) { /* exchanges `last` with a random place up to it */
            const int other = (int)gsl_rng_uniform_int(&rng, (unsigned long)last + 1);
            at = at == last ? other : at == other ? last : at;
        }
        values[k] = at;
    }
}
