/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/survey_lattice.h"

#include <math.h>

enum { MOST_DECIMALS = 12 };

static const double powers[MOST_DECIMALS + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

/* Whole numbers up to here leave a double, and a float, several digits that show whether it is a decimal number. */
static const double most_of_doubles = (double)((int64_t)1 << 48);
static const double most_of_floats = (double)(1 << 20);

static int64_t lattice_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool lattice_add_digit(flow_lattice *l)
{
    if (l->decimals == MOST_DECIMALS || l->first > INT64_MAX / 16 || l->first < -(INT64_MAX / 16) ||
        l->divisor > INT64_MAX / 16)
        return false;
    l->decimals++;
    l->first *= 10;
    l->divisor *= 10;
    return true;
}

void flow_lattice_add(flow_lattice *l, double value)
{
    const bool is_float = (double)(float)value == value;
    l->has_doubles = l->has_doubles || !is_float;
    if (l->none)
        return;
    double m;
    for (;;) {
        m = nearbyint(value * powers[l->decimals]);
        l->none = !(fabs(m) < most_of_doubles);
        if (l->none || m / powers[l->decimals] == value)
            break;
        if (is_float && fabs(m) < most_of_floats && (float)(m / powers[l->decimals]) == (float)value) {
            l->as_floats = true;
            break;
        }
        l->none = !lattice_add_digit(l);
        if (l->none)
            break;
    }
    l->none = l->none || (l->as_floats && l->has_doubles);
    if (l->none)
        return;
    int64_t whole = (int64_t)m;
    if (!l->begun) {
        l->begun = true;
        l->first = whole;
    }
    if (l->divisor != 1)
        l->divisor = lattice_divisor(whole > l->first ? whole - l->first : l->first - whole, l->divisor);
}

double flow_lattice_step(const flow_lattice *l)
{
    return l->none ? 0 : (double)l->divisor / powers[l->decimals];
}
