/* The networks: masked layers against plain loops, gradients against differences of a network written out in long
 * double, the autoregressive property, the walk that makes sampling one pass, and the vector that holds all weights.
 *
 * The references are long double in both builds, so the float build is held to account as well.
 */
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

#include "arrays.h"
#include "values.h"
#include "nn/made.h"
#include "num/gemm.h"
#include "num/gemm_bf16x3.h"
#include "num/rng.h"

static const bool is_double = sizeof(real) == sizeof(double);

/* What rounding may do to a sum of terms of order one. */
static double slack(void)
{
    return is_double ? 1e-12 : 2e-5;
}

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(13, FLOW_STREAM_OTHER, row, column) - 1;
}

static void poison(real *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        x[k] = (real)NAN;
}

/* Random weights wherever they are live, zero elsewhere: what training makes of a model. */
static real *new_weights(const flow_params *params)
{
    real *weights = new_array(params->n_weights);
    flow_span *spans;
    int n_spans;
    assert_int_equal(flow_params_spans(params, &spans, &n_spans, SIZE_MAX, NULL), FLOW_OK);
    for (int r = 0; r < n_spans; r++)
        for (size_t k = spans[r].offset; k < spans[r].offset + spans[r].length; k++)
            weights[k] = (real)(0.7 * uniform(k, 99));
    free(spans);
    return weights;
}

/* ------------------------------------------------------------------ one layer */

typedef enum mask_kind {
    MASK_NONE,
    MASK_SORTED,
    MASK_RANDOM,
    MASK_PLANES,
    MASK_MANY_PLANES,
    MASK_SHUFFLED_PLANES,
    MASK_EMPTY,
    N_MASKS
} mask_kind;

typedef struct layer {
    flow_params params;
    flow_linear linear;
    real *weights;
    int *extent; /* (n_out): as asked for, n_in where there is no mask */
} layer;

static int by_size(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void layer_start(layer *l, int n_in, int n_out, mask_kind kind)
{
    *l = (layer){.extent = calloc((size_t)n_out + 1, sizeof(int))};
    assert_non_null(l->extent);
    for (int r = 0; r < n_out; r++) {
        int any = (int)(flow_rng_uniform(17, FLOW_STREAM_OTHER, (uint64_t)r, (uint32_t)n_in) * (n_in + 1));
        /* several outputs per dimension: the prefixes start again with each plane, of which the last may be cut off */
        int plane = n_out / 3 + 1, many = n_out / 9 + 1;
        l->extent[r] = kind == MASK_NONE              ? n_in
                       : kind == MASK_PLANES          ? r % plane * n_in / plane
                       : kind == MASK_MANY_PLANES     ? r % many * n_in / many
                       : kind == MASK_SHUFFLED_PLANES ? (7 * r + 3) % 11 * n_in / 10
                       : kind == MASK_EMPTY           ? 0
                                                      : any;
    }
    if (kind == MASK_SORTED)
        qsort(l->extent, (size_t)n_out, sizeof *l->extent, by_size);
    size_t before;
    flow_status status = flow_params_add_weights(&l->params, &before, "before", 1, 5, FLOW_INIT_ZERO, 1, NULL, NULL);
    assert_int_equal(status, FLOW_OK);
    status = flow_linear_configure(&l->linear, n_in, n_out, kind == MASK_NONE ? NULL : l->extent, FLOW_INIT_FAN_IN,
                                   &l->params, "net", NULL);
    assert_int_equal(status, FLOW_OK);
    l->weights = new_weights(&l->params);
}

static void layer_end(layer *l)
{
    flow_linear_release(&l->linear);
    flow_params_release(&l->params);
    flow_free_aligned(l->weights);
    free(l->extent);
}

static double weight_at(const layer *l, int r, int c)
{
    return (double)l->weights[l->linear.weight + (size_t)r * (size_t)l->linear.n_in + (size_t)c];
}

static double bias_at(const layer *l, int r)
{
    return (double)l->weights[l->linear.bias + (size_t)r];
}

/* W x + b of one unit and data row, by the mask alone. */
static double unit_at(const layer *l, int r, int n, const real *x, int j)
{
    double sum = bias_at(l, r);
    for (int c = 0; c < l->extent[r]; c++)
        sum += weight_at(l, r, c) * (double)x[c * n + j];
    return sum;
}

static void check_apply(const layer *l, int n)
{
    int n_in = l->linear.n_in, n_out = l->linear.n_out;
    size_t count = (size_t)n_out * (size_t)n;
    real *x = new_random((size_t)n_in * (size_t)n, 1), *y = new_array(count), *pre = new_array(count);
    poison(y, count);
    flow_linear_apply(&l->linear, l->weights, n, x, FLOW_ACTIVATION_NONE, y, y);
    for (int r = 0; r < n_out; r++)
        for (int j = 0; j < n; j++)
            ASSERT_NEAR(y[r * n + j], unit_at(l, r, n, x, j), slack() * (2 + n_in / 10.));
    poison(y, count);
    flow_linear_apply(&l->linear, l->weights, n, x, FLOW_ACTIVATION_SILU, pre, y);
    for (int r = 0; r < n_out; r++) {
        for (int j = 0; j < n; j++) {
            double a = unit_at(l, r, n, x, j);
            ASSERT_NEAR(pre[r * n + j], a, slack() * (2 + n_in / 10.));
            ASSERT_NEAR(y[r * n + j], a / (1 + exp(-a)), slack() * (2 + n_in / 10.));
        }
    }

    /* a stretch of units reads nothing behind its longest prefix and writes nothing else */
    for (int cut = 0; cut < 6; cut++) {
        int first = (int)(flow_rng_uniform(3, FLOW_STREAM_OTHER, (uint64_t)cut, 0) * n_out);
        int last = first + (int)(flow_rng_uniform(3, FLOW_STREAM_OTHER, (uint64_t)cut, 1) * (n_out + 1 - first));
        int depth = 0;
        for (int r = first; r < last; r++)
            depth = l->extent[r] > depth ? l->extent[r] : depth;
        real *known = new_random((size_t)n_in * (size_t)n, 1);
        poison(known + depth * n, (size_t)(n_in - depth) * (size_t)n);
        for (size_t k = 0; k < count; k++)
            y[k] = 55;
        flow_linear_apply_units(&l->linear, l->weights, n, first, last, known, FLOW_ACTIVATION_NONE, y, y);
        for (int r = 0; r < n_out; r++)
            for (int j = 0; j < n; j++)
                ASSERT_NEAR(y[r * n + j], r >= first && r < last ? unit_at(l, r, n, x, j) : 55,
                            slack() * (2 + n_in / 10.));
        flow_free_aligned(known);
    }
    flow_free_aligned(x);
    flow_free_aligned(y);
    flow_free_aligned(pre);
}

static double input_gradient_at(const layer *l, int first, int last, int n, const real *g, int c, int j)
{
    double sum = 0;
    for (int r = first; r < last; r++)
        if (c < l->extent[r])
            sum += weight_at(l, r, c) * (double)g[r * n + j];
    return sum;
}

static void check_backward(const layer *l, int n)
{
    int n_in = l->linear.n_in, n_out = l->linear.n_out;
    size_t count = (size_t)n_in * (size_t)n;
    real *g = new_random((size_t)n_out * (size_t)n, 2), *gx = new_array(count), *start = new_random(count, 3);
    poison(gx, count);
    flow_linear_backward(&l->linear, l->weights, n, g, gx);
    for (int c = 0; c < n_in; c++)
        for (int j = 0; j < n; j++)
            ASSERT_NEAR(gx[c * n + j], input_gradient_at(l, 0, n_out, n, g, c, j), slack() * (2 + n_out / 10.));
    for (int cut = 0; cut < 6; cut++) {
        int first = (int)(flow_rng_uniform(3, FLOW_STREAM_OTHER, (uint64_t)cut, 2) * n_out);
        int last = first + (int)(flow_rng_uniform(3, FLOW_STREAM_OTHER, (uint64_t)cut, 3) * (n_out + 1 - first));
        memcpy(gx, start, count * sizeof *gx);
        int depth = 0;
        for (int r = first; r < last; r++)
            depth = l->extent[r] > depth ? l->extent[r] : depth;
        poison(gx + depth * n, (size_t)(n_in - depth) * (size_t)n); /* touches only inputs these units see */
        flow_linear_backward_units(&l->linear, l->weights, n, first, last, g, gx);
        for (int c = 0; c < depth; c++)
            for (int j = 0; j < n; j++)
                ASSERT_NEAR(gx[c * n + j],
                            (double)start[c * n + j] + input_gradient_at(l, first, last, n, g, c, j),
                            slack() * (2 + n_out / 10.));
    }
    flow_free_aligned(g);
    flow_free_aligned(gx);
    flow_free_aligned(start);
}

enum { TILES = 5 };

static void check_gradient(const layer *l)
{
    static const int sizes[TILES] = {128, 16, 128, 48, 112};
    int n_in = l->linear.n_in, n_out = l->linear.n_out;
    size_t n_weights = l->params.n_weights;
    real *x[TILES], *g[TILES], *v[TILES], *sums[TILES];
    flow_tape tapes[TILES];
    flow_record records[TILES][3];
    for (int t = 0; t < TILES; t++) {
        int n = sizes[t];
        x[t] = new_random((size_t)n_in * (size_t)n, (uint32_t)(10 + t));
        g[t] = new_random((size_t)n_out * (size_t)n, (uint32_t)(20 + t));
        v[t] = new_random(3 * (size_t)n, (uint32_t)(30 + t));
        sums[t] = new_random(2, (uint32_t)(40 + t));
        tapes[t] = (flow_tape){.n = n, .capacity = 3, .records = records[t]};
        flow_tape_linear(&tapes[t], &l->linear, x[t], g[t]);
        flow_tape_vector(&tapes[t], 0, 3, v[t]);
        flow_tape_sums(&tapes[t], 3, 2, sums[t]);
    }
    flow_tape_linear(NULL, &l->linear, x[0], g[0]); /* records nothing */
    real *gradient = new_array(n_weights), *again = new_array(n_weights);
    for (int n_tapes = 0; n_tapes <= TILES; n_tapes += TILES) {
        poison(gradient, n_weights);
        flow_tapes_gradient(tapes, n_tapes, 1, n_weights, gradient);
        double *expected = calloc(n_weights + 1, sizeof *expected); /* zero behind masks and in the padding */
        assert_non_null(expected);
        for (int t = 0; t < n_tapes; t++) {
            int n = sizes[t];
            for (int k = 0; k < 2; k++)
                expected[3 + k] += (double)sums[t][k];
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < 3; k++)
                    expected[k] += (double)v[t][k * n + j];
                for (int r = 0; r < n_out; r++) {
                    double gr = (double)g[t][r * n + j];
                    expected[l->linear.bias + (size_t)r] += gr;
                    for (int c = 0; c < l->extent[r]; c++)
                        expected[l->linear.weight + (size_t)(r * n_in + c)] += gr * (double)x[t][c * n + j];
                }
            }
        }
        for (size_t k = 0; k < n_weights; k++)
            ASSERT_NEAR(gradient[k], expected[k], expected[k] == 0 ? 0 : 20 * slack());
        free(expected);
    }
    for (int n_threads = 2; n_threads <= 8; n_threads++) {
        poison(again, n_weights);
        flow_tapes_gradient(tapes, TILES, n_threads, n_weights, again);
        assert_memory_equal(again, gradient, n_weights * sizeof *again);
    }
    for (int t = 0; t < TILES; t++) {
        flow_free_aligned(x[t]);
        flow_free_aligned(g[t]);
        flow_free_aligned(v[t]);
        flow_free_aligned(sums[t]);
    }
    flow_free_aligned(gradient);
    flow_free_aligned(again);
}

static void masked_layers(void **state)
{
    (void)state;
    static const int shapes[][2] = {{1, 1},  {3, 2},    {10, 7},   {5, 128},  {33, 100}, {70, 130},
                                    {128, 20}, {64, 64}, {100, 33}, {200, 5}, {0, 4},    {130, 250},
                                    {70, 230}, {31, 77}, {16, 600}, {96, 190},
                                    {300, 126}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int kind = 0; kind < N_MASKS; kind++) {
            layer l;
            layer_start(&l, shapes[s][0], shapes[s][1], (mask_kind)kind);
            check_apply(&l, 16);
            check_apply(&l, 112);
            check_backward(&l, 16);
            check_backward(&l, 112);
            check_gradient(&l);
            layer_end(&l);
        }
    }
}

enum { PLACE_TILES = 3, MOST_PLACES = 40 };

/* One layer at several places of several tiles. */
typedef struct places {
    int n_places, n[PLACE_TILES];
    real *x[PLACE_TILES][MOST_PLACES], *g[PLACE_TILES][MOST_PLACES];
    flow_record records[PLACE_TILES];
    flow_tape tapes[PLACE_TILES];
} places;

static void places_start(places *p, const layer *l, int n_places, const int *n)
{
    *p = (places){.n_places = n_places};
    for (int t = 0; t < PLACE_TILES; t++) {
        p->n[t] = n[t];
        p->tapes[t] = (flow_tape){.n = n[t], .capacity = 1, .records = &p->records[t]};
        for (int i = 0; i < n_places; i++) {
            p->x[t][i] = new_random((size_t)l->linear.n_in * (size_t)n[t], (uint32_t)(100 + t * MOST_PLACES + i));
            p->g[t][i] = new_random((size_t)l->linear.n_out * (size_t)n[t], (uint32_t)(300 + t * MOST_PLACES + i));
        }
        flow_tape_linear_places(&p->tapes[t], &l->linear, n_places, (const real *const *)p->x[t],
                                (const real *const *)p->g[t]);
    }
}

static void places_end(places *p)
{
    for (int t = 0; t < PLACE_TILES; t++) {
        for (int i = 0; i < p->n_places; i++) {
            flow_free_aligned(p->x[t][i]);
            flow_free_aligned(p->g[t][i]);
        }
    }
}

static void expect_sum_over_places(const places *p, const layer *l, const real *gradient)
{
    size_t n_weights = l->params.n_weights, n_in = (size_t)l->linear.n_in;
    double *expected = calloc(n_weights + 1, sizeof *expected); /* zero behind masks and in the padding */
    assert_non_null(expected);
    for (int t = 0; t < PLACE_TILES; t++) {
        size_t n = (size_t)p->n[t];
        for (int i = 0; i < p->n_places; i++) {
            for (size_t r = 0; r < (size_t)l->linear.n_out; r++) {
                for (size_t j = 0; j < n; j++) {
                    double g = (double)p->g[t][i][r * n + j];
                    expected[l->linear.bias + r] += g;
                    for (size_t c = 0; c < (size_t)l->extent[r]; c++)
                        expected[l->linear.weight + r * n_in + c] += g * (double)p->x[t][i][c * n + j];
                }
            }
        }
    }
    double tolerance = 20 * slack() * sqrt(1 + p->n_places);
    for (size_t k = 0; k < n_weights; k++)
        ASSERT_NEAR(gradient[k], expected[k], expected[k] == 0 ? 0 : tolerance);
    free(expected);
}

static void layers_at_several_places(void **state)
{
    (void)state;
    static const int shapes[][2] = {{1, 1}, {4, 70}, {12, 5}, {13, 20}, {70, 30}, {64, 64}, {0, 4}};
    static const int rows[][PLACE_TILES] = {{32, 32, 32}, {128, 128, 16}, {48, 16, 112}};
    static const int counts[] = {0, 1, 2, 9, MOST_PLACES};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            layer l;
            places p;
            layer_start(&l, shapes[s][0], shapes[s][1], (s + k) % 2 == 0 ? MASK_NONE : MASK_RANDOM);
            places_start(&p, &l, counts[k], rows[(s + k) % 3]);
            size_t n_weights = l.params.n_weights, size = n_weights * sizeof(real);
            real *gradient = new_array(n_weights), *again = new_array(n_weights);
            poison(gradient, n_weights);
            flow_tapes_gradient(p.tapes, PLACE_TILES, 1, n_weights, gradient);
            expect_sum_over_places(&p, &l, gradient);
            for (int n_threads = 2; n_threads <= 8; n_threads++) {
                poison(again, n_weights);
                flow_tapes_gradient(p.tapes, PLACE_TILES, n_threads, n_weights, again);
                assert_memory_equal(again, gradient, size);
            }
            if (counts[k] == 1) { /* a single place is an ordinary layer, bit for bit */
                for (int t = 0; t < PLACE_TILES; t++) {
                    p.tapes[t].n_records = 0;
                    flow_tape_linear(&p.tapes[t], &l.linear, p.x[t][0], p.g[t][0]);
                }
                flow_tapes_gradient(p.tapes, PLACE_TILES, 1, n_weights, again);
                assert_memory_equal(again, gradient, size);
            }
            memset(again, 0, size);
            for (int t = 0; t < PLACE_TILES; t++) {
                flow_tape at_once = {.n = p.n[t], .gradient = again};
                flow_tape_linear_places(&at_once, &l.linear, counts[k], (const real *const *)p.x[t],
                                        (const real *const *)p.g[t]);
                assert_int_equal(at_once.n_records, 0);
            }
            expect_sum_over_places(&p, &l, again);
            flow_free_aligned(gradient);
            flow_free_aligned(again);
            places_end(&p);
            layer_end(&l);
        }
    }
}

enum { COVER_IN = 150, COVER_OUT = 190 };

/* Layers that are formed at once, with masks of all kinds. */
static void layers_in_bf16x3(void **state)
{
    if (is_double)
        skip();
    assert_true(flow_gemm_check(FLOW_MATH_BF16X3, NULL) == FLOW_OK);
    flow_math_choose(FLOW_MATH_BF16X3);
    assert_true(flow_gemm_is_packed(190, FLOW_LANES, 96)); /* one of the shapes */
    masked_layers(state);
    layers_at_several_places(state);
    flow_math_choose(FLOW_MATH_FLOAT);
}

static void count_rectangle(int *times, int first, int count, int from, int to)
{
    for (int unit = first; unit < first + count; unit++)
        for (int c = from; c < to; c++)
            times[unit * COVER_IN + c]++;
}

/* Every unit lies in exactly one panel, which reaches as far as the unit sees. */
static void check_panel(const layer *l, flow_panel panel, bool *seen)
{
    for (int k = 0; k < panel.count; k++) {
        int unit = panel.first + k * panel.stride;
        assert_in_range(unit, 0, COVER_OUT - 1);
        assert_false(seen[unit]);
        seen[unit] = true;
        assert_in_range(panel.depth, l->extent[unit], COVER_IN);
    }
}

/* Forward panels cover the units once, backward panels the live weights once and every input. */
static void panels_cover_the_weights(void **state)
{
    (void)state;
    for (int kind = 0; kind < N_MASKS; kind++) {
        layer l;
        layer_start(&l, COVER_IN, COVER_OUT, (mask_kind)kind);
        bool in_panel[COVER_OUT] = {false}, in_back_panel[COVER_IN] = {false};
        static int times[COVER_OUT * COVER_IN];
        memset(times, 0, sizeof times);
        for (int p = 0; p < l.linear.panels.n_forward; p++)
            check_panel(&l, l.linear.panels.forward[p], in_panel);
        for (int p = 0; p < l.linear.panels.n_backward; p++) {
            flow_back_panel panel = l.linear.panels.backward[p];
            for (int plane = 0; plane < panel.planes; plane++)
                count_rectangle(times, panel.first + plane * panel.plane, panel.count, panel.from, panel.to);
            for (int c = panel.from; c < panel.to; c++) { /* the first one begins the sum */
                ASSERT_EQ(in_back_panel[c], panel.adds);
                in_back_panel[c] = true;
            }
        }
        for (int c = 0; c < COVER_IN; c++)
            assert_true(in_back_panel[c]);
        for (int r = 0; r < COVER_OUT; r++) {
            assert_true(in_panel[r]);
            for (int c = 0; c < COVER_IN; c++) {
                ASSERT_LE(times[r * COVER_IN + c], 1);
                assert_true(times[r * COVER_IN + c] == 1 || c >= l.extent[r]);
            }
        }
        layer_end(&l);
    }
}

/* Where the prefixes repeat often enough nothing is computed behind the mask. */
static void repeating_masks_are_skipped(void **state)
{
    (void)state;
    static const struct {
        int n_out, period; /* as it is to be found */
        mask_kind kind;
    } cases[] = {{230, 26, MASK_MANY_PLANES}, {198, 23, MASK_MANY_PLANES}, {77, 11, MASK_SHUFFLED_PLANES},
                 {230, 11, MASK_SHUFFLED_PLANES}, {21, 1, MASK_SHUFFLED_PLANES}, {190, 64, MASK_PLANES},
                 {20, 7, MASK_PLANES},
                 {190, 1, MASK_NONE}, {190, 1, MASK_EMPTY}, {190, 1, MASK_SORTED}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        layer l;
        layer_start(&l, 70, cases[k].n_out, cases[k].kind);
        assert_int_equal(l.linear.panels.period, cases[k].period);
        bool repeats_often = cases[k].period > 1 && cases[k].n_out / cases[k].period >= 4;
        for (int p = 0; p < l.linear.panels.n_forward && repeats_often; p++)
            assert_int_equal(l.linear.panels.forward[p].depth, l.extent[l.linear.panels.forward[p].first]);
        layer_end(&l);
    }
}

/* All that a tape takes, recorded and at once: for a single tile the same bits. */
static void gradients_at_once(void **state)
{
    (void)state;
    enum { N = 48, IN = 70, OUT = 30, ROWS = 5 };
    layer l;
    layer_start(&l, IN, OUT, MASK_RANDOM);
    size_t vector, sums;
    assert_int_equal(flow_params_add_weights(&l.params, &vector, "v", 1, ROWS, FLOW_INIT_ZERO, 1, NULL, NULL), FLOW_OK);
    assert_int_equal(flow_params_add_weights(&l.params, &sums, "s", 1, ROWS, FLOW_INIT_ZERO, 1, NULL, NULL), FLOW_OK);
    size_t n_weights = l.params.n_weights;
    real *recorded = new_array(n_weights), *at_once = new_array(n_weights);
    real *x = new_random((size_t)IN * N, 1), *g = new_random((size_t)OUT * N, 2), *gv = new_random((size_t)ROWS * N, 3);
    flow_record records[3];
    flow_tape tapes[] = {{.n = N, .capacity = 3, .records = records}, {.n = N, .gradient = at_once}};
    memset(at_once, 0, n_weights * sizeof *at_once);
    for (int k = 0; k < 2; k++) {
        flow_tape_linear(&tapes[k], &l.linear, x, g);
        flow_tape_vector(&tapes[k], vector, ROWS, gv);
        flow_tape_sums(&tapes[k], sums, ROWS, g);
    }
    assert_int_equal(tapes[0].n_records, 3);
    assert_int_equal(tapes[1].n_records, 0);
    flow_tapes_gradient(tapes, 1, 1, n_weights, recorded);
    assert_memory_equal(at_once, recorded, n_weights * sizeof *at_once);
    for (int r = 0; r < ROWS; r++) {
        ASSERT_NE(at_once[vector + (size_t)r], 0);
        ASSERT_EQ(at_once[sums + (size_t)r], g[r]);
    }
    flow_tape_sums(&tapes[1], sums, ROWS, g); /* adds */
    ASSERT_EQ(at_once[sums], 2 * g[0]);
    flow_free_aligned(recorded);
    flow_free_aligned(at_once);
    flow_free_aligned(x);
    flow_free_aligned(g);
    flow_free_aligned(gv);
    layer_end(&l);
}

/* ------------------------------------------------------------------ activations */

static long double activation_reference(flow_activation kind, long double x)
{
    switch (kind) {
    case FLOW_ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case FLOW_ACTIVATION_TANH:
        return tanhl(x);
    case FLOW_ACTIVATION_ELU:
        return x > 0 ? x : expm1l(x);
    case FLOW_ACTIVATION_SILU:
        return x / (1 + expl(-x));
    default:
        return x;
    }
}

static void activations(void **state)
{
    (void)state;
    enum { UNITS = 5, N = 48, COUNT = UNITS * N };
    const double h = 1e-9;
    assert_null(flow_activation_names[FLOW_ACTIVATION_NONE]);
    for (int kind = 0; kind <= FLOW_ACTIVATION_NONE; kind++) {
        real bias[UNITS], pre[COUNT], y[COUNT], gy[COUNT], gpre[COUNT];
        double in[COUNT];
        for (int r = 0; r < UNITS; r++) {
            bias[r] = (real)uniform((uint64_t)r, 1);
            for (int j = 0; j < N; j++) {
                int k = r * N + j;
                pre[k] = (real)(6 * uniform((uint64_t)k, 2));
                gy[k] = (real)uniform((uint64_t)k, 3);
                in[k] = (double)(real)(pre[k] + bias[r]);
            }
        }
        bool apart = flow_activation_keeps_input((flow_activation)kind);
        flow_activation_apply((flow_activation)kind, UNITS, N, bias, pre, apart ? y : pre);
        if (!apart)
            memcpy(y, pre, sizeof y);
        flow_activation_backward((flow_activation)kind, UNITS, N, apart ? pre : NULL, y, gy, gpre);
        for (int k = 0; k < COUNT; k++) {
            ASSERT_NEAR(y[k], activation_reference((flow_activation)kind, in[k]), slack());
            long double up = activation_reference((flow_activation)kind, (long double)in[k] + h);
            long double down = activation_reference((flow_activation)kind, (long double)in[k] - h);
            ASSERT_NEAR(gpre[k], (double)gy[k] * (double)((up - down) / (2 * (long double)h)), is_double ? 1e-7 : 1e-5);
        }
        flow_activation_backward((flow_activation)kind, UNITS, N, pre, y, gy, gy); /* in place */
        assert_memory_equal(gy, gpre, sizeof gy);

        /* what is not a number stays so, and infinities do not become NaN */
        real odd[FLOW_LANES], zero = 0, out[FLOW_LANES];
        for (int j = 0; j < FLOW_LANES; j++)
            odd[j] = (real)(j % 4 == 0 ? NAN : j % 4 == 1 ? INFINITY : 1);
        flow_activation_apply((flow_activation)kind, 1, FLOW_LANES, &zero, odd, apart ? out : odd);
        const real *got = apart ? out : odd;
        for (int j = 0; j < FLOW_LANES; j++)
            assert_true(j % 4 == 0 ? isnan(got[j]) : j % 4 == 1 ? got[j] >= 1 : isfinite(got[j]));
    }
}

/* ------------------------------------------------------------------ networks */

typedef struct shape {
    int dim, n_params; /* of a made; inputs and outputs of an mlp */
    flow_int_list hidden;
    bool residual;
    int n_context;
} shape;

static const shape shapes[] = {
    {1, 1, {0, {0}}, false, 0},
    {1, 2, {2, {5, 4}}, false, 0},
    {1, 2, {2, {8, 8}}, true, 0},
    {2, 2, {0, {0}}, false, 0},
    {2, 2, {1, {1}}, false, 0},
    {2, 3, {3, {4, 4, 4}}, true, 0},
    {3, 2, {2, {7, 9}}, false, 0},
    {5, 1, {0, {0}}, false, 0},
    {6, 2, {3, {3, 3, 3}}, true, 0}, /* fewer units than degrees */
    {9, 2, {1, {2}}, false, 0},
    {9, 5, {3, {20, 6, 11}}, false, 0},
    {10, 2, {2, {70, 40}}, false, 0},
    {33, 2, {2, {64, 64}}, true, 0},
    {40, 3, {1, {100}}, false, 0},
    {1, 2, {1, {4}}, false, 2},
    {4, 2, {0, {0}}, false, 3},
    {6, 2, {3, {3, 3, 3}}, true, 1},
    {10, 2, {2, {70, 40}}, false, 35},
};

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

typedef struct net {
    flow_params params;
    flow_made made; /* an mlp uses made.mlp alone */
    bool masked;
    real *weights;
    int n, n_in, n_out;
    real *x, *gy;
    void *work;
} net;

static void net_start(net *s, const shape *asked, flow_activation kind, bool masked, int n)
{
    *s = (net){.masked = masked,
               .n = n,
               .n_in = asked->dim + (masked ? asked->n_context : 0),
               .n_out = asked->dim * asked->n_params};
    flow_net_options options = {.hidden = asked->hidden, .activation = (int)kind, .residual = asked->residual};
    flow_error err;
    flow_status status = masked ? flow_made_configure(&s->made, &options, asked->n_context, asked->dim, asked->n_params,
                                                      &s->params, &err)
                                : flow_mlp_configure(&s->made.mlp, &options, s->n_in, s->n_out, NULL, FLOW_INIT_ZERO,
                                                     &s->params, &err);
    assert_int_equal(status, FLOW_OK);
    s->weights = new_weights(&s->params);
    s->x = new_random((size_t)s->n_in * (size_t)n, 5);
    s->gy = new_random((size_t)s->n_out * (size_t)n, 6);
    size_t size = flow_mlp_scratch_size(&s->made.mlp, n, true);
    s->work = flow_alloc_aligned(size + 1, 1);
    assert_non_null(s->work);
    memset(s->work, 0xff, size); /* all NaN */
}

static void net_end(net *s)
{
    if (s->masked)
        flow_made_release(&s->made);
    else
        flow_mlp_release(&s->made.mlp);
    flow_params_release(&s->params);
    flow_free_aligned(s->weights);
    flow_free_aligned(s->x);
    flow_free_aligned(s->gy);
    flow_free_aligned(s->work);
}

/* The network written out: sum over outputs of gy * y for each data row, with line `moved` of the input moved by dx and
 * weight `turned` by dw. y (n_out, n) may be NULL. */
static void written_out(const net *s, int moved, long double dx, size_t turned, long double dw, long double *sums,
                        double *y)
{
    const flow_mlp *mlp = &s->made.mlp;
    long double h[256], next[256];
    for (int j = 0; j < s->n; j++) {
        for (int c = 0; c < s->n_in; c++)
            h[c] = (long double)s->x[c * s->n + j] + (c == moved ? dx : 0);
        sums[j] = 0;
        for (int l = 0; l < mlp->n_layers; l++) {
            const flow_linear *linear = &mlp->layers[l];
            bool last = l + 1 == mlp->n_layers;
            for (int r = 0; r < linear->n_out; r++) {
                size_t at = linear->bias + (size_t)r;
                long double sum = (long double)s->weights[at] + (at == turned ? dw : 0);
                for (int c = 0; c < linear->n_in; c++) {
                    at = linear->weight + (size_t)(r * linear->n_in + c);
                    sum += ((long double)s->weights[at] + (at == turned ? dw : 0)) * h[c];
                }
                next[r] = last ? sum : activation_reference(mlp->activation, sum);
                if (!last && mlp->residual && l > 0)
                    next[r] += h[r];
            }
            memcpy(h, next, (size_t)linear->n_out * sizeof *h);
        }
        for (int r = 0; r < s->n_out; r++) {
            sums[j] += (long double)s->gy[r * s->n + j] * h[r];
            if (y != NULL)
                y[r * s->n + j] = (double)h[r];
        }
    }
}

enum { MOST_ROWS = 128 };
static const size_t nothing = SIZE_MAX;
static const long double step = 1e-9L;

static void expect_input_gradient(const net *s, const real *gx)
{
    long double up[MOST_ROWS], down[MOST_ROWS];
    for (int c = 0; c < s->n_in; c++) {
        written_out(s, c, step, nothing, 0, up, NULL);
        written_out(s, c, -step, nothing, 0, down, NULL);
        for (int j = 0; j < s->n; j++) {
            double expected = (double)((up[j] - down[j]) / (2 * step));
            ASSERT_NEAR(gx[c * s->n + j], expected, (is_double ? 1e-6 : 1e-4) * (1 + fabs(expected)));
        }
    }
}

static void expect_weight_gradient(const net *s, const flow_tape *tape)
{
    size_t n_weights = s->params.n_weights;
    real *gradient = new_array(n_weights);
    poison(gradient, n_weights);
    flow_tapes_gradient(tape, 1, 1, n_weights, gradient);
    flow_span *spans;
    int n_spans;
    assert_int_equal(flow_params_spans(&s->params, &spans, &n_spans, 1, NULL), FLOW_OK);
    long double up[MOST_ROWS], down[MOST_ROWS];
    int every = n_spans / 40 + 1;
    for (int r = 0; r < n_spans; r += every) {
        size_t at = spans[r].offset;
        written_out(s, -1, 0, at, step, up, NULL);
        written_out(s, -1, 0, at, -step, down, NULL);
        long double expected = 0;
        for (int j = 0; j < s->n; j++)
            expected += (up[j] - down[j]) / (2 * step);
        ASSERT_NEAR(gradient[at], (double)expected, (is_double ? 1e-6 : 3e-4) * (1 + fabs((double)expected)));
    }
    free(spans);
    flow_free_aligned(gradient);
}

/* Values and gradients of one pass forth and back. */
static void check_pass(net *s)
{
    size_t count = (size_t)s->n_out * (size_t)s->n;
    real *y = new_array(count), *gx = new_array((size_t)s->n_in * (size_t)s->n);
    double *expected = calloc(count, sizeof *expected);
    assert_non_null(expected);
    poison(y, count);
    poison(gx, (size_t)s->n_in * (size_t)s->n);
    flow_record records[FLOW_LIST_MAX + 1];
    flow_tape tape = {.n = s->n, .capacity = FLOW_LIST_MAX + 1, .records = records};
    flow_mlp_apply(&s->made.mlp, s->weights, s->n, s->x, y, s->work);
    flow_mlp_backward(&s->made.mlp, s->weights, s->n, s->x, s->gy, gx, s->work, &tape);
    assert_int_equal(tape.n_records, s->made.mlp.n_layers);
    long double sums[MOST_ROWS];
    written_out(s, -1, 0, nothing, 0, sums, expected);
    for (size_t k = 0; k < count; k++)
        ASSERT_NEAR(y[k], expected[k], 5 * slack() * (1 + fabs(expected[k])));
    expect_input_gradient(s, gx);
    expect_weight_gradient(s, &tape);
    free(expected);
    flow_free_aligned(y);
    flow_free_aligned(gx);
}

static void gradients_of_networks(void **state)
{
    (void)state;
    for (int c = 0; c < N_SHAPES; c++) {
        for (int kind = 0; kind < FLOW_ACTIVATION_NONE; kind++) {
            for (int masked = 0; masked < 2; masked++) {
                net s;
                net_start(&s, &shapes[c], (flow_activation)kind, masked, c == 7 && kind == 0 ? MOST_ROWS : 16);
                check_pass(&s);
                net_end(&s);
            }
        }
    }
}

static void autoregressive(void **state)
{
    (void)state;
    for (int c = 0; c < N_SHAPES; c++) {
        for (int kind = 0; kind < FLOW_ACTIVATION_NONE; kind++) {
            net s;
            net_start(&s, &shapes[c], (flow_activation)kind, true, 16);
            int dim = shapes[c].dim, n = s.n;
            size_t count = (size_t)s.n_out * (size_t)n;
            bool wide = kind != FLOW_ACTIVATION_RELU; /* enough units for every degree, and none of them dead */
            for (int l = 0; l < shapes[c].hidden.n; l++)
                wide = wide && shapes[c].hidden.at[l] >= dim;
            real *y = new_array(count), *moved = new_array(count);
            flow_mlp_apply(&s.made.mlp, s.weights, n, s.x, y, s.work);
            int given = shapes[c].n_context; /* a line of the context counts as a dimension before all */
            for (int k = -given; k < dim; k++) {
                real *line = s.x + (k + given) * n;
                for (int j = 0; j < n; j++)
                    line[j] += 3;
                flow_mlp_apply(&s.made.mlp, s.weights, n, s.x, moved, s.work);
                for (int j = 0; j < n; j++)
                    line[j] = (real)uniform((uint64_t)((k + given) * n + j), 5);
                for (int o = 0; o < s.n_out; o++) {
                    bool same = true;
                    for (int j = 0; j < n; j++)
                        same = same && y[o * n + j] == moved[o * n + j];
                    if (o % dim <= k && !same)
                        fail_msg("shape %d: output %d of dimension %d depends on input %d", c, o, o % dim, k);
                    if (o % dim > k && wide && same)
                        fail_msg("shape %d: output %d of dimension %d does not depend on input %d", c, o, o % dim, k);
                }
            }
            flow_free_aligned(y);
            flow_free_aligned(moved);
            net_end(&s);
        }
    }
}

/* The walk gets to know x line by line, and the way back learns gtheta line by line; what is not known yet is NaN. */
static void check_walk(net *s)
{
    int dim = s->made.dim, n = s->n, given = (s->n_in - dim) * n;
    size_t in = (size_t)s->n_in * (size_t)n, out = (size_t)s->n_out * (size_t)n, line = (size_t)n * sizeof(real);
    real *x = new_array(in), *theta = new_array(out), *plain = new_array(out), *gtheta = new_array(out);
    real *gx = new_array(in);
    poison(x, in);
    poison(theta, out);
    poison(gtheta, out);
    memcpy(x, s->x, (size_t)given * sizeof(real));
    for (int i = 0; i < dim; i++) {
        flow_made_step(&s->made, s->weights, n, i, x, theta, s->work);
        memcpy(x + given + i * n, s->x + given + i * n, line);
    }
    flow_record records[FLOW_LIST_MAX + 1];
    flow_tape tape = {.n = n, .capacity = FLOW_LIST_MAX + 1, .records = records};
    flow_made_start_backward(&s->made, n, s->work);
    for (int i = dim - 1; i >= 0; i--) {
        for (int o = i; o < s->n_out; o += dim)
            memcpy(gtheta + o * n, s->gy + o * n, line);
        flow_made_step_backward(&s->made, s->weights, n, i, gtheta, gx, s->work);
    }
    flow_made_record(&s->made, n, x, gtheta, s->work, &tape);
    assert_int_equal(tape.n_records, s->made.mlp.n_layers);
    expect_input_gradient(s, gx);
    expect_weight_gradient(s, &tape);

    memset(s->work, 0xff, flow_mlp_scratch_size(&s->made.mlp, n, true));
    flow_mlp_apply(&s->made.mlp, s->weights, n, s->x, plain, s->work);
    for (size_t k = 0; k < out; k++)
        ASSERT_NEAR(theta[k], plain[k], 5 * slack() * (1 + fabs((double)plain[k])));

    /* after step i of the way back the lines from i on are final: the order a sampler needs */
    real *early = new_array(in);
    poison(gtheta, out);
    flow_made_start_backward(&s->made, n, s->work);
    for (int i = dim - 1; i >= 0; i--) {
        for (int o = i; o < s->n_out; o += dim)
            memcpy(gtheta + o * n, s->gy + o * n, line);
        for (int j = 0; j < n; j++)
            ASSERT_NEAR(early[given + i * n + j], gx[given + i * n + j],
                        5 * slack() * (1 + fabs((double)gx[given + i * n + j])));
        flow_made_step_backward(&s->made, s->weights, n, i, gtheta, early, s->work);
    }
    flow_free_aligned(x);
    flow_free_aligned(theta);
    flow_free_aligned(plain);
    flow_free_aligned(gtheta);
    flow_free_aligned(gx);
    flow_free_aligned(early);
}

static void the_walk(void **state)
{
    (void)state;
    for (int c = 0; c < N_SHAPES; c++) {
        for (int kind = 0; kind < FLOW_ACTIVATION_NONE; kind++) {
            net s;
            net_start(&s, &shapes[c], (flow_activation)kind, true, 16);
            check_walk(&s);
            net_end(&s);
        }
    }
}

/* Every unit is computed once on the whole walk, and sees the inputs before its degree: sampling costs one pass, not
 * one per dimension. */
static void the_walk_is_one_pass(void **state)
{
    (void)state;
    for (int c = 0; c < N_SHAPES; c++) {
        net s;
        net_start(&s, &shapes[c], FLOW_ACTIVATION_RELU, true, 16);
        for (int l = 0; l < shapes[c].hidden.n; l++) {
            int next = 0;
            for (int g = 0; g < shapes[c].dim; g++) {
                int first, last;
                flow_made_units(&s.made, l, g, &first, &last);
                ASSERT_EQ(first, next);
                ASSERT_GE(last, first);
                next = last;
                for (int unit = first; l == 0 && unit < last; unit++)
                    assert_int_equal(s.made.mlp.layers[0].extent[unit], shapes[c].n_context + g);
            }
            assert_int_equal(next, shapes[c].hidden.at[l]);
        }
        net_end(&s);
    }
}

static void residual_needs_equal_widths(void **state)
{
    (void)state;
    flow_net_options options = {.hidden = {2, {4, 5}}, .residual = true};
    flow_params params = {0};
    flow_error err;
    flow_mlp mlp = {0};
    assert_int_equal(flow_mlp_configure(&mlp, &options, 3, 3, NULL, FLOW_INIT_ZERO, &params, &err), FLOW_SPEC);
    assert_non_null(strstr(err.message, "equal width"));
    flow_mlp_release(&mlp);
    flow_made made = {0};
    assert_int_equal(flow_made_configure(&made, &options, 0, 3, 2, &params, &err), FLOW_SPEC);
    flow_made_release(&made);
    flow_params_release(&params);
}

/* ------------------------------------------------------------------ the vector of weights */

static void params_names_and_places(void **state)
{
    (void)state;
    flow_params params = {0};
    size_t a, b, c, f, g;
    snprintf(params.prefix, sizeof params.prefix, "3.maf/");
    assert_int_equal(flow_params_add_weights(&params, &a, "a", 3, 5, FLOW_INIT_FAN_IN, 5, NULL, NULL), FLOW_OK);
    params.prefix[0] = '\0';
    assert_int_equal(flow_params_add_fitted(&params, &f, "mean", 1, 4, NULL), FLOW_OK);
    int extent[2] = {0, 7};
    assert_int_equal(flow_params_add_weights(&params, &b, "b", 2, 7, FLOW_INIT_FAN_IN, 7, extent, NULL), FLOW_OK);
    extent[0] = 6; /* it was copied */
    assert_int_equal(flow_params_add_weights(&params, &c, "c", 40, 1, FLOW_INIT_ZERO, 1, NULL, NULL), FLOW_OK);
    assert_int_equal(flow_params_add_fitted(&params, &g, "order", 1, 3, NULL), FLOW_OK);
    assert_int_equal(params.n_entries, 5);
    assert_string_equal(params.entries[0].name, "3.maf/a");
    assert_string_equal(params.entries[1].name, "mean");
    assert_true(params.entries[0].trainable && !params.entries[1].trainable);
    ASSERT_EQ(a, 0);
    ASSERT_EQ(f, 0);
    ASSERT_EQ(g, 4);
    ASSERT_EQ(params.n_fitted, 7);
    ASSERT_GE(b, 15);
    ASSERT_GE(c, b + 14);
    ASSERT_GE(params.n_weights, c + 40);
    ASSERT_EQ(b % FLOW_LANES, 0);
    ASSERT_EQ(c % FLOW_LANES, 0);
    ASSERT_EQ(params.n_weights % FLOW_LANES, 0);
    for (size_t k = 0; k < params.n_fitted; k++)
        ASSERT_EQ(params.fitted[k], 0);
    assert_int_equal(flow_params_count(&params), 15 + 7 + 40);

    char name[2 * FLOW_NAME_SIZE];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    flow_error err;
    assert_int_equal(flow_params_add_weights(&params, &c, name, 1, 1, FLOW_INIT_ZERO, 1, NULL, &err), FLOW_ARGUMENT);
    assert_int_equal(params.n_entries, 5);
    flow_params_release(&params);
    assert_int_equal(params.n_entries, 0);
}

static void params_that_fit_no_memory(void **state)
{
    (void)state;
    flow_params params = {0};
    size_t at;
    flow_error err;
    flow_status asked = flow_params_add_weights(&params, &at, "a", 65536, 65536, FLOW_INIT_ZERO, 1, NULL, &err);
    assert_int_equal(asked, FLOW_SPEC);
    assert_non_null(strstr(err.message, "parameters"));
    assert_int_equal(flow_params_add_fitted(&params, &at, "b", 2000000000, 2, &err), FLOW_SPEC);
    for (int k = 0; k < 20; k++) { /* the sum counts, not only each one */
        char name[16];
        snprintf(name, sizeof name, "w%d", k);
        flow_status status = flow_params_add_weights(&params, &at, name, 20000, 10000, FLOW_INIT_ZERO, 1, NULL, &err);
        assert_int_equal(status, k < 10 ? FLOW_OK : FLOW_SPEC);
    }
    flow_params_release(&params);
}

static void params_spans(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 3, 16, 1000, SIZE_MAX};
    for (int kind = 0; kind < N_MASKS; kind++) {
        layer l;
        layer_start(&l, 20, 45, (mask_kind)kind);
        size_t live = 5 + 45;
        for (int r = 0; r < 45; r++)
            live += (size_t)l.extent[r];
        assert_int_equal(flow_params_count(&l.params), live);
        for (size_t c = 0; c < sizeof lengths / sizeof *lengths; c++) {
            flow_span *spans;
            int n_spans;
            assert_int_equal(flow_params_spans(&l.params, &spans, &n_spans, lengths[c], NULL), FLOW_OK);
            char *seen = calloc(l.params.n_weights, 1);
            assert_non_null(seen);
            size_t end = 0, sum = 0;
            for (int r = 0; r < n_spans; r++) {
                ASSERT_GT(spans[r].length, 0);
                ASSERT_LE(spans[r].length, lengths[c]);
                ASSERT_GE(spans[r].offset, end);
                end = spans[r].offset + spans[r].length;
                ASSERT_LE(end, l.params.n_weights);
                memset(seen + spans[r].offset, 1, spans[r].length);
                sum += spans[r].length;
            }
            assert_int_equal(sum, live);
            for (int r = 0; r < 45; r++)
                for (int col = 0; col < 20; col++)
                    assert_int_equal(seen[l.linear.weight + (size_t)(r * 20 + col)], col < l.extent[r]);
            free(seen);
            free(spans);
        }
        layer_end(&l);
    }
}

static void params_initial_weights(void **state)
{
    (void)state;
    enum { IN = 50, OUT = 64 };
    layer l;
    layer_start(&l, IN, OUT, MASK_RANDOM);
    size_t count = l.params.n_weights;
    real *a = new_array(count), *b = new_array(count);
    poison(a, count);
    flow_params_init(&l.params, 7, a);
    flow_params_init(&l.params, 7, b);
    assert_memory_equal(a, b, count * sizeof *a);
    flow_params_init(&l.params, 8, b);
    assert_memory_not_equal(a, b, count * sizeof *a);
    double bound = 1 / sqrt(IN), most = 0, sum = 0, squares = 0;
    int live = 0;
    for (int r = 0; r < OUT; r++) {
        for (int c = 0; c < IN; c++) {
            double w = (double)a[l.linear.weight + (size_t)(r * IN + c)];
            if (c >= l.extent[r]) {
                ASSERT_EQ(w, 0);
                continue;
            }
            ASSERT_NE(w, 0);
            ASSERT_LE(fabs(w), bound * (1 + 1e-6));
            most = fmax(most, fabs(w));
            sum += w;
            squares += w * w;
            live++;
        }
        ASSERT_LE(fabs((double)a[l.linear.bias + (size_t)r]), bound * (1 + 1e-6));
    }
    ASSERT_GT(most, 0.98 * bound);
    ASSERT_NEAR(sum / live, 0, 4 * bound / sqrt(3. * live));
    ASSERT_NEAR(squares / live, bound * bound / 3, 4 * bound * bound * sqrt(4. / 45 / live));
    for (int k = 0; k < FLOW_LANES; k++) /* "before", which starts at zero, and its padding */
        ASSERT_EQ(a[k], 0);
    flow_free_aligned(a);
    flow_free_aligned(b);
    layer_end(&l);

    /* the last layer of a network starts at zero, the others do not */
    net s;
    net_start(&s, &shapes[6], FLOW_ACTIVATION_TANH, true, 16);
    flow_params_init(&s.params, 3, s.weights);
    const flow_linear *first = &s.made.mlp.layers[0], *last = &s.made.mlp.layers[s.made.mlp.n_layers - 1];
    ASSERT_NE(s.weights[first->weight], 0);
    ASSERT_NE(s.weights[first->bias], 0);
    for (int k = 0; k < last->n_in * last->n_out; k++)
        ASSERT_EQ(s.weights[last->weight + (size_t)k], 0);
    for (int k = 0; k < last->n_out; k++)
        ASSERT_EQ(s.weights[last->bias + (size_t)k], 0);
    net_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_layers),
        cmocka_unit_test(layers_at_several_places),
        cmocka_unit_test(layers_in_bf16x3),
        cmocka_unit_test(gradients_at_once),
        cmocka_unit_test(panels_cover_the_weights),
        cmocka_unit_test(repeating_masks_are_skipped),
        cmocka_unit_test(activations),
        cmocka_unit_test(gradients_of_networks),
        cmocka_unit_test(autoregressive),
        cmocka_unit_test(the_walk),
        cmocka_unit_test(the_walk_is_one_pass),
        cmocka_unit_test(residual_needs_equal_widths),
        cmocka_unit_test(params_names_and_places),
        cmocka_unit_test(params_that_fit_no_memory),
        cmocka_unit_test(params_spans),
        cmocka_unit_test(params_initial_weights),
    };
    if (flow_bf16x3_amx() == NULL)
        setenv("FLOWCTL_AMX", "emulate", 1); /* NOLINT(concurrency-mt-unsafe): no other thread yet */
    return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
