/* flowctl.h: the library behind flowctl, for C programs that evaluate, sample and invert trained models.
 *
 *     flow_error err;
 *     flow_handle *model;
 *     if (flow_open(&model, "moons.h5", &err) != FLOW_OK)
 *         fprintf(stderr, "%s\n", err.message);
 *     flow_logprob(model, x, n, logp, &err);
 *     flow_close(model);
 *
 * Rows are doubles, row-major (n, d), in the units of the data the model was trained on; log-densities are in nats in
 * these units. A conditional model p(x | c) takes rows (n, d + c), the context behind the data or the latents. A handle
 * may be used by one thread at a time; it runs its own threads (0: as many as there are processors). Nothing here
 * prints or exits.
 *
 * A row outside of the model's support has log-density -inf and no latents (NaN). For discrete columns a log-density
 * holds the logarithm of a probability, as a lower bound (docs/spec.md, support).
 *
 * A value among the rows that is not finite is FLOW_DATA, an array that is missing FLOW_ARGUMENT; then nothing is
 * written. FLOW_NUMERIC means that a result is not a number, because its row is far from everything the model was
 * trained on: all results are written, and the message names the first such row.
 *
 * The library changes settings of the process: OpenBLAS computes with one thread from the first matrix product on, HDF5
 * prints no error messages while a function of the library is in it, and flow_set_math with bf16x3 asks the system for
 * the AMX tiles.
 *
 * Compile with `pkg-config --cflags --libs flowctl`.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOWCTL_H
#define FLOW_FLOWCTL_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Marks the functions of this interface; the shared library shows no other names. */
#if defined(__GNUC__)
#define FLOW_API __attribute__((visibility("default")))
#else
#define FLOW_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flow_handle flow_handle;

/* Loads a model file, an ensemble of models, or the model that a spec's "output" names. *out is the caller's;
 * flow_close accepts NULL. FLOW_IO when there is no such file, FLOW_FORMAT when it is damaged, newer than this library,
 * or not a model. */
FLOW_API flow_status flow_open(flow_handle **out, const char *path, flow_error *err);
FLOW_API void flow_close(flow_handle *model);
/* No result depends on this, bit for bit. */
FLOW_API void flow_set_threads(flow_handle *model, int n_threads);
/* The arithmetic of matrix products in later calls with this handle, by the names of `flowctl --math`: "float", as
 * after flow_open, or "bf16x3", three products of bfloat16 numbers for one of floats, which is faster in wide layers
 * and has a relative error of 4e-6. FLOW_ARGUMENT for another name, and for bf16x3 on a processor without AMX or in a
 * library that computes in double; then the handle keeps what it had. */
FLOW_API flow_status flow_set_math(flow_handle *model, const char *math, flow_error *err);

FLOW_API int flow_dim(const flow_handle *model);         /* d */
FLOW_API int flow_context_dim(const flow_handle *model); /* c; 0 for a model without context */
/* Of the data, then of the context: borrowed; NULL when out of range. */
FLOW_API const char *flow_column_name(const flow_handle *model, int index);

/* logp (n) = log p(x) for x (n, d), or log p(x | c) for rows (n, d + c). */
FLOW_API flow_status flow_logprob(flow_handle *model, const double *x, size_t n, double *logp, flow_error *err);

/* x (n, d): rows first_row ... first_row + n - 1 of the endless sequence of draws that belongs to `seed`; any row
 * can be drawn without the ones before it. context (n, c) is what each draw is given, NULL when c is 0. logp (n),
 * log p of each draw, may be NULL. */
FLOW_API flow_status flow_sample(flow_handle *model, uint64_t seed, uint64_t first_row, size_t n, const double *context,
                                 double *x, double *logp, flow_error *err);

/* z (n, d) = f^-1(x), and back, of rows (n, d + c). logdet (n), log|det dz/dx| or log|det dx/dz|, may be NULL. The
 * output may be the input when c is 0. FLOW_ARGUMENT for an ensemble, whose members have a latent space each. */
FLOW_API flow_status flow_to_latent(flow_handle *model, const double *x, size_t n, double *z, double *logdet,
                                    flow_error *err);
FLOW_API flow_status flow_to_data(flow_handle *model, const double *z, size_t n, double *x, double *logdet,
                                  flow_error *err);

#ifdef __cplusplus
}
#endif

#endif
