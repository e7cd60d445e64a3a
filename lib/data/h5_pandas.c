/* Tables of pandas: DataFrame.to_hdf and HDFStore, in both of their formats, which PyTables writes.
 *
 * format="table": a group with a dataset `table` of records. The field `index` is the index; `values_block_0` and so
 * on are arrays of columns of one type, with their names in the attribute `values_block_0_kind`; data columns are
 * fields of their own. format="fixed": a group of matrices `block0_values`, ..., with the names of their columns in
 * `block0_items`, and all names in `axis0`. (pandas/io/pytables.py.)
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/h5_columns.h"
#include "data/h5_dialect.h"
#include "data/h5_pandas_labels.h"
#include "data/h5_records.h"
#include "data/pickle.h"
#include "h5/object.h"
#include "h5/scope.h"

static const char index_what[] = "the index of pandas";

bool flow_h5_is_pandas(hid_t object)
{
    return H5Aexists(object, H5Iget_type(object) == H5I_GROUP ? "pandas_type" : "index_kind") > 0;
}

/* The names in an attribute that holds a pickle; none when it cannot be read. */
static flow_name_list pandas_names(hid_t object, const char *attribute, bool joined)
{
    flow_name_list names = {0};
    char *pickle = flow_h5_text_of(object, attribute);
    if (pickle != NULL && !flow_pickle_read(&names, pickle, joined))
        flow_name_list_free(&names);
    free(pickle);
    return names;
}

/* ---- format="table" ---- */

static bool pandas_lists(const flow_name_list *names, const char *name)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

/* The text of the attribute FIELD_KIND of the table; the caller's; NULL: none. */
static char *pandas_text(hid_t table, const char *field, const char *kind)
{
    char *attribute = flow_format("%s_%s", field, kind);
    char *text = attribute != NULL ? flow_h5_text_of(table, attribute) : NULL;
    free(attribute);
    return text;
}

/* Names the columns of field k, which are column `first` and those behind it. */
static flow_status pandas_name_field(flow_h5_offer *offer, int first, const flow_h5_field *field, hid_t table,
                                     flow_error *err)
{
    flow_status status = FLOW_OK;
    char *attribute = flow_format("%s_kind", field->name);
    if (attribute == NULL)
        return flow_error_memory(err, "columns");
    flow_name_list names = pandas_names(table, attribute, true);
    free(attribute);
    const int n = field->what == NULL ? field->n : 1;
    flow_text all = {0};
    for (int i = 0; i < names.n && field->what != NULL; i++)
        flow_text_add(&all, "%s%s", i > 0 ? ", " : "", names.at[i]);
    if (all.data != NULL && names.n > 1)
        status = flow_h5_offer_rename(offer, first, all.data, err);
    else
        for (int i = 0; i < n && names.n == n && status == FLOW_OK; i++)
            status = flow_h5_offer_rename(offer, first + i, names.at[i], err);
    flow_text_free(&all);
    flow_name_list_free(&names);
    return status;
}

/* Times are read when they are named, and categories are numbers, -1 for a missing one. */
static void pandas_judge_field(flow_h5_offer *offer, int first, flow_h5_field *field, hid_t table)
{
    char *type = pandas_text(table, field->name, "dtype"), *meta = pandas_text(table, field->name, "meta");
    const bool is_time = type != NULL && (strncmp(type, "datetime", 8) == 0 || strncmp(type, "timedelta", 9) == 0);
    for (int i = 0; i < field->n && is_time && field->what == NULL; i++) {
        offer->at[first + i].aside = true;
        offer->at[first + i].what = "times";
    }
    if (meta != NULL && strcmp(meta, "category") == 0 && field->what == NULL) {
        flow_h5_value_mark_missing(&field->value, -1);
        for (int i = 0; i < field->n; i++)
            offer->at[first + i].is_category = true;
    }
    free(type);
    free(meta);
}

static flow_status pandas_offer_table(flow_h5_offer *offer, flow_h5_fields *fields, hid_t group, hid_t table,
                                      flow_error *err)
{
    FLOW_TRY(flow_h5_fields_offer(offer, fields, err));
    flow_status status = FLOW_OK;
    flow_name_list levels = pandas_names(group, "levels", false), order = pandas_names(group, "non_index_axes", false);
    for (int i = 0, first = 0; i < fields->n && status == FLOW_OK; i++) {
        flow_h5_field *field = &fields->at[i];
        if (strcmp(field->name, "index") == 0 || pandas_lists(&levels, field->name)) {
            offer->at[first].aside = true;
            if (offer->at[first].what == NULL)
                offer->at[first].what = index_what;
        } else {
            status = pandas_name_field(offer, first, field, table, err);
            pandas_judge_field(offer, first, field, table);
        }
        first += field->what == NULL ? field->n : 1;
    }
    if (status == FLOW_OK && order.n > 1) /* the first is the number of the axis */
        status = flow_h5_offer_sort(offer, order.at + 1, order.n - 1, err);
    flow_name_list_free(&levels);
    flow_name_list_free(&order);
    return status;
}

/* Takes the id of the table over. */
static flow_status pandas_open_table(flow_h5_layout *l, flow_reader *reader, hid_t group, hid_t table,
                                     const flow_reader_options *options, flow_error *err)
{
    flow_h5_fields fields = {0};
    flow_h5_offer offer = {0};
    flow_status status = flow_h5_layout_make_datasets(l, 1, err);
    if (status != FLOW_OK) {
        flow_h5_close(table);
        return status;
    }
    l->datasets[0] = table;
    flow_h5_shape shape;
    status = flow_h5_shape_of(&shape, table, err);
    if (status == FLOW_OK && (shape.rank != 1 || shape.type != H5T_COMPOUND))
        status = flow_error_set(err, FLOW_FORMAT, "its table is not one of records");
    if (status == FLOW_OK)
        status = flow_h5_fields_find(&fields, table, err);
    if (status == FLOW_OK)
        status = pandas_offer_table(&offer, &fields, group, table, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else
        status = flow_h5_records_open(l, reader, &fields, &offer, options, err);
    flow_h5_offer_free(&offer);
    flow_h5_fields_free(&fields);
    return status;
}

/* ---- format="fixed" ---- */

/* Adds the member `name` of the group. */
static flow_status pandas_add_member(flow_h5_members *members, hid_t group, const char *name, flow_error *err)
{
    hid_t dataset = H5Lexists(group, name, H5P_DEFAULT) > 0 ? H5Dopen2(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (dataset < 0)
        return flow_error_set(err, FLOW_FORMAT, "%s is missing", name);
    flow_h5_member *m = &members->at[members->n];
    /* a matrix without the attribute was written as pandas holds it: (columns, rows) */
    flow_status status = flow_h5_member_of(m, dataset, H5Aexists(dataset, "transposed") <= 0, err);
    if (status == FLOW_OK && m->rank == 2 && m->what == NULL && H5Aexists(dataset, "transposed") > 0 && m->across) {
        const hsize_t width = m->rows; /* one row of many columns */
        m->across = false;
        m->rows = 1;
        m->width = width <= FLOW_COLUMNS_MAX ? (int)width : FLOW_COLUMNS_MAX;
    }
    m->name = flow_strdup(name);
    if (H5Aexists(dataset, "shape") > 0) /* of an array without values, in whose place one is stored */
        m->rows = 0;
    if (m->what != NULL)
        m->what = m->rank == 1 ? "objects of Python, such as text" : m->what;
    char *type = flow_h5_text_of(dataset, "value_type");
    m->aside = type != NULL && (strncmp(type, "datetime", 8) == 0 || strncmp(type, "timedelta", 9) == 0);
    free(type);
    flow_h5_close(dataset);
    members->n++;
    return status == FLOW_OK && m->name == NULL ? flow_error_memory(err, "columns") : status;
}

/* Offers the columns of the last member, with these names where there are as many. */
static flow_status pandas_offer_member(flow_h5_offer *offer, const flow_h5_members *members,
                                       const flow_name_list *names, const char *fallback, const char *aside_what,
                                       flow_error *err)
{
    const flow_h5_member *m = &members->at[members->n - 1];
    flow_h5_column column = {.part = members->n - 1,
                             .aside = m->aside || aside_what != NULL,
                             .what = m->what != NULL      ? m->what
                                     : aside_what != NULL ? aside_what
                                                          : "times",
                             .is_unreadable = m->what != NULL};
    const int n = m->what == NULL ? m->width : names->n > 0 ? names->n : 1;
    if (names->n != n)
        return flow_h5_offer_add_many(offer, fallback, n, &column, err);
    for (int i = 0; i < n; i++) {
        FLOW_TRY(flow_h5_offer_add(offer, names->at[i], &column, err));
        column.place++;
    }
    return FLOW_OK;
}

/* *unnamed: there are columns whose names are objects of Python. */
static flow_status pandas_offer_frame(flow_h5_offer *offer, flow_h5_members *members, hid_t group, int n_blocks,
                                      bool *unnamed, flow_error *err)
{
    flow_status status = FLOW_OK;
    flow_name_list order = {0}, index = {0};
    for (int i = 0; i < n_blocks && status == FLOW_OK; i++) {
        char values[32], items[32], block[32];
        flow_name_list names = {0};
        snprintf(values, sizeof values, "block%d_values", i);
        snprintf(items, sizeof items, "block%d_items", i);
        snprintf(block, sizeof block, "block%d", i);
        status = flow_h5_pandas_labels(&names, group, items, err);
        if (status == FLOW_OK)
            status = pandas_add_member(members, group, values, err);
        if (status == FLOW_OK)
            status = pandas_offer_member(offer, members, &names, block, NULL, err);
        if (status == FLOW_OK && names.n == 0 && members->at[i].what == NULL && members->at[i].rows > 0)
            *unnamed = true;
        flow_name_list_free(&names);
    }
    if (status == FLOW_OK)
        status = flow_h5_pandas_labels(&order, group, "axis0", err);
    if (status == FLOW_OK)
        status = flow_h5_offer_sort(offer, order.at, order.n, err);
    if (status == FLOW_OK && H5Lexists(group, "axis1", H5P_DEFAULT) > 0) {
        status = pandas_add_member(members, group, "axis1", err);
        if (status == FLOW_OK)
            status = pandas_offer_member(offer, members, &index, "index", index_what, err);
    }
    flow_name_list_free(&order);
    return status;
}

static flow_status pandas_offer_series(flow_h5_offer *offer, flow_h5_members *members, hid_t group, flow_error *err)
{
    char *name = flow_h5_text_of(group, "name");
    const flow_name_list none = {0};
    flow_status status = pandas_add_member(members, group, "values", err);
    if (status == FLOW_OK) /* "N." is the pickle of None */
        status = pandas_offer_member(offer, members, &none, name != NULL && strcmp(name, "N.") != 0 ? name : "values",
                                     NULL, err);
    free(name);
    if (status == FLOW_OK && H5Lexists(group, "index", H5P_DEFAULT) > 0) {
        status = pandas_add_member(members, group, "index", err);
        if (status == FLOW_OK)
            status = pandas_offer_member(offer, members, &none, "index", index_what, err);
    }
    return status;
}

static int pandas_count_blocks(hid_t group)
{
    int n = 0;
    char name[32];
    do {
        snprintf(name, sizeof name, "block%d_values", n);
    } while (n < FLOW_COLUMNS_MAX && H5Lexists(group, name, H5P_DEFAULT) > 0 && ++n > 0);
    return n;
}

static flow_status pandas_open_fixed(flow_h5_layout *l, flow_reader *reader, hid_t group, bool is_series,
                                     const flow_reader_options *options, flow_error *err)
{
    const int n_blocks = is_series ? 1 : pandas_count_blocks(group);
    flow_h5_members members = {.at = calloc((size_t)n_blocks + 1, sizeof *members.at)};
    flow_h5_offer offer = {0};
    bool unnamed = false;
    reader->has_names = true;
    flow_status status = members.at == NULL ? flow_error_memory(err, "columns")
                         : is_series        ? pandas_offer_series(&offer, &members, group, err)
                                            : pandas_offer_frame(&offer, &members, group, n_blocks, &unnamed, err);
    if (status != FLOW_OK)
        flow_error_prefix(err, status, "%s: ", reader->name);
    else
        status = flow_h5_columns_open(l, reader, &members, group, &offer, options, err);
    if (status == FLOW_OK && unnamed)
        status =
            flow_reader_remark(reader, err,
                               "names of columns are objects of Python, which are not read, and columns are "
                               "numbered in their place; write the frame with df.columns = df.columns.astype(str)");
    flow_h5_offer_free(&offer);
    flow_h5_members_free(&members);
    return status;
}

/* ---- both ---- */

/* Takes the id of the object over. */
flow_status flow_h5_open_pandas(flow_h5_layout *l, flow_reader *reader, hid_t object,
                                const flow_reader_options *options, flow_error *err)
{
    if (H5Iget_type(object) == H5I_DATASET) {
        char path[1024];
        const ssize_t length = H5Iget_name(object, path, sizeof path);
        char *slash = length > 0 && (size_t)length < sizeof path ? strrchr(path, '/') : NULL;
        if (slash != NULL)
            slash[slash == path] = '\0';
        hid_t group = slash != NULL ? H5Gopen2(object, path, H5P_DEFAULT) : H5I_INVALID_HID;
        flow_status status =
            group >= 0 ? FLOW_OK : flow_h5_error(err, FLOW_FORMAT, "%s: its group cannot be opened", reader->name);
        if (status == FLOW_OK)
            status = pandas_open_table(l, reader, group, object, options, err);
        else
            flow_h5_close(object);
        flow_h5_close(group);
        return status;
    }
    char *type = flow_h5_text_of(object, "pandas_type");
    const char *kind = type != NULL ? type : "";
    const bool is_series = strcmp(kind, "series") == 0, is_frame = strcmp(kind, "frame") == 0;
    const bool is_table = strcmp(kind, "frame_table") == 0 || strcmp(kind, "series_table") == 0;
    hid_t table = is_table ? H5Dopen2(object, "table", H5P_DEFAULT) : H5I_INVALID_HID;
    flow_status status;
    if (is_table && table < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "%s: its table cannot be opened", reader->name);
    else if (is_table)
        status = pandas_open_table(l, reader, object, table, options, err);
    else if (is_series || is_frame)
        status = pandas_open_fixed(l, reader, object, is_series, options, err);
    else
        status = flow_error_set(err, FLOW_DATA,
                                "%s: is an object of pandas of the kind \"%.40s\", which is not read; "
                                "write a DataFrame with to_hdf(\"data.h5\", key=\"data\", format=\"table\")",
                                reader->name, kind);
    free(type);
    flow_h5_close(object);
    return status;
}

/* The first extent of the dataset `name` of a group; 0 when there is none. */
static hsize_t pandas_length(hid_t group, const char *name)
{
    flow_h5_shape shape = {.rank = 0};
    hid_t dataset = H5Lexists(group, name, H5P_DEFAULT) > 0 ? H5Dopen2(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
    const bool good = dataset >= 0 && flow_h5_shape_of(&shape, dataset, NULL) == FLOW_OK && shape.rank > 0;
    flow_h5_close(dataset);
    return good ? shape.size[0] : 0;
}

void flow_h5_pandas_size(hsize_t *rows, hsize_t *columns, hid_t group)
{
    const bool is_table = H5Lexists(group, "table", H5P_DEFAULT) > 0,
               is_series = H5Lexists(group, "values", H5P_DEFAULT) > 0;
    flow_name_list names = is_table ? pandas_names(group, "non_index_axes", false) : (flow_name_list){0};
    *rows = pandas_length(group, is_table ? "table" : is_series ? "values" : "axis1");
    *columns = is_series ? 1 : is_table ? (hsize_t)(names.n > 1 ? names.n - 1 : 1) : pandas_length(group, "axis0");
    if (*rows == 0 && !is_table && !is_series) /* an index of several levels */
        *rows = pandas_length(group, "block0_values");
    flow_name_list_free(&names);
}
