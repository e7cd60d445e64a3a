/* What networks see of a dimension: the formula, its gradient against finite differences, and rows far outside of the
 * data behind blocks of any weights. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <float.h>
#include <math.h>

#include "flow/inputs.h"
#include "num/rng.h"
#include "values.h"

enum { N = 64 };

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(41, FLOW_STREAM_OTHER, row, column) - 1;
}

static void follow_the_formula(void **state)
{
    (void)state;
    static const double at[] = {0, -0.5, 3, 5.999, -6, 6.001, -7, 12, 1e3, -1e6, 1e30};
    const int n = sizeof at / sizeof *at;
    real row[16], inputs[16];
    for (int j = 0; j < n; j++)
        row[j] = (real)at[j];
    assert_ptr_equal(flow_inputs_put(false, n, row, inputs), inputs + n);
    for (int j = 0; j < n; j++) {
        double x = (double)row[j], most = 6, beyond = fabs(x) - most;
        ASSERT_NEAR(inputs[j], beyond > 0 ? copysign(most + log1p(beyond), x) : x, 1e-6 * (1 + fabs(log(1 + fabs(x)))));
        if (beyond <= 0)
            assert_true(inputs[j] == row[j]);
    }
    const real odd[] = {(real)NAN, (real)INFINITY, (real)-INFINITY};
    flow_inputs_put(false, 3, odd, inputs);
    assert_true(isnan(inputs[0]) && isinf(inputs[1]) && inputs[2] < 0);
}

/* d/dx sum_k g_k inputs_k(x), of a dimension of each kind. */
static void expect_gradient(bool periodic, double size)
{
    int m = periodic ? 2 : 1;
    real row[N], inputs[2 * N], g[2 * N], grow[N], above[2 * N], below[2 * N];
    const double h = sizeof(real) == sizeof(double) ? 1e-5 : 1e-2;
    for (int j = 0; j < N; j++) {
        row[j] = (real)(size * uniform((uint64_t)j, 1));
        grow[j] = (real)uniform((uint64_t)j, 2);
    }
    for (int k = 0; k < m * N; k++)
        g[k] = (real)uniform((uint64_t)k, 3);
    flow_inputs_put(periodic, N, row, inputs);
    assert_ptr_equal(flow_inputs_backward(periodic, N, inputs, g, grow), g + m * N);
    real up[N], down[N];
    for (int j = 0; j < N; j++) {
        up[j] = row[j] + (real)h;
        down[j] = row[j] - (real)h;
    }
    flow_inputs_put(periodic, N, up, above);
    flow_inputs_put(periodic, N, down, below);
    for (int j = 0; j < N; j++) {
        double sum = 0;
        for (int k = 0; k < m; k++)
            sum += (double)g[k * N + j] * (double)(above[k * N + j] - below[k * N + j]) / (double)(up[j] - down[j]);
        ASSERT_NEAR((double)grow[j] - (double)(real)uniform((uint64_t)j, 2), sum, h / 2);
    }
}

static void have_the_gradient(void **state)
{
    (void)state;
    expect_gradient(false, 5);
    expect_gradient(false, 20);
    expect_gradient(true, 3);
}

/* Of splines with bounded tails no value goes further out than it was, whatever the weights are, so a stack of any
 * depth leaves it where it was at most. */
static void splines_bring_nothing_further_out(void **state)
{
    (void)state;
    subject s;
    subject_open(&s, (subject_shape){.dim = 4, .seed = 1},
                 "{\"flow\": [{\"type\": \"nsf\", \"repeat\": 12, \"hidden\": [16, 16]}]}");
    subject_init_weights(&s, 1);
    subject_workspace(&s, FLOW_TILE, false);
    for (double size = 0.1; size < 5; size *= 3) {
        subject_scatter_weights(&s, size, 2, 1);
        for (double far = 10; far < 1e31; far *= 100) {
            double x[4 * FLOW_TILE];
            for (int k = 0; k < 4 * FLOW_TILE; k++)
                s.ws->x[k] = x[k] =
                    k / FLOW_TILE == k % 4 ? far * uniform((uint64_t)k, 4) : uniform((uint64_t)k, 5);
            const real *z;
            flow_tile_to_latent(s.f, s.weights, s.ws, FLOW_TILE, &z);
            for (int k = 0; k < 4 * FLOW_TILE; k++)
                ASSERT_LT(fabs((double)z[k]), 1.001 * fmax(fabs(x[k]), 5));
            for (int j = 0; j < FLOW_TILE; j++)
                assert_true(isfinite(s.ws->logdet[j]));
        }
    }
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follow_the_formula),
        cmocka_unit_test(have_the_gradient),
        cmocka_unit_test(splines_bring_nothing_further_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
