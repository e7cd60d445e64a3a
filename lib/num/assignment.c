/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "num/assignment.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "num/simd.h"

/* WIDTH partial minima of a row are kept; REDUCTIONS rounds of row reduction precede the paths. */
enum { WIDTH = 8, NONE = -1, REDUCTIONS = 8 };

typedef struct assignment {
    int n;
    const double *cost;
    size_t stride;
    int *column_of;
    double *price;  /* (n): v */
    int *row_of;    /* (n), or NONE */
    int *free_rows; /* (n) */
    /* during one search */
    double *distance; /* (n): length of the shortest path to each column */
    double *closed;   /* (n): infinity for a column whose path is final, else 0 */
    double *from;     /* (n): the last row of that path; a double, so that one comparison mask serves both arrays */
} assignment;

static size_t assignment_lay_out(int n, void *memory, assignment *p)
{
    flow_layout layout = {.base = memory};
    size_t count = (size_t)n;
    p->price = flow_layout_take(&layout, count, sizeof *p->price);
    p->distance = flow_layout_take(&layout, count, sizeof *p->distance);
    p->closed = flow_layout_take(&layout, count, sizeof *p->closed);
    p->from = flow_layout_take(&layout, count, sizeof *p->from);
    p->row_of = flow_layout_take(&layout, count, sizeof *p->row_of);
    p->free_rows = flow_layout_take(&layout, count, sizeof *p->free_rows);
    return layout.used;
}

size_t flow_assignment_scratch_size(int n)
{
    assignment p;
    return assignment_lay_out(n, NULL, &p);
}

static const double *row_at(const assignment *p, int row)
{
    return p->cost + (size_t)row * p->stride;
}

/* ---- the least of a + sign b ---- */

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

/* The price of a column is its least cost. The column is assigned to that row if the row has no column yet. */
static void reduce_columns(assignment *p)
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

/* A free row takes its cheapest column; the price of the column falls until the second cheapest costs the same. The row
 * that had the column becomes free and waits for the next round, so that each round ends. Returns the number of free
 * rows. */
static int reduce_rows(assignment *p, int n_free)
{
    int n = p->n, left = 0;
    for (int k = 0; k < n_free; k++) {
        int row = p->free_rows[k];
        const double *cost = row_at(p, row);
        double least = least_sum(cost, p->price, -1, n);
        int column = first_of(cost, p->price, -1, n, least);
        double held = p->price[column];
        p->price[column] = -INFINITY; /* excludes it */
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

/* Extends the paths over `row` to the open columns. `base` is the distance of the row, less its reduced cost at the
 * column where it was reached. */
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

/* Finds the shortest path from a free row to a free column and changes the columns of the rows along it. The prices of
 * the columns that are nearer than its end fall by the difference. */
static void augment(assignment *p, int free_row)
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

/* ---- the solution ---- */

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

void flow_assignment_solve(int n, double *cost, size_t stride, int *column_of, double *column_price, void *scratch)
{
    assignment p = {.n = n, .cost = cost, .stride = stride, .column_of = column_of};
    if (n < 1)
        return;
    assignment_lay_out(n, scratch, &p);
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
