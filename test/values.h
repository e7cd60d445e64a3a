/* Comparisons of numbers that print both values when they fail, for all test programs; include after cmocka.h. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_VALUES_H
#define FLOW_TEST_VALUES_H

#include <math.h>

/* Integers, floats and doubles alike: a long double holds each of them exactly. NaN compares as in C. */
#define ASSERT_COMPARED(a, operator, b)                                                                          \
    do {                                                                                                         \
        long double values_a = (long double)(a), values_b = (long double)(b);                                    \
        if (!(values_a operator values_b))                                                                       \
            fail_msg("%s " #operator " %s does not hold: %.20Lg, %.20Lg", #a, #b, values_a, values_b);           \
    } while (0)

#define ASSERT_EQ(a, b) ASSERT_COMPARED(a, ==, b)
#define ASSERT_NE(a, b) ASSERT_COMPARED(a, !=, b)
#define ASSERT_LT(a, b) ASSERT_COMPARED(a, <, b)
#define ASSERT_LE(a, b) ASSERT_COMPARED(a, <=, b)
#define ASSERT_GT(a, b) ASSERT_COMPARED(a, >, b)
#define ASSERT_GE(a, b) ASSERT_COMPARED(a, >=, b)

/* Fails unless |a - b| <= slack. NaN is near to nothing. */
#define ASSERT_NEAR(a, b, slack)                                                                                      \
    do {                                                                                                              \
        double near_a = (double)(a), near_b = (double)(b), near_slack = (double)(slack);                              \
        if (!(fabs(near_a - near_b) <= near_slack))                                                                   \
            fail_msg("%s is %.12g, not %.12g: %.3g apart, allowed %.3g", #a, near_a, near_b, fabs(near_a - near_b),   \
                     near_slack);                                                                                     \
    } while (0)

#endif
