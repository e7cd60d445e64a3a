/* A search in progress: private to lib/run/tune*.c.
 *
 *     tune_sequence.c  the main sequence, and its end
 *     tune_rung.c      one rung: its candidates, and who goes on
 *     tune_share.c     the candidates of a rung, shared among the ranks of a job
 *     tune_job.c       the training of candidates side by side
 *     tune_draw.c      drawing candidates, and their specs
 *     tune_candidate.c their list
 *     tune_space.c     the space that they are drawn from
 *     tune_folder.c    the files of the search
 *     tune_ensemble.c  the mixture of the best candidates
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TUNE_SEARCH_H
#define FLOW_RUN_TUNE_SEARCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/arena.h"
#include "run/output.h"
#include "run/tune.h"

/* Starts from {0}. */
typedef struct tune_search {
    const flow_run_tune_options *options;
    flow_run_hooks hooks; /* warnings, but for those that were said before: the same data are opened repeatedly */
    flow_text said;       /* these, each between two ends of lines */
    flow_run_tune_result *out;
    flow_arena arena;  /* of the space */
    flow_experiment x; /* of the spec itself; its data are open until all candidates are drawn */
    cJSON *document;   /* that candidates are made of: paths absolute, nothing left to a default that the
                                     search depends on */
    flow_alternatives_list space;
    flow_lock folder_lock;
    double began, before; /* seconds of flow_seconds, and those of earlier runs */

    /* Under `lock` while a rung runs. */
    pthread_mutex_t lock;
    flow_row_scores *scores; /* (n_candidates) of the current rung, by number - 1 */
    double deadline;         /* of the current rung, in seconds of flow_seconds; INFINITY: none */
    flow_status status;      /* what ends the search */
    flow_error error;
    atomic_bool stop; /* status is not FLOW_OK */

    bool stopped;    /* a signal has ended the rung, at any rank */
    char **warnings; /* (candidates): of a rank that trains for rank 0, which says them, has the files of the search and
                        calls the hooks; NULL: this is rank 0 */
} tune_search;

static inline flow_tune_candidate *tune_candidate(const tune_search *s, int64_t number)
{
    return (flow_tune_candidate *)s->out->candidates.items + (number - 1);
}

/* Whether it takes part in the current rung. */
static inline bool tune_is_in(const flow_tune_candidate *c)
{
    return c->state <= FLOW_TUNE_LATE;
}

/* ---- tune_candidate.c ---- */

void tune_set_state(flow_tune_candidate *c, flow_tune_state state);
/* Adds a candidate; takes `set` over. */
flow_status tune_add(tune_search *s, cJSON *set, flow_error *err);
/* Evaluates a model on validation and test data; `result` is to be freed in any case. */
flow_status tune_evaluate(const tune_search *s, flow_run_train_result *result, const char *spec, const char *model,
                          flow_error *err);

/* ---- tune_space.c ---- */

/* The space of a spec: `document` is as it was written, and `spec` what was read from it. Adds to `pinned` the keys of
 * the built-in space that the spec writes. */
flow_status tune_space_make(flow_alternatives_list *out, flow_text *pinned, flow_arena *arena, cJSON *document,
                            const flow_spec *spec, flow_error *err);
/* FLOW_SPEC, with the path in "tune", for a value that the spec cannot have. */
flow_status tune_space_check(const flow_alternatives_list *space, const cJSON *document, const flow_spec *spec,
                             flow_error *err);
/* How many combinations of values there are; INT64_MAX: as many or more. */
int64_t tune_space_size(const flow_alternatives_list *space);
/* The values of draw `i` (n of them by key): in a run of draws as long as a key has values, each occurs once. */
void tune_space_draw(int *values, const flow_alternatives_list *space, uint64_t seed, int64_t i);

/* ---- tune_draw.c ---- */

/* Makes the candidates and their specs in the folder. */
flow_status tune_draw(tune_search *s, flow_error *err);
/* The spec of a candidate, the caller's; NULL when memory is out. `output` is its model file. */
cJSON *tune_spec_of(const tune_search *s, const flow_tune_candidate *c, const char *output, flow_error *err);

/* ---- tune_folder.c ---- */

/* Names the files. */
flow_status tune_name_files(tune_search *s, flow_error *err);
/* Removes temporary files that a killed search has left. The caller has the lock of the folder. */
void tune_clean(const tune_search *s);
/* FLOW_EXISTS for what must not be replaced. *resume: there is a search to go on with. */
flow_status tune_check_files(const tune_search *s, bool *resume, flow_error *err);
/* An empty folder for a new search. */
flow_status tune_clear_folder(const tune_search *s, flow_error *err);
/* "FOLDER/07.h5"; the caller's, NULL when memory is out. */
char *tune_file_of(const tune_search *s, const flow_tune_candidate *c, const char *suffix);
/* A document as a file; takes it over. */
flow_status tune_write_json(const char *file, cJSON *document, flow_error *err);
/* Writes how far the search is. */
flow_status tune_save(tune_search *s, flow_error *err);
/* Restores it; FLOW_SPEC when it is another search. */
flow_status tune_restore(tune_search *s, flow_error *err);
flow_status tune_write_table(const tune_search *s, flow_error *err);
flow_status tune_copy_file(const char *to, const char *from, flow_error *err);

/* ---- tune_ensemble.c ---- */

/* Makes the ensemble of those that are ranked first. */
flow_status tune_store_ensemble(tune_search *s, flow_error *err);
void tune_free_ensemble(flow_tune_ensemble *ensemble);

/* ---- tune_job.c ---- */

/* Trains candidates until they are done, the time is over or a signal ends it. What goes wrong with one of them is its
 * problem; what ends the search is s->status. */
void tune_train(tune_search *s, flow_tune_candidate **at, int n);
/* The scores of the rung. */
void tune_free_scores(tune_search *s);
/* Says a warning of a candidate, or keeps it for rank 0. */
void tune_warn_of(tune_search *s, const flow_tune_candidate *c, const char *message);

/* ---- tune_share.c ---- */

/* Trains the candidates of a rung, each rank of the job some of them: as tune_train, but what ends the search is the
 * status here. */
flow_status tune_train_shared(tune_search *s, flow_tune_candidate **at, int n, flow_error *err);

/* ---- tune_rung.c ---- */

/* The share of the time of a search that is over when a rung has to be: by the epochs that its candidates and those of
 * the rungs before train. The first rung trains more than each other one, above all where there are few epochs. */
double tune_share_of_time(const flow_tune_rung *rungs, int n_rungs, int rung);
/* Trains the candidates of the current rung and compares them. */
flow_status tune_run_rung(tune_search *s, flow_error *err);
/* Who goes on to the next rung. */
void tune_decide(tune_search *s);
/* The candidates that were trained, the best ones first: those that came to later rungs, and there by their held-out
 * log-density; into out->ranking. */
flow_status tune_rank(tune_search *s, flow_error *err);
/* The mean of a - b, row by row, and its standard error; NaN without rows, or where their numbers differ. */
flow_mean tune_compare(const flow_row_scores *a, const flow_row_scores *b);

#endif
