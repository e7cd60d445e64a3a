/* The arithmetic of AMX tiles in portable C: TDPBF16PS and VCVTNE2PS2BF16 as the Intel 64 and IA-32 Architectures
 * Software Developer's Manual, volume 2, defines them. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/gemm_bf16x3_kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "num/simd.h"

enum { SIDE = FLOW_BF16X3_SIDE, PARTS = FLOW_BF16X3_TILE / 2 };

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Denormal numbers are zeros to the tiles. */
static float flushed(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

/* The upper half of a float, rounded to nearest, halves away from zero. Of some NaNs it is a zero, but their low part
 * is a NaN. */
static uint32_t high_bits(float x)
{
    return (bits_of(x) + 0x8000u) & 0xffff0000u;
}

/* Rounded to nearest, halves to even. */
static uint16_t low_bits(float x)
{
    const uint32_t u = bits_of(flushed(x));
    if (isnan(x))
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static float part_at(const flow_bf16x3_part *part, int term, int i)
{
    if (term < part->first || term >= part->last || i >= part->count)
        return 0;
    return part->at[part->along ? (size_t)i * part->ld + (size_t)term : (size_t)term * part->ld + (size_t)i];
}

static void plain_pack(const flow_bf16x3_part *part, uint16_t *tile)
{
    for (int i = 0; i < SIDE; i++)
        for (int t = 0; t < SIDE; t++)
            for (int half = 0; half < 2; half++) {
                const float x = part_at(part, t + half * SIDE, i);
                const uint32_t high = high_bits(x);
                uint16_t *to = tile + 2 * (part->is_b ? t * SIDE + i : i * SIDE + t) + half;
                to[0] = (uint16_t)(high >> 16);
                to[PARTS] = low_bits(x - float_of(high));
            }
}

static void widen(const uint16_t *part, float *out)
{
    for (int i = 0; i < PARTS; i++)
        out[i] = flushed(float_of((uint32_t)part[i] << 16));
}

/* TDPBF16PS: the numbers of either half of the pairs are summed by fused multiply-adds; both sums are added to c. */
FLOW_MULTIVERSION
static void plain_step(const float *a, const float *b, float c[SIDE][SIDE])
{
    for (int i = 0; i < SIDE; i++) {
        float sums[2 * SIDE] = {0};
        for (int t = 0; t < SIDE; t++)
            for (int j = 0; j < 2 * SIDE; j++)
                sums[j] = flushed(fmaf(a[2 * (i * SIDE + t) + j % 2], b[2 * t * SIDE + j], sums[j]));
        for (int j = 0; j < SIDE; j++)
            c[i][j] = flushed(flushed(c[i][j]) + flushed(sums[2 * j] + sums[2 * j + 1]));
    }
}

static void plain_tile(const flow_bf16x3_block *block, int i0, int j0)
{
    const uint16_t *a = block->a + (i0 > 0 ? block->next_a : 0), *b = block->b + (j0 > 0 ? block->next_b : 0);
    float *to = block->c + (size_t)i0 * block->ldc + (size_t)j0, c[SIDE][SIDE] = {{0}};
    const int m = block->m - i0 < SIDE ? block->m - i0 : SIDE, n = block->n - j0 < SIDE ? block->n - j0 : SIDE;
    for (int i = 0; block->adds && i < m; i++)
        memcpy(c[i], to + (size_t)i * block->ldc, (size_t)n * sizeof *to);
    for (int s = 0; s < block->steps; s++, a += FLOW_BF16X3_TILE, b += FLOW_BF16X3_TILE) {
        float high_a[PARTS], low_a[PARTS], high_b[PARTS], low_b[PARTS];
        widen(a, high_a);
        widen(a + PARTS, low_a);
        widen(b, high_b);
        widen(b + PARTS, low_b);
        plain_step(low_a, high_b, c);
        plain_step(high_a, high_b, c);
        plain_step(high_a, low_b, c);
    }
    for (int i = 0; i < m; i++)
        memcpy(to + (size_t)i * block->ldc, c[i], (size_t)n * sizeof *to);
}

static void plain_multiply(const flow_bf16x3_block *block)
{
    for (int i = 0; i < block->m; i += SIDE)
        for (int j = 0; j < block->n; j += SIDE)
            plain_tile(block, i, j);
}

static void plain_nothing(void)
{
}

const flow_bf16x3_kernels flow_bf16x3_plain = {"emulation of AMX", plain_nothing, plain_nothing, plain_pack,
                                               plain_multiply};
