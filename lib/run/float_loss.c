/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/float_loss.h"

#include <math.h>

#include "core/text.h"

void flow_float_loss_add(flow_float_column *columns, int d, const double *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int j = 0; j < d; j++) {
            const double x = rows[i * (size_t)d + (size_t)j];
            flow_float_column *c = &columns[j];
            if (!isfinite(x))
                continue;
            if (c->n++ == 0)
                c->first = x;
            c->most = fmax(c->most, fabs(x - (double)(float)x));
            c->sum += x - c->first;
            c->squares += (x - c->first) * (x - c->first);
        }
    }
}

static double float_loss_deviation(const flow_float_column *c)
{
    const double n = (double)c->n, mean = c->sum / n;
    return c->n > 1 ? sqrt(fmax(0, c->squares / n - mean * mean)) : 0;
}

/* A constant keeps its digits as any single number does. */
static bool float_loss_matters(const flow_float_column *c)
{
    static const double share = 1e-3; /* of the deviation */
    const double deviation = c->n > 1 ? float_loss_deviation(c) : 0;
    return isinf(c->most) || (deviation > 0 && c->most > share * deviation);
}

void flow_float_loss_warn(const flow_float_column *columns, int d, const char *const *names,
                          const flow_run_hooks *hooks)
{
    enum { NAMED = 5 };
    flow_text text = {0};
    int n = 0;
    for (int j = 0; j < d; j++) {
        if (!float_loss_matters(&columns[j]) || n++ >= NAMED)
            continue;
        flow_text_add(&text, "%s\"%.60s\" ", n > 1 ? ", " : "", names[j]);
        if (isinf(columns[j].most))
            flow_text_add(&text, "is beyond the largest one");
        else
            flow_text_add(&text, "is off by up to %.2g, its deviation is %.2g", columns[j].most,
                          float_loss_deviation(&columns[j]));
    }
    if (n > NAMED)
        flow_text_add(&text, ", and %d more", n - NAMED);
    if (n > 0)
        flow_run_warn(hooks, "--float loses digits that matter: in single precision the column %s; leave --float out",
                      text.data != NULL ? text.data : "");
    flow_text_free(&text);
}
