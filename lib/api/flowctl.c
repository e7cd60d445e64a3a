/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flowctl.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/models.h"
#include "num/gemm.h"
#include "num/parallel.h"

/* Rows in one call of the layer below, which counts tiles with an int. */
enum { PIECE = 1 << 20 };

struct flow_handle {
    flow_models *models;
    const flow_model *model; /* the first one; all have the same columns */
    int n_threads;           /* wanted; 0: all processors */
    flow_math math;          /* of the calls with this handle, whatever their thread has chosen */
    flow_ensemble *ensemble; /* made when first needed; NULL after a change of n_threads */
    double *tile;            /* (FLOW_TILE, d + c): rows around the first one that is wanted, and their context */
};

flow_status flow_open(flow_handle **out, const char *path, flow_error *err)
{
    *out = NULL;
    if (path == NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "flow_open: no path");
    flow_handle *handle = calloc(1, sizeof *handle);
    if (handle == NULL)
        return flow_error_memory(err, "a model");
    flow_status status = flow_models_load(&handle->models, path, err);
    if (status == FLOW_OK)
        handle->model = handle->models->members[0];
    FLOW_RETURN_MADE(out, handle, flow_close, status);
}

void flow_close(flow_handle *model)
{
    if (model == NULL)
        return;
    flow_ensemble_free(model->ensemble);
    free(model->tile);
    flow_models_free(model->models);
    free(model);
}

void flow_set_threads(flow_handle *model, int n_threads)
{
    model->n_threads = n_threads < 0 ? 0 : n_threads;
    flow_ensemble_free(model->ensemble);
    model->ensemble = NULL;
}

flow_status flow_set_math(flow_handle *model, const char *math, flow_error *err)
{
    flow_math found;
    if (math == NULL || !flow_math_find(math, &found))
        return flow_error_set(err, FLOW_ARGUMENT, "flow_set_math: \"%.64s\" is neither float nor bf16x3",
                              math != NULL ? math : "");
    FLOW_TRY(flow_error_prefix(err, flow_gemm_check(found, err), "flow_set_math: "));
    model->math = found;
    return FLOW_OK;
}

int flow_dim(const flow_handle *model)
{
    return model->model->f->dim;
}

int flow_context_dim(const flow_handle *model)
{
    return model->model->f->context.n;
}

const char *flow_column_name(const flow_handle *model, int index)
{
    int d = flow_dim(model);
    if (index < 0 || index >= d + flow_context_dim(model))
        return NULL;
    return index < d ? model->model->columns[index] : model->model->spec->data->context.at[index - d];
}

static size_t width_of(const flow_handle *model)
{
    return (size_t)flow_width(model->model->f);
}

static flow_status prepare(flow_handle *model, const char *function, bool complete, flow_error *err)
{
    if (!complete)
        return flow_error_set(err, FLOW_ARGUMENT, "%s: an array is missing", function);
    if (model->ensemble != NULL)
        return FLOW_OK;
    int n_threads = model->n_threads > 0 ? model->n_threads : flow_processors();
    return flow_models_run(&model->ensemble, model->models, n_threads, err);
}

/* A value that is not finite has no density; it is an error of the caller, who learns where it is. */
static flow_status check_values(const flow_handle *model, const double *rows, size_t n, size_t width, size_t first,
                                const char *function, flow_error *err)
{
    for (size_t k = 0; k < n * width; k++)
        if (!isfinite(rows[k]))
            return flow_error_set(err, FLOW_DATA, "%s: row %zu, column %zu (%s) is not a finite number", function,
                                  k / width, k % width, flow_column_name(model, (int)(first + k % width)));
    return FLOW_OK;
}

static flow_status check_rows(const flow_handle *model, const double *rows, size_t n, const char *function,
                              flow_error *err)
{
    return check_values(model, rows, n, width_of(model), 0, function, err);
}

/* What the model made of finite rows; all results are there, and the first that is not a number is named with what
 * became of it on its way `to`; rows is NULL for draws, and may have been overwritten by values. */
static flow_status check_results(flow_handle *model, flow_direction to, const double *rows, const double *values,
                                 size_t n, size_t d, const char *function, flow_error *err)
{
    char place[FLOW_DIAGNOSIS_SIZE] = "";
    size_t k = 0;
    while (k < n * d && !isnan(values[k]))
        k++;
    if (k == n * d)
        return FLOW_OK;
    const double *row = rows != NULL && rows != values ? rows + k / d * width_of(model) : NULL;
    if (row != NULL && to == FLOW_TO_LATENT)
        flow_ensemble_diagnose(model->ensemble, row, place, sizeof place);
    else if (row != NULL)
        flow_rows_diagnose(model->ensemble->members[0], to, false, row, place, sizeof place);
    return flow_error_set(err, FLOW_NUMERIC, "%s: the result of row %zu is not a number: %s%s", function, k / d,
                          place[0] != '\0' ? "it fails in " : "it is too far from the data the model was trained on",
                          place);
}

static size_t piece_of(size_t n)
{
    return n < PIECE ? n : PIECE;
}

static flow_status logprob_rows(flow_handle *model, const double *x, size_t n, double *logp, flow_error *err)
{
    FLOW_TRY(prepare(model, "flow_logprob", n == 0 || (x != NULL && logp != NULL), err));
    FLOW_TRY(check_rows(model, x, n, "flow_logprob", err));
    size_t width = width_of(model);
    for (size_t at = 0; at < n; at += PIECE)
        flow_ensemble_logp(model->ensemble, x + at * width, piece_of(n - at), logp + at, NULL);
    return check_results(model, FLOW_TO_LATENT, x, logp, n, 1, "flow_logprob", err);
}

flow_status flow_logprob(flow_handle *model, const double *x, size_t n, double *logp, flow_error *err)
{
    const flow_math before = flow_math_choose(model->math);
    const flow_status status = logprob_rows(model, x, n, logp, err);
    flow_math_choose(before);
    return status;
}

/* Rows are drawn in tiles: the first of them may begin before first_row. */
static flow_status sample_head(flow_handle *model, uint64_t seed, uint64_t first_row, size_t n, const double *context,
                               double *x, double *logp, flow_error *err)
{
    size_t d = (size_t)flow_dim(model), c = (size_t)flow_context_dim(model), before = (size_t)(first_row % FLOW_TILE);
    if (model->tile == NULL)
        model->tile = calloc(FLOW_TILE * width_of(model), sizeof *model->tile);
    if (model->tile == NULL)
        return flow_error_memory(err, "draws");
    double tile_logp[FLOW_TILE], *tile_context = model->tile + FLOW_TILE * d;
    if (c > 0)
        memcpy(tile_context + before * c, context, n * c * sizeof *context);
    flow_ensemble_sample(model->ensemble, seed, first_row - before, before + n, 1, tile_context, model->tile,
                         logp != NULL ? tile_logp : NULL, NULL);
    memcpy(x, model->tile + before * d, n * d * sizeof *x);
    if (logp != NULL)
        memcpy(logp, tile_logp + before, n * sizeof *logp);
    return FLOW_OK;
}

static flow_status sample_rows(flow_handle *model, uint64_t seed, uint64_t first_row, size_t n, const double *context,
                               double *x, double *logp, flow_error *err)
{
    size_t d = (size_t)flow_dim(model), c = (size_t)flow_context_dim(model), done = 0;
    FLOW_TRY(prepare(model, "flow_sample", n == 0 || (x != NULL && (c == 0 || context != NULL)), err));
    if (c > 0)
        FLOW_TRY(check_values(model, context, n, c, d, "flow_sample", err));
    if (n == 0)
        return FLOW_OK;
    if (first_row > UINT64_MAX - n)
        return flow_error_set(err, FLOW_ARGUMENT, "flow_sample: the sequence of draws has 2^64 rows");
    size_t before = (size_t)(first_row % FLOW_TILE);
    if (before > 0) {
        done = n < FLOW_TILE - before ? n : FLOW_TILE - before;
        FLOW_TRY(sample_head(model, seed, first_row, done, context, x, logp, err));
    }
    for (; done < n; done += piece_of(n - done))
        flow_ensemble_sample(model->ensemble, seed, first_row + done, piece_of(n - done), 1,
                             c > 0 ? context + done * c : NULL, x + done * d, logp != NULL ? logp + done : NULL, NULL);
    return check_results(model, FLOW_TO_DATA, NULL, x, n, d, "flow_sample", err);
}

flow_status flow_sample(flow_handle *model, uint64_t seed, uint64_t first_row, size_t n, const double *context,
                        double *x, double *logp, flow_error *err)
{
    const flow_math before = flow_math_choose(model->math);
    const flow_status status = sample_rows(model, seed, first_row, n, context, x, logp, err);
    flow_math_choose(before);
    return status;
}

/* All rows `from` (n, d + c) to `out` (n, d), in one of the two directions. */
static flow_status map_rows(flow_handle *model, flow_direction to, const double *from, size_t n, double *out,
                            double *logdet, const char *function, flow_error *err)
{
    FLOW_TRY(prepare(model, function, n == 0 || (from != NULL && out != NULL), err));
    if (model->models->n > 1)
        return flow_error_set(err, FLOW_ARGUMENT,
                              "%s: %s is an ensemble of %d models, each with a latent space of its "
                              "own; open one of the models",
                              function, model->models->path, model->models->n);
    FLOW_TRY(check_rows(model, from, n, function, err));
    size_t d = (size_t)flow_dim(model), width = width_of(model);
    for (size_t at = 0; at < n; at += PIECE)
        (to == FLOW_TO_LATENT ? flow_rows_to_latent : flow_rows_to_data)(model->ensemble->members[0], from + at * width,
                                                                         piece_of(n - at), out + at * d,
                                                                         logdet != NULL ? logdet + at : NULL);
    return check_results(model, to, from, out, n, d, function, err);
}

static flow_status map_in_math(flow_handle *model, flow_direction to, const double *from, size_t n, double *out,
                               double *logdet, const char *function, flow_error *err)
{
    const flow_math before = flow_math_choose(model->math);
    const flow_status status = map_rows(model, to, from, n, out, logdet, function, err);
    flow_math_choose(before);
    return status;
}

flow_status flow_to_latent(flow_handle *model, const double *x, size_t n, double *z, double *logdet, flow_error *err)
{
    return map_in_math(model, FLOW_TO_LATENT, x, n, z, logdet, "flow_to_latent", err);
}

flow_status flow_to_data(flow_handle *model, const double *z, size_t n, double *x, double *logdet, flow_error *err)
{
    return map_in_math(model, FLOW_TO_DATA, z, n, x, logdet, "flow_to_data", err);
}
