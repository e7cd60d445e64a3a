/* The processes of a job that MPI started: num/comm.h for flowctl-mpi. Part of no library: see the Makefile.
 *
 * Data move as bytes, in pieces of at most COMM_PIECE, since MPI counts with int. Parts of different sizes go from rank
 * to rank without a collective function, because no rank knows the sizes of all parts.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "num/comm.h"
#include "num/profile.h"

/* Tests take a small one. */
#ifndef FLOW_COMM_PIECE
#define FLOW_COMM_PIECE (1 << 30)
#endif
enum { COMM_PIECE = FLOW_COMM_PIECE };

struct flow_comm {
    MPI_Comm all;
    MPI_Comm meeting; /* of flow_comm_meet alone: the other ranks may be in any function on `all` */
    int rank, size;
    char name[MPI_MAX_PROCESSOR_NAME + 32], library[64];
    int *counts, *offsets;   /* (size) */
    size_t *sent, *received; /* (size) */
    MPI_Request *requests;   /* (2, size) */
    bool started, alone;
    int code; /* of the whole job, after flow_comm_meet */
};
static flow_comm comm_world = {.size = 1};

/* ---- the whole job ---- */

/* "Open MPI v4.1.4, package: ..." and "MPICH Version:\t4.0.2\n...": the name and the number. */
static void comm_name_library(char *out, size_t size)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING + 1] = "";
    int length = 0;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\n")] = '\0';
    out[0] = '\0';
    for (char *rest = NULL, *word = strtok_r(text, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        const bool number = word[0] == 'v' && word[1] >= '0' && word[1] <= '9';
        const size_t used = strlen(out);
        if (strcmp(word, "Version:") != 0)
            snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", word + number);
    }
}

static flow_status comm_take_scratch(flow_comm *c, flow_error *err)
{
    const size_t n = (size_t)c->size;
    c->counts = calloc(n, sizeof *c->counts);
    c->offsets = calloc(n, sizeof *c->offsets);
    c->sent = calloc(n, sizeof *c->sent);
    c->received = calloc(n, sizeof *c->received);
    c->requests = calloc(2 * n, sizeof *c->requests);
    if (c->counts == NULL || c->offsets == NULL || c->sent == NULL || c->received == NULL || c->requests == NULL)
        return flow_error_memory(err, "the ranks of this job");
    return FLOW_OK;
}

flow_status flow_comm_start(int *argc, char ***argv, flow_error *err)
{
    flow_comm *c = &comm_world;
    if (c->started)
        return FLOW_OK;
    int provided = 0, length = 0;
    char machine[MPI_MAX_PROCESSOR_NAME + 1] = "";
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_dup(MPI_COMM_WORLD, &c->all);
    MPI_Comm_dup(MPI_COMM_WORLD, &c->meeting);
    MPI_Comm_rank(c->all, &c->rank);
    MPI_Comm_size(c->all, &c->size);
    MPI_Get_processor_name(machine, &length);
    comm_name_library(c->library, sizeof c->library);
    snprintf(c->name, sizeof c->name, "rank %d on %s", c->rank, machine);
    c->started = true;
    if (provided < MPI_THREAD_FUNNELED)
        return flow_error_set(err, FLOW_ARGUMENT, "%s was built without threads; use a build of it that has them",
                              c->library);
    return comm_take_scratch(c, err);
}

const flow_comm *flow_comm_world(void)
{
    return comm_world.size > 1 ? &comm_world : NULL;
}

const char *flow_comm_name(void)
{
    return comm_world.size > 1 ? comm_world.name : NULL;
}

const char *flow_comm_library(void)
{
    if (comm_world.library[0] == '\0')
        comm_name_library(comm_world.library, sizeof comm_world.library);
    return comm_world.library;
}

/* Whether the request is complete within `seconds`. The processor is left to other ranks meanwhile. */
static bool comm_wait(MPI_Request *request, double seconds)
{
    const long shortest = 500000, longest = 20000000; /* nanoseconds */
    const double end = flow_seconds() + seconds;
    for (struct timespec pause = {.tv_nsec = shortest};; nanosleep(&pause, NULL)) {
        int complete = 0;
        MPI_Test(request, &complete, MPI_STATUS_IGNORE);
        if (complete)
            return true;
        if (flow_seconds() > end)
            return false;
        if (pause.tv_nsec < longest)
            pause.tv_nsec += pause.tv_nsec / 4;
    }
}

bool flow_comm_meet(int code)
{
    flow_comm *c = &comm_world;
    c->code = code;
    if (c->size == 1)
        return true;
    /* The worst kind of end, with the first rank that has it; the largest status of a failure, and of a signal. */
    enum { KIND, FAILURE, SIGNAL, N };
    const bool failed = code != 0 && code < 128;
    const int kind = failed ? 2 : code != 0;
    /* static: where the others do not come, the request stays open */
    static int64_t mine[N], all[N];
    static MPI_Request request;
    mine[KIND] = ((int64_t)kind << 32) + c->size - 1 - c->rank;
    mine[FAILURE] = failed ? code : 0;
    mine[SIGNAL] = failed ? 0 : code;
    MPI_Iallreduce(mine, all, N, MPI_INT64_T, MPI_MAX, c->meeting, &request);
    /* Of several ranks that fail while others go on the first one speaks, and ends the rest before they do. */
    const double patience = code == 0 ? HUGE_VAL : 5 + 0.1 * (c->rank < 50 ? c->rank : 50);
    c->alone = !comm_wait(&request, patience); /* NOLINT(clang-analyzer-optin.mpi.MPI-Checker) */
    if (c->alone)
        return true;
    c->code = (int)(all[FAILURE] != 0 ? all[FAILURE] : all[SIGNAL]);
    return c->rank == 0 || c->rank == c->size - 1 - (int)(all[KIND] & INT32_MAX);
}

int flow_comm_finish(int code)
{
    flow_comm *c = &comm_world;
    if (!c->started)
        return code;
    if (c->alone)
        MPI_Abort(c->all, code > 128 ? code : 1);
    MPI_Comm_free(&c->meeting);
    MPI_Comm_free(&c->all);
    MPI_Finalize();
    free(c->counts);
    free(c->offsets);
    free(c->sent);
    free(c->received);
    free(c->requests);
    const int status = c->size > 1 ? c->code : code;
    comm_world = (flow_comm){.size = 1};
    return status;
}

/* ---- who ---- */

int flow_comm_rank(const flow_comm *comm)
{
    return comm != NULL ? comm->rank : 0;
}

int flow_comm_size(const flow_comm *comm)
{
    return comm != NULL ? comm->size : 1;
}

/* ---- what they tell each other ---- */

/* Messages are a phase of their own in a profile, whatever the phase is that they are for. */
static flow_profile_place comm_begin(void)
{
    const flow_profile_place place = flow_profile_where();
    if (place.profile != NULL)
        flow_profile_enter(place.profile, FLOW_PHASE_RANKS);
    return place;
}

static void comm_end(const flow_profile_place *place)
{
    if (place->profile != NULL)
        flow_profile_enter(place->profile, place->phase);
}

void flow_comm_broadcast(const flow_comm *comm, int root, void *data, size_t bytes)
{
    if (comm == NULL)
        return;
    const flow_profile_place place = comm_begin();
    for (size_t done = 0, piece; done < bytes; done += piece) {
        piece = bytes - done < COMM_PIECE ? bytes - done : COMM_PIECE;
        MPI_Bcast((char *)data + done, (int)piece, MPI_BYTE, root, comm->all);
    }
    comm_end(&place);
}

/* The piece of a part that is moved in a round. */
static size_t comm_piece(size_t bytes, size_t done)
{
    return bytes <= done ? 0 : bytes - done < COMM_PIECE ? bytes - done : COMM_PIECE;
}

/* Every pair of ranks moves one piece in a round, as long as it has one. Messages from one rank to another arrive in
 * order, so no piece is taken for another. */
void flow_comm_exchange(const flow_comm *comm, const void *from, const size_t *sent, void *to, const size_t *received)
{
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    size_t from_me = 0, to_me = 0, most = 0;
    for (int r = 0; r < rank; r++) {
        from_me += sent[r];
        to_me += received[r];
    }
    if (sent[rank] > 0)
        memmove((char *)to + to_me, (const char *)from + from_me, sent[rank]);
    if (comm == NULL)
        return;
    const flow_profile_place place = comm_begin();
    for (int r = 0; r < size; r++) {
        most = r != rank && sent[r] > most ? sent[r] : most;
        most = r != rank && received[r] > most ? received[r] : most;
    }
    for (size_t done = 0; done < most; done += COMM_PIECE) {
        int n = 0;
        size_t offset = 0;
        for (int r = 0; r < size; offset += received[r++]) {
            const size_t piece = r != rank ? comm_piece(received[r], done) : 0;
            if (piece > 0)
                MPI_Irecv((char *)to + offset + done, (int)piece, MPI_BYTE, r, 0, comm->all, &comm->requests[n++]);
        }
        offset = 0;
        for (int r = 0; r < size; offset += sent[r++]) {
            const size_t piece = r != rank ? comm_piece(sent[r], done) : 0;
            if (piece > 0)
                MPI_Isend((const char *)from + offset + done, (int)piece, MPI_BYTE, r, 0, comm->all,
                          &comm->requests[n++]);
        }
        MPI_Waitall(n, comm->requests, MPI_STATUSES_IGNORE);
    }
    comm_end(&place);
}

void flow_comm_gather_all(const flow_comm *comm, const void *mine, void *all, const size_t *bytes)
{
    const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
    size_t total = 0, before = 0;
    for (int r = 0; r < size; r++) {
        before += r < rank ? bytes[r] : 0;
        total += bytes[r];
    }
    if (comm != NULL && total <= COMM_PIECE) {
        int offset = 0;
        for (int r = 0; r < size; offset += comm->counts[r++]) {
            comm->counts[r] = (int)bytes[r];
            comm->offsets[r] = offset;
        }
        const void *from = mine == (const char *)all + before ? MPI_IN_PLACE : mine;
        MPI_Allgatherv(from, (int)bytes[rank], MPI_BYTE, all, comm->counts, comm->offsets, MPI_BYTE, comm->all);
        return;
    }
    if (bytes[rank] > 0)
        memmove((char *)all + before, mine, bytes[rank]);
    size_t offset = 0;
    for (int r = 0; r < size; offset += bytes[r++])
        flow_comm_broadcast(comm, r, (char *)all + offset, bytes[r]);
}

void flow_comm_gather(const flow_comm *comm, int root, const void *mine, void *all, const size_t *bytes)
{
    if (comm == NULL) {
        flow_comm_gather_all(NULL, mine, all, bytes);
        return;
    }
    memset(comm->sent, 0, (size_t)comm->size * sizeof *comm->sent);
    memset(comm->received, 0, (size_t)comm->size * sizeof *comm->received);
    comm->sent[root] = bytes[comm->rank];
    flow_comm_exchange(comm, mine, comm->sent, all, comm->rank == root ? bytes : comm->received);
}

void flow_comm_scatter(const flow_comm *comm, int root, const void *all, void *mine, const size_t *bytes)
{
    if (comm == NULL) {
        flow_comm_gather_all(NULL, all, mine, bytes);
        return;
    }
    memset(comm->sent, 0, (size_t)comm->size * sizeof *comm->sent);
    memset(comm->received, 0, (size_t)comm->size * sizeof *comm->received);
    comm->received[root] = bytes[comm->rank];
    flow_comm_exchange(comm, all, comm->rank == root ? bytes : comm->sent, mine, comm->received);
}

bool flow_comm_any(const flow_comm *comm, bool flag)
{
    return flow_comm_most(comm, flag) != 0;
}

static int64_t comm_reduce(const flow_comm *comm, int64_t value, MPI_Op how)
{
    int64_t all = value;
    if (comm == NULL)
        return all;
    const flow_profile_place place = comm_begin();
    MPI_Allreduce(&value, &all, 1, MPI_INT64_T, how, comm->all);
    comm_end(&place);
    return all;
}

int64_t flow_comm_sum_int(const flow_comm *comm, int64_t value)
{
    return comm_reduce(comm, value, MPI_SUM);
}

int64_t flow_comm_most(const flow_comm *comm, int64_t value)
{
    return comm_reduce(comm, value, MPI_MAX);
}

flow_status flow_comm_agree(const flow_comm *comm, flow_status status, flow_error *err)
{
    if (comm == NULL)
        return status;
    /* The first rank that failed has the largest number. */
    const int64_t number = flow_comm_most(comm, status != FLOW_OK ? comm->size - comm->rank : 0);
    if (number == 0)
        return FLOW_OK;
    const int first = comm->size - (int)number;
    flow_error why = {.code = status};
    if (status != FLOW_OK && err != NULL)
        memcpy(why.message, err->message, sizeof why.message);
    flow_error mine = why;
    flow_comm_broadcast(comm, first, &why, sizeof why);
    const bool differs = status != why.code || strcmp(mine.message, why.message) != 0;
    char name[sizeof comm->name];
    memcpy(name, comm->name, sizeof name);
    flow_comm_broadcast(comm, first, name, sizeof name);
    const bool alone = flow_comm_any(comm, differs);
    flow_error_set(err, why.code, "%s", why.message);
    return alone ? flow_error_prefix(err, why.code, "%s: ", name) : why.code;
}
