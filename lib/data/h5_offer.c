/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"

flow_status flow_h5_offer_add(flow_h5_offer *offer, const char *name, const flow_h5_column *column, flow_error *err)
{
    if (offer->names.n >= FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_DATA, "it has more than %d columns", FLOW_COLUMNS_MAX);
    if (!flow_grow(&offer->at, &offer->capacity, (size_t)offer->names.n + 1, sizeof *offer->at))
        return flow_error_memory(err, "columns");
    offer->at[offer->names.n] = *column;
    return flow_name_list_add(&offer->names, name, strlen(name), err);
}

flow_status flow_h5_offer_add_many(flow_h5_offer *offer, const char *name, int n, const flow_h5_column *first,
                                   flow_error *err)
{
    flow_h5_column column = *first;
    if (n == 1)
        return flow_h5_offer_add(offer, name, first, err);
    enum { NUMBER_SIZE = 16 };
    const size_t length = strlen(name);
    char *numbered = malloc(length + NUMBER_SIZE); /* for all: there may be thousands */
    if (numbered == NULL)
        return flow_error_memory(err, "columns");
    memcpy(numbered, name, length);
    flow_status status = FLOW_OK;
    for (int i = 0; i < n && status == FLOW_OK; i++, column.place++) {
        snprintf(numbered + length, NUMBER_SIZE, "_%d", i + 1);
        status = flow_h5_offer_add(offer, numbered, &column, err);
    }
    free(numbered);
    return status;
}

flow_status flow_h5_offer_rename(flow_h5_offer *offer, int i, const char *name, flow_error *err)
{
    char *copy = flow_strdup(name);
    if (copy == NULL)
        return flow_error_memory(err, "columns");
    free(offer->names.at[i]);
    offer->names.at[i] = copy;
    return FLOW_OK;
}

/* ---- order ---- */

typedef struct offer_ranked {
    char *name;
    flow_h5_column column;
    int rank;
} offer_ranked;

static int offer_by_name(const void *a, const void *b)
{
    return strcmp(((const offer_ranked *)a)->name, ((const offer_ranked *)b)->name);
}

static int offer_by_rank(const void *a, const void *b)
{
    const int i = ((const offer_ranked *)a)->rank, j = ((const offer_ranked *)b)->rank;
    return (i > j) - (i < j);
}

flow_status flow_h5_offer_sort(flow_h5_offer *offer, char *const *names, int n, flow_error *err)
{
    const int n_all = offer->names.n;
    offer_ranked *wanted = calloc((size_t)n + 1, sizeof *wanted), *all = calloc((size_t)n_all + 1, sizeof *all);
    for (int i = 0; i < n && wanted != NULL && all != NULL; i++)
        wanted[i] = (offer_ranked){.name = names[i], .rank = i};
    if (wanted != NULL && all != NULL) {
        qsort(wanted, (size_t)n, sizeof *wanted, offer_by_name);
        for (int i = 0; i < n_all; i++) {
            all[i] = (offer_ranked){offer->names.at[i], offer->at[i], n + i};
            const offer_ranked *found = bsearch(&all[i], wanted, (size_t)n, sizeof *wanted, offer_by_name);
            if (found != NULL)
                all[i].rank = found->rank;
        }
        qsort(all, (size_t)n_all, sizeof *all, offer_by_rank);
        for (int i = 0; i < n_all; i++) {
            offer->names.at[i] = all[i].name;
            offer->at[i] = all[i].column;
        }
    }
    const bool good = wanted != NULL && all != NULL;
    free(wanted);
    free(all);
    return good ? FLOW_OK : flow_error_memory(err, "columns");
}

void flow_h5_offer_free(flow_h5_offer *offer)
{
    flow_name_list_free(&offer->names);
    free(offer->at);
    *offer = (flow_h5_offer){0};
}

/* ---- the choice ---- */

/* Whether column i is among those that a caller named. */
static bool offer_is_named(const flow_h5_offer *offer, int i, const flow_reader_options *options)
{
    for (int k = 0; k < options->n_last; k++)
        if (strcmp(options->last[k], offer->names.at[i]) == 0)
            return true;
    return false;
}

/* Says which columns were left out: those that hold no numbers, or those that are read only when they are named. */
static flow_status offer_remark(const flow_h5_offer *offer, flow_reader *reader, bool unreadable,
                                const flow_reader_options *options, flow_error *err)
{
    enum { SHOWN = 8 };
    flow_text text = {0};
    int n = 0;
    for (int i = 0; i < offer->names.n; i++) {
        const flow_h5_column *c = &offer->at[i];
        if (unreadable ? !c->is_unreadable : !c->aside || c->is_unreadable || offer_is_named(offer, i, options))
            continue;
        if (n < SHOWN)
            flow_text_add(&text, "%s%.60s (%s)",
                          n > 0        ? ", "
                          : unreadable ? "passed over: "
                                       : "left out: ",
                          offer->names.at[i], c->what);
        n++;
    }
    if (n > SHOWN)
        flow_text_add(&text, ", ... (%d in all)", n);
    if (n > 0 && !unreadable)
        flow_text_add(&text, "; columns that are named are read");
    flow_status status = text.failed ? flow_error_memory(err, "columns") : FLOW_OK;
    if (n > 0 && status == FLOW_OK)
        status = flow_reader_remark(reader, err, "%s", text.data);
    flow_text_free(&text);
    return status;
}

/* Says which of the chosen columns have numbers in place of what pandas shows. */
static flow_status offer_remark_categories(const flow_h5_offer *offer, flow_reader *reader, const int *chosen,
                                           flow_error *err)
{
    enum { SHOWN = 8 };
    flow_text text = {0};
    int n = 0;
    for (int i = 0; i < reader->columns.n; i++)
        if (offer->at[chosen[i]].is_category && n++ < SHOWN)
            flow_text_add(&text, "%s%.60s", n > 1 ? ", " : "", reader->columns.at[i]);
    flow_status status = text.failed ? flow_error_memory(err, "columns") : FLOW_OK;
    if (n > 0 && status == FLOW_OK)
        status = flow_reader_remark(reader, err,
                                    "categories are numbers from 0 on, in the order of this file, which another file "
                                    "may not have: %s%s",
                                    text.data, n > SHOWN ? ", ..." : "");
    flow_text_free(&text);
    return status;
}

static flow_status offer_refuse(const flow_h5_offer *offer, const flow_reader *reader, flow_error *err)
{
    enum { SHOWN = 8 };
    flow_text text = {0};
    for (int i = 0; i < offer->names.n && i < SHOWN; i++)
        flow_text_add(&text, "%s%.60s (%s)", i > 0 ? ", " : "", offer->names.at[i], offer->at[i].what);
    flow_status status =
        flow_error_set(err, FLOW_DATA, "%s: holds no column of numbers, but %s%s", reader->name,
                       text.data != NULL ? text.data : "nothing", offer->names.n > SHOWN ? ", ..." : "");
    flow_text_free(&text);
    return status;
}

flow_status flow_h5_offer_choose(const flow_h5_offer *offer, flow_reader *reader, int **chosen,
                                 const flow_reader_options *options, flow_error *err)
{
    *chosen = NULL;
    const bool is_choice = options->columns != NULL && options->n_columns > 0;
    bool *aside = calloc((size_t)offer->names.n + 1, sizeof *aside);
    int n_shown = 0, n_readable = 0;
    if (aside == NULL)
        return flow_error_memory(err, "columns");
    for (int i = 0; i < offer->names.n; i++) {
        n_readable += !offer->at[i].is_unreadable;
        n_shown += !offer->at[i].aside && !offer->at[i].is_unreadable;
    }
    /* what is aside is better than nothing */
    for (int i = 0; i < offer->names.n; i++)
        aside[i] = offer->at[i].is_unreadable || (offer->at[i].aside && n_shown > 0);
    flow_status status = n_readable == 0 ? offer_refuse(offer, reader, err) : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_reader_choose_among(reader, chosen, &offer->names, aside, options, err);
    free(aside);
    for (int i = 0; i < reader->columns.n && status == FLOW_OK; i++) {
        const flow_h5_column *c = &offer->at[(*chosen)[i]];
        if (c->is_unreadable)
            status = flow_error_set(err, FLOW_DATA,
                                    "%s: the column \"%.80s\" holds %s; choose columns of numbers by "
                                    "name",
                                    reader->name, offer->names.at[(*chosen)[i]], c->what);
    }
    if (status == FLOW_OK)
        status = offer_remark_categories(offer, reader, *chosen, err);
    if (status == FLOW_OK && !is_choice)
        status = offer_remark(offer, reader, true, options, err);
    if (status == FLOW_OK && !is_choice && n_shown > 0)
        status = offer_remark(offer, reader, false, options, err);
    return status;
}
