/* A vector field f(x, t, c) given by a network, the trace of its Jacobian J = df/dx and a penalty: the right-hand side
 * of a continuous flow.
 *
 * Networks. The hidden layers have an activation a, the last layer has none.
 *
 *     mlp            W y + b, the first layer on (x, t, c)
 *     concatsquash   (W y + b) * sigmoid(Wg t + bg) + Wh t, the first layer on (x, c) (Grathwohl et al. 2019, the code)
 *
 * Here t stands for the features of the time: t, and with time_features = k also cos(pi j t) and sin(pi j t) for j = 1
 * ... k. The last layer starts at zero, so the field starts at zero.
 *
 * Trace. For an mlp with one or two hidden layers the trace has a closed form. With a' the derivatives of the
 * activations and W1x the columns of the first matrix that multiply x, it is
 *
 *     two hidden layers:  a2'^T M a1',  M = W2 o (W1x W3)^T        one:  m^T a1',  m_r = sum_k W2[k, r] W1[r, k]
 *
 * with o the elementwise product: one more matrix product per evaluation instead of one pass for each dimension. M
 * depends on the weights only and is made once per tile. Other networks send tangents J e through the layers along with
 * the values: e runs over the d unit vectors, which gives the exact trace, or over probes with E e e^T = 1, for which
 * the mean of e^T J e is the trace (Hutchinson 1990).
 *
 * Penalty. kinetic |f|^2 + jacobian |J|^2 with the Frobenius norm (Finlay et al. 2020, "How to train your neural ODE",
 * eq. 7 and 8). |J|^2 comes from the tangents: it is exact, or the mean of |J e|^2.
 *
 * Time. All of it is in units of a time s from 0 to 1: dx/ds = T f(x, T s, c), with an end time T that may be trained.
 *
 * Gradients. A solver evaluates a field many times, while a tape records a layer once: the gradients of the weights are
 * summed here over all evaluations of a tile, and recorded when the tile is done.
 *
 * Calls on a flow_field_tile (nn/field_tile.h): lay_out, write the probes, start, then any number of apply. For
 * gradients: begin_backward, then any number of backward, then finish_backward.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NN_FIELD_H
#define FLOW_NN_FIELD_H

#include "core/option.h"
#include "nn/field_tile.h"
#include "nn/tape.h"

enum { FLOW_FIELD_WIDTH_MAX = 4096, FLOW_FIELD_TIMES_MAX = 64, FLOW_FIELD_PROBES_MAX = 64 };

/* The names of flow_field_network in its order, NULL-terminated. */
extern const char *const flow_field_network_names[];

typedef struct flow_field_options {
    flow_int_list hidden;
    int activation;        /* flow_smooth */
    int network;           /* flow_field_network */
    int64_t time_features; /* k */
    double time;           /* T at the start */
    bool trains_time;      /* T = time exp(w) with a weight w */
    double kinetic, jacobian;
} flow_field_options;

/* Declares "PREFIXlayer0/weight", ... FLOW_SPEC if the number of hidden layers is not from 1 to FLOW_FIELD_DEPTH. On
 * failure the caller calls release, too. */
flow_status flow_field_configure(flow_field *field, const flow_field_options *options, int dim, int n_context,
                                 flow_params *params, flow_error *err);
void flow_field_release(flow_field *field);

bool flow_field_has_closed_trace(const flow_field *field);

/* Makes *tile for evaluations of n columns in n_slots slots, with `keep` for their backwards too, and returns the bytes
 * of scratch. With `scratch` NULL it only returns the size. The caller sets tile->weights and tile->context. */
size_t flow_field_lay_out(const flow_field *field, const flow_field_plan *plan, int n, int n_slots, bool keep,
                          void *scratch, flow_field_tile *tile);

/* Row 0 of probe p; its d rows of n values are *stride values apart. The caller writes them before the start; they must
 * not change while an equation is solved. */
real *flow_field_probe(const flow_field_tile *tile, int p, size_t *stride);

/* Once per tile, after the layout and the probes. The results stay in the scratch: a backward that lays out the same
 * scratch again does not call it. */
void flow_field_start(flow_field_tile *tile);

/* f (d, n) and the integrands (n_integrands, n; NULL: not requested) at x_and_s (d + 1, n): the d rows of x, then the
 * time s of each column. With `keeps` a backward from slot `slot` follows. */
void flow_field_apply(flow_field_tile *tile, int slot, bool keeps, const real *x_and_s, real *f, real *integrands);

/* From now on evaluations and their backwards get only n columns, the listed ones of the tile; NULL: all of them again.
 * The context goes with the columns. The list is borrowed until the next call. */
void flow_field_select(flow_field_tile *tile, int n, const int *columns);

/* Whether flow_field_select is allowed: without probes, which are not gathered, and if a column gives the same bits
 * with any n. Matrix products do so while their sums are short: libraries cut long sums, and where depends on the
 * shape. */
bool flow_field_selects(const flow_field *field, const flow_field_plan *plan);

/* The backward of a tile. It reads the slots and does not change them. */
void flow_field_begin_backward(flow_field_tile *tile);
/* Writes gx (d, n) from the gradients at f (d, n) and at the integrands (NULL: zero), of which those of single probes
 * are ignored. With `sums` it adds to the gradients of the weights and of the context. */
void flow_field_backward(flow_field_tile *tile, int slot, const real *gf, const real *gintegrands, bool sums, real *gx);
/* Adds to gcontext (c, n; NULL: not requested) and records the weights on the tape. */
void flow_field_finish_backward(flow_field_tile *tile, real *gcontext, flow_tape *tape);

#endif
