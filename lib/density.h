/* density.h: what a shared library offers that holds a density for flowctl to fit a flow to.
 *
 *     #include <math.h>
 *     #include "density.h"
 *
 *     double log_density(const double *x, double *gradient, size_t n, void *data)
 *     {
 *         ...
 *     }
 *
 * Compile with `cc -O2 -shared -fPIC -I$(pkg-config --variable=includedir flowctl) NAME.c -o NAME.so -lm` and name the
 * library in a spec: "train": { "objective": { "type": "reverse_kl", "density": "NAME.so" } }. The header is a help and
 * no need: a library that defines the functions below without it is as good, in whatever language it is written.
 *
 * log_density is all that is needed. It is called from several threads at once, unless the spec says "parallel": false;
 * what it returns may depend on x alone, so that a training can be repeated.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DENSITY_H
#define FLOW_DENSITY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/* The logarithm of the density at the point x (n), up to a constant that is the same everywhere. Where `gradient` (n) is
 * not NULL, its derivatives by x are written there. What is not finite tells that the point cannot be used. `data` is
 * what log_density_new returned, NULL without it. */
double log_density(const double *x, double *gradient, size_t n, void *data);

/* Optional: called once, before everything else, for a density in n dimensions. NULL: it cannot be used. */
void *log_density_new(size_t n);
/* Optional: called once, at the end. */
void log_density_free(void *data);

/* Optional: the dimensions of the density, where it has a certain number. */
extern const size_t log_density_dimensions;
/* Optional: the names of the dimensions, ended by NULL. They say how many there are, too. */
extern const char *const log_density_columns[];

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
