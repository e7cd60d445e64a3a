/* Files of pictures for tests. */
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

#endif
