/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/math_mode.h"

#include <string.h>

const char *const flow_math_names[] = {"float", "bf16x3", NULL};

static _Thread_local flow_math mode;

bool flow_math_find(const char *name, flow_math *out)
{
    for (int i = 0; flow_math_names[i] != NULL; i++)
        if (strcmp(flow_math_names[i], name) == 0) {
            *out = (flow_math)i;
            return true;
        }
    return false;
}

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
