/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "flow/design.h"
#include "model/model.h"

/* The layers below know the path inside the document, not the document's name. */
static flow_status experiment_name_source(const flow_experiment *x, flow_status status, flow_error *err)
{
    if (status == FLOW_SPEC)
        flow_error_prefix(err, status, "%s: ", x->spec->source);
    return status;
}

/* Training on draws leaves no place for data, but for those that are evaluated at the end. */
static flow_status experiment_check_draws(const flow_experiment *x, flow_error *err)
{
    static const char *const unused[] = {"train", "validation", "context", "weight"};
    flow_json root = flow_json_root(x->spec->document), data = flow_json_member(&root, "data");
    for (size_t i = 0; data.node != NULL && i < sizeof unused / sizeof *unused; i++) {
        flow_json at = flow_json_member(&data, unused[i]);
        if (at.node != NULL && !cJSON_IsNull(at.node))
            return flow_json_fail(&at, err,
                                  "the objective \"%s\" trains without data; leave the key out, or choose "
                                  "another objective",
                                  x->objective.type->info.name);
    }
    flow_json test = flow_json_member(&data, "test");
    if (x->data->test.number > 0)
        return flow_json_fail(&test, err,
                              "the objective \"%s\" trains without data, of which there is no share; name "
                              "a file, or leave the key out",
                              x->objective.type->info.name);
    flow_json columns = flow_json_member(&data, "columns");
    const int n = x->data->columns.n;
    if (x->draws->dimensions > 0 && n > 0 && x->draws->dimensions != n)
        return flow_json_fail(&columns, err, "%d columns, and train.objective.dimensions is %lld", n,
                              (long long)x->draws->dimensions);
    return FLOW_OK;
}

void flow_experiment_take_options(flow_experiment *x)
{
    x->data = x->spec->data;
    x->train = x->spec->train;
    x->objective = flow_objective_of(&x->train->objective);
    x->draws = flow_objective_draws(&x->objective);
}

flow_status flow_experiment_read(flow_experiment *out, const char *file, const char *const *overrides, int n_overrides,
                                 flow_error *err)
{
    flow_file_kind kind = flow_file_identify(file);
    if (kind == FLOW_FILE_MODEL || kind == FLOW_FILE_HDF5)
        return flow_error_set(err, FLOW_SPEC, "%s: is %s, and a spec was expected: a JSON file%s", file,
                              kind == FLOW_FILE_MODEL ? "a model" : "an HDF5 file",
                              kind == FLOW_FILE_MODEL ? "; \"flowctl info --json\" shows the one it was trained by"
                                                      : "");
    const char *ending = strrchr(file, '.');
    if (kind == FLOW_FILE_OTHER && ending != NULL && strcasecmp(ending, ".csv") == 0)
        return flow_error_set(err, FLOW_SPEC,
                              "%s: is CSV, or empty, and a spec was expected: a JSON file; \"flowctl "
                              "init\" writes one for data",
                              file);
    FLOW_TRY(flow_spec_read(&out->spec, file, overrides, n_overrides, err));
    flow_experiment_take_options(out);
    out->row_name = out->draws != NULL ? "draws" : "rows";
    return out->draws == NULL ? FLOW_OK : experiment_name_source(out, experiment_check_draws(out, err), err);
}

flow_status flow_experiment_build(flow_experiment *x, int dim, flow_error *err)
{
    const char *const *columns = x->data->columns.n == dim ? x->data->columns.at : NULL;
    const flow_row_layout layout = flow_spec_layout(x->spec, dim, x->dim == dim ? x->columns : columns);
    flow_status status = flow_build(&x->f, &x->spec->design, &layout, (uint64_t)x->spec->seed, err);
    if (status == FLOW_OK)
        status = flow_objective_check(&x->objective, x->f, x->data->weight != NULL, err);
    if (status == FLOW_OK)
        status = flow_check_scratch(x->f, FLOW_TILE, err);
    return experiment_name_source(x, status, err);
}

/* Whether the first of several layers of its network has no inputs, or a mask that removes them all. */
static bool experiment_lacks_inputs(const flow *f, const flow_block *block)
{
    bool none = false;
    for (int i = block->first_param; i < block->last_param; i++) {
        const flow_param *entry = &f->params.entries[i];
        const char *last = strrchr(entry->name, '/');
        if (none && flow_param_count(entry) > 0 && strcmp(last, "/weight") == 0)
            return true;
        none = none || (entry->trainable && flow_param_count(entry) == 0);
    }
    return false;
}

void flow_experiment_warn_of_networks(const flow_experiment *x)
{
    const flow_block *first = NULL;
    char more[32] = "";
    int n = 0;
    for (int i = 0; i < x->f->n_blocks; i++)
        if (experiment_lacks_inputs(x->f, x->f->blocks[i]) && n++ == 0)
            first = x->f->blocks[i];
    if (n == 0)
        return;
    if (n > 1)
        snprintf(more, sizeof more, " (and %d more)", n - 1);
    const bool within_split = first->tile_dim < x->f->dim;
    flow_run_warn(x->hooks,
                  "%s%s: on one dimension without context the network has no inputs, and gives constants; "
                  "\"hidden\": [] gives such constants with fewer weights%s",
                  first->name, more,
                  within_split ? ", and a \"split\" that keeps 2 dimensions or more gives the network inputs" : "");
}

void flow_experiment_free(flow_experiment *x)
{
    flow_name_list_free(&x->names);
    flow_free(x->f);
    flow_target_close(x->target);
    flow_dataset_close(x->training);
    flow_dataset_close(x->validation);
    flow_dataset_close(x->test);
    flow_spec_free(x->spec);
    *x = (flow_experiment){0};
}
