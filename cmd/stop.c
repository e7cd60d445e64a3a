/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

/* A signal handler has no other place to write to. */
static volatile sig_atomic_t arrived;

static void on_signal(int number)
{
    if (arrived != 0) { /* asked twice, by whichever signals: end at once, as the signal would have done */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    arrived = number;
}

static void watch(int number)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigemptyset(&action.sa_mask);
    /* reads and writes go on: only the loops that ask stop_asked() stop */
    action.sa_flags = SA_RESTART | SA_NODEFER | SA_ONSTACK;
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

/* The handler runs on a stack of its own. The frame of a signal, several kilobytes with the registers of AVX-512, goes
 * where the stack pointer points; in kernels that are made at run time (oneDNN's, for one) that need not be the stack,
 * and the heap was found corrupted. */
static void take_another_stack(void)
{
    enum { BYTES = 1 << 17 };
    static char memory[BYTES];
    const stack_t stack = {.ss_sp = memory, .ss_size = BYTES};
    sigaltstack(&stack, NULL);
}

void stop_watch(void)
{
    take_another_stack();
    watch(SIGINT);
    watch(SIGTERM);
}

int stop_signal(void)
{
    return arrived;
}

bool stop_asked(void)
{
    return arrived != 0;
}
