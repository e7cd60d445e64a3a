/* A clock for durations. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_CLOCK_H
#define FLOW_CORE_CLOCK_H

/* Seconds since some fixed time in the past. Changes of the system's time do not affect it. */
double flow_seconds(void);

#endif
