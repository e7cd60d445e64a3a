/* What the products of gemm_bf16x3.h are made of: splitting and packing, and products of tiles. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_NUM_GEMM_BF16X3_KERNELS_H
#define FLOW_NUM_GEMM_BF16X3_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FLOW_BF16X3_SIDE = 16,  /* rows of a tile of A, columns of a tile of B, both of a tile of C */
    FLOW_BF16X3_STEP = 32,  /* terms of a tile */
    FLOW_BF16X3_TILE = 1024 /* bfloat16 numbers of a tile: those of the high parts, then those of the low parts */
};

/* A part of a matrix to be split and packed into one tile. A tile has 16 lines of 16 pairs of numbers. Terms t and
 * t + 16 of a step form pair t. A line of A is a row with its pairs, a line of B is a pair of all columns. */
typedef struct flow_bf16x3_part {
    const float
        *at; /* term 0 of the step, at the first row of A or column of B; may lie before the matrix by `first` */
    size_t ld;
    bool along; /* neighbours in memory are terms, not rows of A or columns of B */
    bool is_b;
    int first, last; /* the terms [first, last) exist, others are zero */
    int count;       /* rows of A or columns of B, at most 16; others are zero */
} flow_bf16x3_part;

/* A product of at most 2 x 2 tiles of C. */
typedef struct flow_bf16x3_block {
    int m, n; /* at most 32 */
    int steps;
    const uint16_t *a, *b; /* tiles of consecutive steps follow each other */
    size_t next_a, next_b; /* from the tiles of the first 16 rows or columns to those of the others */
    float *c;
    size_t ldc;
    bool adds;
} flow_bf16x3_block;

/* The same arithmetic, to the last bit, for AMX and for any processor. The second is slow, and serves tests. */
typedef struct flow_bf16x3_kernels {
    const char *name;
    void (*begin)(void); /* before and after the products of a call */
    void (*end)(void);
    void (*pack)(const flow_bf16x3_part *part, uint16_t *tile);
    void (*multiply)(const flow_bf16x3_block *block);
} flow_bf16x3_kernels;

extern const flow_bf16x3_kernels flow_bf16x3_plain;

/* NULL where the processor, the system or the compiler has no AMX. The first call asks the system for the tiles. */
const flow_bf16x3_kernels *flow_bf16x3_amx(void);

#endif
