/* Sums in a fixed tree: as written down, for every number of leaves, threads and ranks. Under mpirun, every rank adds
 * its share. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "num/tree_sum.h"
#include "values.h"

enum { LENGTH = 40000, MOST_LEAVES = 37 };

/* Numbers of very different sizes, so that another order of adding has other bits. */
static real value_of(int64_t leaf, size_t k)
{
    return (real)(sin(1.0 + 7.0 * (double)leaf + 0.3 * (double)k) * pow(10, (double)((leaf * 5 + (int64_t)k) % 7) - 3));
}

/* By the definition: in pairs. */
static void by_pairs(real *sums, int64_t n_leaves, size_t n)
{
    for (int64_t leaf = 0; leaf < n_leaves; leaf++)
        for (size_t k = 0; k < n; k++)
            sums[(size_t)leaf * n + k] = value_of(leaf, k);
    for (int64_t apart = 1; apart < n_leaves; apart *= 2)
        for (int64_t i = 0; i + apart < n_leaves; i += 2 * apart)
            for (size_t k = 0; k < n; k++)
                sums[(size_t)i * n + k] += sums[(size_t)(i + apart) * n + k];
}

static void every_number_of_leaves(void **state)
{
    (void)state;
    const flow_comm *comm = flow_comm_world();
    /* messages are cut into small pieces in this test, and take long where there are more ranks than processors */
    const bool many = flow_comm_size(comm) > 1;
    const size_t lengths[] = {1, 15, 500, many ? 1500 : LENGTH};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        const size_t n = lengths[l];
        real *wanted = calloc(MOST_LEAVES * n, sizeof *wanted), *total = calloc(n, sizeof *total);
        assert_true(wanted != NULL && total != NULL);
        for (int n_threads = 1; n_threads <= (many ? 1 : 3); n_threads += 2) {
            flow_tree_sum *sum;
            flow_error err = {0};
            assert_int_equal(flow_tree_sum_new(&sum, comm, n, MOST_LEAVES, n_threads, &err), FLOW_OK);
            for (int64_t leaves = 1; leaves <= MOST_LEAVES; leaves += many && leaves >= 9 ? 7 : 1) {
                const int rank = flow_comm_rank(comm), size = flow_comm_size(comm);
                by_pairs(wanted, leaves, n);
                flow_tree_sum_begin(sum, leaves, total);
                for (int64_t i = flow_share_first(leaves, rank, size); i < flow_share_first(leaves, rank + 1, size);
                     i++) {
                    real *leaf = flow_tree_sum_leaf(sum);
                    for (size_t k = 0; k < n; k++)
                        leaf[k] = value_of(i, k);
                    flow_tree_sum_add(sum);
                }
                flow_tree_sum_end(sum);
                assert_memory_equal(total, wanted, n * sizeof *total);
            }
            flow_tree_sum_free(sum);
        }
        free(wanted);
        free(total);
    }
}

static void rows_of_doubles(void **state)
{
    (void)state;
    double rows[] = {1e16, 1, 1, 2, -1e16, 3, 1, 4, 0.5, 5};
    flow_tree_sum_rows(rows, 5, 2); /* (1e16 + 1) + (-1e16 + 1) + 0.5, the first two rounded */
    ASSERT_EQ(rows[0], ((1e16 + 1) + (-1e16 + 1)) + 0.5);
    ASSERT_EQ(rows[1], 15);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(every_number_of_leaves),
                                              cmocka_unit_test(rows_of_doubles)};
    flow_error err = {0};
    if (flow_comm_start(&argc, &argv, &err) != FLOW_OK)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    flow_comm_finish(failed > 0);
    return failed;
}
