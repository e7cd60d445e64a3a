/* Convolutions against plain loops over pixels and taps in long double, their gradients against those of the same
 * loops, written out, and against finite differences. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "nn/conv.h"
#include "num/rng.h"
#include "arrays.h"
#include "values.h"

static const bool is_double = sizeof(real) == sizeof(double);

/* What rounding may do to a sum of `terms` terms of order one. */
static double slack(double terms)
{
    return (is_double ? 1e-14 : 1e-6) * (10 + terms);
}

static real *new_poisoned(size_t n)
{
    real *x = new_array(n);
    for (size_t k = 0; k < n; k++)
        x[k] = (real)NAN;
    return x;
}

typedef struct layer {
    flow_params params;
    flow_conv conv;
    real *weights;
    int n, pixels;
    size_t in, out; /* values of a tile in front and behind */
    real *x, *g;    /* random */
    void *scratch;
    bool *wanted; /* (pixels), a checkerboard */
} layer;

typedef struct size_of_layer {
    int height, width, kernel, n_in, n_out;
} size_of_layer;

/* One pixel, one row, one column, one channel, odd sizes; both ways to the gradient of the weights; weights that are
 * copied (256 outputs), in panels (more than 2^18 weights), rows longer than what one sum takes. */
static const size_of_layer sizes[] = {
    {1, 1, 3, 5, 7},    {1, 1, 1, 1, 1},  {1, 4, 3, 2, 3},   {5, 1, 3, 3, 2},    {2, 2, 3, 1, 1},
    {3, 5, 3, 4, 64},   {5, 3, 1, 9, 17}, {4, 4, 3, 33, 5},  {7, 6, 5, 3, 2},    {2, 3, 5, 2, 20},
    {2, 40, 3, 1, 6},   {2, 37, 1, 6, 1}, {2, 2, 3, 0, 4},   {2, 2, 3, 180, 30}, {2, 2, 3, 40, 260},
    {2, 2, 3, 180, 180}, {2, 2, 3, 200, 300}, {2, 2, 3, 300, 190}, {1, 1, 3, 600, 300}};

enum { N_SIZES = sizeof sizes / sizeof *sizes };

static void layer_start(layer *l, const size_of_layer *s, int n)
{
    *l = (layer){.n = n, .pixels = s->height * s->width};
    size_t before;
    assert_int_equal(flow_params_add_weights(&l->params, &before, "a", 1, 5, FLOW_INIT_ZERO, 1, NULL, NULL), FLOW_OK);
    const flow_shape shape = {s->height, s->width, s->n_in};
    assert_int_equal(flow_conv_configure(&l->conv, shape, s->kernel, s->n_out, FLOW_INIT_FAN_IN, &l->params, "c", NULL),
                     FLOW_OK);
    l->weights = new_random(l->params.n_weights, 1);
    l->in = (size_t)l->pixels * (size_t)s->n_in * (size_t)n;
    l->out = (size_t)l->pixels * (size_t)s->n_out * (size_t)n;
    l->x = new_random(l->in, 2);
    l->g = new_random(l->out, 3);
    l->scratch = flow_alloc_aligned(flow_conv_scratch_size(&l->conv, n) + 1, 1);
    l->wanted = malloc((size_t)l->pixels * sizeof *l->wanted);
    assert_non_null(l->scratch);
    assert_non_null(l->wanted);
    for (int p = 0; p < l->pixels; p++)
        l->wanted[p] = (p / s->width + p % s->width) % 2 == 1;
}

static void layer_end(layer *l)
{
    flow_conv_release(&l->conv);
    flow_params_release(&l->params);
    flow_free_aligned(l->weights);
    flow_free_aligned(l->x);
    flow_free_aligned(l->g);
    flow_free_aligned(l->scratch);
    free(l->wanted);
}

/* The place in the weights of input i and output o at the tap from pixel p to pixel q, or SIZE_MAX if there is none. */
static size_t weight_between(const flow_conv *conv, int p, int q, int i, int o)
{
    int row = q / conv->width - p / conv->width + conv->rows / 2;
    int col = q % conv->width - p % conv->width + conv->cols / 2;
    if (row < 0 || row >= conv->rows || col < 0 || col >= conv->cols)
        return SIZE_MAX;
    return conv->weight + (size_t)(((row * conv->cols + col) * conv->n_in + i) * conv->n_out + o);
}

static bool is_wanted(const layer *l, int p)
{
    return l->conv.wanted == NULL || l->conv.wanted[p];
}

/* Row j of data, as a sum over all pixels that a tap meets. */
static long double output_at(const layer *l, int p, int o, int j, flow_conv_term added)
{
    const flow_conv *c = &l->conv;
    long double sum = (long double)l->weights[c->bias + (size_t)o];
    if (added.values != NULL)
        sum += (long double)added.values[((added.of_pixels ? p * c->n_out : 0) + o) * l->n + j];
    for (int q = 0; q < l->pixels; q++)
        for (int i = 0; i < c->n_in; i++)
            if (weight_between(c, p, q, i, o) != SIZE_MAX)
                sum += (long double)l->weights[weight_between(c, p, q, i, o)] *
                       (long double)l->x[(q * c->n_in + i) * l->n + j];
    return sum;
}

static long double input_gradient_at(const layer *l, int q, int i, int j)
{
    const flow_conv *c = &l->conv;
    long double sum = 0;
    for (int p = 0; p < l->pixels; p++)
        for (int o = 0; o < c->n_out && is_wanted(l, p); o++)
            if (weight_between(c, p, q, i, o) != SIZE_MAX)
                sum += (long double)l->weights[weight_between(c, p, q, i, o)] *
                       (long double)l->g[(p * c->n_out + o) * l->n + j];
    return sum;
}

static double terms(const layer *l)
{
    return l->conv.rows * l->conv.cols * (double)(l->conv.n_in + l->conv.n_out);
}

static void check_apply(const layer *l)
{
    const flow_conv *c = &l->conv;
    real *values = new_random(l->out, 4), *y = new_poisoned(l->out), *pre = new_poisoned(l->out);
    const flow_conv_term added[] = {{NULL, false}, {values, false}, {values, true}, {pre, true}};
    for (int with = 0; with < 4; with++) {
        const flow_conv_term same = with == 3 ? added[2] : added[with];
        memcpy(pre, values, l->out * sizeof *pre);
        flow_conv_apply(c, l->weights, l->n, l->x, added[with], FLOW_ACTIVATION_NONE, y, y, l->scratch);
        flow_conv_apply(c, l->weights, l->n, l->x, added[with], FLOW_ACTIVATION_RELU, pre, pre, l->scratch);
        for (int p = 0; p < l->pixels; p++) {
            for (int k = 0; k < c->n_out * l->n; k++) {
                size_t at = (size_t)(p * c->n_out * l->n + k);
                if (!is_wanted(l, p)) {
                    assert_true(isnan(y[at]));
                    ASSERT_EQ(pre[at], values[at]);
                    continue;
                }
                if (k % l->n % 5 == 0) /* the long double is slow */
                    ASSERT_NEAR(y[at], output_at(l, p, k / l->n, k % l->n, same), slack(terms(l)));
                ASSERT_EQ(pre[at], (y[at] < 0 ? 0 : y[at]));
            }
        }
    }
    flow_free_aligned(values);
    flow_free_aligned(y);
    flow_free_aligned(pre);
}

static void expect_gradient(const layer *l, const real *gradient, const real *gadded)
{
    const flow_conv *c = &l->conv;
    double *expected = calloc(l->params.n_weights, sizeof *expected); /* zero in the padding */
    assert_non_null(expected);
    for (int p = 0; p < l->pixels; p++) {
        for (int o = 0; o < c->n_out && is_wanted(l, p); o++) {
            const real *g = l->g + (p * c->n_out + o) * l->n;
            for (int j = 0; j < l->n; j++)
                expected[c->bias + (size_t)o] += (double)g[j];
            for (int q = 0; q < l->pixels; q++) {
                for (int i = 0; i < c->n_in && weight_between(c, p, q, i, o) != SIZE_MAX; i++) {
                    const real *x = l->x + (q * c->n_in + i) * l->n;
                    for (int j = 0; j < l->n; j++)
                        expected[weight_between(c, p, q, i, o)] += (double)x[j] * (double)g[j];
                }
            }
        }
    }
    for (size_t k = 0; k < l->params.n_weights; k++)
        ASSERT_NEAR(gradient[k], expected[k], slack(l->pixels * l->n));
    free(expected);
    for (int k = 0; k < c->n_out * l->n; k++) {
        double sum = 0;
        for (int p = 0; p < l->pixels; p++)
            sum += is_wanted(l, p) ? (double)l->g[p * c->n_out * l->n + k] : 0;
        ASSERT_NEAR(gadded[k], sum, slack(l->pixels));
    }
}

static void check_backward(const layer *l)
{
    const flow_conv *c = &l->conv;
    real *gx = new_poisoned(l->in), *in_place = new_array(l->in);
    memcpy(in_place, l->x, l->in * sizeof *gx);
    real *gradient = new_array(l->params.n_weights), *gadded = new_array((size_t)c->n_out * (size_t)l->n);
    flow_tape tape = {.n = l->n, .gradient = gradient};
    flow_conv_backward(c, l->weights, l->n, NULL, l->x, FLOW_ACTIVATION_NONE, l->g, gx, gadded, l->scratch, NULL);
    memset(gradient, 0, l->params.n_weights * sizeof *gradient);
    flow_conv_backward(c, l->weights, l->n, in_place, in_place, FLOW_ACTIVATION_RELU, l->g, in_place, gadded,
                       l->scratch, &tape);
    expect_gradient(l, gradient, gadded);
    flow_free_aligned(gradient);
    flow_free_aligned(gadded);
    for (size_t k = 0; k < l->in; k++) {
        int j = (int)(k % (size_t)l->n), i = (int)(k / (size_t)l->n) % c->n_in, q = (int)k / l->n / c->n_in;
        if (j % 5 == 0)
            ASSERT_NEAR(gx[k], input_gradient_at(l, q, i, j), slack(terms(l)));
        ASSERT_EQ(in_place[k], (l->x[k] > 0 ? gx[k] : 0));
    }
    flow_free_aligned(gx);
    flow_free_aligned(in_place);
}

/* Recorded, where it is possible. */
static void check_recorded(const layer *l)
{
    const flow_conv *c = &l->conv;
    if (l->pixels > 1 || c->wanted != NULL)
        return;
    size_t n_weights = l->params.n_weights;
    real *gradient = new_poisoned(n_weights), *gadded = new_poisoned((size_t)c->n_out * (size_t)l->n);
    real *gx = new_poisoned(l->in);
    flow_record records[2];
    flow_tape tape = {.n = l->n, .capacity = 2, .records = records};
    flow_conv_backward(c, l->weights, l->n, NULL, l->x, FLOW_ACTIVATION_NONE, l->g, gx, gadded, l->scratch, &tape);
    flow_tapes_gradient(&tape, 1, 1, n_weights, gradient);
    expect_gradient(l, gradient, gadded);
    flow_free_aligned(gradient);
    flow_free_aligned(gadded);
    flow_free_aligned(gx);
}

static void layers(void **state)
{
    (void)state;
    for (int k = 0; k < 2 * N_SIZES; k++) {
        layer l;
        layer_start(&l, &sizes[k / 2], k % 3 == 0 ? 64 : 32);
        l.conv.wanted = k % 2 == 1 ? l.wanted : NULL;
        check_apply(&l);
        check_backward(&l);
        check_recorded(&l);
        layer_end(&l);
    }
}

/* The derivative of sum g * activation(W x + b) along a direction of the inputs, by the backward and by differences. */
static void activations(void **state)
{
    (void)state;
    static const flow_activation kinds[] = {FLOW_ACTIVATION_TANH, FLOW_ACTIVATION_ELU, FLOW_ACTIVATION_SILU};
    const flow_conv_term nothing = {0};
    const size_of_layer first = {3, 4, 3, 2, 5}, second = {3, 4, 3, 5, 3};
    for (int k = 0; k < 3; k++) {
        layer a, b;
        layer_start(&a, &first, 32);
        layer_start(&b, &second, 32);
        real *pre = new_array(a.out), *h = new_array(a.out), *y = new_array(b.out), *gx = new_array(a.in);
        real *gh = new_array(a.out), *direction = new_random(a.in, 9);
        real *gadded = new_array(5 * 32);
        if (!flow_activation_keeps_input(kinds[k])) {
            flow_free_aligned(pre);
            pre = h;
        }
        double sums[2], step = is_double ? 1e-5 : 1e-2, derivative = 0;
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < a.in; i++)
                gx[i] = a.x[i] + (real)(side == 0 ? -step : step) * direction[i];
            flow_conv_apply(&a.conv, a.weights, 32, gx, nothing, kinds[k], pre, h, a.scratch);
            flow_conv_apply(&b.conv, b.weights, 32, h, nothing, FLOW_ACTIVATION_NONE, y, y, b.scratch);
            sums[side] = 0;
            for (size_t i = 0; i < b.out; i++)
                sums[side] += (double)b.g[i] * (double)y[i];
        }
        flow_conv_apply(&a.conv, a.weights, 32, a.x, nothing, kinds[k], pre, h, a.scratch);
        flow_conv_backward(&b.conv, b.weights, 32, pre, h, kinds[k], b.g, gh, gadded, b.scratch, NULL);
        flow_conv_backward(&a.conv, a.weights, 32, NULL, a.x, FLOW_ACTIVATION_NONE, gh, gx, gadded, a.scratch, NULL);
        for (size_t i = 0; i < a.in; i++)
            derivative += (double)gx[i] * (double)direction[i];
        double difference = (sums[1] - sums[0]) / (2 * step);
        ASSERT_NEAR(difference, derivative, (is_double ? 1e-7 : 3e-2) * (1 + fabs(derivative)));
        if (pre != h)
            flow_free_aligned(pre);
        flow_free_aligned(h);
        flow_free_aligned(y);
        flow_free_aligned(gx);
        flow_free_aligned(gh);
        flow_free_aligned(direction);
        flow_free_aligned(gadded);
        layer_end(&a);
        layer_end(&b);
    }
}

static void taps_that_meet_no_pixel_do_not_exist(void **state)
{
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1}, {1, 2, 1, 3}, {2, 1, 3, 1}, {2, 9, 3, 5}};
    for (int k = 0; k < 4; k++) {
        flow_params params = {0};
        flow_conv conv;
        const flow_shape shape = {cases[k][0], cases[k][1], 2};
        assert_int_equal(flow_conv_configure(&conv, shape, 5, 3, FLOW_INIT_ZERO, &params, "c", NULL), FLOW_OK);
        assert_int_equal(conv.rows, cases[k][2]);
        assert_int_equal(conv.cols, cases[k][3]);
        assert_int_equal(params.entries[0].rows, cases[k][2] * cases[k][3] * 2);
        assert_int_equal(flow_conv_weights(&conv), cases[k][2] * cases[k][3] * 6);
        assert_string_equal(params.entries[0].name, "c/kernel");
        assert_string_equal(params.entries[1].name, "c/bias");
        flow_conv_release(&conv);
        flow_params_release(&params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers),
        cmocka_unit_test(activations),
        cmocka_unit_test(taps_that_meet_no_pixel_do_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
