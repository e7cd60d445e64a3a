/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"
#include "report.h"
#include "run/check.h"
#include "run/dependencies.h"

typedef struct check_args {
    common_args common;
    const char *spec, *rule;
    opt_texts set;
    int64_t dim;
    bool schema, resolved;
} check_args;

#define ARG(member) OPT_MEMBER(check_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("SPEC", OPT_OPTIONAL, check_args, spec, "a spec (JSON), or - for standard input"),
    {"set", 0, ARG(set), "KEY=VALUE", "override a key of the spec, as in train; may be repeated"},
    {"dim", 0, ARG(dim), "N", "the number of columns of the data, instead of what data.columns or the data say",
     .least = 1, .most = FLOW_DIM_MAX},
    {"resolved", 0, ARG(resolved), NULL, "print the spec with every default filled in, as a model file stores it"},
    {"rule", 0, ARG(rule), "TARGET", "print a rule of make: TARGET depends on the spec and on the files of data that "
     "it names"},
    {"schema", 0, ARG(schema), NULL, "print the JSON Schema of the format (configs/schema.json), for editors"},
    OPT_COMMON_JSON("print {\"spec\", \"ok\", \"files\", \"parameters\", \"layers\", ...} on standard output"),
    OPT_COMMON_END,
};

#define SPEC(member) FLOW_MEMBER_THROUGH(flow_run_check_result, x.spec, flow_spec, member)

static const flow_report_field result_fields[] = {
    {"spec", NULL, "%s: ok", SPEC(source)},
    {"ok", FLOW_MEMBER(flow_run_check_result, is_built)},
    {"name", SPEC(name)},
    {"output", SPEC(output)},
    {"files", FLOW_MEMBER(flow_run_check_result, file_names)},
    FLOW_REPORT_GROUP_ROW("", flow_run_check_result, flow, flow_description_fields),
    FLOW_REPORT_END,
};

static flow_status check_run(void *args_, console *con, flow_error *err)
{
    enum { ASSUMED = 8 }; /* any flow can have so many columns */
    const check_args *args = args_;
    if (args->schema) {
        cJSON *schema = flow_spec_schema();
        flow_status printed = report_document(flow_json_print(schema), err);
        cJSON_Delete(schema);
        return printed;
    }
    if (args->spec == NULL)
        return flow_error_set(err, FLOW_ARGUMENT, "SPEC is missing: name a spec, or ask for --schema");
    flow_run_check_result result;
    const flow_run_check_options wanted = {.spec = args->spec,
                                           .overrides = args->set.at,
                                           .n_overrides = args->set.n,
                                           .dim = args->dim,
                                           .assumed = ASSUMED,
                                           .files_only = args->rule != NULL,
                                           .hooks = console_hooks(con, NULL)};
    flow_status status = flow_run_check(&result, &wanted, err);
    if (status == FLOW_OK && args->rule != NULL) {
        flow_text text = {0};
        status = flow_run_make_rule(&text, args->rule, &result.files, err);
        if (status == FLOW_OK)
            status = report_take(&text, err);
        flow_text_free(&text);
    } else if (status == FLOW_OK && args->resolved) {
        status = report_document(flow_json_print(result.x.spec->document), err);
    } else if (status == FLOW_OK) {
        const report_format format = {.json = args->common.json, .fields = result_fields, .width = 1};
        status = report_print(con, &format, &result, err);
    }
    flow_run_check_free(&result);
    return status;
}

const command command_check = {
    .name = "check",
    .summary = "check a spec, and describe its flow",
    .description = "Reads the spec as train does, without training: each unknown key, wrong type and value out of "
                   "range is named by its JSON path. Of the data only the number of columns is read; they need not "
                   "exist.",
    .examples = "  flowctl check configs/moons.json\n"
                "  flowctl check configs/moons.json --set 'flow[1].repeat=12'\n"
                "  flowctl check configs/moons.json --rule moons.h5 > moons.d\n"
                "  flowctl check --schema > configs/schema.json",
    .options = options, .args_size = sizeof(check_args), .run = check_run,
    .alone = true,
};
