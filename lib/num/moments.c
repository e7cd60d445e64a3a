/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/moments.h"

#include <math.h>

/* In units of the first weight. The squares of all weights up to this one, and sums of them, are numbers. */
static const double largest_weight = 0x1p300;

/* Goes over to a unit beside which the old weights are next to nothing. */
static void moments_take_unit(flow_moments *moments, double unit)
{
    const double old = moments->unit / unit;
    moments->unit = unit;
    moments->weight *= old;
    moments->sum *= old;
    moments->squared_weight *= old * old;
    moments->squares *= old * old;
}

void flow_moments_add(flow_moments *moments, double value, double weight)
{
    moments->n++;
    if (weight == 0)
        return;
    if (moments->unit == 0) {
        moments->unit = fabs(weight);
        moments->origin = value;
    } else if (!(fabs(weight) / moments->unit <= largest_weight)) {
        moments_take_unit(moments, fabs(weight));
    }
    weight /= moments->unit;
    moments->weight += weight;
    moments->sum += weight * (value - moments->origin);
    double square = weight * weight, deviation = value - moments->squared_mean;
    moments->squared_weight += square;
    moments->squared_mean += square / moments->squared_weight * deviation;
    moments->squares += square * deviation * (value - moments->squared_mean);
}

double flow_moments_mean(const flow_moments *moments)
{
    return moments->origin + moments->sum / moments->weight;
}

double flow_moments_error(const flow_moments *moments)
{
    if (moments->n < 2)
        return 0;
    double n = (double)moments->n, between = moments->squared_mean - flow_moments_mean(moments);
    double sum = moments->squares + moments->squared_weight * between * between;
    return sqrt(n / (n - 1) * sum) / fabs(moments->weight);
}

double flow_moments_effective(const flow_moments *moments)
{
    return moments->squared_weight > 0 ? moments->weight * moments->weight / moments->squared_weight : 0;
}
