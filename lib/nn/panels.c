/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/panels.h"

#include <float.h>
#include <stdlib.h>

#include "num/real.h"

/* The time of a product of `rows` units and `depth` inputs with n = 128 data rows is estimated as
 *
 *     t = call + rows (depth + row)
 *
 * in multiply-adds for each data row at the full speed of the processor: a call has a cost, and so has each row of the
 * result beside its multiply-adds. The constants are a fit to libxsmm 1.17 in float with AVX-512;
 * test/bench/bench_panels.c measures them on another machine. */
static const struct {
    double call, row;
} cost = {.call = 80, .row = 1.5};

/* The gradient at the weights, in the same unit. By panels, the inputs are transposed, which costs `input` for each of
 * them, and a panel is as deep as a multiple of LANES. By inner products of rows, blocks of BLOCK_ROWS units and
 * BLOCK_INPUTS inputs take `block` times their multiply-adds. test/bench/bench_panels.c measures these, too. */
enum { LANES = 16, BLOCK_ROWS = 6, BLOCK_INPUTS = 4 };
static const struct {
    double input, block;
} gradient_cost = {.input = 13, .block = 1.15};

/* Where the extents are not sorted: the number of inputs in a backward panel, and how many units that do not see them
 * such a panel may include to save a call. */
enum { BACK_INPUTS = 16, BACK_GAP = 16 };

double flow_panels_time(int rows, int depth)
{
    return cost.call + (double)rows * (depth + cost.row);
}

/* The matrix to divide. */
typedef struct panels_matrix {
    int n_in, n_out;
    const int *extent; /* (n_out) or NULL */
} panels_matrix;

/* ------------------------------------------------------------------ the division */

/* The best division of the first rows of a matrix. */
typedef struct panels_division {
    double time;
    int begin, depth; /* of the last part */
} panels_division;

/* Divides n rows of depths depth[0], depth[1], ... into parts of at most FLOW_PANEL; best (n + 1). Returns the time. */
static double panels_divide(const int *depth, int n, panels_division *best)
{
    best[0] = (panels_division){0, 0, 0};
    for (int k = 1; k <= n; k++) {
        int deepest = 0;
        best[k].time = DBL_MAX;
        for (int b = k - 1; b >= 0 && k - b <= FLOW_PANEL; b--) {
            deepest = depth[b] > deepest ? depth[b] : deepest;
            double time = best[b].time + flow_panels_time(k - b, deepest);
            if (time < best[k].time)
                best[k] = (panels_division){time, b, deepest};
        }
    }
    return best[n].time;
}

/* ------------------------------------------------------------------ forward */

/* The shortest period that fits into the units at least twice. `border` (n_out) receives the lengths of the longest
 * prefixes that are also suffixes (Knuth, Morris and Pratt 1977), so that the time is linear for any mask. Units that
 * all see the same have no period. */
static int find_period(const panels_matrix *matrix, int *border)
{
    const int *extent = matrix->extent;
    int n = matrix->n_out;
    if (extent == NULL || n < 2)
        return 1;
    border[0] = 0;
    for (int unit = 1, length = 0; unit < n; unit++) {
        while (length > 0 && extent[unit] != extent[length])
            length = border[length - 1];
        length += extent[unit] == extent[length];
        border[unit] = length;
    }
    int period = n - border[n - 1];
    return period <= n / 2 ? period : 1;
}

/* The number of units with the extent of unit `first` of the first period. */
static int count_alike(const panels_matrix *matrix, int period, int first)
{
    return (matrix->n_out - first + period - 1) / period;
}

static double time_of_periodic(const panels_matrix *matrix, int period)
{
    double time = 0;
    for (int first = 0; first < period; first++) {
        int count = count_alike(matrix, period, first), more = count / FLOW_PANEL;
        time += more * flow_panels_time(0, 0) + flow_panels_time(count, matrix->extent[first]);
    }
    return time;
}

static void make_periodic(flow_panels *out, const panels_matrix *matrix)
{
    for (int first = 0; first < out->period; first++) {
        int count = count_alike(matrix, out->period, first);
        for (int done = 0; done < count; done += FLOW_PANEL)
            out->forward[out->n_forward++] =
                (flow_panel){first + done * out->period, count - done < FLOW_PANEL ? count - done : FLOW_PANEL,
                             out->period, matrix->extent[first]};
    }
}

/* From the last panel to the first, as the division is found. */
static void make_forward(flow_panels *out, const panels_matrix *matrix, int *depth, panels_division *best)
{
    for (int unit = 0; unit < matrix->n_out; unit++)
        depth[unit] = matrix->extent != NULL ? matrix->extent[unit] : matrix->n_in;
    double time = panels_divide(depth, matrix->n_out, best);
    if (out->period > 1 && time_of_periodic(matrix, out->period) < time) {
        make_periodic(out, matrix);
        return;
    }
    for (int k = matrix->n_out; k > 0; k = best[k].begin)
        out->forward[out->n_forward++] = (flow_panel){best[k].begin, k - best[k].begin, 1, best[k].depth};
}

/* ------------------------------------------------------------------ backward */

/* Whether the extents of a plane's units never fall: then an input is seen by all units from some unit on. */
static bool is_sorted(const int *extent, int n_units)
{
    for (int unit = 1; unit < n_units; unit++)
        if (extent[unit] < extent[unit - 1])
            return false;
    return true;
}

/* Sorted extents: divides the inputs that are seen at all; each part has the units that see its first input. */
static void make_sorted(flow_panels *out, const panels_matrix *matrix, int n_units, int *depth, panels_division *best)
{
    int n_planes = matrix->n_out / n_units, n_seen = matrix->extent[n_units - 1];
    for (int i = 0, unit = 0; i < n_seen; i++) {
        while (matrix->extent[unit] <= i)
            unit++;
        depth[i] = (n_units - unit) * n_planes;
    }
    panels_divide(depth, n_seen, best);
    if (n_seen < matrix->n_in)
        out->backward[out->n_backward++] = (flow_back_panel){.planes = 1, .from = n_seen, .to = matrix->n_in};
    for (int k = n_seen; k > 0; k = best[k].begin) {
        int count = best[k].depth / n_planes;
        out->backward[out->n_backward++] =
            (flow_back_panel){n_units - count, count, n_planes, n_units, best[k].begin, k, false};
    }
}

/* Extents without order: panels of the units that see an input of [from, to), with gaps of at most BACK_GAP units. */
static void make_unsorted(flow_panels *out, const panels_matrix *matrix, int from, int to)
{
    int last_live = -1, first = -1, n_before = out->n_backward;
    for (int unit = 0; unit <= matrix->n_out; unit++) {
        bool end = unit == matrix->n_out;
        bool live = !end && matrix->extent[unit] > from;
        if (first >= 0 && (end || (live && unit - last_live > BACK_GAP))) {
            out->backward[out->n_backward] =
                (flow_back_panel){first, last_live + 1 - first, 1, 0, from, to, out->n_backward > n_before};
            out->n_backward++;
            first = -1;
        }
        if (live) {
            last_live = unit;
            if (first < 0)
                first = unit;
        }
    }
    if (out->n_backward == n_before)
        out->backward[out->n_backward++] = (flow_back_panel){.planes = 1, .from = from, .to = to};
}

static void make_backward(flow_panels *out, const panels_matrix *matrix, int *depth, panels_division *best)
{
    bool planes = out->period > 1 && matrix->n_out % out->period == 0;
    int n_in = matrix->n_in, n_units = planes ? out->period : matrix->n_out;
    if (matrix->extent == NULL) {
        out->backward[out->n_backward++] = (flow_back_panel){0, matrix->n_out, 1, 0, 0, n_in, false};
        return;
    }
    if (is_sorted(matrix->extent, n_units)) {
        make_sorted(out, matrix, n_units, depth, best);
        return;
    }
    for (int from = 0; from < n_in; from += BACK_INPUTS)
        make_unsorted(out, matrix, from, n_in - from < BACK_INPUTS ? n_in : from + BACK_INPUTS);
}

/* ------------------------------------------------------------------ gradient at the weights */

typedef struct unit_extent {
    int unit, extent;
} unit_extent;

static int by_extent(const void *a, const void *b)
{
    const unit_extent *p = a, *q = b;
    return p->extent != q->extent ? p->extent - q->extent : p->unit - q->unit;
}

static int rounded_up(int n, int to)
{
    return (n + to - 1) / to * to;
}

/* A product is called for each panel and each FLOW_SPAN inputs. */
static double gradient_time_by_panels(const flow_panels *panels, int n_in)
{
    double time = gradient_cost.input * n_in;
    for (int p = 0; p < panels->n_forward; p++) {
        const int depth = panels->forward[p].depth;
        for (int from = 0; from < depth; from += FLOW_SPAN)
            time += flow_panels_time(panels->forward[p].count, rounded_up(flow_min(depth - from, FLOW_SPAN), LANES));
    }
    return time;
}

static double gradient_time_by_rows(const panels_matrix *matrix, const unit_extent *sorted)
{
    double time = 0;
    for (int unit = 0; unit < matrix->n_out; unit += BLOCK_ROWS) {
        int last = flow_min(unit + BLOCK_ROWS, matrix->n_out) - 1;
        time += gradient_cost.block * BLOCK_ROWS * rounded_up(sorted[last].extent, BLOCK_INPUTS);
    }
    return time;
}

/* Returns false when there is no memory. */
static bool make_row_order(flow_panels *out, const panels_matrix *matrix)
{
    const size_t n = (size_t)matrix->n_out;
    unit_extent *sorted = malloc((n + 1) * sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (int unit = 0; unit < matrix->n_out; unit++)
        sorted[unit] = (unit_extent){unit, matrix->extent != NULL ? matrix->extent[unit] : matrix->n_in};
    qsort(sorted, n, sizeof *sorted, by_extent);
    flow_row_order *order = &out->by_rows;
    order->time = gradient_time_by_rows(matrix, sorted);
    order->panels_time = gradient_time_by_panels(out, matrix->n_in);
    order->faster = order->time < order->panels_time;
    bool made = true;
    if (order->faster && matrix->extent != NULL && !is_sorted(matrix->extent, matrix->n_out)) {
        order->units = malloc((n + 1) * sizeof *order->units);
        order->live = malloc((n + 1) * sizeof *order->live);
        made = order->units != NULL && order->live != NULL;
        for (size_t k = 0; k < n && made; k++) {
            order->units[k] = sorted[k].unit;
            order->live[k] = sorted[k].extent;
        }
    }
    free(sorted);
    return made;
}

/* ------------------------------------------------------------------ all */

/* The most backward panels that there can be. Without order, a gap follows each panel. */
static size_t most_backward(const panels_matrix *matrix)
{
    size_t sorted = (size_t)matrix->n_in + 1;
    size_t unsorted = ((size_t)matrix->n_in / BACK_INPUTS + 1) * ((size_t)matrix->n_out / BACK_GAP + 2);
    return (sorted > unsorted ? sorted : unsorted) + 1;
}

flow_status flow_panels_make(flow_panels *panels, int n_in, int n_out, const int *extent, flow_error *err)
{
    const panels_matrix matrix = {n_in, n_out, extent};
    size_t most = (size_t)(n_out > n_in ? n_out : n_in) + 1;
    panels_division *best = malloc(most * sizeof *best);
    int *depth = calloc(most, sizeof *depth);
    *panels = (flow_panels){.forward = malloc(((size_t)n_out + 1) * sizeof *panels->forward),
                            .backward = malloc(most_backward(&matrix) * sizeof *panels->backward)};
    bool made = best != NULL && depth != NULL && panels->forward != NULL && panels->backward != NULL;
    if (made) {
        panels->period = find_period(&matrix, depth);
        make_forward(panels, &matrix, depth, best);
        make_backward(panels, &matrix, depth, best);
        made = make_row_order(panels, &matrix);
    }
    free(best);
    free(depth);
    return made ? FLOW_OK : flow_error_memory(err, "the panels of a layer");
}

void flow_panels_release(flow_panels *panels)
{
    free(panels->forward);
    free(panels->backward);
    free(panels->by_rows.units);
    free(panels->by_rows.live);
    *panels = (flow_panels){0};
}
