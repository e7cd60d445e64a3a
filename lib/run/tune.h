/* A search for the best spec by successive halving (Jamieson and Talwalkar 2016; Li et al. 2018, "Hyperband", sec. 3)
 * on the held-out log-density.
 *
 * Candidates are drawn from a space of specs by the seed; the first one is the spec itself. All are trained for a few
 * epochs, the best third of them (`factor`) for three times as many, and so on: a rung for each. Those of the last rung
 * are trained to the end, and the best of them is the result. The spec itself takes part in every rung, so that the end
 * can say what the search has gained.
 *
 * A candidate is a spec and a model file in the folder of the search. It pauses behind a rung and goes on bit for bit,
 * so that one which comes to the end is what `train` makes of its spec; the schedule of its learning rate is that of
 * all epochs from the start. Each candidate has one thread, and candidates of a rung are trained side by side. A rung
 * begins when all of the one before have ended, so that the result does not depend on the order in which they do,
 * nor on the number of threads. With a limit of time it does.
 *
 * The test data, or a share of the training rows that is split off before, decide nothing: the best candidate is
 * evaluated on them once, at the end, beside the spec itself, and so is the ensemble of the best ones, if it was asked
 * for.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TUNE_H
#define FLOW_RUN_TUNE_H

#include "run/ensemble.h"
#include "run/train.h"

enum { FLOW_TUNE_TRIALS_MAX = 500, FLOW_TUNE_RUNGS_MAX = 12 };

/* What became of a candidate so far. */
typedef enum flow_tune_state {
    FLOW_TUNE_WAITING, /* for its turn in the current rung */
    FLOW_TUNE_TRAINING,
    FLOW_TUNE_DONE,    /* with the current rung */
    FLOW_TUNE_LATE,    /* the time was over before it was done with the rung */
    FLOW_TUNE_OUT,     /* others were better */
    FLOW_TUNE_FAILED,  /* its training failed */
    FLOW_TUNE_REFUSED, /* its spec does not fit the data */
    FLOW_TUNE_BEST
} flow_tune_state;

/* "waiting", "training", ... */
extern const char *const flow_tune_state_names[];

typedef struct flow_tune_candidate {
    int64_t number; /* from 1; 1 is the spec itself */
    flow_tune_state state;
    const char *state_name; /* of it */
    cJSON *set;             /* {"train.batch": 128, ...}: what is changed in the spec */
    char *settings;         /* the same for people: "whiten nsf_ar, repeat 5, batch 128" */
    int64_t rung;           /* the last one that it took part in, from 1; 0: none */
    int64_t epochs;
    double seconds;         /* of training */
    flow_mean validation;   /* held-out log-density with the best weights; NaN: none yet */
    flow_mean behind;       /* that of the best one of its rung minus its own, paired by rows; NaN: none */
    char *problem;          /* why it failed or was refused; NULL */
    flow_progress progress; /* while it is training */
} flow_tune_candidate;

extern const flow_report_field flow_tune_candidate_fields[];

typedef struct flow_tune_rung {
    int64_t candidates; /* that begin it, without the spec itself where that is not among the best */
    int64_t epochs;     /* at its end */
} flow_tune_rung;

typedef struct flow_tune_member {
    int64_t candidate;
    double weight;
    const char *settings; /* of the candidate */
} flow_tune_member;

/* The mixture of the best candidates. */
typedef struct flow_tune_ensemble {
    char *model;                 /* its file; NULL: it was not asked for */
    flow_list members;           /* of flow_tune_member, the best candidate first */
    char *mixed;                 /* the same for people: "7 (0.512), 3 (0.488)" */
    flow_ensemble_scores scores; /* gains are those over the best candidate */
} flow_tune_ensemble;

extern const flow_report_field flow_tune_ensemble_fields[];

/* flow_run_tune_free. */
typedef struct flow_run_tune_result {
    char *model;  /* the best one */
    char *spec;   /* its spec */
    char *folder; /* of the search */
    char *table;  /* candidates.csv in it */
    /* Known when the search begins. */
    const char *source; /* the spec, as it was typed */
    char *varied;       /* "flow (12), flow[1].repeat (3), ...": the keys of the space and how many values they have */
    char *pinned;       /* keys of the built-in space that stay as the spec has them; NULL: none */
    int64_t n_rows, n_held_out;
    int dim, n_threads;
    double test_share;       /* that was split off because the spec names no test data; 0: it does */
    double validation_share; /* likewise */
    int64_t n_combinations;  /* of the space, at most INT64_MAX */
    bool exhausted;          /* fewer than there may be candidates: all of them are tried */
    flow_tune_rung rungs[FLOW_TUNE_RUNGS_MAX];
    int n_rungs, rung; /* the current one, counted from 0 */
    bool resumed;
    flow_list candidates;                      /* of flow_tune_candidate, by number */
    int64_t n_candidates, n_failed, n_refused; /* refused ones are none of n_candidates */
    int64_t n_untried;                         /* the time was over before their first turn */
    double seconds;                            /* of all runs of this search */
    /* At the end. */
    const flow_tune_candidate *best; /* NULL: there is none */
    flow_list ranking;               /* of flow_tune_candidate: those that were trained, the best ones first */
    int64_t n_tied;                  /* others of the last rung that are behind by less than two standard errors */
    flow_mean gain; /* of validation, against the spec itself, paired by rows; NaN: it is the best, or failed */
    flow_mean test, test_gain;
    int64_t n_test;
    flow_tune_ensemble ensemble;
    bool interrupted; /* by should_stop: the search can be resumed */
    bool unfinished;  /* the time was over before the best one came to its last epoch */
} flow_run_tune_result;

typedef struct flow_run_tune_options {
    const char *spec;
    const char *const *overrides; /* (n_overrides): KEY=VALUE, as in flow_spec_read */
    int n_overrides;
    const char *output; /* the model file; NULL: NAME-tuned.h5 beside the spec */
    int64_t keep;       /* the output is an ensemble of so many of the best models, up to FLOW_MEMBERS_MAX, which are
                           all trained to the end, and the best one goes to NAME-single.h5 beside it; 0: the output is
                           the best one */
    int64_t trials;     /* candidates, the spec itself among them */
    int64_t factor;     /* 2 or more: one of so many goes on to the next rung, with so many times the epochs */
    double minutes;     /* the search ends after about so long; 0: when it is done */
    bool resume, force; /* a search that exists: go on with it, replace it; else it is an error */
    const flow_comm *comm; /* the processes that share the candidates (flow_tune_serve); NULL: this one alone */
    int64_t n_threads;  /* 0: all processors */
    bool has_math;      /* as in flow_run_train_options */
    int argc;           /* the command line, for provenance; 0: none */
    char *const *argv;
    flow_run_hooks hooks;
    /* Called from several threads, one at a time. All may be NULL. */
    void *context; /* of these */
    void (*on_start)(void *context, const flow_run_tune_result *search);
    /* A candidate has taken a step; must be quick. */
    void (*on_step)(void *context, const flow_run_tune_result *search);
    /* A candidate is done with its rung, or late, or failed. */
    void (*on_candidate)(void *context, const flow_run_tune_result *search, const flow_tune_candidate *candidate);
    /* The rung search->rung has ended, and it is decided who goes on. */
    void (*on_rung)(void *context, const flow_run_tune_result *search);
} flow_run_tune_options;

/* FLOW_INTERRUPTED when hooks.should_stop says so, which candidates ask in their threads, at the same time too: the
 * folder has what is done, and the result says how far it is. A candidate that fails does not end the search;
 * FLOW_NUMERIC when all of them do. */
flow_status flow_run_tune(flow_run_tune_result *out, const flow_run_tune_options *options, flow_error *err);
void flow_run_tune_free(flow_run_tune_result *result);

/* In a job of several processes rank 0 has the search, and the others train candidates for it: they call
 * flow_tune_serve, with its options but for the callbacks, instead of flow_run_tune. It returns when rank 0 calls
 * flow_tune_dismiss, which it has to do in any case. All ranks see the folder of the search. */
flow_status flow_tune_serve(const flow_run_tune_options *options, flow_error *err);
void flow_tune_dismiss(const flow_comm *comm);

#endif
