/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/row_walk.h"

#include <math.h>
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
#include "run/float_loss.h"
#include "run/format.h"

bool flow_output_is_closed(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
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

const char *flow_skipped_effect(const flow_row_options *options)
{
    return options->output != NULL ? "; in the output they are rows of nan" : "";
}

/* ---- what is written ---- */

typedef struct row_output {
    flow_float_column *floats; /* (n_columns) what single precision loses; NULL: all digits are written */
    double *rows;              /* (n, n_columns) of NaN; NULL: every row of the input is in the output */
    size_t n;
    int64_t next; /* the row of the input that the next row of the output stands for */
} row_output;

static flow_status row_output_make(row_output *out, const flow_row_walk *walk, flow_error *err)
{
    enum { VALUES = 4096 };
    *out = (row_output){.n = walk->n_columns < VALUES ? VALUES / walk->n_columns : 1};
    if (walk->options->as_float)
        out->floats = calloc(walk->n_columns, sizeof *out->floats);
    if (walk->options->as_float && out->floats == NULL)
        return flow_error_memory(err, "the rows");
    if (walk->in == NULL || !walk->options->skip_invalid)
        return FLOW_OK;
    const size_t n = out->n * walk->n_columns;
    out->rows = malloc(n * sizeof *out->rows);
    for (size_t i = 0; out->rows != NULL && i < n; i++)
        out->rows[i] = (double)NAN;
    return out->rows != NULL ? FLOW_OK : flow_error_memory(err, "the rows");
}

/* Writes rows of NaN up to row `number` of the input. */
static flow_status row_output_skip(row_output *out, flow_writer *writer, int64_t number, flow_error *err)
{
    while (out->next < number) {
        const int64_t left = number - out->next;
        const size_t n = left < (int64_t)out->n ? (size_t)left : out->n;
        FLOW_TRY(flow_writer_write(writer, out->rows, n, err));
        out->next += (int64_t)n;
    }
    return FLOW_OK;
}

static flow_status row_walk_write(const flow_row_walk *walk, flow_writer *writer, row_output *out,
                                  const flow_row_batch *batch, flow_error *err)
{
    const double *rows = batch->out + batch->first * walk->n_columns;
    const size_t n = batch->n - batch->first;
    if (out->floats != NULL)
        flow_float_loss_add(out->floats, (int)walk->n_columns, rows, n);
    if (out->rows == NULL)
        return flow_writer_write(writer, rows, n, err);
    for (size_t i = 0, m; i < n; i += m) { /* rows that follow each other */
        FLOW_TRY(row_output_skip(out, writer, batch->numbers[i], err));
        for (m = 1; i + m < n && batch->numbers[i + m] == batch->numbers[i] + (int64_t)m;)
            m++;
        FLOW_TRY(flow_writer_write(writer, rows + i * walk->n_columns, m, err));
        out->next += (int64_t)m;
    }
    return FLOW_OK;
}

/* The end of the input. */
static flow_status row_walk_end(const flow_row_walk *walk, flow_writer *writer, row_output *out, int64_t n_rows,
                                flow_error *err)
{
    const flow_reader *reader = walk->in != NULL ? walk->in->reader : NULL;
    char count[FLOW_FORMAT_SIZE];
    if (reader != NULL && n_rows == 0 && reader->n_skipped > 0)
        return flow_error_set(err, FLOW_DATA, "%s: no row can be used; all %s are invalid", reader->name,
                              flow_format_count(count, reader->n_skipped));
    return out->rows == NULL || writer == NULL ? FLOW_OK
                                               : row_output_skip(out, writer, flow_reader_tell(reader).row, err);
}

/* ---- the walk ---- */

static flow_status row_walk_run(const flow_row_walk *walk, flow_writer *writer, row_output *out, flow_row_batch *batch,
                                size_t n_max, bool *closed, flow_error *err)
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
        if (status != FLOW_OK)
            return status;
        if (batch->n == 0)
            return row_walk_ignore_closed_pipe(walk, row_walk_end(walk, writer, out, progress.rows, err), closed);
        walk->map(walk->context, batch);
        if (writer != NULL)
            status = row_walk_write(walk, writer, out, batch, err);
        status = row_walk_ignore_closed_pipe(walk, status, closed);
        if (status != FLOW_OK)
            return status;
        progress.rows += (int64_t)(batch->n - batch->first);
        progress.seconds = flow_seconds() - began;
        if (hooks->progress != NULL)
            hooks->progress(hooks->context, &progress);
    }
    return FLOW_OK;
}

/* Checks the file of the output, and waits for another program that writes it: into HDF5 both write their tables. */
static flow_status row_walk_claim(flow_lock *lock, const flow_row_walk *walk, flow_error *err)
{
    const flow_row_options *o = walk->options;
    flow_output_sources sources = o->sources;
    flow_location place = {0};
    sources.data = o->input;
    FLOW_TRY(flow_output_check("-o", o->output, &sources, err));
    flow_status status = flow_location_name(&place, o->output, err);
    if (status == FLOW_OK)
        status = flow_output_lock(lock, place.file, true, "writes this file", &o->hooks, err);
    flow_location_free(&place);
    return status;
}

flow_status flow_walk_rows(const flow_row_walk *walk, bool *closed, flow_error *err)
{
    const char *output = walk->options->output;
    const flow_writer_options options = {.as_float = walk->options->as_float,
                                         .careful = !walk->options->sources.force,
                                         .keep = true,
                                         .picture = walk->picture};
    const size_t n_usual = flow_batch_rows(walk->n_in > walk->n_columns ? walk->n_in : walk->n_columns);
    const size_t n_max = walk->most_rows > 0 && walk->most_rows < n_usual ? walk->most_rows : n_usual;
    flow_row_batch batch = {.in = calloc(n_max, (walk->n_in + walk->n_columns + walk->n_scratch) * sizeof *batch.in),
                            .numbers = calloc(n_max, sizeof *batch.numbers)};
    flow_writer *writer = NULL;
    row_output out;
    flow_lock lock = {0};
    flow_status status = row_output_make(&out, walk, err);
    if (batch.in == NULL || batch.numbers == NULL)
        status = flow_error_memory(err, "the rows");
    *closed = false;
    if (status == FLOW_OK && flow_run_file(output) != NULL)
        status = row_walk_claim(&lock, walk, err);
    if (status == FLOW_OK && output != NULL)
        status = flow_writer_open(&writer, output, walk->columns, (int)walk->n_columns, &options, err);
    if (status == FLOW_OK) {
        batch.out = batch.in + n_max * walk->n_in;
        batch.scratch = batch.out + n_max * walk->n_columns;
        status = row_walk_run(walk, writer, &out, &batch, n_max, closed, err);
    }
    if (status == FLOW_OK && walk->finish != NULL && !*closed)
        status = walk->finish(walk->context, err);
    if (status == FLOW_OK && writer != NULL && !*closed) {
        status = row_walk_ignore_closed_pipe(walk, flow_writer_finish(writer, err), closed);
        writer = NULL;
    }
    if (status == FLOW_OK && output != NULL && out.floats != NULL)
        flow_float_loss_warn(out.floats, (int)walk->n_columns, walk->columns, &walk->options->hooks);
    flow_writer_abandon(writer);
    flow_lock_release(&lock);
    free(out.floats);
    free(out.rows);
    free(batch.numbers);
    free(batch.in);
    return status;
}
