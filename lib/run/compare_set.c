/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/compare_set.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/origin.h"

/* ---- columns ---- */

static const char *set_column(const flow_session *s, int i)
{
    return i < s->dim ? s->columns[i] : s->context[i - s->dim];
}

/* The place of column i of `s` in a row of `first`, among columns of the same role; -1: it has none. */
static int set_find_column(const flow_session *first, const flow_session *s, int i)
{
    const int from = i < s->dim ? 0 : first->dim, to = i < s->dim ? first->dim : first->width;
    if (i >= from && i < to && strcmp(set_column(first, i), set_column(s, i)) == 0)
        return i;
    for (int k = from; k < to; k++)
        if (strcmp(set_column(first, k), set_column(s, i)) == 0)
            return k;
    return -1;
}

static void set_list_columns(flow_text *text, const flow_session *s, int from, int to)
{
    enum { SHOWN = 8 };
    for (int i = from; i < to && i < from + SHOWN; i++)
        flow_text_add(text, "%s%.40s", i == from ? "" : ", ", set_column(s, i));
    flow_text_add(text, "%s", to - from > SHOWN ? ", ..." : to == from ? "nothing" : "");
}

static flow_status set_refuse_columns(const flow_session *first, const flow_session *s, bool context, flow_error *err)
{
    flow_text own = {0}, others = {0};
    set_list_columns(&own, s, context ? s->dim : 0, context ? s->width : s->dim);
    set_list_columns(&others, first, context ? first->dim : 0, context ? first->width : first->dim);
    flow_status status = flow_error_set(
        err, FLOW_ARGUMENT, "%s: %s %s, and %s %s: %s", s->name, context ? "is conditional on" : "has the columns",
        own.data != NULL ? own.data : "", first->name, others.data != NULL ? others.data : "",
        context ? "compare models that are given the same context"
                : "densities of different columns cannot be compared");
    flow_text_free(&own);
    flow_text_free(&others);
    return status;
}

static flow_status set_match_columns(compare_set *set, int k, flow_error *err)
{
    const flow_session *first = &set->at[0], *s = &set->at[k];
    bool same = true;
    if (s->dim != first->dim)
        return set_refuse_columns(first, s, false, err);
    if (s->n_context != first->n_context)
        return set_refuse_columns(first, s, true, err);
    int *place = calloc((size_t)s->width, sizeof *place);
    if (place == NULL)
        return flow_error_memory(err, "the order of the columns");
    set->place[k] = place;
    for (int i = 0; i < s->width; i++) {
        place[i] = set_find_column(first, s, i);
        if (place[i] < 0)
            return set_refuse_columns(first, s, i >= s->dim, err);
        same = same && place[i] == i;
    }
    if (same) {
        free(place);
        set->place[k] = NULL;
    }
    return FLOW_OK;
}

void compare_set_arrange(const compare_set *set, int k, const double *rows, size_t n, double *out)
{
    const size_t width = (size_t)set->at[0].width;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            out[i * width + j] = rows[i * width + (size_t)set->place[k][j]];
}

/* ---- what can be compared ---- */

static flow_data_origin set_origin(const flow_session *s, const char *key)
{
    return flow_data_origin_read(cJSON_GetObjectItemCaseSensitive(s->model->provenance, "data"), key);
}

/* Images have a shape, and their values a scale; classes have numbers. */
static flow_status set_check_images(const compare_set *set, int k, flow_error *err)
{
    const flow_session *first = &set->at[0], *s = &set->at[k];
    const flow_shape a = first->model->f->shape, b = s->model->f->shape;
    const flow_data_origin x = set_origin(first, "train"), y = set_origin(s, "train");
    if (memcmp(&a, &b, sizeof a) != 0)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: its images are %d x %d x %d, and those of %s %d x %d x %d",
                              s->name, b.height, b.width, b.channels, first->name, a.height, a.width, a.channels);
    if (x.is_pictures && y.is_pictures && (x.black != y.black || x.white != y.white))
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: its images have values from %g to %g, and those of %s from %g to %g; densities in "
                              "different units cannot be compared",
                              s->name, y.black, y.white, first->name, x.black, x.white);
    if (first->model->spec->data->classes != s->model->spec->data->classes)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: has %lld classes, and %s %lld", s->name,
                              (long long)s->model->spec->data->classes, first->name,
                              (long long)first->model->spec->data->classes);
    return FLOW_OK;
}

static flow_status set_find_kind(compare_set *set, int k, flow_error *err)
{
    int kind = k;
    for (int j = 0, unlike; j < k && kind == k; j++) {
        if (set->kind[j] != j)
            continue;
        FLOW_TRY(flow_ensemble_find_unlike(&unlike, set->at[j].model->f, set->at[k].model->f, set->place[j],
                                           set->place[k], err));
        kind = unlike < 0 ? j : k;
    }
    set->kind[k] = kind;
    return FLOW_OK;
}

static flow_status set_find_weight(compare_set *set, const char *asked, flow_error *err)
{
    for (int k = 0; k < set->n && asked == NULL; k++) {
        const char *own = set->at[k].model->spec->data->weight;
        if (own != NULL && set->weight != NULL && strcmp(own, set->weight) != 0)
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "the models were trained with different weights, %.80s and %.80s: choose one with "
                                  "--weight",
                                  set->weight, own);
        set->weight = own != NULL ? own : set->weight;
    }
    return FLOW_OK;
}

static void set_find_missing(compare_set *set, const flow_number_list *named)
{
    set->missing = *named;
    for (int k = 0; k < set->n && named->n == 0; k++) {
        const flow_number_list own = set->at[k].model->spec->data->missing;
        for (int i = 0; i < own.n && set->missing.n < FLOW_LIST_MAX; i++) {
            bool known = false;
            for (int j = 0; j < set->missing.n; j++)
                known = known || set->missing.at[j] == own.at[i];
            if (!known)
                set->missing.at[set->missing.n++] = own.at[i];
        }
    }
}

flow_status compare_set_open(compare_set *set, const flow_run_compare_options *options, flow_error *err)
{
    const size_t n = (size_t)options->n_models;
    const char *twice;
    if (n < 2 && options->rows.input != NULL)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: is one model, %s being the data; name another one to compare it "
                              "with",
                              options->models[0], options->rows.input);
    if (n < 2)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: is one model; name another one to compare it with",
                              options->models[0]);
    if (n > FLOW_COMPARE_MOST)
        return flow_error_set(err, FLOW_ARGUMENT, "there are %d models, and up to %d can be compared",
                              options->n_models, FLOW_COMPARE_MOST);
    FLOW_TRY(flow_find_repeated(&twice, options->models, n, err));
    if (twice != NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: is named twice; a model is compared with other ones", twice);
    set->at = calloc(n, sizeof *set->at);
    set->place = calloc(n, sizeof *set->place);
    set->kind = calloc(n, sizeof *set->kind);
    if (set->at == NULL || set->place == NULL || set->kind == NULL)
        return flow_error_memory(err, "the models");
    for (int k = 0; k < options->n_models; k++) {
        set->n = k + 1;
        FLOW_TRY(flow_session_open(&set->at[k], options->models[k], &options->session, err));
        FLOW_TRY(set_match_columns(set, k, err));
        FLOW_TRY(set_check_images(set, k, err));
        FLOW_TRY(set_find_kind(set, k, err));
    }
    set_find_missing(set, &options->rows.missing);
    return set_find_weight(set, options->weight, err);
}

void compare_set_close(compare_set *set)
{
    for (int k = 0; k < set->n; k++) {
        flow_session_close(&set->at[k]);
        free(set->place[k]);
    }
    free(set->at);
    free(set->place);
    free(set->kind);
    *set = (compare_set){0};
}

/* ---- the data ---- */

flow_status compare_set_find_data(const compare_set *set, flow_run_compare_result *out, flow_error *err)
{
    const char *location = NULL;
    for (int k = 0; k < set->n; k++) {
        const flow_session *s = &set->at[k];
        const flow_data_origin origin = set_origin(s, "test");
        if (!origin.any)
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s: its spec names no test data; name the data behind the models", s->name);
        if (s->model->spec->data->test.number > 0)
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s: its test rows are a share of its training data, which other models may have "
                                  "seen; name the data behind the models",
                                  s->name);
        if (location != NULL && strcmp(location, origin.location) != 0)
            return flow_error_set(err, FLOW_ARGUMENT,
                                  "%s: its test data are %s, and those of %s %s; name the data behind the models",
                                  s->name, origin.location, set->at[0].name, location);
        location = origin.location;
    }
    out->owned_data = flow_strdup(location);
    out->data = out->owned_data;
    out->named_by = "the test data that all models name";
    return out->owned_data != NULL ? FLOW_OK : flow_error_memory(err, "a location");
}

/* Warns of models whose data of that key in the spec are these, by their place or by their values; `effect` follows the
 * names of the models. */
static void set_warn_of_origin(const compare_set *set, const char *data, uint32_t checksum, const char *key,
                               const char *effect, const flow_run_hooks *hooks)
{
    char sum[FLOW_CHECKSUM_SIZE];
    flow_text names = {0};
    int n = 0;
    flow_checksum_print(sum, checksum);
    for (int k = 0; k < set->n; k++) {
        const flow_data_origin origin = set_origin(&set->at[k], key);
        const bool same = origin.any && ((set->place[k] == NULL && strcmp(origin.checksum, sum) == 0) ||
                                         flow_output_is_same_table(data, origin.location));
        if (same)
            flow_text_add(&names, "%s%s", n++ > 0 ? ", " : "", set->at[k].name);
    }
    if (n > 0)
        flow_run_warn(hooks, "%s: has the rows that %s %s", data, names.data != NULL ? names.data : "a model", effect);
    flow_text_free(&names);
}

void compare_set_warn_of_kinds(const compare_set *set, const flow_run_hooks *hooks)
{
    for (int k = 1; k < set->n; k++)
        if (set->kind[k] == k)
            flow_run_warn(hooks,
                          "%s has probabilities of single values where %s has a density, or the other way round: these "
                          "cannot be compared, whatever the numbers",
                          set->at[k].name, set->at[0].name);
}

void compare_set_warn_of_origin(const compare_set *set, const char *data, uint32_t checksum,
                                const flow_run_hooks *hooks)
{
    set_warn_of_origin(set, data, checksum, "train",
                       "learned from, so that likelihoods are too high here; compare on rows that were held out",
                       hooks);
    set_warn_of_origin(set, data, checksum, "validation",
                       "chose the best weights by, so that likelihoods are a little too high here", hooks);
}

/* ---- units ---- */

/* Between the quartiles of column j of rows (n, stride). */
static double set_spread(const double *rows, size_t n, size_t stride, size_t j, double *room)
{
    for (size_t i = 0; i < n; i++)
        room[i] = rows[i * stride + j];
    gsl_sort(room, 1, n);
    return room[3 * n / 4] - room[n / 4];
}

static void set_warn_of_spread(const compare_set *set, int k, const double *rows, const double *draws, size_t n,
                               double *room, const flow_run_hooks *hooks)
{
    static const double most = 30;
    const flow_session *s = &set->at[k];
    const size_t d = (size_t)s->dim, width = (size_t)s->width;
    double worst = log(most);
    flow_text text = {0};
    for (size_t j = 0; j < d; j++) {
        const size_t column = set->place[k] != NULL ? (size_t)set->place[k][j] : j;
        const double found = set_spread(draws, n, d, j, room), wanted = set_spread(rows, n, width, column, room);
        const double ratio = fabs(log(found / wanted));
        if (!(found > 0 && wanted > 0 && ratio > worst))
            continue;
        worst = ratio;
        flow_text_free(&text);
        text = (flow_text){0};
        flow_text_add(&text, "the middle half of %.60s spreads over %.3g in its draws, and over %.3g in the data",
                      s->columns[j], found, wanted);
    }
    if (text.data != NULL)
        flow_run_warn(hooks, "%s: is likely to be in other units than the data: %s", s->name, text.data);
    flow_text_free(&text);
}

flow_status compare_set_warn_of_units(const compare_set *set, const double *rows, size_t n, const flow_run_hooks *hooks,
                                      flow_error *err)
{
    enum { LEAST = 32, COLUMNS = 256 };
    const size_t d = (size_t)set->at[0].dim, c = (size_t)set->at[0].n_context, width = d + c;
    n = n < COMPARE_UNITS ? n : COMPARE_UNITS;
    if (n < LEAST || d > COLUMNS || flow_shape_pixels(set->at[0].model->f->shape) > 1)
        return FLOW_OK;
    double *draws = calloc(n * (d + c + width + 1), sizeof *draws), *context = draws + n * d;
    double *arranged = context + n * c, *room = arranged + n * width;
    if (draws == NULL)
        return flow_error_memory(err, "some draws");
    for (int k = 0; k < set->n; k++) {
        const double *own = rows;
        if (set->place[k] != NULL) {
            compare_set_arrange(set, k, rows, n, arranged);
            own = arranged;
        }
        for (size_t i = 0; i < n && c > 0; i++)
            memcpy(context + i * c, own + i * width + d, c * sizeof *context);
        flow_ensemble_sample(set->at[k].ensemble, 1, 0, n, 1, c > 0 ? context : NULL, draws, NULL, NULL);
        set_warn_of_spread(set, k, rows, draws, n, room, hooks);
    }
    free(draws);
    return FLOW_OK;
}
