/* Convolutions as shares of the peak of one core: the layer with bias and relu; its backward alone, at the input of the
 * relu in front, in place, with the sums that the context needs; the same with the gradient of the weights; and forward
 * and backward together. The layers follow each other, so that none finds its arrays in the L2 cache. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "core/memory.h"
#include "nn/conv.h"
#include "num/rng.h"

enum { ROUNDS = 15, SHAPES = 11, N_ROWS = 2, WORKS = 3, ITEMS = SHAPES * N_ROWS };

static const double slice = 4e-3; /* seconds */
static const int all_rows[N_ROWS] = {32, 64};
static const struct shape {
    int side, kernel, n_in, n_out;
} shapes[SHAPES] = {{14, 3, 64, 64},  {14, 1, 64, 64},  {16, 3, 128, 128}, {16, 1, 128, 128},
                    {14, 3, 4, 64},   {14, 3, 64, 8},   {14, 3, 2, 64},    {14, 3, 64, 4},
                    {8, 3, 512, 512}, {8, 1, 512, 512}, {8, 3, 512, 48}};

typedef struct layer {
    flow_params params;
    flow_conv conv;
    int n;
    double flops; /* of the layer */
    real *weights, *x, *y, *g, *gradient, *gadded;
    void *scratch;
} layer;

static void work_apply(void *context)
{
    const layer *l = context;
    flow_conv_apply(&l->conv, l->weights, l->n, l->x, (flow_conv_term){0}, FLOW_ACTIVATION_RELU, l->y, l->y,
                    l->scratch);
}

static void work_backward(void *context)
{
    const layer *l = context;
    flow_conv_backward(&l->conv, l->weights, l->n, l->x, l->x, FLOW_ACTIVATION_RELU, l->g, l->x, l->gadded, l->scratch,
                       NULL);
}

static void work_gradients(void *context)
{
    const layer *l = context;
    flow_tape tape = {.n = l->n, .gradient = l->gradient};
    flow_conv_backward(&l->conv, l->weights, l->n, l->x, l->x, FLOW_ACTIVATION_RELU, l->g, l->x, l->gadded, l->scratch,
                       &tape);
}

static real *new_values(size_t n, uint32_t column)
{
    real *out = bench_checked(flow_alloc_aligned(n + 1, sizeof *out));
    for (size_t k = 0; k < n; k++)
        out[k] = (real)(flow_rng_uniform(1, FLOW_STREAM_OTHER, k, column) - 0.5);
    return out;
}

static void layer_start(layer *l, const struct shape *s, int n)
{
    const flow_shape shape = {s->side, s->side, s->n_in};
    *l = (layer){.n = n};
    if (flow_conv_configure(&l->conv, shape, s->kernel, s->n_out, FLOW_INIT_FAN_IN, &l->params, "c", NULL) != FLOW_OK)
        bench_stop("out of memory");
    size_t in = (size_t)(s->side * s->side * s->n_in * n), out = (size_t)(s->side * s->side * s->n_out * n);
    int met = s->side * s->kernel - 2 * (s->kernel / 2); /* pixels that taps meet, along one side */
    l->flops = 2. * met * met * s->n_in * s->n_out * n;
    l->weights = new_values(l->params.n_weights, 0);
    l->gradient = new_values(l->params.n_weights, 0);
    l->x = new_values(in, 1);
    l->y = new_values(out, 3);
    l->g = new_values(out, 4);
    l->gadded = new_values((size_t)(s->n_out * n), 5);
    l->scratch = bench_checked(flow_alloc_aligned(flow_conv_scratch_size(&l->conv, n), 1));
}

int main(void)
{
    static layer layers[ITEMS];
    static bench_item items[WORKS * ITEMS], clock;
    static void (*const works[WORKS])(void *) = {work_apply, work_backward, work_gradients};
    bench_item peak = bench_peak_item(1), *list[WORKS * ITEMS + 2] = {&peak};
    int n_items = 1;
    for (int k = 0; k < WORKS * ITEMS; k++) {
        if (k % WORKS == 0)
            layer_start(&layers[k / WORKS], &shapes[k / WORKS / N_ROWS], all_rows[k / WORKS % N_ROWS]);
        items[k] = (bench_item){.work = works[k % WORKS], .context = &layers[k / WORKS], .n_threads = 1};
        list[n_items++] = &items[k];
    }
    clock = bench_clock_item();
    if (clock.work != NULL)
        list[n_items++] = &clock;
    bench_print_machine();
    bench_run(list, n_items, ROUNDS, slice);
    bench_print_peak(&peak, 1, &clock, ROUNDS);
    printf("\nshare of the peak, in percent\n%22s %6s %6s %9s %9s %9s %9s\n", "layer", "pixels", "rows", "forward",
           "inputs", "backward", "together");
    for (int k = 0; k < ITEMS; k++) {
        const flow_conv *c = &layers[k].conv;
        double share[WORKS], flops = layers[k].flops / bench_peak_flops(1);
        for (int w = 0; w < WORKS; w++) /* the last one has the products of two */
            share[w] = bench_ratio(&peak, &items[WORKS * k + w], ROUNDS).median * flops * (w == WORKS - 1 ? 2 : 1);
        printf("%dx%d %6d -> %4d ch.  %2dx%-2d %6d %9.0f %9.0f %9.0f %9.0f\n", c->rows, c->cols, c->n_in, c->n_out,
               c->height, c->width, layers[k].n, 100 * share[0], 100 * share[1], 100 * share[2],
               300 / (1 / share[0] + 2 / share[2]));
    }
    return 0;
}
