/* What a training step works with: private to lib/train/step*.c.
 *
 *     step.c           making it; one batch: tiles, groups, their gradient
 *     step_sums.c      what the ranks tell each other of the groups: scores, sums for fitted values
 *     step_diagnose.c  the cause of a step that is not finite
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_STEP_STATE_H
#define FLOW_TRAIN_STEP_STATE_H

#include "flow/nfe.h"
#include "num/tree_sum.h"
#include "train/batch.h"
#include "train/objective.h"

/* What a tile goes through the flow with. */
typedef struct flow_step_worker {
    flow_workspace *ws;
    flow_workspace *second_ws; /* NULL for an objective that needs none */
    double *x_and_grad;        /* (2, dim); NULL without a target */
    void *scratch;             /* of the objective; NULL without */
} flow_step_worker;

/* What is left of a tile when the next one goes through its worker. */
typedef struct flow_step_tile {
    const flow_step_worker *worker; /* its last one */
    double *score;                  /* (tile_rows) */
    double *weight;                 /* (tile_rows): of the rows */
    real *share;                    /* (tile_rows): weight * share of the batch, 0 in the padding */
    real *gradient;                 /* (n_weights), of an image; NULL: its tape records */
    flow_nfe nfe;
    int n, n_rows;
} flow_step_tile;

/* What is known of a group of rows once its tiles are done, at all ranks. */
typedef struct flow_step_group {
    double score;  /* the sum of weight * score of its rows */
    double weight; /* the sum of their weights */
    flow_nfe nfe;
} flow_step_group;

typedef struct flow_step flow_step;

struct flow_step {
    const flow *f;
    const flow_objective *objective;
    const flow_target *target;
    int n_threads, n_tiles, n_workers;
    bool adds_at_once; /* of images, whose activations are large: a thread has one worker for all its tiles, and every
                          tile has a gradient. Otherwise a tile has a worker of its own, and its tape records */
    bool computes_again; /* the activations of all workers would take more than the memory for them */
    flow_step_worker *workers; /* (n_workers) */
    flow_step_tile *tiles;     /* (n_tiles) */
    flow_tape *tapes;          /* (n_tiles) */
    const flow_comm *comm;     /* the ranks that share a batch */
    flow_tree_sum *sum;        /* of the gradients of groups */
    int64_t most_groups;       /* of a batch, at all ranks */
    int tiles_of_group;
    flow_step_group *groups;   /* (most_groups) */
    size_t *parts;             /* (ranks): bytes of what each one tells the others */
    int n_with_stats;
    int *with_stats;        /* (n_with_stats): the blocks that take values from batches */
    flow_stats_tile *stats; /* (n_with_stats, tiles_of_group): a group for each of them */
    double **sums;          /* (n_with_stats) of each: (most_groups, its batch_sums_size), of all ranks */
    /* the current batch */
    const real *weights;
    flow_batch batch;
    int64_t n_groups;   /* at all ranks */
    flow_row_range own; /* the rows of this process */
    int n_used;         /* its tiles */
};

/* Loads tile `item` of this process into a worker. */
void flow_step_load(flow_step *step, int item, const flow_step_worker *with);
flow_objective_tile flow_step_pass(const flow_step *step, const flow_step_tile *at);

/* ---- in step_sums.c ---- */

/* Room for them; most_groups is set. */
flow_status flow_step_make_sums(flow_step *step, flow_error *err);
void flow_step_free_sums(flow_step *step);
/* Fills `groups` of the current batch, of all ranks. Collective. */
void flow_step_share_groups(flow_step *step);
/* What flow_step_batch_stats says, where the blocks mapped the batch to the latents. Collective. */
void flow_step_follow_batch(flow_step *step, double share, double *fitted);
/* The tiles of group g of this process: [first, last) among its tiles. */
void flow_step_group_tiles(const flow_step *step, int64_t g, int *first, int *last);
/* The groups of rank `rank`: [first, last). */
void flow_step_rank_groups(const flow_step *step, int rank, int64_t *first, int64_t *last);

#endif
