/* The time of a training step on one thread: its parts, and the matrix products of one network.
 *
 *     build/test/bench/bench_step [--math float|bf16x3] [NAME...]
 *                                              the named workloads of test/bench/workloads/, or all that train
 *
 * The calls of a step (train/step.c) are measured one by one, and the matrix products are repeated alone. The sum of
 * the parts must agree with the time of a whole step. The gradients of images overwrite what the pass has left, and
 * those at the weights are formed along the way: there the pass is measured alone and with all gradients.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/peak.h"
#include "bench/workload.h"
#include "core/memory.h"
#include "num/gemm.h"
#include "num/vector.h"

enum { ROUNDS = 11, TILES_MAX = 16, LAYERS_MAX = 8 };

static const double slice = 0.02; /* seconds */

typedef struct parts {
    workload w;
    bool image;
    int n_tiles, n; /* rows of a tile */
    flow_workspace *ws[TILES_MAX];
    const real *z[TILES_MAX]; /* latent rows of the last pass */
    flow_tape tapes[TILES_MAX];
    real *gradients[TILES_MAX]; /* of images */
    real *scratch;              /* as large as the widest activation or gradient of a tile */
} parts;

/* ------------------------------------------------------------------ the parts */

static void forward(void *context)
{
    parts *s = context;
    const flow *f = s->w.f;
    for (int t = 0; t < s->n_tiles; t++) {
        flow_workspace *ws = s->ws[t];
        double logp[FLOW_TILE];
        flow_tile_load(f, ws, s->w.rows + (size_t)t * (size_t)s->n * (size_t)f->dim, s->n);
        flow_tile_logp(f, s->w.weights, ws, s->n, logp, &s->z[t]);
        for (int j = 0; j < s->n; j++)
            ws->glogdet[j] = (real)(-1 / (double)s->w.batch);
    }
}

static void backward(void *context)
{
    parts *s = context;
    for (int t = 0; t < s->n_tiles; t++) {
        if (s->image)
            memset(s->gradients[t], 0, s->w.f->params.n_weights * sizeof *s->gradients[t]);
        flow_tile_logp_backward(s->w.f, s->w.weights, s->ws[t], s->n, s->z[t], NULL);
        s->tapes[t] = s->ws[t]->tape;
    }
}

static void both(void *context)
{
    forward(context);
    backward(context);
}

static void gradient(void *context)
{
    parts *s = context;
    const size_t n_weights = s->w.f->params.n_weights;
    if (!s->image) {
        flow_tapes_gradient(s->tapes, s->n_tiles, 1, n_weights, s->w.gradient);
        return;
    }
    memcpy(s->w.gradient, s->gradients[0], n_weights * sizeof *s->w.gradient);
    for (int t = 1; t < s->n_tiles; t++)
        flow_vec_add(n_weights, s->gradients[t], s->w.gradient);
}

static void norm(void *context)
{
    parts *s = context;
    flow_optimizer_norm(s->w.optimizer, s->w.gradient, 1);
}

static void optimizer(void *context)
{
    parts *s = context;
    flow_optimizer_step(s->w.optimizer, 1e-12, 1, s->w.gradient, s->w.weights, s->w.average, s->w.made.options.ema, 1);
}

static void whole(void *context)
{
    workload_train(&((parts *)context)->w);
}

/* ------------------------------------------------------------------ products */

/* The products of nn/linear.c and nn/tape.c for one layer of one tile. */
typedef struct layer {
    const flow_linear *linear;
    const flow_record *record;
    parts *of;
} layer;

static void layer_forward(void *context)
{
    const layer *at = context;
    const flow_linear *l = at->linear;
    for (int q = 0; q < l->panels.n_forward; q++) {
        flow_panel panel = l->panels.forward[q];
        const real *w = at->of->w.weights + l->weight + (size_t)panel.first * (size_t)l->n_in;
        flow_gemm(false, false, panel.count, FLOW_TILE, panel.depth, w, panel.stride * l->n_in, at->record->x,
                  FLOW_TILE, 0, at->of->scratch + (size_t)panel.first * FLOW_TILE, panel.stride * FLOW_TILE);
    }
}

static void layer_backward(void *context)
{
    const layer *at = context;
    flow_linear_backward(at->linear, at->of->w.weights, FLOW_TILE, at->record->g, at->of->scratch);
}

/* For all tiles together, as in a step. */
static void layer_gradient(void *context)
{
    const layer *at = context;
    parts *s = at->of;
    flow_tapes_products(s->tapes, s->n_tiles, (int)(at->record - s->tapes[0].records), s->w.gradient);
}

static void for_all_layers(parts *s, void (*work)(void *layer))
{
    for (int t = 0; t < s->n_tiles; t++)
        for (int k = 0; k < s->tapes[t].n_records; k++)
            if (s->tapes[t].records[k].linear != NULL)
                work(&(layer){s->tapes[t].records[k].linear, &s->tapes[t].records[k], s});
}

static void products_forward(void *context)
{
    for_all_layers(context, layer_forward);
}

static void products_backward(void *context)
{
    for_all_layers(context, layer_backward);
}

static void products_gradient(void *context)
{
    parts *s = context;
    for (int k = 0; k < s->tapes[0].n_records; k++)
        if (s->tapes[0].records[k].linear != NULL)
            flow_tapes_products(s->tapes, s->n_tiles, k, s->w.gradient);
}

/* ------------------------------------------------------------------ opening */

static void parts_open(parts *s, const workload_source *source)
{
    *s = (parts){.n_tiles = 0};
    workload_open(&s->w, source, 1);
    s->image = flow_shape_pixels(s->w.f->shape) > 1;
    s->n = s->w.f->tile_rows;
    s->n_tiles = (int)(s->w.batch / (size_t)s->n);
    if (s->n_tiles > TILES_MAX)
        bench_stop("the batch is too large");
    int widest = s->w.f->dim;
    for (int e = 0; e < s->w.f->params.n_entries; e++)
        widest = s->w.f->params.entries[e].rows > widest ? s->w.f->params.entries[e].rows : widest;
    s->scratch = bench_checked(flow_alloc_aligned((size_t)widest * FLOW_TILE, sizeof *s->scratch));
    flow_error err;
    for (int t = 0; t < s->n_tiles; t++) {
        workload_check(flow_workspace_new(&s->ws[t], s->w.f, s->n, true, &err), &err);
        if (s->image)
            s->gradients[t] = bench_checked(flow_alloc_aligned(s->w.f->params.n_weights, sizeof(real)));
        s->ws[t]->tape.gradient = s->gradients[t];
    }
    both(s);
}

static void parts_close(parts *s)
{
    for (int t = 0; t < s->n_tiles; t++) {
        flow_workspace_free(s->ws[t]);
        flow_free_aligned(s->gradients[t]);
    }
    flow_free_aligned(s->scratch);
    workload_close(&s->w);
}

/* The layers of the network nearest to the base, from its input on. Their records are the first layers on the tape. */
static int layers_of(parts *s, layer *layers)
{
    const flow *f = s->w.f;
    const flow_tape *tape = &s->tapes[0];
    int first = 0, n = 0; /* the vectors before them are the weights of the base */
    while (first < tape->n_records && tape->records[first].linear == NULL)
        first++;
    const flow_record *records = tape->records + first;
    size_t start = 0; /* of the weights of that block */
    for (int b = 0; first < tape->n_records && b < f->n_blocks; b++)
        for (int e = f->blocks[b]->last_param - 1; e >= f->blocks[b]->first_param; e--)
            if (f->params.entries[e].trainable && f->params.entries[e].offset <= records[0].linear->weight)
                start = f->params.entries[e].offset;
    while (first + n < tape->n_records && n < LAYERS_MAX && records[n].linear != NULL &&
           records[n].linear->weight >= start)
        n++;
    for (int k = 0; k < n; k++)
        layers[k] = (layer){records[n - 1 - k].linear, &records[n - 1 - k], s};
    return n;
}

/* ------------------------------------------------------------------ measuring */

enum { PART_FORWARD, PART_BACKWARD, PART_GRADIENT, PART_NORM, PART_OPTIMIZER, PART_WHOLE, PART_PRODUCTS_FORWARD,
       PART_PRODUCTS_BACKWARD, PART_PRODUCTS_GRADIENT, N_PARTS };

static void (*const part_work[N_PARTS])(void *) = {forward, backward, gradient, norm, optimizer, whole,
                                                   products_forward, products_backward, products_gradient};

static void (*const layer_work[3])(void *) = {layer_forward, layer_backward, layer_gradient};

typedef struct measurement {
    workload_source source;
    parts parts;
    layer layers[LAYERS_MAX];
    int n_layers; /* 0: the products of images, and of a block that solves an equation, are not on a tape */
    bench_item clock, peak;
    bench_item part[N_PARTS];
    bench_item product[LAYERS_MAX][3];
} measurement;

enum { ITEMS_MAX = 2 + N_PARTS + 3 * LAYERS_MAX };

static void measure(measurement *m, const char *name)
{
    bench_item *items[ITEMS_MAX];
    int n = 0;
    workload_read(&m->source, name);
    parts_open(&m->parts, &m->source);
    m->clock = bench_clock_item();
    m->peak = bench_peak_item(1);
    if (m->clock.work != NULL)
        items[n++] = &m->clock;
    items[n++] = &m->peak;
    m->n_layers = layers_of(&m->parts, m->layers);
    for (int k = 0; k < (m->n_layers > 0 ? N_PARTS : PART_PRODUCTS_FORWARD); k++) {
        bool with_pass = m->parts.image && k == PART_BACKWARD;
        m->part[k] = (bench_item){.work = with_pass ? both : part_work[k], .context = &m->parts, .n_threads = 1};
        items[n++] = &m->part[k];
    }
    for (int l = 0; l < m->n_layers; l++) {
        for (int k = 0; k < 3; k++) {
            m->product[l][k] = (bench_item){.work = layer_work[k], .context = &m->layers[l], .n_threads = 1};
            items[n++] = &m->product[l][k];
        }
    }
    bench_run(items, n, ROUNDS, slice);
}

/* ------------------------------------------------------------------ printing */

static double live_of(const flow_linear *l)
{
    double live = 0;
    for (int unit = 0; unit < l->n_out; unit++)
        live += l->extent != NULL ? l->extent[unit] : l->n_in;
    return live;
}

/* The multiply-adds per data row of the products of a kind. */
static double computed_of(const flow_linear *l, int kind)
{
    double computed = 0;
    for (int q = 0; kind != 1 && q < l->panels.n_forward; q++)
        computed += (double)l->panels.forward[q].count * l->panels.forward[q].depth;
    for (int q = 0; kind == 1 && q < l->panels.n_backward; q++) {
        flow_back_panel panel = l->panels.backward[q];
        computed += (double)panel.planes * panel.count * (panel.to - panel.from);
    }
    return computed;
}

/* The share of the computed multiply-adds that are not behind a mask: with panels the products of a step can reach this
 * share of the peak. */
static double live_share(const flow_tape *tape)
{
    double live = 0, computed = 0;
    for (int k = 0; k < tape->n_records; k++) {
        const flow_linear *l = tape->records[k].linear;
        for (int kind = 0; l != NULL && kind < 3; kind++) {
            live += live_of(l);
            computed += computed_of(l, kind);
        }
    }
    return live / computed;
}

static void print_product(const measurement *m, int l, int kind)
{
    static const char *const names[3] = {"pass", "gradient at the input", "gradient at the weights"};
    const flow_linear *linear = m->layers[l].linear;
    const bench_item *item = &m->product[l][kind];
    double computed = computed_of(linear, kind);
    double flops = 2 * computed * FLOW_TILE * (kind == 2 ? m->parts.n_tiles : 1);
    bench_figure share = bench_ratio(&m->peak, item, ROUNDS);
    char shape[32];
    snprintf(shape, sizeof shape, "%d -> %d", linear->n_in, linear->n_out);
    int calls = kind == 1 ? linear->panels.n_backward : linear->panels.n_forward;
    printf("    %-12s %-24s %5d %7.0f %% %9.1f %6.0f %%\n", kind == 0 ? shape : "", names[kind], calls,
           100 * live_of(linear) / computed, flops / bench_seconds(item, ROUNDS) / 1e9,
           100 * share.median * flops / bench_peak_flops(1));
}

static void print_products(const measurement *m)
{
    if (m->n_layers == 0)
        return;
    printf("    %.0f %% of what all products compute is not behind a mask\n", 100 * live_share(&m->parts.tapes[0]));
    printf("    %-12s %-24s %5s %9s %9s %8s\n", "layer", "product", "calls", "live", "GFLOP/s", "of peak");
    for (int l = 0; l < m->n_layers; l++)
        for (int kind = 0; kind < 3; kind++)
            print_product(m, l, kind);
}

static void print_line(const char *name, double seconds, double of)
{
    printf("    %-34s %9.1f us %5.1f %%\n", name, 1e6 * seconds, 100 * seconds / of);
}

static void print_parts(const measurement *m)
{
    static const char *const names[3][3] = {
        {"pass", "pass: matrix products", "pass: the rest"},
        {"gradient at the rows", "gradient at the rows: products", "gradient at the rows: the rest"},
        {"gradient at the weights", "gradient at the weights: products", "gradient at the weights: sums"}};
    static const char *const image_names[3] = {"pass", "gradients at the rows and weights", "sum over the tiles"};
    double part[N_PARTS], sum = 0;
    for (int k = 0; k < N_PARTS; k++)
        part[k] = bench_seconds(&m->part[k], ROUNDS);
    if (m->parts.image)
        part[PART_BACKWARD] -= part[PART_FORWARD];
    for (int k = 0; k < PART_WHOLE; k++)
        sum += part[k];
    for (int k = 0; k < 3; k++) {
        double products = part[PART_PRODUCTS_FORWARD + k];
        if (m->n_layers == 0) {
            print_line(m->parts.image ? image_names[k] : names[k][0], part[k], sum);
        } else {
            print_line(names[k][1], products, sum);
            print_line(names[k][2], part[k] - products, sum);
        }
    }
    print_line("norm of the gradient", part[PART_NORM], sum);
    print_line("optimizer", part[PART_OPTIMIZER], sum);
    print_line("the parts together", sum, sum);
    print_line("a step, measured whole", part[PART_WHOLE], sum);
}

static void profile(const char *name)
{
    static measurement m;
    m = (measurement){.n_layers = 0};
    measure(&m, name);
    printf("\n%s, %s: a step of %zu rows\n    ", name, m.source.title, m.parts.w.batch);
    bench_print_peak(&m.peak, 1, &m.clock, ROUNDS);
    print_parts(&m);
    print_products(&m);
    fflush(stdout);
    parts_close(&m.parts);
    workload_release(&m.source);
}

static bool trains(const char *name)
{
    workload_source source;
    workload_read(&source, name);
    bool trains = source.tasks[TASK_TRAIN];
    workload_release(&source);
    return trains;
}

int main(int argc, char **argv)
{
    enum { NAMES_MAX = 32 };
    char names[NAMES_MAX][64];
    double began = bench_now();
    const bool chooses = argc > 2 && strcmp(argv[1], "--math") == 0;
    if (chooses)
        bench_choose_math(argv[2]);
    argv += chooses ? 2 : 0;
    argc -= chooses ? 2 : 0;
    bench_print_machine();
    printf("products         on tiles of %d rows, by one network; what is computed behind masks counts\n", FLOW_TILE);
    fflush(stdout);
    for (int k = 1; k < argc; k++)
        profile(argv[k]);
    int n = argc > 1 ? 0 : workload_names(names, NAMES_MAX);
    for (int k = 0; k < n; k++)
        if (trains(names[k]))
            profile(names[k]);
    printf("\n%.0f s\n", bench_now() - began);
    return 0;
}
