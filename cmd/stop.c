/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

/* The signal that arrived; 0: none. Global, since a signal handler has no argument. */
static volatile sig_atomic_t arrived;

static void stop_on_signal(int number)
{
    if (arrived != 0) { /* the second signal ends the program, as without a handler */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    arrived = number;
}

static void stop_watch_one(int number)
{
    struct sigaction action = {.sa_handler = stop_on_signal}, before;
    sigemptyset(&action.sa_mask);
    /* reads and writes go on; the loops that call stop_asked() stop */
    action.sa_flags = SA_RESTART | SA_NODEFER | SA_ONSTACK;
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

/* The handler runs on a stack of its own. The frame of a signal (several kilobytes with the registers of AVX-512) is
 * written where the stack pointer points. In kernels that are made at run time, such as those of oneDNN, that may be
 * the heap, which was found corrupted. */
static void stop_take_stack(void)
{
    enum { BYTES = 1 << 17 };
    static char memory[BYTES];
    const stack_t stack = {.ss_sp = memory, .ss_size = BYTES};
    sigaltstack(&stack, NULL);
}

/* SIGHUP: the terminal is gone; SIGUSR1: the time of a job is nearly over (Slurm's --signal=USR1@120). */
static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
enum { N_STOP_SIGNALS = sizeof stop_signals / sizeof *stop_signals };

void stop_watch(void *context)
{
    (void)context;
    stop_take_stack();
    for (int i = 0; i < N_STOP_SIGNALS; i++)
        stop_watch_one(stop_signals[i]);
}

void stop_ignore(void)
{
    for (int i = 0; i < N_STOP_SIGNALS; i++)
        signal(stop_signals[i], SIG_IGN);
}

int stop_signal(void)
{
    return arrived;
}

const char *stop_signal_name(void)
{
    switch (arrived) {
    case SIGINT:
        return "SIGINT";
    case SIGTERM:
        return "SIGTERM";
    case SIGHUP:
        return "SIGHUP";
    case SIGUSR1:
        return "SIGUSR1";
    default:
        return "a signal";
    }
}

bool stop_asked(void *context)
{
    (void)context;
    return arrived != 0;
}
