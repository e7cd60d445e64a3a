/* The conditioners of images: their gradients against finite differences along random directions, of the inputs with
 * the context and of each array of weights alone. test/contract_block.c has the tests of conditioners within a flow.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/conditioner/conditioners.h"
#include "flow/conditioner/options.h"
#include "num/rng.h"
#include "values.h"

static const bool is_double = sizeof(real) == sizeof(double);
enum { N = 32, MOST_PIXELS = 20 };

static const bool wanted[MOST_PIXELS] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};

static real *new_random(size_t n, uint32_t column, double size)
{
    real *x = flow_alloc_aligned(n + FLOW_LANES, sizeof *x);
    assert_non_null(x);
    for (size_t k = 0; k < n; k++)
        x[k] = (real)(size * (2 * flow_rng_uniform(31, FLOW_STREAM_OTHER, k, column) - 1));
    return x;
}

typedef struct subject {
    flow_params params;
    flow_conditioner conditioner;
    const bool *wanted;
    int pixels, n_outputs;
    size_t n_in, n_out; /* values in a tile of inputs with the context, and of outputs */
    real *inputs, *outputs, *goutputs, *ginputs, *weights, *gradient;
    void *scratch, *spare, *scratch_without, *spare_without; /* with keep, and without */
} subject;

static void new_memory(const flow_conditioner *conditioner, bool keep, void **scratch, void **spare)
{
    size_t spare_size, size = conditioner->type->scratch_size(conditioner->state, N, keep, &spare_size);
    *scratch = flow_alloc_aligned(size + 1, 1);
    *spare = flow_alloc_aligned(spare_size + 1, 1);
    assert_non_null(*scratch);
    assert_non_null(*spare);
}

static void subject_start(subject *s, const flow_choice *choice, const flow_conditioner_task *task)
{
    *s = (subject){.wanted = task->wanted, .pixels = flow_shape_pixels(task->shape), .n_outputs = task->n_outputs};
    assert_int_equal(flow_conditioner_new(&s->conditioner, choice, task, &s->params, NULL), FLOW_OK);
    s->n_in = (size_t)(s->pixels * task->n_inputs + task->n_context) * N;
    s->n_out = (size_t)(s->pixels * task->n_outputs) * N;
    s->inputs = new_random(s->n_in, 1, 1);
    s->ginputs = new_random(s->n_in, 2, 1);
    s->outputs = new_random(s->n_out, 3, 1);
    s->goutputs = new_random(s->n_out, 4, 1);
    s->weights = new_random(s->params.n_weights, 5, 0.5);
    s->gradient = new_random(s->params.n_weights, 6, 1);
    for (size_t k = 0; k < s->n_out; k++)
        if (s->wanted != NULL && !s->wanted[k / N / (size_t)s->n_outputs])
            s->goutputs[k] = 0;
    new_memory(&s->conditioner, true, &s->scratch, &s->spare);
    new_memory(&s->conditioner, false, &s->scratch_without, &s->spare_without);
}

static void subject_end(subject *s)
{
    void *owned[] = {s->inputs,   s->ginputs, s->outputs, s->goutputs,        s->weights,
                     s->gradient, s->scratch, s->spare,   s->scratch_without, s->spare_without};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        flow_free_aligned(owned[k]);
    flow_conditioner_release(&s->conditioner);
    flow_params_release(&s->params);
}

static flow_pass pass_of(const subject *s, bool keep)
{
    return (flow_pass){.n = N, .keep = keep, .weights = s->weights, .spare = keep ? s->spare : s->spare_without};
}

static void apply(subject *s, bool keep)
{
    const flow_pass pass = pass_of(s, keep);
    s->conditioner.type->apply(s->conditioner.state, &pass, s->inputs, s->outputs,
                               keep ? s->scratch : s->scratch_without);
}

static double value(subject *s)
{
    double sum = 0;
    apply(s, false);
    for (size_t k = 0; k < s->n_out; k++)
        sum += (double)(s->goutputs[k] * s->outputs[k]);
    return sum;
}

/* Writes ginputs and the gradient of the weights: at once, or recorded. */
static void backward(subject *s, bool at_once)
{
    flow_record records[32];
    flow_tape tape = {
        .n = N, .capacity = s->params.n_entries, .records = records, .gradient = at_once ? s->gradient : NULL};
    flow_pass pass = pass_of(s, true);
    assert_in_range(tape.capacity, 1, 32);
    pass.tape = &tape;
    memset(s->gradient, 0, s->params.n_weights * sizeof *s->gradient);
    apply(s, true);
    s->conditioner.type->backward(s->conditioner.state, &pass, s->inputs, s->goutputs, s->ginputs, s->scratch);
    if (!at_once)
        flow_tapes_gradient(&tape, 1, 1, s->params.n_weights, s->gradient);
}

/* Compares the derivative along a random direction of the n values x with the difference of two values. */
static void check_direction(subject *s, size_t n, real *x, const real *gx, uint32_t column, double slack)
{
    double step = is_double ? 1e-5 : 3e-3, derivative = 0, sums[2];
    real *direction = new_random(n, column, 1), *before = new_random(n, 0, 1);
    memcpy(before, x, n * sizeof *x);
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < n; k++)
            x[k] = before[k] + (real)(side == 0 ? -step : step) * direction[k];
        sums[side] = value(s);
    }
    memcpy(x, before, n * sizeof *x);
    for (size_t k = 0; k < n; k++)
        derivative += (double)gx[k] * (double)direction[k];
    ASSERT_NEAR((sums[1] - sums[0]) / (2 * step), derivative, slack * (10 + fabs(derivative)));
    flow_free_aligned(direction);
    flow_free_aligned(before);
}

static void check(const flow_choice *choice, const flow_conditioner_task *task, bool is_smooth)
{
    subject s;
    subject_start(&s, choice, task);
    apply(&s, true);
    real *kept = new_random(s.n_out, 7, 1);
    memcpy(kept, s.outputs, s.n_out * sizeof *kept);
    apply(&s, false);
    for (size_t k = 0; k < s.n_out; k++)
        if (s.wanted == NULL || s.wanted[k / N / (size_t)s.n_outputs])
            ASSERT_EQ(kept[k], s.outputs[k]);
    flow_free_aligned(kept);
    double slack = is_double && is_smooth ? 1e-6 : is_smooth ? 2e-2 : 1e-3;
    for (int at_once = s.pixels == 1 ? 0 : 1; at_once < 2; at_once++) {
        backward(&s, at_once == 1);
        if (!is_double && !is_smooth) /* the long steps of float cross kinks */
            continue;
        check_direction(&s, s.n_in, s.inputs, s.ginputs, 8, slack);
        for (int k = 0; k < s.params.n_entries; k++) {
            const flow_param *p = &s.params.entries[k];
            check_direction(&s, (size_t)p->rows * (size_t)p->cols, s.weights + p->offset, s.gradient + p->offset, 9,
                            slack);
        }
    }
    subject_end(&s);
}

/* One pixel, one channel, odd sizes, no inputs but the context, outputs at some pixels. */
static const flow_conditioner_task tasks[] = {
    {{1, 1, 0}, 3, 0, 4, NULL}, {{1, 1, 0}, 2, 3, 2, NULL}, {{3, 5, 0}, 1, 0, 2, wanted}, {{4, 5, 0}, 2, 2, 3, NULL},
    {{1, 4, 0}, 2, 0, 1, NULL}, {{2, 2, 0}, 0, 2, 1, NULL}, {{5, 3, 0}, 1, 1, 1, wanted}};

enum { N_TASKS = sizeof tasks / sizeof *tasks };

static const flow_activation kinds[] = {FLOW_ACTIVATION_TANH, FLOW_ACTIVATION_ELU, FLOW_ACTIVATION_SILU,
                                        FLOW_ACTIVATION_RELU};

static void convolutions(void **state)
{
    (void)state;
    static const flow_int_list hidden[] = {
        {.n = 2, .at = {6, 5}}, {.n = 0}, {.n = 1, .at = {4}}, {.n = 4, .at = {3, 8, 2, 5}}};
    for (int k = 0; k < 8 * N_TASKS; k++) {
        const flow_conv_options options = {hidden[k % 4], (int)kinds[(k + k / 4) % 4], k / 4 % 2 == 1};
        const flow_choice choice = {.type = &flow_conditioner_conv.info, .options = &options};
        check(&choice, &tasks[k / 8], options.activation != FLOW_ACTIVATION_RELU);
    }
}

static void residual_networks(void **state)
{
    (void)state;
    for (int k = 0; k < 8 * N_TASKS; k++) {
        const flow_resnet_options options = {5, k % 4, (int)kinds[(k + k / 4) % 4], k / 4 % 2 == 1};
        const flow_choice choice = {.type = &flow_conditioner_resnet.info, .options = &options};
        check(&choice, &tasks[k / 8], options.activation != FLOW_ACTIVATION_RELU);
    }
}

/* A last layer that starts at zero gives zeros, whatever the input. */
static void start_at_zero(void **state)
{
    (void)state;
    const flow_conv_options conv = {{.n = 1, .at = {4}}, FLOW_ACTIVATION_RELU, true};
    const flow_resnet_options resnet = {5, 1, FLOW_ACTIVATION_RELU, true};
    const flow_choice choices[] = {{.type = &flow_conditioner_conv.info, .options = &conv},
                                   {.type = &flow_conditioner_resnet.info, .options = &resnet}};
    for (int k = 0; k < 2; k++) {
        subject s;
        subject_start(&s, &choices[k], &tasks[3]);
        flow_params_init(&s.params, 1, s.weights);
        apply(&s, false);
        for (size_t i = 0; i < s.n_out; i++)
            ASSERT_EQ(s.outputs[i], 0);
        subject_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(residual_networks),
        cmocka_unit_test(start_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
