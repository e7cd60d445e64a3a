/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "draw/contour.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

/* A line crosses edges between neighbouring centres, and each edge once. It enters a square of four centres through one
 * of them and leaves through another one, so that next[edge] is the whole of all lines. Edge 2 (j nx + i) goes from
 * centre (i, j) to the right, the one behind it up. */
typedef struct tracing {
    const double *z;
    int nx, ny; /* of the centres, with those around the grid if lines are closed */
    bool closed;
    double level;
    int *next; /* -1: no line leaves through this edge */
    bool *entered;
} tracing;

static double trace_height(const tracing *t, int i, int j)
{
    const int ring = t->closed ? 1 : 0;
    if (t->closed && (i == 0 || j == 0 || i == t->nx - 1 || j == t->ny - 1))
        return -INFINITY;
    const double value = t->z[(size_t)(j - ring) * (size_t)(t->nx - 2 * ring) + (size_t)(i - ring)];
    return isnan(value) ? -INFINITY : value;
}

static void trace_link(tracing *t, int from, int to)
{
    t->next[from] = to;
    t->entered[to] = true;
}

/* The square whose lower left centre is (i, j). Its edges, and its corners, in mathematical order from below. */
static void trace_square(tracing *t, int i, int j)
{
    const int nx = t->nx;
    const int edges[4] = {2 * (j * nx + i), 2 * (j * nx + i + 1) + 1, 2 * ((j + 1) * nx + i), 2 * (j * nx + i) + 1};
    const double heights[4] = {trace_height(t, i, j), trace_height(t, i + 1, j), trace_height(t, i + 1, j + 1),
                               trace_height(t, i, j + 1)};
    bool high[4];
    int n = 0;
    for (int k = 0; k < 4; k++)
        n += high[k] = heights[k] >= t->level;
    if (n == 0 || n == 4)
        return;
    /* Edge k lies between corners k and k + 1. A line enters where the corner on its left, the first one, is high. */
    const double middle = 0.25 * (heights[0] + heights[1] + heights[2] + heights[3]);
    const bool saddle = n == 2 && high[0] == high[2], joined = middle >= t->level;
    for (int k = 0; k < 4; k++) {
        const int after = (k + 1) % 4;
        if (!high[after] || high[k])
            continue; /* the line leaves the square here, or does not cross */
        /* It has come in through the next edge where the ground falls, or at a saddle whose ground is joined through
           the one before. */
        int to = k;
        do
            to = (to + 1) % 4;
        while (!(high[to] && !high[(to + 1) % 4]));
        if (saddle && joined)
            to = (to + 2) % 4;
        trace_link(t, edges[to], edges[k]);
    }
}

/* Where the line crosses the edge, into the square. */
static void trace_point(const tracing *t, int edge, double *x, double *y)
{
    const int ring = t->closed ? 1 : 0, up = edge % 2, i = edge / 2 % t->nx, j = edge / 2 / t->nx;
    const double a = trace_height(t, i, j), b = up ? trace_height(t, i, j + 1) : trace_height(t, i + 1, j);
    double share = (t->level - a) / (b - a);
    if (!isfinite(a) || !isfinite(b)) /* half way between the cells */
        share = 0.5;
    *x = fmin(fmax((i - ring + 0.5 + (up ? 0 : share)) / (t->nx - 2 * ring), 0), 1);
    *y = fmin(fmax((j - ring + 0.5 + (up ? share : 0)) / (t->ny - 2 * ring), 0), 1);
}

static bool trace_add(flow_contour *out, double x, double y)
{
    if (!flow_grow(&out->x, &out->capacity, out->n + 1, sizeof *out->x) ||
        !flow_grow(&out->y, &out->y_capacity, out->n + 1, sizeof *out->y))
        return false;
    out->x[out->n] = x;
    out->y[out->n++] = y;
    return true;
}

/* The line that begins at this edge; a loop ends where it began. */
static bool trace_follow(tracing *t, flow_contour *out, int start)
{
    bool good = out->n == 0 || trace_add(out, (double)NAN, (double)NAN);
    double x, y;
    for (int edge = start; good && edge >= 0;) {
        const int next = t->next[edge];
        trace_point(t, edge, &x, &y);
        good = trace_add(out, x, y);
        t->next[edge] = -1;
        if (next == start) {
            trace_point(t, start, &x, &y);
            return good && trace_add(out, x, y);
        }
        edge = next;
    }
    return good;
}

flow_status flow_contour_trace(flow_contour *out, const double *z, int nx, int ny, double level, bool closed,
                               flow_error *err)
{
    *out = (flow_contour){0};
    tracing t = {.z = z, .nx = closed ? nx + 2 : nx, .ny = closed ? ny + 2 : ny, .closed = closed, .level = level};
    const size_t n = 2 * (size_t)t.nx * (size_t)t.ny;
    t.next = malloc(n * sizeof *t.next);
    t.entered = calloc(n, sizeof *t.entered);
    bool good = t.next != NULL && t.entered != NULL;
    for (size_t k = 0; k < n && good; k++)
        t.next[k] = -1;
    for (int j = 0; j + 1 < t.ny && good; j++)
        for (int i = 0; i + 1 < t.nx; i++)
            trace_square(&t, i, j);
    for (int loops = 0; loops < 2; loops++) /* lines that begin at the edge of the grid come first */
        for (size_t k = 0; k < n && good; k++)
            if (t.next[k] >= 0 && (loops == 1 || !t.entered[k]))
                good = trace_follow(&t, out, (int)k);
    free(t.next);
    free(t.entered);
    return good ? FLOW_OK : flow_error_memory(err, "contour lines");
}

void flow_contour_free(flow_contour *contour)
{
    free(contour->x);
    free(contour->y);
    *contour = (flow_contour){0};
}
