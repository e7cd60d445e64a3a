/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/chain.h"

#include <stdlib.h>
#include <string.h>

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
        free(block);
    }
    free(chain->blocks);
    *chain = (flow_chain){0};
}

static void chain_map_block(const flow_block *block, const flow_pass *pass, const real *in, real *out, double *logdet)
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

static void chain_block_backward(const flow_block *block, const flow_pass *pass, const real *gout, real *gin)
{
    flow_pass own = *pass;
    own.scratch = pass->walk->scratch[block->index];
    block->type->backward[pass->direction](block->state, &own, gout, gin);
}

const real *flow_chain_map(const flow_chain *chain, const flow_pass *pass, const real *in, real *x, real *y,
                           double *logdet)
{
    const flow_visitor *visitor = pass->walk->visitor;
    for (int k = 0; k < chain->n && (visitor == NULL || !visitor->stopped); k++) {
        int i = pass->direction == FLOW_TO_LATENT ? k : chain->n - 1 - k;
        real *out = k % 2 == 0 ? x : y;
        chain_map_block(chain->blocks[i], pass, in, out, logdet);
        in = out;
    }
    return in;
}

const real *flow_chain_backward(const flow_chain *chain, const flow_pass *pass, const real *gout, real *x, real *y)
{
    for (int k = 0; k < chain->n; k++) {
        int i = pass->direction == FLOW_TO_LATENT ? chain->n - 1 - k : k;
        real *gin = k % 2 == 0 ? x : y;
        chain_block_backward(chain->blocks[i], pass, gout, gin);
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
