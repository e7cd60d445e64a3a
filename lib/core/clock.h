/* A clock for durations. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_CLOCK_H
#define FLOW_CORE_CLOCK_H

/* Seconds since some fixed time in the past. Changes of the system's time do not affect it. */
double flow_seconds(void);

/* Seconds of processors that all threads of this program have used so far. */
double flow_cpu_seconds(void);

#endif
