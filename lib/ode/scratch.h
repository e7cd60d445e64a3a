/* Private to the files of ode.h: the scratch of a tile, and the parts of a step of all its rows.
 *
 *     scratch.c   the layout, and the parts of a step
 *     run.c       a solve
 *     adjoint.c   the adjoint gradient
 *     ode.c       the functions of ode.h, and the discrete gradient
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_ODE_SCRATCH_H
#define FLOW_ODE_SCRATCH_H

#include "core/direction.h"
#include "core/memory.h"
#include "ode/problem.h"

/* How a row ended. */
typedef enum flow_ode_end {
    FLOW_ODE_ARRIVED,
    FLOW_ODE_STEPS, /* it needs too many steps */
    FLOW_ODE_SHORT, /* it needs a step that is too short */
    FLOW_ODE_RANGE  /* a number is not finite */
} flow_ode_end;

typedef struct flow_ode_scratch flow_ode_scratch;
struct flow_ode_scratch {
    /* Kept from a solve to its backward. */
    flow_direction *direction; /* of the solve */
    bool *backwards;           /* whether the adjoint has been solved, too */
    int *n_steps;              /* of the tile */
    int *why;                  /* (n): flow_ode_end of each row */
    int *tried;                /* (n): attempts of each row */
    real *end;                 /* (d, n), for the adjoint: x at the end */

    /* Kept for a discrete gradient; NULL for the adjoint, and if no backward follows. */
    real *states;          /* (most steps, d, n): x at the start of each step */
    real *times, *lengths; /* (most steps, n): t there, and the signed length */

    real *t, *h;                        /* (n): time and signed length of the current step */
    real *inputs;                       /* (stages + 1, d + 1, n): x and t of each stage */
    real *f;                            /* (stages + 1, d, n) */
    real *integrands;                   /* (stages + 1, m, n), m = n_integrals */
    real *ginputs;                      /* (stages, d, n) */
    real *gf, *gintegrands;             /* (d, n), (m, n) */
    real *x, *next;                     /* (d, n) */
    real *size;                         /* (n) */
    double *integrals, *next_integrals; /* (m, n) */
    double *trace_error;                /* (n) */
    double *progress, *step;            /* (n): from 0 to 1; the next step to try */
    int *taken, *left;                  /* (n): steps made; attempts left, 0 for a row that has arrived or failed */

    int n_selected, n_moving;           /* columns that are evaluated, at most n; rows that have a step */
    int *selected;                      /* (n): these columns, if fewer than n: the rows, then copies of the last one */
    real *packed_input, *packed_f, *packed_ginput, *packed_integrands; /* of these: (d + 1, n), (d, n) twice, (m, n) */

    /* For the adjoint, else NULL. wanted (n): 0 for rows that are not solved. on_step is called after each step, whose
     * stages are then all kept in their slots; the lengths h (n) are 0 for rows that did not make the step. */
    const real *wanted;
    void (*on_step)(const flow_ode *ode, flow_ode_scratch *a, const real *h);
};

/* Lay out the head of the scratch, what is kept from a solve to its backward, and the rest, for a solve with m
 * integrals that stores `stored` steps. */
void flow_ode_lay_out_head(const flow_solver *solver, int d, int n, bool keep, flow_layout *layout,
                           flow_ode_scratch *a);
void flow_ode_lay_out_rest(const flow_solver *solver, int m, int d, int n, int64_t stored, flow_layout *layout,
                           flow_ode_scratch *a);

/* Solves from a->x to a->x; fills a->integrals, a->why, and the steps for the backward. */
void flow_ode_run(const flow_ode *ode, flow_ode_scratch *a, flow_direction direction);

/* Lays out the scratch of the adjoint, in the place of the rest of the solve. */
void flow_ode_lay_out_adjoint(const flow_solver *solver, int m, int d, int n, flow_layout *layout);
/* flow_ode_solve_backward by the adjoint; `rest` is the scratch after the head. */
void flow_ode_solve_adjoint(const flow_ode *ode, const flow_ode_scratch *head, void *rest, const real *gout,
                            const real *gintegrals, real *gin);

/* Input s of the right-hand side: (d + 1, n). */
real *flow_ode_input(const flow_ode *ode, const flow_ode_scratch *a, int s);

/* Input s becomes x (d, n) and the times a->t + c a->h. */
void flow_ode_set_input(const flow_ode *ode, const flow_ode_scratch *a, int s, const real *x, double c);

/* Evaluates f s at input s for the selected columns; with `integrates` also the integrands. */
void flow_ode_evaluate(const flow_ode *ode, flow_ode_scratch *a, int s, int slot, bool keeps, bool integrates);

/* Selects the rows that have a step, h != 0, for the next evaluations, if that saves at least a vector. The other
 * columns are then undefined. */
void flow_ode_select(const flow_ode *ode, flow_ode_scratch *a, const real *h);
void flow_ode_select_all(const flow_ode *ode, flow_ode_scratch *a);

/* Copies the selected columns of from (rows, n) side by side to `to` (rows, n_selected), and those of the moving rows
 * back. */
void flow_ode_pack(const flow_ode_scratch *a, int rows, int n, const real *from, real *to);
void flow_ode_unpack(const flow_ode_scratch *a, int rows, int n, const real *from, real *to);

/* Evaluates the stages from `first` on, for the step from x at times t with lengths h (n). */
void flow_ode_run_stages(const flow_ode *ode, flow_ode_scratch *a, int first, bool keeps, const real *x, const real *t,
                         const real *h);

/* out += sum_s weights[s] f_s over m arrays f_s of `count` values each */
void flow_ode_combine(int count, int m, const double *weights, const real *f, real *out);

/* out (d, n) = x + h sum_s weights[s] f_s */
void flow_ode_advance(const flow_ode *ode, int m, const double *weights, const real *x, const real *h, const real *f,
                      real *out);

/* sums (n_integrals, n) = h sum_s weights[s] integrands_s over n_stages stages */
void flow_ode_integrate(const flow_ode *ode, const flow_ode_scratch *a, int n_integrals, int n_stages,
                        const double *weights, const real *h, double *sums);

#endif
