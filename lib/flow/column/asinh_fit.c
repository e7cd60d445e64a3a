/* Center and scale have the highest likelihood of a normal distribution of t, for the quantiles of the data at
 * (k + 1/2) / m, k = 0 ... m - 1. With m at most n / 8 the outermost of them lie four rows inside of the data, so that
 * the values of single rows have no part in anything that is fitted here.
 *
 * Equal quantiles count once in the likelihood: a value of many rows has no scale, and is no reason for one. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/column/asinh_fit.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { QUANTILES = 256, FEW_QUANTILES = 16, ROWS_FOR_ONE = 8, LEAST_DIFFERENT = 8 };

/* What a curved map has to be in order to be chosen, and the least turn. A sparing map is straight also for columns
 * that are a sharp value with noise and some rows beside it: a curve would bend how other columns depend on them. */
typedef struct asinh_demands {
    double gain;   /* nats of a row by which it is better than a straight map */
    double misfit; /* nats between the column behind it and a normal distribution, at most */
    double turn;   /* deviations */
} asinh_demands;

static const asinh_demands usual = {0.005, INFINITY, 4}, sparing = {0.6, 0.1, 8};

/* A value this many deviations out is mapped to this latent, or less; further out where the turn is the least. */
static const double far_out = 1e6, far_latent = 12;
static const double most_turn = 1000;

/* Straight over the data: the scale, in widths of the data. */
static const double straight = 1000;

double flow_asinh_of(double y, double scale)
{
    double w = y / scale;
    return isfinite(w) ? asinh(w) : copysign(log(fabs(y)) - log(scale) + log(2.0), y);
}

typedef struct quantiles {
    int m, n_different;
    double at[QUANTILES], different[QUANTILES];
    double span, median, deviation; /* of the different ones; the deviation from the central 68% */
} quantiles;

static int asinh_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t asinh_drop_repeated(double *sorted, size_t n)
{
    size_t kept = 1;
    for (size_t k = 1; k < n; k++)
        if (sorted[k] > sorted[kept - 1])
            sorted[kept++] = sorted[k];
    return kept;
}

/* Of n > 0 sorted values. */
static void asinh_take_quantiles(quantiles *q, const double *sorted, size_t n)
{
    assert(n > 0);
    size_t few = n < FEW_QUANTILES ? n : FEW_QUANTILES, m = n / ROWS_FOR_ONE;
    m = m < few ? few : m > QUANTILES ? QUANTILES : m;
    q->m = (int)m;
    for (size_t k = 0; k < m; k++) {
        double place = ((double)k + 0.5) / (double)m * (double)n - 0.5;
        size_t below = (size_t)place, above = below + 1 < n ? below + 1 : below;
        double share = place - (double)below;
        q->at[k] = q->different[k] = (1 - share) * sorted[below] + share * sorted[above];
    }
    q->n_different = (int)asinh_drop_repeated(q->different, m);
    const double *d = q->different, last = q->n_different - 1;
    q->span = d[q->n_different - 1] - d[0];
    q->median = d[(int)rint(0.5 * last)];
    q->deviation = (d[(int)rint(0.8413 * last)] - d[(int)rint(0.1587 * last)]) / 2;
}

/* ---- center and scale ---- */

/* Where a search stands: the logarithm of the scale, and the loss there in nats. */
typedef struct asinh_point {
    double center, log_scale, loss;
} asinh_point;

/* The step between the quantiles at x. */
static double asinh_step_at(const quantiles *q, double x)
{
    int k = 1;
    while (k + 1 < q->n_different && q->different[k] < x)
        k++;
    return q->different[k] - q->different[k - 1];
}

/* Keeps the center near the data, and the scale so large that some rows lie within it: nothing is known of a density
 * that would be sharper. */
static void asinh_keep_in_range(const quantiles *q, asinh_point *p)
{
    double first = q->different[0], last = q->different[q->n_different - 1];
    p->center = fmin(fmax(p->center, first - q->span), last + q->span);
    double least = fmax(asinh_step_at(q, p->center), 1e-9 * q->span);
    p->log_scale = fmin(fmax(p->log_scale, log(least)), log(straight * q->span));
}

/* The mean of -log p of a normal distribution of t, without constants. */
static void asinh_set_loss(const quantiles *q, asinh_point *p)
{
    asinh_keep_in_range(q, p);
    double scale = exp(p->log_scale), sum = 0, squares = 0, slopes = 0, first = 0;
    for (int k = 0; k < q->n_different; k++) {
        double y = q->different[k] - p->center, t = flow_asinh_of(y, scale);
        first = k == 0 ? t : first;
        sum += t - first;
        squares += (t - first) * (t - first);
        slopes += log(hypot(y, scale));
    }
    double n = q->n_different, variance = (squares - sum * sum / n) / n;
    p->loss = variance > 0 ? log(variance) / 2 + slopes / n : INFINITY;
}

/* Compass search (Hooke and Jeeves 1961); steps of the center are in scales. */
static asinh_point asinh_search(const quantiles *q, double center, double scale)
{
    enum { MOST_TRIALS = 300 };
    static const double ways[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    asinh_point best = {center, log(scale), 0};
    asinh_set_loss(q, &best);
    double step = 1;
    for (int trials = 0; step > 1. / 64 && trials < MOST_TRIALS;) {
        bool moved = false;
        for (int k = 0; k < 4 && !moved; k++, trials++) {
            asinh_point p = {best.center + ways[k][0] * step * exp(best.log_scale), best.log_scale + ways[k][1] * step,
                             0};
            asinh_set_loss(q, &p);
            moved = p.loss < best.loss - 1e-6;
            best = moved ? p : best;
        }
        step = moved ? fmin(2 * step, 4) : step / 2;
    }
    return best;
}

/* The entropy of the column, without the constant that losses lack, too: of a density that has the step of two
 * quantiles between them. */
static double asinh_entropy(const quantiles *q)
{
    const int n = q->n_different;
    double sum = 0;
    for (int k = 1; k + 1 < n; k++)
        sum += log((q->different[k + 1] - q->different[k - 1]) * n / 2) / (n - 2);
    return sum - 0.5 * log(2 * acos(-1.0)) - 0.5;
}

/* Searches from a nearly straight map, from heavy tails around the median, and from logarithms of the distances to
 * either end. */
static asinh_point asinh_choose(const quantiles *q, const asinh_demands *demands)
{
    asinh_point best = {q->median, log(straight * q->span), 0};
    asinh_set_loss(q, &best);
    if (q->n_different < LEAST_DIFFERENT)
        return best;
    const double *d = q->different;
    int last = q->n_different - 1, some = q->n_different / 64 + 1;
    const double starts[4][2] = {{q->median, 8 * q->deviation},
                                 {q->median, q->deviation / 2},
                                 {d[0], d[some] - d[0]},
                                 {d[last], d[last] - d[last - some]}};
    const asinh_point line = best;
    best.loss -= demands->gain;
    for (int k = 0; k < 4; k++) {
        asinh_point p = asinh_search(q, starts[k][0], starts[k][1]);
        if (p.loss < best.loss)
            best = p;
    }
    return best.loss - asinh_entropy(q) > demands->misfit ? line : best;
}

/* ---- the rest ---- */

static void asinh_set_moments(const double *at, int m, flow_asinh *out)
{
    double squares = 0;
    out->mean = 0;
    for (int k = 0; k < m; k++)
        out->mean += flow_asinh_of(at[k] - out->center, out->scale) / m;
    for (int k = 0; k < m; k++) {
        double away = flow_asinh_of(at[k] - out->center, out->scale) - out->mean;
        squares += away * away / m;
    }
    out->deviation = sqrt(squares);
}

/* The largest turn that keeps the latents of values far out small, to a thousandth. */
static double asinh_choose_turn(const quantiles *q, const flow_asinh *a, double least_turn)
{
    double most = 0;
    for (int side = -1; side <= 1; side += 2) {
        double y = q->median + side * far_out * q->deviation - a->center;
        most = fmax(most, fabs(flow_asinh_of(y, a->scale) - a->mean) / a->deviation);
    }
    double below = least_turn, above = most_turn;
    while (above > 1.001 * below) {
        double turn = sqrt(below * above);
        if (turn * pow(log1p(pow(most / turn, 4)), 0.25) > far_latent)
            above = turn;
        else
            below = turn;
    }
    return below;
}

bool flow_asinh_fit(flow_asinh *out, const flow_asinh_options *options, double *values, size_t n)
{
    const asinh_demands *demands = options->sparing ? &sparing : &usual;
    quantiles q;
    qsort(values, n, sizeof *values, asinh_compare);
    asinh_take_quantiles(&q, values, n);
    if (q.n_different < 2) /* nearly all rows have one value */
        asinh_take_quantiles(&q, values, asinh_drop_repeated(values, n));
    if (q.n_different < 2 || !isfinite(straight * q.span) || !(q.span * 1e-9 >= DBL_MIN))
        return false;
    asinh_point best = asinh_choose(&q, demands);
    *out = (flow_asinh){.center = best.center, .scale = exp(best.log_scale)};
    asinh_set_moments(q.at, q.m, out);
    out->turn = asinh_choose_turn(&q, out, demands->turn);
    return out->deviation > 0 && isfinite(out->deviation) && isfinite(out->mean);
}
