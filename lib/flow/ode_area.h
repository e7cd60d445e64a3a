/* What the solvers of ode.h share: the work area of a tile, and the parts of a step of all its rows. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_ODE_AREA_H
#define FLOW_FLOW_ODE_AREA_H

#include "flow/ode.h"

typedef struct flow_ode_area {
    int *n_steps, *n_evaluations;                   /* of the tile */
    real *states;                                   /* (most steps, d, n): x at the start of every step */
    real *times, *lengths;                          /* (most steps, n): t there, and the signed step */
    real *at;                                       /* (stages + 1, d + 1, n) */
    real *f;                                        /* (stages + 1, d, n) */
    real *integrands;                               /* (stages + 1, m, n), m = n_integrals */
    real *gat;                                      /* (stages, d, n) */
    real *gf, *gintegrands;                         /* (d, n), (m, n) */
    real *x, *next;                                 /* (d, n) */
    real *size;                                     /* (n) */
    double *integrals, *next_integrals;             /* (m, n) */
    double *trace_error;                            /* (n) */
    double *progress, *step;                        /* (n): 0 to 1; what to try next */
    int *taken, *left;                              /* (n): steps; attempts, 0 for a row that has arrived or failed */
    int *tried;                                     /* (n): attempts that it made */
} flow_ode_area;

/* Input number s of the right-hand side: (d + 1, n). */
real *flow_ode_at(const flow_ode *ode, const flow_ode_area *a, int s);

/* The last line of that input: t + c h. */
void flow_ode_set_time(const flow_ode *ode, const flow_ode_area *a, int s, double c, const real *t, const real *h);

/* f and trace number s at input number s. */
void flow_ode_evaluate(const flow_ode *ode, flow_ode_area *a, int s, int slot, bool keeps);

/* The stages from `first` on, of the step from x at times t with lengths h (n). */
void flow_ode_run_stages(const flow_ode *ode, flow_ode_area *a, int first, bool keeps, const real *x, const real *t,
                         const real *h);

/* out += sum_s weights[s] f_s over m of them that are `count` values each */
void flow_ode_combine(int count, int m, const double *weights, const real *f, real *out);

/* out (d, n) = x + h sum_s weights[s] f_s */
void flow_ode_advance(const flow_ode *ode, int m, const double *weights, const real *x, const real *h, const real *f,
                      real *out);

/* sums (n_integrals, n) = h sum_s weights[s] integrands_s, over n_stages of them */
void flow_ode_integrate(const flow_ode *ode, const flow_ode_area *a, int n_integrals, int n_stages,
                        const double *weights, const real *h, double *sums);

/* From a->x to a->x, a->integrals, and the steps for the backward. */
void flow_ode_solve_adaptive(const flow_ode *ode, flow_ode_area *a, bool down);

#endif
