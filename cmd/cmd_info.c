/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"
#include "data/missing.h"
#include "report.h"
#include "rows.h"
#include "run/check.h"
#include "run/info_data.h"
#include "run/info_model.h"

typedef struct info_args {
    common_args common;
    const char *file;
    const char *columns; /* "a,b,c", or NULL */
    const char *picture;
    const char *missing;
    flow_csv_words csv;
    int64_t dim;
    bool history, force;
} info_args;

#define ARG(member) OPT_MEMBER(info_args, member)

static const opt options[] = {
    OPT_ARGUMENT_ROW("FILE", OPT_ARGUMENT, info_args, file,
                     "a model file, a spec (.json), or data: FILE.csv, FILE.h5[:/set], a PNG file or a folder of them, "
                     "- for CSV on standard input"),
    {"history", 0, ARG(history), NULL, "of a model: show all epochs, not only the last ten"},
    {"dim", 0, ARG(dim), "N", "of a spec: the number of columns of the data, instead of what data.columns or the data "
     "say", .least = 1, .most = FLOW_DIM_MAX},
    {"columns", 0, ARG(columns), "A,B,C", "of data: describe these columns only"},
    OPT_ROWS_MISSING(info_args, missing),
    OPT_ROWS_CSV(info_args, csv),
    {"picture", 0, ARG(picture), "FILE.png", "of data that are images: show the first 64 of them on a sheet"},
    {"force", 'f', ARG(force), NULL, "let --picture replace a file that flowctl did not write"},
    OPT_COMMON_JSON("print everything as one JSON object"),
    OPT_COMMON_END,
};

enum { LABELS = 12 }; /* width */

/* ---- a spec ---- */

#define CHECK(member) FLOW_MEMBER(flow_run_check_result, member)
#define SPEC(member) FLOW_MEMBER_THROUGH(flow_run_check_result, x.spec, flow_spec, member)
#define DATA(member) FLOW_MEMBER_THROUGH(flow_run_check_result, x.data, flow_data_options, member)
#define TRAIN(member) FLOW_MEMBER_THROUGH(flow_run_check_result, x.train, flow_train_options, member)

static const flow_report_field spec_fields[] = {
    {"kind", CHECK(kind)},
    {NULL, NULL, "%s: ", SPEC(source)},
    {NULL, NULL, "spec of the model \"%s\"", SPEC(name)},
    {NULL, "training", "%s", DATA(train)},
    {NULL, "density", "%s", FLOW_MEMBER_THROUGH(flow_run_check_result, x.draws, flow_draw_options, density)},
    {NULL, "validation", "a share of %.6g of the training rows", DATA(validation.number), .positive = true},
    {NULL, "validation", "%s", DATA(validation.text)},
    {NULL, "test", "a share of %.6g of the training rows", DATA(test.number), .positive = true},
    {NULL, "test", "%s", DATA(test.text)},
    {NULL, "columns", "%s", DATA(columns)},
    {NULL, "context", "%s", DATA(context)},
    {NULL, "weight", "%s", DATA(weight)},
    {NULL, NULL, ", which may be negative", DATA(allow_negative_weights), FLOW_REPORT_WHEN(flow_data_options, weight)},
    {NULL, "train", "%d epochs", TRAIN(epochs)},
    {NULL, NULL, " of batches of %d", CHECK(batch), .positive = true},
    {NULL, NULL, " %s", CHECK(batch_of)},
    {NULL, NULL, ", patience %d", TRAIN(patience)},
    {NULL, NULL, ", seed %d", SPEC(seed)},
    {NULL, "output", "%s", SPEC(output)},
    FLOW_REPORT_GROUP_WHEN("", flow_run_check_result, flow, is_built, flow_description_fields),
    {"spec", SPEC(document)},
    FLOW_REPORT_END,
};

static flow_status info_spec(const info_args *args, console *con, flow_error *err)
{
    flow_run_check_result result;
    const flow_run_check_options wanted = {.spec = args->file, .dim = args->dim, .hooks = console_hooks(con, NULL)};
    const report_format format = {.json = args->common.json, .fields = spec_fields, .indent = 2, .width = LABELS};
    flow_status status = flow_run_check(&result, &wanted, err);
    if (status == FLOW_OK)
        status = report_print(con, &format, &result, err);
    flow_run_check_free(&result);
    return status;
}

/* ---- a model ---- */

#define ORIGIN(member) FLOW_MEMBER(flow_data_origin, member), FLOW_REPORT_UNLESS(flow_data_origin, is_density)

static const flow_report_field origin_fields[] = {
    {NULL, "trained on", "%s", ORIGIN(location)},
    {NULL, NULL, ", %s rows", ORIGIN(rows)},
    {NULL, NULL, " (effectively %s)", ORIGIN(effective_rows)},
    {NULL, "trained on", "the density of %s", FLOW_MEMBER(flow_data_origin, location),
     FLOW_REPORT_WHEN(flow_data_origin, is_density)},
    {NULL, NULL, ", %s", FLOW_MEMBER(flow_data_origin, checksum)},
    FLOW_REPORT_END,
};

static const flow_report_field run_fields[] = {
    {NULL, NULL, "%s", FLOW_MEMBER(flow_training_run, command)},
    {NULL, "", "%s", FLOW_MEMBER(flow_training_run, date)},
    {NULL, NULL, " on %s", FLOW_MEMBER(flow_training_run, host)},
    {NULL, NULL, ", flowctl %s", FLOW_MEMBER(flow_training_run, version)},
    {NULL, NULL, ", --math %s", FLOW_MEMBER(flow_training_run, math)},
    FLOW_REPORT_END,
};

#define HISTORY(member) FLOW_MEMBER(flow_history_row, member)

static const flow_report_field history_fields[] = {
    {NULL, "epoch", "%d", HISTORY(epoch), .width = 5},
    {NULL, "training", "%.4f", HISTORY(training), .width = 12},
    {NULL, "  validation", "%m", HISTORY(validation), FLOW_REPORT_UNLESS(flow_history_row, in_bits), .width = 22,
     .left = true},
    {NULL, "  validation, bits/dim", "%m", HISTORY(validation), FLOW_REPORT_WHEN(flow_history_row, in_bits),
     .width = 22, .left = true},
    {NULL, "rate", "%.2g", HISTORY(rate), .width = 8},
    {NULL, "time", "%t", HISTORY(seconds), .width = 8},
    {NULL, "evaluations", "%.1f", HISTORY(evaluations), FLOW_REPORT_WHEN(flow_history_row, solves), .width = 11},
    {NULL, "  (--history shows all epochs)", "best so far", HISTORY(best), FLOW_REPORT_WHEN(flow_history_row, is_part),
     .left = true},
    {NULL, "", "best so far", HISTORY(best), FLOW_REPORT_UNLESS(flow_history_row, is_part), .left = true},
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
    {NULL, NULL, ", %s bits per dimension", SUMMARY(validation.bits.per_dimension), WHEN(validation.bits.any)},
    {NULL, "test", "%s nats", SUMMARY(test.logprob), WHEN(test.any)},
    {NULL, NULL, ", %s bits per dimension", SUMMARY(test.bits.per_dimension), WHEN(test.bits.any)},
    {.kind = FLOW_REPORT_GROUP, .fields = flow_train_summary_fields},
    FLOW_REPORT_END,
};

/* Of a flow_shape. */
#define SHAPE_FIELDS(label)                                                                                   \
    {                                                                                                         \
        {"height", label, "images of height %d", FLOW_MEMBER(flow_shape, height)},                            \
        {"width", NULL, ", width %d", FLOW_MEMBER(flow_shape, width)},                                        \
        {"channels", NULL, " and %d channel{|s}", FLOW_MEMBER(flow_shape, channels)}, FLOW_REPORT_END,        \
    }

static const flow_report_field model_shape_fields[] = SHAPE_FIELDS("rows");

#define MODEL(member) FLOW_MEMBER(flow_run_info_model_result, member)
#define OF_MODEL(member) FLOW_MEMBER_THROUGH(flow_run_info_model_result, model, flow_model, member)
#define OPTION(member) FLOW_MEMBER_THROUGH(flow_run_info_model_result, options, flow_data_options, member)
#define GROUP(member, fields) FLOW_REPORT_GROUP_WHEN(NULL, flow_run_info_model_result, member, member.any, fields)

static const flow_report_field model_fields[] = {
    {"kind", MODEL(kind)},
    {"model", NULL, "%s: ", OF_MODEL(path)},
    {NULL, NULL, "model \"%s\"", FLOW_MEMBER_THROUGH(flow_run_info_model_result, spec, flow_spec, name)},
    {"columns", "columns", "%s", MODEL(columns)},
    FLOW_REPORT_GROUP_WHEN("image", flow_run_info_model_result, image, image.channels, model_shape_fields),
    {"context", "given", "%s", OPTION(context)},
    {"weight", "weighted by", "%s", OPTION(weight)},
    {NULL, NULL, ", which may be negative", OPTION(allow_negative_weights),
     FLOW_REPORT_WHEN(flow_data_options, weight)},
    GROUP(data, origin_fields),
    GROUP(density, origin_fields),
    GROUP(summary, summary_fields),
    {NULL, "command", "", FLOW_REPORT_LIST_OF(flow_run_info_model_result, runs, flow_training_run, run_fields)},
    FLOW_REPORT_GROUP_ROW("", flow_run_info_model_result, flow, flow_description_fields),
    {"summary", OF_MODEL(summary)},
    {"provenance", OF_MODEL(provenance)},
    {"spec", FLOW_MEMBER_THROUGH(flow_run_info_model_result, spec, flow_spec, document)},
    {.table = true, .blank = true,
     FLOW_REPORT_LIST_OF(flow_run_info_model_result, history, flow_history_row, history_fields)},
    {"history", MODEL(history_json)},
    FLOW_REPORT_END,
};

#define OF_SCORES(member) FLOW_MEMBER(flow_ensemble_scores, member)

static const flow_report_field scores_fields[] = {
    {NULL, "validation", "%s nats", OF_SCORES(validation)},
    {NULL, NULL, " (%s rows, to which the weights were fitted: this flatters)", OF_SCORES(validation_rows),
     .positive = true},
    {NULL, NULL, "; above the best member by %s, row by row", OF_SCORES(gain)},
    {NULL, "test", "%s nats", OF_SCORES(test)},
    {NULL, NULL, " (%s rows, which decided nothing)", OF_SCORES(test_rows), .positive = true},
    {NULL, NULL, "; above the best member by %s, row by row", OF_SCORES(test_gain)},
    FLOW_REPORT_END,
};

#define MEMBER(member) FLOW_MEMBER(flow_ensemble_member_info, member)

static const flow_report_field member_fields[] = {
    {NULL, "member", "%d", MEMBER(member), .width = 6},
    {NULL, "weight", "%.4f", MEMBER(weight), .width = 7},
    {NULL, "validation", "%s", MEMBER(validation), .width = 21},
    {NULL, "epochs", "%d", MEMBER(epochs), .width = 6},
    {NULL, "parameters", "%s", MEMBER(parameters), .width = 10},
    {NULL, "from", "%s", MEMBER(model), .width = 48, .left = true, .fit = true},
    {NULL, "settings", "%s", MEMBER(settings), .left = true},
    FLOW_REPORT_END,
};

static const flow_report_field ensemble_fields[] = {
    {"kind", MODEL(kind)},
    {"model", NULL, "%s: ", OF_MODEL(path)},
    {NULL, NULL, "ensemble \"%s\"", FLOW_MEMBER_THROUGH(flow_run_info_model_result, spec, flow_spec, name)},
    {NULL, NULL, " of %d models, a mixture of their densities", MODEL(n_members)},
    {"columns", "columns", "%s", MODEL(columns)},
    FLOW_REPORT_GROUP_WHEN("image", flow_run_info_model_result, image, image.channels, model_shape_fields),
    {"context", "given", "%s", OPTION(context)},
    GROUP(data, origin_fields),
    FLOW_REPORT_GROUP_ROW(NULL, flow_run_info_model_result, scores, scores_fields),
    FLOW_REPORT_GROUP_ROW("", flow_run_info_model_result, scores, flow_ensemble_scores_fields),
    {.table = true, .blank = true,
     FLOW_REPORT_LIST_OF(flow_run_info_model_result, members, flow_ensemble_member_info, member_fields)},
    {"members", FLOW_REPORT_LIST_OF(flow_run_info_model_result, members, flow_ensemble_member_info,
                                    flow_ensemble_member_info_fields)},
    {"provenance", FLOW_MEMBER_THROUGH(flow_run_info_model_result, models, flow_models, provenance)},
    FLOW_REPORT_END,
};

static flow_status info_model(const info_args *args, console *con, flow_error *err)
{
    flow_run_info_model_result result;
    report_format format = {.json = args->common.json, .fields = model_fields, .indent = 2, .width = LABELS};
    flow_status status = flow_run_info_model(&result, args->file, args->history, err);
    if (result.n_members > 0)
        format.fields = ensemble_fields;
    if (status == FLOW_OK)
        status = report_print(con, &format, &result, err);
    flow_run_info_model_free(&result);
    return status;
}

/* ---- data ---- */

#define COLUMN(member) FLOW_MEMBER(flow_data_column, member)

static const flow_report_field column_fields[] = {
    {"name", "column", "%s", COLUMN(of.name), .width = 24, .left = true, .fit = true},
    {"least", "least", "%.6g", COLUMN(of.least), .width = 12},
    {"most", "most", "%.6g", COLUMN(of.most), .width = 12},
    {"mean", "mean", "%.6g", COLUMN(of.mean), .width = 12},
    {"deviation", "deviation", "%.6g", COLUMN(of.deviation), .width = 12},
    {"tied", COLUMN(of.tied)},
    {NULL, "tied", "%.1p%%", COLUMN(of.tied), .width = 6},
    {"distinct", COLUMN(of.distinct)},
    {"invalid", COLUMN(invalid), FLOW_REPORT_WHEN(flow_data_column, has_invalid)},
    {NULL, "invalid", "%s", COLUMN(invalid), FLOW_REPORT_WHEN(flow_data_column, counted), .width = 8},
    FLOW_REPORT_END,
};

#define FOUND(member) FLOW_MEMBER(flow_run_info_data_result, member)
#define DATASET(member) FLOW_MEMBER_THROUGH(flow_run_info_data_result, data, flow_dataset, member)

#define IMAGES(member) FOUND(member), FLOW_REPORT_UNLESS(flow_run_info_data_result, is_table)
#define TABLE FLOW_REPORT_WHEN(flow_run_info_data_result, is_table)
static const flow_report_field shape_fields[] = SHAPE_FIELDS(NULL);

static const flow_report_field remark_fields[] = {
    {"text", NULL, "  %s\n", FLOW_MEMBER(flow_data_remark, text)},
    FLOW_REPORT_END,
};

static const flow_report_field data_result_fields[] = {
    {"kind", FOUND(kind)},
    {"data", NULL, "%s: ", FOUND(location)},
    {"rows", NULL, "%s row{|s}", DATASET(n_rows)},
    {NULL, NULL, ", %d column{|s}", FOUND(columns)},
    {NULL, NULL, " without names", DATASET(n_rows), FLOW_REPORT_UNLESS(flow_dataset, has_names)},
    {NULL, NULL, ", CRC-32 %s\n", FLOW_MEMBER_ARRAY(flow_run_info_data_result, checksum[sizeof "crc32:" - 1])},
    {"remarks", NULL, "", FLOW_REPORT_LIST_OF(flow_run_info_data_result, remarks, flow_data_remark, remark_fields)},
    {"invalid_rows", FOUND(invalid_rows)},
    {NULL, NULL, "%s more row{|s} cannot be used, the first: ", FOUND(invalid_rows), .positive = true},
    {"first_invalid", NULL, "%s\n", FLOW_MEMBER_ARRAY(flow_run_info_data_result, first_invalid)},
    {NULL, NULL, "not known\n", FOUND(invalid_rows), .positive = true,
     FLOW_REPORT_UNLESS(flow_run_info_data_result, first_invalid[0])},
    {"checksum", FLOW_MEMBER_ARRAY(flow_run_info_data_result, checksum)},
    {"has_names", DATASET(has_names)},
    FLOW_REPORT_GROUP_WHEN("image", flow_run_info_data_result, shown.shape, shown.shape.channels, shape_fields),
    {"type", IMAGES(type)},
    {NULL, NULL, ", as %s", IMAGES(type)},
    {NULL, NULL, ", %.6g to ", IMAGES(least)},
    {NULL, NULL, "%.6g", IMAGES(most)},
    {NULL, NULL, ", mean %.6g", IMAGES(mean)},
    {"classes", "classes", "%s", FOUND(classes)},
    {"picture", NULL, "\nthe first of them are shown in %s", FOUND(picture)},
    {"columns", FLOW_REPORT_LIST_OF(flow_run_info_data_result, columns, flow_data_column, column_fields)},
    {.table = true, .blank = true,
     FLOW_REPORT_LIST_OF(flow_run_info_data_result, columns, flow_data_column, column_fields), TABLE},
    {"without_numbers", NULL, "  %s  hold{s|} no numbers; leave {it|them} out with data.columns or --columns\n",
     FOUND(without_numbers)},
    {NULL, NULL, "\ntied: share of the rows that have a column's most frequent value; a density needs this to be "
                 "small.", FOUND(location), TABLE},
    {"findings", FLOW_REPORT_LIST_OF(flow_run_info_data_result, findings.rows, flow_finding_row,
                                     flow_finding_row_fields), TABLE},
    {NULL, NULL, "\n\nWorth knowing:",
     FLOW_REPORT_LIST_OF(flow_run_info_data_result, findings.notes, flow_finding_note, flow_finding_note_fields)},
    FLOW_REPORT_END,
};

static const flow_report_field table_fields[] = {
    {"path", "", "%s", FLOW_MEMBER(flow_data_table, path), .width = 48, .left = true, .fit = true},
    {"size", "", "%s", FLOW_MEMBER(flow_data_table, size), .left = true},
    FLOW_REPORT_END,
};

static const flow_report_field tables_fields[] = {
    {"kind", FOUND(kind)},
    {"data", NULL, "%s: ", FOUND(location)},
    {NULL, NULL, "HDF5 with %d tables (rows, columns)", FOUND(table_rows)},
    {"tables", .table = true,
     FLOW_REPORT_LIST_OF(flow_run_info_data_result, table_rows, flow_data_table, table_fields)},
    {NULL, NULL, "\nTo see one of them: flowctl info %s:", FOUND(location)},
    {NULL, NULL, "%s", FOUND(first_table)},
    FLOW_REPORT_END,
};

static flow_status info_data(const info_args *args, console *con, flow_error *err)
{
    flow_run_info_data_result result;
    flow_run_info_data_options wanted = {
        .location = args->file, .columns = args->columns, .picture = args->picture, .force = args->force};
    FLOW_TRY(flow_csv_words_read(&wanted.csv, &args->csv, err));
    if (args->missing != NULL)
        FLOW_TRY(flow_missing_read(&wanted.missing, args->missing, err));
    flow_status status = flow_run_info_data(&result, &wanted, err);
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
    const flow_file_kind kind = flow_file_identify(args->file);
    if (args->picture != NULL && (kind == FLOW_FILE_JSON || kind == FLOW_FILE_MODEL))
        return flow_error_set(err, FLOW_ARGUMENT, "--picture shows data, and %s holds none", args->file);
    switch (kind) {
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
                   "means and standard deviations, missing and invalid values, the share of the most frequent "
                   "value, and what is worth knowing before a flow is trained, with a remedy: row numbers, constants, "
                   "columns that follow from others, whole and rounded numbers, codes for missing values, bounds, "
                   "heavy tails and the like. Of images: shape, type and range. Of an HDF5 file with several tables: "
                   "a list of them.",
    .examples = "  flowctl info moons.h5\n"
                "  flowctl info configs/moons.json\n"
                "  flowctl info data/two_moons.h5\n"
                "  flowctl info data/two_moons.h5:/train\n"
                "  flowctl info mnist.h5:/train --picture digits.png",
    .options = options, .args_size = sizeof(info_args), .run = info_run,
    .alone = true,
};
