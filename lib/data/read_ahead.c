/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/read_ahead.h"

#include <pthread.h>
#include <stdlib.h>

#include "num/parallel.h"

struct flow_read_ahead {
    flow_row_store *data;
    flow_pool pool;
    flow_row_group group;    /* the group that fills the pool */
    bool started;        /* `group` was started, and neither taken nor dropped */
    bool running;        /* the thread has not been joined */
    pthread_t thread;
    atomic_bool stop;
    flow_status status;  /* result of the thread, once it is joined */
    flow_error error;
};

flow_status flow_read_ahead_new(flow_read_ahead **out, flow_row_store *data, flow_error *err)
{
    flow_read_ahead *ahead = calloc(1, sizeof *ahead);
    *out = ahead;
    if (ahead == NULL)
        return flow_error_memory(err, "reading ahead");
    ahead->data = data;
    return flow_pool_make(&ahead->pool, data, err);
}

static void read_ahead_join(flow_read_ahead *ahead)
{
    if (ahead->running)
        pthread_join(ahead->thread, NULL);
    ahead->running = false;
}

static void read_ahead_forget(flow_read_ahead *ahead)
{
    atomic_store(&ahead->stop, true);
    read_ahead_join(ahead);
    ahead->started = false;
}

void flow_read_ahead_free(flow_read_ahead *ahead)
{
    if (ahead == NULL)
        return;
    read_ahead_forget(ahead);
    flow_pool_free(&ahead->pool);
    free(ahead);
}

static void *read_ahead_run(void *argument)
{
    flow_read_ahead *ahead = argument;
    ahead->status = flow_dataset_load(ahead->data, &ahead->pool, &ahead->group, &ahead->stop, &ahead->error);
    return NULL;
}

void flow_read_ahead_start(flow_read_ahead *ahead, const flow_row_group *group)
{
    ahead->group = *group;
    atomic_store(&ahead->stop, false);
    ahead->running = ahead->started = flow_thread_start(&ahead->thread, read_ahead_run, ahead);
}

void flow_read_ahead_settle(flow_read_ahead *ahead, const flow_row_group *group)
{
    if (flow_group_same_order(&ahead->group, group))
        read_ahead_join(ahead);
    else
        read_ahead_forget(ahead);
}

flow_status flow_read_ahead_take(flow_read_ahead *ahead, const flow_row_group *group, flow_pool *pool, bool *taken,
                                 flow_error *err)
{
    flow_read_ahead_settle(ahead, group);
    *taken = ahead->started && ahead->group.index == group->index;
    ahead->started = false;
    if (!*taken)
        return FLOW_OK;
    if (ahead->status != FLOW_OK) {
        if (err != NULL)
            *err = ahead->error;
        return ahead->status;
    }
    flow_pool served = *pool;
    *pool = ahead->pool;
    ahead->pool = served;
    return FLOW_OK;
}
