/* HDF5 files from recipes, for fuzz targets: bytes choose types, shapes, layouts and values, of which the HDF5 library
 * makes what is valid, with sizes that nothing is stored for. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_RECIPE_H
#define FLOW_TEST_RECIPE_H

#include <hdf5.h>
#include <stdbool.h>
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

/* ---- files in memory, which cost a small part of what files in a folder do ---- */

/* A file with these bytes; of none, a new one, in the oldest format of the library or in that of HDF5 1.8. */
hid_t recipe_open(const uint8_t *bytes, size_t size, bool newer);
/* Closes it. Its bytes are in `bytes`, with those of a user block; returns how many, 0: they do not fit. */
size_t recipe_close(hid_t file, size_t user_block, uint8_t *bytes, size_t most);
/* The path of a file of this process with these bytes, until the next call. */
const char *recipe_put(const uint8_t *bytes, size_t size);

/* Before the first input: the library prints nothing; and what it keeps for the next file need not be asked for, and
 * cleared by the sanitizer, again. */
void recipe_start(void);
/* After each input: ends the program when an object of a file is still open. */
void recipe_end(void);

#endif
