/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/batch.h"

int64_t flow_batch_first(const flow_comm *comm, int64_t n, int rank)
{
    return flow_share_first_row(n, FLOW_GROUP, rank, flow_comm_size(comm));
}

flow_row_range flow_batch_share(const flow_comm *comm, int64_t n)
{
    const int rank = flow_comm_rank(comm);
    const int64_t first = flow_batch_first(comm, n, rank);
    return (flow_row_range){first, flow_batch_first(comm, n, rank + 1) - first};
}

double flow_batch_row_weight(const flow_batch *batch, const flow *f, int64_t row)
{
    if (batch->left_out != NULL && batch->left_out[row])
        return 0;
    if (batch->rows == NULL || !batch->weighted)
        return 1;
    return batch->rows[(size_t)row * batch->stride + (size_t)flow_width(f)];
}
