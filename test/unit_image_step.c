/* A training step on images: the same bits for any number of threads and any memory, and the presets' shapes. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/rng.h"
#include "values.h"

enum { SIDE = 8, DIM = SIDE * SIDE, ROWS = 70 };

static const char *const stack =
    "{\"flow\": [\"pixels\", {\"type\": \"glow\", \"levels\": 2, \"steps\": 2, \"hidden\": [8, 8]}]}";

static void open_images(subject *s, double *rows)
{
    subject_open(s, (subject_shape){.dim = DIM, .image = {SIDE, SIDE, 1}, .seed = 3}, "%s", stack);
    subject_init_weights(s, 3);
    subject_shake_weights(s, 0.1, 5, 1);
    for (size_t k = 0; k < (size_t)ROWS * DIM; k++)
        rows[k] = (double)(int)(256 * flow_rng_uniform(5, FLOW_STREAM_OTHER, k, 0));
}

/* The score, and the gradient of a batch. */
static double gradient_of(subject *s, const double *rows, size_t memory, int n_threads, real *gradient)
{
    flow_error err = {0};
    flow_step *step;
    const flow_objective *objective = &s->objective;
    subject_step(s, "\"mle\"", NULL, ROWS, 1); /* makes the objective */
    if (flow_step_new(&step, s->f, objective, NULL, ROWS, memory, NULL, n_threads, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    const flow_batch batch = {.n = ROWS, .rows = rows, .stride = DIM, .share = 1. / ROWS, .mode = FLOW_TRAINING,
                              .noise = {.kind = FLOW_NOISE_OF_PLACE, .seed = 9}};
    double score = flow_step_gradient(step, s->weights, &batch, gradient);
    flow_step_free(step);
    return score;
}

static void gradients_depend_on_neither_threads_nor_memory(void **state)
{
    (void)state;
    static const struct {
        size_t memory;
        int n_threads;
    } runs[] = {{SIZE_MAX, 1}, {SIZE_MAX, 3}, {0, 1}, {0, 2}};
    static double rows[ROWS * DIM];
    subject s;
    open_images(&s, rows);
    size_t bytes = s.f->params.n_weights * sizeof(real);
    real *first = malloc(bytes), *other = malloc(bytes);
    double score = gradient_of(&s, rows, runs[0].memory, runs[0].n_threads, first);
    for (size_t r = 1; r < sizeof runs / sizeof *runs; r++) {
        memset(other, 0, bytes);
        ASSERT_EQ(gradient_of(&s, rows, runs[r].memory, runs[r].n_threads, other), score);
        assert_memory_equal(first, other, bytes);
    }
    free(first);
    free(other);
    subject_close(&s);
}

/* What goes on through the levels, and what it gives. */
static void shapes_of_the_stack(void **state)
{
    (void)state;
    static double rows[ROWS * DIM];
    subject s;
    open_images(&s, rows);
    assert_string_equal(s.f->blocks[0]->type->info.name, "squeeze");
    assert_int_equal(s.f->blocks[1]->dim, 4); /* actnorm, per pixel */
    assert_int_equal(s.f->blocks[1]->pixels, 16);
    int squeezes = 0, last_channels = 0;
    for (int i = 0; i < s.f->n_blocks; i++) {
        squeezes += strcmp(s.f->blocks[i]->type->info.name, "squeeze") == 0;
        if (strcmp(s.f->blocks[i]->type->info.name, "actnorm") == 0)
            last_channels = s.f->blocks[i]->dim;
    }
    assert_int_equal(squeezes, 2);
    assert_int_equal(last_channels, 8); /* half of 4, squeezed */
    subject_close(&s);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        flow_shape image;
        const char *blocks, *message;
    } cases[] = {
        {{5, 4, 1}, "\"squeeze\"",
         "flow[0].factor: an image of 5 x 4 pixels does not divide into squares of 2 x 2"},
        {{1, 1, 4}, "\"squeeze\"",
         "flow[0].factor: an image of 1 x 1 pixels does not divide into squares of 2 x 2"},
        {{2, 2, 3}, "\"unsqueeze\"",
         "flow[0].factor: 3 channels do not make squares of 2 x 2 pixels"},
        {{2, 2, 1}, "\"coupling\"",
         "flow[0].mask: this mask divides the channels of an image, and there is one here; use \"checkerboard\", "
         "or put \"squeeze\" in front"},
        {{1, 1, 4}, "{\"type\": \"coupling\", \"mask\": \"checkerboard\"}",
         "flow[0].mask: \"checkerboard\" divides the pixels of an image, and there is one here; use \"half\" or "
         "\"alternate\""},
        {{7, 7, 1}, "\"glow\"",
         "flow[0].levels: an image of 7 x 7 pixels cannot be halved; write out the blocks instead of the preset"},
        {{4, 4, 1}, "{\"type\": \"glow\", \"levels\": 3}",
         "flow[0].levels: an image of 4 x 4 pixels can be halved 2 times: expected 1 to 2, found 3"},
        {{1, 1, 4}, "{\"type\": \"realnvp\", \"levels\": 2}",
         "flow[0].levels: scales are for images, and these rows have one pixel"},
        {{2, 2, 2}, "\"batchnorm\"",
         "flow[0]: \"batchnorm\" is not for images; actnorm does it there"},
        {{2, 2, 1}, "{\"type\": \"split\", \"flow\": [\"actnorm\"]}",
         "flow[0].keep: there is 1 channel here, which cannot be split; put \"squeeze\" in front"},
        {{2, 2, 1}, "{\"type\": \"pixels\", \"levels\": 12}",
         "flow[0].levels: expected 2, 4, 8, ... or 256, found 12"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        subject s;
        flow_error err = {0};
        const subject_shape shape = {.dim = flow_shape_size(cases[k].image), .image = cases[k].image, .seed = 3};
        assert_int_equal(subject_try(&s, &err, shape, "{\"flow\": [%s]}", cases[k].blocks), FLOW_SPEC);
        assert_string_equal(err.message, cases[k].message);
        subject_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_depend_on_neither_threads_nor_memory),
        cmocka_unit_test(shapes_of_the_stack),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
