/* What the solvers of ode.h share: the scratch of a tile, and the parts of a step of all its rows. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_SCRATCH_H
#define FLOW_ODE_SCRATCH_H

#include "core/memory.h"
#include "ode/ode.h"

/* How a row ended. */
typedef enum flow_ode_end {
    FLOW_ODE_ARRIVED,
    FLOW_ODE_STEPS, /* it needed too many */
    FLOW_ODE_SHORT, /* or one that was too short */
    FLOW_ODE_RANGE  /* something was not finite */
} flow_ode_end;

typedef struct flow_ode_scratch flow_ode_scratch;
struct flow_ode_scratch {
    /* What stays from a solve to its backward. */
    flow_direction *direction;   /* of it */
    bool *backwards;             /* whether the adjoint has been solved since */
    int *n_steps, *n_evaluations; /* of the tile */
    int *why;                    /* (n): flow_ode_end of each row */
    int *tried;                  /* (n): attempts that it made */
    real *end;                   /* (d, n), for the adjoint: x at the end */

    /* What stays for a discrete gradient; NULL for the adjoint, and where no backward follows. */
    real *states;          /* (most steps, d, n): x at the start of every step */
    real *times, *lengths; /* (most steps, n): t there, and the signed step */

    real *t, *h;                        /* (n): of the present step */
    real *at;                           /* (stages + 1, d + 1, n) */
    real *f;                            /* (stages + 1, d, n) */
    real *integrands;                   /* (stages + 1, m, n), m = n_integrals */
    real *gat;                          /* (stages, d, n) */
    real *gf, *gintegrands;             /* (d, n), (m, n) */
    real *x, *next;                     /* (d, n) */
    real *size;                         /* (n) */
    double *integrals, *next_integrals; /* (m, n) */
    double *trace_error;                /* (n) */
    double *progress, *step;            /* (n): 0 to 1; what to try next */
    int *taken, *left;                  /* (n): steps; attempts, 0 for a row that has arrived or failed */

    int n_selected, n_moving;           /* columns that are evaluated, n or fewer; the rows that have a step */
    int *selected;                      /* (n): where they stand, if fewer; behind the rows come copies of the last */
    real *packed_at, *packed_f, *packed_gat, *packed_integrands; /* (d + 1, n), (d, n) twice, (m, n): side by side */

    /* Of the adjoint, NULL otherwise: rows (n), 0 for those that need not be solved; what to do after a step, all
     * stages of which are kept in their slots then. Lengths h (n) are 0 for the rows that did not make the step. */
    const real *wanted;
    void (*on_step)(const flow_ode *ode, flow_ode_scratch *a, const real *h);
};

/* The first part of the scratch, in front of whatever follows; and the rest, for a solve that stores so many steps.
 * With m = 0 the equation has no integrals. */
void flow_ode_lay_out_head(const flow_solver *solver, int d, int n, bool keep, flow_layout *layout, flow_ode_scratch *a);
void flow_ode_lay_out_rest(const flow_solver *solver, int m, int d, int n, int64_t stored, flow_layout *layout,
                           flow_ode_scratch *a);

/* From a->x to a->x, a->integrals, a->why, and the steps for the backward. */
void flow_ode_run(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction);

/* The same with steps whose lengths follow from the error of each row. */
void flow_ode_run_adaptive(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction);

/* The part of the scratch that the adjoint needs, beside what the solve needed, which is free by then. */
void flow_ode_lay_out_adjoint(const flow_solver *solver, int m, int d, int n, flow_layout *layout);
/* flow_ode_solve_backward; `rest` is what the layout took. */
void flow_ode_solve_adjoint(const flow_ode *ode, const flow_ode_scratch *head, void *rest, const real *gout,
                            const real *gintegrals, real *gin);

/* Input number s of the right-hand side: (d + 1, n). */
real *flow_ode_at(const flow_ode *ode, const flow_ode_scratch *a, int s);

/* Input number s without its last line: x at the start of the step. */
void flow_ode_set_state(const flow_ode *ode, const flow_ode_scratch *a, int s, const real *x);

/* The last line of that input: t + c h. */
void flow_ode_set_time(const flow_ode *ode, const flow_ode_scratch *a, int s, double c, const real *t, const real *h);

/* f number s at input number s, of the columns that are selected, and the integrands if `integrates` wants them. */
void flow_ode_evaluate(const flow_ode *ode, flow_ode_scratch *a, int s, int slot, bool keeps, bool integrates);

/* Selects the rows that have a step, for what is evaluated from here on, where that saves at least a vector. The columns
 * of the others hold nothing of use. */
void flow_ode_select(const flow_ode *ode, flow_ode_scratch *a, const real *h);
void flow_ode_select_all(const flow_ode *ode, flow_ode_scratch *a);

/* The stages from `first` on, of the step from x at times t with lengths h (n). */
void flow_ode_run_stages(const flow_ode *ode, flow_ode_scratch *a, int first, bool keeps, const real *x, const real *t,
                         const real *h);

/* out += sum_s weights[s] f_s over m of them that are `count` values each */
void flow_ode_combine(int count, int m, const double *weights, const real *f, real *out);

/* out (d, n) = x + h sum_s weights[s] f_s */
void flow_ode_advance(const flow_ode *ode, int m, const double *weights, const real *x, const real *h, const real *f,
                      real *out);

/* sums (n_integrals, n) = h sum_s weights[s] integrands_s, over n_stages of them */
void flow_ode_integrate(const flow_ode *ode, const flow_ode_scratch *a, int n_integrals, int n_stages,
                        const double *weights, const real *h, double *sums);

#endif
