/* A session with a model, or with an ensemble of models: what was loaded, and the threads that evaluate it. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_SESSION_H
#define FLOW_RUN_SESSION_H

#include "model/models.h"
#include "num/comm.h"
#include "run/hooks.h"
#include "run/input.h"
#include "run/report.h"

typedef struct flow_session_options {
    int64_t n_threads;  /* 0: all processors */
    int64_t steps;      /* solve differential equations in so many equal steps; 0: as the model says */
    const char *solver; /* and by this method; NULL: that of the model */
    /* The processes that share the work: all of them do the same with the session, step by step, rank 0 reads and
     * writes data, and what a command finds out is the result of rank 0. NULL: this process alone. */
    const flow_comm *comm;
} flow_session_options;

/* Starts from {0}. */
typedef struct flow_session {
    flow_session_options options;
    const char *name; /* of the model or spec, as it was typed; borrowed */
    flow_models *models;
    const flow_model *model;    /* the first one; all have the same columns */
    flow_ensemble *ensemble;    /* of all */
    flow_runner *runner;        /* of the model, borrowed; NULL: there are several, and no map to latents */
    int dim;                    /* d */
    int n_context;              /* c */
    int width;                  /* d + c: the values of a row that goes in */
    const char *const *columns; /* (d), borrowed from the model */
    const char *const *context; /* (c), borrowed from the model */
    flow_name_list latents;     /* (d): z1, z2, ...; with another letter where the context has one of these names */
} flow_session;

/* `path` is a model file or the spec that trained it, which all ranks read. Collective, as is all that follows and says
 * so. */
flow_status flow_session_open(flow_session *out, const char *path, const flow_session_options *options,
                              flow_error *err);
void flow_session_close(flow_session *s);

/* FLOW_ARGUMENT for an ensemble: it has no map to latents. */
flow_status flow_session_check_latents(const flow_session *s, flow_error *err);

/* `first` (d) and the names of the context, with room for one more; the caller's (free). NULL when memory is out. */
const char **flow_session_names(const flow_session *s, const char *const *first);

enum { FLOW_ADDED_NAME_SIZE = 32 };

/* Puts a column beside the n = s->width first ones of `names`, at names[n], under the name `wanted`; where one of them
 * has that name already, another one is made in `room`, "logprob_2", and a warning says so. */
void flow_session_add_name(const flow_session *s, const char **names, const char *wanted,
                           char room[FLOW_ADDED_NAME_SIZE], const flow_run_hooks *hooks);

/* What the rows of the model's data make. */
flow_image flow_session_image(const flow_session *s);
/* How rows of the model are shown: as its training data were, or from 0 to 1 without any. */
flow_picture_options flow_session_picture(const flow_session *s);

/* `named` if there are any; else the codes for missing values that the model was trained with. */
flow_number_list flow_session_missing(const flow_session *s, const flow_number_list *named);

/* Opens a table that has the columns `names` (n) of the model, in any order. `chosen`: the table may have others. The
 * rest is as in flow_input_options. Rank 0 has the reader; the others know the columns. Collective. */
flow_status flow_session_open_input(const flow_session *s, flow_input *out, const char *location,
                                    const char *const *names, int n, const flow_input_options *options,
                                    flow_error *err);

/* What solving differential equations took: evaluations of the right-hand side for each solve. */
typedef struct flow_solving {
    double mean;
    double most; /* for the row that needed the most */
    bool any;    /* false: nothing was solved */
} flow_solving;
extern const flow_report_field flow_solving_fields[];

/* On all ways to this end, at all ranks. Collective. */
flow_solving flow_session_solving(const flow_session *s, flow_direction to);

/* A round-trip error, in standard deviations or in values of pixels, that is worth a warning. */
#define FLOW_ROUND_TRIP_MOST 0.01
/* The unit of the round-trip error of draws, for messages. */
const char *flow_session_round_trip_unit(const flow_session *s);
/* Why rows do not come back to where they were, and what helps: the end of a sentence. */
void flow_session_diagnose_round_trip(const flow_session *s, char *out, size_t size);

#endif
