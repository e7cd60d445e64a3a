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
