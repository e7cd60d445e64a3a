/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/check.h"

#include "run/dependencies.h"

flow_status flow_run_check(flow_run_check_result *out, const flow_run_check_options *options, flow_error *err)
{
    *out = (flow_run_check_result){.kind = "spec", .x = {.hooks = &options->hooks}};
    char problem[FLOW_ERROR_SIZE] = "";
    FLOW_TRY(flow_experiment_read(&out->x, options->spec, options->overrides, options->n_overrides, err));
    FLOW_TRY(flow_run_dependencies(&out->files, &out->x, options->spec, err));
    out->file_names = (flow_text_list){.n = out->files.n, .at = (const char *const *)out->files.at};
    if (options->files_only)
        return FLOW_OK;
    if (options->dim == 0)
        flow_experiment_find_columns(&out->x, problem);
    if (flow_spec_has_batch(out->x.spec)) {
        out->batch = out->x.train->batch;
        out->batch_of = out->x.row_name;
    }
    const bool known = options->dim > 0 || out->x.dim > 0;
    const int dim = options->dim > 0 ? (int)options->dim : known ? out->x.dim : options->assumed;
    if (dim > 0) {
        FLOW_TRY(flow_experiment_build(&out->x, dim, err));
        FLOW_TRY(flow_describe(&out->flow, out->x.f, err));
        out->is_built = true;
        flow_experiment_warn_of_networks(&out->x);
    }
    if (problem[0] != '\0')
        flow_run_warn(&options->hooks, "%s", problem);
    if (!known && dim > 0)
        flow_run_warn(&options->hooks,
                      "nothing says how many columns the data have, %d are assumed here; list them in "
                      "data.columns or give --dim N",
                      dim);
    else if (!known)
        flow_run_warn(&options->hooks, "nothing says how many columns the data have: the layers are not shown; list "
                                       "the columns in data.columns or give --dim N");
    return FLOW_OK;
}

void flow_run_check_free(flow_run_check_result *result)
{
    flow_name_list_free(&result->files);
    flow_description_free(&result->flow);
    flow_experiment_free(&result->x);
}
