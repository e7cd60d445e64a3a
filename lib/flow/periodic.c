/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/periodic.h"

#include <tgmath.h>

double flow_periodic_difference(double a, double b, double period)
{
    return period > 0 ? remainder(a - b, period) : a - b;
}
