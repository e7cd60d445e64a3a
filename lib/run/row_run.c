/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/row_run.h"

#include <math.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/text.h"
#include "run/format.h"

/* EPIPE on standard output is a success that ends the rows. */
static flow_status row_run_ignore_closed_pipe(row_run *run, flow_status status)
{
    run->closed = status != FLOW_OK && flow_is_standard(run->walk->options->output) && flow_output_is_closed();
    return run->closed ? FLOW_OK : status;
}

flow_status row_run_make(row_run *run, flow_error *err)
{
    enum { VALUES = 4096 };
    const flow_row_walk *walk = run->walk;
    run->n_skipped = walk->n_columns < VALUES ? VALUES / walk->n_columns : 1;
    if (walk->options->as_float)
        run->floats = calloc(walk->n_columns, sizeof *run->floats);
    if (walk->options->as_float && run->floats == NULL)
        return flow_error_memory(err, "the rows");
    if (walk->in == NULL || !walk->options->skip_invalid)
        return FLOW_OK;
    const size_t n = run->n_skipped * walk->n_columns;
    run->skipped = malloc(n * sizeof *run->skipped);
    for (size_t i = 0; run->skipped != NULL && i < n; i++)
        run->skipped[i] = (double)NAN;
    return run->skipped != NULL ? FLOW_OK : flow_error_memory(err, "the rows");
}

void row_run_release(row_run *run)
{
    flow_writer_abandon(run->writer);
    free(run->floats);
    free(run->skipped);
}

/* ---- what is read ---- */

size_t row_run_width(const flow_row_walk *walk)
{
    return walk->in != NULL ? (size_t)walk->in->n_columns : walk->n_in;
}

flow_status row_run_read(const row_run *run, flow_row_batch *batch, size_t n_max, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    batch->n = batch->first = 0;
    if (walk->in == NULL)
        return walk->read(walk->context, batch, n_max, err);
    FLOW_TRY(flow_input_read(walk->in, batch->in, batch->numbers, n_max, &batch->n, err));
    flow_input_split(walk->in, walk->n_in, batch->n, batch->in, batch->weights);
    return FLOW_OK;
}

/* ---- what is written ---- */

/* Writes rows of NaN up to row `number` of the input. */
static flow_status row_run_skip(row_run *run, int64_t number, flow_error *err)
{
    while (run->next < number) {
        const int64_t left = number - run->next;
        const size_t n = left < (int64_t)run->n_skipped ? (size_t)left : run->n_skipped;
        FLOW_TRY(flow_writer_write(run->writer, run->skipped, n, err));
        run->next += (int64_t)n;
    }
    return FLOW_OK;
}

static flow_status row_run_write(row_run *run, const flow_row_batch *batch, flow_error *err)
{
    const size_t d = run->walk->n_columns, n = batch->n - batch->first;
    const double *rows = batch->out + batch->first * d;
    if (run->floats != NULL)
        flow_float_loss_add(run->floats, (int)d, rows, n);
    if (run->skipped == NULL)
        return flow_writer_write(run->writer, rows, n, err);
    for (size_t i = 0, m; i < n; i += m) { /* rows that follow each other */
        FLOW_TRY(row_run_skip(run, batch->numbers[i], err));
        for (m = 1; i + m < n && batch->numbers[i + m] == batch->numbers[i] + (int64_t)m;)
            m++;
        FLOW_TRY(flow_writer_write(run->writer, rows + i * d, m, err));
        run->next += (int64_t)m;
    }
    return FLOW_OK;
}

flow_status row_run_take(row_run *run, flow_row_batch *batch, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    const flow_run_hooks *hooks = &walk->options->hooks;
    walk->count(walk->context, batch);
    if (run->writer != NULL)
        FLOW_TRY(row_run_ignore_closed_pipe(run, row_run_write(run, batch, err)));
    run->progress.rows += (int64_t)(batch->n - batch->first);
    run->progress.seconds = flow_seconds() - run->began;
    if (hooks->progress != NULL)
        hooks->progress(hooks->context, &run->progress);
    return FLOW_OK;
}

flow_status row_run_end(row_run *run, flow_error *err)
{
    const flow_reader *reader = run->walk->in != NULL ? run->walk->in->reader : NULL;
    char count[FLOW_FORMAT_SIZE];
    if (reader != NULL && run->progress.rows == 0 && reader->n_skipped > 0)
        return flow_error_set(err, FLOW_DATA, "%s: no row can be used; all %s are invalid", reader->name,
                              flow_format_count(count, reader->n_skipped));
    if (run->skipped == NULL || run->writer == NULL)
        return FLOW_OK;
    return row_run_ignore_closed_pipe(run, row_run_skip(run, flow_reader_tell(reader).row, err));
}

flow_status row_run_finish(row_run *run, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    flow_writer *writer = run->writer;
    run->writer = NULL;
    if (writer != NULL)
        FLOW_TRY(row_run_ignore_closed_pipe(run, flow_writer_finish(writer, err)));
    if (walk->options->output != NULL && run->floats != NULL)
        flow_float_loss_warn(run->floats, (int)walk->n_columns, walk->columns, &walk->options->hooks);
    return FLOW_OK;
}
