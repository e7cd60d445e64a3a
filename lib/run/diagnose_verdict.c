/* From tests to a verdict. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "run/diagnose_run.h"
#include "run/format.h"
#include "stat/many.h"

enum { FAILURES = 12, OF_A_PART = 3 }; /* that are listed, in all and of one part */

/* Sums of probabilities below it are 0 in double. Only what cannot be has the p-value 0. */
#define LEAST_P 1e-300

const char *const flow_diagnose_grade_names[] = {"fine", "small", "wrong", NULL};

/* ---- one level for all tests ---- */

/* What follows from the support cannot happen where the model is right: it takes nothing of the level. */
static bool verdict_shares_level(diagnose_part part)
{
    return part != PART_SUPPORT;
}

/* p-values of the tests of a part among themselves (Holm), times the number of parts (Bonferroni). */
static flow_status verdict_adjust(diagnosis *d, flow_error *err)
{
    int parts = 0;
    double *p = malloc((d->n_tests + 1) * sizeof *p);
    if (p == NULL)
        return flow_error_memory(err, "the tests");
    for (int part = 0; part < N_PARTS; part++) {
        size_t n = 0;
        for (size_t i = 0; i < d->n_tests; i++)
            n += d->tests[i].part == (diagnose_part)part;
        parts += n > 0 && verdict_shares_level((diagnose_part)part);
    }
    flow_status status = FLOW_OK;
    for (int part = 0; part < N_PARTS && status == FLOW_OK; part++) {
        const double factor = verdict_shares_level((diagnose_part)part) ? parts : 1;
        size_t n = 0;
        for (size_t i = 0; i < d->n_tests; i++)
            if (d->tests[i].part == (diagnose_part)part)
                p[n++] = d->tests[i].p;
        status = flow_holm(p, p, n, err);
        n = 0;
        for (size_t i = 0; i < d->n_tests && status == FLOW_OK; i++) {
            if (d->tests[i].part != (diagnose_part)part)
                continue;
            d->tests[i].alone = d->tests[i].part != PART_SUPPORT ? fmax(p[n], LEAST_P) : p[n];
            d->tests[i].adjusted = fmin(1, factor * d->tests[i].alone);
            n++;
        }
    }
    free(p);
    /* the distance of a column at which its test rejects, if all columns are tested alike */
    const double n = (double)d->n, m = n * (double)d->k, level = d->o->level / (parts * (double)d->d);
    d->result->unseen = sqrt(-0.5 * log(level / 2) * (1 / n + 1 / m));
    return status;
}

static bool verdict_rejects(const diagnosis *d, const diagnose_test *test)
{
    return test->adjusted <= d->o->level;
}

/* Whether an end of a column has half as many rows as it should have, or twice as many. */
static bool verdict_tail_is_wrong(const diagnose_test *test)
{
    return (test->kind == KIND_LOW_END || test->kind == KIND_HIGH_END || test->kind == KIND_REGION) &&
           (test->observed > 2 * test->expected || 2 * test->observed < test->expected);
}

/* ---- tables ---- */

static const char *verdict_text(diagnosis *d, flow_text *text)
{
    const char *out = text->data != NULL && text->length > 0 ? flow_arena_text(&d->result->texts, text->data) : NULL;
    d->result->texts.failed = d->result->texts.failed || text->failed;
    flow_text_free(text);
    return out;
}

static flow_status verdict_list_sections(diagnosis *d, flow_error *err)
{
    flow_diagnose_section *list = flow_arena_take(&d->result->texts, N_PARTS, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return flow_error_memory(err, "the parts");
    for (int part = 0; part < N_PARTS; part++) {
        flow_diagnose_section section = {.name = diagnose_part_name((diagnose_part)part),
                                         .about = diagnose_part_about((diagnose_part)part),
                                         .p = 1,
                                         .p_alone = 1,
                                         .share = NAN};
        const diagnose_test *worst = NULL;
        for (size_t i = 0; i < d->n_tests; i++) {
            const diagnose_test *test = &d->tests[i];
            if (test->part != (diagnose_part)part)
                continue;
            section.tests++;
            section.p = fmin(section.p, test->adjusted);
            section.p_alone = fmin(section.p_alone, test->alone);
            if (verdict_rejects(d, test) && (worst == NULL || test->share > worst->share))
                worst = test;
        }
        if (worst != NULL) {
            flow_text where = {0}, found = {0}, remedy = {0};
            diagnose_describe(d, worst, &where, &found, &remedy);
            section.share = worst->share;
            section.where = verdict_text(d, &where);
            section.outcome = "differs";
            flow_text_free(&found);
            flow_text_free(&remedy);
        }
        if (section.tests > 0)
            list[n++] = section;
    }
    d->result->sections = (flow_list){list, n};
    return FLOW_OK;
}

/* The largest share first; where shares are equal, the smallest p-value. */
static int verdict_compare(const void *a_, const void *b_)
{
    const diagnose_test *a = *(const diagnose_test *const *)a_, *b = *(const diagnose_test *const *)b_;
    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    return a->adjusted < b->adjusted ? -1 : a->adjusted > b->adjusted;
}

/* Each one once, and none that another one makes needless. */
static void verdict_list_remedies(flow_run_diagnose_result *out)
{
    const flow_diagnose_failure *failures = out->failures.items;
    flow_diagnose_remark *list = flow_arena_take(&out->texts, FAILURES, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < out->failures.n && list != NULL; i++) {
        bool known = failures[i].remedy == NULL;
        for (size_t k = 0; k < out->failures.n && !known; k++) {
            const char *other = failures[k].remedy;
            known = other != NULL && diagnose_remedy_says(other, failures[i].remedy) &&
                    (k < i || strcmp(other, failures[i].remedy) != 0);
        }
        if (!known)
            list[n++].text = failures[i].remedy;
    }
    out->remedies = (flow_list){list, n};
}

static flow_status verdict_list_failures(diagnosis *d, flow_error *err)
{
    flow_run_diagnose_result *out = d->result;
    const diagnose_test **failed = malloc((d->n_tests + 1) * sizeof *failed);
    flow_diagnose_failure *list = flow_arena_take(&out->texts, FAILURES, sizeof *list);
    size_t n = 0;
    if (failed == NULL || list == NULL) {
        free(failed);
        return flow_error_memory(err, "the tests");
    }
    for (size_t i = 0; i < d->n_tests; i++)
        if (verdict_rejects(d, &d->tests[i]))
            failed[n++] = &d->tests[i];
    qsort(failed, n, sizeof *failed, verdict_compare);
    size_t listed = 0, of_part[N_PARTS] = {0};
    for (size_t i = 0; i < n && listed < FAILURES; i++) {
        flow_text where = {0}, found = {0}, remedy = {0};
        if (of_part[failed[i]->part]++ >= OF_A_PART)
            continue;
        diagnose_describe(d, failed[i], &where, &found, &remedy);
        list[listed++] = (flow_diagnose_failure){.test = diagnose_part_name(failed[i]->part),
                                                 .where = verdict_text(d, &where),
                                                 .p = failed[i]->adjusted,
                                                 .share = failed[i]->share,
                                                 .found = verdict_text(d, &found),
                                                 .remedy = verdict_text(d, &remedy)};
    }
    out->failures = (flow_list){list, listed};
    verdict_list_remedies(out);
    out->more_failures = (int64_t)(n - listed);
    free(failed);
    return FLOW_OK;
}

/* ---- the sentence ---- */

static void verdict_grade(diagnosis *d)
{
    flow_run_diagnose_result *out = d->result;
    bool wrong = false;
    out->p = 1;
    for (size_t i = 0; i < d->n_tests; i++) {
        const diagnose_test *test = &d->tests[i];
        out->p = fmin(out->p, test->adjusted);
        if (!verdict_rejects(d, test))
            continue;
        out->rejected = true;
        out->share = fmax(out->share, test->share);
        wrong = wrong || test->part == PART_SUPPORT || verdict_tail_is_wrong(test);
    }
    wrong = wrong || out->share >= FLOW_DIAGNOSE_SMALL;
    out->tests = (int64_t)d->n_tests;
    out->grade_code = !out->rejected ? FLOW_DIAGNOSE_FINE
                      : wrong        ? FLOW_DIAGNOSE_WRONG
                                     : FLOW_DIAGNOSE_SMALL_DIFFERENCES;
    out->grade = flow_diagnose_grade_names[out->grade_code];
}

static void verdict_write(diagnosis *d)
{
    flow_run_diagnose_result *out = d->result;
    const int64_t failed = (int64_t)out->failures.n + out->more_failures;
    flow_text text = {0};
    if (!out->rejected)
        flow_text_add(&text, "no difference found: p = %.2g of all %lld tests together, at the level %g", out->p,
                      (long long)out->tests, out->level);
    else
        flow_text_add(
            &text,
            "%s: about %.2g %% of the probability or more is in the wrong place; %lld of %lld tests reject at "
            "the level %g",
            out->grade_code == FLOW_DIAGNOSE_WRONG ? "wrong" : "small differences", 100 * out->share, (long long)failed,
            (long long)out->tests, out->level);
    out->verdict = verdict_text(d, &text);
}

/* ---- what is no test ---- */

enum { REMARKS = 16 };

typedef struct remarks {
    diagnosis *d;
    flow_diagnose_remark *list;
    size_t n;
} remarks;

static void verdict_add_remark(remarks *r, flow_text *text)
{
    const char *words = verdict_text(r->d, text);
    if (words != NULL && r->n < REMARKS)
        r->list[r->n++].text = words;
}

static void verdict_remark_training(remarks *r)
{
    const flow_run_diagnose_result *out = r->d->result;
    flow_text text = {0};
    const flow_mean *train = &out->train_logprob, *held_out = &out->logprob;
    const double gap = train->mean - held_out->mean, error = hypot(train->error, held_out->error);
    if (out->train == NULL || !(gap > 5 * error))
        return;
    flow_text_add(&text,
                  "the training rows are %.3g +- %.2g nats more likely than the held-out ones: the model is fitted to "
                  "their chance%s. Fewer epochs (held-out rows in \"data.validation\" stop in time), smaller networks, "
                  "more rows, or a mixture of models (tune --keep) help",
                  gap, error, r->d->shared ? "" : ", or these rows were made in another way");
    verdict_add_remark(r, &text);
    if (!(out->memorised > 0.02))
        return;
    flow_text_add(&text,
                  "%.1f %% of the training rows have a density that only 0.1 %% of the held-out rows have: the model "
                  "has memorised them",
                  100 * out->memorised);
    verdict_add_remark(r, &text);
}

static void verdict_remark_scope(remarks *r)
{
    const diagnosis *d = r->d;
    const flow_run_diagnose_result *out = d->result;
    flow_text text = {0};
    char all[FLOW_FORMAT_SIZE], used[FLOW_FORMAT_SIZE];
    flow_format_count(all, out->all_rows);
    flow_format_count(used, out->rows);
    if (out->weight != NULL)
        flow_text_add(&text,
                      "of %s weighted rows, %s are used, chosen with probabilities that follow the weights in \"%s\", "
                      "so that all of them count the same",
                      all, used, out->weight);
    else if (out->rows < out->all_rows)
        flow_text_add(&text, "of %s rows, %s are used, chosen by the seed; --rows takes more", all, used);
    verdict_add_remark(r, &text);
    if (out->is_training)
        flow_text_add(&text,
                      "these are the rows that the model was trained on: the verdict says nothing of other rows. "
                      "Name rows that it has not seen");
    verdict_add_remark(r, &text);
    if (d->u == NULL)
        flow_text_add(&text, "an ensemble has no latents to test");
    else if (!d->exact)
        flow_text_add(&text, "with discrete columns or spikes, the latents of the rows are compared with those of "
                             "draws, and their independence is not tested");
    verdict_add_remark(r, &text);
}

static void verdict_remark_numbers(remarks *r)
{
    const diagnosis *d = r->d;
    flow_text text = {0};
    char reason[FLOW_ERROR_SIZE];
    if (d->not_finite > 0) {
        flow_text_add(&text,
                      "%lld of %lld draws have values that are no numbers; a lower learning rate, clipped gradients or "
                      "make PRECISION=double avoid them",
                      (long long)d->not_finite, (long long)d->result->draws);
        verdict_add_remark(r, &text);
        return;
    }
    if (d->result->round_trip < FLOW_ROUND_TRIP_MOST)
        return;
    flow_session_diagnose_round_trip(d->s, reason, sizeof reason);
    flow_text_add(&text, "a draw that is taken back misses its latents by up to %.1e (in %s): %s",
                  d->result->round_trip, flow_session_round_trip_unit(d->s), reason);
    verdict_add_remark(r, &text);
}

flow_status diagnose_judge(diagnosis *d, flow_error *err)
{
    FLOW_TRY(verdict_adjust(d, err));
    verdict_grade(d);
    FLOW_TRY(verdict_list_sections(d, err));
    FLOW_TRY(verdict_list_failures(d, err));
    verdict_write(d);
    remarks r = {.d = d, .list = flow_arena_take(&d->result->texts, REMARKS, sizeof *r.list)};
    if (r.list != NULL) {
        verdict_remark_scope(&r);
        verdict_remark_training(&r);
        verdict_remark_numbers(&r);
    }
    d->result->remarks = (flow_list){r.list, r.n};
    return d->result->texts.failed ? flow_error_memory(err, "the verdict") : FLOW_OK;
}
