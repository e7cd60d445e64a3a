/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/row_share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "num/real.h"
#include "run/root.h"

/* Rows that follow each other: first those of rank 0, then in equal parts those of the others. */
typedef struct row_round {
    int64_t at;         /* rows of the walk before these */
    int64_t n;          /* 0: the rows have ended */
    int64_t first;      /* as in flow_row_batch */
    int64_t own;        /* rows of rank 0 */
    flow_status status; /* of what rank 0 has read and written */
    bool closed;        /* the reader of standard output is gone */
} row_round;

/* The rows of a round as rank 0 has read them. */
typedef struct row_store {
    row_round round;
    double *in, *weights; /* (n, n_in), (n) */
    int64_t *numbers;     /* (n) */
} row_store;

typedef struct row_share {
    row_run *run;
    const flow_comm *comm;
    int rank, size;
    flow_row_parts *parts; /* each rank reads its part; NULL: rank 0 reads */
    int64_t *counts;       /* (size) valid rows of the parts that were read last */
    int64_t unit;    /* parts consist of so many rows, */
    int64_t n_most;  /* up to this number of them, a multiple of the unit */
    size_t *bytes;   /* (size) */
    double *in;      /* (n_most, n_in): rows that rank 0 has sent; NULL at rank 0, and where it sends none */
    double *scratch; /* (n_most, n_scratch) */
    double *mapped;  /* of a part, the facts, told and out, and rows, weights and numbers if the rank has read them; at
                        rank 0 those of all parts, one after the other */
    flow_error failure;  /* of what rank 0 has read and written */
    row_store stores[2]; /* of rank 0: the round that is mapped, and the one before or behind it */
    int64_t own;         /* rows of rank 0 in the next round, where all others have n_most */
    double row_seconds;  /* that rank 0 needs to map a row, */
    double seconds;      /* and in the last round for everything else; HUGE_VAL before a round that writes */
} row_share;

/* ---- parts ---- */

static int64_t row_share_first(const row_share *share, const row_round *round, int rank)
{
    if (rank == 0)
        return 0;
    return round->own + flow_share_first_row(round->n - round->own, share->unit, rank - 1, share->size - 1);
}

static int64_t row_share_count(const row_share *share, const row_round *round, int rank)
{
    return row_share_first(share, round, rank + 1) - row_share_first(share, round, rank);
}

/* Values of what map makes of n rows, and of the rows themselves where their rank has read them. */
static size_t row_share_mapped(const row_share *share, int64_t n)
{
    const flow_row_walk *walk = share->run->walk;
    const size_t read = share->parts != NULL ? row_run_width(walk) + 2 : 0;
    return n > 0 ? walk->n_facts + (size_t)n * (walk->n_told + walk->n_columns + read) : 0;
}

/* Where n rows are in `mapped`. */
static flow_row_batch row_share_lay_out(const row_share *share, int64_t n, double *mapped)
{
    const flow_row_walk *walk = share->run->walk;
    double *told = mapped + walk->n_facts, *out = told + (size_t)n * walk->n_told;
    flow_row_batch batch = {.n = (size_t)n, .facts = mapped, .told = told, .out = out};
    if (share->parts != NULL) {
        batch.in = out + (size_t)n * walk->n_columns;
        batch.weights = batch.in + (size_t)n * row_run_width(walk);
        batch.numbers = (int64_t *)(void *)(batch.weights + n);
    }
    return batch;
}

/* The part of a rank, all rows of it, without what rank 0 has read; mapped: where what it becomes begins. */
static flow_row_batch row_share_batch(const row_share *share, const row_round *round, int rank, double *mapped)
{
    const int64_t before = row_share_first(share, round, rank), n = row_share_count(share, round, rank);
    const int64_t first = round->first - before;
    flow_row_batch batch = row_share_lay_out(share, n, mapped);
    batch.at = round->at + before;
    batch.first = (size_t)(first < 0 ? 0 : first < n ? first : n);
    return batch;
}

/* ---- memory ---- */

static flow_status row_share_make_store(const row_share *share, row_store *store, flow_error *err)
{
    const size_t n = (size_t)share->n_most * (size_t)share->size;
    store->in = calloc(n, (row_run_width(share->run->walk) + 1) * sizeof *store->in);
    store->weights = calloc(n, sizeof *store->weights);
    store->numbers = calloc(n, sizeof *store->numbers);
    return store->in != NULL && store->weights != NULL && store->numbers != NULL ? FLOW_OK
                                                                                 : flow_error_memory(err, "the rows");
}

static flow_status row_share_make(row_share *share, size_t n_usual, flow_error *err)
{
    enum { BATCHES = 4 }; /* that rank 0 holds */
    const flow_row_walk *walk = share->run->walk;
    const int64_t usual = (int64_t)n_usual, most = BATCHES * usual / share->size / share->unit * share->unit;
    const bool root = share->rank == 0, receives = !root && share->parts == NULL;
    share->n_most = most < share->unit ? share->unit : most < usual ? most : usual;
    share->own = share->n_most;
    const size_t n = (size_t)share->n_most;
    share->bytes = calloc((size_t)share->size, sizeof *share->bytes);
    share->counts = calloc((size_t)share->size, sizeof *share->counts);
    share->in = receives ? calloc(n, (walk->n_in + 1) * sizeof *share->in) : NULL;
    share->scratch = calloc(n, (walk->n_scratch + 1) * sizeof *share->scratch);
    share->mapped =
        calloc(row_share_mapped(share, share->n_most), (root ? (size_t)share->size : 1) * sizeof *share->mapped);
    if (share->bytes == NULL || share->counts == NULL || share->scratch == NULL || share->mapped == NULL ||
        (receives && share->in == NULL))
        return flow_error_memory(err, "the rows");
    for (int k = 0; k < 2 && root && share->parts == NULL; k++)
        FLOW_TRY(row_share_make_store(share, &share->stores[k], err));
    return share->parts != NULL ? flow_row_parts_limit(share->parts, share->n_most, err) : FLOW_OK;
}

static void row_share_release(row_share *share)
{
    for (int k = 0; k < 2; k++) {
        free(share->stores[k].in);
        free(share->stores[k].weights);
        free(share->stores[k].numbers);
    }
    free(share->bytes);
    free(share->counts);
    free(share->in);
    free(share->scratch);
    free(share->mapped);
}

/* ---- what rank 0 does ---- */

/* Reads the rows of the round behind `last`. */
static flow_status row_share_read(row_share *share, row_store *store, const row_round *last)
{
    const int64_t room = share->own + share->n_most * (share->size - 1);
    flow_row_batch batch = {.in = store->in, .weights = store->weights, .numbers = store->numbers};
    store->round = (row_round){.at = last->at + last->n};
    if (share->parts != NULL) {
        const int64_t left = flow_row_parts_rows(share->parts) - store->round.at;
        batch.n = (size_t)(left < room ? left : room);
    } else {
        FLOW_TRY(row_run_read(share->run, &batch, (size_t)room, &share->failure));
    }
    store->round.n = (int64_t)batch.n;
    store->round.first = (int64_t)batch.first;
    const double own = (double)share->own * (double)batch.n / (double)room;
    store->round.own = ((int64_t)own + share->unit - 1) / share->unit * share->unit;
    if (store->round.own > store->round.n)
        store->round.own = store->round.n;
    return FLOW_OK;
}

/* Rows of a part that were mapped. */
static int64_t row_share_valid(const row_share *share, const row_round *round, int rank)
{
    return share->parts != NULL ? share->counts[rank] : row_share_count(share, round, rank);
}

/* Counts and writes the parts of a round. */
static flow_status row_share_take(row_share *share, const row_store *store)
{
    const size_t n_in = share->run->walk->n_in;
    double *mapped = share->mapped;
    for (int r = 0; r < share->size && !share->run->closed; r++) {
        flow_row_batch batch = share->parts != NULL ? row_share_lay_out(share, share->counts[r], mapped)
                                                    : row_share_batch(share, &store->round, r, mapped);
        mapped += row_share_mapped(share, (int64_t)batch.n);
        if (share->parts == NULL) {
            const size_t before = (size_t)(batch.at - store->round.at);
            batch.in = store->in + before * n_in;
            batch.weights = store->weights + before;
            batch.numbers = store->numbers + before;
        }
        if (batch.n > 0)
            FLOW_TRY(row_run_take(share->run, &batch, &share->failure));
    }
    return FLOW_OK;
}

/* Plans the own part of rank 0: others map n_most rows while it spends `seconds` on something else, or less where that
 * was more than in the round before, by chance. */
static void row_share_plan(row_share *share, double seconds, bool begun)
{
    const double least = fmin(seconds, share->seconds);
    share->seconds = begun ? seconds : HUGE_VAL;
    if (!(share->row_seconds > 0))
        return;
    const double own = (double)share->n_most - least / share->row_seconds;
    share->own = own > 0 ? (int64_t)own / share->unit * share->unit : 0;
}

/* ---- what all do ---- */

/* Reads the valid rows of the part of this rank. */
static flow_status row_share_read_rows(const row_share *share, flow_row_batch *batch, flow_error *err)
{
    const int64_t end = batch->at + (int64_t)batch->n;
    flow_row_batch next = *batch;
    size_t left = batch->n;
    flow_status status = flow_row_parts_begin(share->parts, batch->at, end, err);
    /* rows that were dropped behind the last valid one are known only when no more rows come */
    for (next.n = 1; status == FLOW_OK && next.n > 0 && flow_row_parts_go_on(share->parts); left -= next.n) {
        status = row_run_read(share->run, &next, left, err);
        next.in += next.n * share->run->walk->n_in;
        next.weights += next.n;
        next.numbers += next.n;
    }
    batch->n -= left;
    return flow_row_parts_end(share->parts, status, err);
}

/* The same, and moves what was read to where so many rows are in share->mapped. */
static flow_status row_share_read_own(const row_share *share, flow_row_batch *batch, flow_error *err)
{
    const size_t all = batch->n;
    const flow_status status = row_share_read_rows(share, batch, err);
    /* what the data are is the same for every rank, whatever else goes wrong is not */
    if (status != FLOW_OK && status != FLOW_DATA && share->rank > 0)
        flow_error_prefix(err, status, "%s: ", flow_comm_name());
    if (status != FLOW_OK || batch->n == all)
        return status;
    flow_row_batch packed = row_share_lay_out(share, (int64_t)batch->n, share->mapped);
    packed.scratch = batch->scratch;
    memmove(packed.in, batch->in, batch->n * share->run->walk->n_in * sizeof *packed.in);
    memmove(packed.weights, batch->weights, batch->n * sizeof *packed.weights);
    memmove(packed.numbers, batch->numbers, batch->n * sizeof *packed.numbers);
    *batch = packed;
    return FLOW_OK;
}

/* *read: whether the part could be read; *n: its valid rows. */
static flow_status row_share_map(row_share *share, const row_round *round, double *in, flow_status *read, int64_t *n,
                                 flow_error *err)
{
    const flow_row_walk *walk = share->run->walk;
    const double began = flow_seconds();
    flow_row_batch batch = row_share_batch(share, round, share->rank, share->mapped);
    batch.scratch = share->scratch;
    if (batch.n == 0)
        return FLOW_OK;
    if (share->parts != NULL)
        *read = row_share_read_own(share, &batch, err);
    else
        batch.in = in;
    if (*read != FLOW_OK || batch.n == 0)
        return FLOW_OK;
    *n = (int64_t)batch.n;
    FLOW_TRY(walk->map(walk->context, &batch, err));
    share->row_seconds = (flow_seconds() - began) / (double)batch.n;
    return FLOW_OK;
}

/* Says of the next round what rank 0 knows, and whether there is one. */
static flow_status row_share_begin_round(row_share *share, row_round *round, flow_status status, flow_error *err)
{
    round->status = status;
    round->closed = share->run->closed;
    flow_comm_broadcast(share->comm, 0, round, sizeof *round);
    share->run->closed = round->closed;
    if (round->status == FLOW_OK)
        return FLOW_OK;
    if (share->rank == 0)
        flow_error_set(err, status, "%s", share->failure.message);
    return flow_root_status(share->comm, status, err);
}

static void row_share_scatter(const row_share *share, const row_round *round, const double *all, double *mine)
{
    const size_t n_in = share->run->walk->n_in;
    for (int r = 0; r < share->size; r++)
        share->bytes[r] = (size_t)row_share_count(share, round, r) * n_in * sizeof *all;
    if (n_in > 0 && share->parts == NULL)
        flow_comm_scatter(share->comm, 0, all, mine, share->bytes);
}

static void row_share_gather(const row_share *share, const row_round *round)
{
    for (int r = 0; r < share->size; r++)
        share->bytes[r] = row_share_mapped(share, row_share_valid(share, round, r)) * sizeof *share->mapped;
    flow_comm_gather(share->comm, 0, share->mapped, share->mapped, share->bytes);
}

static flow_status row_share_rounds(row_share *share, flow_error *err)
{
    const flow_row_walk *walk = share->run->walk;
    const bool root = share->rank == 0;
    row_store *now = &share->stores[0], *other = &share->stores[1];
    flow_status mapped = FLOW_OK, read = FLOW_OK, status = root ? row_share_read(share, now, &(row_round){0}) : FLOW_OK;
    for (bool begun = false;; begun = true) {
        if (mapped == FLOW_OK && flow_run_should_stop(&walk->options->hooks))
            mapped = FLOW_INTERRUPTED;
        if (share->parts != NULL)
            FLOW_TRY(flow_first_status(share->comm, read, err));
        FLOW_TRY(flow_run_agree(share->comm, mapped, err));
        FLOW_TRY(row_share_begin_round(share, &now->round, status, err));
        if (now->round.n == 0 || share->run->closed)
            break;
        double *in = root ? now->in : share->in;
        row_share_scatter(share, &now->round, now->in, in);
        if (!begun && walk->begin != NULL)
            FLOW_TRY(walk->begin(walk->context, err));
        double began = flow_seconds(), spent = 0;
        int64_t n = 0;
        if (root && begun)
            status = row_share_take(share, other);
        spent += flow_seconds() - began;
        if (status == FLOW_OK)
            mapped = row_share_map(share, &now->round, in, &read, &n, err);
        began = flow_seconds();
        if (root && status == FLOW_OK)
            status = row_share_read(share, other, &now->round);
        spent += flow_seconds() - began;
        if (root)
            row_share_plan(share, spent, begun);
        if (share->parts != NULL)
            FLOW_TRY(flow_row_parts_tell(share->parts, n, read == FLOW_OK, share->counts, err));
        row_share_gather(share, &now->round);
        row_store *kept = now;
        now = other;
        other = kept;
    }
    if (!root || share->run->closed)
        return FLOW_OK;
    status = row_share_take(share, other);
    if (status == FLOW_OK && share->parts != NULL)
        FLOW_TRY(flow_row_parts_finish(share->parts, err));
    if (status == FLOW_OK && !share->run->closed)
        return row_run_end(share->run, err);
    return status == FLOW_OK ? FLOW_OK : flow_error_set(err, status, "%s", share->failure.message);
}

flow_status row_share_run(row_run *run, size_t n_usual, flow_error *err)
{
    const flow_row_walk *walk = run->walk;
    row_share share = {.run = run,
                       .comm = walk->comm,
                       .seconds = HUGE_VAL,
                       .rank = flow_comm_rank(walk->comm),
                       .size = flow_comm_size(walk->comm),
                       .parts = walk->in != NULL ? walk->in->parts : NULL,
                       .unit = walk->most_rows > 0 ? 1 : FLOW_TILE};
    flow_status status = flow_comm_agree(walk->comm, row_share_make(&share, n_usual, err), err);
    if (status == FLOW_OK) {
        flow_run_begin(&walk->options->hooks);
        run->began = flow_seconds();
        status = row_share_rounds(&share, err);
    }
    row_share_release(&share);
    return status;
}
