/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/math_mode.h"

#include <stddef.h>

const char *const flow_math_names[] = {"float", "bf16x3", NULL};

static _Thread_local flow_math mode;

flow_math flow_math_mode(void)
{
    return mode;
}

flow_math flow_math_choose(flow_math math)
{
    const flow_math before = mode;
    mode = math;
    return before;
}
