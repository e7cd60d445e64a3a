/* What rank 0 of a job does alone (num/comm.h), and the others hear of. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_ROOT_H
#define FLOW_RUN_ROOT_H

#include "num/comm.h"

/* True in a process that runs alone, too. */
static inline bool flow_is_root(const flow_comm *comm)
{
    return flow_comm_rank(comm) == 0;
}

/* The status of what rank 0 has done and its message, at all ranks; what the others pass is not used. Unlike that of
 * flow_comm_agree the message names no rank. Collective. */
flow_status flow_root_status(const flow_comm *comm, flow_status status, flow_error *err);

/* FLOW_OK when that of every rank is FLOW_OK. Else all ranks have the status and the message of the first rank with
 * another one, as that of a process that runs alone. Collective. */
flow_status flow_first_status(const flow_comm *comm, flow_status status, flow_error *err);

/* As flow_comm_agree, but a signal stops all ranks in the same way, whichever received it: FLOW_INTERRUPTED of a rank
 * is that of all, with one message. */
flow_status flow_run_agree(const flow_comm *comm, flow_status status, flow_error *err);

#endif
