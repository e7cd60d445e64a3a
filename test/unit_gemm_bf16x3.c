/* Products of floats from bfloat16 matrices: the emulation against sums in double, AMX against the emulation. This
 * program has its own num/gemm_bf16x3.c, to reach what happens when memory is out.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../lib/num/gemm_bf16x3.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "num/gemm.h"
#include "num/math_mode.h"
#include "num/parallel.h"
#include "num/rng.h"
#include "values.h"

enum { MOST_PAIRS = 3 };

/* A product with its operands and what it gives. */
typedef struct task {
    bool transpose_a, transpose_b, adds;
    int count, m, n, k, lda, ldb, ldc;
    float *a[MOST_PAIRS], *b[MOST_PAIRS], *old;
    bool masks_c;
    int from;
    const int *extent;
} task;

static float *filled(size_t n, uint64_t row, float size)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = size * (float)(2 * flow_rng_uniform(17, FLOW_STREAM_OTHER, row, (uint32_t)i) - 1);
    return x;
}

static size_t size_a(const task *t)
{
    return (size_t)(t->transpose_a ? t->k : t->m) * (size_t)t->lda;
}

static size_t size_b(const task *t)
{
    return (size_t)(t->transpose_b ? t->n : t->k) * (size_t)t->ldb;
}

static size_t size_c(const task *t)
{
    return (size_t)t->m * (size_t)t->ldc;
}

static task new_task(int flags, int count, int m, int n, int k, int slack)
{
    task t = {
        .transpose_a = flags & 1, .transpose_b = flags & 2, .adds = flags & 4, .count = count, .m = m, .n = n, .k = k};
    t.lda = (t.transpose_a ? m : k) + slack;
    t.ldb = (t.transpose_b ? k : n) + slack;
    t.ldc = n + slack;
    for (int p = 0; p < count; p++) {
        t.a[p] = filled(size_a(&t), (uint64_t)p, 1);
        t.b[p] = filled(size_b(&t), (uint64_t)p + MOST_PAIRS, 1);
    }
    t.old = filled(size_c(&t), 9, 1);
    for (size_t i = 0; !t.adds && i < size_c(&t); i++) /* must not be read */
        t.old[i] = i % (size_t)t.ldc < (size_t)n ? NAN : 5;
    return t;
}

static void free_task(task *t)
{
    for (int p = 0; p < t->count; p++) {
        free(t->a[p]);
        free(t->b[p]);
    }
    free(t->old);
}

static float a_at(const task *t, int pair, int i, int p)
{
    return t->a[pair][t->transpose_a ? p * t->lda + i : i * t->lda + p];
}

static float b_at(const task *t, int pair, int p, int j)
{
    return t->b[pair][t->transpose_b ? j * t->ldb + p : p * t->ldb + j];
}

static flow_bf16x3_product product_of(const task *t, float *c)
{
    return (flow_bf16x3_product){.transpose_a = t->transpose_a,
                                 .transpose_b = t->transpose_b,
                                 .adds = t->adds,
                                 .count = t->count,
                                 .m = t->m,
                                 .n = t->n,
                                 .k = t->k,
                                 .a = (const float *const *)t->a,
                                 .lda = t->lda,
                                 .b = (const float *const *)t->b,
                                 .ldb = t->ldb,
                                 .c = c,
                                 .ldc = t->ldc,
                                 .extent = t->extent,
                                 .masks_c = t->masks_c,
                                 .from = t->from};
}

/* C by the kernels; the caller frees it. */
static float *product(const task *t, const flow_bf16x3_kernels *kernels)
{
    float *c = malloc((size_c(t) + 1) * sizeof *c);
    assert_non_null(c);
    memcpy(c, t->old, size_c(t) * sizeof *c);
    const flow_bf16x3_product p = product_of(t, c);
    flow_bf16x3_gemm(kernels, &p);
    return c;
}

static uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void expect_same(const task *t, const float *c, const float *wanted, const char *what)
{
    for (size_t i = 0; i < size_c(t); i++)
        if (bits_of_float(c[i]) != bits_of_float(wanted[i]) && !(isnan(c[i]) && isnan(wanted[i])))
            fail_msg("%s, %d products %c%c %dx%dx%d: %.9g at %zu, not %.9g", what, t->count, t->transpose_a ? 'T' : 'N',
                     t->transpose_b ? 'T' : 'N', t->m, t->n, t->k, (double)c[i], i, (double)wanted[i]);
}

/* The bound for one element: of the parts that are left out, 2^-18 for low low and for either rest, and of the sums. */
static void expect_near_sums(const task *t, const float *c, double *squares, double *errors)
{
    for (int i = 0; i < t->m; i++)
        for (int j = 0; j < t->ldc; j++) {
            const int at = i * t->ldc + j;
            if (j >= t->n) {
                assert_memory_equal(&c[at], &t->old[at], sizeof *c);
                continue;
            }
            double sum = t->adds ? (double)t->old[at] : 0, size = fabs(sum);
            for (int pair = 0; pair < t->count; pair++)
                for (int p = 0; p < t->k; p++) {
                    const double term = (double)a_at(t, pair, i, p) * (double)b_at(t, pair, p, j);
                    sum += term;
                    size += fabs(term);
                }
            const double bound = (3 * 0x1p-18 + (3 * t->count * t->k + 2) * 0x1p-24) * size;
            if (!(fabs((double)c[at] - sum) <= bound))
                fail_msg("%d products %c%c %dx%dx%d at (%d, %d): %.9g, not %.9g", t->count, t->transpose_a ? 'T' : 'N',
                         t->transpose_b ? 'T' : 'N', t->m, t->n, t->k, i, j, (double)c[at], sum);
            *squares += sum * sum;
            *errors += ((double)c[at] - sum) * ((double)c[at] - sum);
        }
}

/* Every shape, flag and edge. With 260 rows or 530 terms the operands are packed in several parts. */
static const int shapes[][3] = {
    {1, 1, 1},   {16, 16, 32}, {32, 32, 64}, {17, 16, 33}, {16, 17, 31}, {33, 48, 65},   {48, 33, 31},
    {5, 70, 16}, {70, 5, 17},  {31, 31, 95}, {64, 15, 96}, {260, 18, 34}, {18, 260, 34}, {17, 18, 530},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void emulation_against_sums(void **state)
{
    (void)state;
    double squares = 0, errors = 0;
    for (int u = 0; u < N_SHAPES * 8; u++) {
        const int *s = shapes[u / 8];
        task t = new_task(u % 8, 1 + u % 3, s[0], s[1], s[2], u / 8 % 2 * 11);
        float *c = product(&t, &flow_bf16x3_plain);
        expect_near_sums(&t, c, &squares, &errors);
        free(c);
        free_task(&t);
    }
    ASSERT_LT(sqrt(errors / squares), 6e-6);
}

static void amx_gives_the_bits_of_the_emulation(void **state)
{
    (void)state;
    if (flow_bf16x3_amx() == NULL)
        skip();
    for (int u = 0; u < N_SHAPES * 8; u++) {
        const int *s = shapes[u / 8];
        task t = new_task(u % 8, 1 + u % 3, s[0], s[1], s[2], u / 8 % 2 * 11);
        float *c = product(&t, flow_bf16x3_amx()), *wanted = product(&t, &flow_bf16x3_plain);
        expect_same(&t, c, wanted, "AMX");
        free(c);
        free(wanted);
        free_task(&t);
    }
}

/* Numbers of all sizes, denormal and infinite ones and NaNs of all kinds among them. */
static void amx_gives_the_bits_of_the_emulation_for_any_bits(void **state)
{
    (void)state;
    if (flow_bf16x3_amx() == NULL)
        skip();
    for (int u = 0; u < 64; u++) {
        task t = new_task(u % 8, 1, 32, 32, 40, 0);
        float *arrays[] = {t.a[0], t.b[0], t.old};
        const size_t sizes[] = {size_a(&t), size_b(&t), t.adds ? size_c(&t) : 0};
        for (int x = 0; x < 3; x++)
            for (size_t i = 0; i < sizes[x]; i++) {
                uint32_t bits = (uint32_t)flow_rng_mix((uint64_t)(3 * u + x) << 32 | i);
                /* Few NaNs and infinities, or all is NaN; exponents near those of denormal products. */
                const uint32_t exponent = bits >> 23 & 0xff;
                if (u % 4 < 3 || i % 97 != 0)
                    bits = (bits & 0x807fffffu) | (u / 8 % 2 ? exponent % 40 : 40 + exponent % 48) << 23;
                memcpy(&arrays[x][i], &bits, sizeof bits);
            }
        float *c = product(&t, flow_bf16x3_amx()), *wanted = product(&t, &flow_bf16x3_plain);
        expect_same(&t, c, wanted, "AMX, any bits");
        free(c);
        free(wanted);
        free_task(&t);
    }
}

/* A finite wrong number would go unnoticed. The other rows are what they are without the special number. */
static void expect_reported(const flow_bf16x3_kernels *kernels, uint32_t bits)
{
    enum { M = 20, N = 18, K = 40, ROW = 3 };
    for (int is_b = 0; is_b < 2; is_b++) {
        task t = new_task(0, 1, M, N, K, 0);
        float *before = product(&t, kernels);
        memcpy(is_b ? &t.b[0][5 * N + ROW] : &t.a[0][ROW * K + 5], &bits, sizeof bits);
        float *c = product(&t, kernels);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                const int at = i * N + j;
                if ((is_b ? j : i) != ROW)
                    ASSERT_EQ(c[at], before[at]);
                else if (isfinite(c[at]))
                    fail_msg("%s: %08x gives %g", kernels->name, (unsigned)bits, (double)c[at]);
            }
        free(c);
        free(before);
        free_task(&t);
    }
}

static void infinities_and_nans_are_reported(void **state)
{
    (void)state;
    static const uint32_t special[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fffffff, 0xffffffff,
                                       0x7f800001, 0xff800001, 0x7fff8000, 0xffff7fff, 0x7f7fffff, 0xff7fffff};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        expect_reported(&flow_bf16x3_plain, special[i]);
        if (flow_bf16x3_amx() != NULL)
            expect_reported(flow_bf16x3_amx(), special[i]);
    }
}

/* Whatever is packed at a time. */
static void small_scratch_gives_the_same_bits(void **state)
{
    (void)state;
    static uint16_t memory[2 * FEW];
    const bf16x3_scratch scratch = {PANEL, FEW_STEPS, memory, memory + FEW};
    for (int u = 0; u < N_SHAPES * 8; u++) {
        const int *s = shapes[u / 8];
        task t = new_task(u % 8, 1 + u % 3, s[0], s[1], s[2], 3);
        float *wanted = product(&t, &flow_bf16x3_plain);
        const flow_bf16x3_product p = product_of(&t, t.old);
        const bf16x3_run run = {&flow_bf16x3_plain, &p, &scratch, NULL};
        add_all(&run);
        expect_same(&t, t.old, wanted, "small scratch");
        free(wanted);
        free_task(&t);
    }
}

/* Extents that grow, some of them, in two planes as in the last layer of a MADE, or without order. */
static int extent_of_row(int how, int r, int rows, int columns)
{
    switch (how) {
    case 0:
        return (int)((int64_t)(r + 1) * columns / rows);
    case 1:
        return r % ((rows + 1) / 2) * columns / rows;
    default:
        return r * 37 % (columns + 1);
    }
}

/* A mask leaves out tiles of zeros, which add nothing. */
static void masked_products_are_those_of_zeros(void **state)
{
    (void)state;
    static const int masked[][3] = {{70, 40, 130}, {130, 33, 70}, {64, 64, 64}, {16, 300, 100}, {300, 20, 97}};
    for (int u = 0; u < 5 * 3 * 4; u++) {
        const int *s = masked[u / 12], how = u / 4 % 3;
        task t = new_task(u % 2 | (u / 2 % 2 ? 4 : 0), 1, s[0], s[1], s[2], 3);
        const int rows = t.transpose_a ? t.k : t.m, columns = t.transpose_a ? t.m : t.k;
        int extent[400];
        for (int r = 0; r < rows; r++) {
            extent[r] = extent_of_row(how, r, rows, columns);
            for (int j = extent[r]; j < columns; j++)
                t.a[0][r * t.lda + j] = 0;
        }
        float *wanted = product(&t, &flow_bf16x3_plain);
        t.extent = extent;
        float *c = product(&t, &flow_bf16x3_plain);
        for (int at = 0; at < t.m * t.ldc; at++)
            if (at % t.ldc < t.n)
                ASSERT_EQ(c[at], wanted[at]); /* zeros may have another sign */
        free(c);
        free(wanted);
        free_task(&t);
    }
}

static void columns_before_the_mask_are_formed(void **state)
{
    (void)state;
    enum { M = 100, N = 80, K = 70 };
    for (int u = 0; u < 3 * 4; u++) {
        task t = new_task(2 | 4, 2, M, N, K, 1);
        float *wanted = product(&t, &flow_bf16x3_plain);
        int extent[M], live = 0;
        for (int r = 0; r < M; r++)
            extent[r] = extent_of_row(u % 2, r, M, 3 * N);
        t.extent = extent;
        t.masks_c = true;
        t.from = u / 2 * 30;
        float *c = product(&t, &flow_bf16x3_plain);
        for (int at = 0; at < M * t.ldc; at++) {
            const int i = at / t.ldc, j = at % t.ldc;
            if (j >= N || j + t.from < extent[i])
                ASSERT_EQ(c[at], wanted[at]);
            else
                assert_true(c[at] == wanted[at] || c[at] == t.old[at]);
            live += j < N && c[at] == wanted[at];
        }
        if (t.from >= 90) /* something is left out */
            ASSERT_LT(live, M * N);
        free(c);
        free(wanted);
        free_task(&t);
    }
}

/* Columns of data rows meet the same arithmetic in a tile of any width. */
static void columns_do_not_know_how_many_they_are(void **state)
{
    (void)state;
    for (int m = 1; m < 600; m += 7)
        for (int k = 1; k < 600; k += 13)
            for (int n = FLOW_LANES; n <= 512; n += FLOW_LANES)
                assert_true(flow_bf16x3_pays(m, n, k) == flow_bf16x3_pays(m, FLOW_LANES, k));
    task wide = new_task(0, 1, 40, 128, 70, 0), narrow = new_task(0, 1, 40, 32, 70, 0);
    for (int p = 0; p < 70; p++)
        for (int j = 0; j < 32; j++)
            narrow.b[0][p * 32 + j] = wide.b[0][p * 128 + (5 * j + 3) % 128];
    float *c = product(&wide, &flow_bf16x3_plain), *of_narrow = product(&narrow, &flow_bf16x3_plain);
    for (int i = 0; i < 40; i++)
        for (int j = 0; j < 32; j++)
            ASSERT_EQ(of_narrow[i * 32 + j], c[i * 128 + (5 * j + 3) % 128]);
    free(c);
    free(of_narrow);
    free_task(&wide);
    free_task(&narrow);
}

/* ------------------------------------------------------------------ through num/gemm.h */

#ifndef FLOW_DOUBLE

enum { THREADS = 4, ITEMS = 40 };

typedef struct thread_job {
    task *t;
    float *c[ITEMS];
} thread_job;

static void multiply_item(void *context, int item, int thread)
{
    (void)thread;
    const thread_job *job = context;
    const task *t = job->t;
    memcpy(job->c[item], t->old, size_c(t) * sizeof **job->c);
    flow_gemm_sum(t->transpose_a, t->count, t->m, t->n, t->k, (const float *const *)t->a, t->lda,
                  (const float *const *)t->b, t->ldb, t->adds ? 1 : 0, job->c[item], t->ldc);
}

static void expect_items(task *t, int n_threads, const float *wanted)
{
    thread_job job = {.t = t};
    for (int i = 0; i < ITEMS; i++) {
        job.c[i] = malloc(size_c(t) * sizeof **job.c);
        assert_non_null(job.c[i]);
    }
    flow_parallel_for(ITEMS, n_threads, multiply_item, &job);
    for (int i = 0; i < ITEMS; i++) {
        expect_same(t, job.c[i], wanted, "threads");
        free(job.c[i]);
    }
}

/* The choice holds for the threads that work for the caller, and for as long as they do. */
static void threads_take_the_choice_of_their_caller(void **state)
{
    (void)state;
    for (int count = 1; count < 3; count++) {
        task t = new_task(1 | 4, count, 64, 64, 64, 0);
        float *wanted = product(&t, &flow_bf16x3_plain), *in_float = malloc(size_c(&t) * sizeof *in_float);
        assert_non_null(in_float);
        thread_job one = {.t = &t, .c = {in_float}};
        multiply_item(&one, 0, 0);
        assert_true(memcmp(in_float, wanted, size_c(&t) * sizeof *wanted) != 0);
        for (int n_threads = 1; n_threads <= THREADS; n_threads++) {
            assert_true(flow_math_choose(FLOW_MATH_BF16X3) == FLOW_MATH_FLOAT);
            expect_items(&t, n_threads, wanted);
            assert_true(flow_math_choose(FLOW_MATH_FLOAT) == FLOW_MATH_BF16X3);
            expect_items(&t, n_threads, in_float);
        }
        free(wanted);
        free(in_float);
        free_task(&t);
    }
}

/* The thread sanitizer allows no threads in a child of a process with threads. */
static void a_child_of_fork_multiplies(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip();
#endif
    task t = new_task(4, 1, 64, 64, 64, 0);
    float *wanted = product(&t, &flow_bf16x3_plain);
    flow_math_choose(FLOW_MATH_BF16X3);
    expect_items(&t, THREADS, wanted);
    const pid_t child = fork();
    if (child == 0) {
        expect_items(&t, THREADS, wanted);
        _exit(0);
    }
    int how = 1;
    assert_true(child > 0 && waitpid(child, &how, 0) == child);
    ASSERT_EQ(how, 0);
    flow_math_choose(FLOW_MATH_FLOAT);
    free(wanted);
    free_task(&t);
}

static void other_factors_of_the_old_matrix(void **state)
{
    (void)state;
    static const float betas[] = {0, 0.5F, -2};
    for (int b = 0; b < 3; b++)
        for (int flags = 0; flags < 4; flags++) {
            task t = new_task(flags | (b > 0 ? 4 : 0), 1, 64, 40, 64, 2);
            float *c = malloc(size_c(&t) * sizeof *c);
            assert_non_null(c);
            memcpy(c, t.old, size_c(&t) * sizeof *c);
            flow_math_choose(FLOW_MATH_BF16X3);
            flow_gemm(t.transpose_a, t.transpose_b, t.m, t.n, t.k, t.a[0], t.lda, t.b[0], t.ldb, betas[b], c, t.ldc);
            flow_math_choose(FLOW_MATH_FLOAT);
            for (int i = 0; b > 0 && i < t.m; i++)
                for (int j = 0; j < t.n; j++)
                    t.old[i * t.ldc + j] *= betas[b];
            float *wanted = product(&t, &flow_bf16x3_plain);
            expect_same(&t, c, wanted, "beta");
            free(c);
            free(wanted);
            free_task(&t);
        }
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emulation_against_sums),
        cmocka_unit_test(amx_gives_the_bits_of_the_emulation),
        cmocka_unit_test(amx_gives_the_bits_of_the_emulation_for_any_bits),
        cmocka_unit_test(infinities_and_nans_are_reported),
        cmocka_unit_test(small_scratch_gives_the_same_bits),
        cmocka_unit_test(masked_products_are_those_of_zeros),
        cmocka_unit_test(columns_before_the_mask_are_formed),
        cmocka_unit_test(columns_do_not_know_how_many_they_are),
#ifndef FLOW_DOUBLE
        cmocka_unit_test(threads_take_the_choice_of_their_caller),
        cmocka_unit_test(a_child_of_fork_multiplies),
        cmocka_unit_test(other_factors_of_the_old_matrix),
#endif
    };
    if (flow_bf16x3_amx() == NULL)
        setenv("FLOWCTL_AMX", "emulate", 1); /* NOLINT(concurrency-mt-unsafe): no other thread yet */
    return cmocka_run_group_tests_name("products of bfloat16 parts", tests, NULL, NULL);
}
