/* Stopping on SIGINT and SIGTERM: the first signal asks, the second one ends the program at once. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CMD_STOP_H
#define FLOW_CMD_STOP_H

#include <stdbool.h>

/* Takes over SIGINT and SIGTERM (not one that the parent process had ignored, as nohup and background jobs do). */
void stop_watch(void);

/* The signal that arrived, 0 when none did. */
int stop_signal(void);

/* Whether to stop. */
bool stop_asked(void);

#endif
