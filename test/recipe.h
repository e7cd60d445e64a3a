/* HDF5 files from recipes, for fuzz targets: bytes choose types, shapes, layouts and values, of which the HDF5 library
 * makes what is valid, with sizes that nothing is stored for. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_RECIPE_H
#define FLOW_TEST_RECIPE_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

typedef struct recipe {
    const uint8_t *at, *end;
} recipe;

/* The next byte; 0 behind the last one. */
unsigned recipe_byte(recipe *r);
/* One of the names that the tables of several programs have. */
const char *recipe_name(recipe *r);

/* Nothing is made where the library refuses it, or where `name` exists. */
void recipe_make_dataset(recipe *r, hid_t group, const char *name);
/* With one of these texts, or with any values. */
void recipe_make_attribute(recipe *r, hid_t at, const char *name, const char *const *texts, size_t n_texts);

#endif
