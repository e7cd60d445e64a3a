/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/picture.h"

#include <string.h>
#include <strings.h>

flow_status flow_picture_check(const char *file, flow_shape shape, const char *source, flow_error *err)
{
    const size_t length = strlen(file);
    if (length < 5 || strcasecmp(file + length - 4, ".png") != 0)
        return flow_error_set(err, FLOW_ARGUMENT, "--picture %s: a picture is a PNG file, with a name that ends in "
                              ".png", file);
    if (flow_shape_size(shape) == 0)
        return flow_error_set(err, FLOW_ARGUMENT, "--picture: the rows of %s are no images", source);
    return FLOW_OK;
}

flow_status flow_picture_write(const char *file, bool careful, const flow_picture_options *options,
                               const char *const *columns, int n_columns, const double *const *rows, size_t n,
                               flow_error *err)
{
    flow_writer *writer;
    const flow_writer_options wanted = {.careful = careful, .picture = *options};
    flow_status status = flow_writer_open(&writer, file, columns, n_columns, &wanted, err);
    for (size_t i = 0; i < n && status == FLOW_OK; i++)
        status = flow_writer_write(writer, rows[i], 1, err);
    if (status == FLOW_OK)
        return flow_writer_finish(writer, err);
    flow_writer_abandon(writer);
    return status;
}
