/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/row_walk.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"
#include "data/location.h"
#include "data/writer.h"
#include "model/model.h"
#include "num/real.h"

bool flow_output_is_closed(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

flow_status flow_protect_input(const char *option, const char *location, const char *input, flow_error *err)
{
    flow_location target = {0}, source = {0};
    flow_status status = flow_location_name(&target, location, err);
    if (status != FLOW_OK)
        return status;
    struct stat a, b;
    if (flow_file_identify(target.file) == FLOW_FILE_MODEL) {
        status = flow_error_set(err, FLOW_EXISTS, "%s %s: this file is a model; name another file for the results",
                                option, target.file);
    } else if (input != NULL && flow_location_find(&source, input, NULL) == FLOW_OK) {
        if (stat(target.file, &a) == 0 && stat(source.file, &b) == 0 && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
            a.st_ino == b.st_ino)
            status = flow_error_set(err, FLOW_EXISTS,
                                    "%s %s: this file holds the data that are read; name another file for the results",
                                    option, target.file);
        flow_location_free(&source);
    }
    flow_location_free(&target);
    return status;
}

size_t flow_batch_rows(size_t n_values)
{
    size_t rows = ((size_t)1 << 21) / (n_values > 0 ? n_values : 1);
    rows = rows > 65536 ? 65536 : rows / FLOW_TILE * FLOW_TILE;
    return rows < FLOW_TILE ? FLOW_TILE : rows;
}

/* EPIPE on standard output is a success that ends the rows. */
static flow_status row_walk_ignore_closed_pipe(const flow_row_walk *walk, flow_status status, bool *closed)
{
    *closed = status != FLOW_OK && flow_is_standard(walk->options->output) && flow_output_is_closed();
    return *closed ? FLOW_OK : status;
}

static flow_status row_walk_run(const flow_row_walk *walk, flow_writer *writer, flow_row_batch *batch, size_t n_max,
                                bool *closed, flow_error *err)
{
    const flow_run_hooks *hooks = &walk->options->hooks;
    flow_run_progress progress = {.total = walk->total};
    double began = flow_seconds();
    flow_run_begin(hooks);
    while (!*closed) {
        if (flow_run_should_stop(hooks))
            return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
        batch->n = batch->first = 0;
        flow_status status = walk->in != NULL
                                 ? flow_input_read(walk->in, batch->in, batch->numbers, n_max, &batch->n, err)
                                 : walk->read(walk->context, batch, n_max, err);
        if (status != FLOW_OK || batch->n == 0)
            return status;
        walk->map(walk->context, batch);
        size_t n = batch->n - batch->first;
        if (writer != NULL)
            status = flow_writer_write(writer, batch->out + batch->first * walk->n_columns, n, err);
        status = row_walk_ignore_closed_pipe(walk, status, closed);
        if (status != FLOW_OK)
            return status;
        progress.rows += (int64_t)n;
        progress.seconds = flow_seconds() - began;
        if (hooks->progress != NULL)
            hooks->progress(hooks->context, &progress);
    }
    return FLOW_OK;
}

flow_status flow_walk_rows(const flow_row_walk *walk, bool *closed, flow_error *err)
{
    const char *output = walk->options->output;
    const flow_writer_options options = {.as_float = walk->options->as_float, .keep = true,
                                         .picture = walk->picture};
    const size_t n_max = flow_batch_rows(walk->n_in > walk->n_columns ? walk->n_in : walk->n_columns);
    flow_row_batch batch = {.in = calloc(n_max, (walk->n_in + walk->n_columns + walk->n_scratch) * sizeof *batch.in),
                        .numbers = calloc(n_max, sizeof *batch.numbers)};
    flow_writer *writer = NULL;
    flow_status status = batch.in == NULL || batch.numbers == NULL ? flow_error_memory(err, "the rows") : FLOW_OK;
    *closed = false;
    if (status == FLOW_OK && flow_run_file(output) != NULL)
        status = flow_protect_input("-o", output, walk->options->input, err);
    if (status == FLOW_OK && output != NULL)
        status = flow_writer_open(&writer, output, walk->columns, (int)walk->n_columns, &options, err);
    if (status == FLOW_OK) {
        batch.out = batch.in + n_max * walk->n_in;
        batch.scratch = batch.out + n_max * walk->n_columns;
        status = row_walk_run(walk, writer, &batch, n_max, closed, err);
    }
    if (status == FLOW_OK && walk->finish != NULL && !*closed)
        status = walk->finish(walk->context, err);
    if (status == FLOW_OK && writer != NULL && !*closed) {
        status = row_walk_ignore_closed_pipe(walk, flow_writer_finish(writer, err), closed);
        writer = NULL;
    }
    flow_writer_abandon(writer);
    free(batch.numbers);
    free(batch.in);
    return status;
}
