/* Powers of five to 128 bits, for reading and printing decimal numbers. Internal to lib/data.
 *
 * 5^q = (high * 2^64 + low) * 2^e, where e makes the highest bit of `high` one; it is exact for 0 <= q <= 55. Otherwise
 * what does not fit is cut off, and for q < 0 then 1 is added: so Lemire (2021), "Number parsing at a gigabyte per
 * second", needs it.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_DECIMAL_POWERS_H
#define FLOW_DATA_DECIMAL_POWERS_H

#include <stdint.h>

enum { FLOW_POWER_LEAST = -342, FLOW_POWER_MOST = 324, FLOW_POWER_LAST_EXACT = 55 };

typedef struct flow_power {
    uint64_t high, low;
} flow_power;

/* 5^q at q - FLOW_POWER_LEAST */
extern const flow_power flow_powers_of_5[FLOW_POWER_MOST - FLOW_POWER_LEAST + 1];

#endif
