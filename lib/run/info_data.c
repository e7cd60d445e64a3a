/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/info_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "run/output.h"
#include "run/picture.h"
#include "run/valid_rows.h"

/* Looking at rows that cannot be used costs a pass over the data for each column. */
enum { COUNTED_COLUMNS = 64 };

/* A remark about a column that cannot be read; without memory there is none. */
static void info_remark(flow_run_info_data_result *out, const char *name, const char *note)
{
    char *text = flow_format("column \"%.80s\" has %s", name, note);
    if (text != NULL)
        (void)flow_name_list_add(&out->more_remarks, text, strlen(text), NULL);
    free(text);
}

/* When no row is good in all columns: whether some columns hold numbers and others do not; `out` has both. */
static bool info_find_numbers(flow_run_info_data_result *out)
{
    const char *location = out->location;
    flow_reader *reader = NULL;
    flow_status status = flow_is_standard(location) ? FLOW_IO : flow_reader_open(&reader, location, &out->how, NULL);
    int n = status == FLOW_OK && reader->can_seek ? reader->columns.n : 0;
    for (int i = 0; i < n && n <= COUNTED_COLUMNS && status == FLOW_OK; i++) {
        int64_t n_good;
        const char *name = reader->columns.at[i];
        char *note;
        flow_count_invalid(location, &out->how, name, &n_good, &note);
        if (n_good == 0 && note != NULL)
            info_remark(out, name, note);
        free(note);
        status = flow_name_list_add(n_good > 0 ? &out->chosen : &out->others, name, strlen(name), NULL);
    }
    flow_reader_close(reader);
    return status == FLOW_OK && out->chosen.n > 0 && out->others.n > 0;
}

static flow_status info_open(flow_run_info_data_result *out, const char *columns, flow_error *err)
{
    /* statistics need no rows in memory, but standard input cannot be read twice */
    flow_dataset_options options = {
        .skip_invalid = true, .missing = out->how.missing, .csv = out->how.csv, .survey = true,
        .memory_bytes = (size_t)256 << 20};
    if (columns != NULL)
        FLOW_TRY(flow_name_list_split(&out->chosen, columns, err));
    options.columns = (const char *const *)out->chosen.at;
    options.n_columns = out->chosen.n;
    flow_status status = flow_dataset_open(&out->data, out->location, &options, err);
    if (status != FLOW_DATA || columns != NULL || !info_find_numbers(out))
        return status;
    options.columns = (const char *const *)out->chosen.at;
    options.n_columns = out->chosen.n;
    return flow_dataset_open(&out->data, out->location, &options, err);
}

static bool info_read_columns(flow_run_info_data_result *out)
{
    const flow_dataset *data = out->data;
    const int n = data->n_columns;
    const bool counted = out->invalid_rows > 0 && !flow_is_standard(out->location) && n <= COUNTED_COLUMNS;
    flow_data_column *columns = calloc((size_t)n, sizeof *columns);
    out->columns = (flow_list){columns, (size_t)n};
    for (int i = 0; i < n && columns != NULL; i++) {
        const flow_column_summary *s = &data->summary[i];
        int64_t n_good, invalid = counted ? flow_count_invalid(out->location, &out->how, s->name, &n_good, NULL) : 0;
        columns[i] = (flow_data_column){*s, invalid, counted, counted && invalid >= 0};
        if (data->survey != NULL) /* of all rows, not of a sample */
            columns[i].of.tied = flow_survey_tied(data->survey, i);
    }
    return columns != NULL;
}

static bool info_list_remarks(flow_run_info_data_result *out)
{
    const flow_name_list *remarks = &out->data->remarks;
    const int n = remarks->n + out->more_remarks.n;
    flow_data_remark *rows = calloc((size_t)n + 1, sizeof *rows);
    out->remarks = (flow_list){rows, (size_t)n};
    for (int i = 0; i < n && rows != NULL; i++)
        rows[i].text = i < remarks->n ? remarks->at[i] : out->more_remarks.at[i - remarks->n];
    return rows != NULL;
}

static bool info_list_tables(flow_run_info_data_result *out)
{
    flow_data_table *rows = calloc((size_t)out->table_paths.n, sizeof *rows);
    out->table_rows = (flow_list){rows, (size_t)out->table_paths.n};
    for (int i = 0; i < out->table_paths.n && rows != NULL; i++)
        rows[i] = (flow_data_table){out->table_paths.at[i], out->table_sizes.at[i]};
    out->kind = "tables";
    out->first_table = out->table_paths.at[0];
    return rows != NULL;
}

/* A sheet of the first images. */
static flow_status info_show(flow_run_info_data_result *out, const char *file, bool force, flow_error *err)
{
    enum { SHOWN = 64 };
    const int d = out->data->n_columns;
    const double *shown[SHOWN];
    FLOW_TRY(flow_picture_check(file, out->data->image.shape, out->location, err));
    const flow_output_sources sources = {.data = out->location, .force = force};
    FLOW_TRY(flow_output_check("--picture", file, &sources, err));
    double *rows = calloc(SHOWN, (size_t)d * sizeof *rows);
    size_t n = 0;
    for (int i = 0; i < SHOWN; i++)
        shown[i] = rows + (size_t)i * (size_t)d;
    flow_status status = rows == NULL ? flow_error_memory(err, "images") : FLOW_OK;
    if (status == FLOW_OK)
        status = flow_dataset_next(out->data, rows, NULL, SHOWN, &n, err);
    if (status == FLOW_OK)
        status = flow_picture_write(file, !force, &out->shown, out->data->columns, d, shown, n, err);
    free(rows);
    out->picture = file;
    return status;
}

static void info_describe_pictures(flow_run_info_data_result *out)
{
    static const char *const types[] = {"double", "float", "bytes"}; /* in the order of flow_value_type */
    const flow_dataset *data = out->data;
    const int n = flow_shape_size(data->image.shape);
    out->is_table = n == 0;
    out->shown = flow_dataset_picture(data);
    out->least = INFINITY;
    out->most = -INFINITY;
    for (int i = 0; i < n; i++) {
        out->least = fmin(out->least, data->summary[i].least);
        out->most = fmax(out->most, data->summary[i].most);
        out->mean += data->summary[i].mean / n;
    }
    out->type = types[data->stored];
    out->classes = (flow_text_list){data->classes != NULL ? data->n_classes : 0, data->classes};
}

flow_status flow_run_info_data(flow_run_info_data_result *out, const flow_run_info_data_options *options,
                               flow_error *err)
{
    const char *location = options->location;
    *out = (flow_run_info_data_result){
        .kind = "data", .location = location, .how = {.missing = options->missing, .csv = options->csv}};
    FLOW_TRY(flow_tables_list(&out->table_paths, &out->table_sizes, location, err));
    if (out->table_paths.n > 1)
        return info_list_tables(out) ? FLOW_OK : flow_error_memory(err, "the list of tables");
    FLOW_TRY(info_open(out, options->columns, err));
    const flow_dataset *data = out->data;
    out->invalid_rows = data->n_skipped;
    if (out->invalid_rows > 0 && !flow_is_standard(location)) /* standard input is gone once it has been read */
        flow_find_first_invalid(out->first_invalid, out->location, &out->how, out->data->columns, out->data->n_columns);
    snprintf(out->checksum, sizeof out->checksum, "crc32:%08lx", (unsigned long)data->checksum);
    out->without_numbers = (flow_text_list){out->others.n, (const char *const *)out->others.at};
    info_describe_pictures(out);
    if (!info_read_columns(out) || !info_list_remarks(out))
        return flow_error_memory(err, "columns");
    if (data->survey != NULL)
        FLOW_TRY(flow_findings_describe(&out->findings, data->survey, err));
    return options->picture != NULL ? info_show(out, options->picture, options->force, err) : FLOW_OK;
}

void flow_run_info_data_free(flow_run_info_data_result *result)
{
    flow_name_list_free(&result->table_paths);
    flow_name_list_free(&result->table_sizes);
    free(result->table_rows.items);
    free(result->columns.items);
    free(result->remarks.items);
    flow_findings_free(&result->findings);
    flow_dataset_close(result->data);
    flow_name_list_free(&result->chosen);
    flow_name_list_free(&result->others);
    flow_name_list_free(&result->more_remarks);
}
