/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/root.h"

#include <string.h>

flow_status flow_root_status(const flow_comm *comm, flow_status status, flow_error *err)
{
    flow_error why = {0};
    if (comm == NULL)
        return status;
    flow_comm_broadcast(comm, 0, &status, sizeof status);
    if (status == FLOW_OK)
        return FLOW_OK;
    if (err != NULL)
        why = *err;
    flow_comm_broadcast(comm, 0, &why, sizeof why);
    return flow_is_root(comm) ? status : flow_error_set(err, status, "%s", why.message);
}

flow_status flow_first_status(const flow_comm *comm, flow_status status, flow_error *err)
{
    const int size = flow_comm_size(comm);
    const int number = (int)flow_comm_most(comm, status != FLOW_OK ? size - flow_comm_rank(comm) : 0);
    if (number == 0 || comm == NULL)
        return status;
    flow_error why = {.code = status};
    if (flow_comm_rank(comm) == size - number && err != NULL)
        memcpy(why.message, err->message, sizeof why.message);
    flow_comm_broadcast(comm, size - number, &why, sizeof why);
    return flow_error_set(err, why.code, "%s", why.message);
}

flow_status flow_run_agree(const flow_comm *comm, flow_status status, flow_error *err)
{
    if (flow_comm_any(comm, status == FLOW_INTERRUPTED))
        return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
    return flow_comm_agree(comm, status, err);
}
