/* A vector field f(x, t, c), with the trace of its Jacobian J = df/dx and what else training asks of it: the right-hand
 * side of a continuous flow.
 *
 * Networks, whose hidden layers have an activation a and whose last layer has none:
 *
 *     mlp            W y + b, the first layer on (x, t, c)
 *     concatsquash   (W y + b) * sigmoid(Wg t + bg) + Wh t, the first layer on (x, c) (Grathwohl et al. 2019, the code)
 *
 * t stands for the features of the time: t and, with time_features = k, cos(pi j t) and sin(pi j t), j = 1 ... k. The
 * last layer starts at zero: so does the field.
 *
 * The trace of an mlp with one or two hidden layers has a closed form. With a' the derivatives of the activations and
 * W1x the columns of the first matrix that x meets, it is
 *
 *     two hidden layers:  a2'^T M a1',  M = W2 o (W1x W3)^T        one:  m^T a1',  m_r = sum_k W2[k, r] W1[r, k]
 *
 * with o the product of elements: one more matrix product per evaluation, and not one pass per dimension. M is made of
 * weights alone, once per tile. All others send tangents J e through the layers along with the values: along the d
 * unit vectors, which gives the exact trace, or along probes with E e e^T = 1, whose mean of e^T J e is the trace
 * (Hutchinson 1990).
 *
 * The penalty is kinetic |f|^2 + jacobian |J|^2, Frobenius' norm (Finlay et al. 2020, "How to train your neural ODE",
 * eq. 7 and 8), the latter from the tangents that there are: exact, or the mean of |J e|^2.
 *
 * All of it is in units of a time s from 0 to 1: dx/ds = T f(x, T s, c), with an end time T that may be trained.
 *
 * A solver evaluates a field many times, where a tape takes a layer once: the gradients of the weights are summed over
 * all evaluations of a tile here, and recorded when the tile is done.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_FIELD_H
#define FLOW_NN_FIELD_H

#include "core/option.h"
#include "nn/tape.h"
#include "nn/smooth.h"

enum {
    FLOW_FIELD_DEPTH = 6,
    FLOW_FIELD_LAYERS = FLOW_FIELD_DEPTH + 1,
    FLOW_FIELD_WIDTH_MAX = 4096,
    FLOW_FIELD_TIMES_MAX = 64,
    FLOW_FIELD_PROBES_MAX = 64,
};

typedef enum flow_field_network { FLOW_FIELD_MLP, FLOW_FIELD_CONCATSQUASH } flow_field_network;

/* NULL-terminated, in the order of the enum. */
extern const char *const flow_field_network_names[];

typedef struct flow_field_options {
    flow_int_list hidden;
    int activation;        /* flow_smooth */
    int network;           /* flow_field_network */
    int64_t time_features; /* k */
    double time;           /* T at first */
    bool trains_time;      /* T = time exp(w), w a weight */
    double kinetic, jacobian;
} flow_field_options;

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

/* Declares "PREFIXlayer0/weight", ... FLOW_SPEC for a number of hidden layers that is not from 1 to FLOW_FIELD_DEPTH.
 * On failure the caller still calls release. */
flow_status flow_field_configure(flow_field *field, const flow_field_options *options, int dim, int n_context,
                                 flow_params *params, flow_error *err);
void flow_field_release(flow_field *field);

bool flow_field_has_closed_trace(const flow_field *field);

/* What evaluations of a tile give beside f, and how. {0} is the exact trace from d tangents, alone. */
typedef struct flow_field_plan {
    bool values_only; /* no trace, no penalty */
    bool closed;      /* the trace from its closed form */
    bool penalises;   /* the penalty is wanted */
    bool apart;       /* so are the traces along the single probes, whose mean the trace is then */
    int n_probes;     /* tangents along probes; 0: along unit vectors. With `closed` for |J|^2 alone, 0: none */
} flow_field_plan;

/* How many integrands there are: the trace; the penalty, if it is wanted; the traces along the probes, likewise. */
int flow_field_n_integrands(const flow_field_plan *plan);

/* What an evaluation leaves for its backward. Layer l has width w[l]; the last one is layer n_hidden. */
typedef struct flow_field_slot {
    real *input; /* (d + n_times, n): x, features of the time */
    real *f;     /* (d, n): of time T s, before the factor T */
    real *y[FLOW_FIELD_DEPTH], *first[FLOW_FIELD_DEPTH], *second[FLOW_FIELD_DEPTH]; /* (w[l], n) */
    real *linear[FLOW_FIELD_LAYERS], *gate[FLOW_FIELD_LAYERS]; /* (w[l], n): W y + b, the sigmoid; concatsquash only */
} flow_field_slot;

enum { FLOW_FIELD_SLOTS = 8 };

/* The gradients of a layer's numbers, summed over evaluations. */
typedef struct flow_field_sums {
    real *weight, *bias;
} flow_field_sums;

/* A tile at work. */
typedef struct flow_field_tile {
    const flow_field *field;
    flow_field_plan plan;
    const real *weights;
    const real *context; /* (c, n) or NULL */
    int n;                                /* columns that are evaluated */
    int n_all;                            /* and those of the tile */
    const int *columns;                   /* (n): which they are; NULL: all */
    real end;                             /* T */
    real *offset;                         /* (w[0], n): what context and bias add to the first layer; one of the two: */
    real *all_offset, *some_offset;       /* (w[0], n_all), (w[0], n) */
    real *goffset;                        /* (w[0], n_all) */
    real *outer, *cross, *gcross, *mixed; /* (w[1], w[0]): (W1x W3)^T, M; of one hidden layer cross is m (w[0]);
                                             (w[1], n): M a1' */
    int n_together;          /* tangents that are sent through the layers at once: a batch of them, c <= n_together */
    real *probes;            /* for each batch (d, c, n) */
    real *start, *gstart;    /* for each batch (w[0], c, n): W1x e, which is the same in all evaluations */
    real *slope[FLOW_FIELD_DEPTH]; /* (w[l], n): gate a' */
    real *t[FLOW_FIELD_DEPTH], *v[FLOW_FIELD_DEPTH]; /* (w[l], c, n): W v of the layer before; slope t */
    real *out, *gout;        /* (d, c, n): W v of the last layer before its gate, J e; the gradient there */
    real *gt[2];             /* (largest w, c, n) */
    real *integrands, *gintegrands; /* (n_integrands, n): at time T s, before the factor T */
    real *gtimes;            /* (n_times, n) */
    real *gend;              /* (1): of w in T = time exp(w) */
    flow_field_sums layers[FLOW_FIELD_LAYERS], gates[FLOW_FIELD_LAYERS], shifts[FLOW_FIELD_LAYERS];
    real *g[FLOW_FIELD_LAYERS], *gfirst[FLOW_FIELD_DEPTH], *ggate[FLOW_FIELD_LAYERS]; /* (w[l], n) */
    flow_field_slot slots[FLOW_FIELD_SLOTS];
} flow_field_tile;

/* Returns the bytes of scratch for evaluations in n_slots slots, and with `keep` for their backwards; with `scratch`
 * NULL only that. */
size_t flow_field_lay_out(const flow_field *field, const flow_field_plan *plan, int n, int n_slots, bool keep,
                          void *scratch, flow_field_tile *tile);

/* Line 0 of probe p, and how many values lie between its d lines of n values: to be written before the start, and the
 * same as long as an equation is being solved. */
real *flow_field_probe(const flow_field_tile *tile, int p, size_t *stride);

/* Once per tile, after the layout. The scratch keeps what it computes for a later backward, which lays out again and need
 * not call it. */
void flow_field_start(flow_field_tile *tile);

/* f (d, n) and the integrands (n_integrands, n; NULL: not wanted) at `at` (d + 1, n): the d lines of x, then s of each
 * row. Uses slot number `slot`; `keeps`: its backward follows. */
void flow_field_apply(flow_field_tile *tile, int slot, bool keeps, const real *at, real *f, real *integrands);

/* From here to the next layout or selection evaluations and their backwards are given n columns only, those of the tile
 * that are listed; NULL: all of them. What is known of each row goes with it. The list is borrowed. */
void flow_field_select(flow_field_tile *tile, int n, const int *columns);
/* Whether that is possible: without probes, which are not gathered, and where a column comes out the same with any n.
 * Matrix products are such as long as their sums are short: beyond some length libraries cut them, and where depends on
 * the shape. */
bool flow_field_selects(const flow_field *field, const flow_field_plan *plan);

/* The backward of a tile: begin, then any number of evaluations, each of them from the slot in which it was kept, then
 * finish. Writes gx (d, n) given the gradients at f and at the trace and the penalty (NULL: 0), those of single probes
 * being left out; with `sums` adds to the gradients of the weights and the context. A slot stays as it is. */
void flow_field_begin_backward(flow_field_tile *tile);
void flow_field_backward(flow_field_tile *tile, int slot, const real *gf, const real *gintegrands, bool sums, real *gx);
/* Adds to gcontext (c, n; NULL: not wanted) and records the weights. */
void flow_field_finish_backward(flow_field_tile *tile, real *gcontext, flow_tape *tape);

#endif
