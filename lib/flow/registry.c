/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/registry.h"

#include <string.h>

#include "flow/flow.h"
#include "flow/block/permutation.h"
#include "flow/column/support_spec.h"

#define X(name) extern const flow_column_type flow_column_##name;
FLOW_COLUMNS(X)
#undef X
#define X(name) extern const flow_block_type flow_block_##name;
FLOW_BLOCKS(X)
#undef X
#define X(name) extern const flow_univariate_type flow_univariate_##name;
FLOW_UNIVARIATES(X)
#undef X
#define X(name) extern const flow_tableau flow_tableau_##name;
FLOW_TABLEAUX(X)
#undef X
#define X(name) extern const flow_base_type flow_base_##name;
FLOW_BASES(X)
#undef X

#define X(name) &flow_column_##name,
const flow_column_type *const flow_column_types[] = {FLOW_COLUMNS(X) NULL};
#undef X
#define X(name) &flow_block_##name,
const flow_block_type *const flow_block_types[] = {FLOW_BLOCKS(X) NULL};
#undef X
#define X(name) &flow_univariate_##name,
const flow_univariate_type *const flow_univariate_types[] = {FLOW_UNIVARIATES(X) NULL};
#undef X
#define X(name) &flow_tableau_##name,
const flow_tableau *const flow_tableaux[] = {FLOW_TABLEAUX(X) NULL};
#undef X
#define X(name) &flow_base_##name,
const flow_base_type *const flow_base_types[] = {FLOW_BASES(X) NULL};
#undef X

/* Real NVP on vectors: alternating masks, affine couplings (Dinh et al. 2017; widths as in Papamakarios et al. 2017,
 * sec. 4.2). */
static const char *const realnvp_defaults[] = {"repeat",     "8",           "mask", "\"alternate\"",
                                               "univariate", "\"affine\"", NULL};

/* NICE: four additive couplings and a diagonal scaling (Dinh et al. 2015, sec. 3.3 and 5.1). */
static const char *const nice_defaults[] = {"repeat", "4", "mask", "\"alternate\"", "univariate", "\"additive\"", NULL};

/* MAF: five blocks, the order reversed from one to the next (Papamakarios et al. 2017, sec. 4.2). */
static const char *const maf_defaults[] = {"repeat", "5", NULL};

/* IAF: the order reversed from one block to the next, too (Kingma et al. 2016, sec. 4); as many blocks as MAF. The
 * density direction feeds what it has scaled up back into the network: with a bound of 3 one held-out row of the
 * protein data was two thousand nats off, with 2 none. */
static const char *const iaf_defaults[] = {"repeat", "5", "univariate", "{\"type\": \"affine\", \"bound\": 2}",
                                           NULL};

/* Glow on vectors: steps of actnorm, an invertible matrix and an affine coupling of one half by the other (Kingma and
 * Dhariwal 2018, sec. 3 and table 1). The matrices spread what one coupling enlarges over all dimensions, the next one
 * enlarges it again: with bounds of 2 and more some samples in 100,000 leave every scale, in float beyond return
 * (measured on the protein data), and nothing is gained; scales of whole dimensions are actnorm's. */
static const char *const glow_defaults[] = {"repeat",     "8",
                                            "mask",       "\"half\"",
                                            "univariate", "{\"type\": \"affine\", \"bound\": 1}",
                                            NULL};

/* Neural spline flows, coupling and autoregressive (Durkan et al. 2019, sec. 4.1 and 5.1), with tails of a slope of
 * their own: outside of the box the paper's identity can do nothing for an outlier, which then decides the mean
 * log-density. */
#define SPLINE "{\"type\": \"rational_quadratic\", \"tails\": \"linear\"}"
static const char *const nsf_defaults[] = {"repeat", "8", "mask", "\"alternate\"", "univariate", SPLINE, NULL};
static const char *const nsf_ar_defaults[] = {"repeat", "5", "univariate", SPLINE, NULL};

const flow_preset flow_presets[] = {
    {.type = "realnvp",
     .block = "coupling",
     .help = "affine couplings with alternating masks",
     .defaults = realnvp_defaults},
    {.type = "nice",
     .block = "coupling",
     .help = "additive couplings and a final scaling",
     .defaults = nice_defaults,
     .closing = "[{\"type\": \"actnorm\", \"fit\": false}]"},
    {.type = "glow",
     .block = "coupling",
     .help = "steps of actnorm, an invertible matrix and an affine coupling",
     .defaults = glow_defaults,
     .opening = "[{\"type\": \"actnorm\", \"fit\": true}, {\"type\": \"linear\"}]"},
    {.type = "maf",
     .block = "maf",
     .help = "masked autoregressive blocks in alternating order",
     .defaults = maf_defaults},
    {.type = "iaf",
     .block = "iaf",
     .help = "inverse autoregressive blocks in alternating order",
     .defaults = iaf_defaults},
    {.type = "nsf",
     .block = "coupling",
     .help = "spline couplings with alternating masks",
     .defaults = nsf_defaults},
    {.type = "nsf_ar",
     .block = "maf",
     .help = "masked autoregressive spline blocks in alternating order",
     .defaults = nsf_ar_defaults},
    {.type = NULL},
};

const flow_option flow_group_options[] = {
    {.key = "times",
     .kind = FLOW_OPTION_INT,
     .offset = offsetof(flow_group, times),
     .fallback = FLOW_REQUIRED,
     .least = 1,
     .most = FLOW_BLOCKS_MAX,
     .help = "how many times"},
    {.key = "flow",
     .kind = FLOW_OPTION_JSON,
     .offset = offsetof(flow_group, flow),
     .fallback = FLOW_REQUIRED,
     .refers = "flow",
     .help = "the blocks, in this order"},
    FLOW_OPTIONS_END,
};

#define FIND(table, name)                               \
    do {                                                \
        for (int i = 0; (table)[i] != NULL; i++)        \
            if (strcmp((table)[i]->type, (name)) == 0)  \
                return (table)[i];                      \
        return NULL;                                    \
    } while (0)

const flow_column_type *flow_column_find(const char *type)
{
    FIND(flow_column_types, type);
}

const flow_block_type *flow_block_find(const char *type)
{
    FIND(flow_block_types, type);
}

const flow_univariate_type *flow_univariate_find(const char *type)
{
    FIND(flow_univariate_types, type);
}

const flow_base_type *flow_base_find(const char *type)
{
    FIND(flow_base_types, type);
}

const flow_tableau *flow_tableau_find(const char *type)
{
    FIND(flow_tableaux, type);
}

const flow_preset *flow_preset_find(const char *type)
{
    for (const flow_preset *preset = flow_presets; preset->type != NULL; preset++)
        if (strcmp(preset->type, type) == 0)
            return preset;
    return NULL;
}

/* ------------------------------------------------------------------ schema */

/* {"type": "object", "properties": {"type": {"const": NAME}, ...}, "required": ["type", ...], no others} */
static cJSON *object_schema(const char *name, const char *help, const flow_option *options, const char *const *defaults,
                            bool repeats)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON_AddStringToObject(schema, "description", help);
    cJSON *properties = flow_options_schema(options);
    cJSON *type = cJSON_AddObjectToObject(properties, "type");
    cJSON_AddStringToObject(type, "const", name);
    if (repeats) {
        cJSON *repeat = cJSON_AddObjectToObject(properties, "repeat");
        cJSON_AddStringToObject(repeat, "type", "integer");
        cJSON_AddNumberToObject(repeat, "minimum", 1);
        cJSON_AddNumberToObject(repeat, "maximum", FLOW_BLOCKS_MAX);
        cJSON_AddNumberToObject(repeat, "default", 1);
        cJSON_AddStringToObject(repeat, "description", "how many of these blocks, one after the other");
    }
    for (; defaults != NULL && *defaults != NULL; defaults += 2) {
        cJSON *property = cJSON_GetObjectItemCaseSensitive(properties, defaults[0]);
        cJSON_DeleteItemFromObjectCaseSensitive(property, "default");
        cJSON_AddItemToObject(property, "default", cJSON_Parse(defaults[1]));
    }
    cJSON_AddItemToObject(schema, "properties", properties);
    cJSON_AddBoolToObject(schema, "additionalProperties", 0);
    cJSON *required = cJSON_AddArrayToObject(schema, "required");
    cJSON_AddItemToArray(required, cJSON_CreateString("type"));
    for (const flow_option *option = options; option->key != NULL; option++)
        if (option->fallback != NULL && option->fallback[0] == '\0') /* FLOW_REQUIRED */
            cJSON_AddItemToArray(required, cJSON_CreateString(option->key));
    return schema;
}

/* {"oneOf": [{"enum": [names]}, object, object, ...]}: what may be a bare name or an object */
static cJSON *choice_schema(cJSON *parent, const char *name, cJSON **names)
{
    cJSON *definition = cJSON_AddObjectToObject(parent, name);
    cJSON *list = cJSON_AddArrayToObject(definition, "oneOf");
    cJSON *bare = cJSON_CreateObject();
    *names = cJSON_AddArrayToObject(bare, "enum");
    cJSON_AddItemToArray(list, bare);
    return list;
}

/* What flow_permutation_read accepts. */
static void add_order_schema(cJSON *definitions)
{
    cJSON *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(definitions, "order"), "oneOf");
    cJSON *named = cJSON_CreateObject(), *explicit = cJSON_CreateObject();
    cJSON *names = cJSON_AddArrayToObject(named, "enum");
    for (int i = 0; flow_permutation_names[i] != NULL; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(flow_permutation_names[i]));
    cJSON_AddItemToArray(list, named);
    cJSON_AddStringToObject(explicit, "type", "array");
    cJSON_AddStringToObject(explicit, "description", "all dimensions in their new order, counted from 0");
    cJSON *items = cJSON_AddObjectToObject(explicit, "items");
    cJSON_AddStringToObject(items, "type", "integer");
    cJSON_AddNumberToObject(items, "minimum", 0);
    cJSON_AddBoolToObject(explicit, "uniqueItems", 1);
    cJSON_AddItemToArray(list, explicit);
}

/* A bare name is enough where nothing but the type is required. */
static void add_choice(cJSON *list, cJSON *names, const char *type, cJSON *schema)
{
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(schema, "required")) == 1)
        cJSON_AddItemToArray(names, cJSON_CreateString(type));
    cJSON_AddItemToArray(list, schema);
}

void flow_registry_schema(cJSON *definitions)
{
    flow_context_schema(definitions);
    add_order_schema(definitions);
    flow_supports_schema(definitions);
    cJSON *maps = cJSON_AddObjectToObject(definitions, "flow"), *names;
    cJSON_AddStringToObject(maps, "type", "array");
    cJSON_AddStringToObject(maps, "description", "the maps from the data to the base, in this order");
    cJSON *list = choice_schema(maps, "items", &names);
    for (int i = 0; flow_column_types[i] != NULL; i++) {
        const flow_column_type *t = flow_column_types[i];
        add_choice(list, names, t->type, object_schema(t->type, t->help, t->options, NULL, false));
    }
    for (const flow_preset *p = flow_presets; p->type != NULL; p++)
        add_choice(list, names, p->type,
                   object_schema(p->type, p->help, flow_block_find(p->block)->options, p->defaults, true));
    for (int i = 0; flow_block_types[i] != NULL; i++) {
        const flow_block_type *t = flow_block_types[i];
        if (flow_preset_find(t->type) == NULL)
            add_choice(list, names, t->type, object_schema(t->type, t->help, t->options, NULL, true));
    }
    add_choice(list, names, FLOW_GROUP,
               object_schema(FLOW_GROUP, "blocks that are repeated together", flow_group_options, NULL, false));
    list = choice_schema(definitions, "univariate", &names);
    for (int i = 0; flow_univariate_types[i] != NULL; i++) {
        const flow_univariate_type *t = flow_univariate_types[i];
        add_choice(list, names, t->type, object_schema(t->type, t->help, t->options, NULL, false));
    }
    list = choice_schema(definitions, "solver", &names);
    for (int i = 0; flow_tableaux[i] != NULL; i++) {
        const flow_tableau *t = flow_tableaux[i];
        cJSON *schema = object_schema(t->type, t->help, flow_solver_options(t), NULL, false);
        add_choice(list, names, t->type, schema);
        if (i == 0) /* which it is without a type */
            cJSON_DeleteItemFromObjectCaseSensitive(schema, "required");
    }
    list = choice_schema(definitions, "trace", &names);
    for (const flow_trace_type *t = flow_trace_types; t->type != NULL; t++)
        add_choice(list, names, t->type, object_schema(t->type, t->help, t->options, NULL, false));
    list = choice_schema(definitions, "base", &names);
    for (int i = 0; flow_base_types[i] != NULL; i++) {
        const flow_base_type *t = flow_base_types[i];
        add_choice(list, names, t->type, object_schema(t->type, t->help, t->options, NULL, false));
    }
}
