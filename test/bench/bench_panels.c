/* The cost model of nn/panels.c on this machine: what a matrix product costs beside its multiply-adds.
 *
 * Measures products of `rows` units with `depth` inputs on a tile of FLOW_TILE data rows, and fits
 *
 *     seconds = FLOW_TILE (call + rows (depth + row)) / speed
 *
 * by least squares of the relative deviations. Prints the constants of the fit and of the library, and for each shape
 * the measured time beside both estimates.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdio.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "core/memory.h"
#include "nn/panels.h"
#include "num/gemm.h"

enum { ROUNDS = 15, N_ROWS = 8, N_DEPTHS = 7, SHAPES = N_ROWS * N_DEPTHS, MOST_DEPTH = 256 };

static const double slice = 1e-3; /* seconds */
static const int all_rows[N_ROWS] = {1, 2, 4, 8, 16, 32, 64, FLOW_PANEL};
static const int all_depths[N_DEPTHS] = {4, 8, 16, 32, 64, 128, MOST_DEPTH};

typedef struct shape {
    int rows, depth;
    const real *w, *x;
    real *y;
} shape;

static void multiply(void *context)
{
    const shape *s = context;
    flow_gemm(false, false, s->rows, FLOW_TILE, s->depth, s->w, MOST_DEPTH, s->x, FLOW_TILE, 0, s->y, FLOW_TILE);
}

/* The constants of the model: call, row, and the speed in multiply-adds per second. */
typedef struct model {
    double call, row, speed;
} model;

static double model_seconds(const model *m, int rows, int depth)
{
    return FLOW_TILE * (m->call + rows * (depth + m->row)) / m->speed;
}

static model fit(const shape *shapes, const double *seconds)
{
    gsl_matrix *terms = bench_checked(gsl_matrix_alloc(SHAPES, 3));
    gsl_vector *ones = bench_checked(gsl_vector_alloc(SHAPES)), *c = bench_checked(gsl_vector_alloc(3));
    gsl_matrix *covariance = bench_checked(gsl_matrix_alloc(3, 3));
    gsl_multifit_linear_workspace *work = bench_checked(gsl_multifit_linear_alloc(SHAPES, 3));
    double deviation;
    for (size_t k = 0; k < SHAPES; k++) { /* all divided by the measured time: deviations are relative */
        gsl_matrix_set(terms, k, 0, 1 / seconds[k]);
        gsl_matrix_set(terms, k, 1, shapes[k].rows / seconds[k]);
        gsl_matrix_set(terms, k, 2, (double)shapes[k].rows * shapes[k].depth / seconds[k]);
        gsl_vector_set(ones, k, 1);
    }
    gsl_multifit_linear(terms, ones, c, covariance, &deviation, work);
    double each = gsl_vector_get(c, 2);
    model m = {gsl_vector_get(c, 0) / each, gsl_vector_get(c, 1) / each, FLOW_TILE / each};
    gsl_multifit_linear_free(work);
    gsl_matrix_free(covariance);
    gsl_matrix_free(terms);
    gsl_vector_free(ones);
    gsl_vector_free(c);
    return m;
}

static void print(const char *name, const model *m, const shape *shapes, const double *seconds)
{
    double sum = 0;
    for (int k = 0; k < SHAPES; k++)
        sum += pow(model_seconds(m, shapes[k].rows, shapes[k].depth) / seconds[k] - 1, 2);
    printf("%-16s call %.0f, row %.1f multiply-adds; %.0f GFLOP/s; deviation %.0f %%\n", name, m->call, m->row,
           2e-9 * m->speed, 100 * sqrt(sum / SHAPES));
}

int main(void)
{
    static bench_item items[SHAPES];
    bench_item *list[SHAPES];
    shape shapes[SHAPES];
    double seconds[SHAPES];
    real *w = bench_checked(flow_alloc_aligned((size_t)FLOW_PANEL * MOST_DEPTH, sizeof *w));
    real *x = bench_checked(flow_alloc_aligned((size_t)MOST_DEPTH * FLOW_TILE, sizeof *x));
    real *y = bench_checked(flow_alloc_aligned((size_t)FLOW_PANEL * FLOW_TILE, sizeof *y));
    for (int k = 0; k < SHAPES; k++) {
        shapes[k] = (shape){all_rows[k / N_DEPTHS], all_depths[k % N_DEPTHS], w, x, y};
        items[k] = (bench_item){.work = multiply, .context = &shapes[k], .n_threads = 1};
        list[k] = &items[k];
    }
    bench_print_machine();
    bench_run(list, SHAPES, ROUNDS, slice);
    for (int k = 0; k < SHAPES; k++)
        seconds[k] = bench_seconds(&items[k], ROUNDS);
    model here = fit(shapes, seconds), library = here;
    library.call = flow_panels_time(0, 0); /* the model is linear: its constants from two of its values */
    library.row = flow_panels_time(1, 0) - library.call;
    print("fit", &here, shapes, seconds);
    print("nn/panels.c", &library, shapes, seconds);
    printf("\n%6s %6s %12s %12s %12s\n", "rows", "depth", "measured", "fit", "nn/panels.c");
    for (int k = 0; k < SHAPES; k++)
        printf("%6d %6d %9.2f us %9.2f us %9.2f us\n", shapes[k].rows, shapes[k].depth, 1e6 * seconds[k],
               1e6 * model_seconds(&here, shapes[k].rows, shapes[k].depth),
               1e6 * model_seconds(&library, shapes[k].rows, shapes[k].depth));
    flow_free_aligned(w);
    flow_free_aligned(x);
    flow_free_aligned(y);
    return 0;
}
