/* What a block is: one invertible map of a flow.
 *
 * Directions have names: to_latent (x -> z, the density direction) and to_data (z -> x, the sampling direction). Both
 * are differentiable, so any block can be turned around, and an objective may pull gradients through either.
 *
 * A block is a const table of functions (as GSL does it). Its state holds its options and what configure derives from
 * them and is const afterwards: any number of threads may use it at once. Its numbers live in flow_params
 * (nn/params.h), its intermediate results in the work area of a pass. A block contains no I/O, no optimizer and no JSON
 * code.
 *
 * Tiles. Maps work on tiles: arrays (d, n), one line per dimension, n rows of data running fastest; n is a multiple of
 * FLOW_LANES. The rows of a tile are independent of each other.
 *
 * Work area. A map leaves in pass->work whatever its own backward will read, in whatever layout it likes; the area is
 * work_size(self, n) bytes, 64-byte aligned, not cleared. The framework gives every block an area of its own where a
 * backward will follow, and lets all blocks share one where none will.
 *
 * Adding a block: one file block_<type>.c that ends in `const flow_block_type flow_block_<type>`, one line in
 * registry.h, one entry in the contract test.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_BLOCK_H
#define FLOW_FLOW_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/option.h"
#include "flow/noise.h"
#include "nn/tape.h"
#include "nn/params.h"
#include "num/real.h"

/* Where in a flow a block stands: all that configure may know about its surroundings. */
typedef struct flow_site {
    int dim;       /* d: columns of the data */
    int n_context; /* c: features of the context, which conditioners take as further inputs; 0: none */
    const char *const *columns; /* (d) their names, or NULL when nobody knows */
    const bool *circular;       /* (d) dimensions that are angles (circle.h); NULL: none. Valid during configure only */
    int turn;      /* 0, 1, 2, ... for the copies that "repeat" makes: blocks that alternate go by it */
    uint64_t seed; /* of the model, for random orders */
    uint64_t index;/* the block's place in the flow, to draw different random orders from one seed */
} flow_site;

/* A copy of site->circular, for a block to keep; NULL where that is. */
flow_status flow_site_copy_circular(bool **out, const flow_site *site, flow_error *err);

/* One tile on its way through a block. */
typedef struct flow_pass {
    int n;                /* data rows in the tile, padding included */
    const real *weights;  /* the trainable values in use (nn/params.h) */
    const double *fitted; /* the fitted values */
    const real *context;  /* (c, n): features of the context; NULL without */
    void *work;           /* the block's work area */
    const flow_noise *noise; /* of the tile's rows; NULL and any kind but FLOW_NOISE_OF_PLACE: an evaluation, else
                                training, where a block may estimate what it computes exactly elsewhere, and put a
                                penalty on itself. The same for a map and its backward */
    bool points_only;     /* maps only: nobody wants the log-determinants, which a block may leave out then; no backward
                             follows */
    double *variance;     /* (n), maps only: a map whose log-determinant is an estimate adds its variance; NULL: nobody
                             wants to know */
    double *penalty;      /* (n), maps only: a map adds its penalty in training; NULL likewise */
    int *evaluations;     /* (n), maps only: a map that solves an equation adds how often each row needed its
                             right-hand side; NULL: nobody wants to know */
    const real *glogdet;  /* (n), backward only: gradient at each row's log-determinant */
    real *gcontext;       /* (c, n), backward only: the gradient at the context is added to it; NULL: nobody wants it */
    const real *gpenalty; /* (n), backward only: gradient at each row's penalty; NULL: 0 */
    flow_tape *tape;      /* backward only: takes the gradients of the weights; NULL: nobody wants them */
} flow_pass;

/* One tile of a batch that training has seen, behind its to_latent. */
typedef struct flow_sight {
    int n;                /* columns, padding included */
    const double *weight; /* (n): of each row, of either sign; 0 in the padding */
    void *work;           /* the block's work area, as to_latent left it */
} flow_sight;

typedef struct flow_block_type {
    const char *type; /* the JSON "type" and part of the names in a model file */
    const char *help; /* one line */
    size_t state_size;
    const flow_option *options; /* fill the state, by offset, before configure */

    /* Derives the rest of the state and declares the block's numbers. The state was zeroed and its options are read; on
     * failure the framework still calls release. */
    flow_status (*configure)(void *self, const flow_site *site, flow_params *params, flow_error *err);
    void (*release)(void *self); /* optional */

    /* Whether it keeps angles what they are: a density on the circle. Elsewhere a flow with angles is refused. */
    bool keeps_circles;
    /* Optional, after configure, of a block that gives dimensions other places: circular (d) as it is behind the
     * block. */
    void (*carry)(const void *self, bool *circular);

    size_t (*work_size)(const void *self, int n);

    /* z or x (d, n) is written, and log|det dz/dx| or log|det dx/dz| of each row is added to logdet (n). Input and
     * output do not overlap. */
    void (*to_latent)(const void *self, const flow_pass *pass, const real *x, real *z, double *logdet);
    void (*to_data)(const void *self, const flow_pass *pass, const real *z, real *x, double *logdet);

    /* Gradients of a scalar that depends on the map's output (its gradient arrives as gz or gx) and on the
     * log-determinant (pass->glogdet); the work area is as the map left it. Written: the gradient at the map's input;
     * recorded on the tape: the weights. */
    void (*to_latent_backward)(const void *self, const flow_pass *pass, const real *gz, real *gx);
    void (*to_data_backward)(const void *self, const flow_pass *pass, const real *gx, real *gz);

    /* Optional, of a block that follows a vector field: dx/dt (d, n) at `at` (d + 1, n), the lines of x and then the
     * time of each row, 0 at the data and 1 at the latent end. Its backward, for the same `at` and from the work area
     * as that left it, records the weights. */
    void (*velocity)(const void *self, const flow_pass *pass, const real *at, real *f);
    void (*velocity_backward)(const void *self, const flow_pass *pass, const real *at, const real *gf);

    /* Optional, of a block that can fail on a row: why it failed on row `column` in the map or backward that left the
     * work area as it is, for messages; of the pass n, noise and work are as they were. Writes a sentence, or returns
     * false where it did not fail. */
    bool (*explain)(const void *self, const flow_pass *pass, int column, char *text, size_t size);
    /* Optional: whether its log-determinants are estimates in an evaluation, too. */
    bool (*estimates)(const void *self);

    /* Optional: initial values that are not independent draws (a rotation), from the seed of the model; what configure
     * leaves is valid, too. Once per model, before fit and never after a load. Writes weights and fitted values. */
    flow_status (*init)(const void *self, uint64_t seed, flow_params *params, real *weights, flow_error *err);

    /* Optional: data-dependent initial values, once per model, from n valid rows x (d, n) as they arrive at the block.
     * Writes weights and fitted values. */
    flow_status (*fit)(const void *self, flow_params *params, real *weights, int n, const real *x, flow_error *err);

    /* Optional: what a block learns from the rows themselves and not by gradients. Called after each training step that
     * took data to the latent end and was not dropped, with the tiles of its batch in order; share (0 to 1) is how
     * far to follow this batch as compared with a full one, see flow_step_observe. Writes the block's fitted values, as
     * `check` wants them. */
    void (*observe)(const void *self, const flow_sight *tiles, int n_tiles, double share, double *fitted);

    /* Optional: whether fitted values that were read from a file are usable (they may be hostile). */
    flow_status (*check)(const void *self, const flow_params *params, flow_error *err);
} flow_block_type;

#endif
