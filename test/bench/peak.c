/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/peak.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "num/gemm.h"
#include "num/parallel.h"
#include "num/real.h"
#include "num/vecmath.h"

/* Twelve independent sums: two multiply-adds per cycle with a latency of four cycles need eight, and sixteen registers
 * must hold them. */
enum { SUMS = 12, STEPS = 5000 };

/* A call has about as many items as other work, so that the wait for a thread that lost its processor is as long. */
enum { ITEMS = 256 };

typedef struct loop {
    void (*run)(volatile real *sink);
    double lanes;
} loop;

#if defined(__x86_64__)

#define DEFINE_PEAK(name, isa, type, set1, fmadd)                                    \
    __attribute__((target(isa))) static void name(volatile real *sink)               \
    {                                                                                \
        type sum[SUMS], factor = set1((real)0.999), term = set1((real)1e-3);         \
        for (int k = 0; k < SUMS; k++)                                               \
            sum[k] = set1(*sink + (real)k);                                          \
        for (int s = 0; s < STEPS; s++)                                              \
            for (int k = 0; k < SUMS; k++)                                           \
                sum[k] = fmadd(sum[k], factor, term);                                \
        for (int k = 0; k < SUMS; k++)                                               \
            *sink = ((real *)&sum[k])[0];                                            \
    }

#ifdef FLOW_DOUBLE
DEFINE_PEAK(peak_avx2, "avx2,fma", __m256d, _mm256_set1_pd, _mm256_fmadd_pd)
DEFINE_PEAK(peak_avx512, "avx512f", __m512d, _mm512_set1_pd, _mm512_fmadd_pd)
#else
DEFINE_PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
DEFINE_PEAK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
#endif
#endif

enum { BASE_LANES = 16 / sizeof(real) };

/* As the compiler translates it: vectors of 128 bits, fused if the platform always has that instruction. */
static void peak_baseline(volatile real *sink)
{
    typedef real vector __attribute__((vector_size(16)));
    vector sum[SUMS], factor, term;
    for (int lane = 0; lane < BASE_LANES; lane++) {
        factor[lane] = (real)0.999;
        term[lane] = (real)1e-3;
        for (int k = 0; k < SUMS; k++)
            sum[k][lane] = *sink + (real)k;
    }
    for (int s = 0; s < STEPS; s++) {
        for (int k = 0; k < SUMS; k++) {
#if defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA)
            for (int lane = 0; lane < BASE_LANES; lane++)
                sum[k][lane] = (real)(sizeof(real) == sizeof(float)
                                          ? fmaf((float)sum[k][lane], (float)factor[lane], (float)term[lane])
                                          : fma((double)sum[k][lane], (double)factor[lane], (double)term[lane]));
#else
            sum[k] = sum[k] * factor + term;
#endif
        }
    }
    for (int k = 0; k < SUMS; k++)
        *sink = sum[k][0];
}

static loop widest(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return (loop){peak_avx512, 64. / sizeof(real)};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (loop){peak_avx2, 32. / sizeof(real)};
#endif
    return (loop){peak_baseline, BASE_LANES};
}

static void peak_task(void *context, int item, int thread)
{
    (void)context, (void)item, (void)thread;
    volatile real sink = (real)0.5; /* volatile, or the compiler would leave out the loop */
    widest().run(&sink);
}

static void peak_on_threads(void *context)
{
    int n_threads = *(const int *)context;
    flow_parallel_for(n_threads * ITEMS, n_threads, peak_task, NULL);
}

bench_item bench_peak_item(int n_threads)
{
    static int numbers[FLOW_THREADS_MAX + 1];
    numbers[n_threads] = n_threads;
    return (bench_item){.work = peak_on_threads, .context = &numbers[n_threads], .n_threads = n_threads};
}

double bench_peak_flops(int n_threads)
{
    return n_threads * 2. * ITEMS * STEPS * SUMS * widest().lanes;
}

/* ------------------------------------------------------------------ the clock */

#if defined(__x86_64__)
static void chain(void *context)
{
    uint64_t x = 3;
    for (int k = 0; k < BENCH_CLOCK_CYCLES / 3 / 8; k++)
        __asm__ volatile("imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\timul %0, %0\n\t"
                         "imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\timul %0, %0"
                         : "+r"(x));
    *(volatile uint64_t *)context = x;
}
#endif

bench_item bench_clock_item(void)
{
#if defined(__x86_64__)
    static uint64_t sink;
    return (bench_item){.work = chain, .context = &sink, .n_threads = 1};
#else
    return (bench_item){.work = NULL};
#endif
}

/* ------------------------------------------------------------------ printing */

static void processor_name(char *out, size_t size)
{
    snprintf(out, size, "unknown (no /proc/cpuinfo)");
    FILE *in = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || value == NULL)
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (in != NULL)
        fclose(in);
}

void bench_choose_math(const char *name)
{
    flow_error err;
    flow_math math;
    if (!flow_math_find(name, &math))
        bench_stop("--math takes float or bf16x3");
    if (flow_gemm_check(math, &err) != FLOW_OK)
        bench_stop(err.message);
    flow_math_choose(math);
}

void bench_print_machine(void)
{
    char processor[128], library[64];
    processor_name(processor, sizeof processor);
    flow_gemm_library(library, sizeof library);
    printf("processor        %s, %d to use\n", processor, flow_processors());
    printf("program          %s, kernels for %s, matrix products by %s\n", FLOW_PRECISION, flow_vec_name(), library);
    printf("figures          medians of rounds, +- half the distance between the quartiles\n");
    printf("                 one thread: in processor time, more: in time on the wall\n");
}

void bench_print_peak(const bench_item *peak, int n_threads, const bench_item *clock, int n_rounds)
{
    bench_figure speed = bench_rate(peak, n_rounds, bench_peak_flops(n_threads));
    printf("peak, %d thread%s  %.1f GFLOP/s +- %.0f %%, %d-bit fused multiply-adds on registers", n_threads,
           n_threads == 1 ? " " : "s", speed.median / 1e9, 100 * speed.spread,
           (int)(8 * sizeof(real) * (size_t)widest().lanes));
    if (clock != NULL && clock->work != NULL) {
        double cycles = bench_ratio(peak, clock, n_rounds).median * BENCH_CLOCK_CYCLES;
        printf(": %.1f FLOP in a cycle, at %.2f GHz", bench_peak_flops(n_threads) / cycles,
               BENCH_CLOCK_CYCLES / bench_seconds(clock, n_rounds) / 1e9);
    }
    printf("\n");
}
