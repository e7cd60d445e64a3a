/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/writer.h"

#include <stdlib.h>

flow_status flow_writer_write(flow_writer *writer, const double *rows, size_t n_rows, flow_error *err)
{
    return writer->type->write(writer, rows, n_rows, err);
}

flow_status flow_writer_begin(flow_writer *writer, const char *path, flow_error *err)
{
    return writer->type->begin(writer, path, err);
}

flow_status flow_writer_finish(flow_writer *writer, flow_error *err)
{
    flow_status status = writer->type->finish(writer, err);
    flow_writer_abandon(writer);
    return status;
}

void flow_writer_abandon(flow_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->type->release != NULL)
        writer->type->release(writer);
    flow_replace_close(&writer->output);
    free(writer);
}
