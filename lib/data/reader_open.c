/* The table at a single location, by its format. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/location.h"
#include "data/reader.h"

flow_status flow_reader_open_one(flow_reader **out, const char *location, const flow_reader_options *options,
                                 flow_error *err)
{
    *out = NULL;
    flow_location place;
    FLOW_TRY(flow_location_find(&place, location, err));
    flow_status status = place.format->open_reader(out, place.file, place.path, options, err);
    flow_location_free(&place);
    if (status != FLOW_OK) {
        flow_reader_close(*out);
        *out = NULL;
    }
    return status;
}
