/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/batches.h"

#include <stdlib.h>

#include "core/clock.h"
#include "num/real.h"

size_t flow_batch_rows(size_t n_values)
{
    size_t rows = ((size_t)1 << 21) / (n_values > 0 ? n_values : 1);
    rows = rows > 65536 ? 65536 : rows / FLOW_TILE * FLOW_TILE;
    return rows < FLOW_TILE ? FLOW_TILE : rows;
}

static void batches_progress(const flow_batches *walk, int64_t done, double began, const flow_run_hooks *hooks)
{
    const flow_run_progress progress = {done, walk->total, flow_seconds() - began};
    if (hooks->progress != NULL)
        hooks->progress(hooks->context, &progress);
}

flow_status flow_batches_run(const flow_batches *walk, flow_sink *out, const flow_run_hooks *hooks, flow_error *err)
{
    size_t n_max = flow_batch_rows(walk->n_in > walk->n_out ? walk->n_in : walk->n_out);
    double *values = calloc(n_max, (walk->n_in + walk->n_out + walk->n_scratch) * sizeof *values);
    flow_batch batch = {.numbers = calloc(n_max, sizeof *batch.numbers)};
    flow_status status = FLOW_OK;
    if (values == NULL || batch.numbers == NULL) {
        status = flow_error_memory(err, "the rows");
        goto done;
    }
    batch.in = values;
    batch.out = batch.in + n_max * walk->n_in;
    batch.scratch = batch.out + n_max * walk->n_out;
    flow_run_begin(hooks);
    double began = flow_seconds();
    int64_t done = 0;
    while (!out->closed) {
        if (flow_run_should_stop(hooks)) {
            status = flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
            break;
        }
        batch.n = batch.first = 0;
        status = walk->read(walk->context, &batch, n_max, err);
        if (status != FLOW_OK || batch.n == 0)
            break;
        walk->map(walk->context, &batch);
        status = flow_sink_write(out, batch.out + batch.first * walk->n_out, batch.n - batch.first, err);
        if (status != FLOW_OK)
            break;
        done += (int64_t)(batch.n - batch.first);
        batches_progress(walk, done, began, hooks);
    }
done:
    free(batch.numbers);
    free(values);
    return status;
}
