/* The lattice that all values of a column are on, if they are decimal numbers of few digits: the greatest step that
 * divides all differences, exact over all rows. Internal to lib/data.
 *
 * A value is taken for the decimal number m / 10^k if that is the double (or float, where all values are floats) next
 * to it. m and the greatest common divisor of its differences are whole numbers, so nothing is rounded.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DATA_SURVEY_LATTICE_H
#define FLOW_DATA_SURVEY_LATTICE_H

#include <stdbool.h>
#include <stdint.h>

/* Starts from {0}. */
typedef struct flow_lattice {
    bool begun, none; /* none: some value is no decimal number of few digits */
    bool as_floats;   /* some value is one only as a float */
    bool has_doubles; /* some value is no float */
    int decimals;
    int64_t first, divisor; /* in units of 10^-decimals; divisor 0: all values are equal */
} flow_lattice;

void flow_lattice_add(flow_lattice *lattice, double value);
/* 0: there is none, or all values are equal. */
double flow_lattice_step(const flow_lattice *lattice);

#endif
