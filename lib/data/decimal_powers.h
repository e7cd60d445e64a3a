/* What reading and printing of decimal numbers share: 128-bit integers, and powers of five to 128 bits. Internal to
 * lib/data.
 *
 * 5^q = (high * 2^64 + low) * 2^e, where e makes the highest bit of `high` one; it is exact for 0 <= q <= 55. Otherwise
 * it is rounded down, and for q < 0 1 is added to the result, as Lemire (2021), "Number parsing at a gigabyte per
 * second", requires.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DECIMAL_POWERS_H
#define FLOW_DATA_DECIMAL_POWERS_H

#include <float.h>
#include <stdint.h>

/* The fast paths need 128-bit integers, words with the lowest byte first, arithmetic without excess precision, and IEEE
 * formats. Elsewhere the slow functions do everything. */
#if defined(__SIZEOF_INT128__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && FLT_EVAL_METHOD == 0 &&                \
    FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53
#define FLOW_FAST_DECIMALS 1
__extension__ typedef unsigned __int128 flow_wide;
#else
#define FLOW_FAST_DECIMALS 0
#endif

enum { FLOW_POWER_LEAST = -342, FLOW_POWER_MOST = 324, FLOW_POWER_LAST_EXACT = 55 };

typedef struct flow_power {
    uint64_t high, low;
} flow_power;

#if FLOW_FAST_DECIMALS
/* 5^q at q - FLOW_POWER_LEAST; filled when the program is loaded, const afterwards. */
extern flow_power flow_powers_of_5[FLOW_POWER_MOST - FLOW_POWER_LEAST + 1];
#endif

#endif
