/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/json.h"
#include "core/replace.h"
#include "core/text.h"
#include "data/location.h"
#include "model/spec.h"
#include "run/finding_words.h"
#include "run/format.h"
#include "run/init_plan.h"

/* ---- remarks ---- */

enum { REMARKS = 32, READING = 8, SHOWN = 8 };

/* Takes the text over. */
static flow_status init_remark(init_plan *plan, const char *about, char *text, flow_error *err)
{
    flow_list *list = &plan->out->remarks;
    const char *kept = text != NULL ? flow_arena_text(plan->arena, text) : NULL;
    free(text);
    if (kept == NULL)
        return flow_error_memory(err, "remarks");
    ((flow_init_remark *)list->items)[list->n++] = (flow_init_remark){about, kept};
    return FLOW_OK;
}

static flow_status init_remark_topic(init_plan *plan, const char *about, init_topic topic, flow_error *err)
{
    char *text = NULL;
    flow_status status = init_describe_topic(&text, plan, topic, SHOWN, err);
    if (status == FLOW_OK && text != NULL)
        return init_remark(plan, about, text, err);
    free(text);
    return status;
}

/* The text of a remark, the caller's; NULL when memory is out. */
static char *init_take_text(flow_text *text)
{
    if (text->failed)
        flow_text_free(text);
    return text->data;
}

static flow_status init_remark_dropped(init_plan *plan, flow_error *err)
{
    flow_text text = {0};
    char *columns = NULL;
    flow_status status = init_describe_topic(&columns, plan, INIT_MISSING, SHOWN, err);
    if (status == FLOW_OK && columns != NULL) {
        flow_text_add(&text, "%s. These rows are skipped; to keep them, take the number out of data.missing", columns);
        status = init_remark(plan, "missing", init_take_text(&text), err);
    }
    free(columns);
    return status;
}

static flow_status init_remark_codes(init_plan *plan, flow_error *err)
{
    const flow_survey *s = plan->survey;
    flow_text text = {0};
    char *columns = NULL;
    size_t n = 0;
    if (s == NULL)
        return FLOW_OK;
    flow_finding *codes = flow_arena_take(plan->arena, s->n_findings + 1, sizeof *codes);
    if (codes == NULL)
        return flow_error_memory(err, "remarks");
    for (size_t i = 0; i < s->n_findings; i++)
        if (s->findings[i].kind == FLOW_FINDING_CODE && !plan->columns[s->findings[i].column].is_left_out)
            codes[n++] = s->findings[i];
    flow_status status = init_describe_topic(&columns, plan, INIT_CODE, SHOWN, err);
    if (status == FLOW_OK && columns != NULL && n > 0) {
        flow_text_add(&text, "%s. Kept as values of their own; --missing ", columns);
        flow_finding_add_codes(&text, codes, n);
        flow_text_add(&text, " drops these rows instead");
        status = init_remark(plan, "missing?", init_take_text(&text), err);
    }
    free(columns);
    return status;
}

/* The caller's; NULL when memory is out. */
static char *init_describe_skipped(const flow_skipped *s)
{
    char count[FLOW_FORMAT_SIZE];
    flow_text text = {0};
    flow_text_add(&text, "%s row%s that miss%s a value", flow_format_count(count, s->rows), s->rows == 1 ? "" : "s",
                  s->rows == 1 ? "es" : "");
    flow_text_add(&text, ", %.2g %% of all", 100 * (double)s->rows / (double)s->all);
    if (s->column != NULL && s->invalid < s->rows)
        flow_text_add(&text, "; %s of them miss %s", flow_format_count(count, s->invalid), s->column);
    if (s->other != NULL)
        flow_text_add(&text, ". They differ from the others: their mean of %s is %.4g, that of the others %.4g",
                      s->other, s->mean, s->others);
    return init_take_text(&text);
}

/* How many columns have which roles, what was noticed about them, and what is to be trained. */
static flow_status init_describe(init_plan *plan, flow_error *err)
{
    static const char *const abouts[INIT_N_TOPICS] = {
        [INIT_LEFT_OUT] = "left out",   [INIT_WHOLE] = "whole numbers",  [INIT_LATTICE] = "lattices",
        [INIT_SPIKE] = "single values", [INIT_BOUND] = "bounds",         [INIT_TAILS] = "heavy tails",
        [INIT_ANGLE] = "angles",        [INIT_QUESTION] = "please look",
    };
    flow_list *list = &plan->out->remarks;
    list->items = flow_arena_take(plan->arena, REMARKS, sizeof(flow_init_remark));
    if (list->items == NULL)
        return flow_error_memory(err, "remarks");
    for (int i = 0; plan->looked_at != NULL && i < plan->looked_at->remarks.n && i < READING; i++)
        FLOW_TRY(init_remark(plan, "file", flow_strdup(plan->looked_at->remarks.at[i]), err));
    for (int topic = 0; topic < INIT_N_TOPICS; topic++)
        if (abouts[topic] != NULL)
            FLOW_TRY(init_remark_topic(plan, abouts[topic], (init_topic)topic, err));
    FLOW_TRY(init_remark_dropped(plan, err));
    FLOW_TRY(init_remark_codes(plan, err));
    if (plan->n_skipped > 0)
        FLOW_TRY(init_remark(plan, "skipped", init_describe_skipped(&plan->looked_at->skipped), err));
    if (plan->sets[INIT_VALIDATION].named != NULL)
        FLOW_TRY(init_remark(plan, "held out", flow_format("the rows of %s", plan->sets[INIT_VALIDATION].named), err));
    else if (plan->sets[INIT_VALIDATION].share > 0)
        FLOW_TRY(init_remark(
            plan, "held out",
            flow_format("%.3g %% of the rows, to choose the best weights", 100 * plan->sets[INIT_VALIDATION].share),
            err));
    FLOW_TRY(init_remark(plan, "flow", flow_strdup(plan->training.what_blocks), err));
    return init_remark(plan, "training", flow_strdup(plan->training.what_training), err);
}

static flow_status init_list_left_out(init_plan *plan, flow_error *err)
{
    const char **names = flow_arena_take(plan->arena, (size_t)plan->n_columns + 1, sizeof *names);
    int n = 0;
    for (int i = 0; i < plan->n_columns && names != NULL; i++)
        if (plan->columns[i].is_left_out)
            names[n++] = plan->columns[i].name;
    plan->out->left_out = (flow_text_list){n, names};
    return names != NULL ? FLOW_OK : flow_error_memory(err, "remarks");
}

/* ---- the spec ---- */

/* What is overridden does not vary in a search: leaves keys that are `override` (KEY=VALUE) or lie in it out of the
 * space.
 */
static void init_pin(cJSON *document, const char *override)
{
    cJSON *space = flow_json_find(document, "tune.space");
    const size_t n = strcspn(override, "=");
    for (cJSON *node = space != NULL ? space->child : NULL, *next; node != NULL; node = next) {
        next = node->next;
        if (strncmp(node->string, override, n) == 0 && strchr(".[", node->string[n]) != NULL)
            cJSON_Delete(cJSON_DetachItemViaPointer(space, node));
    }
}

/* The spec has the overrides, and is one that training accepts. */
static flow_status init_complete_document(init_plan *plan, flow_error *err)
{
    const flow_run_init_options *o = plan->options;
    flow_run_init_result *out = plan->out;
    flow_spec *spec = NULL;
    for (int i = 0; i < o->n_overrides; i++) {
        FLOW_TRY(flow_json_assign(out->document, o->overrides[i], err));
        init_pin(out->document, o->overrides[i]);
    }
    cJSON *copy = cJSON_Duplicate(out->document, 1);
    if (copy == NULL)
        return flow_error_memory(err, "a spec");
    flow_status status = flow_spec_make(&spec, copy, out->spec, NULL, NULL, 0, err);
    flow_spec_free(spec);
    return status;
}

static flow_status init_write(const init_plan *plan, flow_error *err)
{
    const flow_run_init_result *out = plan->out;
    char *text = flow_json_layout(out->document);
    flow_status status = text != NULL ? flow_replace_file(out->spec, "a spec", text, strlen(text), err)
                                      : flow_error_memory(err, out->spec);
    free(text);
    return status;
}

/* ---- a spec that is kept ---- */

static bool init_is_same_table(const char *a, const char *b)
{
    flow_location x = {0}, y = {0};
    struct stat s, t;
    const bool found = flow_location_find(&x, a, NULL) == FLOW_OK && flow_location_find(&y, b, NULL) == FLOW_OK;
    const bool same = found && stat(x.file, &s) == 0 && stat(y.file, &t) == 0 && s.st_dev == t.st_dev &&
                      s.st_ino == t.st_ino && (x.path == NULL) == (y.path == NULL) &&
                      (x.path == NULL || strcmp(x.path, y.path) == 0);
    flow_location_free(&x);
    flow_location_free(&y);
    return same;
}

/* The same for several that are joined. */
static bool init_is_same_place(const char *a, const char *b)
{
    flow_name_list x = {0}, y = {0};
    bool same = flow_location_parts(&x, NULL, a, NULL) == FLOW_OK &&
                flow_location_parts(&y, NULL, b, NULL) == FLOW_OK && x.n == y.n;
    for (int i = 0; i < x.n && same; i++)
        same = init_is_same_table(x.at[i], y.at[i]);
    flow_name_list_free(&x);
    flow_name_list_free(&y);
    return same;
}

/* A spec of the same name may be one of other data. */
static flow_status init_check_kept(const init_plan *plan, flow_error *err)
{
    flow_spec *spec = NULL;
    FLOW_TRY(flow_spec_read(&spec, plan->out->spec, NULL, 0, err));
    char *train = spec->data->train != NULL ? flow_spec_location(spec, spec->data->train) : NULL;
    flow_status status = FLOW_OK;
    if (train == NULL || !init_is_same_place(train, plan->sets[INIT_TRAIN].source))
        status = flow_error_set(err, FLOW_EXISTS,
                                "%s: this spec exists and trains on other data than %s; name another "
                                "one with -o",
                                plan->out->spec, plan->sets[INIT_TRAIN].source);
    free(train);
    flow_spec_free(spec);
    return status;
}

/* ---- all of it ---- */

static flow_status init_count_epochs(init_plan *plan, flow_error *err)
{
    cJSON *document = NULL;
    flow_status status = init_make_document(&document, plan, err);
    if (status == FLOW_OK)
        status = init_fit_minutes(plan, document, err);
    cJSON_Delete(document);
    return status;
}

static flow_status init_run(init_plan *plan, flow_error *err)
{
    FLOW_TRY(init_find_files(plan, err));
    plan->out->location = flow_arena_text(plan->arena, plan->sets[INIT_TRAIN].source);
    if (plan->out->kept)
        return init_check_kept(plan, err);
    FLOW_TRY(init_look(plan, err));
    if (plan->survey != NULL) {
        FLOW_TRY(init_judge_columns(plan, err));
        FLOW_TRY(init_make_angles(plan, err));
        FLOW_TRY(init_look_at_held_out(plan, err));
    }
    plan->out->n_rows = plan->n_rows;
    plan->out->n_columns = plan->survey != NULL ? plan->n_columns : flow_shape_size(plan->image.shape);
    plan->out->row_name = plan->survey != NULL ? "rows" : "images";
    FLOW_TRY(init_choose_flow(plan, err));
    if (plan->options->minutes > 0)
        FLOW_TRY(init_count_epochs(plan, err));
    FLOW_TRY(init_explain_flow(plan, err));
    FLOW_TRY(init_make_document(&plan->out->document, plan, err));
    FLOW_TRY(init_complete_document(plan, err));
    FLOW_TRY(init_list_left_out(plan, err));
    FLOW_TRY(init_describe(plan, err));
    return init_write(plan, err);
}

flow_status flow_run_init(flow_run_init_result *out, const flow_run_init_options *options, flow_error *err)
{
    *out = (flow_run_init_result){0};
    init_plan plan = {.options = options, .out = out, .arena = &out->arena, .missing = options->missing};
    flow_status status = init_run(&plan, err);
    for (int i = 0; i < plan.n_columns; i++)
        cJSON_Delete(plan.columns[i].support);
    free(plan.columns);
    for (int role = 0; role < INIT_N_SETS; role++) {
        free(plan.sets[role].source);
        free(plan.sets[role].named);
    }
    flow_dataset_close(plan.looked_at);
    flow_lock_release(&plan.lock);
    flow_name_list_free(&plan.given);
    flow_name_list_free(&plan.wanted);
    flow_name_list_free(&plan.dropped);
    flow_name_list_free(&plan.angles);
    return status;
}

void flow_run_init_free(flow_run_init_result *result)
{
    cJSON_Delete(result->document);
    flow_arena_release(&result->arena);
    *result = (flow_run_init_result){0};
}
