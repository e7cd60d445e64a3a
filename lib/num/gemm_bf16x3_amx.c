/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/gemm_bf16x3_kernels.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIDE = FLOW_BF16X3_SIDE, STEP = FLOW_BF16X3_STEP, TILE = FLOW_BF16X3_TILE, PARTS = TILE / 2, LINE = 64 };

/* ------------------------------------------------------------------ packing */

/* Two vectors of floats: those of the terms t and those of the terms t + 16. */
typedef struct amx_pair {
    __m512 u, v;
} amx_pair;

/* Their parts, u in the lower half of each pair and v in the upper. */
typedef struct amx_split {
    __m512i high, low;
} amx_split;

static inline amx_split split(amx_pair x)
{
    const __m512i mask = _mm512_set1_epi32((int)0xffff0000u), half = _mm512_set1_epi32(0x8000);
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i u = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x.u), half), mask);
    const __m512i v = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x.v), half), mask);
    const __m512 low_u = _mm512_sub_ps(x.u, _mm512_castsi512_ps(u)), low_v = _mm512_sub_ps(x.v, _mm512_castsi512_ps(v));
    return (amx_split){_mm512_or_si512(_mm512_srli_epi32(u, 16), v),
                       _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(low_v, low_u))};
}

/* The lanes [first, last). */
static inline __mmask16 lanes(int first, int last)
{
    const unsigned below = last >= SIDE ? 0xffffu : last <= 0 ? 0u : (1u << last) - 1;
    return (__mmask16)(first >= SIDE ? 0 : first <= 0 ? below : below & ~((1u << first) - 1));
}

/* Line i of a part whose neighbours are terms. */
static inline amx_pair terms_of(const flow_bf16x3_part *part, int i, __mmask16 u, __mmask16 v)
{
    const float *row = part->at + (size_t)i * part->ld;
    return (amx_pair){_mm512_maskz_loadu_ps(u, row), _mm512_maskz_loadu_ps(v, row + SIDE)};
}

static inline __m512 term_at(const flow_bf16x3_part *part, int term, __mmask16 mask)
{
    return term >= part->first && term < part->last ? _mm512_maskz_loadu_ps(mask, part->at + (size_t)term * part->ld)
                                                    : _mm512_setzero_ps();
}

static inline void store(uint16_t *tile, int line, amx_split x)
{
    _mm512_store_si512(tile + line * STEP, x.high);
    _mm512_store_si512(tile + PARTS + line * STEP, x.low);
}

static void pack_lines(const flow_bf16x3_part *part, uint16_t *tile)
{
    if (part->along) {
        const __mmask16 u = lanes(part->first, part->last), v = lanes(part->first - SIDE, part->last - SIDE);
        for (int i = 0; i < SIDE; i++)
            store(tile, i,
                  split(i < part->count ? terms_of(part, i, u, v)
                                        : (amx_pair){_mm512_setzero_ps(), _mm512_setzero_ps()}));
        return;
    }
    const __mmask16 mask = lanes(0, part->count);
    for (int t = 0; t < SIDE; t++)
        store(tile, t, split((amx_pair){term_at(part, t, mask), term_at(part, t + SIDE, mask)}));
}

/* Transposes the pairs of a tile in place: 16 x 16 numbers of 32 bits. */
static void transpose(uint16_t *tile)
{
    __m512i r[SIDE], s[SIDE];
    for (int i = 0; i < SIDE; i++)
        r[i] = _mm512_load_si512(tile + i * STEP);
    for (int i = 0; i < SIDE; i += 2) {
        s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < SIDE; i += 4)
        for (int k = 0; k < 2; k++) {
            r[i + 2 * k] = _mm512_unpacklo_epi64(s[i + k], s[i + k + 2]);
            r[i + 2 * k + 1] = _mm512_unpackhi_epi64(s[i + k], s[i + k + 2]);
        }
    for (int i = 0; i < SIDE; i += 8)
        for (int k = 0; k < 4; k++) {
            s[i + k] = _mm512_shuffle_i32x4(r[i + k], r[i + k + 4], 0x88);
            s[i + k + 4] = _mm512_shuffle_i32x4(r[i + k], r[i + k + 4], 0xdd);
        }
    for (int k = 0; k < 8; k++) {
        _mm512_store_si512(tile + k * STEP, _mm512_shuffle_i32x4(s[k], s[k + 8], 0x88));
        _mm512_store_si512(tile + (k + 8) * STEP, _mm512_shuffle_i32x4(s[k], s[k + 8], 0xdd));
    }
}

static void amx_pack(const flow_bf16x3_part *part, uint16_t *tile)
{
    pack_lines(part, tile);
    if (part->along == part->is_b) {
        transpose(tile);
        transpose(tile + PARTS);
    }
}

/* ------------------------------------------------------------------ products */

/* The operand of LDTILECFG. */
typedef struct amx_configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} amx_configuration;

/* Tiles 0 to 3 are those of C, 4 and 5 of A, 6 and 7 of B; all have 16 rows of 64 bytes. */
static void amx_begin(void)
{
    static const amx_configuration all = {.palette = 1,
                                          .bytes = {LINE, LINE, LINE, LINE, LINE, LINE, LINE, LINE},
                                          .rows = {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}};
    _tile_loadconfig(&all);
}

/* Releases the tiles: the system then saves none of them for this thread, and other code may configure its own.
 * Without VZEROUPPER, code with narrow vectors is ten times as slow after code with wide ones; compilers do not emit it
 * at -O1. */
static void amx_end(void)
{
    _tile_release();
    _mm256_zeroupper();
}

/* Forms a block of rows x columns tiles; the two are literals, since tiles are parts of instructions. c has the
 * addresses of the tiles of C, ldc the distances of their rows in bytes. */
static inline __attribute__((always_inline)) void form(int rows, int columns, const flow_bf16x3_block *block,
                                                       float *const c[4], const size_t ldc[4])
{
    const uint16_t *a = block->a, *b = block->b;
    const size_t next_a = block->next_a, next_b = block->next_b;
#define EACH_C(DO)               \
    DO(0);                       \
    if (columns > 1)             \
        DO(1);                   \
    if (rows > 1)                \
        DO(2);                   \
    if (rows > 1 && columns > 1) \
        DO(3)
#define ZERO(t) _tile_zero(t)
#define LOAD(t) _tile_loadd(t, c[t], ldc[t])
#define STORE(t) _tile_stored(t, c[t], ldc[t])
#define LOAD_A(part)                                             \
    do {                                                         \
        _tile_loadd(4, a + (part) * PARTS, LINE);                \
        if (rows > 1)                                            \
            _tile_loadd(5, a + (part) * PARTS + next_a, LINE);   \
    } while (0)
#define LOAD_B(part)                                             \
    do {                                                         \
        _tile_loadd(6, b + (part) * PARTS, LINE);                \
        if (columns > 1)                                         \
            _tile_loadd(7, b + (part) * PARTS + next_b, LINE);   \
    } while (0)
#define MULTIPLY()                      \
    do {                                \
        _tile_dpbf16ps(0, 4, 6);        \
        if (columns > 1)                \
            _tile_dpbf16ps(1, 4, 7);    \
        if (rows > 1)                   \
            _tile_dpbf16ps(2, 5, 6);    \
        if (rows > 1 && columns > 1)    \
            _tile_dpbf16ps(3, 5, 7);    \
    } while (0)
    if (block->adds) {
        EACH_C(LOAD);
    } else {
        EACH_C(ZERO);
    }
    for (int s = 0; s < block->steps; s++, a += TILE, b += TILE) {
        LOAD_A(1);
        LOAD_B(0);
        MULTIPLY();
        LOAD_A(0);
        MULTIPLY();
        LOAD_B(1);
        MULTIPLY();
    }
    EACH_C(STORE);
#undef EACH_C
#undef ZERO
#undef LOAD
#undef STORE
#undef LOAD_A
#undef LOAD_B
#undef MULTIPLY
}

static void copy(int m, int n, const float *from, size_t ld_from, float *to, size_t ld_to)
{
    const __mmask16 mask = lanes(0, n);
    for (int i = 0; i < m; i++)
        _mm512_mask_storeu_ps(to + (size_t)i * ld_to, mask, _mm512_maskz_loadu_ps(mask, from + (size_t)i * ld_from));
}

static int within(int n, int from)
{
    return n - from < SIDE ? n - from : SIDE;
}

static void amx_multiply(const flow_bf16x3_block *block)
{
    _Alignas(LINE) float partial[4][SIDE * SIDE]; /* for tiles that reach over the edge of C */
    float *c[4], *real_c[4];
    size_t ldc[4];
    const int rows = block->m > SIDE ? 2 : 1, columns = block->n > SIDE ? 2 : 1;
    bool whole = true;
    for (int t = 0; t < 4; t++) {
        const int i = t / 2 * SIDE, j = t % 2 * SIDE, m = within(block->m, i), n = within(block->n, j);
        if (m <= 0 || n <= 0)
            continue;
        real_c[t] = c[t] = block->c + (size_t)i * block->ldc + (size_t)j;
        ldc[t] = block->ldc * sizeof **c;
        if (m == SIDE && n == SIDE)
            continue;
        whole = false;
        c[t] = partial[t];
        ldc[t] = LINE;
        if (block->adds)
            copy(m, n, real_c[t], block->ldc, partial[t], SIDE);
    }
    if (rows > 1 && columns > 1)
        form(2, 2, block, c, ldc);
    else if (rows > 1)
        form(2, 1, block, c, ldc);
    else if (columns > 1)
        form(1, 2, block, c, ldc);
    else
        form(1, 1, block, c, ldc);
    for (int t = 0; !whole && t < 4; t++) {
        const int m = within(block->m, t / 2 * SIDE), n = within(block->n, t % 2 * SIDE);
        if (m > 0 && n > 0 && c[t] == partial[t])
            copy(m, n, partial[t], SIDE, real_c[t], block->ldc);
    }
}

/* ------------------------------------------------------------------ the processor */

static const flow_bf16x3_kernels amx_kernels = {"AMX", amx_begin, amx_end, amx_pack, amx_multiply};
static bool amx_works;

static bool amx_processor(void)
{
    unsigned a, b, c, d;
    enum { AMX_BF16 = 22, AMX_TILE = 24 };
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> AMX_BF16 & 1) != 0 && (d >> AMX_TILE & 1) != 0;
}

/* Linux gives the tiles, which make the state of a thread larger, to a process that asks for them. */
static void amx_ask(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    amx_works = amx_processor() && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

const flow_bf16x3_kernels *flow_bf16x3_amx(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, amx_ask);
    return amx_works ? &amx_kernels : NULL;
}

#else

const flow_bf16x3_kernels *flow_bf16x3_amx(void)
{
    return NULL;
}

#endif
