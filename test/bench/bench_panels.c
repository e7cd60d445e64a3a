/* The cost model of nn/panels.c on this machine: what a matrix product costs beside its multiply-adds.
 *
 * Measures products of `rows` units with `depth` inputs on a tile of FLOW_TILE data rows, and fits
 *
 *     seconds = FLOW_TILE (call + rows (depth + row)) / speed
 *
 * by least squares of the relative deviations. Prints the constants of the fit and of the library, and for each shape
 * the measured time beside both estimates. Then, of some layers, the two ways to the gradient at the weights on two
 * tiles: the measured time of inner products of rows over that of panels, and what the library estimates it to be.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdio.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "core/memory.h"
#include "nn/tape.h"
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

/* ------------------------------------------------------------------ gradients at the weights */

enum { TILES = 2, MOST_WIDTH = 512 };

typedef struct gradient {
    flow_linear by_rows, by_panels;
    flow_tape tapes[TILES];
    flow_record record[TILES];
    real *sum;
} gradient;

static void add_gradient(gradient *g, const flow_linear *linear)
{
    for (int t = 0; t < TILES; t++)
        g->record[t].linear = linear;
    flow_tapes_products(g->tapes, TILES, 0, g->sum);
}

static void add_by_rows(void *context)
{
    gradient *g = context;
    add_gradient(g, &g->by_rows);
}

static void add_by_panels(void *context)
{
    gradient *g = context;
    add_gradient(g, &g->by_panels);
}

/* The mask of a MADE: unit k sees (k + 1) / n_out of the inputs; of a last layer, unit k mod `period` so. */
static void compare_gradients(int n_out, int n_in, int period, const real *x, real *sum)
{
    flow_error err;
    flow_params params = {0};
    int extent[MOST_WIDTH];
    gradient g = {.sum = sum};
    const int of = period > 0 ? period : n_out;
    for (int k = 0; k < n_out; k++)
        extent[k] = (k % of + 1) * n_in / of;
    const flow_init init = FLOW_INIT_FAN_IN;
    flow_linear *both[] = {&g.by_rows, &g.by_panels};
    for (int k = 0; k < 2; k++) {
        if (flow_linear_configure(both[k], n_in, n_out, period != 0 ? extent : NULL, init, &params, "layer", &err) !=
            FLOW_OK)
            bench_stop(err.message);
        both[k]->weight = 0;
        both[k]->panels.by_rows.faster = k == 0;
    }
    for (int t = 0; t < TILES; t++) {
        g.record[t] = (flow_record){.n_places = 1, .x = x, .g = x + (size_t)MOST_WIDTH * FLOW_TILE};
        g.tapes[t] = (flow_tape){.n = FLOW_TILE, .n_records = 1, .records = &g.record[t]};
    }
    bench_item items[] = {{.work = add_by_rows, .context = &g, .n_threads = 1},
                          {.work = add_by_panels, .context = &g, .n_threads = 1}};
    bench_item *list[] = {&items[0], &items[1]};
    bench_run(list, 2, ROUNDS, slice);
    const double rows = bench_seconds(&items[0], ROUNDS), panels = bench_seconds(&items[1], ROUNDS);
    const flow_row_order *order = &g.by_rows.panels.by_rows;
    printf("%4d -> %-4d %-9s %9.2f us %9.2f us %8.2f %8.2f\n", n_in, n_out,
           period == 0  ? "no mask"
           : period < 0 ? "MADE"
                        : "last",
           1e6 * rows, 1e6 * panels, rows / panels, order->time / order->panels_time);
    flow_linear_release(&g.by_rows);
    flow_linear_release(&g.by_panels);
    flow_params_release(&params);
}

static void compare_all_gradients(void)
{
    static const int shapes[][3] = {{128, 5, 0},   {128, 10, -1},  {10, 128, 0},   {20, 128, 10},  {64, 64, 0},
                                    {64, 64, -1},  {128, 128, 0},  {128, 128, -1}, {230, 128, 10}, {256, 256, 0},
                                    {512, 63, -1}, {126, 512, 63}, {44, 512, 0},   {512, 512, 0},  {512, 512, -1}};
    const size_t count = 2 * (size_t)MOST_WIDTH * FLOW_TILE;
    real *x = bench_checked(flow_alloc_aligned(count, sizeof *x));
    real *sum = bench_checked(flow_alloc_aligned((size_t)MOST_WIDTH * MOST_WIDTH, sizeof *sum));
    for (size_t k = 0; k < count; k++)
        x[k] = (real)1e-3 * (real)(k % 17);
    printf("\ngradient at the weights, %d tiles\n%-22s %12s %12s %8s %8s\n", TILES, "layer", "by rows", "by panels",
           "ratio", "estimate");
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        compare_gradients(shapes[k][0], shapes[k][1], shapes[k][2], x, sum);
    flow_free_aligned(x);
    flow_free_aligned(sum);
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
    compare_all_gradients();
    return 0;
}
