/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/spec_defaults.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what the spec trains ---- */

static const char *defaults_type_of(const cJSON *node)
{
    const cJSON *type = cJSON_IsObject(node) ? cJSON_GetObjectItemCaseSensitive(node, "type") : node;
    return cJSON_IsString(type) ? type->valuestring : "";
}

/* Whether one of the types is in the list of maps, or in a list within it. */
static bool defaults_has(const cJSON *flow, const char *const *types)
{
    for (const cJSON *map = cJSON_IsArray(flow) ? flow->child : NULL; map != NULL; map = map->next) {
        for (const char *const *type = types; *type != NULL; type++)
            if (strcmp(defaults_type_of(map), *type) == 0)
                return true;
        if (cJSON_IsObject(map) && defaults_has(cJSON_GetObjectItemCaseSensitive(map, "flow"), types))
            return true;
    }
    return false;
}

static bool defaults_is_there(cJSON *document, const char *path)
{
    const cJSON *node = flow_json_find(document, path);
    return node != NULL && !cJSON_IsNull(node);
}

/* Tables that are fitted by maximum likelihood: what was measured. */
static bool defaults_fit_table(cJSON *document, bool images)
{
    static const char *const others[] = {"ffjord", "pixels", "dequantise", "squeeze", "unsqueeze", NULL};
    const char *objective = defaults_type_of(flow_json_find(document, "train.objective"));
    return !images && !defaults_is_there(document, "image") &&
           (objective[0] == '\0' || strcmp(objective, "mle") == 0) &&
           !defaults_has(flow_json_find(document, "flow"), others);
}

/* ---- in the document ---- */

enum { TYPES = 2 };

/* The values of tables and of others; NULL: by the rows, later. A key of an optimizer is for those of `types`. */
static const struct defaults_row {
    const char *key, *of_tables, *of_others;
    const char *types[TYPES];
} defaults_rows[SPEC_DEFAULTS] = {
    {"base", "student_t", "normal", {NULL}},
    {"train.optimizer.type", "adamw", "adam", {NULL}},
    {"train.optimizer.rate", "0.005", "0.001", {"adam", "adamw"}},
    {"train.optimizer.decay", NULL, "0.01", {"adamw"}},
    {"train.ema", "0.99", "0", {NULL}},
    {"train.batch", NULL, "256", {NULL}},
};

static bool defaults_lack(cJSON *document, const struct defaults_row *row)
{
    bool fits = row->types[0] == NULL;
    for (int i = 0; i < TYPES && row->types[i] != NULL; i++)
        fits = fits || strcmp(defaults_type_of(flow_json_find(document, "train.optimizer")), row->types[i]) == 0;
    /* a word is a type, and has no members yet */
    const bool is_word =
        strcmp(row->key, "train.optimizer.type") == 0 && cJSON_IsString(flow_json_find(document, "train.optimizer"));
    return fits && !is_word && !defaults_is_there(document, row->key);
}

/* A document that cannot take the key is wrong, and its reader says so. */
static flow_status defaults_put(cJSON *document, const char *key, const char *value, const char **added, int *n,
                                flow_error *err)
{
    char assignment[120];
    snprintf(assignment, sizeof assignment, "%s=%s", key, value);
    flow_error wrong = {0};
    const flow_status status = flow_json_assign(document, assignment, &wrong);
    if (status == FLOW_OK)
        added[(*n)++] = key;
    else if (status == FLOW_MEMORY)
        return flow_error_memory(err, "a default value");
    return FLOW_OK;
}

flow_status spec_defaults_add(cJSON *document, bool images, const char *added[SPEC_DEFAULTS + 1], flow_error *err)
{
    const bool table = defaults_fit_table(document, images);
    int n = 0;
    added[0] = NULL;
    for (const struct defaults_row *row = defaults_rows; row < defaults_rows + SPEC_DEFAULTS; row++) {
        const char *value = table ? row->of_tables : row->of_others;
        if (value != NULL && defaults_lack(document, row))
            FLOW_TRY(defaults_put(document, row->key, value, added, &n, err));
    }
    added[n] = NULL;
    return FLOW_OK;
}

void spec_defaults_remove(cJSON *document, const char *const *added)
{
    for (; *added != NULL; added++) {
        char parent[64];
        const char *last = strrchr(*added, '.');
        snprintf(parent, sizeof parent, "%.*s", last != NULL ? (int)(last - *added) : 0, *added);
        cJSON_DeleteItemFromObjectCaseSensitive(last != NULL ? flow_json_find(document, parent) : document,
                                                last != NULL ? last + 1 : *added);
    }
}

/* ---- by the rows ---- */

/* As many as make 32 steps of an epoch, between 32 and 256. */
static int defaults_batch(int64_t rows)
{
    enum { LEAST = 32, MOST = 256, STEPS = 32 };
    int batch = LEAST;
    while (batch < MOST && rows / (2 * (int64_t)batch) >= STEPS)
        batch *= 2;
    return batch;
}

/* The more weights there are for a row, the more: networks of many columns have more of them. */
static double defaults_decay(int64_t rows, int columns)
{
    return fmin(0.4, 8 * pow(columns, 1.5) / (double)rows);
}

flow_status spec_defaults_add_by_rows(cJSON *document, int64_t rows, int columns, bool *changed, flow_error *err)
{
    const char *added[SPEC_DEFAULTS + 1];
    int n = 0;
    for (const struct defaults_row *row = defaults_rows; row < defaults_rows + SPEC_DEFAULTS; row++) {
        char value[32]; /* two digits */
        if (row->of_tables != NULL || !defaults_lack(document, row))
            continue;
        if (strcmp(row->key, "train.batch") == 0)
            snprintf(value, sizeof value, "%d", defaults_batch(rows));
        else
            snprintf(value, sizeof value, "%.2g", defaults_decay(rows, columns));
        FLOW_TRY(defaults_put(document, row->key, value, added, &n, err));
    }
    *changed = n > 0;
    return FLOW_OK;
}
