/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/conv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "num/gemm.h"
#include "num/reduce.h"
#include "num/transpose.h"
#include "num/vector.h"

enum {
    TAPS = FLOW_KERNEL_MAX * FLOW_KERNEL_MAX,
    PIXELS = 32,                           /* the most pixels whose products are one sum, see num/gemm.c */
    CACHED = 5 * (1 << 18) / sizeof(real), /* weights that stay in the L2 cache beside a few pixels */
    WIDE = 256,                           /* channels; longer rows of weights are copied: rows 1 KB apart, or a multiple
                                             of it, share few lines of the L1 cache */
    PANEL = 256,                          /* the most channels of a panel, see num/gemm.c */
    GRAIN = 2 * FLOW_LANES,               /* of the channels of a panel, if it is not all of them */
    TRANSPOSED = (1 << 18) / sizeof(real) /* of pixels that are transposed together */
};

static int n_taps(const flow_conv *conv)
{
    return conv->rows * conv->cols;
}

static size_t tap_size(const flow_conv *conv)
{
    return (size_t)conv->n_in * (size_t)conv->n_out;
}

size_t flow_conv_weights(const flow_conv *conv)
{
    return (size_t)n_taps(conv) * tap_size(conv);
}

/* ------------------------------------------------------------------ configuration */

flow_status flow_conv_configure(flow_conv *conv, flow_shape shape, int kernel, int n_out, flow_init init,
                                flow_params *params, const char *name, flow_error *err)
{
    assert(kernel % 2 == 1 && kernel <= FLOW_KERNEL_MAX);
    *conv = (flow_conv){.height = shape.height, .width = shape.width, .n_in = shape.channels, .n_out = n_out};
    conv->rows = flow_min(kernel, 2 * shape.height - 1);
    conv->cols = flow_min(kernel, 2 * shape.width - 1);
    int fan_in = n_taps(conv) * conv->n_in;
    char full[FLOW_NAME_SIZE];
    snprintf(full, sizeof full, "%.80s/kernel", name);
    flow_status status = flow_params_add_weights(params, &conv->weight, full, fan_in, n_out, init, fan_in, NULL, err);
    snprintf(full, sizeof full, "%.80s/bias", name);
    if (status == FLOW_OK)
        status = flow_params_add_weights(params, &conv->bias, full, n_out, 1, init, fan_in, NULL, err);
    if (status != FLOW_OK || flow_shape_pixels(shape) != 1)
        return status;
    conv->transposed = (flow_linear){.n_in = n_out, .n_out = conv->n_in, .weight = conv->weight};
    return flow_panels_make(&conv->transposed.panels, n_out, conv->n_in, NULL, err);
}

void flow_conv_release(flow_conv *conv)
{
    flow_linear_release(&conv->transposed);
    *conv = (flow_conv){0};
}

/* ------------------------------------------------------------------ panels and scratch */

/* The channels of a panel: all of them, or so many that `each` weights for each of them stay in the cache. */
static int conv_panel(int channels, size_t each)
{
    size_t fits = each > 0 ? CACHED / each / GRAIN * GRAIN : PANEL;
    int most = fits < GRAIN ? GRAIN : fits < PANEL ? (int)fits : PANEL;
    return flow_min(channels, most);
}

static bool copies_weights(const flow_conv *conv)
{
    return conv->n_out >= WIDE;
}

/* Without a copy the units of a panel are not closer together: there is one panel. */
static int apply_panel(const flow_conv *conv)
{
    return copies_weights(conv) ? conv_panel(conv->n_out, (size_t)n_taps(conv) * (size_t)conv->n_in) : conv->n_out;
}

static int backward_panel(const flow_conv *conv)
{
    return conv_panel(conv->n_in, (size_t)n_taps(conv) * (size_t)conv->n_out);
}

/* The gradient of the weights is formed along the side with more channels, whose pixels are transposed. */
static bool transposes_input(const flow_conv *conv)
{
    return conv->n_in > conv->n_out;
}

static int record_panel(const flow_conv *conv)
{
    return transposes_input(conv) ? backward_panel(conv)
                                  : conv_panel(conv->n_out, (size_t)n_taps(conv) * (size_t)conv->n_in);
}

/* The pixels of an image row that are transposed together. */
static int record_pixels(const flow_conv *conv, int n)
{
    int fits = TRANSPOSED / (record_panel(conv) * n + 1);
    return flow_min(flow_min(conv->width, PIXELS), fits < 1 ? 1 : fits);
}

typedef struct conv_scratch {
    real *copied;     /* apply: (taps, panel, n_in), the weights of a panel */
    real *gy;         /* backward: (panel, n), the gradient at the output of an activation */
    real *transposed; /* backward: (pixels, n, panel) */
    real *sums;       /* backward: (taps, n_out, panel) if the input is transposed */
} conv_scratch;

static size_t conv_lay_out(const flow_conv *conv, int n, void *scratch, conv_scratch *w)
{
    flow_layout apply = {.base = scratch}, backward = apply;
    size_t taps = (size_t)n_taps(conv), panel = (size_t)record_panel(conv);
    size_t copied = copies_weights(conv) ? taps * (size_t)apply_panel(conv) * (size_t)conv->n_in : 0;
    size_t sums = transposes_input(conv) ? taps * (size_t)conv->n_out * panel : 0;
    w->copied = flow_layout_take(&apply, copied, sizeof(real));
    w->gy = flow_layout_take(&backward, (size_t)backward_panel(conv) * (size_t)n, sizeof(real));
    w->transposed = flow_layout_take(&backward, (size_t)record_pixels(conv, n) * (size_t)n * panel, sizeof(real));
    w->sums = flow_layout_take(&backward, sums, sizeof(real));
    return apply.used > backward.used ? apply.used : backward.used;
}

size_t flow_conv_scratch_size(const flow_conv *conv, int n)
{
    conv_scratch w;
    return conv_lay_out(conv, n, NULL, &w);
}

/* ------------------------------------------------------------------ pixels */

/* The taps [from, to) that meet a pixel, along one side of the image. */
typedef struct conv_range {
    int from, to;
} conv_range;

/* Tap k of `taps` at place `at` meets place at + k - taps / 2 of `size`. */
static conv_range taps_inside(int taps, int at, int size)
{
    int before = taps / 2 - at;
    return (conv_range){before > 0 ? before : 0, flow_min(taps, size - at + taps / 2)};
}

static bool is_wanted(const flow_conv *conv, int pixel)
{
    return conv->wanted == NULL || conv->wanted[pixel];
}

/* A tap, and the pixel that it meets. */
typedef struct conv_meeting {
    int tap, pixel;
} conv_meeting;

/* Lists the taps at a pixel, from that of the output to those of the input, or with `back` from that of the input to
 * the wanted ones of the output. Returns their number. */
static int conv_meet(const flow_conv *conv, int row, int col, bool back, conv_meeting *list)
{
    conv_range rows = taps_inside(conv->rows, row, conv->height), cols = taps_inside(conv->cols, col, conv->width);
    int count = 0;
    for (int i = rows.from; i < rows.to; i++) {
        for (int j = cols.from; j < cols.to; j++) {
            int tap = i * conv->cols + j;
            int pixel = (row + i - conv->rows / 2) * conv->width + col + j - conv->cols / 2;
            if (!back || is_wanted(conv, pixel))
                list[count++] = (conv_meeting){back ? n_taps(conv) - 1 - tap : tap, pixel};
        }
    }
    return count;
}

/* ------------------------------------------------------------------ the layer and its backward */

/* One panel of the outputs at one pixel: `w` has the weights of tap 0, (n_in, panel) with rows n_out apart, or copied
 * (panel, n_in). */
static void apply_pixel(const flow_conv *conv, const real *w, int n, int row, int col, int panel, const real *x,
                        real beta, real *pre)
{
    const real *a[TAPS], *b[TAPS];
    conv_meeting list[TAPS];
    bool copied = copies_weights(conv);
    size_t tap = copied ? (size_t)panel * (size_t)conv->n_in : tap_size(conv);
    int count = conv_meet(conv, row, col, false, list);
    for (int k = 0; k < count; k++) {
        a[k] = w + (size_t)list[k].tap * tap;
        b[k] = x + (size_t)list[k].pixel * (size_t)conv->n_in * (size_t)n;
    }
    flow_gemm_sum(!copied, count, panel, n, conv->n_in, a, copied ? conv->n_in : conv->n_out, b, n, beta, pre, n);
}

static void copy_weights(const flow_conv *conv, const real *w, int panel, real *out)
{
    for (int t = 0; t < n_taps(conv); t++, w += tap_size(conv), out += (size_t)panel * (size_t)conv->n_in)
        flow_transpose(conv->n_in, panel, w, conv->n_out, out, conv->n_in);
}

/* Writes what is added to pre + at, `count` values: those at `place` of a pixel. */
static void add_term(flow_conv_term added, size_t at, size_t place, size_t count, real *pre)
{
    if (added.values == NULL)
        return;
    const real *from = added.values + (added.of_pixels ? at : place);
    if (from != pre + at)
        memcpy(pre + at, from, count * sizeof *pre);
}

void flow_conv_apply(const flow_conv *conv, const real *weights, int n, const real *x, flow_conv_term added,
                     flow_activation kind, real *pre, real *y, void *scratch)
{
    conv_scratch s;
    conv_lay_out(conv, n, scratch, &s);
    int width = apply_panel(conv);
    for (int first = 0; first < conv->n_out; first += width) {
        int panel = flow_min(conv->n_out - first, width);
        const real *w = weights + conv->weight + (size_t)first, *bias = weights + conv->bias + (size_t)first;
        if (copies_weights(conv)) {
            copy_weights(conv, w, panel, s.copied);
            w = s.copied;
        }
        for (int p = 0; p < conv->height * conv->width; p++) {
            if (!is_wanted(conv, p))
                continue;
            size_t at = ((size_t)p * (size_t)conv->n_out + (size_t)first) * (size_t)n;
            add_term(added, at, (size_t)first * (size_t)n, (size_t)panel * (size_t)n, pre);
            apply_pixel(conv, w, n, p / conv->width, p % conv->width, panel, x, added.values != NULL, pre + at);
            flow_activation_apply(kind, panel, n, bias, pre + at, y + at);
        }
    }
}

/* gx (panel, n), a panel of the inputs at one pixel: `w` has the weights of tap 0, (panel, n_out). */
static void backward_pixel(const flow_conv *conv, const real *w, int n, int row, int col, int panel, const real *gpre,
                           real *gx)
{
    const real *a[TAPS], *b[TAPS];
    conv_meeting list[TAPS];
    int count = conv_meet(conv, row, col, true, list);
    for (int k = 0; k < count; k++) {
        a[k] = w + (size_t)list[k].tap * tap_size(conv);
        b[k] = gpre + (size_t)list[k].pixel * (size_t)conv->n_out * (size_t)n;
    }
    if (count == 0)
        memset(gx, 0, (size_t)panel * (size_t)n * sizeof *gx);
    else
        flow_gemm_sum(false, count, panel, n, conv->n_out, a, conv->n_out, b, n, 0, gx, n);
}

/* What is needed for the gradient at the input. */
typedef struct conv_back {
    const real *weights, *gpre, *x_pre, *x;
    flow_activation kind;
    real *gx, *gy; /* gy (panel, n): at the output of the activation */
} conv_back;

/* The inputs [first, first + panel) of one image row. */
static void backward_row(const flow_conv *conv, const conv_back *b, int n, int first, int panel, int row)
{
    const real *w = b->weights + conv->weight + (size_t)first * (size_t)conv->n_out;
    for (int col = 0; col < conv->width; col++) {
        size_t at = ((size_t)(row * conv->width + col) * (size_t)conv->n_in + (size_t)first) * (size_t)n;
        bool linear = b->kind == FLOW_ACTIVATION_NONE;
        backward_pixel(conv, w, n, row, col, panel, b->gpre, linear ? b->gx + at : b->gy);
        if (!linear)
            flow_activation_backward(b->kind, panel, n, b->x_pre + at, b->x + at, b->gy, b->gx + at);
    }
}

/* ------------------------------------------------------------------ the gradient of the weights */

typedef struct conv_job {
    const flow_conv *conv;
    int n;
    const real *x, *g; /* the tile */
    int first, panel;  /* channels of the side that is transposed */
    real *transposed;  /* (pixels, n, panel), of some pixels of an image row */
    real *out;         /* see record_outputs and record_inputs */
} conv_job;

static const real *x_at(const conv_job *job, int row, int col)
{
    size_t pixel = (size_t)row * (size_t)job->conv->width + (size_t)col;
    return job->x + pixel * (size_t)job->conv->n_in * (size_t)job->n;
}

static const real *g_at(const conv_job *job, int row, int col)
{
    size_t pixel = (size_t)row * (size_t)job->conv->width + (size_t)col;
    return job->g + pixel * (size_t)job->conv->n_out * (size_t)job->n;
}

static void transpose_panel(const conv_job *job, const real *pixel, real *out)
{
    flow_transpose(job->panel, job->n, pixel + (size_t)job->first * (size_t)job->n, job->n, out, job->panel);
}

/* Whether the products with the taps of a kernel row are one. */
static bool joins_taps(const flow_conv *conv)
{
    enum { ROWS = 512 }; /* of one product, see num/gemm.c */
    return conv->cols * conv->n_in <= ROWS;
}

/* The kernel row i at pixels of image row `row` whose taps inside are the same `cols`: adds x g' to out, a panel of the
 * columns of W's gradient. */
static void add_x_g(const conv_job *job, int row, int i, conv_range cols, int count, const int *at,
                    const real *const *transposed)
{
    const flow_conv *conv = job->conv;
    const real *a[PIXELS];
    int step = joins_taps(conv) ? cols.to - cols.from : 1;
    for (int j = cols.from; j < cols.to; j += step) {
        for (int k = 0; k < count; k++)
            a[k] = x_at(job, row + i - conv->rows / 2, at[k] + j - conv->cols / 2);
        real *out = job->out + (size_t)(i * conv->cols + j) * tap_size(conv);
        flow_gemm_sum(false, count, step * conv->n_in, job->panel, job->n, a, job->n, transposed, job->panel, 1, out,
                      conv->n_out);
    }
}

/* Pixels [from, to) of an image row of g, which are transposed. `out` is the first column of the panel in W's gradient
 * (taps, n_in, n_out). */
static void record_outputs(const conv_job *job, int row, int from, int to)
{
    const flow_conv *conv = job->conv;
    conv_range rows = taps_inside(conv->rows, row, conv->height);
    const real *transposed[PIXELS];
    int at[PIXELS], n_pixels = 0;
    size_t size = (size_t)job->n * (size_t)job->panel;
    for (int c = from; c < to; c++) {
        if (!is_wanted(conv, row * conv->width + c))
            continue;
        at[n_pixels] = c;
        transposed[n_pixels] = job->transposed + (size_t)n_pixels * size;
        transpose_panel(job, g_at(job, row, c), job->transposed + (size_t)n_pixels * size);
        n_pixels++;
    }
    for (int i = rows.from; i < rows.to; i++) {
        for (int k = 0, count; k < n_pixels; k += count) {
            conv_range cols = taps_inside(conv->cols, at[k], conv->width), next = cols;
            for (count = 0; k + count < n_pixels && next.from == cols.from && next.to == cols.to;) {
                count++;
                if (k + count < n_pixels)
                    next = taps_inside(conv->cols, at[k + count], conv->width);
            }
            add_x_g(job, row, i, cols, count, at + k, transposed + k);
        }
    }
}

/* Pixels [from, to) of an image row of x, which are transposed. `out` (taps, n_out, panel) are sums of their own. */
static void record_inputs(const conv_job *job, int row, int from, int to)
{
    const flow_conv *conv = job->conv;
    const real *g[PIXELS], *transposed[PIXELS];
    size_t size = (size_t)job->n * (size_t)job->panel;
    for (int c = from; c < to; c++)
        transpose_panel(job, x_at(job, row, c), job->transposed + (size_t)(c - from) * size);
    for (int tap = 0; tap < n_taps(conv); tap++) {
        int g_row = row - tap / conv->cols + conv->rows / 2, back = conv->cols / 2 - tap % conv->cols, count = 0;
        for (int c = from; c < to && g_row >= 0 && g_row < conv->height; c++) {
            int g_col = c + back;
            if (g_col < 0 || g_col >= conv->width || !is_wanted(conv, g_row * conv->width + g_col))
                continue;
            g[count] = g_at(job, g_row, g_col);
            transposed[count++] = job->transposed + (size_t)(c - from) * size;
        }
        flow_gemm_sum(false, count, conv->n_out, job->panel, job->n, g, job->n, transposed, job->panel, 1,
                      job->out + (size_t)tap * (size_t)conv->n_out * (size_t)job->panel, job->panel);
    }
}

/* Adds the sums of record_inputs to W's gradient. */
static void add_sums_transposed(const flow_conv *conv, int first, int panel, const real *sums, real *gw)
{
    for (int tap = 0; tap < n_taps(conv); tap++, gw += tap_size(conv))
        for (int i = 0; i < panel; i++)
            for (int o = 0; o < conv->n_out; o++)
                gw[(size_t)(first + i) * (size_t)conv->n_out + (size_t)o] += sums[(tap * conv->n_out + o) * panel + i];
}

static void record_row(conv_job *job, int pixels, int row)
{
    const flow_conv *conv = job->conv;
    for (int col = 0; col < conv->width; col += pixels)
        (transposes_input(conv) ? record_inputs : record_outputs)(job, row, col, flow_min(conv->width, col + pixels));
}

/* The panel of channels from `first` on, whose gradient goes to gw (taps, n_in, n_out). */
static void record_start(conv_job *job, int first, int panel, const conv_scratch *s, real *gw)
{
    const flow_conv *conv = job->conv;
    bool inputs = transposes_input(conv);
    job->first = first;
    job->panel = panel;
    job->out = inputs ? s->sums : gw + first;
    if (inputs)
        memset(s->sums, 0, (size_t)n_taps(conv) * (size_t)conv->n_out * (size_t)panel * sizeof *s->sums);
}

static void record_finish(const conv_job *job, real *gw)
{
    if (transposes_input(job->conv))
        add_sums_transposed(job->conv, job->first, job->panel, job->out, gw);
}

/* The sums over the pixels of an image row of gpre, added to gadded. */
static void sum_row(const flow_conv *conv, int n, int row, const real *gpre, real *gadded)
{
    size_t size = (size_t)conv->n_out * (size_t)n;
    for (int p = row * conv->width, end = p + conv->width, count; p < end; p += count + 1) {
        for (count = 0; p + count < end && is_wanted(conv, p + count);)
            count++;
        flow_rows_add(count, size, gpre + (size_t)p * size, gadded);
    }
}

/* Row by row, so that the rows of gpre and x are in the cache for all that they are needed for. The gradient at a row
 * of the input may take the place of the row: it comes when no product needs the row any more. */
static void backward_together(const flow_conv *conv, const conv_back *b, int n, conv_job *job, const conv_scratch *s,
                              real *gadded, real *gw)
{
    int lag = conv->rows / 2, pixels = record_pixels(conv, n);
    if (gw != NULL)
        record_start(job, 0, record_panel(conv), s, gw);
    for (int row = 0; row < conv->height + lag; row++) {
        if (row < conv->height) {
            sum_row(conv, n, row, b->gpre, gadded);
            if (gw != NULL)
                record_row(job, pixels, row);
        }
        if (row >= lag)
            backward_row(conv, b, n, 0, conv->n_in, row - lag);
    }
    if (gw != NULL)
        record_finish(job, gw);
}

/* Panel by panel, all rows for each. */
static void backward_apart(const flow_conv *conv, const conv_back *b, int n, conv_job *job, const conv_scratch *s,
                           real *gadded, real *gw)
{
    int channels = transposes_input(conv) ? conv->n_in : conv->n_out, width = record_panel(conv);
    for (int row = 0; row < conv->height; row++)
        sum_row(conv, n, row, b->gpre, gadded);
    for (int first = 0; first < channels && gw != NULL; first += width) {
        record_start(job, first, flow_min(channels - first, width), s, gw);
        for (int row = 0; row < conv->height; row++)
            record_row(job, record_pixels(conv, n), row);
        record_finish(job, gw);
    }
    width = backward_panel(conv);
    for (int first = 0; first < conv->n_in; first += width)
        for (int row = 0; row < conv->height; row++)
            backward_row(conv, b, n, first, flow_min(conv->n_in - first, width), row);
}

void flow_conv_backward(const flow_conv *conv, const real *weights, int n, const real *x_pre, const real *x,
                        flow_activation kind, const real *gpre, real *gx, real *gadded, void *scratch, flow_tape *tape)
{
    conv_scratch s;
    conv_lay_out(conv, n, scratch, &s);
    const conv_back back = {weights, gpre, x_pre, x, kind, gx, s.gy};
    conv_job job = {.conv = conv, .n = n, .x = x, .g = gpre, .transposed = s.transposed};
    real *gw = tape != NULL && tape->gradient != NULL ? tape->gradient + conv->weight : NULL;
    bool one_panel =
        record_panel(conv) >= (transposes_input(conv) ? conv->n_in : conv->n_out) && backward_panel(conv) >= conv->n_in;
    memset(gadded, 0, (size_t)conv->n_out * (size_t)n * sizeof *gadded);
    (one_panel ? backward_together : backward_apart)(conv, &back, n, &job, &s, gadded, gw);
    flow_tape_vector(tape, conv->bias, conv->n_out, gadded);
    assert(tape == NULL || gw != NULL || (conv->height == 1 && conv->width == 1));
    if (tape != NULL && gw == NULL)
        flow_tape_linear(tape, &conv->transposed, gpre, x);
}
