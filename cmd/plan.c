/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/table.h"
#include "model/model.h"

/* The layers below know the path inside the document, not the document's name. */
static flow_status name_source(const plan *p, flow_status status, flow_error *err)
{
    if (status == FLOW_SPEC)
        flow_error_prefix(err, status, "%s: ", p->spec->source);
    return status;
}

/* Training on draws leaves no place for data, but for those that are evaluated at the end. */
static flow_status check_draws(const plan *p, flow_error *err)
{
    static const char *const unused[] = {"train", "validation", "context", "weight"};
    flow_json root = flow_json_root(p->spec->document), data = flow_json_member(&root, "data");
    for (size_t i = 0; data.node != NULL && i < sizeof unused / sizeof *unused; i++) {
        flow_json at = flow_json_member(&data, unused[i]);
        if (at.node != NULL && !cJSON_IsNull(at.node))
            return flow_json_fail(&at, err, "the objective \"%s\" trains without data; leave the key out, or choose "
                                  "another objective", p->objective.type->type);
    }
    const flow_draw_options *draws = flow_objective_draws(&p->objective);
    flow_json columns = flow_json_member(&data, "columns");
    if (draws->dimensions > 0 && p->spec->n_columns > 0 && draws->dimensions != p->spec->n_columns)
        return flow_json_fail(&columns, err, "%d columns, and train.objective.dimensions is %lld", p->spec->n_columns,
                              (long long)draws->dimensions);
    return FLOW_OK;
}

flow_status plan_read(plan *out, const char *file, const char *const *overrides, int n_overrides, flow_error *err)
{
    *out = (plan){0};
    flow_file_kind kind = flow_file_identify(file);
    if (kind == FLOW_FILE_MODEL || kind == FLOW_FILE_HDF5)
        return flow_error_set(err, FLOW_SPEC, "%s: is %s, and a spec was expected: a JSON file%s", file,
                              kind == FLOW_FILE_MODEL ? "a model" : "an HDF5 file", kind == FLOW_FILE_MODEL
                                  ? "; \"flowctl info --json\" shows the one it was trained by" : "");
    flow_status status = flow_spec_read(&out->spec, file, overrides, n_overrides, err);
    if (status == FLOW_OK)
        status = name_source(out, flow_train_options_read(&out->training, &out->spec->training, err), err);
    flow_json json = out->training.objective;
    if (status == FLOW_OK)
        status = flow_objective_new(&out->objective, &json, err);
    if (status == FLOW_OK && plan_draws(out))
        status = name_source(out, check_draws(out, err), err);
    return status;
}

bool plan_draws(const plan *p)
{
    return flow_objective_draws(&p->objective) != NULL;
}

flow_status plan_open_target(const plan *p, flow_target **out, flow_error *err)
{
    const flow_draw_options *draws = flow_objective_draws(&p->objective);
    char *path = flow_spec_path(p->spec, draws->density);
    if (path == NULL)
        return flow_error_memory(err, draws->density);
    int64_t dim = draws->dimensions > 0 ? draws->dimensions : p->spec->n_columns;
    flow_status status = flow_target_open(out, path, dim, draws->parallel, err);
    if (status == FLOW_SPEC)
        flow_error_prefix(err, status, "%s: train.objective.density: ", p->spec->source);
    free(path);
    return status;
}

flow_status plan_build(plan *p, int dim, const char *const *columns, flow_error *err)
{
    flow_spec *spec = p->spec;
    if (columns == NULL && spec->n_columns == dim)
        columns = spec->columns;
    else if (columns == NULL && p->n_names == dim)
        columns = (const char *const *)p->names;
    const flow_shape shape = {dim, spec->n_context, columns};
    flow_status status = flow_new_conditional(&p->f, &spec->flow, &spec->base, &spec->embedding, &shape, spec->seed,
                                              err);
    if (status == FLOW_OK)
        status = flow_objective_check(&p->objective, p->f, spec->weight != NULL, err);
    return name_source(p, status, err);
}

/* The first n columns of the data, those that are modelled. */
static bool keep_names(plan *p, const flow_reader *reader, int n)
{
    p->names = calloc((size_t)n + 1, sizeof *p->names);
    for (int i = 0; p->names != NULL && i < n; i++) {
        p->names[i] = flow_strdup(flow_reader_column(reader, i));
        if (p->names[i] == NULL)
            return false;
        p->n_names++;
    }
    return p->names != NULL;
}

static int dim_of_target(const plan *p, char *problem)
{
    flow_target *target = NULL;
    flow_error err = {0};
    int64_t dim = flow_objective_draws(&p->objective)->dimensions;
    if (plan_open_target(p, &target, &err) == FLOW_OK)
        dim = flow_target_dim(target);
    else
        snprintf(problem, FLOW_ERROR_SIZE, "%s", err.message);
    flow_target_close(target);
    return dim > 0 ? (int)dim : p->spec->n_columns;
}

int plan_columns(plan *p, char *problem)
{
    problem[0] = '\0';
    if (plan_draws(p))
        return dim_of_target(p, problem);
    if (p->spec->train == NULL)
        return p->spec->n_columns;
    char *location = flow_spec_path(p->spec, p->spec->train);
    int n_context = p->spec->n_context, n_last = n_context + (p->spec->weight != NULL), n = p->spec->n_columns;
    const char **last = malloc(((size_t)n_last + 1) * sizeof *last);
    flow_reader *reader = NULL;
    flow_error err = {0};
    for (int i = 0; last != NULL && i < n_last; i++)
        last[i] = i < n_context ? p->spec->context[i] : p->spec->weight;
    flow_reader_options options = {.columns = p->spec->columns, .n_columns = p->spec->n_columns, .last = last,
                                   .n_last = n_last};
    bool enough = location != NULL && last != NULL;
    if (enough && flow_reader_open(&reader, location, &options, &err) != FLOW_OK) {
        snprintf(problem, FLOW_ERROR_SIZE, "data.train: %.900s", err.message);
    } else if (enough) {
        n = flow_reader_n_columns(reader) - n_last;
        enough = keep_names(p, reader, n);
    }
    if (!enough)
        snprintf(problem, FLOW_ERROR_SIZE, "out of memory");
    flow_reader_close(reader);
    free(last);
    free(location);
    return n;
}

void plan_free(plan *p)
{
    for (int i = 0; i < p->n_names; i++)
        free(p->names[i]);
    free(p->names);
    flow_free(p->f);
    flow_objective_release(&p->objective);
    flow_spec_free(p->spec);
    *p = (plan){0};
}
