/* The example of docs/examples: compiled, run, and held to what it says. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define main example_main
#include "../docs/examples/train.c"
#undef main

#include "harness.h"
#include "values.h"

/* What example_main prints; the output of the tests themselves is restored. */
static int run_example(char *out, size_t size)
{
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    assert_non_null(freopen(at("out.txt"), "w", stdout));
    int code = example_main();
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    read_bytes(at("out.txt"), out, size);
    return code;
}

static void test_train(void **state)
{
    (void)state;
    char text[1024] = "";
    assert_int_equal(run_example(text, sizeof text), 0);
    double p[2], x[2], y[2], q[2], mean, error;
    assert_int_equal(sscanf(text, "log p(0, 0) = %lf\nlog p(1, 1) = %lf\na draw (%lf, %lf), log p = %lf\n"
                            "a draw (%lf, %lf), log p = %lf\nheld-out log-likelihood %lf +- %lf\n", &p[0], &p[1], &x[0],
                            &y[0], &q[0], &x[1], &y[1], &q[1], &mean, &error), 10);
    /* log p(x, x^2) = log(2 / (2 pi)) - x^2 / 2 */
    ASSERT_LT(fabs(p[0] + 1.145), 0.25);
    ASSERT_LT(fabs(p[1] + 1.645), 0.25);
    ASSERT_LT(fabs(mean + 2.145), 0.1 + 2 * error);
    ASSERT_LT(error, 0.1);
    for (int i = 0; i < 2; i++)
        ASSERT_LT(fabs(y[i] - x[i] * x[i]), 2.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
