/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/nfe.h"

int flow_n_solvers(const flow *f)
{
    int n = 0;
    for (int i = 0; i < f->n_blocks; i++)
        n += f->blocks[i]->type->velocity != NULL;
    return n;
}

void flow_nfe_count(flow_nfe *sum, const flow_workspace *ws, int n_rows)
{
    for (int j = 0; j < n_rows; j++) {
        int64_t n = ws->evaluations[j];
        sum->rows += n > 0;
        sum->evaluations += n;
        sum->most = n > sum->most ? n : sum->most;
    }
}

void flow_nfe_add(flow_nfe *sum, const flow_nfe *other)
{
    sum->rows += other->rows;
    sum->evaluations += other->evaluations;
    sum->most = other->most > sum->most ? other->most : sum->most;
}

double flow_nfe_mean(const flow_nfe *nfe, const flow *f)
{
    return nfe->rows == 0 ? 0 : (double)nfe->evaluations / ((double)nfe->rows * flow_n_solvers(f));
}

double flow_nfe_most(const flow_nfe *nfe, const flow *f)
{
    return nfe->rows == 0 ? 0 : (double)nfe->most / flow_n_solvers(f);
}
