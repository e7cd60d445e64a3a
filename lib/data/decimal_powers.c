/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/decimal_powers.h"

#if FLOW_FAST_DECIMALS

enum { WORDS = 16 }; /* 2^960 / 5^342 has 166 bits, and 5^324 * 2^128 has 881 */

flow_power flow_powers_of_5[FLOW_POWER_MOST - FLOW_POWER_LEAST + 1];

/* The highest 128 bits of a number in words, lowest first; it is at least 2^128. */
static flow_power powers_leading(const uint64_t number[WORDS])
{
    const uint64_t *top = number + WORDS - 1;
    while (*top == 0)
        top--;
    int zeros = __builtin_clzll(*top);
    if (zeros == 0)
        return (flow_power){top[0], top[-1]};
    return (flow_power){top[0] << zeros | top[-1] >> (64 - zeros), top[-1] << zeros | top[-2] >> (64 - zeros)};
}

/* By exact arithmetic. A quotient that is rounded down and divided again is the quotient by the product, rounded down,
 * so that nothing is lost on the way to 2^960 / 5^342. The table is filled at load, in 30 microseconds: with a check
 * for it each number would take a twentieth longer to read or print. */
__attribute__((constructor)) static void powers_fill(void)
{
    uint64_t product[WORDS] = {[2] = 1}, quotient[WORDS] = {[WORDS - 1] = 1};
    for (int q = 0; q <= FLOW_POWER_MOST; q++) {
        flow_powers_of_5[q - FLOW_POWER_LEAST] = powers_leading(product);
        flow_wide carry = 0;
        for (int i = 0; i < WORDS; i++, carry >>= 64) {
            carry += (flow_wide)product[i] * 5;
            product[i] = (uint64_t)carry;
        }
    }
    for (int q = -1; q >= FLOW_POWER_LEAST; q--) {
        flow_wide rest = 0;
        for (int i = WORDS - 1; i >= 0; i--, rest %= 5) {
            rest = rest << 64 | quotient[i];
            quotient[i] = (uint64_t)(rest / 5);
        }
        flow_power *power = &flow_powers_of_5[q - FLOW_POWER_LEAST];
        *power = powers_leading(quotient);
        power->low++; /* this never carries: see unit_decimal.c */
    }
}

#endif
