/* Where the random numbers of a tile's rows come from: the noise that spreads discrete columns, the probes of a trace.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_NOISE_H
#define FLOW_FLOW_NOISE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum flow_noise_kind {
    FLOW_NOISE_NONE,    /* values that are spread already */
    FLOW_NOISE_OF_ROW,  /* a function of the row's own values and `draw`, whatever else is around: for evaluation */
    FLOW_NOISE_OF_PLACE /* a function of `seed` and the row's place, so that equal rows differ: for training */
} flow_noise_kind;

/* The draws that the density of a row with discrete columns is a mean over. Of an image it is one, as in the
 * literature, whose figures are this bound.
 *
 * Draws 0 ... FLOW_NOISE_DRAWS - 1 of a row fall into different FLOW_NOISE_DRAWS-ths of every step: their mean is
 * far sharper than that of independent ones. */
enum { FLOW_NOISE_DRAWS = 16 };

/* With a 64th, 2 of the 7,840,000 pixels of the test digits came back as the next value from mnist-realnvp in float. */
#define FLOW_NOISE_INNER 0.25

/* The noise of one tile; {0} is none. */
typedef struct flow_noise {
    flow_noise_kind kind;
    int draw;
    bool inner; /* images: the noise stays FLOW_NOISE_INNER of a step off its ends, so that no error of the way back
                   takes a value out of its step */
    uint64_t seed, first_row; /* place of the tile's first row: no two rows of a seed should share one */
} flow_noise;

#endif
