/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/invert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/moments.h"
#include "run/format.h"
#include "run/root.h"

typedef struct inversion {
    const flow_session *s;
    const flow_run_invert_options *o;
    flow_run_invert_result *result;
    flow_input in;
    flow_moments *moments; /* (d) of the columns of the input */
    double *errors;        /* (d) the largest distance between a value and what the round trip made of it */
    int64_t failed;        /* the first row that is not finite or does not come back, */
    char place[FLOW_DIAGNOSIS_SIZE]; /* and where it fails */
} inversion;

/* A row (d + c), its image (d), and by how much the way back misses the row (d). */
static void invert_count_row(inversion *run, const double *from, const double *image, const double *missed,
                             int64_t number)
{
    size_t d = (size_t)run->s->dim;
    bool finite = true;
    for (size_t k = 0; k < d; k++)
        finite = finite && isfinite(image[k]) && isfinite(missed[k]);
    run->result->rows++;
    if (!finite && run->result->non_finite++ == 0) {
        run->failed = number;
        flow_rows_diagnose(run->s->runner, run->o->to, true, from, run->place, sizeof run->place);
    }
    for (size_t k = 0; finite && k < d; k++) {
        flow_moments_add(&run->moments[k], from[k], 1);
        run->errors[k] = fmax(run->errors[k], fabs(missed[k]));
    }
}

/* Tells by how much the way back misses a row. */
static flow_status invert_map(void *context, flow_row_batch *batch, flow_error *err)
{
    (void)err;
    const inversion *run = context;
    size_t d = (size_t)run->s->dim, width = (size_t)run->s->width, c = width - d, n = batch->n;
    size_t n_out = width + (run->o->logdet ? 1 : 0);
    double *image = batch->scratch, *logdet = run->o->logdet ? image + n * d : NULL;
    flow_rows_round_trip(run->s->runner, run->o->to, batch->in, n, image, logdet, batch->told);
    for (size_t i = 0; i < n; i++) {
        double *row = batch->out + i * n_out;
        memcpy(row, image + i * d, d * sizeof *row);
        memcpy(row + d, batch->in + i * width + d, c * sizeof *row);
        if (logdet != NULL)
            row[width] = logdet[i];
    }
    return FLOW_OK;
}

static void invert_count(void *context, flow_row_batch *batch)
{
    inversion *run = context;
    const size_t d = (size_t)run->s->dim, width = (size_t)run->s->width, n_out = width + (run->o->logdet ? 1 : 0);
    for (size_t i = 0; i < batch->n; i++)
        invert_count_row(run, batch->in + i * width, batch->out + i * n_out, batch->told + i * d, batch->numbers[i]);
}

static void invert_find_error(const inversion *run, const char *const *names)
{
    flow_run_invert_result *r = run->result;
    r->column = names[0];
    for (int k = 0; k < run->s->dim; k++) {
        const flow_moments *m = &run->moments[k];
        double deviation = 1; /* of latents */
        if (run->o->to == FLOW_TO_LATENT) {
            deviation = flow_moments_error(m) * sqrt((double)m->n);
            double size = m->n > 0 ? fabs(flow_moments_mean(m)) : 0;
            if (!(deviation > 0)) /* one row, or equal ones, have no spread to compare with */
                deviation = size > 0 ? size : 1;
        }
        if (run->errors[k] / deviation > r->error) {
            r->error = run->errors[k] / deviation;
            r->error_absolute = run->errors[k];
            r->column = names[k];
        }
    }
}

static void invert_warn(const inversion *run)
{
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE], reason[FLOW_ERROR_SIZE];
    const flow_run_hooks *hooks = &run->o->rows.hooks;
    const flow_run_invert_result *r = run->result;
    flow_run_say_remarks(hooks, r->data, &run->in.reader->remarks);
    const flow_skipped skipped = flow_reader_skipped(run->in.reader, NULL);
    flow_run_warn_skipped(hooks, r->data, &skipped, flow_skipped_effect(&run->o->rows), "");
    if (r->non_finite > 0)
        flow_run_warn(hooks, "%s of %s rows have no finite image or do not come back, the first is row %lld%s%s",
                      flow_format_count(count, r->non_finite), flow_format_count(all, r->rows),
                      (long long)run->failed + 1,
                      run->place[0] != '\0' ? ", which fails in "
                                          : "; such rows lie outside of what the model can describe", run->place);
    if (r->error > FLOW_ROUND_TRIP_MOST) {
        flow_session_diagnose_round_trip(run->s, reason, sizeof reason);
        flow_run_warn(hooks, "the round trip loses up to %.1e standard deviations (column %s): %s", r->error, r->column,
                      reason);
    }
}

flow_status flow_run_invert(flow_run_invert_result *out, const flow_session *s, const flow_run_invert_options *options,
                            flow_error *err)
{
    const bool to_latent = options->to == FLOW_TO_LATENT;
    *out = (flow_run_invert_result){.model = s->model->path, .data = options->rows.input,
                                    .output = flow_run_file(options->rows.output),
                                    .to = to_latent ? "latent" : "data", .to_latent = to_latent};
    inversion run = {.s = s, .o = options, .result = out};
    const size_t d = (size_t)s->dim, width = (size_t)s->width;
    const char *const *latents = (const char *const *)s->latents.at;
    const char **from = flow_session_names(s, to_latent ? s->columns : latents);
    const char **to = flow_session_names(s, to_latent ? latents : s->columns);
    char room[FLOW_ADDED_NAME_SIZE];
    if (to != NULL && options->logdet)
        flow_session_add_name(s, to, "logdet", room, &options->rows.hooks);
    const flow_row_walk walk = {
        .context = &run,
        .comm = s->options.comm,
        .options = &options->rows,
        .columns = to,
        .n_columns = width + (options->logdet ? 1 : 0),
        .n_in = width,
        .n_told = d,
        .n_scratch = d + 1,
        .in = &run.in,
        .map = invert_map,
        .count = invert_count,
        .picture = to_latent ? (flow_picture_options){.least = 0} : flow_session_picture(s),
    };
    flow_input_options wanted = {.skip_invalid = options->rows.skip_invalid, .missing = options->rows.missing,
                                 .csv = options->rows.csv, .shared = true};
    if (to_latent) {
        wanted.image = flow_session_image(s);
        wanted.missing = flow_session_missing(s, &options->rows.missing);
    }
    flow_status status = flow_session_check_latents(s, err);
    run.moments = calloc(d, sizeof *run.moments);
    run.errors = calloc(d, sizeof *run.errors);
    if (status == FLOW_OK && (from == NULL || to == NULL || run.moments == NULL || run.errors == NULL))
        status = flow_error_memory(err, "column names");
    if (status == FLOW_OK)
        status = flow_session_open_input(s, &run.in, out->data, from, s->width, &wanted, err);
    if (status == FLOW_OK)
        status = flow_walk_rows(&walk, &out->closed, err);
    if (status == FLOW_OK && !out->closed)
        out->solving = flow_session_solving(s, options->to);
    if (status == FLOW_OK && !out->closed && flow_is_root(s->options.comm)) {
        out->skipped = run.in.reader->n_skipped;
        invert_find_error(&run, from);
        invert_warn(&run);
    }
    flow_input_close(&run.in);
    free(run.errors);
    free(run.moments);
    free(to);
    free(from);
    return status;
}
