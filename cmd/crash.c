/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crash.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "h5/scope.h"

/* See crash_watch. Global, since a signal handler has no argument. */
static const char *crash_rank;

/* Of the message, in one piece; a handler may call next to nothing. */
typedef struct crash_text {
    char text[2048];
    size_t n;
} crash_text;

static void crash_add(crash_text *t, const char *text)
{
    for (; *text != '\0' && t->n < sizeof t->text; text++)
        t->text[t->n++] = *text;
}

static const char *crash_name(int number)
{
    return number == SIGSEGV ? "SIGSEGV" : number == SIGBUS ? "SIGBUS" : number == SIGFPE ? "SIGFPE" : "SIGABRT";
}

static void crash_say(int number)
{
    const char *file = flow_h5_file_in_use();
    if (file == NULL) { /* the signal comes again when the handler has returned */
        signal(number, SIG_DFL);
        if (number == SIGABRT)
            raise(number);
        return;
    }
    crash_text message = {.n = 0};
    crash_add(&message, "flowctl: error: ");
    if (crash_rank != NULL) {
        /* A file that all ranks read crashes them all. The end of the first one ends the others while they wait: MPI
         * sends them SIGTERM, which they may handle, and SIGKILL. */
        struct timespec patience = {.tv_sec = 5};
        while (nanosleep(&patience, &patience) != 0 && errno == EINTR)
            ;
        crash_add(&message, crash_rank);
        crash_add(&message, ": ");
    }
    crash_add(&message, file);
    crash_add(&message, ": the HDF5 library crashed over this file (");
    crash_add(&message, crash_name(number));
    crash_add(&message, "), which is damaged then: have it written again; if \"h5ls -rv\" lists it in full, this is a "
                        "fault of flowctl, please report it\n");
    const ssize_t written = write(STDERR_FILENO, message.text, message.n);
    (void)written; /* the status is the same without the message */
    _exit(1);
}

void crash_watch(const char *name)
{
    crash_rank = name;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they have handlers of their own */
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = crash_say, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
#else
    (void)crash_say;
#endif
}
