/* Looking at data: which columns there are, which of their values can be used, and their survey. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "run/init_plan.h"
#include "run/valid_rows.h"

enum {
    LEAST_ROWS = 20,      /* of fewer, nothing can be held out */
    COUNTED_COLUMNS = 256 /* counting missing values costs a pass over the data for each column */
};
/* A column that misses more is left out; where it misses fewer, the rows are. */
static const double most_missing = 0.2;

/* ---- names ---- */

static bool look_lists(const flow_name_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->at[i], name) == 0)
            return true;
    return false;
}

/* Splits the value of an option, whose names all have to be columns of the data: behind all others, since the labels of
 * images are given in this way alone. */
static flow_status look_names(const init_plan *plan, flow_name_list *out, const char *option, const char *text,
                              flow_error *err)
{
    if (text == NULL)
        return FLOW_OK;
    FLOW_TRY(flow_name_list_split(out, text, err));
    const flow_reader_options options = {
        .last = (const char *const *)out->at, .n_last = out->n, .csv = flow_csv_words_format(&plan->options->csv)};
    flow_reader *reader = NULL;
    flow_status status = flow_reader_open(&reader, plan->sets[INIT_TRAIN].source, &options, err);
    flow_reader_close(reader);
    return flow_error_prefix(err, status, "%s: ", option);
}

static flow_status look_angles(init_plan *plan, flow_error *err)
{
    flow_reader *reader = NULL;
    FLOW_TRY(init_read_angles(plan, err));
    const flow_reader_options options = {.last = (const char *const *)plan->angles.at,
                                         .n_last = plan->angles.n,
                                         .csv = flow_csv_words_format(&plan->options->csv)};
    flow_status status = flow_reader_open(&reader, plan->sets[INIT_TRAIN].source, &options, err);
    flow_reader_close(reader);
    for (int i = 0; i < plan->angles.n && status == FLOW_OK; i++)
        if (look_lists(&plan->given, plan->angles.at[i]))
            status = flow_error_set(err, FLOW_ARGUMENT,
                                    "the column \"%.80s\" is in --context too, whose columns are taken as numbers; "
                                    "give the cosine and the sine of an angle",
                                    plan->angles.at[i]);
    return flow_error_prefix(err, status, "--angles: ");
}

static flow_status look_check_roles(const init_plan *plan, flow_error *err)
{
    const char *weight = plan->options->weight;
    for (int i = 0; i < plan->dropped.n; i++) {
        const char *name = plan->dropped.at[i];
        const bool is_weight = weight != NULL && strcmp(weight, name) == 0;
        if (is_weight || look_lists(&plan->given, name) || look_lists(&plan->wanted, name))
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "--drop: the column \"%.80s\" is in --%s too; leave it out of one "
                                  "of them",
                                  name,
                                  is_weight                        ? "weight"
                                  : look_lists(&plan->given, name) ? "context"
                                                                   : "columns");
    }
    for (int i = 0; i < plan->wanted.n; i++)
        if (look_lists(&plan->given, plan->wanted.at[i]))
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "--columns: the column \"%.80s\" is in --context too; it is "
                                  "modelled or given, not both",
                                  plan->wanted.at[i]);
    return FLOW_OK;
}

/* The columns of the context and those to model; `all` are those of the data. */
static flow_status look_choose_columns(init_plan *plan, const flow_name_list *all, flow_error *err)
{
    const flow_run_init_options *o = plan->options;
    const flow_name_list *from = plan->wanted.n > 0 ? &plan->wanted : all;
    plan->n_context = plan->given.n;
    plan->columns = calloc((size_t)plan->given.n + (size_t)from->n + 1, sizeof *plan->columns);
    if (plan->columns == NULL)
        return flow_error_memory(err, "columns");
    for (int i = 0; i < plan->given.n; i++)
        plan->columns[plan->n_columns++] = (init_column){.name = plan->given.at[i], .is_context = true};
    for (int i = 0; i < from->n; i++) {
        const char *name = flow_arena_text(plan->arena, from->at[i]);
        if (name == NULL)
            return flow_error_memory(err, "columns");
        if (look_lists(&plan->given, name) || (o->weight != NULL && strcmp(name, o->weight) == 0))
            continue;
        init_column *column = &plan->columns[plan->n_columns++];
        *column = (init_column){.name = name, .is_forced = plan->wanted.n > 0};
        for (int k = 0; k < plan->angles.n; k++)
            if (strcmp(plan->angles.at[k], name) == 0) {
                column->is_angle = true;
                column->period = plan->periods[k];
            }
        column->is_left_out = look_lists(&plan->dropped, name);
        if (column->is_left_out)
            column->said[INIT_LEFT_OUT] = "--drop";
    }
    plan->is_chosen = plan->wanted.n > 0;
    return FLOW_OK;
}

/* ---- values ---- */

/* Columns that are left out go behind the others, which keep their order. */
static void look_set_aside(init_plan *plan)
{
    int n = 0;
    for (int i = 0; i < plan->n_columns; i++) {
        if (plan->columns[i].is_left_out)
            continue;
        const init_column kept = plan->columns[i];
        memmove(plan->columns + n + 1, plan->columns + n, (size_t)(i - n) * sizeof *plan->columns);
        plan->columns[n++] = kept;
    }
    plan->is_chosen = plan->is_chosen || n < plan->n_columns;
    plan->n_surveyed = n;
}

/* A pass over the rows that have a number in each column. */
static flow_status look_survey(init_plan *plan, flow_error *err)
{
    const int n = plan->n_surveyed;
    const char **names = malloc(((size_t)n + 1) * sizeof *names);
    flow_dataset_close(plan->looked_at);
    plan->looked_at = NULL;
    plan->survey = NULL;
    if (names == NULL)
        return flow_error_memory(err, "columns");
    for (int i = 0; i < n; i++)
        names[i] = plan->columns[i].name;
    const flow_dataset_options options = {.columns = names,
                                          .n_columns = n,
                                          .skip_invalid = true,
                                          .missing = plan->missing,
                                          .csv = flow_csv_words_format(&plan->options->csv),
                                          .survey = true,
                                          .memory_bytes = 1}; /* the rows are looked at once, and not held */
    flow_status status = flow_dataset_open(&plan->looked_at, plan->sets[INIT_TRAIN].source, &options, err);
    free(names);
    if (status != FLOW_OK)
        return status;
    plan->survey = plan->looked_at->survey;
    plan->n_rows = plan->looked_at->n_rows;
    plan->n_skipped = plan->looked_at->n_skipped;
    return FLOW_OK;
}

/* Leaves out columns that are no numbers, or miss too many. */
static flow_status look_for_missing(init_plan *plan, flow_error *err)
{
    const flow_reader_options how = {.missing = plan->missing, .csv = flow_csv_words_format(&plan->options->csv)};
    for (int i = plan->n_context; i < plan->n_surveyed; i++) {
        init_column *column = &plan->columns[i];
        char *note;
        int64_t good = 0, bad = flow_count_invalid(plan->sets[INIT_TRAIN].source, &how, column->name, &good, &note);
        flow_status status = FLOW_OK;
        if (bad > 0 && !column->is_forced && (good == 0 || (double)bad > most_missing * (double)(bad + good))) {
            column->is_left_out = true;
            status = good > 0 ? init_say(plan, column, INIT_LEFT_OUT, err, "no number in %.0f %% of the rows",
                                         100 * (double)bad / (double)(bad + good))
                              : init_say(plan, column, INIT_LEFT_OUT, err, "%s", note != NULL ? note : "no numbers");
        }
        free(note);
        FLOW_TRY(status);
    }
    return FLOW_OK;
}

static flow_status look_refuse_rows(const init_plan *plan, flow_error *err)
{
    const char *source = plan->sets[INIT_TRAIN].source;
    const flow_reader_options how = {.missing = plan->missing, .csv = flow_csv_words_format(&plan->options->csv)};
    char first[FLOW_ERROR_SIZE];
    flow_find_first_invalid(first, source, &how, NULL, 0);
    return flow_error_set(err, FLOW_DATA, "%s: no column has a number in four rows of five%s%s", source,
                          first[0] != '\0' ? ". The first of these rows: " : "", first);
}

/* Without columns that miss too many, where the survey had to skip rows. */
static flow_status look_without_gaps(init_plan *plan, bool again, flow_error *err)
{
    const int before = plan->n_surveyed;
    if (before <= COUNTED_COLUMNS) {
        FLOW_TRY(look_for_missing(plan, err));
        look_set_aside(plan);
    }
    if (plan->n_surveyed == plan->n_context)
        return look_refuse_rows(plan, err);
    return again || plan->n_surveyed < before ? look_survey(plan, err) : FLOW_OK;
}

static flow_status look_at_table(init_plan *plan, const flow_reader *reader, flow_error *err)
{
    FLOW_TRY(look_choose_columns(plan, &reader->columns, err));
    look_set_aside(plan);
    if (plan->n_surveyed == plan->n_context)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: no column is left to model", plan->sets[INIT_TRAIN].source);
    flow_status status = look_survey(plan, err);
    bool dropped = false;
    if ((status == FLOW_DATA && plan->n_surveyed <= COUNTED_COLUMNS) || (status == FLOW_OK && plan->n_skipped > 0))
        status = look_without_gaps(plan, status == FLOW_DATA, err);
    if (status == FLOW_OK)
        status = init_drop_codes(plan, &dropped, err);
    if (dropped && status == FLOW_OK)
        status = look_without_gaps(plan, true, err);
    FLOW_TRY(status);
    return plan->n_rows >= LEAST_ROWS
               ? FLOW_OK
               : flow_error_set(err, FLOW_DATA,
                                "%s: %lld row%s with a number in every column that is not left out; a "
                                "density needs %d rows at least",
                                plan->sets[INIT_TRAIN].source, (long long)plan->n_rows, plan->n_rows == 1 ? "" : "s",
                                LEAST_ROWS);
}

static flow_status look_at_images(init_plan *plan, const flow_reader *reader, flow_error *err)
{
    const flow_run_init_options *o = plan->options;
    const bool labels = o->context != NULL && strcmp(o->context, FLOW_LABEL) == 0;
    if (o->columns != NULL || o->drop != NULL || o->weight != NULL || (o->context != NULL && !labels))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: the rows are images, of which every pixel is modelled; the only "
                              "column that --context may name is \"%s\"",
                              plan->sets[INIT_TRAIN].source, FLOW_LABEL);
    plan->image = reader->image;
    plan->is_bytes = reader->stored == FLOW_VALUE_BYTE;
    plan->n_rows = reader->n_rows;
    plan->n_context = labels;
    return labels ? look_names(plan, &plan->given, "--context", o->context, err) : FLOW_OK;
}

flow_status init_look(init_plan *plan, flow_error *err)
{
    const flow_run_init_options *o = plan->options;
    flow_reader *reader = NULL;
    const flow_reader_options how = {.csv = flow_csv_words_format(&o->csv)};
    flow_status status = flow_reader_open(&reader, plan->sets[INIT_TRAIN].source, &how, err);
    if (status == FLOW_OK && reader->image.shape.channels > 0) {
        status = look_at_images(plan, reader, err);
        flow_reader_close(reader);
        return status;
    }
    if (status == FLOW_OK)
        status = look_names(plan, &plan->wanted, "--columns", o->columns, err);
    if (status == FLOW_OK)
        status = look_names(plan, &plan->dropped, "--drop", o->drop, err);
    if (status == FLOW_OK)
        status = look_names(plan, &plan->given, "--context", o->context, err);
    if (status == FLOW_OK)
        status = look_angles(plan, err);
    flow_name_list weight = {0};
    if (status == FLOW_OK)
        status = look_names(plan, &weight, "--weight", o->weight, err);
    flow_name_list_free(&weight);
    if (status == FLOW_OK)
        status = look_check_roles(plan, err);
    if (status == FLOW_OK)
        status = look_at_table(plan, reader, err);
    flow_reader_close(reader);
    return status;
}
