/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/profile.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/memory.h"

/* Of the thread that enters phases. */
static _Thread_local flow_profile_place here;
static _Thread_local double entered;
/* Of a thread that works. */
static _Thread_local flow_profile_thread *working;
static _Thread_local flow_phase working_in;
static _Thread_local double work_began;

flow_status flow_profile_new(flow_profile **out, int n_threads, flow_error *err)
{
    *out = NULL;
    flow_profile *profile = calloc(1, sizeof *profile);
    if (profile != NULL)
        profile->threads = flow_alloc_aligned((size_t)n_threads, sizeof *profile->threads);
    if (profile == NULL || profile->threads == NULL) {
        flow_profile_free(profile);
        return flow_error_memory(err, "a profile");
    }
    profile->n_threads = n_threads;
    *out = profile;
    return FLOW_OK;
}

void flow_profile_free(flow_profile *profile)
{
    if (profile == NULL)
        return;
    flow_free_aligned(profile->threads);
    free(profile);
}

void flow_profile_enter(flow_profile *profile, flow_phase phase)
{
    if (here.profile == NULL && profile == NULL)
        return;
    double now = flow_seconds();
    if (here.profile != NULL)
        here.profile->seconds[here.phase] += now - entered;
    here = (flow_profile_place){profile, phase};
    entered = now;
}

flow_profile_thread flow_profile_total(const flow_profile *profile)
{
    flow_profile_thread total = {0};
    for (int t = 0; t < profile->n_threads; t++) {
        for (int phase = 0; phase < FLOW_PHASES; phase++) {
            total.busy[phase] += profile->threads[t].busy[phase];
            total.products[phase] += profile->threads[t].products[phase];
        }
    }
    return total;
}

flow_profile_place flow_profile_where(void)
{
    return here;
}

bool flow_profile_begin_work(const flow_profile_place *place, int thread)
{
    if (place->profile == NULL || working != NULL || thread >= place->profile->n_threads)
        return false;
    working = &place->profile->threads[thread];
    working_in = place->phase;
    work_began = flow_seconds();
    return true;
}

void flow_profile_end_work(void)
{
    working->busy[working_in] += flow_seconds() - work_began;
    working = NULL;
}

double flow_profile_begin_product(void)
{
    return working == NULL ? -1 : flow_seconds();
}

void flow_profile_end_product(double began)
{
    if (began >= 0)
        working->products[working_in] += flow_seconds() - began;
}
