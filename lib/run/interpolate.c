/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/interpolate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow/periodic.h"
#include "run/format.h"

typedef struct interpolation {
    const flow_session *s;
    const flow_run_interpolate_options *o;
    flow_run_interpolate_result *result;
    double *ends;   /* (2, d + c): rows of the data; then their latents, with the context behind them */
    double radians; /* between the latents; 0: the walk is linear */
    int64_t at;     /* the next row of the walk */
    int64_t failed; /* the first row that is not finite or does not come back, counted from 1, */
    char place[FLOW_DIAGNOSIS_SIZE]; /* and where it fails */
} interpolation;

/* ---- the ends ---- */

static flow_status interpolate_refuse_missing(const interpolation *run, int64_t row, int64_t n_rows, flow_error *err)
{
    const char *data = run->result->data;
    char count[FLOW_FORMAT_SIZE];
    if (row <= n_rows)
        return flow_error_set(err, FLOW_DATA, "%s: row %lld is left out, because its values are not valid", data,
                              (long long)row);
    return flow_error_set(err, FLOW_DATA, "%s: there is no row %lld; the last one is row %s", data, (long long)row,
                          flow_format_count(count, n_rows));
}

/* Reads up to the later one. */
static flow_status interpolate_read_ends(interpolation *run, flow_input *in, flow_error *err)
{
    const int64_t *ends = run->o->ends;
    const size_t width = (size_t)run->s->width, n_max = flow_batch_rows(width);
    double *rows = calloc(n_max, width * sizeof *rows);
    int64_t *numbers = calloc(n_max, sizeof *numbers), n_rows = 0;
    bool found[2] = {false, false};
    size_t n = 1;
    flow_status status = rows == NULL || numbers == NULL ? flow_error_memory(err, "the rows") : FLOW_OK;
    while (status == FLOW_OK && n > 0 && !(found[0] && found[1])) {
        status = flow_input_read(in, rows, numbers, n_max, &n, err);
        for (size_t i = 0; status == FLOW_OK && i < n; i++) {
            n_rows = numbers[i] + 1;
            for (int k = 0; k < 2; k++) {
                if (n_rows != ends[k])
                    continue;
                memcpy(run->ends + (size_t)k * width, rows + i * width, width * sizeof *rows);
                found[k] = true;
            }
        }
    }
    for (int k = 0; k < 2 && status == FLOW_OK; k++)
        if (!found[k])
            status = interpolate_refuse_missing(run, ends[k], n_rows, err);
    free(numbers);
    free(rows);
    return status;
}

static flow_status interpolate_refuse_end(const interpolation *run, int k, flow_error *err)
{
    const char *data = run->result->data;
    const long long row = (long long)run->o->ends[k];
    const double *x = run->ends + (size_t)k * (size_t)run->s->width;
    char place[FLOW_DIAGNOSIS_SIZE];
    flow_status status = flow_check_row(run->s->model->f, x, err);
    if (status != FLOW_OK)
        return flow_error_prefix(err, status, "%s: row %lld is outside of the support: ", data, row);
    flow_rows_diagnose(run->s->runner, FLOW_TO_LATENT, false, x, place, sizeof place);
    return flow_error_set(err, FLOW_DATA, "%s: row %lld has no finite latents%s%s", data, row,
                          place[0] != '\0' ? "; it fails in " : "", place);
}

/* From rows of the data to their latents. */
static flow_status interpolate_map_ends(interpolation *run, flow_error *err)
{
    const flow_session *s = run->s;
    const size_t d = (size_t)s->dim, width = (size_t)s->width;
    double *z = calloc(2 * d, sizeof *z);
    if (z == NULL)
        return flow_error_memory(err, "latents");
    flow_rows_to_latent(s->runner, run->ends, 2, z, NULL);
    flow_status status = FLOW_OK;
    for (int k = 0; k < 2 && status == FLOW_OK; k++)
        for (size_t i = 0; i < d && status == FLOW_OK; i++)
            if (!isfinite(z[(size_t)k * d + i]))
                status = interpolate_refuse_end(run, k, err);
    for (size_t k = 0; k < 2; k++)
        memcpy(run->ends + k * width, z + k * d, d * sizeof *z);
    free(z);
    return status;
}

/* Of the latents that are not periodic. */
static void interpolate_find_angle(interpolation *run)
{
    const flow_dims latents = run->s->model->f->latents;
    const double *a = run->ends, *b = a + run->s->width;
    double aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < latents.n; i++) {
        if (flow_dims_is_periodic(latents, i))
            continue;
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        ab += a[i] * b[i];
    }
    const double radians = acos(fmax(-1, fmin(1, ab / sqrt(aa * bb))));
    const bool is_line = run->o->linear || !(sin(radians) > 1e-6); /* no angle, and no arc between opposite points */
    run->radians = is_line ? 0 : radians;
    run->result->angle = aa * bb > 0 ? radians * 180 / FLOW_PI : (double)NAN;
}

/* ---- the walk ---- */

/* A row (d + c) of latents and context, a share t of the way. */
static void interpolate_point(const interpolation *run, double t, double *row)
{
    const flow *f = run->s->model->f;
    const int d = run->s->dim, width = run->s->width;
    const double *a = run->ends, *b = a + width, r = run->radians;
    const double of_a = r > 0 ? sin((1 - t) * r) / sin(r) : 1 - t, of_b = r > 0 ? sin(t * r) / sin(r) : t;
    for (int i = 0; i < d; i++)
        row[i] = flow_dims_is_periodic(f->latents, i) ? a[i] + t * flow_periodic_difference(b[i], a[i], 2 * FLOW_PI)
                                                      : of_a * a[i] + of_b * b[i];
    for (int i = d; i < width; i++) {
        const bool is_class = f->context.classes.n > 0 && i - d == f->context.classes.column;
        row[i] = is_class ? (t <= 0.5 ? a[i] : b[i]) : (1 - t) * a[i] + t * b[i];
    }
}

static flow_status interpolate_read(void *context, flow_row_batch *batch, size_t n_max, flow_error *err)
{
    (void)err;
    interpolation *run = context;
    const int64_t n = run->o->n;
    const size_t width = (size_t)run->s->width;
    for (; run->at < n && batch->n < n_max; run->at++, batch->n++) {
        interpolate_point(run, (double)run->at / (double)(n - 1), batch->in + batch->n * width);
        batch->numbers[batch->n] = run->at;
    }
    return FLOW_OK;
}

/* Tells by how much the way back misses a row at most; NaN: the row is not finite, or does not come back. */
static flow_status interpolate_map(void *context, flow_row_batch *batch, flow_error *err)
{
    (void)err;
    const interpolation *run = context;
    const size_t d = (size_t)run->s->dim, width = (size_t)run->s->width, c = width - d, n = batch->n;
    double *x = batch->scratch, *missed = x + n * d;
    flow_rows_round_trip(run->s->runner, FLOW_TO_DATA, batch->in, n, x, NULL, missed);
    for (size_t i = 0; i < n; i++) {
        double *row = batch->out + i * width, error = 0;
        bool finite = true;
        for (size_t k = 0; k < d; k++) {
            finite = finite && isfinite(x[i * d + k]) && isfinite(missed[i * d + k]);
            error = fmax(error, fabs(missed[i * d + k]));
        }
        memcpy(row, x + i * d, d * sizeof *row);
        memcpy(row + d, batch->in + i * width + d, c * sizeof *row);
        batch->told[i] = finite ? error : (double)NAN;
    }
    return FLOW_OK;
}

static void interpolate_count(void *context, flow_row_batch *batch)
{
    interpolation *run = context;
    flow_run_interpolate_result *r = run->result;
    for (size_t i = 0; i < batch->n; i++) {
        if (!isnan(batch->told[i])) {
            r->round_trip = fmax(r->round_trip, batch->told[i]);
        } else if (r->non_finite++ == 0) {
            run->failed = batch->numbers[i] + 1;
            flow_rows_diagnose(run->s->runner, FLOW_TO_DATA, true, batch->in + i * (size_t)run->s->width, run->place,
                               sizeof run->place);
        }
    }
    r->rows += (int64_t)batch->n;
}

static void interpolate_warn(const interpolation *run)
{
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE], reason[FLOW_ERROR_SIZE];
    const flow_run_hooks *hooks = &run->o->rows.hooks;
    const flow_run_interpolate_result *r = run->result;
    if (r->non_finite > 0)
        flow_run_warn(hooks,
                      "%s of %s rows have values that are not finite or do not come back, the first is row "
                      "%lld%s%s",
                      flow_format_count(count, r->non_finite), flow_format_count(all, r->rows), (long long)run->failed,
                      run->place[0] != '\0' ? ", which fails in " : "", run->place);
    if (r->round_trip > FLOW_ROUND_TRIP_MOST) {
        flow_session_diagnose_round_trip(run->s, reason, sizeof reason);
        flow_run_warn(hooks, "the largest round-trip error is %.1e (in %s): %s", r->round_trip,
                      flow_session_round_trip_unit(run->s), reason);
    }
}

static flow_status interpolate_find_ends(interpolation *run, flow_error *err)
{
    const flow_session *s = run->s;
    const char **names = flow_session_names(s, s->columns);
    const flow_input_options wanted = {.skip_invalid = run->o->rows.skip_invalid,
                                       .missing = flow_session_missing(s, &run->o->rows.missing),
                                       .csv = run->o->rows.csv,
                                       .image = flow_session_image(s)};
    flow_input in = {0};
    run->ends = calloc(2, (size_t)s->width * sizeof *run->ends);
    flow_status status = names == NULL || run->ends == NULL ? flow_error_memory(err, "the rows") : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_session_open_input(s, &in, run->result->data, names, s->width, &wanted, err);
    if (status == FLOW_OK)
        status = interpolate_read_ends(run, &in, err);
    if (status == FLOW_OK)
        flow_run_say_remarks(&run->o->rows.hooks, run->result->data, &in.reader->remarks);
    if (status == FLOW_OK) {
        const flow_skipped skipped = flow_reader_skipped(in.reader, NULL);
        run->result->skipped = skipped.rows;
        flow_run_warn_skipped(&run->o->rows.hooks, run->result->data, &skipped, "", "");
    }
    flow_input_close(&in);
    free(names);
    return status;
}

static flow_status interpolate_walk(interpolation *run, flow_error *err)
{
    enum { ACROSS = 16 }; /* a walk is a line of a sheet, a longer one several */
    const flow_session *s = run->s;
    flow_run_interpolate_result *r = run->result;
    const char **columns = flow_session_names(s, s->columns);
    flow_picture_options picture = flow_session_picture(s);
    picture.across = ACROSS;
    const flow_row_walk walk = {
        .context = run,
        .options = &run->o->rows,
        .columns = columns,
        .n_columns = (size_t)s->width,
        .n_in = (size_t)s->width,
        .n_told = 1,
        .n_scratch = 2 * (size_t)s->dim,
        .total = run->o->n,
        .read = interpolate_read,
        .map = interpolate_map,
        .count = interpolate_count,
        .picture = picture,
    };
    flow_status status = columns == NULL ? flow_error_memory(err, "column names") : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_walk_rows(&walk, &r->closed, err);
    if (status == FLOW_OK && !r->closed) {
        r->solving = flow_session_solving(s, FLOW_TO_DATA);
        interpolate_warn(run);
    }
    free(columns);
    return status;
}

flow_status flow_run_interpolate(flow_run_interpolate_result *out, const flow_session *s,
                                 const flow_run_interpolate_options *options, flow_error *err)
{
    *out = (flow_run_interpolate_result){
        .model = s->model->path,
        .data = options->rows.input,
        .output = flow_run_file(options->rows.output),
        .from = options->ends[0],
        .to = options->ends[1],
    };
    interpolation run = {.s = s, .o = options, .result = out};
    flow_status status = flow_session_check_latents(s, err);
    if (status == FLOW_OK)
        status = interpolate_find_ends(&run, err);
    if (status == FLOW_OK)
        status = interpolate_map_ends(&run, err);
    if (status == FLOW_OK) {
        interpolate_find_angle(&run);
        out->path = run.radians > 0 ? "spherical" : "linear";
        status = interpolate_walk(&run, err);
    }
    free(run.ends);
    return status;
}
