/* The inverse autoregressive block: x_i = z_i exp(s_i) + m_i with s_i and m_i, or the parameters of another univariate,
 * from z_1 ... z_i-1 (Kingma et al. 2016, eq. 10-11). Sampling is one pass of a MADE, the density is the walk: also one
 * network pass, in dim small steps, and differentiable, so that it can be trained by maximum likelihood. The order of
 * the dimensions alternates with "repeat". */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/block/autoregressive.h"

static void to_latent(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet)
{
    flow_autoregressive_walk(self, FLOW_TO_LATENT, pass, x, z, logdet);
}

static void to_data(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet)
{
    flow_autoregressive_pass(self, FLOW_TO_DATA, pass, z, x, logdet);
}

static void to_latent_backward(const void *self, const flow_pass *pass, const real *gz, real *gx)
{
    flow_autoregressive_walk_backward(self, FLOW_TO_LATENT, pass, gz, gx);
}

static void to_data_backward(const void *self, const flow_pass *pass, const real *gx, real *gz)
{
    flow_autoregressive_pass_backward(self, FLOW_TO_DATA, pass, gx, gz);
}

const flow_block_type flow_block_iaf = {
    .type = "iaf",
    .help = "inverse autoregressive: one pass for sampling, one walk for the density",
    .state_size = sizeof(flow_autoregressive),
    .options = flow_autoregressive_options,
    .configure = flow_autoregressive_configure,
    .release = flow_autoregressive_release,
    .keeps_circles = true,
    .work_size = flow_autoregressive_work_size,
    .to_latent = to_latent,
    .to_data = to_data,
    .to_latent_backward = to_latent_backward,
    .to_data_backward = to_data_backward,
    .check = flow_autoregressive_check,
};
