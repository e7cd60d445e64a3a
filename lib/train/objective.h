/* Objectives: the quantity that training maximises.
 *
 *     mle         the mean log-likelihood of the data: maximum likelihood (for example Papamakarios et al. 2021,
 *                 eq. 13)
 *     reverse_kl  the evidence lower bound of a density that is known up to a factor Z, from draws of the flow q alone:
 *                     E[log density(x) - log q(x)],  x = f(z),  z ~ base,  log q(x) = log base(z) - log|det dx/dz|
 *                 It is log Z - KL(q || density / Z), so never more than log Z (for example Papamakarios et al. 2021,
 *                 eq. 17; Rezende and Mohamed 2015). The gradient goes through the draws (Kingma and Welling 2014),
 *                 with "path_gradient" through them alone: without the derivative of log q at a fixed x, whose mean is
 *                 zero, it has no noise where q is the density (Roeder, Wu and Duvenaud 2017, "Sticking the landing")
 *     flow_matching, rectified_flow
 *                 minus the error of a continuous block's velocity on paths from the data to the base, which needs no
 *                 solution of its equation (train/interpolant.h)
 *
 * Adding one: one file objective_<name>.c that ends in `const flow_objective_type flow_objective_<name>`, and one word
 * in the list below; objectives.c makes the set of choices from it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_OBJECTIVE_H
#define FLOW_TRAIN_OBJECTIVE_H

#include "core/option.h"
#include "flow/flow.h"
#include "train/target.h"

#define FLOW_OBJECTIVES(X) X(mle) X(reverse_kl) X(flow_matching) X(rectified_flow)

/* One tile of a batch: rows of data in ws->x, or draws from the base in ws->a. */
typedef struct flow_objective_tile {
    const flow *f;
    const real *weights;
    const void *options;
    const flow_target *target; /* NULL for an objective on data */
    flow_workspace *ws; /* ws->noise is the place of the tile among all that training draws: no two are the same */
    bool paired;     /* ws->x and ws->a are both given: rows and their latents, at the two ends of the blocks */
    int n, n_rows;   /* columns of the tile; the first n_rows are rows, the rest is padding */
    const real *share; /* (n): weight of each row in the mean, over that of a batch; 0 in the padding. NULL: only
                          scores are requested; else ws was made with keep */
    double *score;       /* (n): written, for each row, the quantity to maximise, in nats */
    double *x_and_grad;  /* (2, dim): room for a point and a gradient there; NULL without a target */
    flow_workspace *second_ws; /* like ws, for an objective that needs a second one, with share; else NULL */
    void *scratch;              /* scratch_size bytes, 64-byte aligned */
} flow_objective_tile;

typedef struct flow_objective flow_objective;

typedef struct flow_objective_type {
    flow_type_info info; /* the options of an objective that draws fill a flow_draw_options, those of one that
                            interpolates a flow_interpolant_options */
    bool draws;             /* its rows are draws from the base, and there is a target; else they are data */
    bool interpolates;      /* a score is minus a loss, no likelihood */
    const char *score_name; /* for messages: "log p" */
    /* Optional: FLOW_SPEC, with the path in the spec, when it cannot train this flow on (weighted) data. */
    flow_status (*check)(const flow_objective *objective, const flow *f, bool weighted, flow_error *err);
    size_t (*scratch_size)(const void *options, const flow *f, int n); /* of a tile; NULL: none */
    bool (*needs_second_ws)(const void *options); /* whether a tile needs a second workspace; NULL: no */
    /* Writes the scores and, with share, records on ws->tape the gradient of the sum of share * (penalty - score),
     * where the penalty is the one that blocks put on themselves (flow/block.h). */
    void (*tile)(const flow_objective_tile *tile);
    /* Writes where the score of row `row` became something that is not finite, for messages. The tile is in the state
     * that `tile` received. */
    void (*diagnose)(const flow_objective_tile *tile, int row, char *place, size_t size);
} flow_objective_type;

#define FLOW_OBJECTIVE_DECLARE(name) extern const flow_objective_type flow_objective_##name;
FLOW_OBJECTIVES(FLOW_OBJECTIVE_DECLARE)
#undef FLOW_OBJECTIVE_DECLARE

/* All of them. */
extern const flow_choices flow_objectives;

/* Options of an objective that draws. */
typedef struct flow_draw_options {
    const char *density; /* path of the library, as written */
    int64_t dimensions;  /* 0: as many as the library says */
    bool parallel;
    int64_t steps;      /* per epoch */
    int64_t validation; /* draws that the bound is evaluated on after each epoch, always the same */
    int64_t test;       /* draws that the result is evaluated on at the end */
    bool path_gradient;
} flow_draw_options;

/* An objective with its options, which are borrowed. */
struct flow_objective {
    const flow_objective_type *type;
    const void *options;
};

/* That of a choice from flow_objectives. */
static inline flow_objective flow_objective_of(const flow_choice *choice)
{
    return (flow_objective){(const flow_objective_type *)choice->type, choice->options};
}

/* NULL for an objective on data. */
static inline const flow_draw_options *flow_objective_draws(const flow_objective *objective)
{
    return objective->type->draws ? objective->options : NULL;
}

/* NULL for one that does not interpolate. */
static inline const struct flow_interpolant_options *flow_objective_interpolant(const flow_objective *objective)
{
    return objective->type->interpolates ? objective->options : NULL;
}

/* FLOW_SPEC, with the path in the spec, when the objective cannot train `f`. `weighted`: the rows have weights. */
static inline flow_status flow_objective_check(const flow_objective *objective, const flow *f, bool weighted,
                                               flow_error *err)
{
    return objective->type->check != NULL ? objective->type->check(objective, f, weighted, err) : FLOW_OK;
}

#endif
