/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/compare.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "data/dataset.h"
#include "num/moments.h"
#include "run/compare_model.h"
#include "run/compare_set.h"
#include "run/format.h"
#include "stat/many.h"

typedef struct comparison {
    const flow_run_compare_options *o;
    flow_row_options rows; /* of the options, completed */
    flow_run_compare_result *result;
    flow_compared_model *models; /* (n), in the order of the options until they are ranked */
    compare_set set;
    flow_input in;
    flow_moments all;    /* of the rows that are compared */
    flow_moments *means; /* (n) of the log-densities of a model */
    flow_moments *pairs; /* (n, n) at [k, l], k < l: of those of k minus those of l */
    double *seconds;     /* (n) of processors, for evaluating */
    uint32_t checksum;   /* of all rows that were read, with their weight */
    double *first;       /* (COMPARE_UNITS, width): the first rows */
    size_t n_first;
} comparison;

/* ---- rows ---- */

static void compare_count_odd(comparison *c, int k, double logp, int64_t row)
{
    flow_compared_model *m = &c->models[k];
    int64_t *count = logp == -INFINITY ? &m->impossible : &m->failed;
    int64_t *first = logp == -INFINITY ? &m->first_impossible : &m->first_failed;
    if ((*count)++ == 0)
        *first = row;
}

static void compare_count_row(comparison *c, const double *logp, double weight, int64_t row)
{
    const int n = c->set.n;
    bool finite = true;
    c->result->rows++;
    for (int k = 0; k < n; k++) {
        if (!isfinite(logp[k])) {
            finite = false;
            compare_count_odd(c, k, logp[k], row);
        }
    }
    if (!finite) {
        c->result->left_out++;
        return;
    }
    flow_moments_add(&c->all, 0, weight);
    for (int k = 0; k < n; k++) {
        flow_moments_add(&c->means[k], logp[k], weight);
        for (int l = k + 1; l < n; l++)
            flow_moments_add(&c->pairs[k * n + l], logp[k] - logp[l], weight);
    }
}

/* Tells how long each model took. */
static flow_status compare_map(void *context, flow_row_batch *batch, flow_error *err)
{
    (void)err;
    const comparison *c = context;
    const size_t n = batch->n, n_models = (size_t)c->set.n;
    double *logp = batch->scratch, *arranged = logp + n;
    for (size_t k = 0; k < n_models; k++) {
        const double *rows = batch->in;
        if (c->set.place[k] != NULL) {
            compare_set_arrange(&c->set, (int)k, batch->in, n, arranged);
            rows = arranged;
        }
        const double began = flow_cpu_seconds();
        flow_ensemble_logp(c->set.at[k].ensemble, rows, n, logp, NULL);
        batch->facts[k] = flow_cpu_seconds() - began;
        for (size_t i = 0; i < n; i++)
            batch->out[i * n_models + k] = logp[i];
    }
    return FLOW_OK;
}

static void compare_count(void *context, flow_row_batch *batch)
{
    comparison *c = context;
    const size_t width = (size_t)c->set.at[0].width, n_models = (size_t)c->set.n;
    for (size_t k = 0; k < n_models; k++)
        c->seconds[k] += batch->facts[k];
    for (size_t i = 0; i < batch->n; i++) {
        const double *row = batch->in + i * width;
        c->checksum = flow_dataset_checksum(c->checksum, row, width);
        if (c->in.has_optional)
            c->checksum = flow_dataset_checksum(c->checksum, &batch->weights[i], 1);
        if (c->n_first < COMPARE_UNITS)
            memcpy(c->first + c->n_first++ * width, row, width * sizeof *row);
        compare_count_row(c, batch->out + i * n_models, batch->weights[i], batch->numbers[i] + 1);
    }
}

/* ---- what the sums say ---- */

static flow_mean compare_mean(const flow_moments *moments, double sign)
{
    return (flow_mean){sign * flow_moments_mean(moments), moments->n > 1 ? flow_moments_error(moments) : NAN};
}

static flow_mean compare_difference(const comparison *c, int k, int reference)
{
    const int n = c->set.n;
    return k < reference ? compare_mean(&c->pairs[k * n + reference], 1)
                         : compare_mean(&c->pairs[reference * n + k], -1);
}

/* Two-sided, by Student's t with the effective number of rows. */
static double compare_p(flow_mean difference, double effective)
{
    if (difference.error > 0)
        return 2 * gsl_cdf_tdist_Q(fabs(difference.mean / difference.error), effective - 1);
    return difference.mean == 0 ? 1 : isnan(difference.error) ? (double)NAN : 0;
}

/* The model to compare with: the best one among those of the most frequent kind. */
static int compare_find_best(const comparison *c)
{
    int best = -1, most = 0;
    for (int k = 0; k < c->set.n; k++) {
        int n = 0;
        for (int l = 0; l < c->set.n; l++)
            n += c->set.kind[l] == c->set.kind[k];
        if (best < 0 || n > most ||
            (c->set.kind[k] == c->set.kind[best] && c->models[k].logprob.mean > c->models[best].logprob.mean)) {
            best = k;
            most = n;
        }
    }
    return best;
}

static flow_status compare_find_reference(int *out, const comparison *c, flow_error *err)
{
    *out = -1;
    for (int k = 0; c->o->to != NULL && k < c->set.n; k++)
        if (strcmp(c->o->models[k], c->o->to) == 0)
            *out = k;
    return c->o->to == NULL || *out >= 0
               ? FLOW_OK
               : flow_error_set(err, FLOW_ARGUMENT, "--to %s: is none of the models that are compared", c->o->to);
}

static flow_status compare_test(comparison *c, int reference, flow_error *err)
{
    const int n = c->set.n;
    double p[FLOW_COMPARE_MOST] = {0};
    int of[FLOW_COMPARE_MOST];
    size_t m = 0;
    for (int k = 0; k < n; k++) {
        flow_compared_model *model = &c->models[k];
        model->difference = (flow_mean){NAN, NAN};
        model->p = NAN;
        model->verdict = k == reference                             ? (c->o->to != NULL ? "reference" : "best")
                         : c->set.kind[k] != c->set.kind[reference] ? "not comparable"
                                                                    : "not resolved";
        if (k == reference || c->set.kind[k] != c->set.kind[reference])
            continue;
        model->difference = compare_difference(c, k, reference);
        p[m] = compare_p(model->difference, c->result->effective_rows);
        of[m] = k;
        m += !isnan(p[m]);
    }
    FLOW_TRY(flow_holm(p, p, m, err));
    for (size_t i = 0; i < m; i++) {
        flow_compared_model *model = &c->models[of[i]];
        model->p = p[i];
        if (p[i] <= c->o->level)
            model->verdict = model->difference.mean > 0 ? "better" : "worse";
    }
    return FLOW_OK;
}

/* The best first; of equal ones the first that was named. Those that cannot be compared with the reference are last. */
static int compare_order(const void *a, const void *b)
{
    const flow_compared_model *x = a, *y = b;
    const bool x_is_other = strcmp(x->verdict, "not comparable") == 0;
    const bool y_is_other = strcmp(y->verdict, "not comparable") == 0;
    if (x_is_other != y_is_other)
        return x_is_other - y_is_other;
    if (x->logprob.mean != y->logprob.mean)
        return x->logprob.mean > y->logprob.mean ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* "b.h5, c.h5 and d.h5": the models of a verdict; false when there are none. */
static bool compare_list(flow_text *text, const comparison *c, const char *verdict, const char *before)
{
    enum { SHOWN = 8 };
    int n = 0, all = 0;
    for (int k = 0; k < c->set.n; k++)
        all += strcmp(c->models[k].verdict, verdict) == 0;
    for (int k = 0; k < c->set.n; k++) {
        if (strcmp(c->models[k].verdict, verdict) != 0)
            continue;
        const bool last = n == all - 1;
        if (n < SHOWN)
            flow_text_add(text, "%s%s", n == 0 ? before : last ? " and " : ", ", c->models[k].model);
        n++;
    }
    if (n > SHOWN)
        flow_text_add(text, " and %d more", n - SHOWN);
    return n > 0;
}

static flow_status compare_conclude(comparison *c, flow_error *err)
{
    flow_run_compare_result *r = c->result;
    flow_text text = {0}, list = {0};
    int n_others = 0;
    for (int k = 0; k < c->set.n; k++)
        n_others += strcmp(c->models[k].verdict, "not comparable") != 0;
    n_others--;
    flow_text_add(&text, "%s ", r->reference);
    if (n_others == 0)
        flow_text_add(&text, "can be compared with none of the others");
    else if (compare_list(&list, c, "better", ""))
        flow_text_add(&text, "is worse than %s", list.data);
    flow_text_free(&list);
    list = (flow_text){0};
    const char *joint = text.length > strlen(r->reference) + 1 ? "; it " : "";
    if (compare_list(&list, c, "worse", "")) {
        flow_text_add(&text, "%sis better than %s", joint, list.data);
        joint = "; it ";
    }
    flow_text_free(&list);
    list = (flow_text){0};
    if (compare_list(&list, c, "not resolved", ""))
        flow_text_add(&text, "%scannot be told from %s by these rows", joint, list.data);
    flow_text_free(&list);
    r->verdict = text.data;
    return text.failed ? flow_error_memory(err, "the verdict") : FLOW_OK;
}

/* The model that finds the most rows impossible is why none is left. */
static flow_status compare_refuse(const comparison *c, flow_error *err)
{
    const flow_compared_model *worst = c->models;
    for (int k = 1; k < c->set.n; k++)
        if (c->models[k].impossible + c->models[k].failed > worst->impossible + worst->failed)
            worst = &c->models[k];
    return flow_error_set(err, FLOW_DATA,
                          "%s: no row is possible in all models; %s has no finite log-density for %lld of %lld rows, "
                          "the first of which is row %lld: leave that model out",
                          c->result->data, worst->model, (long long)(worst->impossible + worst->failed),
                          (long long)c->result->rows,
                          (long long)(worst->impossible > 0 ? worst->first_impossible : worst->first_failed));
}

static flow_status compare_finish(void *context, flow_error *err)
{
    comparison *c = context;
    flow_run_compare_result *r = c->result;
    int reference;
    bool has_impossible = false, has_failed = false, has_bits = false;
    FLOW_TRY(compare_set_warn_of_units(&c->set, c->first, c->n_first, &c->rows.hooks, err));
    r->skipped = c->in.reader->n_skipped;
    r->compared = c->all.n;
    if (r->rows == 0)
        return flow_error_set(err, FLOW_DATA, "%s: there are no %srows in it", r->data, r->skipped > 0 ? "valid " : "");
    if (r->compared == 0)
        return compare_refuse(c, err);
    if (!(c->all.weight > 0))
        return flow_error_set(err, FLOW_DATA,
                              "%s: the sum of the weights is not positive, so there is no weighted mean", r->data);
    r->effective_rows = flow_moments_effective(&c->all);
    for (int k = 0; k < c->set.n; k++) {
        flow_compared_model *model = &c->models[k];
        model->rank = k;
        model->logprob = compare_mean(&c->means[k], 1);
        model->bits = flow_bits_of(c->set.at[k].model->f, model->logprob);
        compare_model_set_time(model, c->seconds[k] / (double)r->rows);
        has_impossible = has_impossible || model->impossible > 0;
        has_failed = has_failed || model->failed > 0;
        has_bits = has_bits || model->bits.any;
    }
    FLOW_TRY(compare_find_reference(&reference, c, err));
    reference = reference >= 0 ? reference : compare_find_best(c);
    r->reference = c->models[reference].model;
    FLOW_TRY(compare_test(c, reference, err));
    qsort(c->models, (size_t)c->set.n, sizeof *c->models, compare_order);
    for (int k = 0; k < c->set.n; k++) {
        flow_compared_model *model = &c->models[k];
        model->rank = k + 1;
        model->has_impossible = has_impossible;
        model->has_failed = has_failed;
        model->has_bits = has_bits;
    }
    return compare_conclude(c, err);
}

/* ---- warnings ---- */

static void compare_warn(const comparison *c)
{
    static const double few = 30;
    const flow_run_compare_result *r = c->result;
    const flow_run_hooks *hooks = &c->rows.hooks;
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE], left[FLOW_FORMAT_SIZE];
    compare_set_warn_of_origin(&c->set, r->data, c->checksum, hooks);
    flow_format_count(all, r->rows);
    for (int k = 0; k < c->set.n; k++) {
        const flow_compared_model *m = &c->models[k];
        if (m->impossible > 0)
            flow_run_warn(hooks,
                          "%s: %s of %s rows are impossible, the first is row %lld: their density is 0, so that by "
                          "likelihood alone this model is ruled out; they are left out of the means of all models",
                          m->model, flow_format_count(count, m->impossible), all, (long long)m->first_impossible);
        if (m->failed > 0)
            flow_run_warn(hooks,
                          "%s: %s of %s rows have no log-density, the first is row %lld; \"flowctl logprob\" "
                          "names the place; they are left out of the means of all models",
                          m->model, flow_format_count(count, m->failed), all, (long long)m->first_failed);
    }
    if (r->effective_rows < few)
        flow_run_warn(hooks, "%s: the means are over effectively %s rows; errors and p are rough with so few", r->data,
                      flow_format_count(left, llround(r->effective_rows)));
    flow_run_say_remarks(hooks, r->data, &c->in.reader->remarks);
    const flow_skipped skipped = flow_reader_skipped(c->in.reader, NULL);
    flow_run_warn_skipped(hooks, r->data, &skipped, flow_skipped_effect(&c->rows), "");
}

static flow_status compare_open(comparison *c, flow_error *err)
{
    flow_run_compare_result *r = c->result;
    int reference;
    FLOW_TRY(compare_set_open(&c->set, c->o, err));
    FLOW_TRY(compare_find_reference(&reference, c, err));
    if (r->data == NULL)
        FLOW_TRY(compare_set_find_data(&c->set, r, err));
    c->rows.input = r->data;
    c->rows.missing = c->set.missing;
    c->rows.sources.model = c->set.at[0].name;
    c->rows.sources.trained = c->set.at[0].model;
    const size_t n = (size_t)c->set.n;
    r->models = (flow_list){calloc(n, sizeof *c->models), n};
    c->models = r->models.items;
    c->means = calloc(n, sizeof *c->means);
    c->pairs = calloc(n * n, sizeof *c->pairs);
    c->seconds = calloc(n, sizeof *c->seconds);
    c->first = calloc(COMPARE_UNITS, (size_t)c->set.at[0].width * sizeof *c->first);
    if (c->models == NULL || c->means == NULL || c->pairs == NULL || c->seconds == NULL || c->first == NULL)
        return flow_error_memory(err, "the sums of a comparison");
    for (size_t k = 0; k < n; k++)
        compare_model_describe(&c->models[k], &c->set.at[k]);
    compare_set_warn_of_kinds(&c->set, &c->rows.hooks);
    const flow_weighed_options weighed = {.asked = c->o->weight, .trained = c->set.weight};
    const char *weight;
    FLOW_TRY(flow_weighed_open(&c->in, &weight, &c->set.at[0], &c->rows, &weighed, err));
    /* the name of a weight of the training belongs to its model */
    r->owned_weight = weight != NULL ? flow_strdup(weight) : NULL;
    r->weight = r->owned_weight;
    return weight == NULL || r->weight != NULL ? FLOW_OK : flow_error_memory(err, "a name");
}

flow_status flow_run_compare(flow_run_compare_result *out, const flow_run_compare_options *options, flow_error *err)
{
    *out = (flow_run_compare_result){.data = options->rows.input,
                                     .output = flow_run_file(options->rows.output),
                                     .level = options->level,
                                     .threads = flow_run_threads(options->session.n_threads)};
    comparison c = {.o = options, .rows = options->rows, .result = out};
    flow_status status = compare_open(&c, err);
    const flow_row_walk walk = {
        .context = &c,
        .options = &c.rows,
        .columns = options->models,
        .n_columns = (size_t)options->n_models,
        .n_in = status == FLOW_OK ? (size_t)c.set.at[0].width : 0,
        .n_facts = (size_t)options->n_models,
        .n_scratch = status == FLOW_OK ? (size_t)c.set.at[0].width + 1 : 0,
        .in = &c.in,
        .map = compare_map,
        .count = compare_count,
        .finish = compare_finish,
    };
    if (status == FLOW_OK)
        status = flow_walk_rows(&walk, &out->closed, err);
    if (status == FLOW_OK && !out->closed)
        compare_warn(&c);
    flow_input_close(&c.in);
    compare_set_close(&c.set);
    free(c.means);
    free(c.pairs);
    free(c.seconds);
    free(c.first);
    return status;
}

void flow_run_compare_free(flow_run_compare_result *result)
{
    free(result->models.items);
    free(result->verdict);
    free(result->owned_data);
    free(result->owned_weight);
    *result = (flow_run_compare_result){0};
}
