/* Learning-rate schedules: their values at chosen steps. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "harness.h"
#include "values.h"

static flow_schedule make(const char *json)
{
    flow_schedule schedule;
    flow_error err;
    assert_int_equal(schedule_try(&schedule, json, &err), FLOW_OK);
    return schedule;
}

static void near(double value, double expected)
{
    ASSERT_LT(fabs(value - expected), 1e-12);
}

static void test_constant(void **state)
{
    (void)state;
    flow_schedule f = make("\"constant\"");
    assert_string_equal(f.type->info.name, "constant");
    assert_null(f.type->observe);
    near(flow_schedule_rate(&f, 0.1, 0, 100), 0.1);
    near(flow_schedule_rate(&f, 0.1, 99, 100), 0.1);

    f = make("{\"type\": \"constant\", \"warmup\": 4}");
    near(flow_schedule_rate(&f, 0.1, 0, 100), 0.025);
    near(flow_schedule_rate(&f, 0.1, 2, 100), 0.075);
    near(flow_schedule_rate(&f, 0.1, 3, 100), 0.1);
    near(flow_schedule_rate(&f, 0.1, 4, 100), 0.1);
}

static void test_cosine(void **state)
{
    (void)state;
    flow_schedule f = make("\"cosine\"");
    near(flow_schedule_rate(&f, 0.1, 0, 100), 0.1);
    near(flow_schedule_rate(&f, 0.1, 50, 100), 0.05);
    near(flow_schedule_rate(&f, 0.1, 25, 100), 0.1 * (1 + sqrt(0.5)) / 2);
    near(flow_schedule_rate(&f, 0.1, 100, 100), 0);
    near(flow_schedule_rate(&f, 0.1, 1000, 100), 0); /* further than planned: it does not rise again */

    f = make("{\"type\": \"cosine\", \"final\": 0.2, \"warmup\": 10}");
    near(flow_schedule_rate(&f, 1, 4, 110), 0.5);
    near(flow_schedule_rate(&f, 1, 10, 110), 1);
    near(flow_schedule_rate(&f, 1, 60, 110), 0.6);
    near(flow_schedule_rate(&f, 1, 110, 110), 0.2);
    near(flow_schedule_rate(&f, 1, 5, 7), 0.2 * 6 / 10); /* a warm-up longer than the training */
}

static void test_plateau(void **state)
{
    (void)state;
    flow_schedule f = make("{\"type\": \"plateau\", \"factor\": 0.5, \"patience\": 2, \"least\": 0.03}");
    assert_non_null(f.type->observe);
    static const struct {
        bool improved;
        double after;
    } epochs[] = {{true, 0.1},  {false, 0.1},  {true, 0.1},  {false, 0.1},   {false, 0.05},
                  {false, 0.05}, {false, 0.03}, {true, 0.03}, {false, 0.03}, {false, 0.03}};
    near(flow_schedule_rate(&f, 0.1, 0, 100), 0.1);
    for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++) {
        flow_schedule_observe(&f, 0.1, epochs[e].improved);
        near(flow_schedule_rate(&f, 0.1, 5, 100), epochs[e].after);
    }
    assert_int_equal(flow_schedule_check(&f, NULL), FLOW_OK);

    /* another one takes over */
    flow_schedule other = make("{\"type\": \"plateau\", \"factor\": 0.5, \"patience\": 2, \"least\": 0.03}");
    flow_array from[FLOW_SCHEDULE_ARRAYS], to[FLOW_SCHEDULE_ARRAYS];
    assert_int_equal(flow_schedule_state(&f, from), FLOW_SCHEDULE_ARRAYS);
    flow_schedule_state(&other, to);
    *(double *)to[0].data = *(double *)from[0].data;
    *(int64_t *)to[1].data = *(int64_t *)from[1].data;
    near(flow_schedule_rate(&other, 0.1, 5, 100), 0.03);
    *(double *)to[0].data = NAN;
    assert_int_equal(flow_schedule_check(&other, NULL), FLOW_FORMAT);
    flow_schedule_reset(&other);
    near(flow_schedule_rate(&other, 0.1, 5, 100), 0.1);

    /* a rate below the least one is left alone */
    f = make("{\"type\": \"plateau\", \"least\": 0.01}");
    near(flow_schedule_rate(&f, 0.001, 0, 100), 0.001);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const refused[] = {"{\"type\": \"cosin\"}", "{\"factor\": 0.5}", "{\"warmup\": -1}",
                                          "{\"type\": \"plateau\", \"factor\": 1.5}", "{\"warmup\": 1.5}", "null"};
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        flow_error err = {0};
        flow_schedule schedule;
        assert_int_equal(schedule_try(&schedule, refused[k], &err), FLOW_SPEC);
        ASSERT_GT(strlen(err.message), 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
