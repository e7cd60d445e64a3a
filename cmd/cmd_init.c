/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"
#include "data/missing.h"
#include "init.h"
#include "report.h"
#include "rows.h"

typedef struct init_args {
    common_args common;
    const char *missing;
    flow_run_init_options run;
} init_args;

#define ARG(member) OPT_MEMBER(init_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("DATA", OPT_ARGUMENT, init_args, run.data, INIT_DATA_HELP),
    {"output", 'o', ARG(run.spec), "SPEC", "the spec to write; by default the name of the data with .json, in the "
     "current folder"},
    {"validation", 0, ARG(run.validation), "DATA", "validation data; a number between 0 and 1 is the share of the rows "
     "to hold out"},
    {"test", 0, ARG(run.test), "DATA", "data to evaluate once, after training, or a share of the rows"},
    {"columns", 0, ARG(run.columns), "A,B,C", "model these columns, in this order, whatever is noticed about them"},
    INIT_OPTION_ROWS(init_args, run),
    INIT_MINUTES_ROW(init_args, run),
    OPT_ROWS_MISSING(init_args, missing),
    OPT_ROWS_CSV(init_args, run.csv),
    {"force", 'f', ARG(run.force), NULL, "replace a spec that exists"},
    OPT_COMMON_JSON("print {\"spec\", \"model\", \"rows\", \"columns\", \"left_out\", \"remarks\", ...} on standard "
                    "output"),
    OPT_COMMON_END,
};

static flow_status init_run(void *args_, console *con, flow_error *err)
{
    init_args *args = args_;
    flow_run_init_result result;
    flow_csv_format format;
    FLOW_TRY(flow_csv_words_read(&format, &args->run.csv, err));
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&args->run.missing, args->missing, err));
    flow_status status = flow_run_init(&result, &args->run, err);
    if (status == FLOW_OK)
        status = init_show(con, &result, args->common.json, false, err);
    flow_run_init_free(&result);
    return status;
}

const command command_init = {
    .name = "init",
    .summary = "look at data, and write a spec for them",
    .description = "Looks at a table or at images, leaves out columns that have no density beside the others (row "
                   "numbers, constants, copies, sums), finds whole numbers, bounds and heavy tails, and writes a "
                   "spec whose notes say why each thing is there. A first choice: edit the spec as you like. "
                   "\"flowctl train DATA\" does the same and trains.\nOf an HDF5 file with tables named train, "
                   "validation and test, these are used as they say. Otherwise a share of the rows is held out.",
    .examples = "  flowctl init events.csv\n"
                "  flowctl init events.csv --context energy,angle --weight w -o given.json\n"
                "  flowctl init runs.h5 --drop id",
    .options = options, .args_size = sizeof(init_args), .run = init_run,
    .alone = true,
};
