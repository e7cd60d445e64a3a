/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/root.h"

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

flow_status flow_run_agree(const flow_comm *comm, flow_status status, flow_error *err)
{
    if (flow_comm_any(comm, status == FLOW_INTERRUPTED))
        return flow_error_set(err, FLOW_INTERRUPTED, "stopped by a signal");
    return flow_comm_agree(comm, status, err);
}
