/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/table.h"
#include "model/model.h"

/* The layers below know the path inside the document, not the document's name. */
static flow_status name_source(const plan *p, flow_status status, flow_error *err)
{
    if (status == FLOW_SPEC)
        flow_error_prefix(err, "%s: ", p->spec->source);
    return status;
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
    return status;
}

flow_status plan_build(plan *p, int dim, const char *const *columns, flow_error *err)
{
    flow_spec *spec = p->spec;
    const flow_shape shape = {dim, spec->n_context, columns != NULL ? columns : spec->columns};
    return name_source(p, flow_new_conditional(&p->f, &spec->flow, &spec->base, &spec->embedding, &shape, spec->seed,
                                               err), err);
}

int plan_columns(const plan *p, char *problem)
{
    problem[0] = '\0';
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
    if (location == NULL || last == NULL)
        snprintf(problem, FLOW_ERROR_SIZE, "out of memory");
    else if (flow_reader_open(&reader, location, &options, &err) != FLOW_OK)
        snprintf(problem, FLOW_ERROR_SIZE, "%s", err.message);
    else
        n = flow_reader_n_columns(reader) - n_last;
    flow_reader_close(reader);
    free(last);
    free(location);
    return n;
}

void plan_free(plan *p)
{
    flow_free(p->f);
    flow_spec_free(p->spec);
    *p = (plan){0};
}
