/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/row_walk.h"

#include <stdlib.h>

#include "core/clock.h"
#include "data/location.h"
#include "model/model.h"
#include "run/root.h"
#include "run/row_run.h"
#include "run/row_share.h"

size_t flow_batch_rows(size_t n_values)
{
    size_t rows = ((size_t)1 << 21) / (n_values > 0 ? n_values : 1);
    rows = rows > 65536 ? 65536 : rows / FLOW_TILE * FLOW_TILE;
    return rows < FLOW_TILE ? FLOW_TILE : rows;
}

const char *flow_skipped_effect(const flow_row_options *options)
{
    return options->output != NULL ? "; in the output they are rows of nan" : "";
}

/* ---- the batches ---- */

static flow_status row_walk_next(row_run *run, flow_row_batch *batch, size_t n_max, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    if (flow_run_should_stop(&walk->options->hooks))
        return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
    FLOW_TRY(row_run_read(run, batch, n_max, err));
    if (batch->n == 0)
        return row_run_end(run, err);
    if (batch->at == 0 && walk->begin != NULL)
        FLOW_TRY(walk->begin(walk->context, err));
    FLOW_TRY(walk->map(walk->context, batch, err));
    return row_run_take(run, batch, err);
}

/* Rows of a batch, at most. */
static size_t row_walk_most(const flow_row_walk *walk)
{
    const size_t width = row_run_width(walk), n_out = walk->n_columns + walk->n_told;
    const size_t usual = flow_batch_rows(width > n_out ? width : n_out);
    return walk->most_rows > 0 && walk->most_rows < usual ? walk->most_rows : usual;
}

/* Of a process that runs alone. */
static flow_status row_walk_run(row_run *run, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    const size_t width = row_run_width(walk), n_max = row_walk_most(walk);
    const size_t n_values =
        n_max * (width + walk->n_columns + walk->n_told + walk->n_scratch + 1) + walk->n_facts;
    flow_row_batch batch = {.in = calloc(n_values, sizeof *batch.in),
                            .numbers = calloc(n_max, sizeof *batch.numbers)};
    flow_status status = FLOW_OK;
    if (batch.in != NULL && batch.numbers != NULL) {
        batch.weights = batch.in + n_max * width;
        batch.facts = batch.weights + n_max;
        batch.told = batch.facts + walk->n_facts;
        batch.out = batch.told + n_max * walk->n_told;
        batch.scratch = batch.out + n_max * walk->n_columns;
        flow_run_begin(&walk->options->hooks);
        run->began = flow_seconds();
        do {
            batch.at += (int64_t)batch.n;
            status = row_walk_next(run, &batch, n_max, err);
        } while (status == FLOW_OK && batch.n > 0 && !run->closed);
    } else {
        status = flow_error_memory(err, "the rows");
    }
    free(batch.in);
    free(batch.numbers);
    return status;
}

/* ---- the walk ---- */

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

static flow_status row_walk_open(row_run *run, flow_lock *lock, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    const flow_writer_options options = {.as_float = walk->options->as_float,
                                         .careful = !walk->options->sources.force,
                                         .keep = true,
                                         .picture = walk->picture};
    FLOW_TRY(row_run_make(run, err));
    if (flow_run_file(walk->options->output) != NULL)
        FLOW_TRY(row_walk_claim(lock, walk, err));
    return walk->options->output == NULL ? FLOW_OK
                                         : flow_writer_open(&run->writer, walk->options->output, walk->columns,
                                                            (int)walk->n_columns, &options, err);
}

flow_status flow_walk_rows(const flow_row_walk *walk, bool *closed, flow_error *err)
{
    row_run run = {.walk = walk, .progress = {.total = walk->total}};
    flow_lock lock = {0};
    const bool root = flow_is_root(walk->comm);
    flow_status status = flow_root_status(walk->comm, root ? row_walk_open(&run, &lock, err) : FLOW_OK, err);
    if (status == FLOW_OK)
        status = walk->comm == NULL ? row_walk_run(&run, err) : row_share_run(&run, row_walk_most(walk), err);
    if (root && status == FLOW_OK && walk->finish != NULL && !run.closed)
        status = walk->finish(walk->context, err);
    if (root && status == FLOW_OK && !run.closed)
        status = row_run_finish(&run, err);
    status = flow_root_status(walk->comm, status, err);
    flow_comm_broadcast(walk->comm, 0, &run.closed, sizeof run.closed);
    *closed = run.closed;
    row_run_release(&run);
    flow_lock_release(&lock);
    return status;
}
