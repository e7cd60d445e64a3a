/* The arithmetic of matrix products: a choice of the thread, like the profile (num/profile.h), since every product
 * would need it as an argument. flow_parallel_for hands it on to the threads that work for the caller. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_MATH_MODE_H
#define FLOW_NUM_MATH_MODE_H

#include <stdbool.h>

typedef enum flow_math {
    FLOW_MATH_FLOAT,  /* in the floating-point type of the networks (num/real.h) */
    FLOW_MATH_BF16X3, /* three products of bfloat16 numbers for one of floats (num/gemm_bf16x3.h) */
} flow_math;

/* "float", "bf16x3"; ends with NULL. */
extern const char *const flow_math_names[];
/* Finds the one of that name; false where there is none. */
bool flow_math_find(const char *name, flow_math *out);

/* The choice of the calling thread: FLOW_MATH_FLOAT until it chooses. */
flow_math flow_math_mode(void);

/* Chooses for the calling thread; flow_gemm_check says whether this processor can. Returns the choice before. */
flow_math flow_math_choose(flow_math math);

#endif
