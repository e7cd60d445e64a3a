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

static bool chain_computes_again(const flow_block *block, const flow_pass *pass)
{
    return pass->walk->inputs != NULL && pass->keep && !flow_block_is_composite(block);
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
    if (chain_computes_again(block, pass)) {
        own.keep = false;
        memcpy(pass->walk->inputs[block->index], in, (size_t)block->dim * (size_t)pass->n * sizeof *in);
    }
    block->type->map[pass->direction](block->state, &own, in, out, logdet);
    if (visitor != NULL && visitor->after != NULL)
        visitor->stopped = !visitor->after(visitor->context, block, &own, out, logdet);
}

static void chain_whole_backward(const flow_block *block, const flow_pass *pass, const real *gout, real *gin)
{
    flow_pass own = *pass;
    own.scratch = pass->walk->scratch[block->index];
    if (chain_computes_again(block, pass)) {
        flow_pass again = own;
        again.variance = again.penalty = NULL;
        again.evaluations = NULL;
        block->type->map[pass->direction](block->state, &again, pass->walk->inputs[block->index], pass->walk->again,
                                          pass->walk->again_logdet);
    }
    block->type->backward[pass->direction](block->state, &own, gout, gin);
}

/* Of an elementwise block beside periodic dimensions, which pass. */
static void chain_map_linear(const flow_block *block, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    real *const *view = pass->walk->view;
    memcpy(out, in, (size_t)block->tile_dim * (size_t)pass->n * sizeof *out);
    if (block->dim == 0)
        return;
    flow_rows_gather(block->dim, block->linear, pass->n, in, view[0]);
    chain_map_whole(block, pass, view[0], view[1], logdet);
    flow_rows_scatter(block->dim, block->linear, pass->n, view[1], out);
}

static void chain_linear_backward(const flow_block *block, const flow_pass *pass, const real *gout, real *gin)
{
    real *const *view = pass->walk->view;
    memcpy(gin, gout, (size_t)block->tile_dim * (size_t)pass->n * sizeof *gin);
    if (block->dim == 0)
        return;
    flow_rows_gather(block->dim, block->linear, pass->n, gout, view[0]);
    chain_whole_backward(block, pass, view[0], view[1]);
    flow_rows_scatter(block->dim, block->linear, pass->n, view[1], gin);
}

/* Of a pixelwise block: (pixels, channels, n) to (channels, pixels, n). */
static void chain_gather_pixels(const flow_block *block, int n, const real *tile, real *view)
{
    for (int c = 0; c < block->dim; c++)
        for (int p = 0; p < block->pixels; p++, view += n)
            memcpy(view, tile + ((size_t)p * (size_t)block->dim + (size_t)c) * (size_t)n, (size_t)n * sizeof *view);
}

static void chain_scatter_pixels(const flow_block *block, int n, const real *view, real *tile)
{
    for (int c = 0; c < block->dim; c++)
        for (int p = 0; p < block->pixels; p++, view += n)
            memcpy(tile + ((size_t)p * (size_t)block->dim + (size_t)c) * (size_t)n, view, (size_t)n * sizeof *view);
}

/* The block that a walk passes as its k-th one, counted from 0; `back`: a backward. */
static const flow_block *chain_block_at(const flow_chain *chain, const flow_pass *pass, bool back, int k)
{
    return chain->blocks[(pass->direction == FLOW_TO_LATENT) != back ? k : chain->n - 1 - k];
}

/* How many blocks a walk takes in one go from the k-th one on: pixelwise ones that follow one another share the layout
 * of their tiles; of others it takes one. */
static int chain_together(const flow_chain *chain, const flow_pass *pass, bool back, int k)
{
    int count = 0;
    while (k + count < chain->n && chain_block_at(chain, pass, back, k + count)->pixels > 1)
        count++;
    return count > 0 ? count : 1;
}

static void chain_map_pixels(const flow_chain *chain, const flow_pass *pass, int k, int count, const real *in,
                             real *out, double *logdet)
{
    const flow_walk *walk = pass->walk;
    const flow_block *block = chain_block_at(chain, pass, false, k);
    flow_pass own = *pass;
    own.n = pass->n * block->pixels;
    memset(walk->pixel_logdet, 0, (size_t)own.n * sizeof *walk->pixel_logdet);
    chain_gather_pixels(block, pass->n, in, walk->view[0]);
    for (int i = 0; i < count && (walk->visitor == NULL || !walk->visitor->stopped); i++)
        chain_map_whole(chain_block_at(chain, pass, false, k + i), &own, walk->view[i % 2], walk->view[(i + 1) % 2],
                        walk->pixel_logdet);
    chain_scatter_pixels(block, pass->n, walk->view[count % 2], out);
    const double *of_pixel = walk->pixel_logdet;
    for (int p = 0; p < block->pixels; p++, of_pixel += pass->n)
        for (int j = 0; j < pass->n; j++)
            logdet[j] += of_pixel[j];
}

static void chain_pixels_backward(const flow_chain *chain, const flow_pass *pass, int k, int count, const real *gout,
                                  real *gin)
{
    const flow_walk *walk = pass->walk;
    const flow_block *block = chain_block_at(chain, pass, true, k);
    flow_tape tape;
    flow_pass own = *pass;
    own.n = pass->n * block->pixels;
    own.glogdet = walk->pixel_glogdet;
    if (pass->tape != NULL) {
        tape = *pass->tape;
        tape.n = own.n;
        own.tape = &tape;
    }
    for (int p = 0; p < block->pixels; p++)
        memcpy(walk->pixel_glogdet + (size_t)p * (size_t)pass->n, pass->glogdet,
               (size_t)pass->n * sizeof *pass->glogdet);
    chain_gather_pixels(block, pass->n, gout, walk->view[0]);
    for (int i = 0; i < count; i++)
        chain_whole_backward(chain_block_at(chain, pass, true, k + i), &own, walk->view[i % 2],
                             walk->view[(i + 1) % 2]);
    chain_scatter_pixels(block, pass->n, walk->view[count % 2], gin);
}

const real *flow_chain_map(const flow_chain *chain, const flow_pass *pass, const real *in, real *x, real *y,
                           double *logdet)
{
    const flow_visitor *visitor = pass->walk->visitor;
    for (int k = 0, count; k < chain->n && (visitor == NULL || !visitor->stopped); k += count) {
        const flow_block *block = chain_block_at(chain, pass, false, k);
        count = chain_together(chain, pass, false, k);
        real *out = (k + count) % 2 == 1 ? x : y;
        if (block->linear != NULL)
            chain_map_linear(block, pass, in, out, logdet);
        else if (block->pixels > 1)
            chain_map_pixels(chain, pass, k, count, in, out, logdet);
        else
            chain_map_whole(block, pass, in, out, logdet);
        in = out;
    }
    return in;
}

const real *flow_chain_backward(const flow_chain *chain, const flow_pass *pass, const real *gout, real *x, real *y)
{
    for (int k = 0, count; k < chain->n; k += count) {
        const flow_block *block = chain_block_at(chain, pass, true, k);
        count = chain_together(chain, pass, true, k);
        real *gin = (k + count) % 2 == 1 ? x : y;
        if (block->linear != NULL)
            chain_linear_backward(block, pass, gout, gin);
        else if (block->pixels > 1)
            chain_pixels_backward(chain, pass, k, count, gout, gin);
        else
            chain_whole_backward(block, pass, gout, gin);
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
