/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/assignment.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "num/simd.h"

/* The least of a line is looked for in so many places at once. */
enum { WIDTH = 8, NONE = -1, REDUCTIONS = 8 };

typedef struct problem {
    int n;
    const double *cost;
    size_t stride;
    int *column_of;
    double *price;    /* (n): v */
    int *row_of;      /* (n), or NONE */
    int *free_rows;   /* (n) */
    /* of one search */
    double *distance; /* (n): length of the shortest path to each column */
    double *closed;   /* (n): 0, and infinity for a column whose path is final */
    double *from;     /* (n): the row that path arrives from; a double, so that one mask serves both */
} problem;

static void lay_out(int n, void *memory, problem *p, size_t *used)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)n;
    p->price = flow_layout_take(&layout, count, sizeof *p->price);
    p->distance = flow_layout_take(&layout, count, sizeof *p->distance);
    p->closed = flow_layout_take(&layout, count, sizeof *p->closed);
    p->from = flow_layout_take(&layout, count, sizeof *p->from);
    p->row_of = flow_layout_take(&layout, count, sizeof *p->row_of);
    p->free_rows = flow_layout_take(&layout, count, sizeof *p->free_rows);
    *used = layout.used;
}

size_t flow_assignment_work_size(int n)
{
    problem p;
    size_t used;
    lay_out(n, NULL, &p, &used);
    return used;
}

static const double *row_at(const problem *p, int row)
{
    return p->cost + (size_t)row * p->stride;
}

/* ---- the least of a + b ---- */

static int first_of(const double *a, const double *b, double sign, int n, double value)
{
    for (int j = 0; j < n; j++)
        if (a[j] + sign * b[j] == value)
            return j;
    return 0;
}

FLOW_MULTIVERSION
static double least_sum(const double *a, const double *b, double sign, int n)
{
    double least[WIDTH];
    for (int k = 0; k < WIDTH; k++)
        least[k] = INFINITY;
    int j = 0;
    for (; j + WIDTH <= n; j += WIDTH)
        for (int k = 0; k < WIDTH; k++) {
            double value = a[j + k] + sign * b[j + k];
            least[k] = value < least[k] ? value : least[k];
        }
    for (; j < n; j++) {
        double value = a[j] + sign * b[j];
        least[0] = value < least[0] ? value : least[0];
    }
    for (int k = 1; k < WIDTH; k++)
        least[0] = least[k] < least[0] ? least[k] : least[0];
    return least[0];
}

/* ---- the start ---- */

/* Each column gets the least price that some row would pay, and the row, if it is still free. */
static void reduce_columns(problem *p)
{
    int n = p->n;
    memcpy(p->price, row_at(p, 0), (size_t)n * sizeof *p->price);
    for (int j = 0; j < n; j++)
        p->row_of[j] = 0;
    for (int i = 1; i < n; i++) {
        const double *cost = row_at(p, i);
        for (int j = 0; j < n; j++)
            if (cost[j] < p->price[j]) {
                p->price[j] = cost[j];
                p->row_of[j] = i;
            }
    }
    for (int j = n - 1; j >= 0; j--) {
        int row = p->row_of[j];
        if (p->column_of[row] == NONE)
            p->column_of[row] = j;
        else
            p->row_of[j] = NONE;
    }
}

/* A free row takes the column that is cheapest to it, whose price falls until the second cheapest would do as well. The
 * row that had it becomes free, and waits for the next round: so each round ends. */
static int reduce_rows(problem *p, int n_free)
{
    int n = p->n, left = 0;
    for (int k = 0; k < n_free; k++) {
        int row = p->free_rows[k];
        const double *cost = row_at(p, row);
        double least = least_sum(cost, p->price, -1, n);
        int column = first_of(cost, p->price, -1, n, least);
        double held = p->price[column];
        p->price[column] = -INFINITY; /* out of the way */
        double second = least_sum(cost, p->price, -1, n);
        p->price[column] = second < INFINITY ? held - (second - least) : held;
        int previous = p->row_of[column];
        p->row_of[column] = row;
        p->column_of[row] = column;
        if (previous != NONE) {
            p->column_of[previous] = NONE;
            p->free_rows[left++] = previous;
        }
    }
    return left;
}

/* ---- shortest augmenting paths ---- */

/* Paths over `row`, which is reached at the distance `base` (less its reduced cost there), to the open columns. */
FLOW_MULTIVERSION
static void extend(const double *cost, const double *price, const double *closed, double base, double row, int n,
                   double *distance, double *from)
{
    for (int j = 0; j < n; j++) {
        double through = cost[j] - price[j] + base + closed[j];
        from[j] = through < distance[j] ? row : from[j];
        distance[j] = through < distance[j] ? through : distance[j];
    }
}

/* The shortest path from a free row to a free column: rows along it change columns, and the prices of the columns that
 * are nearer than its end fall by as much as they are. */
static void augment(problem *p, int free_row)
{
    int n = p->n, row = free_row, column;
    double base = 0, end;
    for (int j = 0; j < n; j++) {
        p->distance[j] = INFINITY;
        p->closed[j] = 0;
    }
    for (;;) {
        extend(row_at(p, row), p->price, p->closed, base, row, n, p->distance, p->from);
        end = least_sum(p->distance, p->closed, 1, n);
        column = first_of(p->distance, p->closed, 1, n, end);
        if (p->row_of[column] == NONE)
            break;
        p->closed[column] = INFINITY;
        row = p->row_of[column];
        base = end - (row_at(p, row)[column] - p->price[column]);
    }
    for (int j = 0; j < n; j++)
        if (p->closed[j] > 0)
            p->price[j] += p->distance[j] - end;
    do {
        row = (int)p->from[column];
        p->row_of[column] = row;
        int next = p->column_of[row];
        p->column_of[row] = column;
        column = next;
    } while (row != free_row);
}

/* ---- all of it ---- */

static void make_finite(int n, double *cost, size_t stride)
{
    double most = 0;
    int n_bad = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double value = fabs(cost[(size_t)i * stride + (size_t)j]);
            n_bad += !isfinite(value);
            most = isfinite(value) && value > most ? value : most;
        }
    if (n_bad == 0)
        return;
    double high = fmin(2 * (double)n * most + 1, 1e300);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double *value = &cost[(size_t)i * stride + (size_t)j];
            *value = isfinite(*value) ? *value : high;
        }
}

void flow_assignment_solve(int n, double *cost, size_t stride, int *column_of, double *column_price, void *work)
{
    problem p = {.n = n, .cost = cost, .stride = stride, .column_of = column_of};
    size_t used;
    if (n < 1)
        return;
    lay_out(n, work, &p, &used);
    make_finite(n, cost, stride);
    for (int i = 0; i < n; i++)
        column_of[i] = NONE;
    reduce_columns(&p);
    int n_free = 0;
    for (int i = 0; i < n; i++)
        if (column_of[i] == NONE)
            p.free_rows[n_free++] = i;
    for (int k = 0; k < REDUCTIONS; k++)
        n_free = reduce_rows(&p, n_free);
    for (int k = 0; k < n_free; k++)
        augment(&p, p.free_rows[k]);
    if (column_price != NULL)
        memcpy(column_price, p.price, (size_t)n * sizeof *column_price);
}
