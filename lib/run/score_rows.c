/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "num/moments.h"
#include "run/format.h"
#include "run/given.h"
#include "run/own_draws.h"
#include "run/root.h"
#include "run/score.h"
#include "run/weighed.h"

static const double unusual_score = 0.01;

enum { TAIL_BINS = 1 << 16, TAIL_DECADES = 320 }; /* of the logarithms of probabilities by the tail: 1.1 % each */

typedef struct scoring {
    const flow_session *s;
    const flow_run_score_options *o;
    flow_run_score_result *result;
    flow_input in;
    double *given; /* (n_context) of all rows; NULL: they have their own */
    bool same;     /* all rows are compared with the same draws */
    flow_own_draws draws;
    int64_t n_drawn, n_failed;           /* draws that rows were compared with, and those without a number */
    bool is_unfitted;                    /* the tail of some of them could not be fitted */
    int64_t *counts;                     /* (draws + 1): rows by the number of draws that are as likely or less */
    int64_t *tails;                      /* (TAIL_BINS): rows by their probability in the tail; NULL without one */
    flow_moments score;                  /* of the scores, */
    flow_moments share;                  /* and of 1 for unusual rows and 0 for others */
    int64_t first_odd;                   /* the first row without a score */
    char odd_place[FLOW_DIAGNOSIS_SIZE]; /* and where it fails */
} scoring;

/* ---- the rows with the smallest scores: a heap whose root is the one of them that stands out the least ---- */

/* Whether a stands out more than b: by the tail where there is one, then by score, by log p, and by place. */
static bool score_is_before(const flow_scored_row *a, const flow_scored_row *b)
{
    if (a->has_tail && a->tail != b->tail)
        return a->tail < b->tail;
    if (a->score != b->score)
        return a->score < b->score;
    return a->logprob != b->logprob ? a->logprob < b->logprob : a->row < b->row;
}

static int score_order(const void *a, const void *b)
{
    return score_is_before(a, b) ? -1 : score_is_before(b, a) ? 1 : 0;
}

static void score_swap(flow_scored_row *a, flow_scored_row *b)
{
    const flow_scored_row kept = *a;
    *a = *b;
    *b = kept;
}

static void score_sift_up(flow_scored_row *heap, size_t at)
{
    for (size_t up; at > 0 && score_is_before(&heap[up = (at - 1) / 2], &heap[at]); at = up)
        score_swap(&heap[up], &heap[at]);
}

static void score_sift_down(flow_scored_row *heap, size_t n, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && score_is_before(&heap[child], &heap[child + 1]))
            child++;
        if (!score_is_before(&heap[at], &heap[child]))
            return;
        score_swap(&heap[at], &heap[child]);
    }
}

static void score_keep(scoring *run, const flow_scored_row *row)
{
    flow_list *top = &run->result->top;
    flow_scored_row *heap = top->items;
    if (top->n < (size_t)run->o->top) {
        heap[top->n] = *row;
        score_sift_up(heap, top->n++);
    } else if (top->n > 0 && score_is_before(row, heap)) {
        heap[0] = *row;
        score_sift_down(heap, top->n, 0);
    }
}

/* ---- rows ---- */

static size_t score_tail_bin(double p)
{
    const double bin = -log10(p) * TAIL_BINS / TAIL_DECADES;
    return bin < TAIL_BINS - 1 ? (size_t)bin : TAIL_BINS - 1; /* 0 too: its logarithm is infinite */
}

/* What map tells about a row that has a score. */
typedef enum score_told { TOLD_LESS, TOLD_FAILED, TOLD_UNFITTED, N_TOLD } score_told;

static void score_count_row(scoring *run, const flow_scored_row *row, const double *told, double weight)
{
    const size_t n_less = (size_t)told[TOLD_LESS];
    if (run->n_drawn == 0 || !run->same) {
        run->n_drawn += (int64_t)run->draws.n;
        run->n_failed += (int64_t)told[TOLD_FAILED];
        run->is_unfitted = run->is_unfitted || told[TOLD_UNFITTED] > 0;
    }
    run->result->scored++;
    run->counts[n_less]++;
    run->result->unusual += row->score <= unusual_score;
    if (run->tails != NULL)
        run->tails[score_tail_bin(row->tail)]++;
    flow_moments_add(&run->score, row->score, weight);
    flow_moments_add(&run->share, row->score <= unusual_score, weight);
    score_keep(run, row);
}

/* Writes the score to out[0] and, with the option `tail`, the probability in the tail to out[1]. */
static flow_status score_row(scoring *run, const double *given, double logp, double *out, double *told, flow_error *err)
{
    const flow_own_sample *sample;
    const size_t n = run->draws.n;
    if (isnan(logp)) {
        out[0] = NAN;
        if (run->o->tail)
            out[1] = NAN;
        return FLOW_OK;
    }
    FLOW_TRY(flow_own_draws_find(&sample, &run->draws, given, err));
    told[TOLD_LESS] = (double)flow_own_sample_count(sample, n, logp);
    told[TOLD_FAILED] = (double)sample->n_failed;
    told[TOLD_UNFITTED] = sample->is_unfitted;
    out[0] = (1 + told[TOLD_LESS]) / ((double)n + 1);
    if (run->o->tail)
        out[1] = flow_own_sample_tail(sample, n, logp);
    return FLOW_OK;
}

static flow_status score_begin(void *context, flow_error *err)
{
    scoring *run = context;
    const double none = 0;
    return run->same ? flow_own_draws_share(&run->draws, run->given != NULL ? run->given : &none, err) : FLOW_OK;
}

static flow_status score_map(void *context, flow_row_batch *batch, flow_error *err)
{
    scoring *run = context;
    const size_t width = (size_t)run->s->width, d = (size_t)run->s->dim, n_out = run->o->tail ? 4 : 3;
    double *logp = batch->scratch;
    flow_ensemble_logp(run->s->ensemble, batch->in, batch->n, logp, NULL);
    for (size_t i = 0; i < batch->n; i++) {
        double *out = batch->out + i * n_out;
        out[1] = logp[i];
        FLOW_TRY(score_row(run, batch->in + i * width + d, logp[i], out + 2, batch->told + i * N_TOLD, err));
    }
    return FLOW_OK;
}

static void score_count(void *context, flow_row_batch *batch)
{
    scoring *run = context;
    const size_t width = (size_t)run->s->width, n_out = run->o->tail ? 4 : 3;
    for (size_t i = 0; i < batch->n; i++) {
        double *out = batch->out + i * n_out;
        const flow_scored_row row = {.row = batch->numbers[i] + 1,
                                     .logprob = out[1],
                                     .score = out[2],
                                     .tail = run->o->tail ? out[3] : (double)NAN,
                                     .has_tail = run->o->tail};
        out[0] = (double)row.row;
        run->result->rows++;
        if (!isnan(row.logprob)) {
            score_count_row(run, &row, batch->told + i * N_TOLD, batch->weights[i]);
        } else if (run->first_odd == 0) {
            run->first_odd = row.row;
            flow_ensemble_diagnose(run->s->ensemble, batch->in + i * width, run->odd_place, sizeof run->odd_place);
        }
    }
}

/* ---- what the counts say ---- */

/* Benjamini and Hochberg (1995): the largest score u with u m <= level times the number of rows up to it. The rows by
 * their score are n counts, ascending, and u[i] = at(i). */
static int64_t score_find(const int64_t *counts, size_t n, double (*at)(const scoring *, size_t), const scoring *run,
                          double *largest)
{
    const double m = (double)run->result->scored;
    int64_t up_to = 0, found = 0;
    *largest = NAN;
    for (size_t i = 0; i < n; i++) {
        up_to += counts[i];
        if (counts[i] > 0 && at(run, i) * m <= run->o->level * (double)up_to) {
            found = up_to;
            *largest = at(run, i);
        }
    }
    return found;
}

static double score_at(const scoring *run, size_t i)
{
    return (1 + (double)i) / ((double)run->draws.n + 1);
}

/* The largest probability of the bin: bins are counted from the last one. */
static double score_at_tail(const scoring *run, size_t i)
{
    (void)run;
    return pow(10, -(double)(TAIL_BINS - 1 - i) * TAIL_DECADES / TAIL_BINS);
}

static void score_reverse(int64_t *counts, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const int64_t kept = counts[i];
        counts[i] = counts[n - 1 - i];
        counts[n - 1 - i] = kept;
    }
}

static flow_mean score_mean(const flow_moments *moments)
{
    const bool any = moments->n > 0 && moments->weight > 0;
    return (flow_mean){any ? flow_moments_mean(moments) : (double)NAN,
                       any && moments->n > 1 ? flow_moments_error(moments) : (double)NAN};
}

static flow_status score_finish(void *context, flow_error *err)
{
    scoring *run = context;
    flow_run_score_result *r = run->result;
    double largest;
    r->skipped = run->in.reader->n_skipped;
    if (r->rows == 0)
        return flow_error_set(err, FLOW_DATA, "%s: there are no %srows in it", r->data, r->skipped > 0 ? "valid " : "");
    if (2 * run->n_failed > run->n_drawn)
        return flow_error_set(err, FLOW_NUMERIC,
                              "%s: %lld of %lld draws have no log-density, so that nothing can be judged by them; "
                              "\"flowctl sample\" names the place",
                              r->model, (long long)run->n_failed, (long long)run->n_drawn);
    const double least = floor(unusual_score * ((double)run->draws.n + 1) + 1e-9);
    r->share_by_chance = least / ((double)run->draws.n + 1);
    r->unusual_by_chance = r->share_by_chance * (double)r->scored;
    r->score = score_mean(&run->score);
    r->share = score_mean(&run->share);
    r->found = score_find(run->counts, run->draws.n + 1, score_at, run, &r->largest_found);
    if (run->tails != NULL) {
        score_reverse(run->tails, TAIL_BINS);
        r->found_by_tail = score_find(run->tails, TAIL_BINS, score_at_tail, run, &largest);
    }
    r->too_coarse = r->resolution * (double)r->scored > run->o->level;
    qsort(r->top.items, r->top.n, sizeof(flow_scored_row), score_order);
    return FLOW_OK;
}

static void score_warn(const scoring *run)
{
    const flow_run_hooks *hooks = &run->o->rows.hooks;
    const flow_run_score_result *r = run->result;
    char count[FLOW_FORMAT_SIZE], all[FLOW_FORMAT_SIZE];
    if (r->rows > r->scored)
        flow_run_warn(hooks, "%s of %s rows have no log-density and no score; the first is row %lld%s%s",
                      flow_format_count(count, r->rows - r->scored), flow_format_count(all, r->rows),
                      (long long)run->first_odd, run->odd_place[0] != '\0' ? ", which fails in " : "", run->odd_place);
    if (run->n_failed > 0)
        flow_run_warn(hooks, "%s of %s draws have no log-density; they count as less likely than every row",
                      flow_format_count(count, run->n_failed), flow_format_count(all, run->n_drawn));
    if (run->is_unfitted)
        flow_run_warn(hooks, "the tail of the draws could not be fitted%s; there it is the score itself",
                      r->is_conditional ? " for some of the contexts" : "");
    flow_run_say_remarks(hooks, r->data, &run->in.reader->remarks);
    const flow_skipped skipped = flow_reader_skipped(run->in.reader, NULL);
    flow_run_warn_skipped(hooks, r->data, &skipped, flow_skipped_effect(&run->o->rows), "");
}

/* ---- the run ---- */

static flow_status score_open(scoring *run, flow_error *err)
{
    enum { LEAST_FOR_TAIL = 200 };
    const flow_session *s = run->s;
    const flow_run_score_options *o = run->o;
    flow_run_score_result *r = run->result;
    const size_t n = (size_t)r->draws;
    if (o->tail && n < LEAST_FOR_TAIL)
        return flow_error_set(err, FLOW_ARGUMENT, "--tail: is fitted to a tenth of the draws, and needs --draws %d",
                              LEAST_FOR_TAIL);
    if (o->given != NULL) {
        FLOW_TRY(flow_given_check(s, err));
        FLOW_TRY(flow_given_read(&run->given, s, o->given, false, err));
    }
    r->top.items = calloc((size_t)o->top + 1, sizeof(flow_scored_row));
    run->counts = calloc(n + 1, sizeof *run->counts);
    run->tails = o->tail ? calloc(TAIL_BINS, sizeof *run->tails) : NULL;
    if (r->top.items == NULL || run->counts == NULL || (o->tail && run->tails == NULL))
        return flow_error_memory(err, "the scores");
    FLOW_TRY(flow_own_draws_make(&run->draws, s, n, (uint64_t)o->seed, o->tail, &o->rows.hooks, err));
    const flow_weighed_options weighed = {
        .asked = o->weight, .trained = s->model->spec->data->weight, .given = run->given, .shared = true};
    return flow_weighed_open(&run->in, &r->weight, s, &o->rows, &weighed, err);
}

flow_status flow_run_score(flow_run_score_result *out, const flow_session *s, const flow_run_score_options *options,
                           flow_error *err)
{
    enum { ROWS_OF_CONTEXT = FLOW_TILE }; /* each may need draws of its own */
    static const char *const columns[] = {"row", "logprob", "score", "tail"};
    const bool conditional = s->n_context > 0, is_image = flow_shape_pixels(s->model->f->shape) > 1;
    const int64_t usual = conditional || is_image ? FLOW_SCORE_DRAWS_FEW : FLOW_SCORE_DRAWS;
    *out = (flow_run_score_result){
        .model = s->model->path,
        .data = options->rows.input,
        .given = options->given,
        .output = flow_run_file(options->rows.output),
        .draws = options->draws > 0 ? options->draws : usual,
        .is_conditional = conditional,
        .level = options->level,
        .has_tail = options->tail,
    };
    out->resolution = 1 / ((double)out->draws + 1);
    scoring run = {.s = s, .o = options, .result = out, .same = !conditional || options->given != NULL};
    flow_status status = score_open(&run, err);
    out->is_weighted = out->weight != NULL;
    const flow_row_walk walk = {
        .context = &run,
        .comm = s->options.comm,
        .options = &options->rows,
        .columns = columns,
        .n_columns = options->tail ? 4 : 3,
        .n_in = (size_t)s->width,
        .n_told = N_TOLD,
        .n_scratch = 1,
        .most_rows = conditional ? ROWS_OF_CONTEXT : 0,
        .in = &run.in,
        .begin = score_begin,
        .map = score_map,
        .count = score_count,
        .finish = score_finish,
    };
    if (status == FLOW_OK)
        status = flow_walk_rows(&walk, &out->closed, err);
    if (status == FLOW_OK && !out->closed)
        out->solving = flow_session_solving(s, FLOW_TO_LATENT);
    if (status == FLOW_OK && !out->closed && flow_is_root(s->options.comm))
        score_warn(&run);
    flow_own_draws_release(&run.draws);
    flow_input_close(&run.in);
    free(run.given);
    free(run.counts);
    free(run.tails);
    return status;
}

void flow_run_score_free(flow_run_score_result *result)
{
    free(result->top.items);
    *result = (flow_run_score_result){0};
}
