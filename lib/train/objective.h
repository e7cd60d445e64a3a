/* Objectives: what training makes large.
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
 * Adding one: one file objective_<type>.c that ends in `const flow_objective_type flow_objective_<type>`, and one line
 * below.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TRAIN_OBJECTIVE_H
#define FLOW_TRAIN_OBJECTIVE_H

#include "flow/flow.h"
#include "train/target.h"

/* The first is the default. */
#define FLOW_OBJECTIVES(X) X(mle) X(reverse_kl) X(flow_matching) X(rectified_flow)

/* One tile of a batch: rows of data in ws->x, or draws from the base in ws->a. */
typedef struct flow_objective_tile {
    const flow *f;
    const real *weights;
    const void *options;
    const flow_target *target; /* NULL for an objective on data */
    flow_workspace *ws; /* ws->noise says where the tile stands among all that training draws: no two are the same */
    bool paired; /* both: ws->x and ws->a are rows and their latents, at the two ends of the blocks */
    int n, n_rows; /* columns of the tile, and how many of them are rows: the rest is padding */
    const real *share; /* (n): what each row counts in the mean, its weight over that of a batch; 0 in the padding.
                          NULL: only scores are wanted; else ws was made with keep */
    double *score;     /* (n): written, for each row, what is made large, in nats */
    double *point;     /* (2, dim): room for a point and a gradient there; NULL without a target */
    flow_workspace *other; /* like ws, for an objective that wants it, with share; else NULL */
    void *work;            /* work_size bytes, 64-byte aligned */
} flow_objective_tile;

typedef struct flow_objective flow_objective;

typedef struct flow_objective_type {
    const char *type;
    const char *help;
    size_t options_size;
    const flow_option *options; /* of an objective that draws, they fill a flow_draw_options */
    bool draws;           /* its rows are draws from the base, and there is a target; else they are data */
    bool interpolates;    /* its options are flow_interpolant_options; a score is minus a loss, no likelihood */
    const char *quantity; /* what a score is, for messages: "log p" */
    /* Optional: FLOW_SPEC, with the path in the spec, when it cannot train this flow on (weighted) data. */
    flow_status (*check)(const flow_objective *objective, const flow *f, bool weighted, flow_error *err);
    size_t (*work_size)(const void *options, const flow *f, int n); /* of a tile; NULL: none */
    bool (*wants_other)(const void *options); /* whether a tile needs a second workspace; NULL: no */
    /* Writes the scores and, with share, records on ws->tape the gradient of the sum of share * (penalty - score),
     * penalty being what blocks put on themselves (block.h). */
    void (*tile)(const flow_objective_tile *tile);
    /* Where the score of row `row` became something that is not finite, for messages. The tile is as `tile` got it. */
    void (*blame)(const flow_objective_tile *tile, int row, char *place, size_t size);
} flow_objective_type;

#define FLOW_OBJECTIVE_DECLARE(name) extern const flow_objective_type flow_objective_##name;
FLOW_OBJECTIVES(FLOW_OBJECTIVE_DECLARE)
#undef FLOW_OBJECTIVE_DECLARE

/* All of them in the order of the list, NULL-terminated. */
extern const flow_objective_type *const flow_objective_types[];

/* What an objective that draws is told. */
typedef struct flow_draw_options {
    const char *density; /* path of the library, as written; borrowed from the document */
    int64_t dimensions;  /* 0: what the library says */
    bool parallel;
    int64_t steps;      /* per epoch */
    int64_t validation; /* draws that the bound is evaluated on after each epoch, always the same */
    int64_t test;       /* draws that the result is evaluated on at the end */
    bool path_gradient;
} flow_draw_options;

/* An objective with its options. */
struct flow_objective {
    const flow_objective_type *type;
    void *options; /* owned */
};

/* From "mle" or {"type": "mle"}; defaults are written into the JSON. No library is loaded. */
flow_status flow_objective_new(flow_objective *out, flow_json *json, flow_error *err);
void flow_objective_release(flow_objective *objective);
/* NULL for an objective on data. */
const flow_draw_options *flow_objective_draws(const flow_objective *objective);
/* NULL for one that does not interpolate. */
const struct flow_interpolant_options *flow_objective_interpolant(const flow_objective *objective);
/* FLOW_SPEC, with the path in the spec, when the objective cannot train `f`. `weighted`: the rows have weights. */
flow_status flow_objective_check(const flow_objective *objective, const flow *f, bool weighted, flow_error *err);

/* Adds the definition "objective" of the JSON Schema. */
void flow_objective_schema(cJSON *definitions);

#endif
