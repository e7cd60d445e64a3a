/* One process: what num/comm.h says of a job of one rank. Programs get it with the library, unless they are linked with
 * comm_mpi.o. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "num/comm.h"

flow_status flow_comm_start(int *argc, char ***argv, flow_error *err)
{
    (void)argc;
    (void)argv;
    (void)err;
    return FLOW_OK;
}

const flow_comm *flow_comm_world(void)
{
    return NULL;
}

bool flow_comm_meet(int code)
{
    (void)code;
    return true;
}

int flow_comm_finish(int code)
{
    return code;
}

const char *flow_comm_library(void)
{
    return NULL;
}

const char *flow_comm_name(void)
{
    return NULL;
}

int flow_comm_rank(const flow_comm *comm)
{
    (void)comm;
    return 0;
}

int flow_comm_size(const flow_comm *comm)
{
    (void)comm;
    return 1;
}

/* What this process sends itself. */
static void comm_copy(void *to, const void *from, size_t bytes)
{
    if (bytes > 0 && to != from)
        memcpy(to, from, bytes);
}

void flow_comm_broadcast(const flow_comm *comm, int root, void *data, size_t bytes)
{
    (void)comm;
    (void)root;
    (void)data;
    (void)bytes;
}

void flow_comm_exchange(const flow_comm *comm, const void *from, const size_t *sent, void *to, const size_t *received)
{
    (void)comm;
    (void)received;
    comm_copy(to, from, sent[0]);
}

void flow_comm_gather_all(const flow_comm *comm, const void *mine, void *all, const size_t *bytes)
{
    (void)comm;
    comm_copy(all, mine, bytes[0]);
}

void flow_comm_gather(const flow_comm *comm, int root, const void *mine, void *all, const size_t *bytes)
{
    (void)comm;
    (void)root;
    comm_copy(all, mine, bytes[0]);
}

void flow_comm_scatter(const flow_comm *comm, int root, const void *all, void *mine, const size_t *bytes)
{
    (void)comm;
    (void)root;
    comm_copy(mine, all, bytes[0]);
}

bool flow_comm_any(const flow_comm *comm, bool flag)
{
    (void)comm;
    return flag;
}

int64_t flow_comm_sum_int(const flow_comm *comm, int64_t value)
{
    (void)comm;
    return value;
}

int64_t flow_comm_most(const flow_comm *comm, int64_t value)
{
    (void)comm;
    return value;
}

flow_status flow_comm_agree(const flow_comm *comm, flow_status status, flow_error *err)
{
    (void)comm;
    (void)err;
    return status;
}
