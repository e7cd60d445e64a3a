/* The parts of `flowctl train`. Internal to the command: one run is one struct, and each file looks after one side of
 * it.
 *
 *     cmd_train.c        options, and the order of things
 *     train_data.c       opening the data, what is worth a warning about them
 *     train_target.c     the same for a density, and what training on it came to
 *     train_resume.c     taking up a stored run, and refusing one that was another training
 *     train_save.c       the model file: when it is written, provenance, summary
 *     train_progress.c   what is shown while it runs and at the end
 *     train_profile.c    where the time went
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_TRAIN_H
#define FLOW_CMD_TRAIN_H

#include "command.h"
#include "core/clock.h"
#include "model/model.h"
#include "plan.h"
#include "train/draws.h"
#include "train/trainer.h"

typedef struct train_args {
    common_args common;
    const char *spec, *data, *validation, *test, *output, *columns, *seed;
    opt_texts set;
    bool resume, force, skip_invalid, profile;
} train_args;

typedef struct train_run {
    const train_args *args;
    console *con;
    plan p;
    char *output; /* the model file */
    flow_dataset *training, *validation, *test; /* NULL without */
    flow_target *target;                        /* instead of training and validation, or NULL */
    flow_trainer *trainer;
    flow_likelihood held_out; /* of the test data with the best weights; rows 0: not evaluated */
    flow_estimate estimate;   /* of the target with the best weights; draws 0: not evaluated */

    bool resumed;
    cJSON *earlier_runs, *earlier_summary; /* of a resumed model: from its provenance, and its summary; NULL without */
    int64_t first_epoch;                   /* epochs that were done when this run began */
    const char *outcome;                   /* "running", "finished", "converged", "interrupted", "failed" */

    flow_profile *profile;  /* NULL: not asked for */
    double saved, save_cost; /* when the model was last saved, and how long that took; seconds */
    flow_status save_status; /* of a save while an epoch is running, and its message */
    flow_error save_error;

    flow_progress progress; /* as the trainer last told it; rows 0: no step was taken */
    double shown;           /* when the live line was last written */
} train_run;

/* Opens what the spec names. */
flow_status train_open_data(train_run *run, flow_error *err);
/* When the flow is built: warns of columns with many equal values that it takes for continuous. */
void train_warn_of_ties(const train_run *run);
/* FLOW_DATA with the first row of the training or validation data that is outside of the support of the flow. */
flow_status train_check_support(const train_run *run, flow_error *err);
/* Columns that are modelled, and their names. */
int train_dim(const train_run *run);
const char *const *train_columns(const train_run *run);
/* Rows of an epoch and held-out ones, and what they are called: "rows", "draws". */
int64_t train_n_rows(const train_run *run);
int64_t train_n_held_out(const train_run *run);
const char *train_noun(const train_run *run);

/* Loads the density, and warns when its gradient is wrong. */
flow_status train_open_target(train_run *run, flow_error *err);
/* With the best weights: run->estimate. */
flow_status train_estimate(train_run *run, flow_error *err);
/* {"location", "dimensions", "checksum"}, and {"draws", "bound", "log_z", "effective_sample_size", "pareto_k"} */
cJSON *train_describe_target(const train_run *run);
cJSON *train_describe_estimate(const train_run *run);
/* {"train": {"location", "rows", "columns", "checksum", ...}, ...}; NULL when memory is out. */
cJSON *train_describe_data(const train_run *run);

/* Whether the model file can be written, and whether there is something to resume (*resume). FLOW_EXISTS for what must
 * not be replaced. */
flow_status train_check_output(const train_run *run, bool *resume, flow_error *err);
/* Restores the trainer from the model file; FLOW_SPEC or FLOW_DATA with the differences when it is another training. */
flow_status train_resume(train_run *run, flow_error *err);

flow_status train_save(train_run *run, flow_error *err);
/* Whether there is anything to save that is not in the file: not when a finished training was resumed. */
bool train_is_news(const train_run *run);
/* Whether saving is due: at once after a long epoch, seldom among short ones, so that it takes no more than a few
 * percent of the time. */
bool train_save_is_due(const train_run *run);

/* {"status", "epochs", "best_epoch", "seconds", "validation": {...}, "test": {...}}; NULL when memory is out. */
cJSON *train_summary(const train_run *run);

/* {"phases": [{"phase", "seconds", "products", "elementwise", "waiting"}, ...]}: seconds; the last three summed over
 * threads and only of phases that run on all of them. */
cJSON *train_describe_profile(const flow_profile *profile);
void train_add_profile(flow_text *text, const flow_profile *profile);

void train_show_start(const train_run *run);
void train_show_step(train_run *run, const flow_progress *progress);
void train_show_epoch(train_run *run, const flow_epoch *epoch);
flow_status train_show_end(const train_run *run, flow_error *err);

#endif
