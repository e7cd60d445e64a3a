/* What init finds out and decides, before it becomes a spec. Internal to the files init*.c.
 *
 *     init_find_files        which tables there are, and the names of the files to write     init_files.c
 *     init_look              the columns, what is wrong with their values, the survey        init_look.c
 *     init_judge_columns     what becomes of each column                                     init_columns.c
 *     init_make_angles       columns that the user says are periodic                         init_angles.c
 *     init_look_at_held_out  bounds that hold for the held-out rows, too                     init_held_out.c
 *     init_choose_flow       the flow and the training                                       init_flow.c
 *     init_fit_minutes       epochs for --minutes                                            init_minutes.c
 *     init_make_document     the spec                                                        init_document.c
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_INIT_PLAN_H
#define FLOW_RUN_INIT_PLAN_H

#include "core/lock.h"
#include "data/dataset.h"
#include "data/name_list.h"
#include "data/table.h"
#include "run/init.h"

/* What is said about columns, in the order in which it is said. */
typedef enum init_topic {
    INIT_PLAIN, /* nothing */
    INIT_LEFT_OUT,
    INIT_WHOLE,
    INIT_LATTICE,
    INIT_MISSING, /* codes whose rows are skipped */
    INIT_CODE,    /* others */
    INIT_SPIKE,
    INIT_BOUND,
    INIT_TAILS,
    INIT_ANGLE,
    INIT_QUESTION, /* for the user to decide */
    INIT_N_TOPICS
} init_topic;

typedef struct init_column {
    const char *name;
    bool is_context;
    bool is_left_out;
    bool is_forced;                  /* --columns names it */
    bool is_angle;                   /* --angles names it, */
    double period;                   /* with this period; 0: one of the usual ones */
    double spiked; /* share of the rows in its spikes */
    cJSON *support;                  /* its entry in the map "support"; NULL: none. Owned */
    const char *said[INIT_N_TOPICS]; /* "row numbers"; NULL: nothing */
} init_column;

/* The flow and its training. A text is of the arena: the reason, as the spec tells it. */
typedef struct init_training {
    int levels, repeat;                      /* of images: scales, and steps of each */
    int hidden, layers;                      /* width and number of the hidden layers */
    int components;                          /* of the mixtures */
    const char *what_blocks, *what_training; /* for people: "maf of 3 blocks ..." */
    const char *why_blocks, *why_training;
    int64_t batch, epochs, patience, warmup;
    double rate, decay, ema;
    double clip; /* 0: the default */
} init_training;

typedef enum init_role { INIT_TRAIN, INIT_VALIDATION, INIT_TEST, INIT_N_SETS } init_role;

/* A table, or a share of the training rows. */
typedef struct init_set {
    char *source; /* a location; NULL: none. Owned, as the next one */
    char *named;  /* the same, relative to the spec */
    double share; /* 0: none */
} init_set;

typedef struct init_plan {
    const flow_run_init_options *options;
    flow_run_init_result *out;
    flow_arena *arena; /* of the result */

    /* files */
    init_set sets[INIT_N_SETS];
    flow_lock lock; /* of the spec, until it is written */
    const char *output; /* the name of the model where it is not that of the spec; NULL */

    /* columns: those of the context, then those to model, then those that are left out without a survey */
    flow_name_list given, wanted, dropped; /* --context, --columns, --drop */
    flow_name_list angles;                 /* --angles, */
    double *periods;                       /* (angles.n) and their periods; 0: not named */
    init_column *columns;
    int n_columns, n_context, n_surveyed;
    bool is_chosen;            /* data.columns has to name the columns */
    flow_dataset *looked_at;   /* owned; NULL: images */
    const flow_survey *survey; /* of the columns, in the same order; NULL: of images */
    flow_number_list missing;  /* --missing, and codes that were found */
    int64_t n_rows, n_skipped;
    flow_image image; /* a shape of {0}: a table */
    bool is_bytes;    /* the values of images are bytes */

    init_training training;
} init_plan;

flow_status init_find_files(init_plan *plan, flow_error *err);
flow_status init_look(init_plan *plan, flow_error *err);
flow_status init_read_angles(init_plan *plan, flow_error *err);
/* Adds codes whose rows are to be skipped to plan->missing; *found: there are some, and the survey is one of other
 * rows. In init_codes.c. */
flow_status init_drop_codes(init_plan *plan, bool *found, flow_error *err);
flow_status init_judge_columns(init_plan *plan, flow_error *err);
/* FLOW_ARGUMENT where a period is not known. */
flow_status init_make_angles(const init_plan *plan, flow_error *err);
flow_status init_look_at_held_out(init_plan *plan, flow_error *err);
flow_status init_choose_flow(init_plan *plan, flow_error *err);
flow_status init_explain_flow(init_plan *plan, flow_error *err);
/* Sets the epochs that --minutes allows for the flow of the document. */
flow_status init_fit_minutes(init_plan *plan, const cJSON *document, flow_error *err);
/* *out is the caller's, also after an error. */
flow_status init_make_document(cJSON **out, const init_plan *plan, flow_error *err);

/* Says something about a column. */
flow_status init_say(const init_plan *plan, init_column *column, init_topic topic, flow_error *err, const char *format,
                     ...) FLOW_PRINTF(5, 6);
/* "a, b (constant, 3); c (the same as d)" for the columns of a topic, the first `most` of them; NULL: none. *out
 * is the caller's, also after an error. */
flow_status init_describe_topic(char **out, const init_plan *plan, init_topic topic, int most, flow_error *err);

#endif
