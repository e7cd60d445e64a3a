/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "core/schema.h"
#include "describe.h"
#include "flow/design.h"
#include "report.h"
#include "run/experiment.h"

typedef struct check_args {
    common_args common;
    const char *spec;
    opt_texts set;
    int64_t dim;
    bool schema, resolved;
} check_args;

static const opt_argument arguments[] = {
    {"SPEC", offsetof(check_args, spec), true, "a spec (JSON), or - for standard input"},
    {.name = NULL},
};

static const opt options[] = {
    {.name = "set", .kind = OPT_TEXTS, .offset = offsetof(check_args, set), .value = "KEY=VALUE",
     .help = "override a key of the spec, as in train; may be repeated"},
    {.name = "dim", .kind = OPT_INT, .offset = offsetof(check_args, dim), .value = "N", .least = 1,
     .most = FLOW_DIM_MAX, .help = "how many columns the data have; without it, what data.columns or the data say"},
    {.name = "resolved", .kind = OPT_FLAG, .offset = offsetof(check_args, resolved),
     .help = "print the spec with every default filled in, as a model file stores it"},
    {.name = "schema", .kind = OPT_FLAG, .offset = offsetof(check_args, schema),
     .help = "print the JSON Schema of the format (configs/schema.json), for editors"},
    OPT_COMMON_JSON(check_args, "print {\"spec\", \"ok\", \"parameters\", \"layers\", ...} on standard output"),
    OPT_COMMON_QUIET(check_args),
    OPT_COMMON_HELP(check_args),
    OPT_END,
};

static flow_status print_document(cJSON *document, flow_error *err)
{
    char *text = flow_json_print(document);
    flow_status status = text == NULL ? flow_error_memory(err, "a document") : report_text(text, err);
    if (status == FLOW_OK)
        status = report_text("\n", err);
    free(text);
    return status;
}

static flow_status print_schema(flow_error *err)
{
    cJSON *schema = cJSON_CreateObject();
    flow_spec_schema(schema);
    cJSON *definitions = cJSON_GetObjectItemCaseSensitive(schema, "definitions");
    flow_design_schema(definitions);
    cJSON_AddItemToObject(definitions, "train", flow_schema_object(flow_train_table, definitions));
    flow_status status = print_document(schema, err);
    cJSON_Delete(schema);
    return status;
}

/* A number of columns to try a spec with whose data are not there yet: any flow should take it. */
enum { STAND_IN = 8 };

static flow_status run(void *args_, console *con, flow_error *err)
{
    check_args *args = args_;
    flow_experiment p = {0};
    cJSON *object = NULL;
    flow_text text = {0};
    if (args->schema)
        return print_schema(err);
    if (args->spec == NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "SPEC is missing: name a spec, or ask for --schema");
    char problem[FLOW_ERROR_SIZE] = "";
    flow_status status = flow_experiment_read(&p, args->spec, args->set.at, args->set.n, err);
    if (status != FLOW_OK)
        goto done;
    int dim = (int)args->dim;
    if (dim == 0)
        dim = flow_experiment_find_columns(&p, problem);
    bool known = dim > 0;
    status = flow_experiment_build(&p, known ? dim : STAND_IN, NULL, err);
    if (status != FLOW_OK)
        goto done;
    if (problem[0] != '\0')
        console_warn(con, "%s", problem);
    if (!known)
        console_warn(con, "nothing says how many columns the data have, %d are assumed here; list them in data.columns "
                     "or give --dim N", STAND_IN);
    if (args->resolved) {
        status = print_document(p.spec->document, err);
    } else if (args->common.json) {
        object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "spec", p.spec->source);
        cJSON_AddBoolToObject(object, "ok", 1);
        cJSON_AddStringToObject(object, "name", p.spec->name);
        cJSON_AddStringToObject(object, "output", p.spec->output);
        describe_flow_json(object, p.f);
        status = report_json(object, err);
    } else {
        flow_text_add(&text, "%s: ok\n", p.spec->source);
        describe_flow(&text, p.f);
        status = report_take(&text, err);
    }
done:
    flow_text_free(&text);
    flow_experiment_free(&p);
    return status;
}

const command command_check = {
    .name = "check",
    .summary = "read a spec whole and say what is wrong with it, or what it describes",
    .description = "Reads the spec the way train does, without training: every unknown key, wrong type and value out "
                   "of range is named by its JSON path. The data are only looked at for the number of their columns, "
                   "and need not exist.",
    .examples = "  flowctl check configs/moons.json\n"
                "  flowctl check configs/moons.json --set flow[1].repeat=12\n"
                "  flowctl check --schema > configs/schema.json",
    .arguments = arguments,
    .options = options,
    .args_size = sizeof(check_args),
    .run = run,
};
