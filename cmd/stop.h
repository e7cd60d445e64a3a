/* Stopping on SIGINT, SIGTERM, SIGHUP and SIGUSR1: after the first signal the program stops in order, the second one
 * ends it at once. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_STOP_H
#define FLOW_CMD_STOP_H

#include <stdbool.h>

/* Handles these signals, unless the parent process had them ignored, as nohup and background jobs do. */
void stop_watch(void *context);

/* Ignores them: the command has ended, and nothing is left to be stopped. */
void stop_ignore(void);

/* The signal that arrived; 0: none. */
int stop_signal(void);
/* Its name, "SIGTERM"; "a signal" when another process of the job received it. */
const char *stop_signal_name(void);

/* Whether to stop. This and stop_watch are hooks (run/hooks.h), and do not use their context. */
bool stop_asked(void *context);

#endif
