/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/math_mode.h"

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
