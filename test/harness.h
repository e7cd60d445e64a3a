/* How tests and benchmarks make what they need: flows, weights, workspaces, trainers and steps from JSON text, data
 * sets, temporary files. This is the only place outside of the library and the commands that calls the constructors of
 * flows, optimizers, schedules, objectives, univariates and solvers.
 *
 * A function that cannot do its work fails the running cmocka test, or ends the program when no test is running; a
 * function whose name contains "try" returns the status instead.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_HARNESS_H
#define FLOW_TEST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "core/arena.h"
#include "flow/flow.h"
#include "flow/rows.h"
#include "flow/trace.h"
#include "flow/univariate.h"
#include "model/spec.h"
#include "ode/solver.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/step.h"
#include "train/trainer.h"

/* ---- a flow, and what a test does with it ---- */

/* Every member is NULL or 0 until the function that makes it is called; subject_close releases all of them. */
typedef struct subject {
    cJSON *document; /* the resolved JSON; NULL when the flow comes from a flow_spec */
    flow *f;
    real *weights;               /* subject_init_weights, subject_scatter_weights */
    flow_workspace *ws;          /* subject_workspace */
    flow_train_options options;  /* when the JSON has "train" */
    flow_arena arena;            /* of the options */
    flow_objective objective;    /* subject_step */
    flow_step *step;             /* subject_step */
    flow_trainer *trainer;       /* subject_start and the like */
    int64_t stop_after;          /* subject_run ends with FLOW_INTERRUPTED after so many steps in all; 0: never */
    int64_t steps, epochs, warnings, last_row; /* what subject_run has counted, in all */
    char warning[1024];          /* the last one */
} subject;

/* What a flow is made for. */
typedef struct subject_shape {
    int dim, n_context;
    const char *const *columns; /* (dim) names, or NULL */
    flow_shape image;           /* of dim numbers; {0}: a table */
    uint64_t seed;              /* of the model */
} subject_shape;

/* Makes a flow from the JSON text {"flow": [...], "base": ..., "embedding": ..., "train": {...}}, in which every key
 * may be absent. After an error the subject holds what was made until then, and is still to be closed. */
void subject_open(subject *s, subject_shape shape, const char *format, ...) FLOW_PRINTF(3, 4);
flow_status subject_try(subject *s, flow_error *err, subject_shape shape, const char *format, ...) FLOW_PRINTF(4, 5);
/* The same from a spec, whose seed counts and not that of the shape. The spec is borrowed. */
flow_status subject_try_spec(subject *s, flow_error *err, subject_shape shape, const flow_spec *spec);
void subject_close(subject *s);

/* The initial weights of `seed`, and the fitted values that go with them. */
void subject_init_weights(subject *s, uint64_t seed);
/* Sets every live weight to a uniform random number between -size and size, far from the identity where a flow starts:
 * a function of (seed, column) and of the weight's offset. Fitted values stay as they are. */
void subject_scatter_weights(subject *s, double size, uint64_t seed, uint32_t column);
/* Adds such a number to every live weight. */
void subject_shake_weights(subject *s, double size, uint64_t seed, uint32_t column);

/* A workspace for tiles of n rows, in place of the last one. */
void subject_workspace(subject *s, int n, bool keep);

/* The subject must not be moved between subject_step and the last use of the step, which refers to it.
 *
 * A step for batches of up to n_max rows, in place of the last one, owned by the subject. `objective` is JSON; NULL:
 * that of the options. `target` is NULL for an objective on data. */
flow_step *subject_step(subject *s, const char *objective, const flow_target *target, int64_t n_max, int n_threads);

/* Makes the trainer (seed 1) for the options of the subject. */
flow_status subject_try_trainer(subject *s, flow_error *err, flow_dataset *training, flow_dataset *held_out,
                                int n_threads);
flow_status subject_try_target(subject *s, flow_error *err, const flow_target *target, int n_threads);
/* Makes the trainer and starts it. */
void subject_start(subject *s, flow_dataset *training, flow_dataset *held_out, int n_threads);
void subject_start_target(subject *s, const flow_target *target, int n_threads);
/* Runs the trainer, and counts. */
flow_status subject_try_run(subject *s, flow_error *err);
void subject_run(subject *s);

/* Puts the state of one trainer into another one, as a model file would: the fitted values are the best ones.
 * flow_trainer_restored is still to be called. */
void subject_copy_state(subject *to, const subject *from);
/* Two trainers have the same state and history to the last bit, except for what the clock says. */
void subject_expect_same(const subject *a, const subject *b);
/* Bytes of an array of a state. */
size_t array_bytes(const flow_array *array);

/* ---- parts by themselves, from JSON ---- */

/* *resolved is the JSON with its defaults, the caller's (cJSON_Delete) in any case. */
flow_status optimizer_try(flow_optimizer **out, cJSON **resolved, const char *json, const flow_params *params,
                          flow_error *err);
flow_optimizer *subject_optimizer(const subject *s); /* the one of the options; the caller's */
flow_status schedule_try(flow_schedule *out, const char *json, flow_error *err);
void univariate_open(flow_univariate *out, const char *json);
/* The solver and the trace of the first block of a spec, a continuous one; defaults where it names none. */
void solver_and_trace_of(flow_solver *solver, flow_trace *trace, const char *spec);

/* ---- JSON ---- */

/* A file, the caller's (cJSON_Delete). */
cJSON *read_json(const char *path);
/* With all digits of its numbers; the caller's (free). */
char *json_text(const cJSON *json);
/* A member of an object; "" or 0 when it is absent. */
const char *text_member(const cJSON *object, const char *key);
double number_member(const cJSON *object, const char *key);

/* ---- temporary files ---- */

/* Setup and teardown of a group of tests: a folder in $TMPDIR (/tmp), and its removal with everything in it. */
enum { TEST_PATH_SIZE = 512 };
extern char folder[TEST_PATH_SIZE - 256];
int make_folder(void **state);
int remove_folder(void **state);

/* The path of a file in the folder, and of something in an HDF5 file there; good for a few calls. */
const char *at(const char *name);
const char *inside(const char *file, const char *path);

/* These return the path. */
const char *write_bytes(const char *name, const char *bytes, size_t n);
const char *write_text(const char *name, const char *text);
/* A table of n rows (n, d) as a file of the kind that its name ends in. */
const char *write_rows(const char *name, const char *const *columns, int d, const double *rows, size_t n);

size_t read_bytes(const char *path, char *out, size_t size);
int n_files(void);

/* A table like that, opened as a data set. `options` may be NULL. */
flow_dataset *make_dataset(const char *name, const char *const *columns, int d, const double *rows, size_t n,
                           const flow_dataset_options *options);

/* A data set of a table; the test fails when it cannot be opened. The caller closes it. */
flow_dataset *open_set(const char *location, const flow_dataset_options *options);

#endif
