/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"
#include "report.h"
#include "run/check.h"
#include "run/info_data.h"
#include "run/info_model.h"

typedef struct info_args {
    common_args common;
    const char *file;
    const char *columns; /* "a,b,c", or NULL */
    int64_t dim;
    bool history;
} info_args;

#define ARG(member) OPT_MEMBER(info_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("FILE", OPT_ARGUMENT, info_args, file,
                     "a model file, a spec (.json), or data: FILE.csv, FILE.h5[:/set], - for CSV on standard input"),
    {"history", 0, ARG(history), NULL, "of a model: show all epochs, not only the last ten"},
    {"dim", 0, ARG(dim), "N", "of a spec: the number of columns of the data, instead of what data.columns or the data "
     "say", .least = 1, .most = FLOW_DIM_MAX},
    {"columns", 0, ARG(columns), "A,B,C", "of data: describe these columns only"},
    OPT_COMMON_JSON("print everything as one JSON object"),
    OPT_COMMON_END,
};

enum { LABELS = 12 }; /* width */

/* ---- a spec ---- */

typedef struct spec_view {
    const char *kind, *source, *name, *train, *density, *validation, *test, *weight, *output, *row_name;
    double share;
    flow_text_list columns, context;
    int64_t epochs, batch, patience, seed;
    flow_description flow;
    cJSON *document;
    bool is_built, allows_negative_weights, has_share;
} spec_view;

#define SPEC(member) FLOW_MEMBER(spec_view, member)

static const flow_report_field spec_fields[] = {
    {"kind", SPEC(kind)},
    {NULL, NULL, "%s: ", SPEC(source)},
    {NULL, NULL, "spec of the model \"%s\"", SPEC(name)},
    {NULL, "training", "%s", SPEC(train)},
    {NULL, "density", "%s", SPEC(density)},
    {NULL, "validation", "a share of %.6g of the training rows", SPEC(share), FLOW_REPORT_WHEN(spec_view, has_share)},
    {NULL, "validation", "%s", SPEC(validation)},
    {NULL, "test", "%s", SPEC(test)},
    {NULL, "columns", "%s", SPEC(columns)},
    {NULL, "context", "%s", SPEC(context)},
    {NULL, "weight", "%s", SPEC(weight)},
    {NULL, NULL, ", which may be negative", SPEC(allows_negative_weights)},
    {NULL, "train", "%d epochs", SPEC(epochs)},
    {NULL, NULL, " of batches of %d", SPEC(batch)},
    {NULL, NULL, " %s", SPEC(row_name)},
    {NULL, NULL, ", patience %d", SPEC(patience)},
    {NULL, NULL, ", seed %d", SPEC(seed)},
    {NULL, "output", "%s", SPEC(output)},
    FLOW_REPORT_GROUP_WHEN("", spec_view, flow, is_built, flow_description_fields),
    {"spec", SPEC(document)},
    FLOW_REPORT_END,
};

static flow_status info_spec(const info_args *args, console *con, flow_error *err)
{
    flow_run_check_result result;
    const flow_run_check_options wanted = {.spec = args->file, .dim = args->dim, .hooks = console_hooks(con, NULL)};
    flow_status status = flow_run_check(&result, &wanted, err);
    if (status == FLOW_OK) {
        const flow_spec *spec = result.x.spec;
        const flow_draw_options *draws = flow_objective_draws(&result.x.objective);
        const flow_train_options *train = &result.x.options;
        const flow_data_options *data = spec->data;
        const spec_view view = {
            .kind = "spec", .source = spec->source, .name = spec->name, .train = data->train,
            .density = draws != NULL ? draws->density : NULL, .validation = data->validation.text,
            .test = data->test,
            .weight = data->weight, .output = spec->output, .row_name = draws != NULL ? "draws" : "rows",
            .share = data->validation.number, .columns = data->columns,
            .context = data->context, .epochs = train->epochs, .batch = train->batch,
            .patience = train->patience, .seed = spec->seed, .flow = result.flow, .document = spec->document,
            .is_built = result.is_built, .has_share = data->validation.number > 0,
            .allows_negative_weights = data->weight != NULL && data->allow_negative_weights,
        };
        const report_format format = {.json = args->common.json, .fields = spec_fields, .indent = 2,
                                      .width = LABELS};
        status = report_print(con, &format, &view, err);
    }
    flow_run_check_free(&result);
    return status;
}

/* ---- a model ---- */

#define ORIGIN(member, condition) FLOW_MEMBER(flow_data_origin, member), FLOW_REPORT_WHEN(flow_data_origin, condition)

static const flow_report_field data_fields[] = {
    {NULL, "trained on", "%s", ORIGIN(location, any)},
    {NULL, NULL, ", %s rows", ORIGIN(rows, any)},
    {NULL, NULL, " (effectively %s)", ORIGIN(effective_rows, any)},
    {NULL, NULL, ", %s", ORIGIN(checksum, any)},
    FLOW_REPORT_END,
};

static const flow_report_field density_fields[] = {
    {NULL, "trained on", "the density of %s", ORIGIN(location, any)},
    {NULL, NULL, ", %s", ORIGIN(checksum, any)},
    FLOW_REPORT_END,
};

static const flow_report_field run_fields[] = {
    {NULL, NULL, "%s", FLOW_MEMBER(flow_training_run, command)},
    {NULL, "", "%s", FLOW_MEMBER(flow_training_run, date)},
    {NULL, NULL, " on %s", FLOW_MEMBER(flow_training_run, host)},
    {NULL, NULL, ", flowctl %s", FLOW_MEMBER(flow_training_run, version)},
    FLOW_REPORT_END,
};

#define HISTORY(member) FLOW_MEMBER(flow_history_row, member)

static const flow_report_field history_fields[] = {
    {NULL, "epoch", "%d", HISTORY(epoch), .width = 5},
    {NULL, "training", "%.4f", HISTORY(training), .width = 12},
    {NULL, "  validation", "%m", HISTORY(validation), .width = 22, .left = true},
    {NULL, "rate", "%.2g", HISTORY(rate), .width = 8},
    {NULL, "time", "%t", HISTORY(seconds), .width = 8},
    {NULL, "evaluations", "%.1f", HISTORY(evaluations), FLOW_REPORT_WHEN(flow_history_row, solves), .width = 11},
    {NULL, "  (--history shows all epochs)", "best so far", HISTORY(best), FLOW_REPORT_WHEN(flow_history_row, is_part),
     .left = true},
    {NULL, "", "best so far", HISTORY(best), FLOW_REPORT_WHEN(flow_history_row, whole), .left = true},
    FLOW_REPORT_END,
};

#define SUMMARY(member) FLOW_MEMBER(flow_train_summary, member)
#define WHEN(member) FLOW_REPORT_WHEN(flow_train_summary, member)

static const flow_report_field summary_fields[] = {
    {NULL, "epochs", "%d", SUMMARY(epochs)},
    {NULL, NULL, ", best %d", SUMMARY(best_epoch)},
    {NULL, NULL, ", %t", SUMMARY(seconds)},
    {NULL, NULL, " (%s)", SUMMARY(status)},
    {NULL, "validation", "%s nats", SUMMARY(validation.logprob), WHEN(validation.any)},
    {NULL, "test", "%s nats", SUMMARY(test.logprob), WHEN(test.any)},
    {.kind = FLOW_REPORT_GROUP, .fields = flow_train_summary_fields},
    FLOW_REPORT_END,
};

#define MODEL(member) FLOW_MEMBER(flow_run_info_model_result, member)
#define GROUP(member, fields) FLOW_REPORT_GROUP_ROW(NULL, flow_run_info_model_result, member, fields)

static const flow_report_field model_fields[] = {
    {"kind", MODEL(kind)},
    {"model", NULL, "%s: ", MODEL(path)},
    {NULL, NULL, "model \"%s\"", MODEL(name)},
    {"columns", "columns", "%s", MODEL(columns)},
    {"context", "given", "%s", MODEL(context)},
    {"weight", "weighted by", "%s", MODEL(weight)},
    {NULL, NULL, ", which may be negative", MODEL(allows_negative_weights)},
    GROUP(data, data_fields),
    GROUP(density, density_fields),
    FLOW_REPORT_GROUP_WHEN(NULL, flow_run_info_model_result, summary, has_summary, summary_fields),
    {NULL, "command", "", FLOW_REPORT_LIST_OF(flow_run_info_model_result, runs, flow_training_run, run_fields)},
    FLOW_REPORT_GROUP_ROW("", flow_run_info_model_result, flow, flow_description_fields),
    {"summary", MODEL(summary_json)},
    {"provenance", MODEL(provenance)},
    {"spec", MODEL(spec)},
    {.table = true, .blank = true,
     FLOW_REPORT_LIST_OF(flow_run_info_model_result, history, flow_history_row, history_fields)},
    {"history", MODEL(history_json)},
    FLOW_REPORT_END,
};

static flow_status info_model(const info_args *args, console *con, flow_error *err)
{
    flow_run_info_model_result result;
    const report_format format = {.json = args->common.json, .fields = model_fields, .indent = 2,
                                  .width = LABELS};
    flow_status status = flow_run_info_model(&result, args->file, args->history, err);
    if (status == FLOW_OK)
        status = report_print(con, &format, &result, err);
    flow_run_info_model_free(&result);
    return status;
}

/* ---- data ---- */

#define COLUMN(member) FLOW_MEMBER(flow_data_column, member)

static const flow_report_field column_fields[] = {
    {"name", "column", "%s", COLUMN(name), .width = 24, .left = true, .fit = true},
    {"least", "least", "%.6g", COLUMN(least), .width = 12},
    {"most", "most", "%.6g", COLUMN(most), .width = 12},
    {"mean", "mean", "%.6g", COLUMN(mean), .width = 12},
    {"deviation", "deviation", "%.6g", COLUMN(deviation), .width = 12},
    {"tied", COLUMN(tied)},
    {NULL, "tied", "%.1f%%", COLUMN(tied_percent), .width = 6},
    {"distinct", COLUMN(distinct)},
    {"invalid", COLUMN(invalid), FLOW_REPORT_WHEN(flow_data_column, has_invalid)},
    {NULL, "invalid", "%s", COLUMN(invalid), FLOW_REPORT_WHEN(flow_data_column, counted), .width = 8},
    FLOW_REPORT_END,
};

#define DATA(member) FLOW_MEMBER(flow_run_info_data_result, member)
#define DATA_WHEN(member) FLOW_REPORT_WHEN(flow_run_info_data_result, member)

static const flow_report_field data_result_fields[] = {
    {"kind", DATA(kind)},
    {"data", NULL, "%s: ", DATA(location)},
    {"rows", NULL, "%s row{|s}", DATA(rows)},
    {NULL, NULL, ", %d column{|s}", DATA(columns)},
    {NULL, NULL, " without names", DATA(no_names)},
    {NULL, NULL, ", CRC-32 %s\n", DATA(crc)},
    {"invalid_rows", DATA(invalid_rows)},
    {NULL, NULL, "%s more row{|s} cannot be used, the first: ", DATA(invalid_rows), DATA_WHEN(has_invalid)},
    {"first_invalid", NULL, "%s\n", DATA(first_invalid)},
    {NULL, NULL, "not known\n", DATA(invalid_unknown)},
    {"checksum", DATA(checksum)},
    {"has_names", DATA(has_names)},
    {"columns", .table = true, .blank = true,
     FLOW_REPORT_LIST_OF(flow_run_info_data_result, columns, flow_data_column, column_fields)},
    {"without_numbers", NULL, "  %s  hold{s|} no numbers; leave {it|them} out with data.columns or --columns\n",
     DATA(without_numbers), DATA_WHEN(has_without_numbers)},
    {NULL, NULL, "\ntied: share of the rows that have a column's most frequent value; a density needs this to be "
                 "small.", DATA(location)},
    FLOW_REPORT_END,
};

static const flow_report_field table_fields[] = {
    {"path", "", "%s", FLOW_MEMBER(flow_data_table, path), .width = 48, .left = true, .fit = true},
    {"size", "", "%s", FLOW_MEMBER(flow_data_table, size), .left = true},
    FLOW_REPORT_END,
};

static const flow_report_field tables_fields[] = {
    {"kind", DATA(kind)},
    {"data", NULL, "%s: ", DATA(location)},
    {NULL, NULL, "HDF5 with %d tables (rows, columns)", DATA(table_rows)},
    {"tables", .table = true,
     FLOW_REPORT_LIST_OF(flow_run_info_data_result, table_rows, flow_data_table, table_fields)},
    {NULL, NULL, "\nTo see one of them: flowctl info %s:", DATA(location)},
    {NULL, NULL, "%s", DATA(first_table)},
    FLOW_REPORT_END,
};

static flow_status info_data(const info_args *args, console *con, flow_error *err)
{
    flow_run_info_data_result result;
    flow_status status = flow_run_info_data(&result, args->file, args->columns, err);
    const bool tables = result.table_rows.n > 0;
    const report_format format = {.json = args->common.json, .width = LABELS,
                                  .fields = tables ? tables_fields : data_result_fields};
    if (status == FLOW_OK)
        status = report_print(con, &format, &result, err);
    flow_run_info_data_free(&result);
    return status;
}

static flow_status info_run(void *args_, console *con, flow_error *err)
{
    const info_args *args = args_;
    switch (flow_file_identify(args->file)) {
    case FLOW_FILE_JSON:
        return info_spec(args, con, err);
    case FLOW_FILE_MODEL:
        return info_model(args, con, err);
    default: /* a table, or what the readers of tables refuse with a message */
        return info_data(args, con, err);
    }
}

const command command_info = {
    .name = "info",
    .summary = "describe a model, a spec or data",
    .description = "Of a model: what it was trained on and how, its held-out likelihood, its layers, the last epochs. "
                   "Of a spec: its layers with their shapes and numbers of parameters. Of data: rows, columns, ranges, "
                   "means and standard deviations, missing and invalid values, and columns with many equal "
                   "values, which have no density. Of an HDF5 file with several tables: a list of them.",
    .examples = "  flowctl info moons.h5\n"
                "  flowctl info configs/moons.json\n"
                "  flowctl info data/two_moons.h5\n"
                "  flowctl info data/two_moons.h5:/train",
    .options = options, .args_size = sizeof(info_args), .run = info_run,
};
