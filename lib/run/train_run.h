/* A run of a training: private to lib/run/train*.c.
 *
 *     train_sequence.c  the main sequence, and the result
 *     train_resume.c    restoring a stored run, and refusing one that was another training
 *     train_save.c      the model file: when it is written, provenance, summary
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_RUN_TRAIN_RUN_H
#define FLOW_RUN_TRAIN_RUN_H

#include "model/model.h"
#include "run/output.h"
#include "run/train.h"
#include "train/draws.h"
#include "train/evaluate.h"

typedef struct train_run {
    const flow_run_train_options *options;
    flow_run_train_result *out;
    flow_experiment *x; /* of the result */
    char *output;       /* the model file */
    flow_lock lock;     /* of it, while this training runs */
    flow_trainer *trainer;
    flow_far_rows far;        /* rows that are left out of the training and of what is evaluated */
    flow_likelihood held_out; /* of the test data with the best weights; rows 0: not evaluated */
    flow_likelihood chosen;   /* of the validation data with them; rows 0: that of their epoch, with fewer draws of
                                 noise where columns are discrete */
    flow_estimate estimate;   /* of the target with the best weights; draws 0: not evaluated */

    cJSON *earlier_runs, *earlier_summary; /* of a resumed model: from its provenance, and its summary; NULL without */
    const char *outcome;                   /* status of the summary */

    flow_profile *profile;   /* NULL: not requested */
    double saved, save_cost; /* when the model was last saved, and how long that took; seconds */
    flow_status save_status; /* of a save while an epoch is running, and its message */
    flow_error save_error;
    bool stepped;   /* this run took a step */
    bool has_saved; /* the model file is one of this run */
} train_run;

/* Whether the model file can be written, and whether there is something to resume (*resume). FLOW_EXISTS for what must
 * not be replaced. */
flow_status train_check_output(const train_run *run, bool *resume, flow_error *err);
/* Restores the trainer from the model file; FLOW_SPEC or FLOW_DATA with the differences when it is another training. */
flow_status train_resume(train_run *run, flow_error *err);

/* Rank 0 writes the file; the others have nothing to do. */
flow_status train_save(train_run *run, flow_error *err);
/* Whether there is anything to save that is not in the file: not when a finished training was resumed. */
bool train_is_news(const train_run *run);
/* Whether saving is due: at once after a long epoch, seldom among short ones, so that it takes no more than a few
 * percent of the time. */
bool train_save_is_due(const train_run *run);

void train_summarize(flow_train_summary *out, const train_run *run);

#endif
