/* Numbers that must agree within a bound, for all test programs; include after cmocka.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_NEAR_H
#define FLOW_TEST_NEAR_H

#include <math.h>

/* Fails with both numbers, unless |a - b| <= slack; NaN is near to nothing. */
#define ASSERT_NEAR(a, b, slack)                                                                                      \
    do {                                                                                                              \
        double near_a = (double)(a), near_b = (double)(b), near_slack = (double)(slack);                              \
        if (!(fabs(near_a - near_b) <= near_slack))                                                                   \
            fail_msg("%s is %.12g, not %.12g: %.3g apart, allowed %.3g", #a, near_a, near_b, fabs(near_a - near_b),   \
                     near_slack);                                                                                     \
    } while (0)

#endif
