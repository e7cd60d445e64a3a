/* What processes of one job tell each other. The program alone is a job of one rank; test/mpi_job.bats runs it as
 * several ranks, with data that move in pieces of 1,000 bytes. Every test holds for any number of them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/comm.h"

enum { MOST = 64 }; /* ranks */

static const flow_comm *all;
static int rank, size;

/* Byte i of what `from` sends to `to`. */
static unsigned char byte_of(int from, int to, size_t i)
{
    return (unsigned char)(from * 89 + to * 31 + (int)(i % 251) * 7 + (int)(i / 251));
}

/* So many bytes go from one rank to another: none, a few, some pieces. */
static size_t bytes_of(int from, int to)
{
    static const size_t sizes[] = {3, 0, 1000, 5417, 1, 2000};
    return sizes[(size_t)(from * 2 + to * 3) % (sizeof sizes / sizeof *sizes)];
}

/* Fills or compares a part; returns what follows it. */
static unsigned char *fill(unsigned char *at, int from, int to, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = byte_of(from, to, i);
    return at + bytes;
}

static const unsigned char *compare(const unsigned char *at, int from, int to, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != byte_of(from, to, i))
            fail_msg("byte %zu of %zu from rank %d to rank %d is %d, not %d", i, bytes, from, to, at[i],
                     byte_of(from, to, i));
    return at + bytes;
}

static unsigned char *make(size_t bytes)
{
    unsigned char *made = malloc(bytes + 1);
    assert_non_null(made);
    memset(made, 0xee, bytes + 1);
    return made;
}

/* The sizes of the parts of all ranks for `to`, and their sum. */
static size_t find_sizes(size_t *bytes, int to)
{
    size_t total = 0;
    for (int r = 0; r < size; r++)
        total += bytes[r] = bytes_of(r, to);
    return total;
}

static void test_ranks(void **state)
{
    (void)state;
    assert_in_range(rank, 0, size - 1);
    assert_int_equal(flow_comm_size(NULL), 1);
    assert_int_equal(flow_comm_rank(NULL), 0);
    assert_true((all == NULL) == (size == 1));
    assert_true((flow_comm_name() == NULL) == (size == 1));
    if (size > 1) {
        char expected[32];
        snprintf(expected, sizeof expected, "rank %d on ", rank);
        assert_memory_equal(flow_comm_name(), expected, strlen(expected));
        assert_non_null(flow_comm_library());
    }
    /* each rank is there once */
    assert_int_equal(flow_comm_sum_int(all, (int64_t)1 << rank), ((int64_t)1 << size) - 1);
}

static void test_shares(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 40; n++)
        for (int s = 1; s < 12; s++) {
            assert_int_equal(flow_share_first(n, 0, s), 0);
            assert_int_equal(flow_share_first(n, s, s), n);
            for (int r = 0; r < s; r++) {
                const int64_t share = flow_share_first(n, r + 1, s) - flow_share_first(n, r, s);
                assert_in_range(share, n / s, n / s + (n % s != 0));
            }
        }
    assert_int_equal(flow_share_first(INT64_MAX, 1000, 1000), INT64_MAX);
}

static void test_broadcast(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 999, 1000, 1001, 12345};
    for (int root = 0; root < size; root++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            unsigned char *data = make(sizes[k]);
            if (rank == root)
                fill(data, root, 0, sizes[k]);
            flow_comm_broadcast(all, root, data, sizes[k]);
            compare(data, root, 0, sizes[k]);
            assert_int_equal(data[sizes[k]], 0xee);
            free(data);
        }
}

static void test_exchange(void **state)
{
    (void)state;
    size_t sent[MOST], received[MOST], n_sent = 0, n_received = 0;
    for (int r = 0; r < size; r++) {
        n_sent += sent[r] = bytes_of(rank, r);
        n_received += received[r] = bytes_of(r, rank);
    }
    unsigned char *from = make(n_sent), *to = make(n_received), *at = from;
    const unsigned char *next = to;
    for (int r = 0; r < size; r++)
        at = fill(at, rank, r, sent[r]);
    flow_comm_exchange(all, from, sent, to, received);
    for (int r = 0; r < size; r++)
        next = compare(next, r, rank, received[r]);
    assert_int_equal(to[n_received], 0xee);
    /* nothing at all, and from nowhere */
    memset(sent, 0, sizeof sent);
    flow_comm_exchange(all, NULL, sent, NULL, sent);
    free(from);
    free(to);
}

static void test_gather(void **state)
{
    (void)state;
    for (int root = -1; root < size; root++) { /* -1: every rank */
        size_t bytes[MOST];
        const size_t total = find_sizes(bytes, root + 1);
        const bool receives = root < 0 || rank == root;
        unsigned char *mine = make(bytes[rank]), *parts = receives ? make(total) : NULL;
        fill(mine, rank, root + 1, bytes[rank]);
        if (root < 0)
            flow_comm_gather_all(all, mine, parts, bytes);
        else
            flow_comm_gather(all, root, mine, parts, bytes);
        const unsigned char *next = parts;
        for (int r = 0; receives && r < size; r++)
            next = compare(next, r, root + 1, bytes[r]);
        assert_true(!receives || parts[total] == 0xee);
        free(mine);
        free(parts);
    }
}

/* So few bytes that they move at once. */
static void test_gather_small(void **state)
{
    (void)state;
    size_t bytes[MOST];
    unsigned char mine[3], parts[2 * MOST + 1];
    for (int r = 0; r < size; r++)
        bytes[r] = r % 2 == 0 ? 3 : 0;
    fill(mine, rank, 7, bytes[rank]);
    flow_comm_gather_all(all, mine, parts, bytes);
    const unsigned char *next = parts;
    for (int r = 0; r < size; r++)
        next = compare(next, r, 7, bytes[r]);
    /* from its place among them */
    unsigned char *place = parts;
    for (int r = 0; r < rank; r++)
        place += bytes[r];
    fill(place, rank, 8, bytes[rank]);
    flow_comm_gather_all(all, place, parts, bytes);
    next = parts;
    for (int r = 0; r < size; r++)
        next = compare(next, r, 8, bytes[r]);
}

static void test_scatter(void **state)
{
    (void)state;
    for (int root = 0; root < size; root++) {
        size_t bytes[MOST];
        const size_t total = find_sizes(bytes, root);
        unsigned char *parts = rank == root ? make(total) : NULL, *mine = make(bytes[rank]), *at = parts;
        for (int r = 0; rank == root && r < size; r++)
            at = fill(at, root, r, bytes[r]);
        flow_comm_scatter(all, root, parts, mine, bytes);
        compare(mine, root, rank, bytes[rank]);
        assert_int_equal(mine[bytes[rank]], 0xee);
        free(parts);
        free(mine);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    assert_false(flow_comm_any(all, false));
    assert_true(flow_comm_any(all, true));
    for (int r = 0; r < size; r++)
        assert_true(flow_comm_any(all, rank == r));
    assert_int_equal(flow_comm_sum_int(all, ((int64_t)1 << 40) + rank),
                     size * ((int64_t)1 << 40) + (int64_t)size * (size - 1) / 2);
    assert_int_equal(flow_comm_most(all, -((int64_t)1 << 40) * (rank + 1)), -((int64_t)1 << 40));
    assert_int_equal(flow_comm_most(all, ((int64_t)1 << 40) * rank), ((int64_t)1 << 40) * (size - 1));
}

static void test_agree(void **state)
{
    (void)state;
    flow_error err = {0};
    assert_int_equal(flow_comm_agree(all, FLOW_OK, &err), FLOW_OK);
    assert_string_equal(err.message, "");
    /* all have the same */
    flow_error_set(&err, FLOW_SPEC, "spec.json: 100 %% wrong");
    assert_int_equal(flow_comm_agree(all, FLOW_SPEC, &err), FLOW_SPEC);
    assert_string_equal(err.message, "spec.json: 100 % wrong");
    assert_int_equal(err.code, FLOW_SPEC);
    assert_int_equal(flow_comm_agree(all, FLOW_MEMORY, NULL), FLOW_MEMORY);
    /* those from rank k on have one, each its own: that of rank k counts, and is named unless it is alone */
    for (int k = 0; k < size; k++) {
        char name[400];
        snprintf(name, sizeof name, "rank %d on ", k);
        err = (flow_error){0};
        const flow_status mine = rank < k ? FLOW_OK : rank == k ? FLOW_IO : FLOW_DATA;
        if (mine != FLOW_OK)
            flow_error_set(&err, mine, "trouble number %d", rank);
        assert_int_equal(flow_comm_agree(all, mine, &err), FLOW_IO);
        assert_int_equal(err.code, FLOW_IO);
        assert_non_null(strstr(err.message, k == 0 ? "trouble number 0" : "trouble number "));
        if (size > 1)
            assert_memory_equal(err.message, name, strlen(name));
        else
            assert_string_equal(err.message, "trouble number 0");
    }
}

/* A rank whose test failed does not wait for the others in vain: flow_comm_meet. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),    cmocka_unit_test(test_shares),  cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_exchange), cmocka_unit_test(test_gather),  cmocka_unit_test(test_gather_small),
        cmocka_unit_test(test_scatter),  cmocka_unit_test(test_numbers), cmocka_unit_test(test_agree),
    };
    if (flow_comm_start(&argc, &argv, NULL) != FLOW_OK)
        return 1;
    all = flow_comm_world();
    rank = flow_comm_rank(all);
    size = flow_comm_size(all);
    const int failed = size <= MOST ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    flow_comm_meet(failed);
    return flow_comm_finish(failed);
}
