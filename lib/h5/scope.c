/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/scope.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { REASON_SIZE = FLOW_ERROR_SIZE / 2 };

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

static _Thread_local const char *volatile scope_file;

const char *flow_h5_file_in_use(void)
{
    return scope_file;
}

flow_h5_scope flow_h5_begin(const char *file)
{
    flow_h5_lock();
    scope_file = file;
    flow_h5_scope scope = {0};
    H5Eget_auto2(H5E_DEFAULT, &scope.print, &scope.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return scope;
}

void flow_h5_end(const flow_h5_scope *scope)
{
    H5Eclear2(H5E_DEFAULT);
    H5Eset_auto2(H5E_DEFAULT, scope->print, scope->data);
    scope_file = NULL;
    flow_h5_unlock();
}

static herr_t scope_take_innermost(unsigned n, const H5E_error2_t *error, void *reason)
{
    if (n == 0 && error->desc != NULL)
        snprintf(reason, REASON_SIZE, "%s", error->desc);
    return 0;
}

/* Of "file write failed: time = ..., error message = 'No space left on device', buf = ..." what is in quotes. */
static void scope_shorten(char *reason)
{
    static const char mark[] = "error message = '";
    char *start = strstr(reason, mark), *end = start != NULL ? strchr(start + strlen(mark), '\'') : NULL;
    if (end != NULL) {
        start += strlen(mark);
        memmove(reason, start, (size_t)(end - start));
        reason[end - start] = '\0';
    }
    for (char *c = reason; *c != '\0'; c++)
        *c = *c == '\n' ? ' ' : *c;
}

flow_status flow_h5_error(flow_error *err, flow_status code, const char *format, ...)
{
    char reason[REASON_SIZE] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, scope_take_innermost, reason);
    H5Eclear2(H5E_DEFAULT);
    scope_shorten(reason);
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    flow_error_setv(err, code, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    if (reason[0] != '\0')
        snprintf(err->message + used, sizeof err->message - used, ": %s (HDF5)", reason);
    return code;
}
