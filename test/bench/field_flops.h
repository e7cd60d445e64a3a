/* Floating-point operations of a continuous flow: those of one evaluation of its field, times how often a batch needs
 * one, which the program counts by rows (flow/nfe.h).
 *
 * A row needs for each evaluation 2 FLOPs per weight of the field. Where a log-determinant is wanted the trace comes on
 * top, at each evaluation whose trace has a weight in the method or in its error: in closed form (nn/field.h) 2 for
 * each element of M, with an estimate in training 2 for each weight that a tangent meets, those of the first layer once
 * per solve. A gradient needs twice as much at each stage of a step: at the stage's input, and at the weights; none
 * for the end of a step and for the choice of the first step. An attempt that fails counts as a step that was made.
 *
 * What is computed again for the gradient, what M is made of, and columns of a tile without a row that moves count as
 * time and not as work.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_FIELD_FLOPS_H
#define BENCH_FIELD_FLOPS_H

#include "flow/nfe.h"

typedef enum bench_solve { BENCH_SOLVE_POINTS, BENCH_SOLVE_LOGP, BENCH_SOLVE_GRADIENT } bench_solve;

/* Of what took `effort`; `spec` is the JSON text that the flow is of. 0 for a flow that is not a single ffjord block
 * with one or two hidden layers, to which time is an input. */
double bench_field_flops(const flow *f, const char *spec, const flow_nfe *effort, bench_solve what);

#endif
