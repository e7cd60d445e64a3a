/* HDF5 files: how they are opened and created, by all of the program. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_H5_FILE_H
#define FLOW_H5_FILE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Whether this is a regular file with the signature of HDF5, perhaps behind a user block. This function and the next
 * one need no scope. A file that cannot be read has none. */
bool flow_h5_has_signature(const char *path);
/* The same for a caller who must not take a file that cannot be read for another one: FLOW_IO, without the file's name.
 */
flow_status flow_h5_find_signature(bool *found, const char *path, flow_error *err);

/* Each opens one file; *out is closed with H5Fclose when all objects in it are closed. The message does not name the
 * file: the caller puts the name in front.
 *
 * For reading: FLOW_FORMAT. */
flow_status flow_h5_open(hid_t *out, const char *path, flow_error *err);
/* For changes: FLOW_FORMAT. New objects have the format of HDF5 1.8, which every program since 2008 reads and which has
 * checksums. */
flow_status flow_h5_open_to_write(hid_t *out, const char *path, flow_error *err);
/* A new file in place of what `path` holds: FLOW_IO. It stores no times, so that equal contents are equal bytes. */
flow_status flow_h5_create(hid_t *out, const char *path, flow_error *err);

/* An HDF5 file that is built in memory. */
typedef struct flow_h5_image {
    char *data; /* owned */
    size_t size, capacity, user_block;
    hid_t file; /* while it is being built */
} flow_h5_image;

/* The first `user_block` bytes are free for the caller: 0, or a power of two from 512. On failure nothing needs to be
 * released. `image` must stay where it is until finish or release. FLOW_IO. */
flow_status flow_h5_image_start(flow_h5_image *image, size_t user_block, flow_error *err);
/* Afterwards data and size are those of the whole file. */
flow_status flow_h5_image_finish(flow_h5_image *image, flow_error *err);
void flow_h5_image_release(flow_h5_image *image);

#endif
