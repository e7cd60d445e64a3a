/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/diagnose_features.h"

#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>

#include "num/real.h"

enum { SAMPLE = 10000 }; /* values that the quartiles are taken from, at most */
#define FAR 50.0         /* what is no number becomes one */

static void features_scale(diagnose_features *f, size_t at, const double *values, size_t n, size_t stride, double *room)
{
    n = n < SAMPLE ? n : SAMPLE;
    for (size_t i = 0; i < n; i++)
        room[i] = values[i * stride];
    gsl_sort(room, 1, n);
    f->center[at] = room[n / 2];
    /* quartiles that are equal, of many equal values, say nothing of the scale */
    double width = (room[n * 3 / 4] - room[n / 4]) / 1.349;
    if (!(width > 0))
        width = (room[n - 1 - n / 100] - room[n / 100]) / 4;
    if (!(width > 0))
        width = room[n - 1] - room[0];
    f->scale[at] = width > 0 && isfinite(width) ? 1 / width : 1;
}

flow_status diagnose_features_make(diagnose_features *out, const diagnosis *d, flow_error *err)
{
    const double *periods = d->s->model->f->periods;
    double *room = malloc(SAMPLE * sizeof *room);
    *out = (diagnose_features){.d = d};
    out->first = malloc((d->width + 1) * sizeof *out->first);
    out->center = malloc(3 * d->width * sizeof *out->center);
    if (room == NULL || out->first == NULL || out->center == NULL) {
        free(room);
        return flow_error_memory(err, "the scales of the columns");
    }
    out->scale = out->center + d->width;
    out->period = out->scale + d->width;
    for (size_t i = 0; i < d->width; i++) {
        const bool given = i < d->c;
        out->first[i] = out->n;
        out->period[i] = given || periods == NULL ? 0 : periods[i - d->c];
        out->n += out->period[i] > 0 ? 2 : 1;
        if (given)
            features_scale(out, i, d->rows + d->d + i, d->n, d->width, room);
        else
            features_scale(out, i, d->draws + (i - d->c), d->n * d->k, d->d, room);
    }
    out->first[d->width] = out->n;
    free(room);
    return FLOW_OK;
}

void diagnose_features_release(diagnose_features *f)
{
    free(f->first);
    free(f->center);
    *f = (diagnose_features){0};
}

void diagnose_features_of(const diagnose_features *f, const double *x, const double *context, double *out)
{
    const diagnosis *d = f->d;
    for (size_t i = 0; i < d->width; i++) {
        const double value = i < d->c ? context[i] : x[i - d->c];
        if (f->period[i] > 0) {
            *out++ = sin(2 * FLOW_PI / f->period[i] * value);
            *out++ = cos(2 * FLOW_PI / f->period[i] * value);
        } else {
            *out++ = fmax(-FAR, fmin(FAR, asinh((value - f->center[i]) * f->scale[i])));
        }
    }
}
