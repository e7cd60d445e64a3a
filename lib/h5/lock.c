/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/lock.h"

#include <pthread.h>

static pthread_mutex_t lock_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lock_served = PTHREAD_COND_INITIALIZER;
static unsigned long lock_next, lock_now; /* under `lock_mutex` */

void flow_h5_lock(void)
{
    pthread_mutex_lock(&lock_mutex);
    unsigned long ticket = lock_next++;
    while (ticket != lock_now)
        pthread_cond_wait(&lock_served, &lock_mutex);
    pthread_mutex_unlock(&lock_mutex);
}

void flow_h5_unlock(void)
{
    pthread_mutex_lock(&lock_mutex);
    lock_now++;
    pthread_cond_broadcast(&lock_served);
    pthread_mutex_unlock(&lock_mutex);
}
