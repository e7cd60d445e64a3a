/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/table.h"

#include "data/location.h"
#include "data/reader.h"
#include "data/writer.h"

flow_status flow_reader_open(flow_reader **out, const char *location, const flow_reader_options *options,
                             flow_error *err)
{
    *out = NULL;
    static const flow_reader_options none;
    flow_name_list several;
    options = options != NULL ? options : &none;
    FLOW_TRY(flow_location_parts(&several, NULL, location, err));
    if (several.n > 1) {
        flow_status joined = flow_join_reader_open(out, location, &several, options, err);
        flow_name_list_free(&several);
        return joined;
    }
    flow_name_list_free(&several);
    return flow_reader_open_one(out, location, options, err);
}

flow_status flow_writer_open(flow_writer **out, const char *location, const char *const *columns, int n_columns,
                             const flow_writer_options *options, flow_error *err)
{
    *out = NULL;
    if (n_columns < 1 || n_columns > FLOW_COLUMNS_MAX)
        return flow_error_set(err, FLOW_ARGUMENT, "a table of %d columns cannot be written; 1 to %d are possible",
                              n_columns, FLOW_COLUMNS_MAX);
    static const flow_writer_options none;
    flow_location place;
    FLOW_TRY(flow_location_name(&place, location, err));
    options = options != NULL ? options : &none;
    flow_status status = place.format->open_writer(out, place.file, place.path, columns, n_columns, options, err);
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_writer_abandon(*out);
        *out = NULL;
    }
    return status;
}

flow_status flow_tables_list(flow_name_list *paths, flow_name_list *sizes, const char *location, flow_error *err)
{
    *paths = *sizes = (flow_name_list){0};
    flow_location place;
    flow_name_list several;
    FLOW_TRY(flow_location_parts(&several, NULL, location, err));
    const bool is_joined = several.n > 1;
    flow_name_list_free(&several);
    if (is_joined)
        return FLOW_OK;
    FLOW_TRY(flow_location_find(&place, location, err));
    flow_status status = FLOW_OK;
    if (place.format->list != NULL && place.path == NULL)
        status = place.format->list(paths, sizes, place.file, err);
    flow_location_free(&place);
    return status;
}
