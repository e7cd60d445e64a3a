/* The part of HDF5 a model file needs: texts, lists of names and numeric arrays, written plainly and read with
 * suspicion.
 *
 * Only plain things are read back: hard links, contiguous, compact or chunked layout, no filter but Fletcher-32, no
 * external or virtual storage, standard number formats and fixed-length texts, each of the size that is expected. A
 * message says what is wrong with which object; the caller puts the file's name in front.
 *
 * Errors of the HDF5 library are not printed, and one thread at a time is in it: every public function of lib/model
 * that uses it does so between flow_h5_begin and flow_h5_end, which hold its lock (h5/lock.h).
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_H5_H
#define FLOW_MODEL_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/array.h"
#include "core/error.h"

enum { FLOW_H5_PATH_SIZE = 512 };

typedef struct flow_h5_scope {
    H5E_auto2_t report;
    void *context;
} flow_h5_scope;

void flow_h5_begin(flow_h5_scope *scope);
void flow_h5_end(const flow_h5_scope *scope);

/* An HDF5 file that is built in memory and taken as a whole; its first FLOW_HEAD_SIZE bytes are free. */
typedef struct flow_h5_image {
    char *data; /* owned */
    size_t size, capacity;
    hid_t file; /* while it is being built */
} flow_h5_image;

/* On failure nothing needs to be released. `image` must stay where it is until finish or release. */
flow_status flow_h5_image_start(flow_h5_image *image, flow_error *err);
flow_status flow_h5_image_finish(flow_h5_image *image, flow_error *err);
void flow_h5_image_release(flow_h5_image *image);

/* Opens an HDF5 file for reading; closing it with H5Fclose closes whatever was opened in it. */
flow_status flow_h5_open(hid_t *out, const char *path, flow_error *err);

/* ---- writing; groups on the way are made ---- */
flow_status flow_h5_write_text(hid_t at, const char *name, const char *text, flow_error *err);
flow_status flow_h5_write_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err);
flow_status flow_h5_write_array(hid_t at, const flow_array *array, flow_error *err);

/* Attributes of the object `at`. */
flow_status flow_h5_attach_text(hid_t at, const char *name, const char *text, flow_error *err);
flow_status flow_h5_attach_number(hid_t at, const char *name, int64_t value, flow_error *err);
flow_status flow_h5_attach_names(hid_t at, const char *name, const char *const *names, int n, flow_error *err);

/* ---- reading; FLOW_FORMAT for whatever is missing or otherwise than expected ---- */

/* Whether there is an object at `path`, reached through hard links alone. */
bool flow_h5_exists(hid_t at, const char *path);

/* A text of at most `most` bytes; *out is the caller's. */
flow_status flow_h5_read_text(char **out, hid_t at, const char *name, size_t most, flow_error *err);

/* A list of 1 to `most` names; *out is the caller's: one block of memory, freed with free. */
flow_status flow_h5_read_names(char ***out, int *n, hid_t at, const char *name, int most, flow_error *err);

/* The same from an attribute, and a whole number. */
flow_status flow_h5_attached_number(int64_t *out, hid_t at, const char *name, flow_error *err);
flow_status flow_h5_attached_text(char **out, hid_t at, const char *name, size_t most, flow_error *err);
flow_status flow_h5_attached_names(char ***out, int *n, hid_t at, const char *name, int most, flow_error *err);

/* What a numeric dataset holds, without reading it. */
flow_status flow_h5_look(flow_array *out, hid_t at, const char *name, flow_error *err);

/* Fills array->data from the dataset of that name, whose shape must be the array's. `exact`: so must be its kind;
 * otherwise a float may be read as a double and the other way round. */
flow_status flow_h5_read_array(const flow_array *array, hid_t at, bool exact, flow_error *err);

#endif
