/* A flow: column maps, blocks and a base, put together from a design, and its maps over tiles.
 *
 *     data x (double) -> column maps (double) -> blocks (real) -> latent z (real) ~ base
 *
 * The log-density of a row is log base(z) + the log-determinants of all maps on the way (change of variables; for
 * example Papamakarios et al. 2021, eq. 3). Everything here is const after flow_build, flow_fit and loading, and may be
 * used by many threads; weights are passed in, so that one flow serves current, best and averaged weights. The
 * exception is a flow in training with a block that observes: its fitted values change between steps.
 *
 * A conditional flow gives p(x | c). Its rows are (n, d + c): the columns of the data, then those of the context.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_FLOW_H
#define FLOW_FLOW_FLOW_H

#include "core/arena.h"
#include "flow/base.h"
#include "flow/chain.h"
#include "flow/column.h"
#include "flow/context.h"

/* What a spec, which may be hostile, can ask for; BLOCK_DIMS is blocks times dimensions. */
enum { FLOW_DIM_MAX = 65536, FLOW_BLOCKS_MAX = 1024, FLOW_BLOCK_DIMS_MAX = 1 << 22 };

typedef struct flow_column {
    const flow_column_type *type;
    void *state;
} flow_column;

typedef struct flow {
    int dim;
    flow_shape shape;  /* of a row, of dim numbers */
    int noise_draws;   /* that log p of discrete columns is a mean over (noise.h) */
    int tile_rows;     /* the most rows of data in a tile: as many as keep its activations in the cache */
    flow_context context;
    int n_columns, n_blocks, n_all;
    int n_discrete;   /* columns with a lattice or spikes; log p holds the probability of these values (see column.h) */
    int n_spiked;     /* those of them that have spikes, and a density elsewhere */
    bool has_support; /* some rows cannot be */
    double *periods;  /* (dim) of periodic columns, 0 for others; NULL: there are none */
    flow_dims latents; /* the dimensions at the latent end */
    flow_arena flags;  /* which dimensions are periodic, between the blocks; the blocks of presets on images */
    flow_column *columns;
    flow_chain chain;    /* from the data to the base */
    flow_block **blocks; /* (n_blocks), owned by chains: those that are not composites, from the data to the base */
    flow_block **all;    /* (n_all), owned by chains: composites, too, by their index */
    const flow_base_type *base; /* with periodic latents base/mixed.c: that of the spec and uniform ones together */
    void *base_state;
    const flow_base_type *linear_base; /* that of the spec */
    bool base_is_trainable;            /* the base has weights */
    flow_params params;
    const char *const *column_names; /* while the flow is put together */
} flow;

/* What a flow is made of. */
typedef struct flow_design {
    flow_choice_list maps; /* of flow_maps (registry.h): column maps, blocks and presets, from the data to the base */
    flow_choice base;      /* of flow_bases; its type may be NULL: normal */
    const flow_embedding_options *embedding; /* a network that the context goes through first; NULL: none */
} flow_design;

/* What the data look like to a flow. */
typedef struct flow_row_layout {
    int dim, n_context;
    const char *const *columns; /* (dim) names of the columns, or NULL */
    flow_shape shape;           /* of the rows, dim values; {0}: of a table, 1 x 1 x dim */
    flow_context_classes classes; /* {0}: all columns of the context are numbers */
} flow_row_layout;

/* Builds a flow. It keeps nothing of the design. *out is the caller's. FLOW_SPEC for what does not fit, with its place
 * as in a spec, "flow[2].flow[0].order: ...". */
flow_status flow_build(flow **out, const flow_design *design, const flow_row_layout *layout, uint64_t seed,
                       flow_error *err);

/* Values in a full tile. */
static inline size_t flow_tile_values(const flow *f)
{
    return (size_t)f->dim * (size_t)f->tile_rows;
}

/* Values in a row: those of the data and of the context. */
int flow_width(const flow *f);
void flow_free(flow *f);

/* The initial weights of `seed` into weights (params.n_weights), and the fitted values that go with them. */
flow_status flow_init_weights(flow *f, uint64_t seed, real *weights, flow_error *err);

/* Data-dependent initial values of column maps, blocks and base, from rows (n, d + c) in the units of the data;
 * `columns` (d) are names for messages or NULL. Called once, before training. */
flow_status flow_fit(flow *f, real *weights, const double *rows, size_t n, const char *const *columns, flow_error *err);

/* Whether blocks or the base take initial values from the data. */
bool flow_fits_blocks(const flow *f);

/* Whether some block moves its fitted values in training (observe in block.h). */
bool flow_has_batch_stats(const flow *f);

/* Whether log-densities are estimates, with a variance of each row (estimates in block.h). */
bool flow_estimates(const flow *f);

/* Whether log p is that of images whose values are all discrete, which is told in bits per dimension as well. */
bool flow_counts_bits(const flow *f);
/* -log p / (d ln 2), of log p in nats or of a mean of it. */
double flow_bits_per_dimension(const flow *f, double logp);

/* Whether fitted values read from a file can be used; FLOW_FORMAT if not. */
flow_status flow_check(const flow *f, flow_error *err);

/* ---- one tile. `n` is a multiple of FLOW_LANES. ---- */

/* What a thread needs to take tiles of up to n_max rows through a flow. */
typedef struct flow_workspace {
    int n_max;
    bool keep;          /* a backward follows: every block has scratch of its own */
    char *memory;       /* owned, aligned */
    double *x;          /* (d, n): the tile in the units of the data */
    double *given;      /* (c, n): the context of its rows; must be set before any map when there is one */
    flow_noise noise;   /* spreads discrete columns on the way to the latent end, and is the source of what blocks draw;
                           none unless it is set, and the same for a map and its backward */
    flow_mode mode;     /* an evaluation unless it is set; the same for a map and its backward */
    bool points_only;   /* the log-determinants are not requested, see block.h: ws->logdet may hold those of the column
                           maps alone; false unless it is set */
    real *features;     /* (features, n): what the blocks see of it */
    real *gfeatures;    /* the same shape; only with keep, and when the context is embedded */
    char *context_scratch; /* of the embedding */
    real *a, *b;        /* (d, n): the tile between blocks */
    real *view[2];      /* see flow_walk, as the next two; NULL where no block has a view of the tile */
    double *pixel_logdet;
    real *pixel_glogdet;
    real *ga, *gb;      /* (d, n): gradients between blocks; only with keep. A backward may start from ga */
    double *inputs;     /* (n_columns, d, n): what each column map was given, for its backward; only with keep */
    double *logdet;     /* (n) */
    int *evaluations;   /* (n): of right-hand sides that each row needed in the last map, see block.h */
    double *variance;   /* (n): of what the last map's log-determinants estimate; 0 where they are exact */
    double *penalty;    /* (n): that the blocks put on themselves in training, in the last map */
    flow_direction direction; /* of the last map */
    real *glogdet;      /* (n); only with keep */
    const real *gpenalty; /* (n) for a backward, see block.h; borrowed. NULL, as it starts: none */
    char **scratch;       /* (n_all): of the blocks, by their index */
    char *spare;          /* of all blocks together */
    real **block_inputs;  /* (n_all): see flow_walk, as the next two. NULL: the blocks keep what their backwards read */
    real *again;
    double *again_logdet;
    char *base_scratch;
    flow_tape tape;     /* only with keep */
} flow_workspace;

/* FLOW_SPEC when a block would take too much scratch to be trained on tiles of n_max rows; every tile of a batch has
 * its own. */
flow_status flow_check_scratch(const flow *f, int n_max, flow_error *err);
/* With keep, what flow_check_scratch says. */
flow_status flow_workspace_new(flow_workspace **out, const flow *f, int n_max, bool keep, flow_error *err);
/* With `computes_again` every block keeps its input alone, and the backward computes its map a second time before its
 * gradient (Chen et al. 2016): the same bits in less memory. For immediate tapes. */
flow_status flow_workspace_new_again(flow_workspace **out, const flow *f, int n_max, bool keep, bool computes_again,
                                     flow_error *err);
/* Bytes of what the blocks keep for a backward of n_max rows, if they do not compute it again. */
size_t flow_workspace_bytes(const flow *f, int n_max);
void flow_workspace_free(flow_workspace *ws);

/* A walk over its blocks; `visitor` or NULL. */
flow_walk flow_workspace_walk(const flow_workspace *ws, flow_visitor *visitor);
/* A pass over the tile in ws in the direction ws->direction, from which maps and backwards of blocks start. */
flow_pass flow_workspace_pass(const flow_workspace *ws, const flow *f, const real *weights, const flow_walk *walk,
                              int n);

/* What blocks see of the context in ws->given, into ws->features; the maps do it themselves. */
void flow_tile_make_features(const flow *f, const real *weights, flow_workspace *ws, int n);

/* Takes the tile in ws->x (d, n) to the latent end: *z (d, n; inside ws) and ws->logdet (n), the sum of all
 * log-determinants, -inf for a row outside of the support, whose z means nothing; ws->x is overwritten. Discrete
 * columns are spread by ws->noise. */
void flow_tile_to_latent(const flow *f, const real *weights, flow_workspace *ws, int n, const real **z);

/* Takes the tile z (d, n), in ws->a, to the data: ws->x (d, n), and ws->logdet (n), the sum of log|det dx/dz|.
 * Values of discrete columns stay between the points of their lattice: what flow_tile_to_latent would take back
 * without noise. */
void flow_tile_to_data(const flow *f, const real *weights, flow_workspace *ws, int n);

/* The two halves of these that need no more: from ws->x (overwritten) to ws->a (d, n), what the first block is given,
 * with the log-determinants of the column maps alone in ws->logdet; and from ws->a to *x (d, n; inside ws), what the
 * last column map is given on the way to the data, with those of the blocks alone. */
void flow_tile_columns_to_latent(const flow *f, flow_workspace *ws, int n);
void flow_tile_blocks_to_data(const flow *f, const real *weights, flow_workspace *ws, int n, const real **x);

/* Discrete columns of the tile in ws->x: rounded down to the lattice; and spread by ws->noise. */
void flow_tile_round(const flow *f, flow_workspace *ws, int n);
void flow_tile_spread(const flow *f, flow_workspace *ws, int n);

/* Of images the gradients of weights are added to ws->tape.gradient; where that is NULL they are not requested. Of
 * tables they are recorded on ws->tape.
 *
 * After flow_tile_to_latent with keep: from gz (d, n) and ws->glogdet (n), records the weight gradients on ws->tape
 * (which it resets) and, when gx is not NULL, points *gx to the gradient (d, n; inside ws) at the first block's input.
 */
void flow_tile_to_latent_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *gz,
                                  const real **gx);

/* After flow_tile_to_data with keep, likewise and through the column maps too: gx (d, n), which may be ws->x, is the
 * gradient at the data, in their units, *gz that at the latent side. ws->x and ws->logdet are overwritten. */
void flow_tile_to_data_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const double *gx,
                                const real **gz);

/* Of a flow whose only block has a velocity (block.h): v (d, n) at `at` (d + 1, n), in the space of the block, for the
 * context in ws->given. After it, with keep, the backward records from gv (d, n) the gradients of the weights, those of
 * the context's embedding too, on ws->tape, which it resets. Neither uses ws->a, ws->b, ws->ga or ws->gb. */
void flow_tile_velocity(const flow *f, const real *weights, flow_workspace *ws, int n, const real *at, real *v);
void flow_tile_velocity_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *at,
                                 const real *gv);

/* log p of each row of the tile that is in ws->x (as flow_tile_to_latent), into logp (n); z as there. */
void flow_tile_logp(const flow *f, const real *weights, flow_workspace *ws, int n, double *logp, const real **z);

/* After flow_tile_logp with keep: from the z it gave and ws->glogdet (n), the gradient at each row's log p, records the
 * gradients of all weights, those of the base too, as flow_tile_to_latent_backward does; gx as there. */
void flow_tile_logp_backward(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z,
                             const real **gx);

/* d log p / dx (d, n), in the units of the data, of the tile that is in ws->x, in its place. ws was made with keep. */
void flow_tile_logp_gradient(const flow *f, const real *weights, flow_workspace *ws, int n);

/* Adds log base(z) of each column of z (d, n) to logp (n). */
void flow_tile_base_logp(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z, double *logp);

/* Draws the latents of rows first_row, first_row + 1, ... of `seed` from the base, into ws->a (d, n). */
void flow_tile_draw(const flow *f, const real *weights, flow_workspace *ws, int n, uint64_t seed, uint64_t first_row,
                    double temperature);

/* What the base makes of the latents z (d, n), which are not in ws->x, into ws->x (d, n): numbers that are uniform on
 * (0, 1) and independent of each other where the latents are draws of the base (to_uniform in base.h). */
void flow_tile_to_uniform(const flow *f, const real *weights, flow_workspace *ws, int n, const real *z);

/* Copies n_rows rows (row-major, d + c) into the tile ws->x (d, n) and ws->given (c, n); the padding repeats the last
 * row. Returns n, the next multiple of FLOW_GRAIN. */
int flow_tile_load(const flow *f, flow_workspace *ws, const double *rows, int n_rows);
/* The same with n given, and with rows that are `stride` values apart. */
void flow_tile_load_padded(const flow *f, flow_workspace *ws, const double *rows, size_t stride, int n_rows, int n);
/* Likewise the latents of such rows, from where the first one's begin, into ws->a (d, n). */
void flow_tile_load_latents(const flow *f, flow_workspace *ws, const double *latents, size_t stride, int n_rows, int n);
/* Only the data, from rows of them alone (row-major, d). */
int flow_tile_load_data(const flow *f, flow_workspace *ws, const double *rows, int n_rows);
/* Only the context, from rows of it alone (row-major, c). */
void flow_tile_load_context(const flow *f, flow_workspace *ws, const double *context, int n_rows, int n);
/* Copies the first n_rows rows of the tile ws->x (d, n) to rows (row-major, d). */
void flow_tile_store(const flow *f, const flow_workspace *ws, int n, double *rows, int n_rows);

/* Writes true for the discrete columns into which (dim). */
void flow_mark_discrete(const flow *f, bool *which);
/* Gives lattice values in n rows, `stride` values apart, the digits that those of draws have: data are rounded, and a
 * value close to one of the lattice counts as that one. Rows outside of the support, and columns with spikes, stay. */
flow_status flow_settle_rows(const flow *f, double *rows, size_t n, size_t stride, flow_error *err);
/* The spikes of a column, ascending, into *at, which is borrowed; returns how many there are. */
int flow_list_spikes(const flow *f, int column, const double **at);

/* FLOW_DATA with the column, the value and the bound when a row (d) is outside of the support. */
flow_status flow_check_row(const flow *f, const double *row, flow_error *err);

/* For messages about rows that are not finite: the first map whose output is not for row `row` of a tile, "2.maf",
 * and if the block can say it, why: "0.ffjord: its solver needed more than ...". On the way to the latent end for
 * the tile in ws->x, on the way to the data for that in ws->a; both are overwritten. False, and an empty text, when
 * all are finite. */
enum { FLOW_DIAGNOSIS_SIZE = 320 };
bool flow_tile_diagnose(const flow *f, const real *weights, flow_workspace *ws, int n, flow_direction direction,
                        int row, char *text, size_t size);
/* After a pass of ws, made with keep, and its backward if there was one: the first block that can say why it failed on
 * row `row`. False when there is none. */
bool flow_tile_diagnose_pass(const flow *f, const flow_workspace *ws, int n, int row, char *text, size_t size);

#endif
