/* A model at the root of a file or in a group of an ensemble: private to lib/model. All but model_save is called in a
 * scope of HDF5, and messages do not name the file.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_GROUP_H
#define FLOW_MODEL_GROUP_H

#include <hdf5.h>

#include "model/model.h"

/* ---- reading (load.c): FLOW_FORMAT for what is missing, damaged or does not fit ---- */

/* FLOW_FORMAT unless the object is of the format that this program reads. */
flow_status model_check_format(hid_t at, flow_error *err);

/* The spec and the names of the columns, of a model that has its path. */
flow_status model_read_columns(flow_model *model, hid_t at, flow_error *err);

/* Everything else. *left: bytes of the file that no array was read from so far. */
flow_status model_read_contents(flow_model *model, hid_t at, size_t *left, flow_error *err);

/* *out stays as it is where there is no such document. */
flow_status model_read_json(cJSON **out, hid_t at, const char *name, flow_error *err);

/* ---- writing (save.c) ---- */

flow_status model_write_format(hid_t at, flow_error *err);
flow_status model_write_json(hid_t at, const char *name, const cJSON *document, flow_error *err);
flow_status model_write_contents(hid_t at, const flow_model_contents *contents, flow_error *err);

/* Replaces `path` by what `write` puts into a new file. */
typedef flow_status model_writer(hid_t file, const void *context, flow_error *err);
flow_status model_save(const char *path, model_writer *write, const void *context, flow_error *err);

#endif
