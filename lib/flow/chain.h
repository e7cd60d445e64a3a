/* A list of blocks, and the walk over it: the maps one after the other, and their backwards.
 *
 * A flow is a chain from the data to the base. A composite block (`repeat`, `split`) owns a chain of its own and walks
 * over it in its maps, so that whatever takes a walk finds the blocks within composites, too: a visitor sees every
 * block that is not a composite, with what arrives at it and what leaves it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_CHAIN_H
#define FLOW_FLOW_CHAIN_H

#include "flow/block.h"

typedef struct flow_block {
    const flow_block_type *type;
    void *state;                  /* owned */
    char name[FLOW_NAME_SIZE];    /* "2.maf", as in the names of its parameters; of a composite its type */
    int dim;                      /* dimensions that it maps: all of the tile, the linear ones, or the channels */
    int pixels;                   /* of a pixelwise block: the pixels of a row, which it sees as rows. Otherwise 1 */
    int tile_dim, *linear;        /* an elementwise block where some are periodic: all of them; (dim) the linear ones,
                                     owned. Otherwise linear is NULL */
    int first_param, last_param;  /* its entries in the params of the flow: [first, last) */
    int index;                    /* among all blocks of the flow, composites included */
    int depth;                    /* of a composite: how many others it is within */
} flow_block;

/* Starts from {0}. */
typedef struct flow_chain {
    int n;
    flow_block **blocks; /* (n), from the data to the latent end; owned */
} flow_chain;

/* Adds a block with a zeroed state. */
flow_status flow_chain_add(flow_chain *chain, const flow_block_type *type, flow_block **out, flow_error *err);
void flow_chain_release(flow_chain *chain);

enum { FLOW_DEPTH_MAX = 4 }; /* composites within composites */

/* What a composite block is made of. */
struct flow_composition {
    flow_chain *chain; /* to be built, the composite's own */
    const flow_choice_list *list; /* of its options */
    int times;         /* how often its list of blocks stands in it */
    flow_shape shape;  /* of what arrives at the first of them */
    bool flattens;     /* what it gives has the shape 1 x 1 x d; otherwise that which they give */
};

static inline bool flow_block_is_composite(const flow_block *block)
{
    return block->type->compose != NULL;
}

/* What sees the blocks of a map that are not composites, in the order in which they are passed. Either function may be
 * NULL; the walk ends when one returns false. */
typedef struct flow_visitor {
    void *context;
    /* in (dim, n) is what arrives at the block. */
    bool (*before)(void *context, const flow_block *block, const flow_pass *pass, const real *in);
    /* out (dim, n) and logdet (n) are what the tile is behind it. */
    bool (*after)(void *context, const flow_block *block, const flow_pass *pass, const real *out, const double *logdet);
    bool stopped;
} flow_visitor;

/* What a walk needs beside the pass, whose scratch it sets for every block. */
struct flow_walk {
    char *const *scratch;  /* by the index of a block */
    real *view[2];         /* (d, n) each: what an elementwise or pixelwise block sees of the tile, and gives */
    /* Where a backward computes the maps again, (n) each by the index of a block: its input, which its map keeps
     * instead of scratch. NULL: it does not. Then `again` (d, n) and `again_logdet` (pixels, n) take what the second
     * map gives. */
    real *const *inputs;
    real *again;
    double *again_logdet;
    double *pixel_logdet;  /* (pixels, n): its log-determinants */
    real *pixel_glogdet;   /* (pixels, n): the gradients at these */
    flow_visitor *visitor; /* NULL: none; maps only */
};

/* The maps of a chain in the direction of the pass: from `in` (d, n) into x, from x into y, from y into x and so on; y
 * may be `in`. Returns the tile that was written last, or `in` of an empty chain. */
const real *flow_chain_map(const flow_chain *chain, const flow_pass *pass, const real *in, real *x, real *y,
                           double *logdet);
/* Their backwards, in the opposite order, from the gradient `gout` (d, n), which may be y; returns likewise. */
const real *flow_chain_backward(const flow_chain *chain, const flow_pass *pass, const real *gout, real *x, real *y);

/* For composite blocks: the same from `in` to `out`, which do not overlap, over a `spare` tile of that size. */
void flow_chain_map_between(const flow_chain *chain, const flow_pass *pass, const real *in, real *spare, real *out,
                            double *logdet);
void flow_chain_backward_between(const flow_chain *chain, const flow_pass *pass, const real *gout, real *spare,
                                 real *gin);

#endif
