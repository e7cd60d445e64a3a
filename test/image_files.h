/* Files of images for tests. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_IMAGE_FILES_H
#define FLOW_TEST_IMAGE_FILES_H

#include <hdf5.h>

#include "core/shape.h"
#include "harness.h"

/* A dataset (n, height, width, channels) of `stored` values at `path` of an HDF5 file in the test's folder, which is
 * made where it is missing; returns the location. */
const char *write_images(const char *name, const char *path, hid_t stored, flow_shape shape, const double *rows,
                         size_t n);
/* A dataset (n) beside them. */
void write_labels(const char *name, const char *path, const int64_t *labels, size_t n);

/* A PNG file of rows of packed pixels, `row_bytes` each; palettes are (i, 2 i, 255 - i), and where `clear` is set, with
 * a transparent colour 1. Returns the path. */
const char *write_png(const char *name, int color_type, int bit_depth, flow_shape shape, size_t row_bytes,
                      const uint8_t *pixels, bool clear);

#endif
