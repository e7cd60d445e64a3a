/* What a block is: one invertible map of a flow.
 *
 * A block maps in both directions (core/direction.h), and both maps are differentiable, so any block can be turned
 * around, and an objective may take gradients through either.
 *
 * A block is a const table of functions (as GSL does it). Its state is what configure makes of its options, and is
 * const afterwards: any number of threads may use it at once. Its numbers live in flow_params
 * (nn/params.h), its intermediate results in the scratch of a pass. A block contains no I/O and no optimizer.
 *
 * Tiles. Maps work on tiles: arrays (d, n), one row of n values per dimension, the n rows of data running fastest; n is
 * a multiple of FLOW_LANES. The rows of data are independent of each other.
 *
 * Scratch. A map leaves in pass->scratch what its own backward reads, in a layout of its own. The framework gives every
 * block scratch of its own where a backward follows, and lets all blocks share one area where none does.
 *
 * Adding a block: one file block/<type>.c that ends in `const flow_block_type flow_block_<type>`, one line in
 * registry.h, one entry in the contract test.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_H
#define FLOW_FLOW_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/direction.h"
#include "core/error.h"
#include "core/option.h"
#include "flow/dims.h"
#include "flow/noise.h"
#include "nn/params.h"
#include "nn/tape.h"
#include "num/real.h"

/* Where in a flow a block stands: what configure is given of its surroundings. Valid during configure, but for the
 * flags of the dimensions, which live as long as the flow. */
typedef struct flow_block_context {
    flow_shape shape;           /* of the rows that arrive at it */
    flow_dims dims;             /* d = height * width * channels, and which of them are periodic */
    int n_context;              /* c: features of the context, which conditioners take as further inputs; 0: none */
    const char *const *columns; /* (d) their names in the data, or NULL when these are not known */
    flow_choice column_map;     /* directly in front of it; type NULL: there is a block, or nothing */
    int copy_index;             /* 0, 1, 2, ... for the copies that "repeat" makes: blocks that alternate go by it */
    uint64_t seed;              /* of the model, for random orders */
    uint64_t index;             /* the block's place in the flow, to draw different random orders from one seed */
} flow_block_context;

/* Of composite blocks, see chain.h. */
typedef struct flow_walk flow_walk;
typedef struct flow_composition flow_composition;

/* What a map is for. Training may estimate what an evaluation computes exactly, and adds penalties. */
typedef enum flow_mode { FLOW_EVALUATION, FLOW_TRAINING } flow_mode;

/* One tile on its way through a block. */
typedef struct flow_pass {
    int n;                    /* rows of data in the tile, padding included */
    flow_direction direction; /* of the map; in a backward, of the map that it follows */
    flow_mode mode;           /* the same for a map and its backward */
    bool keep;                /* a backward follows: the scratch is that of scratch_size with keep, and the map leaves
                                 there what the backward reads */
    bool points_only;         /* maps only: the log-determinants are not requested and may be left out; without keep */
    const real *weights;      /* the trainable values in use (nn/params.h) */
    const double *fitted;     /* the fitted values */
    const real *context;      /* (c, n): features of the context; NULL without */
    const flow_noise *noise;  /* of the tile's rows: the source of its random numbers; NULL: {0} */
    void *scratch;            /* of the block, 64-byte aligned, not cleared */
    void *spare;              /* likewise, of all blocks together: its content is lost when the call returns */
    const flow_walk *walk;    /* for composite blocks, see chain.h */
    double *variance;         /* (n), maps only: a map whose log-determinant is an estimate adds its variance. NULL: not
                                 requested */
    double *penalty;          /* (n), maps only: in training a map adds its penalty. NULL: not requested */
    int *evaluations;         /* (n), maps only: a map that solves an equation adds the number of evaluations of its
                                 right-hand side for each row. NULL: not requested */
    const real *glogdet;      /* (n), backward only: gradient at each row's log-determinant */
    real *gcontext;       /* (c, n), backward only: the gradient at the context is added here. NULL: not requested */
    const real *gpenalty; /* (n), backward only: gradient at each row's penalty. NULL: 0 */
    flow_tape *tape;      /* backward only: receives the gradients of the weights. NULL: not requested. What a tape
                             records must stay in the scratch; what is given to an immediate one may be spare */
} flow_pass;

/* One tile of a batch that training has seen, behind its to_latent. */
typedef struct flow_stats_tile {
    int n;                /* columns, padding included */
    const double *weight; /* (n): of each row, of either sign; 0 in the padding */
    void *scratch;        /* of the block, as its map to the latent end left it, with keep */
} flow_stats_tile;

typedef struct flow_block_type {
    flow_type_info info; /* the name is part of those in a model file, too */
    size_t state_size;

    /* Fills the zeroed state from the options (info.options_size bytes), of which it copies what it needs, and declares
     * the block's numbers. An option that does not fit is reported by flow_option_fail; the framework adds its
     * place. On failure the framework still calls release. */
    flow_status (*configure)(void *self, const void *options, const flow_block_context *context, flow_params *params,
                             flow_error *err);
    void (*release)(void *self); /* optional */

    /* Whether it keeps periodic dimensions periodic. Where neither this nor `elementwise` is true a flow with such
     * dimensions is refused. */
    bool keeps_periodic;
    /* It maps every dimension by itself, by a scale and a shift: the framework gives it the linear dimensions alone,
     * and the periodic ones pass unchanged. */
    bool elementwise;
    /* It maps the channels of a pixel by themselves, every pixel by the same numbers: of an image the framework gives
     * it the pixels as further rows of data, a tile (channels, pixels * n). It uses neither context nor noise. */
    bool pixelwise;
    /* It is not for images: a sentence that says what is instead. NULL: it is. */
    const char *instead_for_images;
    /* Optional, after configure, of a block that gives dimensions other places: writes to `behind` (d) which are
     * periodic behind it. Called where some are. */
    void (*permute_flags)(const void *self, bool *behind);
    /* Optional, after configure: the shape that it gives, of as many numbers; otherwise it stays. */
    flow_shape (*shape_behind)(const void *self, flow_shape shape);

    /* Bytes of scratch for a map of tiles of n rows, and with `keep` for a map and its backward. Optional: none. */
    size_t (*scratch_size)(const void *self, int n, bool keep);
    /* Likewise of spare memory. */
    size_t (*spare_size)(const void *self, int n, bool keep);
    /* Optional: how a user makes it smaller, with keep; the end of a sentence. */
    const char *(*advice)(const void *self);

    /* The two maps, by direction. Writes out (d, n) from in (d, n), which do not overlap, and adds log|det d out/d in|
     * of each row to logdet (n). */
    void (*map[FLOW_N_DIRECTIONS])(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet);

    /* Their backwards, by the direction of the map. From the gradient of a scalar at the map's output, gout (d, n), and
     * at the log-determinants, pass->glogdet, writes the gradient at the map's input, gin (d, n), and records those of
     * the weights on the tape. The scratch is as the map left it. */
    void (*backward[FLOW_N_DIRECTIONS])(const void *self, const flow_pass *pass, const real *gout, real *gin);

    /* Optional, of a block that follows a vector field: dx/dt (d, n) at `at` (d + 1, n), the rows of x and then the
     * time of each row, 0 at the data and 1 at the latent end. Its backward, for the same `at` and from the scratch as
     * that left it, records the gradients of the weights. */
    void (*velocity)(const void *self, const flow_pass *pass, const real *at, real *f);
    void (*velocity_backward)(const void *self, const flow_pass *pass, const real *at, const real *gf);

    /* Optional, of a block that can fail on a row. Called directly after a map or backward, with the same n, mode,
     * keep, noise and scratch in the pass: writes a sentence that says why row `column` failed, or returns false if it
     * did not. */
    bool (*diagnose)(const void *self, const flow_pass *pass, int column, char *text, size_t size);
    /* Optional: whether its log-determinants are estimates in an evaluation, too. */
    bool (*estimates)(const void *self);

    /* Optional: the block that stands in front of it, with its options in the arena; it leaves *out zeroed where there
     * is none. */
    flow_status (*front)(const void *options, flow_arena *arena, flow_choice *out, flow_error *err);
    /* Of a composite block alone, after configure with these options: what it is made of (chain.h). */
    void (*compose)(void *self, const void *options, flow_composition *out);

    /* Optional: initial values that are not independent draws (a rotation), from the seed of the model; what configure
     * leaves is valid, too. Once per model, before fit and never after a load. Writes weights and fitted values. */
    flow_status (*init)(const void *self, uint64_t seed, flow_params *params, real *weights, flow_error *err);

    /* Optional: data-dependent initial values, once per model, from n valid rows x (d, n) as they arrive at the block.
     * Writes weights and fitted values. */
    flow_status (*fit)(const void *self, flow_params *params, real *weights, int n, const real *x, flow_error *err);

    /* Optional: what a block learns from the rows themselves and not by gradients. After each training step that
     * took data to the latent end and was not dropped, add_batch_sums adds to `sums` (batch_sums_size numbers) what
     * the tiles of a group of its rows have, in order. The sums of all groups, added up, go to follow_batch: share
     * (0 to 1) is how far to follow this batch as compared with a full one, see flow_step_batch_stats. It writes the
     * block's fitted values, as `check` wants them. */
    size_t (*batch_sums_size)(const void *self);
    void (*add_batch_sums)(const void *self, const flow_stats_tile *tiles, int n_tiles, double *sums);
    void (*follow_batch)(const void *self, const double *sums, double share, double *fitted);

    /* Optional: whether fitted values that were read from a file are usable (they may be hostile). */
    flow_status (*check)(const void *self, const flow_params *params, flow_error *err);
} flow_block_type;

#endif
