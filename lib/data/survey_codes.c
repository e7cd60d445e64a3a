/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <math.h>

#include "data/survey.h"

bool flow_survey_is_usual_code(double value)
{
    static const double codes[] = {
        99,
        999,
        9999,
        99999,
        999999,
        9999999,
        999.9,
        9999.9,
        99.99,
        999.99,
        1e20,
        1e30,
        1e34,
        1e35,
        1e36,
        1e37,
        1e38,
        1e300,
        9.969209968386869e36, /* of NetCDF */
        32767,
        32768,
        65535,
        2147483647,
        2147483648,
        4294967295,
        9223372036854775807.0,
        FLT_MAX,
        DBL_MAX,
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (fabs(fabs(value) - codes[i]) <= 4e-6 * codes[i]) /* written with six digits */
            return true;
    return false;
}
