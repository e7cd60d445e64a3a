/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/logprob.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/moments.h"
#include "run/format.h"
#include "run/given.h"
#include "run/picture.h"
#include "run/root.h"
#include "run/weighed.h"

enum { ODD_NAMED = 5 };

typedef struct evaluation {
    const flow_session *s;
    const flow_run_logprob_options *o;
    flow_run_logprob_result *result;
    flow_input in;
    flow_moments moments;                  /* of the finite log-densities */
    double variance;                       /* of them, where they are estimates: the sum of weight^2 variance, in the
                                              unit of the moments */
    flow_logprob_row odd[ODD_NAMED];       /* the first ones that are not finite, but inside of the support */
    char odd_place[FLOW_DIAGNOSIS_SIZE];   /* and where the first of them fails */
    int64_t first_outside;                 /* the first row outside of the support, */
    flow_error why;                        /* and why it is */
    double *shown[FLOW_LOGPROB_WORST_MAX]; /* with an image: the values (d) of the least likely rows, and behind them
                                              room for others; parts of `pixels` */
    double *pixels;
    double *given; /* (n_context) of all rows; NULL: they have their own */
} evaluation;

static void logprob_count_worst(evaluation *e, const double *x, int64_t row, double logp)
{
    const flow *f = e->s->model->f;
    flow_logprob_row *worst = e->result->rows_worst;
    size_t *n = &e->result->worst.n;
    if (e->o->worst == 0)
        return;
    if (*n == (size_t)e->o->worst) {
        if (logp >= worst[*n - 1].logprob)
            return;
        --*n;
    }
    size_t at = (*n)++;
    double *pixels = e->shown[at];
    for (; at > 0 && worst[at - 1].logprob > logp; at--) {
        worst[at] = worst[at - 1];
        e->shown[at] = e->shown[at - 1];
    }
    e->shown[at] = pixels;
    if (pixels != NULL)
        memcpy(pixels, x, (size_t)f->dim * sizeof *x);
    worst[at] = (flow_logprob_row){row, logp, flow_bits_per_dimension(f, logp), flow_counts_bits(f)};
}

static void logprob_count_finite(evaluation *e, double logp, double variance, double weight)
{
    const double unit = e->moments.unit;
    flow_moments_add(&e->moments, logp, weight);
    if (weight == 0)
        return;
    const double old = unit / e->moments.unit, w = weight / e->moments.unit;
    e->variance = e->variance * (old * old) + w * w * variance;
}

static void logprob_count_row(evaluation *e, const double *x, int64_t row, double logp, double variance, double weight)
{
    flow_run_logprob_result *r = e->result;
    flow_error why;
    r->rows++;
    if (logp == -INFINITY && flow_ensemble_check_row(e->s->ensemble, x, &why) != FLOW_OK) {
        if (r->outside++ == 0) {
            e->first_outside = row;
            e->why = why;
        }
    } else if (!isfinite(logp)) {
        if (r->odd == 0)
            flow_ensemble_diagnose(e->s->ensemble, x, e->odd_place, sizeof e->odd_place);
        if (r->odd < ODD_NAMED) /* never "-nan" */
            e->odd[r->odd] = (flow_logprob_row){.row = row, .logprob = isnan(logp) ? (double)NAN : logp};
        r->odd++;
    } else {
        r->finite++;
        logprob_count_finite(e, logp, variance, weight);
        logprob_count_worst(e, x, row, logp);
    }
}

/* Tells the variance of an estimate: it is 0 of all other log-densities. */
static flow_status logprob_map(void *context, flow_row_batch *batch, flow_error *err)
{
    (void)err;
    const evaluation *e = context;
    if (!e->result->estimates) {
        flow_ensemble_logp(e->s->ensemble, batch->in, batch->n, batch->out, NULL);
        return FLOW_OK;
    }
    double *logp = batch->scratch;
    flow_ensemble_logp(e->s->ensemble, batch->in, batch->n, logp, batch->told);
    for (size_t i = 0; i < batch->n; i++) {
        batch->out[2 * i] = logp[i];
        batch->out[2 * i + 1] = sqrt(batch->told[i]);
    }
    return FLOW_OK;
}

static void logprob_count(void *context, flow_row_batch *batch)
{
    evaluation *e = context;
    const bool estimates = e->result->estimates;
    for (size_t i = 0; i < batch->n; i++)
        logprob_count_row(e, batch->in + i * (size_t)e->s->width, batch->numbers[i] + 1,
                          batch->out[estimates ? 2 * i : i], estimates ? batch->told[i] : 0, batch->weights[i]);
}

static void logprob_warn(const evaluation *e)
{
    const flow_run_hooks *hooks = &e->o->rows.hooks;
    const flow_run_logprob_result *r = e->result;
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE];
    flow_format_count(all, r->rows);
    if (r->outside > 0)
        flow_run_warn(hooks,
                      "%s of %s rows are outside of the support: their density is 0, their log-density -inf, "
                      "and they are left out of the mean. The first is row %lld: %s",
                      flow_format_count(count, r->outside), all, (long long)e->first_outside, e->why.message);
    if (r->odd > 0) {
        flow_text list = {0};
        for (int64_t i = 0; i < r->odd && i < ODD_NAMED; i++)
            flow_text_add(&list, "%s%lld (%g)", i == 0 ? "" : ", ", (long long)e->odd[i].row, e->odd[i].logprob);
        flow_run_warn(hooks, "%s of %s rows have no finite log-density and are left out of the mean; row%s %s%s. %s%s",
                      flow_format_count(count, r->odd), all, r->odd == 1 ? "" : "s", list.data != NULL ? list.data : "",
                      r->odd > ODD_NAMED ? ", ..." : "",
                      e->odd_place[0] != '\0' ? "The first fails in "
                                              : "Such rows lie outside of what the model can describe",
                      e->odd_place);
        flow_text_free(&list);
    }
    flow_run_say_remarks(hooks, r->data, &e->in.reader->remarks);
    const flow_skipped skipped = flow_reader_skipped(e->in.reader, NULL);
    flow_run_warn_skipped(hooks, r->data, &skipped, flow_skipped_effect(&e->o->rows), "");
}

static flow_status logprob_read_given(evaluation *e, flow_error *err)
{
    const char *given = e->o->given;
    if (given == NULL)
        return FLOW_OK;
    FLOW_TRY(flow_given_check(e->s, err));
    return flow_given_read(&e->given, e->s, given, false, err);
}

static flow_status logprob_finish(void *context, flow_error *err)
{
    evaluation *e = context;
    flow_run_logprob_result *r = e->result;
    const flow *f = e->s->model->f;
    double weight = e->moments.weight;
    r->skipped = e->in.reader->n_skipped;
    if (r->rows == 0)
        return flow_error_set(err, FLOW_DATA, "%s: there are no %srows in it", r->data, r->skipped > 0 ? "valid " : "");
    if (r->finite > 0 && !(weight > 0))
        return flow_error_set(err, FLOW_DATA,
                              "%s: the sum of the weights is not positive, so there is no weighted "
                              "mean",
                              r->data);
    r->logprob = (flow_mean){NAN, r->finite > 1 ? flow_moments_error(&e->moments) : NAN};
    r->estimator_error = r->bits_per_dimension = NAN;
    if (r->finite > 0) {
        r->logprob.mean = flow_moments_mean(&e->moments);
        r->bits_per_dimension = flow_bits_per_dimension(f, r->logprob.mean);
        r->estimator_error = sqrt(e->variance) / weight;
    }
    r->bits = flow_bits_of(f, r->logprob);
    r->effective_rows = flow_moments_effective(&e->moments);
    r->non_finite = r->rows - r->finite;
    r->discrete_columns = f->n_discrete - f->n_spiked;
    r->spiked_columns = f->n_spiked;
    r->has_support = flow_ensemble_has_support(e->s->ensemble);
    r->has_discrete = f->n_discrete > 0;
    r->all_discrete = r->discrete_columns == f->dim;
    return FLOW_OK;
}

/* ---- the least likely rows on a sheet ---- */

static flow_status logprob_make_room(evaluation *e, flow_error *err)
{
    const flow_run_logprob_options *o = e->o;
    const size_t d = (size_t)e->s->dim;
    if (o->picture == NULL)
        return FLOW_OK;
    FLOW_TRY(flow_picture_check(o->picture, flow_session_image(e->s).shape, e->s->name, err));
    flow_output_sources sources = o->rows.sources;
    sources.data = o->rows.input;
    FLOW_TRY(flow_output_check("--picture", o->picture, &sources, err));
    if (o->worst == 0)
        return flow_error_set(err, FLOW_ARGUMENT, "--picture shows the rows that --worst asks for, and it asks for 0");
    e->pixels = calloc((size_t)o->worst, d * sizeof *e->pixels);
    if (e->pixels == NULL)
        return flow_error_memory(err, "the least likely images");
    for (size_t i = 0; i < (size_t)o->worst; i++)
        e->shown[i] = e->pixels + i * d;
    return FLOW_OK;
}

static flow_status logprob_show(evaluation *e, flow_error *err)
{
    const flow_picture_options how = flow_session_picture(e->s);
    flow_run_logprob_result *r = e->result;
    if (e->o->picture == NULL || r->worst.n == 0)
        return FLOW_OK;
    r->picture = e->o->picture;
    return flow_picture_write(r->picture, !e->o->rows.sources.force, &how, e->s->columns, e->s->dim,
                              (const double *const *)e->shown, r->worst.n, err);
}

flow_status flow_run_logprob(flow_run_logprob_result *out, const flow_session *s,
                             const flow_run_logprob_options *options, flow_error *err)
{
    static const char *const columns[] = {"logprob", "standard_error"};
    *out = (flow_run_logprob_result){.model = s->model->path,
                                     .data = options->rows.input,
                                     .given = options->given,
                                     .output = flow_run_file(options->rows.output),
                                     .estimates = flow_ensemble_estimates(s->ensemble)};
    out->worst.items = out->rows_worst;
    evaluation e = {.s = s, .o = options, .result = out};
    flow_status status = logprob_make_room(&e, err);
    if (status == FLOW_OK)
        status = logprob_read_given(&e, err);
    const flow_weighed_options weighed = {
        .asked = options->weight, .trained = s->model->spec->data->weight, .given = e.given, .shared = true};
    if (status == FLOW_OK)
        status = flow_weighed_open(&e.in, &out->weight, s, &options->rows, &weighed, err);
    const flow_row_walk walk = {
        .context = &e,
        .comm = s->options.comm,
        .options = &options->rows,
        .columns = columns,
        .n_columns = out->estimates ? 2 : 1,
        .n_in = (size_t)s->width,
        .n_told = out->estimates ? 1 : 0,
        .n_scratch = out->estimates ? 1 : 0,
        .in = &e.in,
        .map = logprob_map,
        .count = logprob_count,
        .finish = logprob_finish,
    };
    if (status == FLOW_OK)
        status = flow_walk_rows(&walk, &out->closed, err);
    if (status == FLOW_OK && !out->closed) {
        const bool root = flow_is_root(s->options.comm);
        out->solving = flow_session_solving(s, FLOW_TO_LATENT);
        if (root)
            logprob_warn(&e);
        status = flow_root_status(s->options.comm, root ? logprob_show(&e, err) : FLOW_OK, err);
    }
    free(e.given);
    free(e.pixels);
    flow_input_close(&e.in);
    return status;
}
