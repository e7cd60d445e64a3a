/* A field and its work on one tile: the structs of nn/field.h, and the parts that nn/field.c puts together.
 *
 *     field_values.c    the network: f, and what a backward and tangents need
 *     field_closed.c    the closed form of the trace
 *     field_tangents.c  tangents J e: the trace and |J|^2
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_FIELD_TILE_H
#define FLOW_NN_FIELD_TILE_H

#include "nn/linear.h"
#include "nn/smooth.h"

enum { FLOW_FIELD_DEPTH = 6, FLOW_FIELD_LAYERS = FLOW_FIELD_DEPTH + 1, FLOW_FIELD_SLOTS = 8 };

typedef enum flow_field_network { FLOW_FIELD_MLP, FLOW_FIELD_CONCATSQUASH } flow_field_network;

typedef struct flow_field {
    int dim, n_context;
    int n_hidden;
    int n_times; /* features of the time: 1 + 2 k */
    flow_field_network network;
    flow_smooth activation;
    bool trains_time;
    double time;
    size_t time_weight;
    real kinetic, jacobian;
    flow_linear layers[FLOW_FIELD_LAYERS];
    flow_linear gates[FLOW_FIELD_LAYERS], shifts[FLOW_FIELD_LAYERS]; /* concatsquash only: of the time's features */
} flow_field;

/* What the evaluations of a tile compute beside f, and how. {0}: the exact trace from d tangents. */
typedef struct flow_field_plan {
    bool values_only; /* no trace, no penalty */
    bool closed;      /* the trace from its closed form */
    bool penalises;   /* the penalty is an integrand */
    bool apart;       /* so are the traces along the single probes; the trace is then their mean */
    int n_probes;     /* tangents along so many probes; 0: along unit vectors. With `closed` they are for |J|^2 only,
                         and 0 means none */
} flow_field_plan;

/* The number of integrands: the trace; with `penalises` the penalty; with `apart` the trace along each probe. */
static inline int flow_field_n_integrands(const flow_field_plan *plan)
{
    return plan->values_only ? 0 : 1 + plan->penalises + (plan->apart ? plan->n_probes : 0);
}

static inline bool flow_field_has_tangents(const flow_field_plan *plan)
{
    return !plan->values_only && (!plan->closed || plan->n_probes > 0);
}

/* What an evaluation leaves for its backward. Layer l has width w[l]; layer n_hidden is the last one. */
typedef struct flow_field_slot {
    real *input; /* (d + n_times, n): x, features of the time */
    real *f;     /* (d, n): at time T s, before the factor T */
    real *y[FLOW_FIELD_DEPTH], *first[FLOW_FIELD_DEPTH], *second[FLOW_FIELD_DEPTH]; /* (w[l], n): a, a', a'' */
    real *linear[FLOW_FIELD_LAYERS], *gate[FLOW_FIELD_LAYERS]; /* (w[l], n): W y + b, the sigmoid; concatsquash only */
} flow_field_slot;

/* The gradients of a layer's weights, summed over evaluations. */
typedef struct flow_field_sums {
    real *weight, *bias;
} flow_field_sums;

/* Arrays are in the scratch of the tile, unless stated otherwise. */
typedef struct flow_field_tile {
    const flow_field *field;
    flow_field_plan plan;
    const real *weights; /* borrowed */
    const real *context; /* (c, n), borrowed, or NULL */
    int n;               /* columns that are evaluated */
    int n_all;           /* columns of the tile */
    const int *columns;  /* (n): the columns that are evaluated, borrowed; NULL: all */
    real end;            /* T */
    real *offset;        /* what context and bias add to the first layer: all_offset or some_offset */
    real *all_offset, *some_offset;       /* (w[0], n_all), (w[0], n) */
    real *goffset;                        /* (w[0], n_all) */
    real *outer, *cross, *gcross, *mixed; /* (w[1], w[0]): (W1x W3)^T, M, the gradient at M; (w[1], n): M a1'. With one
                                             hidden layer cross is m (w[0]) */
    int n_together;                       /* tangents that go through the layers together: c <= n_together of them */
    real *probes;                         /* for each such batch (d, c, n) */
    real *start, *gstart;                 /* for each batch (w[0], c, n): W1x e, the same in all evaluations */
    real *slope[FLOW_FIELD_DEPTH];        /* (w[l], n): gate a' */
    real *t[FLOW_FIELD_DEPTH], *v[FLOW_FIELD_DEPTH]; /* (w[l], c, n): W v of the layer before; slope t */
    real *out, *gout;                     /* (d, c, n): W v of the last layer before its gate; the gradient at J e */
    real *gt[2];                          /* (largest w, c, n) */
    real *integrands, *gintegrands;       /* (n_integrands, n): at time T s, before the factor T */
    real *gtimes;                         /* (n_times, n) */
    real *gend;                           /* (1): gradient at w in T = time exp(w) */
    flow_field_sums layers[FLOW_FIELD_LAYERS], gates[FLOW_FIELD_LAYERS], shifts[FLOW_FIELD_LAYERS];
    real *g[FLOW_FIELD_LAYERS], *gfirst[FLOW_FIELD_DEPTH], *ggate[FLOW_FIELD_LAYERS]; /* (w[l], n) */
    flow_field_slot slots[FLOW_FIELD_SLOTS];
} flow_field_tile;

static inline int flow_field_width(const flow_field *field, int l)
{
    return field->layers[l].n_out;
}

/* The number of values in a (w[l], n) array. */
static inline size_t flow_field_size(const flow_field_tile *tile, int l)
{
    return (size_t)flow_field_width(tile->field, l) * (size_t)tile->n;
}

static inline bool flow_field_has_gates(const flow_field *field)
{
    return field->network == FLOW_FIELD_CONCATSQUASH;
}

/* Inputs of the first layer that change during a solve: x, and for an mlp the features of the time. */
static inline int flow_field_n_moving(const flow_field *field)
{
    return field->dim + (flow_field_has_gates(field) ? 0 : field->n_times);
}

/* ------------------------------------------------------------------ field_values.c */

/* Fills the features of the time (n_times, n) from their first row, t. */
void flow_field_fill_times(const flow_field *field, int n, real *times);
/* The gradient at the logarithm of a common factor of all t: the sum over columns of t gtimes . d times / dt. */
double flow_field_times_backward(const flow_field *field, int n, const real *times, const real *gtimes);

/* f (d, n) before the factor T, and into the slot what tangents and, with `keeps`, a backward need. */
void flow_field_run(flow_field_tile *tile, flow_field_slot *slot, bool keeps, real *f);
/* From tile->g of the last layer, tile->gfirst (with second_order) and tile->ggate. */
void flow_field_run_backward(flow_field_tile *tile, const flow_field_slot *slot, bool second_order, bool sums,
                             real *gx);

/* ------------------------------------------------------------------ field_closed.c */

void flow_field_closed_start(flow_field_tile *tile);
/* Adds the trace (n). */
void flow_field_closed_apply(flow_field_tile *tile, const flow_field_slot *slot, real *trace);
/* Writes tile->gfirst from gtrace (n). */
void flow_field_closed_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gtrace, bool sums);
void flow_field_closed_finish(flow_field_tile *tile);

/* ------------------------------------------------------------------ field_tangents.c */

void flow_field_tangents_start(flow_field_tile *tile);
/* Adds to the integrands. */
void flow_field_tangents_apply(flow_field_tile *tile, const flow_field_slot *slot, real *integrands);
/* Adds to tile->gfirst and tile->ggate; with a trained time also to tile->integrands. */
void flow_field_tangents_backward(flow_field_tile *tile, const flow_field_slot *slot, const real *gintegrands,
                                  bool sums);
void flow_field_tangents_finish(flow_field_tile *tile);

#endif
