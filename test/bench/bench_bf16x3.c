/* The rule of num/gemm_bf16x3.h on this machine: for which sizes products of bfloat16 parts are faster than those of
 * floats. The columns are a tile of data rows.
 *
 *     build/test/bench/bench_bf16x3
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "core/memory.h"
#include "num/gemm.h"
#include "num/gemm_bf16x3.h"

enum { ROUNDS = 15, N_ROWS = 7, N_DEPTHS = 7, SHAPES = N_ROWS * N_DEPTHS, MOST = 512 };

static const double slice = 1e-3; /* seconds */
static const int all_rows[N_ROWS] = {16, 24, 32, 64, 128, 256, MOST};
static const int all_depths[N_DEPTHS] = {16, 32, 48, 64, 128, 256, MOST};

typedef struct shape {
    int rows, depth;
    const real *w, *x;
    real *y;
} shape;

static void multiply_floats(void *context)
{
    const shape *s = context;
    flow_gemm(false, false, s->rows, FLOW_TILE, s->depth, s->w, MOST, s->x, FLOW_TILE, 0, s->y, FLOW_TILE);
}

#ifndef FLOW_DOUBLE
static void multiply_parts(void *context)
{
    const shape *s = context;
    const flow_bf16x3_product p = {.count = 1,
                                   .m = s->rows,
                                   .n = FLOW_TILE,
                                   .k = s->depth,
                                   .a = &s->w,
                                   .lda = MOST,
                                   .b = &s->x,
                                   .ldb = FLOW_TILE,
                                   .c = s->y,
                                   .ldc = FLOW_TILE};
    flow_bf16x3_gemm(flow_bf16x3_find(), &p);
}
#else
#define multiply_parts multiply_floats
#endif

int main(void)
{
    static bench_item items[2 * SHAPES];
    bench_item *list[2 * SHAPES];
    shape shapes[SHAPES];
    flow_error err;
    bench_print_machine();
    if (flow_gemm_check(FLOW_MATH_BF16X3, &err) != FLOW_OK) {
        printf("%s\n", err.message);
        return 0;
    }
    real *w = bench_checked(flow_alloc_aligned((size_t)MOST * MOST, sizeof *w));
    real *x = bench_checked(flow_alloc_aligned((size_t)MOST * FLOW_TILE, sizeof *x));
    real *y = bench_checked(flow_alloc_aligned((size_t)MOST * FLOW_TILE, sizeof *y));
    for (int k = 0; k < SHAPES; k++) {
        shapes[k] = (shape){all_rows[k / N_DEPTHS], all_depths[k % N_DEPTHS], w, x, y};
        for (int way = 0; way < 2; way++) {
            items[2 * k + way] =
                (bench_item){.work = way ? multiply_parts : multiply_floats, .context = &shapes[k], .n_threads = 1};
            list[2 * k + way] = &items[2 * k + way];
        }
    }
    bench_run(list, 2 * SHAPES, ROUNDS, slice);
    printf("\n%6s %6s %12s %12s %10s %8s\n", "rows", "depth", "float", "bf16x3", "GFLOP/s", "chosen");
    for (int k = 0; k < SHAPES; k++) {
        const double seconds = bench_seconds(&items[2 * k + 1], ROUNDS);
        const double flops = 2.0 * shapes[k].rows * shapes[k].depth * FLOW_TILE;
        printf("%6d %6d %9.2f us %9.2f us %10.0f %8s\n", shapes[k].rows, shapes[k].depth,
               1e6 * bench_seconds(&items[2 * k], ROUNDS), 1e6 * seconds, flops / seconds / 1e9,
               flow_bf16x3_pays(shapes[k].rows, FLOW_TILE, shapes[k].depth) ? "bf16x3" : "float");
    }
    flow_free_aligned(w);
    flow_free_aligned(x);
    flow_free_aligned(y);
    return 0;
}
