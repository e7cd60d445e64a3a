/* Model files: HDF5 behind a head that seals it (model/file.h). docs/model-file.md describes what is in one, and
 * model/layout.h has the names.
 *
 * Values are stored in the precision they have and read into the precision of the program. A file may be truncated,
 * from a newer format, hostile, or not a model at all: that is FLOW_FORMAT, and every size is checked against the spec
 * before anything is read into memory.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_MODEL_MODEL_H
#define FLOW_MODEL_MODEL_H

#include "core/array.h"
#include "flow/flow.h"
#include "model/spec.h"

enum { FLOW_MODEL_VERSION = 2 };

/* What goes into a file; all borrowed. */
typedef struct flow_model_contents {
    const flow_spec *spec;
    const flow *f;
    const real *weights;             /* the best ones */
    const char *const *columns;      /* (f->dim) */
    const flow_array *state;         /* the trainer's, n_state of them; 0: none */
    int n_state;
    const double *history;           /* (n_epochs, n_history_columns) */
    int64_t n_epochs;
    const char *const *history_columns;
    int n_history_columns;
    const cJSON *provenance, *summary; /* may be NULL */
} flow_model_contents;

/* Replaces `path` by the model (core/replace.h): after a failure the old file is intact. FLOW_NUMERIC when a weight or
 * a fitted value cannot be used: every model that is saved can be loaded. */
flow_status flow_model_save(const char *path, const flow_model_contents *contents, flow_error *err);

/* A model from a file. */
typedef struct flow_model {
    char *path;            /* of the model file, also when a spec led to it */
    char *program_version; /* that wrote it */
    const char *precision; /* "float" or "double": of the program that wrote it; "" for a model without weights */
    uint64_t n_bytes;      /* of the file */
    uint32_t checksum;     /* of the file */
    flow_spec *spec;       /* its paths are relative to where the spec was when the model was trained */
    flow *f;
    real *weights; /* aligned, (n_weights) */
    char **columns; /* (n_columns) */
    int n_columns;  /* f->dim */
    double *history;
    int64_t n_epochs;
    char **history_columns;
    int n_history_columns;
    cJSON *provenance, *summary; /* NULL when absent */
    bool has_state;
} flow_model;

/* Loads a model file. A spec (JSON) is followed to the model its "output" names. *out is the caller's. FLOW_IO when
 * there is no such file or it cannot be read, FLOW_FORMAT when it is not a model, damaged, or newer than the program,
 * FLOW_ARGUMENT when it is an ensemble of several models (model/models.h). */
flow_status flow_model_load(flow_model **out, const char *path, flow_error *err);
void flow_model_free(flow_model *model);

/* Lets all blocks that solve a differential equation take `steps` equal steps of `method` ("rk4"; NULL: of their own)
 * instead of what the spec says, which model->spec then says too. model->f is another flow afterwards. FLOW_ARGUMENT
 * when the model has no such block, or there is no such method; the model is as it was then. */
flow_status flow_model_set_steps(flow_model *model, const char *method, int64_t steps, flow_error *err);

/* Fills the arrays of a training state by name, each checked for kind and shape: FLOW_FORMAT when one is missing or of
 * another shape (a model that was trained by another spec), or was stored in another precision (training would not go
 * on bit for bit). All arrays are checked before the first is filled. */
flow_status flow_model_read_state(const flow_model *model, const flow_array *state, int n_state, flow_error *err);

/* What kind of file this is, by its contents. */
typedef enum flow_file_kind {
    FLOW_FILE_MISSING,
    FLOW_FILE_MODEL,
    FLOW_FILE_HDF5, /* without the head of a model */
    FLOW_FILE_JSON,
    FLOW_FILE_OTHER /* and what cannot be read, folders, pipes */
} flow_file_kind;
flow_file_kind flow_file_identify(const char *path);
/* The same for a file that is to be replaced: FLOW_IO where it cannot be read, since it may be anything then. */
flow_status flow_file_inspect(flow_file_kind *out, const char *path, flow_error *err);

#endif
