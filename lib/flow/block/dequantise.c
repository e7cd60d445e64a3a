/* Variational dequantisation (Ho et al. 2019, sec. 3.1). Behind the column map `pixels`, which spreads a pixel x
 * uniformly over its cell, x + u, this block goes on to x + g(u; x), where g is an invertible map of (0, 1)^d for every
 * image x:
 *
 *     w = logit(u),   w -> (w - m) exp(-s) in `steps` maps,   g = sigmoid(w)
 *
 * The flow behind it then gives a lower bound of log P(x) whose noise, the law of g, is trained with it.
 *
 * A network gives m and s of each map. The first map changes all of w, and its network sees x. In those that follow
 * every other pixel passes, as on a checkerboard (every other channel where there is one pixel), and the network sees
 * these, too, as tanh(w / 2), which is 2 sigmoid(w) - 1. The last layers of the networks start at zero: then g is the
 * identity.
 *
 * The block is a bijection of the real numbers: it does not change a z that belongs to no pixel. z is turned into x and
 * w, and back, in double.
 * Rounding must not take z into another cell, so u and g are kept off 0 and 1. The log-determinant is that of g before
 * that, so that noise beyond the edges gains nothing. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/block.h"
#include "flow/block/options.h"
#include "flow/column/options.h"
#include "flow/conditioner/conditioners.h"
#include "flow/registry.h"
#include "flow/univariate/options.h"
#include "flow/univariate/univariates.h"
#include "num/vecmath.h"

/* How far g keeps away from 0 and 1: 256 units of rounding, for a cell is a 256th of the range of z; and that where
 * flow_noise.inner is true. */
static const double edge = 256 * (sizeof(real) == sizeof(double) ? DBL_EPSILON : FLT_EPSILON);
static const double inner_edge = FLOW_NOISE_INNER;

enum { STEPS_MAX = 16 };

typedef struct dequantise {
    int pixels, channels, dim, n_context, n_steps;
    bool *odd;       /* (dim): its place on the board */
    bool *wanted[2]; /* (pixels): those that a map of even or odd number changes, behind the first one */
    flow_conditioner nets[STEPS_MAX]; /* by the number of the map, from the data */
    bool logit;
    int levels;
    double alpha, slope; /* s = alpha + slope (level + u), z = logit(s) or s */
} dequantise;

/* The univariate of all maps; zero parameters are the identity. */
static const flow_univariate_type *const affine = &flow_univariate_affine;
static const flow_affine_options affine_options = {.bound = 3};

static const flow_option dequantise_table[] = {
    FLOW_KEY_INT(flow_dequantise_options, steps, "3", 1, STEPS_MAX,
                 "maps of the noise: the first one looks at the image alone, the others at a part of the noise, too"),
    FLOW_KEY_CHOICE(flow_dequantise_options, conditioner, "{\"type\": \"network\", \"hidden\": [16]}",
                    &flow_conditioners, "the network of each map"),
    FLOW_CONDITIONER_KEYS,
    FLOW_OPTIONS_END,
};

static bool dequantise_changes(const dequantise *block, int step, int i)
{
    return step == 0 || block->odd[i] == (step % 2 == 1);
}

/* Of a pixel: x, and what passes of w. */
static int dequantise_n_inputs(const dequantise *block, int step)
{
    return (step == 0 ? 1 : 2) * block->channels;
}

static flow_status dequantise_divide(dequantise *block, int width, flow_error *err)
{
    block->odd = calloc((size_t)block->dim, sizeof *block->odd);
    for (int side = 0; side < 2; side++)
        block->wanted[side] = calloc((size_t)block->pixels, sizeof *block->wanted[side]);
    if (block->odd == NULL || block->wanted[0] == NULL || block->wanted[1] == NULL)
        return flow_error_memory(err, "the mask of a dequantisation");
    for (int i = 0; i < block->dim; i++) {
        int pixel = i / block->channels, place = block->pixels > 1 ? pixel / width + pixel % width : i;
        block->odd[i] = place % 2 == 1;
        block->wanted[block->odd[i]][pixel] = true;
    }
    return FLOW_OK;
}

static flow_status dequantise_configure(void *self, const void *options, const flow_block_context *context,
                                        flow_params *params, flow_error *err)
{
    dequantise *block = self;
    const flow_dequantise_options *asked = options;
    const flow_pixels_options *pixels = context->column_map.options;
    if (context->column_map.type != &flow_column_pixels.info)
        return flow_error_set(err, FLOW_SPEC,
                              "\"dequantise\" shapes the noise of \"pixels\", and stands directly "
                              "behind it");
    *block = (dequantise){.pixels = flow_shape_pixels(context->shape),
                          .channels = context->shape.channels,
                          .dim = context->dims.n,
                          .n_context = context->n_context,
                          .n_steps = (int)asked->steps,
                          .logit = pixels->map == FLOW_PIXELS_LOGIT,
                          .levels = (int)pixels->levels};
    block->alpha = block->logit ? pixels->alpha : -0.5;
    block->slope = (block->logit ? 1 - 2 * pixels->alpha : 1) / block->levels;
    FLOW_TRY(dequantise_divide(block, context->shape.width, err));
    const size_t length = strlen(params->prefix);
    flow_status status = FLOW_OK;
    for (int step = 0; step < block->n_steps && status == FLOW_OK; step++) {
        const flow_conditioner_task task = {.shape = context->shape,
                                            .n_inputs = dequantise_n_inputs(block, step),
                                            .n_context = block->n_context,
                                            .n_outputs = 2 * block->channels,
                                            .wanted = step > 0 && block->pixels > 1 ? block->wanted[step % 2] : NULL};
        snprintf(params->prefix + length, sizeof params->prefix - length, "step%d/", step);
        status = flow_conditioner_new(&block->nets[step], &asked->conditioner, &task, params, err);
    }
    params->prefix[length] = '\0';
    return status;
}

static void dequantise_release(void *self)
{
    dequantise *block = self;
    for (int step = 0; step < STEPS_MAX; step++)
        flow_conditioner_release(&block->nets[step]);
    free(block->odd);
    free(block->wanted[0]);
    free(block->wanted[1]);
}

/* ---- memory ---- */

typedef struct step_scratch {
    real *condition; /* (pixels, n_inputs, n) and (n_context, n): the input of the network */
    real *theta;     /* (pixels, 2, channels, n) */
    real *gtheta;    /* of a row of one pixel here, for the tape; otherwise spare */
    void *net;
} step_scratch;

typedef struct dequantise_scratch {
    real *level; /* (dim, n): x, from 0 to levels - 1; -1: z belongs to no pixel */
    real *w;     /* (n_steps + 1, dim, n): in front of each map in the direction of the pass, and behind the last one */
    real *enter, *enter_logdet, *leave, *leave_logdet; /* (dim, n): the slopes of w and of its log-determinant at the
                                                          input, and of the output and its log-determinant at w */
    step_scratch steps[STEPS_MAX];
    real *gw[2], *gcondition, *gtheta; /* spare */
    void *net_spare;
} dequantise_scratch;

static size_t dequantise_condition_size(const dequantise *block, int step, int n)
{
    return (size_t)(block->pixels * dequantise_n_inputs(block, step) + block->n_context) * (size_t)n;
}

/* As in coupling.c. The networks share the spare memory. */
static void dequantise_lay_out(const dequantise *block, int n, bool keep, flow_layout *stays, flow_layout *goes,
                               dequantise_scratch *w)
{
    const size_t count = (size_t)block->dim * (size_t)n;
    size_t largest = 0;
    *w = (dequantise_scratch){0};
    w->level = flow_layout_take(stays, count, sizeof(real));
    w->w = flow_layout_take(stays, (size_t)(block->n_steps + 1) * count, sizeof(real));
    for (int step = 0; step < block->n_steps; step++) {
        const flow_conditioner *net = &block->nets[step];
        step_scratch *s = &w->steps[step];
        size_t net_spare;
        s->condition = flow_layout_take(stays, dequantise_condition_size(block, step, n), sizeof(real));
        s->theta = flow_layout_take(stays, 2 * count, sizeof(real));
        s->net = flow_layout_take(stays, net->type->scratch_size(net->state, n, keep, &net_spare), 1);
        if (keep && block->pixels == 1)
            s->gtheta = flow_layout_take(stays, 2 * count, sizeof(real));
        largest = net_spare > largest ? net_spare : largest;
    }
    w->net_spare = flow_layout_take(goes, largest, 1);
    if (!keep)
        return;
    real **slopes[] = {&w->enter, &w->enter_logdet, &w->leave, &w->leave_logdet};
    for (size_t k = 0; k < sizeof slopes / sizeof *slopes; k++)
        *slopes[k] = flow_layout_take(stays, count, sizeof(real));
    w->gw[0] = flow_layout_take(goes, count, sizeof(real));
    w->gw[1] = flow_layout_take(goes, count, sizeof(real));
    w->gcondition = flow_layout_take(goes, dequantise_condition_size(block, block->n_steps - 1, n), sizeof(real));
    w->gtheta = flow_layout_take(goes, block->pixels > 1 ? 2 * count : 0, sizeof(real));
}

static size_t dequantise_scratch_size(const void *self, int n, bool keep)
{
    flow_layout stays = {0}, goes = {0};
    dequantise_scratch w;
    dequantise_lay_out(self, n, keep, &stays, &goes, &w);
    return stays.used;
}

static size_t dequantise_spare_size(const void *self, int n, bool keep)
{
    flow_layout stays = {0}, goes = {0};
    dequantise_scratch w;
    dequantise_lay_out(self, n, keep, &stays, &goes, &w);
    return goes.used;
}

/* The pass of the networks, which have spare memory of their own. */
static flow_pass dequantise_start(const dequantise *block, const flow_pass *pass, dequantise_scratch *w)
{
    flow_layout stays = {.base = pass->scratch}, goes = {.base = pass->spare};
    dequantise_lay_out(block, pass->n, pass->keep, &stays, &goes, w);
    flow_pass own = *pass;
    own.spare = w->net_spare;
    return own;
}

/* ---- both ends ---- */

static double dequantise_keep_off(double u, double least)
{
    return u < least ? least : u > 1 - least ? 1 - least : u;
}

/* From z to the level and w. */
static void dequantise_enter(const dequantise *block, int n, const real *in, const dequantise_scratch *w,
                             double *logdet)
{
    const size_t count = (size_t)block->dim * (size_t)n;
    for (size_t k = 0; k < count; k++) {
        double z = (double)in[k], s = block->logit ? 1 / (1 + exp(-z)) : z;
        double cells = (s - block->alpha) / block->slope, level = floor(cells);
        const bool inside = level >= 0 && level < block->levels;
        double u = dequantise_keep_off(cells - level, edge), spread = u * (1 - u);
        double du = (block->logit ? s * (1 - s) : 1) / block->slope; /* du/dz */
        w->level[k] = inside ? (real)level : -1;
        w->w[k] = inside ? (real)log(u / (1 - u)) : 0;
        logdet[k % (size_t)n] += inside ? log(du / spread) : 0;
        if (w->enter == NULL)
            continue;
        const double moves = inside && u == cells - level ? du / spread : 0;
        w->enter[k] = (real)moves;
        w->enter_logdet[k] = inside ? (real)((block->logit ? 1 - 2 * s : 0) - moves * (1 - 2 * u)) : 0;
    }
}

/* From the level and w to z; `in` is the tile that has entered. */
static void dequantise_leave(const dequantise *block, int n, double least, const real *in, const dequantise_scratch *w,
                             real *out, double *logdet)
{
    const size_t count = (size_t)block->dim * (size_t)n;
    const real *last = w->w + (size_t)block->n_steps * count;
    for (size_t k = 0; k < count; k++) {
        const bool inside = w->level[k] >= 0;
        double at = (double)last[k], e = exp(-fabs(at));
        double whole = (at < 0 ? e : 1) / (1 + e), u = dequantise_keep_off(whole, least);
        double s = block->alpha + block->slope * ((double)w->level[k] + u), rest = block->logit ? 1 - s : 1;
        double ds = block->logit ? s * rest : 1; /* ds/dz */
        out[k] = !inside ? in[k] : (real)(block->logit ? log(s / rest) : s);
        logdet[k % (size_t)n] += inside ? log(block->slope / ds) - fabs(at) - 2 * log1p(e) : 0;
        if (w->leave == NULL)
            continue;
        const double moves = inside && u == whole ? block->slope * u * (1 - u) / ds : 0; /* dz/dw */
        w->leave[k] = (real)moves;
        w->leave_logdet[k] = inside ? (real)(1 - 2 * whole - (block->logit ? moves * (1 - 2 * s) : 0)) : 0;
    }
}

/* ---- the maps between them ---- */

/* What the network sees, from the noise in front of the map. */
static void dequantise_show(const dequantise *block, int step, const flow_pass *pass, const real *level, const real *w,
                            real *condition)
{
    const size_t n = (size_t)pass->n;
    const int n_inputs = dequantise_n_inputs(block, step);
    const real scale = (real)2 / (real)(block->levels - 1);
    for (int i = 0; i < block->dim; i++, level += n, w += n) {
        real *x = condition + (size_t)(i / block->channels * n_inputs + i % block->channels) * n;
        for (size_t j = 0; j < n; j++)
            x[j] = scale * level[j] - 1;
        if (step == 0)
            continue;
        real *seen = x + (size_t)block->channels * n;
        for (size_t j = 0; j < n; j++)
            seen[j] = dequantise_changes(block, step, i) ? 0 : w[j] / 2;
        flow_vec_tanh(n, seen, seen);
    }
    if (block->n_context > 0)
        memcpy(condition + (size_t)(block->pixels * n_inputs) * n, pass->context,
               (size_t)block->n_context * n * sizeof *condition);
}

/* Makes the parameters zero, or the gradients at these, where the map changes nothing. */
static void dequantise_mask(const dequantise *block, int step, size_t n, const real *level, real *theta)
{
    const size_t plane = (size_t)block->channels * n;
    for (int i = 0; i < block->dim; i++, level += n) {
        real *m = theta + (size_t)(i / block->channels) * 2 * plane + (size_t)(i % block->channels) * n, *s = m + plane;
        const bool changes = dequantise_changes(block, step, i);
        for (size_t j = 0; j < n; j++) {
            const bool here = changes && level[j] >= 0;
            m[j] = here ? m[j] : 0;
            s[j] = here ? s[j] : 0;
        }
    }
}

/* The map that is passed in place `k` of the pass. */
static int dequantise_step_at(const dequantise *block, const flow_pass *pass, int k)
{
    return pass->direction == FLOW_TO_LATENT ? k : block->n_steps - 1 - k;
}

static void dequantise_step(const dequantise *block, int k, const flow_pass *pass, dequantise_scratch *w,
                            double *logdet)
{
    const int step = dequantise_step_at(block, pass, k);
    const size_t n = (size_t)pass->n, count = (size_t)block->dim * n, plane = (size_t)block->channels * n;
    const flow_conditioner *net = &block->nets[step];
    step_scratch *s = &w->steps[step];
    const real *in = w->w + (size_t)k * count;
    real *out = w->w + (size_t)(k + 1) * count;
    dequantise_show(block, step, pass, w->level, in, s->condition);
    net->type->apply(net->state, pass, s->condition, s->theta, s->net);
    dequantise_mask(block, step, n, w->level, s->theta);
    for (size_t p = 0; p < (size_t)block->pixels; p++)
        affine->map[pass->direction](&affine_options, block->channels, pass->n, in + p * plane,
                                     s->theta + 2 * p * plane, plane, out + p * plane, logdet);
}

/* From the gradient behind the map to that in front of it. */
static void dequantise_step_backward(const dequantise *block, int k, const flow_pass *pass, dequantise_scratch *w,
                                     const real *gout, real *gin)
{
    const int step = dequantise_step_at(block, pass, k), n_inputs = dequantise_n_inputs(block, step);
    const size_t n = (size_t)pass->n, count = (size_t)block->dim * n, plane = (size_t)block->channels * n;
    const flow_conditioner *net = &block->nets[step];
    step_scratch *s = &w->steps[step];
    const real *in = w->w + (size_t)k * count, *out = in + count;
    real *gtheta = s->gtheta != NULL ? s->gtheta : w->gtheta;
    assert(s->condition != NULL && gtheta != NULL);
    for (size_t p = 0; p < (size_t)block->pixels; p++)
        affine->backward[pass->direction](&affine_options, block->channels, pass->n, in + p * plane,
                                          s->theta + 2 * p * plane, plane, out + p * plane, gout + p * plane,
                                          pass->glogdet, gin + p * plane, gtheta + 2 * p * plane);
    dequantise_mask(block, step, n, w->level, gtheta);
    net->type->backward(net->state, pass, s->condition, gtheta, w->gcondition, s->net);
    for (int i = 0; i < block->dim && step > 0; i++) {
        if (dequantise_changes(block, step, i))
            continue;
        size_t at = (size_t)(i / block->channels * n_inputs + block->channels + i % block->channels) * n;
        const real *seen = s->condition + at, *gseen = w->gcondition + at;
        for (size_t j = 0; j < n; j++)
            gin[(size_t)i * n + j] += gseen[j] * (1 - seen[j] * seen[j]) / 2;
    }
    const real *gcontext = w->gcondition + (size_t)(block->pixels * n_inputs) * n;
    for (size_t j = 0; pass->gcontext != NULL && j < (size_t)block->n_context * n; j++)
        pass->gcontext[j] += gcontext[j];
}

static void dequantise_map(const void *self, const flow_pass *pass, const real *in, real *out, double *logdet)
{
    const dequantise *block = self;
    const bool inner = pass->direction == FLOW_TO_LATENT && pass->noise != NULL && pass->noise->inner;
    dequantise_scratch w;
    const flow_pass own = dequantise_start(block, pass, &w);
    dequantise_enter(block, pass->n, in, &w, logdet);
    for (int k = 0; k < block->n_steps; k++)
        dequantise_step(block, k, &own, &w, logdet);
    dequantise_leave(block, pass->n, inner ? inner_edge : edge, in, &w, out, logdet);
}

static void dequantise_backward(const void *self, const flow_pass *pass, const real *gout, real *gin)
{
    assert(pass->keep);
    const dequantise *block = self;
    const size_t n = (size_t)pass->n, count = (size_t)block->dim * n;
    dequantise_scratch w;
    const flow_pass own = dequantise_start(block, pass, &w);
    real *g = w.gw[0], *next = w.gw[1];
    for (size_t k = 0; k < count; k++)
        g[k] = gout[k] * w.leave[k] + pass->glogdet[k % n] * w.leave_logdet[k];
    for (int k = block->n_steps - 1; k >= 0; k--) {
        dequantise_step_backward(block, k, &own, &w, g, next);
        real *last = g;
        g = next;
        next = last;
    }
    for (size_t k = 0; k < count; k++)
        gin[k] = w.level[k] < 0 ? gout[k] : g[k] * w.enter[k] + pass->glogdet[k % n] * w.enter_logdet[k];
}

const flow_block_type flow_block_dequantise = {
    .info = {FLOW_INFO("dequantise", "variational dequantisation: noise of pixels whose density is trained",
                       dequantise_table, flow_dequantise_options)},
    .state_size = sizeof(dequantise),
    .configure = dequantise_configure,
    .release = dequantise_release,
    .scratch_size = dequantise_scratch_size,
    .spare_size = dequantise_spare_size,
    .map = {dequantise_map, dequantise_map},
    .backward = {dequantise_backward, dequantise_backward},
};
