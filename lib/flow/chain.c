/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/chain.h"

#include <stdlib.h>
#include <string.h>

#include "num/vector.h"

flow_status flow_chain_add(flow_chain *chain, const flow_block_type *type, flow_block **out, flow_error *err)
{
    flow_block **grown = realloc(chain->blocks, ((size_t)chain->n + 1) * sizeof *grown);
    if (grown != NULL)
        chain->blocks = grown;
    flow_block *block = calloc(1, sizeof *block);
    void *state = calloc(1, type->state_size);
    if (grown == NULL || block == NULL || state == NULL) {
        free(block);
        free(state);
        return flow_error_memory(err, "a block");
    }
    block->type = type;
    block->state = state;
    chain->blocks[chain->n++] = block;
    *out = block;
    return FLOW_OK;
}

void flow_chain_release(flow_chain *chain)
{
    for (int i = 0; i < chain->n; i++) {
        flow_block *block = chain->blocks[i];
        if (block->type->release != NULL)
            block->type->release(block->state);
        free(block->state);
        free(block->linear);
        free(block);
    }
    free(chain->blocks);
    *chain = (flow_chain){0};
}

static void chain_map_whole(const flow_block *block, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    flow_visitor *visitor = flow_block_is_composite(block) ? NULL : pass->walk->visitor;
    flow_pass own = *pass;
    own.scratch = pass->walk->scratch[block->index];
    if (visitor != NULL && visitor->before != NULL)
        visitor->stopped = !visitor->before(visitor->context, block, &own, in);
    if (visitor != NULL && visitor->stopped)
        return;
    block->type->map[pass->direction](block->state, &own, in, out, logdet);
    if (visitor != NULL && visitor->after != NULL)
        visitor->stopped = !visitor->after(visitor->context, block, &own, out, logdet);
}

static void chain_whole_backward(const flow_block *block, const flow_pass *pass, const real *gout, real *gin)
{
    flow_pass own = *pass;
    own.scratch = pass->walk->scratch[block->index];
    block->type->backward[pass->direction](block->state, &own, gout, gin);
}

/* Of an elementwise block beside periodic dimensions, which pass. */
static void chain_map_linear(const flow_block *block, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    real *const *linear = pass->walk->linear;
    memcpy(out, in, (size_t)block->tile_dim * (size_t)pass->n * sizeof *out);
    if (block->dim == 0)
        return;
    flow_rows_gather(block->dim, block->linear, pass->n, in, linear[0]);
    chain_map_whole(block, pass, linear[0], linear[1], logdet);
    flow_rows_scatter(block->dim, block->linear, pass->n, linear[1], out);
}

static void chain_linear_backward(const flow_block *block, const flow_pass *pass, const real *gout, real *gin)
{
    real *const *linear = pass->walk->linear;
    memcpy(gin, gout, (size_t)block->tile_dim * (size_t)pass->n * sizeof *gin);
    if (block->dim == 0)
        return;
    flow_rows_gather(block->dim, block->linear, pass->n, gout, linear[0]);
    chain_whole_backward(block, pass, linear[0], linear[1]);
    flow_rows_scatter(block->dim, block->linear, pass->n, linear[1], gin);
}

const real *flow_chain_map(const flow_chain *chain, const flow_pass *pass, const real *in, real *x, real *y,
                           double *logdet)
{
    const flow_visitor *visitor = pass->walk->visitor;
    for (int k = 0; k < chain->n && (visitor == NULL || !visitor->stopped); k++) {
        int i = pass->direction == FLOW_TO_LATENT ? k : chain->n - 1 - k;
        real *out = k % 2 == 0 ? x : y;
        const flow_block *block = chain->blocks[i];
        (block->linear == NULL ? chain_map_whole : chain_map_linear)(block, pass, in, out, logdet);
        in = out;
    }
    return in;
}

const real *flow_chain_backward(const flow_chain *chain, const flow_pass *pass, const real *gout, real *x, real *y)
{
    for (int k = 0; k < chain->n; k++) {
        int i = pass->direction == FLOW_TO_LATENT ? chain->n - 1 - k : k;
        real *gin = k % 2 == 0 ? x : y;
        const flow_block *block = chain->blocks[i];
        (block->linear == NULL ? chain_whole_backward : chain_linear_backward)(block, pass, gout, gin);
        gout = gin;
    }
    return gout;
}

void flow_chain_map_between(const flow_chain *chain, const flow_pass *pass, const real *in, real *spare, real *out,
                            double *logdet)
{
    bool odd = chain->n % 2 == 1;
    flow_chain_map(chain, pass, in, odd ? out : spare, odd ? spare : out, logdet);
}

void flow_chain_backward_between(const flow_chain *chain, const flow_pass *pass, const real *gout, real *spare,
                                 real *gin)
{
    bool odd = chain->n % 2 == 1;
    flow_chain_backward(chain, pass, gout, odd ? gin : spare, odd ? spare : gin);
}
