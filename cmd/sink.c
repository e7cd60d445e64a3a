/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sink.h"

#include <sys/stat.h>

#include "data/location.h"
#include "model/model.h"
#include "output.h"

/* A slip of the hand (-o MODEL.h5) must not cost a model or the data. */
static flow_status protect(const char *location, const char *input, flow_error *err)
{
    flow_location target = {0}, source = {0};
    flow_status status = flow_location_name(&target, location, err);
    if (status != FLOW_OK)
        return status;
    struct stat a, b;
    if (flow_file_identify(target.file) == FLOW_FILE_MODEL) {
        status = flow_error_set(err, FLOW_EXISTS, "-o %s: this file is a model; name another file for the results",
                                target.file);
    } else if (input != NULL && flow_location_find(&source, input, NULL) == FLOW_OK) {
        if (stat(target.file, &a) == 0 && stat(source.file, &b) == 0 && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
            a.st_ino == b.st_ino)
            status = flow_error_set(err, FLOW_EXISTS,
                                    "-o %s: this file holds the data that are read; name another file for the results",
                                    target.file);
        flow_location_free(&source);
    }
    flow_location_free(&target);
    return status;
}

flow_status sink_open(sink *out, const char *location, const char *const *columns, int n_columns, bool as_float,
                      const char *input, flow_error *err)
{
    *out = (sink){.standard = output_is_standard(location)};
    flow_status status = out->standard ? FLOW_OK : protect(location, input, err);
    flow_writer_options options = {.as_float = as_float, .keep = true};
    if (status == FLOW_OK)
        status = flow_writer_open(&out->writer, out->standard ? "-" : location, columns, n_columns, &options, err);
    return status;
}

/* A failed write to a pipe that nobody reads is no failure. */
static flow_status forgive(sink *s, flow_status status)
{
    if (status == FLOW_OK || !s->standard || !output_is_closed())
        return status;
    s->closed = true;
    return FLOW_OK;
}

flow_status sink_write(sink *s, const double *rows, size_t n_rows, flow_error *err)
{
    if (s->writer == NULL || s->closed)
        return FLOW_OK;
    return forgive(s, flow_writer_write(s->writer, rows, n_rows, err));
}

flow_status sink_finish(sink *s, flow_error *err)
{
    if (s->writer == NULL || s->closed)
        return FLOW_OK;
    flow_writer *writer = s->writer;
    s->writer = NULL;
    return forgive(s, flow_writer_finish(writer, err));
}

void sink_release(sink *s)
{
    flow_writer_abandon(s->writer);
    s->writer = NULL;
}
