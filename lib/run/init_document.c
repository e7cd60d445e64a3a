/* The spec of a plan: a document whose notes give the reasons. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"
#include "run/format.h"
#include "run/init_plan.h"

/* What was made so far; after a failed allocation further additions do nothing. */
typedef struct draft {
    const init_plan *plan;
    bool failed;
} draft;

static cJSON *draft_made(draft *d, cJSON *node)
{
    d->failed = d->failed || node == NULL;
    return node;
}

/* Adds the node, or deletes it. */
static cJSON *draft_put(draft *d, cJSON *parent, const char *key, cJSON *node)
{
    draft_made(d, node);
    const bool added =
        node != NULL && (key != NULL ? cJSON_AddItemToObject(parent, key, node) : cJSON_AddItemToArray(parent, node));
    if (!added)
        cJSON_Delete(node);
    d->failed = d->failed || !added;
    return added ? node : NULL;
}

static void draft_text(draft *d, cJSON *parent, const char *key, const char *text)
{
    if (text != NULL)
        draft_put(d, parent, key, cJSON_CreateString(text));
}

static void draft_number(draft *d, cJSON *parent, const char *key, double value)
{
    draft_put(d, parent, key, cJSON_CreateNumber(value));
}

static void draft_note(draft *d, cJSON *parent, const char *format, ...) FLOW_PRINTF(3, 4);
static void draft_note(draft *d, cJSON *parent, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    d->failed = d->failed || text == NULL;
    draft_text(d, parent, FLOW_NOTE, text);
    free(text);
}

static cJSON *draft_object(draft *d, cJSON *parent, const char *key)
{
    return draft_put(d, parent, key, cJSON_CreateObject());
}

static cJSON *draft_list(draft *d, cJSON *parent, const char *key)
{
    return draft_put(d, parent, key, cJSON_CreateArray());
}

static cJSON *draft_type(draft *d, cJSON *parent, const char *key, const char *type)
{
    cJSON *object = draft_object(d, parent, key);
    draft_text(d, object, "type", type);
    return object;
}

/* ---- data ---- */

static bool document_models(const init_plan *plan, const init_column *column)
{
    return plan->survey != NULL && !column->is_context && !column->is_left_out;
}

static void document_say(flow_text *text, const char *said, bool sentence)
{
    if (said[0] != '\0')
        flow_text_add(text, sentence ? ": %s" : " (%s)", said);
}

flow_status init_describe_topic(char **out, const init_plan *plan, init_topic topic, int most, flow_error *err)
{
    flow_text text = {0};
    const char *open = NULL; /* what the columns before have in common, to be said behind the last of them */
    const bool sentence = topic == INIT_QUESTION;
    int n = 0;
    for (int i = 0; i < plan->n_columns; i++) {
        const char *said = plan->columns[i].said[topic];
        if (said == NULL || n++ >= most)
            continue;
        if (open != NULL && strcmp(open, said) != 0)
            document_say(&text, open, sentence);
        flow_text_add(&text, "%s%s",
                      n == 1                                    ? ""
                      : open != NULL && strcmp(open, said) == 0 ? ", "
                                                                : "; ",
                      plan->columns[i].name);
        open = said;
    }
    if (open != NULL)
        document_say(&text, open, sentence);
    if (n > most)
        flow_text_add(&text, ", and %d more", n - most);
    *out = text.data;
    return text.failed ? flow_error_memory(err, "remarks") : FLOW_OK;
}

static void document_add_names(draft *d, cJSON *data, const char *key, bool context)
{
    const init_plan *plan = d->plan;
    cJSON *list = draft_list(d, data, key);
    for (int i = 0; i < plan->n_columns; i++)
        if (context ? plan->columns[i].is_context : document_models(plan, &plan->columns[i]))
            draft_put(d, list, NULL, cJSON_CreateString(plan->columns[i].name));
    if (context && plan->image.shape.channels > 0)
        draft_put(d, list, NULL, cJSON_CreateString(FLOW_LABEL));
}

static void document_add_data_note(draft *d, cJSON *data)
{
    const init_plan *plan = d->plan;
    char *left = NULL;
    d->failed = init_describe_topic(&left, plan, INIT_LEFT_OUT, plan->n_columns, NULL) != FLOW_OK || d->failed;
    char count[FLOW_FORMAT_SIZE];
    flow_text note = {0};
    if (left != NULL)
        flow_text_add(&note, "Left out: %s.", left);
    if (plan->n_skipped > 0)
        flow_text_add(&note, "%s%s rows miss a value and are skipped.", note.length > 0 ? " " : "",
                      flow_format_count(count, plan->n_skipped));
    if (plan->sets[INIT_VALIDATION].share > 0 && plan->options->validation == NULL)
        flow_text_add(&note, "%sThe held-out rows choose the best weights.", note.length > 0 ? " " : "");
    d->failed = d->failed || note.failed;
    draft_text(d, data, FLOW_NOTE, note.data);
    flow_text_free(&note);
    free(left);
}

static void document_add_set(draft *d, cJSON *data, const char *key, const init_set *set)
{
    if (set->named != NULL)
        draft_text(d, data, key, set->named);
    else if (set->share > 0)
        draft_number(d, data, key, set->share);
}

static void document_add_data(draft *d, cJSON *spec)
{
    const init_plan *plan = d->plan;
    cJSON *data = draft_object(d, spec, "data");
    document_add_data_note(d, data);
    draft_text(d, data, "train", plan->sets[INIT_TRAIN].named);
    document_add_set(d, data, "validation", &plan->sets[INIT_VALIDATION]);
    document_add_set(d, data, "test", &plan->sets[INIT_TEST]);
    if (plan->is_chosen)
        document_add_names(d, data, "columns", false);
    if (plan->n_context > 0)
        document_add_names(d, data, "context", true);
    draft_text(d, data, "weight", plan->options->weight);
    if (plan->missing.n > 0)
        draft_put(d, data, "missing", cJSON_CreateDoubleArray(plan->missing.at, plan->missing.n));
    draft_text(d, data, "delimiter", plan->options->csv.delimiter);
    draft_text(d, data, "decimal", plan->options->csv.decimal);
    draft_text(d, data, "header", plan->options->csv.header);
    if (plan->n_skipped > 0)
        draft_put(d, data, "skip_invalid", cJSON_CreateTrue());
}

/* ---- flow ---- */

static void document_add_support(draft *d, cJSON *flow)
{
    const init_plan *plan = d->plan;
    cJSON *columns = NULL;
    for (int i = 0; i < plan->n_columns; i++) {
        const init_column *column = &plan->columns[i];
        if (!document_models(plan, column) || column->support == NULL)
            continue;
        if (columns == NULL) {
            cJSON *map = draft_type(d, flow, NULL, "support");
            draft_note(d, map,
                       "Where columns have a density: samples are never outside. Correct limits that only these "
                       "data have.");
            columns = draft_object(d, map, "columns");
        }
        cJSON *support = draft_put(d, columns, column->name, cJSON_Duplicate(column->support, 1));
        if (cJSON_GetObjectItemCaseSensitive(column->support, "spikes") != NULL)
            draft_text(d, support, FLOW_NOTE, column->said[column->said[INIT_SPIKE] != NULL ? INIT_SPIKE : INIT_CODE]);
    }
}

static void document_add_columns_to_line(draft *d, cJSON *flow)
{
    cJSON *map = draft_type(d, flow, NULL, "asinh");
    draft_put(d, map, "sparing", cJSON_CreateTrue());
    draft_note(d, map, "As standardize, but for heavy tails and for rows far out, which it takes the logarithm of.");
}

static void document_add_hidden(draft *d, cJSON *block, int width, int layers)
{
    cJSON *list = draft_list(d, block, "hidden");
    for (int i = 0; i < layers; i++)
        draft_put(d, list, NULL, cJSON_CreateNumber(width));
}

static void document_add_blocks(draft *d, cJSON *flow)
{
    const init_plan *plan = d->plan;
    const init_training *t = &plan->training;
    cJSON *block = draft_type(d, flow, NULL, plan->options->fast_sampling ? "coupling" : "maf");
    draft_text(d, block, FLOW_NOTE, t->why_blocks);
    draft_number(d, block, "repeat", t->repeat);
    document_add_hidden(d, block, t->hidden, t->layers);
    draft_text(d, block, "activation", "silu");
    cJSON *univariate = draft_type(d, block, "univariate", "mixture");
    draft_number(d, univariate, "components", t->components);
}

static void document_add_image_blocks(draft *d, cJSON *flow)
{
    const init_plan *plan = d->plan;
    const init_training *t = &plan->training;
    if (plan->is_bytes) {
        cJSON *pixels = draft_type(d, flow, NULL, "pixels");
        draft_note(d, pixels, "Bytes: noise spreads each value over its step, and log p holds probabilities.");
        draft_put(d, flow, NULL, cJSON_CreateString("dequantise"));
    } else {
        draft_put(d, flow, NULL, cJSON_CreateString("standardize"));
    }
    cJSON *block = draft_type(d, flow, NULL, "glow");
    draft_text(d, block, FLOW_NOTE, t->why_blocks);
    draft_number(d, block, "levels", t->levels);
    draft_number(d, block, "steps", t->repeat);
    document_add_hidden(d, block, t->hidden, t->layers);
    cJSON *univariate = draft_type(d, block, "univariate", "rational_quadratic");
    draft_number(d, univariate, "bins", 4);
    draft_text(d, univariate, "tails", "bounded");
}

static void document_add_flow(draft *d, cJSON *spec)
{
    const init_plan *plan = d->plan;
    cJSON *flow = draft_list(d, spec, "flow");
    if (plan->image.shape.channels > 0) {
        document_add_image_blocks(d, flow);
        return;
    }
    document_add_support(d, flow);
    document_add_columns_to_line(d, flow);
    document_add_blocks(d, flow);
    draft_number(d, draft_type(d, spec, "base", "student_t"), "outlier_rows", 1e-4);
}

/* ---- training ---- */

static void document_add_training(draft *d, cJSON *spec)
{
    const init_training *t = &d->plan->training;
    cJSON *train = draft_object(d, spec, "train");
    draft_text(d, train, FLOW_NOTE, t->why_training);
    cJSON *optimizer = draft_type(d, train, "optimizer", t->decay > 0 ? "adamw" : "adam");
    draft_number(d, optimizer, "rate", t->rate);
    if (t->decay > 0)
        draft_number(d, optimizer, "decay", t->decay);
    if (t->warmup > 0) {
        cJSON *schedule = draft_type(d, train, "schedule", "cosine");
        draft_number(d, schedule, "warmup", (double)t->warmup);
    }
    draft_number(d, train, "batch", (double)t->batch);
    draft_number(d, train, "epochs", (double)t->epochs);
    if (d->plan->image.shape.channels == 0)
        draft_number(d, train, "patience", (double)t->patience);
    if (t->clip > 0)
        draft_number(d, train, "clip", t->clip);
    draft_number(d, train, "ema", t->ema);
}

/* ---- the space of a search ---- */

/* A list of JSON texts as the values of a key; %d in the key is the place of the blocks in the flow. */
static void document_add_values(draft *d, cJSON *space, const char *key, int place, const char *values)
{
    char name[64];
    const char *mark = strstr(key, "%d");
    if (mark != NULL)
        snprintf(name, sizeof name, "%.*s%d%s", (int)(mark - key), key, place, mark + 2);
    draft_put(d, space, mark != NULL ? name : key, cJSON_Parse(values));
}

/* Values around one that was chosen, to two digits, the last one `most` at most. */
static void document_add_around(draft *d, cJSON *space, const char *key, double value, double factor, double most)
{
    cJSON *list = draft_list(d, space, key);
    for (int k = -1; k <= 1 && (k < 1 || value < most); k++) {
        char text[64];
        snprintf(text, sizeof text, k == 0 ? "%.17g" : "%.2g", fmin(value * pow(factor, k), most));
        draft_put(d, list, NULL, cJSON_CreateNumber(strtod(text, NULL)));
    }
}

/* What "tune" varies: around what was chosen here. */
static void document_add_space(draft *d, cJSON *spec)
{
    const init_plan *plan = d->plan;
    const init_training *t = &plan->training;
    const int place = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(spec, "flow")) - 1;
    cJSON *tune = draft_object(d, spec, "tune");
    draft_note(d, tune,
               "What \"flowctl tune\" tries in place of the values above; it keeps what is not listed here. "
               "\"train\" does not read it.");
    draft_put(d, tune, "only", cJSON_CreateTrue());
    cJSON *space = draft_object(d, tune, "space");
    document_add_values(d, space, "flow[%d]", place - 1,
                        "[{\"type\": \"asinh\", \"sparing\": true}, \"asinh\", \"standardize\"]");
    const int k = t->components;
    char *values = flow_format("[{\"type\": \"mixture\", \"components\": %d}, {\"type\": \"mixture\", \"components\": "
                               "%d}, {\"type\": \"mixture\", \"components\": %d}, "
                               "{\"type\": \"rational_quadratic\", \"tails\": \"bounded\"}]",
                               k * 3 / 5, k, k * 8 / 5);
    document_add_values(d, space, "flow[%d].univariate", place, values != NULL ? values : "");
    free(values);
    char repeats[64];
    snprintf(repeats, sizeof repeats, "[%d, %d, %d]", t->repeat - 2, t->repeat, t->repeat + 3);
    document_add_values(d, space, "flow[%d].repeat", place, repeats);
    document_add_values(d, space, "flow[%d].hidden", place,
                        t->hidden > 128 ? "[[128, 128], [256, 256], [512, 512]]"
                                        : "[[64, 64], [128, 128], [256, 256]]");
    document_add_values(d, space, "flow[%d].activation", place, "[\"silu\", \"relu\"]");
    document_add_values(d, space, "base", place, "[{\"type\": \"student_t\", \"outlier_rows\": 0.0001}, \"normal\"]");
    document_add_around(d, space, "train.optimizer.rate", t->rate, 2, 1);
    document_add_around(d, space, "train.optimizer.decay", t->decay, 3, 1);
    cJSON *batch = draft_list(d, space, "train.batch");
    for (int64_t value = t->batch / 2; value <= t->batch * 2; value *= 2)
        draft_put(d, batch, NULL, cJSON_CreateNumber((double)value));
}

/* ---- all of it ---- */

flow_status init_make_document(cJSON **out, const init_plan *plan, flow_error *err)
{
    draft d = {.plan = plan};
    cJSON *spec = draft_made(&d, cJSON_CreateObject());
    char rows[FLOW_FORMAT_SIZE];
    draft_note(&d, spec, "Made by \"flowctl init\" from %s %s. A first choice: every key may be changed.",
               flow_format_count(rows, plan->n_rows), plan->out->row_name);
    document_add_data(&d, spec);
    document_add_flow(&d, spec);
    document_add_training(&d, spec);
    if (plan->image.shape.channels == 0)
        document_add_space(&d, spec);
    draft_text(&d, spec, "output", plan->output);
    *out = spec;
    return d.failed ? flow_error_memory(err, "a spec") : FLOW_OK;
}
