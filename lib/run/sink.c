/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/sink.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "data/location.h"
#include "model/model.h"

bool flow_output_is_closed(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/* A mistyped -o must not replace a model or the data that are read. */
static flow_status sink_protect(const char *location, const char *input, flow_error *err)
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

flow_status flow_sink_open(flow_sink *out, const char *location, const char *const *columns, int n_columns,
                           bool as_float, const char *input, flow_error *err)
{
    *out = (flow_sink){0};
    if (location == NULL)
        return FLOW_OK;
    out->standard = flow_is_standard(location);
    flow_status status = out->standard ? FLOW_OK : sink_protect(location, input, err);
    flow_writer_options options = {.as_float = as_float, .keep = true};
    if (status == FLOW_OK)
        status = flow_writer_open(&out->writer, location, columns, n_columns, &options, err);
    return status;
}

/* EPIPE on standard output is a success that ends the rows. */
static flow_status sink_ignore_closed_pipe(flow_sink *s, flow_status status)
{
    if (status == FLOW_OK || !s->standard || !flow_output_is_closed())
        return status;
    s->closed = true;
    return FLOW_OK;
}

flow_status flow_sink_write(flow_sink *s, const double *rows, size_t n_rows, flow_error *err)
{
    if (s->writer == NULL || s->closed)
        return FLOW_OK;
    return sink_ignore_closed_pipe(s, flow_writer_write(s->writer, rows, n_rows, err));
}

flow_status flow_sink_finish(flow_sink *s, flow_error *err)
{
    if (s->writer == NULL || s->closed)
        return FLOW_OK;
    flow_writer *writer = s->writer;
    s->writer = NULL;
    return sink_ignore_closed_pipe(s, flow_writer_finish(writer, err));
}

void flow_sink_release(flow_sink *s)
{
    flow_writer_abandon(s->writer);
    s->writer = NULL;
}
