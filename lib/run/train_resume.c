/* Restoring a stored run of a training. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "num/gemm.h"
#include "run/origin.h"
#include "run/train_run.h"

static flow_status resume_check_folder(const char *output, flow_error *err)
{
    char *folder = flow_path_dir(output);
    struct stat info;
    flow_status status = FLOW_OK;
    if (folder == NULL)
        status = flow_error_memory(err, output);
    else if (stat(folder, &info) != 0)
        status = flow_error_set(err, FLOW_IO, "%s: the folder %s cannot be used: %s; create it, or choose another "
                                "with -o", output, folder, strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        status = flow_error_set(err, FLOW_IO, "%s: %s is not a folder", output, folder);
    else if (access(folder, W_OK | X_OK) != 0)
        status = flow_error_set(err, FLOW_IO, "%s: the folder %s cannot be written to: %s; choose another with -o",
                                output, folder, strerror(errno));
    free(folder);
    return status;
}

flow_status train_check_output(const train_run *run, bool *resume, flow_error *err)
{
    const char *output = run->output;
    FLOW_TRY(resume_check_folder(output, err));
    flow_file_kind kind;
    FLOW_TRY(flow_file_inspect(&kind, output, err));
    *resume = kind == FLOW_FILE_MODEL && run->options->resume;
    if (kind == FLOW_FILE_MISSING || (kind == FLOW_FILE_MODEL && (*resume || run->options->force)))
        return FLOW_OK;
    if (kind == FLOW_FILE_MODEL)
        return flow_error_set(err, FLOW_EXISTS, "%s: this model exists already; --resume trains it on, --force trains "
                              "it anew, -o names another file", output);
    return flow_error_set(err, FLOW_EXISTS, "%s: this file exists and is not a usable model, so it is not replaced; "
                          "name another one with -o, or remove it", output);
}

/* ---- is it the same training? ---- */

static void resume_add_difference(void *context, const flow_json *was, const flow_json *is)
{
    flow_text *text = context;
    char before[80], now[80];
    flow_json_describe(before, sizeof before, was);
    flow_json_describe(now, sizeof now, is);
    if (cJSON_IsArray(was->node) || cJSON_IsArray(is->node)) { /* a short list is shown itself */
        char *a = was->node != NULL ? cJSON_PrintUnformatted(was->node) : NULL;
        char *b = is->node != NULL ? cJSON_PrintUnformatted(is->node) : NULL;
        if (a != NULL && strlen(a) < sizeof before)
            snprintf(before, sizeof before, "%s", a);
        if (b != NULL && strlen(b) < sizeof now)
            snprintf(now, sizeof now, "%s", b);
        free(a);
        free(b);
    }
    flow_text_add(text, "%s%s is %s in the model, %s in the spec", text->length > 0 ? "; " : "", is->path, before, now);
}

static void resume_compare_columns(flow_text *text, const train_run *run, const flow_model *model)
{
    int n = run->x->dim;
    if (model->f->dim != n) {
        flow_text_add(text, "%sthe model has %d columns, the data have %d", text->length > 0 ? "; " : "",
                      model->f->dim, n);
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *was = model->columns[i], *is = run->x->columns[i];
        if (strcmp(was, is) != 0)
            flow_text_add(text, "%scolumn %d is \"%s\" in the model, \"%s\" in the data", text->length > 0 ? "; " : "",
                          i + 1, was, is);
    }
}

/* Other rows, or another density, would be another training under the same name. Where a file is does not matter. */
static flow_status resume_compare_data(flow_text *text, const train_run *run, const flow_model *model,
                                       flow_error *err)
{
    static const char *const keys[] = {"train", "validation", "density"};
    cJSON *now = flow_experiment_describe_data(run->x, err);
    if (now == NULL)
        return FLOW_MEMORY;
    const cJSON *before = cJSON_GetObjectItemCaseSensitive(model->provenance, "data");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const flow_data_origin was = flow_data_origin_read(before, keys[i]), is = flow_data_origin_read(now, keys[i]);
        const char *separator = text->length > 0 ? "; " : "";
        if (was.is_density || is.is_density) {
            if (was.any && is.any && strcmp(was.checksum, is.checksum) != 0)
                flow_text_add(text, "%sthe library of the density is not the same", separator);
        } else if (was.any != is.any) {
            flow_text_add(text, "%sthe %s %s data", separator,
                          was.any ? "model has, the spec has no" : "spec has, the model has no", keys[i]);
        } else if (was.rows != is.rows) {
            flow_text_add(text, "%sthe %s data had %lld rows and have %lld", separator, keys[i], (long long)was.rows,
                          (long long)is.rows);
        } else if (strcmp(was.checksum, is.checksum) != 0) {
            flow_text_add(text, "%sthe values of the %s data are not the same", separator, keys[i]);
        }
    }
    cJSON_Delete(now);
    return FLOW_OK;
}

static flow_status resume_check_same(const train_run *run, const flow_model *model, flow_error *err)
{
    flow_text text = {0};
    flow_spec_compare(model->spec, run->x->spec, resume_add_difference, &text);
    resume_compare_columns(&text, run, model);
    flow_status status = resume_compare_data(&text, run, model, err);
    if (status == FLOW_OK && text.failed)
        status = flow_error_memory(err, "a comparison");
    else if (status == FLOW_OK && text.length > 0)
        status = flow_error_set(err, FLOW_SPEC, "%s: cannot be resumed, it comes from another training: %s. Undo the "
                                "change, or train anew with --force or another -o", run->output, text.data);
    flow_text_free(&text);
    return status;
}

/* ---- restoring ---- */

static void resume_warn_of_new_span(const train_run *run, const flow_model *model)
{
    int64_t before = model->spec->train->epochs, now = run->x->train->epochs;
    if (before != now && strcmp(run->x->train->schedule.type->name, "cosine") == 0)
        flow_run_warn(&run->options->hooks, "train.epochs was %lld and is %lld: the cosine schedule now spans the new "
                      "number, so the learning rate takes a step", (long long)before, (long long)now);
}

static flow_status resume_restore(train_run *run, const flow_model *model, flow_error *err)
{
    const flow_array *arrays = NULL;
    int n_arrays = 0;
    flow *f = run->x->f;
    /* the specs agree, so the vectors do; a hand-made file may still disagree */
    if (model->f->params.n_fitted != f->params.n_fitted)
        return flow_error_set(err, FLOW_FORMAT, "%s: has %zu fitted values, the spec describes %zu", run->output,
                              model->f->params.n_fitted, f->params.n_fitted);
    if (f->params.n_fitted > 0)
        memcpy(f->params.fitted, model->f->params.fitted, f->params.n_fitted * sizeof *f->params.fitted);
    flow_trainer_state(run->trainer, &arrays, &n_arrays);
    FLOW_TRY(flow_model_read_state(model, arrays, n_arrays, err));
    FLOW_TRY(flow_trainer_set_history(run->trainer, (const char *const *)model->history_columns,
                                      model->n_history_columns, model->history, model->n_epochs, err));
    return flow_error_prefix(err, flow_trainer_restored(run->trainer, err), "%s: ", run->output);
}

/* The arithmetic of the last run; models of older versions do not say it. */
static flow_math resume_math_of(const cJSON *runs)
{
    const cJSON *last = cJSON_GetArrayItem(runs, cJSON_GetArraySize(runs) - 1);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(last, "math"));
    flow_math math;
    return name != NULL && flow_math_find(name, &math) ? math : FLOW_MATH_FLOAT;
}

/* The result is that of a training without the stop only in the same arithmetic. */
static flow_status resume_take_math(const train_run *run, const cJSON *runs, flow_error *err)
{
    const flow_math before = resume_math_of(runs), now = flow_math_mode();
    if (before == now)
        return FLOW_OK;
    if (run->options->has_math) {
        flow_run_warn(&run->options->hooks, "%s: trained with --math %s up to here, and with --math %s from here on: "
                      "the result is not that of one run", run->output, flow_math_names[before], flow_math_names[now]);
        return FLOW_OK;
    }
    FLOW_TRY(flow_error_prefix(err, flow_gemm_check(before, err), "%s goes on as it began: --math ", run->output));
    flow_math_choose(before);
    return FLOW_OK;
}

static flow_status resume_from(train_run *run, const flow_model *model, flow_error *err)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(model->provenance, "runs");
    FLOW_TRY(resume_check_same(run, model, err));
    FLOW_TRY(resume_take_math(run, runs, err));
    FLOW_TRY(resume_restore(run, model, err));
    resume_warn_of_new_span(run, model);
    run->earlier_runs = cJSON_IsArray(runs) ? cJSON_Duplicate(runs, 1) : NULL;
    run->earlier_summary = cJSON_Duplicate(model->summary, 1);
    if ((cJSON_IsArray(runs) && run->earlier_runs == NULL) || (model->summary != NULL && run->earlier_summary == NULL))
        return flow_error_memory(err, "the provenance of a model");
    run->out->first_epoch = model->n_epochs;
    run->out->resumed = true;
    return FLOW_OK;
}

flow_status train_resume(train_run *run, flow_error *err)
{
    flow_model *model = NULL;
    flow_status status = flow_model_load(&model, run->output, err);
    if (status == FLOW_OK)
        status = resume_from(run, model, err);
    flow_model_free(model);
    return status;
}
