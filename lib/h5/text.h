/* Texts and lists of names in HDF5 files, as datasets and as attributes, and whole numbers as attributes.
 *
 * They are written as strings of fixed length, UTF-8, padded with zeros: those lie in the object itself, under its
 * checksum, while strings of variable length lie in a heap that has none.
 * Reading checks what it finds before it allocates (h5/check.h). Names in messages are those of the objects: the caller
 * puts the file in front. FLOW_IO when something cannot be written, FLOW_FORMAT when it is missing or not as expected.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_TEXT_H
#define FLOW_H5_TEXT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* ---- datasets; the groups on the way are made ---- */
flow_status flow_h5_write_text(hid_t at, const char *name, const char *text, flow_error *err);
flow_status flow_h5_write_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err);

/* A text of at most `most` bytes; *out is the caller's (free). */
flow_status flow_h5_read_text(char **out, hid_t at, const char *name, size_t most, flow_error *err);

/* A list of 1 to `most` names; *out is the caller's: one block of memory (free). */
flow_status flow_h5_read_names(char ***out, int *n, hid_t at, const char *name, int most, flow_error *err);

/* ---- attributes of the object `at` ---- */
flow_status flow_h5_attr_write_text(hid_t at, const char *name, const char *text, flow_error *err);
flow_status flow_h5_attr_write_number(hid_t at, const char *name, int64_t value, flow_error *err);
flow_status flow_h5_attr_write_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err);

flow_status flow_h5_attr_read_text(char **out, hid_t at, const char *name, size_t most, flow_error *err);
/* A 64-bit integer, as flow_h5_attr_write_number writes it. */
flow_status flow_h5_attr_read_number(int64_t *out, hid_t at, const char *name, flow_error *err);
/* `foreign` accepts what other programs write, too: strings of variable length, one name by itself, two dimensions. */
flow_status flow_h5_attr_read_names(char ***out, int *n, hid_t at, const char *name, int most, bool foreign,
                                    flow_error *err);

#endif
