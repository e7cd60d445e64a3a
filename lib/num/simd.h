/* Loops compiled for several instruction sets; the best one is chosen when the program starts.
 *
 * FLOW_MULTIVERSION in front of a function makes the compiler compile it for AVX-512, AVX2 and the baseline of the
 * platform; the dynamic linker chooses. It is for loops of arithmetic; exp, tanh and the like are in vecmath.h. Other
 * machines and sanitizers compile the loop once.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_SIMD_H
#define FLOW_NUM_SIMD_H

#ifdef FLOW_SVE
#include <sys/auxv.h>
#endif

/* clang says by __has_feature what gcc says by macros. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLOW_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define FLOW_SANITIZED 1
#endif
#endif

/* clang 14 compiles for the levels of x86-64 too, but then chooses wrongly when the program starts
 * (scripts/ifunc_names.sh mends what else it does). */
#if !defined(__x86_64__) || !defined(__linux__) || !defined(__GNUC__) || defined(FLOW_SANITIZED)
#define FLOW_MULTIVERSION
#elif defined(__clang__)
#if __has_attribute(target_clones)
#define FLOW_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FLOW_MULTIVERSION
#endif
#else
#define FLOW_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

/* In front of a loop that never reads what an earlier turn has written. */
#if defined(__clang__)
#define FLOW_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define FLOW_INDEPENDENT _Pragma("GCC ivdep")
#else
#define FLOW_INDEPENDENT
#endif

/* In front of a loop of at most 8 turns, as many as the compiler knows: without it the loop around it is not
 * vectorized. */
#if defined(__clang__)
#define FLOW_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define FLOW_UNROLL _Pragma("GCC unroll 8")
#else
#define FLOW_UNROLL
#endif

/* The instruction sets that kernels are compiled for (vecmath_*.c, row_products_*.c). A processor with AVX-512 has AVX2
 * as well; vectors of SVE have one length on a processor, and kernels for another length do not run there. */
typedef enum flow_simd {
    FLOW_SIMD_BASE,
    FLOW_SIMD_AVX2,   /* with fused multiply-adds */
    FLOW_SIMD_AVX512, /* F, DQ, VL, BW */
    FLOW_SIMD_SVE256, /* vectors of 256 bits */
    FLOW_SIMD_SVE512
} flow_simd;

/* The best one that this processor has. */
static inline flow_simd flow_simd_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return FLOW_SIMD_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return FLOW_SIMD_AVX2;
#elif defined(FLOW_SVE)
    if ((getauxval(AT_HWCAP) & HWCAP_SVE) != 0) {
        unsigned long bytes;
        __asm__ volatile(".arch_extension sve\n\trdvl %0, #1" : "=r"(bytes)); /* the length of a vector */
        if (bytes == 64)
            return FLOW_SIMD_SVE512;
        if (bytes == 32)
            return FLOW_SIMD_SVE256;
    }
#endif
    return FLOW_SIMD_BASE;
}

#endif
