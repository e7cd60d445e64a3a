/* How a continuous flow takes the trace of its Jacobian: exactly, or in training by Hutchinson's estimator (Hutchinson
 * 1990; Grathwohl et al. 2019, sec. 3.1) e^T J e with E e e^T = 1, whose probe e stays the same during a solve, so that
 * the solver sees a smooth right-hand side.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_FLOW_TRACE_H
#define FLOW_FLOW_TRACE_H

#include <stdbool.h>

#include "core/option.h"
#include "flow/noise.h"
#include "num/real.h"

/* Entries of a probe: signs, or standard normals. */
typedef enum flow_probe_kind { FLOW_PROBE_RADEMACHER, FLOW_PROBE_GAUSSIAN } flow_probe_kind;

typedef struct flow_trace_options {
    int probe;           /* flow_probe_kind */
    int64_t exact_up_to; /* dimensions up to which an evaluation takes the exact trace, whatever it costs */
    int64_t probes;      /* of an evaluation that estimates */
} flow_trace_options;

typedef struct flow_trace_type {
    flow_type_info info; /* its options are flow_trace_options, or none */
    bool estimates;      /* in training; an evaluation estimates where nothing exact is affordable */
} flow_trace_type;

/* What an option of the kind FLOW_OPTION_CHOICE refers to: "exact", "hutchinson". */
extern const flow_choices flow_traces;

typedef struct flow_trace {
    bool estimates;
    flow_trace_options options; /* zero where nothing is estimated */
} flow_trace;

/* The trace of a choice of flow_traces. */
flow_trace flow_trace_of(const flow_choice *choice);

/* Which probe of which block of which model. */
typedef struct flow_probe {
    flow_probe_kind kind;
    uint64_t seed, block;
    int number; /* 0 <= number < FLOW_FIELD_PROBES_MAX */
} flow_probe;

/* The probes of the rows x (d, n) of a tile, into d rows that are `stride` values apart. In training (`noise` of a
 * place) they are functions of the noise's seed and the row's place, else of the probe's seed and the row's values. */
void flow_probe_draw(const flow_probe *probe, const flow_noise *noise, int d, int n, const real *x, size_t stride,
                     real *out);

#endif
