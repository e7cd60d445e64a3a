/* What the ranks tell each other of the groups of a batch. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "num/parallel.h"
#include "train/step_state.h"

static size_t sums_size(const flow_step *step, int k)
{
    const flow_block *block = step->f->blocks[step->with_stats[k]];
    return block->type->batch_sums_size(block->state);
}

static flow_status sums_make_stats(flow_step *step, flow_error *err)
{
    const flow *f = step->f;
    step->with_stats = calloc((size_t)f->n_blocks + 1, sizeof *step->with_stats);
    if (step->with_stats == NULL)
        return flow_error_memory(err, "a training step");
    for (int i = 0; i < f->n_blocks; i++)
        if (f->blocks[i]->type->add_batch_sums != NULL)
            step->with_stats[step->n_with_stats++] = i;
    const size_t n = (size_t)step->n_with_stats;
    step->stats = calloc(n * (size_t)step->tiles_of_group + 1, sizeof *step->stats);
    step->sums = calloc(n + 1, sizeof *step->sums);
    if (step->stats == NULL || step->sums == NULL)
        return flow_error_memory(err, "a training step");
    for (int k = 0; k < step->n_with_stats; k++) {
        step->sums[k] = calloc((size_t)step->most_groups * sums_size(step, k), sizeof **step->sums);
        if (step->sums[k] == NULL)
            return flow_error_memory(err, "a training step");
    }
    return FLOW_OK;
}

flow_status flow_step_make_sums(flow_step *step, flow_error *err)
{
    step->groups = calloc((size_t)step->most_groups + 1, sizeof *step->groups);
    step->parts = calloc((size_t)flow_comm_size(step->comm), sizeof *step->parts);
    if (step->groups == NULL || step->parts == NULL)
        return flow_error_memory(err, "a training step");
    FLOW_TRY(
        flow_tree_sum_new(&step->sum, step->comm, step->f->params.n_weights, step->most_groups, step->n_threads, err));
    return sums_make_stats(step, err);
}

void flow_step_free_sums(flow_step *step)
{
    for (int k = 0; step->sums != NULL && k < step->n_with_stats; k++)
        free(step->sums[k]);
    free(step->sums);
    free(step->stats);
    free(step->with_stats);
    free(step->groups);
    free(step->parts);
    flow_tree_sum_free(step->sum);
}

/* ---- groups ---- */

void flow_step_rank_groups(const flow_step *step, int rank, int64_t *first, int64_t *last)
{
    const int size = flow_comm_size(step->comm);
    *first = flow_share_first(step->n_groups, rank, size);
    *last = flow_share_first(step->n_groups, rank + 1, size);
}

void flow_step_group_tiles(const flow_step *step, int64_t g, int *first, int *last)
{
    *first = (int)(g - step->own.first / FLOW_GROUP) * step->tiles_of_group;
    *last = *first + step->tiles_of_group < step->n_used ? *first + step->tiles_of_group : step->n_used;
}

/* Every rank gets `size` bytes for each group of the others. `all` has a place for each group of the batch; those of
 * this process are filled. */
static void sums_gather(flow_step *step, void *all, size_t size)
{
    int64_t first = 0, last = 0;
    if (flow_comm_size(step->comm) == 1)
        return;
    for (int r = 0; r < flow_comm_size(step->comm); r++) {
        flow_step_rank_groups(step, r, &first, &last);
        step->parts[r] = (size_t)(last - first) * size;
    }
    flow_step_rank_groups(step, flow_comm_rank(step->comm), &first, &last);
    flow_comm_gather_all(step->comm, (char *)all + (size_t)first * size, all, step->parts);
}

static flow_step_group sums_of_group(const flow_step *step, int64_t g)
{
    flow_step_group out = {0};
    int first, last;
    flow_step_group_tiles(step, g, &first, &last);
    for (int t = first; t < last; t++) {
        const flow_step_tile *tile = &step->tiles[t];
        for (int j = 0; j < tile->n_rows; j++) {
            out.score += tile->weight[j] * tile->score[j];
            out.weight += tile->weight[j];
        }
        flow_nfe_add(&out.nfe, &tile->nfe);
    }
    return out;
}

void flow_step_share_groups(flow_step *step)
{
    flow_step_group *groups = step->groups;
    int64_t first, last;
    flow_step_rank_groups(step, flow_comm_rank(step->comm), &first, &last);
    for (int64_t g = first; g < last; g++)
        groups[g] = sums_of_group(step, g);
    sums_gather(step, groups, sizeof *groups);
    for (int64_t apart = 1; apart < step->n_groups; apart *= 2)
        for (int64_t g = 0; g + apart < step->n_groups; g += 2 * apart) {
            groups[g].score += groups[g + apart].score;
            groups[g].weight += groups[g + apart].weight;
            flow_nfe_add(&groups[g].nfe, &groups[g + apart].nfe);
        }
}

/* ---- fitted values ---- */

/* The sums of the groups of this process, for one block. */
static void sums_of_block(void *context, int k, int thread)
{
    (void)thread;
    const flow_step *step = context;
    const flow_block *block = step->f->blocks[step->with_stats[k]];
    const size_t size = sums_size(step, k);
    flow_stats_tile *stats = step->stats + (size_t)k * (size_t)step->tiles_of_group;
    int64_t first_group, last_group;
    flow_step_rank_groups(step, flow_comm_rank(step->comm), &first_group, &last_group);
    for (int64_t g = first_group; g < last_group; g++) {
        int first, last;
        double *sums = step->sums[k] + (size_t)g * size;
        flow_step_group_tiles(step, g, &first, &last);
        for (int t = first; t < last; t++)
            stats[t - first] =
                (flow_stats_tile){step->tiles[t].n, step->tiles[t].weight, step->workers[t].ws->scratch[block->index]};
        for (size_t i = 0; i < size; i++)
            sums[i] = 0;
        block->type->add_batch_sums(block->state, stats, last - first, sums);
    }
}

void flow_step_follow_batch(flow_step *step, double share, double *fitted)
{
    flow_parallel_for(step->n_with_stats, step->n_threads, sums_of_block, step);
    for (int k = 0; k < step->n_with_stats; k++) {
        const flow_block *block = step->f->blocks[step->with_stats[k]];
        const size_t size = sums_size(step, k);
        sums_gather(step, step->sums[k], size * sizeof **step->sums);
        flow_tree_sum_rows(step->sums[k], step->n_groups, size);
        block->type->follow_batch(block->state, step->sums[k], share / step->n_with_stats, fitted);
    }
}
