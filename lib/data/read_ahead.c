/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/read_ahead.h"

#include <pthread.h>
#include <stdlib.h>

#include "num/parallel.h"

struct flow_read_ahead {
    flow_dataset *data;
    flow_pool pool;
    flow_row_group group;    /* what the pool is filled with */
    bool started;        /* `group` was asked for, and neither taken nor forgotten */
    bool running;        /* the thread has not been joined */
    pthread_t thread;
    atomic_bool stop;
    flow_status status;  /* what came of it, once the thread is joined */
    flow_error error;
};

flow_status flow_read_ahead_new(flow_read_ahead **out, flow_dataset *data, size_t n, flow_error *err)
{
    flow_read_ahead *ahead = calloc(1, sizeof *ahead);
    *out = ahead;
    if (ahead == NULL)
        return flow_error_memory(err, "reading ahead");
    ahead->data = data;
    return flow_pool_make(&ahead->pool, n, (size_t)data->columns.n, err);
}

static void join(flow_read_ahead *ahead)
{
    if (ahead->running)
        pthread_join(ahead->thread, NULL);
    ahead->running = false;
}

static void forget(flow_read_ahead *ahead)
{
    atomic_store(&ahead->stop, true);
    join(ahead);
    ahead->started = false;
}

void flow_read_ahead_free(flow_read_ahead *ahead)
{
    if (ahead == NULL)
        return;
    forget(ahead);
    flow_pool_free(&ahead->pool);
    free(ahead);
}

static void *run(void *argument)
{
    flow_read_ahead *ahead = argument;
    ahead->status = flow_dataset_load(ahead->data, &ahead->pool, &ahead->group, &ahead->stop, &ahead->error);
    return NULL;
}

void flow_read_ahead_start(flow_read_ahead *ahead, const flow_row_group *group)
{
    ahead->group = *group;
    atomic_store(&ahead->stop, false);
    ahead->running = ahead->started = flow_thread_start(&ahead->thread, run, ahead);
}

void flow_read_ahead_settle(flow_read_ahead *ahead, const flow_row_group *group)
{
    if (flow_group_same_order(&ahead->group, group))
        join(ahead);
    else
        forget(ahead);
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
