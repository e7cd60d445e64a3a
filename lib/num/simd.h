/* Loops compiled for several instruction sets; the best one is chosen when the program starts.
 *
 * FLOW_MULTIVERSION in front of a function makes gcc compile it for AVX-512, AVX2 and the baseline of the platform; the
 * dynamic linker chooses. It is for loops of arithmetic; exp, tanh and the like are in vecmath.h. Other compilers,
 * other machines and sanitizers compile the loop once.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_SIMD_H
#define FLOW_NUM_SIMD_H

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FLOW_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FLOW_MULTIVERSION
#endif

/* In front of a loop that never reads what an earlier turn has written. A hint for gcc; clang checks it at run time. */
#if defined(__GNUC__) && !defined(__clang__)
#define FLOW_INDEPENDENT _Pragma("GCC ivdep")
#else
#define FLOW_INDEPENDENT
#endif

#endif
