/* Where the time goes: the parts of a profile fit together, and nothing is measured outside of one. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "num/gemm.h"
#include "num/parallel.h"
#include "num/profile.h"
#include "values.h"

enum { SIZE = 64, ITEMS = 40 };

typedef struct work {
    real a[SIZE * SIZE], out[ITEMS][SIZE * SIZE];
} work;

static void multiply(void *context, int item, int thread)
{
    (void)thread;
    work *w = context;
    flow_gemm(false, false, SIZE, SIZE, SIZE, w->a, SIZE, w->a, SIZE, 0, w->out[item], SIZE);
}

/* A task that itself asks for the pool, which is busy with it. */
static void multiply_inside(void *context, int item, int thread)
{
    (void)thread;
    work *w = context;
    w->out[item][0] = 0;
    flow_parallel_for(1, 2, multiply, context);
}

static void parts_of_a_phase(void **state)
{
    (void)state;
    static work w;
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        flow_profile *profile;
        assert_int_equal(flow_profile_new(&profile, n_threads, NULL), FLOW_OK);
        flow_profile_enter(profile, FLOW_PHASE_ROWS);
        flow_parallel_for(ITEMS, n_threads, multiply, &w);
        flow_profile_enter(profile, FLOW_PHASE_DATA);
        flow_profile_enter(NULL, FLOW_PHASE_OTHER);
        const flow_profile_thread total = flow_profile_total(profile);
        double busy = total.busy[FLOW_PHASE_ROWS], products = total.products[FLOW_PHASE_ROWS];
        ASSERT_GT(products, 0);
        ASSERT_LT(products, busy);
        ASSERT_LE(busy, n_threads * profile->seconds[FLOW_PHASE_ROWS]);
        ASSERT_GT(profile->seconds[FLOW_PHASE_DATA], 0);
        ASSERT_EQ(total.busy[FLOW_PHASE_DATA], 0);
        ASSERT_EQ(profile->seconds[FLOW_PHASE_OTHER], 0);
        flow_profile_free(profile);
    }
}

/* Work inside work counts once: threads are not busier than the clock. */
static void nested_work(void **state)
{
    (void)state;
    static work w;
    flow_profile *profile;
    assert_int_equal(flow_profile_new(&profile, 2, NULL), FLOW_OK);
    flow_profile_enter(profile, FLOW_PHASE_WEIGHTS);
    flow_parallel_for(ITEMS, 2, multiply_inside, &w);
    flow_profile_enter(NULL, FLOW_PHASE_OTHER);
    const flow_profile_thread total = flow_profile_total(profile);
    ASSERT_LE(total.busy[FLOW_PHASE_WEIGHTS], 2 * profile->seconds[FLOW_PHASE_WEIGHTS]);
    ASSERT_GT(total.products[FLOW_PHASE_WEIGHTS], 0);
    flow_profile_free(profile);
}

static void nothing_outside(void **state)
{
    (void)state;
    static work w;
    flow_profile *profile;
    assert_int_equal(flow_profile_new(&profile, 2, NULL), FLOW_OK);
    flow_profile_enter(profile, FLOW_PHASE_HELD_OUT);
    flow_profile_enter(NULL, FLOW_PHASE_OTHER);
    double before = profile->seconds[FLOW_PHASE_HELD_OUT];
    assert_null(flow_profile_where().profile);
    flow_parallel_for(ITEMS, 2, multiply, &w);
    ASSERT_LT(flow_profile_begin_product(), 0);
    const flow_profile_thread total = flow_profile_total(profile);
    for (int phase = 0; phase < FLOW_PHASES; phase++)
        ASSERT_EQ(total.busy[phase], 0);
    ASSERT_EQ(profile->seconds[FLOW_PHASE_HELD_OUT], before);
    flow_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_phase),
        cmocka_unit_test(nested_work),
        cmocka_unit_test(nothing_outside),
    };
    return cmocka_run_group_tests_name("profiles", tests, NULL, NULL);
}
