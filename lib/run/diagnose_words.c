/* What the tests of a diagnosis are called, and what it means that one of them rejects. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "run/diagnose_run.h"
#include "run/format.h"

static const struct part_words {
    const char *name, *about;
} part_words[N_PARTS] = {
    [PART_SUPPORT] = {"support", "no row has density 0, and all draws are numbers"},
    [PART_LATENTS] = {"latents", "each latent of the rows follows the base"},
    [PART_INDEPENDENCE] = {"independence", "the latents depend neither on each other nor on the context"},
    [PART_COLUMNS] = {"columns", "each column of the rows is distributed as in draws"},
    [PART_TAILS] = {"tails", "the ends of each column hold as many rows as draws say"},
    [PART_COVERAGE] = {"coverage", "regions of high density hold as many rows as their probability says"},
    [PART_LOCAL] = {"neighbours", "each column, given those before it, is distributed as in draws nearby"},
    [PART_ENERGY] = {"pairs", "columns together, all and two of them, are distributed as in draws"},
    [PART_CLASSIFIER] = {"classifier", "a network cannot tell rows from draws"},
    [PART_RANKS] = {"ranks", "each row is anywhere among the draws for its context"},
};

const char *diagnose_part_name(diagnose_part part)
{
    return part_words[part].name;
}

const char *diagnose_part_about(diagnose_part part)
{
    return part_words[part].about;
}

/* ---- remedies ---- */

static const char remedy_capacity[] =
    "train longer, or give the flow more blocks or wider networks; \"flowctl tune\" tries both";
static const char remedy_wide[] =
    "the model is still too wide: train longer, with more blocks or wider networks (\"flowctl tune\" tries both)";
static const char remedy_narrow[] =
    "the model is too sure: stop earlier (\"data.validation\" holds rows out), take smaller networks or more rows, or "
    "mix several models (tune --keep)";
static const char remedy_tails[] =
    "for heavy tails use the base \"student_t\" or the column map \"asinh\"; for values that end, \"support\" with "
    "their bounds; where rows were cut, cut the training rows alike";
static const char remedy_data[] =
    "see first whether these rows were made as the training rows were (units, cuts, period of time); if so, train "
    "longer, or with more blocks or wider networks (\"flowctl tune\" tries both)";
static const char remedy_context[] =
    "wider conditioners or an \"embedding\" of the context let the flow follow it; see whether the training rows cover "
    "these contexts";

/* ---- where ---- */

static const char *words_column(const diagnosis *d, int i)
{
    return d->s->columns[i];
}

static void words_where(const diagnosis *d, const diagnose_test *test, flow_text *where)
{
    const char *const *latents = (const char *const *)d->s->latents.at;
    switch (test->kind) {
    case KIND_LATENT:
        flow_text_add(where, "%s", latents[test->a]);
        return;
    case KIND_PAIR:
        flow_text_add(where, "%s, %s", latents[test->a], latents[test->b]);
        return;
    case KIND_CONTEXT:
        flow_text_add(where, "%s, %s", test->part == PART_INDEPENDENCE ? latents[test->a] : words_column(d, test->a),
                      d->s->context[test->b]);
        return;
    case KIND_TWO:
    case KIND_RELATION:
        flow_text_add(where, "%s, %s", words_column(d, test->a), words_column(d, test->b));
        return;
    default:
        if (test->a >= 0)
            flow_text_add(where, "%s", words_column(d, test->a));
    }
}

/* ---- what was found ---- */

/* Quantiles at 1/4, 1/2 and 3/4 of n values `stride` apart. */
static bool words_quartiles(double out[3], const double *values, size_t n, size_t stride)
{
    double *sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        sorted[i] = values[i * stride];
    gsl_sort(sorted, 1, n);
    for (int k = 0; k < 3; k++)
        out[k] = gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.25 * (k + 1));
    free(sorted);
    return true;
}

/* How a column of the rows differs from that of the draws. */
static void words_column_found(const diagnosis *d, const diagnose_test *test, flow_text *found)
{
    const size_t i = (size_t)test->a;
    double rows[3], draws[3];
    flow_text_add(found, "its distribution functions are up to %.1f %% apart", 100 * fabs(test->observed));
    if (!words_quartiles(rows, d->rows + i, d->n, d->width) ||
        !words_quartiles(draws, d->draws + i, d->n * d->k, d->d) || !(draws[2] > draws[0]) || !(rows[2] > rows[0]))
        return;
    const double shift = 1.349 * (rows[1] - draws[1]) / (draws[2] - draws[0]);
    const double ratio = (rows[2] - rows[0]) / (draws[2] - draws[0]);
    char times[FLOW_FORMAT_SIZE] = "";
    if (fabs(ratio - 1) >= 0.005)
        snprintf(times, sizeof times, "%.3g times ", ratio);
    if (!(ratio > 0.01 && ratio < 100)) /* one of the two has next to no spread */
        return;
    flow_text_add(found,
                  ": the median of the rows is %.2g deviations %s that of draws, and the middle half is %sas wide",
                  fabs(shift), shift < 0 ? "below" : "above", times);
}

static void words_end_found(const diagnose_test *test, flow_text *found, bool high)
{
    char observed[FLOW_FORMAT_SIZE], expected[FLOW_FORMAT_SIZE];
    flow_text_add(found, "of the %s values, %s belong to rows, and %s are expected", high ? "highest" : "lowest",
                  flow_format_count(observed, (int64_t)test->observed),
                  flow_format_count(expected, (int64_t)(test->expected + 0.5)));
}

static void words_run_found(const diagnose_test *test, flow_text *found, bool high)
{
    char count[FLOW_FORMAT_SIZE];
    flow_format_count(count, (int64_t)test->expected);
    if (test->observed > 0)
        flow_text_add(found, "%s rows are %s than all draws", count, high ? "higher" : "lower");
    else
        flow_text_add(found, "%s draws are %s than all rows", count, high ? "higher" : "lower");
}

static void words_latent_found(const diagnose_test *test, flow_text *found, const char *what, const char *expected)
{
    const double shift = test->observed, spread = test->expected;
    if (fabs(spread) > fabs(shift))
        flow_text_add(found, "%s are too often at the %s of %s", what, spread > 0 ? "ends" : "middle", expected);
    else
        flow_text_add(found, "%s are too %s for %s", what, shift > 0 ? "high" : "low", expected);
}

static void words_region_found(const diagnosis *d, const diagnose_test *test, flow_text *found)
{
    const double beyond = test->expected / (double)d->n;
    if (test->kind == KIND_TOO_DENSE)
        flow_text_add(found, "%.2g %% of the rows have the log-densities that the highest %.2g %% should have",
                      100 * test->observed / (double)d->n, 100 * beyond);
    else
        flow_text_add(found, "%.2g %% of the rows lie outside of the region that should hold %.4g %% of them",
                      100 * test->observed / (double)d->n, 100 * (1 - beyond));
}

static void words_found(const diagnosis *d, const diagnose_test *test, flow_text *found)
{
    char count[FLOW_FORMAT_SIZE];
    flow_format_count(count, (int64_t)test->observed);
    switch (test->kind) {
    case KIND_OUTSIDE:
        flow_text_add(found, "%s rows have density 0 or no density: the model says that they cannot be", count);
        return;
    case KIND_NOT_FINITE:
        flow_text_add(found, "%s draws have values that are no numbers", count);
        return;
    case KIND_LATENT:
        words_latent_found(test, found, "the latents of the rows", "the base");
        return;
    case KIND_PAIR:
    case KIND_CONTEXT:
        flow_text_add(found, "they depend on each other (correlation of ranks %.2g)", test->observed);
        return;
    case KIND_COLUMN:
        words_column_found(d, test, found);
        return;
    case KIND_LOW_END:
    case KIND_HIGH_END:
        words_end_found(test, found, test->kind == KIND_HIGH_END);
        return;
    case KIND_LOW_RUN:
    case KIND_HIGH_RUN:
        words_run_found(test, found, test->kind == KIND_HIGH_RUN);
        return;
    case KIND_DENSITY:
        flow_text_add(found,
                      "the rows are %s likely than draws: their log-densities are distributed up to %.1f %% apart",
                      test->observed > 0 ? "less" : "more", 100 * fabs(test->observed));
        return;
    case KIND_REGION:
    case KIND_TOO_DENSE:
        words_region_found(d, test, found);
        return;
    case KIND_LOCAL:
        flow_text_add(found, "given the columns before it, it is distributed otherwise than in draws (%.1f %% apart)",
                      100 * fabs(test->observed));
        return;
    case KIND_JOINT:
    case KIND_TWO:
        flow_text_add(found, "the energy distance between rows and draws is larger than that of chance");
        return;
    case KIND_RELATION:
        flow_text_add(found, "they have to do with each other otherwise than in draws (correlation of ranks %+.2g)",
                      test->observed);
        return;
    case KIND_CLASSIFIER:
        flow_text_add(found, "a network tells rows from draws: area under the curve %.3f", test->observed);
        return;
    case KIND_RANK:
        words_latent_found(test, found, "the rows", "the draws given their context");
        return;
    case KIND_DENSITY_RANK:
        words_latent_found(test, found, "the log-densities of the rows", "those of the draws given their context");
        return;
    case KIND_TARP:
        words_latent_found(test, found, "the distances of the rows from a random point", "those of the draws");
        return;
    }
}

/* ---- what helps ---- */

static const char *words_remedy(const diagnosis *d, const diagnose_test *test)
{
    switch (test->kind) {
    case KIND_OUTSIDE:
        return "\"flowctl logprob\" names the rows and the bound that they break; correct the bounds in \"support\", "
               "or the rows";
    case KIND_NOT_FINITE:
        return "train at a lower learning rate, or clip gradients; make PRECISION=double has a wider range";
    case KIND_LATENT:
    case KIND_RANK:
        if (fabs(test->expected) > fabs(test->observed))
            return test->expected > 0 ? remedy_narrow : remedy_wide;
        return d->shared ? remedy_capacity : remedy_data;
    case KIND_CONTEXT:
    case KIND_TARP:
        return remedy_context;
    case KIND_COLUMN:
    case KIND_LOCAL:
        return d->shared ? remedy_capacity : remedy_data;
    case KIND_LOW_END:
    case KIND_HIGH_END:
    case KIND_LOW_RUN:
    case KIND_HIGH_RUN:
        return remedy_tails;
    case KIND_DENSITY:
    case KIND_REGION:
        return test->observed > (test->kind == KIND_REGION ? test->expected : 0) ? remedy_narrow : remedy_wide;
    case KIND_TOO_DENSE:
        return "if rows occur twice, or are training rows, hold others out; else the model is too wide: train longer";
    case KIND_PAIR:
    case KIND_JOINT:
    case KIND_TWO:
    case KIND_RELATION:
    case KIND_CLASSIFIER:
    case KIND_DENSITY_RANK:
        break;
    }
    return d->shared ? remedy_capacity : remedy_data;
}

bool diagnose_remedy_says(const char *remedy, const char *other)
{
    static const char *const longer[] = {remedy_capacity, remedy_wide, remedy_data};
    size_t at = 0, of_other = 0;
    for (; at < 3 && strcmp(longer[at], remedy) != 0;)
        at++;
    for (; of_other < 3 && strcmp(longer[of_other], other) != 0;)
        of_other++;
    return strcmp(remedy, other) == 0 || (at < 3 && of_other < at) ||
           (strcmp(remedy, remedy_narrow) == 0 && strcmp(other, remedy_capacity) == 0); /* the opposite */
}

void diagnose_describe(const diagnosis *d, const diagnose_test *test, flow_text *where, flow_text *found,
                       flow_text *remedy)
{
    words_where(d, test, where);
    words_found(d, test, found);
    flow_text_add(remedy, "%s", words_remedy(d, test));
}
