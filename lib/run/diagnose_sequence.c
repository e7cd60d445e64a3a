/* The parts of a diagnosis, one after the other. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "run/diagnose_run.h"
#include "run/root.h"

/* Draws that are no numbers: a few among many are said in a remark, and are no reason to throw a model away. */
#define MANY_DRAWS 0.001

static flow_status diagnose_support(diagnosis *d, flow_error *err)
{
    (void)err;
    const double n = (double)d->n, all = n * (double)d->k;
    diagnose_add(d, &(diagnose_test){.part = PART_SUPPORT,
                                     .kind = KIND_OUTSIDE,
                                     .a = -1,
                                     .b = -1,
                                     .p = d->outside > 0 ? 0 : 1,
                                     .share = (double)d->outside / n,
                                     .observed = (double)d->outside});
    diagnose_add(d, &(diagnose_test){.part = PART_SUPPORT,
                                     .kind = KIND_NOT_FINITE,
                                     .a = -1,
                                     .b = -1,
                                     .p = (double)d->not_finite > MANY_DRAWS * all ? 0 : 1,
                                     .share = (double)d->not_finite / all,
                                     .observed = (double)d->not_finite});
    return FLOW_OK;
}

static flow_status diagnose_conclude(diagnosis *d, flow_error *err)
{
    if (d->failed)
        return flow_error_memory(err, "the tests");
    FLOW_TRY(diagnose_judge(d, err));
    return diagnose_plot(d, err);
}

static flow_status diagnose_run(diagnosis *d, flow_error *err)
{
    static flow_status (*const parts[])(diagnosis * d, flow_error * err) = {
        diagnose_read,    diagnose_draw,         diagnose_training, diagnose_support,
        diagnose_latents, diagnose_independence, diagnose_columns,  diagnose_coverage,
        diagnose_local,   diagnose_energy,       diagnose_classify, diagnose_ranks,
    };
    const flow_comm *comm = d->s->options.comm;
    const bool root = flow_is_root(comm);
    FLOW_TRY(flow_root_status(comm, root ? diagnose_check_plot(d, err) : FLOW_OK, err));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        FLOW_TRY(flow_run_agree(comm, diagnose_check_stop(d, err), err));
        FLOW_TRY(flow_run_agree(comm, parts[i](d, err), err));
    }
    return flow_root_status(comm, root ? diagnose_conclude(d, err) : FLOW_OK, err);
}

flow_status flow_run_diagnose(flow_run_diagnose_result *out, const flow_session *s,
                              const flow_run_diagnose_options *options, flow_error *err)
{
    *out = (flow_run_diagnose_result){
        .model = s->model->path,
        .data = options->rows.input,
        .plot = options->plot,
        .seed = options->seed,
        .level = options->level,
        .is_conditional = s->n_context > 0,
        .auc = NAN,
        .told = NAN,
    };
    diagnosis d = {
        .s = s,
        .o = options,
        .result = out,
        .threads = flow_run_threads(s->options.n_threads),
        .d = (size_t)s->dim,
        .c = (size_t)s->n_context,
        .width = (size_t)s->width,
    };
    const flow_status status = diagnose_run(&d, err);
    free(d.rows);
    free(d.draws);
    free(d.logp);
    free(d.draws_logp);
    free(d.u);
    free(d.draws_u);
    free(d.scores);
    free(d.draws_scores);
    free(d.tests);
    return status;
}

void flow_run_diagnose_free(flow_run_diagnose_result *result)
{
    flow_arena_release(&result->texts);
}
