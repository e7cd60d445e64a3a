/* The floating-point operations of a continuous flow: those of one evaluation of its field, times the number of
 * evaluations that a batch needs, which the program counts by rows (flow/nfe.h).
 *
 * An evaluation takes 2 FLOPs per weight of the field and row. A log-determinant adds the trace, at each evaluation
 * whose trace has a weight in the method or in its error: in closed form (nn/field.h) 2 FLOPs for each element of M,
 * with an estimate in training 2 for each weight that a tangent multiplies, those of the first layer once per solve. A
 * gradient takes twice as much at each stage of a step, for the input of the stage and for the weights, and nothing for
 * the end of a step and for the choice of the first step. A rejected step counts as a step.
 *
 * Not counted: what is computed again for the gradient, the making of M, and the columns of a tile whose rows have
 * arrived.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_FIELD_FLOPS_H
#define BENCH_FIELD_FLOPS_H

#include "flow/nfe.h"

typedef enum bench_solve { BENCH_SOLVE_POINTS, BENCH_SOLVE_LOGP, BENCH_SOLVE_GRADIENT } bench_solve;

/* The operations of solves that took `nfe` evaluations. `spec` is the JSON text of the flow. 0 unless the flow is a
 * single ffjord block whose network is an mlp with one or two hidden layers. */
double bench_field_flops(const flow *f, const char *spec, const flow_nfe *nfe, bench_solve what);

#endif
