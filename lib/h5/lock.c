/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static unsigned long next_ticket, served; /* under `mutex` */

void flow_hdf5_lock(void)
{
    pthread_mutex_lock(&mutex);
    unsigned long ticket = next_ticket++;
    while (ticket != served)
        pthread_cond_wait(&turn, &mutex);
    pthread_mutex_unlock(&mutex);
}

void flow_hdf5_unlock(void)
{
    pthread_mutex_lock(&mutex);
    served++;
    pthread_cond_broadcast(&turn);
    pthread_mutex_unlock(&mutex);
}
