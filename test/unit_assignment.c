/* The assignment problem: against all permutations where they are few, and by its dual where they are not. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "num/assignment.h"
#include "num/rng.h"
#include "values.h"

enum { MOST = 200, STRIDE = MOST + 3 };

typedef struct problem {
    int n;
    double *cost; /* (n, STRIDE) */
    int column_of[MOST];
    double price[MOST];
} problem;

static void solve(problem *p)
{
    void *work = flow_alloc_aligned(flow_assignment_scratch_size(p->n), 1);
    assert_non_null(work);
    flow_assignment_solve(p->n, p->cost, STRIDE, p->column_of, p->price, work);
    flow_free_aligned(work);
    bool taken[MOST] = {false};
    for (int i = 0; i < p->n; i++) {
        assert_in_range(p->column_of[i], 0, p->n - 1);
        assert_false(taken[p->column_of[i]]);
        taken[p->column_of[i]] = true;
    }
}

static double *make_costs(void)
{
    double *cost = flow_alloc_aligned(MOST * STRIDE, sizeof *cost);
    assert_non_null(cost);
    return cost;
}

static double total(const problem *p, const int *column_of)
{
    double sum = 0;
    for (int i = 0; i < p->n; i++)
        sum += p->cost[i * STRIDE + column_of[i]];
    return sum;
}

/* The least over all orders of the columns from `first` on. */
static double least_of_all(const problem *p, int *order, int first)
{
    if (first == p->n)
        return total(p, order);
    double least = HUGE_VAL;
    for (int k = first; k < p->n; k++) {
        int kept = order[k];
        order[k] = order[first];
        order[first] = kept;
        least = fmin(least, least_of_all(p, order, first + 1));
        order[first] = order[k];
        order[k] = kept;
    }
    return least;
}

/* No permutation is cheaper than the dual, whose value the solution has. */
static void check_dual(const problem *p, double size)
{
    double slack = 1e-12 * size;
    for (int i = 0; i < p->n; i++) {
        const double *cost = p->cost + i * STRIDE;
        double u = cost[p->column_of[i]] - p->price[p->column_of[i]];
        for (int j = 0; j < p->n; j++)
            ASSERT_LE(u + p->price[j], cost[j] + slack);
    }
}

static void best_of_all_permutations(void **state)
{
    (void)state;
    problem p = {.cost = make_costs()};
    for (uint64_t trial = 0; trial < 400; trial++) {
        p.n = 1 + (int)(trial % 7);
        for (int i = 0; i < p.n; i++)
            for (int j = 0; j < p.n; j++) {
                double u = flow_rng_uniform(5, FLOW_STREAM_OTHER, trial, (uint32_t)(i * MOST + j));
                p.cost[i * STRIDE + j] = trial % 2 == 0 ? 20 * u - 10 : floor(4 * u); /* ties, too */
            }
        solve(&p);
        int order[MOST];
        for (int j = 0; j < p.n; j++)
            order[j] = j;
        ASSERT_LT(fabs(total(&p, p.column_of) - least_of_all(&p, order, 0)), 1e-12);
        check_dual(&p, 100);
    }
    flow_free_aligned(p.cost);
}

static void dual_is_feasible(void **state)
{
    (void)state;
    static const int sizes[] = {8, 16, 33, 128, MOST};
    problem p = {.cost = make_costs()};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int kind = 0; kind < 4; kind++) {
            p.n = sizes[s];
            for (int i = 0; i < p.n; i++)
                for (int j = 0; j < p.n; j++) {
                    double u = flow_rng_uniform(7, FLOW_STREAM_OTHER, s, (uint32_t)(i * MOST + j));
                    double x = flow_rng_uniform(7, FLOW_STREAM_OTHER, s, (uint32_t)i);
                    double y = flow_rng_uniform(8, FLOW_STREAM_OTHER, s, (uint32_t)j);
                    double costs[] = {u, floor(10 * u), (x - y) * (x - y), (double)(i + 1) * (double)(j + 1)};
                    p.cost[i * STRIDE + j] = costs[kind];
                }
            solve(&p);
            check_dual(&p, (double)p.n * (double)p.n);
        }
    flow_free_aligned(p.cost);
}

/* On a line the best plan keeps the order (Santambrogio 2015, theorem 2.9). */
static void keeps_the_order_on_a_line(void **state)
{
    (void)state;
    problem p = {.n = 128, .cost = make_costs()};
    double x[MOST], y[MOST];
    for (int i = 0; i < p.n; i++) {
        x[i] = flow_rng_uniform(9, FLOW_STREAM_OTHER, 0, (uint32_t)i);
        y[i] = flow_rng_uniform(9, FLOW_STREAM_OTHER, 1, (uint32_t)i);
    }
    for (int i = 0; i < p.n; i++)
        for (int j = 0; j < p.n; j++)
            p.cost[i * STRIDE + j] = -x[i] * y[j];
    solve(&p);
    for (int i = 0; i < p.n; i++)
        for (int k = 0; k < p.n; k++)
            assert_true((x[i] < x[k]) == (y[p.column_of[i]] < y[p.column_of[k]]) || i == k);
    flow_free_aligned(p.cost);
}

/* One row that is nowhere leaves the others their best places. */
static void what_is_not_finite_is_dear(void **state)
{
    (void)state;
    problem p = {.n = 4, .cost = make_costs()};
    for (int i = 0; i < p.n; i++)
        for (int j = 0; j < p.n; j++)
            p.cost[i * STRIDE + j] = i == 1 ? NAN : fabs((double)(i - j));
    p.cost[2 * STRIDE + 1] = INFINITY;
    solve(&p);
    for (int i = 0; i < p.n; i++)
        assert_int_equal(p.column_of[i], i);
    flow_free_aligned(p.cost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_of_all_permutations),
        cmocka_unit_test(dual_is_feasible),
        cmocka_unit_test(keeps_the_order_on_a_line),
        cmocka_unit_test(what_is_not_finite_is_dear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
