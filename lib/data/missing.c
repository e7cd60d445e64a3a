/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/missing.h"

#include <float.h>
#include <math.h>

#include "data/name_list.h"

static bool missing_equals(double code, double value)
{
    const double whole = 9007199254740992.0;
    if (value == code)
        return true;
    if (fabs(code) > FLT_MAX || fabs(value) > FLT_MAX)
        return false;
    return value == (double)(float)code || (fabs(code) >= whole && (float)value == (float)code);
}

bool flow_is_missing(const flow_number_list *codes, double value)
{
    for (int i = 0; i < codes->n; i++)
        if (missing_equals(codes->at[i], value))
            return true;
    return false;
}

int flow_find_missing(const flow_number_list *codes, const double *values, int n)
{
    for (int i = 0; i < n && codes->n > 0; i++)
        if (flow_is_missing(codes, values[i]))
            return i;
    return -1;
}

flow_status flow_missing_read(flow_number_list *out, const char *text, flow_error *err)
{
    flow_name_list words = {0};
    flow_status status = flow_name_list_split(&words, text, err);
    out->n = 0;
    for (int i = 0; i < words.n && status == FLOW_OK; i++) {
        double *value = &out->at[out->n < FLOW_LIST_MAX ? out->n : 0];
        if (out->n == FLOW_LIST_MAX)
            status = flow_error_set(err, FLOW_ARGUMENT, "--missing takes up to %d numbers", FLOW_LIST_MAX);
        else if (!flow_number_parse(words.at[i], value) || !isfinite(*value))
            status = flow_error_set(err, FLOW_ARGUMENT,
                                    "--missing takes numbers such as -999,9.96921e36, not \"%.60s\"; words and "
                                    "empty fields are missing values as they are",
                                    words.at[i]);
        else
            out->n++;
    }
    flow_name_list_free(&words);
    return status;
}
