/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "info.h"
#include "model/model.h"
#include "report.h"
#include "run/experiment.h"

static const opt_argument arguments[] = {
    {"FILE", offsetof(info_args, file), false,
     "a model file, a spec (.json), or data: FILE.csv, FILE.h5[:/set], - for CSV on standard input"},
    {.name = NULL},
};

static const opt options[] = {
    {.name = "history", .kind = OPT_FLAG, .offset = offsetof(info_args, history),
     .help = "of a model: show every epoch, not only the last ones"},
    {.name = "dim", .kind = OPT_INT, .offset = offsetof(info_args, dim), .value = "N", .least = 1,
     .most = FLOW_DIM_MAX,
     .help = "of a spec: how many columns the data have; without it, what data.columns or the data say"},
    {.name = "columns", .kind = OPT_TEXT, .offset = offsetof(info_args, columns), .value = "A,B,C",
     .help = "of data: look at these columns only"},
    OPT_COMMON_JSON(info_args, "print all of it as one JSON object"),
    OPT_COMMON_QUIET(info_args),
    OPT_COMMON_HELP(info_args),
    OPT_END,
};

static void add_data_line(flow_text *text, const char *label, const char *location)
{
    if (location != NULL)
        flow_text_add(text, "  %-12s  %s\n", label, location);
}

static void spec_text(flow_text *text, const flow_experiment *p)
{
    const flow_spec *spec = p->spec;
    flow_text_add(text, "%s: spec of the model \"%s\"\n", spec->source, spec->name);
    add_data_line(text, "training", spec->train);
    if (flow_experiment_draws(p))
        add_data_line(text, "density", flow_objective_draws(&p->objective)->density);
    if (spec->share > 0)
        flow_text_add(text, "  %-12s  a share of %g of the training rows\n", "validation", spec->share);
    add_data_line(text, "validation", spec->validation);
    add_data_line(text, "test", spec->test);
    describe_names(text, "columns", spec->columns, spec->n_columns);
    describe_names(text, "context", spec->context, spec->n_context);
    if (spec->weight != NULL)
        flow_text_add(text, "  %-12s  %s%s\n", "weight", spec->weight,
                      spec->allow_negative_weights ? ", which may be negative" : "");
    flow_text_add(text, "  %-12s  %lld epochs of batches of %lld %s, patience %lld, seed %llu\n", "train",
                  (long long)p->options.epochs, (long long)p->options.batch,
                  flow_experiment_draws(p) ? "draws" : "rows",
                  (long long)p->options.patience, (unsigned long long)spec->seed);
    flow_text_add(text, "  %-12s  %s\n", "output", spec->output);
}

flow_status info_spec(const info_args *args, console *con, flow_error *err)
{
    flow_experiment p = {0};
    flow_text text = {0};
    cJSON *object = NULL;
    char problem[FLOW_ERROR_SIZE] = "";
    flow_status status = flow_experiment_read(&p, args->file, NULL, 0, err);
    if (status != FLOW_OK)
        goto done;
    int dim = args->dim > 0 ? (int)args->dim : flow_experiment_find_columns(&p, problem);
    if (dim > 0)
        status = flow_experiment_build(&p, dim, NULL, err);
    if (status != FLOW_OK)
        goto done;
    if (problem[0] != '\0')
        console_warn(con, "%s", problem);
    if (dim == 0)
        console_warn(con, "nothing says how many columns the data have: the layers are not shown; list the columns in "
                     "data.columns or give --dim N");
    if (args->common.json) {
        object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "kind", "spec");
        if (p.f != NULL)
            describe_flow_json(object, p.f);
        cJSON_AddItemToObject(object, "spec", cJSON_Duplicate(p.spec->document, 1));
        status = report_json(object, err);
        goto done;
    }
    spec_text(&text, &p);
    if (p.f != NULL)
        describe_flow(&text, p.f);
    status = report_take(&text, err);
done:
        flow_text_free(&text);
    flow_experiment_free(&p);
    return status;
}

static flow_status run(void *args_, console *con, flow_error *err)
{
    const info_args *args = args_;
    switch (flow_file_identify(args->file)) {
    case FLOW_FILE_JSON:
        return info_spec(args, con, err);
    case FLOW_FILE_MODEL:
        return info_model(args, err);
    default: /* a table, or something whose error message is best given by who reads tables */
        return info_data(args, err);
    }
}

const command command_info = {
    .name = "info",
    .summary = "describe a model, a spec or data",
    .description = "Of a model: what it was trained on and how, its held-out likelihood, its layers, the last epochs. "
                   "Of a spec: its layers with their shapes and numbers of parameters. Of data: rows, columns, ranges, "
                   "means and standard deviations, what is missing or not a number, and columns with many equal "
                   "values, which have no density. Of an HDF5 file with several tables: which there are.",
    .examples = "  flowctl info moons.h5\n"
                "  flowctl info configs/moons.json\n"
                "  flowctl info data/two_moons.h5\n"
                "  flowctl info data/two_moons.h5:/train",
    .arguments = arguments,
    .options = options,
    .args_size = sizeof(info_args),
    .run = run,
};
