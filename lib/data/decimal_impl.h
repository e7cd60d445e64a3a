/* What reading and printing of decimal numbers share. Internal to lib/data. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DECIMAL_IMPL_H
#define FLOW_DATA_DECIMAL_IMPL_H

#include <float.h>

#include "data/decimal_powers.h"

/* The fast paths need 128-bit integers, words with the lowest byte first, arithmetic without excess precision, and IEEE
 * formats. Elsewhere the slow functions do everything. */
#if defined(__SIZEOF_INT128__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && FLT_EVAL_METHOD == 0 &&                \
    FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53
#define FLOW_FAST_DECIMALS 1
__extension__ typedef unsigned __int128 flow_wide;
#else
#define FLOW_FAST_DECIMALS 0
#endif

#endif
