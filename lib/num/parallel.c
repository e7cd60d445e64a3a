/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/parallel.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "num/math_mode.h"
#include "num/profile.h"

enum { SPINS = 2000, PARTICIPANTS = 0xffff };

/* Jobs are numbered. `signal` holds the number of the current job and, in its low bits, the number of workers that take
 * part in it. The fields of the job do not change while one of these works. */
typedef struct thread_pool {
    pthread_mutex_t busy;  /* locked by the caller whose job runs */
    pthread_mutex_t sleep; /* for the two conditions */
    pthread_cond_t wake, finished;
    int n_workers;
    int n_sleeping; /* workers; under `sleep` */
    atomic_uint signal;
    atomic_int running; /* workers that have not finished the current job */
    atomic_int next_item;
    int n_items;
    flow_task *task;
    void *context;
    flow_profile_place place; /* of the caller, in its profile */
    flow_math math;           /* the caller's choice */
} thread_pool;

#define NEW_POOL {.busy = PTHREAD_MUTEX_INITIALIZER, .sleep = PTHREAD_MUTEX_INITIALIZER, \
                  .wake = PTHREAD_COND_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER}

static thread_pool the_pool = NEW_POOL;

static void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int flow_processors(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > FLOW_THREADS_MAX ? FLOW_THREADS_MAX : (int)n;
}

static void pool_take_items(thread_pool *p, int thread)
{
    bool measured = flow_profile_begin_work(&p->place, thread);
    flow_math before = flow_math_choose(p->math);
    for (;;) {
        int item = atomic_fetch_add_explicit(&p->next_item, 1, memory_order_relaxed);
        if (item >= p->n_items)
            break;
        p->task(p->context, item, thread);
    }
    flow_math_choose(before);
    if (measured)
        flow_profile_end_work();
}

/* Waits until the signal differs from `seen` and returns it. */
static unsigned pool_wait_for_job(thread_pool *p, unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        unsigned now = atomic_load_explicit(&p->signal, memory_order_acquire);
        if (now != seen)
            return now;
        spin_pause();
    }
    pthread_mutex_lock(&p->sleep);
    p->n_sleeping++;
    while (atomic_load(&p->signal) == seen)
        pthread_cond_wait(&p->wake, &p->sleep);
    p->n_sleeping--;
    pthread_mutex_unlock(&p->sleep);
    return atomic_load(&p->signal);
}

static void *pool_worker(void *argument)
{
    thread_pool *p = &the_pool;
    int thread = (int)(ptrdiff_t)argument;
    unsigned seen = 0;
    for (;;) {
        seen = pool_wait_for_job(p, seen);
        if (thread > (int)(seen & PARTICIPANTS))
            continue;
        pool_take_items(p, thread);
        if (atomic_fetch_sub(&p->running, 1) == 1) {
            pthread_mutex_lock(&p->sleep);
            pthread_cond_signal(&p->finished);
            pthread_mutex_unlock(&p->sleep);
        }
    }
    return NULL;
}

static void pool_wait_for_workers(thread_pool *p)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&p->running, memory_order_acquire) == 0)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&p->sleep);
    while (atomic_load(&p->running) != 0)
        pthread_cond_wait(&p->finished, &p->sleep);
    pthread_mutex_unlock(&p->sleep);
}

/* A child of fork has the memory of the pool but not its threads. */
static void pool_reset(void)
{
    the_pool = (thread_pool)NEW_POOL;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, pool_reset);
}

bool flow_thread_start(pthread_t *out, void *(*run)(void *), void *argument)
{
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    bool started = pthread_create(out, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* Starts workers until the pool has n of them, or until that fails. */
static void pool_grow(thread_pool *p, int n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    while (p->n_workers < n) {
        pthread_t id;
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the argument is a number, not an address */
        if (!flow_thread_start(&id, pool_worker, (void *)(ptrdiff_t)(p->n_workers + 1)))
            break;
        pthread_detach(id);
        p->n_workers++;
    }
}

static void pool_run(thread_pool *p, int n_workers, int n_items, flow_task *task, void *context)
{
    p->task = task;
    p->context = context;
    p->place = flow_profile_where();
    p->math = flow_math_mode();
    p->n_items = n_items;
    atomic_store(&p->next_item, 0);
    atomic_store(&p->running, n_workers);
    unsigned number = (atomic_load(&p->signal) & ~(unsigned)PARTICIPANTS) + PARTICIPANTS + 1;
    atomic_store(&p->signal, number | (unsigned)n_workers);
    pthread_mutex_lock(&p->sleep);
    if (p->n_sleeping > 0)
        pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->sleep);
    pool_take_items(p, 0);
    pool_wait_for_workers(p);
}

void flow_parallel_for(int n_items, int n_threads, flow_task *task, void *context)
{
    thread_pool *p = &the_pool;
    int n_workers = (n_threads < n_items ? n_threads : n_items) - 1;
    if (n_workers > FLOW_THREADS_MAX - 1)
        n_workers = FLOW_THREADS_MAX - 1;
    if (n_workers > 0 && pthread_mutex_trylock(&p->busy) == 0) {
        pool_grow(p, n_workers);
        n_workers = n_workers < p->n_workers ? n_workers : p->n_workers;
        pool_run(p, n_workers, n_items, task, context);
        pthread_mutex_unlock(&p->busy);
    } else {
        thread_pool alone = {.n_items = n_items, .task = task, .context = context, .place = flow_profile_where(),
                             .math = flow_math_mode()};
        pool_take_items(&alone, 0);
    }
}
