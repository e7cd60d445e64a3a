/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/table.h"

#include <stdlib.h>

#include "data/h5_tables.h"
#include "data/location.h"
#include "data/reader.h"
#include "data/writer.h"
#include "h5/scope.h"

flow_status flow_reader_open(flow_reader **out, const char *location, const flow_reader_options *options,
                             flow_error *err)
{
    *out = NULL;
    flow_location place;
    flow_status status = flow_location_find(&place, location, err);
    if (status != FLOW_OK)
        return status;
    if (place.kind == FLOW_LOCATION_HDF5)
        status = flow_h5_reader_open(out, &place, options, err);
    else
        status = flow_csv_reader_open(out, &place, options, err);
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_reader_close(*out);
        *out = NULL;
    }
    return status;
}

flow_status flow_writer_open(flow_writer **out, const char *location, const char *const *columns, int n_columns,
                             const flow_writer_options *options, flow_error *err)
{
    *out = NULL;
    if (n_columns < 1 || n_columns > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "a table of %d columns cannot be written; 1 to %d are possible",
                              n_columns, FLOW_COLUMNS_MAX);
    flow_location place;
    flow_status status = flow_location_name(&place, location, err);
    if (status != FLOW_OK)
        return status;
    flow_writer_options chosen = {0};
    if (options != NULL)
        chosen = *options;
    if (place.kind == FLOW_LOCATION_HDF5)
        status = flow_h5_writer_open(out, &place, columns, n_columns, &chosen, err);
    else
        status = flow_csv_writer_open(out, &place, columns, n_columns, chosen.as_float, err);
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_writer_abandon(*out);
        *out = NULL;
    }
    return status;
}

flow_status flow_tables_list(flow_table_list *out, const char *location, flow_error *err)
{
    *out = (flow_table_list){0};
    flow_location place;
    flow_name_list paths = {0}, sizes = {0};
    flow_status status = flow_location_find(&place, location, err);
    if (status != FLOW_OK)
        return status;
    if (place.kind == FLOW_LOCATION_HDF5 && place.path == NULL) {
        flow_h5_scope scope = flow_h5_begin();
        status = flow_h5_all_tables(&paths, &sizes, place.file, err);
        flow_h5_end(&scope);
    }
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_name_list_free(&paths);
        flow_name_list_free(&sizes);
        return status;
    }
    *out = (flow_table_list){paths.n, paths.at, sizes.at};
    return FLOW_OK;
}

void flow_tables_free(flow_table_list *list)
{
    for (int i = 0; i < list->n; i++) {
        free(list->paths[i]);
        free(list->sizes[i]);
    }
    free(list->paths);
    free(list->sizes);
    *list = (flow_table_list){0};
}
