/* The cause of a step that is not finite. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "train/step.h"
#include "train/step_state.h"

/* What a rank has found. Of several the first one in the order of the stages counts, then the largest, then that of the
 * first rank. */
typedef enum diagnosis_stage {
    DIAGNOSIS_SCORE,
    DIAGNOSIS_FAILURE,
    DIAGNOSIS_GRADIENT,
    DIAGNOSIS_NOTHING
} diagnosis_stage;

typedef struct step_diagnosis {
    flow_diagnosis found; /* its row is one of the batch */
    diagnosis_stage stage;
    double largest; /* of a gradient */
} step_diagnosis;

/* The absolute value; that of NaN is above all others. */
static double step_size_of(real value)
{
    return isnan(value) ? HUGE_VAL : fabs((double)value);
}

static const char *step_name_at(const flow_params *params, size_t offset)
{
    const char *name = "";
    for (int e = 0; e < params->n_entries; e++)
        if (params->entries[e].trainable && params->entries[e].offset <= offset)
            name = params->entries[e].name;
    return name;
}

/* Row j of tile t of this process, among all rows of the batch. */
static int64_t step_row(const flow_step *step, int t, int j)
{
    return step->own.first + (int64_t)t * step->f->tile_rows + j;
}

/* The largest of all gradients that the layers left on the tapes. If several are not finite it is the first one in the
 * order of the backward, which caused the others. */
static void step_diagnose_gradient(const flow_step *step, step_diagnosis *out)
{
    out->largest = -1;
    for (int t = 0; t < step->n_used; t++) {
        const flow_tape *tape = &step->tapes[t];
        for (int k = 0; k < tape->n_records; k++) {
            const flow_record *record = &tape->records[k];
            if (record->summed) /* a sum over rows */
                continue;
            int units = record->linear != NULL ? record->linear->n_out : record->rows;
            size_t offset = record->linear != NULL ? record->linear->weight : record->offset;
            for (int u = 0; u < units; u++) {
                for (int j = 0; j < step->tiles[t].n_rows; j++) {
                    double size = step_size_of(record->g[(size_t)u * (size_t)tape->n + (size_t)j]);
                    if (size <= out->largest)
                        continue;
                    out->largest = size;
                    out->stage = DIAGNOSIS_GRADIENT;
                    out->found.row = step_row(step, t, j);
                    snprintf(out->found.place, sizeof out->found.place, "%s", step_name_at(&step->f->params, offset));
                }
            }
        }
    }
}

/* The same of tiles with gradients of their own: the first weight with one that is not finite. */
static void step_diagnose_sums(const flow_step *step, step_diagnosis *out)
{
    for (int t = 0; t < step->n_used; t++) {
        for (size_t k = 0; k < step->f->params.n_weights; k++) {
            if (isfinite(step->tiles[t].gradient[k]))
                continue;
            out->stage = DIAGNOSIS_GRADIENT;
            out->largest = HUGE_VAL;
            snprintf(out->found.place, sizeof out->found.place, "%s", step_name_at(&step->f->params, k));
            return;
        }
    }
}

/* The message of a block whose backward failed for a row. */
static bool step_diagnose_failure(const flow_step *step, step_diagnosis *out)
{
    flow_diagnosis *found = &out->found;
    for (int t = 0; t < step->n_used; t++)
        for (int j = 0; j < step->tiles[t].n_rows; j++)
            if (flow_tile_diagnose_pass(step->f, step->tiles[t].worker->ws, step->tiles[t].n, j, found->place,
                                        sizeof found->place)) {
                out->stage = DIAGNOSIS_FAILURE;
                found->row = step_row(step, t, j);
                return true;
            }
    return false;
}

/* The first row of this process whose score is not finite. */
static bool step_diagnose_score(flow_step *step, step_diagnosis *out)
{
    for (int t = 0; t < step->n_used; t++) {
        for (int j = 0; j < step->tiles[t].n_rows; j++) {
            if (isfinite(step->tiles[t].score[j]))
                continue;
            out->stage = DIAGNOSIS_SCORE;
            out->found.row = step_row(step, t, j);
            flow_step_load(step, t, step->tiles[t].worker);
            const flow_objective_tile pass = flow_step_pass(step, &step->tiles[t]);
            step->objective->type->diagnose(&pass, j, out->found.place, sizeof out->found.place);
            return true;
        }
    }
    return false;
}

static bool step_comes_first(const step_diagnosis *a, const step_diagnosis *b)
{
    return a->stage < b->stage || (a->stage == b->stage && a->largest > b->largest);
}

/* Of what all ranks have found. False when there is no memory for it, at any rank. */
static bool step_choose(const flow_step *step, step_diagnosis *found)
{
    const int size = flow_comm_size(step->comm);
    step_diagnosis *all = calloc((size_t)size, sizeof *all);
    const bool failed = flow_comm_any(step->comm, all == NULL);
    if (failed || all == NULL) {
        free(all);
        return false;
    }
    for (int r = 0; r < size; r++)
        step->parts[r] = sizeof *all;
    flow_comm_gather_all(step->comm, found, all, step->parts);
    for (int r = 0; r < size; r++)
        if (r == 0 || step_comes_first(&all[r], found))
            *found = all[r];
    free(all);
    return true;
}

void flow_step_diagnose(flow_step *step, flow_diagnosis *out)
{
    step_diagnosis found = {.found = {.row = -1}, .stage = DIAGNOSIS_NOTHING};
    const bool in_score = flow_comm_any(step->comm, step_diagnose_score(step, &found));
    found.found.in_gradient = !in_score;
    if (!in_score && step->adds_at_once)
        step_diagnose_sums(step, &found);
    else if (!in_score && !step_diagnose_failure(step, &found))
        step_diagnose_gradient(step, &found);
    if (!step_choose(step, &found))
        found.found = (flow_diagnosis){.row = -1, .in_gradient = !in_score};
    *out = found.found;
}
